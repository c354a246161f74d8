//! Reading webhooks: a real call's, odd ones and random ones.

use livekit::webhook::{self, Event, ParseError};
use livekit::{Kind, TrackKind};
use proptest::prelude::*;

/// The bodies of one real call (livekit-server 1.13.5, livekit-sip 1.10, livekit-agents 1.8.9), in order.
const ANSWERED_CALL: &str = include_str!("fixtures/answered-call.jsonl");

fn events() -> Vec<Event> {
    ANSWERED_CALL.lines().map(|body| webhook::parse(body.as_bytes()).expect("a real event")).collect()
}

#[test]
fn a_real_call_reads_as_it_happened() {
    let told: Vec<_> = events()
        .iter()
        .map(|event| {
            let who =
                event.participant.as_ref().map(|who| who.identity.split('_').next().unwrap_or_default());
            format!("{} {}", event.event, who.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            "room_started ",
            "participant_joined sip",
            "track_published sip",
            "participant_joined agent-AJ",
            "track_published agent-AJ",
            "track_unpublished sip",
            "participant_left sip",
            "track_unpublished agent-AJ",
            "participant_left agent-AJ",
            "room_finished ",
        ]
    );
}

#[test]
fn a_real_ring_says_who_calls_whom() {
    let ring = &events()[1];
    let caller = ring.participant.as_ref().expect("a caller");
    assert_eq!(ring.id, "EV_VJ836xBrPrrY");
    assert_eq!(ring.created_at, 1_795_342_382);
    assert_eq!(caller.kind, Kind::Sip);
    assert_eq!(caller.state, "ACTIVE");
    assert_eq!(caller.joined_at_ms, Some(1_795_342_382_688));
    assert_eq!(caller.attribute("sip.trunkPhoneNumber"), Some("+15557654321"));
    assert_eq!(caller.attribute("sip.phoneNumber"), Some("+15551235599"));
    assert_eq!(caller.disconnect_reason, None);
    let room = ring.room.as_ref().expect("a room");
    assert_eq!(room.name, "in_+15557654321_ZH2vPbpEoGpc");
    assert_eq!(room.created_at_ms, Some(1_795_342_382_687));
}

#[test]
fn a_real_agents_track_is_sound_of_an_unknown_source() {
    let track = events()[4].track.clone().expect("a track");
    assert_eq!(track.kind, TrackKind::Audio);
    assert_eq!(track.source, "UNKNOWN");
    assert!(!track.muted);
    assert_eq!(track.published_at_micros, Some(1_795_342_383_022_069));
}

#[test]
fn a_real_goodbye_says_why() {
    let caller = events()[6].participant.clone().expect("a caller");
    assert_eq!(caller.disconnect_reason.as_deref(), Some("CLIENT_INITIATED"));
    assert_eq!(caller.attribute("sip.callStatus"), Some("hangup"));
    let agent = events()[8].participant.clone().expect("an agent");
    assert_eq!(agent.kind, Kind::Agent);
    assert_eq!(agent.disconnect_reason.as_deref(), Some("ROOM_CLOSED"));
}

#[test]
fn both_spellings_and_both_sorts_of_numbers_are_read() {
    let camel = br#"{"event":"track_published","createdAt":"7","room":{"creationTimeMs":"9","numParticipants":2},
        "participant":{"kind":3,"state":2,"disconnectReason":14},"track":{"type":1,"version":{"unixMicro":5}}}"#;
    let snake =
        br#"{"event":"track_published","created_at":7.0,"room":{"creation_time_ms":9,"num_participants":"2"},
        "participant":{"kind":"SIP","state":"ACTIVE","disconnect_reason":"CONNECTION_TIMEOUT"},
        "track":{"type":"VIDEO","version":{"unix_micro":"5"}}}"#;
    let read = webhook::parse(camel).expect("an event");
    assert_eq!(read, webhook::parse(snake).expect("an event"));
    assert_eq!(read.created_at, 7);
    assert_eq!(read.participant.expect("somebody").kind, Kind::Sip);
}

#[test]
fn what_is_new_to_us_is_kept_or_ignored() {
    let body =
        br#"{"event":"room_exploded","shrapnel":3,"participant":{"kind":"FUTURE_KIND","kindDetails":["X"]},
        "room":{"name":"a","sid":null,"creationTime":"4"},"roomEndReason":"ROOM_END_IDLE_TIMEOUT"}"#;
    let event = webhook::parse(body).expect("an event");
    assert_eq!(event.event, "room_exploded");
    assert_eq!(event.participant.expect("somebody").kind, Kind::Other("FUTURE_KIND".to_owned()));
    assert_eq!(event.room.expect("a room").created_at_ms, Some(4000));
    assert_eq!(event.room_end_reason.as_deref(), Some("ROOM_END_IDLE_TIMEOUT"));
}

