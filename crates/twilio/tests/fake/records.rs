//! Calls and alerts.

use serde_json::json;
use twilio::{AlertFilter, CallFilter, CallStatus, Direction};

use crate::setup;

/// Noon of 2026-11-01 in UTC, in microseconds since the Unix epoch.
const NOON: i64 = 1_793_534_400_000_000;

#[tokio::test]
async fn a_call_is_read_with_its_duration_and_its_price() {
    let (twilio, client) = setup().await;
    let sid = twilio.add_call(json!({
        "from": "+15557654321", "to": "+14155550100", "duration": "15", "price": "-0.00450",
        "start_time": "Sun, 01 Nov 2026 12:00:00 +0000", "end_time": "Sun, 01 Nov 2026 12:00:15 +0000",
        "trunk_sid": "TK00000000000000000000000000000001",
    }));
    let call = client.call(&sid).await.expect("an answer").expect("a call");
    assert_eq!((call.start_time, call.end_time), (Some(NOON), Some(NOON + 15_000_000)));
    assert_eq!((call.duration_s, call.price.as_deref()), (Some(15), Some("-0.00450")));
    assert_eq!(call.status, Some(CallStatus::Completed));
    assert_eq!(call.direction, Some(Direction::TrunkingOriginating));
    assert_eq!(call.trunk_sid.as_deref(), Some("TK00000000000000000000000000000001"));
    assert_eq!(client.call("CA0000000000000000000000000000ffff").await.expect("an answer"), None);
}

#[tokio::test]
async fn calls_come_the_newest_first_from_a_moment_on() {
    let (twilio, client) = setup().await;
    for hour in 10..14 {
        twilio.add_call(json!({ "start_time": format!("Sun, 01 Nov 2026 {hour}:00:00 +0000") }));
    }
    let asked = |filter: CallFilter| client.calls(&filter).all();
    let since = CallFilter { started_since: Some(NOON), ..CallFilter::default() };
    let times: Vec<_> = asked(since).await.expect("calls").iter().map(|call| call.start_time).collect();
    assert_eq!(times, [Some(NOON + 3_600_000_000), Some(NOON)]);
    let between = CallFilter {
        started_since: Some(NOON - 3_600_000_000),
        started_until: Some(NOON + 999_999),
        ..CallFilter::default()
    };
    assert_eq!(asked(between).await.expect("calls").len(), 2);
    let last = twilio.requests().pop().expect("a request");
    assert_eq!(last.value("StartTime>"), Some("2026-11-01T11:00:00Z"));
    assert_eq!(last.value("StartTime<"), Some("2026-11-01T12:00:00Z"));
}

#[tokio::test]
async fn calls_are_found_by_who_called_whom_and_how_it_ended() {
    let (twilio, client) = setup().await;
    twilio.add_call(json!({ "to": "+14155550100", "status": "failed" }));
    twilio.add_call(json!({ "to": "+14155550101" }));
    let failed = CallFilter { status: Some(CallStatus::Failed), ..CallFilter::default() };
    assert_eq!(client.calls(&failed).all().await.expect("calls").len(), 1);
    let to = CallFilter { to: Some("+14155550101".into()), ..CallFilter::default() };
    assert_eq!(client.calls(&to).all().await.expect("calls").len(), 1);
    let from = CallFilter { from: Some("+10000000000".into()), ..CallFilter::default() };
    assert_eq!(client.calls(&from).all().await.expect("calls").len(), 0);
}

#[tokio::test]
async fn alerts_say_what_twilio_could_not_do() {
    let (twilio, client) = setup().await;
    twilio.add_alert(json!({ "error_code": "32011", "date_generated": "2026-11-01T11:00:00Z" }));
    twilio.add_alert(json!({ "error_code": "12100", "log_level": "warning" }));
    let all = client.alerts(&AlertFilter::default()).all().await.expect("alerts");
    assert_eq!(all.iter().map(|alert| alert.error_code).collect::<Vec<_>>(), [Some(12100), Some(32011)]);
    assert_eq!(all[1].date_generated, Some(NOON - 3_600_000_000));
    let filter =
        AlertFilter { log_level: Some("error".into()), since: Some(NOON - 7_200_000_000), until: Some(NOON) };
    let errors = client.alerts(&filter).all().await.expect("alerts");
    assert_eq!(errors.iter().map(|alert| alert.error_code).collect::<Vec<_>>(), [Some(32011)]);
}
