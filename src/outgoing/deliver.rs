//! The workers: claim what is due, send it, note what came of it. Every replica has them. A slow receiver is held to a
//! few at once, and who has fewest on the way goes first, so that it cannot keep the others waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::sync::{Notify, mpsc};

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::deliveries::Attempt;
use crate::db::sending::{self, Claim, Claimed, Fate};
use crate::db::{self, Engine};
use crate::ids::{DeliveryId, EndpointId};

use super::note::{self, Noted};
use super::schedule::{self, Failed};
use super::send::{Sender, Tried};

/// Sent at once by one process, and of these to one endpoint.
const AT_ONCE: usize = 32;
const TO_ONE: usize = 4;
/// What is claimed is claimed for so much longer than a try may take.
const MARGIN: Duration = Duration::from_secs(15);
/// What other processes made due is looked for this often.
const POLL: Duration = Duration::from_millis(500);
/// How often what waits is counted, and how far.
const COUNT_EVERY: Duration = Duration::from_secs(15);
const COUNT_MOST: i64 = 100_000;

/// Sends until the server stops. What is on the way then is finished. A server's `first` run takes up at once what the
/// one before it left, where there is only one.
pub(super) async fn run(app: App, first: bool) {
    if first && app.db.engine() == Engine::Sqlite {
        let now = app.clock.now();
        if let Err(error) = app.db.write(move |tx| sending::release(tx, now)).await {
            tracing::debug!(%error, "what was on the way at the last stop is sent once its claim runs out");
        }
    }
    let sender = match Sender::new(&app.outgoing) {
        Ok(sender) => Arc::new(sender),
        Err(error) => {
            return tracing::error!(%error, "no webhook can be sent: the HTTP client does not start");
        }
    };
    while !app.stop().is_cancelled() {
        let (noted, noting) = mpsc::channel(AT_ONCE);
        app.spawn(note::run(app.clone(), noting));
        Workers { app: app.clone(), sender: sender.clone(), noted, on_the_way: Arc::default() }.run().await;
    }
}

#[derive(Clone)]
struct Workers {
    app: App,
    sender: Arc<Sender>,
    noted: mpsc::Sender<Noted>,
    on_the_way: Arc<OnTheWay>,
}

/// What this process is sending.
#[derive(Default)]
struct OnTheWay {
    deliveries: Mutex<BTreeMap<DeliveryId, EndpointId>>,
    freed: Notify,
}

impl OnTheWay {
    fn all(&self) -> MutexGuard<'_, BTreeMap<DeliveryId, EndpointId>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many may be sent to each of these: one each in turn, whoever has fewest on the way first.
    fn share(&self, due: Vec<EndpointId>) -> Vec<(EndpointId, usize)> {
        let all = self.all();
        let mut left = AT_ONCE.saturating_sub(all.len());
        let busy = |id: &EndpointId| all.values().filter(|to| *to == id).count();
        let mut shares: Vec<_> = due.into_iter().map(|id| (busy(&id), id, 0)).collect();
        shares.shuffle(&mut rand::rng());
        shares.sort_by_key(|(busy, ..)| *busy);
        for round in 0..TO_ONE {
            for (busy, _, share) in &mut shares {
                if left > 0 && *busy <= round {
                    *share += 1;
                    left -= 1;
                }
            }
        }
        shares.into_iter().filter(|(_, _, share)| *share > 0).map(|(_, id, share)| (id, share)).collect()
    }
}

/// Frees its place when the sending is over, however it ended.
pub(super) struct Place {
    on_the_way: Arc<OnTheWay>,
    id: DeliveryId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.on_the_way.all().remove(&self.id);
        self.on_the_way.freed.notify_one();
    }
}

impl Workers {
    /// Sends until the server stops, or nobody notes any more what comes of it.
    async fn run(&self) {
        let app = &self.app;
        let mut count_at = app.clock.now();
        while !app.stop().is_cancelled() && !self.noted.is_closed() {
            let next = match self.take_due().await {
                Ok((0, next)) => next,
                // There may be more.
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "due webhooks could not be taken");
                    None
                }
            };
            if app.clock.now() >= count_at {
                count_at = app.clock.now().saturating_add(COUNT_EVERY);
                self.count().await;
            }
            let due = async {
                match next {
                    Some(at) => app.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            // A poll is no business of the ledger's clock, which a test may have stopped.
            tokio::select! {
                () = due => {}
                () = app.until_webhooks_due() => {}
                () = self.on_the_way.freed.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = app.stop().cancelled() => {}
            }
        }
    }

