//! Operations: work that takes longer than a request is asked for here, followed and waited for.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::operations::{self, End, Filter, Operation, OperationProgress};
use crate::db::resources::tenants;
use crate::db::{self, Tx};
use crate::http::problem::Problem;
use crate::ids::{OperationId, TenantId};
use crate::operations::{Breadth, Kind, Named, Rights, TOPIC};

use super::access::{self, Who};
use super::body::{Body, Params, checked};
use super::example::{self, Example, ids};
use super::idempotency::{self, Created, Once};
use super::page::{Asked, Page};
use super::reply::Tagged;
use super::route::Route;

const TAG: &str = "operations";

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/operations", "/api/v1/operations/{id}");
    vec![
        Route::get(all, list)
            .named("listOperations", TAG, "List operations, newest first")
            .says("Those of the kinds that your role may start, without what came of them.")
            .needs(Role::Operator)
            .query::<ListParams>()
            .pages::<Operation>("A page of operations."),
        Route::post(all, create)
            .named("createOperation", TAG, "Start an operation")
            .says(
                "It is done beside calls, by whichever server takes it up, and goes on if you do not wait: see \
                 `GET /api/v1/operations/{id}?wait=30`. All kinds are safe to repeat; one that a server left which \
                 died is begun again by another, three times at most. One of a kind at once for each tenant: 409 \
                 names the one that is not over. `campaignsCheck` needs the role `operator`, and an admin who names \
                 no tenant checks all.",
            )
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "One of its kind is not over yet; the detail names it.")
            .starts::<OperationCreate, OperationDetail>("The operation, which waits to be begun.", waiting()),
        Route::get(one, show)
            .named("getOperation", TAG, "Show an operation with what came of it, or wait for that")
            .says(
                "With `wait` the answer comes when the operation is over, or after so many seconds as it is then: \
                 ask again until `state` is `succeeded`, `failed` or `cancelled`.",
            )
            .needs(Role::Operator)
            .query::<ShowParams>()
            .shows::<OperationDetail>("The operation."),
        Route::post("/api/v1/operations/{id}/cancel", cancel)
            .named("cancelOperation", TAG, "Break an operation off")
            .says(
                "One that waits is cancelled at once, one that runs within a second or two, unless it is done \
                 first. What it has done until then stays.",
            )
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "It is over.")
            .answers::<OperationDetail>(StatusCode::OK, "The operation as it is now."),
    ]
}

/// An operation to be started: the kind, and what it takes. Made of the table of kinds.
#[derive(Serialize)]
#[serde(transparent)]
struct OperationCreate(Value);

impl JsonSchema for OperationCreate {
    fn schema_name() -> Cow<'static, str> {
        "OperationCreate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "What to do; what it takes depends on the kind.", "oneOf": Kind::asked(generator)})
    }
}

/// What came of an operation, by its kind; null unless it has succeeded.
struct OperationResult;

impl JsonSchema for OperationResult {
    fn schema_name() -> Cow<'static, str> {
        "OperationResult".into()
    }

    // Generators of clients trip over a schema of its own that is one of others.
    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut forms = Kind::found(generator);
        forms.push(json_schema!({"type": "null"}));
        json_schema!({"anyOf": forms})
    }
}

/// An operation with what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OperationDetail {
    #[serde(flatten)]
    operation: Operation,
    /// What came of it, in the form of its kind; null unless it has succeeded.
    #[schemars(with = "OperationResult")]
    result: Option<Value>,
}

/// What a list of operations is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Of this kind.
    kind: Option<Kind>,
    /// In this state.
    state: Option<operations::State>,
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

