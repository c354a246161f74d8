//! Erasures: every trace of a caller is taken out of a tenant's data, and a receipt says how much that was.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::erasing::{self, Counts, Erasure, Scope};
use crate::db::{self, Tx};
use crate::erase::{self, Erasing};
use crate::http::problem::Problem;
use crate::ids::{ErasureId, LeadId, TenantId};
use crate::phone::{self, E164};

use super::access::Who;
use super::audited::{self, Change};
use super::body::{Body, Params};
use super::example::{self, Example, ids};
use super::idempotency::{self, Created, Once};
use super::leads;
use super::page::{Asked, Page};
use super::reply::Tagged;
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/erasures", "/api/v1/erasures/{id}");
    let says = "Everything personal is taken out of the caller's leads (of all campaigns, and with them those that \
                were merged), notes, tasks, calls and webhooks, and the number out of everything else of the \
                tenant's, in place: ids, times, statuses and counts stay. 409 while a call of theirs is not over. It \
                takes as long as it takes to look through the tenant's data, and goes on if you do not wait. Doing \
                it twice does no harm, and what broke off is finished by asking again. It cannot be undone.";
    vec![
        Route::get(all, list)
            .named("listErasures", "erasures", "List the receipts of erasures, newest first")
            .needs(Role::Owner)
            .query::<ListParams>()
            .pages::<Erasure>("A page of receipts."),
        Route::post(all, create)
            .named("createErasure", "erasures", "Erase a caller by their number")
            .says(says)
            .needs(Role::Owner)
            .creates::<ErasureCreate, Erasure>("The receipt."),
        Route::get(one, show)
            .named("getErasure", "erasures", "Show the receipt of an erasure")
            .needs(Role::Owner)
            .shows::<Erasure>("The receipt."),
        Route::post("/api/v1/leads/{id}/erase", of_lead)
            .named("eraseLead", "erasures", "Erase a caller by one of their leads")
            .says(says)
            .needs(Role::Owner)
            .once()
            .answers::<Erasure>(StatusCode::CREATED, "The receipt."),
    ]
}

/// Whom to erase.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureCreate {
    /// Whose caller it is; only needed from the platform's own people.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The caller's number, however it is written.
    #[schemars(length(min = 1, max = 100))]
    pub phone_number: String,
}

/// What a list of receipts is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
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
) -> Result<axum::Json<Page<Erasure>>, Problem> {
    let asked = Asked::<ErasureId>::new(params.cursor.as_deref(), params.limit)?;
    let tenant = who.narrowed_to(params.tenant_id)?;
    let (after, rows) = (asked.after.clone(), asked.rows());
    let read = move |tx: &mut Tx<'_>| erasing::list(tx, tenant.as_ref(), after.as_ref(), rows);
    let found = app.db.read(read).await?;
    Ok(axum::Json(asked.page(found, |receipt| receipt.id.clone(), |receipt| receipt)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<ErasureId>,
) -> Result<Tagged<Erasure>, Problem> {
    let found = app.db.read(move |tx| erasing::by_id(tx, who.scope(), &id)).await?;
    Ok(Tagged(1, found.ok_or(Problem::NotFound("erasure"))?))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: asked, digest }: Body<ErasureCreate>,
) -> Result<Response, Problem> {
    let tenant = who.tenant_for(asked.tenant_id.as_ref())?;
    let of = tenant.clone();
    let region: db::Result<_> = app.db.read(move |tx| erasing::region(tx, &of)).await;
    let region = region?.ok_or(Problem::NotFound("tenant"))?;
    let number = phone::e164(&asked.phone_number, &region)
        .map_err(|wrong| Problem::invalid("/phoneNumber", wrong.to_string()))?;
    erase(app, who, (once, few(&digest)), (tenant, number)).await
}

async fn of_lead(
    State(app): State<App>,
    who: Who,
    once: Once,
    Path(id): Path<LeadId>,
) -> Result<Response, Problem> {
    if let Some(given) = idempotency::given(&app, &who, (&once, "")).await? {
        return Ok(given);
    }
    let by = who.clone();
    let found = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        let lead = leads::found(tx, &by, &id)?;
        let erased = Problem::Conflict(format!("{id} was erased"));
        Ok((lead.tenant_id, erasing::number_of(tx, &id)?.ok_or(erased)?))
    };
    let found = app.db.read(found).await?;
    erase(app, who, (once, String::new()), found).await
}

