//! What the carrier's word makes of a call, and where it is not ours.

use super::*;
use crate::call::carrier::{Difference, Ours};
use crate::call::{EndedBy, Status, told};
use crate::events;

fn never_reached() -> Call {
    let mut call = call_of(&[carried(word("no-answer", 0, Some(20), 0), false)]);
    call.decided(answer("telephony-agent", None));
    call
}

/// What they differ in.
fn differences(call: &Call) -> Vec<Difference> {
    let word = call.evidence.carrier.as_ref().unwrap();
    word.disagreements(&Ours::of(call)).into_iter().map(|one| one.kind).collect()
}

#[test]
fn a_call_of_which_only_the_carrier_knows_is_missed_at_its_times() {
    let call = never_reached();
    let of = &call.outcome;
    assert_eq!((of.status, of.end_reason), (Status::Missed, Some(EndReason::NeverReachedUs)));
    assert_eq!(
        (of.rang_at, of.answered_at, of.ended_at, of.duration),
        (secs(0), None, Some(secs(20)), Some(0))
    );
    assert_eq!(EndReason::NeverReachedUs.ended_by(), EndedBy::Platform);
    assert_eq!(told::words(None, &call), [events::CALL_ENDED, events::CALL_MISSED], "nobody heard it ring");
    assert!(differences(&call).is_empty());
    let mut refused = call_of(&[carried(word("failed", 0, Some(1), 0), false)]);
    refused.decided(refusal(EndReason::CampaignPaused));
    assert_eq!(refused.outcome.end_reason, Some(EndReason::NeverReachedUs), "we refused nobody");
}

#[test]
fn what_livekit_tells_later_makes_it_what_it_was_and_never_opens_it_again() {
    let mut call = never_reached();
    assert!(call.hear(&rang(500)));
    assert_eq!((call.is_open(), call.outcome.end_reason), (false, Some(EndReason::RingTimeout)));
    assert_eq!(call.outcome.rang_at, ms(500), "LiveKit's time of the ring is better known");
    call.hear(&joined(900, "PA_A"));
    call.hear(&spoke(1_000, "PA_A"));
    assert_eq!((call.is_open(), call.outcome.end_reason), (false, Some(EndReason::Ended)));
    call.hear(&caller_left(9_000, Why::Itself, Some(Leg::Hangup)));
    assert_eq!(call.outcome.end_reason, Some(EndReason::CallerHungUp));
    assert_eq!((call.outcome.answered_at, call.outcome.duration), (Some(ms(1_000)), Some(8)));
}

#[test]
fn a_call_that_was_refused_is_refused_once_livekit_tells_of_it() {
    let mut call = call_of(&[carried(word("busy", 0, Some(1), 0), false)]);
    call.decided(refusal(EndReason::CampaignPaused));
    call.hear(&rang(500));
    assert_eq!(call.outcome.end_reason, Some(EndReason::CampaignPaused));
}

#[test]
fn the_carriers_word_ends_no_call_that_reached_us() {
    let call = call_of(&[
        rang(0),
        joined(400, "PA_A"),
        spoke(470, "PA_A"),
        carried(word("completed", 0, Some(60), 60), true),
    ]);
    assert_eq!(call.outcome.status, Status::InProgress);
    assert_eq!(differences(&call), [Difference::OverAtCarrier]);
}

#[test]
fn the_word_that_knows_more_is_kept_whichever_came_first() {
    let early = word("in-progress", 0, None, 0);
    let over = word("completed", 0, Some(60), 60);
    let priced = Carried { price: Some("-0.0085".into()), price_unit: Some("USD".into()), ..over.clone() };
    for (one, other, kept) in [(&early, &over, &over), (&over, &priced, &priced), (&early, &priced, &priced)]
    {
        assert_eq!(&Carried::merge(Some(one.clone()), other), kept);
        assert_eq!(&Carried::merge(Some(other.clone()), one), kept);
    }
}

#[test]
fn each_disagreement_is_told_and_nothing_else_is() {
    let answered = || vec![rang(0), joined(400, "PA_A"), spoke(1_000, "PA_A")];
    let talked = |seconds: i64| {
        let mut facts = answered();
        facts.push(caller_left(1_000 + seconds * 1_000, Why::Itself, Some(Leg::Hangup)));
        facts
    };
    let missed = || vec![rang(0), caller_left(9_000, Why::Itself, Some(Leg::Hangup))];
    let over = |status: &str, duration| word(status, 0, Some(duration), duration);
    let cases = [
        (talked(60), over("completed", 60), None),
        (talked(60), over("completed", 65), None),
        (talked(60), over("completed", 66), Some(Difference::Duration)),
        (talked(60), over("completed", 54), Some(Difference::Duration)),
        (talked(60), over("no-answer", 0), Some(Difference::NotAnsweredAtCarrier)),
        (talked(60), over("failed", 0), Some(Difference::NotAnsweredAtCarrier)),
        (talked(60), over("busy", 0), Some(Difference::NotAnsweredAtCarrier)),
        (talked(60), word("in-progress", 0, None, 0), Some(Difference::UpAtCarrier)),
        (missed(), over("completed", 120), Some(Difference::AnsweredAtCarrier)),
        (missed(), over("completed", 0), None),
        (missed(), over("canceled", 0), None),
        (missed(), over("no-answer", 0), None),
        (answered(), over("completed", 120), Some(Difference::OverAtCarrier)),
        (answered(), word("in-progress", 0, None, 0), None),
    ];
    for (mut facts, word, expected) in cases {
        let what = format!("{word:?}");
        facts.push(carried(word, true));
        let call = call_of(&facts);
        assert_eq!(differences(&call), expected.into_iter().collect::<Vec<_>>(), "{what} {:?}", call.outcome);
    }
}

#[test]
fn a_caller_who_was_sent_on_talks_longer_there_than_here_and_that_is_right() {
    let mut call = call_of(&[rang(0), joined(400, "PA_A"), spoke(1_000, "PA_A")]);
    call.act(Act::Transferred, secs(30));
    call.hear(&carried(word("completed", 0, Some(600), 600), true));
    assert_eq!(call.outcome.end_reason, Some(EndReason::Transferred));
    assert!(differences(&call).is_empty());
}

#[test]
fn a_call_that_somebody_else_took_says_so() {
    let mut call = call_of(&[carried(word("completed", 0, Some(120), 120), false)]);
    call.decided(answer("telephony-agent", None));
    let found = call.evidence.carrier.as_ref().unwrap().disagreements(&Ours::of(&call));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].says, "the carrier says that it was answered and lasted 120 s; here it is missed");
    assert!(found[0].means.starts_with("somebody else took the call"), "{}", found[0].means);
}
