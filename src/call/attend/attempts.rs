//! What has been done to get an agent onto a call, and what LiveKit showed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::super::decide::Decision;
use super::super::evidence::Presence;
use super::chosen;
use super::transfers::Transfer;

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
    /// Every transfer that was asked for, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Transfer>,
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
    /// Why and when it was given up. The dispatch is gone from LiveKit, unless nobody seemed to take it.
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
    /// Whether the dispatch is deleted. Not one that nobody took: LiveKit never tries again, and hides a new job for
    /// up to 5 s while it gathers the names of the workers, so its agent may be on the way and the first to come.
    pub const fn deletes(self) -> bool {
        !matches!(self, Closed::NobodyTook)
    }

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
    pub(super) fn late_look(&self) -> Option<Timestamp> {
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

    pub(super) fn is_closed(&self, index: usize) -> bool {
        self.attempts.get(index).is_none_or(|attempt| attempt.closed.is_some())
    }

    pub(super) fn last_agent(&self, decision: &Decision) -> String {
        let last = self.attempts.last().map(|attempt| attempt.agent.clone());
        last.unwrap_or_else(|| chosen(decision).map_or_else(String::new, |(agent, _)| agent.to_owned()))
    }

    /// When to dispatch again after failures, and whom: the fallback from the second failure on, in turns with the
    /// agent itself, which may have room again where nobody runs the fallback.
    pub(super) fn again(&self, decision: &Decision) -> Option<(Timestamp, String)> {
        let (agent, fallback) = chosen(decision)?;
        let failures = self.attempts.iter().filter(|attempt| attempt.closed.is_some()).count();
        let slow = self
            .attempts
            .iter()
            .any(|attempt| matches!(attempt.closed, Some((_, Closed::NobodyAnswered | Closed::AgentLeft))));
        let last = self.attempts.last();
        let stood_in = last.is_some_and(|last| fallback == Some(&last.agent));
        let stands_in = slow || failures >= 2 && !stood_in;
        let whom = fallback.filter(|_| stands_in).unwrap_or(agent);
        let last = last.and_then(|attempt| attempt.closed);
        let at = last
            .map_or(Timestamp::MIN, |(at, _)| at.saturating_add(BETWEEN[failures.min(BETWEEN.len()) - 1]));
        Some((at, whom.to_owned()))
    }

    /// Takes in a list of the room's dispatches.
    pub fn listed(&mut self, listed: &[Listed], there: &[Presence], now: Timestamp) {
        if self.attempts.is_empty() {
            self.adopt_static(listed, now);
        }
        self.recognise(listed, now);
        self.take_back(listed, there, now);
        let current = self.current().map(|(index, _)| index);
        for dispatch in listed {
            let owner = self.owner(&dispatch.id);
            let standing = match owner {
                Some(index) if Some(index) == current => Standing::Ours(index),
                Some(index) if dispatch.agents.is_empty() && self.seemed_untaken(index) => continue,
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
        for agent in there.iter().filter(|agent| !is_listed(listed, agent)) {
            let unlisted = self.unlisted(agent);
            self.agents.entry(agent.identity.clone()).or_insert(unlisted);
        }
        let Some(index) = current else { return };
        self.keep_the_first(index, there);
        let came = there.iter().any(|agent| self.agents.get(&agent.identity) == Some(&Standing::Ours(index)));
        let attempt = &mut self.attempts[index];
        attempt.looked_at = Some(now);
        if came || listed.iter().any(|d| Some(&d.id) == attempt.dispatch.as_ref() && !d.agents.is_empty()) {
            attempt.taken_at.get_or_insert(now);
        }
    }

    /// The attempt that this dispatch belongs to.
    fn owner(&self, dispatch: &str) -> Option<usize> {
        self.attempts.iter().position(|attempt| attempt.dispatch.as_deref() == Some(dispatch))
    }

    fn seemed_untaken(&self, index: usize) -> bool {
        self.attempts.get(index).is_some_and(|of| matches!(of.closed, Some((_, Closed::NobodyTook))))
    }

    /// An attempt that nobody seemed to take was taken after all: it is the current one again, unless that one has
    /// somebody already.
    fn take_back(&mut self, listed: &[Listed], there: &[Presence], now: Timestamp) {
        let jobs = |attempt: &Attempt| {
            listed.iter().any(|d| Some(&d.id) == attempt.dispatch.as_ref() && !d.agents.is_empty())
        };
        let came = |attempt: &Attempt| {
            let new = there
                .iter()
                .filter(|agent| !is_listed(listed, agent) && !self.agents.contains_key(&agent.identity));
            new.into_iter().any(|agent| agent.agent_name.as_ref() == Some(&attempt.agent))
        };
        let held = |index| {
            there.iter().find(|agent| self.agents.get(&agent.identity) == Some(&Standing::Ours(index)))
        };
        let current = self.current();
        if let Some((index, attempt)) = current {
            if let Some(held) = held(index) {
                return self.rehome(index, &held.identity.clone(), listed);
            }
            if attempt.sent_at.is_none() || attempt.taken_at.is_some() || jobs(attempt) || came(attempt) {
                return;
            }
        }
        let current = current.map(|(index, _)| index);
        let untaken = self.attempts.iter().enumerate().filter(|(index, _)| self.seemed_untaken(*index));
        let Some(index) = untaken.filter(|(_, of)| jobs(of) || came(of)).map(|(index, _)| index).next()
        else {
            return;
        };
        if let Some(current) = current {
            self.close(current, Closed::NobodyTook, now);
        }
        let dispatch = self.attempts[index].dispatch.take();
        self.attempts.push(Attempt { dispatch, closed: None, ..self.attempts[index].clone() });
    }

    /// The agent on the call was known by its name only. Now that LiveKit lists its job, the attempt has that dispatch.
    fn rehome(&mut self, index: usize, agent: &String, listed: &[Listed]) {
        let Some(dispatch) = listed.iter().find(|dispatch| dispatch.agents.contains(agent)) else { return };
        let Some(owner) = self.owner(&dispatch.id).filter(|owner| self.seemed_untaken(*owner)) else {
            return;
        };
        let other = self.attempts[index].dispatch.replace(dispatch.id.clone());
        self.attempts[owner].dispatch = other;
    }

    /// An agent whose job LiveKit does not list yet: its own name tells whose it is.
    fn unlisted(&self, agent: &Presence) -> Standing {
        let name = agent.agent_name.as_ref();
        match self.current() {
            Some((index, current)) if name.is_none_or(|name| *name == current.agent) => Standing::Ours(index),
            _ if self.attempts.iter().any(|attempt| name == Some(&attempt.agent)) => Standing::Stale,
            _ => Standing::Foreign,
        }
    }

    /// Of several agents that all seem to be the current attempt's, the first one has greeted the caller: it stays.
    fn keep_the_first(&mut self, index: usize, there: &[Presence]) {
        let ours = |agent: &&Presence| self.agents.get(&agent.identity) == Some(&Standing::Ours(index));
        let ours: Vec<&Presence> = there.iter().filter(ours).collect();
        let Some(first) = ours.iter().min_by_key(|agent| agent.joined_at) else { return };
        let others = ours.iter().filter(|agent| agent.identity != first.identity);
        self.agents.extend(others.map(|agent| (agent.identity.clone(), Standing::Stale)).collect::<Vec<_>>());
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

    /// A dispatch that nobody knew was sent, and was: its agent is the current one and no stranger.
    fn recognise(&mut self, listed: &[Listed], now: Timestamp) {
        let Some((index, attempt)) = self.current() else { return };
        if attempt.dispatch.is_some() {
            return;
        }
        let owned = |id: &str| self.attempts.iter().any(|attempt| attempt.dispatch.as_deref() == Some(id));
        let found = listed.iter().find(|d| d.ours && d.agent == attempt.agent && !owned(&d.id));
        if let Some(id) = found.map(|dispatch| dispatch.id.clone()) {
            self.sent(index, id, now);
        }
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

fn is_listed(listed: &[Listed], agent: &Presence) -> bool {
    listed.iter().any(|dispatch| dispatch.agents.contains(&agent.identity))
}
