//! Tenants.

use crate::clock::Timestamp;
use crate::ids::{AgentId, TenantId};

use super::{Result, Row, Tx};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub active: bool,
    pub region: String,
    pub time_zone: String,
    pub default_agent: Option<AgentId>,
    pub max_concurrent: Option<i64>,
    pub archived: bool,
}

/// Whether there is a tenant with this id that is not archived.
pub fn is_tenant(tx: &mut Tx<'_>, id: &TenantId) -> Result<bool> {
    let sql = "select 1 as one from tenants where id = $1 and archived_at is null";
    Ok(tx.first(sql, &[id], |_| Ok(()))?.is_some())
}

/// Every tenant, archived ones too.
pub fn tenants(tx: &mut Tx<'_>) -> Result<Vec<Tenant>> {
    let sql = "select id, name, active, region, time_zone, default_agent_id, max_concurrent,
                   archived_at is not null as archived
               from tenants";
    tx.all(sql, &[], tenant)
}

pub(in crate::db) fn tenant(row: &Row<'_>) -> Result<Tenant> {
    Ok(Tenant {
        id: row.get("id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        region: row.get("region")?,
        time_zone: row.get("time_zone")?,
        default_agent: row.get("default_agent_id")?,
        max_concurrent: row.get("max_concurrent")?,
        archived: row.get("archived")?,
    })
}

/// Inserts a tenant or overwrites it.
pub fn save_tenant(tx: &mut Tx<'_>, tenant: &Tenant, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into tenants (id, name, active, region, time_zone, default_agent_id, max_concurrent,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (id) do update set name = excluded.name, active = excluded.active,
             region = excluded.region, time_zone = excluded.time_zone,
             default_agent_id = excluded.default_agent_id, max_concurrent = excluded.max_concurrent,
             updated_at = excluded.updated_at, revision = tenants.revision + 1, archived_at = null",
        &[
            &tenant.id,
            &tenant.name,
            &tenant.active,
            &tenant.region,
            &tenant.time_zone,
            &tenant.default_agent,
            &tenant.max_concurrent,
            &now,
        ],
    )?;
    Ok(())
}
