//! Leads: who called. Calls make them; people look them up, change them, write notes on them and merge them.

mod examples;
mod export;
mod merge;
mod notes;

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Role;
use crate::db::changes::{self, Kind};
use crate::db::leads::{self, Filter, Lead, LeadCall, Note, Search};
use crate::db::tasks::{self, Task};
use crate::db::{self, Tx};
use crate::events;
use crate::http::problem::Problem;
use crate::ids::{CampaignId, LeadId, TenantId};

use super::access::Who;
use super::audited;
use super::audited::Change;
use super::body::{Params, Patch};
use super::page::{Asked, Page};
use super::reply::{IfMatch, Tagged, TaggedWhole};
use super::route::Route;

/// What is shown of a lead's notes, tasks and calls with it.
const SHOWN: i64 = 20;
/// The most that a lead's metadata may be, in bytes of JSON.
const MOST_METADATA: usize = 16 * 1024;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/leads", "/api/v1/leads/{id}");
    let mut routes = vec![
        Route::get(all, list)
            .named("listLeads", "leads", "List leads, newest first")
            .says("Leads that were merged into others, or erased, are not listed.")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<Lead>("A page of leads."),
        Route::get(one, show)
            .named("getLead", "leads", "Show a lead with its newest notes and calls and its open tasks")
            .says(
                "One that was merged is still here, with `mergedInto`; one that was erased too, with `erasedAt` and \
                 nothing personal. The ETag is that of the lead alone.",
            )
            .needs(Role::Viewer)
            .shows::<LeadDetail>("The lead."),
        Route::patch(one, update)
            .named("updateLead", "leads", "Change a lead")
            .says("The next ring sets `status` to `calling`, and its end to `completed` or `missed`.")
            .needs(Role::Operator)
            .updates::<LeadWrite, Lead>(
                json!({"name": "Ada Lovelace", "status": "qualified", "metadata": {"crm": "C-17"}}),
                "The lead as it is now.",
            ),
    ];
    routes.extend(export::routes());
    routes.extend(notes::routes());
    routes.extend(merge::routes());
    routes
}

/// A lead in full.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadDetail {
    /// The lead.
    #[serde(flatten)]
    pub lead: Lead,
    /// Its newest notes, at most 20; `/notes` has them all.
    pub notes: Vec<Note>,
    /// What is to be done about it, what is due first is first; at most 20.
    pub open_tasks: Vec<Task>,
    /// Its newest calls, at most 20; `/api/v1/calls?leadId=` has them all.
    pub calls: Vec<LeadCall>,
}

/// A lead as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadWrite {
    /// What the caller is called.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// A word of your own, or `calling`, `completed`, `missed`.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]{0,39}$"))]
    pub status: String,
    /// Whatever you keep with it: at most 16 KiB. Keys that are not in a patch stay; null takes one away.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// What a list of leads is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Filters {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Of this campaign.
    campaign_id: Option<CampaignId>,
    /// With this status.
    #[schemars(length(max = 40))]
    status: Option<String>,
    /// Part of a number, however it is written, or of a name, in any case.
    #[schemars(length(min = 1, max = 200))]
    search: Option<String>,
    /// With something to be done about them now, or without.
    has_open_task: Option<bool>,
}

impl Filters {
    /// As the database takes it.
    ///
    /// # Errors
    /// 404 for another tenant's id.
    fn resolve(self, app: &App, who: &Who) -> Result<Filter, Problem> {
        Ok(Filter {
            tenant: who.narrowed_to(self.tenant_id)?,
            campaign: self.campaign_id,
            status: self.status,
            search: self.search.as_deref().map(Search::of),
            open_task: self.has_open_task.map(|has| (has, app.clock.now())),
        })
    }
}

