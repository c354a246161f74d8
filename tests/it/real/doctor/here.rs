//! What can be wrong on this side.

use switchboard::db::{self, Db};

use super::setup::{AGENT, SetUp};
use super::{ended, eventually};
use crate::peers::{AgentProcess, Behaviour};

pub(super) async fn settings(at: &SetUp) {
    at.finds_with(&[("NODE_ENV", "production")], ("configuration", "config show")).await;
    let open = [("SWITCHBOARD_WEBHOOKS__ALLOW_UNSIGNED", "true")];
    at.finds_with(&open, ("webhook.signatures", "allow_unsigned")).await;
    let nobody = [("SWITCHBOARD_SERVER__PUBLIC_URL", "http://127.0.0.1:1")];
    at.finds_with(&nobody, ("public.url", "public_url")).await;
    let somebody = [("SWITCHBOARD_SERVER__PUBLIC_URL", at.livekit.url.as_str())];
    at.finds_with(&somebody, ("public.url", "/api/v1/webhooks/")).await;
    let (code, report) = at.doctor(&[("PORT", "eighty")]).await;
    assert_eq!((code, ended(&report, "failure")), (Some(1), vec!["configuration".to_owned()]));
}

pub(super) async fn database(at: &SetUp) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file:{}", folder.path().join("other.db").display());
    at.finds_with(&[("DATABASE_URL", &url)], ("database", "database.url")).await;
    // Made by nobody's migrations yet.
    let db = Db::open(&db::Options::new(url.clone())).expect("a database");
    db.read(|tx| tx.first("select 1 as one", &[], |_| Ok(()))).await.expect("an answer");
    db.close().await;
    at.finds_with(&[("DATABASE_URL", &url)], ("database.migrations", "switchboard migrate")).await;
    let fixed = at.switchboard.ends_with(&["doctor", "--fix", "--json"], &[("DATABASE_URL", &url)]).await.1;
    assert!(
        fixed["fixed"][0].as_str().is_some_and(|done| done.starts_with("database.migrations: ")),
        "{fixed:#}"
    );
    assert!(!ended(&fixed, "failure").contains(&"database.migrations".to_owned()), "{fixed:#}");
}

/// The servers on the database: none, and one too many.
pub(super) async fn servers(at: &mut SetUp) {
    at.switchboard.stop().await;
    at.finds_with(&[], ("server.running", "switchboard serve")).await;
    at.switchboard.start().await;
    let url = at.switchboard.url().to_owned();
    at.webhooks.set_target(Some(&url));
    at.switchboard.set("SWITCHBOARD_SERVER__PUBLIC_URL", url);
    let mut second = at.switchboard.second().await;
    at.finds_with(&[], ("server.alone", "PostgreSQL")).await;
    second.stop().await;
    at.looks_right().await;
}

/// LiveKit's webhooks: lost on the way, and signed with another secret.
pub(super) async fn webhooks(at: &mut SetUp) {
    at.webhooks.set_target(None);
    at.finds_probing(&[], ("webhook.round_trip", "webhook.urls")).await;
    let right = at.livekit.secret;
    at.switchboard.stop().await;
    at.switchboard.set("LIVEKIT_API_SECRET", "another-secret-of-at-least-32-characters");
    at.switchboard.start().await;
    let url = at.switchboard.url().to_owned();
    at.webhooks.set_target(Some(&url));
    at.switchboard.set("SWITCHBOARD_SERVER__PUBLIC_URL", url);
    at.finds_probing(&[("LIVEKIT_API_SECRET", right)], ("webhook.round_trip", "webhook.api_key")).await;
    at.switchboard.stop().await;
    at.switchboard.set("LIVEKIT_API_SECRET", right);
    at.switchboard.start().await;
    let url = at.switchboard.url().to_owned();
    at.webhooks.set_target(Some(&url));
    at.switchboard.set("SWITCHBOARD_SERVER__PUBLIC_URL", url);
    // What LiveKit still tries to tell of the rooms before comes first.
    until_right(at, "the webhooks come again").await;
}

async fn until_right(at: &SetUp, what: &str) {
    eventually(what, async || {
        let (code, _) = at.doctor(&[]).await;
        (code == Some(0)).then_some(())
    })
    .await;
    at.is_right().await;
}

pub(super) async fn agents(at: &mut SetUp) {
    at.agent = None;
    at.finds_probing(&[], ("agents", AGENT)).await;
    at.agent = Some(AgentProcess::start(&at.livekit, AGENT, Behaviour::answers()).await);
    // LiveKit gathers the names of its workers first.
    until_right(at, "the worker takes jobs").await;
}
