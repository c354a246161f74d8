//! People for the tests: made in the database, signed in through the door.

use serde_json::{Value, json};
use switchboard::audit::Actor;
use switchboard::auth::Role;
use switchboard::auth::passwords::Password;
use switchboard::auth::people::{self, By, New, Refused};
use switchboard::db;

use super::{Api, Said};
use crate::app::TestApp;

/// Everybody's, where it does not matter.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Who they are, as the rules of who may what go by it.
pub(crate) const ADMIN: (&str, Role, Option<&str>) = ("root@example.com", Role::Admin, None);
pub(crate) const OWNER: (&str, Role, Option<&str>) = ("ada@example.com", Role::Owner, Some("tnt_1"));

impl TestApp {
    /// Makes somebody with [`PASSWORD`]; their id.
    pub(crate) async fn person(&self, (email, role, tenant): (&str, Role, Option<&str>)) -> String {
        let password = Password::from(PASSWORD.to_owned());
        let hash = self.app.auth.passwords.turn().expect("a turn").hash(&password).await.expect("a hash");
        let (now, email, tenant) = (self.app.clock.now(), email.to_owned(), tenant.map(Into::into));
        let new = New { tenant, name: email.clone(), email, role, active: true };
        let made = self.app.db.write(move |tx| -> Result<_, Refused> {
            let by = By { actor: &Actor::system(), is_platform: true, now };
            people::add(tx, by, &new, &hash)
        });
        made.await.expect("a person").row.id.into_string()
    }

    /// A caller without a credential.
    pub(crate) fn nobody(&self) -> Api<'_> {
        self.with_token("")
    }

    /// A caller with this credential.
    pub(crate) fn with_token(&self, token: &str) -> Api<'_> {
        Api { app: self, key: token.to_owned() }
    }

    /// Tries to sign in.
    pub(crate) async fn login(&self, email: &str, password: &str) -> Said {
        self.login_from("198.51.100.1", email, password).await
    }

    /// Tries to sign in from this address, where a trusted proxy is in front.
    pub(crate) async fn login_from(&self, address: &str, email: &str, password: &str) -> Said {
        let request = self.nobody().to("POST", "/api/v1/auth/login").header("x-forwarded-for", address);
        self.nobody().send(request.json(&json!({"email": email, "password": password}))).await
    }

    /// Signs somebody in who has [`PASSWORD`]: access and refresh token.
    pub(crate) async fn tokens(&self, email: &str) -> (String, String) {
        let said = self.login(email, PASSWORD).await;
        assert_eq!(said.status, 200, "{}", said.body);
        (said.text("accessToken"), said.text("refreshToken"))
    }

    /// Makes somebody and signs them in.
    pub(crate) async fn signed_in(&self, who: (&str, Role, Option<&str>)) -> Api<'_> {
        self.person(who).await;
        let (access, _) = self.tokens(who.0).await;
        self.with_token(&access)
    }

    /// What the audit says of these actions, oldest first; of what happened at the same time in any order.
    pub(crate) async fn audit(&self, actions: &str) -> Vec<Value> {
        let pattern = actions.to_owned();
        let read = move |tx: &mut db::Tx<'_>| {
            tx.all(
                "select action, actor_kind, actor_id, actor_name, subject_kind, subject_id, tenant_id, address,
                     request_id, before, after
                 from audit where action like $1 order by id",
                &[&pattern],
                |row| {
                    let text = |name: &str| row.get::<Option<String>>(name);
                    let read = |text: Option<String>| {
                        text.map(|text| serde_json::from_str::<Value>(&text).expect("JSON"))
                    };
                    Ok(json!({
                        "action": text("action")?,
                        "by": format!("{} {}", text("actor_kind")?.unwrap_or_default(), text("actor_name")?.unwrap_or_default()),
                        "actorId": text("actor_id")?,
                        "subject": text("subject_kind")?,
                        "subjectId": text("subject_id")?,
                        "tenantId": text("tenant_id")?,
                        "address": text("address")?,
                        "requestId": text("request_id")?,
                        "before": read(text("before")?),
                        "after": read(text("after")?),
                    }))
                },
            )
        };
        self.app.db.read(read).await.expect("the audit")
    }

    /// How many rows these tables hold.
    pub(crate) async fn rows(&self, count: &'static str) -> i64 {
        let counted = self.app.db.read(move |tx| tx.first(count, &[], |row| row.get::<i64>("n")));
        counted.await.expect("a count").unwrap_or(0)
    }
}
