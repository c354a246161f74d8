//! What a request can fail with, and the one place where that becomes an answer: RFC 9457 problem+json.
//!
//! An internal error is logged here, once and in full; its caller is told nothing of it but the request id.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::request_id;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a request failed with.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// 422: it can be read, but what it says cannot be meant. At least one field.
    #[error("{}", in_words(.0))]
    Invalid(Vec<WrongField>),
    /// 400: it cannot be read.
    #[error("{0}")]
    BadRequest(String),
    /// 401: who asks?
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// 403: not them.
    #[error("{0}")]
    Forbidden(&'static str),
    /// 404: `NotFound("call")`.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 409: it contradicts what is known.
    #[error("{0}")]
    Conflict(String),
    /// 412: what was to be changed is not as the caller saw it.
    #[error("it has changed since you read it: read it again, and send its new ETag as If-Match")]
    PreconditionFailed,
    /// 428: the caller must say which version it saw.
    #[error("say which version you saw: send the ETag of your last read as If-Match")]
    PreconditionRequired,
    /// 429: too many requests; come again after this long.
    #[error("too many requests: come again in {} s", .0.as_millis().div_ceil(1000).max(1))]
    TooManyRequests(Duration),
    /// 429: too many wrong passwords; come again after this long.
    #[error("too many wrong passwords, for this account or from your address: come again in {} s", .0.as_millis().div_ceil(1000).max(1))]
    TooManyGuesses(Duration),
    /// 502: LiveKit did not do as told; its words.
    #[error("{0}")]
    BadGateway(String),
    /// 413: the body is longer than this many bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// 415: with the media type that is understood.
    #[error("the body must be {0}")]
    UnsupportedMediaType(&'static str),
    /// 405.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// 503: come again after this long.
    #[error("busy, try again")]
    Busy {
        /// Whole seconds of it go into Retry-After, at least one.
        retry_after: Duration,
    },
    /// 500: our fault.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongField {
    /// Where it was given.
    pub place: Place,
    /// Why, and what to write instead.
    pub detail: Cow<'static, str>,
}

/// Where a wrong field was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the body: a JSON Pointer (RFC 6901) into it, `/to_number`; empty for the whole body.
    Body(Cow<'static, str>),
    /// A parameter of the query.
    Query(String),
    /// A header.
    Header(&'static str),
}

impl WrongField {
    /// A field of the body.
    pub fn body(pointer: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> WrongField {
        WrongField { place: Place::Body(pointer.into()), detail: detail.into() }
    }

    /// A parameter of the query.
    pub fn query(name: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> WrongField {
        WrongField { place: Place::Query(name.into()), detail: detail.into() }
    }
}

impl Serialize for WrongField {
    /// RFC 9457 writes pointers as the fragment of a URI: `#/to_number`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, value): (_, Cow<'_, str>) = match &self.place {
            Place::Body(pointer) => ("pointer", format!("#{pointer}").into()),
            Place::Query(name) => ("parameter", name.into()),
            Place::Header(name) => ("header", (*name).into()),
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(name, &value)?;
        map.serialize_entry("detail", &self.detail)?;
        map.end()
    }
}

impl From<crate::db::Error> for Problem {
    fn from(error: crate::db::Error) -> Problem {
        match error {
            crate::db::Error::Duplicate => {
                Problem::Conflict("something with the same name or key is there already".to_owned())
            }
            error if error.is_retryable() => Problem::busy(),
            error => Problem::Internal(error.into()),
        }
    }
}

impl From<crate::auth::passwords::Busy> for Problem {
    fn from(_: crate::auth::passwords::Busy) -> Problem {
        Problem::busy()
    }
}

impl Problem {
    /// One field is wrong: `invalid("/to_number", "must be text of at most 256 characters")`.
    pub fn invalid(pointer: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Invalid(vec![WrongField::body(pointer, detail)])
    }

    /// One parameter of the query is wrong.
    pub fn invalid_parameter(name: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Invalid(vec![WrongField::query(name, detail)])
    }

    /// One header is wrong.
    pub fn invalid_header(name: &'static str, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Invalid(vec![WrongField { place: Place::Header(name), detail: detail.into() }])
    }

    /// Busy for a moment: nothing says for how long.
    pub fn busy() -> Problem {
        Problem::Busy { retry_after: Duration::from_secs(1) }
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Problem::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Problem::BadRequest(_) => StatusCode::BAD_REQUEST,
            Problem::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Problem::Forbidden(_) => StatusCode::FORBIDDEN,
            Problem::NotFound(_) => StatusCode::NOT_FOUND,
            Problem::Conflict(_) => StatusCode::CONFLICT,
            Problem::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Problem::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Problem::TooManyRequests(_) | Problem::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
            Problem::BadGateway(_) => StatusCode::BAD_GATEWAY,
            Problem::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Problem::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Problem::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Problem::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last word of its `type`, for programs, and its title, for people. Neither ever changes.
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Problem::Invalid(_) => ("invalid", "Something in the request is not right"),
            Problem::BadRequest(_) => ("bad-request", "The request cannot be read"),
            Problem::Unauthenticated(_) => ("unauthenticated", "Credentials are missing or wrong"),
            Problem::Forbidden(_) => ("forbidden", "Not allowed"),
            Problem::NotFound(_) => ("not-found", "Not found"),
            Problem::Conflict(_) => ("conflict", "The request contradicts what is known"),
            Problem::PreconditionFailed => ("precondition-failed", "It has changed meanwhile"),
            Problem::PreconditionRequired => ("precondition-required", "If-Match is missing"),
            Problem::TooManyRequests(_) | Problem::TooManyGuesses(_) => {
                ("too-many-requests", "Too many requests")
            }
            Problem::BadGateway(_) => ("bad-gateway", "LiveKit did not do it"),
            Problem::TooLarge(_) => ("too-large", "The body is too long"),
            Problem::UnsupportedMediaType(_) => ("unsupported-media-type", "The body is of another kind"),
            Problem::MethodNotAllowed => ("method-not-allowed", "Wrong method"),
            Problem::Busy { .. } => ("busy", "Busy"),
            Problem::Internal(_) => ("internal", "Something went wrong here"),
        }
    }
}

/// For addresses that no route has.
pub async fn no_such_address() -> Problem {
    Problem::NotFound("address")
}

/// For routes that do not take the method.
pub async fn method_not_allowed() -> Problem {
    Problem::MethodNotAllowed
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[WrongField]>::is_empty")]
    errors: &'a [WrongField],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = request_id::current();
        let detail = match &self {
            Problem::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                "the log says more under this request id".to_owned()
            }
            problem => problem.to_string(),
        };
        let (kind, title) = self.kind();
        let errors: &[WrongField] = if let Problem::Invalid(fields) = &self { fields } else { &[] };
        let body = Body {
            r#type: format!("urn:switchboard:problem:{kind}"),
            title,
            status: self.status().as_u16(),
            detail,
            request_id: request_id.as_ref().map(request_id::RequestId::as_str),
            errors,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status(), [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        match self {
            Problem::Busy { retry_after }
            | Problem::TooManyRequests(retry_after)
            | Problem::TooManyGuesses(retry_after) => {
                let seconds = retry_after.as_millis().div_ceil(1000).max(1);
                if let Ok(seconds) = HeaderValue::from_str(&seconds.to_string()) {
                    response.headers_mut().insert(RETRY_AFTER, seconds);
                }
            }
            Problem::Unauthenticated(_) => {
                let scheme = HeaderValue::from_static("Bearer realm=\"switchboard\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            _ => {}
        }
        response
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Problem {
        unreadable(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        unreadable(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        unreadable(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    /// An address whose parts are no ids has nothing behind it.
    fn from(_: PathRejection) -> Problem {
        Problem::NotFound("address")
    }
}

fn unreadable(status: StatusCode, text: String) -> Problem {
    /// What bodies are limited to where no door says otherwise: axum's own limit.
    const AXUM_LIMIT: usize = 2 * 1024 * 1024;
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge(AXUM_LIMIT),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::UnsupportedMediaType("application/json"),
        StatusCode::UNPROCESSABLE_ENTITY => Problem::invalid("", text),
        _ => Problem::BadRequest(text),
    }
}

fn in_words(fields: &[WrongField]) -> String {
    let words = |field: &WrongField| {
        let name = match &field.place {
            Place::Body(pointer) => pointer.trim_start_matches('/').replace('/', "."),
            Place::Query(name) => name.clone(),
            Place::Header(name) => (*name).to_owned(),
        };
        if name.is_empty() { field.detail.clone().into_owned() } else { format!("{name} {}", field.detail) }
    };
    fields.iter().map(words).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::super::request_id::{RequestId, within};
    use super::*;

    async fn answer(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
        let id = RequestId::given("req-1").expect("a sane id");
        let response = within(id, async { problem.into_response() }).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 4096).await.expect("a body");
        (parts.status, parts.headers, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn a_wrong_field_is_named_in_words_and_by_pointer() {
        let (status, headers, body) = answer(Problem::invalid("/to_number", "is missing")).await;
        assert_eq!(status, 422);
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            json!({
                "type": "urn:switchboard:problem:invalid",
                "title": "Something in the request is not right",
                "status": 422,
                "detail": "to_number is missing",
                "requestId": "req-1",
                "errors": [{"pointer": "#/to_number", "detail": "is missing"}],
            })
        );
    }

    #[tokio::test]
    async fn every_problem_has_its_status_and_says_so_in_the_body() {
        let cases = [
            (Problem::BadRequest("not JSON".into()), 400),
            (Problem::Unauthenticated("the signature is missing"), 401),
            (Problem::Forbidden("another tenant's"), 403),
            (Problem::NotFound("call"), 404),
            (Problem::MethodNotAllowed, 405),
            (Problem::Conflict("asked before with other numbers".into()), 409),
            (Problem::TooLarge(65536), 413),
            (Problem::UnsupportedMediaType("application/json"), 415),
            (Problem::busy(), 503),
            (Problem::Internal(anyhow::anyhow!("boom")), 500),
        ];
        for (problem, expected) in cases {
            let (status, _, body) = answer(problem).await;
            assert_eq!((status.as_u16(), &body["status"]), (expected, &json!(expected)));
            assert!(body.get("errors").is_none() && !body["detail"].as_str().expect("text").is_empty());
        }
    }

    #[tokio::test]
    async fn the_busy_say_when_to_come_again() {
        for (retry_after, seconds) in [(0, "1"), (999, "1"), (1001, "2"), (5000, "5")] {
            let retry_after = Duration::from_millis(retry_after);
            let (_, headers, _) = answer(Problem::Busy { retry_after }).await;
            assert_eq!(headers[RETRY_AFTER], seconds);
        }
    }

    #[tokio::test]
    async fn an_internal_error_is_shown_blank() {
        let error = anyhow::anyhow!("password=hunter2").context("opening the database");
        let (_, _, body) = answer(Problem::Internal(error)).await;
        assert!(!body.to_string().contains("hunter2") && !body.to_string().contains("database"), "{body}");
    }
}
