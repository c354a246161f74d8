//! Drives as many requests as fit through some connections, checks every answer, and says what it saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Connection, KEY, SECRET, hmac_header};
use crate::process;

/// Drives signed requests and measures.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// Where the server listens, as host:port.
    #[arg(long)]
    address: String,
    /// Connections at once.
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// How long to measure, in seconds; a fifth of it is driven before, unmeasured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Requests a second in all; 0: as many as fit. The pace is kept whatever the answers take.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// `ask` or `events`.
    #[arg(long, default_value = "ask")]
    door: String,
    /// Numbers that are called, from +1555 000 0000 on.
    #[arg(long, default_value_t = 1)]
    numbers: u64,
    /// The server's process, for CPU and memory.
    #[arg(long)]
    pid: u32,
    /// A name for the line.
    #[arg(long, default_value = "")]
    name: String,
    /// Do not check who answers: the bare handler knows no routing.
    #[arg(long)]
    bare: bool,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let run = format!("{:x}", std::process::id());
    let (args, run) = (Arc::new(args), Arc::new(run));
    let warm_up = Duration::from_secs_f64(args.seconds / 5.0);
    let start = Instant::now();
    let (from, until) = (start + warm_up, start + warm_up + Duration::from_secs_f64(args.seconds));
    let mut drivers = tokio::task::JoinSet::new();
    for nth in 0..args.connections {
        let (args, run, pace) = (args.clone(), run.clone(), Pace::new(&args, nth, start));
        drivers.spawn(async move { drive(&args, &run, pace, from, until).await });
    }
    tokio::time::sleep_until(from.into()).await;
    let cpu_before = process::cpu(args.pid);
    tokio::time::sleep_until(until.into()).await;
    let cpu = process::cpu(args.pid).saturating_sub(cpu_before);
    let mut took = Vec::new();
    while let Some(driver) = drivers.join_next().await {
        took.extend(driver??);
    }
    took.sort_unstable();
    let count = took.len().max(1);
    println!(
        "{}",
        json!({
            "name": args.name, "door": args.door, "connections": args.connections, "rate": args.rate,
            "per_second": (took.len() as f64 / args.seconds).round(),
            "p50_ms": part(&took, 0.5), "p99_ms": part(&took, 0.99), "p999_ms": part(&took, 0.999),
            "cpu_us": (cpu.as_secs_f64() * 1e6 / count as f64).round(),
            "rss_mib": process::rss(args.pid),
        })
    );
    Ok(())
}

/// To a hundredth.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What this part of them took no longer than, in milliseconds. They are in order.
pub(crate) fn part(took: &[Duration], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank"
    )]
    let rank = ((took.len() as f64 * part) as usize).min(took.len().saturating_sub(1));
    round(took.get(rank).copied().unwrap_or_default().as_secs_f64() * 1e3)
}

/// When a connection sends its next request.
struct Pace {
    next: Instant,
    every: Option<Duration>,
}

impl Pace {
    fn new(args: &Args, nth: u64, start: Instant) -> Pace {
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let every = |connections: u64| {
            (args.rate > 0).then(|| Duration::from_secs_f64(connections as f64 / args.rate as f64))
        };
        let first = every(nth).unwrap_or_default();
        Pace { next: start + first, every: every(args.connections) }
    }

    /// Waits for the time of the next request; that time, which what it takes is counted from, so that a server that
    /// falls behind is not spared.
    async fn turn(&mut self) -> Instant {
        let Some(every) = self.every else { return Instant::now() };
        let due = self.next;
        self.next += every;
        tokio::time::sleep_until(due.into()).await;
        due
    }
}

