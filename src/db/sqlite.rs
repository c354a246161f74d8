//! SQLite: one writing thread that puts whatever waits into one commit, threads that read, and one that
//! moves the log into the file beside them.
//!
//! Nothing here, and nothing else in the process, may open and close the file or its `-shm` by other means
//! than SQLite: that would drop SQLite's locks.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select_biased};
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::notice::{Notice, Notifier};
use super::observe::Lane;
use super::queue::{Answer, Job, Message, spawn};
use super::sql::{On, out_of_time};
use super::{Error, Result};

/// "SWBD": says that a file is ours.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"SWBD");
/// Before it, checkpoints beside a writer could lose commits (<https://sqlite.org/wal.html#walresetbug>).
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// A commit closes at either.
const BATCH: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(20);
/// What is behind the calls is taken first when none of it was for so long.
const PATIENCE_BEHIND: Duration = Duration::from_millis(50);
/// How often an idle writer looks whether another process has committed.
const LOOK: Duration = Duration::from_millis(250);
/// Between two checkpoints.
const CHECKPOINT: Duration = Duration::from_millis(100);
/// Pages in the log beyond which the writer itself waits for the checkpoint.
const LONG_LOG: i64 = 16_000;

/// What a connection is for.
#[derive(Copy, Clone, PartialEq)]
pub(super) enum Role {
    Writer,
    Reader,
    Checkpointer,
}

/// Makes the file if there is none; refuses one that is not ours.
pub(super) fn prepare(path: &Path) -> Result<()> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let found = rusqlite::version();
        return Err(Error::refused(format!("SQLite {found} is too old: build with 3.51.3 or later")));
    }
    make_private(path);
    let c = open(path)?;
    adopt(&c).map_err(|e| match e {
        Error::Sqlite(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Error::refused(
            format!("{} is not a database: give Switchboard a file of its own", path.display()),
        ),
        Error::Refused(why) => Error::refused(format!("{} {why}", path.display())),
        e => e,
    })?;
    keep_log(&c)
}

/// Creates the file readable by its owner only, as it will hold people's numbers. Where that fails SQLite
/// says why. A file that exists is not opened here.
fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

fn adopt(c: &Connection) -> Result<()> {
    let id = |c: &Connection| c.query_row("pragma application_id", [], |row| row.get::<_, i32>(0));
    if id(c)? == APPLICATION_ID {
        return Ok(());
    }
    // Two processes may find the new file at once.
    c.execute_batch("begin immediate")?;
    let (id, content) =
        (id(c)?, c.query_row("select count(*) from sqlite_schema", [], |row| row.get::<_, i64>(0))?);
    if id != APPLICATION_ID && (id != 0 || content != 0) {
        return Err(Error::refused("holds another program's data: give Switchboard a file of its own"));
    }
    c.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(c.execute_batch("commit")?)
}

/// Switches to the write-ahead log, for good. SQLite does not wait for others here, so we do.
fn keep_log(c: &Connection) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let done = c.query_row("pragma journal_mode = wal", [], |row| row.get::<_, String>(0));
        match done.map_err(Error::from) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Error::refused(format!(
                    "SQLite cannot keep its log next to the file here (journal_mode {mode}): use a local disk"
                )));
            }
            Err(Error::Busy) if Instant::now() < patience => std::thread::sleep(Duration::from_millis(10)),
            Err(e) => return Err(e),
        }
    }
}

fn open(path: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let c = Connection::open_with_flags(path, flags)
        .map_err(|e| Error::refused(format!("cannot open {}: {e}", path.display())))?;
    c.busy_timeout(PATIENCE)?;
    Ok(c)
}

pub(super) fn connect(path: &Path, role: Role) -> Result<Connection> {
    let c = open(path)?;
    let (pages_kib, statements) = if role == Role::Writer { (64 * 1024, 128) } else { (4 * 1024, 64) };
    c.set_prepared_statement_cache_capacity(statements);
    // Plans do not depend on what is bound: SQLite would make them anew at every binding, once it has statistics.
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // temp_store: savepoints would spill into a file otherwise. wal_autocheckpoint: we have a thread for it.
    c.execute_batch(&format!(
        "pragma synchronous = full; pragma foreign_keys = on; pragma temp_store = memory; pragma mmap_size = 0;
         pragma wal_autocheckpoint = 0; pragma journal_size_limit = 67108864; pragma cache_size = -{pages_kib};
         pragma query_only = {}",
        i32::from(role == Role::Reader)
    ))?;
    c.progress_handler(10_000, Some(out_of_time))?;
    // As PostgreSQL has it. Not for indexes.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    c.create_scalar_function("translate", 3, flags, |args| {
        let (from, to): (String, String) = (args.get(1)?, args.get(2)?);
        let one = |c: char| match from.chars().position(|known| known == c) {
            Some(at) => to.chars().nth(at),
            None => Some(c),
        };
        Ok(args.get::<String>(0)?.chars().filter_map(one).collect::<String>())
    })?;
    Ok(c)
}

