//! Lists over many pages, and links that are not to be followed.

use serde_json::{Value, json};
use twilio::fake::{Fake, Fault};
use twilio::{Cause, Client, NumberFilter, Pages};

use crate::{client_with, setup};

async fn phone_numbers(client: &Client) -> twilio::Result<Vec<String>> {
    let numbers = client.numbers(&NumberFilter::default()).expect("a list").all().await?;
    Ok(numbers.into_iter().map(|number| number.phone_number).collect())
}

#[tokio::test]
async fn every_page_is_followed_in_both_of_twilios_forms() {
    let (twilio, _) = setup().await;
    let client = client_with(&twilio, |options| options.page_size = 4);
    twilio.add_numbers(9);
    let numbers = phone_numbers(&client).await.expect("numbers");
    assert_eq!(numbers.len(), 9);
    assert_eq!(numbers.iter().collect::<std::collections::BTreeSet<_>>().len(), 9);
    assert_eq!(twilio.requests().len(), 3);
    for _ in 0..9 {
        twilio.add_trunk(json!({}));
    }
    assert_eq!(client.trunks().all().await.expect("trunks").len(), 9);
    assert_eq!(twilio.requests().len(), 6);
    assert!(twilio.requests()[5].value("PageToken").is_some());
}

#[tokio::test]
async fn an_empty_list_is_one_empty_page() {
    let (twilio, client) = setup().await;
    let mut pages = client.trunks();
    assert_eq!(pages.next_page().await.expect("a page").map(|page| page.len()), Some(0));
    assert!(pages.next_page().await.expect("no page").is_none());
    assert!(pages.next_page().await.expect("no page").is_none());
    assert_eq!(twilio.requests().len(), 1);
}

#[tokio::test]
async fn a_list_holds_no_more_than_one_page_of_ten_thousand_numbers() {
    let (twilio, client) = setup().await;
    twilio.add_numbers(10_000);
    let mut pages = client.numbers(&NumberFilter::default()).expect("a list");
    let (mut seen, mut most) = (0, 0);
    while let Some(page) = pages.next_page().await.expect("a page") {
        seen += page.len();
        most = most.max(page.len());
    }
    assert_eq!((seen, most), (10_000, 500));
    assert_eq!(twilio.requests().len(), 20);
}

#[tokio::test]
async fn after_an_error_the_same_page_can_be_asked_for_again() {
    let (twilio, _) = setup().await;
    let client = client_with(&twilio, |options| {
        options.page_size = 4;
        options.retries = twilio::Retries::none();
    });
    twilio.add_numbers(9);
    twilio.faults().after(1, Fault::DropsBefore);
    let mut pages = client.numbers(&NumberFilter::default()).expect("a list");
    assert_eq!(pages.next_page().await.expect("a page").map(|page| page.len()), Some(4));
    assert!(pages.next_page().await.expect_err("a broken connection").is_safe_to_repeat());
    assert_eq!(pages.next_page().await.expect("a page").map(|page| page.len()), Some(4));
    assert_eq!(pages.next_page().await.expect("a page").map(|page| page.len()), Some(1));
    assert!(pages.next_page().await.expect("no page").is_none());
}

#[tokio::test]
async fn a_number_that_comes_or_goes_between_two_pages_moves_no_other() {
    let (twilio, _) = setup().await;
    let client = client_with(&twilio, |options| options.page_size = 4);
    let sids = twilio.add_numbers(8);
    let mut pages = client.numbers(&NumberFilter::default()).expect("a list");
    let first = pages.next_page().await.expect("a page").expect("numbers");
    twilio.remove(&sids[0]);
    twilio.remove(&sids[3]);
    let second = pages.next_page().await.expect("a page").expect("numbers");
    let seen: Vec<_> = first.into_iter().chain(second).map(|number| number.sid).collect();
    assert_eq!(seen, sids);
}

