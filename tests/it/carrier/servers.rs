//! Several that compare with the carrier: two servers, and a person beside them.

use std::sync::Arc;

use serde_json::json;
use switchboard::clock::Clock;
use switchboard::db::{self, Engine};
use twilio::fake::Fake;

use super::{ACCOUNT, MINUTE, World, older, with_twilio};
use crate::app::{Setup, TestApp};
use crate::real::process::Process;
use crate::routing;

#[tokio::test]
async fn of_two_servers_one_compares_and_the_other_goes_on_after_it() {
    let Some(world) = World::start(Setup::new(Engine::Postgres)).await else { return };
    let setup = with_twilio(Setup::new(Engine::Postgres), &world.twilio, &world.clock);
    let other = TestApp::start(setup, world.app.place.again()).await;
    world.carries(200, 5, json!({ "status": "failed" }));
    world.round().await;
    world.call().await;
    // By hand, at the same time, whoever has the lease.
    world.carries(280, 5, json!({ "status": "failed", "from": "+15550000001" }));
    let (one, two) = tokio::join!(world.by_hand(&world.app, false), world.by_hand(&other, false));
    assert_eq!(one.never_reached + two.never_reached, 1, "{one:#?} {two:#?}");
    assert_eq!(world.app.calls().await.len(), 2);
    // The first stops; the other finds what is new.
    let World { twilio, clock, app } = world;
    let place = app.stop().await;
    let world = World { twilio, clock, app: other };
    world.carries(200, 5, json!({ "status": "failed", "from": "+15550000002" }));
    world.round().await;
    assert_eq!(world.app.calls().await.len(), 3);
    world.stop().await;
    drop(place);
}

#[tokio::test]
async fn a_person_can_compare_by_hand_and_first_see_what_would_be_found() {
    let credentials = twilio::Credentials::auth_token(ACCOUNT, "a-token").expect("credentials");
    let now = Arc::new(|| Clock::system().now().micros());
    let options = twilio::fake::Options { now, ..twilio::fake::Options::new(credentials) };
    let fake = Fake::start(options).await.expect("a fake");
    let process = Process::new("http://127.0.0.1:1")
        .with("TWILIO_ACCOUNT_SID", ACCOUNT)
        .with("TWILIO_AUTH_TOKEN", "a-token")
        .with("SWITCHBOARD_TWILIO__API_URL", fake.url());
    process.json(&["migrate", "--json"]).await;
    let (hour, minutes) = (MINUTE * 60, MINUTE * 10);
    let known = Clock::system().now().saturating_sub(hour);
    let db = db::Db::open(&db::Options::new(process.database())).expect("the database");
    db.write(move |tx| routing::make(tx, known)).await.expect("routing");
    db.close().await;
    let began = Clock::system().now().saturating_sub(minutes);
    let sid = fake.add_call(json!({
        "to": routing::NUMBER, "from": "+15551234567", "status": "failed",
        "start_time": older(began), "end_time": older(began), "duration": "0",
    }));
    let (code, dry) = process.ends(&["calls", "reconcile", "--dry-run", "--json"]).await;
    assert_eq!(
        (code, &dry["neverReached"], &dry["findings"][0]["callSid"]),
        (Some(0), &json!(1), &json!(sid))
    );
    assert_eq!(dry["findings"][0]["callId"], json!(null));
    let (code, done) = process.ends(&["calls", "reconcile", "--since", "1h", "--json"]).await;
    assert_eq!((code, &done["neverReached"]), (Some(0), &json!(1)), "the look before wrote nothing");
    let id = done["findings"][0]["callId"].as_str().expect("a call").to_owned();
    let shown = process.json(&["calls", "show", &id, "--json"]).await;
    assert_eq!(
        (&shown["endReason"], &shown["carrier"]["callSid"]),
        (&json!("never_reached_us"), &json!(sid))
    );
    let (code, again) = process.ends(&["calls", "reconcile", "--json"]).await;
    assert_eq!((code, &again["unchanged"]), (Some(1), &json!(1)), "nothing new is exit code 1");
    fake.stop().await;
}
