//! Campaigns of tenants.

use crate::clock::Timestamp;
use crate::ids::{AgentId, CampaignId, TenantId};
use crate::tenancy::CampaignStatus;

use super::{Result, Row, Tx};

/// A campaign of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Campaign {
    pub id: CampaignId,
    pub tenant: TenantId,
    pub name: String,
    pub status: CampaignStatus,
    pub agent: Option<AgentId>,
    pub fallback_agent: Option<AgentId>,
    pub sip_trunk: Option<String>,
    pub max_concurrent: Option<i64>,
    pub archived: bool,
}

/// A tenant's campaigns, archived ones too.
pub fn campaigns(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Campaign>> {
    let sql = "select id, tenant_id, name, status, agent_id, fallback_agent_id, sip_trunk_id, max_concurrent,
                   archived_at is not null as archived
               from campaigns where tenant_id = $1";
    tx.all(sql, &[tenant], campaign)
}

pub(in crate::db) fn campaign(row: &Row<'_>) -> Result<Campaign> {
    Ok(Campaign {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        name: row.get("name")?,
        status: row.get("status")?,
        agent: row.get("agent_id")?,
        fallback_agent: row.get("fallback_agent_id")?,
        sip_trunk: row.get("sip_trunk_id")?,
        max_concurrent: row.get("max_concurrent")?,
        archived: row.get("archived")?,
    })
}

/// Inserts a campaign or overwrites it.
pub fn save_campaign(tx: &mut Tx<'_>, campaign: &Campaign, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into campaigns (id, tenant_id, name, status, agent_id, fallback_agent_id, sip_trunk_id,
             max_concurrent, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
         on conflict (id) do update set name = excluded.name, status = excluded.status,
             agent_id = excluded.agent_id, fallback_agent_id = excluded.fallback_agent_id,
             sip_trunk_id = excluded.sip_trunk_id, max_concurrent = excluded.max_concurrent, updated_at = excluded.updated_at,
             revision = campaigns.revision + 1, archived_at = null",
        &[
            &campaign.id,
            &campaign.tenant,
            &campaign.name,
            &campaign.status,
            &campaign.agent,
            &campaign.fallback_agent,
            &campaign.sip_trunk,
            &campaign.max_concurrent,
            &now,
        ],
    )?;
    Ok(())
}
