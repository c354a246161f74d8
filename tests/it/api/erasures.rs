//! Erasures: nothing that says who a caller was is left anywhere, and everything else is.

use livekit::Credentials;
use livekit::fake::Fake;
use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::clock::{Clock, Timestamp};
use switchboard::db::erasing::Table;
use switchboard::db::{self, Engine, Tx};
use switchboard::erase::Erasing;
use switchboard::phone::E164;

use super::leads::{audited, completed, lead_of, missed, noted, rings};
use super::{Api, Said};
use crate::app::{KEY, SECRET, Setup, TestApp};
use crate::ask::{ask, with};
use crate::says::Line;
use crate::{on_both_databases, routing, world};

const ADA: &str = "+15551234567";
const BOB: &str = "+442079460958";
const RECORDING: &str = include_str!("../fixtures/answered-call.jsonl");

/// What must be found nowhere: the number however it is written, and what people wrote of its owner.
const NEEDLES: [&str; 8] = [
    "5551234567",
    "555) 123-4567",
    "555-123-4567",
    "555 123 4567",
    "ada lovelace",
    "prefers mornings",
    "owes us money",
    "c-17",
];

struct Seeded {
    app: TestApp,
    livekit: Fake,
}

/// The start of the recorded call.
fn began() -> Timestamp {
    let first: Value = serde_json::from_str(RECORDING.lines().next().expect("a line")).expect("JSON");
    #[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
    Timestamp::from_micros((first["received_at"].as_f64().expect("seconds") * 1e6) as i64)
}

async fn write(app: &TestApp, work: impl FnOnce(&mut Tx<'_>) -> db::Result<()> + Send + 'static) {
    app.app.db.write(work).await.expect("it is written");
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    let read = move |tx: &mut Tx<'_>| -> db::Result<_> { tx.first(sql, &[], |row| row.get("n")) };
    app.app.db.read(read).await.expect("it can be counted").unwrap_or_default()
}

/// No call is being seen through any more.
async fn at_rest(app: &TestApp) {
    let looks = async || count(app, "select count(*) as n from jobs where kind = 'attend'").await == 0;
    routing::eventually("every call is cleared up after", looks).await;
}

/// A caller who came through every door, and of whom something is in every table.
async fn seeded(setup: Setup) -> Option<Seeded> {
    let clock = Clock::manual(began());
    let livekit = world::livekit(&clock, 0.02).await;
    let app = setup.clock(clock.clone()).livekit(livekit.url()).start().await?;
    routing::acme(&app).await;
    routing::limit(&app, 1000).await;
    recorded(&app, &clock).await;
    asked(&app).await;
    mentioned(&app).await;
    worked_on(&app).await;
    told(&app).await;
    world::time_passes(&clock, &livekit, std::time::Duration::from_secs(60), 1).await;
    at_rest(&app).await;
    assert!(app.calls().await.iter().all(|call| !call.is_open()));
    Some(Seeded { app, livekit })
}

/// As LiveKit told of a real call.
async fn recorded(app: &TestApp, clock: &Clock) {
    for line in RECORDING.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        clock.advance(std::time::Duration::from_millis(100));
        let body = line["body"].as_str().expect("text").as_bytes().to_vec();
        assert_eq!(app.event_of(&Credentials::new(KEY, SECRET), body).await.0, 200);
    }
}

/// As askers and simplified events name a caller.
async fn asked(app: &TestApp) {
    for (id, from) in [
        ("call-+15551234567-1", "(555) 123-4567"),
        ("SIP-2", "tel:+1-555-123-4567;ext=3"),
        ("SIP-3", "\"Ada\" <sip:+15551234567@acme.example>"),
    ] {
        let change =
            json!({ "from_number": from, "timestamp": null, "diversion": "1 555 123 4567 / 5551234567" });
        assert_eq!(app.ask(&with(ask(id), change)).await.0, 200);
        missed(app, id).await;
    }
    // Of a room that nobody knows.
    let event = json!({
        "event": "participant.left", "room": { "name": "room-5551234567" },
        "participant": { "identity": "caller-+15551234567" },
    });
    assert_eq!(app.tell(&event).await.0, 200);
}

