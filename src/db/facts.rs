//! The inbox: every fact under its id, once.

use serde::{Deserialize, Serialize};

use crate::call::fact::{Fact, Guest, GuestKind, Leave, Room, What};
use crate::clock::Timestamp;
use crate::ids::CallId;

use super::{Json, Result, Tx};

/// Keeps a fact with the words it came in; false when one with its id is there already.
pub fn record(
    tx: &mut Tx<'_>,
    fact: &Fact,
    call: Option<&CallId>,
    body: &str,
    now: Timestamp,
) -> Result<bool> {
    let room_sid = fact.room.as_ref().and_then(|room| room.sid.as_deref());
    let said = if call.is_none() { Waiting::of(fact) } else { None };
    let added = tx.execute(
        "insert into facts (project, id, call_id, room_sid, happened_at, received_at, said, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        &[&fact.project, &fact.id, &call, &room_sid, &fact.at, &now, &said.map(Json), &body],
    )?;
    Ok(added == 1)
}

/// Whether a fact with this id is there already.
pub fn is_known(tx: &mut Tx<'_>, project: &str, id: &str) -> Result<bool> {
    let known =
        tx.first("select 1 as one from facts where project = $1 and id = $2", &[&project, &id], |_| Ok(()))?;
    Ok(known.is_some())
}

/// Facts of this room that no call has had yet; from now on they belong to `call`.
pub fn waiting(
    tx: &mut Tx<'_>,
    project: &str,
    room_sid: &str,
    room: &str,
    call: &CallId,
) -> Result<Vec<Fact>> {
    let found = tx.all(
        "select id, happened_at, said from facts
         where room_sid = $1 and project = $2 and call_id is null order by received_at, id",
        &[&room_sid, &project],
        |row| Ok((row.get("id")?, row.get("happened_at")?, row.get::<Option<Json<Waiting>>>("said")?)),
    )?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    tx.execute(
        "update facts set call_id = $1, said = null where room_sid = $2 and project = $3 and call_id is null",
        &[call, &room_sid, &project],
    )?;
    let facts = found.into_iter().filter_map(|(id, at, said)| {
        let room = Some(Room { name: room.to_owned(), sid: Some(room_sid.to_owned()) });
        Some(Fact { id, project: project.to_owned(), at, room, what: said?.0.into() })
    });
    Ok(facts.collect())
}

/// Forgets facts that were received before `before`, at most `limit` of them; how many.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        "delete from facts where (project, id) in
             (select project, id from facts where received_at < $1 order by received_at limit $2)",
        &[&before, &limit],
    )
}

/// A fact as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id within its project.
    pub id: String,
    /// The platform's time of it.
    pub happened_at: Timestamp,
    /// When it came, on our clock.
    pub received_at: Timestamp,
    /// The words it came in, less LiveKit's secrets.
    pub body: String,
}

/// The facts of a call, in the order in which they came.
pub fn of_call(tx: &mut Tx<'_>, call: &CallId) -> Result<Vec<Kept>> {
    tx.all(
        "select id, happened_at, received_at, body from facts where call_id = $1 order by received_at, id",
        &[call],
        |row| {
            Ok(Kept {
                id: row.get("id")?,
                happened_at: row.get("happened_at")?,
                received_at: row.get("received_at")?,
                body: row.get("body")?,
            })
        },
    )
}

/// What a fact that waits for its call says. Rings do not wait: they make the call.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Waiting {
    Joined { who: Who },
    Left { who: Who, leave: Leave },
    Spoke { who: Who },
    RoomEnded,
}

#[derive(Serialize, Deserialize)]
struct Who {
    sid: String,
    identity: String,
    kind: GuestKind,
    joined_at: Option<Timestamp>,
    agent_name: Option<String>,
}

impl Waiting {
    fn of(fact: &Fact) -> Option<Waiting> {
        Some(match &fact.what {
            What::Joined(guest) => Waiting::Joined { who: guest.into() },
            What::Left(guest, leave) => Waiting::Left { who: guest.into(), leave: leave.clone() },
            What::Spoke(guest) => Waiting::Spoke { who: guest.into() },
            What::RoomEnded => Waiting::RoomEnded,
            What::Rang(_)
            | What::CallerLeft(..)
            | What::Ended { .. }
            | What::CallerGone { .. }
            | What::Carried(_)
            | What::Noted => {
                return None;
            }
        })
    }
}

impl From<Waiting> for What {
    fn from(said: Waiting) -> What {
        match said {
            Waiting::Joined { who } => What::Joined(who.into()),
            Waiting::Left { who, leave } => What::Left(who.into(), leave),
            Waiting::Spoke { who } => What::Spoke(who.into()),
            Waiting::RoomEnded => What::RoomEnded,
        }
    }
}

impl From<&Guest> for Who {
    fn from(guest: &Guest) -> Who {
        let Guest { sid, identity, kind, joined_at, agent_name } = guest.clone();
        Who { sid, identity, kind, joined_at, agent_name }
    }
}

impl From<Who> for Guest {
    fn from(who: Who) -> Guest {
        let Who { sid, identity, kind, joined_at, agent_name } = who;
        Guest { sid, identity, kind, joined_at, agent_name }
    }
}
