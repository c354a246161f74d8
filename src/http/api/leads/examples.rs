//! What the API document shows of leads.

use serde_json::{Map, Value, json};

use crate::call::{EndReason, Status};
use crate::db::leads::{Lead, LeadCall, Note};
use crate::http::api::example::{self, Example, ids};

use super::merge::LeadMerge;
use super::notes::NoteWrite;
use super::{LeadDetail, LeadWrite};

const OTHER: &str = "lead_0199c9a41c0a7d3e8f00112233445510";
const NOTE: &str = "note_0199c9a41c0a7d3e8f00112233445511";

fn metadata() -> Map<String, Value> {
    [("source".to_owned(), json!("inbound")), ("crm".to_owned(), json!("C-17"))].into_iter().collect()
}

impl Example for Lead {
    fn example() -> Lead {
        Lead {
            id: ids::LEAD.into(),
            tenant_id: ids::TENANT.into(),
            campaign_id: Some(ids::CAMPAIGN.into()),
            phone_number: "+15551234567".to_owned(),
            name: "Ada Lovelace".to_owned(),
            status: "missed".to_owned(),
            attempts: 1,
            last_call_at: example::at(0),
            last_call_id: ids::CALL.into(),
            metadata: metadata(),
            merged_into: None,
            erased_at: None,
            revision: 3,
            created_at: example::at(0),
            updated_at: example::at(60),
        }
    }
}

impl Example for Note {
    fn example() -> Note {
        Note {
            id: NOTE.into(),
            tenant_id: ids::TENANT.into(),
            lead_id: ids::LEAD.into(),
            body: "Asked about opening hours; prefers mornings.".to_owned(),
            author: "Grace".to_owned(),
            created_at: example::at(120),
        }
    }
}

impl Example for LeadDetail {
    fn example() -> LeadDetail {
        let call = LeadCall {
            id: ids::CALL.into(),
            campaign_id: Some(ids::CAMPAIGN.into()),
            to_number: Some("+15557654321".to_owned()),
            agent_name: Some("telephony-agent".to_owned()),
            status: Status::Missed,
            end_reason: Some(EndReason::CallerGaveUp),
            rang_at: example::at(0),
            answered_at: None,
            ended_at: Some(example::at(9)),
            duration: Some(0),
        };
        LeadDetail {
            lead: Lead::example(),
            notes: vec![Note::example()],
            open_tasks: vec![Example::example()],
            calls: vec![call],
        }
    }
}

impl Example for LeadWrite {
    fn example() -> LeadWrite {
        LeadWrite { name: "Ada Lovelace".to_owned(), status: "qualified".to_owned(), metadata: metadata() }
    }
}

impl Example for NoteWrite {
    fn example() -> NoteWrite {
        NoteWrite { body: Note::example().body }
    }
}

impl Example for LeadMerge {
    fn example() -> LeadMerge {
        LeadMerge { from_id: OTHER.into() }
    }
}
