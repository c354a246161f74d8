//! References to other things of the tenant's: by name, where there must be one of that name, or by id, where another
//! tenant's is not there.

use crate::db::Tx;
use crate::db::resources::{agents, campaigns};
use crate::http::problem::Problem;
use crate::ids::{AgentId, CampaignId, TenantId};
use crate::tenancy::values::no_such;

use super::configured::Wrong;

/// The agent that a field names. Where there is none of that name, that is noted with the one that was probably meant.
pub(super) fn agent(
    tx: &mut Tx<'_>,
    tenant: &TenantId,
    (pointer, name): (&'static str, Option<&str>),
    wrong: &mut Wrong,
) -> Result<Option<AgentId>, Problem> {
    let Some(name) = name else { return Ok(None) };
    if let Some(agent) = agents::by_name(tx, tenant, name)? {
        return Ok(Some(agent.row.id));
    }
    let known = agents::all_names(tx, tenant)?;
    wrong.add(pointer, no_such("agent", name, known.iter().map(String::as_str), "create the agent first"));
    Ok(None)
}

/// The campaign with this id must be there, for whoever sees this tenant or, without one, all.
///
/// # Errors
/// 404 where it is not.
pub(super) fn campaign(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &CampaignId) -> Result<(), Problem> {
    if campaigns::is_there(tx, scope, id)? { Ok(()) } else { Err(Problem::NotFound("campaign")) }
}
