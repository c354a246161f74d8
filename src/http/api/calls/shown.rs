//! One call in full, as the API shows it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::call::Call;
use crate::clock::Timestamp;
use crate::db::facts::Kept;
use crate::db::leads::Lead;
use crate::ids::LeadId;
use crate::views::CallDetail;

/// A call in full.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallDetailView {
    #[serde(flatten)]
    pub(super) detail: CallDetail,
    /// The caller's record, in short.
    pub(super) lead: Option<LeadBrief>,
    /// What was told of it and is still kept, in the order in which it came.
    pub(super) facts: Vec<CallFactView>,
}

/// A lead in short.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeadBrief {
    /// Its id, `lead_…`.
    pub(super) id: LeadId,
    /// What the caller is called.
    pub(super) name: String,
    /// The caller's number.
    pub(super) phone_number: String,
    /// How the newest call stands.
    pub(super) status: String,
    /// How often they rang.
    pub(super) attempts: i64,
    /// When they last rang.
    pub(super) last_call_at: Timestamp,
}

/// Something that was told of a call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFactView {
    /// Its id.
    pub(super) id: String,
    /// What kind it is: `ask`, a webhook's event such as `participant_joined`, or `seen`, found by comparing with
    /// LiveKit.
    pub(super) kind: String,
    /// When it happened, by the platform's clock.
    pub(super) happened_at: Timestamp,
    /// When it came, on our clock.
    pub(super) received_at: Timestamp,
    /// The words it came in, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value>,
}

impl CallDetailView {
    pub(super) fn of(call: &Call, lead: Option<Lead>, facts: Vec<Kept>, with_bodies: bool) -> CallDetailView {
        let lead = lead.map(|lead| LeadBrief {
            id: lead.id,
            name: lead.name,
            phone_number: lead.phone_number,
            status: lead.status,
            attempts: lead.attempts,
            last_call_at: lead.last_call_at,
        });
        let facts = facts.into_iter().map(|fact| CallFactView::of(fact, with_bodies)).collect();
        CallDetailView { detail: CallDetail::of(call), lead, facts }
    }
}

impl CallFactView {
    fn of(fact: Kept, with_body: bool) -> CallFactView {
        let body: Value = serde_json::from_str(&fact.body).unwrap_or(Value::String(fact.body));
        let kind = match (&body["event"], &body["seen"]) {
            (Value::String(event), _) => event.clone(),
            (_, Value::Null) => "ask".to_owned(),
            _ => "seen".to_owned(),
        };
        let (id, happened_at, received_at) = (fact.id, fact.happened_at, fact.received_at);
        CallFactView { id, kind, happened_at, received_at, body: with_body.then_some(body) }
    }
}
