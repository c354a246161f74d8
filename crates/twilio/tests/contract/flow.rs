//! Everything that the client can ask for, in an order in which it makes sense, through Twilio's description.

use twilio::fake::{Fake, Fault};
use twilio::{
    AlertFilter, AvailableFilter, CallFilter, CallStatus, Client, NewNumber, NewOriginationUrl, NumberFilter,
    NumberType, NumberUpdate, OriginationUpdate, TransferCallerId, TransferMode, TrunkSettings,
};

use crate::described::Described;
use crate::prism::Prisms;
use crate::{client_of, contract, furnished};

const SIP: &str = "sip:abc123.sip.livekit.cloud;transport=tcp";

#[tokio::test]
async fn all_that_is_asked_and_answered_fits_twilios_own_description() {
    let Some(contract) = contract() else { return };
    let twilio = furnished().await;
    let prisms = Prisms::start(&contract, Some(twilio.url())).await;
    let client = client_of(prisms.hosts());
    let sids = numbers(&client).await;
    trunk(&client, &twilio, &sids).await;
    buying(&client).await;
    records(&client).await;
    going_wrong(&client, &twilio).await;
    let described = Described::read(&contract);
    let asked = twilio.requests();
    assert!(asked.len() > 40, "only {} requests", asked.len());
    for seen in &asked {
        described.check(seen);
    }
    untrue(&client, &twilio).await;
}

/// What Twilio would not answer is found out: so the answers above were such that Twilio would give.
async fn untrue(client: &Client, twilio: &Fake) {
    let trunk = twilio.add_trunk(serde_json::json!({}));
    let url = client.create_origination_url(&trunk, &NewOriginationUrl::new(SIP, "lk")).await.expect("a URL");
    twilio.set(&url.sid, "weight", "ten");
    client.origination_urls(&trunk).expect("a list").all().await.expect_err("a violation");
}

async fn numbers(client: &Client) -> Vec<String> {
    client.check_credentials().await.expect("good credentials").expect("an account");
    let listed = client.numbers(&NumberFilter::default()).expect("a list").all().await.expect("numbers");
    assert_eq!(listed.len(), 9);
    for number_type in [NumberType::Local, NumberType::TollFree, NumberType::Mobile] {
        let filter = NumberFilter { number_type: Some(number_type.clone()), ..NumberFilter::default() };
        let found = client.numbers(&filter).expect("a list").all().await.expect("numbers");
        assert_eq!(found.len(), if number_type == NumberType::Local { 9 } else { 0 });
    }
    let sid = listed[0].sid.clone();
    let update = NumberUpdate::new()
        .friendly_name("Sales")
        .voice_url(Some("https://old.example/voice"))
        .voice_method("GET")
        .voice_fallback_url(Some("https://old.example/fallback"))
        .voice_fallback_method("GET")
        .voice_receive_mode("voice")
        .status_callback(Some("https://old.example/status"))
        .voice_application_sid(Some("AP00000000000000000000000000000001"));
    client.update_number(&sid, &update).await.expect("a number");
    let cleared = NumberUpdate::new().voice_application_sid(None).voice_fallback_url(None).trunk_sid(None);
    client.update_number(&sid, &cleared).await.expect("a number");
    let found = client.number(&sid).await.expect("an answer").expect("a number");
    assert_eq!(found.voice_url.as_deref(), Some("https://old.example/voice"));
    let by = NumberFilter {
        phone_number: Some(found.phone_number.clone()),
        friendly_name: Some("Sales".into()),
        ..NumberFilter::default()
    };
    assert_eq!(client.numbers(&by).expect("a list").all().await.expect("numbers"), [found]);
    listed.into_iter().map(|number| number.sid).collect()
}

