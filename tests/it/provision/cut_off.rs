//! An apply, and a destroy, that is cut off at each single request in turn: the next one goes on, nothing is made twice and
//! nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use switchboard::db::Engine;
use switchboard::provision::Asked;
use twilio::fake::Fault;

use super::world::{SOON, Tenant, World, with_rules};
use crate::proxy::Fate;

/// What happens to one request.
#[derive(Copy, Clone, Debug)]
enum How {
    /// The carrier or LiveKit says 429 and does nothing.
    Refused,
    /// It says 500 and has done nothing.
    FailedBefore,
    /// It has done it, and says 500.
    FailedAfter,
    /// It has done it, and the connection breaks.
    CutAfter,
    /// It has done it, and our process is killed before it hears so.
    KilledAfter,
    /// Our process is killed before anything is done.
    KilledBefore,
}

const ALL: [How; 6] =
    [How::Refused, How::FailedBefore, How::FailedAfter, How::CutAfter, How::KilledAfter, How::KilledBefore];

#[derive(Copy, Clone, Debug)]
enum What {
    Apply,
    Destroy,
}

impl What {
    async fn run(self, world: &World, tenant: &Tenant) -> Result<(), String> {
        let ran = match self {
            What::Apply => world.try_apply(tenant, &with_rules()).await,
            What::Destroy => world.try_destroy(tenant).await,
        };
        ran.map(drop).map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn an_apply_that_is_cut_off_at_any_request_to_twilio_is_gone_on_with() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let counted = each(&world, What::Apply, true).await;
    println!("{counted} cut-off applies at Twilio");
    assert!(counted >= 9 * ALL.len(), "{counted}");
}

#[tokio::test]
async fn an_apply_that_is_cut_off_at_any_request_to_livekit_is_gone_on_with() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let counted = each(&world, What::Apply, false).await;
    println!("{counted} cut-off applies at LiveKit");
    assert!(counted >= 8 * ALL.len(), "{counted}");
}

#[tokio::test]
async fn a_destroy_that_is_cut_off_at_any_request_to_twilio_is_gone_on_with() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let counted = each(&world, What::Destroy, true).await;
    println!("{counted} cut-off destroys at Twilio");
    assert!(counted >= 7 * ALL.len(), "{counted}");
}

#[tokio::test]
async fn a_destroy_that_is_cut_off_at_any_request_to_livekit_is_gone_on_with() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let counted = each(&world, What::Destroy, false).await;
    println!("{counted} cut-off destroys at LiveKit");
    assert!(counted >= 8 * ALL.len(), "{counted}");
}

/// Every fault at every request of one side. How many there were.
async fn each(world: &World, what: What, at_twilio: bool) -> usize {
    let requests = requests(world, what, at_twilio).await;
    for request in 0..requests {
        for how in ALL {
            let case = format!(
                "{what:?} at {} request {request}: {how:?}",
                if at_twilio { "Twilio" } else { "LiveKit" }
            );
            one(world, what, (at_twilio, request), (how, &case)).await;
        }
    }
    requests * ALL.len()
}

/// How many requests it takes when all goes well.
async fn requests(world: &World, what: What, at_twilio: bool) -> usize {
    let tenant = world.tenant().await;
    let seen = || if at_twilio { world.twilio.requests().len() } else { world.proxy.seen().len() };
    if matches!(what, What::Destroy) {
        world.apply(&tenant, &with_rules()).await;
    }
    let before = seen();
    what.run(world, &tenant).await.expect("it goes well");
    let requests = seen() - before;
    world.destroy(&tenant).await;
    requests
}

