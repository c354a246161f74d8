//! Campaigns: who answers the numbers that belong to one, and how many calls at once.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::configuration::{self, Campaign, Kind, Number};
use crate::db::resources::Stored;
use crate::db::resources::campaigns::{self, Found};
use crate::db::{self, Tx, calls};
use crate::http::problem::Problem;
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::tenancy::rows::{Names, Row};
use crate::tenancy::values::{self, HIGHEST_LIMIT, LONGEST_ID, LONGEST_NAME, LOWEST_LIMIT};
use crate::tenancy::{CampaignStatus, record};

use super::access::Who;
use super::body::Params;
use super::configured::{self, Listing, Resource, View, Writing, Wrong};
use super::example::{Example, ids};
use super::page::Page;
use super::references;
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = (Found::PATH, "/api/v1/campaigns/{id}");
    vec![
        Route::get(all, list)
            .named("listCampaigns", "campaigns", "List campaigns, newest first")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<CampaignView>("A page of campaigns."),
        Route::post(all, configured::create::<Found>)
            .named("createCampaign", "campaigns", "Create a campaign")
            .needs(Role::Operator)
            .creates::<CampaignWrite, CampaignView>("The campaign."),
        Route::get(one, configured::show::<Found>)
            .named("getCampaign", "campaigns", "Show a campaign")
            .needs(Role::Viewer)
            .shows::<CampaignView>("The campaign."),
        Route::patch(one, configured::update::<Found>)
            .named("updateCampaign", "campaigns", "Change a campaign")
            .says("It takes effect for the next ring, within a second everywhere.")
            .needs(Role::Operator)
            .updates::<CampaignWrite, CampaignView>(
                json!({"status": "paused"}),
                "The campaign as it is now.",
            ),
        Route::delete(one, configured::archive::<Found>)
            .named("archiveCampaign", "campaigns", "Archive a campaign")
            .says("It is gone from routing and lists. Its numbers stay with the tenant, without a campaign.")
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "Calls of it are open.")
            .archives("It is archived."),
    ]
}

/// A campaign as it is shown.
pub type CampaignView = View<Shown>;

/// A campaign, with some of its numbers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Campaign")]
pub struct Shown {
    /// Its own fields.
    #[serde(flatten)]
    pub campaign: record::Campaign,
    /// Its numbers, in their order, at most 100; all of them are listed by `GET /api/v1/phone-numbers?campaignId=…`.
    pub phone_numbers: Vec<LinkedNumber>,
}

/// A number of a campaign.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkedNumber {
    /// Its id.
    pub id: NumberId,
    /// In E.164.
    pub number: String,
}

/// A campaign as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignWrite {
    /// Whose it is; only needed from the platform's own people, and fixed from then on.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// What it is called; no two of a tenant share a name.
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub name: String,
    /// A paused one takes no calls.
    #[serde(default = "active")]
    pub status: CampaignStatus,
    /// Who answers, by the name of one of the tenant's agents; null: the tenant's default agent.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub agent_name: Option<String>,
    /// Who takes over when that agent does not come.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub fallback_agent_name: Option<String>,
    /// The LiveKit trunk that outbound calls of the campaign go out on, `ST_…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub sip_trunk_id: Option<String>,
    /// The most calls it takes at once; null: no limit.
    #[serde(default)]
    #[schemars(range(min = LOWEST_LIMIT, max = HIGHEST_LIMIT))]
    pub max_concurrent: Option<i64>,
}

const fn active() -> CampaignStatus {
    CampaignStatus::Active
}

/// What a list of campaigns is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Of this name.
    name: Option<String>,
    /// Only those that take calls, or only paused ones.
    status: Option<CampaignStatus>,
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<CampaignView>>, Problem> {
    let ListParams { tenant_id: tenant, name, status, cursor, limit } = params;
    configured::page::<Found>(&app, &who, Listing { tenant, cursor, limit }, move |tx, part| {
        campaigns::list(tx, part, name.as_deref(), status)
    })
    .await
}

impl Resource for Found {
    const KIND: Kind = Kind::Campaign;
    const NOUN: &'static str = "campaign";
    const PATH: &'static str = "/api/v1/campaigns";
    const SHOWS_OTHERS: bool = true;

    type Id = CampaignId;
    type Write = CampaignWrite;
    type Record = record::Campaign;
    type Shown = Shown;

    fn by_id(
        tx: &mut Tx<'_>,
        scope: Option<&TenantId>,
        id: &CampaignId,
    ) -> db::Result<Option<Stored<Found>>> {
        campaigns::by_id(tx, scope, id)
    }

    fn id(&self) -> &CampaignId {
        &self.row.id
    }

    fn tenant(&self) -> &TenantId {
        &self.row.tenant
    }

    fn record(&self) -> record::Campaign {
        record::Campaign::of(&self.row, self.agent.as_deref(), self.fallback.as_deref())
    }

