//! Outgoing webhooks: what happens, told to the tenants' own systems. The relay turns what the outbox tells into one
//! event each and a delivery for everyone who wants it; the workers send those, again and again until they arrive.
//!
//! Signatures and payloads are those of Standard Webhooks (<https://www.standardwebhooks.com>).

mod deliver;
mod note;
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

/// Starts the relay and the workers, on a thread of their own that gives way to calls.
///
/// # Errors
/// When the system has no thread, or no event queue, left.
pub fn start(app: &App) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    {
        let _on_it = runtime.enter();
        app.keep_running("relaying webhooks", |app| async move { relay::run(app).await });
        let first = Arc::new(AtomicBool::new(true));
        app.keep_running("sending webhooks", move |app| {
            let first = first.swap(false, Ordering::AcqRel);
            async move { deliver::run(app, first).await }
        });
    }
    let app = app.clone();
    let thread = std::thread::Builder::new().name("webhooks".to_owned());
    thread.spawn(move || {
        give_way();
        runtime.block_on(app.until_stopped());
    })?;
    Ok(())
}

/// Where there is not enough of the processor for both, this thread waits for those that calls are taken on.
fn give_way() {
    /// Of 19: about a tenth of what a thread of the usual priority gets.
    #[cfg(target_os = "linux")]
    const NICENESS: i32 = 10;
    // Of the thread alone, on Linux; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "webhooks are sent at the same priority as calls are taken");
    }
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
