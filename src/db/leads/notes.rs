//! Notes on leads: added and read, never changed; only an erasure blanks them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::{LeadId, NoteId, TenantId};

use super::{Result, Row, Tx};

const AFTER_ALL: &str = "note_zzz";

/// A note on a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Its id, `note_…`.
    pub id: NoteId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The lead that it is on.
    pub lead_id: LeadId,
    /// What it says.
    pub body: String,
    /// Who wrote it: the name of a user or key.
    pub author: String,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Note {
    fn from_row(row: &Row<'_>) -> Result<Note> {
        Ok(Note {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            lead_id: row.get("lead_id")?,
            body: row.get("body")?,
            author: row.get("author")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Adds a note, which is a new revision of its lead: that one.
pub fn add_note(tx: &mut Tx<'_>, note: &Note) -> Result<i64> {
    tx.execute(
        "insert into lead_notes (id, tenant_id, lead_id, body, author, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        &[&note.id, &note.tenant_id, &note.lead_id, &note.body, &note.author, &note.created_at],
    )?;
    let revision = tx.first(
        "update leads set revision = revision + 1, updated_at = $1 where id = $2 returning revision",
        &[&note.created_at, &note.lead_id],
        |row| row.get("revision"),
    )?;
    Ok(revision.unwrap_or_default())
}

/// A lead's notes, newest first; those older than `before`.
pub fn notes(tx: &mut Tx<'_>, lead: &LeadId, before: Option<&NoteId>, limit: i64) -> Result<Vec<Note>> {
    tx.all(
        "select id, tenant_id, lead_id, body, author, created_at from lead_notes
         where lead_id = $1 and id < $2 order by id desc limit $3",
        &[lead, &before.map_or(AFTER_ALL, NoteId::as_str), &limit],
        Note::from_row,
    )
}

/// A note on this lead.
pub fn note(tx: &mut Tx<'_>, lead: &LeadId, id: &NoteId) -> Result<Option<Note>> {
    tx.first(
        "select id, tenant_id, lead_id, body, author, created_at from lead_notes where id = $1 and lead_id = $2",
        &[id, lead],
        Note::from_row,
    )
}
