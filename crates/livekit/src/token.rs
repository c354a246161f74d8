//! Access tokens: a JWT signed with the project's secret that says what its holder may do.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Credentials;

/// Seconds by which two clocks may differ; LiveKit's own value.
const LEEWAY: i64 = 60;

/// What a token lets its holder do, in LiveKit's words.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// Make and delete rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_create: bool,
    /// List rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_list: bool,
    /// Manage `room`: its participants and dispatches.
    #[serde(skip_serializing_if = "is_false")]
    pub room_admin: bool,
    /// Join `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_join: bool,
    /// The room that `room_admin` and `room_join` are about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
}

/// What a token lets its holder do with telephones, in LiveKit's words.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SipGrants {
    /// Place and transfer calls.
    #[serde(skip_serializing_if = "is_false")]
    pub call: bool,
    /// Manage trunks and dispatch rules.
    #[serde(skip_serializing_if = "is_false")]
    pub admin: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// An access token in the making.
#[derive(Clone, Debug)]
pub struct Token {
    claims: Claims,
    lifetime: i64,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    iss: String,
    nbf: i64,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    sub: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<Grants>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip: Option<SipGrants>,
    #[serde(skip_serializing_if = "String::is_empty")]
    sha256: String,
}

impl Token {
    /// A token that lasts 5 minutes and allows what `grants` says.
    pub fn new(grants: Grants) -> Self {
        Self { claims: Claims { video: Some(grants), ..Claims::default() }, lifetime: 300 }
    }

    /// It also allows this with telephones.
    pub fn sip(mut self, grants: SipGrants) -> Self {
        self.claims.sip = Some(grants);
        self
    }

    /// A token that only vouches for a body, by its hash.
    pub(crate) fn of_body(sha256: String) -> Self {
        Self { claims: Claims { sha256, ..Claims::default() }, lifetime: 300 }
    }

    /// Who its holder is in a room, and what people see as its name.
    pub fn identity(mut self, identity: impl Into<String>, name: impl Into<String>) -> Self {
        self.claims.sub = identity.into();
        self.claims.name = name.into();
        self
    }

    /// What its holder is: `standard`, `sip`, `agent`…
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.claims.kind = kind.into();
        self
    }

    /// An attribute that its holder has in the room.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.attributes.insert(name.into(), value.into());
        self
    }

    /// How long it is good for, in seconds.
    pub fn lifetime(mut self, seconds: i64) -> Self {
        self.lifetime = seconds;
        self
    }

    /// The token as text, good from `now_unix` (seconds) on.
    pub fn sign(mut self, credentials: &Credentials, now_unix: i64) -> String {
        self.claims.iss.clone_from(&credentials.key);
        self.claims.nbf = now_unix;
        self.claims.iat = now_unix;
        self.claims.exp = now_unix.saturating_add(self.lifetime);
        let key = EncodingKey::from_secret(credentials.secret().as_bytes());
        // HS256 over plain JSON cannot fail; an empty token would be refused by everybody.
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &self.claims, &key).unwrap_or_default()
    }
}

/// Why a token is not accepted. Never quotes the token.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is none.
    #[error("no token was sent")]
    Missing,
    /// It is no JSON Web Token.
    #[error("what was sent is not a token")]
    NotAToken,
    /// It names another API key than the one it is checked against.
    #[error("the token was made with another API key")]
    OtherKey,
    /// The signature is not of our secret, or not HS256.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is no longer good, or says not how long it is.
    #[error("the token has expired")]
    Expired,
    /// It is not good yet: the clocks differ by more than 60 s.
    #[error("the token is not valid yet: compare the clocks of both machines")]
    NotYet,
    /// It is not about this body.
    #[error("the token is not about this body")]
    Body,
}

/// The API key that a token claims to be of, unchecked: to choose the credentials to check it against.
pub fn issuer(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

/// The claims of a token that is ours and good at `now_unix` (seconds, give or take 60).
pub fn verify(credentials: &Credentials, token: &str, now_unix: i64) -> Result<Value, Refused> {
    let issuer = issuer(token).ok_or(Refused::NotAToken)?;
    if issuer != credentials.key {
        return Err(Refused::OtherKey);
    }
    let claims = signed_claims(credentials, token)?;
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as i64);
    if time("exp").is_none_or(|exp| exp.saturating_add(LEEWAY) < now_unix) {
        return Err(Refused::Expired);
    }
    if time("nbf").is_some_and(|nbf| nbf.saturating_sub(LEEWAY) > now_unix) {
        return Err(Refused::NotYet);
    }
    Ok(claims)
}

fn signed_claims(credentials: &Credentials, token: &str) -> Result<Value, Refused> {
    // The times are checked above, against the time that was passed in.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(credentials.secret().as_bytes());
    match jsonwebtoken::decode(token, &key, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature
            | jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => Err(Refused::Signature),
            _ => Err(Refused::NotAToken),
        },
    }
}
