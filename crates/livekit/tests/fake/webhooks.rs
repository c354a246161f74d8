//! How webhooks are delivered, and how they are made to go wrong.

use std::time::Duration;

use livekit::fake::{Outcome, Timing, WebhookFault};
use livekit::webhook::Event;

use crate::{SOON, Setup};

fn joined(event: &Event) -> bool {
    event.event == "participant_joined"
}

/// The outcomes of the tries to deliver the first event.
fn tries(setup: &Setup) -> Vec<Outcome> {
    let deliveries = setup.lk.deliveries();
    let first = deliveries[0].event.id.clone();
    deliveries.into_iter().filter(|it| it.event.id == first).map(|it| it.outcome).collect()
}

#[tokio::test]
async fn a_busy_or_broken_receiver_is_tried_again_and_the_order_kept() {
    let setup = Setup::quick().await;
    setup.hook.answer(&[500, 429, 503]);
    setup.ringing().await;
    setup.hook.hears("track_published sip").await;
    assert_eq!(tries(&setup), [500, 429, 503, 200].map(Outcome::Answered));
    assert_eq!(setup.hook.told(), ["room_started", "participant_joined sip", "track_published sip"]);
}

#[tokio::test]
async fn a_receiver_is_given_up_after_five_tries() {
    let setup = Setup::quick().await;
    setup.hook.answer(&[500; 5]);
    setup.ringing().await;
    setup.hook.hears("participant_joined sip").await;
    assert_eq!(tries(&setup), [500; 5].map(Outcome::Answered));
    assert!(!setup.hook.told().contains(&"room_started".to_owned()));
}

#[tokio::test]
async fn any_other_answer_counts_as_delivered() {
    for status in [204, 302, 400, 401, 404, 413, 501] {
        let setup = Setup::quick().await;
        setup.hook.answer(&[status]);
        setup.ringing().await;
        setup.hook.hears("participant_joined sip").await;
        assert_eq!(tries(&setup), [Outcome::Answered(status)]);
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_tried_again() {
    let setup = Setup::quick().await;
    setup.lk.set_webhooks(vec!["http://127.0.0.1:9/hook".to_owned()]);
    let gives_up =
        |lk: &livekit::fake::Fake| lk.deliveries().iter().filter(|it| it.attempt == 5).count() == 1;
    setup.lk.join("room", livekit::fake::Guest::person("alice"));
    assert!(setup.lk.until(gives_up, SOON).await);
    assert!(tries(&setup).iter().all(|outcome| matches!(outcome, Outcome::Failed(_))));
}

#[tokio::test]
async fn an_event_that_waited_too_long_is_dropped() {
    let setup = Setup::timed(Timing { max_age: Duration::from_millis(100), ..crate::quick() }).await;
    // The first waits 300 ms in all, and so the second is too old when its turn comes.
    setup.hook.answer(&[500; 4]);
    setup.ringing().await;
    let dropped = |lk: &livekit::fake::Fake| {
        lk.deliveries().iter().any(|it| it.outcome == Outcome::TooOld && joined(&it.event))
    };
    assert!(setup.lk.until(dropped, SOON).await);
    assert_eq!(setup.hook.told()[0], "room_started");
}

#[tokio::test]
async fn a_held_event_holds_up_its_room_and_no_other() {
    let setup = Setup::quick().await;
    let fault = setup.lk.faults().next_webhook(joined, WebhookFault::Held);
    let held = setup.ringing().await;
    assert!(fault.struck(SOON).await);
    let other = setup.ringing().await;
    let of_other =
        |event: &Event| joined(event) && event.room.as_ref().is_some_and(|room| room.name == other.room());
    setup.hook.event(of_other).await;
    let of_held =
        |event: &Event| joined(event) && event.room.as_ref().is_some_and(|room| room.name == held.room());
    assert!(!setup.hook.events().iter().any(of_held));
    fault.release();
    setup.hook.event(of_held).await;
}

#[tokio::test]
async fn a_lost_event_never_comes_but_the_next_does() {
    let setup = Setup::quick().await;
    let fault = setup.lk.faults().next_webhook(joined, WebhookFault::Lost);
    setup.ringing().await;
    setup.hook.hears("track_published sip").await;
    assert_eq!(setup.hook.told(), ["room_started", "track_published sip"]);
    assert_eq!(fault.strikes(), 1);
}

#[tokio::test]
async fn a_doubled_event_comes_twice_with_one_id() {
    let setup = Setup::quick().await;
    setup.lk.faults().next_webhook(joined, WebhookFault::Doubled);
    setup.ringing().await;
    setup.hook.hears("track_published sip").await;
    let ids: Vec<_> = setup.hook.events().into_iter().filter(joined).map(|event| event.id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_delayed_event_comes_late() {
    let setup = Setup::quick().await;
    let late = Duration::from_millis(200);
    let fault = setup.lk.faults().every_webhook(joined, WebhookFault::Delayed(late));
    setup.ringing().await;
    let begun = tokio::time::Instant::now();
    assert!(fault.struck(SOON).await);
    setup.hook.hears("participant_joined sip").await;
    assert!(begun.elapsed() >= late / 2);
}

#[tokio::test]
async fn clearing_the_faults_lets_go_what_they_hold() {
    let setup = Setup::quick().await;
    let fault = setup.lk.faults().next_webhook(joined, WebhookFault::Held);
    setup.ringing().await;
    assert!(fault.struck(SOON).await);
    setup.lk.faults().clear();
    setup.hook.hears("participant_joined sip").await;
}

#[tokio::test]
async fn every_url_gets_every_event() {
    let (first, second) = (Setup::quick().await, Setup::quick().await);
    first.lk.set_webhooks(vec![first.hook.url.clone(), second.hook.url.clone()]);
    first.ringing().await;
    first.hook.hears("participant_joined sip").await;
    second.hook.hears("participant_joined sip").await;
}
