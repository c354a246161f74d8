//! The carrier's side of a call: what it says of it, and where that is not what we say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::fact::{Keys, Ring};
use super::{Call, EndReason, Status};

/// Talk times that differ by no more than this many seconds are the same: the carrier's leg is answered a moment before
/// anybody is heard, and is taken down a moment after.
const SAME: i64 = 5;

/// What the carrier says of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The carrier's name of the call: Twilio's CallSid.
    pub call_sid: String,
    /// The carrier's word: `completed`, `no-answer`…
    pub status: String,
    /// When it began there.
    pub started_at: Timestamp,
    /// When it ended there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
    /// Whole seconds that are paid for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration: Option<i64>,
    /// What it cost, as the carrier writes it: a decimal number, negative where it was taken from the account. It
    /// comes some time after the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<String>,
    /// The currency of the price (ISO 4217).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price_unit: Option<String>,
}

/// A carrier's word of a call, with the numbers that it was between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The number that was dialled.
    pub called: String,
    /// The caller's number; empty where it was withheld.
    pub caller: String,
    /// The word.
    pub word: Carried,
    /// Somebody else had told of the call by then. If nobody had, it never reached us.
    pub reached: bool,
}

impl Telling {
    /// The ring as far as the carrier knows it.
    pub fn ring(&self) -> Ring {
        Ring {
            keys: Keys { twilio: Some(self.word.call_sid.clone()), ..Keys::default() },
            called: self.called.clone(),
            caller: self.caller.clone(),
            at: Some(self.word.started_at),
            ..Ring::default()
        }
    }
}

impl Carried {
    /// Whether the call is over at the carrier.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "busy" | "failed" | "no-answer" | "canceled")
    }

    /// Whether somebody answered it, as far as the carrier knows.
    pub fn was_answered(&self) -> bool {
        self.status == "completed" && self.duration.unwrap_or(0) > 0
    }

    /// When it was over at the carrier.
    pub fn over_at(&self) -> Timestamp {
        self.ended_at.unwrap_or(self.started_at).max(self.started_at)
    }

    /// Of two words about one call the one that knows more, whichever came first.
    pub fn merge(kept: Option<Carried>, told: &Carried) -> Carried {
        fn rank(word: &Carried) -> impl Ord + '_ {
            let Carried { call_sid, status, started_at, ended_at, duration, price, price_unit } = word;
            (word.is_over(), price, ended_at, duration, price_unit, started_at, status, call_sid)
        }
        match kept {
            Some(kept) if rank(&kept) >= rank(told) => kept,
            _ => told.clone(),
        }
    }

    /// Where the carrier's side of a call is not what we say of it.
    pub fn disagreements(&self, ours: &Ours) -> Vec<Disagreement> {
        let mut found = Vec::new();
        let mut add = |kind, (says, means): (String, &str)| {
            found.push(Disagreement { kind, says, means: means.to_owned() });
        };
        if ours.ended_at.is_none() {
            if self.is_over() {
                add(Difference::OverAtCarrier, self.is_over_there(ours));
            }
        } else if !self.is_over() {
            add(Difference::UpAtCarrier, self.is_up_there(ours));
        } else {
            match (self.was_answered(), ours.answered) {
                (true, false) => add(Difference::AnsweredAtCarrier, self.was_answered_there(ours)),
                (false, true) => add(Difference::NotAnsweredAtCarrier, self.was_not_answered_there(ours)),
                (true, true) => {
                    if let Some(what) = self.took_another_time(ours) {
                        add(Difference::Duration, what);
                    }
                }
                (false, false) => {}
            }
        }
        found
    }

    fn is_over_there(&self, ours: &Ours) -> (String, &'static str) {
        (
            format!(
                "the carrier says that the call is over ({}, {} s); here it is still {}",
                self.status,
                self.duration.unwrap_or(0),
                ours.status.as_str()
            ),
            "nobody told Switchboard of its end. It is looked for in LiveKit every few seconds: if this stays, LiveKit \
             cannot be reached, or its room is still there",
        )
    }

    fn is_up_there(&self, ours: &Ours) -> (String, &'static str) {
        (
            format!(
                "the carrier says that the call goes on ({}); here it is {}",
                self.status,
                ours.status.as_str()
            ),
            "the caller's line may still be up, and paid for: LiveKit has not hung up at the carrier",
        )
    }

    fn was_answered_there(&self, ours: &Ours) -> (String, &'static str) {
        let says = format!(
            "the carrier says that it was answered and lasted {} s; here it is {}",
            self.duration.unwrap_or(0),
            ours.status.as_str()
        );
        let means = match (ours.end_reason, ours.status) {
            (Some(EndReason::NeverReachedUs), _) => {
                "somebody else took the call: another origination address of the trunk, or LiveKit while its webhooks \
                 did not arrive here"
            }
            (_, Status::Rejected) => {
                "the caller was let in although Switchboard refused the call: LiveKit answers by itself, as with a \
                 rule that names an agent"
            }
            _ => {
                "LiveKit picked the call up, but nobody was heard in it: the caller listened to silence, and it is \
                 paid for"
            }
        };
        (says, means)
    }

    fn was_not_answered_there(&self, ours: &Ours) -> (String, &'static str) {
        (
            format!(
                "the carrier says {} ({} s); here somebody answered and talked for {} s",
                self.status,
                self.duration.unwrap_or(0),
                ours.duration
            ),
            "the answer did not get back to the carrier: the caller heard ringing or a busy tone while the agent \
             talked to nobody",
        )
    }

    fn took_another_time(&self, ours: &Ours) -> Option<(String, &'static str)> {
        // Whoever was sent on talks on, on the same line of the carrier's, and we no longer hear of it.
        let theirs = self.duration.filter(|_| ours.end_reason != Some(EndReason::Transferred))?;
        let means = match theirs - ours.duration {
            more if more > SAME => {
                "the caller's line was up for longer than anybody talked: it was answered before an agent was there, \
                 or it was not hung up when the agent had gone"
            }
            less if less < -SAME => {
                "the agent was in the call for longer than the caller: the caller's end was told late"
            }
            _ => return None,
        };
        Some((format!("the carrier counts {theirs} s, Switchboard {} s", ours.duration), means))
    }
}

/// What we say of a call, as far as the carrier may say otherwise.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Where it stands.
    pub status: Status,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// Whether it was answered.
    pub answered: bool,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whole seconds from answer to end.
    pub duration: i64,
}

impl Ours {
    /// Of this call.
    pub fn of(call: &Call) -> Ours {
        let outcome = &call.outcome;
        Ours {
            status: outcome.status,
            end_reason: outcome.end_reason,
            answered: outcome.answered_at.is_some(),
            ended_at: outcome.ended_at,
            duration: outcome.duration.unwrap_or(0),
        }
    }
}

/// In what the carrier and we differ.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Over at the carrier, open here.
    OverAtCarrier,
    /// Over here, still up at the carrier.
    UpAtCarrier,
    /// Answered at the carrier, by nobody here.
    AnsweredAtCarrier,
    /// Answered here, and not at the carrier.
    NotAnsweredAtCarrier,
    /// How long it was.
    Duration,
}

/// One thing in which the carrier's side of a call is not what we say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disagreement {
    /// In what they differ.
    pub kind: Difference,
    /// What each of them says.
    pub says: String,
    /// What that means.
    pub means: String,
}
