//! Campaigns as the API reads them.

use std::collections::HashMap;

use crate::db::configuration::{Campaign, campaign};
use crate::db::{Json, Result, Row, Sql, Tx};
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::tenancy::CampaignStatus;

use super::{Part, Stored, stored};

/// A campaign with what its agents are called, and some of its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The row.
    pub row: Campaign,
    /// The agent's name.
    pub agent: Option<String>,
    /// The fallback agent's name.
    pub fallback: Option<String>,
    /// Its first numbers, at most [`MOST_NUMBERS`].
    pub numbers: Vec<(NumberId, String)>,
}

/// A campaign is read with at most so many of its numbers.
pub const MOST_NUMBERS: i64 = 100;

macro_rules! columns {
    () => {
        "select campaigns.id, campaigns.tenant_id, campaigns.name, campaigns.status, first.id as agent_id,
             first.name as agent, second.id as fallback_agent_id, second.name as fallback, campaigns.sip_trunk_id,
             campaigns.max_concurrent, campaigns.archived_at is not null as archived, campaigns.revision,
             campaigns.created_at, campaigns.updated_at
         from campaigns left join agents as first on first.id = campaigns.agent_id and first.archived_at is null
             left join agents as second
                 on second.id = campaigns.fallback_agent_id and second.archived_at is null
         where campaigns.archived_at is null "
    };
}

/// The campaign with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &CampaignId) -> Result<Option<Stored<Found>>> {
    let found = tx.first(
        concat!(
            columns!(),
            "and campaigns.id = $1 and (cast($2 as text) is null or campaigns.tenant_id = $2)"
        ),
        &[id, &scope],
        read,
    )?;
    Ok(with_numbers(tx, found.into_iter().collect())?.pop())
}

/// The tenant's campaign of this name.
pub fn by_name(tx: &mut Tx<'_>, tenant: &TenantId, name: &str) -> Result<Option<CampaignId>> {
    let sql = "select id from campaigns where tenant_id = $1 and name = $2 and archived_at is null";
    tx.first(sql, &[tenant, &name], |row| row.get("id"))
}

/// Whether there is this campaign; of this tenant, if one is given.
pub fn is_there(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &CampaignId) -> Result<bool> {
    let sql = "select 1 as one from campaigns
               where id = $1 and archived_at is null and (cast($2 as text) is null or tenant_id = $2)";
    Ok(tx.first(sql, &[id, &scope], |_| Ok(()))?.is_some())
}

/// Campaigns, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    part: &Part,
    name: Option<&str>,
    status: Option<CampaignStatus>,
) -> Result<Vec<Stored<Found>>> {
    let (at, id) = part.after();
    let found = tx.all(
        concat!(
            columns!(),
            "and (cast($1 as text) is null or campaigns.tenant_id = $1)
             and (cast($2 as text) is null or campaigns.name = $2)
             and (cast($3 as text) is null or campaigns.status = $3)
             and (campaigns.created_at, campaigns.id) < ($4, $5)
             order by campaigns.created_at desc, campaigns.id desc limit $6"
        ),
        &[&part.tenant, &name, &status, &at, &id, &part.limit],
        read,
    )?;
    with_numbers(tx, found)
}

fn read(row: &Row<'_>) -> Result<Stored<Found>> {
    stored(row, |row| {
        Ok(Found {
            row: campaign(row)?,
            agent: row.get("agent")?,
            fallback: row.get("fallback")?,
            numbers: Vec::new(),
        })
    })
}

/// Adds the first numbers of each: of one that has a hundred thousand no more are read than are shown.
fn with_numbers(tx: &mut Tx<'_>, mut found: Vec<Stored<Found>>) -> Result<Vec<Stored<Found>>> {
    if found.is_empty() {
        return Ok(found);
    }
    let sql = Sql {
        sqlite: "select numbers.campaign_id, numbers.id, numbers.number
                 from json_each($1) as wanted join phone_numbers as numbers on numbers.rowid in
                     (select rowid from phone_numbers where campaign_id = wanted.value and archived_at is null
                      order by number limit $2)
                 order by numbers.number",
        postgres: "select numbers.campaign_id, numbers.id, numbers.number
                   from json_array_elements_text(cast(cast($1 as text) as json)) as wanted (campaign),
                       lateral (select campaign_id, id, number from phone_numbers
                           where campaign_id = wanted.campaign and archived_at is null
                           order by number limit $2) as numbers
                   order by numbers.number",
    };
    let ids: Vec<&str> = found.iter().map(|campaign| campaign.row.row.id.as_str()).collect();
    let mut numbers: HashMap<CampaignId, Vec<(NumberId, String)>> = HashMap::new();
    let read = tx.all(sql, &[&Json(ids), &MOST_NUMBERS], |row| {
        Ok((row.get("campaign_id")?, (row.get("id")?, row.get("number")?)))
    })?;
    for (campaign, number) in read {
        numbers.entry(campaign).or_default().push(number);
    }
    for campaign in &mut found {
        campaign.row.numbers = numbers.remove(&campaign.row.row.id).unwrap_or_default();
    }
    Ok(found)
}
