//! `doctor` against a right set-up, and against the same with one thing wrong at a time: it names that one and only
//! that one. LiveKit, its webhooks and the agents are real; Twilio is pretended.

mod from_nothing;
mod here;
mod livekit_side;
mod over_the_api;
mod setup;
mod twilio_side;

use std::time::Instant;

use serde_json::Value;
use switchboard::db::Engine;

use super::eventually;
use setup::SetUp;

#[tokio::test]
async fn a_right_set_up_has_nothing_wrong_and_each_single_fault_is_named_alone() {
    let Some(mut setup) = SetUp::start(Engine::Sqlite).await else { return };
    setup.is_right().await;
    twilio_side::origination(&setup).await;
    twilio_side::trunk(&setup).await;
    twilio_side::numbers(&setup).await;
    twilio_side::account(&setup).await;
    livekit_side::trunks(&setup).await;
    livekit_side::rules(&setup).await;
    livekit_side::reach(&setup).await;
    here::settings(&setup).await;
    here::database(&setup).await;
    here::servers(&mut setup).await;
    here::webhooks(&mut setup).await;
    here::agents(&mut setup).await;
    println!("{} faults planted, one at a time", setup.planted());
    assert!(setup.planted() >= 40, "{}", setup.planted());
}

#[tokio::test]
async fn a_right_set_up_on_postgresql_has_nothing_wrong() {
    let Some(setup) = SetUp::start(Engine::Postgres).await else { return };
    let began = Instant::now();
    setup.is_right().await;
    println!("doctor took {:.2} s, its start included", began.elapsed().as_secs_f64());
}

/// The checks of a report that ended in this way.
fn ended(report: &Value, state: &str) -> Vec<String> {
    let checks = report["checks"].as_array().expect("checks");
    // How quick the disk is depends on what else this machine does.
    let is_ours = |check: &&Value| check["id"] != "database.durability" || state == "failure";
    let those = checks.iter().filter(|check| check["state"] == state).filter(is_ours);
    those.map(|check| check["id"].as_str().expect("an id").to_owned()).collect()
}
