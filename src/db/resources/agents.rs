//! Agents as the API reads them.

use crate::db::configuration::Agent;
use crate::db::{Result, Row, Tx};
use crate::ids::{AgentId, TenantId};

use super::{Stored, stored};

macro_rules! columns {
    () => {
        "select id, tenant_id, name, active, revision, created_at, updated_at from agents "
    };
}

/// The agent with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &AgentId) -> Result<Option<Stored<Agent>>> {
    tx.first(
        concat!(
            columns!(),
            "where id = $1 and archived_at is null and (cast($2 as text) is null or tenant_id = $2)"
        ),
        &[id, &scope],
        agent,
    )
}

/// The tenant's agent of this name.
pub fn by_name(tx: &mut Tx<'_>, tenant: &TenantId, name: &str) -> Result<Option<Stored<Agent>>> {
    tx.first(
        concat!(columns!(), "where tenant_id = $1 and name = $2 and archived_at is null"),
        &[tenant, &name],
        agent,
    )
}

/// Agents, newest first; those older than `before`.
pub fn list(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    name: Option<&str>,
    before: Option<&AgentId>,
    limit: i64,
) -> Result<Vec<Stored<Agent>>> {
    tx.all(
        concat!(
            columns!(),
            "where archived_at is null and (cast($1 as text) is null or tenant_id = $1)
             and (cast($2 as text) is null or name = $2) and (cast($3 as text) is null or id < $3)
             order by id desc limit $4"
        ),
        &[&tenant, &name, &before, &limit],
        agent,
    )
}

/// Who still sends calls to an agent, in words.
pub fn named_by(tx: &mut Tx<'_>, agent: &Agent) -> Result<Option<String>> {
    tx.first(
        "select kind, name from (
             select 'the campaign ' as kind, name from campaigns
                 where tenant_id = $1 and archived_at is null and (agent_id = $2 or fallback_agent_id = $2)
             union all
             select 'the tenant ' as kind, name from tenants where id = $1 and default_agent_id = $2
         ) as named limit 1",
        &[&agent.tenant, &agent.id],
        |row| Ok(format!("{}{:?}", row.get::<String>("kind")?, row.get::<String>("name")?)),
    )
}

fn agent(row: &Row<'_>) -> Result<Stored<Agent>> {
    stored(row, |row| {
        Ok(Agent {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            active: row.get("active")?,
            archived: false,
        })
    })
}
