//! Who is told: programs that listen to the events of a tenant, and endpoints that take its webhooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Connection;
use crate::key::header;

/// Listens and takes webhooks, says `ready` once it does, and on SIGTERM what it heard.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where Switchboard listens, as host:port.
    #[arg(long)]
    address: String,
    /// A name for the line.
    #[arg(long, default_value = "")]
    name: String,
    /// How many listen to events.
    #[arg(long, default_value_t = 50)]
    listeners: u64,
    /// How many endpoints take webhooks.
    #[arg(long, default_value_t = 20)]
    endpoints: u64,
}

#[derive(Default)]
struct Heard {
    events: AtomicU64,
    dropped: AtomicU64,
    webhooks: AtomicU64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let heard = Arc::new(Heard::default());
    let receiver = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = receiver.local_addr()?.port();
    let router = Router::new().route("/{endpoint}", post(take)).with_state(heard.clone());
    let mut audience = tokio::task::JoinSet::new();
    audience.spawn(async move {
        if let Err(error) = axum::serve(receiver, router).await {
            eprintln!("the receiver: {error}");
        }
    });
    let mut connection = Connection::open(&args.address).await?;
    for endpoint in 0..args.endpoints {
        let wish = json!({
            "url": format!("http://127.0.0.1:{port}/{endpoint}"),
            "events": ["call.ringing", "call.answered", "call.ended", "lead.created"],
        });
        let body = wish.to_string().into_bytes();
        let (status, answer) = connection.post("/api/v1/webhook-endpoints", &header(), &body).await?;
        anyhow::ensure!(status == 201, "answered {status}: {}", String::from_utf8_lossy(&answer));
    }
    for _ in 0..args.listeners {
        let connection = Connection::open(&args.address).await?;
        audience.spawn(listen(connection, heard.clone()));
    }
    println!("ready");
    signal(SignalKind::terminate())?.recv().await;
    println!(
        "{}",
        json!({
            "name": args.name, "listeners": args.listeners, "endpoints": args.endpoints,
            "events": heard.events.load(Relaxed), "dropped": heard.dropped.load(Relaxed),
            "webhooks": heard.webhooks.load(Relaxed),
        })
    );
    Ok(())
}

async fn take(State(heard): State<Arc<Heard>>) -> StatusCode {
    heard.webhooks.fetch_add(1, Relaxed);
    StatusCode::OK
}

/// Listens until the server ends it, which it does with who is too slow.
async fn listen(mut connection: Connection, heard: Arc<Heard>) {
    let count = |some: &[u8]| {
        let events = some.windows(4).filter(|four| *four == b"id: ").count();
        heard.events.fetch_add(events as u64, Relaxed);
    };
    if let Err(error) = connection.stream("/api/v1/events", &header(), count).await {
        eprintln!("a listener: {error}");
    }
    heard.dropped.fetch_add(1, Relaxed);
}
