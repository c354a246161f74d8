//! A real call's webhooks, as they were received, told again: in order, reversed, doubled, and with each one missing.
//!
//! `fixtures/answered-call.jsonl` is what livekit-server 1.13.5 sent of a phone that called, an agent of
//! livekit-agents 1.8.9 that answered and a caller who hung up after some seconds: one JSON object a line, with
//! `received_at` (seconds since the epoch), `content_type`, `authorization` and `body`.

use std::time::Duration;

use livekit::Credentials;
use livekit::fake::Fake;
use livekit::webhook;
use serde_json::Value;
use switchboard::call::{Call, EndReason, Status};
use switchboard::clock::{Clock, Timestamp};

use crate::app::{KEY, SECRET, Setup, TestApp};
use crate::on_both_databases;
use crate::{routing, world};

const RECORDING: &str = include_str!("fixtures/answered-call.jsonl");

#[derive(Clone)]
struct Heard {
    at: Timestamp,
    authorization: String,
    body: String,
}

impl Heard {
    /// `participant_left sip`
    fn name(&self) -> String {
        let event = webhook::parse(self.body.as_bytes()).expect("an event");
        let who = event.participant.map(|who| who.identity).unwrap_or_default();
        format!("{} {}", event.event, who.split(['_', '-']).next().unwrap_or_default()).trim_end().to_owned()
    }
}

fn recording() -> Vec<Heard> {
    let heard = RECORDING.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| line[name].as_str().expect("text").to_owned();
        #[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
        let micros = (line["received_at"].as_f64().expect("seconds") * 1e6) as i64;
        Heard { at: Timestamp::from_micros(micros), authorization: text("authorization"), body: text("body") }
    });
    heard.collect()
}

/// Tells these on a fresh server, and lets so much time pass that whatever can end a call has.
async fn replay(setup: Setup, told: &[Heard]) -> Option<Vec<Call>> {
    let clock = Clock::manual(recording()[0].at);
    let livekit = world::livekit(&clock, 0.02).await;
    let app = setup.clock(clock.clone()).livekit(livekit.url()).start().await?;
    routing::acme(&app).await;
    for one in told {
        clock.set(clock.now().max(one.at));
        let token = Credentials::new(KEY, SECRET);
        let (status, _) = app.event_of(&token, one.body.clone().into_bytes()).await;
        assert_eq!(status, 200);
    }
    let calls = settle(&app, &clock, &livekit).await;
    for call in &calls {
        consistent(call);
    }
    let leads = app.leads().await;
    assert_eq!((leads.len(), leads[0].attempts), (1, 1));
    let expected = if calls[0].outcome.status == Status::Completed { "completed" } else { "missed" };
    assert_eq!(leads[0].status, expected);
    app.stop().await;
    Some(calls)
}

/// A minute passes, in which reconcile looks four times; then every call is over.
async fn settle(app: &TestApp, clock: &Clock, livekit: &Fake) -> Vec<Call> {
    world::time_passes(clock, livekit, Duration::from_secs(60), 4).await;
    app.until(|calls| calls.iter().all(|call| !call.is_open()).then(|| calls.to_vec())).await
}

fn consistent(call: &Call) {
    let outcome = &call.outcome;
    let (Some(reason), Some(ended), Some(duration)) =
        (outcome.end_reason, outcome.ended_at, outcome.duration)
    else {
        panic!("it is open: {outcome:?}");
    };
    assert_eq!(reason.status(), outcome.status, "{outcome:?}");
    assert!(
        outcome.rang_at <= ended && outcome.answered_at.is_none_or(|at| outcome.rang_at <= at && at <= ended),
        "{outcome:?}"
    );
    let answered = outcome.answered_at.is_some();
    assert!(answered || outcome.status != Status::Completed, "{outcome:?}");
    assert!(!answered || outcome.status != Status::Missed, "{outcome:?}");
    assert_eq!(duration, outcome.answered_at.map_or(0, |at| ended.whole_seconds_since(at)), "{outcome:?}");
}

