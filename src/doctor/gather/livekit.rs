//! LiveKit: whether it answers and knows us, its trunks and rules, whether its webhooks come, and who runs the agents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use livekit::sip::SipApi;
use livekit::{Client, Error};

use crate::clock::Timestamp;
use crate::commands::serve;
use crate::config::LiveKitConfig;
use crate::db::{Db, probes, servers};
use crate::doctor::facts::{Database, LiveKit, RoundTrip, Unknown};
use crate::doctor::{flow, probe};
use crate::progress::Progress;

use super::{From, ahead_ms};

/// LiveKit tells of a room at once; its third try of a webhook that fails comes after three seconds.
const WEBHOOK_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The room ends by itself after this, if it cannot be ended here.
const ROOM_FOR: Duration = Duration::from_secs(10);
/// Agents probed; who has more uses `campaigns check`, which probes all.
const AGENTS: usize = 64;

pub(super) async fn gather(
    from: From<'_>,
    database: &Result<Database, String>,
    progress: &Progress,
) -> Result<LiveKit, Unknown> {
    let unset = || Unknown::NotConfigured("no LiveKit project is configured (LIVEKIT_URL, …)".to_owned());
    let settings = super::project(from).ok_or_else(unset)?;
    let client =
        serve::client(settings, from.clock).map_err(|error| Unknown::Unreachable(error.to_string()))?;
    let client = client.ok_or_else(unset)?;
    // What every LiveKit answers, with SIP or without.
    client.list_rooms(&["switchboard-doctor".to_owned()]).await.map_err(|error| unknown(&error))?;
    let sip = client.sip_api().await.map_err(|error| unknown(&error))?;
    let (trunks, rules) = match sip {
        SipApi::Present => {
            tokio::try_join!(client.list_sip_inbound_trunks(), client.list_sip_dispatch_rules())
                .map_err(|error| unknown(&error))?
        }
        _ => (Vec::new(), Vec::new()),
    };
    let (ahead_ms, webhook, workers) = tokio::join!(
        ahead(settings, from),
        round_trip(from, &client, database),
        workers(from, &client, database, progress),
    );
    Ok(LiveKit { ahead_ms, sip, trunks, rules, webhook, workers })
}

fn unknown(error: &Error) -> Unknown {
    match error {
        Error::Answered { status: 401 | 403, .. } => Unknown::Unauthorized(error.to_string()),
        error => Unknown::Unreachable(error.to_string()),
    }
}

async fn ahead(settings: &LiveKitConfig, from: From<'_>) -> Option<i64> {
    let url = settings.url.as_deref()?;
    // `ws:` and `wss:` stand for the same server's `http:` and `https:`.
    let url = url.strip_prefix("ws").map_or_else(|| url.to_owned(), |rest| format!("http{rest}"));
    ahead_ms(&url, from.clock).await
}

/// Makes a room and waits until LiveKit's word of it has come through our own door.
async fn round_trip(from: From<'_>, client: &Client, database: &Result<Database, String>) -> RoundTrip {
    if !from.probe {
        return RoundTrip::NotTried("it was not to be tried (--no-probe)".to_owned());
    }
    let (Ok(db), Ok(database)) = (from.db, database) else {
        return RoundTrip::NotTried("the database cannot be opened".to_owned());
    };
    if !database.pending.is_empty() {
        return RoundTrip::NotTried("the database is not up to date".to_owned());
    }
    if database.servers.is_empty() {
        return RoundTrip::NotTried("no server runs that could hear it".to_owned());
    }
    let room = probe::room();
    let began = from.clock.now();
    if let Err(error) = client.create_room(&room, ROOM_FOR).await {
        return RoundTrip::NoRoom(error.to_string());
    }
    let came = wait(db, &room).await;
    if let Err(error) = client.delete_room(&room).await {
        tracing::debug!(%error, "a probe's room could not be deleted");
    }
    match came {
        Some(at) => RoundTrip::Came(at.since(began).as_millis().try_into().unwrap_or(u64::MAX)),
        None => RoundTrip::Missing { refused: refused(from, db, began).await },
    }
}

async fn wait(db: &Db, room: &str) -> Option<Timestamp> {
    let deadline = tokio::time::Instant::now() + WEBHOOK_WITHIN;
    while tokio::time::Instant::now() < deadline {
        let asked = room.to_owned();
        if let Ok(Some(at)) = db.read(move |tx| probes::first(tx, &asked)).await {
            return Some(at);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    None
}

/// Why a server refused a webhook since then, if one did.
async fn refused(from: From<'_>, db: &Db, since: Timestamp) -> Option<String> {
    let now = from.clock.now();
    let running = db.read(move |tx| servers::running(tx, now)).await.ok()?;
    // Refusals are noted once a second at most: the last may be a second older than ours.
    let since = since.saturating_sub(Duration::from_secs(1));
    running.into_iter().filter_map(|server| server.refused).find(|(at, _)| *at >= since).map(|(_, why)| why)
}

async fn workers(
    from: From<'_>,
    client: &Client,
    database: &Result<Database, String>,
    progress: &Progress,
) -> BTreeMap<String, probe::Worker> {
    let Ok(database) = database else { return BTreeMap::new() };
    let agents: BTreeSet<String> = flow::agents(&database.flows).into_iter().take(AGENTS).collect();
    if from.probe {
        return probe::all(client, agents, progress).await;
    }
    let why = "it was not looked for (--no-probe)";
    agents.into_iter().map(|agent| (agent, probe::Worker::Unknown { why: why.to_owned() })).collect()
}
