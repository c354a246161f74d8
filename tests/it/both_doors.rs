//! One call that comes through both doors: it is one call, and one agent is sent at most.

use livekit::fake::{Behaviour, Guest};
use livekit::{Kind, TrackKind};
use serde_json::{Value, json};
use switchboard::call::{EndReason, Status};

use crate::app::Setup;
use crate::ask::{all, ask, with};
use crate::on_both_databases;
use crate::says::Line;
use crate::world::{World, a_call};

/// What an asker may know a call by.
const NAMES: [fn(&Line) -> Value; 3] = [
    |line| json!({ "call_id": line.call_id(), "room_name": null, "timestamp": null }),
    |line| json!({ "call_id": line.full_id(), "room_name": null, "timestamp": null }),
    |line| json!({ "call_id": format!("GW-{}", line.n), "room_name": line.room, "timestamp": null }),
];

on_both_databases! {
    async fn asked_first_the_asker_connects_the_agent_and_nobody_is_dispatched(setup: Setup) {
        let Some(world) = World::start(setup.with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "25s")).await else { return };
        let _agents = world.livekit.worker("telephony-agent", Behaviour::answers());
        for (n, name) in NAMES.into_iter().enumerate() {
            let line = Line::new(&format!("asked{n}"), world.app.app.clock.now());
            let (_, answer) = world.app.ask(&with(ask("-"), name(&line))).await;
            assert_eq!(answer["agent_name"], "telephony-agent");
            let mut call = a_call();
            call.room = Some(line.room.clone());
            call.attributes.insert("sip.callID".into(), line.call_id());
            call.attributes.insert("sip.callIDFull".into(), line.full_id());
            let phone = world.livekit.phone(call);
            let calls = world.app.until(|calls| calls.last()?.evidence.room_sid.is_some().then(|| calls.to_vec())).await;
            assert_eq!((calls.len(), calls[n].outcome.status), (n + 1, Status::Ringing));
            let agent = Guest { identity: "agent-asker".into(), kind: Kind::Agent, ..Guest::default() };
            world.livekit.join(phone.room(), agent).expect("a place").publish(&TrackKind::Audio);
            assert!(phone.answered().await);
            let in_progress = |calls: &[switchboard::call::Call]| (calls[n].outcome.status == Status::InProgress).then_some(());
            world.app.until(in_progress).await;
            phone.hang_up().await;
            let ended = world.app.until(|calls| calls[n].outcome.end_reason).await;
            assert_eq!(ended, EndReason::CallerHungUp);
            assert_eq!(world.livekit.dispatches(), []);
            assert_eq!(world.app.leads().await[0].attempts, i64::try_from(n).unwrap() + 1);
        }
        world.stop().await;
    }

    async fn heard_first_the_asker_is_given_the_answer_that_was_made(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let _agents = world.livekit.worker("telephony-agent", Behaviour::answers());
        for (n, name) in NAMES.into_iter().enumerate() {
            let line = Line::new(&format!("heard{n}"), world.app.app.clock.now());
            let mut call = a_call();
            call.room = Some(line.room.clone());
            call.attributes.insert("sip.callID".into(), line.call_id());
            call.attributes.insert("sip.callIDFull".into(), line.full_id());
            let phone = world.livekit.phone(call);
            assert!(phone.answered().await);
            world.call(&phone, |call| call.outcome.status == Status::InProgress).await;
            let asked = with(ask("-"), name(&line));
            let (status, answer) = world.app.ask(&asked).await;
            let dispatched = world.livekit.dispatches();
            assert_eq!((status, dispatched.len()), (200, n + 1));
            assert_eq!((&answer["agent_name"], &answer["metadata"]), (&json!("telephony-agent"), &json!(dispatched[n].metadata)));
            assert_eq!(world.app.ask(&asked).await.1, answer);
            phone.hang_up().await;
            world.ended(&phone).await;
            world.room_gone(&phone).await;
            let written = world.app.written().await;
            assert_eq!((written.calls, written.leads, written.attempts), (n as i64 + 1, 1, n as i64 + 1));
            assert_eq!(world.livekit.dispatches().len(), n + 1);
        }
        world.stop().await;
    }

    async fn at_once_it_is_one_call_with_one_agent_at_most(setup: Setup) {
        // Told by hand, so LiveKit has neither the rooms nor a worker: nobody is to look into that here.
        let setup = setup.with("SWITCHBOARD_CALLS__LOOK_AFTER", "20s").with("SWITCHBOARD_CALLS__ANSWER_TIMEOUT", "25s");
        let setup = setup.with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "30s");
        let Some(world) = World::start(setup.with("SWITCHBOARD_CALLS__RECONCILE_EVERY", "60s")).await else { return };
        crate::routing::limit(&world.app, 100).await;
        let mut expected = 0;
        for round in 0..4 {
            for (n, name) in NAMES.into_iter().enumerate() {
                let line = Line::new(&format!("both{round}{n}"), world.app.app.clock.now());
                let (asked, rings) = (with(ask("-"), name(&line)), line.rings());
                let ask = async { world.app.ask(&asked).await };
                let event = async { world.app.event(&rings).await };
                let ((asked, answer), (heard, _)) = if round % 2 == 0 {
                    tokio::join!(ask, event)
                } else {
                    let (event, ask) = tokio::join!(event, ask);
                    (ask, event)
                };
                assert_eq!((asked, heard, &answer["agent_name"]), (200, 200, &json!("telephony-agent")), "{answer}");
                expected += 1;
                let calls = world.app.calls().await;
                assert_eq!(calls.len(), expected, "{name:?}");
                let call = calls.last().unwrap();
                assert!(call.ring.asked && call.evidence.room_sid.is_some() && call.ring.keys.full.is_some());
                // Whoever was first: an asker connects the agent, else it was claimed with the ring.
                let claimed = call.attendance.attempts.len();
                assert!(claimed <= 1, "{:?}", call.attendance);
                let sent = |livekit: &livekit::fake::Fake| livekit.dispatches().iter().filter(|one| one.room == line.room).count();
                assert!(world.livekit.until(|livekit| sent(livekit) == claimed, crate::world::SOON).await);
                // Over before anybody looks for a worker that is not there.
                world.app.event(&line.hangs_up(3000)).await;
                let metadata: Value = serde_json::from_str(answer["metadata"].as_str().unwrap()).unwrap();
                assert_eq!(metadata["call_id"], *call.id);
            }
        }
        let written = world.app.written().await;
        assert_eq!((written.leads, written.attempts), (1, expected as i64));
        assert!(world.livekit.dispatches().len() <= expected);
        world.stop().await;
    }

    async fn many_askers_and_many_copies_of_the_event_at_once_are_one_call(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        world.livekit.set_webhooks(Vec::new());
        let line = Line::new("crowd", world.app.app.clock.now());
        let (asked, rings) = (with(ask("-"), NAMES[0](&line)), line.rings());
        let tell = async |n: usize| if n.is_multiple_of(2) { world.app.ask(&asked).await } else { world.app.event(&rings).await };
        let answers = all((0..20).map(tell)).await;
        assert!(answers.iter().all(|(status, _)| *status == 200));
        let written = world.app.written().await;
        let kept = crate::events::bodies(&world.app).await;
        assert_eq!((written.calls, written.facts, written.leads, written.attempts), (1, 2, 1, 1), "{kept:#?}");
        assert!(world.livekit.dispatches().len() <= 1);
        world.stop().await;
    }
}