async fn drive(
    args: &Args,
    run: &str,
    mut pace: Pace,
    from: Instant,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(&args.address).await?;
    let mut took = Vec::new();
    loop {
        let began = pace.turn().await;
        if began >= until {
            return Ok(took);
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let (path, header, body) =
            if args.door == "ask" { ask(args, run, next) } else { event(args, run, next) };
        let (status, answer) = connection.post(path, &header, &body).await?;
        let elapsed = began.elapsed();
        anyhow::ensure!(status == 200, "answered {status}: {}", String::from_utf8_lossy(&answer));
        check(args, next, &answer)?;
        if began >= from && began + elapsed <= until {
            took.push(elapsed);
        }
    }
}

fn to(args: &Args, next: u64) -> String {
    format!("+1555{:07}", next % args.numbers)
}

fn caller(next: u64) -> String {
    format!("+1444{:07}", next % 10_000_000)
}

fn ask(args: &Args, run: &str, next: u64) -> (&'static str, String, Vec<u8>) {
    let to = to(args, next);
    let body = json!({
        "call_id": format!("SIP-{run}-{next}"), "trunk_id": "ST_bench", "trunk_phone_number": to,
        "from_number": caller(next), "to_number": to, "room_name": format!("sip-room-{run}-{next}"),
        "timestamp": "2025-10-09T15:30:00Z",
    })
    .to_string()
    .into_bytes();
    ("/api/v1/webhooks/livekit/sip-inbound", hmac_header(&body), body)
}

/// A whole webhook of a ring, as livekit-server sends it.
fn event(args: &Args, run: &str, next: u64) -> (&'static str, String, Vec<u8>) {
    let now = now();
    let body = joined(&to(args, next), &caller(next), &format!("{run}{next}"), now).to_string().into_bytes();
    let token = livekit::webhook::signed(&livekit::Credentials::new(KEY, SECRET), &body, now);
    ("/api/v1/webhooks/livekit/events", format!("authorization: {token}"), body)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    switchboard::clock::Clock::system().now().secs()
}

/// `participant_joined` of a caller.
pub(crate) fn joined(to: &str, from: &str, unique: &str, now: i64) -> Value {
    let room = format!("in_{to}_{unique}");
    json!({
        "event": "participant_joined", "id": format!("EV_{unique}"), "createdAt": now.to_string(),
        "room": {
            "sid": format!("RM_{unique}"), "name": room, "emptyTimeout": 300, "departureTimeout": 20,
            "creationTime": now.to_string(), "turnPassword": "not kept",
            "enabledCodecs": [{"mime": "audio/PCMU"}, {"mime": "audio/opus"}, {"mime": "video/VP8"}],
        },
        "participant": {
            "sid": format!("PA_{unique}"), "identity": format!("sip_{from}"), "state": "ACTIVE", "kind": "SIP",
            "joinedAt": now.to_string(), "joinedAtMs": (now * 1000).to_string(), "name": format!("Phone {from}"),
            "permission": {"canSubscribe": true, "canPublish": true, "canPublishData": true},
            "attributes": {
                "sip.callID": format!("SCL_{unique}"), "sip.callIDFull": format!("{unique}@bench"),
                "sip.callStatus": "ringing", "sip.callTag": "tag", "sip.hostname": "bench.pstn.twilio.com",
                "sip.phoneNumber": from, "sip.trunkPhoneNumber": to, "sip.ruleID": "SDR_bench",
                "sip.trunkID": "ST_bench", "sip.twilio.callSid": format!("CA{unique}"),
                "sip.twilio.accountSid": "AC00000000000000000000000000000000",
            },
        },
    })
}

fn check(args: &Args, next: u64, answer: &[u8]) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    if args.door == "events" {
        anyhow::ensure!(answer["received"] == true, "not received: {answer}");
        return Ok(());
    }
    anyhow::ensure!(answer["agent_name"] == "telephony-agent", "the wrong agent: {answer}");
    anyhow::ensure!(answer["attributes"]["caller"] == caller(next).as_str(), "the wrong caller: {answer}");
    if !args.bare {
        let metadata: Value = serde_json::from_str(answer["metadata"].as_str().unwrap_or_default())?;
        anyhow::ensure!(metadata["lead_id"].is_string(), "no lead: {answer}");
    }
    Ok(())
}
