//! What passes between LiveKit and Switchboard is lost, or Switchboard itself is away for a while.

use switchboard::call::EndReason;
use switchboard::db::Engine;

use super::agents::{Agents, Manner};
use super::caller::Caller;
use super::process::Process;
use super::world::{Real, Side, agents_in};
use super::{AGENT, FROM, Kind, SOON, TO, World, eventually, moment};
use crate::app::{Setup, TestApp};
use crate::proxy::{Fate, Seen};
use crate::routing;

fn is_the_ring(seen: &Seen) -> bool {
    seen.is_event("participant_joined") && seen.json()["participant"]["kind"] == "SIP"
}

#[tokio::test]
async fn a_ring_whose_webhook_is_lost_is_answered_by_reconcile() {
    let Some(world) = World::start(Kind::Real, Setup::new(Engine::Sqlite)).await else { return };
    let agents = world.agents(AGENT, &[Manner::Answers]).await;
    world.real().webhooks.next(Fate::Answer(200), is_the_ring);
    let caller = world.call(TO, FROM).await;
    let rang = caller.answered(SOON).await;
    assert!(rang < 12.0, "it rang for {rang:.2} s");
    world.until_agents(&caller, &[agents.spoke(&caller, 0).await]).await;
    caller.hang_up().await;
    assert_eq!(world.ended(&caller).await.outcome.end_reason, Some(EndReason::CallerHungUp));
    assert_eq!((world.app.calls().await.len(), world.dispatches_to(&caller)), (1, 1));
    println!("a lost ring was answered after {rang:.2} s");
    world.stop().await;
}

#[tokio::test]
async fn a_caller_who_rang_while_switchboard_was_down_is_answered_once_it_is_up() {
    let Some(real) = Real::start().await else { return };
    let api = real.api.url.clone();
    let setup = || Setup::new(Engine::Sqlite).livekit(&api);
    let app = setup().start().await.expect("SQLite is always there");
    routing::acme(&app).await;
    let place = app.stop().await;
    let side = Side::Real(Box::new(real));
    let Side::Real(real) = &side else { unreachable!("it is real") };
    let agents = Agents::start(&side, AGENT, &[Manner::Answers]).await;

    let caller = Caller::dial(&side, TO, FROM).await;
    real.webhooks.until_seen(SOON, is_the_ring).await.unwrap();
    let started = moment();
    let app = TestApp::start(setup(), place).await;
    real.webhooks.set_target(Some(&app.url));
    caller.answered(SOON).await;
    println!("answered {:.2} s after the start", moment() - started);
    assert_eq!(agents_in(&side.client(), &caller.room).await, [agents.spoke(&caller, 0).await]);

    caller.hang_up().await;
    let call = app.until(|calls| calls.first().filter(|call| !call.is_open()).cloned()).await;
    assert_eq!(call.outcome.end_reason, Some(EndReason::CallerHungUp));
    assert_eq!((app.calls().await.len(), agents.jobs_of(&caller)), (1, 1));
    assert_eq!(real.dispatches_to(&caller.room), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_kill_after_the_dispatch_was_delivered_brings_one_agent() {
    killed_while_dispatching(Fate::HoldAnswer).await;
}

#[tokio::test]
async fn a_kill_before_the_dispatch_was_delivered_brings_one_agent() {
    killed_while_dispatching(Fate::Hold).await;
}

/// Switchboard as a process, killed while its `CreateDispatch` is under way, and started again.
async fn killed_while_dispatching(fate: Fate) {
    let Some(real) = Real::start().await else { return };
    let mut switchboard = Process::new(&real.api.url);
    switchboard.apply(&routing::file(TO, AGENT)).await;
    switchboard.start().await;
    real.webhooks.set_target(Some(switchboard.url()));
    let side = Side::Real(Box::new(real));
    let Side::Real(real) = &side else { unreachable!("it is real") };
    let agents = Agents::start(&side, AGENT, &[Manner::Answers]).await;

    real.api.next(fate, |seen| seen.calls("CreateDispatch"));
    let caller = Caller::dial(&side, TO, FROM).await;
    let mut held = real.api.until_held(SOON).await.expect("a dispatch under way");
    real.webhooks.set_target(None);
    switchboard.kill().await;
    held.abandoned().await;
    drop(held);

    let started = moment();
    switchboard.start().await;
    real.webhooks.set_target(Some(switchboard.url()));
    let job = agents.spoke(&caller, 0).await;
    caller.answered(SOON).await;
    let call = eventually("the call is seen answered", async || {
        let call = switchboard.calls().await.pop().expect("the call was on disk before the kill");
        (call["status"] == "in_progress").then_some(call)
    })
    .await;
    println!("{fate:?}: answered, and known {:.2} s after the second start", moment() - started);
    assert_eq!(agents_in(&side.client(), &caller.room).await, [job]);
    let sent = if matches!(fate, Fate::Hold) { 2 } else { 1 };
    assert_eq!(real.dispatches_to(&caller.room), sent, "{call}");
    assert_eq!(real.livekit.dispatches(&caller.room).await.len(), 1);

    caller.hang_up().await;
    let ended = eventually("the call has ended", async || {
        switchboard.calls().await.pop().filter(|call| call["status"] != "in_progress")
    })
    .await;
    assert_eq!(ended["endReason"], "caller_hung_up");
    assert_eq!(agents.jobs_of(&caller), 1, "no second agent was ever sent");
    switchboard.stop().await;
}
