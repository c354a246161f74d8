//! What webhooks must not reach, and what an answer must not do.

use tokio::net::TcpListener;

use super::*;
use crate::on_both_databases;

/// The one try that was made, once it was.
async fn the_try(app: &TestApp, to: &Endpoint) -> Attempt {
    eventually("it was tried", async || {
        deliveries_to(app, to).await.first().is_some_and(|one| one.attempts == 1)
    })
    .await;
    attempts(app, &deliveries_to(app, to).await[0]).await.remove(0)
}

on_both_databases! {
    async fn a_redirect_is_not_followed(setup: Setup) {
        let Some(app) = start(setup.clock(standing())).await else { return };
        let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
        for (n, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
            let location = inside.url.clone();
            receiver.answers(move |_| Answer::status(status).with("location", location.clone()));
            let to = endpoint(&app, &receiver.url, &["call.ringing"]).await;
            talks(&app, n).await;
            let tried = the_try(&app, &to).await;
            assert_eq!(tried.response_status, Some(i64::from(status)));
            assert_eq!(tried.error, Some(format!("it answered {status}, and redirects are not followed")));
            assert_eq!(statuses(&app, &to).await, [Status::Pending], "it is tried again");
            change(&app, &to.id, |wish| wish.enabled = false).await;
        }
        assert!(inside.got().is_empty());
        app.stop().await;
    }

    async fn a_private_address_is_never_connected_to_unless_the_operator_allows_it(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = inside.local_addr().unwrap().port();
        // As if they had been made while the operator allowed it, or a name had come to mean something else.
        let urls = [
            (format!("https://localhost:{port}/"), "the host is not on the public internet"),
            (format!("https://127.0.0.1:{port}/"), "the URL must be reachable on the public internet"),
            (format!("https://[::ffff:127.0.0.1]:{port}/"), "the URL must be reachable on the public internet"),
            (format!("http://example.com:{port}/"), "the URL must be https"),
        ];
        let mut made = Vec::new();
        for (url, why) in urls {
            made.push((endpoint(&app, &url, &["call.ringing"]).await, why));
        }
        talks(&app, 1).await;
        for (to, why) in made {
            let tried = the_try(&app, &to).await;
            let error = tried.error.unwrap();
            assert!(error.starts_with(why), "{}: {error}", to.url);
            assert!(!error.contains("127.0.0.1"), "addresses are not told: {error}");
            assert_eq!((tried.response_status, tried.response), (None, None));
        }
        let connected = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
        assert!(connected.is_err(), "somebody connected");
        app.stop().await;
    }

    async fn what_is_kept_of_an_answer_is_short_and_harmless(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(|_| Answer::status(200).saying(format!("ok\0\u{1b}[2J\n{}", "x".repeat(100_000))));
        let to = endpoint(&app, &receiver.url, &["call.ringing"]).await;
        talks(&app, 1).await;
        let tried = the_try(&app, &to).await;
        let kept = tried.response.unwrap();
        assert!(kept.starts_with("ok[2Jxxx") && kept.len() <= 1024 && kept.len() > 1000, "{} bytes", kept.len());
        assert_eq!((tried.response_status, tried.error, tried.attempt), (Some(200), None, 1));
        assert_eq!(statuses(&app, &to).await, [Status::Delivered]);
        app.stop().await;
    }

    async fn a_receiver_that_does_not_answer_in_time_is_tried_again(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_OUTGOING_WEBHOOKS__TIMEOUT", "1s");
        let Some(app) = start(setup.clock(standing())).await else { return };
        let (silent, nobody) = (Receiver::start().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
        silent.hold(true);
        let to = endpoint(&app, &silent.url, &["call.ringing"]).await;
        let closed = endpoint(&app, &format!("http://{}/", nobody.local_addr().unwrap()), &["call.ringing"]).await;
        drop(nobody);
        talks(&app, 1).await;
        assert_eq!(the_try(&app, &to).await.error.as_deref(), Some("there was no answer within 1 s"));
        let error = the_try(&app, &closed).await.error.unwrap();
        assert!(error.starts_with("cannot connect: "), "{error}");
        assert_eq!(statuses(&app, &to).await, [Status::Pending]);
        app.stop().await;
    }
}
