//! What a call needs next: getting an agent onto it, keeping one there, clearing up after it.
//! Pure: [`next`] looks at the call and the time and names one thing to do; somebody else does it and notes here
//! what came of it. Being asked twice is harmless, so a crash anywhere is followed by asking again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::decide::{Decision, Verdict};
use super::evidence::{Act, Presence};
use super::fact::{GuestKind, Why};
use super::{Call, Status};

/// How long things may take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A dispatch that no worker took by then never will be.
    pub look_after: Duration,
    /// A worker that took it and has not answered by then will not.
    pub answer_timeout: Duration,
    /// An agent that leaves by itself after this long has hung up.
    pub agent_settled: Duration,
    /// The caller is put out when nobody has answered by then.
    pub give_up_after: Duration,
    /// How long LiveKit's own rule has to bring the agent that it names.
    pub static_wait: Duration,
    /// A call that only its asker knows of ends by itself after this long.
    pub unheard_after: Duration,
}

/// What has been done to get an agent onto a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attendance {
    /// Every dispatch, in order. The last one is current unless it is closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Agents whose dispatch was looked up, by identity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<String, Standing>,
    /// Dispatches of ours that no attempt owns any more, to be deleted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub surplus: BTreeSet<String>,
    /// When the caller was put out and the room cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
    /// LiveKit's own rule was given its time, and brought nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub static_failed: bool,
}

/// One dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The agent's name.
    pub agent: String,
    /// Claimed here before it was sent.
    pub claimed_at: Timestamp,
    /// LiveKit's id, once known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dispatch: Option<String>,
    /// When LiveKit had taken it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sent_at: Option<Timestamp>,
    /// When a worker was first seen to have taken it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_at: Option<Timestamp>,
    /// When it was last looked up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub looked_at: Option<Timestamp>,
    /// Why and when it was given up; the dispatch is gone from LiveKit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub closed: Option<(Timestamp, Closed)>,
    /// It replaces an agent that was lost in mid-call.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub replaces: bool,
}

/// Why an attempt was given up.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// LiveKit refused it.
    Refused,
    /// No worker took it.
    NobodyTook,
    /// A worker took it and nobody answered.
    NobodyAnswered,
    /// Its agent left.
    AgentLeft,
}

impl Closed {
    /// In words, for a person.
    pub const fn describe(self) -> &'static str {
        match self {
            Closed::Refused => "LiveKit refused the dispatch",
            Closed::NobodyTook => "no worker took it",
            Closed::NobodyAnswered => "a worker took it and did not answer",
            Closed::AgentLeft => "the agent left",
        }
    }
}

/// Whose an agent in the room is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Sent by the attempt with this index.
    Ours(usize),
    /// Sent by a dispatch that is no longer current.
    Stale,
    /// Sent by somebody else (an unnamed worker, another application): left alone.
    Foreign,
    /// Put out by us; word of its leaving is on its way.
    Removed,
}

/// A dispatch as LiveKit lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// LiveKit's id.
    pub id: String,
    /// The agent's name; empty for the one that LiveKit makes for itself.
    pub agent: String,
    /// It carries our metadata for this call.
    pub ours: bool,
    /// Identities of the agents that workers took it with.
    pub agents: Vec<String>,
}

/// The one thing a call needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Claim a dispatch of this agent, then send it.
    Claim {
        /// The agent's name.
        agent: String,
        /// It replaces an agent that was lost in mid-call.
        replaces: bool,
    },
    /// Attempt `0`'s dispatch may or may not have been sent: look it up, send it if it was not.
    Settle(usize),
    /// List the room's dispatches and note who took what.
    Look,
    /// Delete this attempt's dispatch.
    Close(usize, Closed),
    /// Delete a dispatch that nothing owns any more.
    Delete(String),
    /// Remove an agent that is not current.
    Remove(String),
    /// End the call for this reason.
    End(Act),
    /// Put the caller out and clear the room.
    Clear,
    /// Nothing until then, or until something happens.
    Wait(Timestamp),
    /// Nothing, ever again.
    Done,
}

/// A wait that only an event ends is looked at again after this long all the same.
const NO_DEADLINE: Duration = Duration::from_secs(3600);
/// A dispatch that ended unsure is listed again this long after it was settled: the request may have been on its way.
const LATE_REQUEST: Duration = Duration::from_secs(5);
/// Waits between dispatches that nobody took; the last one is used again and again.
const BETWEEN: [Duration; 8] = [
    Duration::ZERO,
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(750),
    Duration::from_millis(1000),
    Duration::from_millis(1500),
    Duration::from_millis(2000),
];

