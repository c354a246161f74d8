//! Everything the demo plays on: a temporary folder, a pretend LiveKit with its workers, settings, routing.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use livekit::Credentials;
use livekit::fake::{Behaviour, Fake, Options, Worker};
use tempfile::TempDir;

use crate::app::App;
use crate::clock::Clock;
use crate::commands::apply;
use crate::config::{Config, Sources};
use crate::db::Db;
use crate::phone::E164;
use crate::routing_file::{self, Summary};

/// The API key of the pretend LiveKit.
pub(super) const KEY: &str = "demo";
/// Its secret, which is none: everything of the demo stays on this machine.
pub(super) const SECRET: &str = "demo-secret-that-everybody-may-know";
/// How often reconcile looks here. Everything else keeps its default.
pub(super) const RECONCILE_EVERY: &str = "3s";

const ROUTING: &str = include_str!("routing.toml");
/// The ports that are taken where they are free.
const PORT: u16 = 3000;
const METRICS_PORT: u16 = 9464;

/// What the demo plays on. The folder goes with it.
pub(super) struct Stage {
    /// The pretend LiveKit.
    pub(super) livekit: Arc<Fake>,
    /// The settings of the server.
    pub(super) config: Config,
    /// Where its database is, as `DATABASE_URL` says it.
    pub(super) database: String,
    /// Agents come as long as these are there.
    _workers: Vec<Worker>,
    folder: TempDir,
}

impl Stage {
    /// Sets everything up. Without a port the usual one is taken if it is free.
    pub(super) async fn set(port: Option<u16>, clock: &Clock) -> anyhow::Result<Stage> {
        let folder = tempfile::Builder::new().prefix("switchboard-demo-").tempdir();
        let folder = folder.context("making a temporary folder")?;
        let time = clock.clone();
        let options = Options::new(Credentials::new(KEY, SECRET), Arc::new(move || time.now().micros()));
        let livekit = Fake::start(options).await.context("starting the pretend LiveKit")?;
        let workers = workers(&livekit);
        let database = format!("sqlite:{}", folder.path().join("demo.db").display());
        let config = config(&folder, &livekit, &database, port)?;
        Ok(Stage { livekit: Arc::new(livekit), config, database, _workers: workers, folder })
    }

    /// Has the pretend LiveKit tell the server at this address.
    pub(super) fn connect(&self, server: SocketAddr) {
        self.livekit.set_webhooks(vec![format!("http://{server}/api/v1/webhooks/livekit/events")]);
    }

    /// Clears everything away.
    pub(super) async fn strike(self) -> anyhow::Result<()> {
        self.livekit.stop().await;
        self.folder.close().context("removing the temporary folder")
    }
}

/// Nobody runs the agent `reminder-agent`.
fn workers(livekit: &Fake) -> Vec<Worker> {
    let goodbye = Behaviour::says_goodbye_after(Duration::from_secs(6));
    let slow = Behaviour::answers().joining_after(Duration::from_secs(4));
    let behaviours = [
        ("telephony-agent", Behaviour::answers()),
        ("reception", Behaviour::answers()),
        ("front-desk", goodbye),
        ("specialist", slow),
    ];
    behaviours.into_iter().map(|(name, behaviour)| livekit.worker(name, behaviour)).collect()
}

fn config(folder: &TempDir, livekit: &Fake, database: &str, port: Option<u16>) -> anyhow::Result<Config> {
    let port = port.map_or_else(|| free(PORT, 0), Ok)?;
    let metrics = free(if port == 0 { 0 } else { METRICS_PORT }, port)?;
    let (port, metrics) = (port.to_string(), format!("127.0.0.1:{metrics}"));
    let settings = [
        ("PORT", port.as_str()),
        ("DATABASE_URL", database),
        ("LIVEKIT_URL", livekit.url()),
        ("LIVEKIT_API_KEY", KEY),
        ("LIVEKIT_API_SECRET", SECRET),
        ("SWITCHBOARD_SERVER__LISTEN", "127.0.0.1"),
        ("SWITCHBOARD_METRICS__LISTEN", &metrics),
        ("SWITCHBOARD_CALLS__RECONCILE_EVERY", RECONCILE_EVERY),
        ("SWITCHBOARD_LOG__LEVEL", "warn"),
        ("SWITCHBOARD_LOG__FORMAT", "text"),
    ];
    let mut sources = Sources::nothing(folder.path());
    sources.environment =
        settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Config::load(&sources)?.config)
}

/// This port if it is free and not `taken`, else any other.
fn free(wanted: u16, taken: u16) -> anyhow::Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = if wanted == taken { bind(0) } else { bind(wanted).or_else(|_| bind(0)) };
    Ok(listener.context("looking for a free port")?.local_addr()?.port())
}

/// Applies the demo's routing as `switchboard apply` does.
pub(super) async fn apply_routing(db: &Db, clock: &Clock) -> anyhow::Result<Summary> {
    let file = routing_file::read(ROUTING, "routing.toml");
    let options = routing_file::Options { prune: false, dry_run: false, default_region: "US".to_owned() };
    let plan = apply::apply(db, clock, file, options).await.context("applying the demo's routing")?;
    Ok(plan.summary)
}

/// Waits until the server goes by the routing: it notices by itself within a second.
pub(super) async fn until_routed(app: &App, number: &str) -> anyhow::Result<()> {
    let number = E164::exactly(number).ok_or_else(|| anyhow!("{number} is no number"))?;
    for _ in 0..200 {
        if app.routing().route(&number).is_some() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    ensure!(app.routing().route(&number).is_some(), "the server did not notice the new routing within 5 s");
    Ok(())
}