#[test]
fn a_job_event_of_the_cloud_is_read() {
    let body = br#"{"event":"agent_job_ended","job":{"id":"AJ_1","dispatchId":"AD_1","agentName":"sales",
        "room":{"name":"a"},"state":{"status":"JS_CANCELLED","error":"gone","participantIdentity":"agent-AJ_1"}}}"#;
    let job = webhook::parse(body).expect("an event").job.expect("a job");
    assert_eq!((job.status.as_str(), job.participant_identity.as_str()), ("JS_CANCELLED", "agent-AJ_1"));
    assert_eq!(job.room.expect("a room").name, "a");
}

#[test]
fn a_wrong_type_that_can_be_done_without_is_as_good_as_absent() {
    let body =
        br#"{"event":"participant_joined","id":5,"createdAt":1e300,"room":{"name":[],"numParticipants":-1},
        "participant":{"identity":"x","attributes":{"a":1,"b":"2"},"joinedAtMs":"soon","tracks":{}}}"#;
    let event = webhook::parse(body).expect("an event");
    let who = event.participant.expect("somebody");
    assert_eq!((event.id.as_str(), event.created_at, who.joined_at_ms), ("", 0, None));
    assert_eq!(who.attributes.into_iter().collect::<Vec<_>>(), [("b".to_owned(), "2".to_owned())]);
}

#[test]
fn what_is_no_event_says_which_field_is_wrong() {
    for (body, field) in [
        (&b"nope"[..], None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[]", None),
        (b"{}", Some("event")),
        (br#"{"event":null}"#, Some("event")),
        (br#"{"event":""}"#, Some("event")),
        (br#"{"event":7}"#, Some("event")),
        (br#"{"event":"room_started","room":"a"}"#, Some("room")),
        (br#"{"event":"participant_joined","participant":[]}"#, Some("participant")),
        (br#"{"event":"track_published","track":1}"#, Some("track")),
        (br#"{"event":"agent_job_ended","job":true}"#, Some("job")),
    ] {
        let error = webhook::parse(body).expect_err("no event");
        assert_eq!(error.field(), field, "{error}");
    }
    assert_eq!(webhook::parse(b"{}"), Err(ParseError::Missing("event")));
}

#[test]
fn no_turn_password_is_kept() {
    for body in ANSWERED_CALL.lines() {
        assert!(!webhook::without_secrets(body.as_bytes()).contains("scrubbed-turn-password"));
        assert!(!format!("{:?}", webhook::parse(body.as_bytes())).contains("scrubbed-turn-password"));
    }
    let nested = br#"{"event":"x","job":{"room":{"turn_password":"s","name":"a"}}}"#;
    assert_eq!(webhook::without_secrets(nested), r#"{"event":"x","job":{"room":{"name":"a"}}}"#);
    assert_eq!(webhook::without_secrets(b"nope"), "null");
}

/// JSON of any shape, with the names that events have.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        Just("event"),
        Just("room"),
        Just("participant"),
        Just("track"),
        Just("job"),
        Just("state"),
        Just("sid"),
        Just("createdAt"),
        Just("created_at"),
        Just("attributes"),
        Just("version"),
        Just("tracks"),
        Just("kind"),
        Just("joinedAtMs"),
        Just("turnPassword"),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec((name.clone(), inner), 0..6).prop_map(|fields| {
                serde_json::Value::Object(
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = webhook::parse(&body);
        let _ = webhook::without_secrets(&body);
    }

    #[test]
    fn no_json_makes_it_panic(value in json()) {
        let body = value.to_string();
        let _ = webhook::parse(body.as_bytes());
        prop_assert!(!webhook::without_secrets(body.as_bytes()).contains("turnPassword\":"));
    }

    #[test]
    fn no_change_to_a_real_event_makes_it_panic(line in 0..10usize, at in any::<prop::sample::Index>(), byte: u8) {
        let mut body = ANSWERED_CALL.lines().nth(line).expect("ten lines").as_bytes().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = webhook::parse(&body);
    }

    #[test]
    fn no_authorization_makes_the_check_panic(authorization: String, now: i64) {
        let credentials = livekit::Credentials::new("devkey", "secret");
        let checked = webhook::check(&credentials, &authorization, b"body", now);
        prop_assert!(checked.is_err());
    }
}
