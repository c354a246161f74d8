//! `numbers list`: the numbers that are here.

use std::collections::HashMap;

use anyhow::Context as _;
use comfy_table::{Cell, Color};
use serde::Serialize;
use serde_json::json;

use crate::db::resources::{Part, numbers};
use crate::db::{self, Db, Tx, configuration};
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::tenancy::{Capabilities, NumberKind, Provider};

use super::super::screen::{self, Screen};
use super::super::{Context, Ended, words};
use super::{can, kind};

/// What `numbers list` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only numbers of this tenant (id or name)
    #[arg(long)]
    tenant: Option<String>,
    /// List at most this many, the newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
}

/// A number.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: NumberId,
    number: String,
    r#type: NumberKind,
    provider: Provider,
    provider_sid: Option<String>,
    capabilities: Option<Capabilities>,
    tenant_id: TenantId,
    tenant: String,
    campaign_id: Option<CampaignId>,
    campaign: Option<String>,
    is_active: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = context.database(&config).await?;
    let listed = listed(args, &db).await;
    db.close().await;
    let listed = listed?;
    if listed.is_empty() && !context.json {
        screen::remark("no numbers");
        return Ok(Ended::WithNothing);
    }
    context.print(&json!({ "numbers": listed }), |screen| table(&listed, screen))?;
    Ok(Ended::by(!listed.is_empty()))
}

async fn listed(args: &Args, db: &Db) -> anyhow::Result<Vec<Shown>> {
    let tenant = match &args.tenant {
        Some(text) => Some(super::tenant(db, text).await?.0),
        None => None,
    };
    let part = Part { tenant, after: None, limit: args.limit };
    let read = db.report(move |tx: &mut Tx<'_>| -> db::Result<_> {
        let rows = numbers::list(tx, &part, &numbers::Filter::default())?;
        let tenants: HashMap<TenantId, String> =
            configuration::tenants(tx)?.into_iter().map(|row| (row.id, row.name)).collect();
        let mut campaigns: HashMap<TenantId, HashMap<CampaignId, String>> = HashMap::new();
        for stored in &rows {
            let of = &stored.row.tenant;
            if stored.row.campaign.is_some() && !campaigns.contains_key(of) {
                let named = configuration::campaigns(tx, of)?;
                campaigns.insert(of.clone(), named.into_iter().map(|row| (row.id, row.name)).collect());
            }
        }
        Ok((rows, tenants, campaigns))
    });
    let (rows, tenants, campaigns) = read.await.context("reading the numbers")?;
    let shown = |row: configuration::Number| Shown {
        tenant: tenants.get(&row.tenant).cloned().unwrap_or_default(),
        campaign: row.campaign.as_ref().and_then(|id| campaigns.get(&row.tenant)?.get(id)).cloned(),
        id: row.id,
        number: row.number,
        r#type: row.kind,
        provider: row.provider,
        provider_sid: row.provider_sid,
        capabilities: row.capabilities,
        tenant_id: row.tenant,
        campaign_id: row.campaign,
        is_active: row.active,
    };
    Ok(rows.into_iter().map(|stored| shown(stored.row)).collect())
}

fn table(numbers: &[Shown], screen: &Screen) -> String {
    let mut table = screen.table(["NUMBER", "TYPE", "TENANT", "CAMPAIGN", "CAN", "SID", "STATUS"]);
    for number in numbers {
        let can = number.capabilities.as_ref().map_or_else(|| "not known".to_owned(), can);
        table.add_row([
            screen::cell(&words::number(&number.number)),
            Cell::new(kind(number.r#type)),
            screen::cell(&number.tenant),
            screen::cell(number.campaign.as_deref().unwrap_or("-")),
            Cell::new(can),
            screen::cell(number.provider_sid.as_deref().unwrap_or("-")),
            if number.is_active { Cell::new("active") } else { Cell::new("off").fg(Color::Magenta) },
        ]);
    }
    screen::keep_whole(&mut table, 1);
    screen::lines_of(&table)
}
