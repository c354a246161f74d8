//! Whatever is told of a call, in whatever order, however often, and whatever of it is lost: the ledger says the same,
//! never opens again what has ended, and never contradicts what arrived.

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::*;
use crate::call::Status;

const WHYS: [Why; 5] = [Why::Itself, Why::PutOut, Why::Broke, Why::Moved, Why::Vanished];
const LEGS: [Option<Leg>; 4] = [None, Some(Leg::Ringing), Some(Leg::Active), Some(Leg::Hangup)];
const ACTS: [Act; 9] = [
    Act::GaveUp,
    Act::AgentHungUp,
    Act::AgentLost,
    Act::OperatorHungUp,
    Act::OperatorCancelled,
    Act::Transferred,
    Act::Reconciled,
    Act::NeverEnded,
    Act::NeverReached,
];
const WORDS: [&str; 6] = ["completed", "busy", "no-answer", "canceled", "in-progress", "parked"];

fn moment() -> impl Strategy<Value = i64> {
    0..60_000_i64
}

fn why() -> impl Strategy<Value = Why> {
    prop::sample::select(&WHYS[..])
}

fn leg_state() -> impl Strategy<Value = Option<Leg>> {
    prop::sample::select(&LEGS[..])
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of, 0..=2)
}

/// How LiveKit and an asker tell of the ring.
fn rings() -> impl Strategy<Value = Vec<Fact>> {
    let heard = (0..3_usize, moment(), any::<bool>(), any::<bool>()).prop_map(|(sid, at, timed, active)| {
        let mut ring = leg(&format!("PA_{sid}"), at);
        ring.active = active;
        ring.at = ring.at.filter(|_| timed);
        fact(at, What::Rang(Box::new(ring)))
    });
    let asked = (moment(), any::<bool>(), any::<bool>()).prop_map(|(at, national, room)| {
        let mut ring = question(at);
        ring.trunk = national.then(String::new);
        ring.called = if national { "(555) 765-4321".into() } else { ring.called };
        let fact = told(at, What::Rang(Box::new(ring)));
        Fact { room: fact.room.filter(|_| room), ..fact }
    });
    prop::collection::vec(prop_oneof![3 => heard, 1 => asked], 1..=3)
}

fn leave_of_caller() -> impl Strategy<Value = Fact> {
    (0..3_usize, moment(), why(), leg_state()).prop_map(|(sid, at, why, state)| {
        let leave = Leave { at: secs(at / 1000), why, leg: state };
        fact(at, What::CallerLeft(Box::new(leg(&format!("PA_{sid}"), at / 2)), leave))
    })
}

/// Somebody else in the room: another sid each, one of them the caller's own, of whom nobody said so.
fn others() -> impl Strategy<Value = Vec<Fact>> {
    let kinds = [GuestKind::Agent, GuestKind::Agent, GuestKind::Leg, GuestKind::Person];
    let who = (0..5_usize, prop::sample::select(kinds.to_vec()));
    let happens = prop_oneof![Just(0), Just(1), Just(2)];
    let one = (who, moment(), happens, why()).prop_map(|((index, kind), at, happens, why)| {
        let mut who = guest(&format!("PA_{}", index + 1), kind, Some(at));
        if index < 2 {
            who.identity = leg("", 0).identity.unwrap_or_default();
        }
        fact(
            at,
            match happens {
                0 => What::Joined(who),
                1 => What::Spoke(who),
                _ => What::Left(who, Leave { at: secs(at / 1000), why, leg: None }),
            },
        )
    });
    prop::collection::vec(one, 0..=8)
}

fn endings() -> impl Strategy<Value = Vec<Fact>> {
    let room = moment().prop_map(|at| fact(at, What::RoomEnded));
    let told_end = (moment(), prop::option::of(-5..400_i64))
        .prop_map(|(at, duration)| told(at, What::Ended { call: None, duration }));
    let told_gone = moment().prop_map(|at| told(at, What::CallerGone { call: Some("ask-1".into()) }));
    some(prop_oneof![room, told_end, told_gone])
}

/// What the carrier says: late, more than once, more and more of it; and that nobody had told of the call by then.
fn words() -> impl Strategy<Value = Vec<Fact>> {
    let status = prop::sample::select(&WORDS[..]);
    let price = prop::option::of(prop::sample::select(&["-0.0085", "-0.0170"][..]));
    let one = (status, 0..60_i64, prop::option::of(0..60_i64), 0..120_i64, price, any::<bool>());
    let one = one.prop_map(|(status, began, ended, duration, price, reached)| {
        let mut told = word(status, began, ended, duration);
        told.price = price.map(Into::into);
        carried(told, reached)
    });
    prop::collection::vec(one, 0..=3)
}

fn decided() -> impl Strategy<Value = Option<Decision>> {
    let reasons: Vec<_> =
        EndReason::ALL.iter().copied().filter(|reason| reason.status() == Status::Rejected).collect();
    prop_oneof![
        1 => Just(None),
        6 => Just(Some(answer("telephony-agent", None))),
        2 => prop::sample::select(reasons).prop_map(|reason| Some(refusal(reason))),
    ]
}

