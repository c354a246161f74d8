//! The SIP API of a real livekit-server: what our client does with it, and what it refuses.

use std::time::Duration;

use livekit::Error;
use livekit::sip::lint::{Lint, lint};
use livekit::sip::matching::{Call, judge};
use livekit::sip::refusal::{self, Refusal};
use livekit::sip::{DispatchRule, InboundTrunk, RoomConfig, RuleAgent, RuleKind, Secret, SipApi};
use serde_json::json;

use crate::server::{LiveKit, answering, client};
use crate::{FROM, OTHER, TO, callee, direct, rule, texts, trunk};

/// What LiveKit answers to a request that it refuses.
fn refused<T: std::fmt::Debug>(answer: livekit::Result<T>) -> Option<String> {
    match answer {
        Ok(_) => None,
        Err(Error::Answered { code, message, .. }) => Some(format!("{code}: {message}")),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn trunks_and_rules_are_made_listed_replaced_and_deleted() {
    let Some(livekit) = LiveKit::start().await else { return };
    let client = livekit.client();
    assert_eq!(client.sip_api().await.expect("an answer"), SipApi::Present);
    assert_eq!(client.list_sip_inbound_trunks().await.expect("none"), []);

    let wanted = InboundTrunk { max_call_duration: Some(Duration::from_secs(3600)), ..trunk("", &[TO]) };
    let made = client.create_sip_inbound_trunk(&wanted).await.expect("a trunk");
    assert!(made.id.starts_with("ST_"), "{}", made.id);
    assert_eq!((&made.numbers, made.ringing_timeout), (&wanted.numbers, wanted.ringing_timeout));
    assert_eq!(made.include_headers, "SIP_X_HEADERS");
    let wanted = DispatchRule {
        numbers: texts(&[TO]),
        attributes: [("routed".to_owned(), "static".to_owned())].into(),
        room_config: Some(RoomConfig {
            agents: vec![RuleAgent::new("telephony-agent", "{}")],
            departure_timeout: 5,
            ..RoomConfig::default()
        }),
        ..rule("", &[&made.id])
    };
    let static_rule = client.create_sip_dispatch_rule(&wanted).await.expect("a rule");
    assert!(static_rule.id.starts_with("SDR_"), "{}", static_rule.id);
    client.create_sip_dispatch_rule(&rule("", &[&made.id])).await.expect("a catch-all");

    let (trunks, rules) = listed(&client).await;
    assert_eq!(trunks, std::slice::from_ref(&made));
    assert_eq!(lint(&trunks, &rules), []);
    let call = Call { source: "54.172.60.1".parse().ok(), ..Call::new(TO, FROM) };
    assert_eq!(judge(&trunks, &rules, &call).rule.as_ref(), Some(&static_rule.id));
    let kept = rules.iter().find(|rule| rule.id == static_rule.id).expect("the rule");
    assert_eq!(
        (&kept.numbers, &kept.attributes, &kept.kind),
        (&wanted.numbers, &wanted.attributes, &wanted.kind)
    );
    assert_eq!(kept.agents()[0].agent_name, "telephony-agent");
    assert_eq!(kept.room_config.as_ref().map(|config| config.departure_timeout), Some(5));

    let more = InboundTrunk { numbers: texts(&[TO, OTHER]), ringing_timeout: None, ..made.clone() };
    let replaced = client.replace_sip_inbound_trunk(&more).await.expect("replaced");
    assert_eq!(
        (replaced.id, replaced.numbers, replaced.ringing_timeout),
        (made.id.clone(), more.numbers, None)
    );
    let other = DispatchRule { numbers: texts(&[OTHER]), kind: callee("calls"), ..kept.clone() };
    let replaced = client.replace_sip_dispatch_rule(&other).await.expect("replaced");
    assert_eq!((replaced.numbers, replaced.kind), (texts(&[OTHER]), callee("calls")));

    for rule in &rules {
        client.delete_sip_dispatch_rule(&rule.id).await.expect("deleted");
        client.delete_sip_dispatch_rule(&rule.id).await.expect("gone already");
    }
    client.delete_sip_trunk(&made.id).await.expect("deleted");
    client.delete_sip_trunk(&made.id).await.expect("gone already");
    let (trunks, rules) = listed(&client).await;
    assert_eq!((trunks.len(), rules.len()), (0, 0));
    let gone = refused(client.replace_sip_inbound_trunk(&more_of(&made)).await).expect("gone");
    assert!(gone.starts_with("not_found"), "{gone}");
}

fn more_of(trunk: &InboundTrunk) -> InboundTrunk {
    InboundTrunk { numbers: texts(&[OTHER]), ..trunk.clone() }
}

async fn listed(client: &livekit::Client) -> (Vec<InboundTrunk>, Vec<DispatchRule>) {
    let trunks = client.list_sip_inbound_trunks().await.expect("the trunks");
    (trunks, client.list_sip_dispatch_rules().await.expect("the rules"))
}

#[tokio::test]
async fn what_this_client_does_not_know_survives_a_replacement() {
    let Some(livekit) = LiveKit::start().await else { return };
    let client = livekit.client();
    let json = json!({
        "name": "carrier", "numbers": [TO], "auth_username": "user", "auth_password": "password",
        "auth_realm": "realm", "media": { "only_listed_codecs": true, "media_timeout": "40s" },
    });
    let foreign = InboundTrunk::from_json(&json).expect("a trunk");
    let trunk = client.create_sip_inbound_trunk(&foreign).await.expect("a trunk");
    let json = json!({
        "trunk_ids": [trunk.id], "rule": { "dispatch_rule_individual": { "room_prefix": "call", "pin": "1234" } },
        "room_config": {
            "max_participants": 9, "tags": { "a": "1" },
            "agents": [{ "agent_name": "telephony-agent", "deployment": "blue" }],
        },
    });
    let foreign = DispatchRule::from_json(&json).expect("a rule");
    client.create_sip_dispatch_rule(&foreign).await.expect("a rule");

    let (mut trunks, mut rules) = listed(&client).await;
    let (mut trunk, mut rule) = (trunks.remove(0), rules.remove(0));
    assert_eq!(trunk.auth_password, Secret::new("password"), "livekit-server shows passwords to its admins");
    let (mut trunk_before, mut rule_before) = (trunk.to_json(), rule.to_json());
    trunk.name = "renamed".to_owned();
    rule.room_config.as_mut().expect("a config").departure_timeout = 5;
    client.replace_sip_inbound_trunk(&trunk).await.expect("replaced");
    client.replace_sip_dispatch_rule(&rule).await.expect("replaced");
    trunk_before["name"] = json!("renamed");
    rule_before["room_config"]["departure_timeout"] = json!(5);
    let (trunks, rules) = listed(&client).await;
    assert_eq!(trunks[0].to_json(), trunk_before);
    assert_eq!(rules[0].to_json(), rule_before);
    assert_eq!(rules[0].to_json()["room_config"]["agents"][0]["deployment"], "blue");
}

#[tokio::test]
async fn what_livekit_refuses_is_refused_beforehand_and_nothing_else() {
    let Some(livekit) = LiveKit::start().await else { return };
    let client = livekit.client();
    client.create_sip_inbound_trunk(&trunk("", &[TO])).await.expect("the first trunk");
    let some = InboundTrunk { allowed_numbers: texts(&[FROM]), ..trunk("", &[TO]) };
    let auth = InboundTrunk { auth_username: "user".to_owned(), ..InboundTrunk::default() };
    let header = |name: &str| InboundTrunk {
        headers: [(name.to_owned(), "told".to_owned())].into(),
        ..trunk("", &[OTHER])
    };
    for (wanted, sense) in [
        (InboundTrunk::default(), Some("one of the fields must be set")),
        (trunk("", &[TO]), Some("Conflicting inbound SIP Trunks")),
        (trunk("", &["1 (555) 765-4321", OTHER]), Some("Conflicting inbound SIP Trunks")),
        (some.clone(), None),
        (some, Some("AllowedNumber \"+15551234567\"")),
        (header("From"), Some("not supported")),
        (header("X A"), Some("invalid characters")),
        (trunk("", &[OTHER]), None),
        (trunk("", &[]), None),
        (trunk("", &[]), Some("using the same number(s) <any>")),
        (InboundTrunk { allowed_numbers: texts(&[FROM]), ..auth }, None),
    ] {
        let (trunks, _) = listed(&client).await;
        let ours = refusal::of_trunk(&wanted, &trunks);
        let theirs = refused(client.create_sip_inbound_trunk(&wanted).await);
        same_sense(theirs, ours, sense);
    }
    let (trunks, _) = listed(&client).await;
    let id = trunks[0].id.as_str();
    client.create_sip_dispatch_rule(&rule("", &[id])).await.expect("the first rule");
    let number = |number: &str| DispatchRule { numbers: texts(&[number]), ..rule("", &[id]) };
    for (wanted, sense) in [
        (DispatchRule::default(), Some("missing rule")),
        (rule("", &[id]), Some("already exists")),
        (rule("", &["ST_other", id]), Some("already exists")),
        (rule("", &["ST_other", "ST_other"]), Some("already exists")),
        (rule("", &[]), None),
        (rule("", &[]), Some("already exists")),
        (number(TO), None),
        (number("1 (555) 765-4321"), Some("already exists")),
        (DispatchRule { inbound_numbers: texts(&[FROM]), ..rule("", &[id]) }, None),
        (DispatchRule { kind: direct("meeting", "1234"), ..rule("", &[id]) }, None),
        (DispatchRule { kind: direct("another", "1234"), ..rule("", &[id]) }, Some("already exists")),
    ] {
        let (_, rules) = listed(&client).await;
        let ours = refusal::of_rule(&wanted, &rules);
        let theirs = refused(client.create_sip_dispatch_rule(&wanted).await);
        same_sense(theirs, ours, sense);
    }
}

/// Both refuse or neither; and LiveKit's words are those expected.
fn same_sense(theirs: Option<String>, ours: Option<Refusal>, expected: Option<&str>) {
    assert_eq!(theirs.is_some(), expected.is_some(), "{theirs:?} {ours:?}");
    assert_eq!(theirs.is_some(), ours.is_some(), "{theirs:?} {ours:?}");
    if let (Some(theirs), Some(expected)) = (theirs, expected) {
        assert!(theirs.starts_with("invalid_argument: ") && theirs.contains(expected), "{theirs}");
    }
}

/// LiveKit compares a replacement only with what has its new numbers or trunks already, and not with itself.
#[tokio::test]
async fn replacements_that_break_a_trunk_are_let_through_by_livekit_and_not_by_us() {
    let Some(livekit) = LiveKit::start().await else { return };
    let client = livekit.client();
    let first = client.create_sip_inbound_trunk(&trunk("", &[TO])).await.expect("a trunk");
    let second = client.create_sip_inbound_trunk(&trunk("", &[OTHER])).await.expect("a trunk");
    let rule_of_first = client.create_sip_dispatch_rule(&rule("", &[&first.id])).await.expect("a rule");
    let rule_of_second = client.create_sip_dispatch_rule(&rule("", &[&second.id])).await.expect("a rule");
    let (trunks, rules) = listed(&client).await;

    let moved = DispatchRule { trunk_ids: vec![first.id.clone()], ..rule_of_second };
    let expected = Refusal::KeyTaken { by: rule_of_first.id.clone() };
    assert_eq!(refusal::of_rule(&moved, &rules), Some(expected));
    client.replace_sip_dispatch_rule(&moved).await.expect("livekit-server lets it through");
    let taken = InboundTrunk { numbers: texts(&[TO]), ..second };
    let refused = refusal::of_trunk(&taken, &trunks);
    assert!(matches!(&refused, Some(Refusal::NumberTaken { by, .. }) if *by == first.id), "{refused:?}");
    client.replace_sip_inbound_trunk(&taken).await.expect("livekit-server lets it through");

    let (trunks, rules) = listed(&client).await;
    let found: Vec<Lint> = lint(&trunks, &rules).into_iter().map(|finding| finding.lint).collect();
    assert!(found.contains(&Lint::RulesShareKey) && found.contains(&Lint::TrunksShareNumber), "{found:?}");
}

#[tokio::test]
async fn the_sip_api_is_told_from_what_stands_in_its_place() {
    let Some(livekit) = LiveKit::start_without_redis().await else { return };
    assert_eq!(livekit.client().sip_api().await.expect("an answer"), SipApi::NoRedis);
    let stranger = livekit.client_with_a_wrong_secret();
    assert_eq!(stranger.sip_api().await.expect("an answer"), SipApi::Unauthorized);
    let refused = stranger.list_sip_inbound_trunks().await.expect_err("refused");
    assert!(!refused.is_retryable() && !refused.may_have_happened(), "{refused}");
}

#[tokio::test]
async fn something_else_at_the_url_is_no_sip_api() {
    let asked = async |status| client(&answering(status), "a-secret").sip_api().await;
    assert_eq!(asked("404 Not Found").await.expect("an answer"), SipApi::Absent);
    assert_eq!(asked("401 Unauthorized").await.expect("an answer"), SipApi::Unauthorized);
    assert_eq!(asked("403 Forbidden").await.expect("an answer"), SipApi::Unauthorized);
    let broken = asked("502 Bad Gateway").await.expect_err("neither");
    assert!(broken.is_retryable(), "{broken}");
    let nobody = client("http://127.0.0.1:9", "a-secret").sip_api().await.expect_err("nobody");
    assert!(matches!(nobody, Error::Unreachable { .. }), "{nobody}");
    let rule = DispatchRule { kind: RuleKind::default(), ..DispatchRule::default() };
    let lost = client(&answering("502 Bad Gateway"), "a-secret").create_sip_dispatch_rule(&rule).await;
    assert!(lost.expect_err("lost").may_have_happened());
}
