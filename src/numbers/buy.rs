//! Buying exactly one number. Nothing is ever bought twice: the account is looked at before, and after every answer that
//! leaves it open what became of the purchase.

use serde::Serialize;
use twilio::{Client, NewNumber, Outcome};

use crate::audit::Actor;
use crate::clock::Clock;
use crate::db::{Db, Tx, resources};
use crate::ids::{CampaignId, TenantId};
use crate::phone::{self, E164};

use super::import::{self, Import};
use super::imported::Imported;
use super::offers::{Offer, Search, search};
use super::{Failed, account};

/// Twilio's word for a number that somebody has already.
const NOT_AVAILABLE: u32 = 21422;

/// What to buy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buy {
    /// The number exactly.
    pub number: E164,
    /// Its country, two letters of ISO 3166-1.
    pub country: String,
    /// Whose it will be.
    pub tenant: TenantId,
    /// The campaign it goes to.
    pub campaign: Option<CampaignId>,
    /// A registered address (`AD…`), where the number requires one.
    pub address_sid: Option<String>,
    /// A regulatory bundle (`BU…`), where the country requires one.
    pub bundle_sid: Option<String>,
}

/// What buying comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quote {
    /// The account has it already: nothing is spent.
    Owned(Box<twilio::Number>),
    /// It is for sale.
    ForSale(Offer),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bought {
    /// Whether it was bought now; false where the account had it already.
    pub bought: bool,
    /// Twilio's id of it.
    pub provider_sid: String,
    /// What was written here.
    pub imported: Imported,
}

/// Says what buying a number comes to, and spends nothing.
///
/// # Errors
/// Where it cannot be bought, or could not be kept here.
pub async fn quote(db: &Db, twilio: &Client, buy: &Buy) -> Result<Quote, Failed> {
    let (number, tenant) = (buy.number.clone(), buy.tenant.clone());
    let taken = db.read(move |tx: &mut Tx<'_>| -> Result<bool, Failed> {
        let held = resources::numbers::by_number(tx, &number)?;
        Ok(held.is_some_and(|held| held.row.tenant != tenant))
    });
    if taken.await? {
        return Err(Failed::Taken(buy.number.to_string()));
    }
    if let Some(owned) = account::by_number(twilio, &buy.number).await? {
        return Ok(Quote::Owned(Box::new(owned)));
    }
    let wanted = Search {
        country: buy.country.clone(),
        // As its own country writes it, which is what Twilio's examples show.
        contains: Some(phone::national(&buy.number).unwrap_or_else(|| buy.number.as_str()[1..].to_owned())),
        limit: 20,
        ..Search::default()
    };
    let offers = search(twilio, &wanted).await?;
    let offer = offers.into_iter().find(|offer| offer.number == buy.number.as_str());
    offer.map(Quote::ForSale).ok_or_else(|| Failed::NotForSale(buy.number.to_string()))
}

/// Buys what was quoted, and imports it.
///
/// # Errors
/// What Twilio said; and where it is bought but not written down, how to do that.
pub async fn buy(
    db: &Db,
    twilio: &Client,
    (buy, quote): (Buy, Quote),
    by: &Actor,
    clock: &Clock,
) -> Result<Bought, Failed> {
    let (number, bought) = match quote {
        Quote::Owned(number) => (*number, false),
        Quote::ForSale(_) => purchase(twilio, &buy).await?,
    };
    let sid = number.sid.clone();
    let request = Import {
        tenant_id: buy.tenant.clone(),
        campaign_id: buy.campaign,
        numbers: Vec::new(),
        dry_run: false,
        names_others: false,
    };
    let recorded = import::record(db, twilio, (request, number), by, clock).await;
    let recorded = recorded.and_then(|imported| match imported.conflicts.items.first() {
        Some(conflict) => Err(Failed::Taken(conflict.number.clone())),
        None => Ok(imported),
    });
    match recorded {
        Ok(imported) => Ok(Bought { bought, provider_sid: sid, imported }),
        Err(why) if bought => Err(Failed::NotRecorded {
            number: buy.number.to_string(),
            sid,
            tenant: buy.tenant.to_string(),
            why: Box::new(why),
        }),
        Err(why) => Err(why),
    }
}

/// Buys it; the number, and whether this is what bought it.
async fn purchase(twilio: &Client, buy: &Buy) -> Result<(twilio::Number, bool), Failed> {
    let wanted = NewNumber {
        phone_number: buy.number.to_string(),
        address_sid: buy.address_sid.clone(),
        bundle_sid: buy.bundle_sid.clone(),
        ..NewNumber::default()
    };
    let error = match twilio.buy_number(&wanted).await {
        Ok(number) => return Ok((number, true)),
        Err(error) => error,
    };
    let unclear = error.outcome() == Outcome::Unknown;
    if !unclear && error.code() != Some(NOT_AVAILABLE) {
        return Err(error.into());
    }
    // It may be ours: of a purchase whose answer was lost, now or before.
    match account::by_number(twilio, &buy.number).await {
        Ok(Some(number)) => Ok((number, unclear)),
        Ok(None) if !unclear => Err(Failed::NotForSale(buy.number.to_string())),
        Ok(None) | Err(_) => {
            Err(Failed::Unclear { number: buy.number.to_string(), why: error.cause().to_string() })
        }
    }
}
