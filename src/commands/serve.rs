//! `serve`: the doors, the jobs, reconcile; until told to stop.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::alive;
use crate::app::{Api, App, DEFAULT_PROJECT, Doors, Parts, Project};
use crate::auth::passwords::Passwords;
use crate::auth::people::{self, FirstAdmin};
use crate::auth::tokens::SigningKey;
use crate::auth::{Auth, keys};
use crate::call::attend::Timing;
use crate::call::routing::Routing;
use crate::carry_out;
use crate::clock::Clock;
use crate::config::{Config, LiveKitConfig};
use crate::db::changes::{self, Position};
use crate::db::{self, Db, access, migrate, routing, sending};
use crate::http;
use crate::http::api::rate;
use crate::metrics::{self, Metrics, Work, WorkOutcome};
use crate::{outgoing, provision};

/// A server that takes requests.
#[derive(Copy, Clone)]
pub struct Started<'s> {
    /// Where.
    pub address: SocketAddr,
    /// It.
    pub app: &'s App,
    /// The admin that it has just made, as there was nobody yet.
    pub first_admin: Option<&'s FirstAdmin>,
}

/// Serves until `stop` completes. `listening` is told once requests are taken.
pub async fn serve(
    config: &Config,
    clock: Clock,
    stop: impl Future<Output = ()> + Send,
    listening: impl FnOnce(Started<'_>) + Send,
) -> anyhow::Result<()> {
    let app = open(config, clock).await?;
    let listener = TcpListener::bind(config.server.address()).await.with_context(|| {
        format!("cannot listen on {} (server.listen, server.port)", config.server.address())
    })?;
    if config.metrics.enabled {
        serve_metrics(config, &app).await?;
    }
    // Once nothing is in the way of listening any more: its password is told once.
    let first_admin = first_admin(config, &app).await?;
    carry_out::work(&app).context("starting what runs besides the doors")?;
    provision::start(&app);
    let address = listener.local_addr()?;
    alive::start(&app, address);
    listening(Started { address, app: &app, first_admin: first_admin.as_ref() });
    drop(first_admin);
    let doors = http::router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let stopping = app.stop().clone();
    let asked_to = async move {
        stop.await;
        stopping.cancel();
    };
    let served = axum::serve(listener, doors).with_graceful_shutdown(app.stop().clone().cancelled_owned());
    let grace = config.server.shutdown_grace;
    let finished = async {
        tokio::join!(asked_to, async {
            app.stop().cancelled().await;
        });
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        done = async { served.await } => done.context("the HTTP server stopped")?,
        () = finished => tracing::warn!("stopped while requests were still running"),
    }
    app.shut_down(grace).await;
    Ok(())
}

/// The admin of an empty database, if it is this process that makes it.
async fn first_admin(config: &Config, app: &App) -> anyhow::Result<Option<FirstAdmin>> {
    let (passwords, email) = (&app.auth.passwords, &config.auth.first_admin);
    let made = people::first_admin(&app.db, passwords, email, app.clock.now()).await;
    made.context("making the first admin (auth.first_admin)")
}

async fn serve_metrics(config: &Config, app: &App) -> anyhow::Result<()> {
    let listen = config.metrics.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (metrics.listen)"))?;
    let (router, stop) = (metrics::router(app.metrics.clone()), app.stop().clone());
    app.spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
        {
            tracing::error!(%error, "the metrics listener stopped");
        }
    });
    Ok(())
}

/// Opens the database, brings it up to date, loads the routing, and puts the parts together.
pub async fn open(config: &Config, clock: Clock) -> anyhow::Result<App> {
    let metrics = Metrics::new();
    // The number plans take a while to unpack: not while a first caller waits.
    tokio::task::spawn_blocking(|| drop(crate::phone::e164("+12015550123", "US"))).await?;
    let db = database(config, &metrics)?;
    migrate::run(&db, clock.now()).await?;
    db.bulk(changes::adopt).await?;
    // Before anything can come in: webhooks tell of all that happens from here on.
    db.write(|tx| changes::begin(tx, sending::RELAY)).await?;
    let (mut routing, routing_seen) = load_routing(&db).await?;
    routing.system_agent.clone_from(&config.agents.system_default);
    routing.default_region.clone_from(&config.numbers.default_region);
    routing.configured_trunks = config.livekit.iter().filter_map(trunk).collect();
    let auth = self::auth(config, &db, &clock, &metrics).await?;
    let projects = config.livekit.iter().map(|project| self::project(project, &clock));
    let projects = projects.filter_map(Result::transpose).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    let default_project = config
        .default_project()
        .map_or_else(|| DEFAULT_PROJECT.to_owned(), |project| project.project.clone());
    Ok(App::new(Parts {
        db,
        projects,
        config: Arc::new(config.clone()),
        twilio: twilio(config)?,
        calls_every: config.twilio.calls_every,
        provision: provision::Settings::of(config),
        timing: timing(config),
        reconcile_every: config.calls.reconcile_every,
        keep_facts: config.retention.facts,
        doors: Doors {
            max_in_flight: config.server.max_in_flight,
            ask_timeout: config.server.ask_timeout,
            allow_unsigned: config.webhooks.allow_unsigned,
            default_project,
        },
        api: Api {
            rate: rate::Limits::new(config.api.requests_per_minute, &clock),
            trusted_proxies: config.server.trusted_proxies as usize,
            cors_origins: config.api.origins().map(ToOwned::to_owned).collect(),
        },
        auth,
        outgoing: outgoing::Settings {
            allow_private: config.outgoing_webhooks.allow_private,
            timeout: config.outgoing_webhooks.timeout,
            keep: config.outgoing_webhooks.keep,
        },
        routing,
        routing_seen,
        metrics,
        clock,
    }))
}

