//! Whatever is sent to a door, rightly signed: never a 5xx, a 4xx says which field is wrong and writes nothing, and
//! a 2xx is kept.

use std::collections::BTreeSet;

use livekit::webhook;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use serde_json::{Value, json};
use switchboard::clock::{Clock, Timestamp};
use switchboard::db;

use crate::app::{ASK, EVENTS, Setup, TEST, TestApp, Written};
use crate::ask::{all, ask, with};
use crate::events::bodies;
use crate::on_both_databases;
use crate::routing;
use crate::says::Line;

const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

/// Bodies for each door, as many on either database: together ten thousand.
const BODIES: usize = 5_000;
/// On their way at once.
const AT_ONCE: usize = 25;

on_both_databases! {
    async fn a_wrong_field_is_named_and_nothing_is_written(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let long = "x".repeat(257);
        for (change, pointer) in [
            (json!({ "call_id": null }), "#/call_id"),
            (json!({ "call_id": "" }), "#/call_id"),
            (json!({ "call_id": 7 }), "#/call_id"),
            (json!({ "call_id": long }), "#/call_id"),
            (json!({ "call_id": "a\0b" }), "#/call_id"),
            (json!({ "call_id": "a\nb" }), "#/call_id"),
            (json!({ "call_id": "a\u{85}b" }), "#/call_id"),
            (json!({ "from_number": null }), "#/from_number"),
            (json!({ "from_number": ["+15551234567"] }), "#/from_number"),
            (json!({ "from_number": "\u{1b}[31m" }), "#/from_number"),
            (json!({ "to_number": null, "trunk_phone_number": null }), "#/to_number"),
            (json!({ "to_number": 15_557_654_321_u64 }), "#/to_number"),
            (json!({ "to_number": null, "trunk_phone_number": true }), "#/trunk_phone_number"),
            (json!({ "to_number": long }), "#/to_number"),
            (json!({ "trunk_id": {} }), "#/trunk_id"),
            (json!({ "room_name": 1.5 }), "#/room_name"),
            (json!({ "room_name": "\u{7f}" }), "#/room_name"),
            (json!({ "timestamp": "yesterday" }), "#/timestamp"),
            (json!({ "timestamp": "2025-13-45T99:99:99Z" }), "#/timestamp"),
            (json!({ "timestamp": 1_760_011_200 }), "#/timestamp"),
        ] {
            wrong(&app, ASK, &with(ask("SIP-1"), change), pointer).await;
        }
        let room = json!({ "name": "r" });
        for (body, pointer) in [
            (json!({ "event": null }), "#/event"),
            (json!({ "event": "" }), "#/event"),
            (json!({ "event": 3 }), "#/event"),
            (json!({ "event": "room_started" }), "#/id"),
            (json!({ "event": "room_started", "id": "" }), "#/id"),
            (json!({ "event": "room_started", "id": "x".repeat(513) }), "#/id"),
            (json!({ "event": "room_started", "id": "EV_1", "room": [] }), "#/room"),
            (json!({ "event": "room_started", "id": "EV_1", "room": { "name": "x".repeat(513) } }), "#/room/name"),
            (json!({ "event": "participant_joined", "id": "EV_1", "participant": 1 }), "#/participant"),
            (json!({ "event": "room.finished" }), "#/room/name"),
            (json!({ "event": "room.finished", "room": "r" }), "#/room"),
            (json!({ "event": "room.finished", "room": { "name": 1 } }), "#/room/name"),
            (json!({ "event": "room.finished", "room": { "name": "r", "duration": -1 } }), "#/room/duration"),
            (json!({ "event": "room.finished", "room": { "name": "r", "duration": 1e300 } }), "#/room/duration"),
            (json!({ "event": "room.finished", "room": { "name": "r", "duration": "long" } }), "#/room/duration"),
            (json!({ "event": "room.finished", "room": { "name": "r", "duration": [] } }), "#/room/duration"),
            (json!({ "event": "room.finished", "room": room, "timestamp": "noon" }), "#/timestamp"),
            (json!({ "event": "participant.left", "room": room }), "#/participant/identity"),
            (json!({ "event": "participant.left", "room": room, "participant": { "identity": 1 } }), "#/participant/identity"),
        ] {
            wrong(&app, EVENTS, &body, pointer).await;
        }
        let mut attributes = Line::new("1", NOON).rings();
        attributes["participant"]["attributes"]["sip.callID"] = "x".repeat(513).into();
        wrong(&app, EVENTS, &attributes, "#/participant/attributes/sip.callID").await;
        for (body, pointer) in [
            (json!({ "from_number": "+1555" }), "#/to_number"),
            (json!({ "to_number": "+1555" }), "#/from_number"),
            (json!({ "to_number": 5, "from_number": "" }), "#/to_number"),
            (json!([]), "#"),
        ] {
            wrong(&app, TEST, &body, pointer).await;
        }
        app.stop().await;
    }

    async fn what_is_not_json_is_said_so(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let deep = "[".repeat(10_000);
        let bodies: [&[u8]; 10] = [
            b"", b" ", b"not json", b"{", b"{\"call_id\":\"a\0b\"}", b"{\"call_id\":\"a\nb\"}", b"\xff\xfe", b"{\"event\":\"\xff\"}",
            b"{\"event\":\"room_started\",\"id\":\"\\ud800\"}", deep.as_bytes(),
        ];
        for path in [ASK, EVENTS, TEST] {
            for body in bodies {
                let (status, problem) = app.post(path, body.to_vec()).await;
                assert_eq!((status, &problem["type"]), (400, &json!("urn:switchboard:problem:bad-request")), "{path} {body:?}: {problem}");
            }
        }
        assert_eq!(app.written().await, Written::default());
        app.stop().await;
    }

    async fn a_body_of_the_largest_size_is_taken_and_no_longer_one(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let line = Line::new("1", NOON);
        let test = json!({ "to_number": "+1555", "from_number": "" });
        for (path, body, most) in [(ASK, ask("SIP-1"), 64 * 1024), (TEST, test, 64 * 1024), (EVENTS, line.rings(), 1024 * 1024)] {
            let padded = |size: usize| {
                let mut bytes = body.to_string().into_bytes();
                bytes.resize(size, b' ');
                bytes
            };
            let before = app.written().await;
            let (status, problem) = app.post(path, padded(most + 1)).await;
            assert_eq!((status, &problem["type"]), (413, &json!("urn:switchboard:problem:too-large")), "{path}");
            assert_eq!(app.written().await, before);
            assert_eq!(app.post(path, padded(most)).await.0, 200, "{path}");
        }
        assert_eq!(app.written().await.calls, 2);
        app.stop().await;
    }

    async fn a_nul_in_an_event_is_kept_as_something_else(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let mut event = Line { n: "a\0b".into(), from: "+1555\0".into(), ..Line::new("", NOON) }.rings();
        event["room"]["name"] = "in_\0\u{1b}[31m".into();
        event["participant"]["attributes"]["sip.h.x\0"] = "\0".into();
        event["more\0"] = json!({ "\0": ["\0"] });
        for _ in 0..2 {
            let (status, answer) = app.event(&event).await;
            assert_eq!(status, 200, "{answer}");
        }
        let written = app.written().await;
        assert_eq!((written.facts, written.calls), (1, 1));
        // A backslash before a u is no NUL.
        let honest = with(Line::new("2", NOON).rings(), json!({ "id": "EV_\\u0000" }));
        assert_eq!(app.event(&honest).await.0, 200);
        app.stop().await;
    }

    async fn absurd_numbers_and_times_are_taken_as_they_are_or_left_out(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        routing::limit(&app, 100).await;
        let absurd = [json!("9223372036854775807"), json!("-9223372036854775808"), json!(1e300), json!("NaN"), json!(-1), json!("99999999999999999999"), json!({})];
        for (n, number) in absurd.iter().enumerate() {
            let line = Line::new(&n.to_string(), NOON);
            let mut rings = with(line.rings(), json!({ "createdAt": number }));
            rings["participant"]["joinedAt"] = number.clone();
            rings["participant"]["joinedAtMs"] = number.clone();
            let mut spoke = with(line.agent_spoke(500), json!({ "createdAt": number }));
            spoke["track"]["version"]["unixMicro"] = number.clone();
            let left = with(line.hangs_up(3000), json!({ "createdAt": number }));
            for event in [rings, spoke, left] {
                let (status, answer) = app.event(&event).await;
                assert_eq!(status, 200, "{number}: {answer}");
            }
        }
        let calls = app.calls().await;
        assert_eq!((calls.len(), calls.iter().filter(|call| call.is_open()).count()), (absurd.len(), 0));
        for (id, time) in [("SIP-1", "9999-12-30T00:00:00Z"), ("SIP-2", "0000-01-01T00:00:00Z")] {
            let (status, answer) = app.ask(&with(ask(id), json!({ "timestamp": time }))).await;
            assert_eq!(status, 200, "{time}: {answer}");
        }
        app.stop().await;
    }

    async fn names_of_the_greatest_length_fit_every_index(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        // Four bytes each, and nothing that compresses.
        let mut chance = StdRng::seed_from_u64(1);
        let mut text = |length: usize| -> String { (0..length).map(|_| char::from_u32(0x1_0000 + chance.random_range(0..0x8000)).unwrap()).collect() };
        let (status, answer) = app.ask(&json!({
            "call_id": text(256), "from_number": text(256), "to_number": text(256), "trunk_id": text(256), "room_name": text(256),
        })).await;
        assert_eq!((status, &answer["reason"]), (200, &json!("unknown_number")), "{answer}");
        let event = json!({ "event": "room.finished", "room": { "name": text(256), "duration": 1 }, "timestamp": "2025-10-09T15:30:00Z" });
        assert_eq!(app.tell(&event).await.0, 200);
        let mut rings = with(Line::new("1", NOON).rings(), json!({ "id": text(512) }));
        rings["room"] = json!({ "sid": text(512), "name": text(512) });
        rings["participant"]["sid"] = text(512).into();
        rings["participant"]["identity"] = text(512).into();
        for name in ["sip.callID", "sip.callIDFull", "sip.trunkID", "sip.phoneNumber", "sip.twilio.callSid", "sip.ruleID"] {
            rings["participant"]["attributes"][name] = text(512).into();
        }
        let (status, answer) = app.event(&rings).await;
        assert_eq!(status, 200, "{answer}");
        app.stop().await;
    }

    async fn thousands_of_bodies_at_ask(setup: Setup) {
        let Some(app) = patient(setup).clock(Clock::manual(NOON)).start().await else { return };
        routing::acme(&app).await;
        let mut chaos = Chaos::new(&app, 1);
        let good = |n: usize| with(ask(&format!("SIP-{n}")), json!({ "timestamp": "2025-10-09T08:53:20Z" }));
        let answers = flood(&app, ASK, (0..BODIES).map(|n| chaos.body(good(n))).collect()).await;
        let calls: BTreeSet<String> = answers
            .iter()
            .filter(|(_, status, _)| *status == 200)
            .map(|(_, _, answer)| {
                let metadata: Value = serde_json::from_str(answer["metadata"].as_str().unwrap()).unwrap();
                metadata["call_id"].as_str().unwrap().to_owned()
            })
            .collect();
        assert!(calls.len() > BODIES / 20, "some were good: {}", calls.len());
        let written = app.written().await;
        assert_eq!((written.calls, written.facts), (calls.len() as i64, calls.len() as i64));
        app.stop().await;
    }

    async fn thousands_of_bodies_at_the_test_door(setup: Setup) {
        let Some(app) = setup.clock(Clock::manual(NOON)).start().await else { return };
        routing::acme(&app).await;
        let before = app.written().await;
        let mut chaos = Chaos::new(&app, 2);
        flood(&app, TEST, (0..BODIES).map(|n| chaos.body(ask(&n.to_string()))).collect()).await;
        assert_eq!(app.written().await, before);
        app.stop().await;
    }

    async fn thousands_of_bodies_at_events(setup: Setup) {
        let Some(app) = patient(setup).clock(Clock::manual(NOON)).start().await else { return };
        routing::acme(&app).await;
        let mut chaos = Chaos::new(&app, 3);
        let good = |n: usize| {
            let line = Line::new(&(n / 9).to_string(), NOON);
            let room = json!({ "name": line.room, "duration": 5 });
            match n % 9 {
                0 => line.rings(),
                1 => line.started(),
                2 => line.agent_joined(300),
                3 => line.agent_spoke(400),
                4 => line.hangs_up(1000),
                5 => line.agent_left(1500),
                6 => line.finished(2000),
                7 => json!({ "event": "room.finished", "room": room }),
                _ => json!({ "event": "participant.left", "room": room, "participant": { "identity": "caller-1" } }),
            }
        };
        let answers = flood(&app, EVENTS, (0..BODIES).map(|n| chaos.body(good(n))).collect()).await;
        let kept: BTreeSet<String> = bodies(&app).await.into_iter().collect();
        let ids = ids(&app).await;
        let taken: Vec<&Vec<u8>> = answers.iter().filter(|(_, status, _)| *status == 200).map(|(body, ..)| body).collect();
        assert!(taken.len() > BODIES / 20, "some were good: {}", taken.len());
        let mut said = BTreeSet::new();
        for body in taken {
            let words = webhook::without_secrets(body);
            let id = webhook::parse(body).map(|event| event.id.replace('\0', "\u{fffd}")).unwrap_or_default();
            let is_simplified = serde_json::from_slice::<Value>(body).is_ok_and(|body| body["event"].as_str().is_some_and(|name| name.contains('.')));
            // A simplified event that says the same as another is the same.
            assert!(kept.contains(&words) || ids.contains(&id) || is_simplified, "{}", String::from_utf8_lossy(body));
            said.insert(words);
        }
        assert!(kept.is_subset(&said), "what was refused is not kept");
        app.stop().await;
    }
}

