//! LiveKit's messages, as far as this fake speaks them, for protobuf and for JSON. Field numbers are those of
//! livekit-server 1.13.5.

use std::collections::HashMap;

use serde_json::json;

use super::json::{Json, Object};
use crate::types::{DISCONNECT_REASONS, JOB_STATES, KINDS, SOURCES, STATES, TRACK_KINDS};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Room {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint32, tag = "3")]
    pub empty_timeout: u32,
    #[prost(uint32, tag = "14")]
    pub departure_timeout: u32,
    #[prost(int64, tag = "5")]
    pub creation_time: i64,
    #[prost(int64, tag = "15")]
    pub creation_time_ms: i64,
    #[prost(string, tag = "6")]
    pub turn_password: String,
    #[prost(message, repeated, tag = "7")]
    pub enabled_codecs: Vec<Codec>,
    #[prost(string, tag = "8")]
    pub metadata: String,
    #[prost(uint32, tag = "9")]
    pub num_participants: u32,
    #[prost(uint32, tag = "11")]
    pub num_publishers: u32,
}

impl Json for Room {
    fn write(&self, out: &mut Object) {
        out.text("sid", &self.sid);
        out.text("name", &self.name);
        out.small("empty_timeout", self.empty_timeout);
        out.small("departure_timeout", self.departure_timeout);
        out.small("max_participants", 0);
        out.large("creation_time", self.creation_time);
        out.large("creation_time_ms", self.creation_time_ms);
        out.text("turn_password", &self.turn_password);
        out.list("enabled_codecs", &self.enabled_codecs);
        out.text("metadata", &self.metadata);
        out.small("num_participants", self.num_participants);
        out.small("num_publishers", self.num_publishers);
        out.flag("active_recording", false);
        out.message("version", None::<&Version>);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Codec {
    #[prost(string, tag = "1")]
    pub mime: String,
}

impl Json for Codec {
    fn write(&self, out: &mut Object) {
        out.text("mime", &self.mime);
        out.text("fmtp_line", "");
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Version {
    #[prost(int64, tag = "1")]
    pub unix_micro: i64,
}

impl Json for Version {
    fn write(&self, out: &mut Object) {
        out.large("unix_micro", self.unix_micro);
        out.small("ticks", 0);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Participant {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(int32, tag = "3")]
    pub state: i32,
    #[prost(message, repeated, tag = "4")]
    pub tracks: Vec<Track>,
    #[prost(string, tag = "5")]
    pub metadata: String,
    #[prost(int64, tag = "6")]
    pub joined_at: i64,
    #[prost(int64, tag = "17")]
    pub joined_at_ms: i64,
    #[prost(string, tag = "9")]
    pub name: String,
    #[prost(uint32, tag = "10")]
    pub version: u32,
    #[prost(message, optional, tag = "11")]
    pub permission: Option<Permission>,
    #[prost(bool, tag = "13")]
    pub is_publisher: bool,
    #[prost(int32, tag = "14")]
    pub kind: i32,
    #[prost(map = "string, string", tag = "15")]
    pub attributes: HashMap<String, String>,
    #[prost(int32, tag = "16")]
    pub disconnect_reason: i32,
    #[prost(int32, tag = "20")]
    pub client_protocol: i32,
    #[prost(int32, repeated, tag = "21")]
    pub capabilities: Vec<i32>,
}

impl Json for Participant {
    fn write(&self, out: &mut Object) {
        out.text("sid", &self.sid);
        out.text("identity", &self.identity);
        out.enumeration("state", self.state, &STATES);
        out.list("tracks", &self.tracks);
        out.text("metadata", &self.metadata);
        out.large("joined_at", self.joined_at);
        out.large("joined_at_ms", self.joined_at_ms);
        out.text("name", &self.name);
        out.small("version", self.version);
        out.message("permission", self.permission.as_ref());
        out.text("region", "");
        out.flag("is_publisher", self.is_publisher);
        out.enumeration("kind", self.kind, &KINDS);
        out.texts("attributes", &self.attributes);
        out.enumeration("disconnect_reason", self.disconnect_reason, &DISCONNECT_REASONS);
        out.always("kind_details", json!([]));
        out.always("data_tracks", json!([]));
        out.small("client_protocol", self.client_protocol.unsigned_abs());
        let capabilities = ["CAP_UNUSED", "CAP_PACKET_TRAILER", "CAP_COMPRESSION_DEFLATE_RAW"];
        out.enumerations("capabilities", &self.capabilities, &capabilities);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Permission {
    #[prost(bool, tag = "1")]
    pub can_subscribe: bool,
    #[prost(bool, tag = "2")]
    pub can_publish: bool,
    #[prost(bool, tag = "3")]
    pub can_publish_data: bool,
    #[prost(bool, tag = "10")]
    pub can_update_metadata: bool,
    #[prost(bool, tag = "11")]
    pub agent: bool,
}

impl Json for Permission {
    fn write(&self, out: &mut Object) {
        out.flag("can_subscribe", self.can_subscribe);
        out.flag("can_publish", self.can_publish);
        out.flag("can_publish_data", self.can_publish_data);
        out.always("can_publish_sources", json!([]));
        out.flag("hidden", false);
        out.flag("recorder", false);
        out.flag("can_update_metadata", self.can_update_metadata);
        out.flag("agent", self.agent);
        out.flag("can_subscribe_metrics", false);
        out.flag("can_manage_agent_session", false);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Track {
    #[prost(string, tag = "1")]
    pub sid: String,
    #[prost(int32, tag = "2")]
    pub kind: i32,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(bool, tag = "4")]
    pub muted: bool,
    #[prost(int32, tag = "9")]
    pub source: i32,
    #[prost(string, tag = "11")]
    pub mime_type: String,
    #[prost(string, tag = "12")]
    pub mid: String,
    #[prost(message, repeated, tag = "13")]
    pub codecs: Vec<TrackCodec>,
    #[prost(string, tag = "17")]
    pub stream: String,
    #[prost(message, optional, tag = "18")]
    pub version: Option<Version>,
    #[prost(int32, tag = "20")]
    pub backup_codec_policy: i32,
}

impl Json for Track {
    fn write(&self, out: &mut Object) {
        out.text("sid", &self.sid);
        out.enumeration("type", self.kind, &TRACK_KINDS);
        out.text("name", &self.name);
        out.flag("muted", self.muted);
        out.small("width", 0);
        out.small("height", 0);
        out.flag("simulcast", false);
        out.flag("disable_dtx", false);
        out.enumeration("source", self.source, &SOURCES);
        out.always("layers", json!([]));
        out.text("mime_type", &self.mime_type);
        out.text("mid", &self.mid);
        out.list("codecs", &self.codecs);
        out.flag("stereo", false);
        out.flag("disable_red", false);
        out.enumeration("encryption", 0, &["NONE"]);
        out.text("stream", &self.stream);
        out.message("version", self.version.as_ref());
        out.always("audio_features", json!([]));
        let policies = ["PREFER_REGRESSION", "SIMULCAST", "REGRESSION"];
        out.enumeration("backup_codec_policy", self.backup_codec_policy, &policies);
        out.always("packet_trailer_features", json!([]));
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TrackCodec {
    #[prost(string, tag = "1")]
    pub mime_type: String,
    #[prost(string, tag = "2")]
    pub mid: String,
    #[prost(string, tag = "3")]
    pub cid: String,
    #[prost(int32, tag = "5")]
    pub video_layer_mode: i32,
}

impl Json for TrackCodec {
    fn write(&self, out: &mut Object) {
        out.text("mime_type", &self.mime_type);
        out.text("mid", &self.mid);
        out.text("cid", &self.cid);
        out.always("layers", json!([]));
        let modes = ["MODE_UNUSED", "ONE_SPATIAL_LAYER_PER_STREAM"];
        out.enumeration("video_layer_mode", self.video_layer_mode, &modes);
        out.text("sdp_cid", "");
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dispatch {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub agent_name: String,
    #[prost(string, tag = "3")]
    pub room: String,
    #[prost(string, tag = "4")]
    pub metadata: String,
    #[prost(message, optional, tag = "5")]
    pub state: Option<DispatchState>,
    #[prost(map = "string, string", tag = "8")]
    pub attributes: HashMap<String, String>,
}

impl Json for Dispatch {
    fn write(&self, out: &mut Object) {
        out.text("id", &self.id);
        out.text("agent_name", &self.agent_name);
        out.text("room", &self.room);
        out.text("metadata", &self.metadata);
        out.message("state", self.state.as_ref());
        out.enumeration("restart_policy", 0, &["JRP_ON_FAILURE"]);
        out.text("deployment", "");
        out.texts("attributes", &self.attributes);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DispatchState {
    #[prost(message, repeated, tag = "1")]
    pub jobs: Vec<Job>,
    #[prost(int64, tag = "2")]
    pub created_at: i64,
}

impl Json for DispatchState {
    fn write(&self, out: &mut Object) {
        out.list("jobs", &self.jobs);
        out.large("created_at", self.created_at);
        out.large("deleted_at", 0);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Job {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "9")]
    pub dispatch_id: String,
    #[prost(message, optional, tag = "3")]
    pub room: Option<Room>,
    #[prost(string, tag = "6")]
    pub metadata: String,
    #[prost(string, tag = "7")]
    pub agent_name: String,
    #[prost(message, optional, tag = "8")]
    pub state: Option<JobState>,
    #[prost(map = "string, string", tag = "12")]
    pub attributes: HashMap<String, String>,
}

impl Json for Job {
    fn write(&self, out: &mut Object) {
        out.text("id", &self.id);
        out.text("dispatch_id", &self.dispatch_id);
        out.enumeration("type", 0, &["JT_ROOM"]);
        out.message("room", self.room.as_ref());
        out.text("namespace", "");
        out.text("metadata", &self.metadata);
        out.text("agent_name", &self.agent_name);
        out.message("state", self.state.as_ref());
        out.flag("enable_recording", false);
        out.text("deployment", "");
        out.texts("attributes", &self.attributes);
        out.flag("enable_redaction", false);
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct JobState {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(int64, tag = "3")]
    pub started_at: i64,
    #[prost(int64, tag = "5")]
    pub updated_at: i64,
    #[prost(string, tag = "6")]
    pub participant_identity: String,
    #[prost(string, tag = "7")]
    pub worker_id: String,
}

impl Json for JobState {
    fn write(&self, out: &mut Object) {
        out.enumeration("status", self.status, &JOB_STATES);
        out.text("error", "");
        out.large("started_at", self.started_at);
        out.large("ended_at", 0);
        out.large("updated_at", self.updated_at);
        out.text("participant_identity", &self.participant_identity);
        out.text("worker_id", &self.worker_id);
        out.text("agent_id", "");
    }
}
