//! People, from the command line.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::world::World;
use crate::auth::passwords::Password;
use crate::auth::people::{New, UserView};
use crate::auth::tokens::SigningKey;
use crate::auth::{Role, throttle};
use crate::clock::Timestamp;
use crate::commands::user::{self, Done};
use crate::db::{self, Tx, users};
use crate::ids::UserId;

fn new(email: &str, role: Role, tenant: Option<&str>) -> New {
    New {
        tenant: tenant.map(Into::into),
        email: email.to_owned(),
        name: "Ada".to_owned(),
        role,
        active: true,
    }
}

fn key() -> SigningKey {
    SigningKey::new(b"a-key-of-at-least-thirty-two-bytes!!")
}

async fn with_tenant() -> World {
    let world = World::new().await;
    let now = world.clock.now();
    let sql = "insert into tenants (id, name, active, region, time_zone, created_at, updated_at)
               values ('tnt_acme', 'Acme Dental', $1, 'US', 'UTC', $2, $2)";
    let made: db::Result<_> = world.db.write(move |tx| tx.execute(sql, &[&true, &now])).await;
    made.unwrap();
    world
}

async fn add(world: &World, new: New) -> Done {
    world.clock.advance(Duration::from_secs(1));
    user::added(&world.db, new, None, world.clock.now()).await.unwrap()
}

/// What the audit says: who did what to whom.
async fn audit(world: &World) -> Vec<String> {
    let read = |tx: &mut Tx<'_>| {
        tx.all("select actor_kind, action, subject_id, after from audit order by at", &[], |row| {
            let after: Option<String> = row.get("after")?;
            let after: Value = after.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
            let (by, action): (String, String) = (row.get("actor_kind")?, row.get("action")?);
            Ok(format!("{by} {action} {} {}", after["email"], after["isActive"]))
        })
    };
    let read: db::Result<_> = world.db.read(read).await;
    read.unwrap()
}

