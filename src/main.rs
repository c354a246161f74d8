//! The program: reads the command line and runs one command.

use std::process::ExitCode;

/// Many small pieces are allocated on one thread and freed on another: answers of the database.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whoever speaks TLS here uses this; a second one is refused, which does no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    switchboard::commands::main()
}
