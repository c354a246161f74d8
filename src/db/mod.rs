//! Reading and writing on SQLite or PostgreSQL, with one SQL text for both.
//!
//! All work is a plain closure `FnOnce(&mut Tx) -> Result<T, E>` on one of the database's threads:
//! `db.write(move |tx| calls::insert(tx, &call)).await?`. It cannot await, so no transaction ever waits for
//! the network, and its answer is handed out only once it is on disk. Side effects belong after the answer.
//!
//! In a closure there is no blocking, no `write` inside, no `begin`, `commit` or `pragma`, and no deleting
//! of many rows at once. Its body is best a named function, so that its error type is known.

pub mod access;
pub mod analytics;
pub mod api_keys;
pub mod audit;
pub mod calls;
pub mod carrier;
pub mod changes;
mod column;
pub mod configuration;
pub mod deliveries;
pub mod endpoints;
pub mod erasing;
mod error;
pub mod facts;
pub mod idempotency;
pub mod inventory;
pub mod jobs;
pub mod leads;
pub mod leases;
pub mod migrate;
mod notice;
mod observe;
pub mod operations;
mod options;
mod postgres;
pub mod probes;
pub mod provisioned;
mod queue;
pub mod resources;
pub mod routing;
mod row;
pub mod sending;
pub mod servers;
pub mod sessions;
pub mod shown;
pub mod sign_ins;
mod sql;
mod sqlite;
pub mod tasks;
#[cfg(test)]
pub(crate) mod tests;
pub mod tls;
pub mod users;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::Receiver;

pub use column::{Bind, Column, Json};
pub use error::{Error, PostgresError, Result};
pub use notice::{Commits, Notice, Notices};
pub use observe::{Lane, Observation, Observer, Outcome};
pub use options::Options;
pub use row::Row;
pub use sql::{Sql, Tx};

use notice::Notifier;
use options::Target;
use queue::{Message, Pool, Terms};

/// Connections to PostgreSQL for [`Db::background`].
const BACKGROUND_WRITERS: usize = 2;

/// The two databases Switchboard runs on.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Engine {
    /// An embedded file, for one server process.
    Sqlite,
    /// A server, for several.
    Postgres,
}

/// The database. Clones are the same one.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Engine,
    writes: Pool,
    background: Pool,
    reads: Pool,
    reports: Pool,
    notifier: Notifier,
    observer: Observer,
    budget: Duration,
    report_budget: Duration,
    open: Arc<AtomicBool>,
}

impl Db {
    /// Opens the database, and for SQLite makes the file if there is none. Blocks for at most some seconds.
    pub fn open(options: &Options) -> Result<Db> {
        match Target::parse(&options.url)? {
            Target::Sqlite(path) => Self::open_sqlite(&path, options),
            Target::Postgres(config, tls) => {
                let connector = Arc::new(postgres::Connector::new(*config, &tls)?);
                // On a thread of its own, as the caller's may be Tokio's.
                let checked = connector.clone();
                let checked = std::thread::spawn(move || checked.check()).join();
                checked.unwrap_or_else(|_| Err(Error::refused("connecting to PostgreSQL failed")))?;
                Self::open_postgres(&connector, options)
            }
        }
    }

    fn open_sqlite(path: &Path, options: &Options) -> Result<Db> {
        sqlite::prepare(path)?;
        let notifier = Notifier::new();
        let writer = sqlite::Writer::new(path, notifier.clone())?;
        let (background, behind) = Pool::without_threads(options.queue);
        let pools = [
            Pool::start(
                "db-write",
                options.queue,
                [move |jobs: Receiver<Message>| writer.run(&jobs, &behind)],
            )?,
            background,
            Pool::start("db-read", options.queue, sqlite::readers(path, options.readers)?)?,
            Pool::start("db-report", options.queue, sqlite::readers(path, options.reporters)?)?,
        ];
        Ok(Self::with(Engine::Sqlite, pools, notifier, options))
    }

    fn open_postgres(connector: &Arc<postgres::Connector>, options: &Options) -> Result<Db> {
        use postgres::Reads::{AsPlanned, ByIndex};
        let notifier = Notifier::new();
        let pool = |name, threads: usize, budget, reads| {
            let bodies = (0..threads).map(|_| {
                let worker = postgres::Worker::new(connector.clone(), notifier.clone(), budget, reads);
                move |jobs: Receiver<Message>| worker.run(&jobs)
            });
            Pool::start(name, options.queue, bodies)
        };
        let pools = [
            pool("db-write", options.writers, options.budget, ByIndex)?,
            pool("db-background", BACKGROUND_WRITERS, options.budget, ByIndex)?,
            pool("db-read", options.readers, options.budget, ByIndex)?,
            pool("db-report", options.reporters, options.report_budget, AsPlanned)?,
        ];
        let db = Self::with(Engine::Postgres, pools, notifier, options);
        postgres::listen(connector.clone(), db.0.notifier.clone(), Arc::downgrade(&db.0.open))?;
        Ok(db)
    }

