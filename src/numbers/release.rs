//! Giving a number back to Twilio. First there, for good, and then here: whenever it stops between the two, the number is
//! still known here and doing it again finds it gone and archives it. The other way round, a number would be paid for and
//! ring that nobody knows of.

use std::time::Duration;

use serde::Serialize;
use twilio::Client;

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::db::configuration::Number;
use crate::db::resources::{campaigns, numbers, tenants};
use crate::db::{self, Db, Tx};
use crate::ids::{NumberId, TenantId};
use crate::phone::E164;
use crate::tenancy::Provider;

use super::{Failed, account, write};

/// How far back calls are counted.
const LATELY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A number that may be released.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub number: String,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What that is called.
    pub tenant: String,
    /// The campaign it is in.
    pub campaign: Option<String>,
    /// Calls to it in the last 30 days.
    pub recent_calls: i64,
    /// Twilio's id of it; none if the account does not have it any more.
    pub provider_sid: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// The number, as it was.
    #[serde(flatten)]
    pub about: About,
    /// Whether Twilio gave it up now; false where the account did not have it any more.
    pub released: bool,
}

/// Says what releasing a number takes away, and whether it can be.
///
/// # Errors
/// Where nobody has it, it is not Twilio's, or calls to it are open.
pub async fn about(db: &Db, twilio: &Client, number: &E164, clock: &Clock) -> Result<About, Failed> {
    let (wanted, now) = (number.to_string(), clock.now());
    let read = db.report(move |tx: &mut Tx<'_>| look(tx, &wanted, now));
    let (row, mut about) = read.await?;
    about.provider_sid = account::of_row(twilio, &row).await?.map(|found| found.sid);
    Ok(about)
}

/// Releases it at Twilio, and archives it here.
///
/// # Errors
/// What Twilio said, where nothing was done; [`Failed::NotArchived`] where it was.
pub async fn release(
    db: &Db,
    twilio: &Client,
    about: About,
    by: &Actor,
    clock: &Clock,
) -> Result<Released, Failed> {
    let id = about.id.clone();
    db.read(move |tx: &mut Tx<'_>| -> Result<(), Failed> {
        numbers::by_id(tx, None, &id)?.map_or(Ok(()), |found| no_calls(tx, &found.row))
    })
    .await?;
    let released = match &about.provider_sid {
        Some(sid) => twilio.release_number(sid).await?,
        None => false,
    };
    let (id, by, now) = (about.id.clone(), by.clone(), clock.now());
    let archived: db::Result<()> = db
        .write(move |tx| {
            db::configuration::lock(tx)?;
            // A call that came in meanwhile goes on: it needs the number no more.
            match numbers::by_id(tx, None, &id)? {
                Some(found) => write::archive(tx, found.row, (&by, now)),
                None => Ok(()),
            }
        })
        .await;
    match archived {
        Ok(()) => Ok(Released { about, released }),
        Err(why) if released => {
            Err(Failed::NotArchived { number: about.number, why: Box::new(Failed::Database(why)) })
        }
        Err(why) => Err(why.into()),
    }
}

fn look(tx: &mut Tx<'_>, number: &str, now: Timestamp) -> Result<(Number, About), Failed> {
    let found = numbers::by_number(tx, number)?.ok_or_else(|| Failed::NotHere(number.to_owned()))?;
    let row = found.row;
    if row.provider != Provider::Twilio {
        return Err(Failed::NotOfTwilio(row.number));
    }
    no_calls(tx, &row)?;
    let tenant = tenants::by_id(tx, None, &row.tenant)?;
    let campaign = match &row.campaign {
        Some(campaign) => campaigns::by_id(tx, None, campaign)?.map(|found| found.row.row.name),
        None => None,
    };
    let about = About {
        id: row.id.clone(),
        number: row.number.clone(),
        tenant_id: row.tenant.clone(),
        tenant: tenant.map_or_else(|| row.tenant.to_string(), |found| found.row.row.name),
        campaign,
        recent_calls: numbers::calls_since(tx, &row, now.saturating_sub(LATELY))?,
        provider_sid: None,
    };
    Ok((row, about))
}

fn no_calls(tx: &mut Tx<'_>, row: &Number) -> Result<(), Failed> {
    match numbers::open_calls(tx, row)? {
        0 => Ok(()),
        open => Err(Failed::OpenCalls(open)),
    }
}
