//! The carrier's side of the ledger: what Twilio says of its calls is compared with ours. A call that rang at a number of
//! ours and never reached us becomes a record, one that did gets its seconds and price. One replica at a time, by a
//! lease; a round that fails loses nothing, as the next begins where the last one that did not had come to.

mod round;
mod window;

use std::time::Duration;

use crate::app::App;
use crate::db::leases;

pub use round::{Finding, Options, Report, round};

/// After rounds that failed the wait grows to this many times the usual one …
const LONGEST_WAIT: u32 = 16;
/// … but not beyond this, where the usual one is shorter.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Starts comparing, where there is an account to ask.
pub fn start(app: &App) {
    match app.twilio.clone() {
        Some(client) => {
            app.keep_running("comparing calls with the carrier's", move |app| run(app, client.clone()));
        }
        None => tracing::debug!("calls are not compared with the carrier's: no Twilio account is set"),
    }
}

async fn run(app: App, client: twilio::Client) {
    let mut failed = 0;
    while !app.stop().is_cancelled() {
        let began = app.clock.now();
        if is_ours(&app, &client).await {
            failed = after(&app, failed, round(&app, &client, &Options::default()).await);
        }
        tokio::select! {
            () = app.clock.sleep_until(began.saturating_add(pause(app.calls_every, failed))) => {}
            () = app.stop().cancelled() => {}
        }
    }
    let (name, me) = (lease(&client), app.me().to_owned());
    if let Err(error) = app.db.write(move |tx| leases::give_back(tx, &name, &me)).await {
        tracing::debug!(%error, "the lease on the carrier's calls runs out by itself");
    }
}

/// Tells how a round went: a failure once, until there is a round that did not fail. How many have failed by now.
fn after(app: &App, failed: u32, done: anyhow::Result<Report>) -> u32 {
    match done {
        Ok(report) => {
            app.metrics.carrier_polled(if report.cut_short { "cut_short" } else { "done" });
            if failed > 0 {
                tracing::info!("calls are compared with the carrier's again");
            }
            tracing::debug!(?report, "calls were compared with the carrier's");
            0
        }
        Err(error) => {
            app.metrics.carrier_polled("failed");
            if failed == 0 {
                tracing::warn!(%error, "calls could not be compared with the carrier's; nothing is lost, it is tried again");
            } else {
                tracing::debug!(%error, failed, "calls could still not be compared with the carrier's");
            }
            failed.saturating_add(1)
        }
    }
}

/// How long until the next round.
fn pause(every: Duration, failed: u32) -> Duration {
    let times = 2_u32.saturating_pow(failed.min(8)).min(LONGEST_WAIT);
    every.saturating_mul(times).min(LONGEST_PAUSE.max(every))
}

fn lease(client: &twilio::Client) -> String {
    format!("carrier/{}", client.account_sid())
}

/// For how long the one who compares is the only one.
fn lasts(app: &App) -> Duration {
    (app.calls_every * 3).max(Duration::from_secs(60))
}

async fn is_ours(app: &App, client: &twilio::Client) -> bool {
    let (name, me, now) = (lease(client), app.me().to_owned(), app.clock.now());
    let lasts = lasts(app);
    let taken = app.db.write(move |tx| leases::take(tx, &name, &me, now, lasts)).await;
    taken.unwrap_or_else(|error| {
        tracing::warn!(%error, "the lease on the carrier's calls could not be taken");
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_failures_and_has_an_end() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        for (every, failed, wait) in [
            (minutes(5), 0, minutes(5)),
            (minutes(5), 1, minutes(10)),
            (minutes(5), 3, minutes(40)),
            (minutes(5), 4, minutes(60)),
            (minutes(5), u32::MAX, minutes(60)),
            (minutes(1), 9, minutes(16)),
            (minutes(120), 7, minutes(120)),
        ] {
            assert_eq!(pause(every, failed), wait, "{every:?} after {failed}");
        }
    }
}
