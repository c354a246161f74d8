//! Agents that are lost, busy, or not alone with their caller. Real LiveKit only: it is its behaviour that counts.

use switchboard::call::{EndReason, Status};
use switchboard::db::Engine;

use super::agents::Manner;
use super::caller::{Caller, put_out};
use super::{AGENT, FROM, Kind, SOON, TO, World, seconds};
use crate::app::Setup;
use crate::peers::{self, AgentProcess, How};
use crate::routing;

async fn world(setup: Setup) -> Option<World> {
    World::start(Kind::Real, setup).await
}

fn setup() -> Setup {
    Setup::new(Engine::Sqlite)
}

/// Hangs up, and sees that the caller was on the call to its end.
async fn stays_to_the_end(world: &World, caller: &Caller) {
    assert!(!caller.has_ended());
    caller.hang_up().await;
    assert_eq!(caller.ended(SOON).await.how, How::HungUp);
    assert_eq!(world.ended(caller).await.outcome.end_reason, Some(EndReason::CallerHungUp));
}

#[tokio::test]
async fn an_agent_whose_process_is_killed_is_noticed_and_replaced() {
    let Some(world) = world(setup()).await else { return };
    let agents = AgentProcess::with_processes(&world.real().livekit, AGENT).await;
    let caller = world.call(TO, FROM).await;
    caller.answered(SOON).await;
    let first = agents.job(&caller.room, SOON).await.unwrap();
    let spoke = agents.moment(&first, "published", SOON).await.unwrap();
    agents.kill(&first);
    // LiveKit notices after some 21 s.
    let second = agents.job_number(&caller.room, 1, seconds(40)).await.unwrap();
    agents.moment(&second, "published", SOON).await.unwrap();
    world.until_agents(&caller, &[format!("agent-{}", second.id)]).await;
    println!("replaced {:.1} s after it had spoken", second.at - spoke);
    stays_to_the_end(&world, &caller).await;
    assert_eq!(agents.jobs().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn an_agent_that_is_removed_is_replaced() {
    let Some(world) = world(setup()).await else { return };
    let agents = world.agents(AGENT, &[Manner::Answers]).await;
    let caller = world.call(TO, FROM).await;
    caller.answered(SOON).await;
    let first = agents.spoke(&caller, 0).await;
    world.ledger(&caller, |call| call.outcome.status == Status::InProgress).await;
    world.real().livekit.remove(&caller.room, &first).await;
    let second = agents.spoke(&caller, 1).await;
    world.until_agents(&caller, &[second]).await;
    stays_to_the_end(&world, &caller).await;
    assert_eq!(world.dispatches_to(&caller), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_full_worker_answers_once_it_has_room() {
    let Some(world) = world(setup()).await else { return };
    routing::no_fallback(&world.app).await;
    let agents = AgentProcess::loaded(&world.real().livekit, AGENT, 1.0).await;
    let caller = world.call(TO, FROM).await;
    agents.set_load(0.0, seconds(2));
    let rang = caller.answered(SOON).await;
    assert!((2.0..8.0).contains(&rang), "it rang for {rang:.2} s");
    let job = agents.job(&caller.room, SOON).await.unwrap();
    world.until_agents(&caller, &[format!("agent-{}", job.id)]).await;
    println!("a full worker answered after {rang:.2} s");
    stays_to_the_end(&world, &caller).await;
    world.stop().await;
}

#[tokio::test]
async fn a_second_leg_is_not_a_ring_and_keeps_the_call_while_it_is_there() {
    let Some(world) = world(setup()).await else { return };
    let agents = world.agents(AGENT, &[Manner::GoodbyeAfter(seconds(6))]).await;
    let caller = world.call(TO, FROM).await;
    caller.answered(SOON).await;

    let leg = peers::Call::new("+15557650199", TO).room(&caller.room).outbound_leg();
    let leg = world.real().phones.place(leg).await;
    world.ledger(&caller, |call| call.evidence.guests.contains_key(&leg.participant)).await;
    assert_eq!(world.agents_with(&caller).await.len(), 1, "the leg is there before the agent goes");
    agents.left(&caller, 0).await;
    let agent_left = |call: &switchboard::call::Call| {
        let agents = call.evidence.guests.values().filter(|guest| guest.agent_name.is_some());
        agents.into_iter().any(|agent| agent.left.is_some())
    };
    let call = world.ledger(&caller, agent_left).await;
    assert_eq!(call.outcome.status, Status::InProgress);
    assert_eq!(world.app.calls().await.len(), 1);
    assert!(!caller.has_ended());

    leg.hang_up();
    let (left, ended) = (leg.ended(SOON).await.unwrap(), caller.ended(SOON).await);
    assert_eq!((left.how, ended.how), (How::HungUp, put_out()));
    assert!(ended.at >= left.at - 0.1, "it was the leg's leaving that ended it");
    assert_eq!(world.ended(&caller).await.outcome.end_reason, Some(EndReason::AgentHungUp));
    assert_eq!((world.dispatches_to(&caller), agents.jobs_of(&caller)), (1, 1));
    world.stop().await;
}
