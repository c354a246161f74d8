//! The program: reads the command line and runs one command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Whoever speaks TLS here uses this; a second one is refused, which does no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    switchboard::commands::main()
}
