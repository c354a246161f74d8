//! The configuration, written as a routing file that says everything: applied anywhere, it restores just this.

use std::collections::HashMap;
use std::fmt::Write;

use super::Refused;
use super::values::{nearest, quoted};
use crate::db::Tx;
use crate::db::configuration::{self as db, Tenant};

const HEADER: &str = "\
# Switchboard's routing: who has which number, and who answers it. Written by `switchboard export`.
#
# Change it and run `switchboard apply` with it; --dry-run shows first what that does. Rows are known by their id,
# so keep the ids and names may change. A key left out keeps its value. docs/routing-file.md explains every key.
";

/// There is no tenant of this id or name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no tenant has the id or name {wanted:?}{hint}")]
pub struct NoTenant {
    wanted: String,
    hint: String,
}

/// Writes all tenants, or the one with this id or else this name, without what is archived.
///
/// # Errors
/// When there is no such tenant, or the database does not do as told.
pub fn export(tx: &mut Tx<'_>, only: Option<&str>) -> Result<String, Refused> {
    let mut tenants = db::tenants(tx)?;
    tenants.retain(|tenant| !tenant.archived);
    if let Some(wanted) = only {
        let by_id = tenants.iter().any(|tenant| tenant.id == wanted);
        if !by_id && !tenants.iter().any(|tenant| tenant.name == wanted) {
            let meant = nearest(wanted, tenants.iter().map(|tenant| tenant.name.as_str()));
            let hint = meant.map(|meant| format!("; did you mean {}?", quoted(meant))).unwrap_or_default();
            return Err(NoTenant { wanted: wanted.to_owned(), hint }.into());
        }
        tenants.retain(|tenant| if by_id { tenant.id == wanted } else { tenant.name == wanted });
    }
    tenants.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = Out(HEADER.to_owned());
    for row in &tenants {
        tenant(tx, &mut out, row)?;
    }
    Ok(out.0)
}

/// One tenant and all that it has.
fn tenant(tx: &mut Tx<'_>, out: &mut Out, row: &Tenant) -> Result<(), Refused> {
    let mut agents = db::agents(tx, &row.id)?;
    agents.retain(|agent| !agent.archived);
    agents.sort_by(|a, b| a.name.cmp(&b.name));
    // Who refers to what is archived refers to nothing.
    let agent_name: HashMap<_, _> = agents.iter().map(|agent| (&agent.id, agent.name.as_str())).collect();
    let named = |id: Option<&_>| id.and_then(|id| agent_name.get(id).copied()).unwrap_or_default();
    out.table("[[tenant]]");
    out.text("name", &row.name);
    out.text("id", &row.id);
    out.text("region", &row.region);
    out.text("time_zone", &row.time_zone);
    out.text("default_agent", named(row.default_agent.as_ref()));
    out.limit(row.max_concurrent);
    out.truth("active", row.active);
    for agent in &agents {
        out.table("[[tenant.agent]]");
        out.text("name", &agent.name);
        out.text("id", &agent.id);
        out.truth("active", agent.active);
    }
    let mut campaigns = db::campaigns(tx, &row.id)?;
    campaigns.retain(|campaign| !campaign.archived);
    campaigns.sort_by(|a, b| a.name.cmp(&b.name));
    for campaign in &campaigns {
        out.table("[[tenant.campaign]]");
        out.text("name", &campaign.name);
        out.text("id", &campaign.id);
        out.text("status", campaign.status.as_str());
        out.text("agent", named(campaign.agent.as_ref()));
        out.text("fallback_agent", named(campaign.fallback_agent.as_ref()));
        out.limit(campaign.max_concurrent);
        out.text("sip_trunk", campaign.sip_trunk.as_deref().unwrap_or_default());
    }
    let campaign_name: HashMap<_, _> = campaigns.iter().map(|row| (&row.id, row.name.as_str())).collect();
    let mut numbers = db::numbers(tx, &row.id)?;
    numbers.retain(|number| !number.archived);
    numbers.sort_by(|a, b| a.number.cmp(&b.number));
    for number in &numbers {
        out.table("[[tenant.number]]");
        out.text("number", &number.number);
        out.text("id", &number.id);
        let campaign = number.campaign.as_ref().and_then(|id| campaign_name.get(id).copied());
        out.text("campaign", campaign.unwrap_or_default());
        out.text("type", number.kind.as_str());
        out.text("provider", number.provider.as_str());
        out.text("provider_sid", number.provider_sid.as_deref().unwrap_or_default());
        out.text("livekit_trunk", number.livekit_trunk.as_deref().unwrap_or_default());
        out.truth("active", number.active);
    }
    let mut trunks = db::trunks(tx, &row.id)?;
    trunks.retain(|trunk| !trunk.archived);
    trunks.sort_by(|a, b| a.name.cmp(&b.name));
    for trunk in &trunks {
        out.table("[[tenant.trunk]]");
        out.text("name", &trunk.name);
        out.text("id", &trunk.id);
        out.text("twilio", trunk.twilio.as_deref().unwrap_or_default());
        out.text("livekit", trunk.livekit.as_deref().unwrap_or_default());
        out.text("project", &trunk.project);
        out.truth("active", trunk.active);
    }
    Ok(())
}

/// The file, as it grows. Writing to a string does not fail.
struct Out(String);

impl Out {
    fn table(&mut self, header: &str) {
        let _ = write!(self.0, "\n{header}\n");
    }

    fn text(&mut self, key: &str, value: &str) {
        let quoted = toml_edit::Value::from(value);
        let _ = writeln!(self.0, "{key} = {quoted}");
    }

    fn truth(&mut self, key: &str, value: bool) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn limit(&mut self, max: Option<i64>) {
        match max {
            Some(max) => {
                let _ = writeln!(self.0, "max_concurrent = {max}");
            }
            None => self.text("max_concurrent", "unlimited"),
        }
    }
}
