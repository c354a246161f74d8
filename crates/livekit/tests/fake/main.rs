//! The pretend LiveKit behaves as the real one was seen to: one test per rule, times shortened.

mod agents;
mod api;
mod phones;
mod transfers;
mod webhooks;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use livekit::fake::{Call, Fake, Options, Phone, Timing};
use livekit::webhook::{self, Event};
use livekit::{Client, Credentials, NewDispatch, Now};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Long enough for anything that is to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) fn now() -> Now {
    Arc::new(|| {
        i64::try_from(UNIX_EPOCH.elapsed().expect("a time after 1970").as_micros()).expect("a near future")
    })
}

pub(crate) fn ours() -> Credentials {
    Credentials::new("devkey", "at-least-32-characters-secret-000000")
}

/// Everything 50 times as fast as in reality.
pub(crate) fn quick() -> Timing {
    Timing::default().scaled(0.02)
}

/// A fake, a receiver of its webhooks and a client.
pub(crate) struct Setup {
    pub(crate) lk: Fake,
    pub(crate) hook: Hook,
    pub(crate) client: Client,
}

impl Setup {
    pub(crate) async fn quick() -> Self {
        Self::timed(quick()).await
    }

    pub(crate) async fn timed(timing: Timing) -> Self {
        let hook = Hook::start().await;
        let webhooks = vec![hook.url.clone()];
        let options = Options { webhooks, timing, ..Options::new(ours(), now()) };
        let lk = Fake::start(options).await.expect("a fake");
        let client = lk.client().expect("a client");
        Self { lk, hook, client }
    }

    /// A phone that is in its room.
    pub(crate) async fn ringing(&self) -> Phone {
        let phone = self.lk.phone(Call::new("+15557654321", "+15551234567"));
        assert!(phone.joined().await);
        phone
    }

    /// Dispatches an agent of that name to a room.
    pub(crate) async fn dispatch(&self, agent_name: &str, room: &str) -> String {
        let dispatch = NewDispatch {
            agent_name: agent_name.to_owned(),
            room: room.to_owned(),
            metadata: "{\"call\":1}".to_owned(),
            attributes: [("tenant".to_owned(), "acme".to_owned())].into(),
        };
        self.client.create_dispatch(&dispatch).await.expect("a dispatch").id
    }
}

/// Receives webhooks.
pub(crate) struct Hook {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _serving: JoinSet<std::io::Result<()>>,
}

struct Shared {
    /// Statuses to answer with before 200.
    answers: Mutex<VecDeque<u16>>,
    received: watch::Sender<Vec<(Event, String)>>,
}

impl Hook {
    async fn start() -> Self {
        let shared = Arc::new(Shared { answers: Mutex::default(), received: watch::Sender::default() });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await });
        Self { url, shared, _serving: serving }
    }

    /// Answers the next deliveries so.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.shared.answers.lock().expect("a lock").extend(statuses);
    }

    /// What came, and was accepted, as `event who` with the first word of the identity.
    pub(crate) fn told(&self) -> Vec<String> {
        self.events().iter().map(tell).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.shared.received.borrow().iter().map(|(event, _)| event.clone()).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.shared.received.borrow().iter().map(|(_, body)| body.clone()).collect()
    }

    /// Waits for an event that fits, and gives it.
    pub(crate) async fn event(&self, fits: impl Fn(&Event) -> bool) -> Event {
        let mut received = self.shared.received.subscribe();
        let seen = received.wait_for(|received| received.iter().any(|(event, _)| fits(event)));
        let seen = tokio::time::timeout(SOON, seen).await.expect("the event").expect("a receiver").clone();
        seen.into_iter().map(|(event, _)| event).find(|event| fits(event)).expect("the event")
    }

    /// Waits for `event who`.
    pub(crate) async fn hears(&self, told: &str) -> Event {
        self.event(|event| tell(event) == told).await
    }
}

fn tell(event: &Event) -> String {
    let who = event.participant.as_ref().map(|who| who.identity.split(['_', '-']).next().unwrap_or_default());
    format!("{} {}", event.event, who.unwrap_or_default()).trim_end().to_owned()
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(header("content-type"), "application/webhook+json");
    let now_unix = now()() / 1_000_000;
    webhook::check(&ours(), header("authorization"), &body, now_unix).expect("a signed body");
    if let Some(status) = shared.answers.lock().expect("a lock").pop_front() {
        return StatusCode::from_u16(status).expect("a status");
    }
    let event = webhook::parse(&body).expect("an event");
    let body = String::from_utf8(body.to_vec()).expect("text");
    shared.received.send_modify(|received| received.push((event, body)));
    StatusCode::OK
}
