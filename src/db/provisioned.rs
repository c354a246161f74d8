//! What was set up at Twilio and LiveKit for trunks: a row for each, and one for each of its parts there.

use std::collections::HashMap;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::{TenantId, TrunkId};
use crate::provision::Shown;
use crate::provision::record::{Chosen, Named, Part, PartKind, Record};
use crate::tenancy::record;

use super::resources::trunks;
use super::{Error, Json, Result, Row, Sql, Tx};

/// Rows written by one statement.
const AT_ONCE: usize = 500;

/// What is kept of a trunk, with its parts.
pub fn find(tx: &mut Tx<'_>, trunk: &TrunkId) -> Result<Option<Record>> {
    let Some(mut record) = find_alone(tx, trunk)? else { return Ok(None) };
    let sql = "select kind, id, made, before from provisioned_parts where trunk_id = $1 order by kind, id";
    record.parts = tx.all(sql, &[trunk], part)?;
    Ok(Some(record))
}

/// What is kept of a trunk, without its parts.
fn find_alone(tx: &mut Tx<'_>, trunk: &TrunkId) -> Result<Option<Record>> {
    let sql =
        "select trunk_id, tenant_id, account, marker, options, named_before, applied_at, looked_at, drift
               from provisioned where trunk_id = $1";
    tx.first(sql, &[trunk], kept)
}

fn kept(row: &Row<'_>) -> Result<Record> {
    Ok(Record {
        trunk: row.get("trunk_id")?,
        tenant: row.get("tenant_id")?,
        account: row.get("account")?,
        marker: row.get("marker")?,
        chosen: row.get::<Json<Chosen>>("options")?.0,
        named_before: row.get::<Json<Named>>("named_before")?.0,
        applied_at: row.get("applied_at")?,
        looked_at: row.get("looked_at")?,
        drift: row.get::<Option<Json<_>>>("drift")?.map(|json| json.0),
        parts: Vec::new(),
    })
}

fn part(row: &Row<'_>) -> Result<Part> {
    let word: String = row.get("kind")?;
    let kind = PartKind::parse(&word);
    Ok(Part {
        kind: kind
            .ok_or_else(|| Error::Unexpected(format!("provisioned_parts holds the unknown word {word}")))?,
        id: row.get("id")?,
        made: row.get("made")?,
        before: row.get::<Option<Json<_>>>("before")?.map(|json| json.0),
    })
}

/// The trunks whose set-up came to its end and that were not compared with both sides since this time.
pub fn due(tx: &mut Tx<'_>, since: Timestamp) -> Result<Vec<TrunkId>> {
    let sql = "select provisioned.trunk_id from provisioned
                   join platform_trunks on platform_trunks.id = provisioned.trunk_id
                   join tenants on tenants.id = provisioned.tenant_id
               where applied_at is not null and platform_trunks.archived_at is null and tenants.archived_at is null
                   and coalesce(looked_at, applied_at) <= $1
               order by coalesce(looked_at, applied_at), provisioned.trunk_id";
    tx.all(sql, &[&since], |row| row.get("trunk_id"))
}

/// A trunk, and how it compares with what was set up for it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// It, as the API shows it.
    #[serde(flatten)]
    pub trunk: record::Trunk,
    /// Its revision.
    pub revision: i64,
    /// When it was last compared.
    pub looked_at: Option<Timestamp>,
    /// What differs; none: nothing.
    pub drift: Option<Shown>,
}

