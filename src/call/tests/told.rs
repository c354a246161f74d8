//! What each change of a call is told as.

use proptest::strategy::Strategy as _;

use super::*;
use crate::call::attend::Attempt;
use crate::call::told::words;
use crate::call::{EndReason, Status};
use crate::events;
use crate::views::{CallView, Telling};

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

fn as_of(call: &Call, event: &str, revision: i64) -> Option<CallView> {
    CallView::as_of(call, Telling { event, revision, at: secs(1) })
}

#[test]
fn what_is_told_late_shows_the_call_as_it_was_then() {
    let hangs_up = caller_left(30_200, Why::Itself, Some(Leg::Hangup));
    let mut call = call_of(&[rang(0), joined(400, "PA_A"), spoke(470, "PA_A"), hangs_up]);
    call.decided(answer("telephony-agent", Some("reception")));
    call.revision = 3;
    let mut stand_in = Attempt::claim("reception".into(), ms(100), false);
    stand_in.taken_at = Some(ms(300));
    call.attendance.attempts.push(stand_in);

    let rings = as_of(&call, events::CALL_RINGING, 1).unwrap();
    assert_eq!((rings.status, rings.answered_at, rings.ended_at), (Status::Ringing, None, None));
    assert_eq!((rings.end_reason, rings.ended_by, rings.duration), (None, None, None));
    assert_eq!((rings.revision, rings.updated_at), (1, secs(1)));
    assert_eq!((rings.agent_name.as_deref(), rings.rang_at), (Some("telephony-agent"), ms(0)));

    let answered = as_of(&call, events::CALL_ANSWERED, 2).unwrap();
    assert_eq!((answered.status, answered.answered_at), (Status::InProgress, Some(ms(470))));
    assert_eq!((answered.ended_at, answered.duration, answered.revision), (None, None, 2));
    assert_eq!(answered.agent_name.as_deref(), Some("reception"));

    let ended = as_of(&call, events::CALL_ENDED, 3).unwrap();
    assert_eq!(ended, CallView { updated_at: secs(1), ..CallView::of(&call) });
}

#[test]
fn what_is_no_longer_true_is_not_told() {
    let gives_up = caller_left(7_300, Why::Itself, Some(Leg::Hangup));
    let mut call = call_of(&[rang(0), gives_up]);
    call.decided(answer("telephony-agent", None));
    assert_eq!(as_of(&call, events::CALL_MISSED, 2).unwrap().end_reason, Some(EndReason::CallerGaveUp));
    assert_eq!(as_of(&call, events::CALL_ANSWERED, 2), None);
    assert_eq!(as_of(&call, events::CALL_REJECTED, 2), None);
    call.hear(&spoke(470, "PA_A"));
    call.revision = 3;
    assert_eq!(as_of(&call, events::CALL_MISSED, 2), None, "it turned out to be answered");
    let ended = as_of(&call, events::CALL_ENDED, 2).unwrap();
    assert_eq!(
        (ended.status, ended.revision),
        (Status::Completed, 2),
        "the end is told as well as it is known"
    );
    assert_eq!(as_of(&call_of(&[rang(0)]), events::CALL_ENDED, 1), None);
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
