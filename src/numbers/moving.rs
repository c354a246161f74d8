//! Moving a number to another tenant or campaign, as a routing file does: a campaign stays with its tenant.

use serde::Serialize;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::configuration::{self, Number};
use crate::db::resources::{campaigns, numbers};
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::phone::E164;

use super::{Failed, write};

/// What to move where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The number.
    pub number: E164,
    /// To this tenant; none: it stays where it is.
    pub tenant: Option<TenantId>,
    /// Into which campaign.
    pub campaign: Put,
}

/// Which campaign a number is put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The one it is in, unless the number leaves its tenant: that one stays there.
    AsItIs,
    /// None.
    Nowhere,
    /// This one.
    Into(CampaignId),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub number: String,
    /// Whether anything changed.
    pub moved: bool,
    /// Whose it was.
    pub from_tenant_id: TenantId,
    /// The campaign it was in.
    pub from_campaign_id: Option<CampaignId>,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The campaign it is in.
    pub campaign_id: Option<CampaignId>,
}

/// Moves a number. Calls that are under way go on.
///
/// # Errors
/// Where nobody has it, or where it should go is not there.
pub fn move_number(tx: &mut Tx<'_>, order: &Move, (by, now): (&Actor, Timestamp)) -> Result<Moved, Failed> {
    configuration::lock(tx)?;
    let found = numbers::by_number(tx, &order.number)?;
    let was = found.ok_or_else(|| Failed::NotHere(order.number.to_string()))?.row;
    let tenant = order.tenant.clone().unwrap_or_else(|| was.tenant.clone());
    if !configuration::is_tenant(tx, &tenant)? {
        return Err(Failed::NoTenant);
    }
    let campaign = match &order.campaign {
        Put::AsItIs => was.campaign.clone().filter(|_| was.tenant == tenant),
        Put::Nowhere => None,
        Put::Into(campaign) if campaigns::is_there(tx, Some(&tenant), campaign)? => Some(campaign.clone()),
        Put::Into(_) => return Err(Failed::NoCampaign),
    };
    let row = Number { tenant, campaign, ..was.clone() };
    let moved = Moved {
        id: row.id.clone(),
        number: row.number.clone(),
        moved: row != was,
        from_tenant_id: was.tenant.clone(),
        from_campaign_id: was.campaign.clone(),
        tenant_id: row.tenant.clone(),
        campaign_id: row.campaign.clone(),
    };
    if moved.moved {
        write::save(tx, vec![(Some(was), row)], (by, now))?;
    }
    Ok(moved)
}
