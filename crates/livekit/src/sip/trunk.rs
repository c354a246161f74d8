//! Inbound trunks: which calls LiveKit takes from a carrier.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Secret;
use super::record::{
    Raw, Record, duration, duration_text, media_encryption, media_encryption_fields, text_or_null,
};
use crate::fields::Fields;

const HEADERS: [&str; 3] = ["SIP_NO_HEADERS", "SIP_X_HEADERS", "SIP_ALL_HEADERS"];

/// A SIP inbound trunk (`SIPInboundTrunkInfo`).
///
/// What this version does not know of it is kept and sent back as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundTrunk {
    /// Its id (`ST_…`), given by LiveKit; empty for one that is to be made.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What its maker noted on it.
    pub metadata: String,
    /// The numbers that it takes calls to, compared after [`normalized`](super::normalized); none: to any number.
    pub numbers: Vec<String>,
    /// The addresses and ranges that it takes calls from; none: from anywhere.
    pub allowed_addresses: Vec<String>,
    /// The callers that it takes calls from, compared after [`normalized`](super::normalized); none: from anybody.
    pub allowed_numbers: Vec<String>,
    /// The user that a caller has to sign in as.
    pub auth_username: String,
    /// The password that goes with it.
    pub auth_password: Secret,
    /// Headers that LiveKit adds to its 200 OK.
    pub headers: BTreeMap<String, String>,
    /// Headers of the INVITE that become attributes of the caller, by header.
    pub headers_to_attributes: BTreeMap<String, String>,
    /// Attributes of the caller that become headers of BYE and REFER, by attribute.
    pub attributes_to_headers: BTreeMap<String, String>,
    /// Which headers become attributes unasked: `SIP_NO_HEADERS`, `SIP_X_HEADERS` or `SIP_ALL_HEADERS`; empty is
    /// the first.
    pub include_headers: String,
    /// How long a caller rings until an agent answers; none is LiveKit's default of 3 minutes.
    pub ringing_timeout: Option<Duration>,
    /// How long a call may last; none is LiveKit's default of 24 hours.
    pub max_call_duration: Option<Duration>,
    /// `SIP_MEDIA_ENCRYPT_DISABLE`, `…_ALLOW` or `…_REQUIRE`; empty is the first.
    pub media_encryption: String,
    /// Whether LiveKit Cloud takes the noise out of the caller's voice.
    pub krisp_enabled: bool,
    /// What it was read from, and is written back into.
    pub raw: Raw,
}

impl InboundTrunk {
    /// A trunk from LiveKit's JSON for it; nothing if that is no object.
    pub fn from_json(value: &Value) -> Option<Self> {
        Fields::of(value).map(Self::read)
    }

    /// LiveKit's JSON for it, with all that it was read with. Holds the password: never to be logged.
    pub fn to_json(&self) -> Value {
        Value::Object(self.written())
    }

    /// Whether a caller has to sign in. livekit-sip asks only where both user and password are set.
    pub fn asks_for_credentials(&self) -> bool {
        !self.auth_username.is_empty() && self.auth_password.is_set()
    }

    /// The object to make a new one from: LiveKit refuses one with an id.
    pub(super) fn without_id(&self) -> Value {
        let mut object = self.written();
        for name in ["sip_trunk_id", "sipTrunkId"] {
            object.remove(name);
        }
        Value::Object(object)
    }
}

impl Record for InboundTrunk {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            id: fields.text("sipTrunkId"),
            name: fields.text("name"),
            metadata: fields.text("metadata"),
            numbers: fields.list("numbers"),
            allowed_addresses: fields.list("allowedAddresses"),
            allowed_numbers: fields.list("allowedNumbers"),
            auth_username: fields.text("authUsername"),
            auth_password: Secret::new(fields.text("authPassword")),
            headers: fields.texts("headers"),
            headers_to_attributes: fields.texts("headersToAttributes"),
            attributes_to_headers: fields.texts("attributesToHeaders"),
            include_headers: fields.enumeration("includeHeaders", &HEADERS),
            ringing_timeout: duration(fields, "ringingTimeout"),
            max_call_duration: duration(fields, "maxCallDuration"),
            media_encryption: media_encryption(fields),
            krisp_enabled: fields.flag("krispEnabled"),
            raw: Raw::of(fields),
        }
    }

    fn raw(&self) -> &Raw {
        &self.raw
    }

    fn own(&self) -> Vec<(&'static str, Value)> {
        let [encryption, media] = media_encryption_fields(&self.raw, &self.media_encryption);
        vec![
            ("sip_trunk_id", json!(self.id)),
            ("name", json!(self.name)),
            ("metadata", json!(self.metadata)),
            ("numbers", json!(self.numbers)),
            ("allowed_addresses", json!(self.allowed_addresses)),
            ("allowed_numbers", json!(self.allowed_numbers)),
            ("auth_username", json!(self.auth_username)),
            ("auth_password", json!(self.auth_password.expose())),
            ("headers", json!(self.headers)),
            ("headers_to_attributes", json!(self.headers_to_attributes)),
            ("attributes_to_headers", json!(self.attributes_to_headers)),
            ("include_headers", text_or_null(&self.include_headers)),
            ("ringing_timeout", duration_text(self.ringing_timeout)),
            ("max_call_duration", duration_text(self.max_call_duration)),
            encryption,
            media,
            ("krisp_enabled", json!(self.krisp_enabled)),
        ]
    }
}
