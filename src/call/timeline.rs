//! A call's story in words: the same for the command line, the API and the dashboard.

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Timestamp;

use super::attend::{Attempt, Settled, Transfer};
use super::carrier::Ours;
use super::decide::{Decision, Verdict};
use super::evidence::Presence;
use super::fact::{GuestKind, Why};
use super::{Call, EndReason};

/// One moment of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Moment {
    /// When: the platform's time for what it told, ours for what we did.
    pub at: Timestamp,
    /// What happened.
    pub what: String,
}

/// Everything that is known of a call, in the order of time.
pub fn of(call: &Call) -> Vec<Moment> {
    let mut story = Vec::new();
    let mut tell = |at: Timestamp, what: String| story.push(Moment { at, what });
    let from = if call.ring.caller.is_empty() { "a withheld number" } else { &call.ring.caller };
    tell(call.outcome.rang_at, format!("{from} rang {}", call.ring.called));
    let carrier = call.evidence.carrier.as_ref();
    match &call.decision {
        // Nobody was there to be told who answers.
        Some(_) | None if call.evidence.never_reached() => {}
        Some(decision) => tell(decision.at, verdict(decision)),
        None => {}
    }
    for attempt in &call.attendance.attempts {
        attempts(attempt, &mut tell);
    }
    for (_, guest) in call.evidence.others() {
        guests(guest, &mut tell);
    }
    if let Some(at) = call.outcome.answered_at {
        tell(at, "answered".into());
    }
    for transfer in &call.attendance.transfers {
        transfers(transfer, &mut tell);
    }
    if let Some(at) = call.evidence.operator_hung_up_at() {
        tell(at, "the operator hung up".into());
    }
    if let Some(left) = &call.evidence.caller_left {
        tell(left.at, format!("the caller's leg {}", how(left.why)));
    }
    if let (Some(at), Some(reason)) = (call.outcome.ended_at, call.outcome.end_reason) {
        tell(at, ended(reason));
    }
    for word in carrier.into_iter().filter(|word| word.is_over()) {
        let after = word.duration.map_or_else(String::new, |seconds| format!(" after {seconds} s"));
        tell(word.over_at(), format!("the carrier says: {}{after}", word.status));
        for differs in word.disagreements(&Ours::of(call)) {
            tell(word.over_at(), format!("that disagrees: {}", differs.says));
        }
    }
    if let Some(at) = call.attendance.cleared_at {
        tell(at, "the room was cleared".into());
    }
    if let Some(at) = call.evidence.room_ended_at {
        tell(at, "the room was gone".into());
    }
    // Platform times are whole seconds: what is told at one time keeps the order it was told in here.
    story.sort_by_key(|moment| moment.at);
    story
}

/// A verdict as a sentence.
pub fn verdict(decision: &Decision) -> String {
    match &decision.verdict {
        Verdict::Answer { agent, .. } => format!("decided: {agent} answers"),
        Verdict::Reject { reason } => format!("decided: refused, {}", reason.describe()),
    }
}

fn ended(reason: EndReason) -> String {
    format!("{}: {} ({})", reason.status().as_str(), reason.describe(), reason.as_str())
}

fn attempts(attempt: &Attempt, tell: &mut impl FnMut(Timestamp, String)) {
    let agent = &attempt.agent;
    if let Some(at) = attempt.sent_at {
        let again = if attempt.replaces { " in place of the one that was lost" } else { "" };
        tell(at, format!("dispatched {agent}{again}"));
    }
    if let Some(at) = attempt.taken_at {
        tell(at, format!("a worker took the dispatch of {agent}"));
    }
    if let Some((at, why)) = attempt.closed {
        tell(at, format!("gave up on this dispatch of {agent}: {}", why.describe()));
    }
}

fn transfers(transfer: &Transfer, tell: &mut impl FnMut(Timestamp, String)) {
    let to = &transfer.to;
    tell(transfer.asked_at, format!("a transfer to {to} was asked for"));
    let Some((at, how)) = &transfer.settled else { return };
    let what = match how {
        Settled::Made => format!("the transfer to {to} was made"),
        Settled::Failed { why, .. } => format!("the transfer to {to} failed: {why}"),
        Settled::Unknown { why } => format!("nobody knows whether the transfer to {to} was made: {why}"),
    };
    tell(*at, what);
}

fn guests(guest: &Presence, tell: &mut impl FnMut(Timestamp, String)) {
    let who = match (guest.kind, &guest.agent_name) {
        (GuestKind::Agent, Some(name)) => name.clone(),
        (GuestKind::Agent, None) => "an agent".into(),
        (GuestKind::Leg, _) => "another phone".into(),
        (GuestKind::Person, _) => "somebody".into(),
    };
    if let Some(at) = guest.joined_at {
        tell(at, format!("{who} joined"));
    }
    if let Some(left) = &guest.left {
        tell(left.at, format!("{who} {}", how(left.why)));
    }
}

const fn how(why: Why) -> &'static str {
    match why {
        Why::Itself => "left",
        Why::PutOut => "was put out",
        Why::Broke => "was cut off",
        Why::Moved => "moved to a new connection",
        Why::Vanished => "was gone when we looked",
    }
}
