//! stub
use axum::{extract::Request, middleware::Next, response::Response};
pub async fn request_ids(r: Request, n: Next) -> Response { n.run(r).await }
