//! What can go wrong with the database, in the few kinds that callers tell apart.
//! No error holds a row's values or a password, so every one may be logged.

use std::fmt;
use std::sync::Arc;

use rusqlite::ffi::ErrorCode;

/// A result of the database's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the database did not do as told. Whatever it is, nothing of the closure was kept, except that
/// after [`Error::Busy`] it may have been: the answer to the commit can get lost.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A unique key is taken.
    #[error("a row with this key is there already")]
    Duplicate,
    /// Too much to do, or not reachable just now; not written, or not known to be. Trying again helps.
    #[error("the database is busy")]
    Busy,
    /// The closure went over its time budget.
    #[error("the transaction ran too long")]
    TooSlow,
    /// The database as configured cannot be used; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// A row holds what it never should; the text names it without its values.
    #[error("unexpected data: {0}")]
    Unexpected(String),
    /// Anything else SQLite says.
    #[error("sqlite: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// Anything else PostgreSQL says.
    #[error("postgres: {0}")]
    Postgres(Arc<PostgresError>),
}

impl Error {
    pub(super) fn refused(why: impl Into<String>) -> Error {
        Error::Refused(why.into())
    }

    /// The same work may well succeed if it is tried again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Error::Busy | Error::TooSlow)
    }
}

/// An error of PostgreSQL's without its DETAIL, which quotes rows.
#[derive(Debug, Clone)]
pub struct PostgresError {
    /// SQLSTATE, when it came from the server.
    pub code: Option<String>,
    /// The constraint that was violated, if one was.
    pub constraint: Option<String>,
    message: String,
}

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        Ok(())
    }
}

impl From<&postgres::Error> for PostgresError {
    fn from(e: &postgres::Error) -> Self {
        match e.as_db_error() {
            Some(said) => PostgresError {
                code: Some(said.code().code().to_owned()),
                constraint: said.constraint().map(str::to_owned),
                message: said.message().to_owned(),
            },
            None => PostgresError { code: None, constraint: None, message: e.to_string() },
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        let Some(said) = e.sqlite_error() else { return Error::Sqlite(Arc::new(e)) };
        match (said.code, said.extended_code) {
            (_, SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE) => Error::Duplicate,
            (ErrorCode::OperationInterrupted, _) => Error::TooSlow,
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Error::Busy,
            (ErrorCode::DiskFull | ErrorCode::SystemIoFailure, _) => {
                tracing::error!(error = %e, "the disk refused a write of the database");
                Error::Busy
            }
            _ => Error::Sqlite(Arc::new(e)),
        }
    }
}

impl From<postgres::Error> for Error {
    fn from(e: postgres::Error) -> Self {
        let Some(said) = e.as_db_error() else {
            // Without an answer of the server the connection is gone, except when a value did not fit.
            return if e.is_closed() || is_io(&e) {
                Error::Busy
            } else {
                Error::Postgres(Arc::new(PostgresError::from(&e)))
            };
        };
        match said.code().code() {
            "23505" => Error::Duplicate,
            "57014" => Error::TooSlow,
            // Serialization failure, deadlock, lock not available, idle too long in a transaction, shutting
            // down, and a statement whose tables changed since it was prepared.
            "40001" | "40P01" | "55P03" | "25P03" | "57P01" | "57P02" | "57P03" | "57P05" | "26000" => {
                Error::Busy
            }
            "0A000" if said.routine() == Some("RevalidateCachedQuery") => Error::Busy,
            code if code.starts_with("08") => Error::Busy,
            code if code.starts_with("53") => {
                tracing::error!(error = %PostgresError::from(&e), "PostgreSQL lacks resources");
                Error::Busy
            }
            _ => Error::Postgres(Arc::new(PostgresError::from(&e))),
        }
    }
}

fn is_io(e: &postgres::Error) -> bool {
    std::error::Error::source(e).is_some_and(|source| source.is::<std::io::Error>())
}