async fn wrong(app: &TestApp, path: &str, body: &Value, pointer: &str) {
    let before = app.written().await;
    let (status, problem) = app.post(path, body.to_string().into_bytes()).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!(pointer)),
        "{path} {body}: {problem}"
    );
    let name = pointer.trim_start_matches(['#', '/']).replace('/', ".");
    let said = format!("{name} {}", problem["errors"][0]["detail"].as_str().expect("text"));
    assert_eq!(problem["detail"], said.trim_start(), "in words it is named once");
    assert_eq!(app.written().await, before, "{path} {body}");
}

/// A slow disk is no reason for a 503 here: what is tried is what the bodies do.
fn patient(setup: Setup) -> Setup {
    setup.with("SWITCHBOARD_DATABASE__TIMEOUT", "20s").with("SWITCHBOARD_SERVER__ASK_TIMEOUT", "9s")
}

/// Posts them all, rightly signed; each with what it was answered.
async fn flood(app: &TestApp, path: &str, bodies: Vec<Vec<u8>>) -> Vec<(Vec<u8>, u16, Value)> {
    let mut answers = Vec::with_capacity(bodies.len());
    for some in bodies.chunks(AT_ONCE) {
        let answered = all(some.iter().map(|body| app.post(path, body.clone()))).await;
        for (body, (status, answer)) in some.iter().zip(answered) {
            let shown = || format!("{path} {:.400}: {status} {answer}", String::from_utf8_lossy(body));
            assert!(status == 200 || matches!(status, 400 | 409 | 413 | 422), "{}", shown());
            if status != 200 {
                assert_eq!(answer["status"], status, "{}", shown());
                assert!(
                    answer["type"].as_str().is_some_and(|name| name.starts_with("urn:switchboard:problem:")),
                    "{}",
                    shown()
                );
                let pointer = answer["errors"][0]["pointer"].as_str();
                assert_eq!(
                    pointer.is_some_and(|pointer| pointer.starts_with('#')),
                    status == 422,
                    "{}",
                    shown()
                );
            }
            answers.push((body.clone(), status, answer));
        }
    }
    answers
}

