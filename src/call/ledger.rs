//! The ledger: what the evidence and the decision say of a call. One function, [`outcome`], so that the same
//! facts give the same call in whatever order they came.

use std::time::Duration;

use crate::clock::Timestamp;

use super::decide::{Decision, Verdict};
use super::evidence::{Act, Evidence};
use super::fact::{Fact, Leave, Leg, Ring, What, Why};
use super::{Call, EndReason, Outcome, Status};

impl Call {
    /// Takes in one fact; whether anything that can be seen from outside changed.
    pub fn hear(&mut self, fact: &Fact) -> bool {
        match &fact.what {
            What::Rang(ring) | What::CallerLeft(ring, _) => self.ring.merge(ring),
            What::Carried(telling) => self.ring.merge(&telling.ring()),
            _ => {}
        }
        self.evidence.take(fact);
        self.conclude()
    }

    /// Takes in something we did or found ourselves; whether anything that can be seen changed.
    pub fn act(&mut self, act: Act, at: Timestamp) -> bool {
        self.evidence.act(act, at);
        self.conclude()
    }

    /// Takes the decision; whether anything that can be seen changed.
    pub fn decided(&mut self, decision: Decision) -> bool {
        self.decision = Some(decision);
        self.conclude();
        true
    }

    fn conclude(&mut self) -> bool {
        let before =
            std::mem::replace(&mut self.outcome, outcome(&self.evidence, &self.ring, self.decision.as_ref()));
        before != self.outcome
    }
}

impl Ring {
    /// What several tellings of one ring say together: each field the least of those told, flags if any says so.
    fn merge(&mut self, told: &Ring) {
        fn least<T: Ord + Clone>(kept: &mut Option<T>, told: &Option<T>) {
            if let Some(told) = told
                && kept.as_ref().is_none_or(|kept| told < kept)
            {
                *kept = Some(told.clone());
            }
        }
        least(&mut self.keys.call, &told.keys.call);
        least(&mut self.keys.full, &told.keys.full);
        least(&mut self.keys.participant, &told.keys.participant);
        least(&mut self.keys.twilio, &told.keys.twilio);
        // An empty one, which matched no trunk, only where nobody names another.
        let rank = |trunk: &Option<String>| trunk.clone().map(|trunk| (trunk.is_empty(), trunk));
        if rank(&told.trunk).is_some_and(|told| rank(&self.trunk).is_none_or(|kept| told < kept)) {
            self.trunk.clone_from(&told.trunk);
        }
        least(&mut self.at, &told.at);
        least(&mut self.identity, &told.identity);
        prefer(&mut self.called, &told.called);
        prefer(&mut self.caller, &told.caller);
        self.asked |= told.asked;
        self.routed_static |= told.routed_static;
        self.active |= told.active;
    }
}

/// Of two ways to write a number the one with a `+`, so that it does not matter which door was first.
fn prefer(kept: &mut String, told: &str) {
    let rank = |text: &str| (text.is_empty(), !text.starts_with('+'));
    if (rank(told), told) < (rank(kept), kept.as_str()) {
        told.clone_into(kept);
    }
}

/// Where a call stands.
pub fn outcome(evidence: &Evidence, ring: &Ring, decision: Option<&Decision>) -> Outcome {
    let rang_at = evidence.rang_at.or(ring.at).unwrap_or(Timestamp::EPOCH);
    let mut outcome = Outcome {
        status: Status::Ringing,
        end_reason: None,
        rang_at,
        answered_at: None,
        ended_at: None,
        duration: None,
    };
    // Whatever was decided of it: there was nobody to tell.
    if evidence.never_reached() {
        outcome.status = EndReason::NeverReachedUs.status();
        outcome.end_reason = Some(EndReason::NeverReachedUs);
        outcome.ended_at = evidence.acts.get(&Act::NeverReached).map(|at| (*at).max(rang_at));
        outcome.duration = Some(0);
        return outcome;
    }
    if let Some(Decision { verdict: Verdict::Reject { reason }, .. }) = decision {
        outcome.status = Status::Rejected;
        outcome.end_reason = Some(*reason);
        outcome.ended_at = Some(rang_at);
        outcome.duration = Some(0);
        return outcome;
    }
    let end = End::of(evidence).map(|end| (end, end.at().max(rang_at)));
    outcome.answered_at = answered_at(evidence, end).map(|at| at.max(rang_at));
    match end {
        None if outcome.answered_at.is_some() => outcome.status = Status::InProgress,
        None => {}
        Some((end, at)) => {
            let reason = end.reason(outcome.answered_at.is_some(), evidence);
            outcome.status = reason.status();
            outcome.end_reason = Some(reason);
            // What we did is told by our clock and a room's end in whole seconds: not before the answer all the same.
            let at = outcome.answered_at.map_or(at, |answered| at.max(answered));
            outcome.ended_at = Some(at);
            outcome.duration = Some(outcome.answered_at.map_or(0, |answered| {
                evidence.told_duration.map_or(at.whole_seconds_since(answered), |told| told.max(0))
            }));
        }
    }
    outcome
}