/// A call's story, in the order of telling.
fn story() -> impl Strategy<Value = Vec<Step>> {
    let acts = some((prop::sample::select(&ACTS[..]), moment()));
    let told = (rings(), some(leave_of_caller()), others(), endings(), words(), acts, decided());
    told.prop_map(|(rings, leaves, others, endings, words, acts, decided)| {
        let facts = rings.into_iter().chain(leaves).chain(others).chain(endings).chain(words);
        let acts = acts.into_iter().map(|(act, at)| Step::Did(act, ms(at)));
        facts.map(Step::Heard).chain(acts).chain(decided.map(Step::Decided)).collect()
    })
}

fn shuffled(steps: Vec<Step>) -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    (Just(steps.clone()), Just(steps).prop_shuffle())
}

fn some_of(steps: Vec<Step>) -> impl Strategy<Value = Vec<Step>> {
    let all = steps.len();
    subsequence(steps, 0..=all).prop_shuffle()
}

fn ends(step: &Step) -> bool {
    match step {
        Step::Heard(fact) => match &fact.what {
            What::CallerLeft(_, leave) => leave.why != Why::Moved || leave.leg == Some(Leg::Hangup),
            What::RoomEnded | What::Ended { .. } | What::CallerGone { .. } => true,
            What::Carried(telling) => !telling.reached,
            _ => false,
        },
        Step::Did(..) => true,
        Step::Decided(decision) => matches!(decision.verdict, Verdict::Reject { .. }),
    }
}

fn was_transferred(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Did(Act::Transferred, _)))
}

fn hung_up(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Heard(fact) => {
            matches!(&fact.what, What::CallerLeft(_, leave) if leave.leg == Some(Leg::Hangup))
        }
        _ => false,
    })
}

/// Nothing that a call says contradicts another thing it says.
fn agrees_with_itself(call: &Call) {
    let of = &call.outcome;
    assert_eq!(of.end_reason.is_some(), of.ended_at.is_some());
    assert_eq!(of.duration.is_some(), of.ended_at.is_some());
    assert_eq!(call.is_open(), matches!(of.status, Status::Ringing | Status::InProgress));
    if let Some(reason) = of.end_reason {
        assert_eq!(reason.status(), of.status);
    }
    match of.status {
        Status::Ringing | Status::Missed | Status::Rejected => assert_eq!(of.answered_at, None),
        Status::InProgress | Status::Completed => assert!(of.answered_at.is_some()),
        Status::Failed => {}
    }
    assert!(of.rang_at >= START, "a call has a time of its ring");
    if let Some(answered) = of.answered_at {
        assert!(of.rang_at <= answered);
        assert!(of.ended_at.is_none_or(|ended| answered <= ended));
    }
    if let Some(ended) = of.ended_at {
        assert!(of.rang_at <= ended);
        let talked = of.answered_at.map(|answered| ended.whole_seconds_since(answered));
        let expected =
            talked.map_or(0, |talked| call.evidence.told_duration.map_or(talked, |told| told.max(0)));
        assert_eq!(of.duration, Some(expected));
    }
    let refused = call.decision.as_ref().filter(|_| !call.evidence.never_reached());
    if let Some(Verdict::Reject { reason }) = refused.map(|decision| &decision.verdict) {
        assert_eq!(of.end_reason, Some(*reason), "a refusal stays that refusal");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_order_and_any_repetition_make_the_same_call(
        (told, otherwise) in story().prop_flat_map(shuffled),
        again in prop::collection::vec((any::<Index>(), any::<Index>()), 0..6),
    ) {
        let mut otherwise = otherwise;
        for (which, place) in again {
            let step = which.get(&otherwise).clone();
            otherwise.insert(place.index(otherwise.len() + 1), step);
        }
        let (one, other) = (fold(&told, |_| {}).unwrap(), fold(&otherwise, |_| {}).unwrap());
        prop_assert_eq!(one.outcome, other.outcome);
        prop_assert_eq!(one.evidence, other.evidence);
        prop_assert_eq!(one.ring, other.ring);
    }

    #[test]
    fn a_call_that_ended_never_opens_again_and_always_agrees_with_itself(
        (_, told) in story().prop_flat_map(shuffled),
    ) {
        let mut ended = false;
        let call = fold(&told, |call| {
            agrees_with_itself(call);
            assert!(call.is_open() <= !ended, "it opened again");
            ended = !call.is_open();
        });
        prop_assert!(call.is_some());
    }

    #[test]
    fn whatever_is_lost_an_end_that_arrives_ends_the_call_and_nothing_contradicts_what_arrived(
        arrived in story().prop_flat_map(some_of),
    ) {
        let Some(call) = fold(&arrived, |_| {}) else { return Ok(()) };
        agrees_with_itself(&call);
        prop_assert_eq!(call.is_open(), !arrived.iter().any(ends));
        if hung_up(&arrived) {
            prop_assert_ne!(call.outcome.status, Status::Failed, "who hung up ended it");
        }
        let refused = call.outcome.status == Status::Rejected;
        if was_transferred(&arrived) && !refused && !call.evidence.never_reached() {
            prop_assert_eq!(call.outcome.end_reason, Some(EndReason::Transferred), "whatever else was told");
        }
    }
}
