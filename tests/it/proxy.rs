//! A reverse proxy that loses, holds, delays or doubles what passes between LiveKit and Switchboard.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::peers::{Late, http_client};

/// A request that came to the proxy.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Forward,
    /// Answered with this status and an empty object, and never forwarded: 200 loses a webhook for good.
    Answer(u16),
    /// Held before it is forwarded.
    Hold,
    /// Forwarded; its answer is held.
    HoldAnswer,
    Delay(Duration),
    /// Forwarded twice, one after the other; the second answer counts.
    Double,
}

/// A request under way. Dropped, it is answered 502.
pub(crate) struct Held {
    pub(crate) seen: Seen,
    on: oneshot::Sender<Verdict>,
}

enum Verdict {
    Pass,
    Answer(u16),
}

type Test = Box<dyn Fn(&Seen) -> bool + Send>;

struct Rule {
    applies: Test,
    fate: Fate,
    once: bool,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<Shared>,
    held: tokio::sync::Mutex<mpsc::UnboundedReceiver<Held>>,
    _server: JoinSet<()>,
}

struct Shared {
    /// Requests go to each of them in turn.
    targets: Mutex<VecDeque<String>>,
    rules: Mutex<Vec<Rule>>,
    seen: watch::Sender<Vec<Seen>>,
    hold: mpsc::UnboundedSender<Held>,
    http: reqwest::Client,
}

impl Proxy {
    /// A proxy with nothing behind it yet: it answers 503, as a server that is down behind its own proxy.
    pub(crate) async fn start() -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (hold, held) = mpsc::unbounded_channel();
        let state = Arc::new(Shared {
            targets: Mutex::default(),
            rules: Mutex::default(),
            seen: watch::Sender::default(),
            hold,
            http: http_client(),
        });
        let app = Router::new().fallback(pass).with_state(state.clone());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.expect("the proxy serves") });
        Proxy { url, state, held: tokio::sync::Mutex::new(held), _server: server }
    }

    /// A proxy before `target`, such as `http://127.0.0.1:7880`.
    pub(crate) async fn before(target: &str) -> Proxy {
        let proxy = Proxy::start().await;
        proxy.set_target(Some(target));
        proxy
    }

    pub(crate) fn set_target(&self, target: Option<&str>) {
        self.set_targets(target);
    }

    /// From now on requests go to each of these in turn.
    pub(crate) fn set_targets<'t>(&self, targets: impl IntoIterator<Item = &'t str>) {
        let targets = targets.into_iter().map(|target| target.trim_end_matches('/').to_owned());
        *lock(&self.state.targets) = targets.collect();
    }

    /// The next request that `applies` meets `fate`; earlier rules go first.
    pub(crate) fn next(&self, fate: Fate, applies: impl Fn(&Seen) -> bool + Send + 'static) {
        lock(&self.state.rules).push(Rule { applies: Box::new(applies), fate, once: true });
    }

    /// Every request that `applies` meets `fate`, from now on.
    pub(crate) fn always(&self, fate: Fate, applies: impl Fn(&Seen) -> bool + Send + 'static) {
        lock(&self.state.rules).push(Rule { applies: Box::new(applies), fate, once: false });
    }

    /// Forwards everything again.
    pub(crate) fn clear(&self) {
        lock(&self.state.rules).clear();
    }

    /// All that has come, in the order it came, whatever became of it.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.borrow().clone()
    }

    /// # Errors
    /// Nothing such came in time.
    pub(crate) async fn until_seen(
        &self,
        within: Duration,
        applies: impl Fn(&Seen) -> bool,
    ) -> Result<Seen, Late> {
        let mut all = self.state.seen.subscribe();
        let came = all.wait_for(|all| all.iter().any(&applies));
        let came = tokio::time::timeout(within, came).await.ok().and_then(Result::ok);
        let found = came.and_then(|all| all.iter().find(|seen| applies(seen)).cloned());
        found.ok_or_else(|| self.late("such request", within))
    }

    /// Awaits the next request that is held.
    ///
    /// # Errors
    /// None was held in time.
    pub(crate) async fn until_held(&self, within: Duration) -> Result<Held, Late> {
        let held = async { self.held.lock().await.recv().await };
        let held = tokio::time::timeout(within, held).await.ok().flatten();
        held.ok_or_else(|| self.late("held request", within))
    }

    fn late(&self, what: &str, waited: Duration) -> Late {
        let last_words = self.seen().iter().map(|seen| format!("{seen:?}")).collect::<Vec<_>>().join("\n");
        Late { what: what.into(), waited, last_words }
    }
}

