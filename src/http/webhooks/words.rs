//! LiveKit's words in ours: events and participants become facts. Past this file nothing says LiveKit.

use livekit::webhook::Event;
use livekit::{Kind, Participant, Room, Track, TrackKind};

use crate::call::evidence::Presence;
use crate::call::fact::{self, Fact, Guest, GuestKind, Keys, Leave, Leg, Ring, What, Why};
use crate::clock::Timestamp;

/// The fact that an event tells. Every event is one: what changes no call is noted.
pub fn of_event(event: &Event, project: &str, received_at: Timestamp) -> Fact {
    let at = match event.created_at {
        1.. => Timestamp::from_secs(event.created_at),
        _ => received_at,
    };
    let (what, at) = what(event, at);
    Fact { id: event.id.clone(), project: project.to_owned(), at, room: event.room.as_ref().map(room), what }
}

fn what(event: &Event, at: Timestamp) -> (What, Timestamp) {
    let what = match (event.event.as_str(), &event.participant) {
        ("participant_joined", Some(who)) if is_ring(who) => What::Rang(Box::new(ring(who))),
        ("participant_joined", Some(who)) => What::Joined(guest(who)),
        ("participant_left" | "participant_connection_aborted", Some(who)) => {
            let leave = Leave { at, why: why(who, event), leg: leg(who) };
            if is_ring(who) {
                What::CallerLeft(Box::new(ring(who)), leave)
            } else {
                What::Left(guest(who), leave)
            }
        }
        ("track_published", Some(who)) => match &event.track {
            Some(track) if is_audio(track) => {
                // The event says whole seconds only; the track knows better.
                let heard_at = track.published_at_micros.map_or(at, Timestamp::from_micros);
                return (What::Spoke(guest(who)), heard_at);
            }
            _ => What::Noted,
        },
        ("room_finished", _) => What::RoomEnded,
        _ => What::Noted,
    };
    (what, at)
}

fn room(room: &Room) -> fact::Room {
    fact::Room { name: room.name.clone(), sid: Some(room.sid.clone()).filter(|sid| !sid.is_empty()) }
}

/// A ring is a telephone that a dispatch rule let in; any other telephone (a transfer, an outbound call) is a leg.
pub fn is_ring(who: &Participant) -> bool {
    who.kind == Kind::Sip
        && who.attribute("sip.ruleID").is_some()
        && who.attribute("sip.callStatus") != Some("dialing")
}

/// Whether the phone leg has been answered.
pub fn is_active(who: &Participant) -> bool {
    who.attribute("sip.callStatus") == Some("active")
}

/// Whether a track is sound.
pub fn is_audio(track: &Track) -> bool {
    track.kind == TrackKind::Audio
}

/// The ring of a caller's participant.
pub fn ring(who: &Participant) -> Ring {
    let text = |name: &str| who.attribute(name).map(ToOwned::to_owned);
    Ring {
        keys: Keys {
            call: text("sip.callID"),
            full: text("sip.callIDFull"),
            participant: Some(who.sid.clone()).filter(|sid| !sid.is_empty()),
            twilio: text("sip.twilio.callSid"),
        },
        called: text("sip.trunkPhoneNumber").unwrap_or_default(),
        caller: text("sip.phoneNumber").unwrap_or_default(),
        trunk: Some(text("sip.trunkID").unwrap_or_default()),
        at: who.joined_at_ms.map(Timestamp::from_millis),
        asked: false,
        routed_static: who.attribute("routed") == Some("static"),
        identity: Some(who.identity.clone()).filter(|identity| !identity.is_empty()),
        active: is_active(who),
    }
}

/// Somebody in the room who is not the caller.
pub fn guest(who: &Participant) -> Guest {
    Guest {
        sid: who.sid.clone(),
        identity: who.identity.clone(),
        kind: guest_kind(who),
        joined_at: who.joined_at_ms.map(Timestamp::from_millis),
        agent_name: who.attribute("lk.agent_name").map(ToOwned::to_owned),
    }
}

/// `track_*` events tell no kind; the identities that LiveKit gives do.
fn guest_kind(who: &Participant) -> GuestKind {
    match who.kind {
        Kind::Agent => GuestKind::Agent,
        Kind::Sip => GuestKind::Leg,
        _ if who.identity.starts_with("agent-") => GuestKind::Agent,
        _ if who.identity.starts_with("sip_") => GuestKind::Leg,
        _ => GuestKind::Person,
    }
}

/// Somebody whom the ledger knows already.
pub fn known_guest(sid: &str, known: &Presence) -> Guest {
    Guest {
        sid: sid.to_owned(),
        identity: known.identity.clone(),
        kind: known.kind,
        joined_at: known.joined_at,
        agent_name: known.agent_name.clone(),
    }
}

/// LiveKit's disconnect reason. `CLIENT_INITIATED` is also what an aborted connection says.
fn why(who: &Participant, event: &Event) -> Why {
    match who.disconnect_reason.as_deref() {
        Some("PARTICIPANT_REMOVED" | "ROOM_DELETED" | "ROOM_CLOSED") => Why::PutOut,
        Some("DUPLICATE_IDENTITY" | "MIGRATION") => Why::Moved,
        Some("CLIENT_INITIATED" | "USER_UNAVAILABLE" | "USER_REJECTED") | None
            if event.event == "participant_left" =>
        {
            Why::Itself
        }
        Some("CLIENT_INITIATED") => Why::Itself,
        _ => Why::Broke,
    }
}

fn leg(who: &Participant) -> Option<Leg> {
    match who.attribute("sip.callStatus")? {
        "ringing" => Some(Leg::Ringing),
        "active" | "automation" => Some(Leg::Active),
        "hangup" => Some(Leg::Hangup),
        _ => None,
    }
}

/// A fact that nobody told us: we looked.
pub fn seen(
    project: &str,
    (room, room_sid): (&str, Option<&str>),
    (sid, seen): (&str, &str),
    what: What,
    at: Timestamp,
) -> Fact {
    Fact {
        id: format!("seen:{sid}:{seen}"),
        project: project.to_owned(),
        at,
        room: Some(fact::Room { name: room.to_owned(), sid: room_sid.map(ToOwned::to_owned) }),
        what,
    }
}