/// The trunks with these ids that are set up.
pub fn compared(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<Compared>> {
    let mut all = Vec::new();
    for id in ids.iter().map(|id| TrunkId::from(*id)) {
        let (Some(trunk), Some(kept)) = (trunks::by_id(tx, None, &id)?, find_alone(tx, &id)?) else {
            continue;
        };
        all.push(Compared {
            trunk: record::Trunk::of(&trunk.row),
            revision: trunk.revision,
            looked_at: kept.looked_at,
            drift: kept.drift,
        });
    }
    Ok(all)
}

/// Whether anything is set up at all.
pub fn any(tx: &mut Tx<'_>) -> Result<bool> {
    let found =
        tx.first("select trunk_id from provisioned limit 1", &[], |row| row.get::<TrunkId>("trunk_id"))?;
    Ok(found.is_some())
}

/// The numbers at Twilio, by sid, that trunks of a tenant have taken, and which trunk.
pub fn numbers_of(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<HashMap<String, TrunkId>> {
    let sql = "select provisioned_parts.trunk_id, provisioned_parts.id from provisioned_parts
                   join provisioned on provisioned.trunk_id = provisioned_parts.trunk_id
               where provisioned.tenant_id = $1 and provisioned_parts.kind = $2";
    let kind = PartKind::TwilioNumber.as_str();
    let rows = tx.all(sql, &[tenant, &kind], |row| Ok((row.get("id")?, row.get("trunk_id")?)))?;
    Ok(rows.into_iter().collect())
}

/// Notes that a trunk is being set up, and how. What stood there of marker, account and what was before stays.
pub fn begin(tx: &mut Tx<'_>, record: &Record, now: Timestamp) -> Result<()> {
    let Record { trunk, tenant, account, marker, chosen, named_before, .. } = record;
    tx.execute(
        "insert into provisioned (trunk_id, tenant_id, account, marker, options, named_before, began_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (trunk_id) do update set options = excluded.options",
        &[trunk, tenant, account, marker, &Json(chosen), &Json(named_before), &now],
    )?;
    Ok(())
}

macro_rules! note {
    ($rows:literal) => {
        concat!(
            "insert into provisioned_parts (trunk_id, noted_at, kind, id, made, before)
             select $1, $2, value ->> 0, value ->> 1, cast(value ->> 2 as boolean), value ->> 3
             from ",
            $rows,
            " where true on conflict (trunk_id, kind, id) do nothing"
        )
    };
}

/// Notes parts. What is noted of one already stays: it was before anything was changed.
pub fn note_parts(tx: &mut Tx<'_>, trunk: &TrunkId, parts: &[Part], now: Timestamp) -> Result<()> {
    let sql = Sql {
        sqlite: note!("json_each($3)"),
        postgres: note!("jsonb_array_elements(cast(cast($3 as text) as jsonb)) as each (value)"),
    };
    for some in parts.chunks(AT_ONCE) {
        let rows: Vec<_> = some
            .iter()
            .map(|part| {
                let before = part.before.as_ref().map(ToString::to_string);
                (part.kind.as_str(), &part.id, part.made, before)
            })
            .collect();
        tx.execute(sql, &[trunk, &now, &Json(rows)])?;
    }
    Ok(())
}

/// Forgets a part: it is gone, or what it was again.
pub fn forget_part(tx: &mut Tx<'_>, trunk: &TrunkId, kind: PartKind, id: &str) -> Result<()> {
    let sql = "delete from provisioned_parts where trunk_id = $1 and kind = $2 and id = $3";
    tx.execute(sql, &[trunk, &kind.as_str(), &id])?;
    Ok(())
}

/// Notes that an apply came to its end.
pub fn done(tx: &mut Tx<'_>, trunk: &TrunkId, now: Timestamp) -> Result<()> {
    tx.execute("update provisioned set applied_at = $1 where trunk_id = $2", &[&now, trunk])?;
    Ok(())
}

/// Notes what a comparison with both sides found; none: no difference.
pub fn note_drift(tx: &mut Tx<'_>, trunk: &TrunkId, drift: Option<&Shown>, now: Timestamp) -> Result<()> {
    let sql = "update provisioned set looked_at = $1, drift = $2 where trunk_id = $3";
    tx.execute(sql, &[&now, &drift.map(Json), trunk])?;
    Ok(())
}

/// Notes that it was looked, whatever came of it.
pub fn looked(tx: &mut Tx<'_>, trunk: &TrunkId, now: Timestamp) -> Result<()> {
    tx.execute("update provisioned set looked_at = $1 where trunk_id = $2", &[&now, trunk])?;
    Ok(())
}

/// Forgets a trunk and all its parts.
pub fn forget(tx: &mut Tx<'_>, trunk: &TrunkId) -> Result<()> {
    tx.execute("delete from provisioned_parts where trunk_id = $1", &[trunk])?;
    tx.execute("delete from provisioned where trunk_id = $1", &[trunk])?;
    Ok(())
}
