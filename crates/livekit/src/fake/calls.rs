//! The requests and answers of the Twirp calls that this fake knows.

use std::collections::HashMap;
use std::time::Duration;

use super::json::{Json, Object};
use super::wire::{Dispatch, Participant, Room};
use crate::fields::Fields;

/// A request in either encoding.
pub(super) trait Request: prost::Message + Default + Send {
    /// Reads it from JSON; unknown fields are ignored.
    fn from_json(fields: Fields<'_>) -> Self;

    /// The room it is about, by name.
    fn room(&self) -> &str;
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CreateRoom {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint32, tag = "2")]
    pub empty_timeout: u32,
    #[prost(uint32, tag = "10")]
    pub departure_timeout: u32,
    #[prost(string, tag = "5")]
    pub metadata: String,
}

impl Request for CreateRoom {
    fn from_json(fields: Fields<'_>) -> Self {
        Self {
            name: fields.text("name"),
            empty_timeout: fields.count("emptyTimeout"),
            departure_timeout: fields.count("departureTimeout"),
            metadata: fields.text("metadata"),
        }
    }

    fn room(&self) -> &str {
        &self.name
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ListRooms {
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
}

impl Request for ListRooms {
    fn from_json(fields: Fields<'_>) -> Self {
        let names = fields.get("names").and_then(|names| names.as_array()).into_iter().flatten();
        Self { names: names.filter_map(|name| name.as_str()).map(str::to_owned).collect() }
    }

    fn room(&self) -> &str {
        ""
    }
}

/// `DeleteRoom`, `ListParticipants`, and with an identity `GetParticipant` and `RemoveParticipant`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InRoom {
    #[prost(string, tag = "1")]
    pub room: String,
    #[prost(string, tag = "2")]
    pub identity: String,
}

impl Request for InRoom {
    fn from_json(fields: Fields<'_>) -> Self {
        Self { room: fields.text("room"), identity: fields.text("identity") }
    }

    fn room(&self) -> &str {
        &self.room
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CreateDispatch {
    #[prost(string, tag = "1")]
    pub agent_name: String,
    #[prost(string, tag = "2")]
    pub room: String,
    #[prost(string, tag = "3")]
    pub metadata: String,
    #[prost(map = "string, string", tag = "6")]
    pub attributes: HashMap<String, String>,
}

impl Request for CreateDispatch {
    fn from_json(fields: Fields<'_>) -> Self {
        Self {
            agent_name: fields.text("agentName"),
            room: fields.text("room"),
            metadata: fields.text("metadata"),
            attributes: fields.texts("attributes").into_iter().collect(),
        }
    }

    fn room(&self) -> &str {
        &self.room
    }
}

/// `DeleteDispatch`; `ListDispatch` with or without an id.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OneDispatch {
    #[prost(string, tag = "1")]
    pub dispatch_id: String,
    #[prost(string, tag = "2")]
    pub room: String,
}

impl Request for OneDispatch {
    fn from_json(fields: Fields<'_>) -> Self {
        Self { dispatch_id: fields.text("dispatchId"), room: fields.text("room") }
    }

    fn room(&self) -> &str {
        &self.room
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TransferSipParticipant {
    #[prost(string, tag = "1")]
    pub participant_identity: String,
    #[prost(string, tag = "2")]
    pub room_name: String,
    #[prost(string, tag = "3")]
    pub transfer_to: String,
    #[prost(bool, tag = "4")]
    pub play_dialtone: bool,
    #[prost(message, optional, tag = "6")]
    pub ringing_timeout: Option<Span>,
}

/// protobuf's `Duration`.
#[derive(Copy, Clone, PartialEq, prost::Message)]
pub(super) struct Span {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl TransferSipParticipant {
    /// How long the other side may ring, if the request says it.
    pub(super) fn ringing(&self) -> Option<Duration> {
        let span = self.ringing_timeout?;
        let seconds = Duration::from_secs(u64::try_from(span.seconds).ok()?);
        Some(seconds + Duration::from_nanos(u64::try_from(span.nanos).ok()?))
    }
}

impl Request for TransferSipParticipant {
    fn from_json(fields: Fields<'_>) -> Self {
        // As in `1.500s`.
        let seconds =
            fields.text("ringingTimeout").strip_suffix('s').and_then(|text| text.parse::<f64>().ok());
        let ringing = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self {
            participant_identity: fields.text("participantIdentity"),
            room_name: fields.text("roomName"),
            transfer_to: fields.text("transferTo"),
            play_dialtone: fields.flag("playDialtone"),
            ringing_timeout: ringing.map(|ringing| Span {
                seconds: i64::try_from(ringing.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(ringing.subsec_nanos()).unwrap_or_default(),
            }),
        }
    }

    fn room(&self) -> &str {
        &self.room_name
    }
}

/// The answer of calls that have nothing to say.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Nothing {}

impl Json for Nothing {
    fn write(&self, _: &mut Object) {}
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Rooms {
    #[prost(message, repeated, tag = "1")]
    pub rooms: Vec<Room>,
}

impl Json for Rooms {
    fn write(&self, out: &mut Object) {
        out.list("rooms", &self.rooms);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Participants {
    #[prost(message, repeated, tag = "1")]
    pub participants: Vec<Participant>,
}

impl Json for Participants {
    fn write(&self, out: &mut Object) {
        out.list("participants", &self.participants);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dispatches {
    #[prost(message, repeated, tag = "1")]
    pub agent_dispatches: Vec<Dispatch>,
}

impl Json for Dispatches {
    fn write(&self, out: &mut Object) {
        out.list("agent_dispatches", &self.agent_dispatches);
    }
}
