//! What somebody changes by hand at either side is found, each by itself, and set right.

use serde_json::{Value, json};
use switchboard::db::Engine;
use switchboard::provision::Asked;

use super::world::{Found, Tenant, World, with_rules};

/// What is changed at Twilio: of what, which field, to what; and what a comparison says of it.
const AT_TWILIO: [(&str, &str, &str, &str); 12] = [
    ("trunk", "friendly_name", r#""mine now""#, "friendlyName mine now -> "),
    ("trunk", "secure", "true", "secure true -> false"),
    ("trunk", "transfer_mode", r#""disable-all""#, "transferMode disable-all -> enable-all"),
    ("trunk", "cnam_lookup_enabled", "true", "cnamLookupEnabled true -> false"),
    (
        "trunk",
        "recording",
        r#"{"mode":"record-from-answer"}"#,
        "recording record-from-answer -> do-not-record",
    ),
    ("uri", "sip_url", r#""sip:other.example""#, "sipUrl sip:other.example -> sip:calls"),
    ("uri", "priority", "1", "priority 1 -> 10"),
    ("uri", "weight", "1", "weight 1 -> 10"),
    ("uri", "enabled", "false", "enabled false -> true"),
    ("uri", "friendly_name", r#""theirs""#, "friendlyName theirs -> "),
    ("number", "trunk_sid", "null", "trunkSid TK"),
    ("number", "voice_receive_mode", r#""fax""#, "voiceReceiveMode fax -> voice"),
];

/// What is changed of LiveKit's trunk or of its rule for every call, and what a comparison says of it.
const AT_LIVEKIT: [(&str, &str, &str, &str); 13] = [
    ("trunk", "name", r#""mine now""#, "name mine now -> "),
    ("trunk", "numbers", r#"["+14155550000"]"#, "numbers 1 -> 2 (+ +14155550001)"),
    ("trunk", "numbers", r#"["+14155550000","+14155550001","+14155557777"]"#, "(- +14155557777)"),
    ("trunk", "allowed_addresses", r#"["192.0.2.1"]"#, "allowed_addresses 192.0.2.1 -> 54.172.60.0/30"),
    ("trunk", "ringing_timeout", r#""5s""#, "ringing_timeout 5s -> 35s"),
    ("trunk", "include_headers", r#""SIP_NO_HEADERS""#, "include_headers"),
    ("rule", "name", r#""mine now""#, "name mine now -> "),
    ("rule", "inbound_numbers", r#"["+14155550000"]"#, "inbound_numbers +14155550000 -> (none)"),
    ("rule", "numbers", r#"["+14155550123"]"#, "numbers +14155550123 -> (none)"),
    ("rule", "hide_phone_number", "true", "hide_phone_number true -> false"),
    (
        "rule",
        "rule",
        r#"{"dispatch_rule_direct":{"room_name":"all"}}"#,
        "rule one room, all -> a room for each call",
    ),
    ("rule", "attributes", r#"{"routed":"static"}"#, "attributes.routed static -> (none)"),
    (
        "rule",
        "room_config",
        r#"{"agents":[{"agent_name":"x"}],"departure_timeout":5}"#,
        "room_config.agents x -> (none)",
    ),
];

#[tokio::test]
async fn each_edit_by_hand_is_found_by_itself_and_set_right() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    world.apply(&tenant, &Asked::default()).await;
    let found = world.found(&tenant).await;
    for (what, field, value, says) in AT_TWILIO {
        let sid = match what {
            "trunk" => &found.twilio[0]["sid"],
            "uri" => &found.uris[0]["sid"],
            _ => &found.numbers[0]["sid"],
        };
        let value: Value = serde_json::from_str(value).unwrap();
        assert!(world.twilio.set(sid.as_str().unwrap(), field, value));
        one_thing(&world, &tenant, &format!("{what} {field}"), says).await;
    }
    for (what, field, value, says) in AT_LIVEKIT {
        edit(&world, &found, what, field, serde_json::from_str(value).unwrap()).await;
        one_thing(&world, &tenant, &format!("{what} {field}"), says).await;
    }
    world.assert_set_up(&tenant, 1).await;
    world.destroy(&tenant).await;
    world.assert_as_before(&tenant).await;
}

#[tokio::test]
async fn what_is_taken_away_by_hand_is_made_again() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    world.apply(&tenant, &with_rules()).await;
    // One number says which trunk it is for, and says so still when LiveKit has given that another id.
    let (_, id) = world.named(&tenant).await;
    let text = format!(
        "[[tenant]]\nname = \"{}\"\n[[tenant.number]]\nnumber = \"{}\"\nlivekit_trunk = \"{}\"\n",
        tenant.name,
        tenant.numbers[0],
        id.expect("an id")
    );
    world.apply_routing(&text, &tenant.name).await;
    for round in 0..5 {
        let found = world.found(&tenant).await;
        let id = |value: &Value, name: &str| value[name].as_str().expect("an id").to_owned();
        match round {
            0 => assert!(world.twilio.remove(&id(&found.uris[0], "sid"))),
            1 => assert!(world.twilio.remove(&id(&found.twilio[0], "sid"))),
            2 => {
                let body = json!({"sip_trunk_id": id(&found.livekit[0], "sip_trunk_id")});
                world.livekit.sip("DeleteSIPTrunk", body).await;
            }
            3 => {
                let body = json!({"sip_dispatch_rule_id": id(&found.rules[0], "sip_dispatch_rule_id")});
                world.livekit.sip("DeleteSIPDispatchRule", body).await;
            }
            // All of LiveKit's, as when its redis is lost.
            _ => {
                for rule in &found.rules {
                    let body = json!({"sip_dispatch_rule_id": id(rule, "sip_dispatch_rule_id")});
                    world.livekit.sip("DeleteSIPDispatchRule", body).await;
                }
                let body = json!({"sip_trunk_id": id(&found.livekit[0], "sip_trunk_id")});
                world.livekit.sip("DeleteSIPTrunk", body).await;
            }
        }
        assert!(!world.drift(&tenant).await.is_empty(), "round {round}");
        world.apply(&tenant, &Asked::default()).await;
        world.assert_set_up(&tenant, 3).await;
        world.unchanged(&tenant).await;
    }
    world.destroy(&tenant).await;
    world.assert_as_before(&tenant).await;
}

#[tokio::test]
async fn another_origination_uri_is_in_the_way_until_somebody_says_to_switch_it_off() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    world.apply(&tenant, &Asked::default()).await;
    let trunk = world.found(&tenant).await.twilio[0]["sid"].as_str().unwrap().to_owned();
    let fields = json!({"sip_url": "sip:old.example", "friendly_name": "old", "priority": 1});
    let other = world.twilio.add_origination_url(&trunk, fields);
    one_of(&world.drift(&tenant).await, "sip:old.example");
    let refused = world.try_apply(&tenant, &Asked::default()).await.unwrap_err().to_string();
    assert!(refused.contains("--take-over"), "{refused}");
    world.apply(&tenant, &Asked { take_over: true, ..Asked::default() }).await;
    assert_eq!(world.twilio.get(&other).unwrap()["enabled"], json!(false));
    world.unchanged(&tenant).await;
}

#[tokio::test]
async fn a_number_that_somebody_puts_on_the_trunk_is_told_of_and_left() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    world.apply(&tenant, &Asked::default()).await;
    let trunk = world.found(&tenant).await.twilio[0]["sid"].as_str().unwrap().to_owned();
    let strange = world.twilio.add_number("+14155558888", &twilio::NumberType::Local);
    world.twilio.set(&strange, "trunk_sid", trunk.clone());
    one_of(&world.drift(&tenant).await, "+14155558888");
    world.apply(&tenant, &Asked::default()).await;
    assert_eq!(world.twilio.get(&strange).unwrap()["trunk_sid"], trunk);
    let refused = world.try_destroy(&tenant).await.unwrap_err().to_string();
    assert!(refused.contains("+14155558888"), "{refused}");
    world.assert_set_up(&tenant, 1).await;
}

/// A comparison finds this one thing; it is set right, and then there is nothing.
async fn one_thing(world: &World, tenant: &Tenant, what: &str, says: &str) {
    let drift = world.drift(tenant).await;
    assert!(drift.len() == 1 && drift[0].contains(says), "{what}: {drift:#?}");
    world.apply(tenant, &Asked::default()).await;
    assert_eq!(world.drift(tenant).await, Vec::<String>::new(), "{what}");
}

fn one_of(lines: &[String], says: &str) {
    assert!(lines.len() == 1 && lines[0].contains(says), "{says}: {lines:#?}");
}

/// Changes a field of LiveKit's trunk or rule, as somebody at its API would.
async fn edit(world: &World, found: &Found, what: &str, field: &str, value: Value) {
    let (method, id, mut now) = match what {
        "trunk" => ("UpdateSIPInboundTrunk", "sip_trunk_id", found.livekit[0].clone()),
        _ => ("UpdateSIPDispatchRule", "sip_dispatch_rule_id", found.rules[0].clone()),
    };
    now[field] = value;
    let body = json!({id: now[id].clone(), "replace": now});
    world.livekit.sip(method, body).await;
}
