//! Leads: looked up, changed, noted on and merged.

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::db;

use crate::api::{Api, Said};
use crate::app::{Setup, TestApp};
use crate::ask::{ask, with};
use crate::{on_both_databases, routing};

const ADA: &str = "+15551234567";
const BOB: &str = "+442079460958";

async fn app(setup: Setup) -> Option<TestApp> {
    let app = setup.start().await?;
    routing::acme(&app).await;
    routing::limit(&app, 1000).await;
    Some(app)
}

/// Somebody rings and is there until [`completed`] or [`missed`].
pub(super) async fn rings(app: &TestApp, id: &str, from: &str) {
    let (status, answer) = app.ask(&with(ask(id), json!({ "from_number": from, "timestamp": null }))).await;
    assert_eq!((status, &answer["agent_name"]), (200, &json!("telephony-agent")), "{answer}");
}

pub(super) async fn completed(app: &TestApp, id: &str) {
    let event =
        json!({ "event": "room.finished", "room": { "name": format!("sip-room-{id}"), "duration": 60 } });
    assert_eq!(app.tell(&event).await.0, 200);
}

pub(super) async fn missed(app: &TestApp, id: &str) {
    let event = json!({
        "event": "participant.left", "room": { "name": format!("sip-room-{id}") },
        "participant": { "identity": "caller-1" },
    });
    assert_eq!(app.tell(&event).await.0, 200);
}

/// The lead with this number.
pub(super) async fn lead_of(app: &TestApp, number: &str) -> db::leads::Lead {
    let leads = app.leads().await;
    leads
        .into_iter()
        .find(|lead| lead.phone_number == number)
        .unwrap_or_else(|| panic!("no lead of {number}"))
}

fn names(said: &Said) -> Vec<String> {
    assert_eq!(said.status, 200, "{}", said.body);
    let items = said.body["items"].as_array().expect("items").iter();
    items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

async fn found(api: &Api<'_>, query: &str) -> Vec<String> {
    names(&api.get(&format!("/api/v1/leads?{query}")).await)
}

async fn named(api: &Api<'_>, app: &TestApp, number: &str, name: &str) -> String {
    let id = lead_of(app, number).await.id;
    let at = format!("/api/v1/leads/{id}");
    let etag = api.get(&at).await.etag();
    let said = api.patch(&at, &etag, &json!({ "name": name })).await;
    assert_eq!(said.status, 200, "{}", said.body);
    id.to_string()
}

/// Actions in the audit of this subject, oldest first.
pub(super) async fn audited(app: &TestApp, subject: &str) -> Vec<String> {
    let subject = subject.to_owned();
    let read = move |tx: &mut db::Tx<'_>| -> db::Result<_> {
        tx.all("select action from audit where subject_id = $1 order by id", &[&subject], |row| {
            row.get("action")
        })
    };
    app.app.db.read(read).await.expect("the audit")
}

/// The kinds, revisions and event words of the changes of this subject, oldest first.
pub(super) async fn noted(app: &TestApp, subject: &str) -> Vec<(i64, Option<String>)> {
    let subject = subject.to_owned();
    let read = move |tx: &mut db::Tx<'_>| -> db::Result<_> {
        tx.all("select revision, events from changes where subject = $1 order by seq", &[&subject], |row| {
            Ok((row.get("revision")?, row.get("events")?))
        })
    };
    app.app.db.read(read).await.expect("the changes")
}

