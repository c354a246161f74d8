//! Blanks what is the caller's own: their calls, and last their leads, by which all else was found.

use crate::clock::Timestamp;
use crate::db::changes::{self, Kind};
use crate::db::leads::ERASED;
use crate::db::{Error, Json, Result, Sql, Tx};
use crate::erase::texts;
use crate::events;
use crate::hear::ATTEND;
use crate::ids::{self, CallId, LeadId, TaskId};

use super::{Counts, Scope, find};

/// Some of the caller's calls that are over and not blanked yet.
pub fn calls(tx: &mut Tx<'_>, scope: &Scope, limit: i64) -> Result<Vec<CallId>> {
    for number in &scope.group.numbers {
        let found = tx.all(
            "select id from calls where caller = $1 and tenant_id = $2 and ended_at is not null
             order by rang_at, id limit $3",
            &[&number.as_str(), &scope.tenant, &limit],
            |row| row.get("id"),
        )?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Blanks a call with all that hangs on it. Its structure, times and end stay.
pub fn call(tx: &mut Tx<'_>, scope: &Scope, id: &CallId, now: Timestamp) -> Result<Counts> {
    let mut counts = Counts::default();
    let read = Sql {
        sqlite: "select call_sid, room_name, ring, evidence, decision, attendance from calls
                 where id = $1 and tenant_id = $2 and ended_at is not null",
        postgres: "select call_sid, room_name, ring, evidence, decision, attendance from calls
                   where id = $1 and tenant_id = $2 and ended_at is not null for update",
    };
    let texts = ["call_sid", "room_name", "ring", "evidence", "decision", "attendance"];
    let found = tx.first(read, &[id, &scope.tenant], |row| {
        texts.iter().map(|column| row.get::<Option<String>>(column)).collect::<Result<Vec<_>>>()
    })?;
    let Some(found) = found else { return Ok(counts) };
    let [sid, room, ring, evidence, decision, attendance] = found.as_slice() else { return Ok(counts) };
    let needles = &scope.needles;
    let plain = |text: &Option<String>| {
        text.as_ref().map(|text| needles.taken_from(text).unwrap_or_else(|| text.clone()))
    };
    let (mut ring, mut evidence) = (json(ring.as_deref())?, json(evidence.as_deref())?);
    texts::ring(needles, &mut ring);
    texts::evidence(needles, &mut evidence);
    let attendance =
        attendance.as_ref().map(|text| needles.taken_from_json(text).unwrap_or_else(|| text.clone()));
    let revision = tx.first(
        "update calls set caller = $1, call_sid = $2, room_name = $3, ring = $4, evidence = $5, decision = $6,
             attendance = $7, note = null, tags = null, outcome = null, analysis = null, erased_at = $8,
             updated_at = $8, revision = revision + 1
         where id = $9 returning revision",
        &[
            &ERASED,
            &plain(sid),
            &plain(room),
            &Json(ring),
            &Json(evidence),
            &decision.as_deref().map(|text| texts::decision(needles, text)),
            &attendance,
            &now,
            id,
        ],
        |row| row.get("revision"),
    )?;
    counts.calls += 1;
    tx.execute("delete from call_tags where call_id = $1", &[id])?;
    tx.execute("delete from jobs where kind = $1 and subject = $2", &[&ATTEND, id])?;
    counts.facts += facts(tx, scope, id)?;
    about(tx, scope, id, now, &mut counts)?;
    changes::note(tx, Kind::Call, Some(&scope.tenant), (id, revision.unwrap_or_default()), now)?;
    Ok(counts)
}

fn json(text: Option<&str>) -> Result<serde_json::Value> {
    serde_json::from_str(text.unwrap_or_default())
        .map_err(|_| Error::Unexpected("calls holds text that is no JSON".to_owned()))
}

/// Blanks the webhooks that came in about a call. They keep their ids, so that a repeat is known as one.
fn facts(tx: &mut Tx<'_>, scope: &Scope, call: &CallId) -> Result<i64> {
    let names = tx.all("select project, id from facts where call_id = $1", &[call], |row| {
        Ok((row.get::<String>("project")?, row.get::<String>("id")?))
    })?;
    let blanked = tx.execute(
        "update facts set body = $1, said = null where call_id = $2 and (body <> $1 or said is not null)",
        &[&texts::FACT, call],
    )?;
    for (project, id) in names {
        rename_fact(tx, scope, &project, &id)?;
    }
    Ok(i64::try_from(blanked).unwrap_or(i64::MAX))
}

/// What an asker or a simplified event tells is known by the names that they chose.
pub(super) fn rename_fact(tx: &mut Tx<'_>, scope: &Scope, project: &str, id: &str) -> Result<bool> {
    if scope.needles.taken_from(id).is_none() {
        return Ok(false);
    }
    let renamed = tx.execute(
        "update facts set id = $1 where project = $2 and id = $3",
        &[&ids::new("erased", Timestamp::EPOCH), &project, &id],
    )?;
    Ok(renamed > 0)
}

/// Blanks what the audit and outgoing webhooks have of a thing that is the caller's.
fn about(tx: &mut Tx<'_>, scope: &Scope, subject: &str, now: Timestamp, counts: &mut Counts) -> Result<()> {
    let entries = tx.all(
        "select id, erased_at from audit where subject_id = $1 and tenant_id = $2
         and (before is not null or after is not null or erased_at is null)",
        &[&subject, &scope.tenant],
        |row| Ok((row.get::<String>("id")?, row.get::<Option<Timestamp>>("erased_at")?)),
    )?;
    for (id, erased_at) in entries {
        tx.execute(
            "update audit set before = null, after = null, erased_at = $1 where id = $2",
            &[&now, &id],
        )?;
        counts.audit_entries += i64::from(erased_at.is_none());
    }
    let events = tx.all(
        "select id, type, body, erased_at from webhook_events where subject_id = $1 and tenant_id = $2",
        &[&subject, &scope.tenant],
        |row| {
            let texts: [String; 3] = [row.get("id")?, row.get("type")?, row.get("body")?];
            Ok((texts, row.get::<Option<Timestamp>>("erased_at")?))
        },
    )?;
    for ([id, kind, body], erased_at) in events {
        tx.execute(
            "update webhook_events set body = $1, erased_at = $2 where id = $3",
            &[&texts::event(&scope.needles, &kind, &body), &now, &id],
        )?;
        counts.webhook_events += i64::from(erased_at.is_none());
    }
    Ok(())
}

/// Blanks the caller's leads with their notes and tasks. None where somebody is not as they were found: a call came in
/// meanwhile, or a lead was merged.
pub fn leads(tx: &mut Tx<'_>, scope: &Scope, now: Timestamp) -> Result<Option<Counts>> {
    let mut counts = Counts::default();
    hold(tx, &scope.group.leads)?;
    let Some(number) = scope.group.numbers.first() else { return Ok(Some(counts)) };
    if find::group(tx, &scope.tenant, number)? != scope.group || !calls(tx, scope, 1)?.is_empty() {
        return Ok(None);
    }
    if find::unfinished(tx, scope, now)?.is_some() {
        return Ok(None);
    }
    for id in &scope.group.leads {
        lead(tx, scope, id, now, &mut counts)?;
    }
    Ok(Some(counts))
}

/// Those that were merged before what they were merged into, as their rings do.
fn hold(tx: &mut Tx<'_>, leads: &[LeadId]) -> Result<()> {
    if tx.engine() == crate::db::Engine::Postgres {
        let ids = Json(leads);
        tx.execute(
            "select id from leads where id in (select json_array_elements_text(cast(cast($1 as text) as json)))
             and merged_into is not null order by id for update",
            &[&ids],
        )?;
        tx.execute(
            "select id from leads where id in (select json_array_elements_text(cast(cast($1 as text) as json)))
             and merged_into is null order by id for update",
            &[&ids],
        )?;
    }
    Ok(())
}

/// Blanks the notes and tasks of the caller's leads, which may be many.
pub fn notes_and_tasks(tx: &mut Tx<'_>, scope: &Scope, now: Timestamp) -> Result<Counts> {
    let mut counts = Counts::default();
    for id in &scope.group.leads {
        notes_and_tasks_of(tx, scope, id, now, &mut counts)?;
    }
    Ok(counts)
}

fn notes_and_tasks_of(
    tx: &mut Tx<'_>,
    scope: &Scope,
    id: &LeadId,
    now: Timestamp,
    counts: &mut Counts,
) -> Result<()> {
    let notes =
        tx.execute("update lead_notes set body = $1 where lead_id = $2 and body <> $1", &[&ERASED, id])?;
    counts.notes += i64::try_from(notes).unwrap_or(i64::MAX);
    // Nobody is left about whom anything could be done.
    let tasks = tx.all(
        "update tasks set title = $1, status = 'done', snoozed_until = null, done_at = coalesce(done_at, $2),
             updated_at = $2, revision = revision + 1
         where lead_id = $3 and (title <> $1 or status <> 'done') returning id, revision",
        &[&ERASED, &now, id],
        |row| Ok((row.get::<TaskId>("id")?, row.get::<i64>("revision")?)),
    )?;
    for (task, revision) in tasks {
        counts.tasks += 1;
        about(tx, scope, &task, now, counts)?;
        changes::note(tx, Kind::Task, Some(&scope.tenant), (&task, revision), now)?;
    }
    Ok(())
}

fn lead(tx: &mut Tx<'_>, scope: &Scope, id: &LeadId, now: Timestamp, counts: &mut Counts) -> Result<()> {
    notes_and_tasks_of(tx, scope, id, now, counts)?;
    let revision = tx.first(
        "update leads set phone_number = $1, name = $2, metadata = '{}', erased_at = $3, updated_at = $3,
             revision = revision + 1
         where id = $4 and tenant_id = $5 returning revision",
        &[&format!("{ERASED}:{id}"), &ERASED, &now, id, &scope.tenant],
        |row| row.get("revision"),
    )?;
    let Some(revision) = revision else { return Ok(()) };
    counts.leads += 1;
    about(tx, scope, id, now, counts)?;
    changes::note(tx, Kind::Lead, Some(&scope.tenant), (id, revision, events::LEAD_UPDATED), now)
}
