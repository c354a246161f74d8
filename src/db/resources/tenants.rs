//! Tenants as the API reads them.

use crate::db::configuration::{Tenant, tenant};
use crate::db::{Result, Row, Tx};
use crate::ids::TenantId;

use super::{Part, Stored, stored};

/// A tenant with what its agent is called. One that is archived is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The row.
    pub row: Tenant,
    /// The default agent's name.
    pub default_agent: Option<String>,
}

macro_rules! columns {
    () => {
        "select tenants.id, tenants.name, tenants.active, tenants.region, tenants.time_zone,
             agents.id as default_agent_id, agents.name as default_agent, tenants.max_concurrent,
             tenants.archived_at is not null as archived, tenants.revision, tenants.created_at, tenants.updated_at
         from tenants left join agents on agents.id = tenants.default_agent_id and agents.archived_at is null
         where tenants.archived_at is null "
    };
}

/// Whether there is, or was until it was archived, such a tenant.
pub fn is_there(tx: &mut Tx<'_>, id: &TenantId) -> Result<bool> {
    Ok(tx
        .first("select cast(1 as bigint) as one from tenants where id = $1", &[id], |row| {
            row.get::<i64>("one")
        })?
        .is_some())
}

/// The tenant with this id; if one is given, it must be this.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &TenantId) -> Result<Option<Stored<Found>>> {
    tx.first(
        concat!(columns!(), "and tenants.id = $1 and (cast($2 as text) is null or tenants.id = $2)"),
        &[id, &scope],
        read,
    )
}

/// The tenant of this name.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Stored<Found>>> {
    tx.first(concat!(columns!(), "and tenants.name = $1"), &[&name], read)
}

/// Tenants, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    part: &Part,
    name: Option<&str>,
    active: Option<bool>,
) -> Result<Vec<Stored<Found>>> {
    let (at, id) = part.after();
    tx.all(
        concat!(
            columns!(),
            "and (cast($1 as text) is null or tenants.id = $1) and (cast($2 as text) is null or tenants.name = $2)
             and (cast($3 as boolean) is null or tenants.active = $3)
             and (tenants.created_at, tenants.id) < ($4, $5)
             order by tenants.created_at desc, tenants.id desc limit $6"
        ),
        &[&part.tenant, &name, &active, &at, &id, &part.limit],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Stored<Found>> {
    stored(row, |row| Ok(Found { row: tenant(row)?, default_agent: row.get("default_agent")? }))
}