fn exec(c: &Connection, sql: &str) -> Result<()> {
    c.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Each closure sees one unchanging snapshot that holds every write answered before it was asked for.
pub(super) fn read(c: &Connection, jobs: &Receiver<Message>) {
    while let Ok(Message::Work(job)) = jobs.recv() {
        if let Err(e) = exec(c, "begin") {
            tracing::error!(error = %e, "cannot begin to read");
            continue;
        }
        let mut tx = job.tx(On::Sqlite(c));
        // What was read was read, however the transaction ends.
        if let Some(done) = job.run(&mut tx) {
            (done.answer)(Ok(()));
        }
        if exec(c, "commit").is_err() || !c.is_autocommit() {
            let _ = c.execute_batch("rollback");
        }
    }
}

/// The thread that writes.
pub(super) struct Writer {
    c: Connection,
    notifier: Notifier,
    checkpointer: Checkpointer,
    version: i64,
}

impl Writer {
    pub(super) fn new(path: &Path, notifier: Notifier) -> Result<Writer> {
        let c = connect(path, Role::Writer)?;
        let version = data_version(&c);
        Ok(Writer { c, notifier, checkpointer: Checkpointer::start(path)?, version })
    }

    pub(super) fn run(mut self, jobs: &Receiver<Message>, behind: &Receiver<Message>) {
        let mut queues = Queues { jobs, behind, served_behind: Instant::now() };
        let mut next = None;
        loop {
            let message = match next.take() {
                Some(message) => message,
                None => match queues.first() {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => {
                        self.look_around();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            let Message::Work(job) = message else { break };
            self.look_around();
            next = self.commit_together(job, &mut queues);
        }
        while let Ok(Message::Work(job)) = behind.try_recv() {
            self.commit_together(job, &mut queues);
        }
        self.checkpointer.stop();
        // Leaves a file that is complete without its log.
        if let Err(e) = checkpoint(&self.c, "truncate") {
            tracing::warn!(error = %e, "the log was not moved into the file; the next start does it");
        }
    }

    /// Tells whether another process has committed. Our own commits do not change this connection's number.
    fn look_around(&mut self) {
        let version = data_version(&self.c);
        if std::mem::replace(&mut self.version, version) != version {
            self.notifier.tell(Notice::Anything);
        }
    }

    /// Runs the closure and those that wait behind it, each in its own savepoint, commits once and answers.
    /// Returns a message it took and could not serve.
    fn commit_together(&mut self, first: Job, queues: &mut Queues<'_>) -> Option<Message> {
        let mut batch = Batch::new(&self.c);
        let committed = batch.run(first, queues);
        let Batch { answers, topics, noted_change, access_changed, next, .. } = batch;
        if let Err(e) = &committed {
            tracing::warn!(error = %e, undone = answers.len(), "SQLite did not commit");
            if !self.c.is_autocommit() {
                let _ = self.c.execute_batch("rollback");
            }
        }
        if access_changed {
            self.notifier.access_changed();
        }
        for answer in answers {
            answer(committed.clone());
        }
        if committed.is_ok() {
            topics.iter().for_each(|topic| self.notifier.topic(topic));
            if noted_change {
                self.notifier.committed_change();
            }
            self.checkpointer.kick(&self.c);
        }
        next
    }
}

/// What waits for the writer: first what calls wait for, then what is behind them.
struct Queues<'q> {
    jobs: &'q Receiver<Message>,
    behind: &'q Receiver<Message>,
    served_behind: Instant,
}

impl Queues<'_> {
    /// What a batch begins with, once there is something.
    fn first(&mut self) -> Result<Message, RecvTimeoutError> {
        if self.served_behind.elapsed() >= PATIENCE_BEHIND {
            self.served_behind = Instant::now();
            if let Ok(message) = self.behind.try_recv() {
                return Ok(message);
            }
        }
        select_biased! {
            recv(self.jobs) -> message => message.map_err(|_| RecvTimeoutError::Disconnected),
            recv(self.behind) -> message => {
                self.served_behind = Instant::now();
                message.map_err(|_| RecvTimeoutError::Disconnected)
            }
            default(LOOK) => Err(RecvTimeoutError::Timeout),
        }
    }

    /// What a batch goes on with: calls are committed before anything is taken from behind them.
    fn more(&mut self, has_calls: bool) -> Option<Message> {
        let more = self.jobs.try_recv();
        if has_calls { more.ok() } else { more.or_else(|_| self.behind.try_recv()).ok() }
    }
}

struct Batch<'c> {
    c: &'c Connection,
    answers: Vec<Answer>,
    topics: Vec<String>,
    noted_change: bool,
    access_changed: bool,
    next: Option<Message>,
}

impl<'c> Batch<'c> {
    fn new(c: &'c Connection) -> Batch<'c> {
        let (answers, topics) = (Vec::new(), Vec::new());
        Batch { c, answers, topics, noted_change: false, access_changed: false, next: None }
    }

    fn run(&mut self, first: Job, queues: &mut Queues<'_>) -> Result<()> {
        let opened = Instant::now();
        exec(self.c, "begin immediate")?;
        let (mut job, mut has_calls) = (first, false);
        loop {
            let alone = job.lane.is_bulk();
            has_calls |= job.lane != Lane::Background;
            self.one(job)?;
            if alone || self.answers.len() >= BATCH || opened.elapsed() >= BATCH_TIME {
                break;
            }
            job = match queues.more(has_calls) {
                Some(Message::Work(job)) if !job.lane.is_bulk() => job,
                Some(message) => {
                    self.next = Some(message);
                    break;
                }
                None => break,
            };
        }
        // Returns after the log is on disk; only then do readers see it.
        exec(self.c, "commit")
    }

    fn one(&mut self, job: Job) -> Result<()> {
        exec(self.c, "savepoint job")?;
        let mut tx = job.tx(On::Sqlite(self.c));
        let done = job.run(&mut tx);
        let keep = done.as_ref().is_some_and(|done| done.keep);
        if keep {
            self.topics.append(&mut tx.topics);
            self.noted_change |= tx.noted_change;
            self.access_changed |= tx.access_changed;
        }
        self.answers.extend(done.map(|done| done.answer));
        if self.c.is_autocommit() {
            // Disk full, an I/O error or an interrupted write: SQLite has undone the whole batch.
            return Err(Error::Busy);
        }
        if !keep {
            exec(self.c, "rollback to job")?;
        }
        exec(self.c, "release job")
    }
}

fn data_version(c: &Connection) -> i64 {
    let version = c.prepare_cached("pragma data_version").and_then(|mut s| s.query_row([], |row| row.get(0)));
    version.unwrap_or(0)
}

/// Moves the log into the file. Returns how many pages the log holds.
fn checkpoint(c: &Connection, how: &str) -> Result<i64> {
    Ok(c.query_row(&format!("pragma wal_checkpoint({how})"), [], |row| row.get(1))?)
}

/// Checkpoints beside the writer, which is asked to help only when the log grows all the same.
struct Checkpointer {
    kick: Sender<()>,
    stop: Sender<Infallible>,
    help: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    fn start(path: &Path) -> Result<Checkpointer> {
        let c = connect(path, Role::Checkpointer)?;
        let ((kick, kicked), (stop, stopped)) = (bounded(1), bounded::<Infallible>(0));
        let help = Arc::new(AtomicBool::new(false));
        let ask = help.clone();
        let thread = spawn("db-checkpoint", move || {
            while kicked.recv().is_ok() {
                match checkpoint(&c, "passive") {
                    Ok(pages) => ask.store(pages > LONG_LOG, Relaxed),
                    Err(e) => tracing::warn!(error = %e, "the log was not moved into the file"),
                }
                // Ends early when the writer stops.
                let _ = stopped.recv_timeout(CHECKPOINT);
            }
        })?;
        Ok(Checkpointer { kick, stop, help, thread })
    }

    /// There is something new in the log.
    fn kick(&self, writer: &Connection) {
        let _ = self.kick.try_send(());
        if self.help.swap(false, Relaxed) {
            let _ = checkpoint(writer, "passive");
        }
    }

    fn stop(self) {
        drop((self.kick, self.stop));
        let _ = self.thread.join();
    }
}

/// Connections for the threads that read.
pub(super) fn readers(
    path: &Path,
    count: usize,
) -> Result<Vec<impl FnOnce(Receiver<Message>) + Send + 'static>> {
    let path = PathBuf::from(path);
    (0..count)
        .map(|_| {
            let c = connect(&path, Role::Reader)?;
            Ok(move |jobs: Receiver<Message>| read(&c, &jobs))
        })
        .collect()
}
