//! What people were surprised by, as LiveKit's issues tell it: one case each.

use livekit::sip::lint::{Lint, lint};
use livekit::sip::matching::{Call, Hosting, Outcome, judge};
use livekit::sip::{DispatchRule, InboundTrunk, RoomConfig, RuleAgent, RuleKind, Secret};

use crate::{FROM, OTHER, TO, direct, rule, texts, trunk};

/// One surprise: what was set up, which call came, and what became of it.
struct Case {
    /// The issue, and what was believed.
    belief: &'static str,
    trunks: Vec<InboundTrunk>,
    rules: Vec<DispatchRule>,
    call: Call,
    /// The room, or the status that the carrier is told by a LiveKit of one's own.
    comes_of_it: Result<&'static str, Option<u16>>,
    /// The finding that says so beforehand.
    lint: Option<Lint>,
}

fn a_call() -> Call {
    Call { source: "54.172.60.1".parse().ok(), ..Call::new(TO, FROM) }
}

fn case(belief: &'static str) -> Case {
    Case {
        belief,
        trunks: vec![trunk("ST_1", &[TO])],
        rules: vec![rule("SDR_1", &["ST_1"])],
        call: a_call(),
        comes_of_it: Ok("in_+15557654321_…"),
        lint: None,
    }
}

fn unmatched() -> Vec<Case> {
    vec![
        Case {
            rules: Vec::new(),
            comes_of_it: Err(None),
            lint: Some(Lint::TrunkWithoutCatchAll),
            ..case("sip#363, #369, #484, #825: a call that no rule is for is refused")
        },
        Case {
            call: Call { to: OTHER.to_owned(), ..a_call() },
            comes_of_it: Err(None),
            ..case("sip#477, agents#5847: a number that is on no trunk is refused")
        },
        Case {
            rules: vec![DispatchRule { inbound_numbers: texts(&[TO]), ..rule("SDR_1", &["ST_1"]) }],
            comes_of_it: Err(None),
            lint: Some(Lint::CallerAndCalledMixedUp),
            ..case("sip#362: `inbound_numbers` of a rule are the numbers that are called")
        },
        Case {
            trunks: vec![InboundTrunk { allowed_numbers: texts(&[TO]), ..trunk("ST_1", &[TO]) }],
            comes_of_it: Err(None),
            lint: Some(Lint::CallerAndCalledMixedUp),
            ..case("sip#362: `allowed_numbers` of a trunk are the numbers that may be called")
        },
        Case {
            rules: vec![DispatchRule { numbers: texts(&["15557654321"]), ..rule("SDR_1", &["ST_1"]) }],
            comes_of_it: Err(None),
            lint: Some(Lint::NumberNotE164),
            ..case("a rule's numbers are compared as a trunk's are, with or without a plus")
        },
        Case {
            trunks: vec![trunk("ST_2", &[TO])],
            comes_of_it: Err(None),
            lint: Some(Lint::RuleForGoneTrunk),
            ..case("sip#203: a rule finds the trunk again that was deleted and made anew")
        },
        Case {
            rules: vec![rule("SDR_1", &["ST_1"]), rule("SDR_2", &["ST_1"])],
            comes_of_it: Err(Some(503)),
            lint: Some(Lint::RulesShareKey),
            ..case("of two rules for the same calls one wins")
        },
        Case {
            trunks: vec![trunk("ST_1", &[TO]), trunk("ST_2", &[TO])],
            rules: vec![rule("SDR_1", &["ST_1"]), rule("SDR_2", &["ST_2"])],
            comes_of_it: Err(Some(503)),
            lint: Some(Lint::TrunksShareNumber),
            ..case("of two trunks with the same number one wins")
        },
    ]
}

