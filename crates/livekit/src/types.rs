//! Rooms, participants, tracks, dispatches and jobs as both the webhooks and the API tell them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fields::Fields;

pub(crate) const KINDS: [&str; 9] =
    ["STANDARD", "INGRESS", "EGRESS", "SIP", "AGENT", "", "", "CONNECTOR", "BRIDGE"];
pub(crate) const STATES: [&str; 4] = ["JOINING", "JOINED", "ACTIVE", "DISCONNECTED"];
pub(crate) const TRACK_KINDS: [&str; 3] = ["AUDIO", "VIDEO", "DATA"];
pub(crate) const SOURCES: [&str; 5] =
    ["UNKNOWN", "CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"];
pub(crate) const JOB_STATES: [&str; 4] = ["JS_PENDING", "JS_RUNNING", "JS_SUCCESS", "JS_FAILED"];
pub(crate) const DISCONNECT_REASONS: [&str; 17] = [
    "UNKNOWN_REASON",
    "CLIENT_INITIATED",
    "DUPLICATE_IDENTITY",
    "SERVER_SHUTDOWN",
    "PARTICIPANT_REMOVED",
    "ROOM_DELETED",
    "STATE_MISMATCH",
    "JOIN_FAILURE",
    "MIGRATION",
    "SIGNAL_CLOSE",
    "ROOM_CLOSED",
    "USER_UNAVAILABLE",
    "USER_REJECTED",
    "SIP_TRUNK_FAILURE",
    "CONNECTION_TIMEOUT",
    "MEDIA_FAILURE",
    "AGENT_ERROR",
];

/// A room. A name can be used again, a `sid` never.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Room {
    /// The id of this room (`RM_…`).
    pub sid: String,
    /// Its name, chosen by whoever made it.
    pub name: String,
    /// Participants other than agents. LiveKit counts every 5 s only: do not decide by it.
    pub num_participants: u32,
    /// Participants that publish, agents included; as late as `num_participants`.
    pub num_publishers: u32,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: Option<i64>,
    /// What its maker noted on it.
    pub metadata: String,
    /// Seconds until a room that nobody ever joined is closed.
    pub empty_timeout: u32,
    /// Seconds until a room is closed after the last participant that is no agent left.
    pub departure_timeout: u32,
}

impl Room {
    pub(crate) fn read(fields: Fields<'_>) -> Self {
        Self {
            sid: fields.text("sid"),
            name: fields.text("name"),
            num_participants: fields.count("numParticipants"),
            num_publishers: fields.count("numPublishers"),
            created_at_ms: milliseconds(fields, "creationTimeMs", "creationTime"),
            metadata: fields.text("metadata"),
            empty_timeout: fields.count("emptyTimeout"),
            departure_timeout: fields.count("departureTimeout"),
        }
    }
}

/// Somebody or something in a room.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Participant {
    /// The id of this stay in the room (`PA_…`): a new one after each reconnect.
    pub sid: String,
    /// Who it is; one identity is in a room only once at a time.
    pub identity: String,
    /// Its name for people.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// `JOINING`, `JOINED`, `ACTIVE` or `DISCONNECTED`.
    pub state: String,
    /// When it joined, in milliseconds since the Unix epoch.
    pub joined_at_ms: Option<i64>,
    /// What it or its token says about itself (`sip.callID`, `lk.agent_name`…).
    pub attributes: BTreeMap<String, String>,
    /// What it publishes; webhooks leave this empty.
    pub tracks: Vec<Track>,
    /// Why it left, where that is known (`CLIENT_INITIATED`, `ROOM_DELETED`…).
    pub disconnect_reason: Option<String>,
}

impl Participant {
    pub(crate) fn read(fields: Fields<'_>) -> Self {
        let state = fields.enumeration("state", &STATES);
        let reason = fields.enumeration("disconnectReason", &DISCONNECT_REASONS);
        Self {
            sid: fields.text("sid"),
            identity: fields.text("identity"),
            name: fields.text("name"),
            kind: Kind::named(&fields.enumeration("kind", &KINDS)),
            state: if state.is_empty() { STATES[0].to_owned() } else { state },
            joined_at_ms: milliseconds(fields, "joinedAtMs", "joinedAt"),
            attributes: fields.texts("attributes"),
            tracks: fields.objects("tracks").map(Track::read).collect(),
            disconnect_reason: Some(reason).filter(|why| !why.is_empty() && why != DISCONNECT_REASONS[0]),
        }
    }

    /// The attribute of that name, unless it is absent or empty.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What a participant is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Kind {
    /// A client of the ordinary sort: a person.
    #[default]
    Standard,
    /// A stream coming in.
    Ingress,
    /// A recorder.
    Egress,
    /// A telephone.
    Sip,
    /// An agent.
    Agent,
    /// A connector to another network.
    Connector,
    /// One that this version does not know, by LiveKit's name.
    Other(String),
}

