//! Calls through the real LiveKit: phone, room, webhooks, dispatch, agent.

use std::time::Duration;

use switchboard::call::{Call, EndReason, Status};
use switchboard::db::Engine;

use crate::app::{Setup, TestApp};
use crate::peers::{Act, AgentProcess, Behaviour, Phone, PhoneHost, RealLiveKit};
use crate::proxy::Proxy;
use crate::routing;

const SOON: Duration = Duration::from_secs(10);
const TO: &str = "+15557654321";
const FROM: &str = "+15551234567";

/// Switchboard in front of a real LiveKit, with a proxy in either direction.
struct World {
    livekit: RealLiveKit,
    phones: PhoneHost,
    app: TestApp,
    /// From LiveKit to Switchboard.
    webhooks: Proxy,
    /// From Switchboard to LiveKit.
    api: Proxy,
}

impl World {
    async fn start(setup: Setup) -> Option<World> {
        let webhooks = Proxy::start().await;
        let events = format!("{}/api/v1/webhooks/livekit/events", webhooks.url);
        let livekit = RealLiveKit::start(&[&events]).await?;
        let api = Proxy::before(&livekit.url.replace("ws://", "http://")).await;
        let app = setup.livekit(&api.url).start().await?;
        webhooks.set_target(Some(&app.url));
        routing::acme(&app).await;
        let phones = PhoneHost::start(&livekit).await;
        Some(World { livekit, phones, app, webhooks, api })
    }

    /// The call of this phone, once it is as wanted.
    async fn call(&self, phone: &Phone, wanted: impl Fn(&Call) -> bool) -> Call {
        let found = self.app.until(|calls| {
            calls
                .iter()
                .find(|call| call.ring.keys.call.as_deref() == Some(&phone.call_id))
                .filter(|c| wanted(c))
                .cloned()
        });
        found.await
    }

    async fn ended(&self, phone: &Phone) -> Call {
        self.call(phone, |call| !call.is_open()).await
    }
}

#[tokio::test]
async fn answered_and_hung_up_by_the_caller() {
    let Some(world) = World::start(Setup::new(Engine::Sqlite)).await else { return };
    let agent = AgentProcess::start(&world.livekit, "telephony-agent", Behaviour::answers()).await;
    let phone = world.phones.call(TO, FROM).await;
    phone.answered(SOON).await.unwrap();
    world.call(&phone, |call| call.outcome.status == Status::InProgress).await;
    let job = agent.job(&phone.room, SOON).await.unwrap();
    agent.moment(&job, "published", SOON).await.unwrap();
    phone.hang_up();
    let call = world.ended(&phone).await;
    assert_eq!(call.outcome.end_reason, Some(EndReason::CallerHungUp));
    world.app.stop().await;
}

#[tokio::test]
async fn an_agent_that_says_goodbye_ends_the_call() {
    let Some(world) = World::start(Setup::new(Engine::Sqlite)).await else { return };
    let goodbye = Behaviour::acts_after(Act::Goodbye, Duration::from_secs(6));
    let _agent = AgentProcess::start(&world.livekit, "telephony-agent", goodbye).await;
    let phone = world.phones.call(TO, FROM).await;
    phone.answered(SOON).await.unwrap();
    phone.ended(SOON).await.unwrap();
    let call = world.ended(&phone).await;
    assert_eq!(call.outcome.end_reason, Some(EndReason::AgentHungUp));
    world.app.stop().await;
}
