//! Analytics: totals and groups of calls, in the time of the clock on the wall.

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::clock::{Clock, Timestamp};

use super::{Api, Said};
use crate::app::{Setup, TestApp};
use crate::says::Line;
use crate::{on_both_databases, routing};

/// Noon in New York on the day before the clocks were moved back.
const NOON: Timestamp = Timestamp::from_secs(1_762_012_800);

/// Some calls on the two days, told as LiveKit tells them: at noon, and in the hour that comes twice.
async fn app(setup: Setup) -> Option<TestApp> {
    let clock = Clock::manual(Timestamp::from_secs(NOON.secs() + 24 * 3600));
    let app = setup.clock(clock).start().await?;
    routing::acme(&app).await;
    routing::set(&app, "update tenants set time_zone = $1 where id = 'tnt_1'", "America/New_York").await;
    let line = |n: &str, seconds: i64| Line::new(n, Timestamp::from_secs(NOON.secs() + seconds));
    let talked = line("1", 0);
    for event in
        [talked.rings(), talked.agent_joined(400), talked.agent_spoke(1_500), talked.hangs_up(62_000)]
    {
        assert_eq!(app.event(&event).await.0, 200);
    }
    for (n, seconds) in [("2", 17 * 3600 + 1800), ("3", 18 * 3600 + 1800), ("4", 18 * 3600 + 1860)] {
        let missed = line(n, seconds - 4 * 3600);
        assert_eq!(app.event(&missed.rings()).await.0, 200);
        assert_eq!(app.event(&missed.hangs_up(9_000)).await.0, 200);
    }
    routing::set(&app, "update campaigns set status = $1 where id = 'cmp_1'", "paused").await;
    assert_eq!(app.event(&line("5", 60).rings()).await.0, 200);
    routing::set(&app, "update campaigns set status = $1 where id = 'cmp_1'", "active").await;
    assert_eq!(app.event(&line("6", 120).rings()).await.0, 200);
    let nobodys = Line { to: "+15550000000".to_owned(), ..line("7", 180) };
    assert_eq!(app.event(&nobodys.rings()).await.0, 200);
    Some(app)
}

async fn asked(api: &Api<'_>, query: &str) -> Said {
    api.get(&format!("/api/v1/analytics/calls?{query}")).await
}

/// The groups that have calls: key and volume.
fn volumes(said: &Said) -> Vec<(Value, Value)> {
    assert_eq!(said.status, 200, "{}", said.body);
    let groups = said.body["groups"].as_array().expect("groups");
    let some = groups.iter().filter(|group| group["volume"] != json!(0));
    some.map(|group| (group["key"].clone(), group["volume"].clone())).collect()
}

