//! Leads: one record per caller of a campaign, or of the tenant where there is no campaign.

mod list;
mod merge;
mod notes;

pub use list::{Filter, Search, list, page};
pub use merge::{merge, two_for_update};
pub use notes::{Note, add_note, note, notes};

use schemars::JsonSchema;
use serde::Serialize;

use crate::call::decide::Decision;
use crate::call::{Call, EndReason, Status};
use crate::clock::Timestamp;
use crate::ids::{CallId, CampaignId, LeadId, TenantId};

use super::{Json, Result, Row, Sql, Tx};

/// What stands in the place of what was erased.
pub const ERASED: &str = "erased";

/// A caller's record.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Its id, `lead_…`.
    pub id: LeadId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The campaign that was called; null where the number had none.
    pub campaign_id: Option<CampaignId>,
    /// The caller's number in E.164; `erased` once it was erased.
    pub phone_number: String,
    /// `Inbound Caller +1…` until somebody gives it another.
    pub name: String,
    /// `calling`, `completed` or `missed` by the newest call, or a word of your own until the next ring.
    pub status: String,
    /// How many times the caller rang.
    pub attempts: i64,
    /// When the newest call rang.
    pub last_call_at: Timestamp,
    /// The newest call.
    pub last_call_id: CallId,
    /// Whatever you keep with it. `source` is `inbound`.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The lead that this one was merged into: it is gone from lists, and its caller's rings go there.
    pub merged_into: Option<LeadId>,
    /// When everything personal was erased from it.
    pub erased_at: Option<Timestamp>,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Lead {
    fn from_row(row: &Row<'_>) -> Result<Lead> {
        let erased_at: Option<Timestamp> = row.get("erased_at")?;
        // The column is unique, so it has an id where the number was.
        let phone_number = if erased_at.is_some() { ERASED.to_owned() } else { row.get("phone_number")? };
        Ok(Lead {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            campaign_id: row.get("campaign_id")?,
            phone_number,
            name: row.get("name")?,
            status: row.get("status")?,
            attempts: row.get("attempts")?,
            last_call_at: row.get("last_call_at")?,
            last_call_id: row.get("last_call_id")?,
            metadata: row.get::<Json<_>>("metadata")?.0,
            merged_into: row.get("merged_into")?,
            erased_at,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// The caller's lead for this call, made on the first ring; each ring adds an attempt. None for a call that no
/// lead is kept of: refused, or from a withheld number. A lead that was merged lets its target have the ring.
pub fn touch(
    tx: &mut Tx<'_>,
    call: &Call,
    decision: &Decision,
    now: Timestamp,
) -> Result<Option<(LeadId, i64)>> {
    let (Some(tenant), Some(caller)) = (&decision.tenant, &decision.caller) else { return Ok(None) };
    let scope: &str = decision.campaign.as_ref().map_or(tenant, |campaign| campaign);
    let touched = tx.first(
        "insert into leads (id, tenant_id, campaign_id, scope, phone_number, name, status, attempts, last_call_at,
             last_call_id, metadata, revision, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, 'calling', 1, $7, $8, '{\"source\":\"inbound\"}', 1, $9, $9)
         on conflict (scope, phone_number) do update set attempts = leads.attempts + 1,
             status = case when excluded.last_call_at >= leads.last_call_at then 'calling' else leads.status end,
             last_call_id = case when excluded.last_call_at >= leads.last_call_at then excluded.last_call_id
                 else leads.last_call_id end,
             last_call_at = case when excluded.last_call_at >= leads.last_call_at then excluded.last_call_at
                 else leads.last_call_at end,
             revision = leads.revision + 1, updated_at = excluded.updated_at
         returning id, revision, merged_into",
        &[
            &LeadId::new(now),
            tenant,
            &decision.campaign,
            &scope,
            &caller.as_str(),
            &format!("Inbound Caller {caller}"),
            &call.outcome.rang_at,
            &call.id,
            &now,
        ],
        |row| Ok((row.get("id")?, row.get("revision")?, row.get::<Option<LeadId>>("merged_into")?)),
    )?;
    match touched {
        Some((_, _, Some(target))) => touch_target(tx, &target, call, now),
        Some((id, revision, None)) => Ok(Some((id, revision))),
        None => Ok(None),
    }
}

fn touch_target(
    tx: &mut Tx<'_>,
    target: &LeadId,
    call: &Call,
    now: Timestamp,
) -> Result<Option<(LeadId, i64)>> {
    tx.first(
        "update leads set attempts = attempts + 1,
             status = case when $1 >= last_call_at then 'calling' else status end,
             last_call_id = case when $1 >= last_call_at then $2 else last_call_id end,
             last_call_at = case when $1 >= last_call_at then $1 else last_call_at end,
             revision = revision + 1, updated_at = $3
         where id = $4 returning id, revision",
        &[&call.outcome.rang_at, &call.id, &now, target],
        |row| Ok((row.get("id")?, row.get("revision")?)),
    )
}

/// The end of the caller's newest call: `completed` or `missed`. Older calls change nothing.
pub fn finish(
    tx: &mut Tx<'_>,
    lead: &LeadId,
    call: &CallId,
    status: &str,
    now: Timestamp,
) -> Result<Option<i64>> {
    tx.first(
        "update leads set status = $1, revision = revision + 1, updated_at = $2
         where id = $3 and last_call_id = $4 and status <> $1 returning revision",
        &[&status, &now, lead, call],
        |row| row.get("revision"),
    )
}

/// The leads with these ids.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<Lead>> {
    let sql = Sql {
        sqlite: "select * from leads where id in (select value from json_each($1))",
        postgres: "select * from leads where id in
                       (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))",
    };
    tx.all(sql, &[&Json(ids)], Lead::from_row)
}

/// The lead with this id.
pub fn by_id(tx: &mut Tx<'_>, id: &LeadId) -> Result<Option<Lead>> {
    of(tx, None, id)
}

/// The lead with this id; of this tenant, if one is given.
pub fn of(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &LeadId) -> Result<Option<Lead>> {
    tx.first(
        "select * from leads where id = $1 and (cast($2 as text) is null or tenant_id = $2)",
        &[id, &scope],
        Lead::from_row,
    )
}

/// The same, and nobody else changes it until this transaction ends.
pub fn for_update(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &LeadId) -> Result<Option<Lead>> {
    let sql = Sql {
        sqlite: "select * from leads where id = $1 and (cast($2 as text) is null or tenant_id = $2)",
        postgres: "select * from leads where id = $1 and (cast($2 as text) is null or tenant_id = $2) for update",
    };
    tx.first(sql, &[id, &scope], Lead::from_row)
}

/// Keeps what people change of a lead, as a new revision.
pub fn save(tx: &mut Tx<'_>, lead: &Lead, now: Timestamp) -> Result<Option<Lead>> {
    tx.first(
        "update leads set name = $1, status = $2, metadata = $3, revision = revision + 1, updated_at = $4
         where id = $5 returning *",
        &[&lead.name, &lead.status, &Json(&lead.metadata), &now, &lead.id],
        Lead::from_row,
    )
}

/// A call in short, as its lead lists it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadCall {
    /// Its id, `call_…`.
    pub id: CallId,
    /// The campaign that was called.
    pub campaign_id: Option<CampaignId>,
    /// The number that was dialled.
    pub to_number: Option<String>,
    /// Who was to answer.
    pub agent_name: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// When it rang.
    pub rang_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whole seconds from answer to end; null while it is open.
    pub duration: Option<i64>,
}

