//! How a call ends: each row of the table of reasons, and each situation that was seen on a real SIP call.

use super::*;
use crate::call::EndReason::*;
use crate::call::EndedBy;

/// What the ledger says: reason, answered and ended in milliseconds after the ring, seconds talked.
fn says(call: &Call) -> (Option<EndReason>, Option<i64>, Option<i64>, Option<i64>) {
    let of = &call.outcome;
    (of.end_reason, of.answered_at.map(since), of.ended_at.map(since), of.duration)
}

/// The agent came and spoke half a second after the ring.
fn answered() -> Vec<Fact> {
    vec![rang(0), joined(400, "PA_A"), spoke(470, "PA_A")]
}

fn then(mut before: Vec<Fact>, after: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
    before.extend(after);
    before
}

fn acted(facts: &[Fact], act: Act, at: i64) -> Call {
    let mut call = call_of(facts);
    call.act(act, ms(at));
    call
}

#[test]
fn a_ring_waits_and_a_voice_answers_it() {
    let call = call_of(&[rang(0), joined(400, "PA_A")]);
    assert_eq!(call.outcome.status.as_str(), "ringing", "an agent that says nothing has not answered");
    let call = call_of(&answered());
    assert_eq!((call.outcome.status.as_str(), says(&call)), ("in_progress", (None, Some(470), None, None)));
    let mut seen = leg("PA_1", 0);
    seen.active = true;
    let call = call_of(&[rang(0), fact(900, What::Rang(Box::new(seen)))]);
    assert_eq!(call.outcome.answered_at, Some(ms(900)), "a leg that was seen answered is");
}

#[test]
fn the_callers_own_voice_answers_nothing_even_under_a_sid_that_was_never_told() {
    let mut own = guest("PA_2", GuestKind::Leg, None);
    own.identity = "sip_+15551234567".into();
    let facts = [rang(0), spoke(100, "PA_1"), fact(200, What::Spoke(own))];
    assert_eq!(call_of(&facts).outcome.answered_at, None);
}

#[test]
fn a_caller_who_hangs_up_ends_the_call() {
    let bye = caller_left(30_200, Why::Itself, Some(Leg::Hangup));
    let call = call_of(&then(answered(), [bye.clone()]));
    assert_eq!(says(&call), (Some(CallerHungUp), Some(470), Some(30_000), Some(29)));
    let cancel = caller_left(7_300, Why::Itself, Some(Leg::Hangup));
    let call = call_of(&[rang(0), joined(400, "PA_A"), cancel]);
    assert_eq!(says(&call), (Some(CallerGaveUp), None, Some(7_000), Some(0)));
}

#[test]
fn a_call_may_ring_be_answered_and_end_within_one_second() {
    let bye = caller_left(900, Why::Itself, Some(Leg::Hangup));
    let call = call_of(&[rang(145), joined(495, "PA_A"), spoke(562, "PA_A"), bye]);
    assert_eq!(says(&call), (Some(CallerHungUp), Some(562), Some(562), Some(0)));
}

#[test]
fn how_the_leg_left_tells_what_happened_on_the_wire() {
    let rows = [
        (Why::Itself, Some(Leg::Hangup), CallerGaveUp, CallerHungUp),
        (Why::Itself, Some(Leg::Ringing), RingTimeout, CallerHungUp),
        (Why::Itself, None, CallerGaveUp, CallerHungUp),
        // The agent's own delete_room, or an operator's.
        (Why::PutOut, Some(Leg::Ringing), PlatformError, AgentHungUp),
        (Why::PutOut, Some(Leg::Hangup), CallerGaveUp, CallerHungUp),
        (Why::Broke, Some(Leg::Ringing), PlatformError, PlatformError),
        (Why::Broke, Some(Leg::Active), PlatformError, PlatformError),
        (Why::Broke, Some(Leg::Hangup), CallerGaveUp, CallerHungUp),
        (Why::Moved, Some(Leg::Hangup), CallerGaveUp, CallerHungUp),
        (Why::Vanished, None, PlatformError, PlatformError),
    ];
    for (why, state, unanswered, talked) in rows {
        let end = caller_left(20_000, why, state);
        assert_eq!(
            call_of(&[rang(0), end.clone()]).outcome.end_reason,
            Some(unanswered),
            "{why:?} {state:?}"
        );
        assert_eq!(call_of(&then(answered(), [end])).outcome.end_reason, Some(talked), "{why:?} {state:?}");
    }
}

