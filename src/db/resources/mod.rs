//! Rows of the configuration as the API reads them: one by id, and pages of them, always starting at the tenant.
//! [`super::configuration`] writes them.

pub mod agents;

use crate::clock::Timestamp;

use super::{Result, Row};

/// A row with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// What it holds.
    pub row: T,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

pub(in crate::db) fn stored<T>(row: &Row<'_>, of: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Stored<T>> {
    Ok(Stored {
        row: of(row)?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
