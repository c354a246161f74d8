//! The rules of LiveKit's matching one by one, and the words they are explained in.

use std::net::IpAddr;
use std::time::Duration;

use livekit::sip::matching::{
    Call, Failure, Hosting, Joining, Matcher, Outcome, Pin, RuleReason, TrunkReason, judge,
};
use livekit::sip::{DispatchRule, InboundTrunk, RoomConfig, RuleAgent, RuleKind, Secret};

use crate::{FROM, OTHER, TO, callee, direct, rule, texts, trunk};

fn call() -> Call {
    Call { source: "54.172.60.1".parse().ok(), ..Call::new(TO, FROM) }
}

fn joining(outcome: &Outcome) -> &Joining {
    match outcome {
        Outcome::Joins(joining) => joining,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_correct_set_up_puts_the_caller_into_a_room_of_its_own() {
    let room_config =
        RoomConfig { agents: vec![RuleAgent::new("telephony-agent", "{}")], ..Default::default() };
    let static_rule = DispatchRule {
        numbers: texts(&[TO]),
        attributes: [("routed".to_owned(), "static".to_owned())].into(),
        room_config: Some(room_config),
        ..rule("SDR_2", &["ST_1"])
    };
    let (trunks, rules) = ([trunk("ST_1", &[TO])], [rule("SDR_1", &["ST_1"]), static_rule]);
    let verdict = judge(&trunks, &rules, &call());
    assert_eq!((verdict.trunk.as_deref(), verdict.rule.as_deref()), (Some("ST_1"), Some("SDR_2")));
    let joining = joining(&verdict.outcome);
    assert_eq!(joining.room.to_string(), "in_+15557654321_…");
    assert_eq!(
        (joining.identity.as_str(), joining.name.as_str()),
        ("sip_+15551234567", "Phone +15551234567")
    );
    assert_eq!(joining.attributes["routed"], "static");
    assert_eq!(joining.attributes["sip.trunkID"], "ST_1");
    assert_eq!(joining.agents[0].agent_name, "telephony-agent");
    assert_eq!(joining.ringing_timeout, Some(Duration::from_secs(35)));
    assert_eq!(verdict.trunks[0].reason.to_string(), "chosen: it has +15557654321");
    assert_eq!(verdict.rules[0].reason.to_string(), "the rule SDR_2 is more specific");
    let heard = verdict.heard(Hosting::SelfHosted);
    assert_eq!(
        heard.words,
        "it rings in the room in_+15557654321_… until the agent telephony-agent answers; after 35 s it is busy (486)"
    );
    assert_eq!(heard.sip_status, Some(486));
}

#[test]
fn why_a_trunk_is_not_chosen() {
    let others = InboundTrunk { allowed_numbers: texts(&["+15550009999"]), ..trunk("ST_2", &[TO]) };
    let elsewhere = InboundTrunk { allowed_addresses: texts(&["10.0.0.0/8"]), ..trunk("ST_3", &[TO]) };
    let any = trunk("ST_4", &[]);
    let trunks = [trunk("ST_1", &[TO]), others, elsewhere, any, trunk("ST_5", &[OTHER])];
    let verdict = judge(&trunks, &[], &call());
    let to = || TO.to_owned();
    let reasons: Vec<TrunkReason> = verdict.trunks.into_iter().map(|one| one.reason).collect();
    assert_eq!(
        reasons,
        [
            TrunkReason::Chosen { to: to() },
            TrunkReason::CallerNotAllowed { from: FROM.to_owned() },
            TrunkReason::SourceNotAllowed { source: "54.172.60.1".to_owned() },
            TrunkReason::AnotherHasNumber { to: to() },
            TrunkReason::NotItsNumber { to: to() },
        ]
    );
    assert_eq!(verdict.outcome, Outcome::NoRule { pin_typed: false });
}

#[test]
fn why_a_rule_is_not_chosen() {
    let number = |id: &str, number: &str| DispatchRule { numbers: texts(&[number]), ..rule(id, &["ST_1"]) };
    let caller =
        |id: &str, number: &str| DispatchRule { inbound_numbers: texts(&[number]), ..rule(id, &["ST_1"]) };
    let rules = [
        rule("SDR_a", &["ST_1"]),
        rule("SDR_b", &["ST_2"]),
        rule("SDR_c", &["ST_gone"]),
        rule("SDR_d", &[]),
        number("SDR_e", OTHER),
        number("SDR_f", "15557654321"),
        caller("SDR_g", "+15550009999"),
        caller("SDR_h", "(155) 512-34567"),
        caller("SDR_i", TO),
        DispatchRule { kind: direct("meeting", "1234"), ..rule("SDR_j", &["ST_1"]) },
    ];
    let trunks = [trunk("ST_1", &[TO]), trunk("ST_2", &[OTHER])];
    let skipped = Call { pin: Pin::Skipped, ..call() };
    let reasons = |call: &Call| -> Vec<RuleReason> {
        judge(&trunks, &rules, call).rules.into_iter().map(|one| one.reason).collect()
    };
    let (to, from) = (|| TO.to_owned(), || FROM.to_owned());
    let expected = [
        RuleReason::Chosen,
        RuleReason::ForOtherTrunks { trunks: texts(&["ST_2"]) },
        RuleReason::TrunkGone { trunks: texts(&["ST_gone"]) },
        RuleReason::TrunkHasItsOwn { chosen: "SDR_a".to_owned() },
        RuleReason::NotItsNumber { to: to() },
        RuleReason::NumberWrittenOtherwise { to: to(), written: "15557654321".to_owned() },
        RuleReason::NotItsCaller { from: from() },
        RuleReason::CallerWrittenOtherwise { from: from(), written: "(155) 512-34567".to_owned() },
        RuleReason::CalledNumberAsCaller { from: from(), to: to() },
        RuleReason::WantsPin,
    ];
    assert_eq!(reasons(&skipped), expected);
    let typed = |pin: &str| reasons(&Call { pin: Pin::Typed(Secret::new(pin)), ..call() });
    assert_eq!(typed("1234")[9], RuleReason::Chosen);
    assert_eq!(typed("1234")[0], RuleReason::WantsNoPin);
    assert_eq!(typed("9999")[9], RuleReason::OtherPin);
    for reason in expected {
        assert!(!reason.to_string().is_empty());
    }
}

#[test]
fn a_pin_is_asked_for_before_anything_else_and_a_wrong_one_ends_the_call() {
    let trunks = [trunk("ST_1", &[TO])];
    let pin = DispatchRule { kind: direct("meeting", "1234"), ..rule("SDR_2", &["ST_1"]) };
    let rules = [rule("SDR_1", &["ST_1"]), pin];
    let heard = |pin: Pin| {
        let verdict = judge(&trunks, &rules, &Call { pin, ..call() });
        (verdict.rule.clone(), verdict.heard(Hosting::SelfHosted).words)
    };
    let (rule, words) = heard(Pin::NotAsked);
    assert_eq!((rule.as_deref(), words.contains("asks for a PIN")), (Some("SDR_2"), true), "{words}");
    assert_eq!(heard(Pin::Skipped).0.as_deref(), Some("SDR_1"));
    assert_eq!(heard(Pin::Typed(Secret::new("1234"))).0.as_deref(), Some("SDR_2"));
    let (rule, words) = heard(Pin::Typed(Secret::new("9999")));
    assert_eq!((rule, words.contains("PIN is wrong")), (None, true), "{words}");
}

#[test]
fn a_hidden_caller_is_hidden_in_identity_name_and_attributes_but_the_called_number_is_not() {
    let trunks = [trunk("ST_1", &[TO])];
    let hidden = |kind: RuleKind| DispatchRule { hide_phone_number: true, kind, ..rule("SDR_1", &["ST_1"]) };
    let individual =
        RuleKind::Individual { prefix: "call".to_owned(), pin: Secret::default(), no_randomness: true };
    let verdict = judge(&trunks, &[hidden(individual)], &call());
    let to_caller = joining(&verdict.outcome);
    assert_eq!(to_caller.room.to_string(), "call_4567");
    assert_eq!(to_caller.name, "Phone 4567");
    assert_eq!(to_caller.identity.len(), "sip_".len() + 16);
    assert!(!format!("{to_caller:?}").contains(FROM));
    let verdict = judge(&trunks, &[hidden(callee("in"))], &call());
    assert_eq!(joining(&verdict.outcome).room.to_string(), "in_+15557654321_…");
    let nobody = judge(&trunks, &[hidden(callee("in"))], &Call { from: String::new(), ..call() });
    assert_eq!(joining(&nobody.outcome).name, "Phone ");
}

#[test]
fn a_trunk_with_user_and_password_keeps_out_a_carrier_that_has_none() {
    let auth = InboundTrunk {
        auth_username: "user".to_owned(),
        auth_password: Secret::new("password"),
        ..trunk("ST_1", &[TO])
    };
    let rules = [rule("SDR_1", &["ST_1"])];
    let verdict = judge(std::slice::from_ref(&auth), &rules, &call());
    assert_eq!(verdict.outcome, Outcome::NotSignedIn);
    assert_eq!(verdict.heard(Hosting::SelfHosted).sip_status, Some(401));
    assert_eq!(verdict.rules[0].reason, RuleReason::NotAsked);
    let signed_in = judge(std::slice::from_ref(&auth), &rules, &Call { signs_in: true, ..call() });
    assert_eq!(signed_in.rule.as_deref(), Some("SDR_1"));
    let half = InboundTrunk { auth_password: Secret::default(), ..auth };
    assert_eq!(judge(&[half], &rules, &call()).rule.as_deref(), Some("SDR_1"), "nobody is asked");
}

#[test]
fn what_cannot_be_decided_is_a_503_for_whoever_calls() {
    let two = [trunk("ST_1", &[TO]), trunk("ST_2", &["1 (555) 765-4321"])];
    let verdict = judge(&two, &[rule("SDR_1", &[])], &call());
    let expected = Failure::TrunksShareNumber { first: "ST_1".to_owned(), second: "ST_2".to_owned() };
    assert_eq!(verdict.outcome, Outcome::Fails(expected));
    assert_eq!(verdict.heard(Hosting::Cloud).sip_status, Some(503));
    assert!(verdict.trunks.iter().all(|one| matches!(one.reason, TrunkReason::OneOfSeveral { .. })));

    let for_other = |id: &str| DispatchRule { numbers: texts(&[OTHER]), ..rule(id, &["ST_1"]) };
    let rules = [rule("SDR_1", &["ST_1"]), for_other("SDR_2"), for_other("SDR_3")];
    let verdict = judge(&[trunk("ST_1", &[TO])], &rules, &call());
    let Outcome::Fails(failure) = &verdict.outcome else { panic!("{:?}", verdict.outcome) };
    assert_eq!(
        failure.to_string(),
        "the rules SDR_2 and SDR_3 are both for ST_1, +15557654322, any caller, with the same PIN or none"
    );
    assert_eq!(verdict.rules[0].reason, RuleReason::NotAsked);
    assert_eq!(verdict.rules[2].reason, RuleReason::MakesAllFail);
    let elsewhere =
        judge(&[trunk("ST_2", &[TO])], &[rules.as_slice(), &[rule("SDR_9", &["ST_2"])]].concat(), &call());
    assert_eq!(elsewhere.rule.as_deref(), Some("SDR_9"), "calls of another trunk do not look at them");
    let without = judge(&[], &rules, &call());
    assert!(matches!(without.outcome, Outcome::Fails(_)), "calls without a trunk look at all rules");
}

#[test]
fn between_rules_that_are_equally_specific_kind_room_and_id_decide() {
    let trunks = [trunk("ST_1", &[TO])];
    let number = |id: &str, room: &str| DispatchRule {
        numbers: texts(&[TO]),
        kind: callee(room),
        ..rule(id, &["ST_1"])
    };
    let caller = |id: &str, room: &str| DispatchRule {
        inbound_numbers: texts(&[FROM]),
        kind: callee(room),
        ..rule(id, &["ST_1"])
    };
    let fixed = DispatchRule { inbound_numbers: texts(&[FROM]), ..rule("SDR_3", &["ST_1"]) };
    let fixed = DispatchRule { kind: direct("z", ""), ..fixed };
    for (rules, chosen) in [
        ([number("SDR_1", "in"), caller("SDR_2", "in")], "SDR_1"),
        ([number("SDR_2", "in"), caller("SDR_1", "in")], "SDR_1"),
        ([number("SDR_2", "a"), caller("SDR_1", "b")], "SDR_2"),
        ([number("SDR_2", "b"), caller("SDR_1", "a")], "SDR_1"),
        ([number("SDR_1", "a"), fixed], "SDR_3"),
    ] {
        assert_eq!(judge(&trunks, &rules, &call()).rule.as_deref(), Some(chosen), "{rules:?}");
    }
}

#[test]
fn addresses_of_a_carrier_are_judged_each() {
    let trunks = [trunk("ST_1", &[TO])];
    let rules = [rule("SDR_1", &["ST_1"])];
    let sources: Vec<IpAddr> =
        ["54.172.60.0", "54.172.60.3", "54.244.51.0"].iter().filter_map(|one| one.parse().ok()).collect();
    let outcomes = Matcher::new(&trunks, &rules).from_each(&call(), &sources);
    assert_eq!(outcomes.len(), 2);
    assert!(matches!(outcomes[0].0, Outcome::Joins(_)));
    assert_eq!(outcomes[0].1, sources[..2]);
    assert_eq!(outcomes[1], (Outcome::NoRule { pin_typed: false }, sources[2..].to_vec()));
}

#[test]
fn ten_thousand_numbers_with_a_rule_each_are_judged_in_a_moment() {
    let numbers: Vec<String> = (0..10_000).map(|n| format!("+1555{n:07}")).collect();
    let trunks = [InboundTrunk { numbers: numbers.clone(), ..trunk("ST_1", &[]) }];
    let of_number = |number: &String| DispatchRule {
        numbers: vec![number.clone()],
        ..rule(&format!("SDR_{number}"), &["ST_1"])
    };
    let rules: Vec<DispatchRule> = numbers.iter().map(of_number).collect();
    let matcher = Matcher::new(&trunks, &rules);
    for number in &numbers {
        let outcome = matcher.outcome(&Call { to: number.clone(), ..call() });
        assert_eq!(joining(&outcome).rule, format!("SDR_{number}"));
    }
}