async fn one(world: &World, what: What, (at_twilio, request): (bool, usize), (how, case): (How, &str)) {
    let tenant = world.tenant().await;
    if matches!(what, What::Destroy) {
        world.apply(&tenant, &with_rules()).await;
    }
    let killed = if at_twilio {
        at_carrier(world, what, &tenant, (request, how)).await
    } else {
        at_livekit(world, what, &tenant, (request, how)).await
    };
    let again = async { what.run(world, &tenant).await.unwrap_or_else(|why| panic!("{case}: {why}")) };
    if killed {
        assert!(
            what.run(world, &tenant).await.is_err_and(|why| why.contains("another one is at work")),
            "{case}"
        );
        world.later(again).await;
    } else {
        again.await;
    }
    println!("{case}");
    if matches!(what, What::Apply) {
        world.assert_set_up(&tenant, 3).await;
        world.unchanged(&tenant).await;
        world.destroy(&tenant).await;
    }
    world.assert_as_before(&tenant).await;
    assert_eq!(world.plan(&tenant, &Asked::default()).await.counts.unchanged, 0, "{case}");
}

/// Runs it once with a fault at one of its requests to Twilio; whether it was killed.
async fn at_carrier(world: &World, what: What, tenant: &Tenant, (request, how): (usize, How)) -> bool {
    let fault = match how {
        How::Refused => Fault::TooMany(None),
        How::FailedBefore => Fault::FailsBefore,
        How::FailedAfter => Fault::FailsAfter,
        How::CutAfter => Fault::DropsAfter,
        How::KilledAfter => Fault::HeldAfter,
        // What is held before would be carried out all the same once it is let go.
        How::KilledBefore => Fault::DropsBefore,
    };
    let planted = world.twilio.faults().after(request, fault);
    let is_kill = matches!(how, How::KilledAfter | How::KilledBefore);
    let killed = run_until(what.run(world, tenant), async { planted.struck(SOON).await }, is_kill).await;
    if matches!(how, How::KilledAfter) {
        // Held after it was carried out: that has to have happened before anything else does.
        assert!(world.twilio.until(|fake| fake.at_once() <= 1, SOON).await);
    }
    planted.release();
    assert!(world.twilio.until(|fake| fake.at_once() == 0, SOON).await);
    world.twilio.faults().clear();
    assert_eq!(planted.strikes(), 1);
    killed
}

/// Likewise at LiveKit.
async fn at_livekit(world: &World, what: What, tenant: &Tenant, (request, how): (usize, How)) -> bool {
    let fate = match how {
        How::Refused => Fate::Answer(429),
        How::FailedBefore => Fate::Answer(500),
        How::FailedAfter | How::CutAfter | How::KilledAfter => Fate::HoldAnswer,
        How::KilledBefore => Fate::Hold,
    };
    let seen = Arc::new(AtomicUsize::new(0));
    world.proxy.next(fate, move |_| seen.fetch_add(1, Ordering::Relaxed) == request);
    if !matches!(fate, Fate::Hold | Fate::HoldAnswer) {
        // Some of it is gone on with at once.
        let _ = what.run(world, tenant).await;
        return false;
    }
    let held = async { world.proxy.until_held(SOON).await.expect("a held request") };
    if matches!(how, How::KilledAfter | How::KilledBefore) {
        let held = tokio::select! {
            held = held => held,
            ran = what.run(world, tenant) => panic!("it was not held: {ran:?}"),
        };
        // Its client is gone with it: what was not forwarded never is.
        drop(held);
        return true;
    }
    let answer = async {
        let held = held.await;
        match how {
            How::FailedAfter => held.answer(500),
            _ => drop(held),
        }
    };
    let (_, ()) = tokio::join!(what.run(world, tenant), answer);
    false
}

/// Runs it, or kills it when something happens.
async fn run_until(
    work: impl Future<Output = Result<(), String>>,
    happens: impl Future<Output = bool>,
    kill: bool,
) -> bool {
    if !kill {
        let _ = work.await;
        return false;
    }
    tokio::select! {
        biased;
        happened = happens => {
            assert!(happened, "it was never struck");
            true
        }
        ran = work => panic!("it was not killed: {ran:?}"),
    }
}