/// What the call needs next.
pub fn next(call: &Call, timing: &Timing, now: Timestamp) -> Next {
    let Some(decision) = &call.decision else { return Next::Wait(now.saturating_add(NO_DEADLINE)) };
    if !call.is_open() {
        return after_the_end(call);
    }
    if call.room().is_none() || call.evidence.room_sid.is_none() {
        return unheard(call, timing, now);
    }
    if let Some(act) = overdue(call, timing, now) {
        return Next::End(act);
    }
    if let Some(next) = strays(call, now) {
        return next;
    }
    match call.outcome.status {
        Status::InProgress => in_progress(call, decision, timing, now),
        _ => ringing(call, decision, timing, now),
    }
}

/// The room of a call that is over is cleared once.
fn after_the_end(call: &Call) -> Next {
    let nothing_there = call.room().is_none()
        || call.evidence.room_sid.is_none()
        || call.evidence.room_ended_at.is_some()
        || call.attendance.cleared_at.is_some();
    if nothing_there { Next::Done } else { Next::Clear }
}

/// Only its asker knows of it: no room to look into.
fn unheard(call: &Call, timing: &Timing, now: Timestamp) -> Next {
    let until = call.created_at.saturating_add(timing.unheard_after);
    if now >= until { Next::End(Act::NeverEnded) } else { Next::Wait(until) }
}

fn overdue(call: &Call, timing: &Timing, now: Timestamp) -> Option<Act> {
    let ringing = call.outcome.status == Status::Ringing;
    (ringing && now >= give_up_at(call, timing)).then_some(Act::GaveUp)
}

/// Counted from when we heard of it: a caller whose webhook was lost still gets a chance.
fn give_up_at(call: &Call, timing: &Timing) -> Timestamp {
    let decided = call.decision.as_ref().map_or(call.created_at, |decision| decision.at);
    decided.saturating_add(timing.give_up_after)
}

/// Agents and dispatches that should not be there, and agents nobody looked up yet.
fn strays(call: &Call, now: Timestamp) -> Option<Next> {
    let attendance = &call.attendance;
    if let Some(id) = attendance.surplus.first() {
        return Some(Next::Delete(id.clone()));
    }
    for agent in agents_there(call) {
        match attendance.agents.get(&agent.identity) {
            Some(Standing::Stale) => return Some(Next::Remove(agent.identity.clone())),
            Some(Standing::Ours(index)) if attendance.is_closed(*index) => {
                return Some(Next::Remove(agent.identity.clone()));
            }
            Some(_) => {}
            None if attendance.attempts.is_empty() => {}
            None => return Some(Next::Look),
        }
    }
    let unsure = attendance.current().and_then(|(_, attempt)| attempt.late_look())?;
    (now >= unsure).then_some(Next::Look)
}

fn ringing(call: &Call, decision: &Decision, timing: &Timing, now: Timestamp) -> Next {
    let give_up = give_up_at(call, timing);
    let attendance = &call.attendance;
    if attendance.attempts.is_empty() {
        if call.ring.asked {
            return Next::Wait(give_up);
        }
        if call.ring.routed_static && !attendance.static_failed {
            let until = decision.at.saturating_add(timing.static_wait);
            return if now >= until { Next::Look } else { Next::Wait(until.min(give_up)) };
        }
    }
    match dispatching(call, decision, timing, now) {
        Next::Wait(at) => Next::Wait(at.min(give_up)),
        next => next,
    }
}

/// Sees to it that one dispatch is under way.
fn dispatching(call: &Call, decision: &Decision, timing: &Timing, now: Timestamp) -> Next {
    let attendance = &call.attendance;
    let Some((index, attempt)) = attendance.current() else {
        let Some((again_at, agent)) = attendance.again(decision) else { return Next::Done };
        if now < again_at {
            return Next::Wait(again_at);
        }
        let replaces = attendance.attempts.last().is_some_and(|last| last.replaces);
        return Next::Claim { agent, replaces };
    };
    let Some(sent_at) = attempt.sent_at else { return Next::Settle(index) };
    if left_already(call, index) {
        return Next::Close(index, Closed::AgentLeft);
    }
    let Some(taken_at) = attempt.taken_at else {
        let look_at = sent_at.saturating_add(timing.look_after);
        return match attempt.looked_at {
            Some(at) if at >= look_at => Next::Close(index, Closed::NobodyTook),
            _ if now >= look_at => Next::Look,
            _ => Next::Wait(look_at),
        };
    };
    let answer_by = taken_at.saturating_add(timing.answer_timeout);
    if now >= answer_by {
        return Next::Close(index, Closed::NobodyAnswered);
    }
    Next::Wait(attempt.late_look().map_or(answer_by, |late| late.min(answer_by)))
}