/// Enough of a digest to tell one request from another, and too little to find the number by trying them all: it is
/// kept for a day.
fn few(digest: &str) -> String {
    digest.chars().take(4).collect()
}

/// Erases in a task of its own, so that it is not broken off where whoever asked goes away.
async fn erase(
    app: App,
    who: Who,
    (once, digest): (Once, String),
    (tenant, number): (TenantId, E164),
) -> Result<Response, Problem> {
    if let Some(given) = idempotency::given(&app, &who, (&once, &digest)).await? {
        return Ok(given);
    }
    let (done, answer) = tokio::sync::oneshot::channel();
    let running = app.clone();
    app.spawn(async move {
        let outcome = match run(&running, &once, tenant, number).await {
            Ok((scope, counts)) => finish(&running, who, (once, digest), (scope, counts)).await,
            Err(problem) => Err(problem),
        };
        done.send(outcome).ok();
    });
    answer.await.unwrap_or_else(|_| Err(Problem::busy()))
}

async fn run(
    app: &App,
    once: &Once,
    tenant: TenantId,
    number: E164,
) -> Result<(Arc<Scope>, Counts), Problem> {
    let mut erasing = Erasing::begin(app, tenant, number).await?;
    if once.key().is_some_and(|key| erasing.scope().needles.taken_from(key).is_some()) {
        let why = "must not have the caller's number in it: it is kept for a day";
        return Err(Problem::invalid_header("Idempotency-Key", why));
    }
    erasing.run().await?;
    Ok(erasing.parts())
}

async fn finish(
    app: &App,
    who: Who,
    once: (Once, String),
    (scope, counts): (Arc<Scope>, Counts),
) -> Result<Response, Problem> {
    let by = who.clone();
    let make = move |tx: &mut Tx<'_>, now: Timestamp| -> Result<Created<Erasure>, Problem> {
        let mut erased = counts;
        erased += erase::finish(tx, &scope, now)?;
        let id = ErasureId::new(now);
        let (tenant_id, requested_by) = (scope.tenant.clone(), by.actor.label().to_owned());
        let receipt = Erasure { id, tenant_id, at: now, requested_by, erased };
        erasing::insert(tx, &receipt)?;
        let (action, subject) = ("caller.erased", ("erasure", &*receipt.id));
        let change = Change { action, tenant: &receipt.tenant_id, subject };
        audited::note(tx, &by, change, (None, Some(&receipt)), now)?;
        tracing::info!(erasure = %receipt.id, "erased a caller");
        Ok(Created::new(format!("/api/v1/erasures/{}", receipt.id), 1, receipt))
    };
    idempotency::create(app, &who, once, make).await
}

impl From<erase::Error> for Problem {
    fn from(error: erase::Error) -> Problem {
        match error {
            erase::Error::Database(error) => error.into(),
            error => Problem::Conflict(error.to_string()),
        }
    }
}

impl Example for Erasure {
    fn example() -> Erasure {
        Erasure {
            id: "ers_0199c9a41c0a7d3e8f00112233445513".into(),
            tenant_id: ids::TENANT.into(),
            at: example::at(86_400),
            requested_by: ids::USER.to_owned(),
            erased: Counts {
                leads: 1,
                notes: 1,
                tasks: 1,
                calls: 1,
                call_keys: 0,
                facts: 4,
                audit_entries: 2,
                webhook_events: 3,
                deliveries: 0,
                kept_answers: 1,
            },
        }
    }
}

impl Example for ErasureCreate {
    fn example() -> ErasureCreate {
        ErasureCreate { tenant_id: None, phone_number: "+15551234567".to_owned() }
    }
}
