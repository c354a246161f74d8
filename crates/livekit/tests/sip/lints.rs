//! One fault at a time in a correct set-up: the lint for it finds it, and no other lint anything.

use livekit::sip::lint::{Finding, Lint, Severity, lint};
use livekit::sip::{DispatchRule, InboundTrunk, RoomConfig, RuleAgent, RuleKind, Secret};

use crate::{FROM, OTHER, TO, callee, direct, rule, texts, trunk};

type SetUp = (Vec<InboundTrunk>, Vec<DispatchRule>);

fn correct() -> SetUp {
    let agents = vec![RuleAgent::new("telephony-agent", "{}")];
    let static_rule = DispatchRule {
        numbers: texts(&[TO]),
        room_config: Some(RoomConfig { agents, ..RoomConfig::default() }),
        ..rule("SDR_3", &["ST_1"])
    };
    (
        vec![trunk("ST_1", &[TO]), trunk("ST_2", &[OTHER])],
        vec![rule("SDR_1", &["ST_1"]), rule("SDR_2", &["ST_2"]), static_rule],
    )
}

/// A correct set-up with a fault.
fn with(fault: impl FnOnce(&mut InboundTrunk, &mut DispatchRule, &mut SetUp)) -> SetUp {
    let mut set_up = correct();
    let (mut trunk, mut rule) = (set_up.0.remove(0), set_up.1.remove(0));
    fault(&mut trunk, &mut rule, &mut set_up);
    set_up.0.insert(0, trunk);
    set_up.1.insert(0, rule);
    set_up
}

fn findings((trunks, rules): &SetUp) -> Vec<Finding> {
    lint(trunks, rules)
}

/// That this and nothing else is found, in words, about these.
fn only(set_up: &SetUp, expected: (Lint, Severity), about: &[&str]) {
    let found = findings(set_up);
    let [finding] = found.as_slice() else { panic!("{expected:?}: {found:#?}") };
    assert_eq!((finding.lint, finding.severity), expected);
    assert_eq!([finding.trunks.as_slice(), &finding.rules].concat(), about, "{finding:?}");
    for words in [&finding.what, &finding.meaning, &finding.remedy] {
        assert!(words.len() > 10 && !words.ends_with('.') && !words.contains("  "), "{words}");
    }
    for id in about {
        assert!(finding.what.contains(id), "{finding:?}");
    }
}

#[test]
fn a_correct_set_up_has_no_findings() {
    assert_eq!(findings(&correct()), []);
    assert_eq!(lint(&[], &[]), []);
}

#[test]
fn caller_and_called_numbers_mixed_up_are_found() {
    let mixed = (Lint::CallerAndCalledMixedUp, Severity::Failure);
    only(&with(|_, rule, _| rule.inbound_numbers = texts(&["1 555 765 4321"])), mixed, &["SDR_1"]);
    only(&with(|trunk, _, _| trunk.allowed_numbers = texts(&[TO, FROM])), mixed, &["ST_1"]);
}

#[test]
fn numbers_that_are_no_e164_are_found() {
    let rule_fault = (Lint::NumberNotE164, Severity::Failure);
    for number in ["15557654399", "+1 (555) 765-4399", "(555) 765-4399", "sales"] {
        let set_up = with(|_, _, (_, rules)| rules[1].numbers.push(number.to_owned()));
        only(&set_up, rule_fault, &["SDR_3"]);
        let trunk_fault = (Lint::NumberNotE164, Severity::Warning);
        only(&with(|trunk, _, _| trunk.numbers.push(number.to_owned())), trunk_fault, &["ST_1"]);
    }
    let callers = with(|_, _, (_, rules)| rules[1].inbound_numbers = texts(&["1 555 123 4567"]));
    only(&callers, rule_fault, &["SDR_3"]);
    let nameless = with(|_, _, (_, rules)| rules[1].inbound_numbers = texts(&["anonymous"]));
    assert_eq!(findings(&nameless), []);
}

#[test]
fn two_rules_with_one_key_are_found() {
    let shared = (Lint::RulesShareKey, Severity::Failure);
    only(&with(|_, _, (_, rules)| rules.push(rule("SDR_4", &["ST_2"]))), shared, &["SDR_2", "SDR_4"]);
    let twice = with(|_, rule, _| rule.trunk_ids = texts(&["ST_1", "ST_1"]));
    only(&twice, shared, &["SDR_1"]);
    let other_pin = with(|_, _, (_, rules)| {
        rules.push(DispatchRule { kind: direct("meeting", "1234"), ..rule("SDR_4", &["ST_2"]) });
    });
    assert_eq!(findings(&other_pin), []);
}

