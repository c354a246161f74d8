//! Agents: names that LiveKit workers register under.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
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

use super::access::Who;
use super::body::{Body, Params, Patch};
use super::configured::{self, Change};
use super::example::{self, Example, ids};
use super::idempotency::{self, Created, Once};
use super::page::{Asked, Page};
use super::reply::{IfMatch, Tagged};
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/agents", "/api/v1/agents/{id}");
    vec![
        Route::get(all, list)
            .named("listAgents", "agents", "List agents, newest first")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<AgentView>("A page of agents."),
        Route::post(all, create)
            .named("createAgent", "agents", "Create an agent")
            .needs(Role::Operator)
            .creates::<AgentWrite, AgentView>("The agent."),
        Route::get(one, show)
            .named("getAgent", "agents", "Show an agent")
            .needs(Role::Viewer)
            .shows::<AgentView>("The agent."),
        Route::patch(one, update)
            .named("updateAgent", "agents", "Change an agent")
            .needs(Role::Operator)
            .updates::<AgentWrite, AgentView>(json!({"isActive": false}), "The agent as it is now."),
        Route::delete(one, archive)
            .named("archiveAgent", "agents", "Archive an agent")
            .says("It is gone from routing and lists; calls keep its name.")
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "A campaign or its tenant still names it.")
            .archives("It is archived."),
    ]
}

/// An agent: a name that LiveKit workers register under.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentView {
    /// Its id, `agt_…`.
    pub id: AgentId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The `agent_name` that its worker registers.
    pub name: String,
    /// Whether it may be chosen.
    pub is_active: bool,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An agent as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentWrite {
    /// Whose it is; only needed from the platform's own people, and fixed from then on.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The `agent_name` that its worker registers.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Whether it may be chosen.
    #[serde(default = "configured::yes")]
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

impl AgentView {
    fn of(stored: &Stored<Agent>) -> AgentView {
        AgentView {
            id: stored.row.id.clone(),
            tenant_id: stored.row.tenant.clone(),
            name: stored.row.name.clone(),
            is_active: stored.row.active,
            revision: stored.revision,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<AgentView>>, Problem> {
    let asked = Asked::<AgentId>::new(params.cursor.as_deref(), params.limit)?;
    let tenant = who.narrowed_to(params.tenant_id)?;
    let (after, rows) = (asked.after.clone(), asked.rows());
    let read = move |tx: &mut Tx<'_>| {
        agents::list(tx, tenant.as_ref(), params.name.as_deref(), after.as_ref(), rows)
    };
    let found = app.db.read(read).await?;
    Ok(axum::Json(asked.page(found, |stored| stored.row.id.clone(), |stored| AgentView::of(&stored))))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<AgentId>,
) -> Result<Tagged<AgentView>, Problem> {
    let stored = app.db.read(move |tx| found(tx, &who, &id)).await?;
    Ok(Tagged(stored.revision, AgentView::of(&stored)))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: written, digest }: Body<AgentWrite>,
) -> Result<Response, Problem> {
    let tenant = who.tenant_for(written.tenant_id.as_ref())?;
    let (by, of) = (who.clone(), tenant.clone());
    let made = idempotency::create(&app, &who, (once, digest), move |tx, now| {
        configured::open(tx, &of)?;
        name_is_free(tx, &of, &written.name, None)?;
        let id = AgentId::new(now);
        let row = Agent {
            id: id.clone(),
            tenant: of.clone(),
            name: written.name.clone(),
            active: written.is_active,
            archived: false,
        };
        configuration::save_agent(tx, &row, now)?;
        let view = AgentView::of(&found(tx, &by, &id)?);
        let change = Change { action: "agent.created", tenant: &of, subject: ("agent", &id) };
        configured::note(tx, &by, change, (None::<&AgentView>, Some(&view)), now)?;
        Ok(Created::new(format!("/api/v1/agents/{id}"), view.revision, view))
    });
    let made = made.await?;
    app.reload_routing(vec![tenant]).await?;
    Ok(made)
}

async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<AgentId>,
    seen: IfMatch,
    patch: Patch<AgentWrite>,
) -> Result<Tagged<AgentView>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<AgentView, Problem> {
        configuration::lock(tx)?;
        let before = found(tx, &who, &id)?;
        seen.required(before.revision)?;
        let row = &before.row;
        let form =
            AgentWrite { tenant_id: Some(row.tenant.clone()), name: row.name.clone(), is_active: row.active };
        let written = patch.onto(&form)?;
        configured::same_tenant(&row.tenant, written.tenant_id.as_ref())?;
        name_is_free(tx, &row.tenant, &written.name, Some(&id))?;
        let next = Agent { name: written.name, active: written.is_active, ..row.clone() };
        configuration::save_agent(tx, &next, now)?;
        let (before, after) = (AgentView::of(&before), AgentView::of(&found(tx, &who, &id)?));
        let change = Change { action: "agent.updated", tenant: &next.tenant, subject: ("agent", &id) };
        configured::note(tx, &who, change, (Some(&before), Some(&after)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    app.reload_routing(vec![after.tenant_id.clone()]).await?;
    Ok(Tagged(after.revision, after))
}

async fn archive(
    State(app): State<App>,
    who: Who,
    Path(id): Path<AgentId>,
    seen: IfMatch,
) -> Result<impl IntoResponse, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<TenantId, Problem> {
        configuration::lock(tx)?;
        let before = found(tx, &who, &id)?;
        seen.if_given(before.revision)?;
        if let Some(named) = agents::named_by(tx, &before.row)? {
            return Err(Problem::Conflict(format!(
                "{named} still names this agent: give it another one first"
            )));
        }
        configuration::archive(tx, Kind::Agent, &[&id], now)?;
        let view = AgentView::of(&before);
        let change = Change { action: "agent.archived", tenant: &view.tenant_id, subject: ("agent", &id) };
        configured::note(tx, &who, change, (Some(&view), None), now)?;
        Ok(view.tenant_id)
    };
    let tenant = app.db.write(change).await?;
    app.reload_routing(vec![tenant]).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found(tx: &mut Tx<'_>, who: &Who, id: &AgentId) -> Result<Stored<Agent>, Problem> {
    agents::by_id(tx, who.scope(), id)?.ok_or(Problem::NotFound("agent"))
}

/// Within a tenant a name is one agent.
fn name_is_free(
    tx: &mut Tx<'_>,
    tenant: &TenantId,
    name: &str,
    but: Option<&AgentId>,
) -> Result<(), Problem> {
    let taken: db::Result<_> = agents::by_name(tx, tenant, name);
    match taken? {
        Some(other) if Some(&other.row.id) != but => {
            Err(Problem::Conflict(format!("there is an agent called {name:?} already: {}", other.row.id)))
        }
        _ => Ok(()),
    }
}

impl Example for AgentView {
    fn example() -> AgentView {
        AgentView {
            id: ids::AGENT.into(),
            tenant_id: ids::TENANT.into(),
            name: "telephony-agent".to_owned(),
            is_active: true,
            revision: 1,
            created_at: example::at(-3600),
            updated_at: example::at(-3600),
        }
    }
}

impl Example for AgentWrite {
    fn example() -> AgentWrite {
        AgentWrite { tenant_id: None, name: "telephony-agent".to_owned(), is_active: true }
    }
}