fn matched() -> Vec<Case> {
    let scanner = Call { source: "203.0.113.9".parse().ok(), ..Call::new("1000", "100") };
    let agent = |name: &str| RoomConfig { agents: vec![RuleAgent::new(name, "")], ..RoomConfig::default() };
    let individual =
        RuleKind::Individual { prefix: "call".to_owned(), pin: Secret::default(), no_randomness: false };
    vec![
        Case {
            trunks: vec![trunk("ST_1", &["15557654321"])],
            lint: Some(Lint::NumberNotE164),
            ..case("a trunk's numbers must have the plus that the carrier sends")
        },
        Case {
            rules: vec![rule("SDR_1", &[])],
            call: scanner,
            comes_of_it: Ok("in_1000_…"),
            lint: Some(Lint::RuleForAnyTrunk),
            ..case("sip#326, #460: calls that no trunk took are dropped, so scanners stay out")
        },
        Case {
            rules: vec![DispatchRule { kind: direct("support", ""), ..rule("SDR_1", &["ST_1"]) }],
            comes_of_it: Ok("support"),
            lint: Some(Lint::RoomShared),
            ..case("livekit#4390: a fixed room is made as `room_config` says for each caller")
        },
        Case {
            rules: vec![DispatchRule { room_config: Some(agent("")), ..rule("SDR_1", &["ST_1"]) }],
            lint: Some(Lint::AgentUnnamed),
            ..case("sip#401: an agent without a name in a rule is the agent of the project")
        },
        Case {
            rules: vec![DispatchRule { kind: individual, ..rule("SDR_1", &["ST_1"]) }],
            comes_of_it: Ok("call_+15551234567_…"),
            ..case("protocol#1200: the room of an individual rule names the number that was called")
        },
        Case {
            trunks: vec![InboundTrunk { ringing_timeout: None, ..trunk("ST_1", &[TO]) }],
            lint: Some(Lint::RingingTimeoutMissing),
            ..case("livekit#3690: a caller whom no agent answers is soon told so")
        },
    ]
}

#[test]
fn the_known_misunderstandings_come_out_as_they_really_do() {
    for case in unmatched().into_iter().chain(matched()) {
        let belief = case.belief;
        let verdict = judge(&case.trunks, &case.rules, &case.call);
        let heard = verdict.heard(Hosting::SelfHosted);
        match (&verdict.outcome, case.comes_of_it) {
            (Outcome::Joins(joining), Ok(room)) => assert_eq!(joining.room.to_string(), room, "{belief}"),
            (outcome, Err(status)) => {
                assert!(!matches!(outcome, Outcome::Joins(_)), "{belief}: {outcome:?}");
                assert_eq!(heard.sip_status, status, "{belief}: {heard:?}");
            }
            (outcome, Ok(_)) => panic!("{belief}: {outcome:?}"),
        }
        let found: Vec<Lint> = lint(&case.trunks, &case.rules).into_iter().map(|one| one.lint).collect();
        assert!(case.lint.map_or(found.is_empty(), |lint| found.contains(&lint)), "{belief}: {found:?}");
    }
}

#[test]
fn livekit_cloud_says_404_where_a_livekit_of_ones_own_rings_for_ever() {
    let trunks = [trunk("ST_1", &[TO])];
    for (verdict, why) in [
        (judge(&trunks, &[], &a_call()), "no dispatch rule"),
        (judge(&trunks, &[], &Call { to: OTHER.to_owned(), ..a_call() }), "no trunk"),
    ] {
        let (own, cloud) = (verdict.heard(Hosting::SelfHosted), verdict.heard(Hosting::Cloud));
        assert_eq!((own.sip_status, cloud.sip_status), (None, Some(404)));
        assert!(own.words.contains("rings until the carrier gives up"), "{}", own.words);
        assert!(cloud.words.contains(why), "{}", cloud.words);
    }
}

#[test]
fn a_scanner_in_a_room_has_no_trunk_to_be_told_by() {
    let scanner = Call { source: "203.0.113.9".parse().ok(), ..Call::new("1000", "100") };
    let verdict = judge(&[trunk("ST_1", &[TO])], &[rule("SDR_1", &[])], &scanner);
    let Outcome::Joins(joining) = &verdict.outcome else { panic!("{:?}", verdict.outcome) };
    assert_eq!((verdict.trunk, joining.attributes["sip.trunkID"].as_str()), (None, ""));
    assert_eq!(joining.ringing_timeout, None, "nothing of a trunk is for it");
}
