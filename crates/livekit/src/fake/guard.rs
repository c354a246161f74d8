//! Who may do what: tokens checked and refused as livekit-server does it.

use axum::http::{HeaderMap, header};

use super::twirp::Refusal;
use crate::Credentials;
use crate::token::{self, Grants, Refused, SipGrants};

/// What a request's token grants; without a token nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Granted {
    video: Grants,
    sip: SipGrants,
}

impl Granted {
    pub(super) fn create(&self) -> Result<(), Refusal> {
        granted_if(self.video.room_create)
    }

    pub(super) fn list(&self) -> Result<(), Refusal> {
        granted_if(self.video.room_list)
    }

    pub(super) fn manage(&self, room: &str) -> Result<(), Refusal> {
        granted_if(self.video.room_admin && self.video.room == room)
    }

    pub(super) fn call(&self) -> Result<(), Refusal> {
        granted_if(self.sip.call)
    }
}

fn granted_if(allowed: bool) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(Refusal::unauthenticated()) }
}

/// The grants of a request, or what livekit-server says in plain text where the token itself is bad. It really
/// quotes the token there; so does this, because a client must never pass that on.
pub(super) fn granted(
    credentials: &Credentials,
    headers: &HeaderMap,
    now_unix: i64,
) -> Result<Granted, String> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(Granted::default()) };
    let header = header.to_str().unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ") else {
        return Err("invalid authorization header. Must start with Bearer ".to_owned());
    };
    let claims = token::verify(credentials, token, now_unix).map_err(|refused| match refused {
        Refused::OtherKey => format!("invalid API key: {}", token::issuer(token).unwrap_or_default()),
        Refused::NotAToken | Refused::Missing => "invalid authorization token".to_owned(),
        Refused::Signature => {
            format!("invalid token: {token}, error: token signature is invalid: signature is invalid")
        }
        other => format!("invalid token: {token}, error: {other}"),
    })?;
    let claim = |name: &str| claims.get(name).cloned().unwrap_or_default();
    Ok(Granted {
        video: serde_json::from_value(claim("video")).unwrap_or_default(),
        sip: serde_json::from_value(claim("sip")).unwrap_or_default(),
    })
}
