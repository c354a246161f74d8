//! From nothing to a trunk that is set up, and back.

use insta::assert_snapshot;
use serde_json::json;
use switchboard::db::Engine;
use switchboard::db::configuration::{self, Kind};
use switchboard::provision::Asked;

use super::world::{SIP_URI, World, with_rules};
use crate::app::Setup;
use crate::on_both_databases;

on_both_databases! {
    async fn a_trunk_is_set_up_from_nothing_and_taken_away_again(setup: Setup) {
        let Some(world) = World::new(setup.engine).await else { return };
        let tenant = world.tenant().await;
        world.assert_as_before(&tenant).await;
        let plan = world.plan(&tenant, &Asked::default()).await;
        assert_eq!(world.twilio.requests().iter().filter(|seen| seen.method != "GET").count(), 0);

        let applied = world.apply(&tenant, &Asked::default()).await;
        assert_eq!(applied.did, plan, "what was shown is what was done");
        world.assert_set_up(&tenant, 1).await;
        let found = world.found(&tenant).await;
        let trunk = &found.twilio[0];
        assert_eq!(
            (&trunk["secure"], &trunk["transfer_mode"], &trunk["cnam_lookup_enabled"]),
            (&json!(false), &json!("enable-all"), &json!(false))
        );
        let uri = &found.uris[0];
        assert_eq!(
            (&uri["sip_url"], &uri["priority"], &uri["weight"], &uri["enabled"]),
            (&json!(SIP_URI), &json!(10), &json!(10), &json!(true))
        );
        let trunk = &found.livekit[0];
        assert_eq!((&trunk["ringing_timeout"], &trunk["include_headers"]), (&json!("35s"), &json!("SIP_X_HEADERS")));
        assert_eq!(trunk["allowed_addresses"].as_array().unwrap().len(), 8);
        let callee = json!({"room_prefix": "in", "pin": "", "randomize": true});
        assert_eq!(found.rules[0]["rule"]["dispatch_rule_callee"], callee);
        world.unchanged(&tenant).await;
        assert_eq!(world.drift(&tenant).await, Vec::<String>::new());

        world.destroy(&tenant).await;
        world.assert_as_before(&tenant).await;
        assert!(world.destroy(&tenant).await.did.is_done(), "there is nothing any more");
    }

    async fn each_number_has_a_rule_that_names_its_agent_where_that_is_asked_for(setup: Setup) {
        let Some(world) = World::new(setup.engine).await else { return };
        let tenant = world.tenant().await;
        world.apply(&tenant, &with_rules()).await;
        world.assert_set_up(&tenant, 3).await;
        let found = world.found(&tenant).await;
        let rule = found.rules.iter().find(|rule| rule["numbers"] == json!([tenant.numbers[0]])).expect("a rule");
        assert_eq!(rule["attributes"], json!({"routed": "static"}));
        let agent = &rule["room_config"]["agents"][0];
        assert_eq!(agent["agent_name"], "reception");
        let told: serde_json::Value = serde_json::from_str(agent["metadata"].as_str().unwrap()).unwrap();
        assert_eq!((&told["to_number"], &told["call_id"]), (&json!(tenant.numbers[0]), &json!(null)));
        world.unchanged(&tenant).await;

        // Who answers is somebody else now.
        let text = format!("[[tenant]]\nname = \"{}\"\ndefault_agent = \"night\"\n", tenant.name);
        world.apply_routing(&text, &tenant.name).await;
        let drift = world.drift(&tenant).await;
        assert!(drift.len() == 2 && drift[0].contains("room_config.agents reception -> night"), "{drift:#?}");
        world.apply(&tenant, &Asked::default()).await;
        world.unchanged(&tenant).await;

        let without = Asked { static_rules: Some(false), ..Asked::default() };
        world.apply(&tenant, &without).await;
        world.assert_set_up(&tenant, 1).await;
        world.destroy(&tenant).await;
        world.assert_as_before(&tenant).await;
    }
}

