//! How long things take in a real LiveKit, so that a test can have them shorter.

use std::time::Duration;

/// Durations, each as measured on or read in livekit-server 1.13.5 unless said otherwise.
#[derive(Clone, Debug)]
pub struct Timing {
    /// From making the room to a phone being in it.
    pub phone_join: Duration,
    /// From a phone being in the room to its own voice being published.
    pub phone_publish: Duration,
    /// How long a phone rings before the trunk gives up.
    pub ringing_timeout: Duration,
    /// How long a dispatch waits before a worker is chosen.
    pub selection: Duration,
    /// From a worker taking a job to its agent being in the room.
    pub agent_join: Duration,
    /// From an agent being in the room to its voice being published.
    pub agent_publish: Duration,
    /// How long making the list of running agents takes. A dispatch made meanwhile is taken at once, but shows
    /// its job only then, and deleting it is of no effect before.
    pub agent_list: Duration,
    /// How long that list is used; a worker that registers ends it sooner.
    pub agent_list_age: Duration,
    /// How long an agent whose dispatch was deleted may stay before it is removed.
    pub termination: Duration,
    /// How long the killed process of an agent goes unnoticed.
    pub connection_timeout: Duration,
    /// From the last departure of somebody who is no agent to the end of the room.
    pub departure: Duration,
    /// From making a room that nobody joins to its end.
    pub empty: Duration,
    /// How long the dispatch calls look for a node that serves the room.
    pub no_answer: Duration,
    /// From asking for a transfer to the answer of the other side. Not measured: people take seconds.
    pub transfer: Duration,
    /// From that answer to the caller's leg being gone; livekit-sip hangs up itself after 1 s.
    pub transfer_bye: Duration,
    /// How often a room's participants are counted.
    pub counting: Duration,
    /// The waits between the deliveries of one webhook: one more delivery than waits.
    pub retries: Vec<Duration>,
    /// A webhook whose turn comes later than this is dropped.
    pub max_age: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            phone_join: ms(22),
            phone_publish: ms(37),
            ringing_timeout: ms(180_000),
            selection: ms(200),
            agent_join: ms(135),
            agent_publish: ms(64),
            agent_list: ms(5_000),
            agent_list_age: ms(60_000),
            termination: ms(3_000),
            connection_timeout: ms(21_500),
            departure: ms(20_000),
            empty: ms(300_000),
            no_answer: ms(3_000),
            transfer: ms(2_000),
            transfer_bye: ms(500),
            counting: ms(5_000),
            retries: vec![ms(1_000), ms(2_000), ms(4_000), ms(8_000)],
            max_age: ms(30_000),
        }
    }
}

impl Timing {
    /// Everything this many times as long: `0.01` for a hundredth.
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |duration: Duration| duration.mul_f64(factor);
        Self {
            phone_join: scale(self.phone_join),
            phone_publish: scale(self.phone_publish),
            ringing_timeout: scale(self.ringing_timeout),
            selection: scale(self.selection),
            agent_join: scale(self.agent_join),
            agent_publish: scale(self.agent_publish),
            agent_list: scale(self.agent_list),
            agent_list_age: scale(self.agent_list_age),
            termination: scale(self.termination),
            connection_timeout: scale(self.connection_timeout),
            departure: scale(self.departure),
            empty: scale(self.empty),
            no_answer: scale(self.no_answer),
            transfer: scale(self.transfer),
            transfer_bye: scale(self.transfer_bye),
            counting: scale(self.counting),
            retries: self.retries.into_iter().map(scale).collect(),
            max_age: scale(self.max_age),
        }
    }
}