/// What tells who asks.
async fn auth(config: &Config, db: &Db, clock: &Clock, metrics: &Metrics) -> anyhow::Result<Auth> {
    Ok(Auth {
        signing_key: signing_key(config, db, clock).await?,
        access_ttl: config.auth.access_ttl,
        refresh_ttl: config.auth.refresh_ttl,
        passwords: Passwords::new(config.auth.hashing_at_once, metrics),
        known: Arc::default(),
    })
}

/// The key that signs access tokens: configured, or made once for all replicas.
pub async fn signing_key(config: &Config, db: &Db, clock: &Clock) -> anyhow::Result<SigningKey> {
    let key = match &config.auth.signing_secret {
        Some(secret) => secret.expose_secret().to_owned(),
        None => {
            let (new, now) = (keys::random(), clock.now());
            db.write(move |tx| access::shared_secret(tx, "access tokens", &new, now)).await?
        }
    };
    Ok(SigningKey::new(key.as_bytes()))
}

/// The database as configured, with its work counted.
pub fn database(config: &Config, metrics: &Metrics) -> anyhow::Result<Db> {
    let settings = &config.database;
    let mut options = db::Options::new(settings.url.expose());
    options.writers = settings.writers;
    options.readers = match settings.readers {
        0 => options.fitting_readers(),
        chosen => usize::try_from(chosen).unwrap_or(usize::MAX),
    };
    options.reporters = settings.reporters;
    options.queue = settings.max_waiting;
    options.budget = settings.timeout;
    options.report_budget = settings.report_timeout;
    options.observer = observer(metrics);
    Ok(Db::open(&options)?)
}

fn observer(metrics: &Metrics) -> db::Observer {
    let metrics = metrics.clone();
    db::Observer::new(move |seen| {
        let kind = match seen.lane {
            db::Lane::Write | db::Lane::Bulk | db::Lane::Background => Work::Write,
            db::Lane::Read => Work::Read,
            db::Lane::Report => Work::Report,
        };
        let outcome = match seen.outcome {
            db::Outcome::Kept | db::Outcome::Undone | db::Outcome::Duplicate => WorkOutcome::Done,
            db::Outcome::Busy => WorkOutcome::Busy,
            db::Outcome::TooSlow => WorkOutcome::TooSlow,
            db::Outcome::Failed | db::Outcome::Panicked => WorkOutcome::Failed,
        };
        metrics.database(kind, outcome, seen.waited + seen.ran);
    })
}

/// How long things may take, as configured.
pub fn timing(config: &Config) -> Timing {
    let calls = &config.calls;
    Timing {
        look_after: calls.look_after,
        answer_timeout: calls.answer_timeout,
        agent_settled: calls.agent_settled,
        give_up_after: calls.give_up_after,
        static_wait: calls.static_wait,
        unheard_after: calls.unheard_after,
    }
}

/// Every tenant's rules, and the newest change they have.
async fn load_routing(db: &Db) -> db::Result<(Routing, Position)> {
    db.report(|tx| -> db::Result<_> {
        let seen = changes::last(tx)?;
        let mut snapshot = Routing::default();
        for tenant in routing::load(tx, None)? {
            snapshot.replace(&tenant.id.clone(), Some(tenant));
        }
        Ok((snapshot, seen))
    })
    .await
}

fn trunk(project: &LiveKitConfig) -> Option<(String, String)> {
    Some((project.project.clone(), project.inbound_trunk_id.clone()?))
}

/// A project that has at least a secret: what it signs can be checked.
fn project(config: &LiveKitConfig, clock: &Clock) -> anyhow::Result<Option<(String, Project)>> {
    let Some(secret) = &config.api_secret else { return Ok(None) };
    let key = config.api_key.clone().unwrap_or_default();
    let credentials = livekit::Credentials::new(key, secret.expose_secret());
    let client = client(config, clock)?;
    Ok(Some((config.project.clone(), Project { credentials, client })))
}

/// What asks a project's API; none where it has no URL, key or secret.
pub fn client(config: &LiveKitConfig, clock: &Clock) -> livekit::Result<Option<livekit::Client>> {
    let Some((url, key, secret)) = config.api() else { return Ok(None) };
    let clock = clock.clone();
    let now: livekit::Now = Arc::new(move || clock.now().micros());
    let credentials = livekit::Credentials::new(key, secret.expose_secret());
    livekit::Client::new(url, credentials, livekit::Options::new(config.timeout, now)).map(Some)
}

/// What asks the configured Twilio account; none where there is no account.
pub fn twilio(config: &Config) -> anyhow::Result<Option<twilio::Client>> {
    let account = &config.twilio;
    let Some(sid) = account.account_sid.clone() else { return Ok(None) };
    let credentials = match (&account.api_key, &account.api_secret, &account.auth_token) {
        (Some(key), Some(secret), _) => twilio::Credentials::api_key(sid, key, secret.expose_secret()),
        (_, _, Some(token)) => twilio::Credentials::auth_token(sid, token.expose_secret()),
        _ => return Ok(None),
    };
    let hosts = match (&account.api_url, &account.edge, &account.region) {
        (Some(url), ..) => twilio::Hosts::all_at(url),
        (None, Some(edge), Some(region)) => twilio::Hosts::of_region(edge, region),
        _ => Ok(twilio::Hosts::default()),
    };
    let options = twilio::Options {
        hosts: hosts.context("twilio.api_url, region, edge")?,
        ..twilio::Options::default()
    };
    let credentials = credentials.context("the settings under [twilio]")?;
    Ok(Some(twilio::Client::new(credentials, options)?))
}
