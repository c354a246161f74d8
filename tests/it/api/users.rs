//! Users: made, changed, archived; who may do that to whom; and that somebody is always left.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::auth::app;
use super::people::{ADMIN, OWNER, PASSWORD};
use crate::api::Api;
use crate::app::{Setup, TestApp};
use crate::on_both_databases;

const USERS: &str = "/api/v1/users";
const ME: &str = "/api/v1/auth/me";

fn at(id: &str) -> String {
    format!("{USERS}/{id}")
}

/// A second tenant, with an owner.
async fn another_tenant(app: &TestApp) -> String {
    let now = app.app.clock.now();
    let sql = "insert into tenants (id, name, active, region, time_zone, created_at, updated_at) values ('tnt_2', 'B', $1, 'US', 'UTC', $2, $2)";
    app.app.db.write(move |tx| tx.execute(sql, &[&true, &now])).await.expect("a tenant");
    app.person(("other@example.com", Role::Owner, Some("tnt_2"))).await
}

on_both_databases! {
    async fn a_user_is_made_signs_in_is_changed_and_archived(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let made = ada.post(USERS, &json!({"email": "Bob@Example.com", "name": "Bob", "role": "operator"})).await;
        assert_eq!((made.status, made.etag().as_str()), (201, "\"1\""), "{}", made.body);
        assert_eq!(made.headers["cache-control"], "no-store");
        let (id, password) = (made.text("id"), made.text("password"));
        assert_eq!(made.headers["location"], at(&id).as_str());
        let mut expected = made.body.clone();
        expected.as_object_mut().expect("an object").remove("password");
        assert_eq!(expected["email"], "bob@example.com");
        assert_eq!((&expected["tenantId"], &expected["isActive"]), (&json!("tnt_1"), &json!(true)));
        assert_eq!(ada.get(&at(&id)).await.body, expected, "shown as made, without the password");
        let signed_in = app.login("bob@example.com", &password).await;
        assert_eq!(signed_in.status, 200);

        let changed = ada.patch(&at(&id), "\"1\"", &json!({"name": "Robert", "role": "viewer", "email": "robert@example.com"})).await;
        assert_eq!((changed.status, changed.etag().as_str()), (200, "\"2\""), "{}", changed.body);
        let bob = app.with_token(&signed_in.text("accessToken"));
        let me = bob.get(ME).await.body;
        assert_eq!((&me["name"], &me["role"], &me["email"]), (&json!("Robert"), &json!("viewer"), &json!("robert@example.com")));
        assert_eq!(bob.post("/api/v1/agents", &json!({"name": "x"})).await.status, 403, "the new role counts at once");
        assert_eq!(ada.patch(&at(&id), "\"1\"", &json!({"name": "Rob"})).await.status, 412);
        assert_eq!(ada.send(ada.to("PATCH", &at(&id)).json(&json!({"name": "Rob"}))).await.status, 428);

        assert_eq!(ada.delete(&at(&id)).await.status, 204);
        assert_eq!(bob.get(ME).await.status, 401);
        assert_eq!((ada.get(&at(&id)).await.status, ada.delete(&at(&id)).await.status), (404, 404));
        assert_eq!(app.login("robert@example.com", &password).await.status, 401);
        let again = ada.post(USERS, &json!({"email": "robert@example.com", "name": "Another", "role": "viewer"})).await;
        assert_eq!(again.status, 201, "the address is free");
        let mut said: Vec<_> = app.audit("user.%d").await.iter().filter(|entry| entry["subjectId"] == *id).map(|entry| entry["action"].as_str().expect("text").to_owned()).collect();
        said.sort();
        assert_eq!(said, ["user.archived", "user.created", "user.updated"]);
        app.stop().await;
    }

    async fn a_password_that_was_made_here_is_shown_once(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let create = async |key: &str, body: Value| {
            ada.send(ada.to("POST", USERS).header("idempotency-key", key).json(&body)).await
        };
        let bob = json!({"email": "bob@example.com", "name": "Bob", "role": "viewer"});
        let first = create("k1", bob.clone()).await;
        let again = create("k1", bob.clone()).await;
        assert_eq!((first.status, again.status), (201, 201));
        assert_eq!((again.text("id"), &again.body["password"]), (first.text("id"), &Value::Null));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(create("k1", json!({"email": "eve@example.com", "name": "Bob", "role": "viewer"})).await.status, 422);
        let kept = app.rows_text("select body as value from idempotency_keys").await;
        assert!(!kept.contains(&first.text("password")), "{kept}");

        let given = create("k2", json!({"email": "eve@example.com", "name": "Eve", "role": "viewer", "password": PASSWORD})).await;
        assert_eq!((given.status, &given.body["password"]), (201, &Value::Null), "who chose it knows it");
        assert_eq!(app.login("eve@example.com", PASSWORD).await.status, 200);
        let all = format!("{:?}", app.audit("%").await);
        for secret in [&*first.text("password"), PASSWORD, "argon2"] {
            assert!(!all.contains(secret), "{secret} is in the audit");
        }
        app.stop().await;
    }

    async fn what_is_wrong_with_a_user_is_said_by_field(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let admin = app.signed_in(ADMIN).await;
        let base = json!({"tenantId": "tnt_1", "email": "x@example.com", "name": "X", "role": "viewer"});
        for (field, value, says) in [
            ("email", json!("nobody"), "must be an e-mail address such as ada@example.com"),
            ("email", json!("a b@example.com"), "must be an e-mail address such as ada@example.com"),
            ("role", json!("boss"), "must be one of viewer, operator, owner, admin"),
            ("role", json!("admin"), "is for the platform's own people, who belong to no tenant"),
            ("password", json!("too short"), "must be at least 12 characters"),
            ("password", json!("X@Example.com"), "must not be the e-mail address"),
            ("name", json!(""), "must not be empty"),
            ("isAdmin", json!(true), "is not known; known are tenantId, email, name, role, password"),
        ] {
            let mut body = base.clone();
            body[field] = value;
            let said = admin.post(USERS, &body).await;
            assert_eq!(said.status, 422, "{body}: {}", said.body);
            assert_eq!(said.wrong(), [(format!("#/{field}"), says.to_owned())], "{body}");
        }
        let mut nobodys = base.clone();
        nobodys.as_object_mut().expect("an object").remove("tenantId");
        let said = admin.post(USERS, &nobodys).await;
        assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, "#/role"), "a tenant's role without a tenant");
        let mut elsewhere = base.clone();
        elsewhere["tenantId"] = json!("tnt_none");
        assert_eq!(admin.post(USERS, &elsewhere).await.status, 404);
        let made = admin.made(USERS, &base).await;
        assert_eq!(admin.post(USERS, &base).await.status, 409);
        let mut capitals = base.clone();
        capitals["email"] = json!("X@EXAMPLE.com");
        assert_eq!(admin.post(USERS, &capitals).await.status, 409, "capitals make no other address");
        let id = made["id"].as_str().expect("an id");
        for (patch, field) in [
            (json!({"tenantId": "tnt_2"}), "#/tenantId"),
            (json!({"tenantId": null}), "#/tenantId"),
            (json!({"role": "admin"}), "#/role"),
            (json!({"password": PASSWORD}), "#/password"),
            (json!({"email": "nobody"}), "#/email"),
        ] {
            let said = admin.patch(&at(id), "\"1\"", &patch).await;
            assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, field), "{patch}: {}", said.body);
        }
        let root = admin.get(ME).await.text("id");
        let taken = admin.patch(&at(id), "\"1\"", &json!({"email": ADMIN.0})).await;
        assert_eq!(taken.status, 409, "{}", taken.body);
        assert_ne!(root, id);
        app.stop().await;
    }

    async fn a_tenants_owner_sees_their_own_people_and_nobody_else(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        let next = || clock.advance(Duration::from_secs(1));
        next();
        let other = another_tenant(&app).await;
        next();
        let admin = app.signed_in(ADMIN).await;
        next();
        let ada = app.signed_in(OWNER).await;
        let emails = async |api: &Api<'_>, query: &str| -> Vec<String> {
            let page = api.get(&format!("{USERS}{query}")).await;
            assert_eq!(page.status, 200, "{}", page.body);
            let items = page.body["items"].as_array().expect("items").clone();
            items.iter().map(|user| user["email"].as_str().expect("text").to_owned()).collect()
        };
        assert_eq!(emails(&ada, "").await, [OWNER.0]);
        assert_eq!(emails(&admin, "").await, [OWNER.0, ADMIN.0, "other@example.com", "admin@localhost"], "newest first");
        assert_eq!(emails(&admin, "?tenantId=tnt_2").await, ["other@example.com"]);
        assert_eq!(emails(&admin, "?email=ADA@example.com").await, [OWNER.0]);
        assert!(emails(&ada, "?email=other@example.com").await.is_empty());
        let root = admin.get(ME).await.text("id");
        for id in [other.as_str(), root.as_str(), "usr_none"] {
            let told = [
                ada.get(&at(id)).await,
                ada.patch(&at(id), "\"1\"", &json!({"name": "x"})).await,
                ada.delete(&at(id)).await,
                ada.post(&format!("{}/password-reset", at(id)), &json!({})).await,
            ];
            for said in told {
                assert_eq!((said.status, said.text("detail").as_str()), (404, "there is no such user"), "{id}");
            }
        }
        let elsewhere = json!({"tenantId": "tnt_2", "email": "x@example.com", "name": "X", "role": "viewer"});
        assert_eq!(ada.post(USERS, &elsewhere).await.status, 404);
        assert_eq!(ada.get(&format!("{USERS}?tenantId=tnt_2")).await.status, 404);
        for role in [Role::Operator, Role::Viewer] {
            let api = app.api(role, Some("tnt_1")).await;
            assert_eq!(api.get(USERS).await.status, 403, "{role:?}");
        }
        app.stop().await;
    }

    async fn nobody_gives_or_touches_a_role_above_their_own(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let admin = app.signed_in(ADMIN).await;
        let ada = app.signed_in(OWNER).await;
        let platform_owner = app.api(Role::Owner, None).await;
        let new = |role: &str, tenant: Option<&str>| {
            json!({"tenantId": tenant, "email": format!("{role}@example.com"), "name": "X", "role": role})
        };
        for role in ["viewer", "operator", "owner"] {
            assert_eq!(ada.post(USERS, &new(role, None)).await.status, 201, "{role}");
        }
        assert_eq!(ada.post(USERS, &new("admin", None)).await.status, 422);
        assert_eq!(platform_owner.post(USERS, &new("admin", None)).await.status, 403);
        assert_eq!(admin.post(USERS, &new("admin", None)).await.status, 201);
        // A key for all tenants that is not an admin's must not become one by way of somebody who is.
        let root = admin.get(ME).await.text("id");
        assert_eq!(platform_owner.get(&at(&root)).await.status, 200);
        assert_eq!(platform_owner.patch(&at(&root), "\"1\"", &json!({"name": "x"})).await.status, 403);
        assert_eq!(platform_owner.delete(&at(&root)).await.status, 403);
        assert_eq!(platform_owner.post(&format!("{}/password-reset", at(&root)), &json!({})).await.status, 403);
        app.stop().await;
    }

    async fn a_tenant_keeps_an_owner_unless_the_platform_says_otherwise(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let admin = app.signed_in(ADMIN).await;
        let ada = app.signed_in(OWNER).await;
        let id = ada.get(ME).await.text("id");
        // Another one who may not sign in is no owner that is left.
        let off = ada.made(USERS, &json!({"email": "off@example.com", "name": "Off", "role": "owner"})).await;
        assert_eq!(ada.patch(&at(off["id"].as_str().expect("an id")), "\"1\"", &json!({"isActive": false})).await.status, 200);
        for patch in [json!({"isActive": false}), json!({"role": "operator"})] {
            let said = ada.patch(&at(&id), "\"1\"", &patch).await;
            assert_eq!((said.status, said.text("detail").as_str()), (409, "this is the tenant's last active owner: make another one first"), "{patch}");
        }
        assert_eq!(ada.delete(&at(&id)).await.status, 409);
        assert_eq!(ada.patch(&at(&id), "\"1\"", &json!({"name": "Ada L."})).await.status, 200, "anything else may change");
        let bob = app.signed_in(("bob@example.com", Role::Owner, Some("tnt_1"))).await;
        assert_eq!(ada.delete(&at(&id)).await.status, 204, "there is another one now");
        let last = bob.get(ME).await.text("id");
        assert_eq!(bob.delete(&at(&last)).await.status, 409);
        assert_eq!(admin.delete(&at(&last)).await.status, 204, "the platform may");
        app.stop().await;
    }

    async fn the_platform_always_keeps_an_admin(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let root = app.signed_in(ADMIN).await;
        let id = root.get(ME).await.text("id");
        let first = root.get(&format!("{USERS}?email=admin@localhost")).await.body["items"][0]["id"].clone();
        let first = first.as_str().expect("an id");
        // Each switches the other off, at once: one of them stays.
        let other = app.with_token(&root.key);
        let (off, first, second) = (json!({"isActive": false}), at(first), at(&id));
        let (one, two) = tokio::join!(root.patch(&first, "\"1\"", &off), other.patch(&second, "\"1\"", &off));
        let mut said = [one.status, two.status];
        said.sort_unstable();
        assert!(said == [200, 409] || said == [200, 401], "{said:?}");
        assert_eq!(app.rows("select count(*) as n from users where role = 'admin' and active").await, 1);
        app.stop().await;
    }

    async fn the_last_admin_can_neither_be_switched_off_nor_archived(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let root = app.signed_in(ADMIN).await;
        let id = root.get(ME).await.text("id");
        let first = root.get(&format!("{USERS}?email=admin@localhost")).await.body["items"][0]["id"].clone();
        assert_eq!(root.delete(&at(first.as_str().expect("an id"))).await.status, 204);
        let off = root.patch(&at(&id), "\"1\"", &json!({"isActive": false})).await;
        assert_eq!((off.status, off.text("detail").as_str()), (409, "this is the platform's last active admin: make another one first"));
        assert_eq!(root.delete(&at(&id)).await.status, 409);
        assert_eq!(root.patch(&at(&id), "\"1\"", &json!({"role": "viewer"})).await.status, 422);
        assert_eq!(root.get(ME).await.status, 200);
        app.stop().await;
    }

    async fn a_reset_password_is_shown_once_and_ends_all_sessions(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let bob = app.signed_in(("bob@example.com", Role::Operator, Some("tnt_1"))).await;
        let id = bob.get(ME).await.text("id");
        let reset = ada.post(&format!("{}/password-reset", at(&id)), &json!({})).await;
        assert_eq!((reset.status, &reset.headers["cache-control"]), (200, &"no-store".parse().unwrap()), "{}", reset.body);
        assert_eq!(bob.get(ME).await.status, 401);
        assert_eq!(app.login("bob@example.com", PASSWORD).await.status, 401);
        assert_eq!(app.login("bob@example.com", &reset.text("password")).await.status, 200);
        let own = ada.get(ME).await.text("id");
        let oneself = ada.post(&format!("{}/password-reset", at(&own)), &json!({})).await;
        assert_eq!(oneself.status, 409, "a stolen token must not be enough: {}", oneself.body);
        let entry = &app.audit("user.password_reset").await[0];
        assert_eq!((&entry["by"], &entry["subjectId"]), (&json!("user ada@example.com"), &json!(id)));
        assert!(!entry.to_string().contains(&reset.text("password")));
        app.stop().await;
    }
}
