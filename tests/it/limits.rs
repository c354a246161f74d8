//! How much is let in, and what those are told who are not.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;
use switchboard::db::{self, Lane, Tx};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app::{ASK, EVENTS, Setup, TEST, TestApp, Written, signature};
use crate::ask::ask;
use crate::on_both_databases;
use crate::routing::{self, eventually};

on_both_databases! {
    async fn one_request_too_many_is_told_so_at_once(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_SERVER__MAX_IN_FLIGHT", "2").with("SWITCHBOARD_SERVER__ASK_TIMEOUT", "9s");
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let (one, two) = (begin(&app, "SIP-1").await, begin(&app, "SIP-2").await);
        eventually("two under way", async || app.app.metrics.encode().contains("\nswitchboard_requests_in_flight 2\n")).await;
        let body = ask("SIP-3").to_string();
        for path in [ASK, EVENTS, TEST] {
            let began = tokio::time::Instant::now();
            let refused = app.to(path).header("x-livekit-signature", signature(body.as_bytes())).body(body.clone()).send().await.unwrap();
            assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"), "{path}");
            assert_eq!(refused.headers()["content-type"], "application/problem+json");
            assert!(began.elapsed() < Duration::from_secs(5), "at once, not when there is room again");
        }
        let alive = app.http.get(format!("{}/api/v1/webhooks/health", app.url)).send().await.unwrap();
        assert_eq!(alive.status(), 200, "whoever looks after us is always let in");
        for request in [one, two] {
            assert!(finish(request).await.starts_with("HTTP/1.1 200"));
        }
        assert_eq!(app.ask(&ask("SIP-3")).await.0, 200);
        app.stop().await;
    }

    async fn a_sender_that_goes_away_gives_its_place_back(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_SERVER__MAX_IN_FLIGHT", "1");
        let Some(app) = setup.start().await else { return };
        let (request, _) = begin(&app, "SIP-1").await;
        eventually("one under way", async || app.app.metrics.encode().contains("\nswitchboard_requests_in_flight 1\n")).await;
        drop(request);
        eventually("its place is free", async || app.app.metrics.encode().contains("\nswitchboard_requests_in_flight 0\n")).await;
        assert_eq!(app.written().await, Written::default());
        assert_eq!(app.ask(&ask("SIP-1")).await.0, 200);
        app.stop().await;
    }

    async fn a_sender_that_is_too_slow_is_not_waited_for(setup: Setup) {
        let Some(app) = setup.with("SWITCHBOARD_SERVER__ASK_TIMEOUT", "200ms").start().await else { return };
        let (mut request, _) = begin(&app, "SIP-1").await;
        let mut told = [0; 12];
        request.read_exact(&mut told).await.unwrap();
        assert_eq!(&told, b"HTTP/1.1 503");
        assert_eq!(app.written().await, Written::default());
        app.stop().await;
    }

    async fn a_busy_database_is_told_at_once(setup: Setup) {
        // Who answers is written beforehand: where only one may wait, what a start does by itself could be that one.
        let Some(app) = Setup::new(setup.engine).start().await else { return };
        routing::acme(&app).await;
        let before = app.written().await;
        let setup = setup.with("SWITCHBOARD_DATABASE__MAX_WAITING", "1").with("SWITCHBOARD_DATABASE__WRITERS", "1");
        let app = TestApp::start(setup, app.stop().await).await;
        let (go, _blocked) = block(&app).await;
        let mut waiting = tokio::task::JoinSet::new();
        let db = app.app.db.clone();
        waiting.spawn(async move { db.write(|_: &mut Tx<'_>| -> db::Result<()> { Ok(()) }).await.ok() });
        eventually("one waits", async || app.app.db.waiting(Lane::Write) == 1).await;
        for path in [ASK, EVENTS] {
            let body = if path == ASK { ask("SIP-1") } else { json!({ "event": "room_started", "id": "EV_1", "room": { "name": "r", "sid": "RM_1" } }) };
            let body = body.to_string();
            let refused = app.to(path).header("x-livekit-signature", signature(body.as_bytes())).body(body).send().await.unwrap();
            assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"), "{path}");
        }
        drop(go);
        eventually("it answers again", async || app.ask(&ask("SIP-1")).await.0 == 200).await;
        let app = TestApp::start(Setup::new(app.app.db.engine()), app.stop().await).await;
        let after = app.written().await;
        assert_eq!((after.calls, after.facts), (before.calls + 1, before.facts + 1), "who was told 503 was not written");
        app.stop().await;
    }

    async fn an_ask_that_takes_too_long_is_told_so_and_may_ask_again(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_SERVER__ASK_TIMEOUT", "200ms").with("SWITCHBOARD_DATABASE__WRITERS", "1");
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let (go, _blocked) = block(&app).await;
        assert_eq!(app.ask(&ask("SIP-1")).await.0, 503);
        drop(go);
        let mut answered = json!(null);
        eventually("it answers again", async || {
            let (status, answer) = app.ask(&ask("SIP-1")).await;
            answered = answer;
            status == 200
        })
        .await;
        assert_eq!(answered["agent_name"], "telephony-agent");
        let written = app.written().await;
        assert_eq!((written.calls, written.facts, written.attempts), (1, 1, 1));
        app.stop().await;
    }
}

/// An Ask whose body has not come yet, and the rest of it.
async fn begin(app: &TestApp, id: &str) -> (TcpStream, String) {
    let body = ask(id).to_string();
    let mut stream =
        TcpStream::connect(app.url.trim_start_matches("http://")).await.expect("the server is there");
    let head = format!(
        "POST {ASK} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-livekit-signature: {}\r\ncontent-length: {}\r\n\r\n",
        signature(body.as_bytes()),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("the server is there");
    stream.write_all(&body.as_bytes()[..1]).await.expect("the server is there");
    (stream, body[1..].to_owned())
}

async fn finish((mut stream, rest): (TcpStream, String)) -> String {
    stream.write_all(rest.as_bytes()).await.expect("the server is there");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server is there");
    answer
}

/// Keeps the only writer busy until the sender is dropped.
async fn block(app: &TestApp) -> (mpsc::Sender<()>, tokio::task::JoinSet<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let (began, begun) = tokio::sync::oneshot::channel();
    let mut blocked = tokio::task::JoinSet::new();
    let db = app.app.db.clone();
    blocked.spawn(async move {
        let work = move |_: &mut Tx<'_>| -> db::Result<()> {
            began.send(()).ok();
            wait.recv().ok();
            Ok(())
        };
        db.write(work).await.ok();
    });
    begun.await.expect("it has begun");
    (go, blocked)
}
