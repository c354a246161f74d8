//! What agents, campaigns, numbers, trunks and tenants have in common, for each of them; and a second tenant to hold them
//! against.

use serde_json::{Value, json};
use switchboard::auth::Role;

use crate::api::{Api, Said};
use crate::app::{Setup, TestApp};
use crate::ask::{ask, with};
use crate::{on_both_databases, routing};

/// One of the kinds: where they are, how one is made and what it is called in words, and a change of it.
pub(crate) struct Kind {
    pub(crate) path: &'static str,
    noun: &'static str,
    new: fn() -> Value,
    change: fn() -> Value,
}

pub(crate) const KINDS: [Kind; 4] = [
    Kind {
        path: "/api/v1/agents",
        noun: "agent",
        new: || json!({"name": "night-agent"}),
        change: || json!({"isActive": false}),
    },
    Kind {
        path: "/api/v1/campaigns",
        noun: "campaign",
        new: || json!({"name": "Nights"}),
        change: || json!({"status": "paused"}),
    },
    Kind {
        path: "/api/v1/phone-numbers",
        noun: "phone number",
        new: || json!({"number": "+14155550199"}),
        change: || json!({"isActive": false}),
    },
    Kind {
        path: "/api/v1/trunks",
        noun: "trunk",
        new: || json!({"name": "Second trunk"}),
        change: || json!({"isActive": false}),
    },
];

/// Another tenant, `tnt_2`, with one of each: their ids by path.
pub(crate) async fn other_tenant(app: &TestApp) -> Vec<(&'static str, String)> {
    let api = app.api(Role::Admin, None).await;
    api.made("/api/v1/tenants", &json!({"name": "Other", "id": "tnt_2"})).await;
    let mut ids = Vec::new();
    for (kind, body) in KINDS.iter().zip([
        json!({"tenantId": "tnt_2", "name": "their-agent"}),
        json!({"tenantId": "tnt_2", "name": "Theirs"}),
        json!({"tenantId": "tnt_2", "number": "+14155550150"}),
        json!({"tenantId": "tnt_2", "name": "Their trunk"}),
    ]) {
        let made = api.made(kind.path, &body).await;
        ids.push((kind.path, made["id"].as_str().expect("an id").to_owned()));
    }
    ids
}

/// Who answers a ring to the number, by the name that the call has there.
pub(crate) async fn answers(app: &TestApp, call: &str, number: &str) -> Value {
    let (status, answer) = app.ask(&with(ask(call), json!({"to_number": number}))).await;
    assert_eq!(status, 200, "{answer}");
    if answer["reject"] == json!(true) { answer["reason"].clone() } else { answer["agent_name"].clone() }
}

/// The call of this name ends.
pub(crate) async fn hangs_up(app: &TestApp, call: &str) {
    let room = format!("sip-room-{call}");
    let (status, said) =
        app.tell(&json!({"event": "room.finished", "room": {"name": room, "duration": 3}})).await;
    assert_eq!(status, 200, "{said}");
}

/// The address of what was made.
pub(crate) fn at(kind: &str, made: &Value) -> String {
    format!("{kind}/{}", made["id"].as_str().expect("an id"))
}

/// What a problem says, without the name of the request.
fn problem(said: &Said) -> Value {
    let mut body = said.body.clone();
    body["requestId"] = Value::Null;
    body
}

async fn each_entry_of(api: &Api<'_>, id: &Value) -> Vec<Value> {
    let id = id.as_str().expect("an id");
    let page = api.get(&format!("/api/v1/audit?subjectId={id}")).await;
    page.body["items"].as_array().expect("items").clone()
}

