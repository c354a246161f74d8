//! Events of rooms that were made only to see whether their events come.

use crate::clock::Timestamp;

use super::{Result, Tx};

/// An event of such a room came. A second copy changes nothing.
pub fn heard(tx: &mut Tx<'_>, room: &str, event: &str, at: Timestamp) -> Result<()> {
    tx.execute(
        "insert into probes (room, event, heard_at) values ($1, $2, $3) on conflict (room, event) do nothing",
        &[&room, &event, &at],
    )?;
    Ok(())
}

/// When the first event of this room came.
pub fn first(tx: &mut Tx<'_>, room: &str) -> Result<Option<Timestamp>> {
    let sql = "select heard_at from probes where room = $1 order by heard_at limit 1";
    tx.first(sql, &[&room], |row| row.get("heard_at"))
}

/// Forgets what was heard before.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    tx.execute("delete from probes where heard_at < $1", &[&before])
}
