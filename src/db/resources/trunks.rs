//! Trunks as the API reads them.

use crate::call::fact::Ring;
use crate::db::configuration::{Trunk, trunk};
use crate::db::{Json, Result, Row, Tx};
use crate::ids::{TenantId, TrunkId};

use super::{Part, Stored, stored};

macro_rules! columns {
    () => {
        "select id, tenant_id, project, name, twilio_trunk_sid, livekit_trunk_id, active,
             archived_at is not null as archived, revision, created_at, updated_at
         from platform_trunks where archived_at is null "
    };
}

/// The trunk with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &TrunkId) -> Result<Option<Stored<Trunk>>> {
    tx.first(
        concat!(columns!(), "and id = $1 and (cast($2 as text) is null or tenant_id = $2)"),
        &[id, &scope],
        read,
    )
}

/// The tenant's trunk of this name.
pub fn by_name(tx: &mut Tx<'_>, tenant: &TenantId, name: &str) -> Result<Option<TrunkId>> {
    let sql = "select id from platform_trunks where tenant_id = $1 and name = $2 and archived_at is null";
    tx.first(sql, &[tenant, &name], |row| row.get("id"))
}

/// Trunks, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    part: &Part,
    name: Option<&str>,
    project: Option<&str>,
) -> Result<Vec<Stored<Trunk>>> {
    let (at, id) = part.after();
    tx.all(
        concat!(
            columns!(),
            "and (cast($1 as text) is null or tenant_id = $1) and (cast($2 as text) is null or name = $2)
             and (cast($3 as text) is null or project = $3)
             and (created_at, id) < ($4, $5)
             order by created_at desc, id desc limit $6"
        ),
        &[&part.tenant, &name, &project, &at, &id, &part.limit],
        read,
    )
}

/// The tenant's open calls that came over a trunk.
pub fn open_calls(tx: &mut Tx<'_>, trunk: &Trunk) -> Result<i64> {
    let Some(livekit) = &trunk.livekit else { return Ok(0) };
    let sql = "select ring from calls where tenant_id = $1 and project = $2 and ended_at is null";
    let rings = tx.all(sql, &[&trunk.tenant, &trunk.project], |row| Ok(row.get::<Json<Ring>>("ring")?.0))?;
    let over_it = rings.iter().filter(|ring| ring.trunk.as_ref() == Some(livekit)).count();
    Ok(i64::try_from(over_it).unwrap_or(i64::MAX))
}

fn read(row: &Row<'_>) -> Result<Stored<Trunk>> {
    stored(row, trunk)
}
