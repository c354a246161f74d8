//! The API's door: who may what, what is refused and how, and what the client makes of it.

use std::time::Duration;

use livekit::fake::{Behaviour, CallFault, Fake, Options};
use livekit::token::{Grants, Token};
use livekit::{Client, Credentials, Error, NewDispatch};

use crate::{SOON, Setup, now, ours};

async fn post(lk: &Fake, path: &str, token: Option<&str>, content_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let http = reqwest::Client::new();
    let mut request = http.post(format!("{}/twirp/{path}", lk.url())).header("content-type", content_type);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let response = request.body(body.to_vec()).send().await.expect("an answer");
    (response.status().as_u16(), response.bytes().await.expect("a body").to_vec())
}

fn bearer(grants: Grants) -> String {
    format!("Bearer {}", Token::new(grants).sign(&ours(), now()() / 1_000_000))
}

fn lists() -> Grants {
    Grants { room_list: true, ..Grants::default() }
}

fn manages(room: &str) -> Grants {
    Grants { room_admin: true, room: room.to_owned(), ..Grants::default() }
}

fn client(url: &str, credentials: Credentials, timeout: Duration) -> Client {
    Client::new(url, credentials, livekit::Options::new(timeout, now())).expect("a client")
}

fn order(room: &str) -> NewDispatch {
    NewDispatch { agent_name: "sales".to_owned(), room: room.to_owned(), ..NewDispatch::default() }
}

#[tokio::test]
async fn each_call_needs_its_grant() {
    let setup = Setup::quick().await;
    let creates = Grants { room_create: true, ..Grants::default() };
    let cases = [
        ("livekit.RoomService/ListRooms", lists(), 200),
        ("livekit.RoomService/ListRooms", creates.clone(), 401),
        ("livekit.RoomService/ListRooms", Grants::default(), 401),
        ("livekit.RoomService/DeleteRoom", creates.clone(), 404),
        ("livekit.RoomService/DeleteRoom", manages("a"), 401),
        ("livekit.RoomService/ListParticipants", manages("a"), 200),
        ("livekit.RoomService/ListParticipants", manages("b"), 401),
        ("livekit.RoomService/ListParticipants", lists(), 401),
        ("livekit.RoomService/RemoveParticipant", manages("a"), 404),
        ("livekit.RoomService/GetParticipant", manages("a"), 404),
        ("livekit.AgentDispatchService/CreateDispatch", manages("b"), 401),
        ("livekit.AgentDispatchService/ListDispatch", manages("a"), 503),
        ("livekit.AgentDispatchService/DeleteDispatch", manages("a"), 503),
        ("livekit.RoomService/CreateRoom", creates, 200),
    ];
    for (path, grants, expected) in cases {
        let token = bearer(grants);
        let body = br#"{"room":"a","identity":"x","name":"made"}"#;
        let (status, answer) = post(&setup.lk, path, Some(&token), "application/json", body).await;
        assert_eq!(status, expected, "{path}: {}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused_as_livekit_does() {
    let setup = Setup::quick().await;
    let token = bearer(lists());
    let list = "livekit.RoomService/ListRooms";
    for (path, token, content_type, body, status, expected) in [
        (
            list,
            None,
            "application/json",
            &b"{}"[..],
            401,
            r#"{"code":"unauthenticated","msg":"permissions denied"}"#,
        ),
        (
            list,
            Some("hello"),
            "application/json",
            b"{}",
            401,
            "invalid authorization header. Must start with Bearer ",
        ),
        (list, Some("Bearer hello"), "application/json", b"{}", 401, "invalid authorization token"),
        (list, Some(&token), "application/json", b"{", 400, "the json request could not be decoded"),
        (list, Some(&token), "application/json", b"[]", 400, "the json request could not be decoded"),
        (
            list,
            Some(&token),
            "application/protobuf",
            b"\xff\xff",
            400,
            "the protobuf request could not be decoded",
        ),
        (list, Some(&token), "text/plain", b"{}", 404, "unexpected Content-Type"),
        ("livekit.RoomService/Nope", Some(&token), "application/json", b"{}", 404, "no handler for path"),
    ] {
        let (got, answer) = post(&setup.lk, path, token, content_type, body).await;
        let answer = String::from_utf8(answer).expect("text");
        assert!(got == status && answer.contains(expected), "{got} {answer}, not {status} {expected}");
    }
}

#[tokio::test]
async fn protobuf_is_spoken_too() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    let token = bearer(lists());
    let (status, answer) =
        post(&setup.lk, "livekit.RoomService/ListRooms", Some(&token), "application/protobuf", b"").await;
    assert_eq!(status, 200);
    let room = phone.room().as_bytes();
    assert!(answer.windows(room.len()).any(|part| part == room), "the room's name is in the message");
}

#[tokio::test]
async fn the_client_takes_gone_for_done() {
    let setup = Setup::quick().await;
    let client = &setup.client;
    assert_eq!(client.list_rooms(&["none".to_owned()]).await.expect("rooms"), []);
    assert_eq!(client.list_participants("none").await.expect("participants"), []);
    assert_eq!(client.list_dispatch("none").await.expect("dispatches"), []);
    client.delete_dispatch("none", "AD_none").await.expect("gone");
    client.delete_room("none").await.expect("gone");
    client.remove_participant("none", "nobody").await.expect("gone");
    let phone = setup.ringing().await;
    client.delete_dispatch(phone.room(), "AD_none").await.expect("gone");
    client.remove_participant(phone.room(), "nobody").await.expect("gone");
}

#[tokio::test]
async fn the_client_puts_a_caller_out() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    setup.client.remove_participant(phone.room(), phone.identity()).await.expect("removed");
    assert_eq!(phone.ended().await.reason, "PARTICIPANT_REMOVED");
    let phone = setup.ringing().await;
    setup.client.delete_room(phone.room()).await.expect("deleted");
    assert_eq!(phone.ended().await.reason, "ROOM_DELETED");
    let end = setup.hook.event(|event| {
        event.event == "room_finished" && event.room.as_ref().is_some_and(|room| room.name == phone.room())
    });
    end.await;
    let told = setup.hook.told();
    let position = |what: &str| told.iter().rposition(|told| told == what);
    assert!(position("participant_left sip") < position("room_finished"), "{told:?}");
}

