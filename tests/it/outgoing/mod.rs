//! Outgoing webhooks, sent to a receiver of the test's own on loopback.

mod arriving;
mod giving_up;
mod killed;
mod log;
mod receiver;
mod safety;
mod signatures;

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use switchboard::clock::Clock;
use switchboard::db::deliveries::{self, Attempt, Delivery, Status};
use switchboard::db::endpoints::{self, Endpoint, Wish};
use switchboard::db::{self, sending};
use switchboard::ids::{EndpointId, TenantId};
use switchboard::outgoing;

use crate::app::{Setup, TestApp};
use crate::routing::{self, eventually};
use crate::says::Line;

use receiver::{Answer, Got, Receiver};

/// A Switchboard with a tenant, that may send to loopback.
async fn start(setup: Setup) -> Option<TestApp> {
    // These tests look into the database all the time, on a machine that may be busy.
    let setup = setup.with("SWITCHBOARD_DATABASE__TIMEOUT", "10s");
    let app = setup.with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true").start().await?;
    routing::acme(&app).await;
    routing::limit(&app, 10_000).await;
    Some(app)
}

/// A clock that stands until the test moves it.
fn standing() -> Clock {
    Clock::manual(Clock::system().now())
}

fn acme() -> TenantId {
    TenantId::from("tnt_1")
}

fn wish(url: &str, events: &[&str]) -> Wish {
    Wish {
        url: url.to_owned(),
        description: "A test's".to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        enabled: true,
    }
}

/// An endpoint of the tenant, without the API's checks.
async fn endpoint(app: &TestApp, url: &str, events: &[&str]) -> Endpoint {
    endpoint_with(app, url, events, &outgoing::new_secret()).await
}

async fn endpoint_with(app: &TestApp, url: &str, events: &[&str], secret: &SecretString) -> Endpoint {
    let (wish, secret, now) = (wish(url, events), secret.clone(), app.app.clock.now());
    let made = app.app.db.write(move |tx| endpoints::insert(tx, &acme(), wish, &secret, now));
    made.await.expect("an endpoint")
}

/// Changes an endpoint as the API does.
async fn change(app: &TestApp, id: &EndpointId, what: impl FnOnce(&mut Wish) + Send + 'static) -> Endpoint {
    let (id, now) = (id.clone(), app.app.clock.now());
    let changed = app.app.db.write(move |tx| -> db::Result<_> {
        let old = endpoints::locked(tx, Some(&acme()), &id)?.expect("it is there");
        let mut wish = Wish {
            url: old.url.clone(),
            description: old.description.clone(),
            events: old.events.clone(),
            enabled: old.status == endpoints::Status::Enabled,
        };
        what(&mut wish);
        endpoints::update(tx, &old, wish, now)
    });
    let changed = changed.await.expect("it changes");
    app.app.webhooks_due();
    changed
}

async fn seen(app: &TestApp, id: &EndpointId) -> Endpoint {
    let id = id.clone();
    app.app.db.read(move |tx| endpoints::by_id(tx, None, &id)).await.expect("read").expect("it is there")
}

/// The deliveries to an endpoint, oldest first.
async fn deliveries_to(app: &TestApp, to: &Endpoint) -> Vec<Delivery> {
    let to = seen(app, &to.id).await;
    let read = app.app.db.read(move |tx| deliveries::list(tx, &to, None, None, 10_000));
    let mut found = read.await.expect("deliveries");
    found.reverse();
    found
}

async fn attempts(app: &TestApp, of: &Delivery) -> Vec<Attempt> {
    let id = of.id.clone();
    app.app.db.read(move |tx| deliveries::attempts(tx, &id)).await.expect("attempts")
}

/// How many deliveries are yet to arrive.
async fn waiting(app: &TestApp) -> i64 {
    app.app.db.read(|tx| sending::waiting(tx, 1_000_000)).await.expect("a count")
}

/// Waits until nothing is to be sent any more.
async fn all_over(app: &TestApp) {
    eventually("every webhook arrives", async || waiting(app).await == 0).await;
}

/// Moves the clock to when the next delivery is due; false when none is to be tried again.
async fn to_the_next_try(app: &TestApp) -> bool {
    let now = app.app.clock.now();
    let next = app.app.db.read(move |tx| sending::next_due(tx, now)).await.expect("a time");
    next.inspect(|next| app.app.clock.set(*next)).is_some()
}

/// Moves the clock on from try to try, until it is so.
async fn trying_again_until(app: &TestApp, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "it never came to that: {what}");
        to_the_next_try(app).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A call that rings, is answered, and ends.
async fn talks(app: &TestApp, n: usize) {
    let line = Line { room: format!("room-{n}"), ..Line::new(&format!("{n}"), app.app.clock.now()) };
    for told in [line.rings(), line.agent_joined(400), line.agent_spoke(500), line.hangs_up(7_800)] {
        assert_eq!(app.event(&told).await.0, 200);
    }
}

fn kind(got: &Got) -> String {
    got.body["type"].as_str().unwrap_or_default().to_owned()
}

/// What arrived, by the id of what it is about, in the order of arrival.
fn arrived_by_subject(got: &[Got]) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut by: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for one in got.iter().filter(|one| one.arrived()) {
        by.entry(subject(&one.body)).or_default().push(kind(one));
    }
    by
}

fn subject(body: &Value) -> String {
    body["data"]["id"].as_str().unwrap_or_default().to_owned()
}

async fn statuses(app: &TestApp, to: &Endpoint) -> Vec<Status> {
    deliveries_to(app, to).await.into_iter().map(|one| one.status).collect()
}

/// What a receiver answers that is not there.
fn away(_: &Got) -> Answer {
    Answer::status(503)
}
