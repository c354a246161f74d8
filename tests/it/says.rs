//! What LiveKit says of one call: webhooks as livekit-server 1.13.5 writes them, made by hand.

use serde_json::{Value, json};

/// One call as LiveKit tells of it. Offsets are milliseconds from its ring.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Tells its names from those of other calls.
    pub(crate) n: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) trunk: String,
    pub(crate) room: String,
    /// When it rang, in milliseconds since the epoch.
    pub(crate) at: i64,
}

impl Line {
    pub(crate) fn new(n: &str, rang: switchboard::clock::Timestamp) -> Line {
        Line {
            n: n.to_owned(),
            from: "+15551234567".to_owned(),
            to: crate::routing::NUMBER.to_owned(),
            trunk: "ST_inbound".to_owned(),
            room: format!("in_+15557654321_{n}"),
            at: rang.millis(),
        }
    }

    pub(crate) fn call_id(&self) -> String {
        format!("SCL_{}", self.n)
    }

    pub(crate) fn full_id(&self) -> String {
        format!("full-{}@127.0.0.1", self.n)
    }

    pub(crate) fn started(&self) -> Value {
        self.event("room_started", 0, json!({}))
    }

    pub(crate) fn rings(&self) -> Value {
        self.event("participant_joined", 20, json!({ "participant": self.caller("ringing") }))
    }

    /// `status` is `sip.callStatus`, the last the leg was seen with.
    pub(crate) fn left(&self, after: i64, status: &str, reason: &str) -> Value {
        let mut who = self.caller(status);
        who["state"] = "DISCONNECTED".into();
        who["disconnectReason"] = reason.into();
        self.event("participant_left", after, json!({ "participant": who }))
    }

    pub(crate) fn hangs_up(&self, after: i64) -> Value {
        self.left(after, "hangup", "CLIENT_INITIATED")
    }

    pub(crate) fn agent_joined(&self, after: i64) -> Value {
        self.event("participant_joined", after, json!({ "participant": self.agent() }))
    }

    pub(crate) fn agent_spoke(&self, after: i64) -> Value {
        let who = json!({ "sid": self.agent()["sid"], "identity": self.agent()["identity"] });
        let track = json!({ "sid": format!("TR_{}", self.n), "name": "voice", "mimeType": "audio/red",
            "version": { "unixMicro": ((self.at + after) * 1000).to_string() } });
        self.event("track_published", after, json!({ "participant": who, "track": track }))
    }

    pub(crate) fn agent_left(&self, after: i64) -> Value {
        let mut who = self.agent();
        who["disconnectReason"] = "CLIENT_INITIATED".into();
        self.event("participant_left", after, json!({ "participant": who }))
    }

    pub(crate) fn finished(&self, after: i64) -> Value {
        self.event("room_finished", after, json!({}))
    }

    pub(crate) fn caller(&self, status: &str) -> Value {
        json!({
            "sid": format!("PA_{}", self.n), "identity": format!("sip_{}", self.from), "state": "ACTIVE",
            "joinedAt": (self.at / 1000).to_string(), "joinedAtMs": self.at.to_string(),
            "name": format!("Phone {}", self.from), "kind": "SIP",
            "attributes": {
                "sip.callID": self.call_id(), "sip.callIDFull": self.full_id(), "sip.callStatus": status,
                "sip.phoneNumber": self.from, "sip.trunkPhoneNumber": self.to, "sip.trunkID": self.trunk,
                "sip.ruleID": "SDR_catch", "sip.hostname": "acme.pstn.twilio.com",
            },
        })
    }

    fn agent(&self) -> Value {
        json!({
            "sid": format!("PA_agent_{}", self.n), "identity": format!("agent-AJ_{}", self.n),
            "state": "ACTIVE", "joinedAtMs": (self.at + 300).to_string(), "kind": "AGENT",
            "attributes": { "lk.agent_name": "telephony-agent" },
        })
    }

    pub(crate) fn event(&self, name: &str, after: i64, rest: Value) -> Value {
        let mut event = json!({
            "event": name, "id": format!("EV_{name}_{after}_{}", self.n),
            "createdAt": ((self.at + after) / 1000).to_string(),
            "room": {
                "sid": format!("RM_{}", self.n), "name": self.room, "emptyTimeout": 300,
                "creationTimeMs": self.at.to_string(), "turnPassword": "hunter2-turn-password",
            },
        });
        if let (Some(event), Value::Object(rest)) = (event.as_object_mut(), rest) {
            event.extend(rest);
        }
        event
    }
}
