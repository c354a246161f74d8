//! From `participant_joined` arriving to `CreateDispatch` sent, at a steady pace of calls. A tiny LiveKit takes the
//! dispatches and notes when.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Connection, KEY, SECRET};
use crate::load::{joined, now};
use crate::sink::{self, Dispatched};

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

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let dispatched = Dispatched::default();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(sink::serve(args.livekit_port, Some(dispatched.clone())));
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
    while dispatched.noted().len() < sent.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let dispatched = dispatched.noted();
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
