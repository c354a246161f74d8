//! PostgreSQL: threads with a connection each, on which a closure is a transaction, and one that listens.
//!
//! The driver must never be used on a thread of Tokio's; only these threads touch it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use postgres::config::Host;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Config, IsolationLevel, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::PostgresError;
use super::notice::{Notice, Notifier};
use super::queue::{Job, Message, spawn};
use super::sql::{Known, On, Session};
use super::tls::{Tls, TlsMode};
use super::{Error, Result, Tx};

/// After a connection failed, closures are refused at once for this long.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the listener looks whether it should end.
const LOOK: Duration = Duration::from_secs(1);
/// The channel of all notices.
const CHANNEL: &str = "switchboard";
/// The oldest that is tested.
const OLDEST_SERVER: i64 = 130_000;

/// Where and how to connect.
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(super) fn new(config: Config, tls: &Tls) -> Result<Connector> {
        let tls = if tls.mode == TlsMode::Disable { None } else { Some(tls.connector()?) };
        Ok(Connector { config, tls })
    }

    /// A new connection, whose statements take at most this long.
    fn connect(&self, statement_timeout: Duration, reads: Reads) -> Result<Client, postgres::Error> {
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone())?,
            None => self.config.connect(NoTls)?,
        };
        // An answer means "on disk": a server or role that is set to less is overruled.
        let millis = statement_timeout.as_millis().clamp(1, i32::MAX as u128);
        let idle = millis.saturating_mul(2).clamp(10_000, i32::MAX as u128);
        client.batch_execute(&format!(
            "set statement_timeout = {millis}; set idle_in_transaction_session_timeout = {idle};
             {}
             select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
            if reads == Reads::ByIndex { BY_INDEX } else { "" },
        ))?;
        Ok(client)
    }

    /// Connects once to say early, and in words, what does not work.
    pub(super) fn check(&self) -> Result<()> {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let place = hosts.collect::<Vec<_>>().join(",");
        let failed = |e: postgres::Error| {
            let why = std::error::Error::source(&e).filter(|_| e.as_db_error().is_none());
            let why = why.map_or_else(|| PostgresError::from(&e).to_string(), ToString::to_string);
            Error::refused(format!("cannot connect to PostgreSQL at {place}: {why}"))
        };
        let mut client = self.connect(PAUSE * 10, Reads::AsPlanned).map_err(failed)?;
        let version: i64 = client
            .query_one("select current_setting('server_version_num')::bigint", &[])
            .and_then(|row| row.try_get(0))
            .map_err(failed)?;
        if version < OLDEST_SERVER {
            return Err(Error::refused(format!("PostgreSQL at {place} is older than 13: upgrade it")));
        }
        Ok(())
    }
}

/// What [`Reads::ByIndex`] tells the planner.
pub(super) const BY_INDEX: &str = "set enable_seqscan = off; set enable_bitmapscan = off; set jit = off;
             set plan_cache_mode = force_generic_plan;";

/// How a connection's statements find their rows.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Reads {
    /// By an index and in its order, always: a statement prepared while its table was empty would go through all of
    /// it for ever, and one planned for a value that is common would go through everything for one that is not. What
    /// has no index then looks so dear to the planner that it would be compiled first, for longer than it runs: it is not.
    ByIndex,
    /// As the planner thinks best.
    AsPlanned,
}

/// A thread with a connection of its own, made when it is first needed and again when it is lost.
pub(super) struct Worker {
    connector: Arc<Connector>,
    notifier: Notifier,
    statement_timeout: Duration,
    reads: Reads,
    client: Option<Client>,
    known: Known,
    refuse_until: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        connector: Arc<Connector>,
        notifier: Notifier,
        statement_timeout: Duration,
        reads: Reads,
    ) -> Worker {
        let (client, known) = (None, Known::new());
        Worker { connector, notifier, statement_timeout, reads, client, known, refuse_until: None }
    }

    pub(super) fn run(mut self, jobs: &Receiver<Message>) {
        while let Ok(Message::Work(job)) = jobs.recv() {
            let mut job = Some(job);
            // That a connection was lost shows when a transaction is begun on it: once more on a new one.
            for _ in 0..2 {
                match self.transact(&mut job) {
                    Ok(()) => break,
                    Err(e) => {
                        self.lose_connection();
                        tracing::debug!(error = %e, "cannot begin a transaction");
                    }
                }
            }
            // A job that is still here is dropped, which answers Busy.
        }
    }

    /// Fails only before the job was begun, and then leaves it.
    fn transact(&mut self, job: &mut Option<Job>) -> Result<()> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(connect(
                &self.connector,
                (self.statement_timeout, self.reads),
                &mut self.refuse_until,
            )?),
        };
        if job.as_ref().is_some_and(|job| job.terms.one_statement) {
            let Some(job) = job.take() else { return Ok(()) };
            let (connector, refuse_until) = (&self.connector, &mut self.refuse_until);
            let mut again = || connect(connector, (self.statement_timeout, self.reads), refuse_until);
            if !perform_alone(job, Session::Alone(client, &mut again), &mut self.known) {
                self.check_connection();
            }
            return Ok(());
        }
        let read_only = job.as_ref().is_some_and(|job| job.lane.only_reads());
        let level = if read_only { IsolationLevel::RepeatableRead } else { IsolationLevel::ReadCommitted };
        let t = client.build_transaction().isolation_level(level).read_only(read_only).start()?;
        let Some(job) = job.take() else { return Ok(()) };
        if !perform(job, t, &mut self.known, &self.notifier) {
            self.check_connection();
        }
        Ok(())
    }

    /// After something failed that a sound connection may have no part in.
    fn check_connection(&mut self) {
        self.known.clear();
        let client = self.client.as_mut();
        if client.is_none_or(|client| client.is_closed() || client.simple_query("").is_err()) {
            self.lose_connection();
        }
    }

    fn lose_connection(&mut self) {
        self.known.clear();
        self.client = None;
    }
}

