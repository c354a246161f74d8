//! Things going wrong on purpose: webhooks on their way out, calls on their way in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::webhook::Event;

/// What happens to a webhook.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum WebhookFault {
    /// It is never sent, and LiveKit thinks it was.
    Lost,
    /// It is sent a second time after it was delivered, with the same id.
    Doubled,
    /// It is sent this much later; the room's next ones wait behind it.
    Delayed(Duration),
    /// It waits until [`Fault::release`]; the room's next ones wait behind it.
    Held,
}

/// What happens to a call.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum CallFault {
    /// Answered 503 without being carried out.
    FailsBefore,
    /// Carried out, and answered 503.
    FailsAfter,
    /// Neither carried out nor answered before [`Fault::release`]; then carried out, whether or not the caller
    /// still waits.
    HeldBefore,
    /// Carried out, but not answered before [`Fault::release`].
    HeldAfter,
    /// Carried out this much later.
    Delayed(Duration),
    /// Answered 429 without being carried out.
    TooMany,
}

/// A call as it came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The Twirp method.
    pub method: String,
    /// The room it is about, by name; empty where it is about none.
    pub room: String,
}

/// What is to go wrong. Of several faults that fit, the one set first strikes.
#[derive(Clone, Default)]
pub struct Faults {
    webhooks: Rules<Event, WebhookFault>,
    calls: Rules<Call, CallFault>,
}

impl Faults {
    /// Strikes the next webhook that fits.
    pub fn next_webhook(
        &self,
        fits: impl Fn(&Event) -> bool + Send + Sync + 'static,
        fault: WebhookFault,
    ) -> Fault {
        self.webhooks.add(Box::new(fits), fault, 1)
    }

    /// Strikes every webhook that fits, until released.
    pub fn every_webhook(
        &self,
        fits: impl Fn(&Event) -> bool + Send + Sync + 'static,
        fault: WebhookFault,
    ) -> Fault {
        self.webhooks.add(Box::new(fits), fault, usize::MAX)
    }

    /// Strikes the next call that fits.
    pub fn next_call(&self, fits: impl Fn(&Call) -> bool + Send + Sync + 'static, fault: CallFault) -> Fault {
        self.calls.add(Box::new(fits), fault, 1)
    }

    /// Strikes every call that fits, until released.
    pub fn every_call(
        &self,
        fits: impl Fn(&Call) -> bool + Send + Sync + 'static,
        fault: CallFault,
    ) -> Fault {
        self.calls.add(Box::new(fits), fault, usize::MAX)
    }

    /// Ends all faults and lets go what they hold.
    pub fn clear(&self) {
        self.webhooks.clear();
        self.calls.clear();
    }

    pub(super) fn of_webhook(&self, event: &Event) -> Option<(WebhookFault, Fault)> {
        self.webhooks.strike(event)
    }

    pub(super) fn of_call(&self, call: &Call) -> Option<(CallFault, Fault)> {
        self.calls.strike(call)
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

/// One thing set to go wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    released: CancellationToken,
    strikes: watch::Sender<usize>,
}

impl Fault {
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

type Fits<S> = Box<dyn Fn(&S) -> bool + Send + Sync>;

struct Rule<S, F> {
    fits: Fits<S>,
    fault: F,
    left: usize,
    handle: Fault,
}

struct Rules<S, F>(Arc<Mutex<Vec<Rule<S, F>>>>);

impl<S, F> Clone for Rules<S, F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, F> Default for Rules<S, F> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S, F: Copy> Rules<S, F> {
    fn add(&self, fits: Fits<S>, fault: F, times: usize) -> Fault {
        let handle = Fault { released: CancellationToken::new(), strikes: watch::Sender::new(0) };
        self.lock().push(Rule { fits, fault, left: times, handle: handle.clone() });
        handle
    }

    fn strike(&self, seen: &S) -> Option<(F, Fault)> {
        let mut rules = self.lock();
        // One that has struck stays until it is released, so that `clear` lets go what it holds.
        rules.retain(|rule| !rule.handle.released.is_cancelled());
        let rule = rules.iter_mut().find(|rule| rule.left > 0 && (rule.fits)(seen))?;
        rule.left -= 1;
        rule.handle.strikes.send_modify(|count| *count += 1);
        Some((rule.fault, rule.handle.clone()))
    }

    fn clear(&self) {
        self.lock().drain(..).for_each(|rule| rule.handle.release());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Rule<S, F>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
