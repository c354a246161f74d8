//! Sessions: refreshing, reuse, the end, on one replica and on two; and what is forgotten.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use switchboard::auth::Role;
use switchboard::clock::Clock;
use switchboard::db::Engine;

use super::auth::{START, app};
use super::people::{ADMIN, OWNER, PASSWORD};
use super::{Api, Said};
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

const ME: &str = "/api/v1/auth/me";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn refresh(api: &Api<'_>, token: &str) -> Said {
    api.post("/api/v1/auth/refresh", &json!({"refreshToken": token})).await
}

on_both_databases! {
    async fn a_session_goes_on_as_long_as_it_is_refreshed(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        app.person(OWNER).await;
        let (mut access, mut token) = app.tokens(OWNER.0).await;
        for _ in 0..4 {
            clock.advance(DAY * 29);
            assert_eq!(app.with_token(&access).get(ME).await.status, 401, "the access token is long over");
            let said = refresh(&app.nobody(), &token).await;
            assert_eq!((said.status, &said.headers["cache-control"]), (200, &"no-store".parse().unwrap()), "{}", said.body);
            assert_eq!(said.body["user"]["email"], OWNER.0);
            assert_ne!(said.text("refreshToken"), token);
            (access, token) = (said.text("accessToken"), said.text("refreshToken"));
            assert_eq!(app.with_token(&access).get(ME).await.status, 200);
        }
        clock.advance(DAY * 30);
        assert_eq!(refresh(&app.nobody(), &token).await.status, 401, "nobody renewed it for 30 days");
        app.stop().await;
    }

    async fn a_refresh_token_that_comes_again_ends_its_whole_family(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        let id = app.person(OWNER).await;
        let (_, first) = app.tokens(OWNER.0).await;
        let (elsewhere, _) = app.tokens(OWNER.0).await;
        let second = refresh(&app.nobody(), &first).await;
        clock.advance(Duration::from_secs(60));
        let third = refresh(&app.nobody(), &second.text("refreshToken")).await;
        let access = third.text("accessToken");
        assert_eq!(app.with_token(&access).get(ME).await.status, 200);
        // A thief's copy, or the owner's own after a thief's: no telling which, so nobody's is good any more.
        let request = app.nobody().to("POST", "/api/v1/auth/refresh").header("x-forwarded-for", "203.0.113.66");
        let again = app.nobody().send(request.json(&json!({"refreshToken": first}))).await;
        assert_eq!(again.status, 401, "{}", again.body);
        assert_eq!(app.with_token(&access).get(ME).await.status, 401);
        for token in [&first, &second.text("refreshToken"), &third.text("refreshToken")] {
            assert_eq!(refresh(&app.nobody(), token).await.status, 401);
        }
        assert_eq!(app.with_token(&elsewhere).get(ME).await.status, 200, "her other sign-in is another family");
        let ended = app.audit("session.ended").await;
        assert_eq!(ended.len(), 1, "{ended:#?}");
        assert_eq!(ended[0]["after"], json!({"userId": id, "reason": "reuse"}));
        assert_eq!((&ended[0]["address"], &ended[0]["tenantId"]), (&json!("203.0.113.66"), &json!("tnt_1")));
        assert_eq!(app.login(OWNER.0, PASSWORD).await.status, 200);
        app.stop().await;
    }

    async fn the_same_refresh_token_twice_at_once_is_taken_for_theft(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        app.person(OWNER).await;
        for _ in 0..5 {
            let (access, token) = app.tokens(OWNER.0).await;
            let nobody = app.nobody();
            let said = join_all((0..4).map(|_| refresh(&nobody, &token))).await;
            let won: Vec<_> = said.iter().filter(|said| said.status == 200).collect();
            assert_eq!(won.len(), 1, "{said:?}");
            assert_eq!(said.iter().filter(|said| said.status == 401).count(), 3);
            assert_eq!(app.with_token(&access).get(ME).await.status, 401);
            assert_eq!(app.with_token(&won[0].text("accessToken")).get(ME).await.status, 401);
            assert_eq!(refresh(&nobody, &won[0].text("refreshToken")).await.status, 401);
        }
        assert_eq!(app.audit("session.ended").await.len(), 5, "each ended once");
        app.stop().await;
    }

    async fn nonsense_and_other_credentials_refresh_nothing(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        app.person(OWNER).await;
        let (access, token) = app.tokens(OWNER.0).await;
        assert_eq!(refresh(&app.nobody(), &access).await.status, 422, "longer than any");
        for bad in ["swr_", "x", &token[..token.len() - 1], &format!("{token}x")] {
            assert_eq!(refresh(&app.nobody(), bad).await.status, 401, "{bad}");
        }
        let empty = refresh(&app.nobody(), "").await;
        assert_eq!((empty.status, empty.wrong()[0].0.as_str()), (422, "#/refreshToken"));
        assert_eq!(app.with_token(&token).get(ME).await.status, 401, "a refresh token opens nothing else");
        assert_eq!(refresh(&app.nobody(), &token).await.status, 200, "and none of that did it any harm");
        app.stop().await;
    }

    async fn a_switched_off_user_and_an_archived_tenant_refresh_nothing(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        app.person(OWNER).await;
        let (_, token) = app.tokens(OWNER.0).await;
        app.app.db.write(|tx| tx.execute("update tenants set archived_at = $1", &[&START])).await.expect("archived");
        assert_eq!(refresh(&app.nobody(), &token).await.status, 401);
        app.stop().await;
    }

    async fn what_is_over_is_forgotten(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        app.person(OWNER).await;
        app.tokens(OWNER.0).await;
        assert_eq!(app.login("unknown@example.com", PASSWORD).await.status, 401);
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let request = api.to("POST", "/api/v1/agents").header("idempotency-key", "k");
        assert_eq!(api.send(request.json(&json!({"name": "x"}))).await.status, 201);
        let left = async || {
            let mut left = Vec::new();
            for count in [
                "select count(*) as n from sessions",
                "select count(*) as n from refresh_tokens",
                "select count(*) as n from login_failures",
                "select count(*) as n from known_addresses",
                "select count(*) as n from idempotency_keys",
            ] {
                left.push(app.rows(count).await);
            }
            left
        };
        let until = async |wanted: [i64; 5]| {
            routing::eventually(&format!("{wanted:?} are left"), async || {
                clock.advance(Duration::from_secs(1));
                left().await == wanted
            })
            .await;
        };
        // Of the address and of each account; the right password's are there as none.
        assert_eq!(left().await, [1, 1, 3, 1, 1]);
        clock.advance(Duration::from_secs(1800));
        until([1, 1, 0, 1, 1]).await;
        clock.advance(DAY);
        until([1, 1, 0, 1, 0]).await;
        clock.advance(DAY * 30);
        until([0, 0, 0, 1, 0]).await;
        clock.advance(DAY * 60);
        until([0, 0, 0, 0, 0]).await;
        app.stop().await;
    }
}

