//! Follow-up tasks: what is to be done about leads. Missed calls make some by themselves.

use axum::extract::{Path, State};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::changes::{self, Kind};
use crate::db::tasks::{self, Filter, Task, TaskKind, TaskStatus};
use crate::db::{self, Tx};
use crate::http::problem::Problem;
use crate::ids::{LeadId, TaskId, TenantId};

use super::access::Who;
use super::audited::Change;
use super::body::{Body, Params, Patch};
use super::example::{self, Example, ids};
use super::idempotency::{self, Created, Once};
use super::page::{Asked, Page};
use super::reply::{IfMatch, Tagged};
use super::route::Route;
use super::{audited, leads};

pub(super) fn routes() -> Vec<Route> {
    let one = "/api/v1/tasks/{id}";
    vec![
        Route::get("/api/v1/tasks", list)
            .named("listTasks", "tasks", "List what is to be done about leads")
            .says(
                "With `status=open` or `snoozed` what is due first is first, else what was made last. A snoozed task \
                 is open as soon as its time has come.",
            )
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<Task>("A page of tasks."),
        Route::post("/api/v1/leads/{id}/tasks", create)
            .named("createLeadTask", "tasks", "Make a task about a lead")
            .needs(Role::Operator)
            .creates::<TaskCreate, Task>("The task."),
        Route::get(one, show)
            .named("getTask", "tasks", "Show a task")
            .needs(Role::Viewer)
            .shows::<Task>("The task."),
        Route::patch(one, update)
            .named("updateTask", "tasks", "Change, snooze, finish or reopen a task")
            .needs(Role::Operator)
            .updates::<TaskWrite, Task>(
                json!({"status": "snoozed", "snoozedUntil": "2025-10-10T07:00:00Z"}),
                "The task as it is now.",
            ),
    ]
}

/// A task as it is made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskCreate {
    /// What is to be done.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// When it is to be done.
    pub due_at: Timestamp,
}

/// A task as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskWrite {
    /// What is to be done.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// When it is to be done.
    pub due_at: Timestamp,
    /// `snoozed` needs `snoozedUntil`.
    pub status: TaskStatus,
    /// When it is open again: a time to come. Only with the status `snoozed`, and gone with it.
    #[serde(default)]
    pub snoozed_until: Option<Timestamp>,
}

/// What a list of tasks is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// About this lead.
    lead_id: Option<LeadId>,
    /// With this status now.
    status: Option<TaskStatus>,
    /// Due before this time.
    due_before: Option<Timestamp>,
    /// Where the page begins: `nextCursor` of the one before, with the same `status`.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<Task>>, Problem> {
    let filter = Filter {
        tenant: who.narrowed_to(params.tenant_id)?,
        lead: params.lead_id,
        due_before: params.due_before,
    };
    let (cursor, now) = (params.cursor.as_deref(), app.clock.now());
    let status = match params.status {
        Some(TaskStatus::Open) => Some(false),
        Some(TaskStatus::Snoozed) => Some(true),
        Some(TaskStatus::Done) | None => None,
    };
    let Some(snoozed) = status else {
        let asked = Asked::<TaskId>::new(cursor, params.limit)?;
        let (after, rows) = (asked.after.clone(), (now, asked.rows()));
        let read = move |tx: &mut Tx<'_>| tasks::newest(tx, &filter, params.status, after.as_ref(), rows);
        let found = app.db.read(read).await?;
        return Ok(axum::Json(asked.page(found, |task| task.id.clone(), |task| task)));
    };
    let asked = Asked::<(Timestamp, TaskId)>::new(cursor, params.limit)?;
    let (after, rows) = (asked.after.clone(), (now, asked.rows()));
    let read = move |tx: &mut Tx<'_>| tasks::due(tx, &filter, snoozed, after.as_ref(), rows);
    let found = app.db.read(read).await?;
    Ok(axum::Json(asked.page(found, |task| (task.due_at, task.id.clone()), |task| task)))
}

