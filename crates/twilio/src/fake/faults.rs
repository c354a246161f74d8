//! Requests going wrong on purpose.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Seen;

/// What happens to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Answered 429 without being carried out, with `Retry-After` in seconds if given.
    TooMany(Option<u32>),
    /// Answered 500 without being carried out.
    FailsBefore,
    /// Carried out, and answered 500.
    FailsAfter,
    /// The connection is closed without an answer, and nothing carried out.
    DropsBefore,
    /// Carried out, and the connection closed without an answer.
    DropsAfter,
    /// Neither carried out nor answered before [`Planted::release`]; then carried out, whether or not the caller
    /// still waits.
    HeldBefore,
    /// Carried out, but not answered before [`Planted::release`].
    HeldAfter,
    /// Carried out this much later.
    Delayed(Duration),
    /// Answered with this instead of being carried out.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body's type.
        content_type: String,
        /// The body.
        body: String,
    },
}

impl Fault {
    /// Answered with this JSON instead of being carried out.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Answered { status, content_type: "application/json".to_owned(), body: body.to_string() }
    }
}

/// What is to go wrong. Of several faults that fit, the one planted first strikes.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

struct Rule {
    fits: Box<dyn Fn(&Seen) -> bool + Send + Sync>,
    fault: Fault,
    /// How many that fit are let through first.
    skip: usize,
    left: usize,
    planted: Planted,
}

impl Faults {
    /// Strikes the next request that fits.
    pub fn next(&self, fits: impl Fn(&Seen) -> bool + Send + Sync + 'static, fault: Fault) -> Planted {
        self.add(Box::new(fits), fault, 0, 1)
    }

    /// Strikes the next so many requests that fit.
    pub fn times(
        &self,
        times: usize,
        fits: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        fault: Fault,
    ) -> Planted {
        self.add(Box::new(fits), fault, 0, times)
    }

    /// Strikes the request that comes after so many others, whatever it is: 0 is the next.
    pub fn after(&self, others: usize, fault: Fault) -> Planted {
        self.add(Box::new(|_| true), fault, others, 1)
    }

    /// Strikes every request that fits, until released.
    pub fn every(&self, fits: impl Fn(&Seen) -> bool + Send + Sync + 'static, fault: Fault) -> Planted {
        self.add(Box::new(fits), fault, 0, usize::MAX)
    }

    /// Ends all faults and lets go what they hold.
    pub fn clear(&self) {
        self.lock().drain(..).for_each(|rule| rule.planted.release());
    }

    fn add(
        &self,
        fits: Box<dyn Fn(&Seen) -> bool + Send + Sync>,
        fault: Fault,
        skip: usize,
        left: usize,
    ) -> Planted {
        let planted = Planted { released: CancellationToken::new(), strikes: watch::Sender::new(0) };
        self.lock().push(Rule { fits, fault, skip, left, planted: planted.clone() });
        planted
    }

    /// Every rule that fits counts the request, so that each "after so many others" counts all of them.
    pub(super) fn strike(&self, seen: &Seen) -> Option<(Fault, Planted)> {
        let mut rules = self.lock();
        // One that has struck stays until it is released, so that `clear` lets go what it holds.
        rules.retain(|rule| !rule.planted.released.is_cancelled());
        let mut struck = None;
        for rule in rules.iter_mut().filter(|rule| rule.left > 0 && (rule.fits)(seen)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if struck.is_none() {
                rule.left -= 1;
                rule.planted.strikes.send_modify(|count| *count += 1);
                struck = Some((rule.fault.clone(), rule.planted.clone()));
            }
        }
        struck
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

/// One thing planted to go wrong.
#[derive(Clone, Debug)]
pub struct Planted {
    released: CancellationToken,
    strikes: watch::Sender<usize>,
}

impl Planted {
    /// Lets go what is held, and strikes no more.
    pub fn release(&self) {
        self.released.cancel();
    }

    /// How often it struck.
    pub fn strikes(&self) -> usize {
        *self.strikes.borrow()
    }

    /// Waits until it has struck; false if it has not by the deadline.
    pub async fn struck(&self, deadline: Duration) -> bool {
        let mut strikes = self.strikes.subscribe();
        tokio::time::timeout(deadline, strikes.wait_for(|&count| count > 0))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }

    /// Waits until it is released.
    pub(super) async fn over(&self) {
        self.released.cancelled().await;
    }
}