impl Seen {
    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it is this webhook of LiveKit's.
    pub(crate) fn is_event(&self, name: &str) -> bool {
        self.json()["event"] == name
    }

    /// Whether it calls this method of LiveKit's API.
    pub(crate) fn calls(&self, method: &str) -> bool {
        self.path.rsplit('/').next() == Some(method)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        write!(f, "{} {body}", self.path)
    }
}

impl Held {
    /// Lets it go its way.
    pub(crate) fn pass(self) {
        self.on.send(Verdict::Pass).ok();
    }

    /// Awaits that its client is gone; it will not be forwarded any more.
    pub(crate) async fn abandoned(&mut self) {
        self.on.closed().await;
    }

    /// Answers in the target's stead; a request that was not forwarded never will be.
    pub(crate) fn answer(self, status: u16) {
        self.on.send(Verdict::Answer(status)).ok();
    }
}

impl Shared {
    fn fate_of(&self, seen: &Seen) -> Fate {
        let mut rules = lock(&self.rules);
        let Some(place) = rules.iter().position(|rule| (rule.applies)(seen)) else { return Fate::Forward };
        if rules[place].once { rules.remove(place).fate } else { rules[place].fate }
    }

    async fn hold(&self, seen: &Seen) -> Verdict {
        let (on, verdict) = oneshot::channel();
        self.hold.send(Held { seen: seen.clone(), on }).ok();
        verdict.await.unwrap_or(Verdict::Answer(502))
    }

    fn next_target(&self) -> Option<String> {
        let mut targets = lock(&self.targets);
        let next = targets.pop_front()?;
        targets.push_back(next.clone());
        Some(next)
    }

    async fn forward(&self, parts: &Parts, body: &Bytes) -> Response {
        let Some(target) = self.next_target() else { return answer(503) };
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = self.http.request(parts.method.clone(), format!("{target}{path}"));
        let headers = end_to_end(&parts.headers);
        let Ok(answered) = request.headers(headers).body(body.clone()).send().await else {
            return answer(502);
        };
        let (status, headers) = (answered.status(), end_to_end(answered.headers()));
        let Ok(body) = answered.bytes().await else { return answer(502) };
        (status, headers, body).into_response()
    }
}

async fn pass(State(state): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return answer(400) };
    let seen = Seen { path: parts.uri.path().to_owned(), body };
    let fate = state.fate_of(&seen);
    state.seen.send_modify(|all| all.push(seen.clone()));
    match fate {
        Fate::Forward => {}
        Fate::Answer(status) => return answer(status),
        Fate::Hold => {
            if let Verdict::Answer(status) = state.hold(&seen).await {
                return answer(status);
            }
        }
        Fate::HoldAnswer => {
            let answered = state.forward(&parts, &seen.body).await;
            return match state.hold(&seen).await {
                Verdict::Pass => answered,
                Verdict::Answer(status) => answer(status),
            };
        }
        Fate::Delay(how_long) => tokio::time::sleep(how_long).await,
        Fate::Double => drop(state.forward(&parts, &seen.body).await),
    }
    state.forward(&parts, &seen.body).await
}

fn answer(status: u16) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from("{}")).into_response()
}

