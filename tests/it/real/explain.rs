//! What LiveKit will do with a call, told from the trunks and rules that a real one has.

use serde_json::json;

use super::process::Process;
use crate::peers::RealLiveKit;
use crate::routing;

#[tokio::test]
async fn a_call_is_explained_from_livekits_own_trunks_and_rules_on() {
    let Some(livekit) = RealLiveKit::start_with_sip(&[]).await else { return };
    let process = Process::new(&livekit.url).with("LIVEKIT_API_KEY", livekit.key);
    let process = process.with("LIVEKIT_API_SECRET", livekit.secret);
    process.apply(&routing::file(routing::NUMBER, "telephony-agent")).await;
    let explain = ["explain", "--to", routing::NUMBER, "--from", "+14155550001", "--livekit", "--json"];

    let nothing = process.json(&explain).await;
    assert_eq!((&nothing["livekit"]["trunk"], &nothing["livekit"]["rules"]), (&json!(null), &json!([])));

    let trunk =
        json!({"name": "carrier", "numbers": [routing::NUMBER], "allowed_addresses": ["127.0.0.0/8"]});
    let trunk = livekit.sip("CreateSIPInboundTrunk", json!({"trunk": trunk})).await;
    let rule = json!({"dispatch_rule_callee": {"room_prefix": "in", "randomize": true}});
    let rule =
        livekit.sip("CreateSIPDispatchRule", json!({"dispatch_rule": {"name": "all", "rule": rule}})).await;
    let found = process.json(&explain).await;
    let verdict = &found["livekit"];
    assert_eq!(verdict["trunk"], trunk["sip_trunk_id"]);
    assert_eq!(verdict["rule"], rule["sip_dispatch_rule_id"]);
    assert_eq!(verdict["room"], format!("in_{}_…", routing::NUMBER));
    assert_eq!(found["decision"]["says"], "decided: telephony-agent answers", "{found:#}");

    let stranger = [&explain[..], &["--source", "192.0.2.1"]].concat();
    let refused = process.json(&stranger).await;
    assert_eq!(refused["livekit"]["trunk"], json!(null));
    assert!(
        refused["livekit"]["trunks"][0]["why"].as_str().is_some_and(|why| why.contains("allowed_addresses"))
    );
}
