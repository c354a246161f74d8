//! The API under `/api/v1`: every route of it is in the lists that are put together here.

pub mod access;
pub mod agents;
mod analytics;
pub mod api_keys;
pub mod audit;
mod audited;
pub mod auth;
pub mod body;
mod calls;
pub mod campaigns;
mod configured;
pub mod docs;
pub mod erasures;
mod events;
pub mod example;
mod export;
pub mod idempotency;
pub mod leads;
pub mod numbers;
pub mod openapi;
pub mod operations;
pub mod page;
pub mod rate;
mod references;
pub mod reply;
pub mod route;
pub mod schema;
pub mod tasks;
pub mod tenants;
pub mod trunks;
pub mod users;
pub mod webhooks;

use std::sync::OnceLock;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;

use crate::app::App;

use route::Route;

/// What the API document says of the API as a whole.
const ABOUT: &str = "\
The control plane for inbound calls to voice AI agents. Field names are camelCase, ids have prefixes (`call_…`), times \
are RFC 3339 in UTC. Lists come in pages: give `nextCursor` as `cursor`. Updates are merge patches (RFC 7396) and need \
`If-Match`; creates heed `Idempotency-Key`. Errors are problems (RFC 9457) with a `requestId`. Of another tenant's \
things nothing is there: 404.";

/// The groups of the API document.
const TAGS: &[(&str, &str)] = &[
    ("auth", "Signing in: access tokens for minutes, refresh tokens for weeks."),
    ("users", "People who sign in."),
    ("api-keys", "Keys for programs."),
    ("tenants", "Whose agents, campaigns, numbers, trunks, people and calls it all is."),
    ("agents", "Who answers: names that LiveKit workers register under."),
    ("campaigns", "Who answers the numbers that belong to one, and how many calls at once."),
    ("phone-numbers", "Numbers; each exists once on the platform."),
    ("trunks", "How calls come from Twilio to LiveKit."),
    ("calls", "Every ring and what became of it."),
    ("leads", "Who called."),
    ("tasks", "What is to be done about leads. A missed call makes one by itself."),
    ("analytics", "What calls come to."),
    ("operations", "Work that takes long: started, followed, waited for."),
    ("events", "What changes, live."),
    ("webhook-endpoints", "What changes, told to the tenant's own systems."),
    ("audit", "Who changed what."),
    ("erasures", "Taking every trace of a caller out of a tenant's data."),
];

/// Every route.
pub fn routes() -> Vec<Route> {
    let all = [
        auth::routes(),
        users::routes(),
        api_keys::routes(),
        tenants::routes(),
        agents::routes(),
        campaigns::routes(),
        numbers::routes(),
        trunks::routes(),
        calls::routes(),
        erasures::routes(),
        leads::routes(),
        tasks::routes(),
        analytics::routes(),
        operations::routes(),
        events::routes(),
        webhooks::routes(),
        audit::routes(),
    ];
    all.into_iter().flatten().collect()
}

/// The API document.
pub fn document() -> &'static serde_json::Value {
    static MADE: OnceLock<serde_json::Value> = OnceLock::new();
    MADE.get_or_init(|| openapi::document(&routes()))
}

async fn show_document() -> impl IntoResponse {
    axum::Json(document())
}

/// The API, compressed for who wants it so, and open to the web pages that are configured.
pub fn router(app: &App) -> Router<App> {
    let router = route::router(app, routes())
        .route("/api/openapi.json", get(show_document))
        .route("/api/docs", get(docs::show))
        .layer(from_fn(reply::not_modified))
        .layer(CompressionLayer::new());
    if app.api.cors_origins.is_empty() { router } else { router.layer(cors(&app.api.cors_origins)) }
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|one| HeaderValue::from_str(one).ok()).collect();
    let name = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            name("idempotency-key"),
            name("last-event-id"),
            name("x-request-id"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            name("idempotency-replayed"),
            name("ratelimit"),
            name("ratelimit-policy"),
            name("x-request-id"),
        ])
        .max_age(std::time::Duration::from_secs(3600))
}