#[test]
fn trunks_without_a_catch_all_are_found() {
    let bare = |severity| (Lint::TrunkWithoutCatchAll, severity);
    let all = with(|_, _, (_, rules)| rules.retain(|rule| rule.id != "SDR_2"));
    only(&all, bare(Severity::Failure), &["ST_2"]);
    let one = with(|trunk, rule, _| {
        trunk.numbers.push("+15557654399".to_owned());
        rule.numbers = texts(&["+15557654398"]);
    });
    only(&one, bare(Severity::Failure), &["ST_1"]);
    let covered = with(|_, rule, _| rule.numbers = texts(&["+15557654398"]));
    only(&covered, bare(Severity::Warning), &["ST_1"]);
    let some_callers = with(|_, rule, (_, rules)| {
        rule.inbound_numbers = texts(&[FROM]);
        rules.pop();
    });
    only(&some_callers, bare(Severity::Failure), &["ST_1"]);
    let any_number = with(|trunk, rule, _| {
        trunk.numbers.clear();
        rule.numbers = texts(&["+15557654398"]);
    });
    only(&any_number, bare(Severity::Failure), &["ST_1"]);
}

#[test]
fn rules_for_trunks_that_are_gone_are_found() {
    let gone = |severity| (Lint::RuleForGoneTrunk, severity);
    only(&with(|_, rule, _| rule.trunk_ids = texts(&["ST_old"])), gone(Severity::Failure), &["SDR_1"]);
    let one_of_two = with(|_, rule, _| rule.trunk_ids.push("ST_old".to_owned()));
    only(&one_of_two, gone(Severity::Warning), &["SDR_1"]);
}

#[test]
fn rules_for_any_trunk_are_found() {
    let any = with(|_, rule, _| rule.trunk_ids.clear());
    only(&any, (Lint::RuleForAnyTrunk, Severity::Warning), &["SDR_1"]);
}

#[test]
fn two_trunks_with_one_number_are_found_where_a_call_can_meet_both() {
    let shared = (Lint::TrunksShareNumber, Severity::Failure);
    let both = |change: fn(&mut InboundTrunk)| {
        with(|_, _, (trunks, _)| {
            trunks[0].numbers.push(TO.to_owned());
            change(&mut trunks[0]);
        })
    };
    only(&both(|_| {}), shared, &["ST_1", "ST_2"]);
    only(&both(|second| second.allowed_numbers = texts(&[FROM])), shared, &["ST_1", "ST_2"]);
    let apart = both(|second| second.allowed_addresses = texts(&["10.0.0.0/8"]));
    assert_eq!(findings(&apart), []);
    let any = with(|trunk, _, (trunks, _)| {
        trunk.numbers.clear();
        trunks[0].numbers.clear();
    });
    only(&any, shared, &["ST_1", "ST_2"]);
}

#[test]
fn an_open_trunk_is_found() {
    let open = with(|trunk, _, _| {
        trunk.numbers.clear();
        trunk.allowed_addresses.clear();
    });
    only(&open, (Lint::TrunkOpen, Severity::Failure), &["ST_1"]);
}

#[test]
fn a_user_without_a_password_and_a_password_without_a_user_are_found() {
    let half = (Lint::TrunkHalfAuthenticated, Severity::Warning);
    only(&with(|trunk, _, _| trunk.auth_username = "user".to_owned()), half, &["ST_1"]);
    only(&with(|trunk, _, _| trunk.auth_password = Secret::new("password")), half, &["ST_1"]);
}

#[test]
fn rooms_that_callers_share_are_found() {
    let individual = |no_randomness| RuleKind::Individual {
        prefix: "call".to_owned(),
        pin: Secret::default(),
        no_randomness,
    };
    let number = RuleKind::Callee { prefix: "in".to_owned(), pin: Secret::default(), randomize: false };
    for (kind, severity) in [
        (direct("support", ""), Severity::Failure),
        (number, Severity::Failure),
        (individual(true), Severity::Warning),
    ] {
        only(&with(|_, rule, _| rule.kind = kind), (Lint::RoomShared, severity), &["SDR_1"]);
    }
    for kind in [individual(false), direct("meeting", "1234"), callee("")] {
        assert_eq!(findings(&with(|_, rule, _| rule.kind = kind)), []);
    }
}

#[test]
fn an_agent_without_a_name_is_found() {
    let unnamed = with(|_, rule, _| {
        rule.room_config = Some(RoomConfig { agents: vec![RuleAgent::default()], ..RoomConfig::default() });
    });
    only(&unnamed, (Lint::AgentUnnamed, Severity::Warning), &["SDR_1"]);
    let none = with(|_, rule, _| rule.room_config = Some(RoomConfig::default()));
    assert_eq!(findings(&none), [], "Switchboard dispatches");
}

#[test]
fn a_missing_ringing_timeout_is_found() {
    let missing = with(|trunk, _, _| trunk.ringing_timeout = None);
    only(&missing, (Lint::RingingTimeoutMissing, Severity::Warning), &["ST_1"]);
}

#[test]
fn a_rule_that_says_not_which_room_is_found() {
    let nothing = with(|_, _, (_, rules)| rules[1].kind = RuleKind::default());
    only(&nothing, (Lint::RuleNotUnderstood, Severity::Failure), &["SDR_3"]);
    let newer = with(|_, _, (_, rules)| rules[1].kind = RuleKind::Other("dispatch_rule_future".to_owned()));
    only(&newer, (Lint::RuleNotUnderstood, Severity::Warning), &["SDR_3"]);
}

#[test]
fn every_lint_has_a_word_of_its_own() {
    let mut codes: Vec<&str> = Lint::ALL.iter().map(|lint| lint.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Lint::ALL.len());
}