    /// Begins to send what is due, as far as there is room; how many that are, and when the next is due.
    async fn take_due(&self) -> db::Result<(usize, Option<Timestamp>)> {
        let now = self.app.clock.now();
        let (due, next) = self
            .app
            .db
            .read(move |tx| -> db::Result<_> {
                Ok((sending::due_endpoints(tx, now)?, sending::next_due(tx, now)?))
            })
            .await?;
        let shares = self.on_the_way.share(due);
        if shares.is_empty() {
            return Ok((0, next));
        }
        let holder = crate::ids::new(self.app.me(), now);
        let until = now.saturating_add(self.app.outgoing.timeout + MARGIN);
        let except: BTreeSet<DeliveryId> = self.on_the_way.all().keys().cloned().collect();
        let by = holder.clone();
        let claimed = self.app.db.background(move |tx| -> db::Result<_> {
            let by = Claim { holder: &by, until, except: &except };
            let mut claimed = Vec::new();
            for (endpoint, share) in &shares {
                claimed.extend(sending::claim(tx, endpoint, by, *share, now)?);
            }
            Ok(claimed)
        });
        let claimed = claimed.await?;
        let count = claimed.len();
        for one in claimed {
            self.on_the_way.all().insert(one.id.clone(), one.endpoint.clone());
            let place = Place { on_the_way: self.on_the_way.clone(), id: one.id.clone() };
            let (workers, holder) = (self.clone(), holder.clone());
            self.app.spawn(async move {
                workers.see_through(one, holder, place).await;
            });
        }
        Ok((count, next))
    }

    /// One try of one delivery.
    async fn see_through(&self, claimed: Claimed, holder: String, place: Place) {
        let (tried, fate) = match &claimed.body {
            None => (None, Fate::Cancelled),
            Some(body) => {
                let at = self.app.clock.now();
                let watch = self.app.clock.stopwatch();
                let tried = self.sender.send(&claimed, body, at).await;
                let fate = self.fate(&claimed, &tried, at);
                (Some(attempt(&claimed, tried, (at, watch.elapsed()))), fate)
            }
        };
        let outcome = match &fate {
            Fate::Arrived => "delivered",
            Fate::Again(_) => "failed",
            Fate::GivenUp(_) => "given_up",
            Fate::Cancelled => "cancelled",
        };
        self.app.metrics.webhook_sent(outcome);
        if self.noted.send(Noted { claimed, holder, tried, fate, _place: place }).await.is_err() {
            tracing::error!("a webhook will be sent again, as nobody notes what came of it");
        }
    }

    fn fate(&self, claimed: &Claimed, tried: &Tried, began: Timestamp) -> Fate {
        /// Gone: the receiver wants no more, ever.
        const GONE: u16 = 410;
        if tried.arrived() {
            return Fate::Arrived;
        }
        if tried.status == Some(GONE) {
            return Fate::GivenUp("it answered 410 (gone)".to_owned());
        }
        let failed = Failed {
            attempts: claimed.attempts + 1,
            first: claimed.first_tried_at.unwrap_or(began),
            now: self.app.clock.now(),
            retry_after: tried.retry_after,
        };
        match schedule::next(failed, rand::random()) {
            Some(at) => Fate::Again(at),
            None => {
                let last = tried.error.as_deref().unwrap_or_default();
                Fate::GivenUp(format!("a delivery failed for three days; at last, {last}"))
            }
        }
    }

    async fn count(&self) {
        match self.app.db.read(|tx| sending::waiting(tx, COUNT_MOST)).await {
            Ok(waiting) => self.app.metrics.webhooks_waiting(waiting.unsigned_abs()),
            Err(error) => tracing::debug!(%error, "waiting webhooks could not be counted"),
        }
    }
}

fn attempt(claimed: &Claimed, tried: Tried, (at, took): (Timestamp, Duration)) -> Attempt {
    Attempt {
        attempt: claimed.attempts + 1,
        at,
        response_status: tried.status.map(i64::from),
        error: tried.error,
        response: tried.response,
        took_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
    }
}