#[test]
fn a_leg_that_left_active_was_answered_even_if_nobody_told_of_the_answer() {
    let end = caller_left(20_000, Why::Itself, Some(Leg::Active));
    let call = call_of(&[rang(0), end.clone()]);
    assert_eq!(says(&call), (Some(CallerHungUp), Some(20_000), Some(20_000), Some(0)));
    let call = call_of(&[rang(0), joined(400, "PA_A"), end]);
    assert_eq!(says(&call), (Some(CallerHungUp), Some(400), Some(20_000), Some(19)));
    let call = call_of(&[rang(0), caller_left(20_000, Why::PutOut, Some(Leg::Active))]);
    assert_eq!(call.outcome.end_reason, Some(AgentHungUp), "the agent's delete_room in mid-call");
}

#[test]
fn a_caller_who_moves_to_another_connection_is_still_there() {
    let moved = caller_left(5_000, Why::Moved, Some(Leg::Active));
    let again = fact(5_100, What::Rang(Box::new(leg("PA_9", 5_100))));
    let call = call_of(&then(answered(), [moved, again]));
    assert!(call.is_open());
    assert_eq!(call.outcome.rang_at, ms(0));
    assert_eq!(call.evidence.callers.len(), 2);
}

#[test]
fn a_room_that_is_gone_ends_a_call_of_whose_end_nobody_told() {
    let gone = fact(40_000, What::RoomEnded);
    assert_eq!(says(&call_of(&[rang(0), gone.clone()])), (Some(RingTimeout), None, Some(40_000), Some(0)));
    let call = call_of(&then(answered(), [gone.clone()]));
    assert_eq!(says(&call), (Some(Ended), Some(470), Some(40_000), Some(39)));
    let call = call_of(&then(answered(), [caller_left(34_900, Why::Itself, Some(Leg::Hangup)), gone]));
    assert_eq!(says(&call), (Some(CallerHungUp), Some(470), Some(34_000), Some(33)), "only a backstop");
    let call = call_of(&[rang(0), spoke(10_450, "PA_A"), fact(10_000, What::RoomEnded)]);
    assert_eq!(says(&call), (Some(Ended), Some(10_450), Some(10_450), Some(0)), "told in whole seconds");
}

#[test]
fn an_agent_that_comes_after_the_caller_left_has_answered_nobody() {
    let cancel = caller_left(7_300, Why::Itself, Some(Leg::Hangup));
    let late = [rang(0), cancel.clone(), joined(7_900, "PA_A"), spoke(8_000, "PA_A")];
    assert_eq!(says(&call_of(&late)), (Some(CallerGaveUp), None, Some(7_000), Some(0)));
    // A leave is told in whole seconds: audio within that second is taken to have been heard.
    let within = [rang(0), cancel, joined(7_100, "PA_A"), spoke(7_200, "PA_A")];
    assert_eq!(says(&call_of(&within)), (Some(CallerHungUp), Some(7_200), Some(7_200), Some(0)));
}

#[test]
fn a_fact_that_comes_late_makes_a_missed_call_a_completed_one() {
    let mut call = call_of(&[rang(0), caller_left(30_000, Why::Itself, Some(Leg::Hangup))]);
    assert_eq!(call.outcome.status.as_str(), "missed");
    assert!(call.hear(&spoke(470, "PA_A")), "somebody can see the difference");
    assert_eq!(says(&call), (Some(CallerHungUp), Some(470), Some(30_000), Some(29)));
    assert!(!call.hear(&spoke(470, "PA_A")), "the second telling changes nothing");
}

#[test]
fn what_we_did_names_the_reason_until_the_leg_tells_its_own() {
    assert_eq!(
        says(&acted(&[rang(0)], Act::GaveUp, 25_000)),
        (Some(AgentNeverJoined), None, Some(25_000), Some(0))
    );
    let put_out = caller_left(25_100, Why::PutOut, Some(Leg::Ringing));
    let call = acted(&[rang(0), put_out], Act::GaveUp, 25_010);
    assert_eq!(says(&call), (Some(AgentNeverJoined), None, Some(25_000), Some(0)));
    let hung_up = caller_left(24_900, Why::Itself, Some(Leg::Hangup));
    let call = acted(&[rang(0), hung_up], Act::GaveUp, 25_010);
    assert_eq!(call.outcome.end_reason, Some(CallerGaveUp), "the caller was quicker");
    let put_out = caller_left(60_100, Why::PutOut, Some(Leg::Active));
    for (act, reason) in [(Act::AgentHungUp, AgentHungUp), (Act::AgentLost, AgentLost)] {
        assert_eq!(acted(&answered(), act, 60_010).outcome.end_reason, Some(reason));
        let call = acted(&then(answered(), [put_out.clone()]), act, 60_010);
        assert_eq!(says(&call), (Some(reason), Some(470), Some(60_000), Some(59)));
    }
    let call = acted(&answered(), Act::GaveUp, 25_000);
    assert_eq!(call.outcome.end_reason, Some(Ended), "somebody spoke just before we gave up");
}

