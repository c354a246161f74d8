//! A running server looks by itself, and tells when somebody has changed something by hand and when it is right again.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::db::changes;
use switchboard::db::shown::Resources;
use switchboard::db::{self, Engine, Tx};
use switchboard::provision::{self, Asked};

use super::world::{SOON, World};

/// The server looks this often whether a trunk is due.
const TICK: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_server_tells_once_when_a_trunk_drifts_and_once_when_it_does_no_longer() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    // LiveKit takes tokens of up to a minute ahead: time passes from a minute ago on.
    world.clock.set(world.clock.now().saturating_sub(Duration::from_secs(55)));
    let tenant = world.tenant().await;
    world.apply(&tenant, &Asked::default()).await;
    provision::start(&world.app);
    let uri = world.found(&tenant).await.uris[0]["sid"].as_str().unwrap().to_owned();
    world.twilio.set(&uri, "enabled", false);
    an_hour_later(&world).await;
    assert_eq!(said(&world).await, ["trunk.provisioned", "trunk.drifted"]);
    an_hour_later(&world).await;
    assert_eq!(said(&world).await, ["trunk.provisioned", "trunk.drifted"], "it is told once");
    let (id, change) = (tenant.trunk.to_string(), followed(&world).await);
    assert_eq!((&change["id"], &change["events"]), (&json!(id), &json!(["trunk.drifted"])));
    assert_eq!(change["data"]["drift"]["lines"][0]["fields"][0]["name"], "enabled", "{change:#}");
    assert_eq!(change["data"]["name"], "T0 main");

    world.twilio.set(&uri, "enabled", true);
    an_hour_later(&world).await;
    let all = ["trunk.provisioned", "trunk.drifted", "trunk.drift_ended"];
    assert_eq!(said(&world).await, all);

    world.twilio.set(&uri, "enabled", false);
    an_hour_later(&world).await;
    world.apply(&tenant, &Asked::default()).await;
    let mut said = said(&world).await;
    // Those of one moment are in no order.
    said.sort();
    let (ended, drifted, provisioned) = ("trunk.drift_ended", "trunk.drifted", "trunk.provisioned");
    assert_eq!(said, [ended, ended, drifted, drifted, provisioned, provisioned], "an apply ends it, too");
    world.app.shut_down(Duration::from_secs(5)).await;
}

/// Lets it be an hour since it was looked, and awaits the next look.
async fn an_hour_later(world: &World) {
    let now = world.clock.now();
    let was = world.app.db.write(move |tx: &mut Tx<'_>| -> db::Result<_> {
        tx.execute("update provisioned set looked_at = $1", &[&now.saturating_sub(Duration::from_secs(3600))])
    });
    assert_eq!(was.await.expect("it was written"), 1);
    world.clock.advance(TICK);
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let looked = world.app.db.read(|tx| -> db::Result<_> {
            tx.first("select looked_at from provisioned", &[], |row| {
                row.get::<switchboard::clock::Timestamp>("looked_at")
            })
        });
        if looked.await.expect("it was read").is_some_and(|at| at >= now) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "it was never looked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The newest change of a trunk, as followers of the live stream are told of it.
async fn followed(world: &World) -> Value {
    let now = world.clock.now();
    let read = world.app.db.read(move |tx| -> db::Result<_> {
        let mut changes = changes::after(tx, "0-0".parse().expect("the start"), 1_000)?.changes;
        changes.retain(|change| change.kind == changes::Kind::Trunk);
        let change = changes.pop().expect("a change");
        let resources = Resources::of(tx, [&change].into_iter(), now)?;
        let words = change.events.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
        Ok(json!({"id": change.subject, "events": words, "data": resources.shown(change.kind, &change.subject)}))
    });
    read.await.expect("the changes")
}

/// What the audit says of trunks, but that their rows were made and changed.
async fn said(world: &World) -> Vec<String> {
    let read = world.app.db.read(|tx| -> db::Result<_> {
        let sql = "select action from audit where subject_kind = 'trunk' order by id";
        tx.all(sql, &[], |row| row.get::<String>("action"))
    });
    let mut said = read.await.expect("the audit");
    said.retain(|action| !matches!(action.as_str(), "trunk.created" | "trunk.updated"));
    said
}
