//! Agents as the API reads them.

use crate::db::configuration::{Agent, agent};
use crate::db::{Result, Row, Tx};
use crate::ids::{AgentId, TenantId};

use super::{Part, Stored, stored};

macro_rules! columns {
    () => {
        "select id, tenant_id, name, active, archived_at is not null as archived, revision, created_at, updated_at
         from agents where archived_at is null "
    };
}

/// The agent with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &AgentId) -> Result<Option<Stored<Agent>>> {
    tx.first(
        concat!(columns!(), "and id = $1 and (cast($2 as text) is null or tenant_id = $2)"),
        &[id, &scope],
        read,
    )
}

/// The tenant's agent of this name.
pub fn by_name(tx: &mut Tx<'_>, tenant: &TenantId, name: &str) -> Result<Option<Stored<Agent>>> {
    tx.first(concat!(columns!(), "and tenant_id = $1 and name = $2"), &[tenant, &name], read)
}

/// What a tenant's agents are called.
pub fn all_names(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<String>> {
    let sql = "select name from agents where tenant_id = $1 and archived_at is null";
    tx.all(sql, &[tenant], |row| row.get("name"))
}

/// Agents, newest first.
pub fn list(tx: &mut Tx<'_>, part: &Part, name: Option<&str>) -> Result<Vec<Stored<Agent>>> {
    let (at, id) = part.after();
    tx.all(
        concat!(
            columns!(),
            "and (cast($1 as text) is null or tenant_id = $1) and (cast($2 as text) is null or name = $2)
             and (created_at, id) < ($3, $4)
             order by created_at desc, id desc limit $5"
        ),
        &[&part.tenant, &name, &at, &id, &part.limit],
        read,
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

fn read(row: &Row<'_>) -> Result<Stored<Agent>> {
    stored(row, agent)
}
