//! `numbers buy`: buys exactly one number, and imports it.

use anyhow::Context as _;

use crate::audit::Actor;
use crate::config::Config;
use crate::db::Db;
use crate::numbers::{self, Bought, Buy, Quote};
use crate::phone;

use super::super::screen::Screen;
use super::super::{Context, Ended, words};
use super::{ask, can, import, kind, search};

const EXAMPLES: &str = "\
The account is charged by Twilio from now on, each month; its price list says how much. A number that the account has
already is only imported. After any failure run the same command again: it looks first, and buys nothing twice.

Examples:
  switchboard numbers buy +14155550123 --tenant 'Acme Dental' --campaign 'New patients'
  switchboard numbers buy +14155550123 --tenant 'Acme Dental' --yes";

/// What `numbers buy` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The number, as `switchboard numbers search` lists it
    number: String,
    /// Whose it will be (id or name)
    #[arg(long)]
    tenant: String,
    /// The campaign (id or name) it goes to
    #[arg(long)]
    campaign: Option<String>,
    /// Its country as two letters, if its digits do not tell
    #[arg(long, value_parser = search::country)]
    country: Option<String>,
    /// A registered address at Twilio (AD…), where the number needs one
    #[arg(long, value_name = "SID")]
    address: Option<String>,
    /// A regulatory bundle at Twilio (BU…), where the country needs one
    #[arg(long, value_name = "SID")]
    bundle: Option<String>,
    /// Do not ask before spending
    #[arg(long, short = 'y')]
    yes: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let twilio = super::twilio(&config)?;
    let db = context.database(&config).await?;
    let done = with_database(args, (&config, &db, &twilio), context).await;
    db.close().await;
    let Some(bought) = done? else { return Ok(Ended::WithNothing) };
    context.print(&bought, |screen| said(&bought, screen))?;
    Ok(Ended::Well)
}

/// What came of it; nothing where whoever was asked said no.
async fn with_database(
    args: &Args,
    (config, db, twilio): (&Config, &Db, &twilio::Client),
    context: &Context,
) -> anyhow::Result<Option<Bought>> {
    let number = super::number(&args.number, config)?;
    let (tenant, called) = super::tenant(db, &args.tenant).await?;
    let campaign = match &args.campaign {
        Some(text) => Some(super::campaign(db, (&tenant, &called), text).await?),
        None => None,
    };
    let country = args.country.clone().or_else(|| phone::country(&number));
    let country = country.with_context(|| format!("the country of {number} is not known: give --country"))?;
    let into = campaign.as_ref().map_or(String::new(), |(_, name)| format!(", campaign {name:?}"));
    let buy = Buy {
        number,
        country,
        tenant,
        campaign: campaign.map(|(id, _)| id),
        address_sid: args.address.clone(),
        bundle_sid: args.bundle.clone(),
    };
    let quote = numbers::quote(db, twilio, &buy).await?;
    if let Quote::ForSale(offer) = &quote {
        let mut question = format!(
            "Buy {} ({}; {}) for the tenant {called:?}{into}? The Twilio account {} is charged for it from now on, each \
             month; Twilio does not say here how much.",
            words::number(&offer.number),
            kind(offer.r#type),
            can(&offer.capabilities),
            twilio.account_sid(),
        );
        if let Some(sort) = offer.needs_address().filter(|_| args.address.is_none()) {
            question += &format!(" Twilio wants a registered address for it ({sort}): --address.");
        }
        if !ask::go_on(&words::clean(&question), args.yes)? {
            return Ok(None);
        }
    }
    Ok(Some(numbers::buy(db, twilio, (buy, quote), &Actor::command_line(), &context.clock).await?))
}

fn said(bought: &Bought, screen: &Screen) -> String {
    let how = if bought.bought {
        format!("Bought ({}).", bought.provider_sid)
    } else {
        format!("The account has it already ({}): nothing was bought.", bought.provider_sid)
    };
    format!("{how}\n{}", import::page(&bought.imported, screen))
}
