//! What people and agents add to a call: written beside the ledger, under the same lock.

use crate::call::Call;
use crate::db::{Json, Result, Tx};

/// Writes the notes of a call that is locked, with its revision.
pub fn annotate(tx: &mut Tx<'_>, call: &Call) -> Result<()> {
    let notes = &call.notes;
    let tags = Some(&notes.tags).filter(|tags| !tags.is_empty());
    tx.execute(
        "update calls set note = $1, tags = $2, outcome = $3, analysis = $4, revision = $5, updated_at = $6
         where id = $7",
        &[
            &notes.note,
            &tags.map(Json),
            &notes.outcome,
            &notes.analysis.as_ref().map(Json),
            &call.revision,
            &call.updated_at,
            &call.id,
        ],
    )?;
    tx.execute("delete from call_tags where call_id = $1", &[&call.id])?;
    for tag in &notes.tags {
        tx.execute(
            "insert into call_tags (call_id, tag, tenant_id, rang_at) values ($1, $2, $3, $4)",
            &[&call.id, tag, &call.tenant(), &call.outcome.rang_at],
        )?;
    }
    Ok(())
}

/// Moves the tags of a call whose time of ringing was corrected to its new place in lists.
pub fn retime_tags(tx: &mut Tx<'_>, call: &Call) -> Result<()> {
    let sql = "update call_tags set rang_at = $1 where call_id = $2";
    tx.execute(sql, &[&call.outcome.rang_at, &call.id]).map(drop)
}
