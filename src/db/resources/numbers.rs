//! Numbers as the API reads them.

use crate::clock::Timestamp;
use crate::db::configuration::{Number, number};
use crate::db::{Result, Row, Tx};
use crate::ids::{CampaignId, NumberId, TenantId};

use super::{Part, Stored, stored};

macro_rules! columns {
    () => {
        "select phone_numbers.id, phone_numbers.tenant_id, phone_numbers.number, phone_numbers.type,
             phone_numbers.provider, phone_numbers.provider_sid, phone_numbers.capabilities,
             campaigns.id as campaign_id,
             phone_numbers.livekit_trunk_id, phone_numbers.active, phone_numbers.purchased_at,
             phone_numbers.metadata, phone_numbers.archived_at is not null as archived, phone_numbers.revision,
             phone_numbers.created_at, phone_numbers.updated_at
         from phone_numbers
             left join campaigns on campaigns.id = phone_numbers.campaign_id and campaigns.archived_at is null
         where phone_numbers.archived_at is null "
    };
}

/// The number with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &NumberId) -> Result<Option<Stored<Number>>> {
    tx.first(
        concat!(
            columns!(),
            "and phone_numbers.id = $1 and (cast($2 as text) is null or phone_numbers.tenant_id = $2)"
        ),
        &[id, &scope],
        read,
    )
}

/// Who has this number: it exists once on the platform.
pub fn by_number(tx: &mut Tx<'_>, number: &str) -> Result<Option<Stored<Number>>> {
    tx.first(concat!(columns!(), "and phone_numbers.number = $1"), &[&number], read)
}

/// What a list of numbers is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// This number, in E.164.
    pub number: Option<String>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only those that take calls, or only those that do not.
    pub active: Option<bool>,
}

/// A list that is found by one index: `$key` narrows it with `$1`, all else is looked at row by row.
macro_rules! listed {
    ($key:literal) => {
        concat!(
            columns!(),
            "and ",
            $key,
            " and (cast($2 as text) is null or phone_numbers.tenant_id = $2)
             and (cast($3 as text) is null or phone_numbers.campaign_id = $3)
             and (cast($4 as boolean) is null or phone_numbers.active = $4)
             and (phone_numbers.created_at, phone_numbers.id) < ($5, $6)
             order by phone_numbers.created_at desc, phone_numbers.id desc limit $7"
        )
    };
}

/// Numbers, newest first.
pub fn list(tx: &mut Tx<'_>, part: &Part, filter: &Filter) -> Result<Vec<Stored<Number>>> {
    let (at, id) = part.after();
    let (tenant, campaign) = (part.tenant.as_deref(), filter.campaign.as_deref());
    let (sql, key) = match (filter.number.as_deref(), campaign, tenant) {
        (Some(number), ..) => (listed!("phone_numbers.number = $1"), Some(number)),
        (_, Some(campaign), _) => (listed!("phone_numbers.campaign_id = $1"), Some(campaign)),
        (.., Some(tenant)) => (listed!("phone_numbers.tenant_id = $1"), Some(tenant)),
        _ => (listed!("cast($1 as text) is null"), None),
    };
    tx.all(sql, &[&key, &tenant, &campaign, &filter.active, &at, &id, &part.limit], read)
}

/// Open calls to a number.
pub fn open_calls(tx: &mut Tx<'_>, number: &Number) -> Result<i64> {
    let sql =
        "select count(*) as open from calls where tenant_id = $1 and number_id = $2 and ended_at is null";
    Ok(tx.first(sql, &[&number.tenant, &number.id], |row| row.get("open"))?.unwrap_or(0))
}

/// Calls to a number from then on, open ones too.
pub fn calls_since(tx: &mut Tx<'_>, number: &Number, since: Timestamp) -> Result<i64> {
    let sql = "select count(*) as ended from calls
               where tenant_id = $1 and number_id = $2 and rang_at >= $3 and ended_at is not null";
    let ended = tx.first(sql, &[&number.tenant, &number.id, &since], |row| row.get::<i64>("ended"))?;
    Ok(ended.unwrap_or(0) + open_calls(tx, number)?)
}

fn read(row: &Row<'_>) -> Result<Stored<Number>> {
    stored(row, number)
}
