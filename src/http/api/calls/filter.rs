//! What a list of calls is narrowed to, as it is asked for: the same for lists and exports.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::call::{EndReason, Status};
use crate::clock::Timestamp;
use crate::db::calls::Filter;
use crate::http::problem::Problem;
use crate::ids::{CampaignId, LeadId, NumberId, TenantId};
use crate::phone;

use super::super::access::Who;

/// What calls are narrowed to. Several filters together narrow to what fits all of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filters {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// That rang at this time or later.
    since: Option<Timestamp>,
    /// That rang before this time.
    until: Option<Timestamp>,
    /// To this phone number, by its id.
    number_id: Option<NumberId>,
    /// To this number, whoever has or had it, in any way of writing it.
    #[schemars(length(min = 1, max = 256))]
    to_number: Option<String>,
    /// Of this campaign.
    campaign_id: Option<CampaignId>,
    /// That this agent has, or was to have.
    #[schemars(length(min = 1, max = 200))]
    agent_name: Option<String>,
    /// From this number, in any way of writing it; national ones as in the tenant's region.
    #[schemars(length(min = 1, max = 256))]
    caller: Option<String>,
    /// With this status.
    status: Option<Status>,
    /// That ended for this reason.
    end_reason: Option<EndReason>,
    /// Of this lead.
    lead_id: Option<LeadId>,
    /// With this tag.
    #[schemars(length(min = 1, max = 50))]
    tag: Option<String>,
    /// `true`: only calls that have not ended; `false`: only those that have.
    live: Option<bool>,
}

impl Filters {
    /// The same for the database: numbers in E.164, within what the caller of the API may see.
    ///
    /// # Errors
    /// 404 for another tenant's id, 422 for a caller that is no number and a time that ends before it begins.
    pub(super) fn resolve(self, app: &App, who: &Who) -> Result<Filter, Problem> {
        let tenant = who.narrowed_to(self.tenant_id)?;
        if let (Some(since), Some(until)) = (self.since, self.until)
            && until <= since
        {
            return Err(Problem::invalid_parameter("until", "must be later than since"));
        }
        let routing = app.routing();
        let of = tenant.as_ref().and_then(|tenant| routing.tenants.get(tenant));
        let region = of.map_or(&routing.default_region, |tenant| &tenant.region);
        let caller = self.caller.map(|text| phone::e164(&text, region)).transpose().map_err(|why| {
            Problem::invalid_parameter("caller", format!("{why}: write a number like +14155550123"))
        })?;
        // What was dialled is kept as it came where it is no number.
        let called = self.to_number.map(|text| match phone::e164(&text, region) {
            Ok(number) => number.to_string(),
            Err(_) => text,
        });
        Ok(Filter {
            tenant,
            number: self.number_id,
            called,
            campaign: self.campaign_id,
            agent: self.agent_name,
            caller: caller.map(|number| number.to_string()),
            status: self.status,
            end_reason: self.end_reason,
            lead: self.lead_id,
            tag: self.tag,
            live: self.live,
            since: self.since,
            until: self.until,
        })
    }
}
