//! A whole Switchboard for one test: the real server on a free port, a database of its own, on either engine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use switchboard::app::App;
use switchboard::clock::Clock;
use switchboard::commands::serve;
use switchboard::config::{Config, Sources};
use switchboard::db::{self, Engine};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::peers::skipped;

pub(crate) const KEY: &str = "devkey";
pub(crate) const SECRET: &str = "at-least-32-characters-secret-000000";
pub(crate) const ASK: &str = "/api/v1/webhooks/livekit/sip-inbound";
pub(crate) const EVENTS: &str = "/api/v1/webhooks/livekit/events";
pub(crate) const TEST: &str = "/api/v1/webhooks/test";

/// How a test wants its Switchboard.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) engine: Engine,
    environment: BTreeMap<String, String>,
    clock: Clock,
}

impl Setup {
    /// With keys and no LiveKit.
    pub(crate) fn new(engine: Engine) -> Setup {
        let mut environment = BTreeMap::new();
        for (name, value) in [
            ("LIVEKIT_API_KEY", KEY),
            ("LIVEKIT_API_SECRET", SECRET),
            ("SWITCHBOARD_SERVER__LISTEN", "127.0.0.1"),
            ("PORT", "0"),
            ("SWITCHBOARD_METRICS__ENABLED", "false"),
            // Many tests share one PostgreSQL.
            ("SWITCHBOARD_DATABASE__WRITERS", "4"),
            ("SWITCHBOARD_DATABASE__READERS", "2"),
            ("SWITCHBOARD_DATABASE__REPORTERS", "1"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        Setup { engine, environment, clock: Clock::system() }
    }

    /// These settings, with the database of this place.
    pub(crate) fn config(&self, place: &Place) -> Config {
        let mut sources = Sources::nothing(place.folder.path());
        sources.environment.clone_from(&self.environment);
        sources.environment.insert("DATABASE_URL".to_owned(), place.url.clone());
        Config::load(&sources).expect("the test's settings are good").config
    }

    /// In front of this LiveKit.
    pub(crate) fn livekit(self, url: &str) -> Setup {
        self.with("LIVEKIT_URL", url)
    }

    /// With an environment variable, such as `SWITCHBOARD_CALLS__LOOK_AFTER`.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Setup {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With an environment variable, unless the test has said something else.
    pub(crate) fn or(mut self, name: &str, value: &str) -> Setup {
        self.environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        self
    }

    /// With a clock that the test moves.
    pub(crate) fn clock(mut self, clock: Clock) -> Setup {
        self.clock = clock;
        self
    }

    /// Starts it; none where the engine is not there, which has been said then.
    pub(crate) async fn start(self) -> Option<TestApp> {
        let place = Place::new(self.engine).await?;
        Some(TestApp::start(self, place).await)
    }
}

/// Where a test's database is. Gone with the test.
pub(crate) struct Place {
    pub(crate) url: String,
    folder: TempDir,
}

impl Place {
    /// A new file, or a database of its own on the server that `TEST_DATABASE_URL` names: readers of the outbox wait
    /// for the oldest transaction of their database, and no test shall wait for another's.
    pub(crate) async fn new(engine: Engine) -> Option<Place> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().expect("a folder for the test");
        if engine == Engine::Sqlite {
            return Some(Place {
                url: format!("sqlite:{}", folder.path().join("test.db").display()),
                folder,
            });
        }
        let Some(server) = std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()) else {
            skipped("PostgreSQL: run ./test");
            return None;
        };
        let name = format!("it_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let create = format!("create database {name} template template0");
        let url = at_database(&server, &name);
        tokio::task::spawn_blocking(move || {
            let mut client = postgres::Client::connect(&server, postgres::NoTls).expect("PostgreSQL answers");
            client.batch_execute(&create).expect("a database for the test");
        })
        .await
        .expect("a database for the test");
        Some(Place { url, folder })
    }

    /// The same database for one more process.
    pub(crate) fn again(&self) -> Place {
        Place { url: self.url.clone(), folder: tempfile::tempdir().expect("a folder for the test") }
    }

    /// The folder of its files; the database of SQLite is in it.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// The address of another database on the same server.
fn at_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, None), |(a, o)| (a, Some(o)));
    let (server, _) = address.rsplit_once('/').expect("TEST_DATABASE_URL names a database");
    let mark = if options.is_some() { "?" } else { "" };
    format!("{server}/{name}{mark}{}", options.unwrap_or_default())
}

/// A running Switchboard.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    pub(crate) place: Place,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
}

