//! Calls as the outside reads them: the command line's `--json` and the API show the same fields, named as the
//! user names them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::call::carrier::{Carried, Disagreement, Ours};
use crate::call::decide::{Decision, Step, Verdict};
use crate::call::notes::Analysis;
use crate::call::timeline::{self, Moment};
use crate::call::{Call, EndReason, EndedBy, Status};
use crate::clock::Timestamp;
use crate::events;
use crate::ids::{AgentId, CallId, CampaignId, LeadId, NumberId, TenantId};
use crate::phone::E164;

/// A call: the user's `CallLog`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// Ours, `call_…`.
    pub id: CallId,
    /// The name the platform or the asker gave it.
    pub call_sid: Option<String>,
    /// The room it is in.
    pub room_name: Option<String>,
    /// The caller, in E.164 where it is a telephone number, else as it came.
    pub phone_number: String,
    /// The number that was dialled, likewise.
    pub to_number: String,
    /// The caller's record.
    pub lead_id: Option<LeadId>,
    /// The campaign.
    pub campaign_id: Option<CampaignId>,
    /// Whose call it is; none when nobody has the number.
    pub tenant_id: Option<TenantId>,
    /// The number that was dialled, if it is one of ours.
    pub number_id: Option<NumberId>,
    /// Who has the call, or was to have it.
    pub agent_name: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// Whole seconds from answer to end; none while it is open.
    pub duration: Option<i64>,
    /// When it rang.
    pub rang_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What somebody wrote about it.
    pub note: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What came of it, in the tenant's own words.
    pub outcome: Option<String>,
    /// What an agent found out about it.
    pub analysis: Option<Analysis>,
    /// When everything personal was erased from it.
    pub erased_at: Option<Timestamp>,
    /// Raised by every change that can be seen here.
    pub revision: i64,
    /// When we first heard of it, on our clock.
    pub created_at: Timestamp,
    /// When it last changed, on our clock.
    pub updated_at: Timestamp,
    /// The carrier's side of it; null until the carrier was asked.
    pub carrier: Option<CarrierView>,
    /// As in the user's `CallLog`.
    pub metadata: CallMetadata,
}

/// What the carrier says of a call, and where that is not what we say.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CarrierView {
    /// The carrier's name of the call: Twilio's CallSid.
    pub call_sid: String,
    /// The carrier's word: `completed`, `busy`, `failed`, `no-answer`, `canceled`; or `in-progress`, for a call that is
    /// over here and not there.
    pub status: String,
    /// When it began there.
    pub started_at: Timestamp,
    /// When it ended there.
    pub ended_at: Option<Timestamp>,
    /// Whole seconds that are paid for.
    pub duration: Option<i64>,
    /// What it cost, as the carrier writes it: a decimal number, negative where it was taken from the account. It comes
    /// minutes after the end.
    pub price: Option<String>,
    /// The currency of the price (ISO 4217).
    pub price_unit: Option<String>,
    /// Where the carrier's side is not what the rest of this call says; most calls have none.
    pub disagreements: Vec<Disagreement>,
}

impl CarrierView {
    /// How a carrier's word is shown beside what we say.
    pub fn of(word: Carried, ours: &Ours) -> CarrierView {
        let disagreements = word.disagreements(ours);
        let Carried { call_sid, status, started_at, ended_at, duration, price, price_unit } = word;
        CarrierView { call_sid, status, started_at, ended_at, duration, price, price_unit, disagreements }
    }
}

/// What the user keeps with a call. The keys are those of the webhooks.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the field names are the user's own and say what they hold")]
pub struct CallMetadata {
    pub call_type: &'static str,
    pub trunk_id: Option<String>,
    pub phone_number_id: Option<NumberId>,
    pub tenant_id: Option<TenantId>,
    pub campaign_id: Option<CampaignId>,
}

impl CallMetadata {
    pub(crate) fn new(
        trunk: Option<String>,
        number: Option<NumberId>,
        tenant: Option<TenantId>,
        campaign: Option<CampaignId>,
    ) -> CallMetadata {
        CallMetadata {
            call_type: "inbound",
            trunk_id: trunk.filter(|trunk| !trunk.is_empty()),
            phone_number_id: number,
            tenant_id: tenant,
            campaign_id: campaign,
        }
    }
}

impl CallView {
    /// How a call is shown.
    pub fn of(call: &Call) -> CallView {
        let decision = call.decision.as_ref();
        let tenant_id = decision.and_then(|decision| decision.tenant.clone());
        let campaign_id = decision.and_then(|decision| decision.campaign.clone());
        let number_id = decision.and_then(|decision| decision.number.clone());
        let outcome = &call.outcome;
        CallView {
            id: call.id.clone(),
            call_sid: call.ring.keys.call.clone(),
            room_name: call.room().map(ToOwned::to_owned),
            phone_number: caller(call),
            to_number: called(call),
            lead_id: call.lead.clone(),
            campaign_id: campaign_id.clone(),
            tenant_id: tenant_id.clone(),
            number_id: number_id.clone(),
            agent_name: call.agent().map(ToOwned::to_owned),
            status: outcome.status,
            end_reason: outcome.end_reason,
            ended_by: outcome.end_reason.map(EndReason::ended_by),
            duration: outcome.duration,
            rang_at: outcome.rang_at,
            answered_at: outcome.answered_at,
            ended_at: outcome.ended_at,
            note: call.notes.note.clone(),
            tags: call.notes.tags.clone(),
            outcome: call.notes.outcome.clone(),
            analysis: call.notes.analysis.clone(),
            erased_at: call.notes.erased_at,
            revision: call.revision,
            created_at: call.created_at,
            updated_at: call.updated_at,
            carrier: call.evidence.carrier.clone().map(|word| CarrierView::of(word, &Ours::of(call))),
            metadata: CallMetadata::new(call.ring.trunk.clone(), number_id, tenant_id, campaign_id),
        }
    }
}

