//! Outgoing webhooks: what happens, told to the tenants' own systems. The relay turns what the outbox tells into one
//! event each and a delivery for everyone who wants it; the workers send those, again and again until they arrive.
//!
//! Signatures and payloads are those of Standard Webhooks (<https://www.standardwebhooks.com>).

mod deliver;
mod relay;
mod schedule;
mod send;
mod sign;
pub mod target;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::endpoints::Endpoint;
use crate::events;

pub use sign::new_secret;

/// Where webhooks may be sent, and how long things may take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// To this machine and private networks too, and without TLS.
    pub allow_private: bool,
    /// The longest one try may take.
    pub timeout: Duration,
    /// Events and deliveries are kept this long.
    pub keep: Duration,
}

/// Starts the relay and the workers.
pub fn start(app: &App) {
    app.keep_running("relaying webhooks", |app| async move { relay::run(app).await });
    let first = Arc::new(AtomicBool::new(true));
    app.keep_running("sending webhooks", move |app| {
        let first = first.swap(false, Ordering::AcqRel);
        async move { deliver::run(app, first).await }
    });
}

/// What is sent.
fn body(event: &str, at: Timestamp, data: &Value) -> String {
    json!({ "type": event, "timestamp": at, "data": data }).to_string()
}

/// The body of an event that only tries an endpoint out.
pub fn test_body(endpoint: &Endpoint, now: Timestamp) -> String {
    let data = json!({
        "endpointId": endpoint.id,
        "message": "This is a test: nothing has happened.",
    });
    body(events::TEST, now, &data)
}
