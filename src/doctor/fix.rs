//! What `--fix` does: only what takes nothing from anybody.

use anyhow::Context as _;
use twilio::NumberUpdate;

use crate::clock::Clock;
use crate::db::{Db, migrate};

use super::report::{Fix, Report};

/// What can be asked to change something.
#[derive(Clone)]
pub struct Hands {
    /// The database.
    pub db: Option<Db>,
    /// The account at Twilio.
    pub twilio: Option<twilio::Client>,
    /// The time.
    pub clock: Clock,
}

/// Does what the checks offer; what was done, in words.
///
/// # Errors
/// When one of it fails; what was done before it stays done.
pub async fn all(report: &Report, hands: &Hands) -> anyhow::Result<Vec<String>> {
    let mut done = Vec::new();
    for check in &report.checks {
        if let Some(fix) = &check.fix {
            let words = one(fix, hands).await.with_context(|| format!("mending {}", check.id))?;
            done.push(format!("{}: {words}", check.id));
        }
    }
    Ok(done)
}

async fn one(fix: &Fix, hands: &Hands) -> anyhow::Result<String> {
    match fix {
        Fix::Migrate => {
            let db = hands.db.as_ref().context("the database is not open")?;
            let ran = migrate::run(db, hands.clock.now()).await?;
            Ok(format!("{} migrations were run", ran.len()))
        }
        Fix::Attach(pairs) => {
            let twilio = hands.twilio.as_ref().context("no Twilio account is configured")?;
            for (trunk, number) in pairs {
                twilio.attach_number(trunk, number).await?;
            }
            Ok(format!("{} numbers were attached to their trunk", pairs.len()))
        }
        Fix::TakeVoice(numbers) => {
            let twilio = hands.twilio.as_ref().context("no Twilio account is configured")?;
            for number in numbers {
                twilio.update_number(number, &NumberUpdate::new().voice_receive_mode("voice")).await?;
            }
            Ok(format!("{} numbers take calls again", numbers.len()))
        }
    }
}
