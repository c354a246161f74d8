//! `call`: asks a running server who answers, as a SIP gateway would.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use reqwest::{StatusCode, Url};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::call::EndReason;
use crate::config::Config;
use crate::http::signed;
use crate::ids;

use super::screen::{self, Screen};
use super::{Context, Ended, words};

const EXAMPLES: &str = "\
The call is real to the server: it is recorded, makes a lead and counts against limits until it ends. No agent is
sent: whoever asks connects the agent. To end it tell the server so, as docs/doors.md shows, or wait for
calls.unheard_after. To write nothing at all use `switchboard explain --to … --from …`.
Exit code 0 when somebody answers, 1 when the call is refused or could not be placed.

Examples:
  switchboard call +14155550123 --from +15551234567
  switchboard call +14155550123 --from anonymous --room sip-room-abc123 --json";

const DOOR: &str = "api/v1/webhooks/livekit/sip-inbound";
/// The contract's longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `call` is told.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The number that is dialled
    to: String,
    /// The caller's number
    #[arg(long, value_name = "NUMBER")]
    from: String,
    /// Where the server is, if not on this machine at the configured port
    #[arg(long)]
    url: Option<Url>,
    /// The call's id; the same one gets the same answer
    #[arg(long, value_name = "ID")]
    call_id: Option<String>,
    /// The room it is in
    #[arg(long, value_name = "NAME")]
    room: Option<String>,
    /// The trunk it came over
    #[arg(long, value_name = "ID")]
    trunk: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The server's own words.
    pub body: Value,
    /// The id we asked with.
    pub call_id: String,
    /// From asking to having the answer.
    pub took: Duration,
}

/// Places the call and prints the answer.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let answer = ask(args, &config, context).await?;
    context.print(&answer.body, |screen| page(&answer, screen))?;
    Ok(Ended::by(!answer.body["agent_name"].is_null()))
}

/// Asks.
pub async fn ask(args: &Args, config: &Config, context: &Context) -> anyhow::Result<Answer> {
    let now = context.clock.now();
    let call_id = args.call_id.clone().unwrap_or_else(|| ids::new("simulated", now));
    let mut body = json!({
        "call_id": call_id, "from_number": args.from, "to_number": args.to, "timestamp": now,
    });
    for (name, value) in [("room_name", &args.room), ("trunk_id", &args.trunk)] {
        if let Some(value) = value {
            body[name] = value.as_str().into();
        }
    }
    let base = args.url.clone().map_or_else(|| own_url(config), Ok)?;
    let url = door(&base)?;
    let body = body.to_string();
    let mut request = client(&url)?.post(url).header("content-type", "application/json");
    match config.default_project().and_then(|project| project.api_secret.as_ref()) {
        Some(secret) => {
            request =
                request.header(signed::SIGNATURE, signed::signature(secret.expose_secret(), body.as_bytes()));
        }
        None => screen::remark("note: not signed, as LIVEKIT_API_SECRET is not set"),
    }
    let began = Instant::now();
    let response = request.body(body).send().await.map_err(|error| unreachable(&base, &error))?;
    let status = response.status();
    let text = response.text().await.with_context(|| format!("reading the answer of {base}"))?;
    let took = began.elapsed();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status != StatusCode::OK {
        return Err(refused(status, &body, &base));
    }
    if body.get("agent_name").is_none() {
        bail!("{base} answered, but not as Switchboard does: is it the right --url?");
    }
    Ok(Answer { body, call_id, took })
}

/// The server as these settings would start it on this machine.
fn own_url(config: &Config) -> anyhow::Result<Url> {
    let mut address = config.server.address();
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    Ok(format!("http://{address}").parse()?)
}

/// The door below whatever path the server is at.
fn door(base: &Url) -> anyhow::Result<Url> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    base.join(DOOR).with_context(|| format!("--url {base}"))
}

/// A proxy for the world has no way to this machine.
fn client(url: &Url) -> anyhow::Result<reqwest::Client> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let client = reqwest::Client::builder().timeout(PATIENCE);
    let client = if is_here { client.no_proxy() } else { client };
    client.build().context("preparing to ask")
}

fn unreachable(base: &Url, error: &reqwest::Error) -> anyhow::Error {
    if error.is_timeout() {
        anyhow!("{base} did not answer within {} s: look at its log", PATIENCE.as_secs())
    } else if error.is_connect() {
        anyhow!("nobody listens at {base}: start `switchboard serve` there, or give another --url")
    } else {
        let mut causes = anyhow!("asking {base} failed");
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            causes = anyhow!("{causes:#}: {error}");
            cause = error.source();
        }
        causes
    }
}

/// What a status other than 200 asks for.
fn refused(status: StatusCode, problem: &Value, base: &Url) -> anyhow::Error {
    let detail = problem["detail"].as_str().or_else(|| problem["title"].as_str()).unwrap_or_default();
    let detail = words::clean(detail);
    let code = status.as_u16();
    match code {
        401 => anyhow!(
            "{base} does not accept the signature: give this command the LIVEKIT_API_SECRET that the server has \
             (`switchboard config show`)"
        ),
        404 | 405 => anyhow!("{base} has no Ask door ({code}): is it the right --url?"),
        409 | 413 | 422 | 400 => anyhow!("the server does not take this call ({code}): {detail}"),
        503 => anyhow!("the server is too busy to answer (503): try again in a moment, or look at its log"),
        _ => anyhow!("the server answered {code} {detail}: look at its log"),
    }
}

/// An answer on paper.
pub fn page(answer: &Answer, screen: &Screen) -> String {
    let body = &answer.body;
    let text = |value: &Value| value.as_str().map(words::clean);
    let metadata: Value = text_of_json(&body["metadata"]);
    let mut out = match text(&body["agent_name"]) {
        Some(agent) => screen.bold(format_args!("{agent} answers")),
        None => refusal(body, screen),
    };
    out += "\n\n";
    let took = format!("{:.1} ms", answer.took.as_secs_f64() * 1000.0);
    let rows = [
        ("from", text(&metadata["from_number"]).map(|number| words::number(&number))),
        ("to", text(&metadata["to_number"]).map(|number| words::number(&number))),
        ("call", text(&metadata["call_id"])),
        ("asked as", Some(words::clean(&answer.call_id))),
        ("tenant", text(&metadata["tenant_id"])),
        ("campaign", text(&metadata["campaign_id"])),
        ("lead", text(&metadata["lead_id"])),
        ("took", Some(took)),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            out += &format!("  {} {value}\n", screen.dim(format_args!("{name:<9}")));
        }
    }
    if let Some(id) = text(&metadata["call_id"]) {
        out += &format!("\nWhy: switchboard explain {id}\n");
    }
    out
}

fn refusal(body: &Value, screen: &Screen) -> String {
    let word = body["reason"].as_str().unwrap_or("no reason given");
    let why = EndReason::parse(word).map_or_else(String::new, |reason| format!(" {}", reason.describe()));
    let sip = body["sip_status"].as_u64().map_or_else(String::new, |status| format!(", SIP {status}"));
    screen.bold("refused:") + &format!("{why} ({}{sip})", words::clean(word))
}

/// The contract's metadata is a text that holds JSON.
fn text_of_json(text: &Value) -> Value {
    text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}