/// How an operation is shown.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ShowParams {
    /// Wait until it is over, for at most so many seconds.
    #[schemars(range(min = 0, max = 60))]
    wait: Option<u64>,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<Operation>>, Problem> {
    let asked = Asked::<OperationId>::new(params.cursor.as_deref(), params.limit)?;
    let tenant = who.narrowed_to(params.tenant_id)?;
    let kinds =
        Kind::of_role(who.role).into_iter().filter(|kind| params.kind.is_none_or(|only| only == *kind));
    let filter = Filter { tenant, kinds: kinds.collect(), state: params.state };
    let (after, rows) = (asked.after.clone(), asked.rows());
    let found = app.db.read(move |tx| operations::list(tx, &filter, after.as_ref(), rows)).await?;
    Ok(axum::Json(asked.page(found, |operation| operation.id.clone(), |operation| operation)))
}

/// Whose things a kind is to work on, for whoever may say so.
///
/// # Errors
/// 403 for a role that is not enough, 404 for another tenant's id, 422 where a tenant is missing or one too many.
fn whose(who: &Who, rights: Rights, given: Option<&TenantId>) -> Result<Option<TenantId>, Problem> {
    may(who, rights)?;
    match rights.breadth {
        Breadth::TenantOrAll if who.role == Role::Admin && who.tenant.is_none() && given.is_none() => {
            Ok(None)
        }
        Breadth::Tenant | Breadth::TenantOrAll => who.tenant_for(given).map(Some),
        Breadth::All if who.tenant.is_some() => Err(Problem::Forbidden(access::not_enough(Role::Admin))),
        Breadth::All if given.is_some() => {
            Err(Problem::invalid("/tenantId", "must be left out: this is about the whole platform"))
        }
        Breadth::All => Ok(None),
    }
}

fn may(who: &Who, rights: Rights) -> Result<(), Problem> {
    if who.role < rights.least { Err(Problem::Forbidden(access::not_enough(rights.least))) } else { Ok(()) }
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: asked, digest }: Body<Map<String, Value>>,
) -> Result<Response, Problem> {
    let asked = Value::Object(asked);
    let Named { kind } = checked(asked.clone())?;
    may(&who, kind.rights())?;
    let (given, parameters) = kind.check(&app, asked)?;
    let tenant = whose(&who, kind.rights(), given.as_ref())?;
    let by = who.clone();
    idempotency::create(&app, &who, (once, digest), move |tx, now| {
        let operation = Operation::new((kind, parameters.clone()), tenant.clone(), by.actor.clone(), now);
        start(tx, &by, operation)
    })
    .await
}

fn start(tx: &mut Tx<'_>, who: &Who, operation: Operation) -> Result<Created<OperationDetail>, Problem> {
    let tenant = operation.tenant_id.as_ref();
    if let Some(tenant) = tenant
        && !tenants::is_there(tx, tenant)?
    {
        return Err(Problem::NotFound("tenant"));
    }
    if !operations::insert(tx, &operation)? {
        let open = operations::open(tx, operation.kind, tenant)?;
        let open = open.map_or_else(|| "another operation".to_owned(), |id| id.to_string());
        let why = format!("{open} does that already: wait until it is over, or cancel it");
        return Err(Problem::Conflict(why));
    }
    note(tx, who, "operation.started", &operation, operation.created_at)?;
    tx.notify(TOPIC);
    let at = format!("/api/v1/operations/{}", operation.id);
    Ok(Created::accepted(at, operation.revision, OperationDetail { operation, result: None }))
}

fn note(
    tx: &mut Tx<'_>,
    who: &Who,
    action: &'static str,
    operation: &Operation,
    now: Timestamp,
) -> db::Result<()> {
    let after = serde_json::json!({"kind": operation.kind, "parameters": operation.parameters});
    let (tenant, subject) = (operation.tenant_id.as_ref(), ("operation", &*operation.id));
    audit::note(tx, &who.actor, Entry { action, tenant, subject, before: None, after: Some(after) }, now)
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<OperationId>,
    Params(params): Params<ShowParams>,
) -> Result<Tagged<OperationDetail>, Problem> {
    // Before the first look, so that nothing is missed between two.
    let mut notices = app.db.notifications();
    let mut found = detail(&app, &who, &id).await?;
    if let Some(wait) = params.wait.filter(|wait| *wait > 0) {
        let over = tokio::time::sleep(Duration::from_secs(wait));
        tokio::pin!(over);
        while !found.operation.state.is_over() {
            let is_told = tokio::select! {
                is_told = notices.next_about(TOPIC) => is_told,
                () = &mut over => false,
                () = app.stop().cancelled() => false,
            };
            found = detail(&app, &who, &id).await?;
            if !is_told {
                break;
            }
        }
    }
    Ok(Tagged(found.operation.revision, found))
}

