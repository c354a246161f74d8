//! Deliveries: one event for one endpoint, what came of each try, and what is on the way. How they are claimed and
//! finished is in [`super::sending`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events;
use crate::ids::{DeliveryId, EndpointId, EventId, TenantId};

use super::endpoints::{Endpoint, Status as EndpointStatus};
use super::{Error, Result, Row, Sql, Tx};

/// Where a delivery stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeliveryStatus")]
pub enum Status {
    /// It is yet to arrive.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up on.
    Failed,
    /// There is nothing to deliver any more: the event was erased.
    Cancelled,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 4] = [Status::Pending, Status::Delivered, Status::Failed, Status::Cancelled];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Delivered => "delivered",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    /// The status with this word.
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// One event for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookDelivery")]
pub struct Delivery {
    /// Ours, `dlv_…`.
    pub id: DeliveryId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// What is told: the receiver's `webhook-id`, the same at every repeat.
    pub event_id: EventId,
    /// A word of [`crate::events`].
    pub event_type: String,
    /// Where it stands.
    pub status: Status,
    /// When it is tried next; none while it is on the way, while another of the same call goes first, while its endpoint
    /// is disabled, and when it is over.
    pub next_try_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was first tried.
    pub first_tried_at: Option<Timestamp>,
    /// When it was last tried.
    pub last_tried_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub response_status: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookTry")]
pub struct Attempt {
    /// The first is 1.
    pub attempt: i64,
    /// When it began.
    pub at: Timestamp,
    /// The HTTP status of the answer, if there was one.
    pub response_status: Option<i64>,
    /// Why it failed; none when it did not.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
}

/// What is told, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Ours, `evt_…`.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// A word of [`crate::events`].
    pub kind: String,
    /// The id of what it is about.
    pub subject: String,
    /// The JSON that is sent, byte for byte.
    pub body: String,
    /// When it was made.
    pub at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, tenant_id, endpoint_id, event_id, event_type, status, due_at, holder, attempts, first_tried_at, \
         last_tried_at, response_status, error, delivered_at, created_at"
    };
}

impl Delivery {
    fn from_row(row: &Row<'_>) -> Result<Delivery> {
        let status: String = row.get("status")?;
        let holder: Option<String> = row.get("holder")?;
        let due_at: Option<Timestamp> = row.get("due_at")?;
        Ok(Delivery {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            endpoint_id: row.get("endpoint_id")?,
            event_id: row.get("event_id")?,
            event_type: row.get("event_type")?,
            status: Status::parse(&status)
                .ok_or_else(|| Error::Unexpected(format!("deliveries holds the unknown word {status}")))?,
            next_try_at: due_at.filter(|_| holder.is_none()),
            attempts: row.get("attempts")?,
            first_tried_at: row.get("first_tried_at")?,
            last_tried_at: row.get("last_tried_at")?,
            response_status: row.get("response_status")?,
            error: row.get("error")?,
            delivered_at: row.get("delivered_at")?,
            created_at: row.get("created_at")?,
        })
    }

    /// Nothing is tried while its endpoint is disabled.
    fn seen_from(self, endpoint: &Endpoint) -> Delivery {
        let next_try_at = self.next_try_at.filter(|_| endpoint.status == EndpointStatus::Enabled);
        Delivery { next_try_at, ..self }
    }
}

/// Deliveries to an endpoint, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    status: Option<Status>,
    before: Option<&DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let found = tx.all(
        concat!(
            "select ",
            columns!(),
            " from deliveries where endpoint_id = $1 and (cast($2 as text) is null or status = $2)
              and (cast($3 as text) is null or id < $3) order by id desc limit $4"
        ),
        &[&endpoint.id, &status.map(Status::as_str), &before, &limit],
        Delivery::from_row,
    )?;
    Ok(found.into_iter().map(|one| one.seen_from(endpoint)).collect())
}

/// The delivery with this id to this endpoint.
pub fn by_id(tx: &mut Tx<'_>, endpoint: &Endpoint, id: &DeliveryId) -> Result<Option<Delivery>> {
    let found = tx.first(
        concat!("select ", columns!(), " from deliveries where id = $1 and endpoint_id = $2"),
        &[id, &endpoint.id],
        Delivery::from_row,
    )?;
    Ok(found.map(|one| one.seen_from(endpoint)))
}

/// The tries of a delivery, the first one first.
pub fn attempts(tx: &mut Tx<'_>, id: &DeliveryId) -> Result<Vec<Attempt>> {
    tx.all(
        "select attempt, at, response_status, error, response, took_ms from delivery_attempts
         where delivery_id = $1 order by attempt",
        &[id],
        |row| {
            Ok(Attempt {
                attempt: row.get("attempt")?,
                at: row.get("at")?,
                response_status: row.get("response_status")?,
                error: row.get("error")?,
                response: row.get("response")?,
                took_ms: row.get("took_ms")?,
            })
        },
    )
}

