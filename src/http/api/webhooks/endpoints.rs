//! Endpoints: a tenant's addresses for webhooks.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::endpoints::{self, Endpoint, Status, Wish};
use crate::db::{Tx, configuration};
use crate::events;
use crate::http::api::access::Who;
use crate::http::api::body::{Body, Params, Patch};
use crate::http::api::example::{self, Example, ids};
use crate::http::api::idempotency::{self, Created, Once};
use crate::http::api::page::{Asked, Page};
use crate::http::api::reply::{IfMatch, Tagged};
use crate::http::api::route::Route;
use crate::http::problem::Problem;
use crate::ids::{EndpointId, TenantId};
use crate::outgoing;

const TAG: &str = "webhook-endpoints";
const ABOUT: &str = "\
Events are posted as JSON by the rules of [Standard Webhooks](https://www.standardwebhooks.com): verify \
`webhook-signature` over `webhook-id.webhook-timestamp.body` with the secret, which is shown here and when it is \
rotated, and never again. Answer 2xx within 15 s. Everything else is tried again for three days; then the endpoint is \
disabled, and what waits for it goes on when it is enabled. Events of one call arrive in order; one may come twice, \
with the same `webhook-id`.";

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/webhook-endpoints", "/api/v1/webhook-endpoints/{id}");
    vec![
        Route::get(all, list)
            .named("listWebhookEndpoints", TAG, "List endpoints, newest first")
            .needs(Role::Owner)
            .query::<ListParams>()
            .pages::<Endpoint>("A page of endpoints."),
        Route::post(all, create)
            .named("createWebhookEndpoint", TAG, "Create an endpoint")
            .says(ABOUT)
            .needs(Role::Owner)
            .creates::<EndpointWrite, EndpointWithSecret>(
                "The endpoint with its secret, which is not shown again.",
            ),
        Route::get(one, show)
            .named("getWebhookEndpoint", TAG, "Show an endpoint")
            .needs(Role::Owner)
            .shows::<Endpoint>("The endpoint."),
        Route::patch(one, update)
            .named("updateWebhookEndpoint", TAG, "Change an endpoint")
            .says("Enabling one that was disabled sends what has waited for it.")
            .needs(Role::Owner)
            .updates::<EndpointWrite, Endpoint>(json!({"status": "enabled"}), "The endpoint as it is now."),
        Route::delete(one, archive)
            .named("archiveWebhookEndpoint", TAG, "Archive an endpoint")
            .needs(Role::Owner)
            .archives("It is archived; nothing is sent to it any more."),
        Route::post("/api/v1/webhook-endpoints/{id}/rotate-secret", rotate)
            .named("rotateWebhookSecret", TAG, "Replace the secret")
            .says("For 24 hours both secrets sign, so that receivers can be changed without losing an event.")
            .needs(Role::Owner)
            .answers::<EndpointWithSecret>(StatusCode::OK, "The endpoint with its new secret."),
    ]
}

/// An endpoint with its secret.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// What signs, `whsec_…`; null when an earlier answer is given again.
    pub secret: Option<String>,
}

/// An endpoint as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointWrite {
    /// Whose it is; only needed from the platform's own people, and fixed from then on.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// Where to send: https, at a public address.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// What you want to say of it.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// What it is told of: `call.ringing`, `call.answered`, `call.ended`, `call.missed`, `call.rejected`,
    /// `lead.created`, `lead.updated`, `task.created`, `webhook_endpoint.disabled`, `trunk.drifted`, `trunk.drift_ended`; or
    /// `*` for all there are.
    #[serde(default = "everything")]
    #[schemars(length(min = 1, max = 20))]
    pub events: Vec<String>,
    /// Whether it is told of anything.
    #[serde(default = "enabled")]
    pub status: Status,
}

fn everything() -> Vec<String> {
    vec![events::ANY.to_owned()]
}

const fn enabled() -> Status {
    Status::Enabled
}

