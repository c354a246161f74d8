//! Routing as a file: `switchboard apply` and `switchboard export`. The format is described in
//! `docs/routing-file.md`.
//!
//! In reading order: `read` (with `tables` and `values`) makes of the text what `file` holds, `planner` (with
//! `matching`, `rows` and `numbers`) compares that with the database, `write` writes it and leaves it in the audit,
//! `show` says it.

mod export;
mod file;
mod matching;
mod mistakes;
mod numbers;
mod plan;
mod planner;
mod read;
mod rows;
mod show;
mod tables;
#[cfg(test)]
mod tests;
mod values;
mod write;

pub use export::{NoTenant, export};
pub use file::RoutingFile;
pub use mistakes::{Mistake, Mistakes};
pub use plan::{Action, Change, FieldChange, Plan, Summary};
pub use read::read;

use crate::clock::Timestamp;
use crate::db::{self, Tx};

/// How to apply a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Archive what the named tenants have and the file does not.
    pub prune: bool,
    /// Only plan.
    pub dry_run: bool,
    /// The region of a new tenant that names none (ISO 3166-1 alpha-2).
    pub default_region: String,
}

/// Why a file was not applied. Nothing of it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// The file is wrong, by itself or for this database.
    #[error("{0}")]
    Mistakes(Mistakes),
    /// There is no such tenant to export.
    #[error("{0}")]
    NoTenant(#[from] NoTenant),
    /// The database did not do as told.
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Brings the database to what the file says, and says what that changed. Planned and written in this one
/// transaction, with everybody else's changes to the configuration waiting; calls go on.
///
/// # Errors
/// All mistakes at once, or what the database said. The transaction must then not be kept.
pub fn apply(
    tx: &mut Tx<'_>,
    file: &RoutingFile,
    options: &Options,
    now: Timestamp,
) -> Result<Plan, Refused> {
    if !file.readable {
        return Err(Refused::Mistakes(file.mistakes.clone()));
    }
    if !options.dry_run {
        db::configuration::lock(tx)?;
    }
    let mut planner = planner::Planner::new(file, options, now);
    planner.plan(tx, file)?;
    if !planner.mistakes.is_empty() {
        return Err(Refused::Mistakes(planner.mistakes));
    }
    if options.dry_run {
        planner.forget_made_ids();
    } else {
        planner.writes.write(tx, &planner.touched, now)?;
        planner.writes.note(tx, (&planner.before, &planner.after), now)?;
    }
    Ok(Plan { applied: !options.dry_run, summary: planner.summary, changes: planner.changes })
}