    fn shown(self) -> Shown {
        let campaign = self.record();
        let numbers = self.numbers.into_iter();
        Shown { campaign, phone_numbers: numbers.map(|(id, number)| LinkedNumber { id, number }).collect() }
    }

    fn form(&self) -> CampaignWrite {
        CampaignWrite {
            tenant_id: Some(self.row.tenant.clone()),
            name: self.row.name.clone(),
            status: self.row.status,
            agent_name: self.agent.clone(),
            fallback_agent_name: self.fallback.clone(),
            sip_trunk_id: self.row.sip_trunk.clone(),
            max_concurrent: self.row.max_concurrent,
        }
    }

    fn tenant_of_new(who: &Who, written: &CampaignWrite, _: Timestamp) -> Result<TenantId, Problem> {
        who.tenant_for(written.tenant_id.as_ref())
    }

    fn checked(tx: &mut Tx<'_>, with: &Writing<'_, Found>, written: CampaignWrite) -> Result<Found, Problem> {
        let mut wrong = Wrong::default();
        wrong.same_tenant(with, written.tenant_id.as_ref());
        let (agent, fallback) = (written.agent_name, written.fallback_agent_name);
        let row = Campaign {
            id: with.was.map_or_else(|| CampaignId::new(with.now), |was| was.row.id.clone()),
            tenant: with.tenant.clone(),
            name: wrong.check("/name", values::name(&written.name)).to_owned(),
            status: written.status,
            agent: references::agent(tx, with.tenant, ("/agentName", agent.as_deref()), &mut wrong)?,
            fallback_agent: references::agent(
                tx,
                with.tenant,
                ("/fallbackAgentName", fallback.as_deref()),
                &mut wrong,
            )?,
            sip_trunk: wrong.foreign_id("/sipTrunkId", written.sip_trunk_id),
            max_concurrent: written.max_concurrent,
            archived: false,
        };
        wrong.nothing()?;
        let taken: db::Result<_> = campaigns::by_name(tx, with.tenant, &row.name);
        if let Some(other) = taken?.filter(|other| with.is_another(other)) {
            return Err(configured::taken("campaign", &row.name, &other));
        }
        let numbers = with.was.map(|was| was.numbers.clone()).unwrap_or_default();
        Ok(Found { row, agent, fallback, numbers })
    }

    fn save(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
        configuration::save_campaign(tx, &self.row, now)
    }

    fn before_archive(&self, tx: &mut Tx<'_>, who: &Who, now: Timestamp) -> Result<(), Problem> {
        let campaign = &self.row;
        // A ring that is being counted in comes first, and is seen.
        calls::hold_capacity(tx, Some(&campaign.tenant), Some(&campaign.id))?;
        configured::no_calls(calls::open_of_campaign(tx, &campaign.id)?)?;
        let before = configuration::numbers_of_campaign(tx, &campaign.id)?;
        let without = |number: &Number| Number { campaign: None, ..number.clone() };
        let after: Vec<Number> = before.iter().map(without).collect();
        configuration::save_numbers(tx, &after.iter().collect::<Vec<_>>(), now)?;
        let mut names = Names::default();
        names.campaigns.insert(campaign.id.clone(), campaign.name.clone());
        let rows: Vec<(Row, Row)> =
            before.into_iter().map(Row::from).zip(after.into_iter().map(Row::from)).collect();
        let entries = rows.iter().flat_map(|(was, row)| row.saved(Some(was), (&names, &names)));
        Ok(db::audit::insert(tx, &who.actor, entries, now)?)
    }
}

impl Example for record::Campaign {
    fn example() -> record::Campaign {
        record::Campaign {
            id: ids::CAMPAIGN.into(),
            tenant_id: ids::TENANT.into(),
            name: "New patients".to_owned(),
            status: CampaignStatus::Active,
            agent_id: Some(ids::AGENT.into()),
            agent_name: Some("telephony-agent".to_owned()),
            fallback_agent_id: None,
            fallback_agent_name: None,
            sip_trunk_id: Some("ST_yyyyyyyyyyyy".to_owned()),
            max_concurrent: Some(3),
        }
    }
}

impl Example for Shown {
    fn example() -> Shown {
        let number = LinkedNumber { id: ids::NUMBER.into(), number: "+14155550123".to_owned() };
        Shown { campaign: record::Campaign::example(), phone_numbers: vec![number] }
    }
}

impl Example for CampaignWrite {
    fn example() -> CampaignWrite {
        let record::Campaign { name, status, agent_name, sip_trunk_id, max_concurrent, .. } =
            record::Campaign::example();
        CampaignWrite {
            tenant_id: None,
            name,
            status,
            agent_name,
            fallback_agent_name: None,
            sip_trunk_id,
            max_concurrent,
        }
    }
}
