//! The live stream over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::Api;
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

const SOON: Duration = Duration::from_secs(60);

/// A stream that is listened to.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn of(api: &Api<'_>, last: Option<&str>) -> Stream {
        let mut request = api.to("GET", "/api/v1/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Stream { response, text: String::new() };
        stream.until(|block| block.contains("listening")).await;
        stream
    }

    /// The next block that is as wanted; none when the stream ends before.
    async fn find(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if wanted(&block) {
                    return Some(block);
                }
            }
            let more = tokio::time::timeout(SOON, self.response.chunk()).await.expect("something comes");
            self.text += &String::from_utf8_lossy(&more.ok()??);
        }
    }

    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.find(wanted).await.expect("it comes before the end")
    }
}

fn field(block: &str, name: &str) -> String {
    let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {block}")).to_owned()
}

async fn rings(app: &TestApp, id: &str) {
    let body = json!({"call_id": id, "from_number": "+15551234567", "to_number": routing::NUMBER});
    assert_eq!(app.ask(&body).await.0, 200);
}

on_both_databases! {
    async fn who_comes_back_with_the_last_id_goes_on_where_they_were(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let mut stream = Stream::of(&api, None).await;
        rings(&app, "S1").await;
        let first = stream.until(|block| block.contains("call.ringing")).await;
        let data: Value = serde_json::from_str(&field(&first, "data")).expect("JSON");
        assert_eq!((&data["kind"], &data["data"]["callSid"]), (&json!("call"), &json!("S1")));
        drop(stream);
        rings(&app, "S2").await;
        let mut stream = Stream::of(&api, Some(&field(&first, "id"))).await;
        let next = stream.until(|block| block.contains("call.ringing")).await;
        assert!(next.contains("S2") && !next.contains("S1"), "{next}");
        let nonsense = api.to("GET", "/api/v1/events").header("last-event-id", "nonsense");
        assert_eq!(api.send(nonsense).await.status, 422);
        app.stop().await;
    }

    async fn a_key_that_is_revoked_hears_nothing_more(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let owner = app.api(Role::Owner, Some("tnt_1")).await;
        let made = owner.made("/api/v1/api-keys", &json!({"name": "ears", "role": "viewer"})).await;
        let key = made["key"].as_str().expect("a key").to_owned();
        let mut stream = Stream::of(&Api { app: &app, key }, None).await;
        let at = format!("/api/v1/api-keys/{}", made["id"].as_str().expect("an id"));
        assert_eq!(owner.delete(&at).await.status, 204);
        let last = stream.until(|block| block.contains("dropped")).await;
        assert!(last.contains("unauthenticated"), "{last}");
        assert_eq!(stream.find(|_| true).await, None, "that was the last");
        app.stop().await;
    }

    async fn endpoints_are_told_to_owners_alone(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true");
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let owner = app.api(Role::Owner, Some("tnt_1")).await;
        let viewer = app.api(Role::Viewer, Some("tnt_1")).await;
        let (mut told, mut spared) = (Stream::of(&owner, None).await, Stream::of(&viewer, None).await);
        owner.made("/api/v1/webhook-endpoints", &json!({"url": "http://127.0.0.1:9/hook?token=x"})).await;
        rings(&app, "S1").await;
        let endpoint = told.until(|block| block.contains("event: ")).await;
        assert_eq!(field(&endpoint, "event"), "webhook_endpoint");
        let first = spared.until(|block| block.contains("event: ")).await;
        assert_ne!(field(&first, "event"), "webhook_endpoint");
        app.stop().await;
    }
}