#[test]
fn an_operator_ends_a_call_that_was_answered_or_one_that_rings() {
    let hung_up = acted(&answered(), Act::OperatorHungUp, 60_010);
    assert_eq!(says(&hung_up), (Some(OperatorHungUp), Some(470), Some(60_010), Some(59)));
    assert_eq!(hung_up.outcome.end_reason.map(EndReason::ended_by), Some(EndedBy::Operator));
    let cancelled = acted(&[rang(0)], Act::OperatorCancelled, 5_000);
    assert_eq!(says(&cancelled), (Some(OperatorCancelled), None, Some(5_000), Some(0)));
    let rows = [
        // The leg that we put out.
        (Why::PutOut, Leg::Ringing, OperatorCancelled, OperatorHungUp),
        (Why::PutOut, Leg::Active, OperatorHungUp, OperatorHungUp),
        // The caller was quicker.
        (Why::Itself, Leg::Hangup, CallerGaveUp, CallerHungUp),
        (Why::PutOut, Leg::Hangup, CallerGaveUp, CallerHungUp),
    ];
    for (why, state, unanswered, talked) in rows {
        let end = caller_left(20_000, why, Some(state));
        let mut call = acted(&[rang(0)], Act::OperatorCancelled, 20_000);
        call.hear(&end);
        assert_eq!(call.outcome.end_reason, Some(unanswered), "{why:?} {state:?}");
        let mut call = acted(&answered(), Act::OperatorHungUp, 20_000);
        call.hear(&end);
        assert_eq!(call.outcome.end_reason, Some(talked), "{why:?} {state:?}");
    }
}

#[test]
fn an_agent_that_comes_after_an_operator_cancelled_has_answered_nobody_and_one_before_has() {
    let mut call = acted(&[rang(0), joined(4_900, "PA_A")], Act::OperatorCancelled, 5_010);
    call.hear(&spoke(5_200, "PA_A"));
    assert_eq!(says(&call), (Some(OperatorCancelled), None, Some(5_010), Some(0)));
    assert!(call.hear(&spoke(4_950, "PA_A")), "it is told late that it had answered");
    assert_eq!(says(&call), (Some(OperatorHungUp), Some(4_950), Some(5_010), Some(0)));
}

#[test]
fn an_operators_end_of_an_askers_call_stays_one_when_the_asker_tells_how_long_it_was() {
    let over = told(190_000, What::Ended { call: Some("ask-1".into()), duration: Some(183) });
    let mut call = acted(&[asked(0)], Act::OperatorCancelled, 100_000);
    assert_eq!(says(&call), (Some(OperatorCancelled), None, Some(100_000), Some(0)));
    call.hear(&over);
    assert_eq!(says(&call), (Some(OperatorHungUp), Some(7_000), Some(190_000), Some(183)));
}

#[test]
fn a_caller_who_was_sent_on_was_transferred_however_and_whenever_its_leg_left() {
    let states = [None, Some(Leg::Ringing), Some(Leg::Active), Some(Leg::Hangup)];
    for why in [Why::Itself, Why::PutOut, Why::Broke, Why::Vanished] {
        for state in states {
            let leave = caller_left(20_000, why, state);
            let expected = (Some(Transferred), Some(470), Some(20_000), Some(19));
            let mut call = acted(&answered(), Act::Transferred, 20_300);
            assert_eq!(says(&call), (Some(Transferred), Some(470), Some(20_300), Some(19)));
            call.hear(&leave);
            assert_eq!(says(&call), expected, "{why:?} {state:?}: LiveKit's answer came first");
            let mut call = call_of(&then(answered(), [leave]));
            assert_ne!(call.outcome.end_reason, Some(Transferred));
            assert!(call.act(Act::Transferred, ms(20_300)), "somebody can see the difference");
            assert_eq!(says(&call), expected, "{why:?} {state:?}: the leave came first");
        }
    }
    let unheard = acted(&[rang(0)], Act::Transferred, 20_300);
    assert_eq!(says(&unheard), (Some(Transferred), Some(20_300), Some(20_300), Some(0)), "it was answered");
    let gone = told(21_000, What::CallerGone { call: Some("SCL_1".into()) });
    let over = told(21_000, What::Ended { call: None, duration: None });
    for told in [gone, over, fact(21_000, What::RoomEnded)] {
        let mut call = acted(&answered(), Act::Transferred, 20_300);
        call.hear(&told);
        assert_eq!(call.outcome.end_reason, Some(Transferred), "{told:?}");
    }
    for act in [Act::OperatorHungUp, Act::AgentHungUp, Act::AgentLost, Act::GaveUp] {
        let mut call = acted(&answered(), act, 20_000);
        call.act(Act::Transferred, ms(20_300));
        assert_eq!(call.outcome.end_reason, Some(Transferred), "{act:?} was for nothing");
    }
}

