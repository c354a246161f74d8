//! What a person types. Each command has a file: its arguments, a function that returns values, and one that
//! writes them down.

pub mod apply;
mod bar;
pub mod call;
pub mod calls;
pub mod campaigns;
pub mod completions;
pub mod config;
pub mod context;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod export;
mod filters;
pub mod follow;
pub mod leads;
pub mod livekit;
pub mod migrate;
pub mod numbers;
pub mod provision;
mod receipt;
mod reconcile;
mod routes;
pub mod screen;
pub mod serve;
pub mod start;
#[cfg(test)]
mod tests;
pub mod user;
pub mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::clock::Clock;
use crate::config::Sources;

pub use context::{Context, Ended};
use screen::{Screen, When};

const EXAMPLES: &str = "\
Begin here:
  switchboard demo                           watch calls happen, nothing to set up
  switchboard apply routing.toml             say who answers which number
  switchboard serve                          take calls
  switchboard call +14155550123 --from +15551234567
  switchboard calls                          what became of them
  switchboard explain --to +14155550123 --from +15551234567

Exit codes: 0 it worked, 1 it did not or nothing was found, 2 the command line is wrong.";

/// The inbound-call control plane for voice AI agents.
///
/// A caller dials a number; Switchboard decides who answers, gets that agent onto the call, and keeps a ledger
/// that stays true when webhooks are lost, doubled or late.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, after_help = EXAMPLES, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Read settings from this file instead of ./switchboard.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    config: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    color: When,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take calls: serve the webhooks and get agents onto calls, until stopped
    Serve(start::Args),
    /// Watch calls happen, with nothing to set up: a pretend LiveKit, callers and agents
    Demo(demo::Args),
    Apply(apply::Args),
    Export(export::Args),
    /// Ask a running server who answers a call, as a SIP gateway would
    Call(call::Args),
    /// List calls, newest first; show one; follow them live
    Calls(calls::Args),
    /// Explain who answers a call and why: a real one, or one that might come
    Explain(explain::Args),
    /// Say what is wrong with the set-up, what it means to a caller, and what to do
    Doctor(doctor::Args),
    /// Check that every number leads to somebody who answers
    #[command(subcommand)]
    Campaigns(campaigns::Command),
    /// Import the numbers of a Twilio account; search, buy, release, move and list numbers
    #[command(subcommand)]
    Numbers(numbers::Command),
    /// Set a trunk up across Twilio and LiveKit, and see what somebody changed by hand since
    Provision(provision::Args),
    /// List leads: one for each caller of a campaign
    Leads(leads::Args),
    /// Add people who sign in, switch them off and on, give them new passwords
    User(user::Args),
    /// Bring the database up to date
    Migrate(migrate::Args),
    /// Show the settings in effect and where each comes from
    Config(config::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let when = cli.color;
    match in_runtime(cli) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::WithNothing) => ExitCode::FAILURE,
        Ok(Ended::With(code)) => ExitCode::from(code),
        Err(error) if screen::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            screen::complain(when, &error);
            ExitCode::FAILURE
        }
    }
}

fn in_runtime(cli: Cli) -> anyhow::Result<Ended> {
    let clock = Clock::system();
    let context = Context {
        sources: Sources::of_this_process(cli.config).context("reading the working folder")?,
        json: cli.json,
        screen: Screen::of_this_process(cli.color, clock.now()),
        clock,
    };
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(run(cli.command, &context))
}

async fn run(command: Command, context: &Context) -> anyhow::Result<Ended> {
    match command {
        Command::Serve(args) => start::run(&args, context).await,
        Command::Demo(args) => demo::run(&args, context).await,
        Command::Doctor(args) => doctor::run(&args, context).await,
        Command::Apply(args) => routes::apply(args, context).await,
        Command::Export(args) => routes::export(args, context).await,
        Command::Call(args) => call::run(&args, context).await,
        Command::Calls(args) => calls::run(&args, context).await,
        Command::Campaigns(command) => campaigns::run(&command, context).await,
        Command::Provision(args) => provision::run(&args, context).await,
        Command::Explain(args) => explain::run(&args, context).await,
        Command::Numbers(command) => numbers::run(&command, context).await,
        Command::Leads(args) => leads::run(&args, context).await,
        Command::User(args) => user::run(&args, context).await,
        Command::Migrate(args) => migrate::run(&args, context).await,
        Command::Config(args) => config::run(&args, context),
        Command::Completions(args) => completions::run(&args),
    }
}