on_both_databases! {
    async fn each_is_made_read_changed_and_archived_and_every_change_is_in_the_audit(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for kind in KINDS {
            let said = api.post(kind.path, &(kind.new)()).await;
            assert_eq!((said.status, said.etag().as_str()), (201, "\"1\""), "{}", said.body);
            let (made, at) = (said.body.clone(), at(kind.path, &said.body));
            assert_eq!((said.headers["location"].to_str().expect("text"), &made["tenantId"]), (at.as_str(), &json!("tnt_1")));
            let read = api.get(&at).await;
            assert_eq!((read.status, &read.body), (200, &made));
            let listed = api.get(kind.path).await;
            assert_eq!(listed.body["items"][0], made, "{}", kind.path);

            let without = api.send(api.to("PATCH", &at).json(&(kind.change)())).await;
            assert_eq!(without.status, 428);
            assert_eq!(api.patch(&at, "\"2\"", &(kind.change)()).await.status, 412);
            let changed = api.patch(&at, &read.etag(), &(kind.change)()).await;
            assert_eq!((changed.status, &changed.body["revision"]), (200, &json!(2)), "{}", changed.body);
            let same = api.patch(&at, "*", &(kind.change)()).await;
            assert_eq!((same.status, &same.body), (200, &changed.body), "no change, no new version");
            let stale = api.to("DELETE", &at).header("if-match", "\"1\"");
            assert_eq!(api.send(stale).await.status, 412);

            assert_eq!(api.delete(&at).await.status, 204);
            for gone in [api.get(&at).await, api.patch(&at, "*", &(kind.change)()).await, api.delete(&at).await] {
                assert_eq!((gone.status, &gone.body["detail"]), (404, &json!(format!("there is no such {}", kind.noun))));
            }
            let again = api.made(kind.path, &(kind.new)()).await;
            assert_ne!(again["id"], made["id"], "its name is free at once");

            let entries = each_entry_of(&api, &made["id"]).await;
            let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().expect("text")).collect();
            let of = kind.noun.replace(' ', "_");
            assert_eq!(actions, [format!("{of}.archived"), format!("{of}.updated"), format!("{of}.created")]);
            let field = (kind.change)().as_object().expect("an object").keys().next().expect("a field").clone();
            assert_eq!(entries[1]["changed"], json!([field]));
            assert_eq!((&entries[1]["before"][&field], &entries[1]["after"][&field]), (&made[&field], &changed.body[&field]));
            assert_eq!((&entries[2]["before"], &entries[0]["after"]), (&Value::Null, &Value::Null));
            assert_eq!(entries[0]["before"], entries[1]["after"]);
            for entry in entries {
                assert_eq!((&entry["subject"]["kind"], &entry["actor"]["kind"]), (&json!(of), &json!("key")));
                assert!(entry["requestId"].is_string() && entry["address"] == "127.0.0.1", "{entry}");
            }
        }
        app.stop().await;
    }

    async fn what_is_another_tenants_is_not_there(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let theirs = other_tenant(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for (kind, (path, id)) in KINDS.iter().zip(&theirs) {
            for method in ["GET", "PATCH", "DELETE"] {
                let ask = async |id: &str| {
                    let request = api.to(method, &format!("{path}/{id}")).header("if-match", "*");
                    let request = if method == "PATCH" { request.json(&(kind.change)()) } else { request };
                    api.send(request).await
                };
                let (other, none) = (ask(id).await, ask("none").await);
                assert_eq!((other.status, problem(&other)), (404, problem(&none)), "{method} {path}");
            }
            let mut body = (kind.new)();
            body["tenantId"] = json!("tnt_2");
            assert_eq!(api.post(path, &body).await.status, 404, "{path}");
            for given in ["tnt_2", "nobody"] {
                assert_eq!(api.get(&format!("{path}?tenantId={given}")).await.status, 404, "{path}");
            }
            let listed = api.get(path).await;
            assert!(!listed.body.to_string().contains("tnt_2"), "{}", listed.body);
            let own = listed.body["items"][0].clone();
            if let Some(own) = own["id"].as_str() {
                let moved = api.patch(&format!("{path}/{own}"), "*", &json!({"tenantId": "tnt_2"})).await;
                assert_eq!(moved.wrong()[0].0, "#/tenantId", "{}", moved.body);
            }
        }
        let tenant = api.get("/api/v1/tenants/tnt_2").await;
        assert_eq!((tenant.status, problem(&tenant)), (404, problem(&api.get("/api/v1/tenants/none").await)));
        // The platform's people see all of it, or that of the tenant they ask for, and must say whose something new is.
        let admin = app.api(Role::Admin, None).await;
        for (kind, (path, id)) in KINDS.iter().zip(&theirs) {
            assert_eq!(admin.get(&format!("{path}/{id}")).await.status, 200);
            let listed = admin.get(&format!("{path}?tenantId=tnt_2")).await;
            assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{}", listed.body);
            assert_eq!(admin.post(path, &(kind.new)()).await.wrong()[0].0, "#/tenantId");
            let mut body = (kind.new)();
            body["tenantId"] = json!("nobody");
            assert_eq!(admin.post(path, &body).await.status, 404);
        }
        app.stop().await;
    }

    async fn who_may_read_may_not_therefore_write(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let viewer = app.api(Role::Viewer, Some("tnt_1")).await;
        let operator = app.api(Role::Operator, Some("tnt_1")).await;
        for kind in KINDS {
            assert_eq!(viewer.get(kind.path).await.status, 200);
            assert_eq!(viewer.post(kind.path, &(kind.new)()).await.status, 403);
            let said = operator.post(kind.path, &(kind.new)()).await.status;
            assert_eq!(said, if kind.noun == "trunk" { 403 } else { 201 }, "{}", kind.path);
            let nobody = Api { app: &app, key: String::new() };
            assert_eq!(nobody.get(kind.path).await.status, 401);
        }
        assert_eq!(viewer.get("/api/v1/audit").await.status, 403);
        assert_eq!(operator.get("/api/v1/audit").await.status, 403);
        app.stop().await;
    }

    async fn names_are_held_to_the_rules_of_the_routing_file(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for kind in KINDS.iter().filter(|kind| kind.noun != "phone number") {
            for (name, why) in [
                ("".to_owned(), "must not be empty"),
                ("  ".to_owned(), "must not be empty"),
                (" x".to_owned(), "is \" x\"; remove the space around it"),
                ("a\tb".to_owned(), "is \"a\\tb\"; it must not hold control characters"),
                ("x".repeat(201), "must be at most 200 characters"),
            ] {
                let said = api.post(kind.path, &json!({"name": name})).await;
                assert_eq!(said.wrong(), [("#/name".to_owned(), why.to_owned())], "{}", kind.path);
            }
            let made = api.made(kind.path, &json!({"name": "x".repeat(200)})).await;
            let again = api.post(kind.path, &json!({"name": "x".repeat(200)})).await;
            assert_eq!(again.status, 409);
            assert!(again.text("detail").contains(made["id"].as_str().expect("an id")), "{}", again.body);
            let second = api.made(kind.path, &json!({"name": "second"})).await;
            let taken = api.patch(&at(kind.path, &second), "*", &json!({"name": "x".repeat(200)})).await;
            assert_eq!(taken.status, 409);
            let own = api.patch(&at(kind.path, &second), "*", &json!({"name": "second"})).await;
            assert_eq!(own.status, 200, "its own name is no other's");
            let unknown = api.post(kind.path, &json!({"name": "third", "tenantID": "tnt_1"})).await;
            assert_eq!(unknown.wrong()[0].1, "is not known; did you mean tenantId?");
        }
        app.stop().await;
    }

    async fn an_address_that_cannot_be_an_id_has_nothing_behind_it(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for kind in KINDS {
            for id in ["%00", "a%00b", "%FF", "%F0%9F", "%F0%9F%92%A9", "%20", "'%20or%201=1"] {
                assert_eq!(api.get(&format!("{}/{id}", kind.path)).await.status, 404, "{} {id}", kind.path);
            }
        }
        app.stop().await;
    }

    async fn two_changes_of_one_version_at_once_are_one_change(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for n in 0..5 {
            let etag = api.get("/api/v1/agents/agt_1").await.etag();
            let (one, other) = (json!({"name": format!("one-{n}")}), json!({"name": format!("other-{n}")}));
            let (one, other) = tokio::join!(
                api.patch("/api/v1/agents/agt_1", &etag, &one),
                api.patch("/api/v1/agents/agt_1", &etag, &other),
            );
            let mut said = [one.status, other.status];
            said.sort_unstable();
            assert_eq!(said, [200, 412]);
        }
        assert_eq!(api.get("/api/v1/agents/agt_1").await.body["revision"], 6);
        app.stop().await;
    }

    async fn of_changes_at_once_the_last_one_is_what_rings_go_by(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for round in 0..6 {
            let rename = async |agent: &str, name: &str| {
                let said = api.patch(&format!("/api/v1/agents/{agent}"), "*", &json!({"name": format!("{name}-{round}")})).await;
                assert_eq!(said.status, 200, "{}", said.body);
            };
            tokio::join!(
                rename("agt_1", "one"),
                rename("agt_2", "two"),
                rename("agt_1", "three"),
                rename("agt_2", "four"),
                rename("agt_1", "five"),
            );
            let named = api.get("/api/v1/campaigns/cmp_1").await.body["agentName"].clone();
            assert_eq!(answers(&app, &format!("SIP-{round}"), routing::NUMBER).await, named);
            hangs_up(&app, &format!("SIP-{round}")).await;
        }
        app.stop().await;
    }
}
