//! What everything shares: settings, database, clock, routing, LiveKit projects, metrics, and the stop.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alive::LastRefused;
use crate::auth::Auth;
use crate::call::attend::Timing;
use crate::call::fact::Fact;
use crate::call::routing::{Routing, TenantRouting};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::db::changes::Position;
use crate::db::{self, Db};
use crate::hear::{self, Heard, Hearing};
use crate::http::api::rate;
use crate::ids::TenantId;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::{outgoing, provision};

/// Jobs of other replicas and of crashed ones are looked for this often.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The LiveKit project that is meant where none is named.
pub const DEFAULT_PROJECT: &str = "default";

/// The running server. Clones are the same one.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What an [`App`] is made of.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The only source of the time.
    pub clock: Clock,
    /// The LiveKit projects by name.
    pub projects: BTreeMap<String, Project>,
    /// All settings as they were read.
    pub config: Arc<Config>,
    /// The Twilio account, if there is one.
    pub twilio: Option<twilio::Client>,
    /// Calls are compared with the carrier's this often.
    pub calls_every: Duration,
    /// What setting trunks up goes by.
    pub provision: provision::Settings,
    /// How long things may take.
    pub timing: Timing,
    /// Reconcile looks this often.
    pub reconcile_every: Duration,
    /// Facts and changes are kept this long.
    pub keep_facts: Duration,
    /// How the doors behave.
    pub doors: Doors,
    /// How the API behaves.
    pub api: Api,
    /// Tells who asks.
    pub auth: Auth,
    /// Where webhooks may be sent, and how long things may take.
    pub outgoing: outgoing::Settings,
    /// Who has which number.
    pub routing: Routing,
    /// The newest change that `routing` has.
    pub routing_seen: Position,
    /// What is counted.
    pub metrics: Metrics,
}

/// How the doors behave.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Requests under way at once; one more is refused.
    pub max_in_flight: usize,
    /// An Ask is answered within this, or refused.
    pub ask_timeout: Duration,
    /// Take webhooks without a signature.
    pub allow_unsigned: bool,
    /// The project that is meant where none is named.
    pub default_project: String,
}

/// How the API behaves.
#[derive(Clone)]
pub struct Api {
    /// How often each may ask.
    pub rate: rate::Limits,
    /// Proxies in front of us whose word on addresses is taken.
    pub trusted_proxies: usize,
    /// Origins whose pages may use it.
    pub cors_origins: Vec<String>,
}

/// One LiveKit project.
#[derive(Clone, Debug)]
pub struct Project {
    /// What its webhooks and askers sign with.
    pub credentials: livekit::Credentials,
    /// How to reach it; none where it only signs (no URL was given).
    pub client: Option<livekit::Client>,
}

struct Inner {
    parts: Parts,
    routing: RwLock<Arc<Routing>>,
    reloading: tokio::sync::Mutex<()>,
    me: String,
    stop: CancellationToken,
    tasks: TaskTracker,
    wake: Notify,
    wakes_at: AtomicI64,
    live: Live,
    webhooks_due: Notify,
    last_refused: LastRefused,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(mut parts: Parts) -> App {
        let routing = RwLock::new(Arc::new(std::mem::take(&mut parts.routing)));
        let me = crate::ids::new("proc", parts.clock.now());
        let live = Live::new(parts.db.clone(), parts.clock.clone(), parts.metrics.clone());
        App(Arc::new(Inner {
            parts,
            routing,
            reloading: tokio::sync::Mutex::new(()),
            me,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            wake: Notify::new(),
            wakes_at: AtomicI64::new(i64::MAX),
            live,
            webhooks_due: Notify::new(),
            last_refused: LastRefused::default(),
        }))
    }

    /// Who has which number, as of now.
    pub fn routing(&self) -> Arc<Routing> {
        self.0.routing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a newer snapshot in place.
    pub fn set_routing(&self, routing: Routing) {
        *self.0.routing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routing);
    }

