//! Follow-up tasks: made by missed calls and by people, snoozed, done.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::clock::{Clock, Timestamp};

use super::Api;
use super::leads::{audited, completed, lead_of, missed, noted, rings};
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

const ADA: &str = "+15551234567";
const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

async fn app(setup: Setup) -> Option<TestApp> {
    let app = setup.start().await?;
    routing::acme(&app).await;
    routing::limit(&app, 1000).await;
    Some(app)
}

async fn tasks(api: &Api<'_>, query: &str) -> Vec<Value> {
    let said = api.get(&format!("/api/v1/tasks?{query}")).await;
    assert_eq!(said.status, 200, "{}", said.body);
    said.body["items"].as_array().expect("items").clone()
}

fn titles(tasks: &[Value]) -> Vec<&str> {
    tasks.iter().map(|task| task["title"].as_str().expect("a title")).collect()
}

async fn set(api: &Api<'_>, task: &Value, change: Value) -> Value {
    let at = format!("/api/v1/tasks/{}", task["id"].as_str().expect("an id"));
    let etag = api.get(&at).await.etag();
    let said = api.patch(&at, &etag, &change).await;
    assert_eq!(said.status, 200, "{}", said.body);
    said.body
}

on_both_databases! {
    async fn a_missed_call_makes_one_task_to_call_back_however_often_it_is_missed(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        for id in ["SIP-1", "SIP-2"] {
            rings(&app, id, ADA).await;
            missed(&app, id).await;
        }
        rings(&app, "SIP-3", ADA).await;
        completed(&app, "SIP-3").await;
        let (all, lead, call) = (tasks(&api, "").await, lead_of(&app, ADA).await, &app.calls().await[0]);
        assert_eq!(all.len(), 1, "{all:?}");
        let task = &all[0];
        assert_eq!((&task["leadId"], &task["callId"]), (&json!(lead.id), &json!(call.id)));
        assert_eq!(
            (&task["kind"], &task["status"], &task["createdBy"], &task["dueAt"]),
            (&json!("call_back"), &json!("open"), &json!("switchboard"), &task["createdAt"])
        );
        assert_eq!(noted(&app, task["id"].as_str().expect("an id")).await, [(1, Some("task.created".to_owned()))]);
        // Called back; then missed again.
        set(&api, task, json!({ "status": "done" })).await;
        rings(&app, "SIP-4", ADA).await;
        missed(&app, "SIP-4").await;
        let all = tasks(&api, "").await;
        let states: Vec<_> = all.iter().map(|task| &task["status"]).collect();
        assert_eq!(states, ["open", "done"], "newest first");
        let at = format!("/api/v1/tasks/{}", all[1]["id"].as_str().expect("an id"));
        assert_eq!(api.patch(&at, "*", &json!({ "status": "open" })).await.status, 409, "once is enough");
        app.stop().await;
    }

    async fn a_missed_call_that_was_answered_after_all_takes_its_task_back(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        for (id, from) in [("SIP-1", ADA), ("SIP-2", "+15550000002")] {
            rings(&app, id, from).await;
            missed(&app, id).await;
        }
        let made = tasks(&api, "").await;
        set(&api, &made[0], json!({ "title": "Call back, asks for Bob" })).await;
        // The room says how long they talked.
        completed(&app, "SIP-1").await;
        completed(&app, "SIP-2").await;
        let all = tasks(&api, "").await;
        assert_eq!((&all[1]["status"], &all[1]["revision"]), (&json!("done"), &json!(2)), "nobody had touched it");
        assert!(all[1]["doneAt"].is_string());
        assert_eq!(all[0]["status"], "open", "somebody had taken it up");
        assert_eq!(noted(&app, all[1]["id"].as_str().expect("an id")).await[1], (2, None));
        app.stop().await;
    }

    async fn a_late_fact_that_leaves_a_call_missed_makes_no_second_task(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        let end = json!({ "event": "room.finished", "room": { "name": "sip-room-SIP-1", "duration": 0 } });
        missed(&app, "SIP-1").await;
        set(&api, &tasks(&api, "").await[0], json!({ "status": "done" })).await;
        app.tell(&end).await;
        assert_eq!(app.calls().await[0].outcome.status.as_str(), "missed");
        assert_eq!(tasks(&api, "").await.len(), 1);
        app.stop().await;
    }

    async fn a_refused_call_and_a_withheld_number_make_no_task(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        rings(&app, "SIP-1", "anonymous").await;
        missed(&app, "SIP-1").await;
        routing::limit(&app, 0).await;
        let (_, answer) = app.ask(&crate::ask::ask("SIP-2")).await;
        assert_eq!(answer["reason"], "campaign_full");
        assert_eq!(tasks(&api, "").await, [] as [Value; 0]);
        app.stop().await;
    }

    async fn open_tasks_are_listed_by_when_they_are_due_and_snoozed_ones_return_by_themselves(setup: Setup) {
        let clock = Clock::manual(NOON);
        let Some(app) = app(setup.clock(clock.clone())).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        let lead = lead_of(&app, ADA).await.id;
        let at = format!("/api/v1/leads/{lead}/tasks");
        let due = |hours: u64| NOON.saturating_add(Duration::from_secs(hours * 3600)).to_string();
        for (title, hours) in [("late", 30), ("soon", 1), ("later", 20), ("next", 2)] {
            clock.advance(Duration::from_millis(1));
            api.made(&at, &json!({ "title": title, "dueAt": due(hours) })).await;
        }
        assert_eq!(titles(&tasks(&api, "status=open").await), ["soon", "next", "later", "late"]);
        assert_eq!(titles(&tasks(&api, &format!("status=open&dueBefore={}", due(20))).await), ["soon", "next"]);
        assert_eq!(titles(&tasks(&api, "").await), ["next", "later", "soon", "late"], "newest first");

        let soon = tasks(&api, "status=open").await.remove(0);
        let snoozed = set(&api, &soon, json!({ "status": "snoozed", "snoozedUntil": due(5) })).await;
        assert_eq!((&snoozed["status"], &snoozed["snoozedUntil"]), (&json!("snoozed"), &json!(due(5))));
        assert_eq!(titles(&tasks(&api, "status=snoozed").await), ["soon"]);
        assert_eq!(titles(&tasks(&api, "status=open").await), ["next", "later", "late"]);
        clock.set(NOON.saturating_add(Duration::from_secs(5 * 3600)));
        assert_eq!(tasks(&api, "status=snoozed").await, [] as [Value; 0]);
        // A page at a time, across both kinds of open.
        let (mut seen, mut next) = (Vec::new(), "/api/v1/tasks?status=open&limit=1".to_owned());
        loop {
            let page = api.get(&next).await.body;
            seen.extend(page["items"].as_array().expect("items").clone());
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            next = format!("/api/v1/tasks?status=open&limit=1&cursor={cursor}");
        }
        assert_eq!(titles(&seen), ["soon", "next", "later", "late"]);
        assert_eq!((&seen[0]["status"], &seen[0]["snoozedUntil"]), (&json!("open"), &Value::Null));
        assert_eq!(api.get("/api/v1/tasks?status=open&cursor=InRhc2tfMSI").await.status, 422, "another list's cursor");
        let admin = app.api(Role::Admin, None).await;
        assert_eq!(tasks(&admin, &format!("leadId={lead}&status=open")).await.len(), 4);
        assert_eq!(tasks(&admin, "status=open&limit=3").await.len(), 3);
        app.stop().await;
    }

    async fn a_task_is_changed_snoozed_done_and_opened_again(setup: Setup) {
        let clock = Clock::manual(NOON);
        let Some(app) = app(setup.clock(clock.clone())).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        rings(&app, "SIP-1", ADA).await;
        let lead = lead_of(&app, ADA).await.id;
        let made = api.post(&format!("/api/v1/leads/{lead}/tasks"), &json!({ "title": "Send prices", "dueAt": "2025-10-10T09:00:00+02:00" })).await;
        assert_eq!((made.status, made.etag().as_str()), (201, "\"1\""), "{}", made.body);
        assert_eq!(made.body["dueAt"], "2025-10-10T07:00:00.000000Z");
        clock.advance(Duration::from_millis(1));
        let done = clock.now().to_string();
        let at = made.headers["location"].to_str().expect("text").to_owned();
        assert_eq!(api.get(&at).await.body, made.body);
        let refuse = async |etag: &str, change: Value| {
            let said = api.patch(&at, etag, &change).await;
            (said.status, said.wrong().first().cloned().unwrap_or_default())
        };
        let until = |why: &str| (422, ("#/snoozedUntil".to_owned(), why.to_owned()));
        let missing = until("is missing: say when a snoozed task is open again");
        assert_eq!(refuse("\"1\"", json!({ "status": "snoozed" })).await, missing);
        let past = json!({ "status": "snoozed", "snoozedUntil": "2025-01-01T00:00:00Z" });
        assert_eq!(refuse("\"1\"", past).await, until("must be a time to come"));
        let alone = json!({ "snoozedUntil": "2026-01-01T00:00:00Z" });
        assert_eq!(refuse("\"1\"", alone).await, until("goes only with the status snoozed"));
        assert_eq!(refuse("\"5\"", json!({ "status": "done" })).await.0, 412);
        assert_eq!(refuse("\"1\"", json!({ "status": "paused" })).await.1, ("#/status".to_owned(), "must be one of open, snoozed, done".to_owned()));

        let said = api.patch(&at, "\"1\"", &json!({ "status": "snoozed", "snoozedUntil": "2025-11-01T00:00:00Z" })).await;
        assert_eq!(said.status, 200, "{}", said.body);
        let said = api.patch(&at, "\"2\"", &json!({ "status": "done" })).await;
        assert_eq!((&said.body["snoozedUntil"], &said.body["doneAt"]), (&Value::Null, &json!(done)), "{}", said.body);
        clock.set(NOON.saturating_add(Duration::from_secs(60)));
        let said = api.patch(&at, "\"3\"", &json!({ "title": "Send the new prices" })).await;
        assert_eq!(said.body["doneAt"], json!(done), "it was done then");
        let said = api.patch(&at, "\"4\"", &json!({ "status": "open" })).await;
        assert_eq!((&said.body["doneAt"], &said.body["status"]), (&Value::Null, &json!("open")));
        let actions = audited(&app, said.body["id"].as_str().expect("an id")).await;
        assert_eq!(actions, ["task.created", "task.updated", "task.updated", "task.updated", "task.updated"]);
        app.stop().await;
    }
}
