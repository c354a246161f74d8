//! stub
use axum::response::{IntoResponse, Response};
#[derive(Debug)]
pub enum Problem { Invalid{pointer: String, detail: String}, BadRequest(String), Unauthenticated, NotFound(&'static str), Conflict(String), TooLarge(String), MethodNotAllowed(String), Busy, Internal(anyhow::Error) }
impl Problem { pub fn invalid(p: impl Into<String>, d: impl Into<String>) -> Problem { Problem::Invalid{pointer: p.into(), detail: d.into()} }
 pub fn outcome(&self) -> &'static str { "refused" } 
 pub fn status(&self) -> u16 { match self { Problem::Invalid{..} => 422, Problem::BadRequest(_) => 400, Problem::Unauthenticated => 401, Problem::NotFound(_) => 404, Problem::Conflict(_) => 409, Problem::TooLarge(_) => 413, Problem::MethodNotAllowed(_) => 405, Problem::Busy => 503, Problem::Internal(_) => 500 } } }
impl From<crate::db::Error> for Problem { fn from(e: crate::db::Error) -> Problem { match e { crate::db::Error::Busy | crate::db::Error::TooSlow => Problem::Busy, e => Problem::Internal(e.into()) } } }
impl IntoResponse for Problem { fn into_response(self) -> Response { if let Problem::Internal(e) = &self { tracing::error!(error = %e, "failed"); } (axum::http::StatusCode::from_u16(self.status()).unwrap(), format!("{self:?}")).into_response() } }
