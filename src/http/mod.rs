//! The doors. Every route is on this page.

pub mod api;
pub mod limits;
pub mod problem;
pub mod request_id;
pub mod signed;
pub mod webhooks;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::app::App;

/// Everything that is served, but for metrics, which have a listener of their own.
pub fn router(app: &App) -> Router {
    let doors = Router::new()
        .route("/api/v1/webhooks/livekit/sip-inbound", post(webhooks::ask::answer))
        .route("/api/v1/webhooks/livekit/events", post(webhooks::events::receive))
        .route("/api/v1/webhooks/test", post(webhooks::dry_run::decide))
        .layer(middleware::from_fn_with_state(limits::InFlight::new(app), limits::refuse_when_full));
    Router::new()
        .merge(doors)
        .merge(api::router(app))
        .route("/api/v1/webhooks/health", get(webhooks::health::alive))
        .route("/readyz", get(webhooks::health::ready))
        .fallback(problem::no_such_address)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::disable()) // Each door reads its body itself, up to its own limit.
        .layer(middleware::from_fn(request_id::request_ids))
        .with_state(app.clone())
}
