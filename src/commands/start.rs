//! `serve` as a process: logs, warnings, and stopping on a signal.

use anyhow::Context as _;

use crate::auth::people::FirstAdmin;
use crate::config::{Config, LogFormat};
use crate::logs;

use super::{Context, Ended, screen, serve};

const EXAMPLES: &str = "\
Nothing needs to be set: without LiveKit's URL, key and secret only Ask is answered. See `switchboard config show`.
Ctrl-C or SIGTERM stops it: what runs is finished, what is left is taken up at the next start. A second one stops
it at once.

Examples:
  switchboard serve
  PORT=8080 DATABASE_URL=postgres://switchboard@localhost/switchboard switchboard serve
  switchboard serve --config /etc/switchboard.toml --json     log lines as JSON";

/// What `serve` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Serves until a signal comes.
pub async fn run(_: &Args, context: &Context) -> anyhow::Result<Ended> {
    let loaded = context.load()?;
    let mut config = loaded.config;
    if context.json {
        config.log.format = LogFormat::Json;
    }
    logs::start(&config.log).context("starting the log")?;
    loaded.hints.iter().for_each(|hint| tracing::warn!("{hint}"));
    warn(&config);
    let stop = signal()?;
    serve::serve(&config, context.clock.clone(), stop, |started| {
        let address = started.address;
        started.first_admin.into_iter().for_each(introduce);
        tracing::info!(database = %config.database.url, "listening on http://{address}");
    })
    .await?;
    tracing::info!("stopped");
    Ok(Ended::Well)
}

/// Tells whoever started the first server how to sign in: on standard output, as the log may be kept and read by
/// others.
fn introduce(admin: &FirstAdmin) {
    let FirstAdmin { email, password } = admin;
    let text = format!(
        "The first admin:   {email}\nTheir password:    {}\nIt is shown only this once. Lost: `switchboard user \
         reset {email}` makes another.\n",
        password.expose()
    );
    if screen::print(&text).is_err() {
        tracing::warn!(
            "the first admin's password could not be printed: `switchboard user reset {email}` makes another"
        );
    }
}

fn warn(config: &Config) {
    if config.webhooks.allow_unsigned {
        tracing::warn!(
            "webhooks.allow_unsigned = true: ANYBODY who reaches this server can make up calls. Set it to false \
             and sign webhooks"
        );
    }
}

/// Completes at the first SIGINT or SIGTERM; the second ends the process at once.
#[cfg(unix)]
pub(super) fn signal() -> anyhow::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        next().await;
        tracing::info!("stopping: what runs is finished first; once more to stop at once");
        at_once(async move { next().await });
    })
}

/// Completes at the first Ctrl-C; the second ends the process at once.
#[cfg(not(unix))]
pub(super) fn signal() -> anyhow::Result<impl Future<Output = ()> + Send> {
    let next = async || {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(async move {
        next().await;
        tracing::info!("stopping: what runs is finished first; once more to stop at once");
        at_once(async move { next().await });
    })
}

#[expect(clippy::disallowed_methods, reason = "a graceful stop must not wait for what ends it")]
fn at_once(again: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        again.await;
        tracing::warn!("stopped at once; jobs stay in their table");
        std::process::exit(130);
    });
}
