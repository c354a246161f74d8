//! Between our words and LiveKit's: what a dispatch of ours carries, and how we know it again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::Call;
use crate::call::attend::Listed;

/// What the agent is told: a JSON text whose keys are always there. The same for an asker and in a dispatch.
pub fn metadata(call: &Call) -> String {
    let decision = call.decision.as_ref();
    json!({
        "call_type": "inbound",
        "phone_number_id": decision.and_then(|d| d.number.as_ref()),
        "tenant_id": decision.and_then(|d| d.tenant.as_ref()),
        "campaign_id": decision.and_then(|d| d.campaign.as_ref()),
        "lead_id": call.lead,
        "call_id": call.id,
        "from_number": caller(call),
        "to_number": called(call),
    })
    .to_string()
}

/// The attributes of the user's contract.
pub fn attributes(call: &Call) -> BTreeMap<String, String> {
    let pairs = [("inbound", "true".to_owned()), ("phone_number", called(call)), ("caller", caller(call))];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// In E.164 where it is a telephone number, else as it came.
fn caller(call: &Call) -> String {
    let known = call.decision.as_ref().and_then(|decision| decision.caller.as_ref());
    known.map_or_else(|| call.ring.caller.clone(), ToString::to_string)
}

fn called(call: &Call) -> String {
    let known = call.decision.as_ref().and_then(|decision| decision.called.as_ref());
    known.map_or_else(|| call.ring.called.clone(), ToString::to_string)
}

/// The dispatch of an agent to this call.
pub(super) fn dispatch(call: &Call, agent: String, room: String) -> livekit::NewDispatch {
    livekit::NewDispatch { agent_name: agent, room, metadata: metadata(call), attributes: attributes(call) }
}

/// Whether a dispatch with this metadata is one of ours for this call.
pub(super) fn is_ours(call: &Call, metadata: &str) -> bool {
    let value: Value = serde_json::from_str(metadata).unwrap_or_default();
    value.get("call_id").and_then(Value::as_str) == Some(&*call.id)
}

/// A dispatch in our words.
pub(super) fn listed(call: &Call, dispatch: &livekit::Dispatch) -> Listed {
    Listed {
        id: dispatch.id.clone(),
        agent: dispatch.agent_name.clone(),
        ours: is_ours(call, &dispatch.metadata),
        agents: dispatch.jobs.iter().map(agent_identity).collect(),
    }
}

/// The identity a job's agent joins with; `agent-<job>` where the worker chose none.
fn agent_identity(job: &livekit::Job) -> String {
    if job.participant_identity.is_empty() {
        format!("agent-{}", job.id)
    } else {
        job.participant_identity.clone()
    }
}