async fn ids(app: &TestApp) -> BTreeSet<String> {
    let read = app
        .app
        .db
        .read(|tx| -> db::Result<Vec<String>> { tx.all("select id from facts", &[], |row| row.get("id")) });
    read.await.expect("the facts can be read").into_iter().collect()
}

/// Random bodies, the same in every run, others on each database.
struct Chaos(StdRng);

impl Chaos {
    fn new(app: &TestApp, seed: u64) -> Chaos {
        let on_postgres = u64::from(app.app.db.engine() == db::Engine::Postgres);
        Chaos(StdRng::seed_from_u64(seed * 2 + on_postgres))
    }

    /// Noise, or something good with something bad in it.
    fn body(&mut self, good: Value) -> Vec<u8> {
        match self.0.random_range(0..10) {
            0 => self.noise(),
            1 => self.weird().to_string().into_bytes(),
            2 | 3 => self.bent(good.to_string().into_bytes()),
            4 => good.to_string().into_bytes(),
            _ => {
                let mut body = good;
                for _ in 0..self.0.random_range(1..=3) {
                    self.mutate(&mut body);
                }
                body.to_string().into_bytes()
            }
        }
    }

    fn noise(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.0.random_range(0..200)];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// With some bytes changed, put in or left out.
    fn bent(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.0.random_range(1..=4) {
            let at = self.0.random_range(0..bytes.len().max(1));
            match self.0.random_range(0..4) {
                0 if at < bytes.len() => bytes[at] = self.0.random(),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at.min(bytes.len()), self.0.random()),
                _ => bytes.truncate(at.max(bytes.len() / 2)),
            }
        }
        bytes
    }

    /// One field, anywhere in it, is something else, gone, or named otherwise.
    fn mutate(&mut self, value: &mut Value) {
        let deeper = self.0.random_range(0..3) > 0;
        match value {
            Value::Object(map) if !map.is_empty() => {
                let names: Vec<String> = map.keys().cloned().collect();
                let name = names.choose(&mut self.0).expect("a field").clone();
                let field = map.get_mut(&name).expect("a field");
                if deeper && (field.is_object() || field.is_array()) {
                    return self.mutate(field);
                }
                match self.0.random_range(0..6) {
                    0 => drop(map.remove(&name)),
                    1 => {
                        let moved = map.remove(&name).unwrap_or_default();
                        map.insert(self.word(), moved);
                    }
                    _ => *field = self.weird(),
                }
            }
            other => *other = self.weird(),
        }
    }

    fn weird(&mut self) -> Value {
        let nested = (0..self.0.random_range(0..150)).fold(json!(1), |inner, _| json!([inner]));
        let choices = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1.5),
            json!(1e308),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!([]),
            json!({}),
            json!([{}]),
            json!({ "": "" }),
            nested,
            json!(self.word()),
            json!(self.word()),
            json!(self.word()),
            json!(self.word()),
        ];
        choices.choose(&mut self.0).cloned().unwrap_or_default()
    }

    fn word(&mut self) -> String {
        let long = ["x", "é", "😀", "\u{301}", " "]
            .choose(&mut self.0)
            .expect("one")
            .repeat(self.0.random_range(1..3000));
        let words = [
            "",
            " ",
            "\0",
            "a\0b",
            "\u{1b}[31mred",
            "\u{202e}",
            "\u{feff}",
            "\u{fffe}",
            "\\u0000",
            "\r\n",
            "null",
            "NaN",
            "-1",
            "1e999",
            "9223372036854775807",
            "9223372036854775808",
            "2025-13-45T99:99:99Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "'; drop table calls; --",
            "%s%n",
            "../../etc/passwd",
            "+15557654321",
            "+",
            "room.finished",
            "participant.left",
            "participant_joined",
            "SIP",
            "AGENT",
            "caller-1",
            "agent-1",
            &long,
        ];
        (*words.choose(&mut self.0).expect("one")).to_owned()
    }
}
