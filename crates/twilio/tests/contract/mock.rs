//! Each call against a mock of Twilio's description, which answers with Twilio's own examples.

use twilio::{
    AlertFilter, AvailableFilter, CallFilter, Cause, Client, NewNumber, NewOriginationUrl, NumberFilter,
    NumberType, NumberUpdate, OriginationUpdate, TrunkSettings,
};

use crate::prism::Prisms;
use crate::{client_of, contract};

const NUMBER: &str = "PN00000000000000000000000000000001";
const TRUNK: &str = "TK00000000000000000000000000000001";
const URL: &str = "OU00000000000000000000000000000001";

#[tokio::test]
async fn twilios_own_examples_are_read_and_what_its_description_does_not_allow_is_refused() {
    let Some(contract) = contract() else { return };
    let prisms = Prisms::start(&contract, None).await;
    let client = client_of(prisms.hosts());
    numbers(&client).await;
    records(&client).await;
    trunks(&client).await;
    refused(&client).await;
}

async fn numbers(client: &Client) {
    client.check_credentials().await.expect("good credentials").expect("an account");
    assert!(
        !client.numbers(&NumberFilter::default()).expect("a list").all().await.expect("numbers").is_empty()
    );
    for number_type in [NumberType::Local, NumberType::TollFree, NumberType::Mobile] {
        let filter = NumberFilter { number_type: Some(number_type.clone()), ..NumberFilter::default() };
        let found = client.numbers(&filter).expect("a list").all().await.expect("numbers");
        assert!(found.iter().all(|number| number.number_type == Some(number_type.clone())));
        let filter = AvailableFilter::default();
        client.available_numbers("US", &number_type, &filter).await.expect("numbers");
    }
    client.number(NUMBER).await.expect("an answer").expect("a number");
    client.update_number(NUMBER, &NumberUpdate::new().trunk_sid(Some(TRUNK))).await.expect("a number");
    let new = NewNumber { phone_number: "+14155550100".into(), ..NewNumber::default() };
    client.buy_number(&new).await.expect("a number");
    assert!(client.release_number(NUMBER).await.expect("an answer"));
    client.countries().await.expect("countries");
    client.country("US").await.expect("an answer").expect("a country");
}

async fn records(client: &Client) {
    // The mock gives the same example again, whatever page is asked for.
    let mut calls = client.calls(&CallFilter::default());
    assert!(calls.next_page().await.expect("a page").is_some_and(|page| !page.is_empty()));
    assert!(calls.next_page().await.expect("a page").is_some());
    assert!(matches!(calls.next_page().await.expect_err("a circle").cause(), Cause::Link(_)));
    client.call("CA00000000000000000000000000000001").await.expect("an answer").expect("a call");
    client.alerts(&AlertFilter::default()).all().await.expect("alerts");
}

async fn trunks(client: &Client) {
    client.trunks().all().await.expect("trunks");
    client.trunk(TRUNK).await.expect("an answer").expect("a trunk");
    client.create_trunk(&TrunkSettings::new().friendly_name("lk")).await.expect("a trunk");
    client.update_trunk(TRUNK, &TrunkSettings::new().secure(true)).await.expect("a trunk");
    assert!(client.delete_trunk(TRUNK).await.expect("an answer"));
    client.origination_urls(TRUNK).expect("a list").all().await.expect("URLs");
    client
        .create_origination_url(TRUNK, &NewOriginationUrl::new("sip:a.example", "lk"))
        .await
        .expect("a URL");
    let update = OriginationUpdate { weight: Some(1), ..OriginationUpdate::default() };
    client.update_origination_url(TRUNK, URL, &update).await.expect("a URL");
    assert!(client.delete_origination_url(TRUNK, URL).await.expect("an answer"));
    client.trunk_numbers(TRUNK).expect("a list").all().await.expect("numbers");
    client.attach_number(TRUNK, NUMBER).await.expect("a number");
    assert!(client.detach_number(TRUNK, NUMBER).await.expect("an answer"));
    client.recording(TRUNK).await.expect("an answer").expect("a recording");
    client.set_recording(TRUNK, &twilio::RecordingMode::DoNotRecord).await.expect("a recording");
}

async fn refused(client: &Client) {
    for sip_url in ["https://a.example/", "sips:a.example", ""] {
        let error = client.create_origination_url(TRUNK, &NewOriginationUrl::new(sip_url, "lk")).await;
        assert_eq!(error.expect_err(sip_url).answer().map(|answer| answer.status), Some(400));
    }
    let weightless = OriginationUpdate { weight: Some(0), ..OriginationUpdate::default() };
    client.update_origination_url(TRUNK, URL, &weightless).await.expect_err("a refusal");
    let unknown = TrunkSettings::new().transfer_mode(&"sometimes".into());
    client.create_trunk(&unknown).await.expect_err("a refusal");
    client.update_number(NUMBER, &NumberUpdate::new().trunk_sid(Some("TK1"))).await.expect_err("a refusal");
}