fn connect(
    connector: &Connector,
    (statement_timeout, reads): (Duration, Reads),
    refuse_until: &mut Option<Instant>,
) -> Result<Client> {
    if refuse_until.is_some_and(|until| Instant::now() < until) {
        return Err(Error::Busy);
    }
    connector.connect(statement_timeout, reads).map_err(|e| {
        *refuse_until = Some(Instant::now() + PAUSE);
        tracing::warn!(error = %PostgresError::from(&e), "cannot connect to PostgreSQL");
        Error::from(e)
    })
}

/// Runs the closure, ends the transaction and answers. Returns whether the connection is surely sound.
fn perform(job: Job, t: postgres::Transaction<'_>, known: &mut Known, notifier: &Notifier) -> bool {
    let only_reads = job.lane.only_reads();
    let mut tx = job.tx(On::Postgres(Session::Transaction(t), known));
    let Some(done) = job.run(&mut tx) else { return true };
    let announced = if done.keep { announce(&mut tx) } else { Ok(()) };
    let (noted_change, access_changed) = (tx.noted_change, tx.access_changed);
    let sound = !matches!(tx.failed, Some(Error::Busy | Error::Postgres(_)));
    let On::Postgres(Session::Transaction(t), _) = tx.on else { return false };
    if only_reads {
        // What was read was read, however the transaction ends.
        (done.answer)(Ok(()));
        return sound && t.rollback().is_ok();
    }
    let ended = match announced {
        Ok(()) if done.keep => t.commit().map_err(Error::from),
        // A rollback that fails leaves as little behind as one that does not.
        announced => {
            let rolled_back = t.rollback();
            let answer = if done.keep { announced } else { Ok(()) };
            (done.answer)(answer);
            return sound && rolled_back.is_ok();
        }
    };
    let sound = sound && ended.is_ok();
    let noted_change = noted_change && ended.is_ok();
    // Also where nobody can tell whether it was committed.
    if access_changed {
        notifier.access_changed();
    }
    (done.answer)(ended);
    if noted_change {
        notifier.committed_change();
    }
    sound
}

/// Runs a closure of one statement, which is a transaction of its own. Returns whether the connection is surely sound.
fn perform_alone<'c>(job: Job, session: Session<'c>, known: &'c mut Known) -> bool {
    let mut tx = job.tx(On::Postgres(session, known));
    let Some(done) = job.run(&mut tx) else { return true };
    let sound = !matches!(tx.failed, Some(Error::Busy | Error::Postgres(_)));
    (done.answer)(Ok(()));
    sound
}

/// PostgreSQL delivers these when, and only if, the transaction commits.
fn announce(tx: &mut Tx<'_>) -> Result<()> {
    for topic in std::mem::take(&mut tx.topics) {
        tx.first("select pg_notify('switchboard', $1) as sent", &[&topic], |_| Ok(()))?;
    }
    Ok(())
}

/// Starts the thread that passes on what other transactions announce; returns once it listens. It ends by
/// itself within a second after `open` is gone.
pub(super) fn listen(connector: Arc<Connector>, notifier: Notifier, open: Weak<AtomicBool>) -> Result<()> {
    let (ready, listening) = crossbeam_channel::bounded(1);
    spawn("db-listen", move || {
        let mut ready = Some(ready);
        while is_open(&open) {
            let failed = hear(&connector, &notifier, &open, &mut ready);
            if let Err(e) = failed.map_err(|e| PostgresError::from(&e))
                && is_open(&open)
            {
                tracing::warn!(error = %e, "PostgreSQL's notices are not heard for now");
                sleep(PAUSE);
            }
        }
    })?;
    // Not hearing them yet is no reason not to start.
    let _ = listening.recv_timeout(LOOK * 5);
    Ok(())
}

fn is_open(open: &Weak<AtomicBool>) -> bool {
    open.upgrade().is_some_and(|open| open.load(Relaxed))
}

fn hear(
    connector: &Connector,
    notifier: &Notifier,
    open: &Weak<AtomicBool>,
    ready: &mut Option<crossbeam_channel::Sender<()>>,
) -> Result<(), postgres::Error> {
    let mut client = connector.connect(LOOK * 5, Reads::AsPlanned)?;
    client.batch_execute(&format!("listen {CHANNEL}"))?;
    match ready.take() {
        Some(ready) => drop(ready),
        // Notices sent while we did not listen are lost.
        None => notifier.tell(Notice::Anything),
    }
    while is_open(open) && !client.is_closed() {
        let mut notifications = client.notifications();
        let mut notifications = notifications.timeout_iter(LOOK);
        while let Some(notification) = notifications.next()? {
            notifier.topic(notification.payload());
        }
    }
    Ok(())
}
