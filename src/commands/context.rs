//! What every command starts from: settings, the way to print, the database.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::call::routing::Routing;
use crate::clock::Clock;
use crate::config::{Config, Loaded, Sources};
use crate::db::{self, Db, migrate, routing};
use crate::metrics::Metrics;

use super::screen::{self, Screen};
use super::serve;

/// What every command starts from.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where settings are read from.
    pub sources: Sources,
    /// Print JSON?
    pub json: bool,
    /// Where to print.
    pub screen: Screen,
    /// The time.
    pub clock: Clock,
}

/// How a command ended that did not fail.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it was told.
    Well,
    /// It found nothing, or the answer is no.
    WithNothing,
    /// With this exit code, and has said why itself.
    With(u8),
}

impl Ended {
    /// Well, if anything was found.
    pub const fn by(found: bool) -> Ended {
        if found { Ended::Well } else { Ended::WithNothing }
    }
}

impl Context {
    /// Reads the settings.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        Ok(Config::load(&self.sources)?)
    }

    /// The settings alone.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(self.load()?.config)
    }

    /// Prints a result in full: as JSON if that was asked for, else as text.
    pub fn print(
        &self,
        json: &impl serde::Serialize,
        text: impl FnOnce(&Screen) -> String,
    ) -> anyhow::Result<()> {
        if self.json { screen::print(&pretty(json)?) } else { screen::print(&text(&self.screen)) }
    }

    /// Opens the database, which must be there and up to date. A running server does not mind.
    pub async fn database(&self, config: &Config) -> anyhow::Result<Db> {
        if let Some(path) = file(config)?.filter(|path| !path.exists()) {
            let path = path.display();
            bail!("no database at {path}: run `switchboard serve` or `switchboard migrate` first");
        }
        let db = open(config)?;
        let pending = migrate::pending(&db).await.context("looking at the database")?;
        if let Some(first) = pending.first() {
            db.close().await;
            bail!("the database is not up to date ({} has not run): run `switchboard migrate`", first.name);
        }
        Ok(db)
    }
}

/// JSON for people and programs, with a line end.
pub fn pretty(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// The database's file; none for PostgreSQL.
pub fn file(config: &Config) -> anyhow::Result<Option<PathBuf>> {
    Ok(db::Options::new(config.database.url.expose()).file()?)
}

/// Opens the database as it is, and makes the file if there is none.
pub fn open(config: &Config) -> anyhow::Result<Db> {
    serve::database(config, &Metrics::new())
}

/// Who has which number, as a server with these settings sees it.
pub async fn routing(db: &Db, config: &Config) -> anyhow::Result<Routing> {
    let trunks = config.livekit.iter();
    let mut snapshot = Routing {
        system_agent: config.agents.system_default.clone(),
        default_region: config.numbers.default_region.clone(),
        configured_trunks: trunks
            .filter_map(|project| Some((project.project.clone(), project.inbound_trunk_id.clone()?)))
            .collect(),
        ..Routing::default()
    };
    let tenants = db.report(|tx| routing::load(tx, None)).await.context("reading the routing")?;
    for tenant in tenants {
        snapshot.replace(&tenant.id.clone(), Some(tenant));
    }
    Ok(snapshot)
}
