//! Measures Switchboard: one process drives, others serve. `./bench/run` puts it all together.

mod api;
mod audience;
mod bare;
mod client;
mod fill;
mod key;
mod load;
mod login;
mod pace;
mod process;
mod routing;
mod sink;
mod year;

use clap::{Parser, Subcommand};

/// Drives and measures a running Switchboard.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves a handler that checks the same signature and parses the same body, and does nothing else.
    Bare(bare::Args),
    /// Drives signed requests over keep-alive connections and prints one line of figures.
    Load(load::Args),
    /// Fills a database with numbers, leads and calls.
    Fill(fill::Args),
    /// Reads lists, analytics and an export of a year of calls.
    Api(api::Args),
    /// Listens to a server's events and takes its webhooks, until it is ended.
    Audience(audience::Args),
    /// Signs in, again and again.
    Login(login::Args),
    /// Sends `participant_joined` at a steady pace and measures the time to `CreateDispatch`.
    Pace(pace::Args),
    /// Stands in for LiveKit: takes everything and does nothing.
    Sink(sink::Args),
    /// Prints a large routing file.
    Routing(routing::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bare(args) => bare::run(args).await,
        Command::Load(args) => load::run(args).await,
        Command::Fill(args) => tokio::task::spawn_blocking(move || fill::run(&args)).await?,
        Command::Api(args) => api::run(args).await,
        Command::Audience(args) => audience::run(args).await,
        Command::Login(args) => login::run(args).await,
        Command::Pace(args) => pace::run(args).await,
        Command::Sink(args) => sink::run(args).await,
        Command::Routing(args) => routing::run(&args),
    }
}
