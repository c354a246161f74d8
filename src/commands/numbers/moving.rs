//! `numbers move`: to another tenant or campaign.

use anyhow::Context as _;

use crate::audit::Actor;
use crate::config::Config;
use crate::db::Db;
use crate::db::resources::{numbers as rows, tenants};
use crate::db::{self, Tx};
use crate::ids::TenantId;
use crate::numbers::{self, Failed, Move, Moved, Put};
use crate::phone::E164;

use super::super::{Context, Ended, words};

const EXAMPLES: &str = "\
It takes effect for the next ring; calls that are under way go on. A number that moves to another tenant leaves its
campaign unless it is given one there.

Examples:
  switchboard numbers move +14155550123 --to-campaign 'New patients'
  switchboard numbers move +14155550123 --to-tenant Other --to-campaign Support
  switchboard numbers move +14155550123 --no-campaign";

/// What `numbers move` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("where").required(true).multiple(true))]
pub struct Args {
    /// The number
    number: String,
    /// Whose it will be (id or name)
    #[arg(long, value_name = "TENANT", group = "where")]
    to_tenant: Option<String>,
    /// The campaign (id or name) it goes to, one of that tenant
    #[arg(long, value_name = "CAMPAIGN", group = "where")]
    to_campaign: Option<String>,
    /// Take it out of its campaign: the tenant's default agent answers
    #[arg(long, group = "where", conflicts_with = "to_campaign")]
    no_campaign: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = context.database(&config).await?;
    let done = with_database(args, (&config, &db), context).await;
    db.close().await;
    let (moved, text) = done?;
    context.print(&moved, |_| text)?;
    Ok(Ended::Well)
}

/// What came of it, and the same for people.
async fn with_database(
    args: &Args,
    (config, db): (&Config, &Db),
    context: &Context,
) -> anyhow::Result<(Moved, String)> {
    let number = super::number(&args.number, config)?;
    let (tenant, called) = match &args.to_tenant {
        Some(text) => super::tenant(db, text).await?,
        None => whose(db, &number).await?,
    };
    let campaign = match &args.to_campaign {
        Some(text) => Some(super::campaign(db, (&tenant, &called), text).await?),
        None => None,
    };
    let into = campaign.as_ref().map_or_else(
        || if args.no_campaign { ", in no campaign".to_owned() } else { String::new() },
        |(_, name)| format!(", campaign {name:?}"),
    );
    let put = match campaign {
        Some((id, _)) => Put::Into(id),
        None if args.no_campaign => Put::Nowhere,
        None => Put::AsItIs,
    };
    let order = Move { number, tenant: Some(tenant), campaign: put };
    let now = context.clock.now();
    let moved = db.write(move |tx| numbers::move_number(tx, &order, (&Actor::command_line(), now))).await?;
    let is = if moved.moved { "is now" } else { "was already" };
    let text = format!("{} {is} of the tenant {called:?}{into}.\n", words::number(&moved.number));
    Ok((moved, words::clean(text.trim_end()) + "\n"))
}

/// Who has a number, and what that is called.
async fn whose(db: &Db, number: &E164) -> anyhow::Result<(TenantId, String)> {
    let wanted = number.to_string();
    let read = db.report(move |tx: &mut Tx<'_>| -> db::Result<_> {
        let Some(found) = rows::by_number(tx, &wanted)? else { return Ok(None) };
        let tenant = tenants::by_id(tx, None, &found.row.tenant)?;
        Ok(Some((found.row.tenant, tenant.map(|found| found.row.row.name).unwrap_or_default())))
    });
    let found = read.await.context("reading the numbers")?;
    Ok(found.ok_or_else(|| Failed::NotHere(number.to_string()))?)
}
