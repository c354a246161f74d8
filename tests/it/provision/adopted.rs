//! Trunks that were there before are taken as they are, and are what they were again afterwards.

use serde_json::{Value, json};
use switchboard::db::Engine;
use switchboard::provision::Asked;

use super::world::{SIP_URI, World};

#[tokio::test]
async fn what_was_there_is_adopted_and_restored() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    let trunk = world.twilio.add_trunk(json!({"friendly_name": "Old line", "secure": true,
        "transfer_mode": "sip-only", "recording": {"mode": "record-from-answer", "trim": "do-not-trim"}}));
    let uri = world
        .twilio
        .add_origination_url(&trunk, json!({"sip_url": SIP_URI, "friendly_name": "lk", "priority": 3}));
    let other = world
        .twilio
        .add_origination_url(&trunk, json!({"sip_url": "sip:pbx.example", "friendly_name": "pbx"}));
    let strange = world.twilio.add_number("+14155558888", &twilio::NumberType::Local);
    world.twilio.set(&strange, "trunk_sid", trunk.clone());
    world.twilio.set(&tenant.sids[0], "voice_application_sid", format!("AP{}", "a".repeat(32)));
    let old = json!({"trunk": {"name": "old", "numbers": [tenant.numbers[0], "+14155558888"],
        "krisp_enabled": true, "headers": {"X-A": "b"}, "metadata": "theirs"}});
    let old = world.livekit.sip("CreateSIPInboundTrunk", old).await;
    let id = old["sip_trunk_id"].as_str().unwrap().to_owned();
    let rule = json!({"dispatch_rule": {"name": "all", "trunk_ids": [id],
        "rule": {"dispatch_rule_individual": {"room_prefix": "call"}}, "metadata": "theirs"}});
    let rule = world.livekit.sip("CreateSIPDispatchRule", rule).await;
    let before = both(&world, [&trunk, &uri, &other, &tenant.sids[0], &tenant.sids[1]]).await;

    let asked =
        Asked { adopt_twilio: Some(trunk.clone()), adopt_livekit: Some(id.clone()), ..Asked::default() };
    let plan = world.plan(&tenant, &asked).await;
    assert!(plan.blocked, "another origination URI is in the way");
    let asked = Asked { take_over: true, ..asked };
    let applied = world.apply(&tenant, &asked).await;
    assert_eq!(applied.twilio_trunk_sid.as_ref(), Some(&trunk));
    assert_eq!(world.named(&tenant).await, (Some(trunk.clone()), Some(id.clone())));
    assert_eq!(world.twilio.trunks().len(), 1, "none was made");
    let now = listed(&world, "ListSIPInboundTrunk").await;
    assert_eq!(now.len(), 1);
    assert_eq!(now[0]["numbers"], json!([tenant.numbers[0], tenant.numbers[1], "+14155558888"]));
    assert_eq!((&now[0]["headers"], &now[0]["metadata"]), (&json!({"X-A": "b"}), &json!("theirs")));
    let rules = listed(&world, "ListSIPDispatchRule").await;
    assert_eq!((rules.len(), &rules[0]["sip_dispatch_rule_id"]), (1, &rule["sip_dispatch_rule_id"]));
    assert!(rules[0]["rule"]["dispatch_rule_callee"].is_object(), "{rules:#?}");
    world.unchanged(&tenant).await;
    assert_eq!(world.drift(&tenant).await, Vec::<String>::new(), "what was there before is no drift");

    world.destroy(&tenant).await;
    assert_eq!(both(&world, [&trunk, &uri, &other, &tenant.sids[0], &tenant.sids[1]]).await, before);
    assert_eq!(world.named(&tenant).await, (None, None));
}

#[tokio::test]
async fn a_trunk_that_asks_for_a_password_and_one_that_is_not_there_are_not_adopted() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    let trunk = json!({"trunk": {"name": "locked", "numbers": [tenant.numbers[0]], "auth_username": "u", "auth_password": "p"}});
    let trunk = world.livekit.sip("CreateSIPInboundTrunk", trunk).await;
    let id = trunk["sip_trunk_id"].as_str().unwrap().to_owned();
    let refusals = [
        (Asked { adopt_livekit: Some(id), ..Asked::default() }, "a user and a password"),
        (Asked { adopt_livekit: Some("ST_gone".into()), ..Asked::default() }, "no inbound trunk of this id"),
        (Asked { adopt_twilio: Some(format!("TK{}", "0".repeat(32))), ..Asked::default() }, "no such trunk"),
    ];
    for (asked, says) in refusals {
        let plan = world.plan(&tenant, &asked).await;
        assert!(plan.blocked && plan.lines.iter().any(|line| line.to_string().contains(says)), "{plan:#?}");
        assert!(world.try_apply(&tenant, &asked).await.is_err());
    }
    world.assert_as_before(&tenant).await;
}

/// Everything at both sides, without when it was written.
async fn both(world: &World, sids: [&str; 5]) -> Value {
    let mut all = json!({
        "twilio": sids.map(|sid| world.twilio.get(sid)),
        "trunks": listed(world, "ListSIPInboundTrunk").await,
        "rules": listed(world, "ListSIPDispatchRule").await,
    });
    without_times(&mut all);
    all
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "date_updated" | "updated_at"));
            fields.values_mut().for_each(without_times);
        }
        Value::Array(all) => all.iter_mut().for_each(without_times),
        // Twilio shows what is not set in one way or the other.
        Value::String(text) if text.is_empty() => *value = Value::Null,
        _ => {}
    }
}

async fn listed(world: &World, method: &str) -> Vec<Value> {
    world.livekit.sip(method, json!({})).await["items"].as_array().cloned().unwrap_or_default()
}