/// LiveKit tells the time of a leave in whole seconds: it was somewhere within that second.
fn end_of_second(at: Timestamp) -> Timestamp {
    if at == Timestamp::from_secs(at.secs()) { at.saturating_add(Duration::from_micros(999_999)) } else { at }
}

/// When it was answered: the earliest audio by anybody but the caller, or the leg seen answered. Audio that came
/// after the caller had left (a late agent) answers nobody.
fn answered_at(evidence: &Evidence, end: Option<(End<'_>, Timestamp)>) -> Option<Timestamp> {
    let cut = end.filter(|(end, _)| end.comes_before_late_agents());
    // The second is that of the leave as told: a call may ring, be answered and end within one.
    let in_time = |at: &Timestamp| cut.is_none_or(|(end, cut)| *at <= end_of_second(end.at()).max(cut));
    let heard = evidence.first_voice().filter(in_time);
    let seen = evidence.active_at.map(|at| cut.map_or(at, |(_, cut)| at.min(cut)));
    if let Some(at) = heard.into_iter().chain(seen).min() {
        return Some(at);
    }
    let (end, ended_at) = end?;
    let told = evidence.told_duration.filter(|told| *told > 0 || matches!(end, End::ToldEnded(_)));
    if let Some(told) = told {
        return Some(ended_at.saturating_sub(Duration::from_secs(told.max(0).unsigned_abs())));
    }
    // Answered, and nobody told us when: not before the first who could have, at the latest at the end.
    let came = evidence.others().filter_map(|(_, guest)| guest.joined_at).filter(in_time).min();
    end.implies_an_answer(evidence).then(|| came.unwrap_or(ended_at).min(ended_at))
}

/// The first thing that ended it, of what we did, or of what we only found.
fn first_act(evidence: &Evidence, found: bool) -> Option<(Act, Timestamp)> {
    let acts = evidence.acts.iter().map(|(act, at)| (*act, *at));
    let only_found = |act| matches!(act, Act::Reconciled | Act::NeverEnded | Act::NeverReached);
    acts.filter(|(act, _)| only_found(*act) == found).min_by_key(|(act, at)| (*at, *act))
}

/// What ended a call, the best-informed teller first.
#[derive(Copy, Clone)]
enum End<'e> {
    CallerLeft(&'e Leave),
    ToldCallerGone(Timestamp),
    ToldEnded(Timestamp),
    Act(Act, Timestamp),
    RoomEnded(Timestamp),
}

impl<'e> End<'e> {
    fn of(evidence: &'e Evidence) -> Option<End<'e>> {
        let ours = |weak: bool| first_act(evidence, weak).map(|(act, at)| End::Act(act, at));
        evidence
            .caller_left
            .as_ref()
            .map(End::CallerLeft)
            .or(evidence.told_caller_gone_at.map(End::ToldCallerGone))
            .or(evidence.told_ended_at.map(End::ToldEnded))
            .or_else(|| ours(false))
            .or(evidence.room_ended_at.map(End::RoomEnded))
            .or_else(|| ours(true))
    }

    fn at(self) -> Timestamp {
        match self {
            End::CallerLeft(leave) => leave.at,
            End::ToldCallerGone(at) | End::ToldEnded(at) | End::Act(_, at) | End::RoomEnded(at) => at,
        }
    }

    /// Whether somebody may still have spoken after it, to nobody: not once the room is gone, and what we found or did
    /// on the ground of all that we knew comes after it, whatever our clock says.
    fn comes_before_late_agents(self) -> bool {
        match self {
            End::CallerLeft(_)
            | End::ToldCallerGone(_)
            | End::ToldEnded(_)
            | End::Act(Act::GaveUp | Act::OperatorCancelled, _) => true,
            End::Act(..) | End::RoomEnded(_) => false,
        }
    }

    /// Whether a call that ended like this was answered, even if nobody told of the answer itself.
    fn implies_an_answer(self, evidence: &Evidence) -> bool {
        let talked = |act: &Act| matches!(act, Act::AgentHungUp | Act::AgentLost | Act::OperatorHungUp);
        match self {
            // Only who has been answered can be transferred.
            _ if evidence.transferred() => true,
            End::CallerLeft(leave) => {
                leave.leg == Some(Leg::Active) || leave.why == Why::PutOut && evidence.acts.keys().any(talked)
            }
            End::Act(act, _) => talked(&act),
            End::ToldEnded(_) => true,
            End::ToldCallerGone(_) | End::RoomEnded(_) => false,
        }
    }

    fn reason(self, answered: bool, evidence: &Evidence) -> EndReason {
        let by_caller = if answered { EndReason::CallerHungUp } else { EndReason::CallerGaveUp };
        match self {
            // However the leg then left, and whoever was quicker to tell: the caller talks to somebody else.
            _ if evidence.transferred() => EndReason::Transferred,
            End::CallerLeft(leave) => caller_left(leave, answered, evidence),
            End::ToldCallerGone(_) => by_caller,
            End::ToldEnded(_) if evidence.hung_up_by_operator() => EndReason::OperatorHungUp,
            End::ToldEnded(_) => EndReason::Ended,
            End::Act(act, _) => act.reason(answered),
            End::RoomEnded(_) if answered => EndReason::Ended,
            End::RoomEnded(_) => EndReason::RingTimeout,
        }
    }
}

impl Act {
    /// The reason this act gives a call, answered or not. Audio that came just before makes it an answered one.
    pub const fn reason(self, answered: bool) -> EndReason {
        match self {
            Act::GaveUp if answered => EndReason::Ended,
            Act::GaveUp => EndReason::AgentNeverJoined,
            Act::AgentHungUp => EndReason::AgentHungUp,
            Act::AgentLost => EndReason::AgentLost,
            Act::OperatorHungUp | Act::OperatorCancelled if answered => EndReason::OperatorHungUp,
            Act::OperatorHungUp | Act::OperatorCancelled => EndReason::OperatorCancelled,
            Act::Transferred => EndReason::Transferred,
            Act::Reconciled => EndReason::Reconciled,
            Act::NeverEnded => EndReason::NeverEnded,
            // LiveKit told of the call after all, though not how it ended.
            Act::NeverReached if answered => EndReason::Ended,
            Act::NeverReached => EndReason::RingTimeout,
        }
    }
}

/// How the caller's leg tells what happened on the wire. LiveKit closes the leg in the same way for a CANCEL, a
/// BYE and a timeout; the leg's last state tells them apart.
fn caller_left(leave: &Leave, answered: bool, evidence: &Evidence) -> EndReason {
    match (leave.why, leave.leg) {
        (_, Some(Leg::Hangup)) if answered => EndReason::CallerHungUp,
        (_, Some(Leg::Hangup)) => EndReason::CallerGaveUp,
        (Why::PutOut, _) => match first_act(evidence, false) {
            Some((act, _)) => act.reason(answered),
            None if answered => EndReason::AgentHungUp,
            None => EndReason::PlatformError,
        },
        (Why::Itself, Some(Leg::Ringing)) if !answered => EndReason::RingTimeout,
        (Why::Itself, _) if answered => EndReason::CallerHungUp,
        (Why::Itself, _) => EndReason::CallerGaveUp,
        (Why::Broke | Why::Moved | Why::Vanished, _) => EndReason::PlatformError,
    }
}