/// What a delivery tells; none when it was erased or forgotten.
pub fn event(tx: &mut Tx<'_>, id: &EventId) -> Result<Option<Event>> {
    tx.first(
        "select id, tenant_id, type, subject_id, body, created_at from webhook_events
         where id = $1 and erased_at is null",
        &[id],
        |row| {
            Ok(Event {
                id: row.get("id")?,
                tenant: row.get("tenant_id")?,
                kind: row.get("type")?,
                subject: row.get("subject_id")?,
                body: row.get("body")?,
                at: row.get("created_at")?,
            })
        },
    )
}

/// Keeps what is told.
pub fn insert_event(tx: &mut Tx<'_>, event: &Event) -> Result<()> {
    tx.execute(
        "insert into webhook_events (id, tenant_id, type, subject_id, body, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        &[&event.id, &event.tenant, &event.kind, &event.subject, &event.body, &event.at],
    )?;
    Ok(())
}

/// What became of the wish to deliver something once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// It is on its way, as a delivery of its own.
    Made(Box<Delivery>),
    /// The endpoint is disabled: enable it first.
    EndpointDisabled,
    /// What was told is no longer there: it was erased, or is past its retention.
    EventGone,
}

/// Delivers an event to its endpoint once more, at once, under the same event id. It waits for no other and holds up
/// none. Afterwards [`crate::app::App::webhooks_due`] has it sent without delay.
pub fn redeliver(tx: &mut Tx<'_>, endpoint: &Endpoint, old: &Delivery, now: Timestamp) -> Result<Again> {
    if endpoint.status == EndpointStatus::Disabled {
        return Ok(Again::EndpointDisabled);
    }
    let Some(event) = event(tx, &old.event_id)? else { return Ok(Again::EventGone) };
    insert_apart(tx, endpoint, &event, now).map(|made| Again::Made(Box::new(made)))
}

/// Sends an endpoint an event that means nothing, so that its owner sees whether it works. None when the endpoint is
/// disabled. As after [`redeliver`], [`crate::app::App::webhooks_due`] has it sent without delay.
pub fn send_test(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    body: String,
    now: Timestamp,
) -> Result<Option<Delivery>> {
    if endpoint.status == EndpointStatus::Disabled {
        return Ok(None);
    }
    let event = Event {
        id: EventId::new(now),
        tenant: endpoint.tenant_id.clone(),
        kind: events::TEST.to_owned(),
        subject: endpoint.id.to_string(),
        body,
        at: now,
    };
    insert_event(tx, &event)?;
    insert_apart(tx, endpoint, &event, now).map(Some)
}

/// A delivery outside of any order, due at once.
fn insert_apart(tx: &mut Tx<'_>, to: &Endpoint, event: &Event, now: Timestamp) -> Result<Delivery> {
    let made = Delivery {
        id: DeliveryId::new(now),
        tenant_id: to.tenant_id.clone(),
        endpoint_id: to.id.clone(),
        event_id: event.id.clone(),
        event_type: event.kind.clone(),
        status: Status::Pending,
        next_try_at: Some(now),
        attempts: 0,
        first_tried_at: None,
        last_tried_at: None,
        response_status: None,
        error: None,
        delivered_at: None,
        created_at: now,
    };
    tx.execute(
        "insert into deliveries (id, tenant_id, endpoint_id, event_id, event_type, order_key, status, due_at, attempts,
             created_at)
         values ($1, $2, $3, $4, $5, $1, 'pending', $6, 0, $6)",
        &[&made.id, &made.tenant_id, &made.endpoint_id, &made.event_id, &made.event_type, &now],
    )?;
    Ok(made)
}

/// Has an endpoint that is told of things again be sent at once what would be tried some time; of very many the first.
pub(super) fn hurry(tx: &mut Tx<'_>, endpoint: &EndpointId, now: Timestamp) -> Result<()> {
    /// So many are changed in a moment.
    const MOST: i64 = 10_000;
    tx.execute(
        "update deliveries set due_at = $1 where id in
             (select id from deliveries where endpoint_id = $2 and due_at > $1 and holder is null
              order by due_at limit $3)",
        &[&now, endpoint, &MOST],
    )?;
    Ok(())
}

/// Forgets events, deliveries and tries made before `before`, at most `limit` of each; of how many at most.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    let (deliveries, events) =
        (crate::ids::least(DeliveryId::PREFIX, before), crate::ids::least(EventId::PREFIX, before));
    let tries = Sql {
        sqlite: "delete from delivery_attempts where (delivery_id, attempt) in
                     (select delivery_id, attempt from delivery_attempts where delivery_id < $1
                      order by delivery_id, attempt limit $2)",
        postgres: "delete from delivery_attempts where (delivery_id, attempt) in
                       (select delivery_id, attempt from delivery_attempts where delivery_id < $1
                        order by delivery_id, attempt limit $2)",
    };
    let tries = tx.execute(tries, &[&deliveries, &limit])?;
    let forgotten = tx.execute(
        "delete from deliveries where id in (select id from deliveries where id < $1 order by id limit $2)",
        &[&deliveries, &limit],
    )?;
    if forgotten == limit.unsigned_abs() {
        // What is told goes after all of its deliveries.
        return Ok(forgotten);
    }
    let told = tx.execute(
        "delete from webhook_events where id in (select id from webhook_events where id < $1 order by id limit $2)",
        &[&events, &limit],
    )?;
    Ok(tries.max(forgotten).max(told))
}