#[tokio::test]
async fn wrong_credentials_are_an_error_that_shows_no_token() {
    let setup = Setup::quick().await;
    for wrong in [Credentials::new("devkey", "another"), Credentials::new("other", ours().secret())] {
        let error = client(setup.lk.url(), wrong, SOON).list_rooms(&[]).await.expect_err("refused");
        assert!(matches!(error, Error::Answered { status: 401, .. }), "{error}");
        assert!(!error.may_have_happened() && !error.is_retryable());
        assert!(!format!("{error} {error:?}").contains("eyJ"), "{error:?}");
    }
}

#[tokio::test]
async fn a_call_that_failed_after_it_was_carried_out_may_have_happened() {
    let setup = Setup::quick().await;
    setup.lk.faults().next_call(|call| call.method == "CreateDispatch", CallFault::FailsAfter);
    let error = setup.client.create_dispatch(&order("a")).await.expect_err("made to fail");
    assert!(error.may_have_happened() && !error.is_retryable());
    assert_eq!(setup.lk.dispatches().len(), 1);
    assert_eq!(setup.client.list_dispatch("a").await.expect("dispatches").len(), 2, "ours and LiveKit's own");
}

#[tokio::test]
async fn a_call_that_failed_before_it_was_carried_out_looks_the_same() {
    let setup = Setup::quick().await;
    setup.lk.faults().next_call(|call| call.room == "a", CallFault::FailsBefore);
    let error = setup.client.create_dispatch(&order("a")).await.expect_err("made to fail");
    assert!(error.may_have_happened() && !error.is_retryable());
    assert!(setup.lk.dispatches().is_empty());
    assert_eq!(setup.lk.calls()[0].status, 503);
}

