//! Phones and people in rooms.

use livekit::Kind;
use livekit::fake::{Behaviour, Call, Guest};
use serde_json::Value;

use crate::{SOON, Setup};

/// The names of all fields, nested ones by their path; the names of attributes are the phone's own.
fn shape(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if !path.ends_with(".attributes") => {
            map.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), out));
        }
        Value::Array(list) => list.iter().take(1).for_each(|value| shape(value, &format!("{path}[]"), out)),
        _ => out.push(path.to_owned()),
    }
}

fn shape_of(body: &str) -> Vec<String> {
    let mut out = Vec::new();
    shape(&serde_json::from_str(body).expect("JSON"), "", &mut out);
    // Counted now and then only, so that it is a matter of luck which events have it.
    out.retain(|path| !path.ends_with(".numParticipants") && !path.ends_with(".numPublishers"));
    // The order of fields means nothing in JSON.
    out.sort();
    out
}

#[tokio::test]
async fn an_answered_call_looks_like_a_real_one_field_by_field() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("telephony-agent", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.hook.hears("track_published sip").await;
    setup.dispatch("telephony-agent", phone.room()).await;
    assert!(phone.answered().await);
    setup.hook.hears("track_published agent").await;
    phone.hang_up().await;
    setup.hook.hears("room_finished").await;

    let real: Vec<_> = include_str!("../fixtures/answered-call.jsonl").lines().map(shape_of).collect();
    let ours: Vec<_> = setup.hook.bodies().iter().map(|body| shape_of(body)).collect();
    assert_eq!(ours, real);
    let names = |value: &str| value.replace(char::is_numeric, "");
    assert!(names(phone.room()).starts_with("in_+_"), "{}", phone.room());
}

#[tokio::test]
async fn a_caller_who_hangs_up_says_so_in_the_status() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    phone.hang_up().await;
    let left = setup.hook.hears("participant_left sip").await.participant.expect("a caller");
    assert_eq!(left.attribute("sip.callStatus"), Some("hangup"));
    assert_eq!(left.disconnect_reason.as_deref(), Some("CLIENT_INITIATED"));
    assert_eq!(left.attribute("sip.callID"), Some(phone.call_id()));
}

#[tokio::test]
async fn a_phone_that_nobody_answers_rings_out() {
    let setup = Setup::quick().await;
    let ringing_timeout = Some(std::time::Duration::from_millis(50));
    let phone = setup.lk.phone(Call { ringing_timeout, ..Call::new("+1", "+2") });
    let end = phone.ended().await;
    assert_eq!((end.reason, end.answered), ("CLIENT_INITIATED", false));
    let left = setup.hook.hears("participant_left sip").await.participant.expect("a caller");
    assert_eq!(left.attribute("sip.callStatus"), Some("ringing"));
}

#[tokio::test]
async fn a_phone_that_goes_before_it_is_in_the_room_is_told_of_as_aborted() {
    let setup = Setup::quick().await;
    let phone = setup.lk.phone(Call { joins_after: Some(SOON), ..Call::new("+1", "+2") });
    setup.hook.hears("room_started").await;
    phone.hang_up().await;
    setup.hook.hears("participant_connection_aborted sip").await;
    assert!(!phone.joined().await);
}

#[tokio::test]
async fn a_phone_hears_whoever_speaks_first() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    assert!(!phone.is_answered());
    let person = setup.lk.join(phone.room(), Guest::person("alice")).expect("a place");
    assert!(phone.answered().await);
    let caller = setup.lk.participants(phone.room()).into_iter().find(|who| who.kind == Kind::Sip);
    assert_eq!(caller.expect("a caller").attribute("sip.callStatus"), Some("active"));
    person.leave();
    let left = setup.hook.hears("participant_left alice").await.participant.expect("alice");
    assert_eq!(left.kind, Kind::Standard);
}

#[tokio::test]
async fn a_second_leg_joins_the_same_room() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    let room = Some(phone.room().to_owned());
    let second = setup.lk.phone(Call { room, ..Call::new("+15557654321", "+15550000002") });
    assert!(second.joined().await && second.answered().await && phone.answered().await);
    assert_eq!(setup.lk.rooms().len(), 1);
    assert_eq!(setup.lk.participants(phone.room()).len(), 2);
}

#[tokio::test]
async fn a_phone_that_reconnects_is_the_same_caller_in_a_new_stay() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    let first = phone.participant_sid().expect("a stay");
    phone.reconnect().await;
    let second = phone.participant_sid().expect("a stay");
    assert_ne!(first, second);
    let left = setup.hook.hears("participant_left sip").await.participant.expect("a caller");
    assert_eq!((left.sid, left.disconnect_reason.as_deref()), (first, Some("DUPLICATE_IDENTITY")));
    let again = |event: &livekit::webhook::Event| {
        event.event == "participant_joined" && event.participant.as_ref().is_some_and(|who| who.sid == second)
    };
    setup.hook.event(again).await;
    assert_eq!(phone.end(), None);
    phone.hang_up().await;
    assert_eq!(phone.ended().await.reason, "CLIENT_INITIATED");
}

#[tokio::test]
async fn two_calls_of_one_number_in_one_room_collide() {
    let setup = Setup::quick().await;
    let call = Call { room: Some("fixed".to_owned()), ..Call::new("+1", "+2") };
    let first = setup.lk.phone(call.clone());
    assert!(first.joined().await);
    let second = setup.lk.phone(call);
    assert!(second.joined().await);
    assert_eq!(first.ended().await.reason, "DUPLICATE_IDENTITY");
}

#[tokio::test]
async fn a_deserted_room_ends_after_its_departure_timeout_and_takes_the_agents_along() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    phone.hang_up().await;
    let agent = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
    assert_eq!(agent.disconnect_reason.as_deref(), Some("ROOM_CLOSED"));
    setup.hook.hears("room_finished").await;
    assert!(setup.lk.rooms().is_empty());
}

#[tokio::test]
async fn a_room_that_somebody_comes_back_to_does_not_end() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    phone.hang_up().await;
    let _person = setup.lk.join(phone.room(), Guest::person("alice")).expect("a place");
    // A later room ends first: by then the earlier one would have.
    let other = setup.ringing().await;
    other.hang_up().await;
    let ended = setup.hook.event(|event| event.event == "room_finished").await;
    assert_eq!(ended.room.expect("a room").name, other.room());
    assert_eq!(setup.lk.rooms()[0].name, phone.room());
}

#[tokio::test]
async fn a_room_that_nobody_joins_ends_after_its_empty_timeout() {
    let mut timing = crate::quick();
    timing.empty = std::time::Duration::from_millis(50);
    let setup = Setup::timed(timing).await;
    setup.dispatch("nobody", "ghost").await;
    setup.hook.hears("room_finished").await;
}
