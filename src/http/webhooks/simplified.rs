//! The user's simplified events: `room.finished` with `room.duration`, `participant.left`. They have no id; they are
//! told apart by what they say of their call.

use sha2::{Digest, Sha256};

use crate::call::fact::{Fact, Room, What};
use crate::clock::Timestamp;
use crate::http::problem::Problem;

use super::fields::{self, Fields};

/// The fact that a simplified event tells.
pub(super) fn fact(body: &[u8], project: String, now: Timestamp) -> Result<Fact, Problem> {
    let body = fields::json(body)?;
    let fields = Fields::of(&body)?;
    let event = fields.filled("event")?;
    let room = fields.object("room", "room")?;
    let call = fields.text("call_id")?.filter(|id| !id.is_empty());
    let name = room.map(|room| room.text("name")).transpose()?.flatten().filter(|name| !name.is_empty());
    if call.is_none() && name.is_none() {
        return Err(Problem::invalid("/room/name", "is missing: it says which call this is about"));
    }
    let at = fields.time("timestamp")?.map_or(now, |at| at.min(now));
    let duration = room.map(|room| room.seconds("duration")).transpose()?.flatten();
    let who = fields.object("participant", "participant")?;
    let identity = match (who, fields.text("identity")?) {
        (Some(who), _) => who.text("identity")?,
        (None, identity) => identity,
    };
    let what = match event.as_str() {
        "room.finished" => What::Ended { call, duration },
        "participant.left" => {
            let identity = identity.as_deref().unwrap_or_default();
            if identity.is_empty() {
                let field = "/participant/identity";
                return Err(Problem::invalid(field, "is missing: it says who left"));
            }
            if is_caller(identity) { What::CallerGone { call } } else { What::Noted }
        }
        _ => What::Noted,
    };
    let said = format!("{event}\n{:?}\n{:?}\n{:?}", identity, duration, fields.text("timestamp")?);
    let id =
        format!("told:{}:{}", name.as_deref().unwrap_or_default(), hex::encode(&Sha256::digest(said)[..12]));
    Ok(Fact { id, project, at, room: name.map(|name| Room { name, sid: None }), what })
}

/// The user's `caller-…`, LiveKit's `sip_…`.
fn is_caller(identity: &str) -> bool {
    identity.starts_with("caller-") || identity.starts_with("sip_")
}
