//! One call, as the API document shows it everywhere.

use serde_json::json;

use crate::call::decide::{Step, StepName, StepOutcome};
use crate::call::notes::{Analysis, Sentiment};
use crate::call::timeline::Moment;
use crate::call::{EndReason, EndedBy, Status};
use crate::phone::E164;
use crate::views::{CallDetail, CallMetadata, CallView, CarrierView, DecisionView};

use super::super::example::{Example, at, ids};
use super::change::AnalysisWrite;
use super::live::TransferWrite;
use super::shown::{CallDetailView, CallFactView, LeadBrief};

const CALLER: &str = "+15551234567";
const CALLED: &str = "+14155550123";

fn analysis() -> Analysis {
    Analysis {
        transcript_url: Some("https://recordings.example.com/SCL_4nR7/transcript.json".to_owned()),
        recording_url: Some("https://recordings.example.com/SCL_4nR7/audio.ogg".to_owned()),
        summary: Some("Booked a cleaning for Monday at 10.".to_owned()),
        sentiment: Some(Sentiment::Positive),
        successful: Some(true),
        data: json!({"appointment": "2025-10-13T10:00:00-04:00"}).as_object().cloned(),
    }
}

impl Example for CallView {
    fn example() -> CallView {
        CallView {
            id: ids::CALL.into(),
            call_sid: Some("SCL_4nR7".to_owned()),
            room_name: Some("call-_15551234567_x8Qp".to_owned()),
            phone_number: CALLER.to_owned(),
            to_number: CALLED.to_owned(),
            lead_id: Some(ids::LEAD.into()),
            campaign_id: Some(ids::CAMPAIGN.into()),
            tenant_id: Some(ids::TENANT.into()),
            number_id: Some(ids::NUMBER.into()),
            agent_name: Some("telephony-agent".to_owned()),
            status: Status::Completed,
            end_reason: Some(EndReason::CallerHungUp),
            ended_by: Some(EndedBy::Caller),
            duration: Some(183),
            rang_at: at(0),
            answered_at: Some(at(1)),
            ended_at: Some(at(184)),
            note: Some("Wants a call on Monday.".to_owned()),
            tags: vec!["hot".to_owned()],
            outcome: Some("booked".to_owned()),
            analysis: Some(analysis()),
            erased_at: None,
            revision: 5,
            created_at: at(0),
            updated_at: at(240),
            carrier: Some(CarrierView {
                call_sid: "CA0123456789abcdef0123456789abcdef".to_owned(),
                status: "completed".to_owned(),
                started_at: at(0),
                ended_at: Some(at(184)),
                duration: Some(184),
                price: Some("-0.01700".to_owned()),
                price_unit: Some("USD".to_owned()),
                disagreements: Vec::new(),
            }),
            metadata: CallMetadata {
                call_type: "inbound",
                trunk_id: Some("ST_9kXbTn".to_owned()),
                phone_number_id: Some(ids::NUMBER.into()),
                tenant_id: Some(ids::TENANT.into()),
                campaign_id: Some(ids::CAMPAIGN.into()),
            },
        }
    }
}

impl Example for CallDetailView {
    fn example() -> CallDetailView {
        let step =
            |step, detail: &str| Step { step, outcome: StepOutcome::Passed, detail: detail.to_owned() };
        let moment = |seconds, what: &str| Moment { at: at(seconds), what: what.to_owned() };
        let decision = DecisionView {
            verdict: "answer",
            says: "decided: telephony-agent answers".to_owned(),
            agent_name: Some("telephony-agent".to_owned()),
            agent_id: Some(ids::AGENT.into()),
            fallback_agent_name: None,
            reason: None,
            sip_status: None,
            phone_number: E164::exactly(CALLER),
            to_number: E164::exactly(CALLED),
            tenant_id: Some(ids::TENANT.into()),
            campaign_id: Some(ids::CAMPAIGN.into()),
            number_id: Some(ids::NUMBER.into()),
            decided_at: at(0),
            steps: vec![
                step(StepName::Number, "+14155550123 belongs to Acme Dental"),
                step(StepName::Agent, "telephony-agent, the campaign's agent"),
            ],
        };
        let timeline = vec![
            moment(0, "+15551234567 rang +14155550123"),
            moment(0, "decided: telephony-agent answers"),
            moment(0, "dispatched telephony-agent"),
            moment(1, "answered"),
            moment(184, "completed: the caller hung up (caller_hung_up)"),
        ];
        CallDetailView {
            detail: CallDetail { call: CallView::example(), decision: Some(decision), timeline },
            lead: Some(LeadBrief {
                id: ids::LEAD.into(),
                name: "Inbound Caller +15551234567".to_owned(),
                phone_number: CALLER.to_owned(),
                status: "completed".to_owned(),
                attempts: 1,
                last_call_at: at(0),
            }),
            facts: vec![CallFactView {
                id: "EV_6mCqZ2".to_owned(),
                kind: "participant_joined".to_owned(),
                happened_at: at(0),
                received_at: at(0),
                body: None,
            }],
        }
    }
}

impl Example for AnalysisWrite {
    fn example() -> AnalysisWrite {
        AnalysisWrite(analysis())
    }
}

impl Example for TransferWrite {
    fn example() -> TransferWrite {
        TransferWrite { to: "+14155550199".to_owned(), ringing_timeout: 30, play_dialtone: true }
    }
}
