//! Two leads become one: the calls, notes and tasks of one go to the other, and its number's rings too.

use crate::clock::Timestamp;
use crate::db::Error;
use crate::db::changes::{self, Kind};
use crate::events;
use crate::ids::{LeadId, TenantId};

use super::{Json, Lead, Result, Sql, Tx};

/// Two leads, which nobody else changes until this transaction ends; those of them that are there. The calls of the
/// second are held too, and before the leads, in the order in which hearing does it.
pub fn two_for_update(
    tx: &mut Tx<'_>,
    scope: Option<&TenantId>,
    target: &LeadId,
    source: &LeadId,
) -> Result<(Option<Lead>, Option<Lead>)> {
    let Some(Lead { tenant_id, .. }) = super::of(tx, scope, source)? else {
        return Ok((super::of(tx, scope, target)?, None));
    };
    if tx.engine() == crate::db::Engine::Postgres {
        tx.execute(
            "select id from calls where lead_id = $1 and ended_at is not null order by id for update",
            &[source],
        )?;
        tx.execute(
            "select id from calls where tenant_id = $1 and lead_id = $2 and ended_at is null order by id for update",
            &[&tenant_id, source],
        )?;
        // Before what they were merged into, as a ring of theirs does.
        tx.execute("select id from leads where merged_into = $1 order by id for update", &[source])?;
    }
    let sql = Sql {
        sqlite: "select * from leads where id in ($1, $2) and (cast($3 as text) is null or tenant_id = $3)
                 order by id",
        postgres: "select * from leads where id in ($1, $2) and (cast($3 as text) is null or tenant_id = $3)
                   order by id for update",
    };
    let mut found = tx.all(sql, &[target, source, &scope], Lead::from_row)?;
    let mut take = |id: &LeadId| found.iter().position(|lead| lead.id == *id).map(|at| found.remove(at));
    Ok((take(target), take(source)))
}

/// Merges `source` into `target`, both of one tenant and held: calls, notes and tasks move, attempts add up, the newer
/// call is the last one, and what both know in their metadata is as the target has it. All that changes is noted.
/// Both as they are now.
pub fn merge(tx: &mut Tx<'_>, target: &Lead, source: &Lead, now: Timestamp) -> Result<(Lead, Lead)> {
    let tenant = &target.tenant_id;
    move_calls(tx, target, source, now)?;
    tx.execute("update lead_notes set lead_id = $1 where lead_id = $2", &[&target.id, &source.id])?;
    move_tasks(tx, target, source, now)?;
    let moved = tx.all(
        "update leads set merged_into = $1, revision = revision + 1, updated_at = $2 where merged_into = $3
         returning id, revision",
        &[&target.id, &now, &source.id],
        |row| Ok((row.get("id")?, row.get("revision")?)),
    )?;
    changes::note_many(tx, Kind::Lead, Some(tenant), &moved, now)?;
    let source = tx.first(
        "update leads set merged_into = $1, revision = revision + 1, updated_at = $2 where id = $3 returning *",
        &[&target.id, &now, &source.id],
        Lead::from_row,
    )?;
    let source = source.ok_or_else(gone)?;
    let target = joined(tx, target, &source, now)?;
    for lead in [&target, &source] {
        changes::note(tx, Kind::Lead, Some(tenant), (&lead.id, lead.revision, events::LEAD_UPDATED), now)?;
    }
    Ok((target, source))
}

fn joined(tx: &mut Tx<'_>, target: &Lead, source: &Lead, now: Timestamp) -> Result<Lead> {
    let newer = if source.last_call_at > target.last_call_at { source } else { target };
    let mut metadata = source.metadata.clone();
    metadata.extend(target.metadata.clone());
    let joined = tx.first(
        "update leads set attempts = attempts + $1, status = $2, last_call_at = $3, last_call_id = $4, metadata = $5,
             revision = revision + 1, updated_at = $6
         where id = $7 returning *",
        &[
            &source.attempts,
            &newer.status,
            &newer.last_call_at,
            &newer.last_call_id,
            &Json(&metadata),
            &now,
            &target.id,
        ],
        Lead::from_row,
    )?;
    joined.ok_or_else(gone)
}

fn gone() -> Error {
    Error::Unexpected("a lead that was held is gone".to_owned())
}

/// The calls show whose they are, so that it is a new revision of each.
fn move_calls(tx: &mut Tx<'_>, target: &Lead, source: &Lead, now: Timestamp) -> Result<()> {
    let over = "update calls set lead_id = $1, revision = revision + 1, updated_at = $2
                where lead_id = $3 and tenant_id = $4 and ended_at is not null returning id, revision";
    let open = "update calls set lead_id = $1, revision = revision + 1, updated_at = $2
                where lead_id = $3 and tenant_id = $4 and ended_at is null returning id, revision";
    for sql in [over, open] {
        let moved = tx.all(sql, &[&target.id, &now, &source.id, &source.tenant_id], |row| {
            Ok((row.get("id")?, row.get("revision")?))
        })?;
        changes::note_many(tx, Kind::Call, Some(&target.tenant_id), &moved, now)?;
    }
    Ok(())
}

/// Whoever is to be called back is called back once.
fn move_tasks(tx: &mut Tx<'_>, target: &Lead, source: &Lead, now: Timestamp) -> Result<()> {
    tx.execute(
        "update tasks set status = 'done', done_at = $1, snoozed_until = null, updated_at = $1
         where lead_id = $2 and kind = 'call_back' and status <> 'done' and exists (select 1 from tasks as kept
             where kept.lead_id = $3 and kept.kind = 'call_back' and kept.status <> 'done')",
        &[&now, &source.id, &target.id],
    )?;
    let moved = tx.all(
        "update tasks set lead_id = $1, revision = revision + 1, updated_at = $2 where lead_id = $3
         returning id, revision",
        &[&target.id, &now, &source.id],
        |row| Ok((row.get("id")?, row.get("revision")?)),
    )?;
    changes::note_many(tx, Kind::Task, Some(&target.tenant_id), &moved, now)
}
