//! LiveKit's webhooks: is it from LiveKit, and what does it say. Everything is read from raw bytes and nothing
//! here panics, whatever they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::fields::Fields;
use crate::token::{self, Token};
use crate::{Credentials, Job, Participant, Room, Track};

pub use crate::token::Refused;

/// The content type that LiveKit sends webhooks with.
pub const CONTENT_TYPE: &str = "application/webhook+json";

/// Something that happened in a room.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    /// Its id (`EV_…`), the same in every delivery of it; empty where none was sent.
    pub id: String,
    /// What happened: `participant_joined`, `room_finished`…
    pub event: String,
    /// When, in whole seconds since the Unix epoch; 0 where that was not said.
    pub created_at: i64,
    /// The room: whole in `room_*` and `participant_*`, only `sid` and `name` in `track_*`.
    pub room: Option<Room>,
    /// Who: whole in `participant_*`, only `sid` and `identity` in `track_*`.
    pub participant: Option<Participant>,
    /// What was published.
    pub track: Option<Track>,
    /// The agent's job, in `agent_job_*` of LiveKit Cloud.
    pub job: Option<Job>,
    /// Why the room ended, where the server is new enough to say.
    pub room_end_reason: Option<String>,
}

/// Why a body is no event.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// It is JSON but no object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A field that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field is of the wrong type.
    #[error("`{field}` must be {wanted}")]
    Wrong {
        /// Its name.
        field: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
}

impl ParseError {
    /// The name of the field that is missing or wrong; none if the body as a whole is.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing(field) | Self::Wrong { field, .. } => Some(field),
            Self::NotJson(_) | Self::NotAnObject => None,
        }
    }
}

/// Checks that LiveKit sent this body: `authorization` is the header as received (the bare token, or after
/// `Bearer`), `now_unix` the time in seconds. Clocks may differ by 60 s.
pub fn check(
    credentials: &Credentials,
    authorization: &str,
    body: &[u8],
    now_unix: i64,
) -> Result<(), Refused> {
    let claims = token::verify(credentials, bare(authorization)?, now_unix)?;
    let claimed = claims.get("sha256").and_then(Value::as_str).unwrap_or_default();
    if bool::from(claimed.as_bytes().ct_eq(hash(body).as_bytes())) { Ok(()) } else { Err(Refused::Body) }
}

/// The API key that an authorization claims to be of, unchecked: to choose the credentials to check it against.
pub fn issuer(authorization: &str) -> Option<String> {
    token::issuer(bare(authorization).ok()?)
}

/// The `Authorization` that LiveKit would send with this body at `now_unix` (seconds).
pub fn signed(credentials: &Credentials, body: &[u8], now_unix: i64) -> String {
    Token::of_body(hash(body)).sign(credentials, now_unix)
}

/// Reads an event. Unknown fields, names of events and values of enums are no error; nor is a wrong type where
/// doing without the field still leaves an event.
pub fn parse(body: &[u8]) -> Result<Event, ParseError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| ParseError::NotJson(error.to_string()))?;
    let fields = Fields::of(&value).ok_or(ParseError::NotAnObject)?;
    let event = match fields.get("event") {
        None => return Err(ParseError::Missing("event")),
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        Some(_) => return Err(ParseError::Wrong { field: "event", wanted: "the name of an event" }),
    };
    Ok(Event {
        id: fields.text("id"),
        event,
        created_at: fields.number("createdAt").unwrap_or_default(),
        room: object(fields, "room")?.map(Room::read),
        participant: object(fields, "participant")?.map(Participant::read),
        track: object(fields, "track")?.map(Track::read),
        job: object(fields, "job")?.map(Job::read),
        room_end_reason: Some(fields.text("roomEndReason")).filter(|reason| !reason.is_empty()),
    })
}

/// The body as JSON text without the room's TURN password, for keeping; `null` if it is not JSON.
pub fn without_secrets(body: &[u8]) -> String {
    let mut value = serde_json::from_slice(body).unwrap_or(Value::Null);
    remove_secrets(&mut value);
    value.to_string()
}

fn remove_secrets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| name != "turnPassword" && name != "turn_password");
            map.values_mut().for_each(remove_secrets);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_secrets),
        _ => {}
    }
}

fn object<'a>(fields: Fields<'a>, field: &'static str) -> Result<Option<Fields<'a>>, ParseError> {
    match fields.get(field) {
        None => Ok(None),
        Some(value) => Fields::of(value).map(Some).ok_or(ParseError::Wrong { field, wanted: "an object" }),
    }
}

fn bare(authorization: &str) -> Result<&str, Refused> {
    let authorization = authorization.trim();
    let token = match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => authorization,
    };
    if token.is_empty() || token.eq_ignore_ascii_case("bearer") { Err(Refused::Missing) } else { Ok(token) }
}

fn hash(body: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(body))
}
