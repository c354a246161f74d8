//! What the pretend Twilio answers to what it does not do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error in Twilio's classic form.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: u16,
    /// Nothing where the real code is not known.
    code: Option<u32>,
    message: String,
    header: Option<(header::HeaderName, String)>,
}

pub(super) type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    pub(super) fn new(status: u16, code: impl Into<Option<u32>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), header: None }
    }

    /// A parameter that is not as it should be. v1 APIs word it so; for all of them the status is what counts.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(400, 20001, message)
    }

    pub(super) fn unauthenticated() -> Self {
        let refusal = Self::new(401, 20003, "Authenticate");
        Self { header: Some((header::WWW_AUTHENTICATE, "Basic realm=\"Twilio API\"".to_owned())), ..refusal }
    }

    pub(super) fn not_found(path: &str) -> Self {
        Self::new(404, 20404, format!("The requested resource {path} was not found"))
    }

    pub(super) fn method_not_allowed(allowed: &str) -> Self {
        let refusal = Self::new(405, 20004, "Method not allowed");
        Self { header: Some((header::ALLOW, allowed.to_owned())), ..refusal }
    }

    pub(super) fn too_many(retry_after: Option<u32>) -> Self {
        let refusal = Self::new(429, 20429, "Too Many Requests");
        Self { header: retry_after.map(|wait| (header::RETRY_AFTER, wait.to_string())), ..refusal }
    }

    pub(super) fn failed() -> Self {
        Self::new(500, 20500, "An internal server error has occurred")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "status": self.status, "message": self.message });
        if let Some(code) = self.code {
            body["code"] = json!(code);
            body["more_info"] = json!(format!("https://www.twilio.com/docs/errors/{code}"));
        }
        let mut response = as_json(self.status, &body);
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

pub(super) fn as_json(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
