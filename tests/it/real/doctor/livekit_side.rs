//! What can be wrong at LiveKit.

use serde_json::json;

use super::setup::{NUMBERS, SetUp};

pub(super) async fn trunks(at: &SetUp) {
    let right = || at.change_trunk(json!({}));
    for (check, to_do, changes) in [
        ("livekit.numbers", "explain", json!({"numbers": [NUMBERS[0]]})),
        ("livekit.numbers", "explain", json!({"allowed_addresses": ["192.0.2.0/24"]})),
        ("livekit.other_lints", "both, or neither", json!({"auth_username": "carrier"})),
        ("livekit.other_lints", "ringing", json!({"ringing_timeout": "0s"})),
        ("livekit.caller_and_called_mixed_up", "numbers", json!({"allowed_numbers": [NUMBERS[0]]})),
    ] {
        at.finds((check, to_do), at.change_trunk(changes), right()).await;
    }
    // LiveKit itself refuses the second trunk while the number is on the first; a replace is not refused.
    let other = json!({"trunk": {"name": "other", "numbers": ["+14155550150"], "ringing_timeout": "35s",
                                 "allowed_addresses": ["54.172.60.0/30"]}});
    let other = at.livekit.sip("CreateSIPInboundTrunk", other).await;
    let id = other["sip_trunk_id"].as_str().expect("an id");
    at.change_rule(json!({"trunk_ids": [at.livekit_trunk, id]})).await;
    at.finds(
        ("livekit.trunks_share_number", "number"),
        async {
            let replace = json!({"name": "other", "numbers": [NUMBERS[0]], "ringing_timeout": "35s",
                                 "allowed_addresses": ["54.172.60.0/30"]});
            let body = json!({"sip_trunk_id": id, "replace": replace});
            at.livekit.sip("UpdateSIPInboundTrunk", body).await;
        },
        async {
            at.change_rule(json!({})).await;
            at.livekit.sip("DeleteSIPTrunk", json!({"sip_trunk_id": id})).await;
        },
    )
    .await;
    at.looks_right().await;
}

pub(super) async fn rules(at: &SetUp) {
    let right = || at.change_rule(json!({}));
    for (check, to_do, changes) in [
        ("livekit.trunk_without_catch_all", "rule", json!({"numbers": NUMBERS})),
        ("livekit.rule_for_any_trunk", "trunk", json!({"trunk_ids": []})),
        ("livekit.caller_and_called_mixed_up", "numbers", json!({"inbound_numbers": [NUMBERS[0]]})),
    ] {
        at.finds((check, to_do), at.change_rule(changes), right()).await;
    }
    let another = async |check: &str, to_do: &str, changes: serde_json::Value| {
        let id = at.add_rule(changes).await;
        at.finds((check, to_do), async {}, async {
            at.livekit.sip("DeleteSIPDispatchRule", json!({"sip_dispatch_rule_id": id})).await;
        })
        .await;
    };
    another("livekit.number_not_e164", "+", json!({"numbers": ["14155550101"]})).await;
    another("livekit.rule_for_gone_trunk", "trunk", json!({"trunk_ids": ["ST_gone"]})).await;
    at.looks_right().await;
}

pub(super) async fn reach(at: &SetUp) {
    at.finds_with(&[("LIVEKIT_URL", "http://127.0.0.1:1")], ("livekit.api", "LIVEKIT_URL")).await;
    let secret = "another-secret-of-at-least-32-characters";
    at.finds_with(&[("LIVEKIT_API_SECRET", secret)], ("livekit.api", "LIVEKIT_API_SECRET")).await;
    let gone = [("LIVEKIT_INBOUND_TRUNK_ID", "ST_gone")];
    at.finds_with(&gone, ("livekit.trunk_ids", "provision apply")).await;
}
