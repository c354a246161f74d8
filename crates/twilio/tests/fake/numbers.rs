//! Numbers: read, changed, bought, released.

use serde_json::json;
use twilio::{AvailableFilter, NewNumber, NumberFilter, NumberType, NumberUpdate};

use crate::setup;

#[tokio::test]
async fn every_number_of_the_account_is_read_with_its_type() {
    let (twilio, client) = setup().await;
    let sid = twilio.add_number("+14155550100", &NumberType::Local);
    twilio.add_number("+18005550100", &NumberType::TollFree);
    twilio.set(&sid, "voice_url", "https://old.example/voice");
    let numbers = client.numbers(&NumberFilter::default()).expect("a list").all().await.expect("numbers");
    let types: Vec<_> = numbers.iter().map(|number| number.number_type.clone()).collect();
    assert_eq!(types, [Some(NumberType::Local), Some(NumberType::TollFree)]);
    let first = &numbers[0];
    assert_eq!((first.sid.as_str(), first.phone_number.as_str()), (sid.as_str(), "+14155550100"));
    assert_eq!(first.capabilities.voice, Some(true));
    assert_eq!(first.voice_url.as_deref(), Some("https://old.example/voice"));
    assert_eq!((&first.trunk_sid, &first.voice_application_sid), (&None, &None));
    assert_eq!(first.date_created, Some(1_793_534_400_000_000));
}

#[tokio::test]
async fn where_the_type_is_not_said_the_lists_of_each_type_say_it() {
    let (twilio, client) = setup().await;
    let sid = twilio.add_number("+447400000000", &NumberType::Mobile);
    twilio.add_number("+14155550100", &NumberType::Local);
    let filter = NumberFilter { number_type: Some(NumberType::Mobile), ..NumberFilter::default() };
    let mobile = client.numbers(&filter).expect("a list").all().await.expect("numbers");
    assert_eq!(mobile.len(), 1);
    assert_eq!((mobile[0].sid.as_str(), &mobile[0].number_type), (sid.as_str(), &Some(NumberType::Mobile)));
    let filter =
        NumberFilter { number_type: Some(NumberType::Other("voip".into())), ..NumberFilter::default() };
    assert!(client.numbers(&filter).is_err());
}

#[tokio::test]
async fn numbers_are_found_by_their_digits_and_their_name() {
    let (twilio, client) = setup().await;
    let sids = twilio.add_numbers(3);
    twilio.set(&sids[2], "friendly_name", "Sales & Co");
    let found = async |filter: NumberFilter| {
        let numbers = client.numbers(&filter).expect("a list").all().await.expect("numbers");
        numbers.into_iter().map(|number| number.sid).collect::<Vec<_>>()
    };
    let by_digits = NumberFilter { phone_number: Some("+1415555***1".into()), ..NumberFilter::default() };
    assert_eq!(found(by_digits).await, [sids[1].clone()]);
    let by_name = NumberFilter { friendly_name: Some("Sales & Co".into()), ..NumberFilter::default() };
    assert_eq!(found(by_name).await, [sids[2].clone()]);
}

#[tokio::test]
async fn a_number_that_is_not_there_is_nothing() {
    let (_twilio, client) = setup().await;
    let absent = "PN0000000000000000000000000000ffff";
    assert_eq!(client.number(absent).await.expect("an answer"), None);
    assert!(!client.release_number(absent).await.expect("an answer"));
    let error =
        client.update_number(absent, &NumberUpdate::new().friendly_name("x")).await.expect_err("an error");
    assert_eq!((error.code(), error.is_gone()), (Some(20404), true));
}

