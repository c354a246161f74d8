//! Trunks of tenants.

use crate::clock::Timestamp;
use crate::ids::{TenantId, TrunkId};

use super::{Result, Row, Tx};

/// A platform's trunk of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Trunk {
    pub id: TrunkId,
    pub tenant: TenantId,
    pub project: String,
    pub name: String,
    pub twilio: Option<String>,
    pub livekit: Option<String>,
    pub active: bool,
    pub archived: bool,
}

/// A tenant's trunks, archived ones too.
pub fn trunks(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Trunk>> {
    let sql = "select id, tenant_id, project, name, twilio_trunk_sid, livekit_trunk_id, active,
                   archived_at is not null as archived
               from platform_trunks where tenant_id = $1";
    tx.all(sql, &[tenant], trunk)
}

/// The trunk with this id, even if it is archived.
pub fn trunk_by_id(tx: &mut Tx<'_>, id: &TrunkId) -> Result<Option<Trunk>> {
    let sql = "select id, tenant_id, project, name, twilio_trunk_sid, livekit_trunk_id, active,
                   archived_at is not null as archived
               from platform_trunks where id = $1";
    tx.first(sql, &[id], trunk)
}

pub(in crate::db) fn trunk(row: &Row<'_>) -> Result<Trunk> {
    Ok(Trunk {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        project: row.get("project")?,
        name: row.get("name")?,
        twilio: row.get("twilio_trunk_sid")?,
        livekit: row.get("livekit_trunk_id")?,
        active: row.get("active")?,
        archived: row.get("archived")?,
    })
}

/// Inserts a trunk or overwrites it.
pub fn save_trunk(tx: &mut Tx<'_>, trunk: &Trunk, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into platform_trunks (id, tenant_id, project, name, twilio_trunk_sid, livekit_trunk_id, active,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (id) do update set project = excluded.project, name = excluded.name,
             twilio_trunk_sid = excluded.twilio_trunk_sid, livekit_trunk_id = excluded.livekit_trunk_id,
             active = excluded.active, updated_at = excluded.updated_at,
             revision = platform_trunks.revision + 1, archived_at = null",
        &[
            &trunk.id,
            &trunk.tenant,
            &trunk.project,
            &trunk.name,
            &trunk.twilio,
            &trunk.livekit,
            &trunk.active,
            &now,
        ],
    )?;
    Ok(())
}
