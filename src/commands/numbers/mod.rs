//! `numbers`: importing what the Twilio account has; searching, buying, releasing, moving and listing numbers.

mod ask;
mod buy;
mod import;
mod list;
mod moving;
mod release;
mod search;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use crate::config::Config;
use crate::db::resources::{campaigns, tenants};
use crate::db::{self, Db, Tx, configuration};
use crate::ids::{CampaignId, TenantId};
use crate::phone::{self, E164};
use crate::tenancy::values;
use crate::tenancy::{Capabilities, NumberKind};

use super::{Context, Ended, serve};

/// What there is to do with numbers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take the numbers of the Twilio account into a tenant
    Import(import::Args),
    /// List numbers that can be bought
    Search(search::Args),
    /// Buy a number, and import it
    Buy(buy::Args),
    /// Give a number back to Twilio, for good
    Release(release::Args),
    /// Move a number to another tenant or campaign
    Move(moving::Args),
    /// List the numbers that are here
    List(list::Args),
}

/// Does what it is told.
pub async fn run(command: &Command, context: &Context) -> anyhow::Result<Ended> {
    match command {
        Command::Import(args) => import::run(args, context).await,
        Command::Search(args) => search::run(args, context).await,
        Command::Buy(args) => buy::run(args, context).await,
        Command::Release(args) => release::run(args, context).await,
        Command::Move(args) => moving::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
    }
}

/// The Twilio account of the settings.
fn twilio(config: &Config) -> anyhow::Result<twilio::Client> {
    match serve::twilio(config)? {
        Some(client) => Ok(client),
        None => bail!(
            "no Twilio account is set: set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or an API key (twilio.api_key \
             and twilio.api_secret)"
        ),
    }
}

/// A number as it was written on the command line.
fn number(text: &str, config: &Config) -> anyhow::Result<E164> {
    Ok(phone::e164(text, &config.numbers.default_region)?)
}

/// The tenant of this id or name, and what it is called.
pub(super) async fn tenant(db: &Db, text: &str) -> anyhow::Result<(TenantId, String)> {
    let wanted = text.to_owned();
    let read = db.report(move |tx: &mut Tx<'_>| -> db::Result<_> {
        let by_id = tenants::by_id(tx, None, &TenantId::from(wanted.as_str()))?;
        let found = match by_id {
            Some(found) => Some(found),
            None => tenants::by_name(tx, &wanted)?,
        };
        let found = found.map(|found| (found.row.row.id, found.row.row.name));
        let others = if found.is_some() { Vec::new() } else { configuration::tenants(tx)? };
        Ok((found, others))
    });
    let (found, others) = read.await.context("reading the tenants")?;
    if let Some(found) = found {
        return Ok(found);
    }
    let names = others.iter().filter(|tenant| !tenant.archived).map(|tenant| tenant.name.as_str());
    let hint = values::nearest(text, names).map_or_else(
        || "`switchboard apply` makes tenants".to_owned(),
        |meant| format!("did you mean {}?", values::quoted(meant)),
    );
    bail!("there is no tenant {}; {hint}", values::quoted(text))
}

/// The tenant's campaign of this id or name, and what it is called.
async fn campaign(
    db: &Db,
    (tenant, called): (&TenantId, &str),
    text: &str,
) -> anyhow::Result<(CampaignId, String)> {
    let (of, wanted) = (tenant.clone(), text.to_owned());
    let read = db.report(move |tx: &mut Tx<'_>| -> db::Result<_> {
        let by_id = campaigns::by_id(tx, Some(&of), &CampaignId::from(wanted.as_str()))?;
        let found = match by_id {
            Some(found) => Some((found.row.row.id, found.row.row.name)),
            None => campaigns::by_name(tx, &of, &wanted)?.map(|id| (id, wanted)),
        };
        let others = if found.is_some() { Vec::new() } else { configuration::campaigns(tx, &of)? };
        Ok((found, others))
    });
    let (found, others) = read.await.context("reading the campaigns")?;
    if let Some(found) = found {
        return Ok(found);
    }
    let names = others.iter().filter(|campaign| !campaign.archived).map(|campaign| campaign.name.as_str());
    let hint = values::nearest(text, names).map(|meant| format!("; did you mean {}?", values::quoted(meant)));
    let (hint, text, called) = (hint.unwrap_or_default(), values::quoted(text), values::quoted(called));
    bail!("the tenant {called} has no campaign {text}, and a number goes to none of another tenant{hint}")
}

/// `local`, `toll-free` or `mobile`, for people.
const fn kind(kind: NumberKind) -> &'static str {
    match kind {
        NumberKind::Local => "local",
        NumberKind::TollFree => "toll-free",
        NumberKind::Mobile => "mobile",
    }
}

/// What a number can do, for people.
fn can(capabilities: &Capabilities) -> String {
    let words = capabilities.words();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
}

/// The arguments of clap for a type.
fn kinds() -> impl clap::builder::TypedValueParser<Value = NumberKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["local", "toll-free", "mobile"]).try_map(|word| {
        let all = [NumberKind::Local, NumberKind::TollFree, NumberKind::Mobile];
        all.into_iter().find(|known| kind(*known) == word).ok_or("no such type")
    })
}
