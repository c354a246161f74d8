//! Creates that may be sent twice: with an `Idempotency-Key`, the second gets the first one's answer and makes nothing.
//! The answer is kept in the transaction that makes the thing, for a day.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{self, Tx, idempotency};
use crate::http::problem::Problem;

use super::access::Who;
use super::reply::tag;

/// Answers are kept this long.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);
const NAME: &str = "idempotency-key";
const LONGEST: usize = 255;

/// Which create this is.
#[derive(Clone, Debug)]
pub struct Once {
    key: Option<String>,
    request: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Once, Problem> {
        let request = format!("{} {}", parts.method, parts.uri);
        let Some(value) = parts.headers.get(NAME) else { return Ok(Once { key: None, request }) };
        let is_sane = |text: &&str| {
            (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b))
        };
        match value.to_str().ok().filter(is_sane) {
            Some(key) => Ok(Once { key: Some(key.to_owned()), request }),
            None => Err(Problem::invalid_header(
                "Idempotency-Key",
                "must be 1 to 255 printable characters of ASCII",
            )),
        }
    }
}

impl Once {
    /// The key that the caller chose.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

/// What was made.
pub struct Created<T> {
    /// 201, or 202 for what is still to be done.
    pub status: StatusCode,
    /// Its address.
    pub location: String,
    /// Its revision.
    pub revision: i64,
    /// It, as it is shown now.
    pub shown: T,
    /// As it is shown when the same create comes again, where that differs: without what is shown only once.
    pub again: Option<T>,
}

impl<T> Created<T> {
    /// At this address.
    pub fn new(location: String, revision: i64, shown: T) -> Created<T> {
        Created { status: StatusCode::CREATED, location, revision, shown, again: None }
    }

    /// At this address, and still to be done: answered 202.
    pub fn accepted(location: String, revision: i64, shown: T) -> Created<T> {
        Created { status: StatusCode::ACCEPTED, ..Created::new(location, revision, shown) }
    }
}

/// What makes a thing, in a transaction.
type Make<T> = dyn Fn(&mut Tx<'_>, Timestamp) -> Result<Created<T>, Problem> + Send + Sync;

/// Makes something, once for each key of each caller, and answers 201, or 202 where it is still to be done. `make` runs in the transaction that also keeps
/// the answer.
///
/// # Errors
/// Those of `make`; 422 for a key that came with another body.
pub async fn create<T>(
    app: &App,
    who: &Who,
    (once, digest): (Once, String),
    make: impl Fn(&mut Tx<'_>, Timestamp) -> Result<Created<T>, Problem> + Send + Sync + 'static,
) -> Result<Response, Problem>
where
    T: Serialize + Send + 'static,
{
    let (now, make) = (app.clock.now(), Arc::new(make));
    let fingerprint = fingerprint(&once, &digest);
    let Some(key) = once.key else {
        let made = app.db.write(move |tx| make(tx, now)).await?;
        return Ok(answer(&kept(&made, &made.shown, "")?, false));
    };
    let scope = who.actor.label().to_owned();
    // Two at once: the second meets the first one's key and then finds its answer.
    for _ in 0..2 {
        let (at, print) = ((scope.clone(), key.clone()), fingerprint.clone());
        let make = make.clone();
        let work = move |tx: &mut Tx<'_>| in_transaction(tx, (&at.0, &at.1), &print, &*make, now);
        match app.db.write(work).await {
            Err(Tried::Taken) => {}
            Err(Tried::Failed(problem)) => return Err(problem),
            Ok((kept, again)) => return Ok(answer(&kept, again)),
        }
    }
    Err(Problem::busy())
}

/// The answer that was given to the same create before, for one that does more than fits into a transaction.
///
/// # Errors
/// 422 for a key that came with another body.
pub async fn given(app: &App, who: &Who, (once, digest): (&Once, &str)) -> Result<Option<Response>, Problem> {
    let Some(key) = once.key.clone() else { return Ok(None) };
    let (scope, after) = (who.actor.label().to_owned(), app.clock.now().saturating_sub(KEPT));
    let fingerprint = fingerprint(once, digest);
    let kept = app.db.read(move |tx| idempotency::find(tx, (&scope, &key), after)).await?;
    kept.map(|kept| same(kept, &fingerprint).map(|kept| answer(&kept, true))).transpose()
}

fn fingerprint(once: &Once, digest: &str) -> String {
    hex::encode(Sha256::digest(format!("{}\n{digest}", once.request)))
}

fn same(kept: idempotency::Kept, fingerprint: &str) -> Result<idempotency::Kept, Problem> {
    if kept.fingerprint == fingerprint {
        return Ok(kept);
    }
    let why = "was used for another request within the last 24 hours: take a new one";
    Err(Problem::invalid_header("Idempotency-Key", why))
}

enum Tried {
    Taken,
    Failed(Problem),
}

impl From<db::Error> for Tried {
    fn from(error: db::Error) -> Tried {
        Tried::Failed(error.into())
    }
}

impl From<Problem> for Tried {
    fn from(problem: Problem) -> Tried {
        Tried::Failed(problem)
    }
}

fn in_transaction<T: Serialize>(
    tx: &mut Tx<'_>,
    at: (&str, &str),
    fingerprint: &str,
    make: &Make<T>,
    now: Timestamp,
) -> Result<(idempotency::Kept, bool), Tried> {
    let after = now.saturating_sub(KEPT);
    if let Some(kept) = idempotency::find(tx, at, after)? {
        return Ok((same(kept, fingerprint)?, true));
    }
    match idempotency::claim(tx, at, fingerprint, after, now) {
        Err(db::Error::Duplicate) => return Err(Tried::Taken),
        claimed => claimed?,
    }
    let made = make(tx, now)?;
    idempotency::keep(tx, at, &kept(&made, made.again.as_ref().unwrap_or(&made.shown), fingerprint)?)?;
    Ok((kept(&made, &made.shown, fingerprint)?, false))
}

fn kept<T>(
    made: &Created<T>,
    shown: &impl Serialize,
    fingerprint: &str,
) -> Result<idempotency::Kept, Problem> {
    Ok(idempotency::Kept {
        fingerprint: fingerprint.to_owned(),
        status: i64::from(made.status.as_u16()),
        location: Some(made.location.clone()),
        etag: Some(tag(made.revision)),
        body: serde_json::to_string(shown).map_err(anyhow::Error::from)?,
    })
}

fn answer(kept: &idempotency::Kept, again: bool) -> Response {
    let status = u16::try_from(kept.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response =
        (status.unwrap_or(StatusCode::CREATED), [(CONTENT_TYPE, "application/json")], kept.body.clone())
            .into_response();
    let headers = response.headers_mut();
    for (name, value) in [(LOCATION, &kept.location), (ETAG, &kept.etag)] {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    if again {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}
