//! What the database tells about its work, for metrics that it does not know of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Error;

/// Which way a closure went.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Lane {
    /// [`super::Db::write`].
    Write,
    /// [`super::Db::read`].
    Read,
    /// [`super::Db::report`].
    Report,
    /// [`super::Db::bulk`].
    Bulk,
    /// [`super::Db::background`].
    Background,
}

impl Lane {
    /// A word for it, such as `write`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Write => "write",
            Lane::Read => "read",
            Lane::Report => "report",
            Lane::Bulk => "bulk",
            Lane::Background => "background",
        }
    }

    pub(super) const fn only_reads(self) -> bool {
        matches!(self, Lane::Read | Lane::Report)
    }

    pub(super) const fn is_bulk(self) -> bool {
        matches!(self, Lane::Bulk)
    }
}

/// How a closure ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Outcome {
    /// It was committed.
    Kept,
    /// It answered with an error of its own and left nothing behind.
    Undone,
    /// [`Error::Duplicate`].
    Duplicate,
    /// [`Error::Busy`].
    Busy,
    /// [`Error::TooSlow`].
    TooSlow,
    /// Any other error of the database.
    Failed,
    /// It panicked.
    Panicked,
}

impl Outcome {
    /// A word for it, such as `kept`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Kept => "kept",
            Outcome::Undone => "undone",
            Outcome::Duplicate => "duplicate",
            Outcome::Busy => "busy",
            Outcome::TooSlow => "too_slow",
            Outcome::Failed => "failed",
            Outcome::Panicked => "panicked",
        }
    }

    pub(super) fn of(e: &Error) -> Outcome {
        match e {
            Error::Duplicate => Outcome::Duplicate,
            Error::Busy => Outcome::Busy,
            Error::TooSlow => Outcome::TooSlow,
            _ => Outcome::Failed,
        }
    }
}

/// One closure's way through the database.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Which way it went.
    pub lane: Lane,
    /// Until a thread took it.
    pub waited: Duration,
    /// While the closure ran.
    pub ran: Duration,
    /// From then until it was on disk or undone.
    pub settled: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

impl Observation {
    pub(super) fn refused(lane: Lane, waited: Duration) -> Observation {
        Observation { lane, waited, ran: Duration::ZERO, settled: Duration::ZERO, outcome: Outcome::Busy }
    }
}

/// Whom to tell; called on the database's threads, so it must be quick and must not panic.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Hook>>);

type Hook = dyn Fn(&Observation) + Send + Sync;

impl Observer {
    /// Calls this for each closure that has ended or was refused.
    pub fn new(hook: impl Fn(&Observation) + Send + Sync + 'static) -> Observer {
        Observer(Some(Arc::new(hook)))
    }

    pub(super) fn tell(&self, what: &Observation) {
        if let Some(hook) = &self.0 {
            hook(what);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer(..)" } else { "Observer(none)" })
    }
}