/// A moment of a call's life that is told of: by which word, at which revision, when it was noted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Telling<'t> {
    /// One of the words `call.…` of [`events`].
    pub event: &'t str,
    /// The revision that the change gave the call.
    pub revision: i64,
    /// When the change was made.
    pub at: Timestamp,
}

impl CallView {
    /// How a call is shown where that moment is told of, however late: one that rings has no answer and no end yet.
    /// None when it is no longer true, as of a call that was thought to be missed and turned out to be answered.
    pub fn as_of(call: &Call, telling: Telling<'_>) -> Option<CallView> {
        let now = CallView::of(call);
        let open = CallView {
            end_reason: None,
            ended_by: None,
            duration: None,
            ended_at: None,
            updated_at: telling.at,
            revision: telling.revision,
            ..now.clone()
        };
        match telling.event {
            events::CALL_RINGING => Some(CallView {
                status: Status::Ringing,
                answered_at: None,
                agent_name: call.decided_agent().map(ToOwned::to_owned),
                ..open
            }),
            events::CALL_ANSWERED => {
                now.answered_at.is_some().then_some(CallView { status: Status::InProgress, ..open })
            }
            events::CALL_MISSED if now.status != Status::Missed => None,
            events::CALL_REJECTED if now.status != Status::Rejected => None,
            _ if now.ended_at.is_none() => None,
            _ => Some(CallView { updated_at: telling.at, revision: telling.revision, ..now }),
        }
    }
}

fn caller(call: &Call) -> String {
    let known = call.decision.as_ref().and_then(|decision| decision.caller.as_ref());
    known.map_or_else(|| call.ring.caller.clone(), ToString::to_string)
}

fn called(call: &Call) -> String {
    let known = call.decision.as_ref().and_then(|decision| decision.called.as_ref());
    known.map_or_else(|| call.ring.called.clone(), ToString::to_string)
}

/// A decision with its receipt.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionView {
    /// `answer` or `reject`.
    pub verdict: &'static str,
    /// The verdict in words.
    pub says: String,
    /// Who answers.
    pub agent_name: Option<String>,
    /// Its id; none for the system's default.
    pub agent_id: Option<AgentId>,
    /// Who answers when that agent does not.
    pub fallback_agent_name: Option<String>,
    /// Why the call is refused.
    pub reason: Option<EndReason>,
    /// The SIP status an asker is told.
    pub sip_status: Option<u16>,
    /// The caller, in E.164; none when withheld or no telephone number.
    pub phone_number: Option<E164>,
    /// The number that was dialled, in E.164; none when it is none.
    pub to_number: Option<E164>,
    /// Whose call it is.
    pub tenant_id: Option<TenantId>,
    /// The campaign.
    pub campaign_id: Option<CampaignId>,
    /// The number that was dialled.
    pub number_id: Option<NumberId>,
    /// When it was decided, on our clock.
    pub decided_at: Timestamp,
    /// The steps considered, in order: the receipt.
    pub steps: Vec<Step>,
}

impl DecisionView {
    /// How a decision is shown.
    pub fn of(decision: &Decision) -> DecisionView {
        let mut view = DecisionView {
            verdict: "answer",
            says: timeline::verdict(decision),
            agent_name: None,
            agent_id: None,
            fallback_agent_name: None,
            reason: None,
            sip_status: None,
            phone_number: decision.caller.clone(),
            to_number: decision.called.clone(),
            tenant_id: decision.tenant.clone(),
            campaign_id: decision.campaign.clone(),
            number_id: decision.number.clone(),
            decided_at: decision.at,
            steps: decision.steps.clone(),
        };
        match &decision.verdict {
            Verdict::Answer { agent, agent_id, fallback, .. } => {
                view.agent_name = Some(agent.clone());
                view.agent_id.clone_from(agent_id);
                view.fallback_agent_name.clone_from(fallback);
            }
            Verdict::Reject { reason } => {
                view.verdict = "reject";
                view.reason = Some(*reason);
                view.sip_status = reason.sip_status();
            }
        }
        view
    }
}

/// One call in full: its fields, its receipt and its story.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CallDetail {
    /// The fields.
    #[serde(flatten)]
    pub call: CallView,
    /// Who was to answer and why.
    pub decision: Option<DecisionView>,
    /// What happened, in the order of time.
    pub timeline: Vec<Moment>,
}

impl CallDetail {
    /// Everything there is to show of a call.
    pub fn of(call: &Call) -> CallDetail {
        CallDetail {
            call: CallView::of(call),
            decision: call.decision.as_ref().map(DecisionView::of),
            timeline: timeline::of(call),
        }
    }
}
