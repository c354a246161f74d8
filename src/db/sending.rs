//! The work behind deliveries: what was told becomes deliveries, each is claimed by whoever sends it, and what came of
//! it is noted. Of those with one endpoint and order key only the oldest is ever due.
//!
//! On PostgreSQL whoever adds to such a line and whoever takes its first away hold the order key, so that neither
//! overlooks what the other is about to commit. SQLite has one writer.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, EndpointId, EventId};

use super::changes::{self, Position};
use super::deliveries::{Attempt, Event, Status, insert_event};
use super::endpoints::{self, Secrets};
use super::{Engine, Json, Result, Sql, Tx};

/// The relay's name in `positions`.
pub const RELAY: &str = "webhooks";

/// An event that is to be told, and to whom.
#[derive(Clone, Debug)]
pub struct Telling {
    /// What is told; its id and time are given when it is kept.
    pub event: Event,
    /// Events with the same one arrive in order.
    pub order_key: String,
    /// Whom to tell.
    pub endpoints: Vec<EndpointId>,
}

/// Makes deliveries of what was told between two positions, and moves the relay on; false, and nothing is done, when
/// another relay has moved on already.
pub fn relay(
    tx: &mut Tx<'_>,
    (from, to): (Position, Position),
    told: Vec<Telling>,
    now: Timestamp,
) -> Result<bool> {
    if !changes::advance(tx, RELAY, from, to)? {
        return Ok(false);
    }
    let keys: BTreeSet<&str> = told.iter().map(|one| one.order_key.as_str()).collect();
    hold(tx, &keys.into_iter().collect::<Vec<_>>())?;
    // Ids are in the order of events whatever the clock does: only one relay gets here at a time.
    let newest = "select created_at from webhook_events order by id desc limit 1";
    let newest: Option<Timestamp> = tx.first(newest, &[], |row| row.get("created_at"))?;
    let mut stamp = newest.map_or(now, |newest| now.max(newest));
    for Telling { mut event, order_key, endpoints } in told {
        stamp = stamp.saturating_add(std::time::Duration::from_micros(1));
        (event.id, event.at) = (EventId::new(stamp), stamp);
        insert_event(tx, &event)?;
        for endpoint in endpoints {
            tx.execute(
                "insert into deliveries (id, tenant_id, endpoint_id, event_id, event_type, order_key, status, due_at,
                     attempts, created_at)
                 values ($1, $2, $3, $4, $5, $6, 'pending', case when exists (select 1 from deliveries as older
                     where older.endpoint_id = $3 and older.order_key = $6 and older.status = 'pending')
                     then null else cast($7 as bigint) end, 0, $8)",
                &[
                    &DeliveryId::new(stamp),
                    &event.tenant,
                    &endpoint,
                    &event.id,
                    &event.kind,
                    &order_key,
                    &now,
                    &stamp,
                ],
            )?;
        }
    }
    Ok(true)
}

/// Whoever holds an order key adds to its lines and takes from them alone, until this transaction ends.
fn hold(tx: &mut Tx<'_>, keys: &[&str]) -> Result<()> {
    if tx.engine() == Engine::Postgres && !keys.is_empty() {
        tx.execute(
            "select pg_advisory_xact_lock(hashtextextended(key, 1)) from regexp_split_to_table($1, '\n') as key",
            &[&keys.join("\n")],
        )?;
    }
    Ok(())
}

/// The endpoints that something is due for.
pub fn due_endpoints(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<EndpointId>> {
    tx.all(
        "select id from webhook_endpoints where status = 'enabled' and archived_at is null and exists
             (select 1 from deliveries where endpoint_id = webhook_endpoints.id and due_at <= $1)",
        &[&now],
        |row| row.get("id"),
    )
}

/// When the next is due that is not due yet. Claimed ones aside: those are noted long before they are due again.
pub fn next_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Timestamp>> {
    let next = tx.first(
        "select min((select min(due_at) from deliveries where endpoint_id = webhook_endpoints.id and due_at > $1
                         and holder is null)) as next
         from webhook_endpoints where status = 'enabled' and archived_at is null",
        &[&now],
        |row| row.get("next"),
    )?;
    Ok(next.flatten())
}

/// A delivery that is being sent.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Which one.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// What is told.
    pub event: EventId,
    /// The JSON to send; none if it was erased or is past its retention.
    pub body: Option<String>,
    /// Its place in line.
    pub order_key: String,
    /// How often it was tried before.
    pub attempts: i64,
    /// When it was first tried.
    pub first_tried_at: Option<Timestamp>,
    /// Where to send.
    pub url: String,
    /// What signs.
    pub secrets: Secrets,
}

/// Who claims, and for how long nobody else does.
#[derive(Copy, Clone, Debug)]
pub struct Claim<'c> {
    /// Whoever claims now, and never again under this name.
    pub holder: &'c str,
    /// What is claimed is due again then: its holder has died.
    pub until: Timestamp,
    /// This process's own that are still on the way.
    pub except: &'c BTreeSet<DeliveryId>,
}

