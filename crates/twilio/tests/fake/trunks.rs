//! Trunks, where they send their calls, and their numbers.

use serde_json::json;
use twilio::{
    NewOriginationUrl, NumberType, OriginationUpdate, RecordingMode, TransferCallerId, TransferMode,
    TrunkSettings,
};

use crate::setup;

const SIP: &str = "sip:abc123.sip.livekit.cloud;transport=tcp";

#[tokio::test]
async fn a_trunk_is_made_read_changed_and_deleted() {
    let (_twilio, client) = setup().await;
    let settings = TrunkSettings::new()
        .friendly_name("switchboard")
        .domain_name(Some("acme-1.pstn.twilio.com"))
        .secure(false)
        .transfer_mode(&TransferMode::EnableAll)
        .transfer_caller_id(&TransferCallerId::FromTransferor)
        .cnam_lookup_enabled(false)
        .disaster_recovery_url(Some("https://acme.example/down"));
    let made = client.create_trunk(&settings).await.expect("a trunk");
    assert_eq!(made.friendly_name.as_deref(), Some("switchboard"));
    assert_eq!(made.domain_name.as_deref(), Some("acme-1.pstn.twilio.com"));
    assert_eq!((made.secure, made.symmetric_rtp_enabled), (Some(false), Some(false)));
    assert_eq!(made.transfer_mode, Some(TransferMode::EnableAll));
    assert_eq!(made.transfer_caller_id, Some(TransferCallerId::FromTransferor));
    assert_eq!(made.recording.clone().and_then(|recording| recording.mode), Some(RecordingMode::DoNotRecord));
    assert_eq!(client.trunk(&made.sid).await.expect("an answer").as_ref(), Some(&made));
    let changed = TrunkSettings::new().secure(true).disaster_recovery_url(None);
    let changed = client.update_trunk(&made.sid, &changed).await.expect("a trunk");
    assert_eq!((changed.secure, changed.disaster_recovery_url), (Some(true), None));
    assert_eq!(changed.transfer_mode, Some(TransferMode::EnableAll));
    let recording = client.recording(&made.sid).await.expect("an answer").expect("a recording");
    assert_eq!(recording.mode, Some(RecordingMode::DoNotRecord));
    for mode in [RecordingMode::FromAnswer, RecordingMode::DoNotRecord] {
        assert_eq!(
            client.set_recording(&made.sid, &mode).await.expect("a recording").mode,
            Some(mode.clone())
        );
        let recording = client.recording(&made.sid).await.expect("an answer").expect("a recording");
        assert_eq!(recording.mode, Some(mode));
    }
    assert_eq!(client.trunks().all().await.expect("trunks").len(), 1);
    assert!(client.delete_trunk(&made.sid).await.expect("an answer"));
    assert!(!client.delete_trunk(&made.sid).await.expect("an answer"));
    assert_eq!(client.trunk(&made.sid).await.expect("an answer"), None);
    assert_eq!(client.recording(&made.sid).await.expect("an answer"), None);
}

#[tokio::test]
async fn a_domain_that_is_taken_is_refused_and_a_name_is_not() {
    let (_twilio, client) = setup().await;
    let settings = TrunkSettings::new().friendly_name("one").domain_name(Some("acme-1.pstn.twilio.com"));
    client.create_trunk(&settings).await.expect("a trunk");
    let error = client.create_trunk(&settings).await.expect_err("a refusal");
    assert_eq!(error.answer().map(|answer| answer.status), Some(400));
    assert!(error.to_string().contains("already in use"), "{error}");
    let named = TrunkSettings::new().friendly_name("one");
    client.create_trunk(&named).await.expect("a second trunk of that name");
}

