//! Asks everybody what the checks look at: the settings, the database, LiveKit, Twilio and the way in from outside, the
//! last three at once.

mod database;
mod livekit;
mod public;
mod twilio;

use std::time::Duration;

use ::livekit::sip::matching::Hosting;

use crate::app::DEFAULT_PROJECT;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, LiveKitConfig};
use crate::db::Db;
use crate::progress::Progress;

use super::facts::{Facts, Settings};

/// The longest a single question to LiveKit, Twilio or ourselves may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Where it is gathered from.
#[derive(Clone, Copy)]
pub struct From<'a> {
    /// The settings.
    pub config: &'a Config,
    /// What was remarkable about them.
    pub hints: &'a [String],
    /// The LiveKit project to look at; the default one, if none is named.
    pub project: Option<&'a str>,
    /// The database, as far as it could be opened.
    pub db: Result<&'a Db, &'a str>,
    /// The time.
    pub clock: &'a Clock,
    /// Whether agents may be dispatched for a moment, and rooms made.
    pub probe: bool,
}

/// Gathers.
pub async fn gather(from: From<'_>, progress: &Progress) -> Facts {
    progress.begin("asking the database", None);
    let settings = settings(from);
    let database = match from.db {
        Ok(db) => database::gather(from, db).await,
        Err(why) => Err(why.to_owned()),
    };
    progress.begin("asking LiveKit and Twilio", None);
    let (livekit, twilio, public) = tokio::join!(
        livekit::gather(from, &database, progress),
        twilio::gather(from, &database),
        public::gather(from, &settings),
    );
    Facts { now: from.clock.now(), settings, database, livekit, twilio, public }
}

/// The settings of the project that is looked at.
fn project(from: From<'_>) -> Option<&LiveKitConfig> {
    match from.project {
        Some(name) => from.config.livekit.iter().find(|project| project.project == name),
        None => from.config.default_project(),
    }
}

fn settings(from: From<'_>) -> Settings {
    let project = project(from);
    let host = project
        .and_then(|project| url::Url::parse(project.url.as_deref()?).ok())
        .and_then(|url| url.host_str().map(str::to_owned));
    let is_cloud = host.as_deref().is_some_and(|host| host.ends_with(".livekit.cloud"));
    Settings {
        hints: from.hints.to_vec(),
        allow_unsigned: from.config.webhooks.allow_unsigned,
        project: project.map_or(DEFAULT_PROJECT, |project| &project.project).to_owned(),
        hosting: if is_cloud { Hosting::Cloud } else { Hosting::SelfHosted },
        livekit_host: host,
        sip_uri: project.and_then(|project| project.sip_uri.clone()),
        inbound_trunk_id: project.and_then(|project| project.inbound_trunk_id.clone()),
        public_url: from.config.server.public_url.clone(),
    }
}

/// What asks over HTTP without being anybody.
fn stranger() -> reqwest::Result<reqwest::Client> {
    // TLS needs a process-wide provider; whoever installed one before keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_info(true)
        .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// How far our clock is ahead of that of whoever answers here, in milliseconds; none if nobody does, or without a
/// `Date` (RFC 9110 §6.6.1), whose seconds are whole.
async fn ahead_ms(url: &str, clock: &Clock) -> Option<i64> {
    let http = stranger().ok()?;
    let before = clock.now();
    let answer = http.get(url).send().await.ok()?;
    let after = clock.now();
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_microsecond();
    let ours = middle(before, after);
    // Between this second's begin and its end.
    Some(if ours < theirs { (ours - theirs) / 1000 } else { (ours - theirs - 999_999).max(0) / 1000 })
}

const fn middle(before: Timestamp, after: Timestamp) -> i64 {
    before.micros() + (after.micros() - before.micros()) / 2
}
