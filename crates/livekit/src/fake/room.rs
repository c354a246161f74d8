//! A room of the fake and who is in it: what it looks like on the wire and what it tells when it changes.

use std::collections::HashMap;
use std::time::Duration;

use rand::Rng as _;
use rand::distr::Alphanumeric;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::json::{Json as _, Object, Style};
use super::wire;
use crate::types::DISCONNECT_REASONS;
use crate::{Kind, TrackKind};

const CODECS: [&str; 10] = [
    "audio/PCMU",
    "audio/PCMA",
    "audio/opus",
    "audio/red",
    "video/VP8",
    "video/H264",
    "video/VP9",
    "video/AV1",
    "video/H265",
    "video/rtx",
];

/// Why somebody is out of a room.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    ClientInitiated = 1,
    DuplicateIdentity = 2,
    ParticipantRemoved = 4,
    RoomDeleted = 5,
    RoomClosed = 10,
    ConnectionTimeout = 14,
}

impl Reason {
    pub(super) fn name(self) -> &'static str {
        DISCONNECT_REASONS[self as usize]
    }
}

pub(super) struct Room {
    wire: wire::Room,
    pub(super) members: Vec<Member>,
    pub(super) dispatches: Vec<RoomDispatch>,
    pub(super) departure: Duration,
    pub(super) empty: Duration,
    /// How many who are no agents have come so far.
    pub(super) comings: u32,
    counted_at: Instant,
}

pub(super) struct RoomDispatch {
    pub(super) wire: wire::Dispatch,
    /// Jobs are not shown before.
    pub(super) jobs_shown_at: Instant,
    pub(super) deleted: CancellationToken,
}

impl RoomDispatch {
    pub(super) fn shown(&self) -> wire::Dispatch {
        let mut shown = self.wire.clone();
        if Instant::now() < self.jobs_shown_at
            && let Some(state) = &mut shown.state
        {
            state.jobs.clear();
        }
        shown
    }
}

/// What a room is made with.
#[derive(Clone, Debug, Default)]
pub(super) struct RoomSetup {
    pub(super) metadata: String,
    pub(super) departure: Option<Duration>,
    pub(super) empty: Option<Duration>,
}

/// Somebody who is about to join.
#[derive(Clone, Debug, Default)]
pub(super) struct Newcomer {
    pub(super) identity: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) attributes: HashMap<String, String>,
}

pub(super) struct Member {
    info: wire::Participant,
    tracks: Vec<wire::Track>,
    pub(super) kind: Kind,
    /// Becomes true when somebody else's voice is published.
    pub(super) hears: watch::Sender<bool>,
    /// Becomes the reason when it is out.
    pub(super) gone: watch::Sender<Option<Reason>>,
}

impl Member {
    pub(super) fn new(newcomer: Newcomer, now_micros: i64) -> Self {
        let agent = newcomer.kind == Kind::Agent;
        let kind = match &newcomer.kind {
            Kind::Standard | Kind::Other(_) => 0,
            Kind::Ingress => 1,
            Kind::Egress => 2,
            Kind::Sip => 3,
            Kind::Agent => 4,
            Kind::Connector => 7,
        };
        let info = wire::Participant {
            sid: random_id("PA_"),
            identity: newcomer.identity,
            name: newcomer.name,
            state: 2,
            kind,
            joined_at: now_micros.div_euclid(1_000_000),
            joined_at_ms: now_micros.div_euclid(1_000),
            version: 2,
            permission: Some(wire::Permission {
                can_subscribe: true,
                can_publish: true,
                can_publish_data: true,
                can_update_metadata: true,
                agent,
            }),
            attributes: newcomer.attributes,
            client_protocol: if agent { 2 } else { 0 },
            capabilities: if agent { vec![1, 2] } else { Vec::new() },
            ..wire::Participant::default()
        };
        Self {
            info,
            tracks: Vec::new(),
            kind: newcomer.kind,
            hears: watch::Sender::new(false),
            gone: watch::Sender::new(None),
        }
    }

    pub(super) fn sid(&self) -> &str {
        &self.info.sid
    }

    pub(super) fn identity(&self) -> &str {
        &self.info.identity
    }

    pub(super) fn attributes(&self) -> &HashMap<String, String> {
        &self.info.attributes
    }

    /// Agents and recorders do not keep a room alive.
    pub(super) fn is_dependent(&self) -> bool {
        matches!(self.kind, Kind::Agent | Kind::Egress)
    }

    pub(super) fn publishes_a_voice(&self) -> bool {
        self.tracks.iter().any(|track| track.kind == 0)
    }

    pub(super) fn set_attribute(&mut self, name: &str, value: &str) {
        self.info.attributes.insert(name.to_owned(), value.to_owned());
        self.info.version += 1;
    }

