//! What can be wrong at Twilio.

use serde_json::json;
use twilio::NumberType;

use super::setup::{SIP_URI, SPARE, SetUp};

pub(super) async fn origination(at: &SetUp) {
    let (twilio, url) = (&at.twilio, at.url.as_str());
    at.finds(
        ("twilio.origination", "provision apply"),
        at.sets(url, "enabled", false),
        at.sets(url, "enabled", true),
    )
    .await;
    for (check, wrong) in [
        ("twilio.origination_host", "sip:somebody.sip.livekit.cloud;transport=tcp"),
        ("twilio.origination_user", "sip:+14155550101@abc123def.sip.livekit.cloud;transport=tcp"),
        ("twilio.origination_transport", "sip:abc123def.sip.livekit.cloud"),
        ("twilio.origination_transport", "sips:abc123def.sip.livekit.cloud;transport=tls"),
    ] {
        at.finds(
            (check, "provision apply"),
            at.sets(url, "sip_url", wrong),
            at.sets(url, "sip_url", SIP_URI),
        )
        .await;
    }
    let elsewhere =
        json!({"sip_url": "sip:pbx.example.com;transport=tcp", "friendly_name": "PBX", "priority": 10});
    let other = twilio.add_origination_url(&at.trunk, elsewhere);
    at.finds(("twilio.origination_other", "higher priority number"), async {}, at.removes(&other)).await;
}

pub(super) async fn trunk(at: &SetUp) {
    let trunk = at.trunk.as_str();
    let gone = "TKffffffffffffffffffffffffffffffff";
    at.finds(("twilio.trunk", "provision apply"), at.apply(gone, &[]), at.apply(trunk, &[])).await;
    at.finds(
        ("twilio.secure", "transport=tls"),
        at.sets(trunk, "secure", true),
        at.sets(trunk, "secure", false),
    )
    .await;
    at.finds(
        ("twilio.transfers", "provision apply"),
        at.sets(trunk, "transfer_mode", "disable-all"),
        at.sets(trunk, "transfer_mode", "enable-all"),
    )
    .await;
    let recording = |mode: &str| json!({"mode": mode, "trim": "do-not-trim"});
    at.finds(
        ("twilio.recording", "do not record"),
        at.sets(trunk, "recording", recording("record-from-answer")),
        at.sets(trunk, "recording", recording("do-not-record")),
    )
    .await;
    at.finds(
        ("twilio.symmetric_rtp", "console"),
        at.sets(trunk, "symmetric_rtp_enabled", true),
        at.sets(trunk, "symmetric_rtp_enabled", false),
    )
    .await;
}

pub(super) async fn numbers(at: &SetUp) {
    let (twilio, trunk, number) = (&at.twilio, at.trunk.as_str(), at.numbers[0].as_str());
    at.finds(("twilio.numbers", "release"), at.apply(trunk, &[SPARE]), async {
        at.switchboard.json(&["apply", "--prune", "routing.toml", "--json"]).await;
    })
    .await;
    // The file that is there now has the spare number; the one before had not.
    at.apply(trunk, &[]).await;
    at.switchboard.json(&["apply", "--prune", "routing.toml", "--json"]).await;
    let can = |voice: bool| json!({"voice": voice, "sms": true, "mms": true, "fax": false});
    at.finds(
        ("twilio.numbers_voice", "with voice"),
        at.sets(number, "capabilities", can(false)),
        at.sets(number, "capabilities", can(true)),
    )
    .await;
    at.finds(
        ("twilio.numbers_trunk", "provision apply"),
        at.sets(number, "trunk_sid", json!(null)),
        at.sets(number, "trunk_sid", trunk),
    )
    .await;
    at.finds(
        ("twilio.numbers_application", "clear the application"),
        at.sets(number, "voice_application_sid", "AP0123456789abcdef0123456789abcdef"),
        at.sets(number, "voice_application_sid", json!(null)),
    )
    .await;
    for (check, field, wrong, right, to_do) in [
        ("twilio.numbers_fax", "voice_receive_mode", "fax", "voice", "to voice"),
        ("twilio.numbers_status", "status", "pending", "in-use", "bundle"),
    ] {
        at.finds((check, to_do), at.sets(number, field, wrong), at.sets(number, field, right)).await;
    }
    let strange = twilio.add_number("+14155550177", &NumberType::Local);
    twilio.set(&strange, "trunk_sid", trunk);
    at.finds(("twilio.numbers_unknown", "numbers import"), async {}, at.removes(&strange)).await;
}

pub(super) async fn account(at: &SetUp) {
    let twilio = &at.twilio;
    let wrong = [("TWILIO_AUTH_TOKEN", "ffffffffffffffffffffffffffffffff")];
    at.finds_with(&wrong, ("twilio.credentials", "TWILIO_AUTH_TOKEN")).await;
    let nowhere = [("SWITCHBOARD_TWILIO__API_URL", "http://127.0.0.1:1")];
    at.finds_with(&nowhere, ("twilio.credentials", "api.twilio.com")).await;
    let set = async |field: &str, value: &str| {
        twilio.set_account(super::setup::ACCOUNT, field, value);
    };
    at.finds(("twilio.account", "Billing"), set("status", "suspended"), set("status", "active")).await;
    at.finds(("twilio.account", "upgrade"), set("type", "Trial"), set("type", "Full")).await;
    let alert = twilio.add_alert(json!({}));
    at.finds(("twilio.alerts", "livekit-sip"), async {}, at.removes(&alert)).await;
    let failed = json!({"status": "failed", "trunk_sid": at.trunk, "duration": "0"});
    let call = twilio.add_call(failed);
    at.finds(("twilio.failed_calls", "Monitor"), async {}, at.removes(&call)).await;
    at.looks_right().await;
}