impl Kind {
    /// The kind of that name; none is `STANDARD`.
    pub fn named(name: &str) -> Self {
        match name {
            "" | "STANDARD" => Self::Standard,
            "INGRESS" => Self::Ingress,
            "EGRESS" => Self::Egress,
            "SIP" => Self::Sip,
            "AGENT" => Self::Agent,
            "CONNECTOR" => Self::Connector,
            other => Self::Other(other.to_owned()),
        }
    }

    /// LiveKit's name for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ingress => "INGRESS",
            Self::Egress => "EGRESS",
            Self::Sip => "SIP",
            Self::Agent => "AGENT",
            Self::Connector => "CONNECTOR",
            Self::Other(name) => name,
        }
    }
}

/// Something published: a voice, a picture.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Track {
    /// Its id (`TR_…`).
    pub sid: String,
    /// What it carries.
    pub kind: TrackKind,
    /// Its name, chosen by the publisher.
    pub name: String,
    /// `MICROPHONE`, `CAMERA`…; `UNKNOWN` where the publisher did not say, as agents do not.
    pub source: String,
    /// Whether it is silent for now.
    pub muted: bool,
    /// When it was published, in microseconds since the Unix epoch.
    pub published_at_micros: Option<i64>,
}

impl Track {
    pub(crate) fn read(fields: Fields<'_>) -> Self {
        let source = fields.enumeration("source", &SOURCES);
        Self {
            sid: fields.text("sid"),
            kind: TrackKind::named(&fields.enumeration("type", &TRACK_KINDS)),
            name: fields.text("name"),
            source: if source.is_empty() { SOURCES[0].to_owned() } else { source },
            muted: fields.flag("muted"),
            published_at_micros: fields
                .object("version")
                .and_then(|version| version.number("unixMicro"))
                .filter(|&micros| micros > 0),
        }
    }
}

/// What a track carries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum TrackKind {
    /// Sound.
    #[default]
    Audio,
    /// A picture.
    Video,
    /// Data.
    Data,
    /// One that this version does not know, by LiveKit's name.
    Other(String),
}

impl TrackKind {
    fn named(name: &str) -> Self {
        match name {
            "" | "AUDIO" => Self::Audio,
            "VIDEO" => Self::Video,
            "DATA" => Self::Data,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// An order that an agent of some name join a room.
///
/// LiveKit adds one of its own with an empty `agent_name` to every room made without agents.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dispatch {
    /// Its id (`AD_…`).
    pub id: String,
    /// The name that the agent's workers register with.
    pub agent_name: String,
    /// The room to join, by name.
    pub room: String,
    /// What the agent is told.
    pub metadata: String,
    /// The jobs that workers took. Shown up to 5 s late by livekit-server 1.13.5, whose list of workers is
    /// then being made; and never removed or updated when the agent leaves.
    pub jobs: Vec<Job>,
    /// The attributes that the job carries.
    pub attributes: BTreeMap<String, String>,
}

impl Dispatch {
    pub(crate) fn read(fields: Fields<'_>) -> Self {
        let jobs = fields.object("state").map(|state| state.objects("jobs").map(Job::read).collect());
        Self {
            id: fields.text("id"),
            agent_name: fields.text("agentName"),
            room: fields.text("room"),
            metadata: fields.text("metadata"),
            jobs: jobs.unwrap_or_default(),
            attributes: fields.texts("attributes"),
        }
    }
}

/// A worker's promise to bring an agent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Job {
    /// Its id (`AJ_…`).
    pub id: String,
    /// The dispatch that it came from.
    pub dispatch_id: String,
    /// The agent's name.
    pub agent_name: String,
    /// The identity that the agent joins with (`agent-AJ_…`).
    pub participant_identity: String,
    /// `JS_PENDING`, `JS_RUNNING`, `JS_SUCCESS`, `JS_FAILED`; in a dispatch `JS_RUNNING` for ever.
    pub status: String,
    /// What went wrong, where something did.
    pub error: String,
    /// The room it is for.
    pub room: Option<Room>,
}

impl Job {
    pub(crate) fn read(fields: Fields<'_>) -> Self {
        let state = fields.object("state");
        let status = state.map(|state| state.enumeration("status", &JOB_STATES)).unwrap_or_default();
        Self {
            id: fields.text("id"),
            dispatch_id: fields.text("dispatchId"),
            agent_name: fields.text("agentName"),
            participant_identity: state.map(|state| state.text("participantIdentity")).unwrap_or_default(),
            status: if status.is_empty() { JOB_STATES[0].to_owned() } else { status },
            error: state.map(|state| state.text("error")).unwrap_or_default(),
            room: fields.object("room").map(Room::read),
        }
    }
}

/// A list that an answer holds under a name.
pub(crate) fn list<T>(answer: &Value, name: &str, read: impl Fn(Fields<'_>) -> T) -> Vec<T> {
    Fields::of(answer).map(|fields| fields.objects(name).map(read).collect()).unwrap_or_default()
}

/// The exact moment, or the whole seconds that older servers send alone.
fn milliseconds(fields: Fields<'_>, exact: &str, whole: &str) -> Option<i64> {
    let positive = |&number: &i64| number > 0;
    fields.number(exact).filter(positive).or_else(|| fields.number(whole).filter(positive)?.checked_mul(1000))
}
