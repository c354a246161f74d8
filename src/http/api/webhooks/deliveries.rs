//! Deliveries: what became of each event at each endpoint.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Role;
use crate::db::Tx;
use crate::db::deliveries::{self, Again, Attempt, Delivery, Status};
use crate::events;
use crate::http::api::access::Who;
use crate::http::api::body::Params;
use crate::http::api::example::{self, Example, ids};
use crate::http::api::idempotency::{self, Created, Once};
use crate::http::api::page::{Asked, Page};
use crate::http::api::route::Route;
use crate::http::problem::Problem;
use crate::ids::{DeliveryId, EndpointId};

use super::endpoints::found;

const TAG: &str = "webhook-endpoints";
const DISABLED: &str = "the endpoint is disabled: enable it first";

pub(super) fn routes() -> Vec<Route> {
    let all = "/api/v1/webhook-endpoints/{id}/deliveries";
    vec![
        Route::get(all, list)
            .named("listWebhookDeliveries", TAG, "List an endpoint's deliveries, newest first")
            .needs(Role::Owner)
            .query::<ListParams>()
            .pages::<Delivery>("A page of deliveries."),
        Route::get("/api/v1/webhook-endpoints/{id}/deliveries/{delivery}", show)
            .named("getWebhookDelivery", TAG, "Show a delivery with what was sent and every try")
            .needs(Role::Owner)
            .answers::<DeliveryDetail>(StatusCode::OK, "The delivery."),
        Route::post("/api/v1/webhook-endpoints/{id}/deliveries/{delivery}/redeliver", redeliver)
            .named("redeliverWebhook", TAG, "Deliver an event once more")
            .says("As a delivery of its own, with the same `webhook-id`, at once.")
            .needs(Role::Owner)
            .once()
            .fails(StatusCode::CONFLICT, "The endpoint is disabled, or the event is no longer kept.")
            .answers::<Delivery>(StatusCode::CREATED, "The new delivery."),
        Route::post("/api/v1/webhook-endpoints/{id}/test", send_test)
            .named("testWebhookEndpoint", TAG, "Send a test event")
            .says("An event `webhook.test`, to see whether the endpoint works.")
            .needs(Role::Owner)
            .once()
            .fails(StatusCode::CONFLICT, "The endpoint is disabled.")
            .answers::<Delivery>(StatusCode::CREATED, "The delivery of the test event."),
    ]
}

/// A delivery with all there is to know of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// What is sent; null when it is no longer kept.
    pub body: Option<Value>,
    /// Every try, the first one first.
    pub tries: Vec<Attempt>,
}

/// What a list of deliveries is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Where they stand.
    status: Option<Status>,
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Path(id): Path<EndpointId>,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<Delivery>>, Problem> {
    let asked = Asked::<DeliveryId>::new(params.cursor.as_deref(), params.limit)?;
    let (after, rows) = (asked.after.clone(), asked.rows());
    let read = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        let endpoint = found(tx, &who, &id)?;
        Ok(deliveries::list(tx, &endpoint, params.status, after.as_ref(), rows)?)
    };
    let found = app.db.read(read).await?;
    Ok(axum::Json(asked.page(found, |delivery| delivery.id.clone(), |delivery| delivery)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path((id, delivery)): Path<(EndpointId, DeliveryId)>,
) -> Result<axum::Json<DeliveryDetail>, Problem> {
    let read = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        let delivery = one(tx, &who, &id, &delivery)?.1;
        let event = deliveries::event(tx, &delivery.event_id)?;
        let body = event.and_then(|event| serde_json::from_str(&event.body).ok());
        let tries = deliveries::attempts(tx, &delivery.id)?;
        Ok(DeliveryDetail { delivery, body, tries })
    };
    Ok(axum::Json(app.db.read(read).await?))
}

async fn redeliver(
    State(app): State<App>,
    who: Who,
    once: Once,
    Path((id, delivery)): Path<(EndpointId, DeliveryId)>,
) -> Result<Response, Problem> {
    let by = who.clone();
    let made = idempotency::create(&app, &who, (once, String::new()), move |tx, now| {
        let (endpoint, old) = one(tx, &by, &id, &delivery)?;
        match deliveries::redeliver(tx, &endpoint, &old, now)? {
            Again::Made(new) => note(tx, &by, "webhook_delivery.repeated", *new),
            Again::EndpointDisabled => Err(Problem::Conflict(DISABLED.to_owned())),
            Again::EventGone => Err(Problem::Conflict("the event is no longer kept".to_owned())),
        }
    });
    let made = made.await?;
    app.webhooks_due();
    Ok(made)
}

async fn send_test(
    State(app): State<App>,
    who: Who,
    once: Once,
    Path(id): Path<EndpointId>,
) -> Result<Response, Problem> {
    let by = who.clone();
    let made = idempotency::create(&app, &who, (once, String::new()), move |tx, now| {
        let endpoint = found(tx, &by, &id)?;
        let body =
            json!({"type": events::TEST, "timestamp": now, "data": {"endpointId": endpoint.id}}).to_string();
        match deliveries::send_test(tx, &endpoint, body, now)? {
            Some(new) => note(tx, &by, "webhook_endpoint.tested", new),
            None => Err(Problem::Conflict(DISABLED.to_owned())),
        }
    });
    let made = made.await?;
    app.webhooks_due();
    Ok(made)
}

impl Example for Delivery {
    fn example() -> Delivery {
        Delivery {
            id: ids::DELIVERY.into(),
            tenant_id: ids::TENANT.into(),
            endpoint_id: ids::ENDPOINT.into(),
            event_id: ids::EVENT.into(),
            event_type: events::CALL_ENDED.to_owned(),
            status: Status::Delivered,
            next_try_at: None,
            attempts: 1,
            first_tried_at: Some(example::at(184)),
            last_tried_at: Some(example::at(184)),
            response_status: Some(204),
            error: None,
            delivered_at: Some(example::at(184)),
            created_at: example::at(184),
        }
    }
}

impl Example for DeliveryDetail {
    fn example() -> DeliveryDetail {
        let tried = Attempt {
            attempt: 1,
            at: example::at(184),
            response_status: Some(204),
            error: None,
            response: None,
            took_ms: 41,
        };
        let data = json!({"id": ids::CALL, "status": "completed", "endReason": "caller_hung_up"});
        let body = json!({"type": events::CALL_ENDED, "timestamp": example::at(183), "data": data});
        DeliveryDetail { delivery: Delivery::example(), body: Some(body), tries: vec![tried] }
    }
}

fn one(
    tx: &mut Tx<'_>,
    who: &Who,
    endpoint: &EndpointId,
    id: &DeliveryId,
) -> Result<(crate::db::endpoints::Endpoint, Delivery), Problem> {
    let endpoint = found(tx, who, endpoint)?;
    let delivery = deliveries::by_id(tx, &endpoint, id)?.ok_or(Problem::NotFound("delivery"))?;
    Ok((endpoint, delivery))
}

fn note(
    tx: &mut Tx<'_>,
    who: &Who,
    action: &'static str,
    new: Delivery,
) -> Result<Created<Delivery>, Problem> {
    let subject = ("webhook_delivery", &*new.id);
    let after = Some(json!({"eventId": new.event_id, "endpointId": new.endpoint_id}));
    let entry = Entry { action, tenant: Some(&new.tenant_id), subject, before: None, after };
    audit::note(tx, &who.actor, entry, new.created_at)?;
    let at = format!("/api/v1/webhook-endpoints/{}/deliveries/{}", new.endpoint_id, new.id);
    Ok(Created::new(at, 1, new))
}
