//! Finding the call that somebody means: by its names, by its room, by the beginning of its id.

use crate::call::fact::{Keys, Ring, Room};
use crate::clock::Timestamp;
use crate::db::{Engine, Json, Result, Sql, Tx};
use crate::ids::{CallId, TenantId};
use crate::phone::E164;

/// By the names and the room of each. That a call is open is asked in a way in which no index has it: PostgreSQL, planning
/// while there are no calls, would go through all open ones for ever.
pub(in crate::db) const FIND: &str = "select call_id from (
             select call_id, 0 as rank from call_keys where project = $1 and kind = 'call' and value = $2
             union all
             select call_keys.call_id, 1 as rank from call_keys join calls on calls.id = call_keys.call_id
                 where call_keys.project = $1 and call_keys.kind in ('full', 'call') and call_keys.value = $3
                 and coalesce(calls.ended_at, 0) = 0
             union all
             select calls.id as call_id, 2 as rank from calls where calls.room_name = $4 and calls.project = $1
                 and coalesce(calls.ended_at, 0) = 0 and (calls.room_sid is null) <> (cast($5 as bigint) = 1)
             union all
             select call_keys.call_id, 3 as rank from call_keys join calls on calls.id = call_keys.call_id
                 where call_keys.project = $1 and call_keys.kind = 'twilio' and call_keys.value = $6
                 and calls.call_sid is null and calls.room_name is null
         ) as found order by rank, call_id limit 1";

/// The call that a ring with these names belongs to. What the remote side chose (the SIP Call-ID, the room an
/// asker names) finds open calls only; the carrier's name only a call of which nobody but the carrier has told.
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
    tx.first(FIND, &[&project, &call, &full, &room, &i64::from(asked), &keys.twilio], |row| {
        row.get("call_id")
    })
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
        "select count(*) as open from calls where room_name = $1 and project = $2 and coalesce(ended_at, 0) = 0",
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

/// The call that the carrier knows by this name. An asker may have named it so, too.
pub fn carried(tx: &mut Tx<'_>, project: &str, call_sid: &str) -> Result<Option<CallId>> {
    tx.first(
        "select call_id from call_keys where project = $1 and kind in ('twilio', 'call') and value = $2
         order by kind desc limit 1",
        &[&project, &call_sid],
        |row| row.get("call_id"),
    )
}

/// Which calls of these projects the carrier knows by these names: name, project and call.
pub fn carried_as(
    tx: &mut Tx<'_>,
    projects: &[&str],
    call_sids: &[&str],
) -> Result<Vec<(String, String, CallId)>> {
    let sql = Sql {
        sqlite: "select value, project, call_id from call_keys
                 where project in (select value from json_each($1)) and kind in ('twilio', 'call')
                 and value in (select value from json_each($2))",
        postgres: "select value, project, call_id from call_keys
                   where project in (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))
                   and kind in ('twilio', 'call')
                   and value in (select jsonb_array_elements_text(cast(cast($2 as text) as jsonb)))",
    };
    tx.all(sql, &[&Json(projects), &Json(call_sids)], |row| {
        Ok((row.get("value")?, row.get("project")?, row.get("call_id")?))
    })
}

/// The call of a tenant from and to these numbers that rang nearest to this time, within these limits, and of which
/// nobody said what the carrier calls it. One whose caller was erased may be anybody's: it is as good as found.
pub fn alike(
    tx: &mut Tx<'_>,
    tenant: &TenantId,
    (called, caller): (&E164, Option<&str>),
    rang_at: Timestamp,
    (since, until): (Timestamp, Timestamp),
) -> Result<Option<CallId>> {
    let found = tx.all(
        "select id, ring, rang_at from calls where tenant_id = $1 and called = $2 and rang_at >= $3 and rang_at <= $4
             and (caller = $5 or caller = 'erased' or (caller is null and cast($5 as text) is null))
         order by rang_at, id limit 50",
        &[tenant, &called.as_str(), &since, &until, &caller],
        |row| {
            let keys = row.get::<Json<Ring>>("ring")?.0.keys;
            Ok((row.get::<CallId>("id")?, keys.twilio.is_none(), row.get::<Timestamp>("rang_at")?))
        },
    )?;
    let nameless = found.into_iter().filter(|(_, nameless, _)| *nameless);
    let nearest = nameless.min_by_key(|(_, _, at)| at.since(rang_at).max(rang_at.since(*at)));
    Ok(nearest.map(|(id, ..)| id))
}

/// Keeps two doors from starting one call twice: whoever holds the names of a ring goes first. SQLite has one
/// writer, so only PostgreSQL needs it.
pub fn hold_names(tx: &mut Tx<'_>, project: &str, names: &[&str]) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        let names: Vec<_> = names.iter().map(|name| format!("{project}/{name}")).collect();
        tx.execute(
            "select pg_advisory_xact_lock(hashtextextended(name, 0)) from regexp_split_to_table($1, '\n') as name",
            &[&names.join("\n")],
        )?;
    }
    Ok(())
}

/// Calls whose ids begin so, at most `limit` of them.
pub fn beginning(tx: &mut Tx<'_>, text: &str, limit: i64) -> Result<Vec<CallId>> {
    // Ids are small letters and digits, so `~` comes after every one that begins with this.
    tx.all(
        "select id from calls where id >= $1 and id < $2 order by id limit $3",
        &[&text, &format!("{text}~"), &limit],
        |row| row.get("id"),
    )
}
