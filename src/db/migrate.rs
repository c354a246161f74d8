//! Brings a database's tables to the form this binary expects. Forward only: what an older binary still
//! uses is widened first and narrowed in a later version.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Db, Engine, Error, Result, Tx};
use crate::clock::Timestamp;

/// A step, with the same number and name for both engines.
#[derive(Copy, Clone, Debug)]
pub struct Migration {
    /// The file's name without its ending, such as `0001_calls`.
    pub name: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// All of them, in order. Each is two files, `migrations/{sqlite,postgres}/<name>.sql`; one that was
/// released is never changed.
pub const ALL: &[Migration] = migrations![
    "0001_first",
    "0002_control_plane",
    "0003_numbers",
    "0004_provision",
    "0005_carrier",
    "0006_operations",
    "0007_servers",
];

impl Migration {
    /// The number its name begins with.
    pub fn number(&self) -> i64 {
        self.name.split('_').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    fn sql(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// Of the text, whatever a checkout did to its line ends.
    pub(super) fn checksum(&self, engine: Engine) -> String {
        hex::encode(Sha256::digest(self.sql(engine).replace("\r\n", "\n")))
    }
}

/// Runs what is missing, each in a transaction of its own, and returns it. Several processes may do so at
/// once: one runs a migration, the others wait for it. `now` is recorded.
pub async fn run(db: &Db, now: Timestamp) -> Result<Vec<Migration>> {
    run_these(db, ALL, now).await
}

/// What [`run`] would run.
pub async fn pending(db: &Db) -> Result<Vec<Migration>> {
    let missing = patiently(db, move |tx| {
        lock(tx)?;
        missing(tx, ALL)
    })
    .await?;
    Ok(missing.to_vec())
}

pub(super) async fn run_these(db: &Db, all: &'static [Migration], now: Timestamp) -> Result<Vec<Migration>> {
    let mut ran = Vec::new();
    while let Some(migration) = patiently(db, move |tx| run_next(tx, all, now)).await? {
        tracing::info!(migration = migration.name, "the database was migrated");
        ran.push(migration);
    }
    Ok(ran)
}

/// SQLite gives up waiting for another process after some seconds, a migration may take longer.
async fn patiently<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T> + Copy + Send + 'static,
) -> Result<T> {
    const TRIES: u32 = 120;
    for _ in 1..TRIES {
        match db.unlimited(work).await {
            Err(Error::Busy) => tokio::time::sleep(Duration::from_millis(500)).await,
            other => return other,
        }
    }
    db.unlimited(work).await
}

fn run_next(tx: &mut Tx<'_>, all: &'static [Migration], now: Timestamp) -> Result<Option<Migration>> {
    lock(tx)?;
    let Some(next) = missing(tx, all)?.first().copied() else { return Ok(None) };
    tx.script(next.sql(tx.engine()))?;
    let (number, checksum) = (next.number(), next.checksum(tx.engine()));
    tx.execute(
        "insert into schema_migrations (number, name, checksum, applied_at) values ($1, $2, $3, $4)",
        &[&number, &next.name, &checksum, &now],
    )?;
    Ok(Some(next))
}

/// Until the end of the transaction nobody else migrates. On SQLite a writing transaction does that.
fn lock(tx: &mut Tx<'_>) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        // Per schema, as each has its own tables; the first number is "SWBD".
        tx.script(
            "set local statement_timeout = 0;
             select pg_advisory_xact_lock(1398227524, hashtext(current_schema()))",
        )?;
    }
    tx.script(
        "create table if not exists schema_migrations (
             number bigint primary key, name text not null, checksum text not null, applied_at bigint not null
         )",
    )
}

/// Those of `all` that were not run; refuses a database that did not get here by them.
fn missing(tx: &mut Tx<'_>, all: &'static [Migration]) -> Result<&'static [Migration]> {
    let engine = tx.engine();
    let done =
        tx.all("select number, name, checksum from schema_migrations order by number", &[], |row| {
            Ok((row.get::<i64>("number")?, row.get::<String>("name")?, row.get::<String>("checksum")?))
        })?;
    for (at, (number, name, checksum)) in done.iter().enumerate() {
        let Some(known) = all.get(at).filter(|known| known.number() == *number) else {
            return Err(Error::refused(format!(
                "the database has migration {name}, which this version does not know: run the version that made it, or a later one"
            )));
        };
        if known.checksum(engine) != *checksum {
            return Err(Error::refused(format!(
                "migration {name} is not the one that was run on this database: restore its file, and write the change as a new migration"
            )));
        }
    }
    Ok(&all[done.len()..])
}