    /// Loads the rules of these tenants anew: what was committed takes effect here at once. Other replicas follow by
    /// themselves within a moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reload_routing(&self, tenants: Vec<TenantId>) -> db::Result<()> {
        // One at a time: of two, the one that loaded earlier must not put its older rules in place later.
        let _turn = self.0.reloading.lock().await;
        let mut loaded = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let rules = self.rules(tenant.clone()).await?;
            loaded.push((tenant, rules));
        }
        // Under the lock, so that of two who change it at once neither undoes the other.
        let mut routing = self.0.routing.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Routing::clone(&routing);
        for (tenant, rules) in loaded {
            next.replace(&tenant, rules);
        }
        *routing = Arc::new(next);
        Ok(())
    }

    /// When a webhook was last refused.
    pub(crate) fn last_refused(&self) -> &LastRefused {
        &self.0.last_refused
    }

    /// What changes, as it is committed.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Webhooks are due: this process need not wait until it looks by itself.
    pub fn webhooks_due(&self) {
        self.0.webhooks_due.notify_one();
    }

    /// Returns once somebody said that webhooks are due.
    pub(crate) async fn until_webhooks_due(&self) {
        self.0.webhooks_due.notified().await;
    }

    /// A tenant's rules as they are now. Long reports must not keep a change waiting; only for a tenant that has more
    /// than can be read in a request's time is its turn among them waited for.
    async fn rules(&self, tenant: TenantId) -> db::Result<Option<TenantRouting>> {
        let load = move |tx: &mut db::Tx<'_>| db::routing::load(tx, Some(&tenant));
        let loaded = match self.db.read(load.clone()).await {
            Err(db::Error::TooSlow) => self.db.report(load).await,
            loaded => loaded,
        };
        Ok(loaded?.into_iter().next())
    }

    /// This process, among replicas.
    pub fn me(&self) -> &str {
        &self.0.me
    }

    /// Set when the server is to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Runs a task that a graceful stop waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    /// Stops: no new work is begun, what runs may finish within `grace`; jobs stay in their table.
    pub async fn shut_down(&self, grace: Duration) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(grace, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("stopped with work unfinished; its jobs stay in the table");
        }
        // A report that still runs would hold this up for a minute.
        if tokio::time::timeout(grace, self.db.close()).await.is_err() {
            tracing::warn!("stopped without closing the database; nothing is lost");
        }
    }

    /// Returns once the server stops and all its tasks have ended.
    pub async fn until_stopped(&self) {
        self.0.stop.cancelled().await;
        self.0.tasks.wait().await;
    }

    /// Runs what must not end before the server does: after a panic, which has been logged then, it begins anew.
    pub fn keep_running<F>(&self, name: &'static str, task: impl Fn(App) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let app = self.clone();
        self.spawn(async move {
            while app.0.tasks.spawn(task(app.clone())).await.is_err() && !app.stop().is_cancelled() {
                tracing::error!("{name} broke off and is begun again");
                app.clock.sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// Hears one fact, which came in these words; Ok once it is on disk.
    pub async fn hear(&self, fact: Fact, body: String) -> db::Result<Heard> {
        let holder = crate::ids::new(self.me(), self.clock.now());
        let (fact, body) = (Arc::new(fact), Arc::new(body));
        // Two doors at once: the second meets the first one's key, undoes itself and runs again.
        for _ in 0..2 {
            match self.hear_once(fact.clone(), body.clone(), holder.clone()).await {
                Err(db::Error::Duplicate) => {}
                other => return other,
            }
        }
        self.hear_once(fact, body, holder).await
    }

    async fn hear_once(&self, fact: Arc<Fact>, body: Arc<String>, holder: String) -> db::Result<Heard> {
        let (routing, timing, now) = (self.routing(), self.timing, self.clock.now());
        self.db
            .write(move |tx| {
                let with = Hearing { routing: &routing, timing: &timing, now, holder: &holder };
                hear::hear(tx, &fact, &body, &with)
            })
            .await
    }

    /// Has the job loop look again no later than at `at`. It looks every [`LOOK_EVERY`] anyway, so that only what is
    /// due sooner wakes it: a flood of calls that need nothing for now does not.
    pub fn wake_at(&self, at: Timestamp) {
        let soon = at < self.clock.now().saturating_add(LOOK_EVERY);
        if soon && at.micros() < self.0.wakes_at.load(Ordering::Acquire) {
            self.0.wake.notify_one();
        }
    }

    /// Waits until `at`, or until a job is due earlier.
    pub(crate) async fn sleep_until(&self, at: Timestamp) {
        self.0.wakes_at.store(at.micros(), Ordering::Release);
        tokio::select! {
            () = self.clock.sleep_until(at) => {}
            () = self.0.wake.notified() => {}
            () = self.0.stop.cancelled() => {}
        }
        // Awake: whatever is planned meanwhile may have been overlooked.
        self.0.wakes_at.store(i64::MAX, Ordering::Release);
    }
}
