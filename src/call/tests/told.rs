//! What each change of a call is told as.

use proptest::strategy::Strategy as _;

use super::*;
use crate::call::told::words;

/// The words of each fact in turn, of a call that this was decided of.
fn story(decision: Decision, facts: &[Fact]) -> Vec<String> {
    let mut call = call_of(&facts[..1]);
    call.decided(decision);
    let mut told = vec![words(None, &call).join(" ")];
    for fact in &facts[1..] {
        let before = call.outcome.clone();
        call.hear(fact);
        told.push(if before == call.outcome { "-".into() } else { words(Some(&before), &call).join(" ") });
    }
    told
}

fn answered_story(facts: &[Fact]) -> Vec<String> {
    story(answer("telephony-agent", None), facts)
}

#[test]
fn a_call_is_told_of_as_it_rings_is_answered_and_ends() {
    let hangs_up = caller_left(30_200, Why::Itself, Some(Leg::Hangup));
    let told = answered_story(&[rang(0), joined(400, "PA_A"), spoke(470, "PA_A"), hangs_up]);
    assert_eq!(told, ["call.ringing", "-", "call.answered", "call.ended"]);
}

#[test]
fn a_call_that_nobody_answers_is_missed_and_one_that_breaks_is_not() {
    let gives_up = caller_left(7_300, Why::Itself, Some(Leg::Hangup));
    assert_eq!(answered_story(&[rang(0), gives_up]), ["call.ringing", "call.ended call.missed"]);
    let broke = caller_left(7_300, Why::Broke, None);
    assert_eq!(answered_story(&[rang(0), broke]), ["call.ringing", "call.ended"]);
}

#[test]
fn a_refused_call_never_rings() {
    let told = story(refusal(EndReason::CampaignFull), &[rang(0), joined(400, "PA_A")]);
    assert_eq!(told, ["call.rejected call.ended", "-"]);
}

#[test]
fn what_is_heard_of_at_once_is_told_at_once_in_the_order_of_a_calls_life() {
    let mut seen = leg("PA_1", 0);
    seen.active = true;
    let active = fact(900, What::Rang(Box::new(seen)));
    assert_eq!(answered_story(&[active]), ["call.ringing call.answered"]);
    let over = caller_left(30_000, Why::Itself, Some(Leg::Active));
    assert_eq!(answered_story(&[over]), ["call.ringing call.answered call.ended"]);
    let gave_up = caller_left(7_000, Why::Itself, Some(Leg::Hangup));
    assert_eq!(answered_story(&[gave_up]), ["call.ringing call.ended call.missed"]);
    let late_answer = [rang(0), caller_left(30_000, Why::Itself, Some(Leg::Active))];
    assert_eq!(answered_story(&late_answer), ["call.ringing", "call.answered call.ended"]);
}

#[test]
fn a_correction_of_a_call_that_is_over_is_told_as_its_end_alone() {
    let gives_up = caller_left(7_300, Why::Itself, Some(Leg::Hangup));
    let told = answered_story(&[rang(0), gives_up.clone(), spoke(470, "PA_A")]);
    assert_eq!(told, ["call.ringing", "call.ended call.missed", "call.ended"]);
    let room_ended = fact(9_000, What::RoomEnded);
    let told = answered_story(&[rang(0), room_ended, gives_up]);
    assert_eq!(told, ["call.ringing", "call.ended call.missed", "call.ended"], "it was missed already");
}

#[test]
fn a_change_that_means_nothing_to_the_outside_has_no_words() {
    let earlier = fact(-300, What::Rang(Box::new(leg("PA_1", -300))));
    assert_eq!(answered_story(&[rang(0), earlier]), ["call.ringing", ""]);
}

proptest::proptest! {
    #[test]
    fn in_whatever_order_facts_come_a_call_rings_once_and_is_answered_once_before_it_ends(
        order in proptest::sample::subsequence((0..5).collect::<Vec<usize>>(), 1..=5)
            .prop_shuffle()
    ) {
        let facts = [
            rang(0),
            joined(400, "PA_A"),
            spoke(470, "PA_A"),
            caller_left(30_000, Why::Itself, Some(Leg::Hangup)),
            fact(31_000, What::RoomEnded),
        ];
        let facts: Vec<Fact> = std::iter::once(rang(0)).chain(order.into_iter().map(|n| facts[n].clone())).collect();
        let told = answered_story(&facts).join(" ");
        let told: Vec<&str> = told.split_whitespace().filter(|word| *word != "-").collect();
        let count = |word: &str| told.iter().filter(|told| **told == word).count();
        let first = |word: &str| told.iter().position(|told| *told == word);
        proptest::prop_assert_eq!((told[0], count("call.ringing")), ("call.ringing", 1));
        proptest::prop_assert!(count("call.answered") <= 1 && count("call.missed") <= 1);
        if let (Some(answered), Some(ended)) = (first("call.answered"), first("call.ended")) {
            proptest::prop_assert!(answered < ended, "{:?}", told);
        }
        proptest::prop_assert_eq!(count("call.ended") > 0, !call_of(&facts).is_open());
    }
}
