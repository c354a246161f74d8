//! Agents: names that LiveKit workers register under.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::configuration::{self, Agent, Kind};
use crate::db::resources::{Stored, agents};
use crate::db::{self, Tx};
use crate::http::problem::Problem;
use crate::ids::{AgentId, TenantId};
use crate::tenancy::record;
use crate::tenancy::values::{self, LONGEST_NAME};

use super::access::Who;
use super::body::Params;
use super::configured::{self, Listing, Resource, View, Writing, Wrong, yes};
use super::example::{Example, ids};
use super::page::Page;
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = (Agent::PATH, "/api/v1/agents/{id}");
    vec![
        Route::get(all, list)
            .named("listAgents", "agents", "List agents, newest first")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<AgentView>("A page of agents."),
        Route::post(all, configured::create::<Agent>)
            .named("createAgent", "agents", "Create an agent")
            .needs(Role::Operator)
            .creates::<AgentWrite, AgentView>("The agent."),
        Route::get(one, configured::show::<Agent>)
            .named("getAgent", "agents", "Show an agent")
            .needs(Role::Viewer)
            .shows::<AgentView>("The agent."),
        Route::patch(one, configured::update::<Agent>)
            .named("updateAgent", "agents", "Change an agent")
            .needs(Role::Operator)
            .updates::<AgentWrite, AgentView>(json!({"isActive": false}), "The agent as it is now."),
        Route::delete(one, configured::archive::<Agent>)
            .named("archiveAgent", "agents", "Archive an agent")
            .says("It is gone from routing and lists; calls keep its name.")
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "A campaign or its tenant still names it.")
            .archives("It is archived."),
    ]
}

/// An agent: a name that LiveKit workers register under.
pub type AgentView = View<record::Agent>;

/// An agent as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentWrite {
    /// Whose it is; only needed from the platform's own people, and fixed from then on.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The `agent_name` that its worker registers.
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub name: String,
    /// Whether it may be chosen.
    #[serde(default = "yes")]
    pub is_active: bool,
}

/// What a list of agents is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Of this name.
    name: Option<String>,
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
) -> Result<axum::Json<Page<AgentView>>, Problem> {
    let ListParams { tenant_id: tenant, name, cursor, limit } = params;
    configured::page::<Agent>(&app, &who, Listing { tenant, cursor, limit }, move |tx, part| {
        agents::list(tx, part, name.as_deref())
    })
    .await
}

impl Resource for Agent {
    const KIND: Kind = Kind::Agent;
    const NOUN: &'static str = "agent";
    const PATH: &'static str = "/api/v1/agents";

    type Id = AgentId;
    type Write = AgentWrite;
    type Record = record::Agent;
    type Shown = record::Agent;

    fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &AgentId) -> db::Result<Option<Stored<Agent>>> {
        agents::by_id(tx, scope, id)
    }

    fn id(&self) -> &AgentId {
        &self.id
    }

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn record(&self) -> record::Agent {
        record::Agent::of(self)
    }

    fn shown(self) -> record::Agent {
        self.record()
    }

    fn form(&self) -> AgentWrite {
        AgentWrite { tenant_id: Some(self.tenant.clone()), name: self.name.clone(), is_active: self.active }
    }

    fn tenant_of_new(who: &Who, written: &AgentWrite, _: Timestamp) -> Result<TenantId, Problem> {
        who.tenant_for(written.tenant_id.as_ref())
    }

    fn checked(tx: &mut Tx<'_>, with: &Writing<'_, Agent>, written: AgentWrite) -> Result<Agent, Problem> {
        let mut wrong = Wrong::default();
        wrong.same_tenant(with, written.tenant_id.as_ref());
        let name = wrong.check("/name", values::name(&written.name)).to_owned();
        wrong.nothing()?;
        let taken: db::Result<_> = agents::by_name(tx, with.tenant, &name);
        if let Some(other) = taken?.filter(|other| with.is_another(&other.row.id)) {
            return Err(configured::taken("agent", &name, &other.row.id));
        }
        Ok(Agent {
            id: with.was.map_or_else(|| AgentId::new(with.now), |was| was.id.clone()),
            tenant: with.tenant.clone(),
            name,
            active: written.is_active,
            archived: false,
        })
    }

    fn save(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
        configuration::save_agent(tx, self, now)
    }

    fn before_archive(&self, tx: &mut Tx<'_>, _: &Who, _: Timestamp) -> Result<(), Problem> {
        match agents::named_by(tx, self)? {
            Some(named) => {
                Err(Problem::Conflict(format!("{named} still names this agent: give it another one first")))
            }
            None => Ok(()),
        }
    }
}

impl Example for record::Agent {
    fn example() -> record::Agent {
        record::Agent {
            id: ids::AGENT.into(),
            tenant_id: ids::TENANT.into(),
            name: "telephony-agent".to_owned(),
            is_active: true,
        }
    }
}

impl Example for AgentWrite {
    fn example() -> AgentWrite {
        AgentWrite { tenant_id: None, name: "telephony-agent".to_owned(), is_active: true }
    }
}