#[test]
fn what_we_found_gives_way_to_what_is_told() {
    for (act, reason) in [(Act::Reconciled, Reconciled), (Act::NeverEnded, NeverEnded)] {
        assert_eq!(acted(&answered(), act, 60_000).outcome.end_reason, Some(reason));
        let gone = fact(50_000, What::RoomEnded);
        assert_eq!(acted(&then(answered(), [gone]), act, 60_000).outcome.end_reason, Some(Ended));
    }
}

#[test]
fn a_platform_clock_ahead_of_ours_does_not_undo_an_answer() {
    let facts = [rang(9_000), joined(9_400, "PA_A"), spoke(9_470, "PA_A")];
    for act in [Act::AgentHungUp, Act::AgentLost, Act::OperatorHungUp, Act::Transferred, Act::Reconciled] {
        let call = acted(&facts, act, 7_000);
        let expected = (Some(act.reason(true)), Some(9_470), Some(9_470), Some(0));
        assert_eq!(says(&call), expected);
    }
}

#[test]
fn a_call_that_only_its_asker_knows_of_is_ended_by_a_simplified_event() {
    let over = told(190_000, What::Ended { call: Some("ask-1".into()), duration: Some(183) });
    let call = call_of(&[asked(0), over.clone()]);
    assert_eq!(says(&call), (Some(Ended), Some(7_000), Some(190_000), Some(183)));
    let gone = told(189_000, What::CallerGone { call: Some("ask-1".into()) });
    assert_eq!(says(&call_of(&[asked(0), gone.clone()])), (Some(CallerGaveUp), None, Some(189_000), Some(0)));
    let expected = (Some(CallerHungUp), Some(6_000), Some(189_000), Some(183));
    assert_eq!(says(&call_of(&[asked(0), gone.clone(), over.clone()])), expected);
    assert_eq!(says(&call_of(&[asked(0), over, gone.clone()])), expected);
    let silent = told(190_000, What::Ended { call: None, duration: Some(0) });
    assert_eq!(call_of(&[asked(0), silent.clone()]).outcome.end_reason, Some(Ended));
    assert_eq!(call_of(&[asked(0), silent, gone]).outcome.end_reason, Some(CallerGaveUp));
    assert_eq!(acted(&[asked(0)], Act::NeverEnded, 3_600_000).outcome.end_reason, Some(NeverEnded));
}

#[test]
fn a_refusal_is_an_end_at_the_ring_and_stays_one_whatever_is_told_later() {
    let all = EndReason::ALL.iter().copied().filter(|reason| reason.ended_by() == EndedBy::Us);
    for reason in all.filter(|reason| *reason != AgentNeverJoined) {
        let put_out = caller_left(40, Why::PutOut, Some(Leg::Ringing));
        let mut call = call_of(&then(answered(), [put_out, fact(5_000, What::RoomEnded)]));
        call.decided(refusal(reason));
        assert_eq!(says(&call), (Some(reason), None, Some(0), Some(0)));
        call.act(Act::Reconciled, ms(9_000));
        assert_eq!(says(&call), (Some(reason), None, Some(0), Some(0)));
    }
}

#[test]
fn a_call_of_whose_ring_nobody_told_begins_with_its_leave() {
    let mut unjoined = leg("PA_1", 0);
    unjoined.at = None;
    let leave = Leave { at: ms(3_000), why: Why::Broke, leg: Some(Leg::Ringing) };
    let call = call_of(&[fact(3_000, What::CallerLeft(Box::new(unjoined), leave))]);
    assert_eq!(says(&call), (Some(PlatformError), None, Some(3_000), Some(0)));
    assert_eq!(call.outcome.rang_at, ms(3_000));
}

#[test]
fn a_room_told_with_its_sid_is_believed_before_one_without() {
    let mut elsewhere = told(9_000, What::CallerGone { call: Some("SCL_1".into()) });
    elsewhere.room = Some(Room { name: "a-room".into(), sid: None });
    for facts in [[rang(0), elsewhere.clone()], [elsewhere, rang(0)]] {
        let call = call_of(&facts);
        assert_eq!((call.room(), call.evidence.room_sid.as_deref()), (Some("in_1"), Some("RM_1")));
    }
}

#[test]
fn one_ring_told_by_both_doors_keeps_the_best_of_both() {
    let mut national = question(500);
    national.called = "(555) 765-4321".into();
    national.trunk = Some(String::new());
    let asked = Fact { room: None, ..fact(500, What::Rang(Box::new(national))) };
    for facts in [[rang(0), asked.clone()], [asked, rang(0)]] {
        let ring = call_of(&facts).ring;
        assert_eq!((ring.called.as_str(), ring.trunk.as_deref()), ("+15557654321", Some("ST_1")));
        assert_eq!((ring.at, ring.asked, ring.keys.twilio.as_deref()), (Some(ms(0)), true, Some("CA1")));
    }
}