#[tokio::test]
async fn too_many_calls_are_safe_to_try_again() {
    let setup = Setup::quick().await;
    setup.lk.faults().next_call(|call| call.method == "CreateDispatch", CallFault::TooMany);
    let error = setup.client.create_dispatch(&order("a")).await.expect_err("made to fail");
    assert!(error.is_retryable() && !error.may_have_happened());
    setup.client.create_dispatch(&order("a")).await.expect("a dispatch");
}

#[tokio::test]
async fn a_held_call_times_out_whether_it_was_carried_out_or_not() {
    let setup = Setup::quick().await;
    let hasty = client(setup.lk.url(), ours(), Duration::from_millis(300));
    for (fault, carried_out) in [(CallFault::HeldAfter, 1), (CallFault::HeldBefore, 1)] {
        let fault = setup.lk.faults().every_call(|call| call.method == "CreateDispatch", fault);
        let error = hasty.create_dispatch(&order("a")).await.expect_err("no answer");
        assert!(matches!(error, Error::Timeout { .. }) && error.may_have_happened(), "{error:?}");
        assert_eq!(setup.lk.dispatches().len(), carried_out);
        fault.release();
    }
    assert!(setup.lk.until(|lk| lk.dispatches().len() == 2, SOON).await, "the one held before goes on");
}

#[tokio::test]
async fn a_held_call_goes_on_when_released() {
    let setup = Setup::quick().await;
    let fault = setup.lk.faults().next_call(|_| true, CallFault::HeldBefore);
    let dispatch = order("a");
    let call = setup.client.create_dispatch(&dispatch);
    let release = async {
        assert!(fault.struck(SOON).await);
        fault.release();
    };
    let (made, ()) = tokio::join!(call, release);
    assert_eq!(made.expect("a dispatch").room, "a");
}

#[tokio::test]
async fn a_reading_call_may_always_be_tried_again() {
    let setup = Setup::quick().await;
    setup.lk.faults().next_call(|_| true, CallFault::FailsAfter);
    let error = setup.client.list_rooms(&[]).await.expect_err("made to fail");
    assert!(error.is_retryable() && !error.may_have_happened());
}

#[tokio::test]
async fn a_livekit_that_is_not_there_was_not_reached() {
    let error =
        client("ws://127.0.0.1:9", ours(), SOON).create_dispatch(&order("a")).await.expect_err("nobody");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.is_retryable() && !error.may_have_happened());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let app = axum::Router::new().fallback(|| async {
        (axum::http::StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:9/")])
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { axum::serve(listener, app).await });
    let error = client(&url, ours(), SOON).list_rooms(&[]).await.expect_err("redirected");
    assert!(matches!(error, Error::Answered { status: 307, .. }), "{error:?}");
}

#[test]
fn urls_are_checked() {
    let make = |url: &str| Client::new(url, ours(), livekit::Options::new(SOON, now()));
    for good in ["ws://a", "wss://a.livekit.cloud", " http://a:7880/ ", "https://a/base/"] {
        assert!(make(good).is_ok(), "{good}");
    }
    for bad in ["", "a", "ftp://a", "ws://", "wss://user:secret@a", "https://a?x=1", "https://a#x"] {
        let error = make(bad).expect_err(bad);
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn a_fake_that_stops_lets_everything_go() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    let fault = setup.lk.faults().every_call(|_| true, CallFault::HeldBefore);
    let dispatch = order(phone.room());
    let held = setup.client.create_dispatch(&dispatch);
    let stop = async {
        assert!(fault.struck(SOON).await);
        setup.lk.stop().await;
    };
    let (_, ()) = tokio::join!(held, stop);
    phone.ended().await;
    let error = client(setup.lk.url(), ours(), SOON).list_rooms(&[]).await.expect_err("stopped");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn two_fakes_do_not_share_a_port() {
    let first = Fake::start(Options::new(ours(), now())).await.expect("a fake");
    let second = Fake::start(Options::new(ours(), now())).await.expect("a fake");
    assert_ne!(first.url(), second.url());
}
