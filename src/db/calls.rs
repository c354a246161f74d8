//! Calls and the names they go by.

use crate::call::decide::{Decision, Verdict};
use crate::call::fact::{Keys, Room};
use crate::call::{Call, EndReason, Outcome, Status};
use crate::clock::Timestamp;
use crate::ids::{CallId, CampaignId, TenantId};

use super::{Error, Json, Result, Row, Sql, Tx};

const KEY_CALL: &str = "call";
const KEY_FULL: &str = "full";
const KEY_PARTICIPANT: &str = "participant";
const KEY_TWILIO: &str = "twilio";

macro_rules! columns {
    () => {
        "id, project, lead_id, status, end_reason, rang_at, answered_at, ended_at, duration, revision, ring, \
         evidence, decision, attendance, created_at, updated_at"
    };
}

impl Call {
    fn from_row(row: &Row<'_>) -> Result<Call> {
        let status: String = row.get("status")?;
        let end_reason: Option<String> = row.get("end_reason")?;
        let unknown = |word: &str| Error::Unexpected(format!("calls holds the unknown word {word}"));
        Ok(Call {
            id: row.get("id")?,
            project: row.get("project")?,
            ring: row.get::<Json<_>>("ring")?.0,
            evidence: row.get::<Json<_>>("evidence")?.0,
            decision: row.get::<Option<Json<_>>>("decision")?.map(|json| json.0),
            attendance: row.get::<Json<_>>("attendance")?.0,
            lead: row.get("lead_id")?,
            outcome: Outcome {
                status: Status::parse(&status).ok_or_else(|| unknown(&status))?,
                end_reason: end_reason
                    .map(|word| EndReason::parse(&word).ok_or_else(|| unknown(&word)))
                    .transpose()?,
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

    fn agent(&self) -> Option<&str> {
        match self.decision.as_ref().map(|decision| &decision.verdict) {
            Some(Verdict::Answer { agent, .. }) => Some(agent),
            _ => None,
        }
    }
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

/// The call with this id, which nobody else changes until this transaction ends.
pub fn locked(tx: &mut Tx<'_>, id: &CallId) -> Result<Option<Call>> {
    let sql = Sql {
        sqlite: concat!("select ", columns!(), " from calls where id = $1"),
        postgres: concat!("select ", columns!(), " from calls where id = $1 for update"),
    };
    tx.first(sql, &[id], Call::from_row)
}

/// The call that a ring with these names belongs to. What the remote side chose (the SIP Call-ID, the room an
/// asker names) finds open calls only.
pub fn find(
    tx: &mut Tx<'_>,
    project: &str,
    keys: &Keys,
    room: Option<&Room>,
    asked: bool,
) -> Result<Option<CallId>> {
    let call = keys.call.as_deref();
    // An asker may know the call by its SIP Call-ID alone, and LiveKit may tell us the Call-ID an asker used.
    let full = if asked { call } else { keys.full.as_deref() };
    // Two askers' calls in one room, or two phones in it, are two calls: a room's name joins only an asker's
    // telling to LiveKit's.
    let room = room.map(|room| room.name.as_str()).filter(|name| !name.is_empty());
    tx.first(
        "select call_id from (
             select call_id, 0 as rank from call_keys where project = $1 and kind = 'call' and value = $2
             union all
             select call_keys.call_id, 1 as rank from call_keys join calls on calls.id = call_keys.call_id
                 where call_keys.project = $1 and call_keys.kind in ('full', 'call') and call_keys.value = $3
                 and calls.ended_at is null
             union all
             select calls.id as call_id, 2 as rank from calls where calls.room_name = $4 and calls.project = $1
                 and calls.ended_at is null and (calls.room_sid is null) <> (cast($5 as bigint) = 1)
         ) as found order by rank, call_id limit 1",
        &[&project, &call, &full, &room, &i64::from(asked)],
        |row| row.get("call_id"),
    )
}

/// The calls in one life of a room.
pub fn in_room(tx: &mut Tx<'_>, project: &str, sid: &str) -> Result<Vec<CallId>> {
    tx.all(
        "select id from calls where room_sid = $1 and project = $2 order by id",
        &[&sid, &project],
        |row| row.get("id"),
    )
}

/// The calls in rooms of this name: how many are open, and the newest that is over.
pub fn in_room_named(tx: &mut Tx<'_>, project: &str, name: &str) -> Result<(i64, Option<CallId>)> {
    let open = tx.first(
        "select count(*) as open from calls where room_name = $1 and project = $2 and ended_at is null",
        &[&name, &project],
        |row| row.get("open"),
    )?;
    let ended = tx.first(
        "select id from calls where room_name = $1 and project = $2 and ended_at is not null
         order by id desc limit 1",
        &[&name, &project],
        |row| row.get("id"),
    )?;
    Ok((open.unwrap_or(0), ended))
}

/// The call a simplified event means: by its name if it gives one, else the newest in the room of that name,
/// an open one first.
pub fn meant(
    tx: &mut Tx<'_>,
    project: &str,
    call: Option<&str>,
    room: Option<&str>,
) -> Result<Option<CallId>> {
    if let Some(call) = call {
        return tx.first(
            "select call_id from call_keys where project = $1 and kind = 'call' and value = $2",
            &[&project, &call],
            |row| row.get("call_id"),
        );
    }
    tx.first(
        "select id from calls where room_name = $1 and project = $2
         order by (ended_at is null) desc, id desc limit 1",
        &[&room, &project],
        |row| row.get("id"),
    )
}

/// Keeps two doors from starting one call twice: whoever holds the names of a ring goes first. SQLite has one
/// writer, so only PostgreSQL needs it.
pub fn hold_names(tx: &mut Tx<'_>, project: &str, names: &[&str]) -> Result<()> {
    if tx.engine() == super::Engine::Postgres {
        let names: Vec<_> = names.iter().map(|name| format!("{project}/{name}")).collect();
        tx.execute(
            "select pg_advisory_xact_lock(hashtextextended(name, 0)) from regexp_split_to_table($1, '\n') as name",
            &[&names.join("\n")],
        )?;
    }
    Ok(())
}

/// A new call with its names.
pub fn insert(tx: &mut Tx<'_>, call: &Call) -> Result<()> {
    let decision = call.decision.as_ref();
    let (outcome, words) = (&call.outcome, words(call));
    tx.execute(
        "insert into calls (id, project, tenant_id, campaign_id, number_id, lead_id, call_sid, room_name, room_sid,
             caller, called, agent, status, end_reason, rang_at, answered_at, ended_at, duration, revision, ring,
             evidence, decision, attendance, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24, $25)",
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
            &outcome.status.as_str(),
            &outcome.end_reason.map(EndReason::as_str),
            &outcome.rang_at,
            &outcome.answered_at,
            &outcome.ended_at,
            &outcome.duration,
            &call.revision,
            &Json(&call.ring),
            &Json(&call.evidence),
            &decision.map(Json),
            &Json(&call.attendance),
            &call.created_at,
            &call.updated_at,
        ],
    )?;
    insert_keys(tx, call, &call.ring.keys)
}

/// A call that has changed, with the names that were told now.
pub fn update(tx: &mut Tx<'_>, call: &Call, told: Option<&Keys>) -> Result<()> {
    let outcome = &call.outcome;
    tx.execute(
        "update calls set lead_id = $1, call_sid = $2, room_name = $3, room_sid = $4, status = $5, end_reason = $6,
             rang_at = $7, answered_at = $8, ended_at = $9, duration = $10, revision = $11, ring = $12,
             evidence = $13, attendance = $14, updated_at = $15
         where id = $16",
        &[
            &call.lead,
            &call.ring.keys.call,
            &call.evidence.room,
            &call.evidence.room_sid,
            &outcome.status.as_str(),
            &outcome.end_reason.map(EndReason::as_str),
            &outcome.rang_at,
            &outcome.answered_at,
            &outcome.ended_at,
            &outcome.duration,
            &call.revision,
            &Json(&call.ring),
            &Json(&call.evidence),
            &Json(&call.attendance),
            &call.updated_at,
            &call.id,
        ],
    )?;
    told.map_or(Ok(()), |keys| insert_keys(tx, call, keys))
}

/// `call` keys are for ever; those the remote side chose pass to a newer call once theirs has ended.
fn insert_keys(tx: &mut Tx<'_>, call: &Call, keys: &Keys) -> Result<()> {
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
                 (select 1 from calls where calls.id = call_keys.call_id and calls.ended_at is null)",
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

/// What a list of calls may be narrowed to. Everything that is not set does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant; none: of the whole platform.
    pub tenant: Option<TenantId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// With this status.
    pub status: Option<Status>,
    /// With this end reason.
    pub end_reason: Option<EndReason>,
    /// From this caller (E.164).
    pub caller: Option<String>,
    /// To this number (E.164).
    pub called: Option<String>,
    /// That rang at this time or later.
    pub since: Option<Timestamp>,
    /// Older than this call.
    pub before: Option<CallId>,
}

/// Calls, newest first. Ids begin with the time, so their order is the order of arrival.
pub fn list(tx: &mut Tx<'_>, filter: &Filter, limit: i64) -> Result<Vec<Call>> {
    tx.all(
        concat!(
            "select ",
            columns!(),
            " from calls where (cast($1 as text) is null or tenant_id = $1)
              and (cast($2 as text) is null or campaign_id = $2)
              and (cast($3 as text) is null or status = $3) and (cast($4 as text) is null or end_reason = $4)
              and (cast($5 as text) is null or caller = $5) and (cast($6 as text) is null or called = $6)
              and (cast($7 as bigint) is null or rang_at >= $7) and (cast($8 as text) is null or id < $8)
              order by id desc limit $9"
        ),
        &[
            &filter.tenant,
            &filter.campaign,
            &filter.status.map(Status::as_str),
            &filter.end_reason.map(EndReason::as_str),
            &filter.caller,
            &filter.called,
            &filter.since,
            &filter.before,
            &limit,
        ],
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
