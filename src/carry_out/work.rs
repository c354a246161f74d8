//! The loop that takes up jobs when they are due, and the chores of a running server.

use std::time::Duration;

use crate::app::{App, LOOK_EVERY};
use crate::auth;
use crate::call::routing::Routing;
use crate::clock::Timestamp;
use crate::db::changes::{self, Position};
use crate::db::{self, deliveries, endpoints, facts, jobs, leases, operations, routing};
use crate::hear::ATTEND;
use crate::ids::{CallId, TenantId};
use crate::{carrier, live, outgoing};

use super::{attending, reconcile};

/// Jobs taken up at once; the rest are taken in the next round.
const AT_ONCE: i64 = 64;
/// Configuration changed by another process is picked up within this.
const ROUTING_EVERY: Duration = Duration::from_millis(250);
/// A job this much overdue is counted as late.
const LATE: Duration = Duration::from_secs(2);
/// How often what is past its retention is forgotten, and how much at a time.
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGET_AT_ONCE: i64 = 1000;

/// Starts everything that runs besides the doors.
///
/// # Errors
/// When the system has no thread left for outgoing webhooks.
pub fn work(app: &App) -> std::io::Result<()> {
    app.keep_running("taking up jobs", |app| async move { run_jobs(&app).await });
    app.keep_running("following the routing", |app| async move { follow_routing(&app).await });
    app.keep_running("forgetting what is past its retention", |app| async move { forget(&app).await });
    reconcile::start(app);
    carrier::start(app);
    live::start(app);
    crate::operations::start(app);
    outgoing::start(app)
}

async fn run_jobs(app: &App) {
    while !app.stop().is_cancelled() {
        let now = app.clock.now();
        let due = match take_due(app, now).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "due jobs could not be taken");
                Some(now.saturating_add(LOOK_EVERY))
            }
        };
        let latest = now.saturating_add(LOOK_EVERY);
        app.sleep_until(due.map_or(latest, |due| due.min(latest))).await;
    }
}

/// Takes up what is due; when the next is.
async fn take_due(app: &App, now: Timestamp) -> db::Result<Option<Timestamp>> {
    let (next, counts) = app
        .db
        .read(move |tx| -> db::Result<_> { Ok((jobs::next_due(tx, ATTEND)?, jobs::counts(tx, now, LATE)?)) })
        .await?;
    app.metrics.jobs(counts.0.unsigned_abs(), counts.1.unsigned_abs());
    if next.is_none_or(|next| next > now) {
        return Ok(next);
    }
    let holder = crate::ids::new(app.me(), now);
    let taken = app.db.write(move |tx| jobs::take(tx, ATTEND, &holder, now, AT_ONCE)).await?;
    for (subject, held, _) in taken {
        let worker = app.clone();
        app.spawn(async move { attending::take_up(&worker, CallId::from(subject), held).await });
    }
    // Another round at once: there may be more than fit into one.
    Ok(Some(now))
}

/// Picks up what other processes changed in the routing.
async fn follow_routing(app: &App) {
    let mut notices = app.db.notifications();
    let mut seen = app.routing_seen;
    while !app.stop().is_cancelled() {
        match reload_changed(app, seen).await {
            Ok(now_at) => seen = now_at,
            Err(error) => tracing::warn!(%error, "the routing could not be looked after"),
        }
        let at = app.clock.now().saturating_add(ROUTING_EVERY);
        tokio::select! {
            () = app.clock.sleep_until(at) => {}
            _ = notices.next() => {}
            () = app.stop().cancelled() => {}
        }
    }
}

/// Reloads the tenants that changed after `seen`; the newest change it saw.
async fn reload_changed(app: &App, seen: Position) -> db::Result<Position> {
    let page = app.db.read(move |tx| changes::of_routing(tx, seen)).await?;
    if page.restarted {
        // Another database's content is in the place of ours: whatever we knew may be wrong.
        let all = app.db.report(|tx| routing::load(tx, None)).await?;
        let mut next = Routing::clone(&app.routing());
        (next.tenants, next.numbers) = Default::default();
        all.into_iter().for_each(|rules| next.replace(&rules.id.clone(), Some(rules)));
        app.set_routing(next);
    }
    if page.changes.is_empty() {
        return Ok(page.reached);
    }
    let mut tenants: Vec<TenantId> = page.changes.into_iter().map(|change| change.subject.into()).collect();
    tenants.sort();
    tenants.dedup();
    app.reload_routing(tenants).await?;
    tracing::debug!("the routing changed and was loaded again");
    Ok(page.reached)
}

/// Forgets facts, changes, webhooks and operations past their retention, a little at a time, on one replica.
async fn forget(app: &App) {
    while !app.stop().is_cancelled() {
        let now = app.clock.now();
        let before = now.saturating_sub(app.keep_facts);
        let done_before = now.saturating_sub(crate::operations::KEPT);
        let told_before = now.saturating_sub(app.outgoing.keep);
        let me = app.me().to_owned();
        let forgotten = app.db.write(move |tx| -> db::Result<_> {
            if !leases::take(tx, "forget", &me, now, FORGET_EVERY)? {
                return Ok(0);
            }
            let facts = facts::forget(tx, before, FORGET_AT_ONCE)?;
            let people = auth::forget(tx, now, FORGET_AT_ONCE)?;
            let changes = changes::forget(tx, before, FORGET_AT_ONCE)?;
            let webhooks = deliveries::forget(tx, told_before, FORGET_AT_ONCE)?;
            let operations = operations::forget(tx, done_before, FORGET_AT_ONCE)?;
            endpoints::forget_secrets(tx, now)?;
            Ok(facts.max(people).max(changes).max(webhooks).max(operations))
        });
        let more = match forgotten.await {
            Ok(forgotten) => i64::try_from(forgotten).is_ok_and(|forgotten| forgotten == FORGET_AT_ONCE),
            Err(error) => {
                tracing::warn!(%error, "what is past its retention could not be forgotten");
                false
            }
        };
        let pause = if more { LOOK_EVERY } else { FORGET_EVERY };
        tokio::select! {
            () = app.clock.sleep(pause) => {}
            () = app.stop().cancelled() => {}
        }
    }
}
