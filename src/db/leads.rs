//! Leads: one record per caller of a campaign, or of the tenant where there is no campaign.

use serde::Serialize;

use crate::call::Call;
use crate::call::decide::Decision;
use crate::clock::Timestamp;
use crate::ids::{CallId, CampaignId, LeadId, TenantId};

use super::{Json, Result, Row, Sql, Tx};

/// A caller's record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the field names are the user's own and say what they hold")]
pub struct Lead {
    pub id: LeadId,
    pub tenant_id: TenantId,
    pub campaign_id: Option<CampaignId>,
    pub phone_number: String,
    pub name: String,
    pub status: String,
    pub attempts: i64,
    pub last_call_at: Timestamp,
    pub last_call_id: CallId,
    pub metadata: serde_json::Value,
    pub revision: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Lead {
    fn from_row(row: &Row<'_>) -> Result<Lead> {
        Ok(Lead {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            campaign_id: row.get("campaign_id")?,
            phone_number: row.get("phone_number")?,
            name: row.get("name")?,
            status: row.get("status")?,
            attempts: row.get("attempts")?,
            last_call_at: row.get("last_call_at")?,
            last_call_id: row.get("last_call_id")?,
            metadata: row.get::<Json<_>>("metadata")?.0,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// The caller's lead for this call, made on the first ring; each ring adds an attempt. None for a call that no
/// lead is kept of: refused, or from a withheld number.
pub fn touch(
    tx: &mut Tx<'_>,
    call: &Call,
    decision: &Decision,
    now: Timestamp,
) -> Result<Option<(LeadId, i64)>> {
    let (Some(tenant), Some(caller)) = (&decision.tenant, &decision.caller) else { return Ok(None) };
    let scope: &str = decision.campaign.as_ref().map_or(tenant, |campaign| campaign);
    tx.first(
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
         returning id, revision",
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

/// The lead with this id.
pub fn by_id(tx: &mut Tx<'_>, id: &LeadId) -> Result<Option<Lead>> {
    tx.first("select * from leads where id = $1", &[id], Lead::from_row)
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

/// Leads, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    number: Option<&str>,
    status: Option<&str>,
    limit: i64,
) -> Result<Vec<Lead>> {
    tx.all(
        "select * from leads where (cast($1 as text) is null or tenant_id = $1)
         and (cast($2 as text) is null or phone_number = $2) and (cast($3 as text) is null or status = $3)
         order by last_call_at desc, id desc limit $4",
        &[&tenant, &number, &status, &limit],
        Lead::from_row,
    )
}
