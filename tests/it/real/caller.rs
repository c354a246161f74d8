//! A caller of either LiveKit.

use std::time::Duration;

use livekit::fake;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::moment;
use super::world::Side;
use crate::peers::{Answered, Ended, How, Phone};

pub(super) struct Caller {
    pub(super) room: String,
    /// What LiveKit calls `sip.callID`.
    pub(super) call_id: String,
    /// Seconds, by the same clock as all that this caller and its agents tell.
    pub(super) rang_at: f64,
    line: Line,
}

enum Line {
    Real(Phone),
    Fake { phone: fake::Phone, progress: watch::Receiver<Progress>, _noting: JoinSet<()> },
}

/// When the pretend phone was answered, and when and how its call ended.
#[derive(Clone, Default)]
struct Progress {
    answered: Option<f64>,
    ended: Option<(f64, &'static str)>,
}

impl Caller {
    pub(super) async fn dial(side: &Side, to: &str, from: &str) -> Caller {
        match side {
            Side::Real(real) => Caller::of(real.phones.call(to, from).await),
            Side::Fake(fake) => {
                let phone = fake.phone(fake::Call::new(to, from));
                assert!(phone.joined().await, "the phone cannot join");
                let rang_at = moment();
                let (told, progress) = watch::channel(Progress::default());
                let mut noting = JoinSet::new();
                noting.spawn(note(phone.clone(), told));
                let (room, call_id) = (phone.room().to_owned(), phone.call_id().to_owned());
                Caller { room, call_id, rang_at, line: Line::Fake { phone, progress, _noting: noting } }
            }
        }
    }

    pub(super) fn of(phone: Phone) -> Caller {
        let (room, call_id, rang_at) = (phone.room.clone(), phone.call_id.clone(), phone.joined_at);
        Caller { room, call_id, rang_at, line: Line::Real(phone) }
    }

    /// How long it rang until it was answered, in seconds.
    pub(super) async fn answered(&self, within: Duration) -> f64 {
        self.answer(within).await.at - self.rang_at
    }

    pub(super) async fn answer(&self, within: Duration) -> Answered {
        match &self.line {
            Line::Real(phone) => phone.answered(within).await.expect("an answer"),
            Line::Fake { progress, .. } => {
                let mut progress = progress.clone();
                let wait = progress.wait_for(|seen| seen.answered.is_some() || seen.ended.is_some());
                let seen =
                    tokio::time::timeout(within, wait).await.expect("in time").expect("a word").clone();
                Answered { by: String::new(), at: seen.answered.expect("an answer") }
            }
        }
    }

    pub(super) async fn ended(&self, within: Duration) -> Ended {
        match &self.line {
            Line::Real(phone) => phone.ended(within).await.expect("an end"),
            Line::Fake { progress, .. } => {
                let mut progress = progress.clone();
                let wait = progress.wait_for(|seen| seen.ended.is_some());
                let seen =
                    tokio::time::timeout(within, wait).await.expect("in time").expect("a word").clone();
                let (at, reason) = seen.ended.expect("an end");
                let how = if reason == "CLIENT_INITIATED" { How::HungUp } else { How::PutOut(reason.into()) };
                Ended { how, at }
            }
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        match &self.line {
            Line::Real(phone) => phone.has_ended().is_some(),
            Line::Fake { phone, .. } => phone.end().is_some(),
        }
    }

    pub(super) async fn hang_up(&self) {
        match &self.line {
            Line::Real(phone) => phone.hang_up(),
            Line::Fake { phone, .. } => phone.hang_up().await,
        }
    }
}

/// How LiveKit puts out everybody in a room.
pub(super) fn put_out() -> How {
    How::PutOut("ROOM_DELETED".to_owned())
}

async fn note(phone: fake::Phone, told: watch::Sender<Progress>) {
    if phone.answered().await {
        told.send_modify(|seen| seen.answered = Some(moment()));
    }
    let end = phone.ended().await;
    told.send_modify(|seen| seen.ended = Some((moment(), end.reason)));
}
