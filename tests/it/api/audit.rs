//! The audit.

use serde_json::{Value, json};
use switchboard::audit::{self, Actor, Entry};
use switchboard::auth::Role;
use switchboard::db::{self, Json, Tx};
use switchboard::ids::TenantId;

use super::configured::other_tenant;
use crate::api::Said;
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

const AUDIT: &str = "/api/v1/audit";

fn actions(page: &Said) -> Vec<&str> {
    let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{}", page.body));
    items.iter().map(|item| item["action"].as_str().expect("text")).collect()
}

async fn note(app: &TestApp, tenant: Option<&str>, action: &'static str) {
    let (tenant, now) = (tenant.map(TenantId::from), app.app.clock.now());
    let note = move |tx: &mut Tx<'_>| {
        let entry = Entry {
            action,
            tenant: tenant.as_ref(),
            subject: ("user", "usr_1"),
            before: None,
            after: Some(json!({"email": "somebody@example.com", "role": "owner"})),
        };
        audit::note(tx, &Actor::command_line(), entry, now)
    };
    app.app.db.write(note).await.expect("it is noted");
}

on_both_databases! {
    async fn a_change_says_who_made_it_and_what_differs(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let change = api.to("PATCH", "/api/v1/campaigns/cmp_1").header("if-match", "*").header("x-request-id", "order-66");
        let changed = api.send(change.json(&json!({"status": "paused", "maxConcurrent": null}))).await;
        assert_eq!(changed.status, 200);
        let page = api.get(AUDIT).await;
        let entry = &page.body["items"][0];
        let own_fields = |of: &Value| {
            let mut of = of.clone();
            for field in ["revision", "createdAt", "updatedAt", "phoneNumbers"] {
                of.as_object_mut().expect("an object").remove(field);
            }
            of
        };
        assert_eq!(entry["after"], own_fields(&changed.body), "as the API shows it, without its version and its numbers");
        assert_eq!((&entry["before"]["status"], &entry["before"]["maxConcurrent"]), (&json!("active"), &json!(3)));
        assert_eq!(entry["changed"], json!(["status", "maxConcurrent"]));
        assert_eq!((&entry["tenantId"], &entry["action"]), (&json!("tnt_1"), &json!("campaign.updated")));
        assert_eq!(entry["subject"], json!({"kind": "campaign", "id": "cmp_1"}));
        assert_eq!((&entry["requestId"], &entry["address"], &entry["erasedAt"]), (&json!("order-66"), &json!("127.0.0.1"), &Value::Null));
        let actor = &entry["actor"];
        assert!(actor["kind"] == "key" && actor["id"].as_str().is_some_and(|id| id.starts_with("key_")), "{actor}");
        let one = api.get(&format!("{AUDIT}/{}", entry["id"].as_str().expect("an id"))).await;
        assert_eq!((one.status, &one.body), (200, entry));
        assert!(!page.body.to_string().contains(&api.key), "no secret is in it");
        app.stop().await;
    }

    async fn what_fails_leaves_no_entry(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        api.post("/api/v1/agents", &json!({"name": "reception"})).await;
        api.post("/api/v1/phone-numbers", &json!({"number": "+14155550123", "campaignId": "none"})).await;
        api.patch("/api/v1/agents/agt_1", "\"9\"", &json!({"isActive": false})).await;
        api.patch("/api/v1/agents/agt_1", "*", &json!({})).await;
        api.delete("/api/v1/agents/agt_1").await;
        assert_eq!(actions(&api.get(AUDIT).await), [""; 0]);
        app.stop().await;
    }

    async fn an_owner_sees_its_tenants_entries_and_the_platform_sees_all(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        other_tenant(&app).await;
        note(&app, None, "user.created").await;
        let (owner, admin) = (app.api(Role::Owner, Some("tnt_1")).await, app.api(Role::Admin, None).await);
        owner.made("/api/v1/agents", &json!({"name": "mine"})).await;
        assert_eq!(actions(&owner.get(AUDIT).await), ["agent.created"]);
        let all = admin.get(AUDIT).await;
        // The oldest is the platform's first admin.
        let expected = ["agent.created", "user.created", "trunk.created", "phone_number.created", "campaign.created", "agent.created", "tenant.created", "user.created"];
        assert_eq!(actions(&all), expected);
        assert_eq!(all.body["items"][1]["tenantId"], Value::Null);
        for item in all.body["items"].as_array().expect("items") {
            let at = format!("{AUDIT}/{}", item["id"].as_str().expect("an id"));
            assert_eq!(admin.get(&at).await.status, 200);
            let own = item["tenantId"] == "tnt_1";
            let said = owner.get(&at).await;
            assert_eq!(said.status, if own { 200 } else { 404 }, "{item}");
            if !own {
                assert_eq!(said.text("detail"), owner.get(&format!("{AUDIT}/none")).await.text("detail"));
            }
        }
        assert_eq!(owner.get(&format!("{AUDIT}?tenantId=tnt_2")).await.status, 404);
        assert_eq!(actions(&owner.get(&format!("{AUDIT}?subjectId=tnt_2")).await), [""; 0]);
        assert_eq!(actions(&admin.get(&format!("{AUDIT}?tenantId=tnt_1")).await), ["agent.created"]);
        app.stop().await;
    }

    async fn entries_are_found_by_all_that_they_say(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let second = app.api(Role::Owner, Some("tnt_1")).await;
        api.made("/api/v1/agents", &json!({"name": "one"})).await;
        let request = second.to("POST", "/api/v1/campaigns").header("x-request-id", "req-7");
        assert_eq!(second.send(request.json(&json!({"name": "two"}))).await.status, 201);
        api.patch("/api/v1/agents/agt_2", "*", &json!({"isActive": false})).await;
        let all = api.get(AUDIT).await.body["items"].as_array().expect("items").clone();
        let of = async |query: String| api.get(&format!("{AUDIT}?{query}")).await;
        let (newest, middle) = (&all[0], &all[1]);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        for (query, found) in [
            ("action=agent.".to_owned(), &["agent.updated", "agent.created"][..]),
            ("action=agent.created".to_owned(), &["agent.created"]),
            ("action=agent".to_owned(), &[]),
            ("action=%25.".to_owned(), &[]),
            ("subjectId=agt_2".to_owned(), &["agent.updated"]),
            ("subjectKind=campaign".to_owned(), &["campaign.created"]),
            ("requestId=req-7".to_owned(), &["campaign.created"]),
            ("requestId=req-7&action=agent.".to_owned(), &[]),
            (format!("actorId={}", text(&middle["actor"]["id"])), &["campaign.created"]),
            (format!("since={}", text(&middle["at"])), &["agent.updated", "campaign.created"]),
            (format!("until={}", text(&middle["at"])), &["agent.created"]),
            (format!("since={}&until={}", text(&middle["at"]), text(&newest["at"])), &["campaign.created"]),
        ] {
            assert_eq!(actions(&of(query.clone()).await), found, "{query}");
        }
        let (mut seen, mut next) = (Vec::new(), "limit=1".to_owned());
        loop {
            let page = of(next).await;
            seen.extend(actions(&page).into_iter().map(str::to_owned));
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            next = format!("limit=1&cursor={cursor}");
        }
        assert_eq!(seen, ["agent.updated", "campaign.created", "agent.created"]);
        assert_eq!(of("since=noon".to_owned()).await.wrong()[0].0, "since");
        assert_eq!(of("subjectID=x".to_owned()).await.wrong()[0].1, "is not known; did you mean subjectId?");
        app.stop().await;
    }

    async fn the_database_itself_keeps_every_entry_as_it_was_written(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        note(&app, Some("tnt_1"), "user.created").await;
        let admin = app.api(Role::Admin, None).await;
        let kept = admin.get(AUDIT).await.body;
        let refused = [
            "delete from audit",
            "update audit set action = 'user.archived'",
            "update audit set after = '{}'",
            "update audit set actor_name = 'somebody else'",
            "update audit set erased_at = 1, action = 'user.archived'",
            "update audit set erased_at = 1, at = 1",
            "update audit set erased_at = 1, id = 'aud_1'",
            "update audit set erased_at = 1, tenant_id = 'tnt_2'",
            "update audit set erased_at = 1, tenant_id = null",
            "update audit set erased_at = 1, actor_kind = 'user'",
            "update audit set erased_at = 1, actor_id = 'usr_9'",
            "update audit set erased_at = 1, subject_kind = 'agent'",
            "update audit set erased_at = 1, subject_id = 'usr_2'",
            "update audit set erased_at = 1, request_id = 'req'",
            "update audit set erased_at = 1, before = '{}'",
            "update audit set erased_at = 1, address = '192.0.2.1'",
        ];
        for sql in refused {
            let done = app.app.db.write(move |tx| tx.execute(sql, &[])).await;
            assert!(matches!(done, Err(db::Error::Sqlite(_) | db::Error::Postgres(_))), "{sql}: {done:?}");
        }
        let replace = "insert or replace into audit (id, at, actor_kind, actor_name, action, subject_kind, subject_id)
                       select id, 1, 'user', 'x', 'x', 'x', 'x' from audit";
        let empty = "truncate audit";
        let sql = if app.app.db.engine() == db::Engine::Sqlite { replace } else { empty };
        assert!(app.app.db.write(move |tx| tx.execute(sql, &[])).await.is_err(), "{sql}");
        assert_eq!(admin.get(AUDIT).await.body, kept);
        // An erasure blanks what is personal, and says so.
        let now = app.app.clock.now();
        let blank = move |tx: &mut Tx<'_>| {
            tx.execute(
                "update audit set after = $1, actor_name = 'erased', address = null, erased_at = $2",
                &[&Json(json!({"email": "erased", "role": "owner"})), &now],
            )
        };
        assert_eq!(app.app.db.write(blank).await.expect("they may be blanked"), 2, "that and the first admin's");
        let entry = &admin.get(AUDIT).await.body["items"][0];
        assert_eq!((&entry["after"]["email"], &entry["actor"]["name"]), (&json!("erased"), &json!("erased")));
        assert_eq!((&entry["action"], entry["erasedAt"].is_string()), (&json!("user.created"), true));
        let unsay = app.app.db.write(|tx| tx.execute("update audit set erased_at = null", &[])).await;
        assert!(unsay.is_err(), "that it was blanked cannot be unsaid");
        app.stop().await;
    }
}
