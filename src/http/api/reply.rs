//! What goes out: versions as `ETag`, and the `If-Match` and `If-None-Match` that go with them (RFC 9110 §13).

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::http::problem::Problem;

/// A revision as an entity tag.
pub fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// A thing with its version.
pub struct Tagged<T>(pub i64, pub T);

/// A thing with its version, around which more may have happened than the version tells of: whoever has the version
/// still gets the thing.
pub struct Eventful<T>(pub i64, pub T);

/// Marks an answer that [`not_modified`] leaves alone.
#[derive(Clone)]
struct AlwaysWhole;

impl<T: Serialize> IntoResponse for Eventful<T> {
    fn into_response(self) -> Response {
        let mut response = Tagged(self.0, self.1).into_response();
        response.extensions_mut().insert(AlwaysWhole);
        response
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(value) = HeaderValue::from_str(&tag(self.0)) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }
}

/// An answer with a secret in it, which nobody on the way may keep (RFC 9111 §5.2.2.5).
pub fn not_stored(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A thing that also shows what is not its own, such as names of others: its revision alone does not say whether it looks
/// the same. Its tag says both; for [`IfMatch`] the revision counts.
pub struct TaggedWhole<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for TaggedWhole<T> {
    fn into_response(self) -> Response {
        let whole = match serde_json::to_vec(&self.1) {
            Ok(json) => hex::encode(&Sha256::digest(&json)[..8]),
            Err(error) => return Problem::Internal(error.into()).into_response(),
        };
        let mut response = Json(self.1).into_response();
        if let Ok(value) = HeaderValue::from_str(&format!("\"{}-{whole}\"", self.0)) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }
}

/// The versions that a caller saw; none if it did not say.
#[derive(Clone, Debug)]
pub struct IfMatch(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Infallible> {
        let given: Vec<_> = parts.headers.get_all(IF_MATCH).iter().collect();
        // What is no text matches nothing.
        let given = (!given.is_empty())
            .then(|| given.iter().map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>().join(","));
        Ok(IfMatch(given))
    }
}

impl IfMatch {
    /// For updates: the caller must have seen this revision.
    ///
    /// # Errors
    /// 428 if it did not say what it saw, 412 if that is not this.
    pub fn required(&self, revision: i64) -> Result<(), Problem> {
        if self.0.is_none() { Err(Problem::PreconditionRequired) } else { self.if_given(revision) }
    }

    /// Where it may be left out.
    ///
    /// # Errors
    /// 412 if the caller saw another revision.
    pub fn if_given(&self, revision: i64) -> Result<(), Problem> {
        let Some(given) = &self.0 else { return Ok(()) };
        // The tag of a whole begins with the revision, which is all that a change could undo.
        let own = |one: &str| one.split_once('-').is_some_and(|(own, _)| own == format!("\"{revision}"));
        let is_it = |one: &str| one == "*" || one == tag(revision) || own(one);
        let mut all = given.split(',').map(str::trim);
        if all.clone().any(is_it) {
            return Ok(());
        }
        // "Read it again" would help nobody who cannot write what they read.
        match all.find(|one| !is_strong(one)) {
            Some(_) => Err(Problem::invalid_header("If-Match", NOT_A_TAG)),
            None => Err(Problem::PreconditionFailed),
        }
    }
}

const NOT_A_TAG: &str = "must be the ETag of what you read, with its quotes: \"3\"";

/// Whether this is a strong entity tag, as all of ours are.
fn is_strong(one: &str) -> bool {
    one.len() >= 2 && one.starts_with('"') && one.ends_with('"')
}

/// Middleware: 304 for one who has this version already.
pub async fn not_modified(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let has = request.headers().get(IF_NONE_MATCH).cloned();
    let mut response = next.run(request).await;
    if response.extensions().get::<AlwaysWhole>().is_some() {
        return response;
    }
    let (Some(has), Some(etag)) = (has, response.headers().get(ETAG)) else { return response };
    let (has, etag) = (has.to_str().unwrap_or_default(), etag.to_str().unwrap_or_default());
    let same = |one: &str| one == "*" || one.trim_start_matches("W/") == etag;
    if is_read && response.status() == StatusCode::OK && has.split(',').map(str::trim).any(same) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_needs_the_version_it_saw() {
        let with = |text: &str| IfMatch(Some(text.to_owned()));
        assert!(matches!(IfMatch(None).required(3), Err(Problem::PreconditionRequired)));
        assert!(IfMatch(None).if_given(3).is_ok());
        for good in ["\"3\"", "*", "\"2\", \"3\"", "\"3-0a1b\""] {
            assert!(with(good).required(3).is_ok(), "{good}");
        }
        for old in ["\"2\"", "\"33\"", "\"2-3\"", "\"33-0\"", "\"1\", \"2\""] {
            assert!(matches!(with(old).required(3), Err(Problem::PreconditionFailed)), "{old}");
        }
        // A weak tag never matches here (RFC 9110 §8.8.3.2), and we give none.
        for none in ["3", "W/\"3\"", "", "?", "\"", "W/\"3-0\"", "\"2\", 3"] {
            assert!(matches!(with(none).required(3), Err(Problem::Invalid(_))), "{none}");
        }
    }
}
