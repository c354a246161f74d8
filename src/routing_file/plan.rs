//! What applying a file changes, row by row.

use serde::Serialize;
use serde_json::Value;

use crate::db::configuration::Kind;

/// What applying a file changes, or has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Whether it was done; false for a dry run.
    pub applied: bool,
    /// How many rows of each.
    pub summary: Summary,
    /// Every row that changes, by tenant in the order of the file. Rows that do not are only counted.
    pub changes: Vec<Change>,
}

/// How many rows.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Summary {
    pub create: usize,
    pub change: usize,
    pub revive: usize,
    pub archive: usize,
    pub unchanged: usize,
}

impl Summary {
    /// Is everything as the file says already?
    pub fn is_unchanged(&self) -> bool {
        self.create + self.change + self.revive + self.archive == 0
    }
}

/// What happens to a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It says something else now.
    Change,
    /// It was archived and is not any more.
    Revive,
    /// It is in use no more. Calls that name it keep doing so.
    Archive,
}

/// One row that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What happens to it.
    pub action: Action,
    /// What it is of.
    pub kind: Kind,
    /// Its id; none where a dry run would have made one.
    pub id: Option<String>,
    /// Its name, or the number.
    pub name: String,
    /// The name of the tenant it is listed under.
    pub tenant: String,
    /// What changes in it: all of a new row, nothing of an archived one.
    pub fields: Vec<FieldChange>,
    /// The tenant's place in the file.
    #[serde(skip)]
    pub(super) place: usize,
}

/// One key of a row, as the file writes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// The key.
    pub key: &'static str,
    /// What it said; null for nothing.
    pub old: Value,
    /// What it says now.
    pub new: Value,
}
