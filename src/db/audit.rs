//! The audit: rows are added, and only an erasure ever blanks one.

use crate::audit::{Actor, Entry};
use crate::clock::Timestamp;
use crate::ids::AuditId;

use super::{Json, Result, Sql, Tx};

/// Rows written by one statement.
const AT_ONCE: usize = 500;

macro_rules! insert {
    ($rows:literal) => {
        concat!(
            "insert into audit (at, actor_kind, actor_id, actor_name, request_id, address, id, tenant_id, action,
                 subject_kind, subject_id, before, after)
             select $1, $2, $3, $4, $5, $6, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                 value ->> 5, value ->> 6
             from ",
            $rows
        )
    };
}

/// Adds entries of one actor.
pub fn insert(tx: &mut Tx<'_>, actor: &Actor, entries: &[Entry<'_>], now: Timestamp) -> Result<()> {
    let sql = Sql {
        sqlite: insert!("json_each($7)"),
        postgres: insert!("json_array_elements(cast(cast($7 as text) as json)) as each (value)"),
    };
    for some in entries.chunks(AT_ONCE) {
        let text = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string);
        let rows: Vec<_> = some
            .iter()
            .map(|entry| {
                let (kind, id) = entry.subject;
                let (before, after) = (text(&entry.before), text(&entry.after));
                (AuditId::new(now), entry.tenant, entry.action, kind, id, before, after)
            })
            .collect();
        tx.execute(
            sql,
            &[
                &now,
                &actor.kind.as_str(),
                &actor.id,
                &actor.name,
                &actor.request_id,
                &actor.address,
                &Json(rows),
            ],
        )?;
    }
    Ok(())
}