async fn detail(app: &App, who: &Who, id: &OperationId) -> Result<OperationDetail, Problem> {
    let (who, id) = (who.clone(), id.clone());
    let read = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        let found = operations::by_id(tx, who.scope(), &id, Kind::ALL)?;
        with_result(tx, &who, found)
    };
    app.db.read(read).await
}

/// What was found, for who may see it.
fn with_result(tx: &mut Tx<'_>, who: &Who, found: Option<Operation>) -> Result<OperationDetail, Problem> {
    let operation = found.ok_or(Problem::NotFound("operation"))?;
    may(who, operation.kind.rights())?;
    let result = operations::result(tx, &operation.id)?;
    Ok(OperationDetail { operation, result })
}

async fn cancel(
    State(app): State<App>,
    who: Who,
    Path(id): Path<OperationId>,
) -> Result<axum::Json<OperationDetail>, Problem> {
    let now = app.clock.now();
    let work = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        let found = operations::locked(tx, who.scope(), &id, Kind::ALL)?;
        let operation = with_result(tx, &who, found)?.operation;
        break_off(tx, &who, &operation, now)?;
        let now_is = operations::by_id(tx, who.scope(), &id, Kind::ALL)?;
        with_result(tx, &who, now_is)
    };
    Ok(axum::Json(app.db.write(work).await?))
}

fn break_off(tx: &mut Tx<'_>, who: &Who, operation: &Operation, now: Timestamp) -> Result<(), Problem> {
    match operation.state {
        operations::State::Waiting => {
            operations::end(tx, &operation.id, None, &End::CANCELLED, now)?;
        }
        operations::State::Running if operation.cancel_requested_at.is_none() => {
            operations::request_cancel(tx, &operation.id, now)?;
        }
        // What is wanted is so, or is about to be.
        operations::State::Running | operations::State::Cancelled => return Ok(()),
        operations::State::Succeeded | operations::State::Failed => {
            let why = format!("{} is over: it has {}", operation.id, operation.state.as_str());
            return Err(Problem::Conflict(why));
        }
    }
    note(tx, who, "operation.cancelled", operation, now)?;
    tx.notify(TOPIC);
    Ok(())
}

impl Example for OperationCreate {
    fn example() -> OperationCreate {
        OperationCreate(Kind::CampaignsCheck.example().0)
    }
}

/// The operation of the examples when it was just asked for.
fn asked_for() -> Operation {
    let kind = Kind::CampaignsCheck;
    let mut parameters = kind.example().0.as_object().cloned().unwrap_or_default();
    parameters.retain(|name, _| name != "kind" && name != "tenantId");
    let actor = audit::Actor { id: Some(ids::USER.to_owned()), ..audit::Actor::system() };
    let asked = Operation::new((kind, parameters), Some(ids::TENANT.into()), actor, example::at(86_400));
    Operation { id: ids::OPERATION.into(), ..asked }
}

/// The same as it is answered then.
fn waiting() -> Value {
    let detail = OperationDetail { operation: asked_for(), result: None };
    serde_json::to_value(detail).unwrap_or_default()
}

impl Example for Operation {
    fn example() -> Operation {
        let says = "looking who runs the agents".to_owned();
        Operation {
            state: operations::State::Succeeded,
            progress: OperationProgress { done: 2, total: Some(2), says },
            revision: 4,
            started_at: Some(example::at(86_400)),
            ended_at: Some(example::at(86_406)),
            ..asked_for()
        }
    }
}

impl Example for OperationDetail {
    fn example() -> OperationDetail {
        let result = Some(Kind::CampaignsCheck.example().1);
        OperationDetail { operation: Operation::example(), result }
    }
}
