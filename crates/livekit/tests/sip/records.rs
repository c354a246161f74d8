//! What is read of a trunk or rule and written back: everything that was not changed, as it came.

use std::time::Duration;

use livekit::sip::{DispatchRule, InboundTrunk, RoomConfig, RuleAgent, RuleKind, Secret};
use serde_json::{Value, json};

use crate::{callee, texts};

fn a_trunk() -> Value {
    json!({
        "sip_trunk_id": "ST_1", "name": "main", "metadata": "", "numbers": ["+15557654321"],
        "allowed_addresses": [], "allowed_numbers": [], "auth_username": "user", "auth_password": "secret",
        "auth_realm": "realm", "headers": { "X-A": "1" }, "headers_to_attributes": {},
        "attributes_to_headers": {}, "include_headers": "SIP_FUTURE_HEADERS", "ringing_timeout": "25s",
        "max_call_duration": null, "krisp_enabled": false, "media_encryption": "SIP_MEDIA_ENCRYPT_DISABLE",
        "media": { "only_listed_codecs": true, "encryption": "SIP_MEDIA_ENCRYPT_REQUIRE" },
        "created_at": "2026-01-01T00:00:00Z", "something_new": { "a": [1, 2] },
    })
}

fn a_rule() -> Value {
    json!({
        "sipDispatchRuleId": "SDR_1", "name": "catch-all", "trunkIds": ["ST_1"], "numbers": [],
        "inboundNumbers": [], "hidePhoneNumber": false, "metadata": "", "attributes": { "a": "1", "b": "2" },
        "rule": { "dispatchRuleCallee": { "roomPrefix": "in", "pin": "1234", "randomize": true, "new": 7 } },
        "roomConfig": {
            "departureTimeout": 5, "maxParticipants": 9,
            "agents": [{ "agentName": "telephony-agent", "metadata": "{}", "deployment": "blue" }],
        },
        "somethingNew": "kept",
    })
}

#[test]
fn what_is_not_changed_is_written_as_it_was_read() {
    assert_eq!(InboundTrunk::from_json(&a_trunk()).expect("a trunk").to_json(), a_trunk());
    assert_eq!(DispatchRule::from_json(&a_rule()).expect("a rule").to_json(), a_rule());
}

#[test]
fn a_trunk_is_read_and_what_changes_is_written() {
    let mut trunk = InboundTrunk::from_json(&a_trunk()).expect("a trunk");
    assert_eq!(trunk.id, "ST_1");
    assert_eq!(trunk.numbers, ["+15557654321"]);
    assert!(trunk.asks_for_credentials());
    assert_eq!(trunk.ringing_timeout, Some(Duration::from_secs(25)));
    assert_eq!(trunk.media_encryption, "SIP_MEDIA_ENCRYPT_REQUIRE");
    assert_eq!(trunk.include_headers, "SIP_FUTURE_HEADERS");

    trunk.numbers = texts(&["+15557654322"]);
    trunk.ringing_timeout = Some(Duration::from_millis(35_500));
    trunk.media_encryption = "SIP_MEDIA_ENCRYPT_ALLOW".to_owned();
    trunk.headers.clear();
    let mut expected = a_trunk();
    expected["numbers"] = json!(["+15557654322"]);
    expected["ringing_timeout"] = json!("35.500000000s");
    expected["media_encryption"] = json!("SIP_MEDIA_ENCRYPT_ALLOW");
    expected["media"]["encryption"] = json!("SIP_MEDIA_ENCRYPT_ALLOW");
    expected["headers"] = json!({});
    assert_eq!(trunk.to_json(), expected);
}

#[test]
fn a_rule_is_read_and_what_changes_is_written() {
    let mut rule = DispatchRule::from_json(&a_rule()).expect("a rule");
    assert_eq!(rule.id, "SDR_1");
    assert_eq!(rule.agents()[0].agent_name, "telephony-agent");
    assert_eq!(rule.kind.pin(), "1234");
    let RuleKind::Callee { prefix, randomize: true, .. } = &rule.kind else { panic!("{:?}", rule.kind) };
    assert_eq!(prefix, "in");

    rule.numbers = texts(&["+15557654321"]);
    rule.attributes.remove("b");
    rule.kind = callee("calls");
    if let Some(config) = &mut rule.room_config {
        config.departure_timeout = 10;
        config.agents[0].metadata = "told".to_owned();
        config.agents.push(RuleAgent::new("second", ""));
    }
    let mut expected = a_rule();
    expected["numbers"] = json!(["+15557654321"]);
    expected["attributes"] = json!({ "a": "1" });
    let object = expected.as_object_mut().expect("an object");
    object.remove("roomConfig");
    object.insert(
        "room_config".into(),
        json!({
            "departure_timeout": 10, "maxParticipants": 9,
            "agents": [
                { "agentName": "telephony-agent", "metadata": "told", "deployment": "blue" },
                { "agent_name": "second" },
            ],
        }),
    );
    object.insert(
        "rule".into(),
        json!({ "dispatch_rule_callee": { "room_prefix": "calls", "randomize": true, "pin": "", "new": 7 } }),
    );
    assert_eq!(rule.to_json(), expected);
}

#[test]
fn a_new_one_says_only_what_was_set() {
    let trunk = InboundTrunk { numbers: texts(&["+15557654321"]), ..InboundTrunk::default() };
    assert_eq!(trunk.to_json(), json!({ "numbers": ["+15557654321"] }));
    let rule = DispatchRule {
        kind: callee("in"),
        room_config: Some(RoomConfig { departure_timeout: 5, ..RoomConfig::default() }),
        ..DispatchRule::default()
    };
    let callee = json!({ "room_prefix": "in", "randomize": true, "pin": "" });
    let expected =
        json!({ "rule": { "dispatch_rule_callee": callee }, "room_config": { "departure_timeout": 5 } });
    assert_eq!(rule.to_json(), expected);
}

#[test]
fn a_rule_of_a_kind_that_is_not_known_keeps_it() {
    let json = json!({ "sip_dispatch_rule_id": "SDR_1", "rule": { "dispatch_rule_future": { "a": 1 } } });
    let mut rule = DispatchRule::from_json(&json).expect("a rule");
    assert_eq!(rule.kind, RuleKind::Other("dispatch_rule_future".to_owned()));
    rule.name = "named".to_owned();
    assert_eq!(rule.to_json()["rule"], json["rule"]);
    let nothing = DispatchRule::from_json(&json!({ "rule": null })).expect("a rule");
    assert_eq!(nothing.kind, RuleKind::Other(String::new()));
    assert!(InboundTrunk::from_json(&json!("no object")).is_none());
}

#[test]
fn debug_shows_neither_password_nor_pin() {
    let trunk = InboundTrunk::from_json(&a_trunk()).expect("a trunk");
    let rule = DispatchRule::from_json(&a_rule()).expect("a rule");
    let shown = format!("{trunk:?} {rule:?} {:?}", Secret::new("secret"));
    assert!(!shown.contains("secret") && !shown.contains("1234"), "{shown}");
}
