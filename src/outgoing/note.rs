//! Noting what came of tries: while some are written those that come meanwhile gather, and go together into the next
//! transaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::App;
use crate::audit::{self, Actor, Entry};
use crate::clock::Timestamp;
use crate::db::deliveries::Attempt;
use crate::db::endpoints::{Endpoint, Status};
use crate::db::sending::{self, Claimed, Fate, Finished};
use crate::db::{self, endpoints};
use crate::events;

use super::deliver::Place;

/// Noted in one transaction at most.
const TOGETHER: usize = 32;
/// How often, and how long apart, it is noted again while the database is busy.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(300);

/// What came of one try of one delivery.
pub(super) struct Noted {
    pub(super) claimed: Claimed,
    /// Who claimed it.
    pub(super) holder: String,
    /// None where there was nothing to send.
    pub(super) tried: Option<Attempt>,
    pub(super) fate: Fate,
    /// Its place among what is on the way, which it keeps until it is noted.
    pub(super) _place: Place,
}

impl Noted {
    fn finished(&self) -> Finished<'_> {
        Finished {
            claimed: &self.claimed,
            holder: &self.holder,
            tried: self.tried.as_ref(),
            fate: &self.fate,
        }
    }
}

/// Notes what arrives until nobody is left to send it.
pub(super) async fn run(app: App, mut noted: mpsc::Receiver<Noted>) {
    let mut some = Vec::with_capacity(TOGETHER);
    while noted.recv_many(&mut some, TOGETHER).await > 0 {
        // Whoever is given up on takes their endpoint along, which is locked before any delivery.
        let (given_up, others): (Vec<_>, Vec<_>) =
            some.drain(..).partition(|one| matches!(one.fate, Fate::GivenUp(_)));
        for one in given_up {
            note(&app, vec![one]).await;
        }
        if !others.is_empty() {
            note(&app, others).await;
        }
    }
}

async fn note(app: &App, some: Vec<Noted>) {
    let some = Arc::new(some);
    for _ in 0..TRIES {
        let (noting, now) = (some.clone(), app.clock.now());
        match app.db.background(move |tx| write(tx, &noting, now)).await {
            Ok(()) => return,
            Err(error) if error.is_retryable() => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(%error, "what came of webhooks could not be noted");
                break;
            }
        }
    }
    for one in some.iter() {
        let delivery = &one.claimed.id;
        tracing::warn!(%delivery, "a webhook will be sent again, as what came of it could not be noted");
    }
}

fn write(tx: &mut db::Tx<'_>, some: &[Noted], now: Timestamp) -> db::Result<()> {
    if let [one] = some
        && let Fate::GivenUp(reason) = &one.fate
    {
        return give_up(tx, one, reason, now);
    }
    sending::finish(tx, &some.iter().map(Noted::finished).collect::<Vec<_>>(), now)?;
    Ok(())
}

fn give_up(tx: &mut db::Tx<'_>, one: &Noted, reason: &str, now: Timestamp) -> db::Result<()> {
    let endpoint = endpoints::locked(tx, None, &one.claimed.endpoint)?;
    let ours = sending::finish(tx, &[one.finished()], now)? == 1;
    match endpoint {
        Some(endpoint) if ours && endpoint.status == Status::Enabled => {
            give_up_on(tx, &endpoint, reason, now)
        }
        _ => Ok(()),
    }
}

fn give_up_on(tx: &mut db::Tx<'_>, endpoint: &Endpoint, reason: &str, now: Timestamp) -> db::Result<()> {
    let disabled = endpoints::disable(tx, endpoint, reason, now)?;
    let entry = Entry {
        action: events::ENDPOINT_DISABLED,
        tenant: Some(&endpoint.tenant_id),
        subject: ("webhook_endpoint", &endpoint.id),
        before: serde_json::to_value(endpoint).ok(),
        after: serde_json::to_value(&disabled).ok(),
    };
    audit::note(tx, &Actor::system(), entry, now)?;
    tracing::warn!(endpoint = %endpoint.id, "a webhook endpoint is disabled: {reason}");
    Ok(())
}
