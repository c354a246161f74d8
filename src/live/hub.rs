//! Who listens, and the follower that tells them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::app::App;
use crate::clock::Clock;
use crate::db::changes::{self, Position};
use crate::db::{self, Db};
use crate::ids::TenantId;
use crate::metrics::Metrics;

use super::event::{self, LiveEvent, Stretch};
use super::subscription::Subscription;

/// What a listener may leave unread; one more and it is dropped.
const BUFFER: usize = 1024;
/// Changes read at once.
const PAGE: i64 = 200;
/// How many may listen to one process, and how many of one tenant.
const MOST: usize = 1000;
const MOST_OF_TENANT: usize = 200;
/// Commits that come this close together are read at once.
const GATHER: Duration = Duration::from_millis(10);
/// Other processes' commits are looked for this often.
const POLL: Duration = Duration::from_millis(200);

/// The live stream of this process. Clones are the same one.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    metrics: Metrics,
    state: Mutex<State>,
    begun: Notify,
}

#[derive(Default)]
struct State {
    /// Everything up to here was told to whoever listened; none while nobody does.
    position: Option<Position>,
    listeners: Vec<Listener>,
    /// All subscriptions, with those that still read from the database.
    seats: Vec<(u64, Option<TenantId>)>,
    next: u64,
    stopped: bool,
}

struct Listener {
    seat: u64,
    tenant: Option<TenantId>,
    to: mpsc::Sender<Arc<LiveEvent>>,
    too_slow: Arc<AtomicBool>,
}

/// Why somebody cannot listen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// Too many do already.
    #[error("too many listen already")]
    Full,
    /// The database does not say where the stream is.
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// What a listener is told through.
pub(super) struct Ear {
    /// What comes.
    pub(super) from: mpsc::Receiver<Arc<LiveEvent>>,
    /// Why no more comes.
    pub(super) too_slow: Arc<AtomicBool>,
    /// Everything after this comes.
    pub(super) joined: Position,
}

/// Starts the follower.
pub fn start(app: &App) {
    app.keep_running("following changes for who listens", |app| async move {
        tokio::select! {
            () = app.live().follow() => {}
            () = app.stop().cancelled() => app.live().stop(),
        }
    });
}

impl Live {
    /// A stream that nobody listens to yet.
    pub fn new(db: Db, clock: Clock, metrics: Metrics) -> Live {
        Live(Arc::new(Inner { db, clock, metrics, state: Mutex::default(), begun: Notify::new() }))
    }

    /// Listens to the changes of a tenant, or of everybody: those after a position that was reached before, or those
    /// from now on. What is committed after this returns is told.
    pub async fn subscribe(
        &self,
        tenant: Option<TenantId>,
        after: Option<Position>,
    ) -> Result<Subscription, Refused> {
        let seat = self.take_seat(tenant.as_ref())?;
        Ok(Subscription::begin(self.clone(), seat, tenant, after).await?)
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.state().seats.len()
    }

    pub(super) fn db(&self) -> &Db {
        &self.0.db
    }

    /// Reads some of the stream after a position.
    pub(super) async fn read(&self, after: Position, tenant: Option<TenantId>) -> db::Result<Stretch> {
        let now = self.0.clock.now();
        self.0.db.read(move |tx| event::read(tx, after, tenant.as_ref(), PAGE, now)).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_seat(&self, tenant: Option<&TenantId>) -> Result<Seat, Refused> {
        let mut state = self.state();
        let of_tenant = state.seats.iter().filter(|(_, of)| of.as_ref() == tenant).count();
        if state.seats.len() >= MOST || tenant.is_some() && of_tenant >= MOST_OF_TENANT {
            return Err(Refused::Full);
        }
        let id = state.next;
        state.next += 1;
        state.seats.push((id, tenant.cloned()));
        self.0.metrics.listeners(state.seats.len());
        Ok(Seat { live: self.clone(), id })
    }

    /// From here on everything is told to this listener.
    pub(super) async fn join(&self, seat: &Seat, tenant: Option<TenantId>) -> db::Result<Ear> {
        let mut newest = None;
        loop {
            if let Some(ear) = self.try_join(seat, &tenant, newest) {
                return Ok(ear);
            }
            newest = Some(self.0.db.read(changes::last).await?);
        }
    }

    /// None where nobody listened so far and it is not known where the stream is.
    fn try_join(&self, seat: &Seat, tenant: &Option<TenantId>, newest: Option<Position>) -> Option<Ear> {
        let mut state = self.state();
        let joined = state.position.or(newest)?;
        let (to, from) = mpsc::channel(BUFFER);
        let too_slow = Arc::new(AtomicBool::new(false));
        if !state.stopped {
            state.position = Some(joined);
            let listener = Listener { seat: seat.id, tenant: tenant.clone(), to, too_slow: too_slow.clone() };
            state.listeners.push(listener);
        }
        drop(state);
        self.0.begun.notify_one();
        Some(Ear { from, too_slow, joined })
    }

    async fn follow(&self) {
        let mut commits = self.0.db.commits();
        loop {
            let Some(position) = self.position() else {
                self.0.begun.notified().await;
                continue;
            };
            match self.read(position, None).await {
                Ok(stretch) => {
                    let more = stretch.more;
                    self.tell(position, stretch);
                    if more {
                        continue;
                    }
                }
                Err(error) => tracing::warn!(%error, "changes could not be read for who listens"),
            }
            // A poll is no business of the ledger's clock, which a test may have stopped.
            tokio::select! {
                () = commits.next() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Where to read on; none when nobody listens.
    fn position(&self) -> Option<Position> {
        let mut state = self.state();
        if state.listeners.is_empty() {
            state.position = None;
        }
        state.position
    }

    /// Hands on what was read after `from`, unless everybody left meanwhile.
    fn tell(&self, from: Position, stretch: Stretch) {
        let mut state = self.state();
        if state.position != Some(from) {
            return;
        }
        let mut dropped = 0;
        state.listeners.retain(|listener| {
            let hears =
                |event: &&Arc<LiveEvent>| listener.tenant.is_none() || event.tenant_id == listener.tenant;
            for event in stretch.events.iter().filter(hears) {
                match listener.to.try_send(event.clone()) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Closed(_)) => return false,
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        listener.too_slow.store(true, Ordering::Release);
                        dropped += 1;
                        return false;
                    }
                }
            }
            true
        });
        state.position = Some(stretch.reached);
        drop(state);
        self.0.metrics.listeners_dropped(dropped);
    }

    /// Nobody is told anything more.
    fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        state.listeners.clear();
    }
}

/// A place among those who listen, given back when this is dropped.
pub(super) struct Seat {
    live: Live,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.live.state();
        state.seats.retain(|(id, _)| *id != self.id);
        state.listeners.retain(|listener| listener.seat != self.id);
        self.live.0.metrics.listeners(state.seats.len());
    }
}
