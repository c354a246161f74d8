//! Answers to creates, kept for a day under the key that their sender chose.

use crate::clock::Timestamp;

use super::{Result, Tx};

/// What was answered.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was asked: a hash over method, address and body.
    pub fingerprint: String,
    /// The status.
    pub status: i64,
    /// Where the created thing is.
    pub location: Option<String>,
    /// Its version.
    pub etag: Option<String>,
    /// The answer, less what is shown only once.
    pub body: String,
}

/// Claims a key that nobody has used since `after`. A second one at the same time waits on PostgreSQL, and then is a
/// duplicate.
pub fn claim(
    tx: &mut Tx<'_>,
    (scope, key): (&str, &str),
    fingerprint: &str,
    after: Timestamp,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "delete from idempotency_keys where scope = $1 and key = $2 and created_at <= $3",
        &[&scope, &key, &after],
    )?;
    tx.execute(
        "insert into idempotency_keys (scope, key, fingerprint, status, body, created_at)
         values ($1, $2, $3, 0, '', $4)",
        &[&scope, &key, &fingerprint, &now],
    )?;
    Ok(())
}

/// Keeps the answer of a key that was claimed in this transaction.
pub fn keep(tx: &mut Tx<'_>, (scope, key): (&str, &str), kept: &Kept) -> Result<()> {
    tx.execute(
        "update idempotency_keys set status = $1, location = $2, etag = $3, body = $4
         where scope = $5 and key = $6",
        &[&kept.status, &kept.location, &kept.etag, &kept.body, &scope, &key],
    )?;
    Ok(())
}

/// What was answered under a key since `after`.
pub fn find(tx: &mut Tx<'_>, (scope, key): (&str, &str), after: Timestamp) -> Result<Option<Kept>> {
    tx.first(
        "select fingerprint, status, location, etag, body from idempotency_keys
         where scope = $1 and key = $2 and created_at > $3",
        &[&scope, &key, &after],
        |row| {
            Ok(Kept {
                fingerprint: row.get("fingerprint")?,
                status: row.get("status")?,
                location: row.get("location")?,
                etag: row.get("etag")?,
                body: row.get("body")?,
            })
        },
    )
}

/// Forgets answers given before `before`, at most `limit` of them; how many.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        "delete from idempotency_keys where (scope, key) in
             (select scope, key from idempotency_keys where created_at < $1 order by created_at limit $2)",
        &[&before, &limit],
    )
}