async fn show(State(app): State<App>, who: Who, Path(id): Path<TaskId>) -> Result<Tagged<Task>, Problem> {
    let now = app.clock.now();
    let read = move |tx: &mut Tx<'_>| tasks::by_id(tx, who.scope(), &id, now);
    let task = app.db.read(read).await?.ok_or(Problem::NotFound("task"))?;
    Ok(Tagged(task.revision, task))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Path(lead): Path<LeadId>,
    Body { value: written, digest }: Body<TaskCreate>,
) -> Result<Response, Problem> {
    let by = who.clone();
    let make = move |tx: &mut Tx<'_>, now| {
        let about = leads::held(tx, &by, &lead)?;
        leads::is_alive(&about)?;
        let task = Task {
            id: TaskId::new(now),
            tenant_id: about.tenant_id,
            lead_id: lead.clone(),
            call_id: None,
            kind: TaskKind::Other,
            title: written.title.clone(),
            status: TaskStatus::Open,
            due_at: written.due_at,
            snoozed_until: None,
            done_at: None,
            created_by: by.actor.name.clone(),
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        tasks::insert(tx, &task)?;
        let change = Change { action: "task.created", tenant: &task.tenant_id, subject: ("task", &task.id) };
        audited::note(tx, &by, change, (None, Some(&task)), now)?;
        Ok(Created::new(format!("/api/v1/tasks/{}", task.id), task.revision, task))
    };
    idempotency::create(&app, &who, (once, digest), make).await
}

async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<TaskId>,
    seen: IfMatch,
    patch: Patch<TaskWrite>,
) -> Result<Tagged<Task>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<Task, Problem> {
        let before: db::Result<_> = tasks::for_update(tx, who.scope(), &id, now);
        let before = before?.ok_or(Problem::NotFound("task"))?;
        seen.required(before.revision)?;
        let form = TaskWrite {
            title: before.title.clone(),
            due_at: before.due_at,
            status: before.status,
            snoozed_until: before.snoozed_until,
        };
        let next = changed(&before, patch.onto(&form)?, now)?;
        if let Some(other) = tasks::other_call_back(tx, &next)? {
            return Err(Problem::Conflict(format!("this caller is to be called back already: {other}")));
        }
        let after = tasks::save(tx, &next, now)?.ok_or(Problem::NotFound("task"))?;
        changes::note(tx, Kind::Task, Some(&after.tenant_id), (&id, after.revision), now)?;
        let change = Change { action: "task.updated", tenant: &after.tenant_id, subject: ("task", &id) };
        audited::note(tx, &who, change, (Some(&before), Some(&after)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    Ok(Tagged(after.revision, after))
}

/// The task as it is to be.
///
/// # Errors
/// 422 for a time to snooze until that does not fit.
fn changed(before: &Task, written: TaskWrite, now: Timestamp) -> Result<Task, Problem> {
    let wrong = |why| Err(Problem::invalid("/snoozedUntil", why));
    let snoozed_until = match (written.status, written.snoozed_until) {
        (TaskStatus::Snoozed, None) => return wrong("is missing: say when a snoozed task is open again"),
        (TaskStatus::Snoozed, Some(until)) if until <= now => return wrong("must be a time to come"),
        (TaskStatus::Snoozed, until) => until,
        // It was not said anew: it goes with the status.
        (_, until) if until == before.snoozed_until => None,
        (_, Some(_)) => return wrong("goes only with the status snoozed"),
        (_, None) => None,
    };
    let done_at = (written.status == TaskStatus::Done).then(|| before.done_at.unwrap_or(now));
    Ok(Task {
        title: written.title,
        due_at: written.due_at,
        status: written.status,
        snoozed_until,
        done_at,
        ..before.clone()
    })
}

impl Example for Task {
    fn example() -> Task {
        Task {
            id: "task_0199c9a41c0a7d3e8f00112233445512".into(),
            tenant_id: ids::TENANT.into(),
            lead_id: ids::LEAD.into(),
            call_id: Some(ids::CALL.into()),
            kind: TaskKind::CallBack,
            title: "Call back".to_owned(),
            status: TaskStatus::Open,
            due_at: example::at(9),
            snoozed_until: None,
            done_at: None,
            created_by: "switchboard".to_owned(),
            revision: 1,
            created_at: example::at(9),
            updated_at: example::at(9),
        }
    }
}

impl Example for TaskCreate {
    fn example() -> TaskCreate {
        TaskCreate { title: "Send the price list".to_owned(), due_at: example::at(24 * 3600) }
    }
}
