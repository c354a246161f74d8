//! `numbers release`: gives a number back to Twilio.

use crate::audit::Actor;
use crate::config::Config;
use crate::db::Db;
use crate::numbers::{self, About, Released};

use super::super::{Context, Ended, words};
use super::ask;

const EXAMPLES: &str = "\
Twilio sells the number to anybody then, and it cannot be had back. Here it is archived: calls keep it. A number that the
account does not have any more is only archived.

Examples:
  switchboard numbers release +14155550123
  switchboard numbers release +14155550123 --yes --json";

/// What `numbers release` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The number
    number: String,
    /// Do not ask first
    #[arg(long, short = 'y')]
    yes: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let twilio = super::twilio(&config)?;
    let db = context.database(&config).await?;
    let done = with_database(args, (&config, &db, &twilio), context).await;
    db.close().await;
    let Some(released) = done? else { return Ok(Ended::WithNothing) };
    context.print(&released, |_| said(&released))?;
    Ok(Ended::Well)
}

/// What came of it; nothing where whoever was asked said no.
async fn with_database(
    args: &Args,
    (config, db, twilio): (&Config, &Db, &twilio::Client),
    context: &Context,
) -> anyhow::Result<Option<Released>> {
    let number = super::number(&args.number, config)?;
    let about = numbers::about(db, twilio, &number, &context.clock).await?;
    if !ask::go_on(&words::clean(&question(&about, twilio.account_sid())), args.yes)? {
        return Ok(None);
    }
    Ok(Some(numbers::release(db, twilio, about, &Actor::command_line(), &context.clock).await?))
}

fn question(about: &About, account: &str) -> String {
    let whose = match &about.campaign {
        Some(campaign) => format!("of the tenant {:?}, campaign {campaign:?}", about.tenant),
        None => format!("of the tenant {:?}", about.tenant),
    };
    let calls = match about.recent_calls {
        0 => "no calls".to_owned(),
        1 => "1 call".to_owned(),
        more => format!("{more} calls"),
    };
    let number = words::number(&about.number);
    let lately = format!("{whose}, with {calls} in the last 30 days");
    match &about.provider_sid {
        Some(_) => format!("Give {number} back to Twilio for good? It is {lately}."),
        None => format!("Archive {number}? The Twilio account {account} does not have it. It is {lately}."),
    }
}

fn said(released: &Released) -> String {
    let number = words::number(&released.about.number);
    if released.released {
        format!("{number} was given back to Twilio and is archived here.\n")
    } else {
        format!("{number} was not in the account any more, and is archived here.\n")
    }
}
