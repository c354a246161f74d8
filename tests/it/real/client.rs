//! LiveKit's own Python client: what it is content with in the real LiveKit it finds in the pretend one.

use livekit::fake::{Behaviour, Transfer};
use serde_json::{Value, json};

use super::agents::{Agents, Manner};
use super::caller::Caller;
use super::world::Side;
use super::{AGENT, FROM, Kind, SOON, TO, seconds};
use crate::app::{KEY, SECRET};
use crate::peers::{self, Helper};
use crate::through_both_livekits;
use crate::world::{a_call, livekit as pretend};
use switchboard::clock::Clock;

fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap_or_default().to_owned()
}

fn outcome(event: &Value) -> Option<Value> {
    (event["event"] == "done" || event["event"] == "failed").then(|| event.clone())
}

#[tokio::test]
async fn livekits_own_client_transfers_a_caller_of_the_pretend_livekit() {
    let Some(python) = peers::python() else { return };
    let livekit = pretend(&Clock::system(), 0.1).await;
    let _worker = livekit.worker(AGENT, Behaviour::answers());
    let phone = livekit.phone(a_call());
    assert!(phone.joined().await);
    let order = livekit::NewDispatch {
        agent_name: AGENT.to_owned(),
        room: phone.room().to_owned(),
        ..livekit::NewDispatch::default()
    };
    livekit.client().expect("a client").create_dispatch(&order).await.expect("a dispatch");
    assert!(phone.answered().await);
    livekit.next_transfer(Transfer::refused(486, "Busy Here"));
    let mut script = peers::command("drive_fake.py", &python);
    let driver = Helper::start(script.args([livekit.url(), KEY, SECRET]));
    driver.tell(&json!({"do": "transfer", "room": phone.room(), "identity": phone.identity()}));
    let outcome = driver.hear(seconds(60), "outcome", outcome).await.expect("in time");
    assert_eq!(outcome["event"], "done", "{}", text(&outcome, "reason"));
    phone.ended().await;
    assert_eq!(livekit.transfers().len(), 2);
}

through_both_livekits! {
    async fn livekits_own_client_does_all_that_a_call_needs_and_verifies_each_webhook(kind: Kind) {
        let Some(python) = peers::python() else { return };
        let Some(side) = Side::start(kind).await else { return };
        let mut script = peers::command("drive_fake.py", &python);
        let driver = Helper::start(script.args([side.api(), KEY, SECRET]));
        let url = |event: &Value| (event["event"] == "listening").then(|| text(event, "url"));
        let url = driver.hear(seconds(60), "receiver of webhooks", url).await.expect("in time");
        side.send_webhooks_to(&url);
        let _agents = Agents::start(&side, AGENT, &[Manner::Answers]).await;
        let caller = Caller::dial(&side, TO, FROM).await;

        driver.tell(&json!({"do": "drive", "room": caller.room, "agent": AGENT}));
        let outcome = driver.hear(seconds(60), "outcome", outcome).await.expect("in time");
        assert_eq!(outcome["event"], "done", "{}", text(&outcome, "reason"));

        let here = |event: &Value| (event["room"] == caller.room).then(|| text(event, "name"));
        let finished = |event: &Value| here(event).filter(|name| name == "room_finished");
        driver.hear(SOON, "room_finished", finished).await.expect("in time");
        let told = driver.heard(here);
        for event in ["room_started", "participant_joined", "track_published", "participant_left"] {
            assert!(told.iter().any(|told| told == event), "{event} is not among {told:?}");
        }
        assert!(driver.heard(|event| (event["event"] == "failed").then(|| event.clone())).is_empty());
    }
}
