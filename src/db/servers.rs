//! Who serves on this database.

use std::time::Duration;

use crate::clock::Timestamp;

use super::{Result, Row, Tx};

/// A server that says so itself runs; one that has not for this long does no more.
pub const ALIVE_FOR: Duration = Duration::from_secs(45);

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The process, among replicas.
    pub id: String,
    /// The machine or container it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Where it listens.
    pub address: String,
    /// Its version.
    pub version: String,
    /// Since when.
    pub started_at: Timestamp,
    /// When it last said that it runs.
    pub seen_at: Timestamp,
    /// When it last refused a webhook as not signed by LiveKit, and why.
    pub refused: Option<(Timestamp, String)>,
}

/// Notes that a server runs.
pub fn note(tx: &mut Tx<'_>, server: &Server) -> Result<()> {
    tx.execute(
        "insert into servers (id, host, pid, address, version, started_at, seen_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set seen_at = excluded.seen_at",
        &[
            &server.id,
            &server.host,
            &i64::from(server.pid),
            &server.address,
            &server.version,
            &server.started_at,
            &server.seen_at,
        ],
    )?;
    Ok(())
}

/// Notes that it refused a webhook.
pub fn refused(tx: &mut Tx<'_>, id: &str, at: Timestamp, why: &str) -> Result<()> {
    tx.execute("update servers set refused_at = $1, refused_why = $2 where id = $3", &[&at, &why, &id])?;
    Ok(())
}

/// Forgets a server that stops.
pub fn gone(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    tx.execute("delete from servers where id = $1", &[&id])?;
    Ok(())
}

/// Those that run, the oldest first.
pub fn running(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Server>> {
    let sql =
        "select id, host, pid, address, version, started_at, seen_at, refused_at, refused_why from servers
               where seen_at > $1 order by started_at, id";
    tx.all(sql, &[&now.saturating_sub(ALIVE_FOR)], read)
}

/// Forgets those that died long ago.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    tx.execute("delete from servers where seen_at < $1", &[&before])
}

fn read(row: &Row<'_>) -> Result<Server> {
    let refused_at: Option<Timestamp> = row.get("refused_at")?;
    let refused_why: Option<String> = row.get("refused_why")?;
    Ok(Server {
        id: row.get("id")?,
        host: row.get("host")?,
        pid: u32::try_from(row.get::<i64>("pid")?).unwrap_or_default(),
        address: row.get("address")?,
        version: row.get("version")?,
        started_at: row.get("started_at")?,
        seen_at: row.get("seen_at")?,
        refused: refused_at.zip(refused_why),
    })
}