fn in_progress(call: &Call, decision: &Decision, timing: &Timing, now: Timestamp) -> Next {
    let rest = Next::Wait(now.saturating_add(NO_DEADLINE));
    let attendance = &call.attendance;
    let anybody = call.evidence.others().any(|(_, guest)| guest.left.is_none());
    if anybody {
        return wait_for_late_requests(attendance, now).unwrap_or(rest);
    }
    let lost = call.evidence.others().filter(|(_, guest)| guest.kind == GuestKind::Agent).filter(|(_, guest)| {
        !matches!(
            attendance.agents.get(&guest.identity),
            Some(Standing::Stale | Standing::Foreign | Standing::Removed)
        )
    });
    let Some((last, at)) = lost.filter_map(|(_, agent)| Some((agent, agent.left.as_ref()?.at))).max_by_key(|l| l.1)
    else {
        return rest; // Answered by somebody nobody told us of.
    };
    let why = last.left.as_ref().map(|left| left.why);
    if why == Some(Why::Itself) && stayed(last, at) >= timing.agent_settled {
        return Next::End(Act::AgentHungUp);
    }
    let replacing = attendance.attempts.iter().any(|attempt| attempt.replaces);
    if !replacing {
        return match attendance.current() {
            Some((index, attempt)) if attempt.sent_at.is_some() => Next::Close(index, Closed::AgentLeft),
            Some((index, _)) => Next::Settle(index),
            None => Next::Claim { agent: attendance.last_agent(decision), replaces: true },
        };
    }
    let began = attendance.attempts.iter().find(|attempt| attempt.replaces).map(|first| first.claimed_at);
    let replaced_and_lost = began.is_some_and(|began| at >= floor(began) && last.joined_at.is_some_and(|j| j >= began));
    if replaced_and_lost || began.is_some_and(|began| now >= began.saturating_add(timing.give_up_after)) {
        return Next::End(Act::AgentLost);
    }
    let until = began.map_or(now, |began| began.saturating_add(timing.give_up_after));
    match dispatching(call, decision, timing, now) {
        Next::Wait(at) => Next::Wait(at.min(until)),
        next => next,
    }
}

fn wait_for_late_requests(attendance: &Attendance, now: Timestamp) -> Option<Next> {
    let (_, attempt) = attendance.current()?;
    let late = attempt.late_look()?;
    (late > now).then_some(Next::Wait(late))
}

/// Times of leaving are whole seconds; a moment within that second is not after it.
fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.secs())
}

fn stayed(agent: &Presence, left_at: Timestamp) -> Duration {
    agent.joined_at.map_or(Duration::ZERO, |joined| left_at.since(joined))
}

fn agents_there(call: &Call) -> impl Iterator<Item = &Presence> {
    call.evidence
        .others()
        .map(|(_, guest)| guest)
        .filter(|guest| guest.kind == GuestKind::Agent && guest.left.is_none())
}

/// The agents of this attempt came and are gone.
fn left_already(call: &Call, index: usize) -> bool {
    let mut came = call
        .evidence
        .others()
        .map(|(_, guest)| guest)
        .filter(|guest| call.attendance.agents.get(&guest.identity) == Some(&Standing::Ours(index)))
        .peekable();
    came.peek().is_some() && came.all(|agent| agent.left.is_some())
}

impl Attempt {
    /// A dispatch of this agent, about to be sent.
    pub fn claim(agent: String, now: Timestamp, replaces: bool) -> Attempt {
        Attempt {
            agent,
            claimed_at: now,
            dispatch: None,
            sent_at: None,
            taken_at: None,
            looked_at: None,
            closed: None,
            replaces,
        }
    }

    /// When to look for a request that was thought lost: it took longer than a look to know what became of it.
    fn late_look(&self) -> Option<Timestamp> {
        let sent_at = self.sent_at?;
        let unsure = sent_at.since(self.claimed_at) > Duration::from_secs(2);
        let late = sent_at.saturating_add(LATE_REQUEST);
        let looked = self.looked_at.is_some_and(|at| at >= late);
        (unsure && !looked).then_some(late)
    }
}

impl Attendance {
    /// The attempt that is under way, with its index.
    pub fn current(&self) -> Option<(usize, &Attempt)> {
        self.attempts.iter().enumerate().next_back().filter(|(_, attempt)| attempt.closed.is_none())
    }

