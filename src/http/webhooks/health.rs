//! Is it alive, and can it work?

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::problem::Problem;

/// Alive.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Alive, and the database answers.
pub async fn ready(State(app): State<App>) -> Result<Json<Value>, Problem> {
    if app.stop().is_cancelled() {
        return Err(Problem::busy());
    }
    app.db.ping().await?;
    Ok(Json(json!({ "status": "ready" })))
}
