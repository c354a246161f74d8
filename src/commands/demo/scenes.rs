//! The calls of the demo: what happens in each, and how it has to end.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::call::EndReason;

/// One call.
#[derive(Clone)]
pub(super) struct Scene {
    /// What is to be seen.
    pub(super) title: &'static str,
    /// When it begins, from the first one on.
    pub(super) begins: Duration,
    /// Who calls: another number in every scene, so that the ledger tells them apart.
    pub(super) from: String,
    /// The number that is dialled.
    pub(super) to: &'static str,
    /// What the caller does.
    pub(super) plot: Plot,
    /// What the network does to LiveKit's webhooks.
    pub(super) webhooks: Webhooks,
    /// How it has to end.
    pub(super) expected: Expected,
}

/// What the caller does.
#[derive(Copy, Clone)]
pub(super) enum Plot {
    /// Talks this long and hangs up.
    Talks(Duration),
    /// Stays until it is ended for them.
    Stays,
    /// Hangs up this long after it began to ring, and before anybody answers.
    GivesUp(Duration),
    /// Comes through a gateway that asks who answers, and later tells that the call took so many seconds.
    Asks(i64),
}

/// What the network does to LiveKit's webhooks.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Webhooks {
    /// Each arrives once and at once.
    Arrive,
    /// The one that tells of the ring is lost.
    Lost,
    /// Each arrives twice.
    Doubled,
    /// Those that tell of the ring and of its end come 2 s late.
    Late,
}

/// How a call has to end.
#[derive(Clone)]
pub(super) struct Expected {
    /// Why, and with that its status.
    pub(super) reason: EndReason,
    /// Who has it; none where nobody may.
    pub(super) agent: Option<&'static str>,
    /// How many agents are with the caller at once, at most.
    pub(super) agents: usize,
    /// The duration in the ledger, in seconds.
    pub(super) seconds: RangeInclusive<i64>,
}

const NEW_PATIENTS: &str = "+14155550123";
const WHITENING_WEEK: &str = "+14155550140";
const REMINDERS: &str = "+14155550150";
const IMPLANTS: &str = "+14155550160";
const HARBOR_LEGAL: &str = "+16175550170";
const NOBODYS: &str = "+14155550199";

/// The caller of the scene that is explained in full afterwards: it has the longest story.
pub(super) const EXPLAINED: &str = "+12125550106";

/// Every call, in the order they begin.
pub(super) fn all() -> Vec<Scene> {
    use EndReason::{CallerGaveUp, CampaignFull, UnknownNumber};
    use Plot::Stays;
    let (new_patients, whitening) = (NEW_PATIENTS, WHITENING_WEEK);
    let talks = |seconds| Plot::Talks(Duration::from_secs(seconds));
    let gives_up = Plot::GivesUp(Duration::from_millis(2500));
    let scenes = [
        (0, "the campaign's agent answers", new_patients, talks(4), Expected::talk("telephony-agent", 4)),
        (600, "the tenant's default answers", HARBOR_LEGAL, Stays, Expected::goodbye("front-desk", 6)),
        (1500, "nobody has the number", NOBODYS, Stays, Expected::nobody(UnknownNumber)),
        (2300, "the campaign's only place", whitening, talks(4), Expected::talk("telephony-agent", 4)),
        (4000, "the campaign is full", whitening, Stays, Expected::nobody(CampaignFull)),
        (4800, "no agent comes: the fallback", REMINDERS, talks(3), Expected::talk("reception", 3)),
        (5600, "the caller gives up", IMPLANTS, gives_up, Expected::nobody(CallerGaveUp)),
        (
            6600,
            "a gateway asks who answers",
            new_patients,
            Plot::Asks(183),
            Expected::told("telephony-agent", 183),
        ),
        (7300, "a webhook is lost", new_patients, talks(3), Expected::talk("telephony-agent", 3)),
        (8600, "every webhook comes twice", new_patients, talks(3), Expected::talk("telephony-agent", 3)),
        (9900, "webhooks come late", new_patients, talks(4), Expected::talk("telephony-agent", 4)),
    ];
    (101..)
        .zip(scenes)
        .map(|(caller, (begins, title, to, plot, expected))| Scene {
            title,
            begins: Duration::from_millis(begins),
            from: format!("+12125550{caller}"),
            to,
            plot,
            webhooks: match title {
                "a webhook is lost" => Webhooks::Lost,
                "every webhook comes twice" => Webhooks::Doubled,
                "webhooks come late" => Webhooks::Late,
                _ => Webhooks::Arrive,
            },
            expected,
        })
        .collect()
}

impl Expected {
    /// The caller talks with this agent so many seconds and hangs up. Times of leaving are whole seconds, so the
    /// ledger may have one less; a busy machine may make it one more.
    fn talk(agent: &'static str, seconds: i64) -> Expected {
        let reason = EndReason::CallerHungUp;
        Expected { reason, agent: Some(agent), agents: 1, seconds: seconds - 1..=seconds + 1 }
    }

    /// The agent says goodbye so many seconds after it came.
    fn goodbye(agent: &'static str, seconds: i64) -> Expected {
        Expected { reason: EndReason::AgentHungUp, ..Expected::talk(agent, seconds) }
    }

    /// A gateway that connects its agent itself tells how long the call was.
    fn told(agent: &'static str, seconds: i64) -> Expected {
        Expected { reason: EndReason::Ended, agent: Some(agent), agents: 0, seconds: seconds..=seconds }
    }

    /// Nobody ever answers.
    fn nobody(reason: EndReason) -> Expected {
        Expected { reason, agent: None, agents: 0, seconds: 0..=0 }
    }
}

impl Scene {
    /// The name of its room.
    pub(super) fn room(&self) -> String {
        format!("in_{}_{}", self.to, self.from.trim_start_matches('+'))
    }
}
