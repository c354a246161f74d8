//! Sends webhooks as LiveKit does: strictly in order per room, one at a time, tried again only where LiveKit
//! tries again, dropped when too old.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::faults::{Faults, WebhookFault};
use super::tasks::Tasks;
use super::timing::Timing;
use crate::webhook::{self, Event};
use crate::{Credentials, Now};

/// More events than this for one room are not queued.
const MAX_DEPTH: usize = 200;

/// How many deliveries are remembered.
const REMEMBERED: usize = 100_000;

/// One try to deliver a webhook.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What was to be delivered.
    pub event: Event,
    /// Where to.
    pub url: String,
    /// The how-manieth try, from 1.
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a try to deliver a webhook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was answered with this status.
    Answered(u16),
    /// There was no answer.
    Failed(String),
    /// It was lost by a [`WebhookFault`].
    Lost,
    /// It was dropped, because it was too old when its turn came.
    TooOld,
    /// It was dropped, because too many of its room were waiting.
    QueueFull,
}

impl Delivery {
    /// It arrived and was accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome, Outcome::Answered(200..=299))
    }
}

#[derive(Clone)]
struct Letter {
    event: Arc<Event>,
    body: Bytes,
    queued_at: Instant,
}

/// URL and name of the room.
type Address = (String, String);

pub(super) struct Outbox {
    pub(super) http: reqwest::Client,
    pub(super) credentials: Credentials,
    pub(super) now: Now,
    pub(super) timing: Timing,
    pub(super) faults: Faults,
    pub(super) tasks: Tasks,
    urls: Mutex<Vec<String>>,
    queues: Mutex<HashMap<Address, VecDeque<Letter>>>,
    deliveries: Mutex<VecDeque<Delivery>>,
    /// Told of every delivery.
    changed: tokio::sync::watch::Sender<u64>,
}

impl Outbox {
    pub(super) fn new(
        (credentials, now, timing): (Credentials, Now, Timing),
        http: reqwest::Client,
        faults: Faults,
        tasks: Tasks,
        changed: tokio::sync::watch::Sender<u64>,
    ) -> Self {
        Self {
            http,
            credentials,
            now,
            timing,
            faults,
            tasks,
            urls: Mutex::default(),
            queues: Mutex::default(),
            deliveries: Mutex::default(),
            changed,
        }
    }

    pub(super) fn set_urls(&self, urls: Vec<String>) {
        *lock(&self.urls) = urls;
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.deliveries).iter().cloned().collect()
    }

    /// Queues an event of a room for every URL. The order of calls is the order of arrival.
    pub(super) fn send(self: &Arc<Self>, room: &str, body: String) {
        let Ok(event) = webhook::parse(body.as_bytes()) else { return };
        let letter = Letter { event: Arc::new(event), body: body.into(), queued_at: Instant::now() };
        for url in lock(&self.urls).clone() {
            self.queue((url, room.to_owned()), letter.clone());
        }
    }

    fn queue(self: &Arc<Self>, address: Address, letter: Letter) {
        let mut queues = lock(&self.queues);
        match queues.get_mut(&address) {
            Some(queue) if queue.len() >= MAX_DEPTH => {
                drop(queues);
                self.note(&address.0, &letter.event, 0, Outcome::QueueFull);
            }
            Some(queue) => queue.push_back(letter),
            None => {
                queues.insert(address.clone(), VecDeque::from([letter]));
                let outbox = Arc::clone(self);
                self.tasks.spawn(async move { outbox.empty(address).await });
            }
        }
    }

    /// Delivers a room's letters, one after the other, until none is left.
    async fn empty(&self, address: Address) {
        while let Some(letter) = self.next(&address) {
            self.deliver(&address.0, &letter).await;
        }
    }

    fn next(&self, address: &Address) -> Option<Letter> {
        let mut queues = lock(&self.queues);
        let letter = queues.get_mut(address).and_then(VecDeque::pop_front);
        if letter.is_none() {
            queues.remove(address);
        }
        letter
    }

    async fn deliver(&self, url: &str, letter: &Letter) {
        if letter.queued_at.elapsed() > self.timing.max_age {
            return self.note(url, &letter.event, 0, Outcome::TooOld);
        }
        let fault = self.faults.of_webhook(&letter.event);
        match &fault {
            Some((WebhookFault::Lost, _)) => return self.note(url, &letter.event, 0, Outcome::Lost),
            Some((WebhookFault::Delayed(time), _)) => tokio::time::sleep(*time).await,
            Some((WebhookFault::Held, fault)) => fault.over().await,
            Some((WebhookFault::Doubled, _)) | None => {}
        }
        self.send_with_retries(url, letter).await;
        if matches!(fault, Some((WebhookFault::Doubled, _))) {
            self.send_with_retries(url, letter).await;
        }
    }

    async fn send_with_retries(&self, url: &str, letter: &Letter) {
        // One token for all tries, as LiveKit does it.
        let now_unix = (self.now)().div_euclid(1_000_000);
        let authorization = webhook::signed(&self.credentials, &letter.body, now_unix);
        let mut waits = self.timing.retries.iter();
        for attempt in 1.. {
            let (outcome, wait) = self.post(url, &authorization, &letter.body).await;
            let again = match &outcome {
                Outcome::Answered(status) => *status == 429 || (*status >= 500 && *status != 501),
                _ => true,
            };
            self.note(url, &letter.event, attempt, outcome);
            match waits.next() {
                Some(&usual) if again => tokio::time::sleep(wait.unwrap_or(usual)).await,
                _ => return,
            }
        }
    }

    /// Posts once; also says for how long the receiver asks to wait.
    async fn post(&self, url: &str, authorization: &str, body: &Bytes) -> (Outcome, Option<Duration>) {
        let request = self
            .http
            .post(url)
            .header("authorization", authorization)
            .header("content-type", webhook::CONTENT_TYPE)
            .body(body.clone());
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let wait = wait.filter(|_| matches!(status, 429 | 503)).and_then(|value| value.parse().ok());
                // The body is read so that the connection can be used again.
                let _ = response.bytes().await;
                (Outcome::Answered(status), wait.map(Duration::from_secs))
            }
            Err(error) => (Outcome::Failed(error.without_url().to_string()), None),
        }
    }

    fn note(&self, url: &str, event: &Event, attempt: u32, outcome: Outcome) {
        let mut deliveries = lock(&self.deliveries);
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back(Delivery { event: event.clone(), url: url.to_owned(), attempt, outcome });
        drop(deliveries);
        self.changed.send_modify(|version| *version += 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
