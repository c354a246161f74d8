//! What a call is and what the rules say of it. Pure: no input or output, no clock, no database.
//!
//! [`fact`]: what the outside told us → [`ledger`]: facts in any order become one [`Call`] →
//! [`decide`]: who answers, by the rules in [`routing`] → [`attend`]: what the call needs next.

pub mod attend;
pub mod carrier;
pub mod decide;
pub mod evidence;
pub mod fact;
pub mod ledger;
pub mod notes;
pub mod reasons;
pub mod routing;
pub mod timeline;
pub mod told;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{CallId, LeadId, TenantId};

use attend::{Attendance, Closed};
use decide::{Decision, Verdict};
use evidence::Evidence;
use fact::Ring;
use notes::Notes;
pub use reasons::{EndReason, EndedBy, Status};

/// One ring and everything that became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Ours, `call_…`.
    pub id: CallId,
    /// The LiveKit project it came through.
    pub project: String,
    /// How it rang.
    pub ring: Ring,
    /// Everything the outside said of it, merged.
    pub evidence: Evidence,
    /// Who was to answer, once decided.
    pub decision: Option<Decision>,
    /// What has been done to get an agent onto it.
    pub attendance: Attendance,
    /// The caller's record, when there is one.
    pub lead: Option<LeadId>,
    /// What people and agents added to it.
    pub notes: Notes,
    /// What follows from all of the above.
    pub outcome: Outcome,
    /// Raised by every change that somebody outside can see.
    pub revision: i64,
    /// When we first heard of it, on our clock.
    pub created_at: Timestamp,
    /// When it last changed, on our clock.
    pub updated_at: Timestamp,
}

/// Where a call stands: follows from the facts and the decision alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Where it stands.
    pub status: Status,
    /// Why it ended; none while it is open.
    pub end_reason: Option<EndReason>,
    /// The platform's time of the ring.
    pub rang_at: Timestamp,
    /// The platform's time of the answer.
    pub answered_at: Option<Timestamp>,
    /// The platform's time of the end.
    pub ended_at: Option<Timestamp>,
    /// Whole seconds from answer to end; none while it is open, 0 when it was never answered.
    pub duration: Option<i64>,
}

impl Call {
    /// A call nobody has decided on yet.
    pub fn new(id: CallId, project: String, ring: Ring, now: Timestamp) -> Call {
        let evidence = Evidence::default();
        let outcome = ledger::outcome(&evidence, &ring, None);
        Call {
            id,
            project,
            ring,
            evidence,
            decision: None,
            attendance: Attendance::default(),
            lead: None,
            notes: Notes::default(),
            outcome,
            revision: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        self.outcome.ended_at.is_none()
    }

    /// The room's name, once one is known.
    pub fn room(&self) -> Option<&str> {
        self.evidence.room.as_deref()
    }

    /// Whose call it is; none when nobody has the number.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.decision.as_ref().and_then(|decision| decision.tenant.as_ref())
    }

    /// The last agent whose worker took the call, as a stand-in may have it by now; else the one that was decided on.
    pub fn agent(&self) -> Option<&str> {
        let came = self.attendance.attempts.iter().rev().find(|attempt| {
            attempt.taken_at.is_some() && attempt.closed.is_none_or(|(_, why)| why == Closed::AgentLeft)
        });
        came.map(|attempt| attempt.agent.as_str()).or_else(|| self.decided_agent())
    }

    /// The agent that was decided on.
    pub fn decided_agent(&self) -> Option<&str> {
        match self.decision.as_ref().map(|decision| &decision.verdict) {
            Some(Verdict::Answer { agent, .. }) => Some(agent),
            _ => None,
        }
    }
}
