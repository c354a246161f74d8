//! Agents of tenants.

use crate::clock::Timestamp;
use crate::ids::{AgentId, TenantId};

use super::{Result, Row, Tx};

/// An agent of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Agent {
    pub id: AgentId,
    pub tenant: TenantId,
    pub name: String,
    pub active: bool,
    pub archived: bool,
}

/// A tenant's agents, archived ones too.
pub fn agents(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Agent>> {
    let sql = "select id, tenant_id, name, active, archived_at is not null as archived
               from agents where tenant_id = $1";
    tx.all(sql, &[tenant], agent)
}

pub(in crate::db) fn agent(row: &Row<'_>) -> Result<Agent> {
    Ok(Agent {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        archived: row.get("archived")?,
    })
}

/// Inserts an agent or overwrites it.
pub fn save_agent(tx: &mut Tx<'_>, agent: &Agent, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into agents (id, tenant_id, name, active, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict (id) do update set name = excluded.name, active = excluded.active,
             updated_at = excluded.updated_at, revision = agents.revision + 1, archived_at = null",
        &[&agent.id, &agent.tenant, &agent.name, &agent.active, &now],
    )?;
    Ok(())
}
