//! Twenty callers at once on a campaign that takes five.

use switchboard::call::EndReason;

use super::agents::Manner;
use super::caller::{Caller, put_out};
use super::world::{Real, Side};
use super::{AGENT, SOON, TO, World, seconds};
use crate::app::Setup;
use crate::peers::{Call, How};
use crate::{on_both_databases, routing};

const PLACES: usize = 5;

on_both_databases! {
    async fn of_twenty_phones_at_once_five_are_answered_and_then_five_more(setup: Setup) {
        let engine = setup.engine;
        let Some(real) = Real::start_alone().await else { return };
        let Some(world) = World::before(Side::Real(Box::new(real)), setup).await else { return };
        routing::limit(&world.app, 5).await;
        let agents = world.agents(AGENT, &[Manner::Answers]).await;

        let callers = ring(&world, 20).await;
        let (lucky, full) = decided(&world, &callers).await;
        assert_eq!((lucky.len(), full.len()), (PLACES, 15));
        for caller in &full {
            assert_eq!(caller.ended(SOON).await.how, put_out());
            assert_eq!(world.ended(caller).await.outcome.end_reason, Some(EndReason::CampaignFull));
        }
        answer_and_hang_up(&world, &lucky).await;
        assert!(full.iter().all(|caller| agents.jobs_of(caller) == 0));

        let callers = ring(&world, PLACES).await;
        let (lucky, full) = decided(&world, &callers).await;
        assert_eq!((lucky.len(), full.len()), (PLACES, 0));
        answer_and_hang_up(&world, &lucky).await;
        println!("{engine:?}: all well");
        world.stop().await;
    }
}

/// This many callers at once.
async fn ring(world: &World, how_many: usize) -> Vec<Caller> {
    let calls = (0..how_many).map(|number| Call::new(TO, &format!("+141555501{number:02}")));
    let phones = world.real().phones.place_all(calls).await;
    phones.into_iter().map(Caller::of).collect()
}

/// Those who get an agent, and those for whom there was no room.
async fn decided<'c>(world: &World, callers: &'c [Caller]) -> (Vec<&'c Caller>, Vec<&'c Caller>) {
    let mut refused = Vec::new();
    for caller in callers {
        let call = world.ledger(caller, |call| call.decision.is_some()).await;
        refused.push(call.outcome.end_reason == Some(EndReason::CampaignFull));
    }
    let sorted = callers.iter().zip(refused);
    let (full, lucky): (Vec<_>, Vec<_>) = sorted.partition(|(_, refused)| *refused);
    (
        lucky.into_iter().map(|(caller, _)| caller).collect(),
        full.into_iter().map(|(caller, _)| caller).collect(),
    )
}

async fn answer_and_hang_up(world: &World, callers: &[&Caller]) {
    for caller in callers {
        caller.answered(seconds(25)).await;
    }
    for caller in callers {
        caller.hang_up().await;
    }
    for caller in callers {
        assert_eq!(caller.ended(SOON).await.how, How::HungUp);
        assert_eq!(world.ended(caller).await.outcome.end_reason, Some(EndReason::CallerHungUp));
    }
}