/// Somebody else's call, into which the caller was called; and a fact that waits for its call.
async fn mentioned(app: &TestApp) {
    let line = Line { from: BOB.to_owned(), ..Line::new("bob", app.app.clock.now()) };
    app.event(&line.rings()).await;
    let leg = json!({
        "sid": "PA_leg", "identity": format!("sip_{ADA}"), "kind": "SIP", "name": format!("Phone {ADA}"),
        "attributes": { "sip.phoneNumber": ADA, "sip.callStatus": "active" },
    });
    app.event(&line.event("participant_joined", 900, json!({ "participant": leg }))).await;
    app.event(&line.hangs_up(5000)).await;
    let waiting = Line { room: format!("in_{ADA}_waits"), ..Line::new("waits", app.app.clock.now()) };
    app.event(&waiting.event("participant_joined", 1, json!({ "participant": leg }))).await;
}

/// What people do with a lead, and what of it is kept.
async fn worked_on(app: &TestApp) {
    let api = app.api(Role::Operator, Some("tnt_1")).await;
    let (ada, bob) = (lead_of(app, ADA).await, lead_of(app, BOB).await);
    let at = format!("/api/v1/leads/{}", ada.id);
    let etag = api.get(&at).await.etag();
    let change = json!({ "name": "Ada Lovelace", "metadata": { "crm": "C-17", "mobile": "(555) 123-4567" } });
    assert_eq!(api.patch(&at, &etag, &change).await.status, 200);
    for (key, body) in [("ada-+15551234567", "Prefers mornings."), ("k2", "Owes us money, 555-123-4567.")] {
        let request = api.to("POST", &format!("{at}/notes")).header("idempotency-key", key);
        assert_eq!(api.send(request.json(&json!({ "body": body }))).await.status, 201);
    }
    let due = "2027-01-01T00:00:00Z";
    api.made(&format!("{at}/tasks"), &json!({ "title": "Send Ada Lovelace prices", "dueAt": due })).await;
    let bob = format!("/api/v1/leads/{}", bob.id);
    let request = api.to("POST", &format!("{bob}/notes")).header("idempotency-key", "k3");
    assert_eq!(api.send(request.json(&json!({ "body": "Knows +1 555-123-4567." }))).await.status, 201);
    api.made(&format!("{bob}/tasks"), &json!({ "title": "Ask 15551234567", "dueAt": due })).await;
    let calls = app.calls().await;
    let (own, other) =
        (calls[0].id.clone(), calls.iter().find(|call| call.ring.caller == BOB).expect("Bob's").id.clone());
    write(app, move |tx| {
        for (id, note) in [(own, "Ada Lovelace called"), (other, "wants (555) 123-4567")] {
            tx.execute(
                "update calls set note = $1, tags = $2, outcome = 'owes us money', analysis = $3 where id = $4",
                &[&note, &r#"["c-17","vip 5551234567"]"#, &r#"{"summary":"5551234567 prefers mornings"}"#, &id],
            )?;
            tx.execute(
                "insert into call_tags (call_id, tag, rang_at) values ($1, 'c-17', 1), ($1, 'vip 5551234567', 1)",
                &[&id],
            )?;
        }
        // Somebody else's business.
        tx.execute("update calls set outcome = null, analysis = null where note = 'wants (555) 123-4567'", &[])?;
        tx.execute("update calls set tags = '[\"vip 5551234567\"]' where note = 'wants (555) 123-4567'", &[])?;
        Ok(())
    })
    .await;
}

/// What the tenant's own systems were told, and what they answered.
async fn told(app: &TestApp) {
    let api = app.api(Role::Viewer, Some("tnt_1")).await;
    let ada = lead_of(app, ADA).await;
    let task = api.get(&format!("/api/v1/tasks?leadId={}", ada.id)).await.body["items"][0].clone();
    let call = app.calls().await[0].id.to_string();
    let lead = serde_json::to_value(&ada).expect("JSON");
    let now = app.app.clock.now();
    write(app, move |tx| {
        let call_data = json!({ "id": call, "phoneNumber": ADA, "note": "Prefers mornings.", "tags": ["c-17"] });
        let events = [
            ("lead.updated", ada.id.to_string(), lead),
            ("call.ended", call, call_data),
            ("task.created", task["id"].as_str().expect("an id").to_owned(), task.clone()),
            ("call.ended", "call_other".to_owned(), json!({ "id": "call_other", "phoneNumber": "+15550000009", "agentName": "x 5551234567" })),
        ];
        for (n, (kind, subject, data)) in events.into_iter().enumerate() {
            let body = json!({ "type": kind, "timestamp": now, "data": data }).to_string();
            let (event, delivery) = (format!("evt_{n}"), format!("dlv_{n}"));
            tx.execute("insert into webhook_events (id, tenant_id, type, subject_id, body, created_at) values ($1, 'tnt_1', $2, $3, $4, $5)", &[&event, &kind, &subject, &body, &now])?;
            tx.execute("insert into deliveries (id, tenant_id, endpoint_id, event_id, event_type, order_key, status, attempts, error, created_at) values ($1, 'tnt_1', 'whe_1', $2, $3, $4, 'failed', 1, $5, $6)", &[&delivery, &event, &kind, &subject, &"it said: no 5551234567", &now])?;
            tx.execute("insert into delivery_attempts (delivery_id, attempt, at, error, response, took_ms) values ($1, 1, $2, $3, $4, 7)", &[&delivery, &now, &"no +15551234567", &r#"{"unknown":"(555) 123-4567"}"#])?;
        }
        Ok(())
    })
    .await;
}

/// Every text of every table, with its place.
async fn dump(app: &TestApp) -> Vec<(String, String)> {
    let columns = move |tx: &mut Tx<'_>| -> db::Result<Vec<(String, String)>> {
        let sql = match tx.engine() {
            Engine::Sqlite => {
                "select schema.name as table_name, columns.name as column_name from sqlite_schema as schema join pragma_table_info(schema.name) as columns where schema.type = 'table' and columns.type = 'TEXT' or columns.type = 'text'"
            }
            Engine::Postgres => {
                "select cast(table_name as text) as table_name, cast(column_name as text) as column_name from information_schema.columns where table_schema = current_schema() and data_type = 'text'"
            }
        };
        tx.all(sql, &[], |row| Ok((row.get("table_name")?, row.get("column_name")?)))
    };
    let columns = app.app.db.read(columns).await.expect("the columns");
    assert!(columns.len() > 100, "only {columns:?}");
    let mut all = Vec::new();
    for (table, column) in columns {
        let sql: &'static str = Box::leak(
            format!("select {column} as value from {table} where {column} is not null").into_boxed_str(),
        );
        let read =
            move |tx: &mut Tx<'_>| -> db::Result<Vec<String>> { tx.all(sql, &[], |row| row.get("value")) };
        let values = app.app.db.read(read).await.expect("the values");
        all.extend(values.into_iter().map(|value| (format!("{table}.{column}"), value)));
    }
    all
}

async fn traces(app: &TestApp) -> Vec<(String, String)> {
    let mut all = dump(app).await;
    all.retain(|(_, value)| {
        let value = value.to_lowercase();
        NEEDLES.iter().any(|needle| value.contains(needle))
    });
    all
}

/// What must stay as it is: calls and leads without what is personal.
async fn structure(app: &TestApp) -> Vec<String> {
    let read = |tx: &mut Tx<'_>| -> db::Result<Vec<String>> {
        let mut all = tx.all("select id, tenant_id, campaign_id, number_id, lead_id, called, agent, status, end_reason, rang_at, answered_at, ended_at, duration from calls order by id", &[], |row| {
            let texts = ["id", "tenant_id", "campaign_id", "number_id", "lead_id", "called", "agent", "status", "end_reason"];
            let texts: db::Result<Vec<Option<String>>> = texts.iter().map(|name| row.get(name)).collect();
            let numbers = ["rang_at", "answered_at", "ended_at", "duration"];
            let numbers: db::Result<Vec<Option<i64>>> = numbers.iter().map(|name| row.get(name)).collect();
            Ok(format!("{:?} {:?}", texts?, numbers?))
        })?;
        all.extend(tx.all(
            "select id, campaign_id, status, attempts, last_call_id from leads order by id",
            &[],
            |row| {
                Ok(format!(
                    "{:?}",
                    (
                        row.get::<String>("id")?,
                        row.get::<Option<String>>("campaign_id")?,
                        row.get::<String>("status")?,
                        row.get::<i64>("attempts")?,
                        row.get::<String>("last_call_id")?
                    )
                ))
            },
        )?);
        Ok(all)
    };
    app.app.db.read(read).await.expect("the structure")
}

