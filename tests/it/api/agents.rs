//! Agents; and with them what all resources have in common.

use serde_json::json;
use switchboard::auth::Role;

use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

async fn app(setup: Setup) -> Option<TestApp> {
    let app = setup.start().await?;
    routing::acme(&app).await;
    Some(app)
}

on_both_databases! {
    async fn an_agent_is_made_changed_and_archived(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let made = api.post("/api/v1/agents", &json!({"name": "night-agent"})).await;
        assert_eq!((made.status, made.etag().as_str()), (201, "\"1\""), "{}", made.body);
        let at = made.headers["location"].to_str().expect("text").to_owned();
        assert_eq!(at, format!("/api/v1/agents/{}", made.text("id")));
        let read = api.get(&at).await;
        assert_eq!((read.status, &read.body), (200, &made.body));
        let changed = api.patch(&at, "\"1\"", &json!({"isActive": false})).await;
        assert_eq!((changed.status, changed.etag().as_str()), (200, "\"2\""), "{}", changed.body);
        assert_eq!((&changed.body["isActive"], &changed.body["name"]), (&json!(false), &json!("night-agent")));
        assert_eq!(api.delete(&at).await.status, 204);
        assert_eq!(api.get(&at).await.status, 404);
        app.stop().await;
    }

    async fn an_update_needs_the_version_that_it_saw(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let at = "/api/v1/agents/agt_1";
        let without = api.send(api.to("PATCH", at).json(&json!({"isActive": false}))).await;
        assert_eq!(without.status, 428);
        assert_eq!(api.patch(at, "\"7\"", &json!({"isActive": false})).await.status, 412);
        assert_eq!(api.patch(at, "\"1\"", &json!({"isActive": false})).await.status, 200);
        assert_eq!(api.patch(at, "\"1\"", &json!({"isActive": true})).await.status, 412);
        let stale = api.to("DELETE", at).header("if-match", "\"1\"");
        assert_eq!(api.send(stale).await.status, 412);
        let same = api.send(api.to("GET", at).header("if-none-match", "\"2\"")).await;
        assert_eq!((same.status, same.body), (304, json!("")));
        app.stop().await;
    }

    async fn every_wrong_field_is_named_with_what_to_do(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let said = api.post("/api/v1/agents", &json!({"nmae": "x", "isActive": "yes"})).await;
        assert_eq!(said.status, 422);
        let mut wrong = said.wrong();
        wrong.sort();
        assert_eq!(
            wrong,
            [
                ("#/isActive".to_owned(), "must be true or false".to_owned()),
                ("#/name".to_owned(), "is missing".to_owned()),
                ("#/nmae".to_owned(), "is not known; did you mean name?".to_owned()),
            ]
        );
        let said = api.get("/api/v1/agents?limit=1000&curser=x").await;
        let mut wrong = said.wrong();
        wrong.sort();
        assert_eq!(
            wrong,
            [
                ("curser".to_owned(), "is not known; did you mean cursor?".to_owned()),
                ("limit".to_owned(), "must be at most 200".to_owned()),
            ]
        );
        let said = api.post("/api/v1/agents", &json!({"name": "a\u{0}b"})).await;
        assert_eq!(said.wrong(), [("#/name".to_owned(), "must not contain the character NUL".to_owned())]);
        assert_eq!(api.get("/api/v1/agents?cursor=nonsense").await.status, 422);
        let text = api.send(api.to("POST", "/api/v1/agents").body("{}")).await;
        assert_eq!(text.status, 415);
        app.stop().await;
    }

    async fn the_same_create_twice_makes_one(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let create = |key: &str, name: &str| {
            let request = api.to("POST", "/api/v1/agents").header("idempotency-key", key);
            api.send(request.json(&json!({"name": name})))
        };
        let (one, other) = tokio::join!(create("k1", "twin"), create("k1", "twin"));
        assert_eq!((one.status, other.status), (201, 201), "{one:?} {other:?}");
        assert_eq!(one.body, other.body);
        let again = create("k1", "twin").await;
        assert_eq!((again.status, &again.body), (201, &one.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(create("k1", "another").await.status, 422);
        assert_eq!(create("k2", "twin").await.status, 409, "the name is taken");
        app.stop().await;
    }

    async fn pages_follow_one_another_while_more_is_written(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        for n in 0..5 {
            api.made("/api/v1/agents", &json!({"name": format!("agent-{n}")})).await;
        }
        let (mut names, mut at) = (Vec::new(), "/api/v1/agents?limit=2".to_owned());
        loop {
            let page = api.get(&at).await.body;
            names.extend(page["items"].as_array().expect("items").iter().map(|item| item["name"].clone()));
            api.made("/api/v1/agents", &json!({"name": format!("later-{}", names.len())})).await;
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            at = format!("/api/v1/agents?limit=2&cursor={cursor}");
        }
        // Made before the first page was read: each once, newest first, whatever came meanwhile.
        names.retain(|name| name.as_str().is_some_and(|name| name.starts_with("agent-")));
        assert_eq!(names, ["agent-4", "agent-3", "agent-2", "agent-1", "agent-0"].map(|name| json!(name)));
        app.stop().await;
    }
}
