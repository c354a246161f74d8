//! What signing in costs: how many a second, and what it does to the memory.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::load::part;
use crate::process;

/// Signs in over and over, through some connections.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// Where Switchboard listens, as host:port.
    #[arg(long)]
    address: String,
    /// The server's process, for CPU and memory.
    #[arg(long)]
    pid: u32,
    /// A name for the line.
    #[arg(long, default_value = "")]
    name: String,
    /// Who signs in.
    #[arg(long)]
    email: String,
    /// With this.
    #[arg(long)]
    password: String,
    /// Connections at once.
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs_f64(args.seconds);
    let (cpu, rss) = (process::cpu(args.pid), process::rss(args.pid));
    let mut people = tokio::task::JoinSet::new();
    for _ in 0..args.connections {
        let args = args.clone();
        people.spawn(async move { sign_in(&args, until).await });
    }
    let (mut took, mut refused) = (Vec::new(), 0);
    while let Some(person) = people.join_next().await {
        let (of_one, refused_one) = person??;
        took.extend(of_one);
        refused += refused_one;
    }
    took.sort_unstable();
    let cpu = process::cpu(args.pid).saturating_sub(cpu);
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let count = took.len().max(1) as f64;
    println!(
        "{}",
        json!({
            "name": args.name, "connections": args.connections, "signed_in": took.len(), "busy": refused,
            "per_second": (count / args.seconds).round(),
            "p50_ms": part(&took, 0.5), "p99_ms": part(&took, 0.99),
            "cpu_ms": (cpu.as_secs_f64() * 1e4 / count).round() / 10.0,
            "rss_mib_before": rss, "rss_mib_after": process::rss(args.pid),
        })
    );
    Ok(())
}

/// How long each took that went through, and how many were told to come again later.
async fn sign_in(args: &Args, until: Instant) -> anyhow::Result<(Vec<Duration>, u64)> {
    let mut connection = Connection::open(&args.address).await?;
    let body = json!({ "email": args.email, "password": args.password }).to_string().into_bytes();
    let (mut took, mut refused) = (Vec::new(), 0);
    while Instant::now() < until {
        let began = Instant::now();
        let (status, answer) = connection.post("/api/v1/auth/login", "accept: */*", &body).await?;
        match status {
            200 => took.push(began.elapsed()),
            429 | 503 => refused += 1,
            _ => anyhow::bail!("answered {status}: {}", String::from_utf8_lossy(&answer)),
        }
    }
    Ok((took, refused))
}
