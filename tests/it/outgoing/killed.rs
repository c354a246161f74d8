//! `kill -9` while webhooks are being sent: everything arrives, in order, under the same id if it comes twice.

use std::collections::{BTreeMap, HashSet};

use livekit::Credentials;
use switchboard::db::{Db, Engine, Options};

use super::*;
use crate::app::{EVENTS, KEY, Place, SECRET};
use crate::peers::http_client;
use crate::real::process::Process;

const CALLS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_sent_in_order_and_under_the_same_ids_sqlite() {
    let process = Process::new("http://127.0.0.1:1");
    let database = process.database();
    killed(process, &database, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_sent_in_order_and_under_the_same_ids_postgres() {
    let Some(place) = Place::new(Engine::Postgres).await else { return };
    let process = Process::new("http://127.0.0.1:1").with("DATABASE_URL", place.url.clone());
    killed(process, &place.url, 2).await;
}

async fn killed(process: Process, database: &str, times: usize) {
    let mut process = process
        .with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true")
        // What was claimed when it died is tried again this much sooner.
        .with("SWITCHBOARD_OUTGOING_WEBHOOKS__TIMEOUT", "1s")
        // Nobody is given up on, however long a busy machine takes to tell of their answer.
        .with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "10m");
    let receiver = Receiver::start().await;
    let mut known = HashSet::new();
    receiver.answers(move |got| {
        // One in seven fails at first, and all take their time, so that a kill finds some on the way.
        let fails = known.insert(got.id()) && known.len().is_multiple_of(7);
        Answer::status(if fails { 500 } else { 200 }).after(Duration::from_millis(60))
    });
    process.apply(&routing::file(routing::NUMBER, "telephony-agent")).await;
    make_endpoint(database, &receiver.url).await;
    process.start().await;
    let events = events();
    let mut untold = Vec::new();
    for part in events.chunks(events.len().div_ceil(times)) {
        untold.extend_from_slice(part);
        let (url, came) = (process.url().to_owned(), receiver.got().len());
        let kill = async {
            receiver.until_came(came + 12).await;
            process.kill().await;
        };
        (untold, ()) = tokio::join!(tell(&url, untold), kill);
        process.start().await;
    }
    assert!(tell(process.url(), untold).await.is_empty());
    let arrived = || arrived_by_subject(&receiver.got());
    let whole = |words: &Vec<String>| words.last().is_some_and(|word| word == "call.ended");
    routing::eventually_within(Duration::from_secs(90), "everything arrives", async || {
        arrived().len() == CALLS && arrived().values().all(whole)
    })
    .await;
    process.stop().await;
    let got = receiver.got();
    let mut by_call: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in &got {
        let words = by_call.entry(subject(&one.body)).or_default();
        // A repeat follows what it repeats: nothing overtakes and nothing comes back.
        if words.last() != Some(&kind(one)) {
            words.push(kind(one));
        }
    }
    for (call, words) in by_call {
        assert_eq!(words, ["call.ringing", "call.answered", "call.ended"], "{call}");
    }
    let mut ids: BTreeMap<String, Vec<&Got>> = BTreeMap::new();
    for one in &got {
        ids.entry(one.id()).or_default().push(one);
    }
    assert_eq!(ids.len(), CALLS * 3, "one id for each event");
    assert!(
        ids.values().all(|of_one| of_one.iter().all(|one| one.raw == of_one[0].raw)),
        "and the same each time"
    );
}

async fn make_endpoint(database: &str, url: &str) {
    let db = Db::open(&Options::new(database)).expect("the database");
    let (wish, now) = (wish(url, &["call.ringing", "call.answered", "call.ended"]), Clock::system().now());
    let made = db.write(move |tx| -> db::Result<_> {
        let tenant = tx.first("select id from tenants", &[], |row| row.get::<TenantId>("id"))?;
        endpoints::insert(tx, &tenant.expect("one tenant"), wish, &outgoing::new_secret(), now)
    });
    made.await.expect("an endpoint");
    db.close().await;
}

/// What LiveKit tells of all calls.
fn events() -> Vec<Value> {
    let now = Clock::system().now();
    let lines = (0..CALLS).map(|n| Line { room: format!("room-{n}"), ..Line::new(&format!("k{n}"), now) });
    let of_one =
        |line: Line| [line.rings(), line.agent_joined(400), line.agent_spoke(500), line.hangs_up(7_800)];
    lines.flat_map(of_one).collect()
}

/// Tells of these; what was not taken is handed back, to be told again as LiveKit would: a room's events one after
/// the other, so that none is told before one of its room that was not taken.
async fn tell(url: &str, events: Vec<Value>) -> Vec<Value> {
    let (http, of) = (http_client(), Credentials::new(KEY, SECRET));
    let mut untold: Vec<Value> = Vec::new();
    for event in events {
        if untold.iter().any(|waiting| waiting["room"]["name"] == event["room"]["name"]) {
            untold.push(event);
            continue;
        }
        let body = event.to_string();
        let token = livekit::webhook::signed(&of, body.as_bytes(), Clock::system().now().secs());
        let request = http.post(format!("{url}{EVENTS}")).header("authorization", token);
        let request = request.header("content-type", livekit::webhook::CONTENT_TYPE).body(body);
        if !request.send().await.is_ok_and(|answer| answer.status() == 200) {
            untold.push(event);
        }
    }
    untold
}
