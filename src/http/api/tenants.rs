//! Tenants: whose agents, campaigns, numbers, trunks, people and calls it all is.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::configuration::{self, Kind, Tenant};
use crate::db::resources::Stored;
use crate::db::resources::tenants::{self, Found};
use crate::db::{self, Tx, calls};
use crate::http::problem::Problem;
use crate::ids::TenantId;
use crate::tenancy::rows::{self, Row};
use crate::tenancy::values::{self, HIGHEST_LIMIT, LONGEST_ID, LONGEST_NAME, LOWEST_LIMIT};
use crate::tenancy::{DEFAULT_TIME_ZONE, record};

use super::access::Who;
use super::body::Params;
use super::configured::{self, Listing, Resource, View, Writing, Wrong, yes};
use super::example::{Example, ids};
use super::page::Page;
use super::references;
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = (Found::PATH, "/api/v1/tenants/{id}");
    vec![
        Route::get(all, list)
            .named("listTenants", "tenants", "List tenants, newest first")
            .says("A tenant's own people see their own.")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<TenantView>("A page of tenants."),
        Route::post(all, configured::create::<Found>)
            .named("createTenant", "tenants", "Create a tenant")
            .needs(Role::Admin)
            .creates::<TenantWrite, TenantView>("The tenant."),
        Route::get(one, configured::show::<Found>)
            .named("getTenant", "tenants", "Show a tenant")
            .needs(Role::Viewer)
            .shows::<TenantView>("The tenant."),
        Route::patch(one, configured::update::<Found>)
            .named("updateTenant", "tenants", "Change a tenant")
            .says("Its owners may change all but `isActive`, which the platform's admins set.")
            .needs(Role::Owner)
            .updates::<TenantWrite, TenantView>(
                json!({"timeZone": "America/Chicago"}),
                "The tenant as it is now.",
            ),
        Route::delete(one, configured::archive::<Found>)
            .named("archiveTenant", "tenants", "Archive a tenant")
            .says("Its agents, campaigns, numbers and trunks go with it; its people and keys are let in no more.")
            .needs(Role::Admin)
            .fails(StatusCode::CONFLICT, "Calls of it are open.")
            .archives("It is archived."),
    ]
}

/// A tenant.
pub type TenantView = View<record::Tenant>;

/// A tenant as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantWrite {
    /// Its id, where it has one already: letters, digits and `- _ . :`. Left out, one is made. Fixed from then on.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub id: Option<TenantId>,
    /// What it is called; no two tenants share a name.
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub name: String,
    /// Whether its numbers take calls.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// How its national numbers are read: a country's two letters (ISO 3166); left out: as the settings say.
    #[serde(default)]
    #[schemars(length(min = 2, max = 2))]
    pub region: Option<String>,
    /// Its IANA time zone, by which its days begin and end.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 100))]
    pub time_zone: String,
    /// Who answers where a number has no campaign, or its campaign no agent, by the name of one of its agents; null: the
    /// platform's own agent.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub default_agent_name: Option<String>,
    /// The most calls it takes at once; null: no limit.
    #[serde(default)]
    #[schemars(range(min = LOWEST_LIMIT, max = HIGHEST_LIMIT))]
    pub max_concurrent: Option<i64>,
}

fn utc() -> String {
    DEFAULT_TIME_ZONE.to_owned()
}

/// What a list of tenants is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this name.
    name: Option<String>,
    /// Only those that take calls, or only those that do not.
    is_active: Option<bool>,
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
) -> Result<axum::Json<Page<TenantView>>, Problem> {
    let ListParams { name, is_active: active, cursor, limit } = params;
    configured::page::<Found>(&app, &who, Listing { tenant: None, cursor, limit }, move |tx, part| {
        tenants::list(tx, part, name.as_deref(), active)
    })
    .await
}

impl Resource for Found {
    const KIND: Kind = Kind::Tenant;
    const NOUN: &'static str = "tenant";
    const PATH: &'static str = "/api/v1/tenants";
    const SHOWS_OTHERS: bool = true;

    type Id = TenantId;
    type Write = TenantWrite;
    type Record = record::Tenant;
    type Shown = record::Tenant;

    fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &TenantId) -> db::Result<Option<Stored<Found>>> {
        tenants::by_id(tx, scope, id)
    }

    fn id(&self) -> &TenantId {
        &self.row.id
    }

    fn tenant(&self) -> &TenantId {
        &self.row.id
    }

    fn record(&self) -> record::Tenant {
        record::Tenant::of(&self.row, self.default_agent.as_deref())
    }

    fn shown(self) -> record::Tenant {
        self.record()
    }

    fn form(&self) -> TenantWrite {
        TenantWrite {
            id: Some(self.row.id.clone()),
            name: self.row.name.clone(),
            is_active: self.row.active,
            region: Some(self.row.region.clone()),
            time_zone: self.row.time_zone.clone(),
            default_agent_name: self.default_agent.clone(),
            max_concurrent: self.row.max_concurrent,
        }
    }

    fn tenant_of_new(_: &Who, written: &TenantWrite, now: Timestamp) -> Result<TenantId, Problem> {
        Ok(written.id.clone().unwrap_or_else(|| TenantId::new(now)))
    }

    fn checked(tx: &mut Tx<'_>, with: &Writing<'_, Found>, written: TenantWrite) -> Result<Found, Problem> {
        let mut wrong = Wrong::default();
        let region = written.region.as_deref().unwrap_or(with.default_region);
        let agent = ("/defaultAgentName", written.default_agent_name.as_deref());
        let row = Tenant {
            id: wrong.check("/id", values::id(with.tenant)).into(),
            name: wrong.check("/name", values::name(&written.name)).to_owned(),
            active: written.is_active,
            region: wrong.check("/region", values::region(region)),
            time_zone: wrong.check("/timeZone", values::time_zone(&written.time_zone)),
            default_agent: references::agent(tx, with.tenant, agent, &mut wrong)?,
            max_concurrent: written.max_concurrent,
            archived: false,
        };
        if written.id.is_some_and(|id| id != *with.tenant) {
            wrong.add("/id", "cannot be changed");
        }
        wrong.nothing()?;
        platform_only(with, &row)?;
        is_free(tx, with, &row)?;
        Ok(Found { row, default_agent: written.default_agent_name })
    }

    fn save(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
        configuration::save_tenant(tx, &self.row, now)
    }

    fn before_archive(&self, tx: &mut Tx<'_>, who: &Who, now: Timestamp) -> Result<(), Problem> {
        let tenant = &self.row.id;
        // A ring that is being counted in comes first, and is seen.
        calls::hold_capacity(tx, Some(tenant), None)?;
        configured::no_calls(calls::open_of_tenant(tx, tenant)?)?;
        let (rows, names) = rows::of_tenant(tx, tenant)?;
        for kind in [Kind::Agent, Kind::Campaign, Kind::Number, Kind::Trunk] {
            let ids: Vec<&str> = rows.iter().filter(|row| row.kind() == kind).map(Row::id).collect();
            configuration::archive(tx, kind, &ids, now)?;
        }
        Ok(db::audit::insert(tx, &who.actor, rows.iter().map(|row| row.gone(&names)), now)?)
    }
}

/// A tenant that the platform has switched off does not switch itself on again.
fn platform_only(with: &Writing<'_, Found>, row: &Tenant) -> Result<(), Problem> {
    let same = with.was.is_some_and(|was| was.row.active == row.active);
    if with.who.scope().is_some() && !same {
        return Err(Problem::Forbidden("isActive of a tenant is set by the platform's admins"));
    }
    Ok(())
}

/// Ids and names are those of one tenant; ids also of an archived one.
fn is_free(tx: &mut Tx<'_>, with: &Writing<'_, Found>, row: &Tenant) -> Result<(), Problem> {
    let owner: db::Result<_> = configuration::owner(tx, Kind::Tenant, &row.id);
    if with.was.is_none() && owner?.is_some() {
        return Err(Problem::Conflict(format!(
            "there is, or was, a tenant with the id {:?} already",
            &*row.id
        )));
    }
    let other: db::Result<_> = tenants::by_name(tx, &row.name);
    match other?.map(|other| other.row.row.id).filter(|other| with.is_another(other)) {
        None => Ok(()),
        // Other tenants are the platform's alone to know.
        Some(_) if with.who.scope().is_some() => {
            Err(Problem::Conflict(format!("the name {:?} is in use on this platform", row.name)))
        }
        Some(other) => Err(configured::taken("tenant", &row.name, &other)),
    }
}

impl Example for record::Tenant {
    fn example() -> record::Tenant {
        record::Tenant {
            id: ids::TENANT.into(),
            name: "Acme Dental".to_owned(),
            is_active: true,
            region: "US".to_owned(),
            time_zone: "America/New_York".to_owned(),
            default_agent_id: Some(ids::AGENT.into()),
            default_agent_name: Some("telephony-agent".to_owned()),
            max_concurrent: Some(20),
        }
    }
}

impl Example for TenantWrite {
    fn example() -> TenantWrite {
        TenantWrite {
            id: Some(ids::TENANT.into()),
            name: "Acme Dental".to_owned(),
            is_active: true,
            region: Some("US".to_owned()),
            time_zone: "America/New_York".to_owned(),
            default_agent_name: None,
            max_concurrent: Some(20),
        }
    }
}
