//! Every request has an id: its caller's, if that is sane, else one made here. It goes back in a header, into
//! problems and onto log lines, so that one can be found from the other.

use std::fmt;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The header that carries it, both ways.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Which request this is. Short text without spaces or quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new one.
    pub fn new() -> RequestId {
        RequestId(format!("req_{}", hex::encode(rand::random::<[u8; 16]>())).into())
    }

    /// One that came from outside, unless it is too long or could be mistaken for anything else in a log.
    pub fn given(text: &str) -> Option<RequestId> {
        let is_sane = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '=' | '/');
        ((1..=64).contains(&text.len()) && text.chars().all(is_sane)).then(|| RequestId(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> RequestId {
        RequestId::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The request that this task answers. None outside of requests, and in tasks that outlive theirs.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `work` as part of a request, so that [`current`] and all log lines name it.
pub async fn within<T>(id: RequestId, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work).await
}

/// Middleware around everything else: gives the request its id, and the answer the same.
pub async fn request_ids(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = given.and_then(RequestId::given).unwrap_or_default();
    request.extensions_mut().insert(id.clone());
    let mut response = within(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::Service;

    use super::*;

    async fn asked_with(given: Option<&str>) -> (String, String) {
        let answer = || async { current().expect("a request").to_string() };
        let mut app = Router::new().route("/", get(answer)).layer(axum::middleware::from_fn(request_ids));
        let mut request = Request::new(Body::empty());
        if let Some(given) = given {
            let value = HeaderValue::from_bytes(given.as_bytes()).expect("a header value");
            request.headers_mut().insert(X_REQUEST_ID, value);
        }
        let response = app.call(request).await.expect("infallible");
        let header = response.headers()[X_REQUEST_ID].to_str().expect("text").to_owned();
        let body = to_bytes(response.into_body(), 1024).await.expect("a body");
        (header, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn a_sane_id_is_kept_and_any_other_replaced() {
        for kept in ["abc-123", "Root=1-67891233-abcdef012345678912345678", "01J/x:y_z."] {
            assert_eq!(asked_with(Some(kept)).await, (kept.to_owned(), kept.to_owned()));
        }
        for replaced in [None, Some(""), Some("a b"), Some("\"quoted\""), Some(&*"x".repeat(65)), Some("é")]
        {
            let (header, within) = asked_with(replaced).await;
            assert_eq!(header, within);
            assert!(header.starts_with("req_") && header.len() == 36, "{header}");
        }
        assert_eq!(current(), None, "outside of requests there is none");
    }
}
