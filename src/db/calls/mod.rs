//! Calls and the names they go by.

mod annotate;
mod find;
mod list;

use crate::call::decide::Decision;
use crate::call::fact::Keys;
use crate::call::notes::Notes;
use crate::call::{Call, Outcome};
use crate::ids::{CallId, CampaignId, TenantId};

use super::{Json, Result, Row, Sql, Tx};

pub use annotate::{annotate, retime_tags};
#[cfg(test)]
pub(in crate::db) use find::FIND;
pub use find::{alike, beginning, carried, carried_as, find, hold_names, in_room, in_room_named, meant};
#[cfg(test)]
pub(in crate::db) use list::{Begin, text, with_open};
pub use list::{Filter, Place, list};

const KEY_CALL: &str = "call";
const KEY_FULL: &str = "full";
const KEY_PARTICIPANT: &str = "participant";
const KEY_TWILIO: &str = "twilio";

macro_rules! columns {
    () => {
        "id, project, lead_id, status, end_reason, rang_at, answered_at, ended_at, duration, revision, ring, \
         evidence, decision, attendance, note, tags, outcome, analysis, erased_at, created_at, updated_at"
    };
}

impl Call {
    fn from_row(row: &Row<'_>) -> Result<Call> {
        Ok(Call {
            id: row.get("id")?,
            project: row.get("project")?,
            ring: row.get::<Json<_>>("ring")?.0,
            evidence: row.get::<Json<_>>("evidence")?.0,
            decision: row.get::<Option<Json<_>>>("decision")?.map(|json| json.0),
            attendance: row.get::<Json<_>>("attendance")?.0,
            lead: row.get("lead_id")?,
            notes: notes(row)?,
            outcome: Outcome {
                status: row.get("status")?,
                end_reason: row.get("end_reason")?,
                rang_at: row.get("rang_at")?,
                answered_at: row.get("answered_at")?,
                ended_at: row.get("ended_at")?,
                duration: row.get("duration")?,
            },
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// What people and agents added to the call of a row.
fn notes(row: &Row<'_>) -> Result<Notes> {
    Ok(Notes {
        note: row.get("note")?,
        tags: row.get::<Option<Json<_>>>("tags")?.map(|json| json.0).unwrap_or_default(),
        outcome: row.get("outcome")?,
        analysis: row.get::<Option<Json<_>>>("analysis")?.map(|json| json.0),
        erased_at: row.get("erased_at")?,
    })
}

/// The call with this id.
pub fn by_id(tx: &mut Tx<'_>, id: &CallId) -> Result<Option<Call>> {
    tx.first(concat!("select ", columns!(), " from calls where id = $1"), &[id], Call::from_row)
}

/// The calls with these ids.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<Call>> {
    let sql = Sql {
        sqlite: concat!("select ", columns!(), " from calls where id in (select value from json_each($1))"),
        postgres: concat!(
            "select ",
            columns!(),
            " from calls where id in (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))"
        ),
    };
    tx.all(sql, &[&Json(ids)], Call::from_row)
}

/// The newest calls of the whole platform, in full.
pub fn newest(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Call>> {
    tx.all(
        concat!("select ", columns!(), " from calls order by rang_at desc, id desc limit $1"),
        &[&limit],
        Call::from_row,
    )
}

/// The call with this id, which nobody else changes until this transaction ends.
pub fn locked(tx: &mut Tx<'_>, id: &CallId) -> Result<Option<Call>> {
    let sql = Sql {
        sqlite: concat!("select ", columns!(), " from calls where id = $1"),
        postgres: concat!("select ", columns!(), " from calls where id = $1 for update"),
    };
    tx.first(sql, &[id], Call::from_row)
}

/// A new call with its names.
pub fn insert(tx: &mut Tx<'_>, call: &Call) -> Result<()> {
    let decision = call.decision.as_ref();
    let (outcome, words) = (&call.outcome, words(call));
    tx.execute(
        "insert into calls (id, project, tenant_id, campaign_id, number_id, lead_id, call_sid, room_name, room_sid,
             caller, called, agent, status, end_reason, rang_at, answered_at, ended_at, duration, revision, ring,
             evidence, decision, attendance, decided_at, created_at, updated_at,
             carrier)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24, $25, $26, $27)",
        &[
            &call.id,
            &call.project,
            &decision.and_then(|d| d.tenant.as_ref()),
            &decision.and_then(|d| d.campaign.as_ref()),
            &decision.and_then(|d| d.number.as_ref()),
            &call.lead,
            &call.ring.keys.call,
            &call.evidence.room,
            &call.evidence.room_sid,
            &words.caller,
            &words.called,
            &call.agent(),
            &outcome.status,
            &outcome.end_reason,
            &outcome.rang_at,
            &outcome.answered_at,
            &outcome.ended_at,
            &outcome.duration,
            &call.revision,
            &Json(&call.ring),
            &Json(&call.evidence),
            &decision.map(Json),
            &Json(&call.attendance),
            &decision.map(|d| d.at),
            &call.created_at,
            &call.updated_at,
            &call.evidence.carrier.as_ref().map(Json),
        ],
    )?;
    insert_keys(tx, call, &call.ring.keys)
}

/// A call that has changed.
pub fn update(tx: &mut Tx<'_>, call: &Call) -> Result<()> {
    let outcome = &call.outcome;
    tx.execute(
        "update calls set lead_id = $1, call_sid = $2, room_name = $3, room_sid = $4, status = $5, end_reason = $6,
             rang_at = $7, answered_at = $8, ended_at = $9, duration = $10, revision = $11, ring = $12,
             evidence = $13, attendance = $14, updated_at = $15, agent = $16, called = $17,
             carrier = $18
         where id = $19",
        &[
            &call.lead,
            &call.ring.keys.call,
            &call.evidence.room,
            &call.evidence.room_sid,
            &outcome.status,
            &outcome.end_reason,
            &outcome.rang_at,
            &outcome.answered_at,
            &outcome.ended_at,
            &outcome.duration,
            &call.revision,
            &Json(&call.ring),
            &Json(&call.evidence),
            &Json(&call.attendance),
            &call.updated_at,
            &call.agent(),
            &words(call).called,
            &call.evidence.carrier.as_ref().map(Json),
            &call.id,
        ],
    )?;
    Ok(())
}

/// A call of which more is known, but nothing that is shown has changed. Most of what is told is such, and SQLite writes
/// every index anew whose columns are named here, whether or not they have changed.
pub fn update_evidence(tx: &mut Tx<'_>, call: &Call) -> Result<()> {
    tx.execute(
        "update calls set ring = $1, evidence = $2, attendance = $3, updated_at = $4 where id = $5",
        &[&Json(&call.ring), &Json(&call.evidence), &Json(&call.attendance), &call.updated_at, &call.id],
    )?;
    Ok(())
}

/// The names that a call was told to have. `call` keys are for ever; those the remote side chose pass to a newer call once theirs has ended.
pub fn insert_keys(tx: &mut Tx<'_>, call: &Call, keys: &Keys) -> Result<()> {
    let named = [
        (KEY_CALL, &keys.call),
        (KEY_FULL, &keys.full),
        (KEY_PARTICIPANT, &keys.participant),
        (KEY_TWILIO, &keys.twilio),
    ];
    for (kind, value) in named {
        let Some(value) = value else { continue };
        tx.execute(
            "insert into call_keys (project, kind, value, call_id) values ($1, $2, $3, $4)
             on conflict (project, kind, value) do update set call_id = excluded.call_id
             where call_keys.kind in ('full', 'twilio') and not exists
                 (select 1 from calls where calls.id = call_keys.call_id and coalesce(calls.ended_at, 0) = 0)",
            &[&call.project, &kind, value, &call.id],
        )?;
    }
    Ok(())
}

/// Open calls of a campaign.
pub fn open_of_campaign(tx: &mut Tx<'_>, id: &CampaignId) -> Result<i64> {
    let count = tx.first(
        "select count(*) as open from calls where campaign_id = $1 and ended_at is null",
        &[id],
        |row| row.get("open"),
    )?;
    Ok(count.unwrap_or(0))
}

/// Open calls of a tenant.
pub fn open_of_tenant(tx: &mut Tx<'_>, id: &TenantId) -> Result<i64> {
    let count = tx.first(
        "select count(*) as open from calls where tenant_id = $1 and ended_at is null",
        &[id],
        |row| row.get("open"),
    )?;
    Ok(count.unwrap_or(0))
}

/// Whoever holds a tenant and a campaign counts their calls alone, until this transaction ends. Always the tenant
/// first. SQLite has one writer, so only PostgreSQL needs it.
pub fn hold_capacity(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    campaign: Option<&CampaignId>,
) -> Result<()> {
    if tx.engine() == super::Engine::Sqlite {
        return Ok(());
    }
    if let Some(tenant) = tenant {
        tx.execute("select 1 from tenants where id = $1 for no key update", &[tenant])?;
    }
    if let Some(campaign) = campaign {
        tx.execute("select 1 from campaigns where id = $1 for no key update", &[campaign])?;
    }
    Ok(())
}

/// Open calls that a room at LiveKit stands behind: what reconcile compares with the rooms there.
pub fn open_with_room(tx: &mut Tx<'_>, project: &str) -> Result<Vec<Call>> {
    tx.all(
        concat!(
            "select ",
            columns!(),
            " from calls where project = $1 and room_sid is not null and ended_at is null order by id"
        ),
        &[&project],
        Call::from_row,
    )
}

struct Words {
    caller: Option<String>,
    called: Option<String>,
}

/// The numbers as lists and filters know them: in E.164 where they are telephone numbers, else as they came.
fn words(call: &Call) -> Words {
    let known = |decision: &Option<Decision>, which: fn(&Decision) -> Option<String>| {
        decision.as_ref().and_then(which)
    };
    Words {
        caller: known(&call.decision, |d| d.caller.as_ref().map(ToString::to_string)),
        called: known(&call.decision, |d| d.called.as_ref().map(ToString::to_string))
            .or_else(|| Some(call.ring.called.clone())),
    }
}