    pub(super) fn publish(&mut self, kind: &TrackKind, now_micros: i64) -> wire::Track {
        let phone = self.kind == Kind::Sip;
        let (mime, stream) = if phone { ("audio/opus", "camera") } else { ("audio/red", "unknown") };
        let track = wire::Track {
            sid: random_id(if phone { "TR_AM" } else { "TR_A" }),
            kind: match kind {
                TrackKind::Audio | TrackKind::Other(_) => 0,
                TrackKind::Video => 1,
                TrackKind::Data => 2,
            },
            name: if phone { self.info.identity.clone() } else { "voice".to_owned() },
            source: if phone { 2 } else { 0 },
            mime_type: mime.to_owned(),
            mid: "0".to_owned(),
            codecs: vec![wire::TrackCodec {
                mime_type: mime.to_owned(),
                mid: "0".to_owned(),
                cid: "audio".to_owned(),
                video_layer_mode: 1,
            }],
            stream: stream.to_owned(),
            version: Some(wire::Version { unix_micro: now_micros }),
            backup_codec_policy: 1,
            ..wire::Track::default()
        };
        self.tracks.push(track.clone());
        self.info.is_publisher = true;
        self.info.version += 2;
        track
    }

    pub(super) fn take_tracks(&mut self) -> Vec<wire::Track> {
        std::mem::take(&mut self.tracks)
    }

    pub(super) fn disconnect(&mut self, reason: Reason) {
        self.info.state = 3;
        self.info.disconnect_reason = reason as i32;
        self.info.version += 1;
    }

    /// As the API shows it: with its tracks.
    pub(super) fn shown(&self) -> wire::Participant {
        wire::Participant { tracks: self.tracks.clone(), ..self.info.clone() }
    }
}

impl Room {
    pub(super) fn new(
        name: &str,
        setup: RoomSetup,
        (departure, empty): (Duration, Duration),
        now: i64,
    ) -> Self {
        let departure = setup.departure.unwrap_or(departure);
        let empty = setup.empty.unwrap_or(empty);
        let wire = wire::Room {
            sid: random_id("RM_"),
            name: name.to_owned(),
            empty_timeout: whole_seconds(empty),
            departure_timeout: whole_seconds(departure),
            creation_time: now.div_euclid(1_000_000),
            creation_time_ms: now.div_euclid(1_000),
            turn_password: random_text(43),
            enabled_codecs: CODECS.map(|mime| wire::Codec { mime: mime.to_owned() }).to_vec(),
            metadata: setup.metadata,
            ..wire::Room::default()
        };
        Self {
            wire,
            members: Vec::new(),
            dispatches: Vec::new(),
            departure,
            empty,
            comings: 0,
            counted_at: Instant::now(),
        }
    }

    pub(super) fn sid(&self) -> &str {
        &self.wire.sid
    }

    pub(super) fn name(&self) -> &str {
        &self.wire.name
    }

    pub(super) fn shown(&self) -> wire::Room {
        self.wire.clone()
    }

    pub(super) fn member(&mut self, sid: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.sid() == sid)
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.members.iter().all(Member::is_dependent)
    }

    /// Counts as LiveKit does: now and then only.
    pub(super) fn count(&mut self, every: Duration) {
        if self.counted_at.elapsed() < every {
            return;
        }
        self.counted_at = Instant::now();
        let count = |fits: &dyn Fn(&Member) -> bool| {
            u32::try_from(self.members.iter().filter(|member| fits(member)).count()).unwrap_or(u32::MAX)
        };
        let (participants, publishers) =
            (count(&|member| !member.is_dependent()), count(&|member| member.info.is_publisher));
        self.wire.num_participants = participants;
        self.wire.num_publishers = publishers;
    }

    /// A `room_*` event.
    pub(super) fn event(&self, event: &str, now_micros: i64) -> Value {
        let mut out = Object::new(Style::Webhook);
        out.message("room", Some(&self.wire));
        finish(out, event, now_micros)
    }

    /// A `participant_*` event.
    pub(super) fn participant_event(&self, event: &str, member: &Member, now_micros: i64) -> Value {
        let mut out = Object::new(Style::Webhook);
        out.message("room", Some(&self.wire));
        out.message("participant", Some(&member.info));
        finish(out, event, now_micros)
    }

    /// A `track_*` event, which names room and participant only.
    pub(super) fn track_event(&self, event: &str, member: &Member, track: &wire::Track, now: i64) -> Value {
        let room =
            wire::Room { sid: self.wire.sid.clone(), name: self.wire.name.clone(), ..wire::Room::default() };
        let participant = wire::Participant {
            sid: member.info.sid.clone(),
            identity: member.info.identity.clone(),
            ..wire::Participant::default()
        };
        let mut out = Object::new(Style::Webhook);
        out.message("room", Some(&room));
        out.message("participant", Some(&participant));
        out.message("track", Some(track));
        finish(out, event, now)
    }
}

fn finish(mut out: Object, event: &str, now_micros: i64) -> Value {
    out.text("event", event);
    out.text("id", &random_id("EV_"));
    out.large("created_at", now_micros.div_euclid(1_000_000));
    out.finish()
}

/// The room as this crate's type.
pub(super) fn as_room(room: &wire::Room) -> crate::Room {
    let json = room.json(Style::Webhook);
    crate::fields::Fields::of(&json).map(crate::Room::read).unwrap_or_default()
}

/// The participant as this crate's type.
pub(super) fn as_participant(participant: &wire::Participant) -> crate::Participant {
    let json = participant.json(Style::Webhook);
    crate::fields::Fields::of(&json).map(crate::Participant::read).unwrap_or_default()
}

/// An id such as LiveKit makes them.
pub(super) fn random_id(prefix: &str) -> String {
    format!("{prefix}{}", random_text(12))
}

pub(super) fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
