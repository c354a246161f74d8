//! What has been done to get an agent onto a call, and what LiveKit showed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::super::decide::Decision;
use super::super::evidence::Presence;
use super::chosen;

/// A dispatch that ended unsure is listed again this long after it was settled: the request may have been on its way.
const LATE_REQUEST: Duration = Duration::from_secs(5);
/// The deletion of a dispatch whose job was hidden takes effect this late: 5 s to be listed, 3 s to leave, and some.
const LATE_DELETE: Duration = Duration::from_secs(12);
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

    /// When to dispatch again after failures, and whom: the fallback from the second failure on.
    pub(super) fn again(&self, decision: &Decision) -> Option<(Timestamp, String)> {
        let (agent, fallback) = chosen(decision)?;
        let failures = self.attempts.iter().filter(|attempt| attempt.closed.is_some()).count();
        let slow = self
            .attempts
            .iter()
            .any(|attempt| matches!(attempt.closed, Some((_, Closed::NobodyAnswered | Closed::AgentLeft))));
        let whom = if failures >= 2 || slow { fallback.unwrap_or(agent) } else { agent };
        let last = self.attempts.last().and_then(|attempt| attempt.closed);
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
        let current = self.current().map(|(index, _)| index);
        for dispatch in listed {
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
        for agent in there.iter().filter(|agent| !listed.iter().any(|d| d.agents.contains(&agent.identity))) {
            let unlisted = self.unlisted(agent);
            self.agents.entry(agent.identity.clone()).or_insert(unlisted);
        }
        let Some(index) = current else { return };
        self.keep_the_last(index, there);
        let came = there.iter().any(|agent| self.agents.get(&agent.identity) == Some(&Standing::Ours(index)));
        let attempt = &mut self.attempts[index];
        attempt.looked_at = Some(now);
        if came || listed.iter().any(|d| Some(&d.id) == attempt.dispatch.as_ref() && !d.agents.is_empty()) {
            attempt.taken_at.get_or_insert(now);
        }
    }

    /// An agent whose job LiveKit does not list: it hides new jobs for up to 5 s while it gathers the names of the
    /// workers. So the agent's own name tells whose it is.
    fn unlisted(&self, agent: &Presence) -> Standing {
        let name = agent.agent_name.as_ref();
        match self.current() {
            Some((index, current)) if name.is_none_or(|name| *name == current.agent) => Standing::Ours(index),
            _ if self.attempts.iter().any(|attempt| name == Some(&attempt.agent)) => Standing::Stale,
            _ => Standing::Foreign,
        }
    }

    /// Of several agents that all seem to be the current attempt's, the first came from one that was given up while
    /// its job was hidden, and LiveKit is about to take it away: the last one stays.
    fn keep_the_last(&mut self, index: usize, there: &[Presence]) {
        let ours = |agent: &&Presence| self.agents.get(&agent.identity) == Some(&Standing::Ours(index));
        let mut ours: Vec<&Presence> = there.iter().filter(ours).collect();
        ours.sort_by_key(|agent| agent.joined_at);
        ours.pop();
        self.agents.extend(ours.into_iter().map(|agent| (agent.identity.clone(), Standing::Stale)));
    }

    /// Whether this agent may have left because we deleted its dispatch while its job was hidden: LiveKit carries
    /// that out late, and it looks as if the agent had left by itself.
    pub(super) fn took_away(&self, agent: &Presence, left_at: Timestamp) -> bool {
        self.attempts.iter().any(|attempt| {
            let same = agent.agent_name.as_ref().is_none_or(|name| *name == attempt.agent);
            let closed = attempt.closed.filter(|(_, why)| *why == Closed::NobodyTook);
            same && closed.is_some_and(|(at, _)| left_at.since(at) <= LATE_DELETE)
        })
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