/// What a list of leads is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    #[serde(flatten)]
    filters: Filters,
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
) -> Result<axum::Json<Page<Lead>>, Problem> {
    let asked = Asked::<LeadId>::new(params.cursor.as_deref(), params.limit)?;
    let filter = params.filters.resolve(&app, &who)?;
    let looks_everywhere = filter.search.is_some() || filter.open_task.is_some();
    let (after, rows) = (asked.after.clone(), asked.rows());
    let read = move |tx: &mut Tx<'_>| leads::page(tx, &filter, after.as_ref(), rows);
    // Looking for a part of a text reads many rows, which must hold up nobody else.
    let found = if looks_everywhere { app.db.report(read).await } else { app.db.read(read).await };
    Ok(axum::Json(asked.page(found?, |lead| lead.id.clone(), |lead| lead)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<LeadId>,
) -> Result<TaggedWhole<LeadDetail>, Problem> {
    let now = app.clock.now();
    let read = move |tx: &mut Tx<'_>| -> Result<LeadDetail, Problem> {
        let lead = found(tx, &who, &id)?;
        let tasks = tasks::Filter {
            tenant: Some(lead.tenant_id.clone()),
            lead: Some(lead.id.clone()),
            due_before: None,
        };
        Ok(LeadDetail {
            notes: leads::notes(tx, &lead.id, None, SHOWN)?,
            open_tasks: tasks::due(tx, &tasks, false, None, (now, SHOWN))?,
            calls: leads::calls(tx, &lead, SHOWN)?,
            lead,
        })
    };
    let detail = app.db.read(read).await?;
    Ok(TaggedWhole(detail.lead.revision, detail))
}

async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<LeadId>,
    seen: IfMatch,
    patch: Patch<LeadWrite>,
) -> Result<Tagged<Lead>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<Lead, Problem> {
        let before = held(tx, &who, &id)?;
        seen.required(before.revision)?;
        is_alive(&before)?;
        let form = LeadWrite {
            name: before.name.clone(),
            status: before.status.clone(),
            metadata: before.metadata.clone(),
        };
        let written = patch.onto(&form)?;
        fits(&written.metadata)?;
        let next =
            Lead { name: written.name, status: written.status, metadata: written.metadata, ..before.clone() };
        let after = leads::save(tx, &next, now)?.ok_or(Problem::NotFound("lead"))?;
        let what = (&id, after.revision, events::LEAD_UPDATED);
        changes::note(tx, Kind::Lead, Some(&after.tenant_id), what, now)?;
        let change = Change { action: "lead.updated", tenant: &after.tenant_id, subject: ("lead", &id) };
        audited::note(tx, &who, change, (Some(&before), Some(&after)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    Ok(Tagged(after.revision, after))
}

fn fits(metadata: &Map<String, Value>) -> Result<(), Problem> {
    let size = serde_json::to_vec(metadata).map_err(anyhow::Error::from)?.len();
    if size <= MOST_METADATA {
        return Ok(());
    }
    Err(Problem::invalid("/metadata", format!("would be {size} bytes of JSON: {MOST_METADATA} is the most")))
}

/// The lead, if it is one of theirs.
pub(super) fn found(tx: &mut Tx<'_>, who: &Who, id: &LeadId) -> Result<Lead, Problem> {
    leads::of(tx, who.scope(), id)?.ok_or(Problem::NotFound("lead"))
}

/// The same, to be changed.
pub(super) fn held(tx: &mut Tx<'_>, who: &Who, id: &LeadId) -> Result<Lead, Problem> {
    let found: db::Result<_> = leads::for_update(tx, who.scope(), id);
    found?.ok_or(Problem::NotFound("lead"))
}

/// What was merged or erased does not change any more.
///
/// # Errors
/// 409 that says which.
pub(super) fn is_alive(lead: &Lead) -> Result<(), Problem> {
    match (&lead.merged_into, lead.erased_at) {
        (_, Some(_)) => Err(Problem::Conflict(format!("{} was erased", lead.id))),
        (Some(target), None) => Err(Problem::Conflict(format!("{} was merged into {target}", lead.id))),
        (None, None) => Ok(()),
    }
}
