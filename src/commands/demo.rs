//! `demo`: calls to watch, with nothing to set up.

use super::{Context, Ended};

/// What `demo` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after the calls; exit code 0 only if each ended as it should
    #[arg(long)]
    once: bool,
}

/// Plays the demo.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let _ = (args.once, context);
    anyhow::bail!("the demo is not there yet")
}