/// What a list of endpoints is narrowed to.
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
) -> Result<axum::Json<Page<Endpoint>>, Problem> {
    let asked = Asked::<EndpointId>::new(params.cursor.as_deref(), params.limit)?;
    let tenant = who.narrowed_to(params.tenant_id)?;
    let (after, rows) = (asked.after.clone(), asked.rows());
    let found = app.db.read(move |tx| endpoints::list(tx, tenant.as_ref(), after.as_ref(), rows)).await?;
    Ok(axum::Json(asked.page(found, |endpoint| endpoint.id.clone(), |endpoint| endpoint)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<EndpointId>,
) -> Result<Tagged<Endpoint>, Problem> {
    let endpoint = app.db.read(move |tx| found(tx, &who, &id)).await?;
    Ok(Tagged(endpoint.revision, endpoint))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: written, digest }: Body<EndpointWrite>,
) -> Result<Response, Problem> {
    let tenant = who.tenant_for(written.tenant_id.as_ref())?;
    let wish = wish(&app, written)?;
    let by = who.clone();
    let made = idempotency::create(&app, &who, (once, digest), move |tx, now| {
        if !configuration::is_tenant(tx, &tenant)? {
            return Err(Problem::NotFound("tenant"));
        }
        if endpoints::count(tx, &tenant)? >= endpoints::MOST {
            let most = endpoints::MOST;
            return Err(Problem::Conflict(format!(
                "a tenant has at most {most} endpoints: archive one first"
            )));
        }
        let secret = outgoing::new_secret();
        let endpoint = endpoints::insert(tx, &tenant, wish.clone(), &secret, now)?;
        note(tx, &by, "webhook_endpoint.created", (None, Some(&endpoint)), now)?;
        let shown = EndpointWithSecret { endpoint, secret: Some(secret.expose_secret().to_owned()) };
        let again = EndpointWithSecret { secret: None, ..shown.clone() };
        let at = format!("/api/v1/webhook-endpoints/{}", shown.endpoint.id);
        Ok(Created { again: Some(again), ..Created::new(at, 1, shown) })
    });
    let mut answer = made.await?;
    answer.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    Ok(answer)
}

async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<EndpointId>,
    seen: IfMatch,
    patch: Patch<EndpointWrite>,
) -> Result<Tagged<Endpoint>, Problem> {
    let (now, checking) = (app.clock.now(), app.clone());
    let change = move |tx: &mut Tx<'_>| -> Result<Endpoint, Problem> {
        let before = locked(tx, &who, &id)?;
        seen.required(before.revision)?;
        let form = EndpointWrite {
            tenant_id: Some(before.tenant_id.clone()),
            url: before.url.clone(),
            description: before.description.clone(),
            events: before.events.clone(),
            status: before.status,
        };
        let written = patch.onto(&form)?;
        if written.tenant_id.as_ref() != Some(&before.tenant_id) {
            return Err(Problem::invalid(
                "/tenantId",
                "cannot be changed: make a new one for the other tenant",
            ));
        }
        let after = endpoints::update(tx, &before, wish(&checking, written)?, now)?;
        note(tx, &who, "webhook_endpoint.updated", (Some(&before), Some(&after)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    app.webhooks_due();
    Ok(Tagged(after.revision, after))
}

async fn archive(
    State(app): State<App>,
    who: Who,
    Path(id): Path<EndpointId>,
    seen: IfMatch,
) -> Result<impl IntoResponse, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<(), Problem> {
        let before = locked(tx, &who, &id)?;
        seen.if_given(before.revision)?;
        endpoints::archive(tx, &before, now)?;
        note(tx, &who, "webhook_endpoint.archived", (Some(&before), None), now)
    };
    app.db.write(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate(
    State(app): State<App>,
    who: Who,
    Path(id): Path<EndpointId>,
) -> Result<impl IntoResponse, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<EndpointWithSecret, Problem> {
        let before = locked(tx, &who, &id)?;
        let secret = outgoing::new_secret();
        let endpoint = endpoints::rotate(tx, &before, &secret, now)?;
        note(tx, &who, "webhook_endpoint.secret_rotated", (Some(&before), Some(&endpoint)), now)?;
        Ok(EndpointWithSecret { endpoint, secret: Some(secret.expose_secret().to_owned()) })
    };
    let shown = app.db.write(change).await?;
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(shown)))
}

/// What is wished, once it is known that it can be.
fn wish(app: &App, written: EndpointWrite) -> Result<Wish, Problem> {
    outgoing::target::check(&written.url, app.outgoing.allow_private)
        .map_err(|why| Problem::invalid("/url", why))?;
    for (n, word) in written.events.iter().enumerate() {
        if word != events::ANY && !events::ALL.contains(&word.as_str()) {
            let known: Vec<String> = events::ALL.iter().map(|word| (*word).to_owned()).collect();
            return Err(Problem::invalid(
                format!("/events/{n}"),
                super::super::schema::unknown(word, &known),
            ));
        }
    }
    let enabled = written.status == Status::Enabled;
    Ok(Wish { url: written.url, description: written.description, events: written.events, enabled })
}

pub(super) fn found(tx: &mut Tx<'_>, who: &Who, id: &EndpointId) -> Result<Endpoint, Problem> {
    endpoints::by_id(tx, who.scope(), id)?.ok_or(Problem::NotFound("webhook endpoint"))
}

fn locked(tx: &mut Tx<'_>, who: &Who, id: &EndpointId) -> Result<Endpoint, Problem> {
    endpoints::locked(tx, who.scope(), id)?.ok_or(Problem::NotFound("webhook endpoint"))
}

fn note(
    tx: &mut Tx<'_>,
    who: &Who,
    action: &'static str,
    (before, after): (Option<&Endpoint>, Option<&Endpoint>),
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(either) = after.or(before) else { return Ok(()) };
    let shown = |endpoint: Option<&Endpoint>| {
        endpoint.map(serde_json::to_value).transpose().map_err(anyhow::Error::from)
    };
    let entry = Entry {
        action,
        tenant: Some(&either.tenant_id),
        subject: ("webhook_endpoint", &either.id),
        before: shown(before)?,
        after: shown(after)?,
    };
    Ok(audit::note(tx, &who.actor, entry, now)?)
}

impl Example for Endpoint {
    fn example() -> Endpoint {
        Endpoint {
            id: ids::ENDPOINT.into(),
            tenant_id: ids::TENANT.into(),
            url: "https://crm.example.com/hooks/switchboard".to_owned(),
            description: "our CRM".to_owned(),
            events: vec![events::CALL_ENDED.to_owned(), events::CALL_MISSED.to_owned()],
            status: Status::Enabled,
            disabled_at: None,
            disabled_reason: None,
            previous_secret_until: None,
            revision: 1,
            created_at: example::at(-3600),
            updated_at: example::at(-3600),
        }
    }
}

impl Example for EndpointWithSecret {
    fn example() -> EndpointWithSecret {
        let secret = "whsec_ZXhhbXBsZS1zZWNyZXQtZXhhbXBsZS1zZWNyZXQ=".to_owned();
        EndpointWithSecret { endpoint: Endpoint::example(), secret: Some(secret) }
    }
}

impl Example for EndpointWrite {
    fn example() -> EndpointWrite {
        EndpointWrite {
            tenant_id: None,
            url: "https://crm.example.com/hooks/switchboard".to_owned(),
            description: "our CRM".to_owned(),
            events: vec![events::CALL_ENDED.to_owned(), events::CALL_MISSED.to_owned()],
            status: Status::Enabled,
        }
    }
}
