//! Rows of the configuration as the API reads them: one by id, and pages of them, newest first, always starting at the
//! tenant. [`super::configuration`] writes them.

pub mod agents;
pub mod campaigns;
pub mod numbers;
pub mod tenants;
pub mod trunks;

use crate::clock::Timestamp;
use crate::ids::TenantId;

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

/// Where a row stands in a list: when it was made, and its id among those made at the same time. Given ids say nothing
/// of the time.
pub type Place = (Timestamp, String);

/// Which part of a list to read.
#[derive(Clone, Debug)]
pub struct Part {
    /// Of this tenant; none: of all.
    pub tenant: Option<TenantId>,
    /// What comes after this place.
    pub after: Option<Place>,
    /// How many rows at most.
    pub limit: i64,
}

impl Part {
    /// Where it begins: at the newest, where no place is given. Always a place, so that an index can go there.
    fn after(&self) -> (Timestamp, &str) {
        const NEWEST: Timestamp = Timestamp::from_micros(i64::MAX);
        self.after.as_ref().map_or((NEWEST, ""), |(at, id)| (*at, id.as_str()))
    }
}

pub(in crate::db) fn stored<T>(row: &Row<'_>, of: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Stored<T>> {
    Ok(Stored {
        row: of(row)?,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
