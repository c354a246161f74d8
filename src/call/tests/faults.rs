//! Whatever workers, the network and people do: never two agents for longer than a look, never round in circles, never a
//! wait that is over, never a caller in silence for ever, and always done in the end.

use proptest::prelude::*;

use super::operators::{Fate, Order, Said};
use super::simulator::*;
use super::*;

const WHYS: [Why; 5] = [Why::Itself, Why::PutOut, Why::Broke, Why::Moved, Why::Vanished];

fn worker() -> impl Strategy<Value = Worker> {
    let takes = prop::option::weighted(0.7, 150..900_i64);
    let leaves = prop::option::of((0..30_000_i64, prop::sample::select(&WHYS[..])));
    (takes, 100..14_000_i64, prop::option::weighted(0.8, 20..3_000_i64), leaves, any::<bool>()).prop_map(
        |(takes, joins, speaks, leaves, stubborn)| Worker { takes, joins, speaks, leaves, stubborn },
    )
}

fn workers() -> impl Strategy<Value = Vec<Worker>> {
    prop::collection::vec(prop_oneof![worker(), Just(WARM), Just(NOBODY)], 1..5)
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        6 => Just(Delivery::Answered),
        1 => Just(Delivery::Refused),
        1 => Just(Delivery::AnswerLost),
        1 => Just(Delivery::Lost),
        1 => (100..20_000_i64).prop_map(Delivery::Late),
    ]
}

#[derive(Debug, Clone)]
enum Person {
    Comes(i64, GuestKind, i64),
    Active(i64),
    /// The carrier, which says something of the call.
    Carries(i64, &'static str, i64),
}

fn person() -> impl Strategy<Value = Person> {
    let kinds = [GuestKind::Agent, GuestKind::Leg, GuestKind::Person];
    prop_oneof![
        (0..40_000_i64, prop::sample::select(kinds.to_vec()), 0..20_000_i64)
            .prop_map(|(at, kind, stays)| Person::Comes(at, kind, stays)),
        (0..40_000_i64).prop_map(Person::Active),
        (0..90_000_i64, prop::sample::select(&["completed", "no-answer", "in-progress"][..]), 0..90_i64)
            .prop_map(|(at, status, seconds)| Person::Carries(at, status, seconds)),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    let says = prop::sample::select(vec![Said::Made, Said::Failed, Said::Unknown]);
    let says = prop::option::weighted(0.8, (10..35_000_i64, says));
    let states = [None, Some(Leg::Active), Some(Leg::Hangup)];
    let leaves = prop::option::of((10..36_000_i64, prop::sample::select(states.to_vec())));
    let transfer = (says, leaves).prop_map(|(says, leaves)| {
        // Whoever was sent on leaves, a moment before or after LiveKit says so.
        let goes = says.filter(|(_, said)| *said == Said::Made).map(|(after, _)| (after + 300, None));
        Order::Transfer(Fate { says, leaves: leaves.or(goes) })
    });
    prop_oneof![1 => Just(Order::HangUp), 3 => transfer]
}

fn rings() -> impl Strategy<Value = Vec<Fact>> {
    let routed = {
        let mut ring = leg("PA_1", 0);
        ring.routed_static = true;
        fact(0, What::Rang(Box::new(ring)))
    };
    prop_oneof![
        5 => Just(vec![rang(0)]),
        1 => Just(vec![asked(0), rang(0)]),
        1 => Just(vec![asked(0)]),
        1 => Just(vec![routed]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_call_is_seen_through_whatever_happens(
        rings in rings(),
        (chosen, fallback, ruled) in (workers(), workers(), workers()),
        network in prop::collection::vec(delivery(), 0..5),
        people in prop::collection::vec(person(), 0..3),
        orders in prop::collection::vec((0..60_000_i64, order()), 0..3),
        (with_fallback, webhook, hides) in (any::<bool>(), 1..1_000_i64, prop_oneof![Just(0), 0..5_000_i64]),
        hangs_up in prop::option::of(0..100_000_i64),
    ) {
        let only_asked = rings.len() == 1 && rings[0].room.is_none();
        let asked_first = rings.iter().any(|fact| fact.room.is_none());
        let decision = answer("telephony-agent", with_fallback.then_some("reception"));
        let mut world = World::new(&rings, decision)
            .workers("telephony-agent", &chosen)
            .workers("reception", &fallback)
            .workers("ruled", &ruled)
            .network(&network)
            .rule("ruled");
        world.webhook = webhook;
        world.hides = hides;
        for (index, person) in people.into_iter().enumerate().filter(|_| !only_asked) {
            match person {
                Person::Comes(at, kind, stays) => {
                    let sid = format!("PA_X{index}");
                    world.comes(at, &guest(&sid, kind, Some(at)));
                    world.tell(at + 50, fact(at + 50, What::Spoke(guest(&sid, kind, None))));
                    world.leaves(at + stays, &sid, Why::Itself);
                }
                Person::Carries(at, status, seconds) => {
                    world.tell(at, carried(word(status, 0, Some(seconds), seconds), true));
                }
                Person::Active(at) => {
                    let mut ring = leg("PA_1", 0);
                    ring.active = true;
                    world.tell(at, fact(at, What::Rang(Box::new(ring))));
                }
            }
        }
        // How long a transfer may keep us from looking after a caller who is alone.
        let transfers = orders.iter().filter(|(_, order)| matches!(order, Order::Transfer(_))).count();
        for (at, order) in orders {
            world.orders(at, order);
        }
        if let Some(at) = hangs_up {
            world.hangs_up(at);
        }
        world.run(300_000);
        // A look, and first the answer to a request that is under way.
        let look = 2 * webhook + 300 + TIMEOUT;
        prop_assert!(world.two_agents <= look, "two agents for {} ms: {:#?}", world.two_agents, world.log);
        let most = 2 * 25_000 + 10_000 + 5 * 3_000 + 20_000 + i64::try_from(transfers).unwrap() * 40_000;
        prop_assert!(asked_first || world.alone <= most, "alone for {} ms: {:#?}", world.alone, world.log);
        if world.call.is_open() {
            let end = caller_left(300_000, Why::Itself, Some(Leg::Hangup));
            world.tell(300_001, end);
            world.run(400_000);
        }
        let next = crate::call::attend::next(&world.call, &TIMING, ms(world.now));
        prop_assert_eq!(next, crate::call::attend::Next::Done);
        if world.call.evidence.transferred() {
            prop_assert_eq!(world.call.outcome.end_reason, Some(EndReason::Transferred));
        }
        let cleared = world.log.iter().filter(|line| line.ends_with("clear")).count();
        prop_assert!(cleared <= 1 + network.len(), "{:#?}", world.log);
    }
}
