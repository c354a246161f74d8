//! Runs the pretend LiveKit for a program outside to talk to: prints its URL, places one call and serves until
//! its standard input ends.
//!
//!     cargo run -p switchboard-livekit --features fake --example fake -- [WEBHOOK_URL]

use std::io::Read as _;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use livekit::Credentials;
use livekit::fake::{Behaviour, Call, Fake, Options};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let now = Arc::new(|| {
        let since = UNIX_EPOCH.elapsed().unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    });
    let mut options = Options::new(Credentials::new("devkey", "at-least-32-characters-secret-000000"), now);
    options.webhooks = std::env::args().skip(1).collect();
    let lk = Fake::start(options).await?;
    let _worker = lk.worker("telephony-agent", Behaviour::answers());
    let phone = lk.phone(Call::new("+15557654321", "+15551234567"));
    phone.joined().await;
    println!("url {}", lk.url());
    println!("key devkey secret at-least-32-characters-secret-000000");
    println!("room {}", phone.room());
    let until_closed = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(until_closed).await.map_err(std::io::Error::other)??;
    lk.stop().await;
    Ok(())
}