#[tokio::test]
async fn a_plan_reads_like_a_diff() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    let plan = world.plan(&tenant, &with_rules()).await;
    let text = plan.lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    assert_snapshot!(text, @r#"
    + LiveKit inbound trunk "T0 main": numbers +14155550000, +14155550001, allowed_addresses 54.172.60.0/30, 54.244.51.0/30, 54.171.127.192/30, 35.156.191.128/30 and 4 more, ringing_timeout 35s, include_headers SIP_X_HEADERS
    + LiveKit dispatch rule for every call of the trunk
    + LiveKit dispatch rule for +14155550000: sends reception
    + LiveKit dispatch rule for +14155550001: sends reception
    ~ trunk T0 main: livekitTrunkId (none) -> (the new trunk)
    + Twilio trunk "T0 main": secure false, transferMode enable-all, cnamLookupEnabled false
    + origination URI sip:calls.example.com:5060;transport=tcp: priority 10, weight 10, enabled
    ~ trunk T0 main: twilioTrunkSid (none) -> (the new trunk)
    + number +14155550000: trunkSid (the new trunk)
    ~ number +14155550001: trunkSid (none) -> (the new trunk); takes its calls over from https://voice.example/in; `destroy` gives them back
    "#);
}

#[tokio::test]
async fn a_number_that_comes_is_put_on_the_trunk_and_one_that_goes_is_given_back() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    world.apply(&tenant, &Asked::default()).await;
    let third = world.twilio.add_number("+14155559999", &twilio::NumberType::Local);
    let text = format!(
        "[[tenant]]\nname = \"{}\"\n[[tenant.number]]\nnumber = \"+14155559999\"\n[[tenant.number]]\nnumber = \"{}\"\n\
         active = false\n",
        tenant.name, tenant.numbers[1]
    );
    world.apply_routing(&text, &tenant.name).await;
    world.apply(&tenant, &Asked::default()).await;
    let found = world.found(&tenant).await;
    let sid = &found.twilio[0]["sid"];
    assert_eq!(&world.twilio.get(&third).unwrap()["trunk_sid"], sid);
    assert_eq!(&found.numbers[0]["trunk_sid"], sid);
    assert_ne!(&found.numbers[1]["trunk_sid"], sid);
    assert_eq!(found.livekit[0]["numbers"], json!([tenant.numbers[0], "+14155559999"]));
    world.unchanged(&tenant).await;
}

#[tokio::test]
async fn a_trunk_that_was_archived_while_it_was_set_up_can_still_be_taken_away() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let tenant = world.tenant().await;
    world.apply(&tenant, &Asked::default()).await;
    let (id, now) = (tenant.trunk.clone(), world.clock.now());
    let archived = world.app.db.write(move |tx| configuration::archive(tx, Kind::Trunk, &[&id], now));
    archived.await.expect("it is archived");
    let refused = world.try_apply(&tenant, &Asked::default()).await.unwrap_err().to_string();
    assert!(refused.contains("provision destroy"), "{refused}");
    world.destroy(&tenant).await;
    let found = world.found(&tenant).await;
    assert!(found.twilio.is_empty() && found.livekit.is_empty() && found.rules.is_empty(), "{found:#?}");
    assert!(found.numbers.iter().all(|number| number["trunk_sid"].is_null() || number["trunk_sid"] == ""));
}

#[tokio::test]
async fn a_trunk_without_numbers_and_a_number_that_another_trunk_has_are_in_the_way() {
    let Some(world) = World::new(Engine::Sqlite).await else { return };
    let (tenant, other) = (world.tenant().await, world.tenant().await);
    let taken = json!({"trunk": {"name": "hand made", "numbers": [tenant.numbers[0]]}});
    let hand_made = world.livekit.sip("CreateSIPInboundTrunk", taken).await;
    let id = hand_made["sip_trunk_id"].as_str().unwrap();
    let refused = world.try_apply(&tenant, &Asked::default()).await.unwrap_err().to_string();
    assert!(
        refused.contains("nothing was done") && refused.contains(&format!("--adopt-livekit {id}")),
        "{refused}"
    );
    world.assert_as_before(&tenant).await;

    let text = format!(
        "[[tenant]]\nname = \"{}\"\n[[tenant.number]]\nnumber = \"{}\"\nactive = false\n[[tenant.number]]\nnumber = \
         \"{}\"\nactive = false\n",
        other.name, other.numbers[0], other.numbers[1]
    );
    world.apply_routing(&text, &other.name).await;
    let refused = world.try_apply(&other, &Asked::default()).await.unwrap_err().to_string();
    assert!(refused.contains("it has no numbers"), "{refused}");
    world.assert_as_before(&other).await;
}
