//! Calls from end to end: phone, room, webhooks, dispatch, agent. Through the real LiveKit, and where the
//! pretend one claims to be the same, through that by the same test.

mod agents;
mod away;
mod caller;
mod calls;
mod checked;
mod client;
mod crowd;
mod doctor;
mod explain;
mod lost;
pub(crate) mod process;
mod world;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

pub(crate) use world::{Kind, World};

/// Far more than anything takes that no test measures.
const SOON: Duration = Duration::from_secs(60);
const TO: &str = "+15557654321";
const FROM: &str = "+15551234567";
/// The campaign's agent, and the one that stands in.
const AGENT: &str = "telephony-agent";
const FALLBACK: &str = "reception";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Now, in seconds, for what the pretend LiveKit does; the real peers tell by their own clock.
fn moment() -> f64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_secs_f64()
}

/// Asks again and again until the answer is something.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(seconds(30), asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// One test body, run through the real LiveKit and through the pretend one.
#[macro_export]
macro_rules! through_both_livekits {
    ($(async fn $name:ident($kind:ident: Kind) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn body($kind: Kind) $body

            #[tokio::test]
            async fn real() {
                body(Kind::Real).await;
            }

            #[tokio::test]
            async fn fake() {
                body(Kind::Fake).await;
            }
        }
    )+};
}
