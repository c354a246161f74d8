//! What is sent again by itself, what is not, and how many requests there are at once.

use std::time::Duration;

use serde_json::json;
use twilio::fake::Fault;
use twilio::{Cause, NewOriginationUrl, NumberFilter, Outcome, Retries, TrunkSettings};

use crate::{SOON, client_with, setup};

const SIP: &str = "sip:abc123.sip.livekit.cloud;transport=tcp";

#[tokio::test]
async fn too_many_requests_is_asked_again_whatever_was_asked() {
    let (twilio, client) = setup().await;
    let trunk = twilio.add_trunk(json!({}));
    twilio.faults().times(2, |_| true, Fault::TooMany(None));
    client.create_origination_url(&trunk, &NewOriginationUrl::new(SIP, "livekit")).await.expect("a URL");
    twilio.faults().times(2, |_| true, Fault::TooMany(Some(0)));
    client.trunks().all().await.expect("trunks");
    twilio.faults().times(2, |_| true, Fault::TooMany(None));
    client.delete_trunk(&trunk).await.expect("an answer");
    let statuses: Vec<_> = twilio.requests().iter().filter_map(|seen| seen.status).collect();
    assert_eq!(statuses, [429, 429, 201, 429, 429, 200, 429, 429, 204]);
}

#[tokio::test]
async fn too_many_requests_for_too_long_says_that_nothing_was_done() {
    let (twilio, client) = setup().await;
    twilio.faults().every(|_| true, Fault::TooMany(None));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    assert_eq!((error.code(), error.outcome()), (Some(20429), Outcome::NotProcessed));
    assert!(error.is_safe_to_repeat());
    assert_eq!(twilio.requests().len(), 6);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let (twilio, client) = setup().await;
    twilio.faults().next(|_| true, Fault::TooMany(Some(3600)));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    assert_eq!(error.answer().and_then(|answer| answer.retry_after), Some(Duration::from_secs(3600)));
    assert_eq!(twilio.requests().len(), 1);
}

#[tokio::test]
async fn what_reads_or_deletes_is_asked_again_after_anything_unclear() {
    for fault in [Fault::FailsBefore, Fault::FailsAfter, Fault::DropsBefore, Fault::DropsAfter] {
        let (twilio, client) = setup().await;
        let trunk = twilio.add_trunk(json!({}));
        twilio.faults().next(|_| true, fault.clone());
        assert_eq!(client.trunks().all().await.expect("trunks").len(), 1, "{fault:?}");
        twilio.faults().next(|_| true, fault.clone());
        client.delete_trunk(&trunk).await.expect("an answer");
        assert!(twilio.trunks().is_empty(), "{fault:?}");
        assert_eq!(twilio.requests().len(), 4, "{fault:?}");
    }
}

#[tokio::test]
async fn what_makes_something_is_not_asked_again_after_anything_unclear() {
    for (fault, made) in
        [(Fault::FailsBefore, 0), (Fault::FailsAfter, 1), (Fault::DropsBefore, 0), (Fault::DropsAfter, 1)]
    {
        let (twilio, client) = setup().await;
        twilio.faults().next(|_| true, fault.clone());
        let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
        assert_eq!(
            (error.outcome(), error.is_safe_to_repeat()),
            (Outcome::Unknown, false),
            "{fault:?} {error}"
        );
        assert_eq!((twilio.trunks().len(), twilio.requests().len()), (made, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn what_changes_something_says_that_it_may_be_asked_again() {
    for fault in [Fault::FailsAfter, Fault::DropsAfter] {
        let (twilio, client) = setup().await;
        let trunk = twilio.add_trunk(json!({}));
        twilio.faults().next(|_| true, fault);
        let settings = TrunkSettings::new().friendly_name("new");
        let error = client.update_trunk(&trunk, &settings).await.expect_err("an error");
        assert_eq!((error.outcome(), error.is_safe_to_repeat()), (Outcome::Unknown, true));
        assert_eq!(twilio.requests().len(), 1);
    }
}

#[tokio::test]
async fn no_answer_in_time_is_as_unclear_as_a_broken_connection() {
    let (twilio, _) = setup().await;
    let client = client_with(&twilio, |options| options.timeout = Duration::from_millis(300));
    let held = twilio.faults().every(|seen| seen.method == "POST", Fault::HeldBefore);
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("no answer");
    assert!(matches!(error.cause(), Cause::Timeout), "{error}");
    assert_eq!((error.outcome(), error.is_safe_to_repeat()), (Outcome::Unknown, false));
    held.release();
    // The pretend Twilio carries out what it received, though nobody waits for the answer any more.
    assert!(twilio.until(|twilio| twilio.trunks().len() == 1, SOON).await);
}

#[tokio::test]
async fn twilio_out_of_reach_has_done_nothing() {
    let (twilio, _) = setup().await;
    let client = client_with(&twilio, |options| options.retries = Retries::none());
    twilio.stop().await;
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("nobody there");
    assert!(matches!(error.cause(), Cause::Unreachable(_)), "{error}");
    assert_eq!((error.outcome(), error.is_safe_to_repeat()), (Outcome::NotProcessed, true));
}

#[tokio::test]
async fn no_more_than_four_requests_are_on_their_way_at_once() {
    let (twilio, client) = setup().await;
    twilio.add_numbers(3);
    let held = twilio.faults().every(|_| true, Fault::HeldBefore);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let client = client.clone();
        let pages = client.numbers(&NumberFilter::default()).expect("a list");
        asking.spawn(async move { pages.all().await.map(|numbers| numbers.len()) });
    }
    assert!(twilio.until(|twilio| twilio.at_once() == 4, SOON).await);
    held.release();
    for numbers in asking.join_all().await {
        assert_eq!(numbers.expect("numbers"), 3);
    }
    assert_eq!((twilio.most_at_once(), twilio.requests().len()), (4, 12));
}
