//! Who sent a webhook: LiveKit's signed token over the body, or the HMAC of the user's contract.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::app::App;

use super::problem::Problem;

/// The header of the user's contract: `sha256=<hex HMAC-SHA256(API secret, raw body)>`, or the bare hex.
pub const SIGNATURE: &str = "x-livekit-signature";

const UNSIGNED: &str = "not signed: send X-LiveKit-Signature: sha256=<hex HMAC-SHA256(API secret, raw body)>, or a \
                        LiveKit access token whose sha256 claim covers the body as Authorization";
const WRONGLY_SIGNED: &str =
    "the signature does not fit these bytes and our API secret (or the token has expired)";

/// The project whose secret signed exactly these bytes. Nothing of the body is looked at before.
pub fn project(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<String, Problem> {
    let signature = headers.get(SIGNATURE);
    let authorization = headers.get(AUTHORIZATION);
    let found = match (signature, authorization) {
        (Some(signature), _) => signature.to_str().ok().and_then(|text| by_hmac(app, text, body)),
        (None, Some(token)) => token.to_str().ok().and_then(|text| by_token(app, text, body)),
        (None, None) if app.doors.allow_unsigned => Some(app.doors.default_project.clone()),
        (None, None) => None,
    };
    let none = signature.is_none() && authorization.is_none();
    found.ok_or(Problem::Unauthenticated(if none { UNSIGNED } else { WRONGLY_SIGNED }))
}

/// What is wrong with a webhook that nobody we know signed, for whoever looks for it.
pub fn what_is_missing(headers: &HeaderMap) -> &'static str {
    if headers.contains_key(SIGNATURE) || headers.contains_key(AUTHORIZATION) {
        "it was signed with another API key or secret, or by another clock"
    } else {
        "it was not signed"
    }
}

fn by_hmac(app: &App, signature: &str, body: &[u8]) -> Option<String> {
    let hex = signature.trim();
    let claimed = hex::decode(hex.strip_prefix("sha256=").unwrap_or(hex)).ok()?;
    let signed_by = app.projects.iter().find(|(_, project)| {
        let mac = Hmac::<Sha256>::new_from_slice(project.credentials.secret().as_bytes());
        // `verify_slice` compares in constant time.
        mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&claimed).is_ok())
    });
    signed_by.map(|(name, _)| name.clone())
}

fn by_token(app: &App, token: &str, body: &[u8]) -> Option<String> {
    let issuer = livekit::webhook::issuer(token)?;
    let now = app.clock.now().secs();
    let signed_by = app.projects.iter().find(|(_, project)| {
        project.credentials.key == issuer
            && livekit::webhook::check(&project.credentials, token, body, now).is_ok()
    });
    signed_by.map(|(name, _)| name.clone())
}

/// The value of [`SIGNATURE`] for a body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    mac.map_or_else(
        |_| String::new(),
        |mac| format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes())),
    )
}