async fn erase(api: &Api<'_>, number: &str) -> Said {
    api.post("/api/v1/erasures", &json!({ "phoneNumber": number })).await
}

on_both_databases! {
    async fn nothing_that_says_who_a_caller_was_is_left_anywhere_and_all_else_is(setup: Setup) {
        let Some(Seeded { app, livekit }) = seeded(setup).await else { return };
        let before = traces(&app).await;
        for place in [
            "leads.phone_number", "leads.metadata", "lead_notes.body", "tasks.title", "calls.caller", "calls.ring", "calls.evidence",
            "calls.decision", "calls.note", "calls.tags", "calls.outcome", "calls.analysis", "calls.call_sid", "calls.room_name", "call_keys.value", "call_tags.tag",
            "facts.id", "facts.body", "facts.said", "audit.before", "audit.after", "webhook_events.body", "deliveries.error",
            "delivery_attempts.error", "delivery_attempts.response", "idempotency_keys.key", "idempotency_keys.body",
        ] {
            assert!(before.iter().any(|(at, _)| at == place), "nothing is seeded in {place}");
        }
        let (kept, written) = (structure(&app).await, app.written().await);
        let ada = lead_of(&app, ADA).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let said = erase(&api, "1 (555) 123-4567").await;
        assert_eq!(said.status, 201, "{}", said.body);
        assert_eq!(traces(&app).await, [], "traces are left");
        assert_eq!(structure(&app).await, kept);
        let now = app.written().await;
        assert_eq!((now.calls, now.facts, now.keys, now.attempts), (written.calls, written.facts, written.keys, written.attempts));

        // What is left can be read.
        let viewer = app.api(Role::Viewer, Some("tnt_1")).await;
        let lead = viewer.get(&format!("/api/v1/leads/{}", ada.id)).await.body;
        assert_eq!((&lead["phoneNumber"], &lead["name"], &lead["metadata"]), (&json!("erased"), &json!("erased"), &json!({})));
        assert!(lead["erasedAt"].is_string());
        assert_eq!((&lead["openTasks"], &lead["notes"][0]["body"]), (&json!([]), &json!("erased")));
        let calls = app.calls().await;
        let own: Vec<_> = calls.iter().filter(|call| call.lead.as_ref() == Some(&ada.id)).collect();
        assert_eq!(own.len(), 4);
        assert!(own.iter().all(|call| call.ring.caller == "erased" && call.notes.erased_at.is_some()));
        let bobs = calls.iter().find(|call| call.ring.caller == BOB).expect("Bob's call is whole");
        assert_eq!((bobs.notes.note.as_deref(), &bobs.notes.tags[..]), (Some("wants erased"), &["vip erased".to_owned()][..]));
        assert!(bobs.evidence.guests.values().any(|guest| guest.identity == "sip_erased"));
        assert_eq!(lead_of(&app, BOB).await.name, format!("Inbound Caller {BOB}"));
        let list = viewer.get("/api/v1/leads").await.body;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "an erased lead is not listed");
        let last = noted(&app, &ada.id).await.pop().expect("a change");
        assert_eq!(last, (lead["revision"].as_i64().expect("a number"), Some("lead.updated".to_owned())));

        // The receipt says how much, and not of whom.
        let (receipt, erased) = (said.text("id"), &said.body["erased"]);
        assert_eq!((&erased["leads"], &erased["notes"], &erased["tasks"], &erased["calls"]), (&json!(1), &json!(3), &json!(3), &json!(5)), "{erased}");
        assert_eq!((&erased["webhookEvents"], &erased["deliveries"], &erased["keptAnswers"]), (&json!(4), &json!(8), &json!(3)), "{erased}");
        assert_eq!(api.get(&format!("/api/v1/erasures/{receipt}")).await.body, said.body);
        assert_eq!(api.get("/api/v1/erasures").await.body["items"], json!([said.body]));
        assert_eq!(audited(&app, &receipt).await, ["caller.erased"]);
        app.stop().await;
        livekit.stop().await;
    }

    async fn an_erasure_that_broke_off_is_finished_by_asking_again(setup: Setup) {
        let Some(Seeded { app, livekit }) = seeded(setup).await else { return };
        let number = E164::exactly(ADA).expect("a number");
        let begin = || Erasing::begin(&app.app, "tnt_1".into(), number.clone());
        // Broken off after its first tables; again with its calls half done, by which it looks for the rest.
        let mut first = begin().await.expect("it begins");
        for table in [Table::Facts, Table::CallKeys] {
            first.take_from(table).await.expect("it goes on");
        }
        drop(first);
        let mut second = begin().await.expect("it begins again");
        second.run().await.expect("it goes on");
        drop(second);
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        assert_eq!(api.get("/api/v1/erasures").await.body["items"], json!([]), "no receipt before the end");
        let said = erase(&api, ADA).await;
        assert_eq!((said.status, &said.body["erased"]["leads"]), (201, &json!(1)), "{}", said.body);
        assert_eq!(traces(&app).await, []);
        // And once more, for nothing.
        let again = erase(&api, ADA).await;
        assert_eq!(again.status, 201);
        let counts = again.body["erased"].as_object().expect("counts");
        assert!(counts.values().all(|count| *count == json!(0)), "{counts:?}");
        app.stop().await;
        livekit.stop().await;
    }

    async fn what_is_told_late_of_an_erased_call_brings_nothing_back(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        for event in [line.rings(), line.agent_joined(300), line.agent_spoke(400), line.hangs_up(5000)] {
            assert_eq!(app.event(&event).await.0, 200);
        }
        at_rest(&app).await;
        let lead = lead_of(&app, ADA).await.id;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        assert_eq!(erase(&api, ADA).await.status, 201);
        let (before, call) = (app.written().await, app.calls().await);
        for event in [line.rings(), line.left(6000, "active", "CLIENT_INITIATED"), line.finished(7000), line.event("track_unpublished", 5500, json!({ "participant": line.caller("hangup") }))] {
            assert_eq!(app.event(&event).await.0, 200);
        }
        assert_eq!((app.written().await, app.calls().await), (before, call));
        assert_eq!(traces(&app).await, []);
        // Who rings again is somebody new.
        rings(&app, "SIP-9", ADA).await;
        let again = lead_of(&app, ADA).await;
        assert!(again.id != lead && again.attempts == 1);
        app.stop().await;
    }

    async fn a_caller_on_the_line_is_not_erased(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        rings(&app, "SIP-1", ADA).await;
        completed(&app, "SIP-1").await;
        rings(&app, "SIP-2", ADA).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let before = dump(&app).await;
        let said = erase(&api, ADA).await;
        let open = &app.calls().await[1].id;
        assert_eq!((said.status, said.text("detail").contains(open.as_str())), (409, true), "{}", said.body);
        assert_eq!(dump(&app).await, before, "nothing is begun");
        completed(&app, "SIP-2").await;
        assert_eq!(erase(&api, ADA).await.status, 201);
        app.stop().await;
    }

    async fn calls_go_on_while_their_caller_is_erased_and_those_that_end_meanwhile_are_erased_too(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        routing::limit(&app, 1000).await;
        for n in 0..30 {
            rings(&app, &format!("SIP-{n}"), ADA).await;
            missed(&app, &format!("SIP-{n}")).await;
        }
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let more = async {
            for n in 100..140 {
                rings(&app, &format!("SIP-{n}"), ADA).await;
                rings(&app, &format!("SIP-bob-{n}"), BOB).await;
                missed(&app, &format!("SIP-{n}")).await;
                completed(&app, &format!("SIP-bob-{n}")).await;
            }
        };
        let (said, ()) = tokio::join!(erase(&api, ADA), more);
        assert!([201, 409].contains(&said.status), "{}", said.body);
        // Now that nobody calls.
        assert_eq!(erase(&api, ADA).await.status, 201);
        assert_eq!(traces(&app).await, []);
        let calls = app.calls().await;
        assert_eq!(calls.len(), 30 + 40 + 40);
        assert_eq!(calls.iter().filter(|call| call.notes.erased_at.is_some()).count(), 70);
        assert_eq!(lead_of(&app, BOB).await.attempts, 40);
        app.stop().await;
    }

    async fn merged_leads_are_one_caller_with_all_their_numbers(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for (id, number) in [("SIP-1", ADA), ("SIP-2", BOB), ("SIP-3", "+15550000003")] {
            rings(&app, id, number).await;
            completed(&app, id).await;
        }
        let (ada, bob) = (lead_of(&app, ADA).await.id, lead_of(&app, BOB).await.id);
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        assert_eq!(api.post(&format!("/api/v1/leads/{ada}/merge"), &json!({ "fromId": bob })).await.status, 200);
        let said = api.send(api.to("POST", &format!("/api/v1/leads/{bob}/erase"))).await;
        assert_eq!((said.status, &said.body["erased"]["leads"], &said.body["erased"]["calls"]), (201, &json!(2), &json!(2)), "{}", said.body);
        for (place, value) in dump(&app).await {
            assert!(!value.contains(&ADA[1..]) && !value.contains("2079460958"), "{place}: {value}");
        }
        assert_eq!(app.leads().await.len(), 1, "the third is left alone");
        let said = api.post(&format!("/api/v1/leads/{ada}/merge"), &json!({ "fromId": "lead_1" })).await;
        assert!([404, 409].contains(&said.status), "{}", said.body);
        assert_eq!(api.send(api.to("POST", &format!("/api/v1/leads/{ada}/erase"))).await.status, 409, "erased already");
        app.stop().await;
    }

    async fn another_tenants_rows_of_the_same_caller_stay(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let now = app.app.clock.now();
        write(&app, move |tx| {
            tx.execute("insert into tenants (id, name, active, region, time_zone, created_at, updated_at) values ('tnt_2', 'Other', $1, 'US', 'UTC', $2, $2)", &[&true, &now])?;
            tx.execute("insert into phone_numbers (id, tenant_id, number, type, provider, active, metadata, created_at, updated_at) values ('num_2', 'tnt_2', '+15557654322', 'LOCAL', 'TWILIO', $1, '{}', $2, $2)", &[&true, &now])?;
            db::changes::note(tx, db::changes::Kind::Routing, None, ("tnt_2", 1), now)
        }).await;
        app.app.reload_routing(vec!["tnt_2".into()]).await.expect("the routing");
        rings(&app, "SIP-1", ADA).await;
        completed(&app, "SIP-1").await;
        let other = with(ask("SIP-2"), json!({ "to_number": "+15557654322", "trunk_phone_number": null }));
        assert_eq!(app.ask(&other).await.1["agent_name"], "telephony-agent");
        completed(&app, "SIP-2").await;
        let theirs = app.api(Role::Operator, Some("tnt_2")).await;
        let lead = theirs.get("/api/v1/leads").await.body["items"][0].clone();
        theirs.made(&format!("/api/v1/leads/{}/notes", lead["id"].as_str().expect("an id")), &json!({ "body": ADA })).await;
        let (facts, before) = (count(&app, "select count(*) as n from facts where body like '%5551234567%'").await, theirs.get("/api/v1/leads").await.body);
        assert_eq!(facts, 2);

        let api = app.api(Role::Owner, Some("tnt_1")).await;
        assert_eq!(api.post("/api/v1/erasures", &json!({ "phoneNumber": ADA, "tenantId": "tnt_2" })).await.status, 404);
        let stranger = format!("/api/v1/leads/{}/erase", lead["id"].as_str().expect("an id"));
        assert_eq!(api.send(api.to("POST", &stranger)).await.status, 404);
        let said = erase(&api, ADA).await;
        assert_eq!(said.status, 201);
        assert_eq!(theirs.get("/api/v1/leads").await.body, before);
        assert_eq!(count(&app, "select count(*) as n from facts where body like '%5551234567%'").await, 1);
        assert_eq!(count(&app, "select count(*) as n from lead_notes where body like '%5551234567%'").await, 1);
        let owner = app.api(Role::Owner, Some("tnt_2")).await;
        assert_eq!(owner.get(&format!("/api/v1/erasures/{}", said.text("id"))).await.status, 404);
        assert_eq!(owner.get("/api/v1/erasures").await.body["items"], json!([]));
        let admin = app.api(Role::Admin, None).await;
        assert_eq!(admin.post("/api/v1/erasures", &json!({ "phoneNumber": ADA })).await.wrong()[0].0, "#/tenantId");
        assert_eq!(admin.post("/api/v1/erasures", &json!({ "phoneNumber": ADA, "tenantId": "tnt_9" })).await.status, 404);
        assert_eq!(admin.post("/api/v1/erasures", &json!({ "phoneNumber": ADA, "tenantId": "tnt_2" })).await.status, 201);
        assert_eq!(traces(&app).await, []);
        app.stop().await;
    }

    async fn an_erasure_is_done_once_per_key_and_only_of_what_can_be_a_caller(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        rings(&app, "SIP-1", ADA).await;
        completed(&app, "SIP-1").await;
        let operator = app.api(Role::Operator, Some("tnt_1")).await;
        assert_eq!(erase(&operator, ADA).await.status, 403);
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        assert_eq!(erase(&api, "Ada").await.wrong()[0].0, "#/phoneNumber");
        let own = erase(&api, routing::NUMBER).await;
        assert_eq!((own.status, own.text("detail").contains("your own phone numbers")), (409, true), "{}", own.body);
        let keyed = |key: &str, number: &str| {
            let request = api.to("POST", "/api/v1/erasures").header("idempotency-key", key);
            api.send(request.json(&json!({ "phoneNumber": number })))
        };
        let telling = keyed("erase-5551234567", ADA).await;
        assert_eq!((telling.status, telling.wrong()[0].0.as_str()), (422, "Idempotency-Key"));
        let (one, again) = (keyed("k1", ADA).await, keyed("k1", ADA).await);
        assert_eq!((one.status, again.status, &one.body), (201, 201, &again.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(keyed("k1", "+15550000004").await.status, 422);
        assert_eq!(api.get("/api/v1/erasures").await.body["items"].as_array().map(Vec::len), Some(1));
        app.stop().await;
    }
}
