//! A running server picks up what another process changed in the routing.

use std::time::Duration;

use serde_json::json;
use switchboard::clock::Clock;
use switchboard::db::{Db, Options};

use crate::app::{Setup, TEST, answer};
use crate::on_both_databases;
use crate::routing::{self, eventually};

on_both_databases! {
    async fn changes_by_another_process_are_followed_within_a_second(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let other = Db::open(&Options::new(&app.place.url)).unwrap();
        let now = Clock::system().now();
        let body = json!({ "to_number": routing::NUMBER, "from_number": "+15551234567" }).to_string();
        let decided = async |field: &str| answer(app.to(TEST).body(body.clone())).await.1["decision"][field].clone();
        assert_eq!(decided("agent_name").await, "telephony-agent");
        let mut took = Vec::new();
        routing::change(&other, "update campaigns set status = $1 where id = 'cmp_1'", "paused", now).await;
        took.push(eventually("paused", async || decided("reason").await == "campaign_paused").await);
        routing::change(&other, "update campaigns set status = $1 where id = 'cmp_1'", "active", now).await;
        took.push(eventually("active", async || decided("agent_name").await == "telephony-agent").await);
        routing::change(&other, "update campaigns set agent_id = $1 where id = 'cmp_1'", "agt_2", now).await;
        took.push(eventually("another agent", async || decided("agent_name").await == "reception").await);
        routing::change(&other, "update tenants set archived_at = $1 where id = 'tnt_1'", now, now).await;
        took.push(eventually("archived", async || decided("reason").await == "unknown_number").await);
        took.sort();
        assert!(took[1] < Duration::from_secs(1), "half of them at least, on a machine as busy as this: {took:?}");
        other.close().await;
        app.stop().await;
    }
}