impl LeadCall {
    fn from_row(row: &Row<'_>) -> Result<LeadCall> {
        Ok(LeadCall {
            id: row.get("id")?,
            campaign_id: row.get("campaign_id")?,
            to_number: row.get("called")?,
            agent_name: row.get("agent")?,
            status: row.get("status")?,
            end_reason: row.get("end_reason")?,
            rang_at: row.get("rang_at")?,
            answered_at: row.get("answered_at")?,
            ended_at: row.get("ended_at")?,
            duration: row.get("duration")?,
        })
    }
}

macro_rules! calls {
    ($which:literal) => {
        concat!(
            "select * from (select id, campaign_id, called, agent, status, end_reason, rang_at, answered_at, ended_at,
                 duration from calls where ",
            $which,
            " order by rang_at desc, id desc limit $3) as part"
        )
    };
}

/// The newest calls of a lead. Those that are over and those that are open are found by different indexes.
pub fn calls(tx: &mut Tx<'_>, lead: &Lead, limit: i64) -> Result<Vec<LeadCall>> {
    tx.all(
        concat!(
            calls!("lead_id = $1 and ended_at is not null and tenant_id = $2"),
            " union all ",
            calls!("tenant_id = $2 and lead_id = $1 and ended_at is null"),
            " order by rang_at desc, id desc limit $3"
        ),
        &[&lead.id, &lead.tenant_id, &limit],
        LeadCall::from_row,
    )
}
