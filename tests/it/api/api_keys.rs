//! API keys: shown once, no more than their maker, over when they are revoked or past their time.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::auth::{START, app};
use super::people::{ADMIN, OWNER};
use super::sessions::{refused_within_a_second, two};
use crate::app::Setup;
use crate::{on_both_databases, routing};

const KEYS: &str = "/api/v1/api-keys";
const ME: &str = "/api/v1/auth/me";

fn at(id: &str) -> String {
    format!("{KEYS}/{id}")
}

on_both_databases! {
    async fn a_key_is_made_used_changed_and_revoked(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let made = ada.post(KEYS, &json!({"name": "Reports", "role": "viewer"})).await;
        assert_eq!((made.status, &made.headers["cache-control"]), (201, &"no-store".parse().unwrap()), "{}", made.body);
        let (id, key) = (made.text("id"), made.text("key"));
        assert_eq!(made.headers["location"], at(&id).as_str());
        assert!(key.starts_with("swb_") && key.starts_with(made.text("hint").trim_end_matches('…')));
        assert_eq!(made.body["createdBy"], ada.get(ME).await.body["id"]);
        let shown = ada.get(&at(&id)).await;
        assert!(!shown.body.to_string().contains(&key) && shown.body["lastUsedAt"].is_null(), "{}", shown.body);

        let program = app.with_token(&key);
        let me = program.get(ME).await.body;
        assert_eq!((&me["id"], &me["role"], &me["tenantId"]), (&json!(id), &json!("viewer"), &json!("tnt_1")));
        assert_eq!(program.get(KEYS).await.status, 403);
        routing::eventually("its use is noted", async || {
            ada.get(&at(&id)).await.body["lastUsedAt"] == json!(START)
        })
        .await;
        assert_eq!(ada.get(&at(&id)).await.etag(), "\"1\"", "using it is no change of it");

        let later = START.saturating_add(Duration::from_secs(3600));
        let changed = ada.patch(&at(&id), "\"1\"", &json!({"name": "Night reports", "expiresAt": later})).await;
        assert_eq!((changed.status, &changed.body["expiresAt"]), (200, &json!(later)), "{}", changed.body);
        let forever = ada.patch(&at(&id), "\"2\"", &json!({"expiresAt": null})).await;
        assert_eq!((forever.status, &forever.body["expiresAt"]), (200, &Value::Null));
        for (patch, field) in [
            (json!({"role": "owner"}), "#/role"),
            (json!({"expiresAt": START}), "#/expiresAt"),
            (json!({"name": ""}), "#/name"),
        ] {
            let said = ada.patch(&at(&id), "\"3\"", &patch).await;
            assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, field), "{patch}: {}", said.body);
        }
        clock.advance(Duration::from_secs(60));
        assert_eq!(program.get(ME).await.status, 200);
        assert_eq!(ada.delete(&at(&id)).await.status, 204);
        assert_eq!(program.get(ME).await.status, 401, "the very next request");
        assert_eq!(ada.delete(&at(&id)).await.status, 204, "twice is once");
        assert_eq!(ada.patch(&at(&id), "\"4\"", &json!({"name": "x"})).await.status, 409);
        let entries = app.audit("api_key.%").await;
        let mut said: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().expect("text")).collect();
        said.sort_unstable();
        assert_eq!(said, ["api_key.created", "api_key.revoked", "api_key.updated", "api_key.updated"]);
        assert!(!format!("{entries:?}").contains(&key));
        app.stop().await;
    }

    async fn the_same_create_twice_makes_one_key_and_shows_it_once(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let create = || ada.send(ada.to("POST", KEYS).header("idempotency-key", "k").json(&json!({"name": "x", "role": "viewer"})));
        let (first, again) = (create().await, create().await);
        assert_eq!((first.status, again.status), (201, 201));
        assert_eq!((again.text("id"), &again.body["key"]), (first.text("id"), &Value::Null));
        let kept = app.rows_text("select body as value from idempotency_keys").await;
        assert!(!kept.contains(&first.text("key")), "{kept}");
        let hash = app.rows_text("select hash as value from api_keys").await;
        assert_eq!(hash, switchboard::auth::keys::hash(&first.text("key")), "no more than a hash is kept");
        app.stop().await;
    }

    async fn a_key_is_good_until_its_expiry(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let hour = Duration::from_secs(3600);
        let new = |expires_at| json!({"name": "x", "role": "viewer", "expiresAt": expires_at});
        let past = ada.post(KEYS, &new(START)).await;
        assert_eq!(past.wrong(), [("#/expiresAt".to_owned(), "must be in the future".to_owned())]);
        let key = ada.made(KEYS, &new(START.saturating_add(hour))).await["key"].as_str().expect("a key").to_owned();
        let program = app.with_token(&key);
        clock.advance(hour - Duration::from_micros(1));
        assert_eq!(program.get(ME).await.status, 200);
        clock.advance(Duration::from_micros(1));
        assert_eq!(program.get(ME).await.status, 401);
        app.stop().await;
    }

    async fn nobody_makes_a_key_that_may_more_than_they_may(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let admin = app.signed_in(ADMIN).await;
        let ada = app.signed_in(OWNER).await;
        let new = |role: &str, tenant: Option<&str>| json!({"name": "x", "role": role, "tenantId": tenant});
        for role in ["viewer", "operator", "owner"] {
            assert_eq!(ada.post(KEYS, &new(role, None)).await.status, 201, "{role}");
            assert_eq!(admin.post(KEYS, &new(role, Some("tnt_1"))).await.status, 201, "{role}");
            assert_eq!(admin.post(KEYS, &new(role, None)).await.status, 201, "{role}, for all tenants");
        }
        assert_eq!(ada.post(KEYS, &new("admin", None)).await.status, 422);
        assert_eq!(admin.post(KEYS, &new("admin", Some("tnt_1"))).await.status, 422);
        assert_eq!(ada.post(KEYS, &new("viewer", Some("tnt_2"))).await.status, 404);
        assert_eq!(admin.post(KEYS, &new("viewer", Some("tnt_none"))).await.status, 404);
        let root_key = admin.made(KEYS, &new("admin", None)).await;
        let root = root_key["id"].as_str().expect("an id");
        // An owner's key for all tenants makes tenants' keys, and leaves the platform's alone.
        let platform_owner = app.api(Role::Owner, None).await;
        assert_eq!(platform_owner.post(KEYS, &new("owner", Some("tnt_1"))).await.status, 201);
        assert_eq!(platform_owner.post(KEYS, &new("viewer", None)).await.status, 403);
        assert_eq!(platform_owner.delete(&at(root)).await.status, 403);
        assert_eq!(platform_owner.patch(&at(root), "\"1\"", &json!({"name": "x"})).await.status, 403);
        for id in [root, "key_none"] {
            assert_eq!(ada.get(&at(id)).await.status, 404);
            assert_eq!(ada.patch(&at(id), "\"1\"", &json!({"name": "x"})).await.status, 404);
            assert_eq!(ada.delete(&at(id)).await.status, 404);
        }
        app.stop().await;
    }

    async fn keys_are_listed_until_they_are_revoked_and_then_only_on_demand(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let mut ids = Vec::new();
        for name in ["one", "two", "three"] {
            clock.advance(Duration::from_secs(1));
            ids.push(ada.made(KEYS, &json!({"name": name, "role": "viewer"})).await["id"].as_str().expect("an id").to_owned());
        }
        assert_eq!(ada.delete(&at(&ids[1])).await.status, 204);
        let names = async |query: &str| -> Vec<Value> {
            let page = ada.get(&format!("{KEYS}{query}")).await.body;
            page["items"].as_array().expect("items").iter().map(|key| key["name"].clone()).collect()
        };
        assert_eq!(names("").await, ["three", "one"]);
        assert_eq!(names("?revoked=false").await, ["three", "one"]);
        assert_eq!(names("?revoked=true").await, ["two"]);
        let shown = ada.get(&at(&ids[1])).await;
        assert_eq!((shown.status, &shown.body["revokedAt"]), (200, &json!(app.app.clock.now())));
        let page = ada.get(&format!("{KEYS}?limit=1")).await.body;
        let next = page["nextCursor"].as_str().expect("a cursor");
        assert_eq!(names(&format!("?limit=1&cursor={next}")).await, ["one"]);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_key_revoked_at_one_replica_is_refused_by_another_within_a_second() {
    let Some((one, other)) = two().await else { return };
    let ada = one.signed_in(OWNER).await;
    for _ in 0..5 {
        let made = ada.made(KEYS, &json!({"name": "x", "role": "viewer"})).await;
        let key = made["key"].as_str().expect("a key").to_owned();
        assert_eq!(other.with_token(&key).get(ME).await.status, 200);
        assert_eq!(ada.delete(&at(made["id"].as_str().expect("an id"))).await.status, 204);
        refused_within_a_second(&other.with_token(&key)).await;
    }
    one.stop().await;
    other.stop().await;
}
