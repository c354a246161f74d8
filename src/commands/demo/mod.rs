//! `demo`: the real server on a temporary database, with a pretend LiveKit, callers and agents inside this process.
//!
//! `scenes` says which calls there are and how each has to end, `stage` what they are played on; `play` plays them all,
//! `script` one of them; `ledger` puts what the server knows of it into words, `show` shows that.

mod ledger;
mod next;
mod play;
mod scenes;
mod script;
mod show;
mod stage;

use std::future::Future;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::pin::Pin;

use anstyle::AnsiColor;
use anyhow::Context as _;
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::call::Call;
use crate::logs;
use crate::views::CallView;

use super::screen::{self, Screen};
use super::{Context, Ended, calls as list, context, explain, serve, start};
use play::Played;
use scenes::Scene;
use script::Player;
use show::Show;
use stage::Stage;

const EXAMPLES: &str = "\
Nothing needs to be there and nothing stays: the database is in a temporary folder, LiveKit, callers and agents are
pretended inside this process. What answers them is the server that `switchboard serve` runs.
Exit code 0 when each call ended as it should, 1 when one did not.

Examples:
  switchboard demo                 watch, then try things yourself against it
  switchboard demo --once          for scripts: end after the calls, about 20 s
  switchboard demo --port 8080";

/// The exit code of what was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

/// What `demo` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// End after the calls; exit code 0 only if each ended as it should
    #[arg(long)]
    once: bool,
    /// Listen on this port; 0 takes any [default: 3000 if it is free, else any]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

type Signal<'s> = Pin<&'s mut (dyn Future<Output = ()> + Send)>;

/// Plays the demo.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let stage = Stage::set(args.port, &context.clock).await?;
    if !std::io::stderr().is_terminal() {
        logs::start(&stage.config.log).context("starting the log")?;
    }
    let ended = serve_and_play(args, context, &stage).await;
    stage.strike().await?;
    ended
}

async fn serve_and_play(args: &Args, context: &Context, stage: &Stage) -> anyhow::Result<Ended> {
    let interrupted = start::signal()?;
    tokio::pin!(interrupted);
    let stop = CancellationToken::new();
    let (tell, start) = oneshot::channel::<(SocketAddr, App)>();
    let stopped = stop.clone().cancelled_owned();
    let serving = serve::serve(&stage.config, context.clock.clone(), stopped, |started| {
        // Nobody waits for it only when the demo is over already.
        let _ = tell.send((started.address, started.app.clone()));
    });
    let playing = async {
        let _stop = stop.drop_guard();
        let (address, app) = start.await.context("the server did not start")?;
        stage.connect(address);
        let demo = Demo { args, context, stage, address, app };
        demo.play(interrupted).await
    };
    let ((), ended) = tokio::try_join!(serving, playing)?;
    Ok(ended)
}

/// A demo whose server runs.
struct Demo<'d> {
    args: &'d Args,
    context: &'d Context,
    stage: &'d Stage,
    address: SocketAddr,
    app: App,
}

impl Demo<'_> {
    async fn play(&self, mut interrupted: Signal<'_>) -> anyhow::Result<Ended> {
        let scenes = scenes::all();
        let routing = stage::apply_routing(&self.app.db, &self.context.clock).await?;
        for scene in scenes.iter().filter(|scene| scene.expected.agent.is_some()) {
            stage::until_routed(&self.app, scene.to).await?;
        }
        self.say(|screen| next::before(scenes.len(), routing.create, self.address, screen))?;
        let played = tokio::select! {
            played = self.calls(scenes) => played?,
            () = &mut interrupted => return Ok(Ended::With(INTERRUPTED)),
        };
        let well = played.iter().all(|played| played.differences.is_empty());
        self.report(&played)?;
        if !self.args.once {
            self.say(|screen| next::to_try(self.stage, self.address, screen))?;
            interrupted.await;
        }
        Ok(Ended::by(well))
    }

    fn say(&self, text: impl FnOnce(&Screen) -> String) -> anyhow::Result<()> {
        if self.context.json { Ok(()) } else { screen::print(&text(&self.context.screen)) }
    }

    /// Plays all calls and shows them meanwhile.
    async fn calls(&self, scenes: Vec<Scene>) -> anyhow::Result<Vec<Played>> {
        let player = Player {
            livekit: self.stage.livekit.clone(),
            server: format!("http://{}", self.address),
            clock: self.context.clock.clone(),
        };
        let show = Show::new(&self.context.screen, self.context.json, scenes.len())?;
        play::all(&self.app.db, &player, scenes, show).await
    }

    /// The ledger, one call in full, and what is not as it should be.
    fn report(&self, played: &[Played]) -> anyhow::Result<()> {
        if self.context.json {
            let scenes: Vec<_> = played.iter().map(Played::as_json).collect();
            return screen::print(&context::pretty(&json!({ "scenes": scenes }))?);
        }
        let mut calls: Vec<&Call> = played.iter().flat_map(|played| &played.calls).collect();
        calls.sort_by(|a, b| b.id.cmp(&a.id));
        let views: Vec<_> = calls.iter().map(|call| CallView::of(call)).collect();
        let explained = calls.iter().find(|call| call.ring.caller == scenes::EXPLAINED);
        self.say(|screen| {
            let mut out =
                next::heading("The ledger", "switchboard calls", screen) + &list::table(&views, screen);
            if let Some(call) = explained {
                out += &next::heading("One call in full", "switchboard explain", screen);
                out += &explain::page(&explain::explain(call), screen);
            }
            out + &verdict(played, screen)
        })
    }
}

/// Whether each call ended as it should, and what differs.
fn verdict(played: &[Played], screen: &Screen) -> String {
    let wrong: Vec<_> = played.iter().filter(|played| !played.differences.is_empty()).collect();
    if wrong.is_empty() {
        let text = format!("All {} calls ended as they should.", played.len());
        return format!("\n{}\n", screen.paint(AnsiColor::Green.on_default().bold(), text));
    }
    let red = AnsiColor::Red.on_default().bold();
    let mut out = String::from("\n");
    for played in &wrong {
        out += &screen.paint(red, format_args!("{} did not end as it should:", played.scene.title));
        out += "\n";
        played.differences.iter().for_each(|difference| out += &format!("  {difference}\n"));
    }
    out
}