#[tokio::test]
async fn a_trunk_takes_the_application_away_and_leaves_the_voice_url() {
    let (twilio, client) = setup().await;
    let (number, trunk) = (twilio.add_numbers(1).remove(0), twilio.add_trunk(json!({})));
    let application = "AP00000000000000000000000000000001";
    let update =
        NumberUpdate::new().voice_url(Some("https://old.example/")).voice_application_sid(Some(application));
    let before = client.update_number(&number, &update).await.expect("a number");
    assert_eq!(before.voice_application_sid.as_deref(), Some(application));
    let attached =
        client.update_number(&number, &NumberUpdate::new().trunk_sid(Some(&trunk))).await.expect("a number");
    assert_eq!(
        (attached.trunk_sid.as_deref(), &attached.voice_application_sid),
        (Some(trunk.as_str()), &None)
    );
    assert_eq!(attached.voice_url.as_deref(), Some("https://old.example/"));
    let back = NumberUpdate::new().voice_application_sid(Some(application));
    let back = client.update_number(&number, &back).await.expect("a number");
    assert_eq!((back.trunk_sid, back.voice_application_sid.as_deref()), (None, Some(application)));
    let cleared = NumberUpdate::new().voice_application_sid(None).voice_url(None);
    let cleared = client.update_number(&number, &cleared).await.expect("a number");
    assert_eq!((cleared.voice_application_sid, cleared.voice_url), (None, None));
}

#[tokio::test]
async fn a_number_is_looked_for_then_bought_exactly_then_released() {
    let (twilio, client) = setup().await;
    twilio.sell("+14155550100", "US", &NumberType::Local);
    twilio.sell("+12125550100", "US", &NumberType::Local);
    twilio.sell_with_address("+4930555010", "DE", &NumberType::Local);
    let filter = AvailableFilter { area_code: Some("415".into()), voice: true, ..AvailableFilter::default() };
    let found = client.available_numbers("US", &NumberType::Local, &filter).await.expect("numbers");
    let [offer] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((offer.phone_number.as_str(), offer.iso_country.as_deref()), ("+14155550100", Some("US")));
    assert_eq!((offer.number_type.clone(), offer.capabilities.sms), (NumberType::Local, Some(true)));
    let new = NewNumber { phone_number: offer.phone_number.clone(), ..NewNumber::default() };
    let bought = client.buy_number(&new).await.expect("a number");
    assert_eq!(bought.phone_number, "+14155550100");
    let again = client.buy_number(&new).await.expect_err("a refusal");
    assert_eq!((again.code(), again.outcome()), (Some(21422), twilio::Outcome::Refused));
    assert!(client.release_number(&bought.sid).await.expect("an answer"));
    assert!(!client.release_number(&bought.sid).await.expect("an answer"));
}

#[tokio::test]
async fn what_cannot_be_bought_says_why() {
    let (twilio, client) = setup().await;
    twilio.sell_with_address("+4930555010", "DE", &NumberType::Local);
    let buys = async |phone_number: &str| {
        let new = NewNumber { phone_number: phone_number.to_owned(), ..NewNumber::default() };
        client.buy_number(&new).await.expect_err("a refusal").code()
    };
    assert_eq!(buys("+1").await, Some(21421));
    assert_eq!(buys("+14155550100").await, Some(21422));
    assert_eq!(buys("+4930555010").await, Some(21631));
}

#[tokio::test]
async fn a_country_says_which_types_of_numbers_it_has() {
    let (twilio, client) = setup().await;
    twilio.sell("+14155550100", "US", &NumberType::Local);
    twilio.sell("+18005550100", "US", &NumberType::TollFree);
    twilio.sell("+447400000000", "GB", &NumberType::Mobile);
    let countries = client.countries().await.expect("countries");
    let codes: Vec<_> = countries.iter().map(|country| country.country_code.as_str()).collect();
    assert_eq!(codes, ["GB", "US"]);
    let us = client.country("US").await.expect("an answer").expect("a country");
    assert_eq!(us.types, [NumberType::Local, NumberType::TollFree]);
    assert_eq!(client.country("AQ").await.expect("an answer"), None);
    assert!(client.country("../..").await.is_err());
    let none = client.available_numbers("GB", &NumberType::Local, &AvailableFilter::default()).await;
    assert!(none.expect_err("no local numbers").is_gone());
}
