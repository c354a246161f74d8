//! Says every some seconds that this server runs, so that others can tell who serves on a database.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::servers::{self, Server};
use crate::db::{self, Engine, probes};

/// Three of these may be missed before a server counts as gone.
const EVERY: Duration = Duration::from_secs(15);
/// Refused webhooks are noted this often at most: whoever sends them must not have us write for each.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// What is known of servers and probes is forgotten after this.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// When a refused webhook was last noted.
#[derive(Debug, Default)]
pub struct LastRefused(AtomicI64);

/// Starts saying so. A file that another server runs on as well is told of loudly: each would believe that it alone
/// has the calls.
pub fn start(app: &App, address: SocketAddr) {
    let started = app.clock.now();
    app.keep_running("saying that it runs", move |app| async move {
        let mut told = false;
        while !app.stop().is_cancelled() {
            match say(&app, address, started).await {
                Ok(others) => {
                    if !told {
                        warn(&app, &others);
                    }
                    told = !others.is_empty();
                }
                Err(error) => tracing::debug!(%error, "that this server runs could not be noted"),
            }
            tokio::select! {
                () = app.clock.sleep(EVERY) => {}
                () = app.stop().cancelled() => {}
            }
        }
        let me = app.me().to_owned();
        if let Err(error) = app.db.background(move |tx| servers::gone(tx, &me)).await {
            tracing::debug!(%error, "that this server stops could not be noted");
        }
    });
}

/// Notes that this server runs; the others that do.
async fn say(app: &App, address: SocketAddr, started_at: Timestamp) -> db::Result<Vec<Server>> {
    let now = app.clock.now();
    let me = Server {
        id: app.me().to_owned(),
        host: host(),
        pid: std::process::id(),
        address: address.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        seen_at: now,
        refused: None,
    };
    app.db
        .background(move |tx| {
            servers::note(tx, &me)?;
            servers::forget(tx, now.saturating_sub(KEPT))?;
            probes::forget(tx, now.saturating_sub(KEPT))?;
            let mut running = servers::running(tx, now)?;
            running.retain(|server| server.id != me.id && !is_gone(server, now));
            Ok::<_, db::Error>(running)
        })
        .await
}

fn warn(app: &App, others: &[Server]) {
    if app.db.engine() != Engine::Sqlite {
        return;
    }
    for other in others {
        tracing::warn!(
            host = other.host,
            pid = other.pid,
            address = other.address,
            "another server runs on the same SQLite file: stop one of the two, or use PostgreSQL"
        );
    }
}

/// A webhook was refused because nobody we know signed it.
pub fn webhook_refused(app: &App, why: &'static str) {
    let now = app.clock.now();
    let before = app.last_refused().0.load(Ordering::Relaxed);
    let is_due = now.micros() >= before.saturating_add(NOTE_EVERY.as_micros().try_into().unwrap_or(i64::MAX));
    let last = &app.last_refused().0;
    if !is_due || last.compare_exchange(before, now.micros(), Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    let noting = app.clone();
    app.spawn(async move {
        let me = noting.me().to_owned();
        if let Err(error) = noting.db.background(move |tx| servers::refused(tx, &me, now, why)).await {
            tracing::debug!(%error, "a refused webhook could not be noted");
        }
    });
}

/// Whether a server that has not said for a while that it runs is known to be gone: a process of this machine that is
/// not there any more. In another container of the same name processes have other numbers, so that a server which has
/// just said so is believed.
pub fn is_gone(server: &Server, now: Timestamp) -> bool {
    const MISSED: Duration = Duration::from_secs(20);
    let is_late = server.seen_at < now.saturating_sub(MISSED);
    cfg!(target_os = "linux")
        && is_late
        && server.host == host()
        && !std::path::Path::new(&format!("/proc/{}", server.pid)).exists()
}

/// The name of this machine or container.
fn host() -> String {
    #[cfg(target_os = "linux")]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(target_os = "linux"))]
    "unknown".to_owned()
}
