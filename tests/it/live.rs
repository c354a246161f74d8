//! The live stream: every change once and in order, to whoever may know of it.

use std::sync::Arc;

use serde_json::json;
use switchboard::clock::Timestamp;
use switchboard::db::changes::{self, Kind, Position};
use switchboard::db::{self, Engine, Tx};
use switchboard::ids::{CallId, TenantId};
use switchboard::live::{Item, LiveEvent, Reason, Refused, Subscription};
use switchboard::views::CallView;

use crate::app::{Setup, TestApp};
use crate::ask::{all, ask, with};
use crate::on_both_databases;
use crate::routing::{self, eventually};
use crate::says::Line;
use crate::world::SOON;

fn acme() -> Option<TenantId> {
    Some(TenantId::from("tnt_1"))
}

async fn listen(app: &TestApp, tenant: Option<TenantId>, after: Option<Position>) -> Subscription {
    app.app.live().subscribe(tenant, after).await.expect("there is room")
}

/// What comes next; a stream that stalls fails the test.
async fn item(from: &mut Subscription) -> Option<Item> {
    tokio::time::timeout(SOON, from.next()).await.expect("something comes")
}

async fn event(from: &mut Subscription) -> Arc<LiveEvent> {
    match item(from).await {
        Some(Item::Event(event)) => event,
        other => panic!("an event, not {other:?}"),
    }
}

/// So many events, as position, id and revision.
async fn events(from: &mut Subscription, count: usize) -> Vec<(Position, String, i64)> {
    let mut heard = Vec::with_capacity(count);
    while heard.len() < count {
        let event = event(from).await;
        heard.push((event.position, event.id.clone(), event.revision));
    }
    heard
}

/// Notes changes of a call that is not there, in one transaction.
async fn note(app: &TestApp, tenant: Option<TenantId>, revisions: std::ops::Range<i64>) {
    let now = app.app.clock.now();
    let write = move |tx: &mut Tx<'_>| -> db::Result<()> {
        revisions
            .into_iter()
            .try_for_each(|n| changes::note(tx, Kind::Call, tenant.as_ref(), ("call_none", n), now))
    };
    app.app.db.write(write).await.expect("changes");
}