on_both_databases! {
    async fn in_order_reversed_or_doubled_it_is_the_same_call(setup: Setup) {
        let in_order = recording();
        let Some(calls) = replay(setup.clone(), &in_order).await else { return };
        let outcome = serde_json::to_string_pretty(&calls[0].outcome).unwrap();
        insta::allow_duplicates! { insta::assert_snapshot!(outcome, @r#"
        {
          "status": "completed",
          "endReason": "caller_hung_up",
          "rangAt": "2026-11-23T09:57:40.609000Z",
          "answeredAt": "2026-11-23T09:57:41.020504Z",
          "endedAt": "2026-11-23T09:57:45.000000Z",
          "duration": 3
        }
        "#) }
        let reversed: Vec<Heard> = in_order.iter().rev().cloned().collect();
        let doubled: Vec<Heard> = in_order.iter().flat_map(|heard| [heard.clone(), heard.clone()]).collect();
        let twice: Vec<Heard> = in_order.iter().chain(&reversed).cloned().collect();
        for (how, told) in [("reversed", reversed), ("doubled", doubled), ("twice", twice)] {
            let again = replay(setup.clone(), &told).await.expect("the same engine");
            assert_eq!(again.len(), 1, "{how}");
            assert_eq!(again[0].outcome, calls[0].outcome, "{how}");
            assert_eq!(again[0].evidence, calls[0].evidence, "{how}");
            assert_eq!(again[0].ring, calls[0].ring, "{how}");
        }
    }

    async fn with_any_one_missing_it_is_the_same_call_as_far_as_can_be_told(setup: Setup) {
        let in_order = recording();
        let Some(whole) = replay(setup.clone(), &in_order).await else { return };
        for missing in 0..in_order.len() {
            let mut told = in_order.clone();
            let name = told.remove(missing).name();
            let calls = replay(setup.clone(), &told).await.expect("the same engine");
            assert_eq!(calls.len(), 1, "without {name}");
            let outcome = &calls[0].outcome;
            assert_eq!(outcome.rang_at, whole[0].outcome.rang_at, "without {name}");
            match name.as_str() {
                // Nobody heard the agent speak.
                "track_published agent" => {
                    assert_eq!((outcome.status, outcome.end_reason), (Status::Missed, Some(EndReason::CallerGaveUp)));
                    assert_eq!(outcome.ended_at, whole[0].outcome.ended_at);
                }
                // Only the agent and the room are known to have gone, five seconds later.
                "participant_left sip" => {
                    assert_eq!(outcome.status, Status::Completed, "{outcome:?}");
                    assert_eq!((outcome.answered_at, outcome.end_reason), (whole[0].outcome.answered_at, Some(EndReason::Ended)));
                }
                _ => assert_eq!(*outcome, whole[0].outcome, "without {name}"),
            }
        }
    }

    async fn with_the_first_half_or_the_last_half_missing_it_is_over_all_the_same(setup: Setup) {
        let in_order = recording();
        for (first, last) in [(0, 2), (0, 4), (0, 5), (5, 10), (6, 10)] {
            let Some(calls) = replay(setup.clone(), &in_order[first..last]).await else { return };
            assert_eq!(calls.len(), 1, "{first}..{last}");
        }
    }

    async fn what_was_signed_then_is_refused_now(setup: Setup) {
        let clock = Clock::manual(recording()[0].at);
        let Some(app) = setup.clock(clock.clone()).start().await else { return };
        let first = &recording()[0];
        let tell = async || {
            let request = app.to(crate::app::EVENTS).header("authorization", &first.authorization);
            crate::app::answer(request.header("content-type", webhook::CONTENT_TYPE).body(first.body.clone())).await.0
        };
        assert_eq!(tell().await, 200, "as it was received");
        clock.advance(Duration::from_secs(600));
        assert_eq!(tell().await, 401, "its token ran out after five minutes");
        app.stop().await;
    }
}
