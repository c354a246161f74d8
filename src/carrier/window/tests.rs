use super::*;
use crate::call::decide::{Decision, Verdict};
use crate::call::fact::{Fact, Ring, What};
use crate::ids::CallId;

const NOW: Timestamp = Timestamp::from_secs(1_793_534_400);

/// So many seconds before now.
fn ago(seconds: u64) -> Timestamp {
    NOW.saturating_sub(Duration::from_secs(seconds))
}

fn later(minutes: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(minutes * 60))
}

/// A round that ends; when it ends, all is settled.
fn goes(place: &Place, now: Timestamp) -> (Place, Sweep) {
    let (place, sweep) = next(place, now);
    (settled(&place, &sweep), sweep)
}

#[test]
fn the_first_round_looks_back_a_little_and_no_later_one_beyond_that() {
    let (place, sweep) = goes(&first(NOW), NOW);
    assert_eq!((sweep.since, sweep.top), (ago(600), NOW));
    let (place, sweep) = goes(&place, later(5));
    assert_eq!(sweep.since, ago(600), "the quarter of an hour before begins before everything");
    let (_, sweep) = goes(&place, later(100));
    assert_eq!(sweep.since, ago(600), "as does the day");
}

#[test]
fn each_round_overlaps_the_last_and_once_an_hour_looks_at_a_day() {
    let old = Place { began_at: ago(1_000_000), settled_until: NOW, looked_back_at: NOW, sweep: None };
    let (place, sweep) = goes(&old, later(5));
    assert_eq!((sweep.since, place.settled_until), (ago(900), later(5)));
    let (place, sweep) = goes(&place, later(60));
    assert_eq!(sweep.since, later(60).saturating_sub(LOOK_BACK));
    let (_, sweep) = goes(&place, later(65));
    assert_eq!(sweep.since, later(45), "and not again at once");
}

#[test]
fn what_happened_while_nobody_looked_is_made_up_for_but_not_for_ever() {
    let place = |settled| Place {
        began_at: ago(100_000_000),
        settled_until: settled,
        looked_back_at: NOW,
        sweep: None,
    };
    assert_eq!(next(&place(ago(3 * 86_400)), NOW).1.since, ago(3 * 86_400 + 900));
    assert_eq!(next(&place(ago(90 * 86_400)), NOW).1.since, ago(7 * 86_400));
}

#[test]
fn a_round_that_was_cut_short_is_gone_on_with_below_what_it_did() {
    let (place, sweep) = next(&first(NOW), NOW);
    assert_eq!(sweep.asked_until(), None);
    let sweep = sweep.after(&[ago(10), ago(200), ago(150)]);
    let place = Place { sweep: Some(sweep), ..place };
    let (place, again) = next(&place, later(5));
    assert_eq!((again, again.top, again.below), (sweep, NOW, ago(200)));
    assert_eq!(
        again.asked_until(),
        Some(ago(200).saturating_add(DAY)),
        "where only days count, not a day too few"
    );
    assert!(
        again.wants(ago(200)) && again.wants(ago(150)) && !again.wants(ago(139)) && !again.wants(ago(601))
    );
    assert_eq!(settled(&place, &again).settled_until, NOW, "what is newer is the next round's");
}

#[test]
fn a_list_is_left_once_a_whole_page_is_too_old() {
    let sweep = Sweep { since: ago(600), top: NOW, below: NOW };
    for (page, past) in [
        (vec![ago(661), ago(700)], true),
        (vec![ago(660), ago(700)], false),
        (vec![ago(700), ago(5)], false),
        (vec![], false),
    ] {
        assert_eq!(sweep.is_past(&page), past, "{page:?}");
    }
    assert_eq!(sweep.after(&[ago(700)]).below, NOW, "what is not wanted moves nothing");
}

fn word(status: &str, ended: Option<u64>) -> Carried {
    Carried {
        call_sid: "CA1".into(),
        status: status.into(),
        started_at: ago(1000),
        ended_at: ended.map(ago),
        duration: Some(0),
        price: None,
        price_unit: None,
    }
}

/// Our call, over so many seconds ago, or open.
fn ours(ended: Option<u64>) -> Call {
    let ring = Ring { at: Some(ago(1000)), ..Ring::default() };
    let mut call = Call::new(CallId::from("call_1"), "main".into(), ring.clone(), NOW);
    let tell = |at, what| Fact { id: "1".into(), project: "main".into(), at, room: None, what };
    call.hear(&tell(ago(1000), What::Rang(Box::new(ring))));
    let verdict = Verdict::Answer { agent: "a".into(), agent_id: None, fallback: None, fallback_id: None };
    call.decided(Decision {
        verdict,
        tenant: None,
        campaign: None,
        number: None,
        called: None,
        caller: None,
        steps: Vec::new(),
        at: NOW,
    });
    if let Some(ended) = ended {
        call.hear(&tell(ago(ended), What::CallerGone { call: None }));
    }
    call
}

#[test]
fn a_call_that_we_do_not_know_never_reached_us_if_it_is_old_enough_and_its_number_was_ours() {
    let old = Some(ago(2000));
    for (word, since, expected) in [
        (word("completed", Some(120)), old, Judged::NeverReached),
        (word("failed", None), old, Judged::NeverReached),
        (word("completed", Some(119)), old, Judged::TooYoung),
        (word("in-progress", None), old, Judged::TooYoung),
        (word("ringing", None), old, Judged::TooYoung),
        (word("completed", Some(500)), Some(ago(1000)), Judged::NeverReached),
        (word("completed", Some(500)), Some(ago(999)), Judged::BeforeUs),
        (word("in-progress", None), Some(ago(999)), Judged::BeforeUs),
        (word("completed", Some(500)), None, Judged::NotOurs),
    ] {
        assert_eq!(judge(&word, None, since, NOW), expected, "{word:?} {since:?}");
    }
}

#[test]
fn a_call_that_we_know_takes_what_is_new_of_it() {
    for (word, ended, expected) in [
        (word("completed", Some(120)), Some(120), Judged::Joins),
        (word("completed", Some(120)), None, Judged::Joins),
        (word("completed", Some(10)), None, Judged::TooYoung),
        (word("in-progress", None), None, Judged::TooYoung),
        (word("in-progress", None), Some(119), Judged::TooYoung),
        (word("in-progress", None), Some(120), Judged::Joins),
    ] {
        let call = ours(ended);
        // Whose number it is does not matter any more.
        assert_eq!(judge(&word, Some(&call), None, NOW), expected, "{word:?} {ended:?}");
    }
    let mut call = ours(Some(500));
    call.evidence.carrier = Some(word("completed", Some(500)));
    assert_eq!(judge(&word("completed", Some(500)), Some(&call), None, NOW), Judged::Known);
    assert_eq!(judge(&word("in-progress", None), Some(&call), None, NOW), Judged::Known, "an older word");
    let priced = Carried { price: Some("-0.0085".into()), ..word("completed", Some(500)) };
    assert_eq!(judge(&priced, Some(&call), None, NOW), Judged::Joins);
}