    fn is_closed(&self, index: usize) -> bool {
        self.attempts.get(index).is_none_or(|attempt| attempt.closed.is_some())
    }

    fn last_agent(&self, decision: &Decision) -> String {
        let last = self.attempts.last().map(|attempt| attempt.agent.clone());
        last.unwrap_or_else(|| chosen(decision).map_or_else(String::new, |(agent, _)| agent.to_owned()))
    }

    /// When to dispatch again after failures, and whom: the fallback from the second failure on.
    fn again(&self, decision: &Decision) -> Option<(Timestamp, String)> {
        let (agent, fallback) = chosen(decision)?;
        let failures = self.attempts.iter().filter(|attempt| attempt.closed.is_some()).count();
        let slow = self.attempts.iter().any(|attempt| {
            matches!(attempt.closed, Some((_, Closed::NobodyAnswered | Closed::AgentLeft)))
        });
        let whom = if failures >= 2 || slow { fallback.unwrap_or(agent) } else { agent };
        let last = self.attempts.last().and_then(|attempt| attempt.closed);
        let at = last.map_or(Timestamp::MIN, |(at, _)| {
            at.saturating_add(BETWEEN[failures.min(BETWEEN.len()) - 1])
        });
        Some((at, whom.to_owned()))
    }

    /// Takes in a list of the room's dispatches.
    pub fn listed(&mut self, listed: &[Listed], there: &[String], now: Timestamp) {
        if self.attempts.is_empty() {
            self.adopt_static(listed, now);
        }
        let current = self.current().map(|(index, _)| index);
        for dispatch in listed.iter().filter(|dispatch| !dispatch.agent.is_empty()) {
            let owner = self.attempts.iter().position(|a| a.dispatch.as_deref() == Some(&dispatch.id));
            let standing = match owner {
                Some(index) if Some(index) == current => Standing::Ours(index),
                Some(_) => Standing::Stale,
                None if dispatch.ours => Standing::Stale,
                None => Standing::Foreign,
            };
            if standing == Standing::Stale {
                self.surplus.insert(dispatch.id.clone());
            }
            for agent in &dispatch.agents {
                self.agents.insert(agent.clone(), standing);
            }
        }
        for agent in there {
            let closed_before = self.attempts.len() > usize::from(current.is_some());
            let unlisted = if closed_before { Standing::Stale } else { Standing::Foreign };
            self.agents.entry(agent.clone()).or_insert(unlisted);
        }
        if let Some(attempt) = current.and_then(|index| self.attempts.get_mut(index)) {
            let taken = listed.iter().any(|d| Some(&d.id) == attempt.dispatch.as_ref() && !d.agents.is_empty());
            attempt.looked_at = Some(now);
            if taken {
                attempt.taken_at.get_or_insert(now);
            }
        }
    }

    /// The dispatch that LiveKit's own rule made counts as the first attempt.
    fn adopt_static(&mut self, listed: &[Listed], now: Timestamp) {
        let Some(taken) = listed.iter().find(|d| !d.agent.is_empty() && !d.agents.is_empty()) else {
            self.static_failed = true;
            // What the rule asked for and nobody took is not left behind.
            self.surplus.extend(listed.iter().filter(|d| !d.agent.is_empty()).map(|d| d.id.clone()));
            return;
        };
        let mut attempt = Attempt::claim(taken.agent.clone(), now, false);
        attempt.dispatch = Some(taken.id.clone());
        attempt.sent_at = Some(now);
        self.attempts.push(attempt);
    }

    /// An attempt's dispatch was taken in by LiveKit.
    pub fn sent(&mut self, index: usize, dispatch: String, now: Timestamp) {
        if let Some(attempt) = self.attempts.get_mut(index) {
            attempt.dispatch = Some(dispatch);
            attempt.sent_at = Some(now);
        }
    }

    /// An agent was put out.
    pub fn removed(&mut self, identity: String) {
        self.agents.insert(identity, Standing::Removed);
    }

    /// An attempt was given up and its dispatch is gone.
    pub fn close(&mut self, index: usize, why: Closed, now: Timestamp) {
        if let Some(attempt) = self.attempts.get_mut(index) {
            attempt.closed = Some((now, why));
        }
    }
}

/// The agent that was chosen and the one that stands in.
pub fn chosen(decision: &Decision) -> Option<(&str, Option<&str>)> {
    match &decision.verdict {
        Verdict::Answer { agent, fallback, .. } => Some((agent, fallback.as_deref())),
        Verdict::Reject { .. } => None,
    }
}