/// Claims what is due for an endpoint, at most `limit`.
pub fn claim(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    by: Claim<'_>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Claimed>> {
    let Some((url, secrets)) = endpoints::target(tx, endpoint, now)? else { return Ok(Vec::new()) };
    let sql = Sql {
        sqlite: "select deliveries.id, event_id, order_key, attempts, first_tried_at, body, erased_at
                 from deliveries left join webhook_events on webhook_events.id = event_id
                 where endpoint_id = $1 and due_at <= $2 order by due_at, deliveries.id limit $3",
        postgres: "select deliveries.id, event_id, order_key, attempts, first_tried_at, body, erased_at
                   from deliveries left join webhook_events on webhook_events.id = event_id
                   where endpoint_id = $1 and due_at <= $2 order by due_at, deliveries.id limit $3
                   for update of deliveries skip locked",
    };
    let many = i64::try_from(limit.saturating_add(by.except.len())).unwrap_or(i64::MAX);
    let mut due = tx.all(sql, &[endpoint, &now, &many], |row| {
        let erased: Option<Timestamp> = row.get("erased_at")?;
        Ok(Claimed {
            id: row.get("id")?,
            endpoint: endpoint.clone(),
            event: row.get("event_id")?,
            body: row.get::<Option<String>>("body")?.filter(|_| erased.is_none()),
            order_key: row.get("order_key")?,
            attempts: row.get("attempts")?,
            first_tried_at: row.get("first_tried_at")?,
            url: url.clone(),
            secrets: secrets.clone(),
        })
    })?;
    due.retain(|one| !by.except.contains(&one.id));
    due.truncate(limit);
    if !due.is_empty() {
        let sql = Sql {
            sqlite: "update deliveries set due_at = $1, holder = $2 where id in (select value from json_each($3))",
            postgres: "update deliveries set due_at = $1, holder = $2
                       where id in (select json_array_elements_text(cast(cast($3 as text) as json)))",
        };
        let ids: Vec<_> = due.iter().map(|one| &one.id).collect();
        tx.execute(sql, &[&by.until, &by.holder, &Json(&ids)])?;
    }
    Ok(due)
}

/// Lets go of everything that is claimed: whoever claimed it is dead.
pub fn release(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        "update deliveries set due_at = $1, holder = null where due_at is not null and holder is not null",
        &[&now],
    )?;
    Ok(())
}

/// What comes of a delivery after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Arrived,
    /// It is tried again then.
    Again(Timestamp),
    /// It is given up on, and so is its endpoint, for this reason.
    GivenUp(String),
    /// There was nothing to send.
    Cancelled,
}

/// What came of one try of a claimed delivery.
#[derive(Copy, Clone, Debug)]
pub struct Finished<'f> {
    /// The delivery.
    pub claimed: &'f Claimed,
    /// Who claimed it.
    pub holder: &'f str,
    /// The try; none where there was nothing to send.
    pub tried: Option<&'f Attempt>,
    /// What it comes to.
    pub fate: &'f Fate,
}

/// What is written of a delivery that was tried.
#[derive(Serialize)]
struct Outcome<'f> {
    id: &'f DeliveryId,
    holder: &'f str,
    status: &'static str,
    due_at: Option<i64>,
    attempt: Option<i64>,
    at: Option<i64>,
    response_status: Option<i64>,
    error: Option<&'f str>,
    response: Option<&'f str>,
    took_ms: Option<i64>,
    delivered_at: Option<i64>,
}

impl Outcome<'_> {
    fn of<'f>(one: &Finished<'f>, now: Timestamp) -> Outcome<'f> {
        let (status, due_at) = match one.fate {
            Fate::Arrived => (Status::Delivered, None),
            Fate::Again(at) => (Status::Pending, Some(at.micros())),
            Fate::GivenUp(_) => (Status::Failed, None),
            Fate::Cancelled => (Status::Cancelled, None),
        };
        Outcome {
            id: &one.claimed.id,
            holder: one.holder,
            status: status.as_str(),
            due_at,
            attempt: one.tried.map(|tried| tried.attempt),
            at: one.tried.map(|tried| tried.at.micros()),
            response_status: one.tried.and_then(|tried| tried.response_status),
            error: one.tried.and_then(|tried| tried.error.as_deref()),
            response: one.tried.and_then(|tried| tried.response.as_deref()),
            took_ms: one.tried.map(|tried| tried.took_ms),
            delivered_at: (status == Status::Delivered).then_some(now.micros()),
        }
    }
}

