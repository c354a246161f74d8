//! Reads the API of a server with a year of calls: lists with each filter, analytics, an export of everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Connection;
use crate::fill::NOW;
use crate::key::header;
use crate::load::{part, round};
use crate::{process, year};

/// Reads lists, analytics and an export, and measures.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// Where the server listens, as host:port.
    #[arg(long)]
    address: String,
    /// The server's process, for CPU and memory.
    #[arg(long)]
    pid: u32,
    /// A name for the lines.
    #[arg(long, default_value = "")]
    name: String,
    /// Connections that read lists at once.
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// How long to measure each list, in seconds; a fifth of it is driven before, unmeasured.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Each analytics is asked for so often.
    #[arg(long, default_value_t = 10)]
    times: usize,
}

/// Calls on a page.
const PAGE: usize = 50;
/// The far page.
const FAR: usize = 1_000;

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    for (filter, query) in year::filters() {
        let first = format!("/api/v1/calls?{query}");
        list(&args, filter, "first", first.clone()).await?;
        let (page, path) = far(&args, &first).await?;
        if page > 1 {
            list(&args, filter, &format!("page {page}"), path).await?;
        }
    }
    for group in ["", "hour", "day", "number", "campaign", "agent", "endReason", "status"] {
        analytics(&args, group).await?;
    }
    for format in ["csv", "jsonl"] {
        export(&args, format).await?;
    }
    Ok(())
}

async fn get(connection: &mut Connection, path: &str) -> anyhow::Result<Value> {
    let (status, body) = connection.get(path, &header()).await?;
    anyhow::ensure!(status == 200, "{path} answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// The 1,000th page, or the last one where there are fewer: its number and its address.
async fn far(args: &Args, first: &str) -> anyhow::Result<(usize, String)> {
    let mut connection = Connection::open(&args.address).await?;
    let (mut seen, mut path) = (0, first.to_owned());
    let target = (FAR - 1) * PAGE;
    while seen < target {
        let limit = (target - seen).min(200);
        let page = get(&mut connection, &format!("{path}&limit={limit}")).await?;
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        seen += limit;
        path = format!("{first}&cursor={cursor}");
    }
    Ok((seen / PAGE + 1, path))
}

async fn list(args: &Args, filter: &str, page: &str, path: String) -> anyhow::Result<()> {
    let warm_up = Duration::from_secs_f64(args.seconds / 5.0);
    let start = Instant::now();
    let (from, until) = (start + warm_up, start + warm_up + Duration::from_secs_f64(args.seconds));
    let path = Arc::new(path);
    let items = Arc::new(AtomicU64::new(0));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..args.connections {
        let (address, path, items) = (args.address.clone(), path.clone(), items.clone());
        readers.spawn(async move { read_again_and_again(&address, &path, (from, until), &items).await });
    }
    tokio::time::sleep_until(from.into()).await;
    let cpu_before = process::cpu(args.pid);
    tokio::time::sleep_until(until.into()).await;
    let cpu = process::cpu(args.pid).saturating_sub(cpu_before);
    let mut took = Vec::new();
    while let Some(reader) = readers.join_next().await {
        took.extend(reader??);
    }
    took.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let count = took.len().max(1) as f64;
    println!(
        "{}",
        json!({
            "name": args.name, "list": filter, "page": page, "items": items.load(Ordering::Relaxed),
            "connections": args.connections, "per_second": (count / args.seconds).round(),
            "p50_ms": part(&took, 0.5), "p99_ms": part(&took, 0.99),
            "cpu_us": (cpu.as_secs_f64() * 1e6 / count).round(),
        })
    );
    Ok(())
}

async fn read_again_and_again(
    address: &str,
    path: &str,
    (from, until): (Instant, Instant),
    items: &AtomicU64,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let page = get(&mut connection, path).await?;
    items.store(page["items"].as_array().map_or(0, Vec::len) as u64, Ordering::Relaxed);
    let mut took = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let (status, _) = connection.get(path, &header()).await?;
        let elapsed = began.elapsed();
        anyhow::ensure!(status == 200, "{path} answered {status}");
        if began >= from && began + elapsed <= until {
            took.push(elapsed);
        }
    }
    Ok(took)
}

/// 90 days, one after the other.
async fn analytics(args: &Args, group: &str) -> anyhow::Result<()> {
    let time = |micros: i64| switchboard::clock::Timestamp::from_micros(micros).to_string();
    let (since, until) = (time(NOW - 90 * 86_400_000_000), time(NOW));
    let by = if group.is_empty() { String::new() } else { format!("&groupBy={group}") };
    let path = format!("/api/v1/analytics/calls?since={since}&until={until}&timeZone=America/New_York{by}");
    let mut connection = Connection::open(&args.address).await?;
    let answer = get(&mut connection, &path).await?;
    let mut took = Vec::new();
    for _ in 0..args.times {
        let began = Instant::now();
        get(&mut connection, &path).await?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    println!(
        "{}",
        json!({
            "name": args.name, "analytics": if group.is_empty() { "totals" } else { group },
            "calls": answer["totals"]["volume"], "groups": answer["groups"].as_array().map_or(0, Vec::len),
            "p50_ms": part(&took, 0.5), "max_ms": took.last().map(|took| round(took.as_secs_f64() * 1e3)),
        })
    );
    Ok(())
}

async fn export(args: &Args, format: &str) -> anyhow::Result<()> {
    let before = process::rss(args.pid);
    let (most, over) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
    let watcher = {
        let (most, over, pid) = (most.clone(), over.clone(), args.pid);
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(process::rss(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let mut connection = Connection::open(&args.address).await?;
    let began = Instant::now();
    let (mut rows, mut bytes) = (0_usize, 0_usize);
    let (path, header) = (format!("/api/v1/calls/export?format={format}"), header());
    let count = |some: &[u8]| {
        bytes += some.len();
        rows += some.iter().filter(|byte| **byte == b'\n').count();
    };
    let status = connection.stream(&path, &header, count).await?;
    let took = began.elapsed();
    over.store(true, Ordering::Relaxed);
    let _ = watcher.join();
    anyhow::ensure!(status == 200, "the export answered {status}");
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    let rate = (rows as f64 / took.as_secs_f64()).round();
    println!(
        "{}",
        json!({
            "name": args.name, "export": format, "rows": rows, "mib": bytes / 1_048_576,
            "seconds": round(took.as_secs_f64()), "rows_per_second": rate,
            "rss_mib_before": before, "rss_mib_most": most.load(Ordering::Relaxed), "rss_mib_after": process::rss(args.pid),
        })
    );
    Ok(())
}