#[tokio::test]
async fn a_trunk_sends_its_calls_where_it_is_told() {
    let (twilio, client) = setup().await;
    let trunk = twilio.add_trunk(json!({}));
    let made =
        client.create_origination_url(&trunk, &NewOriginationUrl::new(SIP, "livekit")).await.expect("a URL");
    assert_eq!((made.sip_url.as_str(), made.weight, made.priority, made.enabled), (SIP, 10, 10, true));
    assert_eq!(made.trunk_sid.as_deref(), Some(trunk.as_str()));
    let update =
        OriginationUpdate { priority: Some(20), enabled: Some(false), ..OriginationUpdate::default() };
    let changed = client.update_origination_url(&trunk, &made.sid, &update).await.expect("a URL");
    assert_eq!((changed.sip_url.as_str(), changed.priority, changed.enabled), (SIP, 20, false));
    let listed = client.origination_urls(&trunk).expect("a list").all().await.expect("URLs");
    assert_eq!(listed, [changed]);
    assert!(client.delete_origination_url(&trunk, &made.sid).await.expect("an answer"));
    assert!(!client.delete_origination_url(&trunk, &made.sid).await.expect("an answer"));
}

#[tokio::test]
async fn an_address_that_is_not_sip_is_refused() {
    let (twilio, client) = setup().await;
    let trunk = twilio.add_trunk(json!({}));
    for address in ["https://acme.example/", "sips:acme.example", "sip:"] {
        let url = NewOriginationUrl::new(address, "livekit");
        client.create_origination_url(&trunk, &url).await.expect_err(address);
    }
}

#[tokio::test]
async fn numbers_are_attached_listed_and_detached() {
    let (twilio, client) = setup().await;
    let (trunk, number) =
        (twilio.add_trunk(json!({})), twilio.add_number("+14155550100", &NumberType::Local));
    twilio.set(&number, "voice_application_sid", "AP00000000000000000000000000000001");
    twilio.set(&number, "voice_url", "https://old.example/");
    let attached = client.attach_number(&trunk, &number).await.expect("a number");
    assert_eq!(
        (attached.sid.as_str(), attached.trunk_sid.as_deref()),
        (number.as_str(), Some(trunk.as_str()))
    );
    assert_eq!((attached.voice_application_sid, attached.number_type), (None, None));
    let kept = client.number(&number).await.expect("an answer").expect("a number");
    assert_eq!(
        (kept.trunk_sid, kept.voice_url.as_deref()),
        (Some(trunk.clone()), Some("https://old.example/"))
    );
    let listed = client.trunk_numbers(&trunk).expect("a list").all().await.expect("numbers");
    assert_eq!(
        listed.iter().map(|number| number.phone_number.as_str()).collect::<Vec<_>>(),
        ["+14155550100"]
    );
    assert!(client.detach_number(&trunk, &number).await.expect("an answer"));
    assert!(!client.detach_number(&trunk, &number).await.expect("an answer"));
    let left = client.number(&number).await.expect("an answer").expect("a number");
    assert_eq!((left.trunk_sid, left.voice_application_sid), (None, None));
}

#[tokio::test]
async fn a_number_moves_from_one_trunk_to_another_and_outlives_both() {
    let (twilio, client) = setup().await;
    let (first, second) = (twilio.add_trunk(json!({})), twilio.add_trunk(json!({})));
    let number = twilio.add_numbers(1).remove(0);
    client.attach_number(&first, &number).await.expect("a number");
    client.attach_number(&second, &number).await.expect("a number");
    assert!(client.trunk_numbers(&first).expect("a list").all().await.expect("numbers").is_empty());
    client.delete_trunk(&second).await.expect("an answer");
    assert_eq!(client.number(&number).await.expect("an answer").expect("a number").trunk_sid, None);
}

#[tokio::test]
async fn no_more_than_ten_origination_urls_fit_a_trunk() {
    let (twilio, client) = setup().await;
    let trunk = twilio.add_trunk(json!({}));
    let url = NewOriginationUrl::new(SIP, "livekit");
    for _ in 0..10 {
        client.create_origination_url(&trunk, &url).await.expect("a URL");
    }
    client.create_origination_url(&trunk, &url).await.expect_err("the eleventh");
}
