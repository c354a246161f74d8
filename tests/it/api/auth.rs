//! Signing in: what it gives, whom it refuses, what it costs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::clock::{Clock, Timestamp};
use switchboard::db::Engine;

use super::people::{ADMIN, OWNER, PASSWORD};
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

const ME: &str = "/api/v1/auth/me";
pub(super) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// With a tenant, a trusted proxy in front that says where requests come from, and a clock that stands.
pub(super) async fn app(setup: Setup) -> Option<(TestApp, Clock)> {
    let clock = Clock::manual(START);
    let setup = setup.with("SWITCHBOARD_SERVER__TRUSTED_PROXIES", "1").clock(clock.clone());
    let app = setup.start().await?;
    routing::acme(&app).await;
    Some((app, clock))
}

on_both_databases! {
    async fn whoever_signs_in_is_known_until_they_sign_out(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let id = app.person(OWNER).await;
        let said = app.login(" ADA@Example.com", PASSWORD).await;
        assert_eq!((said.status, &said.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
        assert_eq!((&said.body["tokenType"], &said.body["expiresIn"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(said.body["user"]["lastLoginAt"], json!(START));
        assert!(said.text("refreshToken").starts_with("swr_"));
        let ada = app.with_token(&said.text("accessToken"));
        let me = ada.get(ME).await.body;
        let expected = json!({"kind": "user", "id": id, "name": OWNER.0, "email": OWNER.0, "role": "owner", "tenantId": "tnt_1"});
        assert_eq!(me, expected);
        // The same rules as for keys: of its own tenant, with its own role.
        assert_eq!(ada.get("/api/v1/agents").await.body["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(ada.get("/api/v1/agents?tenantId=tnt_2").await.status, 404);

        let (other, _) = app.tokens(OWNER.0).await;
        assert_eq!(ada.post("/api/v1/auth/logout", &json!({})).await.status, 204);
        assert_eq!(ada.get(ME).await.status, 401);
        let refresh = json!({"refreshToken": said.text("refreshToken")});
        assert_eq!(app.nobody().post("/api/v1/auth/refresh", &refresh).await.status, 401);
        assert_eq!(app.with_token(&other).get(ME).await.status, 200, "the other session goes on");
        app.stop().await;
    }

    async fn a_key_is_somebody_too_but_has_no_session_and_no_password(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let key = app.api(Role::Viewer, Some("tnt_1")).await;
        let me = key.get(ME).await.body;
        assert_eq!((&me["kind"], &me["role"], &me["email"]), (&json!("api_key"), &json!("viewer"), &Value::Null));
        assert_eq!(key.post("/api/v1/auth/logout", &json!({})).await.status, 403);
        let change = json!({"currentPassword": PASSWORD, "newPassword": "another of many words"});
        assert_eq!(key.post("/api/v1/auth/password", &change).await.status, 403);
        app.stop().await;
    }

    async fn who_is_refused_is_not_told_why_and_costs_the_same_whatever_the_reason(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        for who in ["wrong", "disabled", "archived", "closed"] {
            let tenant = if who == "closed" { "tnt_1" } else { "tnt_2" };
            let now = app.app.clock.now();
            if tenant == "tnt_2" && who == "wrong" {
                let sql = "insert into tenants (id, name, active, region, time_zone, created_at, updated_at) values ('tnt_2', 'B', $1, 'US', 'UTC', $2, $2)";
                app.app.db.write(move |tx| tx.execute(sql, &[&true, &now])).await.expect("a tenant");
            }
            app.person((&format!("{who}@example.com"), Role::Viewer, Some(tenant))).await;
        }
        let now = app.app.clock.now();
        app.app.db.write(move |tx| -> switchboard::db::Result<()> {
            tx.execute("update users set active = $1 where email like 'disabled@%'", &[&false])?;
            tx.execute("update users set archived_at = $1 where email like 'archived@%'", &[&now])?;
            tx.execute("update tenants set archived_at = $1 where id = 'tnt_1'", &[&now])?;
            Ok(())
        }).await.expect("closed accounts");
        let before = app.app.auth.passwords.seen().done;
        let mut told = Vec::new();
        for (n, (email, password)) in [
            ("wrong@example.com", "not the password"),
            ("unknown@example.com", PASSWORD),
            ("no address at all", PASSWORD),
            ("disabled@example.com", PASSWORD),
            ("archived@example.com", PASSWORD),
            ("closed@example.com", PASSWORD),
        ].into_iter().enumerate() {
            let mut said = app.login(email, password).await;
            assert_eq!(said.status, 401, "{email}: {}", said.body);
            assert_eq!(app.app.auth.passwords.seen().done, before + n as u64 + 1, "{email}: one hashing each");
            said.body["requestId"] = Value::Null;
            let headers: Vec<_> = said.headers.keys().map(ToString::to_string).collect();
            told.push((headers, said.body));
        }
        told.dedup();
        assert_eq!(told.len(), 1, "all are told the same: {told:#?}");
        app.stop().await;
    }

    async fn sign_ins_and_failures_of_accounts_are_in_the_audit_and_passwords_nowhere(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let id = app.person(OWNER).await;
        assert_eq!(app.login_from("203.0.113.9", OWNER.0, "not the password").await.status, 401);
        assert_eq!(app.login_from("203.0.113.9", "unknown@example.com", "not the password").await.status, 401);
        routing::eventually("it is noted", async || !app.audit("user.sign_in_failed").await.is_empty()).await;
        let failed = app.audit("user.sign_in_failed").await;
        assert_eq!(failed.len(), 1, "there is nobody else: {failed:#?}");
        assert_eq!((&failed[0]["by"], &failed[0]["subjectId"]), (&json!("system switchboard"), &json!(id)), "who it was is not known");
        assert_eq!((&failed[0]["address"], &failed[0]["tenantId"]), (&json!("203.0.113.9"), &json!("tnt_1")));
        let said = app.login(OWNER.0, PASSWORD).await;
        let signed_in = app.audit("user.signed_in").await;
        assert_eq!((&signed_in[0]["by"], &signed_in[0]["subject"]), (&json!("user ada@example.com"), &json!("session")));
        assert_eq!(signed_in[0]["requestId"], said.headers["x-request-id"].to_str().expect("text"));
        let all = format!("{:?}", app.audit("%").await);
        for secret in ["not the password", PASSWORD, "argon2", &said.text("refreshToken"), &said.text("accessToken")] {
            assert!(!all.contains(secret), "{secret} is in the audit");
        }
        app.stop().await;
    }

    async fn forged_and_expired_tokens_are_refused_at_every_route_that_needs_one(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        app.person(ADMIN).await;
        let (right, _) = app.tokens(ADMIN.0).await;
        let claims = |token: &str| -> Value {
            let body = token.split('.').nth(1).expect("a body");
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).expect("base64")).expect("JSON")
        };
        let good = claims(&right);
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let key = app.rows_text("select value from secrets where name = 'access tokens'").await;
        let (hs256, right_key) = (json!({"alg": "HS256", "typ": "JWT"}), key.as_bytes());
        let again = forged(&hs256, &good, right_key);
        assert_eq!(app.with_token(&again).get(ME).await.status, 200, "the forger signs as the server does");
        let none = |alg: &str| format!("{}.{}.", encoded(&json!({"alg": alg, "typ": "JWT"})), encoded(&good));
        let (_, signature) = right.rsplit_once('.').expect("a signature");
        let bad = [
            ("alg none", none("none")),
            ("alg None", none("None")),
            ("alg none with a signature", format!("{}{signature}", none("none"))),
            ("no alg", format!("{}.{}.{signature}", encoded(&json!({"typ": "JWT"})), encoded(&good))),
            ("another alg", forged(&json!({"alg": "HS384", "typ": "JWT"}), &good, right_key)),
            ("RS256 with the key", forged(&json!({"alg": "RS256", "typ": "JWT"}), &good, right_key)),
            ("the wrong key", forged(&hs256, &good, b"another-key-of-thirty-two-bytes!!!!!")),
            ("an empty key", forged(&hs256, &good, b"")),
            ("another audience", forged(&hs256, &with("aud", json!("another-api")), right_key)),
            ("no audience", forged(&hs256, &with("aud", Value::Null), right_key)),
            ("another issuer", forged(&hs256, &with("iss", json!("somebody")), right_key)),
            ("expired", forged(&hs256, &with("exp", json!(START.secs())), right_key)),
            ("another's session", forged(&hs256, &with("sub", json!("usr_other")), right_key)),
            ("no such session", forged(&hs256, &with("sid", json!("ses_other")), right_key)),
            ("another body", format!("{}.{}.{signature}", right.split('.').next().unwrap(), encoded(&with("role", json!("admin"))))),
            ("a refresh token", "swr_AAAA".to_owned()),
            ("a key that is none", "swb_AAAA".to_owned()),
            ("nothing", String::new()),
            ("nonsense", "a.b.c".to_owned()),
        ];
        for (why, token) in &bad {
            for path in [ME, "/api/v1/agents", "/api/v1/users", "/api/v1/api-keys"] {
                let said = app.with_token(token).get(path).await;
                assert_eq!(said.status, 401, "{why} at {path}: {}", said.body);
                assert!(said.headers.contains_key("www-authenticate"));
            }
        }
        clock.advance(Duration::from_secs(899));
        assert_eq!(app.with_token(&right).get(ME).await.status, 200);
        clock.advance(Duration::from_secs(1));
        assert_eq!(app.with_token(&right).get(ME).await.status, 401, "after 15 minutes");
        app.stop().await;
    }

    async fn a_new_password_ends_all_other_sessions(setup: Setup) {
        const NEW: &str = "another of many words";
        let Some((app, _)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let (other, refresh) = app.tokens(OWNER.0).await;
        let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
        let wrong = ada.post("/api/v1/auth/password", &change("not the password", NEW)).await;
        assert_eq!((wrong.status, wrong.wrong()[0].0.as_str()), (422, "#/currentPassword"), "{}", wrong.body);
        for bad in ["too short", "ADA@example.com"] {
            let said = ada.post("/api/v1/auth/password", &change(PASSWORD, bad)).await;
            assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, "#/newPassword"), "{bad}: {}", said.body);
        }
        assert_eq!(app.with_token(&other).get(ME).await.status, 200, "nothing has changed yet");
        assert_eq!(ada.post("/api/v1/auth/password", &change(PASSWORD, NEW)).await.status, 204);
        assert_eq!(ada.get(ME).await.status, 200, "one's own session goes on");
        assert_eq!(app.with_token(&other).get(ME).await.status, 401);
        let refreshed = app.nobody().post("/api/v1/auth/refresh", &json!({"refreshToken": refresh})).await;
        assert_eq!(refreshed.status, 401);
        assert_eq!(app.login(OWNER.0, PASSWORD).await.status, 401);
        assert_eq!(app.login(OWNER.0, NEW).await.status, 200);
        assert_eq!(app.audit("user.password_changed").await.len(), 1);
        app.stop().await;
    }

    async fn guessing_the_current_password_is_counted_as_signing_in_is(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let ada = app.signed_in(OWNER).await;
        let change = json!({"currentPassword": "not the password", "newPassword": "another of many words"});
        let mut seen = Vec::new();
        for _ in 0..11 {
            let request = ada.to("POST", "/api/v1/auth/password").header("x-forwarded-for", "198.51.100.1");
            seen.push(ada.send(request.json(&change)).await.status);
        }
        assert_eq!(seen[..10], [422; 10]);
        assert_eq!(seen[10], 429);
        app.stop().await;
    }

    async fn a_hash_of_old_parameters_is_replaced_at_the_next_sign_in(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let id = app.person(OWNER).await;
        let old = {
            use argon2::password_hash::{PasswordHasher as _, SaltString};
            let params = argon2::Params::new(8 * 1024, 1, 1, None).expect("parameters");
            let salt = SaltString::from_b64("c29tZXNhbHRzb21lc2FsdA").expect("a salt");
            let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
            argon2.hash_password(PASSWORD.as_bytes(), &salt).expect("a hash").to_string()
        };
        app.app.db.write(move |tx| tx.execute("update users set password_hash = $1 where id = $2", &[&old, &id])).await.expect("an old hash");
        let hash = "select password_hash as value from users where email = 'ada@example.com'";
        assert_eq!(app.login(OWNER.0, "not the password").await.status, 401);
        assert!(app.rows_text(hash).await.contains("m=8192,t=1"), "only the right password can be hashed again");
        let etag = || async { app.rows("select revision as n from users where email = 'ada@example.com'").await };
        let before = etag().await;
        assert_eq!(app.login(OWNER.0, PASSWORD).await.status, 200);
        assert!(app.rows_text(hash).await.contains("m=19456,t=2,p=1"));
        assert_eq!(etag().await, before, "nobody's edit is refused because of a sign-in");
        assert_eq!(app.login(OWNER.0, PASSWORD).await.status, 200);
        app.stop().await;
    }
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// A token with this header and body, signed with this key.
fn forged(header: &Value, body: &Value, key: &[u8]) -> String {
    use hmac::Mac as _;
    let text = format!("{}.{}", encoded(header), encoded(body));
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).expect("any key will do");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.chain_update(&text).finalize().into_bytes()))
}

impl TestApp {
    /// One text from the database.
    pub(super) async fn rows_text(&self, sql: &'static str) -> String {
        let read = self.app.db.read(move |tx| tx.first(sql, &[], |row| row.get::<String>("value")));
        read.await.expect("a text").expect("a row")
    }
}

#[tokio::test]
async fn many_sign_ins_at_once_hash_a_few_at_a_time_and_the_health_door_answers_meanwhile() {
    let setup = Setup::new(Engine::Sqlite).with("SWITCHBOARD_AUTH__HASHING_AT_ONCE", "1");
    let Some((app, _)) = app(setup).await else { return };
    app.person(OWNER).await;
    let before = app.app.auth.passwords.seen();
    let logins = join_all((0..40).map(|n| {
        let (app, from) = (&app, format!("203.0.113.{n}"));
        async move { app.login_from(&from, OWNER.0, PASSWORD).await }
    }));
    let mut meanwhile = 0;
    let health = async {
        // Answered while one and the same password was being hashed.
        while app.app.auth.passwords.seen().done == before.done {
            let began = app.app.auth.passwords.seen();
            let answer = app.http.get(format!("{}/api/v1/webhooks/health", app.url)).send().await;
            assert_eq!(answer.expect("it answers").status(), 200);
            let ended = app.app.auth.passwords.seen();
            meanwhile += u32::from(began.running == 1 && ended.running == 1 && began.done == ended.done);
        }
    };
    let (said, ()) = tokio::join!(logins, health);
    let counted = |status: u16| said.iter().filter(|said| said.status == status).count();
    let (well, busy) = (counted(200), counted(503));
    assert_eq!(well + busy, 40, "{:?}", said.iter().map(|said| said.status).collect::<Vec<_>>());
    assert!(well >= 17 && busy > 0, "17 have a place, and the others are told so: {well} and {busy}");
    assert!(
        said.iter().filter(|said| said.status == 503).all(|said| said.headers.contains_key("retry-after"))
    );
    let seen = app.app.auth.passwords.seen();
    assert_eq!((seen.most, seen.done - before.done), (1, well as u64), "who is turned away costs nothing");
    assert!(meanwhile > 0, "the health door waited for the hashing");
    // Whoever was turned away was not counted as a failure.
    assert_eq!(
        app.rows("select cast(coalesce(sum(failures), 0) as bigint) as n from login_failures").await,
        0
    );
    app.stop().await;
}
