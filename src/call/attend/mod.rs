//! What a call needs next: getting an agent onto it, keeping one there, clearing up after it.
//! Pure: [`next`] looks at the call and the time and names one thing to do; somebody else does it and notes here
//! what came of it. Being asked twice is harmless, so a crash anywhere is followed by asking again.

mod attempts;
mod transfers;

pub use attempts::{Attempt, Attendance, Closed, Listed, Standing};
pub use transfers::{Destination, NotADestination, RINGING, Settled, Transfer};

use std::time::Duration;

use crate::clock::Timestamp;

use super::decide::{Decision, Verdict};
use super::evidence::{Act, Presence};
use super::fact::{GuestKind, Leave, Why};
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

/// No wait is shorter: one that is over already would be asked for again and again.
const SHORTEST: Duration = Duration::from_millis(1);
/// A wait that only an event ends is looked at again after this long all the same.
const NO_DEADLINE: Duration = Duration::from_secs(3600);
/// What the call needs next.
pub fn next(call: &Call, timing: &Timing, now: Timestamp) -> Next {
    match wanted(call, timing, now) {
        Next::Wait(at) => Next::Wait(at.max(now.saturating_add(SHORTEST))),
        next => next,
    }
}

fn wanted(call: &Call, timing: &Timing, now: Timestamp) -> Next {
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

/// The room of a call that is over is cleared once, and again when a dispatch got through after that: it made the
/// room anew. That of a call which only its asker knows of is the asker's own, but for an operator who wants it over.
fn after_the_end(call: &Call) -> Next {
    let attendance = &call.attendance;
    let gone_at = attendance.cleared_at.max(call.evidence.room_ended_at);
    let sent_at = attendance.attempts.iter().filter_map(|attempt| attempt.sent_at).max();
    let heard_of = call.evidence.room_sid.is_some() || call.evidence.hung_up_by_operator();
    let nothing_there = call.room().is_none() || !heard_of;
    if nothing_there || gone_at.is_some_and(|gone| sent_at.is_none_or(|sent| sent <= gone)) {
        return Next::Done;
    }
    Next::Clear
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
    if several_current(call) {
        return Some(Next::Look);
    }
    let unsure = attendance.current().and_then(|(_, attempt)| attempt.late_look())?;
    (now >= unsure).then_some(Next::Look)
}

/// Two agents seem to be the current attempt's: a look tells which one stays.
fn several_current(call: &Call) -> bool {
    let Some((index, _)) = call.attendance.current() else { return false };
    let ours =
        |agent: &&Presence| call.attendance.agents.get(&agent.identity) == Some(&Standing::Ours(index));
    let mut ours = agents_there(call).filter(ours).map(|agent| &agent.identity);
    let first = ours.next();
    ours.any(|identity| Some(identity) != first)
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
    if left_already(call, index, timing, now) {
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
    let attendance = &call.attendance;
    if somebody_there(call) {
        let rest = Next::Wait(now.saturating_add(NO_DEADLINE));
        return wait_for_late_requests(attendance, now).unwrap_or(rest);
    }
    if let Some(transfer) = attendance.transfer_under_way(now) {
        // Whoever handed the caller over may go; should it come to nothing, the caller is looked after again.
        return Next::Wait(transfer.until);
    }
    let lost = last_lost(call);
    if let Some((agent, leave)) = lost {
        if leave.why == Why::Moved && now < back_by(leave, timing) {
            return Next::Wait(back_by(leave, timing));
        }
        let settled = stayed(call, agent, leave.at) >= timing.agent_settled;
        if leave.why == Why::Itself && settled && !attendance.handed_over(leave) {
            return Next::End(Act::AgentHungUp);
        }
    }
    if let Some(first) = attendance.attempts.iter().find(|attempt| attempt.replaces) {
        return replacing(call, decision, timing, (first.claimed_at, lost), now);
    }
    match attendance.current() {
        Some((index, attempt)) if attempt.sent_at.is_none() => Next::Settle(index),
        Some((index, _))
            if left_already(call, index, timing, now)
                || lost.is_some_and(|(agent, _)| is_unknown(call, agent)) =>
        {
            Next::Close(index, Closed::AgentLeft)
        }
        // Answered by one that is gone: the next is on its way.
        Some(_) => dispatching(call, decision, timing, now),
        None if lost.is_some() || !attendance.attempts.is_empty() => {
            Next::Claim { agent: attendance.last_agent(decision), replaces: true }
        }
        None => answered_by_nobody(call, decision, timing, now),
    }
}

/// The agent was lost and one other is sent in its place, if need be by several dispatches.
fn replacing(
    call: &Call,
    decision: &Decision,
    timing: &Timing,
    (began, lost): (Timestamp, Option<(&Presence, &Leave)>),
    now: Timestamp,
) -> Next {
    let attendance = &call.attendance;
    let lost_again = lost.is_some_and(|(agent, _)| match attendance.agents.get(&agent.identity) {
        Some(Standing::Ours(index)) => {
            attendance.attempts.get(*index).is_some_and(|attempt| attempt.replaces)
        }
        Some(_) => false,
        None => agent.joined_at.is_some_and(|joined| joined >= began),
    });
    // The time of a transfer that came to nothing is not the replacement's.
    let began = attendance.last_transfer_over_at().map_or(began, |over| over.max(began));
    let until = began.saturating_add(timing.give_up_after);
    if lost_again || now >= until {
        return Next::End(Act::AgentLost);
    }
    match dispatching(call, decision, timing, now) {
        Next::Wait(at) => Next::Wait(at.min(until)),
        next => next,
    }
}

/// The leg was seen answered and nobody told us by whom. Reconcile will; when it does not, the caller is alone.
fn answered_by_nobody(call: &Call, decision: &Decision, timing: &Timing, now: Timestamp) -> Next {
    if call.ring.asked {
        return Next::Wait(now.saturating_add(NO_DEADLINE));
    }
    let left = call.evidence.others().filter_map(|(_, guest)| Some(guest.left.as_ref()?.at)).max();
    let since = left.max(call.outcome.answered_at).unwrap_or(decision.at).max(decision.at);
    let until = since.saturating_add(timing.give_up_after);
    if now < until {
        return Next::Wait(until);
    }
    Next::Claim { agent: call.attendance.last_agent(decision), replaces: true }
}

fn wait_for_late_requests(attendance: &Attendance, now: Timestamp) -> Option<Next> {
    let (_, attempt) = attendance.current()?;
    let late = attempt.late_look()?;
    (late > now).then_some(Next::Wait(late))
}

/// How long an agent was there, over all its connections.
fn stayed(call: &Call, agent: &Presence, left_at: Timestamp) -> Duration {
    let connections = call.evidence.others().filter(|(_, guest)| guest.identity == agent.identity);
    let joined = connections.filter_map(|(_, guest)| guest.joined_at).min();
    joined.map_or(Duration::ZERO, |joined| left_at.since(joined))
}

/// Somebody besides the caller, but for an agent that we put out and that is leaving.
fn somebody_there(call: &Call) -> bool {
    let removed = |guest: &Presence| call.attendance.agents.get(&guest.identity) == Some(&Standing::Removed);
    call.evidence.others().any(|(_, guest)| guest.left.is_none() && !removed(guest))
}

/// The agent that left last, but for those that we put out ourselves.
fn last_lost(call: &Call) -> Option<(&Presence, &Leave)> {
    let attendance = &call.attendance;
    let put_out = |agent: &Presence| match attendance.agents.get(&agent.identity) {
        Some(Standing::Stale | Standing::Removed) => true,
        Some(Standing::Ours(index)) => attendance
            .attempts
            .get(*index)
            .is_some_and(|attempt| matches!(attempt.closed, Some((_, why)) if why != Closed::AgentLeft)),
        Some(Standing::Foreign) | None => false,
    };
    let agents =
        call.evidence.others().map(|(_, guest)| guest).filter(|guest| guest.kind == GuestKind::Agent);
    agents
        .filter(|agent| !put_out(agent))
        .filter_map(|agent| Some((agent, agent.left.as_ref()?)))
        .max_by_key(|(agent, leave)| (leave.at, agent.joined_at))
}

/// When an agent that moves to another connection should be back.
fn back_by(leave: &Leave, timing: &Timing) -> Timestamp {
    leave.at.saturating_add(timing.answer_timeout)
}

/// It came and went before its dispatch could be looked up.
fn is_unknown(call: &Call, agent: &Presence) -> bool {
    !call.attendance.agents.contains_key(&agent.identity)
}

/// The agents in the room.
pub fn agents_there(call: &Call) -> impl Iterator<Item = &Presence> {
    call.evidence
        .others()
        .map(|(_, guest)| guest)
        .filter(|guest| guest.kind == GuestKind::Agent && guest.left.is_none())
}

/// The agents of this attempt came and are gone; one that moves to another connection has a while to come back.
fn left_already(call: &Call, index: usize, timing: &Timing, now: Timestamp) -> bool {
    let gone = |agent: &Presence| {
        agent.left.as_ref().is_some_and(|leave| leave.why != Why::Moved || now >= back_by(leave, timing))
    };
    let mut came = call
        .evidence
        .others()
        .map(|(_, guest)| guest)
        .filter(|guest| call.attendance.agents.get(&guest.identity) == Some(&Standing::Ours(index)))
        .peekable();
    came.peek().is_some() && came.all(gone)
}

/// The agent that was chosen and the one that stands in.
pub fn chosen(decision: &Decision) -> Option<(&str, Option<&str>)> {
    match &decision.verdict {
        Verdict::Answer { agent, fallback, .. } => Some((agent, fallback.as_deref())),
        Verdict::Reject { .. } => None,
    }
}
