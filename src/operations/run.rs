//! Takes up operations, a few at a time, and sees each through: says how far it has got, keeps its lease, breaks it off
//! when that is asked for, and gives it back when the server stops.
//!
//! It runs where calls do, but off their way: kinds wait for others nearly all the time, compute in the database's
//! threads for reports, and what is noted here goes to the database behind all calls. A thread of its own would have to
//! share connections to LiveKit with the calls, which would then wait for it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::operations::{self, End, Operation, State};
use crate::db::{self, Engine, Tx};
use crate::progress::{Progress, Step};

use super::{Failure, OperationProblem, TOPIC};

/// Run by one process at once.
const AT_ONCE: usize = 2;
/// Held for so long without a sign of life.
const LEASE: Duration = Duration::from_secs(15);
/// How often it is looked whether there is more progress to note.
const BEAT: Duration = Duration::from_secs(1);
/// The lease is kept up this often where there is none.
const RENEW: Duration = Duration::from_secs(5);
/// Begun at most this often.
const MOST_STARTS: i64 = 3;
/// Where the database was busy, it is tried again after this long.
const AGAIN: Duration = Duration::from_secs(5);
/// What other processes left is looked for this often.
const POLL: Duration = Duration::from_secs(1);
/// The largest outcome that is kept, in bytes.
const LARGEST: usize = 2 * 1024 * 1024;

/// An operation that this process runs.
struct Claim {
    operation: Operation,
    holder: String,
    began: Timestamp,
}

/// What there was to take up.
enum Taken {
    Nothing,
    /// One that is over by now: there may be more.
    Ended,
    Claimed(Box<Claim>),
}

/// What became of the work.
enum Became {
    Done(Result<Value, Failure>),
    /// Somebody wants it broken off.
    Cancelled,
    /// The server stops.
    Stopped,
    /// Somebody else has it now.
    Lost,
}

/// Starts taking up operations.
pub fn start(app: &App) {
    let first = Arc::new(AtomicBool::new(true));
    app.keep_running("taking up operations", move |app| {
        let first = first.swap(false, Ordering::AcqRel);
        async move { run(app, first).await }
    });
}

/// Takes up operations until the server stops. A server's `first` run begins at once anew what the one before it left,
/// where there is only one.
async fn run(app: App, first: bool) {
    if first && app.db.engine() == Engine::Sqlite {
        let now = app.clock.now();
        if let Err(error) = app.db.background(move |tx| operations::release(tx, now)).await {
            tracing::debug!(%error, "what ran at the last stop is begun again once its lease runs out");
        }
    }
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut notices = app.db.notifications();
    while !app.stop().is_cancelled() {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = app.stop().cancelled() => return,
        };
        let Ok(place) = place else { return };
        match take(&app).await {
            Ok(Taken::Claimed(claim)) => {
                let running = app.clone();
                let span = tracing::info_span!("operation", id = %claim.operation.id);
                app.spawn(
                    async move {
                        see_through(&running, *claim).await;
                        drop(place);
                    }
                    .instrument(span),
                );
                continue;
            }
            Ok(Taken::Ended) => continue,
            Ok(Taken::Nothing) => {}
            Err(error) => tracing::warn!(%error, "operations could not be taken up"),
        }
        drop(place);
        // A poll is no business of the ledger's clock, which a test may have stopped.
        tokio::select! {
            _ = notices.next_about(TOPIC) => {}
            () = tokio::time::sleep(POLL) => {}
            () = app.stop().cancelled() => {}
        }
    }
}

/// Takes up the one that is due first.
async fn take(app: &App) -> db::Result<Taken> {
    let now = app.clock.now();
    if !app.db.read_one(move |tx| operations::is_due(tx, now)).await? {
        return Ok(Taken::Nothing);
    }
    let holder = crate::ids::new(app.me(), now);
    app.db.background(move |tx| take_in(tx, holder, now)).await
}

fn take_in(tx: &mut Tx<'_>, holder: String, now: Timestamp) -> db::Result<Taken> {
    let Some(mut operation) = operations::due(tx, now)? else { return Ok(Taken::Nothing) };
    let id = operation.id.clone();
    tx.notify(TOPIC);
    if operation.cancel_requested_at.is_some() {
        operations::end(tx, &id, None, &End::CANCELLED, now)?;
        return Ok(Taken::Ended);
    }
    if operation.starts >= MOST_STARTS {
        tracing::warn!(operation = %id, starts = operation.starts, "an operation is given up: nobody finished it");
        let problem = OperationProblem::abandoned(operation.starts);
        operations::end(tx, &id, None, &End::failed(problem), now)?;
        return Ok(Taken::Ended);
    }
    operations::begin(tx, &id, (&holder, now.saturating_add(LEASE)), now)?;
    operation.starts += 1;
    Ok(Taken::Claimed(Box::new(Claim { operation, holder, began: now })))
}