/// A list whose first page says that it goes on there.
fn goes_on_at(twilio: &Fake, client: &Client, link: &str) -> Pages<twilio::Trunk> {
    let body = json!({ "trunks": [], "meta": { "key": "trunks", "next_page_url": link } });
    twilio.faults().next(|_| true, Fault::json(200, &body));
    client.trunks()
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed_and_gets_no_credentials() {
    let (twilio, client) = setup().await;
    let (elsewhere, _) = setup().await;
    let link = format!("{}/v1/Trunks?Page=1&PageToken=PT1", elsewhere.url());
    for link in
        [link.as_str(), "https://evil.example/v1/Trunks", "//evil.example/", "\\\\evil.example", "mailto:x"]
    {
        let mut pages = goes_on_at(&twilio, &client, link);
        assert!(pages.next_page().await.expect("a page").is_some(), "{link}");
        let error = pages.next_page().await.expect_err(link);
        assert!(matches!(error.cause(), Cause::Link(_)) && !error.is_safe_to_repeat(), "{error}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_list_that_goes_round_in_circles_is_an_error() {
    let (twilio, client) = setup().await;
    let body = |link: &str| json!({ "trunks": [], "meta": { "key": "trunks", "next_page_url": link } });
    twilio.faults().next(|_| true, Fault::json(200, &body("/v1/Trunks?Page=1")));
    twilio.faults().next(|_| true, Fault::json(200, &body("/v1/Trunks?Page=2")));
    twilio.faults().next(|_| true, Fault::json(200, &body("/v1/Trunks?Page=1")));
    let error = client.trunks().all().await.expect_err("a circle");
    assert!(error.to_string().contains("followed before"), "{error}");
    assert_eq!(twilio.requests().len(), 3);
}

#[tokio::test]
async fn a_list_without_end_is_an_error() {
    let (twilio, _) = setup().await;
    let client = client_with(&twilio, |options| options.max_pages = 5);
    for page in 0..10 {
        let link = format!("/v1/Trunks?Page={page}");
        let body = json!({ "trunks": [], "meta": { "key": "trunks", "next_page_url": link } });
        twilio.faults().next(|_| true, Fault::json(200, &body));
    }
    let error = client.trunks().all().await.expect_err("too many pages");
    assert!(error.to_string().contains("more than 5 pages"), "{error}");
    assert_eq!(twilio.requests().len(), 5);
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error_and_breaks_nothing() {
    let (twilio, client) = setup().await;
    let answers: [Value; 6] = [
        json!(null),
        json!([]),
        json!({ "trunks": 5 }),
        json!({ "trunks": [5] }),
        json!({ "trunks": [{ "friendly_name": "x" }] }),
        json!({ "trunks": [{ "sid": "" }], "meta": [] }),
    ];
    for answer in answers {
        twilio.faults().next(|_| true, Fault::json(200, &answer));
        let error = client.trunks().all().await.expect_err("no list");
        assert!(matches!(error.cause(), Cause::Unreadable(_)), "{answer}: {error}");
    }
}

#[tokio::test]
async fn fields_that_are_odd_are_as_good_as_absent() {
    let (twilio, client) = setup().await;
    let odd = json!({
        "sid": "TK00000000000000000000000000000001", "secure": "TRUE", "transfer_mode": "new-mode",
        "auth_type_set": "x", "recording": 7, "date_created": 5, "friendly_name": null, "later": { "a": 1 },
    });
    twilio
        .faults()
        .next(|_| true, Fault::json(200, &json!({ "trunks": [odd], "meta": { "key": "trunks" } })));
    let trunks = client.trunks().all().await.expect("trunks");
    assert_eq!((trunks[0].secure, &trunks[0].recording, trunks[0].date_created), (Some(true), &None, None));
    assert_eq!(trunks[0].transfer_mode.as_ref().map(ToString::to_string).as_deref(), Some("new-mode"));
}