/// The rows of a JSON list of [`Outcome`]s.
macro_rules! outcomes {
    (sqlite, $list:literal) => {
        concat!(
            "(select value ->> 'id' as id, value ->> 'holder' as holder, value ->> 'status' as status,
                  value ->> 'due_at' as due_at, value ->> 'attempt' as attempt, value ->> 'at' as at,
                  value ->> 'response_status' as response_status, value ->> 'error' as error,
                  value ->> 'response' as response, value ->> 'took_ms' as took_ms,
                  value ->> 'delivered_at' as delivered_at
              from json_each(",
            $list,
            ")) as one"
        )
    };
    (postgres, $list:literal) => {
        concat!(
            "jsonb_to_recordset(cast(cast(",
            $list,
            " as text) as jsonb)) as one (id text, holder text, status text, due_at bigint, attempt bigint, at bigint,
                 response_status bigint, error text, response text, took_ms bigint, delivered_at bigint)"
        )
    };
}

/// Those whose claim has run out are somebody else's now, and left alone.
macro_rules! finish {
    ($engine:ident) => {
        concat!(
            "update deliveries set status = one.status, due_at = one.due_at, holder = null,
                 attempts = coalesce(one.attempt, attempts), first_tried_at = coalesce(first_tried_at, one.at),
                 last_tried_at = coalesce(one.at, last_tried_at), response_status = one.response_status,
                 error = one.error, delivered_at = one.delivered_at
             from ",
            outcomes!($engine, "$1"),
            " where deliveries.id = one.id and deliveries.holder = one.holder returning deliveries.id"
        )
    };
}

macro_rules! insert_attempts {
    ($engine:ident) => {
        concat!(
            "insert into delivery_attempts (delivery_id, attempt, at, response_status, error, response, took_ms)
             select one.id, one.attempt, one.at, one.response_status, one.error, one.response, one.took_ms
             from ",
            outcomes!($engine, "$1"),
            " where one.attempt is not null"
        )
    };
}

/// The oldest of each of these lines is due.
macro_rules! next_in_line {
    ($lines:literal) => {
        concat!(
            "update deliveries set due_at = $1 where due_at is null and id in
                 (select (select min(pending.id) from deliveries as pending where pending.endpoint_id = line.endpoint
                      and pending.order_key = line.order_key and pending.status = 'pending')
                  from ",
            $lines,
            ")"
        )
    };
}

/// Notes what came of claimed deliveries; of each line whose first is over the next is due then. How many those were
/// whose claim had not run out: nothing is done about the others, which somebody else has. An endpoint that is given up
/// on is to be read locked before.
pub fn finish(tx: &mut Tx<'_>, finished: &[Finished<'_>], now: Timestamp) -> Result<usize> {
    let keys: BTreeSet<&str> = finished.iter().map(|one| one.claimed.order_key.as_str()).collect();
    hold(tx, &keys.into_iter().collect::<Vec<_>>())?;
    let outcomes: Vec<_> = finished.iter().map(|one| Outcome::of(one, now)).collect();
    let sql = Sql { sqlite: finish!(sqlite), postgres: finish!(postgres) };
    let ours = tx.all(sql, &[&Json(&outcomes)], |row| row.get::<DeliveryId>("id"))?;
    let ours: BTreeSet<&str> = ours.iter().map(|id| id.as_str()).collect();
    let noted: Vec<_> = outcomes.iter().filter(|one| ours.contains(one.id.as_str())).collect();
    if noted.iter().any(|one| one.attempt.is_some()) {
        let sql = Sql { sqlite: insert_attempts!(sqlite), postgres: insert_attempts!(postgres) };
        tx.execute(sql, &[&Json(&noted)])?;
    }
    let over = finished.iter().filter(|one| !matches!(one.fate, Fate::Again(_)));
    let over = over.filter(|one| ours.contains(one.claimed.id.as_str()));
    let lines: Vec<_> = over.map(|one| (&one.claimed.endpoint, &one.claimed.order_key)).collect();
    if !lines.is_empty() {
        let sql = Sql {
            sqlite: next_in_line!(
                "(select value ->> 0 as endpoint, value ->> 1 as order_key from json_each($2)) as line"
            ),
            postgres: next_in_line!(
                "(select value ->> 0 as endpoint, value ->> 1 as order_key
                  from json_array_elements(cast(cast($2 as text) as json)) as each (value)) as line"
            ),
        };
        tx.execute(sql, &[&now, &Json(&lines)])?;
    }
    Ok(noted.len())
}

/// How many deliveries are yet to arrive at endpoints that are told of anything; not counted beyond `most`.
pub fn waiting(tx: &mut Tx<'_>, most: i64) -> Result<i64> {
    let count = tx.first(
        "select count(*) as waiting from
             (select 1 from webhook_endpoints join deliveries on endpoint_id = webhook_endpoints.id
              where webhook_endpoints.status = 'enabled' and archived_at is null and deliveries.status = 'pending'
              limit $1) as counted",
        &[&most],
        |row| row.get("waiting"),
    )?;
    Ok(count.unwrap_or(0))
}
