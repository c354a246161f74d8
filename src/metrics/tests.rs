use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::Service;

use super::*;

/// Everything counted or measured once.
fn busy_day() -> Metrics {
    let metrics = Metrics::new();
    metrics.call_ended("completed", "caller_hung_up");
    metrics.decided(Duration::from_micros(20));
    metrics.asked(Answer::Agent, Duration::from_millis(3));
    metrics.asked(Answer::Reject, Duration::from_millis(3));
    metrics.asked(Answer::Problem, Duration::from_secs(2));
    metrics.ring_to_dispatch(Duration::from_millis(4));
    metrics.ring_to_answer(Duration::from_millis(400));
    metrics.webhook("participant_joined", WebhookOutcome::Kept);
    metrics.jobs(3, 1);
    metrics.database(Work::Write, WorkOutcome::Done, Duration::from_millis(1));
    metrics.busy("ask");
    metrics.dispatched("sent");
    metrics.reconciled("lost_webhook");
    metrics.carrier_polled("done");
    metrics.carrier_found("joined");
    metrics.sign_in("signed_in");
    metrics.hashed(Duration::from_millis(30));
    metrics.listeners(2);
    metrics.listeners_dropped(1);
    metrics.webhook_sent("delivered");
    metrics.webhooks_waiting(5);
    metrics
}

/// Samples by name and labels, checked against the grammar of the exposition.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut kinds = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let (body, end) = text.rsplit_once("# EOF\n").expect("an end");
    assert!(end.is_empty());
    for line in body.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and its kind");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is told of twice");
            continue;
        }
        if line.starts_with("# ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a sample and its value");
        let name = series.split('{').next().expect("a name");
        assert!(name.starts_with("switchboard_"), "{line}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let known = |suffix: &str| name.strip_suffix(suffix).is_some_and(|name| kinds.contains_key(name));
        assert!(["_total", "_bucket", "_sum", "_count", "_info", ""].into_iter().any(known), "{line}");
        let value = value.parse().expect("a number");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
    }
    samples
}

#[test]
fn the_exposition_parses_and_what_happens_moves_it() {
    let metrics = busy_day();
    let guard = metrics.in_flight();
    let samples = samples(&metrics.encode());
    let has = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("{series} in {samples:#?}"));
    assert_eq!(has(r#"switchboard_calls_ended_total{status="completed",end_reason="caller_hung_up"}"#), 1.0);
    assert_eq!(has("switchboard_decision_seconds_count"), 1.0);
    assert_eq!(has(r#"switchboard_decision_seconds_bucket{le="0.000025"}"#), 1.0);
    assert_eq!(has(r#"switchboard_decision_seconds_bucket{le="0.00001"}"#), 0.0);
    assert_eq!(has(r#"switchboard_ask_seconds_count{answer="agent"}"#), 1.0);
    assert_eq!(has("switchboard_ring_to_dispatch_seconds_sum"), 0.004);
    assert_eq!(has("switchboard_ring_to_answer_seconds_sum"), 0.4);
    assert_eq!(has(r#"switchboard_webhooks_total{event="participant_joined",outcome="kept"}"#), 1.0);
    assert_eq!((has("switchboard_jobs_waiting"), has("switchboard_jobs_late")), (3.0, 1.0));
    assert_eq!(has(r#"switchboard_database_seconds_count{kind="write",outcome="done"}"#), 1.0);
    assert_eq!(has("switchboard_requests_in_flight"), 1.0);
    assert_eq!(has(r#"switchboard_sign_ins_total{outcome="signed_in"}"#), 1.0);
    assert_eq!(has("switchboard_password_hashing_seconds_sum"), 0.03);
    assert_eq!(has(r#"switchboard_requests_busy_total{door="ask"}"#), 1.0);
    assert_eq!(has(r#"switchboard_dispatches_total{outcome="sent"}"#), 1.0);
    assert_eq!(has(r#"switchboard_reconcile_findings_total{finding="lost_webhook"}"#), 1.0);
    assert_eq!((has("switchboard_live_listeners"), has("switchboard_live_dropped_total")), (2.0, 1.0));
    assert_eq!(has(r#"switchboard_webhooks_sent_total{outcome="delivered"}"#), 1.0);
    assert_eq!(has("switchboard_webhooks_waiting"), 5.0);
    assert_eq!(has(concat!(r#"switchboard_build_info{version=""#, env!("CARGO_PKG_VERSION"), "\"}")), 1.0);
    drop(guard);
    assert!(metrics.encode().contains("\nswitchboard_requests_in_flight 0\n"));
}

#[test]
fn names_from_outside_make_no_new_series() {
    let metrics = Metrics::new();
    for name in ["made_up", "room_started\"} 1", "", "x".repeat(10_000).as_str()] {
        metrics.webhook(name, WebhookOutcome::Refused);
    }
    let samples = samples(&metrics.encode());
    assert_eq!(samples[r#"switchboard_webhooks_total{event="other",outcome="refused"}"#], 4.0);
}

#[tokio::test]
async fn the_listener_shows_metrics_and_nothing_else() {
    let mut app = router(busy_day());
    let request = |path: &str| Request::get(path).body(Body::empty()).expect("a request");
    let response = app.call(request("/metrics")).await.expect("infallible");
    assert_eq!(response.status(), 200);
    assert!(
        response.headers()[CONTENT_TYPE].to_str().expect("text").starts_with("application/openmetrics-text")
    );
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    samples(std::str::from_utf8(&body).expect("text"));
    assert_eq!(app.call(request("/")).await.expect("infallible").status(), 404);
}

/// Each `switchboard_…` in a text.
fn names_in(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices("switchboard_").map(|(at, _)| &text[at..]);
    let end = |name: &str| name.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(name.len());
    starts.map(|name| &name[..end(name)]).collect()
}

#[test]
fn the_dashboard_shows_only_what_there_is_and_all_of_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana/switchboard.json");
    let text = std::fs::read_to_string(path).expect("the dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = queries.map(|target| target["expr"].as_str().expect("a query")).collect();
    let used: BTreeSet<&str> = queries.iter().flat_map(|query| names_in(query)).collect();

    let exposition = busy_day().encode();
    let samples = samples(&exposition);
    let there: BTreeSet<&str> = samples.keys().flat_map(|series| names_in(series)).collect();
    assert!(used.is_subset(&there), "not there: {:?}", used.difference(&there));
    let whole = |names: &BTreeSet<&str>| -> BTreeSet<String> {
        let suffixes = ["_bucket", "_sum", "_count"];
        let bare = |name: &&str| {
            suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()
        };
        names.iter().map(bare).collect()
    };
    let (used, there) = (whole(&used), whole(&there));
    assert!(there.is_subset(&used), "not shown: {:?}", there.difference(&used));
}
