//! `completions`: what a shell needs to complete our command line.

use clap::CommandFactory as _;

use super::{Cli, Ended, screen};

const EXAMPLES: &str = "\
Examples:
  switchboard completions bash > ~/.local/share/bash-completion/completions/switchboard
  switchboard completions zsh  > ~/.zfunc/_switchboard
  switchboard completions fish > ~/.config/fish/completions/switchboard.fish";

/// What `completions` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the completions.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    screen::print(&script(args.shell))?;
    Ok(Ended::Well)
}

/// The shell's own script.
pub fn script(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "switchboard", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
