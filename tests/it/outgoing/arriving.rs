//! What arrives: what was asked for, in the order of each call, the same at every repeat.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use switchboard::commands::serve;
use switchboard::db::changes::{self, Position};
use switchboard::db::{Db, Engine, Options, endpoints};
use switchboard::ids::TenantId;

use super::*;
use crate::app::Place;
use crate::ask::{all, ask, with};
use crate::on_both_databases;

on_both_databases! {
    async fn a_call_is_told_of_in_the_order_of_its_life(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let receiver = Receiver::start().await;
        endpoint(&app, &receiver.url, &["*"]).await;
        talks(&app, 1).await;
        let got = receiver.until_arrived(5).await;
        let call = app.calls().await.remove(0);
        let lead = call.lead.clone().unwrap();
        assert_eq!(arrived_by_subject(&got), BTreeMap::from([
            (call.id.to_string(), ["call.ringing", "call.answered", "call.ended"].map(String::from).to_vec()),
            (lead.to_string(), ["lead.created", "lead.updated"].map(String::from).to_vec()),
        ]));
        for one in &got {
            assert_eq!((one.path.as_str(), one.header("content-type").as_str()), ("/hooks", "application/json"));
            assert_eq!(one.header("user-agent"), concat!("Switchboard/", env!("CARGO_PKG_VERSION")));
            assert!(one.id().starts_with("evt_") && one.header("webhook-signature").starts_with("v1,"), "{one:?}");
            assert!(one.raw.starts_with(r#"{"type":""#), "{}", one.raw);
            let fields: Vec<&String> = one.body.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["type", "timestamp", "data"]);
        }
        let of = |word: &str| got.iter().find(|one| kind(one) == word).unwrap().body["data"].clone();
        let (rings, answered, ended) = (of("call.ringing"), of("call.answered"), of("call.ended"));
        assert_eq!((&rings["status"], &rings["answeredAt"], &rings["endedAt"]), (&json!("ringing"), &json!(null), &json!(null)));
        assert_eq!((&answered["status"], &answered["endReason"]), (&json!("in_progress"), &json!(null)));
        assert_eq!((&ended["status"], &ended["endReason"]), (&json!("completed"), &json!("caller_hung_up")));
        assert_eq!([&rings, &answered, &ended].map(|one| one["revision"].clone()), [json!(1), json!(2), json!(3)]);
        assert_eq!(ended["phoneNumber"], "+15551234567");
        app.stop().await;
    }

    async fn what_is_told_again_is_told_in_the_same_words(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock)).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(away);
        endpoint(&app, &receiver.url, &["call.ringing"]).await;
        talks(&app, 1).await;
        receiver.until_came(1).await;
        receiver.answers(|_| Answer::status(204));
        trying_again_until(&app, "it arrives", async || waiting(&app).await == 0).await;
        let got = receiver.got();
        assert!(got.len() > 1 && got.iter().all(|one| one.raw == got[0].raw && one.id() == got[0].id()), "{got:?}");
        app.stop().await;
    }

    async fn what_happens_before_the_relay_first_looks_is_told_too(setup: Setup) {
        let Some(place) = Place::new(setup.engine).await else { return };
        // All that there is before the first request can come; the relay has not begun.
        let app = serve::open(&setup.config(&place), Clock::system()).await.unwrap();
        assert!(app.db.read(|tx| changes::stored(tx, sending::RELAY)).await.unwrap().is_some());
        app.db.close().await;
    }

    async fn an_event_shows_the_call_as_it_was_however_late_it_is_told(setup: Setup) {
        let engine = setup.engine;
        let Some(app) = start(setup).await else { return };
        let receiver = Receiver::start().await;
        talks(&app, 1).await;
        endpoint(&app, &receiver.url, &["call.ringing", "call.answered", "call.ended"]).await;
        // As if the relay had been away all the time.
        let place = app.stop().await;
        let db = Db::open(&Options::new(&place.url)).unwrap();
        let back = db.write(|tx| -> db::Result<_> {
            tx.execute("update webhook_endpoints set since_transaction = 0, since_seq = 0", &[])?;
            changes::store(tx, sending::RELAY, Position::default())
        });
        back.await.unwrap();
        db.close().await;
        let setup = Setup::new(engine).with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true");
        let app = TestApp::start(setup, place).await;
        let got = receiver.until_arrived(3).await;
        let told: Vec<_> = got.iter().map(|one| {
            let data = &one.body["data"];
            (kind(one), data["status"].clone(), data["answeredAt"].is_null(), data["endedAt"].is_null(), data["revision"].clone())
        }).collect();
        assert_eq!(told, [
            ("call.ringing".into(), json!("ringing"), true, true, json!(1)),
            ("call.answered".into(), json!("in_progress"), false, true, json!(2)),
            ("call.ended".into(), json!("completed"), false, false, json!(3)),
        ]);
        app.stop().await;
    }

    async fn an_endpoint_is_told_only_what_it_chose_and_only_of_its_tenant(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let [chosen, everything, others] = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
        let now = app.app.clock.now();
        endpoint(&app, &chosen.url, &["call.missed", "lead.created"]).await;
        endpoint(&app, &everything.url, &["*"]).await;
        let (wish, secret) = (wish(&others.url, &["*"]), outgoing::new_secret());
        let other = TenantId::from("tnt_2");
        app.app.db.write(move |tx| endpoints::insert(tx, &other, wish, &secret, now)).await.unwrap();
        // A call of nobody's, one that is refused, one that is missed.
        app.ask(&with(ask("SIP-1"), json!({ "to_number": "+15550000000" }))).await;
        routing::set(&app, "update campaigns set status = $1", "paused").await;
        app.ask(&ask("SIP-2")).await;
        routing::set(&app, "update campaigns set status = $1", "active").await;
        let line = Line::new("3", app.app.clock.now());
        app.event(&line.rings()).await;
        app.event(&line.hangs_up(2_000)).await;
        let words = |got: &[Got]| got.iter().map(kind).collect::<BTreeSet<_>>();
        everything.until_arrived(8).await;
        all_over(&app).await;
        let calls = ["call.rejected", "call.ended", "call.ringing", "call.missed"];
        let others_too = ["lead.created", "lead.updated", "task.created"];
        assert_eq!(words(&everything.got()), calls.into_iter().chain(others_too).map(String::from).collect());
        assert_eq!(everything.got().len(), 8, "nothing of the call of nobody's");
        assert_eq!(words(&chosen.got()), ["call.missed", "lead.created"].map(String::from).into());
        assert!(others.got().is_empty());
        app.stop().await;
    }

    async fn an_endpoint_is_told_nothing_of_what_was_before_it(setup: Setup) {
        let engine = setup.engine;
        let Some(app) = start(setup).await else { return };
        let (first, second) = (Receiver::start().await, Receiver::start().await);
        endpoint(&app, &first.url, &["call.ringing"]).await;
        app.ask(&ask("SIP-1")).await;
        first.until_arrived(1).await;
        endpoint(&app, &second.url, &["call.ringing"]).await;
        // A relay that has to begin anew from where it last wrote tells the second nothing of the first call.
        let place = app.stop().await;
        let app = TestApp::start(Setup::new(engine).with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true"), place).await;
        app.ask(&with(ask("SIP-2"), json!({ "from_number": "+15551234568" }))).await;
        second.until_arrived(1).await;
        all_over(&app).await;
        let callers = |of: &Receiver| of.got().iter().map(|one| one.body["data"]["phoneNumber"].clone()).collect::<Vec<_>>();
        assert_eq!(callers(&first), ["+15551234567", "+15551234568"]);
        assert_eq!(callers(&second), ["+15551234568"]);
        app.stop().await;
    }

    async fn the_events_of_each_call_arrive_in_order_through_a_receiver_that_fails_often(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock)).await else { return };
        let receiver = Receiver::start().await;
        let mut n = 0_u32;
        receiver.answers(move |_| {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Answer::status(if n >> 31 == 0 { 200 } else { 500 })
        });
        let to = endpoint(&app, &receiver.url, &["call.ringing", "call.answered", "call.ended"]).await;
        for n in 0..12 {
            talks(&app, n).await;
        }
        eventually("all is made", async || deliveries_to(&app, &to).await.len() == 36).await;
        trying_again_until(&app, "all arrive", async || waiting(&app).await == 0).await;
        let got = receiver.got();
        assert!(got.iter().any(|one| !one.arrived()), "some failed");
        let by_call = arrived_by_subject(&got);
        assert_eq!(by_call.len(), 12);
        for words in by_call.values() {
            assert_eq!(*words, ["call.ringing", "call.answered", "call.ended"]);
        }
        let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in &got {
            bodies.entry(one.id()).or_default().insert(one.raw.clone());
        }
        assert_eq!(bodies.len(), 36, "an id each");
        assert!(bodies.values().all(|of_one| of_one.len() == 1), "the same at every repeat");
        app.stop().await;
    }

    async fn a_receiver_that_was_down_for_an_hour_has_lost_nothing(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(away);
        let to = endpoint(&app, &receiver.url, &["*"]).await;
        let began = clock.now();
        let mut n = 0;
        while clock.now() < began.saturating_add(Duration::from_secs(3600)) {
            talks(&app, n).await;
            n += 1;
            eventually("it is made", async || deliveries_to(&app, &to).await.len() == 5 * n).await;
            clock.advance(Duration::from_secs(300));
        }
        eventually("it was tried", async || receiver.got().len() > n).await;
        receiver.answers(|_| Answer::status(200));
        trying_again_until(&app, "all arrive", async || waiting(&app).await == 0).await;
        let by_subject = arrived_by_subject(&receiver.got());
        let calls = app.calls().await;
        assert_eq!((calls.len(), by_subject.len()), (n, n + 1), "every call, and their lead");
        for call in calls {
            assert_eq!(by_subject[call.id.as_str()], ["call.ringing", "call.answered", "call.ended"]);
        }
        app.stop().await;
    }

    async fn one_slow_receiver_gets_four_at_once_and_keeps_nobody_waiting(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let (slow, quick) = (Receiver::start().await, Receiver::start().await);
        slow.hold(true);
        endpoint(&app, &slow.url, &["call.ringing"]).await;
        endpoint(&app, &quick.url, &["call.ringing"]).await;
        all((0..60).map(|n| {
            let app = &app;
            async move { app.ask(&ask(&format!("SIP-{n}"))).await }
        }))
        .await;
        quick.until_arrived(60).await;
        eventually("as many as may be are on the way", async || slow.at_once().0 == 4).await;
        assert!(slow.got().is_empty());
        slow.hold(false);
        slow.until_arrived(60).await;
        assert_eq!(slow.at_once().1, 4, "never more");
        app.stop().await;
    }
}

#[tokio::test]
async fn two_servers_on_one_database_send_each_event_once_and_in_order() {
    let Some(one) = start(Setup::new(Engine::Postgres)).await else { return };
    let setup = Setup::new(Engine::Postgres).with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true");
    let other = TestApp::start(setup, one.place.again()).await;
    let receivers = [Receiver::start().await, Receiver::start().await];
    for receiver in &receivers {
        endpoint(&one, &receiver.url, &["call.ringing", "call.answered", "call.ended"]).await;
    }
    all((0..30).map(|n| {
        let app = if n % 2 == 0 { &one } else { &other };
        async move { talks(app, n).await }
    }))
    .await;
    for receiver in &receivers {
        receiver.until_arrived(90).await;
    }
    all_over(&one).await;
    for receiver in &receivers {
        let got = receiver.got();
        assert_eq!(got.len(), 90, "once each");
        let by_call = arrived_by_subject(&got);
        assert!(
            by_call.values().all(|words| *words == ["call.ringing", "call.answered", "call.ended"]),
            "{by_call:#?}"
        );
    }
    one.stop().await;
    // The other takes over where the first one left.
    talks(&other, 100).await;
    receivers[0].until_arrived(93).await;
    other.stop().await;
}