on_both_databases! {
    async fn leads_are_found_by_part_of_a_number_however_it_is_written_or_of_a_name(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        for (n, from) in [ADA, BOB, "+15559990000"].into_iter().enumerate() {
            rings(&app, &format!("SIP-{n}"), from).await;
        }
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        named(&api, &app, ADA, "Ada Lovelace").await;
        named(&api, &app, BOB, "Älvar 100%_\\ Öl").await;
        for search in ["%2B1%20(555)%20123-4567", "123-45", "5551234567", "lovelace", "ADA", "4567"] {
            assert_eq!(found(&api, &format!("search={search}")).await, ["Ada Lovelace"], "{search}");
        }
        for search in ["020%207946", "%2B44(0)20", "0958", "öL", "älvar", "100%25_\\"] {
            assert_eq!(found(&api, &format!("search={search}")).await.len(), 1, "{search}");
        }
        for search in ["5550000", "zzz", "_", "a%25", "%2B1555123456789"] {
            let found = found(&api, &format!("search={search}")).await;
            assert_eq!(found.len(), usize::from(search == "_"), "{search}: {found:?}");
        }
        assert_eq!(found(&api, "search=555").await.len(), 2);
        assert_eq!(api.get("/api/v1/leads?search=").await.status, 422);
        app.stop().await;
    }

    async fn a_list_is_narrowed_by_campaign_status_and_open_tasks(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        missed(&app, "SIP-1").await;
        rings(&app, "SIP-2", BOB).await;
        completed(&app, "SIP-2").await;
        let [ada, bob] = [ADA, BOB].map(|number| [format!("Inbound Caller {number}")]);
        assert_eq!(found(&api, "").await, [&bob[..], &ada[..]].concat(), "newest first");
        assert_eq!(found(&api, "status=missed").await, ada);
        assert_eq!(found(&api, "hasOpenTask=true").await, ada);
        assert_eq!(found(&api, "hasOpenTask=false&search=inbound").await, bob);
        assert_eq!(found(&api, "campaignId=cmp_1&status=missed&tenantId=tnt_1").await, ada);
        assert_eq!(found(&api, "campaignId=cmp_2").await, [""; 0]);
        let admin = app.api(Role::Admin, None).await;
        assert_eq!(found(&admin, "campaignId=cmp_1&search=1234567").await, ada);
        assert_eq!(found(&admin, "limit=1").await.len(), 1);
        assert_eq!(admin.get("/api/v1/leads?tenantId=tnt_9").await.status, 404, "there is no such tenant");
        app.stop().await;
    }

    async fn pages_of_leads_follow_one_another_while_more_call(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let number = |n: usize| format!("+1555000{n:04}");
        for n in 0..5 {
            rings(&app, &format!("SIP-{n}"), &number(n)).await;
        }
        let (mut seen, mut at) = (Vec::new(), "/api/v1/leads?limit=2".to_owned());
        loop {
            let page = api.get(&at).await.body;
            seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["phoneNumber"].clone()));
            let n = 100 + seen.len();
            rings(&app, &format!("SIP-{n}"), &number(n)).await;
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            at = format!("/api/v1/leads?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, [4, 3, 2, 1, 0].map(|n| json!(number(n))));
        app.stop().await;
    }

    async fn a_lead_is_changed_and_its_metadata_merged(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        rings(&app, "SIP-1", ADA).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let id = lead_of(&app, ADA).await.id;
        let at = format!("/api/v1/leads/{id}");
        let patch = json!({ "name": "Ada", "status": "qualified", "metadata": { "crm": { "id": 7, "x": 1 } } });
        assert_eq!(api.send(api.to("PATCH", &at).json(&patch)).await.status, 428);
        assert_eq!(api.patch(&at, "\"9\"", &patch).await.status, 412);
        let said = api.patch(&at, "\"1\"", &patch).await;
        assert_eq!((said.status, said.etag().as_str()), (200, "\"2\""), "{}", said.body);
        let said = api.patch(&at, "\"2\"", &json!({ "metadata": { "crm": { "x": null }, "vip": true } })).await;
        assert_eq!(
            (&said.body["name"], &said.body["status"], &said.body["metadata"]),
            (&json!("Ada"), &json!("qualified"), &json!({ "source": "inbound", "crm": { "id": 7 }, "vip": true }))
        );
        let wrong = json!({ "name": "", "status": "Not A Word", "metadata": [], "phoneNumber": "+1" });
        let said = api.patch(&at, "\"3\"", &wrong).await;
        let mut places: Vec<_> = said.wrong().into_iter().map(|(place, _)| place).collect();
        places.sort();
        assert_eq!(places, ["#/metadata", "#/name", "#/phoneNumber", "#/status"]);
        let long = json!({ "metadata": { "x": "x".repeat(17_000) } });
        assert_eq!(api.patch(&at, "\"3\"", &long).await.wrong()[0].0, "#/metadata");
        assert_eq!(audited(&app, &id).await, ["lead.updated", "lead.updated"]);
        let updated = Some("lead.updated".to_owned());
        assert_eq!(noted(&app, &id).await[1..], [(2, updated.clone()), (3, updated)]);
        rings(&app, "SIP-2", ADA).await;
        assert_eq!(lead_of(&app, ADA).await.status, "calling", "the next ring says where it stands");
        app.stop().await;
    }

    async fn a_lead_is_shown_with_its_notes_open_tasks_and_calls(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        missed(&app, "SIP-1").await;
        rings(&app, "SIP-2", ADA).await;
        let id = lead_of(&app, ADA).await.id;
        let at = format!("/api/v1/leads/{id}");
        let before = api.get(&at).await;
        let note = api.made(&format!("{at}/notes"), &json!({ "body": "Prefers mornings." })).await;
        let said = api.get(&at).await;
        assert_eq!(said.body["revision"].as_i64(), before.body["revision"].as_i64().map(|n| n + 1));
        assert_eq!(said.body["notes"], json!([note]));
        assert_eq!(note["author"].as_str().map(|name| name.starts_with("operator")), Some(true));
        let task = &said.body["openTasks"][0];
        assert_eq!((&task["kind"], &task["title"]), (&json!("call_back"), &json!("Call back")));
        let calls: Vec<_> = said.body["calls"].as_array().expect("calls").iter().map(|call| &call["status"]).collect();
        assert_eq!(calls, ["ringing", "missed"], "newest first");
        // A call that ends changes what is shown, if not the lead: who has this version does not have that.
        let again = || api.send(api.to("GET", &at).header("if-none-match", said.etag()));
        assert_eq!(again().await.status, 304);
        completed(&app, "SIP-2").await;
        assert_eq!(again().await.status, 200);
        app.stop().await;
    }

    async fn notes_are_written_once_per_key_and_read_in_pages(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        let id = lead_of(&app, ADA).await.id;
        let all = format!("/api/v1/leads/{id}/notes");
        let write = |body: &str, key: &str| {
            let request = api.to("POST", &all).header("idempotency-key", key).json(&json!({ "body": body }));
            api.send(request)
        };
        let (one, twice) = (write("one", "k1").await, write("one", "k1").await);
        assert_eq!((one.status, twice.status, &one.body), (201, 201, &twice.body));
        let location = one.headers["location"].to_str().expect("text").to_owned();
        assert_eq!(api.get(&location).await.body, one.body);
        write("two", "k2").await;
        write("three", "k3").await;
        let page = api.get(&format!("{all}?limit=2")).await.body;
        let cursor = page["nextCursor"].as_str().expect("more");
        let rest = api.get(&format!("{all}?limit=2&cursor={cursor}")).await.body;
        let bodies = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().expect("items").iter();
            items.map(|note| note["body"].as_str().expect("text").to_owned()).collect()
        };
        assert_eq!((bodies(&page), bodies(&rest)), (vec!["three".into(), "two".into()], vec!["one".into()]));
        assert_eq!(lead_of(&app, ADA).await.revision, 4, "each is a new revision of the lead");
        assert_eq!(api.post(&all, &json!({ "body": "x".repeat(4001) })).await.status, 422);
        assert_eq!(audited(&app, &id).await, ["lead.note_added"; 3]);
        app.stop().await;
    }

    async fn a_merged_lead_hands_everything_over_and_its_next_ring_too(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        missed(&app, "SIP-1").await;
        rings(&app, "SIP-2", BOB).await;
        missed(&app, "SIP-2").await;
        let (ada, bob) = (lead_of(&app, ADA).await, lead_of(&app, BOB).await);
        let (to, from) = (format!("/api/v1/leads/{}", ada.id), format!("/api/v1/leads/{}", bob.id));
        api.patch(&to, "\"2\"", &json!({ "metadata": { "a": 1, "both": "ada" } })).await;
        api.patch(&from, "\"2\"", &json!({ "metadata": { "b": 2, "both": "bob" } })).await;
        api.made(&format!("{from}/notes"), &json!({ "body": "from Bob" })).await;
        api.made(&format!("{from}/tasks"), &json!({ "title": "Send prices", "dueAt": "2026-01-01T00:00:00Z" })).await;
        let said = api.post(&format!("{to}/merge"), &json!({ "fromId": bob.id })).await;
        assert_eq!(said.status, 200, "{}", said.body);
        assert_eq!(
            (&said.body["attempts"], &said.body["lastCallId"], &said.body["phoneNumber"]),
            (&json!(2), &json!(bob.last_call_id), &json!(ADA))
        );
        assert_eq!(said.body["metadata"], json!({ "source": "inbound", "a": 1, "b": 2, "both": "ada" }));
        let shown = api.get(&to).await;
        assert!(shown.etag().starts_with(said.etag().trim_end_matches('"')), "the revision is the lead's");
        assert_eq!(shown.body["calls"].as_array().map(Vec::len), Some(2));
        assert_eq!(shown.body["notes"][0]["body"], "from Bob");
        let titles: Vec<_> = shown.body["openTasks"].as_array().expect("tasks").iter().map(|task| &task["title"]).collect();
        assert_eq!(titles.iter().filter(|title| **title == "Call back").count(), 1, "one call back for both: {titles:?}");
        assert_eq!(titles.len(), 2);

        let gone = api.get(&from).await.body;
        assert_eq!((&gone["mergedInto"], &gone["calls"], &gone["openTasks"]), (&json!(ada.id), &json!([]), &json!([])));
        assert_eq!(found(&api, "").await.len(), 1);
        assert_eq!(app.leads().await.len(), 1, "the command line lists it no more either");
        for (path, body) in [("notes", json!({ "body": "late" })), ("merge", json!({ "fromId": ada.id }))] {
            assert_eq!(api.post(&format!("{from}/{path}"), &body).await.status, 409, "{path}");
        }
        assert_eq!(api.patch(&from, "*", &json!({ "name": "late" })).await.status, 409);
        assert_eq!(api.post(&format!("{to}/merge"), &json!({ "fromId": bob.id })).await.status, 409, "merged already");
        assert_eq!(audited(&app, &ada.id).await, ["lead.updated", "lead.merged"]);
        assert_eq!(audited(&app, &bob.id).await.last().map(String::as_str), Some("lead.merged_away"));
        assert_eq!(noted(&app, &bob.id).await.last().and_then(|(_, words)| words.clone()).as_deref(), Some("lead.updated"));

        // Its number rings again.
        rings(&app, "SIP-3", BOB).await;
        let call = app.calls().await.pop().expect("a call");
        assert_eq!(call.lead.as_deref(), Some(ada.id.as_str()));
        let lead = lead_of(&app, ADA).await;
        assert_eq!((lead.attempts, lead.status.as_str(), &lead.last_call_id), (3, "calling", &call.id));
        completed(&app, "SIP-3").await;
        assert_eq!(lead_of(&app, ADA).await.status, "completed");
        app.stop().await;
    }

    async fn a_chain_of_merges_ends_at_the_last_target(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let numbers = [ADA, BOB, "+15559990000"];
        for (n, number) in numbers.into_iter().enumerate() {
            rings(&app, &format!("SIP-{n}"), number).await;
        }
        let mut ids = Vec::new();
        for number in numbers {
            ids.push(lead_of(&app, number).await.id);
        }
        for (from, to) in [(0, 1), (1, 2)] {
            let said = api.post(&format!("/api/v1/leads/{}/merge", ids[to]), &json!({ "fromId": ids[from] })).await;
            assert_eq!(said.status, 200, "{}", said.body);
        }
        for id in &ids[..2] {
            assert_eq!(api.get(&format!("/api/v1/leads/{id}")).await.body["mergedInto"], json!(ids[2]));
        }
        rings(&app, "SIP-9", ADA).await;
        let lead = lead_of(&app, numbers[2]).await;
        assert_eq!((lead.attempts, app.leads().await.len()), (4, 1));
        // Open calls moved too, and their ends are the lead's.
        completed(&app, "SIP-9").await;
        assert_eq!(lead_of(&app, numbers[2]).await.status, "completed");
        app.stop().await;
    }

    async fn what_cannot_be_merged_says_why(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        let id = lead_of(&app, ADA).await.id;
        let at = format!("/api/v1/leads/{id}/merge");
        let itself = api.post(&at, &json!({ "fromId": id })).await;
        assert_eq!((itself.status, itself.text("detail").as_str()), (409, "a lead cannot be merged into itself"));
        assert_eq!(api.post(&at, &json!({ "fromId": "lead_404" })).await.status, 404);
        assert_eq!(api.post("/api/v1/leads/lead_404/merge", &json!({ "fromId": id })).await.status, 404);
        assert_eq!(api.post(&at, &json!({})).await.wrong()[0].0, "#/fromId");
        app.stop().await;
    }

    async fn another_tenants_leads_and_tasks_are_not_there(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        rings(&app, "SIP-1", ADA).await;
        missed(&app, "SIP-1").await;
        let own = app.api(Role::Operator, Some("tnt_1")).await;
        let id = lead_of(&app, ADA).await.id;
        let at = format!("/api/v1/leads/{id}");
        let note = own.made(&format!("{at}/notes"), &json!({ "body": "x" })).await;
        let task = own.get("/api/v1/tasks").await.body["items"][0]["id"].as_str().expect("a task").to_owned();
        let other = app.api(Role::Operator, Some("tnt_2")).await;
        for path in [at.clone(), format!("{at}/notes"), format!("{at}/notes/{}", note["id"].as_str().expect("text")), format!("/api/v1/tasks/{task}")] {
            let said = other.get(&path).await;
            assert_eq!(said.status, 404, "{path}");
            assert_eq!(own.get(&path).await.status, 200, "{path}");
        }
        for (path, body) in [("notes", json!({ "body": "x" })), ("tasks", json!({ "title": "x", "dueAt": "2026-01-01T00:00:00Z" })), ("merge", json!({ "fromId": id }))] {
            assert_eq!(other.post(&format!("{at}/{path}"), &body).await.status, 404, "{path}");
        }
        assert_eq!(other.patch(&at, "*", &json!({ "name": "x" })).await.status, 404);
        assert_eq!(other.patch(&format!("/api/v1/tasks/{task}"), "*", &json!({ "title": "x" })).await.status, 404);
        assert_eq!(other.get("/api/v1/leads?tenantId=tnt_1").await.status, 404);
        assert_eq!(found(&other, "").await, [""; 0]);
        assert_eq!(other.get(&format!("/api/v1/tasks?leadId={id}")).await.body["items"], json!([]));
        app.stop().await;
    }
}
