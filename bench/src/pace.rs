//! From `participant_joined` arriving to `CreateDispatch` sent, at a steady pace of calls. A tiny LiveKit takes the
//! dispatches and notes when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::client::{Connection, KEY, SECRET};
use crate::load::{joined, now};

/// Paces calls and measures the time to the dispatch.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where Switchboard listens, as host:port.
    #[arg(long)]
    address: String,
    /// Where Switchboard expects LiveKit: this listens there.
    #[arg(long)]
    livekit_port: u16,
    /// Calls a second.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Calls in all.
    #[arg(long, default_value_t = 1000)]
    calls: u32,
}

type Noted = Arc<Mutex<HashMap<String, Instant>>>;

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let dispatched: Noted = Noted::default();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.livekit_port)).await?;
    let router = Router::new().route("/twirp/{call}/{method}", post(twirp)).with_state(dispatched.clone());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { drop(axum::serve(listener, router).await) });
    let mut connection = Connection::open(&args.address).await?;
    let credentials = livekit::Credentials::new(KEY, SECRET);
    let mut sent = HashMap::new();
    let start = Instant::now();
    for next in 0..args.calls {
        tokio::time::sleep_until((start + Duration::from_secs(1) * next / args.rate).into()).await;
        let unique = format!("pace{:x}{next}", std::process::id());
        let from = format!("+1444{next:07}");
        let body = joined("+15550000000", &from, &unique, now()).to_string().into_bytes();
        let token = livekit::webhook::signed(&credentials, &body, now());
        sent.insert(format!("in_+15550000000_{unique}"), Instant::now());
        let header = format!("authorization: {token}");
        let (status, answer) = connection.post("/api/v1/webhooks/livekit/events", &header, &body).await?;
        anyhow::ensure!(status == 200, "answered {status}: {}", String::from_utf8_lossy(&answer));
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while lock(&dispatched).len() < sent.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let dispatched = lock(&dispatched);
    let mut took: Vec<f64> = sent
        .iter()
        .filter_map(|(room, at)| Some(dispatched.get(room)?.duration_since(*at).as_secs_f64() * 1e3))
        .collect();
    took.sort_by(f64::total_cmp);
    let at =
        |percent: usize| took.get(took.len() * percent / 100).copied().map(|ms| (ms * 100.0).round() / 100.0);
    println!(
        "{}",
        json!({ "name": "joined to CreateDispatch", "rate": args.rate, "calls": args.calls,
            "dispatched": took.len(), "p50_ms": at(50), "p99_ms": at(99),
            "max_ms": took.last().map(|ms| (ms * 100.0).round() / 100.0) })
    );
    anyhow::ensure!(took.len() == sent.len(), "{} calls were never dispatched", sent.len() - took.len());
    Ok(())
}

fn lock(noted: &Noted) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
    noted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes every dispatch; shows each as taken, so that nothing is dispatched twice.
async fn twirp(
    State(noted): State<Noted>,
    Path((_, method)): Path<(String, String)>,
    body: Bytes,
) -> Json<Value> {
    let at = Instant::now();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let room = asked["room"].as_str().unwrap_or_default().to_owned();
    let job =
        json!({ "id": format!("AJ_{room}"), "state": { "participant_identity": format!("agent-{room}") } });
    Json(match method.as_str() {
        "CreateDispatch" => {
            lock(&noted).entry(room.clone()).or_insert(at);
            json!({ "id": format!("AD_{room}"), "agent_name": asked["agent_name"], "room": room })
        }
        "ListDispatch" => json!({ "agent_dispatches": [{
            "id": format!("AD_{room}"), "agent_name": "telephony-agent", "room": room, "state": { "jobs": [job] },
        }] }),
        _ => json!({}),
    })
}
