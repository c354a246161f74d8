//! `migrate`: brings the database up to date. `serve` does the same when it starts.

use anyhow::Context as _;
use serde_json::json;

use crate::config::Config;
use crate::db::migrate::{self, Migration};

use super::{Context, Ended, context};

const EXAMPLES: &str = "\
`serve` does this when it starts; several at once wait for each other. Migrations only go forward.

Examples:
  switchboard migrate --dry-run     say what would run
  switchboard migrate";

/// What `migrate` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only say what would run
    #[arg(long)]
    dry_run: bool,
}

/// Migrates, or says what would be.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let (key, names) = if args.dry_run {
        ("pending", names(&pending(&config).await?))
    } else {
        ("ran", names(&migrate_now(&config, context).await?))
    };
    context.print(&json!({ key: names }), |_| match (names.is_empty(), args.dry_run) {
        (true, _) => "The database is up to date.\n".to_owned(),
        (false, true) => format!("Would run: {}\n", names.join(", ")),
        (false, false) => format!("Ran: {}\n", names.join(", ")),
    })?;
    Ok(Ended::Well)
}

/// What has not run yet. A database that is not there is not made.
pub async fn pending(config: &Config) -> anyhow::Result<Vec<Migration>> {
    if context::file(config)?.is_some_and(|path| !path.exists()) {
        return Ok(migrate::ALL.to_vec());
    }
    let db = context::open(config)?;
    let pending = migrate::pending(&db).await.context("looking at the database");
    db.close().await;
    pending
}

async fn migrate_now(config: &Config, context: &Context) -> anyhow::Result<Vec<Migration>> {
    let db = context::open(config)?;
    let ran = migrate::run(&db, context.clock.now()).await.context("migrating the database");
    db.close().await;
    ran
}

fn names(migrations: &[Migration]) -> Vec<&'static str> {
    migrations.iter().map(|migration| migration.name).collect()
}