    fn with(engine: Engine, pools: [Pool; 4], notifier: Notifier, options: &Options) -> Db {
        let [writes, background, reads, reports] = pools;
        Db(Arc::new(Inner {
            engine,
            writes,
            background,
            reads,
            reports,
            notifier,
            observer: options.observer.clone(),
            budget: options.budget,
            report_budget: options.report_budget,
            open: Arc::new(AtomicBool::new(true)),
        }))
    }

    /// Runs the closure in a transaction. Ok means on disk. An error of the closure's, a panic (which goes
    /// on at the caller), a failed statement or [`Error::TooSlow`] undo this closure alone. When too much
    /// waits already it is [`Error::Busy`] at once. A caller that goes away stops what has not begun.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Lane::Write, self.0.budget, work).await
    }

    /// Runs the closure on one unchanging snapshot, which holds every write that was answered before.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Lane::Read, self.0.budget, work).await
    }

    /// Like [`Self::read`], for a closure that runs one statement on PostgreSQL: it is asked once rather than three times,
    /// as nothing has to begin and end. A second statement is refused there.
    pub async fn read_one<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit_on(Lane::Read, Terms { budget: self.0.budget, one_statement: true }, work).await
    }

    /// Like [`Self::read`], on threads and with a time budget of its own: analytics and exports.
    pub async fn report<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Lane::Report, self.0.report_budget, work).await
    }

    /// Like [`Self::write`], with the time budget of [`Self::report`]: applying large files. On SQLite
    /// nobody else writes meanwhile.
    pub async fn bulk<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Lane::Bulk, self.0.report_budget, work).await
    }

    /// Like [`Self::write`], for what no call has to wait for: outgoing webhooks. On SQLite it is written when nothing
    /// else waits to be, or has waited for long enough; on PostgreSQL on connections of its own.
    pub async fn background<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Lane::Background, self.0.budget, work).await
    }

    /// Like [`Self::bulk`], for as long as it takes: migrations.
    pub(in crate::db) async fn unlimited<T, E>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Lane::Bulk, Duration::MAX, work).await
    }

    async fn submit<T, E>(
        &self,
        lane: Lane,
        budget: Duration,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit_on(lane, Terms { budget, one_statement: false }, work).await
    }

    async fn submit_on<T, E>(
        &self,
        lane: Lane,
        terms: Terms,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        if !self.0.open.load(Relaxed) {
            return Err(Error::Busy.into());
        }
        self.pool(lane).submit(lane, terms, &self.0.observer, work).await
    }

    fn pool(&self, lane: Lane) -> &Pool {
        match (lane, self.0.engine) {
            (Lane::Write, _) | (Lane::Bulk, Engine::Sqlite) => &self.0.writes,
            (Lane::Read, _) => &self.0.reads,
            (Lane::Background, _) => &self.0.background,
            (Lane::Report, _) | (Lane::Bulk, Engine::Postgres) => &self.0.reports,
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read(|tx| tx.first("select 1 as one", &[], |_| Ok(()))).await.map(drop)
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// How many closures wait for a thread in this lane.
    pub fn waiting(&self, lane: Lane) -> usize {
        self.pool(lane).waiting()
    }

    /// What transactions announce from now on, in this and in every other process: see [`Tx::notify`]. On
    /// SQLite other processes' commits come as [`Notice::Anything`], within about a quarter of a second.
    pub fn notifications(&self) -> Notices {
        self.0.notifier.subscribe()
    }

    /// Tells of this process's own commits to the outbox ([`changes::note`]), as they come. For who follows it; others'
    /// commits have to be looked for.
    pub fn commits(&self) -> Commits {
        self.0.notifier.commits()
    }

    /// Changes whenever this process has committed something that changes who may do what; other processes' commits do
    /// not show in it.
    pub fn access_version(&self) -> u64 {
        self.0.notifier.access_version()
    }

    /// Refuses new work, finishes what is queued, leaves a complete file (SQLite) and ends the threads.
    pub async fn close(&self) {
        let inner = self.0.clone();
        inner.open.store(false, Relaxed);
        let stopped = tokio::task::spawn_blocking(move || {
            // Readers first, so that no snapshot keeps the log from being moved into the file.
            inner.reads.stop();
            inner.reports.stop();
            inner.background.stop();
            inner.writes.stop();
            inner.notifier.end();
        });
        if stopped.await.is_err() {
            tracing::error!("closing the database failed");
        }
    }
}