#[tokio::test]
async fn people_are_added_switched_off_and_on_and_listed() {
    let world = with_tenant().await;
    let admin = add(&world, new("Root@Example.com", Role::Admin, None)).await;
    let ada = add(&world, new("ada@example.com", Role::Owner, Some("tnt_acme"))).await;
    let password = ada.password.as_ref().unwrap().expose().to_owned();
    let screen = world.screen();
    assert_snapshot!(user::said(&ada, "added", &screen).replace(&password, "…"), @r"
    ada@example.com (owner of tnt_acme) is added.
    Their password, shown only this once:  …
    ");
    let off = user::switch(&world.db, "ADA@example.com", false, world.clock.now()).await.unwrap();
    assert_snapshot!(user::said(&off, "disabled, and signed out", &screen), @"ada@example.com (owner of tnt_acme) is disabled, and signed out.");
    let again = user::switch(&world.db, "ada@example.com", false, world.clock.now()).await.unwrap();
    assert_eq!(again.user.revision, off.user.revision, "twice is once");
    let found = user::listed(&world.db, None, 20).await.unwrap();
    assert_snapshot!(user::table(&found, &screen), @r"
    E-MAIL            NAME  ROLE   TENANT    STATUS    LAST SIGN-IN
    ada@example.com   Ada   owner  tnt_acme  disabled  -
    root@example.com  Ada   admin  -         active    -
    ");
    let acme = user::listed(&world.db, Some("tnt_acme".into()), 20).await.unwrap();
    assert_eq!(acme.iter().map(|user| &*user.email).collect::<Vec<_>>(), ["ada@example.com"]);
    world.clock.advance(Duration::from_secs(1));
    user::switch(&world.db, "ada@example.com", true, world.clock.now()).await.unwrap();
    let last = user::switch(&world.db, &admin.user.email, false, world.clock.now()).await.unwrap_err();
    assert_snapshot!(last, @"this is the platform's last active admin: make another one first");
    assert_snapshot!(audit(&world).await.join("\n"), @r#"
    command_line user.created "root@example.com" true
    command_line user.created "ada@example.com" true
    command_line user.updated "ada@example.com" false
    command_line user.updated "ada@example.com" true
    "#);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_what_to_do() {
    let world = with_tenant().await;
    add(&world, new("ada@example.com", Role::Owner, Some("tnt_acme"))).await;
    let told = async |new: New, given: Option<&str>| {
        let given = given.map(|text| Password::from(text.to_owned()));
        user::added(&world.db, new, given, world.clock.now()).await.unwrap_err().to_string()
    };
    let cases = [
        (new("ADA@example.com", Role::Owner, Some("tnt_acme")), None),
        (new("nobody", Role::Admin, None), None),
        (new("b@example.com", Role::Admin, Some("tnt_acme")), None),
        (new("b@example.com", Role::Viewer, None), None),
        (new("b@example.com", Role::Viewer, Some("tnt_none")), None),
        (new("b@example.com", Role::Admin, None), Some("short")),
        (new("b@example.com", Role::Admin, None), Some("B@example.com")),
        (New { name: String::new(), ..new("b@example.com", Role::Admin, None) }, None),
    ];
    let mut all = Vec::new();
    for (new, given) in cases {
        all.push(told(new, given).await);
    }
    assert_snapshot!(all.join("\n"), @r"
    somebody signs in with that e-mail address already
    the e-mail address must be an e-mail address such as ada@example.com
    the role admin is for the platform's own people, who belong to no tenant
    the role viewer is a tenant's: say whose, or give the role admin
    there is no such tenant
    the password must be 12 to 256 characters
    the password must not be the e-mail address
    the name must be 1 to 200 characters
    ");
    let now = world.clock.now();
    let nobody = user::reset(&world.db, key(), "b@example.com", None, now).await.unwrap_err();
    assert_snapshot!(nobody, @"there is nobody with that e-mail address");
}

#[tokio::test]
async fn a_reset_makes_a_new_password_and_forgives_failed_sign_ins() {
    let world = with_tenant().await;
    let ada = add(&world, new("ada@example.com", Role::Owner, Some("tnt_acme"))).await;
    let now = world.clock.now();
    let begin = async |id: UserId| {
        let marks = throttle::Marks::new(&key(), "ada@example.com", None);
        world.db.write(move |tx| throttle::begin(tx, marks, Some(&id), now)).await
    };
    // She was signed in there before, and then somebody guessed there.
    let (id, attempt) = (ada.user.id.clone(), begin(ada.user.id.clone()).await.unwrap());
    let known: db::Result<()> = world.db.write(move |tx| attempt.succeeded(tx, &id, now)).await;
    known.unwrap();
    while begin(ada.user.id.clone()).await.is_ok() {}

    let hash = async || -> String {
        let read: db::Result<_> = world.db.read(|tx| users::account(tx, "ada@example.com")).await;
        read.unwrap().unwrap().password_hash
    };
    let before = hash().await;
    let reset = user::reset(&world.db, key(), "Ada@example.com", None, now).await.unwrap();
    let made = reset.password.as_ref().unwrap().expose().to_owned();
    assert_ne!((made.as_str(), &before), (ada.password.unwrap().expose(), &hash().await));
    begin(ada.user.id.clone()).await.unwrap();

    let chosen = Password::from("staple of many words".to_owned());
    let reset = user::reset(&world.db, key(), "ada@example.com", Some(chosen), now).await.unwrap();
    assert_eq!(reset.password, None, "whoever chose it knows it");
    let said = json!({ "user": reset.user, "password": reset.password });
    assert_eq!(said["password"], Value::Null);
    assert!(!audit(&world).await.join(" ").contains(&made));
}

#[test]
fn text_of_others_cannot_take_over_the_terminal() {
    let at = Timestamp::EPOCH;
    let user = UserView {
        id: "usr_1".into(),
        tenant_id: Some("tnt_\u{1b}[2J".into()),
        email: "a\u{202e}@example.com".to_owned(),
        name: "\u{1b}[2J".to_owned(),
        role: Role::Viewer,
        is_active: true,
        last_login_at: None,
        revision: 1,
        created_at: at,
        updated_at: at,
    };
    let screen =
        crate::commands::Screen { colour: false, width: None, zone: jiff::tz::TimeZone::UTC, now: at };
    let shown = user::table(std::slice::from_ref(&user), &screen)
        + &user::said(&Done { user, password: None }, "added", &screen);
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
}
