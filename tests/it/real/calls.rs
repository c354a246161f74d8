//! What a call can come to, with an agent, without, and with one that goes.

use switchboard::call::{EndReason, Status};
use switchboard::db::Engine;

use super::agents::Manner;
use super::caller::put_out;
use super::{AGENT, FALLBACK, FROM, Kind, SOON, TO, World, seconds};
use crate::app::Setup;
use crate::peers::How;
use crate::through_both_livekits;

fn setup() -> Setup {
    Setup::new(Engine::Sqlite)
}

through_both_livekits! {
    async fn answered_and_hung_up_by_the_caller(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(AGENT, &[Manner::Answers]).await;
        let caller = world.call(TO, FROM).await;
        let rang = caller.answered(SOON).await;
        world.ledger(&caller, |call| call.outcome.status == Status::InProgress).await;
        assert_eq!(world.agents_with(&caller).await, [agents.spoke(&caller, 0).await]);
        caller.hang_up().await;
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.status, Status::Completed);
        assert_eq!(call.outcome.end_reason, Some(EndReason::CallerHungUp));
        world.until_no_room(&caller).await;
        assert_eq!(world.dispatches_to(&caller), 1);
        println!("{kind:?}: answered after {rang:.2} s");
        world.stop().await;
    }

    async fn an_agent_that_says_goodbye_ends_the_call(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(AGENT, &[Manner::GoodbyeAfter(seconds(6))]).await;
        let caller = world.call(TO, FROM).await;
        caller.answered(SOON).await;
        let ended = caller.ended(SOON).await;
        assert_eq!(ended.how, put_out());
        let after = ended.at - agents.left(&caller, 0).await;
        assert!(after < 1.0, "the caller was put out {after:.2} s after the agent had left");
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.end_reason, Some(EndReason::AgentHungUp));
        assert!(call.outcome.duration.is_some_and(|talked| (5..=7).contains(&talked)), "{:?}", call.outcome);
        assert_eq!(world.dispatches_to(&caller), 1);
        println!("{kind:?}: put out {after:.2} s after the agent left");
        world.stop().await;
    }

    async fn an_agent_whose_code_fails_is_replaced_once(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(AGENT, &[Manner::RaisesAfter(seconds(1)), Manner::Answers]).await;
        let caller = world.call(TO, FROM).await;
        caller.answered(SOON).await;
        let left = agents.left(&caller, 0).await;
        let second = agents.spoke(&caller, 1).await;
        world.until_agents(&caller, &[second]).await;
        assert!(!caller.has_ended());
        caller.hang_up().await;
        assert_eq!(caller.ended(SOON).await.how, How::HungUp);
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.end_reason, Some(EndReason::CallerHungUp));
        assert_eq!((world.dispatches_to(&caller), agents.jobs_of(&caller)), (2, 2));
        println!("{kind:?}: it failed {:.2} s after the ring", left - caller.rang_at);
        world.stop().await;
    }

    async fn a_replacement_that_fails_too_is_not_replaced(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(AGENT, &[Manner::RaisesAfter(seconds(1))]).await;
        let caller = world.call(TO, FROM).await;
        caller.answered(SOON).await;
        assert_eq!(caller.ended(SOON).await.how, put_out());
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.end_reason, Some(EndReason::AgentLost));
        assert_eq!((world.dispatches_to(&caller), agents.jobs_of(&caller)), (2, 2));
        world.stop().await;
    }

    async fn a_number_that_nobody_has_is_put_out_at_once(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let caller = world.call("+15557650000", FROM).await;
        let ended = caller.ended(SOON).await;
        assert_eq!(ended.how, put_out());
        let after = ended.at - caller.rang_at;
        assert!(after < 1.0, "put out after {after:.2} s");
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.status, Status::Rejected);
        assert_eq!(call.outcome.end_reason, Some(EndReason::UnknownNumber));
        world.until_no_room(&caller).await;
        assert_eq!(world.dispatches_to(&caller), 0);
        println!("{kind:?}: an unknown number put out after {after:.2} s");
        world.stop().await;
    }

    async fn the_fallback_answers_where_nobody_runs_the_agent(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(FALLBACK, &[Manner::Answers]).await;
        let caller = world.call(TO, FROM).await;
        let rang = caller.answered(SOON).await;
        assert!(rang < 4.0, "it rang for {rang:.2} s");
        world.until_agents(&caller, &[agents.spoke(&caller, 0).await]).await;
        caller.hang_up().await;
        assert_eq!(world.ended(&caller).await.outcome.end_reason, Some(EndReason::CallerHungUp));
        println!("{kind:?}: the fallback answered after {rang:.2} s");
        world.stop().await;
    }

    async fn an_agent_that_is_slow_to_come_answers_where_nobody_runs_the_fallback(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(AGENT, &[Manner::JoinsAfter(seconds(3))]).await;
        let caller = world.call(TO, FROM).await;
        let rang = caller.answered(SOON).await;
        println!("{kind:?}: a slow agent answered after {rang:.2} s, {} dispatches", world.dispatches_to(&caller));
        world.ledger(&caller, |call| call.outcome.status == Status::InProgress).await;
        world.until_one_agent(&caller).await;
        assert!(!caller.has_ended());
        caller.hang_up().await;
        assert_eq!(world.ended(&caller).await.outcome.end_reason, Some(EndReason::CallerHungUp));
        assert!(agents.jobs_of(&caller) >= 1);
        world.stop().await;
    }

    async fn a_mute_agent_is_not_an_answer(kind: Kind) {
        let setup = setup().with("SWITCHBOARD_CALLS__ANSWER_TIMEOUT", "3s");
        let Some(world) = World::start(kind, setup).await else { return };
        let mute = world.agents(AGENT, &[Manner::Mute]).await;
        let fallback = world.agents(FALLBACK, &[Manner::Answers]).await;
        let caller = world.call(TO, FROM).await;
        mute.joined(&caller, 0).await;
        let rang = caller.answered(SOON).await;
        assert!((3.0..8.0).contains(&rang), "it rang for {rang:.2} s");
        world.until_agents(&caller, &[fallback.spoke(&caller, 0).await]).await;
        caller.hang_up().await;
        assert_eq!(world.ended(&caller).await.outcome.end_reason, Some(EndReason::CallerHungUp));
        assert_eq!(world.dispatches_to(&caller), 2);
        println!("{kind:?}: a mute agent's fallback answered after {rang:.2} s");
        world.stop().await;
    }

    async fn a_caller_whom_nobody_answers_is_put_out(kind: Kind) {
        let setup = setup().with("SWITCHBOARD_CALLS__ANSWER_TIMEOUT", "4s").with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "6s");
        let Some(world) = World::start(kind, setup).await else { return };
        let caller = world.call(TO, FROM).await;
        let ended = caller.ended(SOON).await;
        assert_eq!(ended.how, put_out());
        let after = ended.at - caller.rang_at;
        assert!((5.0..7.0).contains(&after), "put out after {after:.2} s");
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.status, Status::Missed);
        assert_eq!(call.outcome.end_reason, Some(EndReason::AgentNeverJoined));
        world.until_no_room(&caller).await;
        println!("{kind:?}: given up, put out after {after:.2} s");
        world.stop().await;
    }

    async fn an_agent_that_comes_after_its_caller_gave_up_is_cleaned_away(kind: Kind) {
        let Some(world) = World::start(kind, setup()).await else { return };
        let agents = world.agents(AGENT, &[Manner::JoinsAfter(seconds(2))]).await;
        let caller = world.call(TO, FROM).await;
        agents.took(&caller, 0).await;
        caller.hang_up().await;
        let call = world.ended(&caller).await;
        assert_eq!(call.outcome.status, Status::Missed);
        assert_eq!(call.outcome.end_reason, Some(EndReason::CallerGaveUp));
        let came = agents.joined(&caller, 0).await;
        agents.left(&caller, 0).await;
        world.until_no_room(&caller).await;
        assert_eq!(world.dispatches_to(&caller), 1, "{came}");
        assert_eq!(world.ended(&caller).await.outcome, call.outcome);
        world.stop().await;
    }
}