/// Does what was asked for, and notes what came of it.
async fn see_through(app: &App, claim: Claim) {
    let (operation, progress) = (&claim.operation, Progress::new());
    tracing::info!(kind = operation.kind.as_str(), starts = operation.starts, "an operation begins");
    let work = AssertUnwindSafe(operation.kind.run(app, operation, &progress)).catch_unwind();
    let became = tokio::select! {
        done = work => Became::Done(done.unwrap_or_else(|_| Err(panicked()))),
        became = hold(app, &claim, &progress) => became,
    };
    match became {
        Became::Done(Err(Failure::Busy)) if operation.starts < MOST_STARTS => {
            tracing::warn!("the database was busy: the operation is begun again in a moment");
            give_back(app, &claim, app.clock.now().saturating_add(AGAIN), false).await;
        }
        Became::Done(done) => finish(app, &claim, ended(done, progress.now())).await,
        Became::Cancelled => finish(app, &claim, End::CANCELLED).await,
        Became::Stopped => {
            tracing::info!("the server stops: the operation is given back");
            give_back(app, &claim, app.clock.now(), true).await;
        }
        Became::Lost => tracing::warn!("the operation was taken over by another server, and is left to it"),
    }
}

fn panicked() -> Failure {
    Failure::Internal(anyhow::anyhow!("it panicked; what it said is in the log"))
}

/// How one ends that was done, well or not.
fn ended(done: Result<Value, Failure>, step: Step) -> End {
    let failure = match done {
        Ok(result) if result.to_string().len() <= LARGEST => {
            let (state, result) = (State::Succeeded, Some(result));
            return End { state, result, problem: None, step: Some(step) };
        }
        Ok(_) => {
            let most = LARGEST / 1024 / 1024;
            Failure::Refused(format!("what came of it is more than {most} MiB: ask for less at once"))
        }
        Err(failure) => failure,
    };
    match &failure {
        Failure::Internal(error) => tracing::error!(error = format!("{error:#}"), "an operation failed"),
        failure => tracing::warn!(%failure, "an operation failed"),
    }
    End { step: Some(step), ..End::failed(OperationProblem::of(&failure)) }
}

/// Keeps the lease up and notes the progress, until something else has become of the operation than being done.
async fn hold(app: &App, claim: &Claim, progress: &Progress) -> Became {
    let (mut steps, mut notices) = (progress.follow(), app.db.notifications());
    let mut written = claim.began;
    let mut held_until = claim.began.saturating_add(LEASE);
    loop {
        let told = tokio::select! {
            () = tokio::time::sleep(BEAT) => false,
            _ = notices.next_about(TOPIC) => true,
            () = app.stop().cancelled() => return Became::Stopped,
        };
        let now = app.clock.now();
        let is_new = steps.has_changed().unwrap_or(false);
        let standing = if told {
            standing(app, claim).await
        } else if is_new || now >= written.saturating_add(RENEW) {
            let step = steps.borrow_and_update().clone();
            let until = now.saturating_add(LEASE);
            let renewed = renew(app, claim, until, step).await;
            if renewed.is_ok() {
                (written, held_until) = (now, until);
            }
            renewed
        } else {
            continue;
        };
        match standing {
            Ok(Some(false)) => {}
            Ok(Some(true)) => return Became::Cancelled,
            Ok(None) => return Became::Lost,
            // It may be somebody else's by now.
            Err(_) if app.clock.now() >= held_until => return Became::Lost,
            Err(error) => tracing::debug!(%error, "an operation's lease could not be kept up"),
        }
    }
}

async fn standing(app: &App, claim: &Claim) -> db::Result<Option<bool>> {
    let (id, holder) = (claim.operation.id.clone(), claim.holder.clone());
    app.db.read_one(move |tx| operations::standing(tx, &id, &holder)).await
}

async fn renew(app: &App, claim: &Claim, until: Timestamp, step: Step) -> db::Result<Option<bool>> {
    let (id, holder) = (claim.operation.id.clone(), claim.holder.clone());
    app.db.background(move |tx| operations::renew(tx, &id, (&holder, until), &step)).await
}

async fn give_back(app: &App, claim: &Claim, at: Timestamp, uncounted: bool) {
    let (id, holder) = (claim.operation.id.clone(), claim.holder.clone());
    let given = app.db.background(move |tx| {
        tx.notify(TOPIC);
        operations::give_back(tx, &id, &holder, at, uncounted)
    });
    if let Err(error) = given.await {
        tracing::warn!(%error, "the operation could not be given back; it is begun again once its lease runs out");
    }
}

/// Notes how it ended; tried again for as long as nobody else can have taken it up.
async fn finish(app: &App, claim: &Claim, end: End) {
    let (until, end) = (app.clock.now().saturating_add(LEASE), Arc::new(end));
    loop {
        let (id, holder) = (claim.operation.id.clone(), claim.holder.clone());
        let (noting, now) = (end.clone(), app.clock.now());
        let noted = app.db.background(move |tx| {
            tx.notify(TOPIC);
            operations::end(tx, &id, Some(&holder), &noting, now)
        });
        match noted.await {
            Ok(true) => return tracing::info!(state = end.state.as_str(), "the operation is over"),
            Ok(false) => {
                return tracing::warn!("the operation was taken over meanwhile: its outcome is dropped");
            }
            Err(error) if app.clock.now() >= until || app.stop().is_cancelled() => {
                return tracing::warn!(%error, "the operation's outcome could not be noted: it is begun again");
            }
            Err(error) => tracing::debug!(%error, "the operation's outcome could not be noted yet"),
        }
        tokio::time::sleep(BEAT).await;
    }
}
