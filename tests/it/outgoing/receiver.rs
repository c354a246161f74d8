//! A receiver of webhooks: keeps what comes, and answers as it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::routing::eventually;

/// One webhook that came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) raw: String,
    pub(super) body: Value,
    /// What it was answered.
    pub(super) status: u16,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    pub(super) fn id(&self) -> String {
        self.header("webhook-id")
    }

    pub(super) fn arrived(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    status: u16,
    header: Option<(&'static str, String)>,
    body: String,
    after: Duration,
}

impl Answer {
    pub(super) fn status(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    pub(super) fn with(self, name: &'static str, value: impl Into<String>) -> Answer {
        Answer { header: Some((name, value.into())), ..self }
    }

    pub(super) fn after(self, after: Duration) -> Answer {
        Answer { after, ..self }
    }

    pub(super) fn saying(self, body: impl Into<String>) -> Answer {
        Answer { body: body.into(), ..self }
    }
}

type Behaviour = Box<dyn FnMut(&Got) -> Answer + Send>;

#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    got: Mutex<Vec<Got>>,
    behaviour: Mutex<Behaviour>,
    /// While this is set nothing is answered.
    held: watch::Sender<bool>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Receiver {
    /// One that takes everything.
    pub(super) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            got: Mutex::default(),
            behaviour: Mutex::new(Box::new(|_| Answer::status(200))),
            held: watch::Sender::new(false),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(take).with_state(inner.clone());
        #[expect(clippy::disallowed_methods, reason = "a test's own task")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Receiver { url: format!("http://{address}/hooks"), inner }
    }

    /// From now on it answers like this.
    pub(super) fn answers(&self, behaviour: impl FnMut(&Got) -> Answer + Send + 'static) {
        *lock(&self.inner.behaviour) = Box::new(behaviour);
    }

    /// It takes what comes and does not answer, or answers again.
    pub(super) fn hold(&self, held: bool) {
        self.inner.held.send_replace(held);
    }

    /// Everything that came, in the order of its answers.
    pub(super) fn got(&self) -> Vec<Got> {
        lock(&self.inner.got).clone()
    }

    /// Waits until so many have arrived, refused ones aside.
    pub(super) async fn until_arrived(&self, count: usize) -> Vec<Got> {
        let arrived = || self.got().into_iter().filter(Got::arrived).collect::<Vec<_>>();
        eventually("as many webhooks arrive", async || arrived().len() >= count).await;
        arrived()
    }

    /// Waits until so many have come, refused ones too.
    pub(super) async fn until_came(&self, count: usize) -> Vec<Got> {
        eventually("as many webhooks come", async || self.got().len() >= count).await;
        self.got()
    }

    /// How many wait for an answer now, and how many ever did at once.
    pub(super) fn at_once(&self) -> (usize, usize) {
        (self.inner.now.load(Ordering::SeqCst), self.inner.most.load(Ordering::SeqCst))
    }
}

async fn take(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let now = inner.now.fetch_add(1, Ordering::SeqCst) + 1;
    inner.most.fetch_max(now, Ordering::SeqCst);
    inner.held.subscribe().wait_for(|held| !held).await.ok();
    inner.now.fetch_sub(1, Ordering::SeqCst);
    let raw = String::from_utf8_lossy(&body).into_owned();
    let mut got = Got {
        path: uri.to_string(),
        headers,
        body: serde_json::from_str(&raw).unwrap_or_default(),
        raw,
        status: 0,
    };
    let Answer { status, header, body, after } = lock(&inner.behaviour)(&got);
    got.status = status;
    lock(&inner.got).push(got);
    tokio::time::sleep(after).await;
    let status = StatusCode::from_u16(status).expect("a status");
    match header {
        Some((name, value)) => (status, [(name, value)], body).into_response(),
        None => (status, body).into_response(),
    }
}

/// Long enough that nothing is sent which would have been.
pub(super) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
