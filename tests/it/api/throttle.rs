//! How often a password may be guessed, and that a stranger's guessing keeps nobody out.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use switchboard::auth::Role;

use super::auth::app;
use super::people::{ADMIN, OWNER, PASSWORD};
use super::sessions::two;
use crate::app::{Setup, TestApp};
use crate::on_both_databases;

const WRONG: &str = "not the password";
const HOME: &str = "198.51.100.1";
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Signs in so often, each time from where `from` says; the statuses in runs.
async fn guesses(
    app: &TestApp,
    email: &str,
    count: usize,
    from: impl Fn(usize) -> String,
) -> Vec<(u16, usize)> {
    let mut runs: Vec<(u16, usize)> = Vec::new();
    for n in 0..count {
        let said = app.login_from(&from(n), email, WRONG).await;
        match runs.last_mut() {
            Some((status, times)) if *status == said.status => *times += 1,
            _ => runs.push((said.status, 1)),
        }
    }
    runs
}

fn everywhere(n: usize) -> String {
    format!("203.0.113.{n}")
}

on_both_databases! {
    async fn an_address_that_guesses_at_everybody_is_stopped(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        app.person(OWNER).await;
        for n in 0..20 {
            assert_eq!(app.login_from(HOME, &format!("somebody{n}@example.com"), WRONG).await.status, 401);
        }
        clock.advance(Duration::from_secs(60));
        let hashed = app.app.auth.passwords.seen().done;
        let said = app.login_from(HOME, OWNER.0, PASSWORD).await;
        assert_eq!((said.status, &said.headers["retry-after"]), (429, &"840".parse().unwrap()), "{}", said.body);
        assert_eq!(app.app.auth.passwords.seen().done, hashed, "nothing is hashed for who is stopped");
        assert_eq!(app.login_from("198.51.100.2", OWNER.0, PASSWORD).await.status, 200, "others are not");
        clock.advance(WINDOW - Duration::from_secs(60));
        assert_eq!(app.login_from(HOME, OWNER.0, PASSWORD).await.status, 200, "after 15 minutes");
        app.stop().await;
    }

    async fn a_household_of_ipv6_is_one_address(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let runs = guesses(&app, OWNER.0, 21, |n| format!("2001:db8:1:2::{n:x}")).await;
        assert_eq!(runs, [(401, 20), (429, 1)]);
        assert_eq!(app.login_from("2001:db8:1:3::1", OWNER.0, WRONG).await.status, 401);
        app.stop().await;
    }

    async fn a_strangers_guessing_does_not_keep_the_owner_out(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        app.person(OWNER).await;
        assert_eq!(app.login_from(HOME, OWNER.0, PASSWORD).await.status, 200);
        // Strangers, each from an address of their own.
        assert_eq!(guesses(&app, OWNER.0, 40, everywhere).await, [(401, 30), (429, 10)]);
        assert_eq!(app.login_from("203.0.113.200", OWNER.0, PASSWORD).await.status, 429, "not even if they guess right");
        // She, where she signed in before: as often as she likes.
        for _ in 0..3 {
            assert_eq!(guesses(&app, OWNER.0, 5, |_| HOME.to_owned()).await, [(401, 5)]);
            assert_eq!(app.login_from(HOME, OWNER.0, PASSWORD).await.status, 200, "and each time forgives what came before");
        }
        // There, too, there is an end to guessing: ten.
        assert_eq!(guesses(&app, OWNER.0, 12, |_| HOME.to_owned()).await, [(401, 10), (429, 2)]);
        app.stop().await;
    }

    async fn an_account_that_is_not_there_is_throttled_like_one_that_is(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        app.person(OWNER).await;
        let there = guesses(&app, OWNER.0, 33, everywhere).await;
        clock.advance(WINDOW);
        let not = guesses(&app, "unknown@example.com", 33, everywhere).await;
        assert_eq!((&there, &not), (&vec![(401, 30), (429, 3)], &there));
        app.stop().await;
    }

    async fn an_address_is_known_for_90_days(setup: Setup) {
        let Some((app, clock)) = app(setup).await else { return };
        app.person(OWNER).await;
        assert_eq!(app.login_from(HOME, OWNER.0, PASSWORD).await.status, 200);
        clock.advance(Duration::from_secs(90 * 24 * 3600 - 1));
        guesses(&app, OWNER.0, 30, everywhere).await;
        assert_eq!(app.login_from(HOME, OWNER.0, WRONG).await.status, 401, "still known");
        clock.advance(WINDOW);
        guesses(&app, OWNER.0, 30, everywhere).await;
        assert_eq!(app.login_from(HOME, OWNER.0, WRONG).await.status, 429, "a stranger's now");
        app.stop().await;
    }

    async fn guesses_at_once_are_no_more_than_guesses_one_after_another(setup: Setup) {
        // All of them count on the same row, one after another: on a busy machine for longer than a second.
        let setup = setup.with("SWITCHBOARD_AUTH__HASHING_AT_ONCE", "30").with("SWITCHBOARD_DATABASE__TIMEOUT", "20s");
        let Some((app, _)) = app(setup).await else { return };
        app.person(OWNER).await;
        let hashed = app.app.auth.passwords.seen().done;
        let said = join_all((0..40).map(|_| app.login_from(HOME, OWNER.0, WRONG))).await;
        let counted = |status: u16| said.iter().filter(|said| said.status == status).count();
        assert_eq!((counted(401), counted(429)), (20, 20));
        assert_eq!(app.app.auth.passwords.seen().done - hashed, 20);
        app.stop().await;
    }

    async fn a_reset_lets_its_account_in_again(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        let admin = app.signed_in(ADMIN).await;
        let id = app.person(OWNER).await;
        assert_eq!(app.login_from(HOME, OWNER.0, PASSWORD).await.status, 200);
        assert_eq!(guesses(&app, OWNER.0, 11, |_| HOME.to_owned()).await, [(401, 10), (429, 1)]);
        guesses(&app, OWNER.0, 30, everywhere).await;
        let reset = admin.post(&format!("/api/v1/users/{id}/password-reset"), &json!({})).await;
        assert_eq!(reset.status, 200, "{}", reset.body);
        let password = reset.text("password");
        assert_eq!(app.login_from(HOME, OWNER.0, &password).await.status, 200);
        assert_eq!(app.login_from("203.0.113.200", OWNER.0, &password).await.status, 200);
        app.stop().await;
    }

    async fn what_is_counted_tells_nobody_who_it_was(setup: Setup) {
        let Some((app, _)) = app(setup).await else { return };
        app.person(OWNER).await;
        app.login_from(HOME, OWNER.0, WRONG).await;
        app.login_from(HOME, OWNER.0, PASSWORD).await;
        for sql in ["select subject as value from login_failures", "select address as value from known_addresses"] {
            let read = app.app.db.read(move |tx| tx.all(sql, &[], |row| row.get::<String>("value")));
            let kept = read.await.expect("rows");
            assert!(!kept.is_empty());
            assert!(kept.iter().all(|text| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())), "{kept:?}");
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn replicas_count_together() {
    let Some((one, other)) = two().await else { return };
    one.person(("bob@example.com", Role::Viewer, Some("tnt_1"))).await;
    assert_eq!(guesses(&one, "bob@example.com", 10, |_| HOME.to_owned()).await, [(401, 10)]);
    assert_eq!(guesses(&other, "bob@example.com", 12, |_| HOME.to_owned()).await, [(401, 10), (429, 2)]);
    assert_eq!(one.login_from(HOME, "bob@example.com", PASSWORD).await.status, 429);
    one.stop().await;
    other.stop().await;
}