/// Two servers on one PostgreSQL.
pub(super) async fn two() -> Option<(TestApp, TestApp)> {
    let setup = || Setup::new(Engine::Postgres).with("SWITCHBOARD_SERVER__TRUSTED_PROXIES", "1");
    let one = setup().start().await?;
    routing::acme(&one).await;
    let other = TestApp::start(setup(), one.place.again()).await;
    Some((one, other))
}

/// What another replica knows of it is half a second old at most.
pub(super) async fn refused_within_a_second(client: &Api<'_>) {
    let refused = async || client.get(ME).await.status == 401;
    routing::eventually_within(Duration::from_secs(1), "it is refused", refused).await;
}

#[tokio::test]
async fn what_one_replica_ends_is_over_at_another_within_a_second() {
    let Some((one, other)) = two().await else { return };
    let admin = one.signed_in(ADMIN).await;
    let id = one.person(OWNER).await;
    let (access, token) = one.tokens(OWNER.0).await;
    assert_eq!(other.with_token(&access).get(ME).await.status, 200, "signed in at one, known at both");
    assert_eq!(one.with_token(&access).post("/api/v1/auth/logout", &json!({})).await.status, 204);
    refused_within_a_second(&other.with_token(&access)).await;
    assert_eq!(refresh(&other.nobody(), &token).await.status, 401);

    let (access, token) = other.tokens(OWNER.0).await;
    assert_eq!(one.with_token(&access).get(ME).await.status, 200);
    let at = format!("/api/v1/users/{id}");
    let etag = admin.get(&at).await.etag();
    assert_eq!(admin.patch(&at, &etag, &json!({"isActive": false})).await.status, 200);
    refused_within_a_second(&other.with_token(&access)).await;
    assert_eq!(refresh(&other.nobody(), &token).await.status, 401);
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_token_refreshed_at_two_replicas_at_once_wins_at_one_and_ends_at_both() {
    let Some((one, other)) = two().await else { return };
    one.person(OWNER).await;
    for _ in 0..5 {
        let (_, token) = one.tokens(OWNER.0).await;
        let (here, there) = (one.nobody(), other.nobody());
        let (left, right) = tokio::join!(refresh(&here, &token), refresh(&there, &token));
        let mut both = [left.status, right.status];
        both.sort_unstable();
        assert_eq!(both, [200, 401]);
        let won = if left.status == 200 { left } else { right };
        for app in [&one, &other] {
            assert_eq!(app.with_token(&won.text("accessToken")).get(ME).await.status, 401);
        }
    }
    one.stop().await;
    other.stop().await;
}

on_both_databases! {
    async fn the_first_start_makes_one_admin_and_no_other_start_does(setup: Setup) {
        let Some(app) = setup.clone().start().await else { return };
        let count = "select count(*) as n from users";
        assert_eq!(app.rows(count).await, 1);
        let made = app.audit("user.created").await;
        assert_eq!((&made[0]["by"], &made[0]["after"]["email"]), (&json!("system switchboard"), &json!("admin@localhost")));
        assert_eq!((&made[0]["after"]["role"], &made[0]["tenantId"]), (&json!("admin"), &json!(null)));
        // Not even where they were archived: that somebody was there once is enough.
        app.app.db.write(|tx| tx.execute("update users set archived_at = $1", &[&START])).await.expect("archived");
        let place = app.stop().await;
        let app = TestApp::start(setup, place).await;
        assert_eq!(app.rows(count).await, 1);
        app.stop().await;
    }
}

#[tokio::test]
async fn of_replicas_that_start_at_once_on_an_empty_database_one_makes_the_admin() {
    let Some((one, other)) = two().await else { return };
    one.app.db.write(|tx| tx.execute("delete from users", &[])).await.expect("nobody");
    let make = async |app: &TestApp| {
        let passwords = switchboard::auth::passwords::Passwords::new(8, &app.app.metrics);
        let now = Clock::system().now();
        let made = switchboard::auth::people::first_admin(&app.app.db, &passwords, "Boss@Example.com", now);
        made.await.expect("it is made, or not")
    };
    let made = join_all((0..8).map(|n| make(if n % 2 == 0 { &one } else { &other }))).await;
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(one.rows("select count(*) as n from users").await, 1);
    let said = other.login("boss@example.com", made[0].password.expose()).await;
    assert_eq!((said.status, &said.body["user"]["role"]), (200, &json!("admin")));
    one.stop().await;
    other.stop().await;
}