/// The newest revision that was noted.
async fn newest(app: &TestApp) -> i64 {
    let sql = "select max(revision) as revision from changes where subject = 'call_none'";
    let read = app.app.db.report(move |tx: &mut Tx<'_>| tx.first(sql, &[], |row| row.get("revision")));
    read.await.expect("a number").unwrap_or(0)
}

fn revisions(heard: &[(Position, String, i64)]) -> Vec<i64> {
    heard.iter().map(|(.., revision)| *revision).collect()
}

on_both_databases! {
    async fn a_call_is_told_of_as_it_rings_is_answered_and_ends(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let mut heard = listen(&app, acme(), None).await;
        let line = Line::new("1", app.app.clock.now());
        app.event(&line.rings()).await;
        let (rings, lead) = (event(&mut heard).await, event(&mut heard).await);
        let call = app.calls().await.remove(0);
        assert_eq!((rings.kind, &*rings.id, rings.revision), (Kind::Call, &*call.id, 1));
        assert_eq!((&rings.tenant_id, &rings.events), (&acme(), &vec!["call.ringing".to_owned()]));
        assert_eq!(rings.data, serde_json::to_value(CallView::of(&call)).unwrap());
        assert_eq!((lead.kind, &*lead.id), (Kind::Lead, call.lead.as_deref().unwrap()));
        assert_eq!((&lead.events, &lead.data["phoneNumber"]), (&vec!["lead.created".to_owned()], &json!("+15551234567")));

        for told in [line.agent_joined(400), line.agent_spoke(500), line.hangs_up(7_800)] {
            app.event(&told).await;
        }
        let mut words = Vec::new();
        for _ in 0..3 {
            let event = event(&mut heard).await;
            words.push((event.kind, event.events.join(" ")));
        }
        let expected = [(Kind::Call, "call.answered"), (Kind::Call, "call.ended"), (Kind::Lead, "lead.updated")];
        assert_eq!(words, expected.map(|(kind, words)| (kind, words.to_owned())));
        app.stop().await;
    }

    async fn an_event_is_one_line_of_json_for_all_who_are_told(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let (mut one, mut other) = (listen(&app, None, None).await, listen(&app, None, None).await);
        app.ask(&ask("SIP-1")).await;
        let (event, same) = (event(&mut one).await, event(&mut other).await);
        assert!(Arc::ptr_eq(&event, &same));
        let json: serde_json::Value = serde_json::from_str(event.json()).unwrap();
        assert_eq!(json["position"], event.position.to_string());
        assert_eq!((&json["kind"], &json["id"], &json["revision"]), (&json!("call"), &json!(*event.id), &json!(1)));
        assert_eq!((&json["tenantId"], &json["data"]["id"]), (&json!(null), &json!(*event.id)));
        assert_eq!(json["events"], json!(["call.rejected", "call.ended"]));
        assert!(!event.json().contains('\n'));
        app.stop().await;
    }

    async fn a_tenant_is_told_of_its_own_and_the_platform_of_everything(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let start = listen(&app, None, None).await.position();
        let mut platform = listen(&app, None, None).await;
        let mut own = listen(&app, acme(), None).await;
        let mut others = listen(&app, Some(TenantId::from("tnt_2")), None).await;
        app.ask(&with(ask("SIP-1"), json!({ "to_number": "+15550000000" }))).await;
        app.ask(&ask("SIP-2")).await;
        note(&app, Some(TenantId::from("tnt_2")), 7..8).await;
        let heard = events(&mut platform, 4).await;
        let [unknown, call, lead, last] = heard.as_slice() else { panic!("{heard:?}") };
        assert_ne!(unknown.1, call.1);
        assert_eq!(events(&mut own, 2).await, [call.clone(), lead.clone()]);
        assert_eq!(events(&mut others, 1).await, std::slice::from_ref(last));
        // Nor is what a tenant missed anybody else's.
        assert_eq!(events(&mut listen(&app, acme(), Some(start)).await, 2).await, [call.clone(), lead.clone()]);
        assert_eq!(events(&mut listen(&app, Some(TenantId::from("tnt_2")), Some(start)).await, 1).await, std::slice::from_ref(last));
        app.stop().await;
    }

    async fn who_comes_back_is_told_what_it_missed_without_a_gap_and_nothing_twice(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let mut first = listen(&app, acme(), None).await;
        note(&app, acme(), 1..601).await;
        let heard = events(&mut first, 100).await;
        drop(first);
        let (position, ..) = heard[99];
        // More comes while they read what they missed, before, while and after the hub takes over.
        let writes = async {
            for n in 0..120 {
                note(&app, acme(), 601 + n * 5..606 + n * 5).await;
            }
        };
        let again = all((0..24).map(|n| {
            let app = &app;
            async move {
                eventually("it is time to come back", async || newest(app).await >= 601 + n * 24).await;
                let mut again = listen(app, acme(), Some(position)).await;
                events(&mut again, 1100).await
            }
        }));
        let (again, ()) = tokio::join!(again, writes);
        for heard in again {
            assert_eq!(revisions(&heard), (101..1201).collect::<Vec<_>>());
            assert!(heard.is_sorted(), "positions only grow");
        }
        app.stop().await;
    }

    async fn who_has_heard_nothing_yet_can_come_back_with_its_position(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        note(&app, acme(), 1..4).await;
        let quiet = listen(&app, acme(), None).await;
        let position: Position = quiet.position().to_string().parse().unwrap();
        drop(quiet);
        note(&app, acme(), 4..5).await;
        // What runs elsewhere on PostgreSQL may have hidden the first ones from it: they come then, in order.
        let mut again = listen(&app, acme(), Some(position)).await;
        while event(&mut again).await.revision != 4 {}
        app.stop().await;
    }

    async fn a_listener_that_does_not_read_is_dropped_and_says_so_last(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let (mut slow, mut quick) = (listen(&app, acme(), None).await, listen(&app, acme(), None).await);
        let writes = async {
            for n in 0..20 {
                note(&app, acme(), n * 100..(n + 1) * 100).await;
            }
        };
        let (heard, ()) = tokio::join!(events(&mut quick, 2000), writes);
        assert_eq!(revisions(&heard), (0..2000).collect::<Vec<_>>());
        let mut kept = Vec::new();
        let last = loop {
            match item(&mut slow).await {
                Some(Item::Event(event)) => kept.push(event.revision),
                other => break other,
            }
        };
        assert!(matches!(last, Some(Item::Dropped(Reason::TooSlow))), "{last:?}");
        assert!(kept.len() < 2000 && kept == (0..kept.len() as i64).collect::<Vec<_>>(), "{} kept", kept.len());
        assert!(item(&mut slow).await.is_none());
        assert!(app.app.metrics.encode().contains("\nswitchboard_live_dropped_total 1\n"));
        // It goes on where it was.
        let mut again = listen(&app, acme(), Some(slow.position())).await;
        assert_eq!(event(&mut again).await.revision, kept.len() as i64);
        app.stop().await;
    }

    async fn who_comes_back_too_late_is_told_to_read_anew(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let mut first = listen(&app, acme(), None).await;
        note(&app, acme(), 1..4).await;
        let heard = events(&mut first, 3).await;
        let now = app.app.clock.now();
        let later = now.saturating_add(SOON);
        app.app.db.write(move |tx| changes::forget(tx, later, 2)).await.unwrap();
        let beyond = Position { transaction: i64::MAX, seq: 1 };
        for gone in [Position::default(), heard[0].0, beyond] {
            let mut late = listen(&app, acme(), Some(gone)).await;
            assert!(matches!(item(&mut late).await, Some(Item::Reset)), "{gone}");
            note(&app, acme(), 9..10).await;
            while event(&mut late).await.revision != 9 {}
        }
        let mut just_in_time = listen(&app, acme(), Some(heard[1].0)).await;
        assert_eq!(event(&mut just_in_time).await.revision, 3);
        app.stop().await;
    }

    async fn only_so_many_listen_and_who_leaves_makes_room(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let mut heard = all((0..200).map(|_| listen(&app, acme(), None))).await;
        assert!(matches!(app.app.live().subscribe(acme(), None).await, Err(Refused::Full)));
        let other = listen(&app, None, None).await;
        assert_eq!(app.app.live().listeners(), 201);
        heard.pop();
        heard.push(listen(&app, acme(), None).await);
        assert!(matches!(app.app.live().subscribe(acme(), None).await, Err(Refused::Full)));
        drop((heard, other));
        assert_eq!(app.app.live().listeners(), 0);
        assert!(app.app.metrics.encode().contains("\nswitchboard_live_listeners 0\n"));
        app.stop().await;
    }

    async fn a_server_that_stops_says_so_last(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let mut heard = listen(&app, acme(), None).await;
        note(&app, acme(), 1..2).await;
        assert_eq!(event(&mut heard).await.revision, 1);
        app.stop().await;
        assert!(matches!(item(&mut heard).await, Some(Item::Dropped(Reason::Stopping))));
        assert!(item(&mut heard).await.is_none());
    }
}

#[tokio::test]
async fn two_servers_on_one_database_tell_the_same_stream() {
    let setup = || Setup::new(Engine::Postgres);
    let Some(one) = setup().start().await else { return };
    routing::acme(&one).await;
    routing::limit(&one, 1000).await;
    let other = TestApp::start(setup(), one.place.again()).await;
    let (mut here, mut there) = (listen(&one, acme(), None).await, listen(&other, acme(), None).await);
    let calls = all((0..40).map(|n| {
        let (app, body) = (if n % 2 == 0 { &one } else { &other }, ask(&format!("SIP-{n}")));
        async move { app.ask(&body).await.0 }
    }));
    // Each ring changes a call and a lead.
    let (heard, same, asked) = tokio::join!(events(&mut here, 80), events(&mut there, 80), calls);
    assert!(asked.iter().all(|status| *status == 200));
    assert_eq!(heard, same);
    assert!(heard.is_sorted());
    // Who was at one server goes on at the other.
    let mut moved = listen(&other, acme(), Some(heard[39].0)).await;
    assert_eq!(events(&mut moved, 40).await, heard[40..]);
    one.stop().await;
    other.stop().await;
}

/// Every kind of change is told with what it is of, and nothing secret.
#[tokio::test]
async fn tasks_and_endpoints_are_told_too() {
    let Some(app) = Setup::new(Engine::Sqlite).start().await else { return };
    let mut heard = listen(&app, acme(), None).await;
    let now = app.app.clock.now();
    app.app.db.write(move |tx| task_and_endpoint(tx, now)).await.expect("changes");
    let (task, endpoint) = (event(&mut heard).await, event(&mut heard).await);
    assert_eq!((task.kind, &task.data["title"]), (Kind::Task, &json!("Call back")));
    assert_eq!(
        (task.data["leadId"].clone(), task.events.join(" ")),
        (json!("lead_1"), "task.created".to_owned())
    );
    assert_eq!((endpoint.kind, &endpoint.data["status"]), (Kind::WebhookEndpoint, &json!("enabled")));
    assert!(!endpoint.json().contains("whsec_"));
    app.stop().await;
}

fn task_and_endpoint(tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
    let tenant = TenantId::from("tnt_1");
    tx.execute(
        "insert into tasks (id, tenant_id, lead_id, call_id, kind, title, status, due_at, created_by, revision, created_at, updated_at)
         values ('task_1', 'tnt_1', 'lead_1', $1, 'call_back', 'Call back', 'open', $2, 'us', 1, $2, $2)",
        &[&CallId::from("call_1"), &now],
    )?;
    changes::note(tx, Kind::Task, Some(&tenant), ("task_1", 1, "task.created"), now)?;
    let wish = db::endpoints::Wish {
        url: "https://example.com/".into(),
        description: String::new(),
        events: vec!["*".into()],
        enabled: true,
    };
    db::endpoints::insert(tx, &tenant, wish, &switchboard::outgoing::new_secret(), now).map(drop)
}
