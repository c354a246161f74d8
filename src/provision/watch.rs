//! Looks now and then whether somebody has changed by hand what was set up, and tells when that begins and ends. One
//! replica at a time, by a lease.

use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::audit::{self, Actor, Entry};
use crate::clock::Timestamp;
use crate::db::resources::trunks;
use crate::db::{self, Tx, changes, leases, provisioned};
use crate::events;
use crate::ids::TrunkId;

use super::error::{Error, Result};
use super::lease;
use super::lines::Shown;
use super::means::Means;
use super::record::Record;

const LEASE: &str = "provision";
/// How often it is looked whether a trunk is due; and how long a replica that died keeps others from it.
const TICK: Duration = Duration::from_secs(10);
const LASTS: Duration = Duration::from_secs(300);

/// Starts it, where there is a Twilio account.
pub fn start(app: &App) {
    if app.twilio.is_some() {
        app.keep_running("looking for changes by hand", |app| async move { run(&app).await });
    }
}

async fn run(app: &App) {
    let tick = TICK.min(app.provision.drift_every);
    while !app.stop().is_cancelled() {
        if let Err(error) = round(app).await {
            tracing::warn!(%error, "it could not be looked for changes by hand; it is tried again");
        }
        tokio::select! {
            () = app.clock.sleep(tick) => {}
            () = app.stop().cancelled() => {}
        }
    }
    let me = app.me().to_owned();
    if let Err(error) = app.db.write(move |tx| leases::give_back(tx, LEASE, &me)).await {
        tracing::debug!(%error, "the lease runs out by itself");
    }
}

/// Looks at the trunks that are due.
async fn round(app: &App) -> Result<()> {
    if !app.db.read(provisioned::any).await? {
        return Ok(());
    }
    let (me, now) = (app.me().to_owned(), app.clock.now());
    if !app.db.write(move |tx| leases::take(tx, LEASE, &me, now, LASTS)).await? {
        return Ok(());
    }
    let due_before = now.saturating_sub(app.provision.drift_every);
    for trunk in app.db.read(move |tx| provisioned::due(tx, due_before)).await? {
        if app.stop().is_cancelled() {
            break;
        }
        match look(app, &trunk).await {
            Ok(()) | Err(Error::Busy(_)) => {}
            Err(error) => {
                tracing::warn!(%error, %trunk, "a trunk could not be compared with Twilio and LiveKit");
                // The others have their turn, and this one again in its time.
                let now = app.clock.now();
                app.db.write(move |tx| provisioned::looked(tx, &trunk, now)).await?;
            }
        }
    }
    Ok(())
}

/// Compares one trunk with both sides, and tells if differences begin or end.
async fn look(app: &App, trunk: &TrunkId) -> Result<()> {
    let id = trunk.clone();
    let row = app.db.read(move |tx| trunks::by_id(tx, None, &id)).await?;
    let Some(row) = row.map(|stored| stored.row) else { return Ok(()) };
    let means = Means::of_app(app, &row.project)?;
    let drift = lease::alone(&means, trunk, super::drift(&means, trunk)).await?;
    let (id, now) = (trunk.clone(), app.clock.now());
    let noted = move |tx: &mut Tx<'_>| -> db::Result<_> {
        let Some(record) = provisioned::find(tx, &id)? else { return Ok(false) };
        note(tx, &record, Some(&drift).filter(|drift| drift.differs), now)
    };
    app.db.write(noted).await?;
    Ok(())
}

/// Notes what a comparison found, and tells if that is news: followers and webhooks (`trunk.drifted`,
/// `trunk.drift_ended`), the audit and the log. Whether it was.
pub(super) fn note(
    tx: &mut Tx<'_>,
    record: &Record,
    drift: Option<&Shown>,
    now: Timestamp,
) -> db::Result<bool> {
    provisioned::note_drift(tx, &record.trunk, drift, now)?;
    if record.drift.is_some() == drift.is_some() {
        return Ok(false);
    }
    let trunk = &record.trunk;
    let shown = |drift: &Shown| json!({ "counts": drift.counts, "lines": drift.lines });
    let action = match drift {
        Some(drift) => {
            let first = drift.lines.first().map(ToString::to_string).unwrap_or_default();
            let differences = drift.lines.len() + drift.left_off;
            tracing::warn!(%trunk, differences, first, "a trunk is not as it was set up: `switchboard provision drift` shows it");
            events::TRUNK_DRIFTED
        }
        None => {
            tracing::info!(%trunk, "a trunk is as it was set up again");
            events::TRUNK_DRIFT_ENDED
        }
    };
    let entry = Entry {
        action,
        tenant: Some(&record.tenant),
        subject: ("trunk", trunk),
        before: record.drift.as_ref().map(shown),
        after: drift.map(shown),
    };
    audit::note(tx, &Actor::system(), entry, now)?;
    let revision = trunks::by_id(tx, None, trunk)?.map_or(0, |stored| stored.revision);
    changes::note(tx, changes::Kind::Trunk, Some(&record.tenant), (trunk, revision, action), now)?;
    Ok(true)
}