async fn trunk(client: &Client, twilio: &Fake, sids: &[String]) {
    let settings = TrunkSettings::new()
        .friendly_name("lk")
        .domain_name(Some("lk-test.pstn.twilio.com"))
        .secure(false)
        .transfer_mode(&TransferMode::EnableAll)
        .transfer_caller_id(&TransferCallerId::FromTransferee)
        .cnam_lookup_enabled(false);
    let trunk = client.create_trunk(&settings).await.expect("a trunk").sid;
    let down = TrunkSettings::new().disaster_recovery_url(Some("https://acme.example/down"));
    client.update_trunk(&trunk, &down).await.expect("a trunk");
    let url = client.create_origination_url(&trunk, &NewOriginationUrl::new(SIP, "lk")).await.expect("a URL");
    assert_eq!((url.sip_url.as_str(), url.weight, url.priority), (SIP, 10, 10));
    let update =
        OriginationUpdate { priority: Some(0), enabled: Some(false), ..OriginationUpdate::default() };
    client.update_origination_url(&trunk, &url.sid, &update).await.expect("a URL");
    assert_eq!(client.origination_urls(&trunk).expect("a list").all().await.expect("URLs").len(), 1);
    for sid in &sids[..5] {
        client.attach_number(&trunk, sid).await.expect("a number");
    }
    assert_eq!(client.trunk_numbers(&trunk).expect("a list").all().await.expect("numbers").len(), 5);
    assert!(client.detach_number(&trunk, &sids[0]).await.expect("an answer"));
    assert!(!client.detach_number(&trunk, &sids[0]).await.expect("an answer"));
    client.recording(&trunk).await.expect("an answer").expect("a recording");
    client.set_recording(&trunk, &twilio::RecordingMode::FromAnswer).await.expect("a recording");
    for _ in 0..4 {
        twilio.add_trunk(serde_json::json!({}));
    }
    assert_eq!(client.trunks().all().await.expect("trunks").len(), 5);
    assert!(client.delete_origination_url(&trunk, &url.sid).await.expect("an answer"));
    assert!(client.delete_trunk(&trunk).await.expect("an answer"));
    assert_eq!(client.trunk(&trunk).await.expect("an answer"), None);
}

async fn buying(client: &Client) {
    client.countries().await.expect("countries");
    assert!(client.country("US").await.expect("an answer").is_some());
    let filter = AvailableFilter {
        area_code: Some("415".into()),
        contains: Some("41555601**".into()),
        in_region: Some("CA".into()),
        in_locality: Some("San Francisco".into()),
        voice: true,
        without_address: true,
        limit: Some(20),
    };
    let found = client.available_numbers("US", &NumberType::Local, &filter).await.expect("numbers");
    let phone_number = found.first().expect("a number").phone_number.clone();
    let new = NewNumber { phone_number, friendly_name: Some("New".into()), ..NewNumber::default() };
    let bought = client.buy_number(&new).await.expect("a number");
    assert_eq!(client.buy_number(&new).await.expect_err("a refusal").code(), Some(21422));
    assert!(client.release_number(&bought.sid).await.expect("an answer"));
    assert!(!client.release_number(&bought.sid).await.expect("an answer"));
}

async fn records(client: &Client) {
    let filter = CallFilter {
        to: Some("+15551234567".into()),
        from: Some("+15557654321".into()),
        status: Some(CallStatus::Completed),
        started_since: Some(1_793_534_400_000_000),
        started_until: Some(1_793_534_400_000_000),
    };
    let calls = client.calls(&filter).all().await.expect("calls");
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(client.call(&call.sid).await.expect("an answer").as_ref(), Some(call));
    let filter =
        AlertFilter { log_level: Some("error".into()), since: Some(0), until: Some(1_793_534_400_000_000) };
    assert_eq!(client.alerts(&filter).all().await.expect("alerts").len(), 1);
}

async fn going_wrong(client: &Client, twilio: &Fake) {
    twilio.faults().times(2, |_| true, Fault::TooMany(None));
    client.create_trunk(&TrunkSettings::new().friendly_name("again")).await.expect("a trunk");
    twilio.faults().next(|_| true, Fault::FailsBefore);
    client.trunks().all().await.expect("trunks");
}
