//! The program: reads the command line and runs one command.

use std::process::ExitCode;

/// What one thread allocates another frees here, all the time: rows are read on the database's threads and shown on
/// Tokio's. The system's allocator takes a sixth more CPU for that. Huge pages would double the idle memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whoever speaks TLS here uses this; a second one is refused, which does no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    switchboard::commands::main()
}