on_both_databases! {
    async fn totals_say_what_became_of_all_calls(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let said = asked(&api, "since=2025-11-01T00:00:00Z").await;
        let mut totals = said.body["totals"].clone();
        let decision = totals["timeToDecisionMs"].take();
        assert!(decision["p50"].is_i64(), "{decision}");
        assert_eq!(totals, json!({
            "volume": 6, "answered": 1, "completed": 1, "missed": 3, "rejected": 1, "failed": 0, "open": 1,
            "answerRate": 1.0 / 6.0, "rejectedByReason": {"campaign_paused": 1},
            "durationSeconds": {"total": 60, "average": 60.0}, "timeToDecisionMs": null,
            "timeToAnswerMs": {"p50": 1500, "p95": 1500, "p99": 1500},
        }));
        assert_eq!((&said.body["groups"], &said.body["timeZone"]), (&json!([]), &json!("America/New_York")));
        assert_eq!((&said.body["until"], &said.body["groupBy"]), (&json!("2025-11-02T16:00:00.000000Z"), &Value::Null));
        app.stop().await;
    }

    async fn days_and_hours_are_those_of_the_tenants_clock(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let days = asked(&api, "groupBy=day&since=2025-10-31T04:00:00Z&until=2025-11-03T05:00:00Z").await;
        let groups = days.body["groups"].as_array().expect("groups");
        let all: Vec<_> = groups.iter().map(|group| (&group["key"], &group["volume"], &group["endsAt"])).collect();
        assert_eq!(all, [
            (&json!("2025-10-31"), &json!(0), &json!("2025-11-01T04:00:00.000000Z")),
            (&json!("2025-11-01"), &json!(3), &json!("2025-11-02T04:00:00.000000Z")),
            (&json!("2025-11-02"), &json!(3), &json!("2025-11-03T05:00:00.000000Z")),
        ]);
        let hours = asked(&api, "groupBy=hour&since=2025-11-01T16:00:00Z&until=2025-11-02T12:00:00Z").await;
        assert_eq!(hours.body["groups"].as_array().map(Vec::len), Some(20));
        assert_eq!(volumes(&hours), [
            (json!("2025-11-01T12:00:00-04:00"), json!(3)),
            (json!("2025-11-02T01:00:00-04:00"), json!(1)),
            (json!("2025-11-02T01:00:00-05:00"), json!(2)),
        ]);
        let elsewhere = asked(&api, "groupBy=day&since=2025-11-01T00:00:00Z&timeZone=Asia/Kathmandu").await;
        assert_eq!(volumes(&elsewhere), [(json!("2025-11-01"), json!(3)), (json!("2025-11-02"), json!(3))]);
        app.stop().await;
    }

    async fn groups_have_the_names_that_people_know(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        for (by, key, name) in [
            ("number", "num_1", json!(routing::NUMBER)), ("campaign", "cmp_1", json!("New")),
        ] {
            let said = asked(&api, &format!("groupBy={by}&since=2025-11-01T00:00:00Z")).await;
            assert_eq!(volumes(&said), [(json!(key), json!(6))]);
            assert_eq!((&said.body["groups"][0]["name"], &said.body["leftOut"]), (&name, &json!(0)));
        }
        let agents = asked(&api, "groupBy=agent&since=2025-11-01T00:00:00Z").await;
        assert_eq!(volumes(&agents), [(json!("telephony-agent"), json!(5)), (Value::Null, json!(1))]);
        let reasons = asked(&api, "groupBy=endReason&since=2025-11-01T00:00:00Z").await;
        assert_eq!(volumes(&reasons)[0], (json!("caller_gave_up"), json!(3)));
        let statuses = asked(&api, "groupBy=status&since=2025-11-01T00:00:00Z").await;
        let mut statuses = volumes(&statuses);
        statuses.sort_by_key(|(key, _)| key.to_string());
        assert_eq!(statuses, [
            (json!("completed"), json!(1)), (json!("missed"), json!(3)), (json!("rejected"), json!(1)),
            (json!("ringing"), json!(1)),
        ]);
        app.stop().await;
    }

    async fn figures_are_narrowed_and_those_of_others_are_not_there(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let volume = async |api: &Api<'_>, query: &str| {
            let said = asked(api, &format!("since=2025-11-01T00:00:00Z&{query}")).await;
            assert_eq!(said.status, 200, "{}", said.body);
            said.body["totals"]["volume"].clone()
        };
        for (query, calls) in [
            ("numberId=num_1", 6), ("numberId=num_2", 0), ("campaignId=cmp_1", 6), ("campaignId=cmp_2", 0),
            ("agentName=telephony-agent", 5), ("agentName=nobody", 0), ("until=2025-11-02T00:00:00Z", 3),
        ] {
            assert_eq!(volume(&api, query).await, json!(calls), "{query}");
        }
        let platform = app.api(Role::Admin, None).await;
        assert_eq!(volume(&platform, "").await, json!(7));
        assert_eq!(volume(&platform, "tenantId=tnt_1").await, json!(6));
        let said = asked(&platform, "groupBy=number&since=2025-11-01T00:00:00Z").await;
        assert_eq!((&said.body["timeZone"], said.body["totals"]["rejectedByReason"]["unknown_number"].as_i64()), (&json!("UTC"), Some(1)));
        assert_eq!(volumes(&said), [(json!("num_1"), json!(6)), (Value::Null, json!(1))]);
        assert_eq!(asked(&platform, "tenantId=tnt_9").await.status, 404);
        let other = app.api(Role::Viewer, Some("tnt_9")).await;
        assert_eq!(asked(&other, "").await.status, 404);
        app.stop().await;
    }

    async fn what_cannot_be_added_up_is_said(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        for (query, wrong, detail) in [
            ("groupBy=week", "groupBy", "must be one of hour, day, number, campaign, agent, endReason, status"),
            ("timeZone=Mars/Olympus", "timeZone", "such as America/New_York"),
            ("since=2025-11-02T00:00:00Z&until=2025-11-01T00:00:00Z", "until", "later than since"),
            ("since=2024-01-01T00:00:00Z", "since", "at most 400 days before until"),
        ] {
            let said = asked(&api, query).await;
            let found = said.wrong();
            assert_eq!((said.status, found.len()), (422, 1), "{query}: {}", said.body);
            assert!(found[0].0 == wrong && found[0].1.contains(detail), "{query}: {found:?}");
        }
        app.stop().await;
    }
}
