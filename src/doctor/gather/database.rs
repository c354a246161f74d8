//! The database: what it is, whether what it is told stays, who serves on it, and what is in it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::alive;
use crate::app::DEFAULT_PROJECT;
use crate::commands::context;
use crate::db::inventory::{self, Inventory};
use crate::db::{self, Db, Engine, migrate, servers};
use crate::doctor::facts::{Database, Durability};
use crate::doctor::flow::{self, Counts};

use super::From;

/// Writes measured; the quickest counts, as others may write meanwhile.
const WRITES: usize = 5;

pub(super) async fn gather(from: From<'_>, db: &Db) -> Result<Database, String> {
    let version = db.read(inventory::version).await.map_err(|error| error.to_string())?;
    let pending = migrate::pending(db).await.map_err(|error| error.to_string())?;
    let pending: Vec<&'static str> = pending.iter().map(|migration| migration.name).collect();
    let file = context::file(from.config).ok().flatten();
    let durability = match &file {
        Some(file) => measured(file.clone()).await,
        None => match db.read(inventory::switched_off).await {
            Ok(off) => Durability::Off(off),
            Err(error) => Durability::Unknown(error.to_string()),
        },
    };
    let mut database = Database {
        engine: db.engine(),
        version,
        free: file.as_deref().and_then(free),
        durability,
        servers: Vec::new(),
        inventory: Inventory::default(),
        flows: Vec::new(),
        pending,
    };
    if database.pending.is_empty() {
        content(from, db, &mut database).await.map_err(|error| format!("{error:#}"))?;
    }
    Ok(database)
}

async fn content(from: From<'_>, db: &Db, into: &mut Database) -> anyhow::Result<()> {
    let now = from.clock.now();
    let routing = context::routing(db, from.config).await?;
    let project = super::project(from).map_or(DEFAULT_PROJECT, |project| &project.project).to_owned();
    let read = db.report(move |tx| -> db::Result<_> {
        let counts = Counts::read(tx, &routing, None)?;
        let flows = flow::check(&routing, None, (&project, &counts, now));
        Ok((servers::running(tx, now)?, inventory::read(tx)?, flows))
    });
    (into.servers, into.inventory, into.flows) = read.await?;
    into.servers.retain(|server| !alive::is_gone(server, now));
    if into.engine == Engine::Postgres {
        into.free = None;
    }
    Ok(())
}

async fn measured(file: PathBuf) -> Durability {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_path_buf);
    let measuring =
        tokio::task::spawn_blocking(move || measure(&folder.unwrap_or_else(|| PathBuf::from("."))));
    match measuring.await {
        Ok(Ok(took)) => Durability::Measured(took),
        Ok(Err(error)) => Durability::Unknown(format!("nothing can be written beside the database: {error}")),
        Err(_) => Durability::Unknown("measuring it broke off".to_owned()),
    }
}

/// How long it takes until a page is on this disk.
fn measure(folder: &Path) -> std::io::Result<Duration> {
    let mut file: File = tempfile::tempfile_in(folder)?;
    let mut took = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        took.push(began.elapsed());
    }
    Ok(took.into_iter().min().unwrap_or_default())
}

#[cfg(target_os = "linux")]
fn free(file: &Path) -> Option<u64> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(target_os = "linux"))]
fn free(_: &Path) -> Option<u64> {
    None
}