/// Without what belongs to one connection only.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// A proxy before a backend that answers 201 to everything.
    async fn pair() -> (Proxy, Proxy) {
        let backend = Proxy::start().await;
        backend.always(Fate::Answer(201), |_| true);
        (Proxy::before(&backend.url).await, backend)
    }

    async fn post(proxy: &Proxy, path: &str, body: &'static str) -> u16 {
        let request = http_client().post(format!("{}{path}", proxy.url)).body(body);
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Posts in the background; gone when it is dropped, as a killed client is.
    fn posting(proxy: &Proxy, path: &'static str) -> JoinSet<u16> {
        let request = http_client().post(format!("{}{path}", proxy.url));
        let mut client = JoinSet::new();
        client.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
        client
    }

    #[tokio::test]
    async fn requests_are_forwarded_as_they_are_once_there_is_a_target() {
        let (proxy, backend) = pair().await;
        proxy.set_target(None);
        assert_eq!(post(&proxy, "/a/b?c=d", "body").await, 503);
        proxy.set_target(Some(&backend.url));
        assert_eq!(post(&proxy, "/a/b?c=d", "body").await, 201);
        assert_eq!(format!("{:?}", backend.seen()), "[/a/b body]");
        assert_eq!(proxy.seen().len(), 2);
    }

    #[tokio::test]
    async fn requests_are_lost_doubled_and_delayed_by_what_they_say() {
        let (proxy, backend) = pair().await;
        proxy.next(Fate::Answer(200), |seen| seen.is_event("lost"));
        proxy.next(Fate::Double, |seen| seen.calls("CreateDispatch"));
        assert_eq!(post(&proxy, "/", r#"{"event":"lost"}"#).await, 200);
        assert!(backend.seen().is_empty());
        assert_eq!(post(&proxy, "/", r#"{"event":"lost"}"#).await, 201, "only the next one is lost");
        assert_eq!(post(&proxy, "/twirp/livekit.AgentDispatchService/CreateDispatch", "{}").await, 201);
        assert_eq!(backend.seen().len(), 3);

        let delay = Duration::from_millis(100);
        proxy.always(Fate::Delay(delay), |_| true);
        let began = std::time::Instant::now();
        assert_eq!(post(&proxy, "/", "").await, 201);
        assert!(began.elapsed() >= delay);
        proxy.clear();
    }

    #[tokio::test]
    async fn a_request_is_held_before_or_after_it_is_forwarded() {
        let (proxy, backend) = pair().await;
        proxy.next(Fate::Hold, |_| true);
        let mut client = posting(&proxy, "/first");
        let held = proxy.until_held(SOON).await.unwrap();
        assert_eq!(held.seen.path, "/first");
        assert!(backend.seen().is_empty());
        held.pass();
        assert_eq!(client.join_next().await.unwrap().unwrap(), 201);

        proxy.next(Fate::HoldAnswer, |_| true);
        let mut client = posting(&proxy, "/second");
        let held = proxy.until_held(SOON).await.unwrap();
        assert_eq!(backend.seen().len(), 2, "its answer is held, it was forwarded");
        held.answer(504);
        assert_eq!(client.join_next().await.unwrap().unwrap(), 504);
    }

    #[tokio::test]
    async fn a_held_request_whose_client_is_gone_is_never_forwarded() {
        let (proxy, backend) = pair().await;
        proxy.next(Fate::Hold, |_| true);
        let client = posting(&proxy, "/orphan");
        let mut held = proxy.until_held(SOON).await.unwrap();
        drop(client);
        tokio::time::timeout(SOON, held.abandoned()).await.unwrap();
        held.pass();
        assert_eq!(post(&proxy, "/next", "").await, 201);
        assert_eq!(format!("{:?}", backend.seen()), "[/next ]");
        proxy.until_held(Duration::from_millis(10)).await.err().expect("nothing else is held");
    }
}
