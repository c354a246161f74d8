//! `apply` and `export` on the database as configured.

use anyhow::Context as _;

use crate::db::migrate;

use super::{Context, Ended, apply, context, export};

/// Applies a routing file. A database that is not there is made, unless this is a dry run.
pub(super) async fn apply(args: apply::Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = if args.dry_run {
        context.database(&config).await?
    } else {
        let db = context::open(&config)?;
        migrate::run(&db, context.clock.now()).await.context("migrating the database")?;
        db
    };
    let args = apply::Args { json: args.json || context.json, ..args };
    let code = apply::run(args, &db, &context.clock, &config.numbers.default_region).await;
    db.close().await;
    Ok(Ended::With(code?))
}

/// Exports the routing.
pub(super) async fn export(args: export::Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = context.database(&config).await?;
    let args = export::Args { json: args.json || context.json, ..args };
    let code = export::run(args, &db).await;
    db.close().await;
    Ok(Ended::With(code?))
}