impl TestApp {
    /// Starts on a database that may have been used before.
    pub(crate) async fn start(setup: Setup, place: Place) -> TestApp {
        log_as_asked();
        warm_up();
        let config = setup.config(&place);
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, start) = oneshot::channel::<(SocketAddr, App)>();
        #[expect(clippy::disallowed_methods, reason = "a test's own task")]
        let served = tokio::spawn(async move {
            let until = async move { drop(stopped.await) };
            serve::serve(&config, setup.clock, until, |now| {
                started.send((now.address, now.app.clone())).ok();
            })
            .await
            .expect("it serves");
        });
        let (address, app) = start.await.expect("it started");
        let http = crate::peers::http_client();
        TestApp { app, url: format!("http://{address}"), http, place, stop: Some(stop), served }
    }

    /// Stops it as a signal would, and hands back its database.
    pub(crate) async fn stop(mut self) -> Place {
        drop(self.stop.take());
        (&mut self.served).await.expect("it stopped cleanly");
        let TestApp { place, .. } = self;
        place
    }

    /// Asks, signed by HMAC.
    pub(crate) async fn ask(&self, body: &Value) -> (u16, Value) {
        self.post(ASK, body.to_string().into_bytes()).await
    }

    /// Tells a simplified event, signed by HMAC.
    pub(crate) async fn tell(&self, body: &Value) -> (u16, Value) {
        self.post(EVENTS, body.to_string().into_bytes()).await
    }

    /// Tells an event as LiveKit does.
    pub(crate) async fn event(&self, body: &Value) -> (u16, Value) {
        self.event_of(&livekit::Credentials::new(KEY, SECRET), body.to_string().into_bytes()).await
    }

    /// Tells an event in these bytes, as the LiveKit of this key does.
    pub(crate) async fn event_of(&self, of: &livekit::Credentials, body: Vec<u8>) -> (u16, Value) {
        let token = livekit::webhook::signed(of, &body, self.app.clock.now().secs());
        let request = self.to(EVENTS).header("authorization", token);
        answer(request.header("content-type", livekit::webhook::CONTENT_TYPE).body(body)).await
    }

    /// Posts a body, signed by HMAC.
    pub(crate) async fn post(&self, path: &str, body: Vec<u8>) -> (u16, Value) {
        answer(self.to(path).header("x-livekit-signature", signature(&body)).body(body)).await
    }

    /// A request to one of the doors, with nothing in it yet.
    pub(crate) fn to(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// Where LiveKit is to send its webhooks.
    pub(crate) fn events_url(&self) -> String {
        format!("{}{EVENTS}", self.url)
    }

    /// How much is in each table, and how often it was changed.
    pub(crate) async fn written(&self) -> Written {
        self.app.db.read(Written::read).await.expect("the tables can be counted")
    }

    /// Every call, oldest first.
    pub(crate) async fn calls(&self) -> Vec<switchboard::call::Call> {
        let read = self.app.db.read(|tx| db::calls::newest(tx, 1000));
        let mut calls = read.await.expect("the calls can be read");
        calls.sort_by(|a, b| a.id.cmp(&b.id));
        calls
    }

    /// What is looked for in the calls, once it is there.
    pub(crate) async fn until<T>(&self, mut pick: impl FnMut(&[switchboard::call::Call]) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let calls = self.calls().await;
            if let Some(found) = pick(&calls) {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "it never came to that; the calls: {calls:#?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Every lead.
    pub(crate) async fn leads(&self) -> Vec<db::leads::Lead> {
        self.app
            .db
            .read(|tx| db::leads::list(tx, None, None, None, 1000))
            .await
            .expect("the leads can be read")
    }
}

/// How much is in each table, and how often it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) calls: i64,
    pub(crate) keys: i64,
    pub(crate) facts: i64,
    pub(crate) leads: i64,
    pub(crate) jobs: i64,
    pub(crate) changes: i64,
    pub(crate) revisions: i64,
    pub(crate) attempts: i64,
}

impl Written {
    fn read(tx: &mut db::Tx<'_>) -> db::Result<Written> {
        let counted = tx.first(
            "select (select count(*) from calls) as calls, (select count(*) from call_keys) as keys,
                 (select count(*) from facts) as facts, (select count(*) from leads) as leads,
                 (select count(*) from jobs) as jobs,
                 (select count(*) from changes where kind <> 'routing') as changes,
                 (select cast(coalesce(sum(revision), 0) as bigint) from calls) as revisions,
                 (select cast(coalesce(sum(attempts), 0) as bigint) from leads) as attempts",
            &[],
            |row| {
                Ok(Written {
                    calls: row.get("calls")?,
                    keys: row.get("keys")?,
                    facts: row.get("facts")?,
                    leads: row.get("leads")?,
                    jobs: row.get("jobs")?,
                    changes: row.get("changes")?,
                    revisions: row.get("revisions")?,
                    attempts: row.get("attempts")?,
                })
            },
        );
        Ok(counted?.unwrap_or_default())
    }
}

/// The contract's signature.
pub(crate) fn signature(body: &[u8]) -> String {
    use hmac::Mac as _;
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

/// Sends a request: status and JSON of the answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("the answer has an end");
    (
        status,
        serde_json::from_slice(&body).unwrap_or(Value::String(String::from_utf8_lossy(&body).into_owned())),
    )
}

/// The number library reads its tables on first use: seconds of a debug build's time, which must not be a call's.
fn warm_up() {
    static WARM: std::sync::Once = std::sync::Once::new();
    WARM.call_once(|| drop(switchboard::phone::caller("tel:+1-555-123n4567;ext=3", "US")));
}

/// With `RUST_LOG` set, a failing test shows what the server logged.
fn log_as_asked() {
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init().ok();
    }
}
