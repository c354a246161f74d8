//! A LiveKit that takes everything and does nothing, for measuring what stands in front of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Serves the sink.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
}

/// When each room's first dispatch came.
#[derive(Clone, Default)]
pub(crate) struct Dispatched(Arc<Mutex<HashMap<String, Instant>>>);

impl Dispatched {
    pub(crate) fn noted(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    serve(args.port, None).await
}

pub(crate) async fn serve(port: u16, dispatched: Option<Dispatched>) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let router = Router::new().route("/twirp/{call}/{method}", post(twirp)).with_state(dispatched);
    axum::serve(listener, router).await?;
    Ok(())
}

/// Takes every dispatch; shows each as taken, so that nothing is dispatched twice.
async fn twirp(
    State(dispatched): State<Option<Dispatched>>,
    Path((_, method)): Path<(String, String)>,
    body: Bytes,
) -> Json<Value> {
    let at = Instant::now();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let room = asked["room"].as_str().unwrap_or_default().to_owned();
    let job = json!({ "id": format!("AJ_{room}"), "state": { "participant_identity": format!("agent-{room}") } });
    Json(match method.as_str() {
        "CreateDispatch" => {
            if let Some(dispatched) = &dispatched {
                dispatched.noted().entry(room.clone()).or_insert(at);
            }
            json!({ "id": format!("AD_{room}"), "agent_name": asked["agent_name"], "room": room })
        }
        "ListDispatch" => json!({ "agent_dispatches": [{
            "id": format!("AD_{room}"), "agent_name": "telephony-agent", "room": room, "state": { "jobs": [job] },
        }] }),
        _ => json!({}),
    })
}
