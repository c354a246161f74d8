//! Events: what LiveKit tells us is kept once, and makes calls only of what is a ring of ours.

use std::fs;
use std::time::Duration;

use livekit::Credentials;
use livekit::webhook::signed;
use serde_json::json;
use switchboard::call::{Call, EndReason, Status};
use switchboard::db;

use crate::app::{EVENTS, KEY, SECRET, Setup, TestApp, Written, answer, signature};
use crate::ask::{all, ask, with};
use crate::on_both_databases;
use crate::routing::{self, eventually};
use crate::says::Line;

on_both_databases! {
    async fn a_call_is_told_from_ring_to_end(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        for event in [line.started(), line.rings(), line.agent_joined(400), line.agent_spoke(500)] {
            assert_eq!(app.event(&event).await, (200, json!({ "received": true })));
        }
        assert_eq!(state(&app.calls().await[0]), (Status::InProgress, None));
        for event in [line.hangs_up(7_800), line.agent_left(12_000), line.finished(12_000)] {
            assert_eq!(app.event(&event).await.0, 200);
        }
        let calls = app.calls().await;
        assert_eq!((calls.len(), state(&calls[0])), (1, (Status::Completed, Some(EndReason::CallerHungUp))));
        // LiveKit says when the caller left in whole seconds only.
        assert!((6..=7).contains(&calls[0].outcome.duration.unwrap()), "{:?}", calls[0].outcome);
        let lead = &app.leads().await[0];
        assert_eq!((lead.status.as_str(), lead.attempts, lead.phone_number.as_str()), ("completed", 1, "+15551234567"));
        app.stop().await;
    }

    async fn an_event_is_kept_once_however_often_it_comes(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        let rings = line.rings();
        let answers = all((0..10).map(|_| app.event(&rings))).await;
        assert!(answers.iter().all(|(status, _)| *status == 200));
        app.event(&line.hangs_up(2000)).await;
        eventually("nothing is left to do", async || app.written().await.jobs == 0).await;
        let before = app.written().await;
        assert_eq!((before.facts, before.calls, before.attempts), (2, 1, 1));
        for event in [&rings, &line.hangs_up(2000)] {
            assert_eq!(app.event(event).await.0, 200);
        }
        eventually("nothing is left to do", async || app.written().await.jobs == 0).await;
        assert_eq!(app.written().await, before);
        app.stop().await;
    }

    async fn only_who_knows_a_projects_secret_is_heard(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let line = Line::new("1", app.app.clock.now());
        let (body, other) = (line.rings().to_string(), line.started().to_string());
        let now = app.app.clock.now().secs();
        let ours = Credentials::new(KEY, SECRET);
        let bad = [
            ("x-nothing", String::new()),
            ("authorization", signed(&ours, other.as_bytes(), now)),
            ("authorization", signed(&Credentials::new(KEY, "another-secret-of-32-characters-or-so"), body.as_bytes(), now)),
            ("authorization", signed(&Credentials::new("otherkey", SECRET), body.as_bytes(), now)),
            ("authorization", signed(&ours, body.as_bytes(), now - 3600)),
            ("x-livekit-signature", signature(other.as_bytes())),
        ];
        for (header, value) in bad {
            assert_eq!(answer(app.to(EVENTS).header(header, value).body(body.clone())).await.0, 401);
        }
        assert_eq!(app.written().await, Written::default());
        assert_eq!(app.post(EVENTS, body.into_bytes()).await.0, 200, "signed as Ask is");
        app.stop().await;
    }

    async fn a_call_on_a_foreign_trunk_is_left_alone_and_one_on_none_is_refused(setup: Setup) {
        let Some(app) = setup.with("LIVEKIT_INBOUND_TRUNK_ID", "ST_inbound").start().await else { return };
        routing::acme(&app).await;
        let now = app.app.clock.now();
        let foreign = Line { trunk: "ST_other".into(), ..Line::new("foreign", now) };
        for event in [foreign.rings(), foreign.hangs_up(1000)] {
            assert_eq!(app.event(&event).await, (200, json!({ "received": true })));
        }
        assert_eq!(app.written().await, Written::default());
        let none = Line { trunk: String::new(), ..Line::new("none", now) };
        let ours = Line::new("ours", now);
        app.event(&none.rings()).await;
        app.event(&ours.rings()).await;
        let calls: Vec<_> = app.calls().await.iter().map(state).collect();
        assert_eq!(calls, [(Status::Rejected, Some(EndReason::UnknownTrunk)), (Status::Ringing, None)]);
        // A tenant's own trunk is ours as well.
        routing::set(&app, "insert into platform_trunks (id, tenant_id, project, name, livekit_trunk_id, active, created_at, updated_at) select 'trk_1', id, 'default', $1, 'ST_other', active, created_at, updated_at from tenants", "Main").await;
        let known = Line { n: "known".into(), ..foreign };
        app.event(&known.rings()).await;
        assert_eq!(state(app.calls().await.last().unwrap()), (Status::Ringing, None));
        app.stop().await;
    }

    async fn a_leg_is_no_ring(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        let mut ruleless = line.rings();
        ruleless["participant"]["attributes"].as_object_mut().unwrap().remove("sip.ruleID");
        ruleless["id"] = "EV_ruleless".into();
        let mut dialing = line.rings();
        dialing["participant"]["attributes"]["sip.callStatus"] = "dialing".into();
        dialing["id"] = "EV_dialing".into();
        let mut web = line.rings();
        web["participant"]["kind"] = "STANDARD".into();
        web["id"] = "EV_web".into();
        for event in [&ruleless, &dialing, &web] {
            assert_eq!(app.event(event).await.0, 200);
        }
        let written = app.written().await;
        assert_eq!((written.facts, written.calls, written.leads), (3, 0, 0));
        // A second phone in a caller's room, for a transfer, ends nothing when it leaves.
        let caller = Line::new("2", app.app.clock.now());
        app.event(&caller.rings()).await;
        let mut leg = with(caller.left(1500, "hangup", "CLIENT_INITIATED"), json!({ "id": "EV_leg" }));
        leg["participant"]["sid"] = "PA_leg".into();
        leg["participant"]["identity"] = "sip_+15550001111".into();
        leg["participant"]["attributes"] = json!({ "sip.callID": "SCL_leg", "sip.callStatus": "hangup" });
        app.event(&leg).await;
        assert_eq!(state(app.calls().await.last().unwrap()), (Status::Ringing, None));
        app.stop().await;
    }

    async fn the_turn_password_is_never_kept(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        for event in [line.started(), line.rings(), line.agent_joined(400), line.hangs_up(2000), line.finished(7000)] {
            app.event(&event).await;
        }
        let bodies = bodies(&app).await;
        assert_eq!(bodies.len(), 5);
        for body in &bodies {
            assert!(body.contains("in_+15557654321_1") && !body.contains("turnPassword") && !body.contains("hunter2"), "{body}");
        }
        let place = app.stop().await;
        for file in fs::read_dir(place.folder()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(7).any(|seven| seven == b"hunter2"), "in the database's file");
        }
    }

    async fn what_came_before_its_ring_is_folded_in(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        for event in [line.finished(9000), line.agent_left(9000), line.agent_spoke(500), line.agent_joined(400), line.started()] {
            assert_eq!(app.event(&event).await.0, 200);
        }
        assert_eq!(app.calls().await.len(), 0);
        app.event(&line.rings()).await;
        let call = &app.calls().await[0];
        assert_eq!(state(call), (Status::Completed, Some(EndReason::Ended)));
        assert_eq!(call.evidence.others().count(), 1);
        app.event(&line.hangs_up(7800)).await;
        let call = &app.calls().await[0];
        assert_eq!((state(call), call.revision), ((Status::Completed, Some(EndReason::CallerHungUp)), 2));
        assert_eq!(app.leads().await[0].status, "completed");
        app.stop().await;
    }

    async fn a_caller_who_left_before_the_ring_came_is_a_call_all_the_same(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        app.event(&line.hangs_up(2000)).await;
        let before = app.calls().await;
        assert_eq!(state(&before[0]), (Status::Missed, Some(EndReason::CallerGaveUp)));
        app.event(&line.rings()).await;
        let after = app.calls().await;
        assert_eq!((after.len(), &after[0].outcome), (1, &before[0].outcome));
        let lead = &app.leads().await[0];
        assert_eq!((lead.attempts, lead.status.as_str()), (1, "missed"));
        app.stop().await;
    }

    async fn a_late_answer_makes_a_missed_call_a_completed_one(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        app.event(&line.rings()).await;
        app.event(&line.hangs_up(9000)).await;
        let missed = app.calls().await.remove(0);
        assert_eq!(state(&missed), (Status::Missed, Some(EndReason::CallerGaveUp)));
        app.event(&line.agent_spoke(1000)).await;
        let call = app.calls().await.remove(0);
        assert_eq!(state(&call), (Status::Completed, Some(EndReason::CallerHungUp)));
        assert_eq!(call.revision, missed.revision + 1);
        assert_eq!(call.outcome.ended_at, missed.outcome.ended_at);
        assert_eq!(app.leads().await[0].status, "completed");
        app.stop().await;
    }

    async fn answered_and_hung_up_within_one_second_is_answered(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let noon = switchboard::clock::Timestamp::from_millis(app.app.clock.now().secs() * 1000 + 100);
        let line = Line::new("1", noon);
        for event in [line.rings(), line.agent_spoke(500), line.hangs_up(800)] {
            app.event(&event).await;
        }
        let call = &app.calls().await[0];
        assert_eq!((state(call), call.outcome.duration), ((Status::Completed, Some(EndReason::CallerHungUp)), Some(0)));
        app.stop().await;
    }

    async fn each_project_signs_for_itself_and_has_calls_of_its_own(setup: Setup) {
        const EU: &str = "the-eu-projects-own-secret-of-32-characters";
        let setup = setup.with("SWITCHBOARD_LIVEKIT__EU__API_KEY", "eukey").with("SWITCHBOARD_LIVEKIT__EU__API_SECRET", EU);
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        let (ours, eu) = (Credentials::new(KEY, SECRET), Credentials::new("eukey", EU));
        let body = || line.rings().to_string().into_bytes();
        assert_eq!(app.event_of(&ours, body()).await.0, 200);
        assert_eq!(app.event_of(&eu, body()).await.0, 200);
        assert_eq!(app.event_of(&Credentials::new(KEY, EU), body()).await.0, 401);
        assert_eq!(app.event_of(&Credentials::new("eukey", SECRET), body()).await.0, 401);
        let calls = app.calls().await;
        let projects: Vec<_> = calls.iter().map(|call| call.project.as_str()).collect();
        assert_eq!(projects, ["default", "eu"]);
        app.event_of(&eu, line.hangs_up(1500).to_string().into_bytes()).await;
        let calls: Vec<_> = app.calls().await.iter().map(Call::is_open).collect();
        assert_eq!(calls, [true, false]);
        // An asker is known by the secret it signs with.
        let asked = json!({ "call_id": line.call_id(), "from_number": line.from, "to_number": line.to }).to_string();
        let hex = switchboard::http::signed::signature(EU, asked.as_bytes());
        let (status, _) = answer(app.to(crate::app::ASK).header("x-livekit-signature", hex).body(asked)).await;
        assert_eq!((status, app.written().await.calls), (200, 2));
        app.stop().await;
    }

    async fn a_reconnected_phone_is_the_same_call(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        let mut again = with(line.rings(), json!({ "id": "EV_again" }));
        again["participant"]["sid"] = "PA_again".into();
        for event in [line.rings(), line.agent_spoke(600), again, line.left(3000, "active", "DUPLICATE_IDENTITY")] {
            assert_eq!(app.event(&event).await.0, 200);
        }
        let calls = app.calls().await;
        assert_eq!((calls.len(), state(&calls[0])), (1, (Status::InProgress, None)));
        app.stop().await;
    }

    async fn an_asked_call_whose_phone_is_heard_of_ends_by_what_livekit_tells(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        app.ask(&with(ask("-"), json!({ "call_id": line.call_id(), "room_name": null, "timestamp": null }))).await;
        for event in [line.rings(), line.agent_spoke(700), line.hangs_up(9500)] {
            app.event(&event).await;
        }
        let calls = app.calls().await;
        assert_eq!((calls.len(), state(&calls[0])), (1, (Status::Completed, Some(EndReason::CallerHungUp))));
        app.stop().await;
    }

    async fn a_doubled_webhook_is_answered_at_once(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let line = Line::new("1", app.app.clock.now());
        let told = tokio::time::timeout(Duration::from_secs(30), async {
            for _ in 0..50 {
                assert_eq!(app.event(&line.started()).await.0, 200);
            }
        });
        told.await.expect("fifty copies take no time");
        assert_eq!(app.written().await.facts, 1);
        app.stop().await;
    }
}

fn state(call: &Call) -> (Status, Option<EndReason>) {
    (call.outcome.status, call.outcome.end_reason)
}

/// Every fact as it is kept.
pub(crate) async fn bodies(app: &TestApp) -> Vec<String> {
    let read = app.app.db.read(|tx| -> db::Result<Vec<String>> {
        tx.all("select body from facts order by received_at, id", &[], |row| row.get("body"))
    });
    read.await.expect("the facts can be read")
}
