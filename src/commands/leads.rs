//! `leads`: one record for each caller of a campaign, or of a tenant where there is no campaign.

use anyhow::Context as _;
use comfy_table::{Cell, Color};
use serde_json::json;

use crate::db::leads::{self, Lead};
use crate::db::{self, Db};
use crate::ids::TenantId;

use super::screen::{self, Screen};
use super::{Context, Ended, filters, words};

const EXAMPLES: &str = "\
A caller's first ring makes the lead, each ring adds an attempt. Exit code 1 when there is no such lead.

Examples:
  switchboard leads --status missed
  switchboard leads --number +15551234567 --json | jq '.leads[].attempts'";

/// What `leads` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only leads with this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Only leads with this status
    #[arg(long, value_parser = ["calling", "completed", "missed"])]
    status: Option<String>,
    /// Only leads of this tenant (id or name)
    #[arg(long)]
    tenant: Option<String>,
    /// List at most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=200))]
    limit: i64,
}

/// Which leads. What is not set does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// With this number, in E.164.
    pub number: Option<String>,
    /// With this status.
    pub status: Option<String>,
}

/// Lists leads.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = context.database(&config).await?;
    let tenant = match &args.tenant {
        Some(text) => Some(filters::tenant(&db, text).await?),
        None => None,
    };
    let number = args.number.as_deref().map(|text| filters::number(text, &config));
    let found = listed(&db, Wanted { tenant, number, status: args.status.clone() }, args.limit).await;
    db.close().await;
    let found = found?;
    if found.is_empty() && !context.json {
        screen::remark("no such leads");
        return Ok(Ended::WithNothing);
    }
    context.print(&json!({ "leads": found }), |screen| table(&found, screen))?;
    Ok(Ended::by(!found.is_empty()))
}

/// Leads, the one that called last first.
pub async fn listed(db: &Db, wanted: Wanted, limit: i64) -> anyhow::Result<Vec<Lead>> {
    let found: db::Result<Vec<Lead>> = db
        .report(move |tx| {
            let Wanted { tenant, number, status } = &wanted;
            leads::list(tx, tenant.as_ref(), number.as_deref(), status.as_deref(), limit)
        })
        .await;
    found.context("reading the leads")
}

/// One line a lead.
pub fn table(leads: &[Lead], screen: &Screen) -> String {
    let mut table = screen.table(["NUMBER", "NAME", "STATUS", "CALLS", "LAST CALL", "LEAD"]);
    for lead in leads {
        table.add_row([
            Cell::new(words::number(&lead.phone_number)),
            screen::cell(&lead.name),
            screen::cell(&lead.status).fg(color_of(&lead.status)),
            Cell::new(lead.attempts),
            Cell::new(screen.time(lead.last_call_at)),
            screen::cell(&lead.id),
        ]);
    }
    screen::keep_whole(&mut table, 1);
    screen::lines_of(&table)
}

fn color_of(status: &str) -> Color {
    match status {
        "calling" => Color::Cyan,
        "completed" => Color::Green,
        "missed" => Color::Magenta,
        _ => Color::Reset,
    }
}
