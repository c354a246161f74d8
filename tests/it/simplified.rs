//! Ask only, with the user's simplified events and no LiveKit at all.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::call::{Call, EndReason, Status};
use switchboard::clock::{Clock, Timestamp};

use crate::app::Setup;
use crate::ask::{ask, with};
use crate::on_both_databases;
use crate::routing;
use crate::world;

const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

on_both_databases! {
    async fn the_end_of_the_room_completes_the_call_and_its_lead(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        app.ask(&ask("SIP-1")).await;
        assert_eq!(told(&app.calls().await[0]), (Status::Ringing, None, None));
        assert_eq!(app.tell(&finished("SIP-1", 183)).await, (200, json!({ "received": true })));
        assert_eq!(told(&app.calls().await[0]), (Status::Completed, Some(EndReason::Ended), Some(183)));
        let lead = &app.leads().await[0];
        assert_eq!((lead.status.as_str(), lead.attempts), ("completed", 1));
        app.stop().await;
    }

    async fn the_same_event_twice_changes_nothing(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        app.ask(&ask("SIP-1")).await;
        app.tell(&finished("SIP-1", 183)).await;
        let (before, call) = (app.written().await, app.calls().await);
        assert_eq!(app.tell(&finished("SIP-1", 183)).await.0, 200);
        assert_eq!((app.written().await, app.calls().await), (before, call));
        app.stop().await;
    }

    async fn the_duration_may_be_text_and_have_parts_of_seconds(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for (n, duration) in [json!("183"), json!(183.9), json!(183), json!(null)].into_iter().enumerate() {
            app.ask(&ask(&format!("SIP-{n}"))).await;
            let event = json!({ "event": "room.finished", "room": { "name": format!("sip-room-SIP-{n}"), "duration": duration } });
            assert_eq!(app.tell(&event).await.0, 200);
        }
        let durations: Vec<_> = app.calls().await.iter().map(|call| call.outcome.duration).collect();
        assert_eq!(durations[..3], [Some(183); 3]);
        assert_eq!(durations[3], Some(0), "nobody said how long it was");
        app.stop().await;
    }

    async fn an_ended_call_frees_its_place(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for n in 1..=3 {
            assert_eq!(app.ask(&ask(&format!("SIP-{n}"))).await.1["agent_name"], "telephony-agent");
        }
        let (_, full) = app.ask(&ask("SIP-4")).await;
        assert_eq!((&full["reason"], &full["sip_status"]), (&json!("campaign_full"), &json!(486)));
        app.tell(&finished("SIP-2", 10)).await;
        assert_eq!(app.ask(&ask("SIP-5")).await.1["agent_name"], "telephony-agent");
        assert_eq!(app.ask(&ask("SIP-6")).await.1["reason"], "campaign_full");
        app.stop().await;
    }

    async fn a_caller_who_left_before_any_end_gave_up(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for (n, identity) in ["caller-+15551234567", "sip_+15551234567"].into_iter().enumerate() {
            let id = format!("SIP-{n}");
            app.ask(&ask(&id)).await;
            assert_eq!(app.tell(&left(&id, identity)).await.0, 200);
            assert_eq!(told(app.calls().await.last().unwrap()), (Status::Missed, Some(EndReason::CallerGaveUp), Some(0)));
            assert_eq!(app.leads().await[0].status, "missed");
        }
        app.stop().await;
    }

    async fn the_caller_leaving_before_or_after_the_end_of_the_room_is_the_same_call(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for (id, left_first) in [("SIP-1", true), ("SIP-2", false)] {
            app.ask(&ask(id)).await;
            let mut events = [left(id, "caller-+15551234567"), finished(id, 183)];
            if !left_first {
                events.reverse();
            }
            for event in &events {
                assert_eq!(app.tell(event).await.0, 200);
            }
            let call = app.calls().await.pop().unwrap();
            assert_eq!(told(&call), (Status::Completed, Some(EndReason::CallerHungUp), Some(183)), "{id}");
            assert_eq!(app.leads().await[0].status, "completed");
        }
        app.stop().await;
    }

    async fn an_agent_that_leaves_and_an_event_that_nobody_knows_change_no_call(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        app.ask(&ask("SIP-1")).await;
        let call = app.calls().await;
        for event in [left("SIP-1", "agent-AJ_1"), left("SIP-1", "alice"), json!({ "event": "room.exploded", "room": { "name": "sip-room-SIP-1" } })] {
            assert_eq!(app.tell(&event).await.0, 200, "{event}");
        }
        assert_eq!(app.calls().await, call);
        assert_eq!(app.written().await.facts, 4, "all are kept");
        app.stop().await;
    }

    async fn an_event_of_a_room_that_nobody_knows_is_kept(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        for event in [finished("SIP-404", 5), left("SIP-404", "caller-1")] {
            assert_eq!(app.tell(&event).await, (200, json!({ "received": true })));
        }
        let written = app.written().await;
        assert_eq!((written.facts, written.calls), (2, 0));
        app.stop().await;
    }

    async fn an_event_may_name_its_call_instead_of_a_room(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for id in ["SIP-1", "SIP-2"] {
            app.ask(&with(ask(id), json!({ "room_name": null }))).await;
        }
        app.tell(&json!({ "event": "room.finished", "call_id": "SIP-1", "room": { "duration": 7 } })).await;
        app.tell(&json!({ "event": "participant.left", "call_id": "SIP-2", "participant": { "identity": "caller-1" } })).await;
        let calls: Vec<_> = app.calls().await.iter().map(told).collect();
        assert_eq!(calls, [
            (Status::Completed, Some(EndReason::Ended), Some(7)),
            (Status::Missed, Some(EndReason::CallerGaveUp), Some(0)),
        ]);
        app.stop().await;
    }

    async fn what_was_only_asked_for_is_left_alone_until_it_is_unheard_of(setup: Setup) {
        let clock = Clock::manual(NOON);
        let livekit = world::livekit(&clock, 0.02).await;
        let Some(app) = setup.clock(clock.clone()).livekit(livekit.url()).start().await else { return };
        routing::acme(&app).await;
        routing::limit(&app, 1).await;
        app.ask(&ask("SIP-1")).await;
        let asked = app.calls().await;
        for _ in 0..6 {
            world::time_passes(&clock, &livekit, Duration::from_secs(60), 4).await;
            assert_eq!(app.calls().await, asked);
            clock.set(clock.now().max(NOON.saturating_add(Duration::from_secs(50 * 60))));
        }
        assert!(clock.now() < NOON.saturating_add(Duration::from_secs(3590)));
        clock.set(NOON.saturating_add(Duration::from_secs(3590)));
        assert_eq!(app.ask(&ask("SIP-2")).await.1["reason"], "campaign_full", "it holds its place until then");
        clock.advance(Duration::from_secs(60));
        let ended = app.until(|calls| calls.first().filter(|call| !call.is_open()).cloned()).await;
        assert_eq!(told(&ended), (Status::Failed, Some(EndReason::NeverEnded), Some(0)));
        assert_eq!(app.leads().await[0].status, "missed");
        assert_eq!(app.ask(&ask("SIP-3")).await.1["agent_name"], "telephony-agent");
        let touched: Vec<_> = livekit.calls().into_iter().filter(|call| !call.method.ends_with("ListRooms")).collect();
        assert_eq!(touched, [], "LiveKit is not told of a call that it does not have");
        // Late, but true: how long it was.
        app.tell(&finished("SIP-1", 3599)).await;
        assert_eq!(told(&app.calls().await[0]), (Status::Completed, Some(EndReason::Ended), Some(3599)));
        app.stop().await;
    }
}

fn told(call: &Call) -> (Status, Option<EndReason>, Option<i64>) {
    (call.outcome.status, call.outcome.end_reason, call.outcome.duration)
}

fn finished(id: &str, duration: i64) -> Value {
    json!({ "event": "room.finished", "room": { "name": format!("sip-room-{id}"), "duration": duration } })
}

fn left(id: &str, identity: &str) -> Value {
    json!({ "event": "participant.left", "room": { "name": format!("sip-room-{id}") }, "participant": { "identity": identity } })
}
