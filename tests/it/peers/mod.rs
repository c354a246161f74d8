//! The real parts that calls go through in tests: livekit-server, phones and agents.
//!
//! `./test` installs them and says by `LIVEKIT_SERVER_BIN` and `PEERS_PYTHON` where they are; without
//! those the tests that need them are skipped, which CI does not accept.

mod agent;
mod helper;
mod phone;
mod server;
mod works;

use std::env;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use agent::{Act, AgentProcess, Behaviour};
pub(crate) use helper::Helper;
pub(crate) use phone::{Answered, Call, Ended, How, Phone, PhoneHost, command};
pub(crate) use server::{RealLiveKit, http_client};

/// Something awaited did not come in time; its text ends with the last words of whoever was awaited.
pub(crate) struct Late {
    pub(crate) what: String,
    pub(crate) waited: Duration,
    pub(crate) last_words: String,
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} after {:.1?}; last heard:\n{}", self.what, self.waited, self.last_words)
    }
}

/// Where the real parts are installed.
struct Installed {
    livekit_server: PathBuf,
    python: PathBuf,
}

/// The real parts, or nothing after saying so: then the test has nothing to do.
fn installed() -> Option<Installed> {
    let place = |name| env::var_os(name).filter(|place| !place.is_empty()).map(PathBuf::from);
    let found = place("LIVEKIT_SERVER_BIN").zip(place("PEERS_PYTHON"));
    let Some((livekit_server, python)) = found else {
        skipped("real LiveKit: run ./test");
        return None;
    };
    Some(Installed { livekit_server, python })
}

/// The Python that has the peers' packages, or nothing after saying so.
pub(crate) fn python() -> Option<PathBuf> {
    installed().map(|installed| installed.python)
}

/// The same Python where no LiveKit is needed, or nothing after saying so.
pub(crate) fn python_alone() -> Option<PathBuf> {
    let python = env::var_os("PEERS_PYTHON").filter(|place| !place.is_empty()).map(PathBuf::from);
    if python.is_none() {
        skipped("the Python peers: run ./test");
    }
    python
}

/// Says that a test is skipped, past the test harness's capture so that it is always seen and counted.
/// In CI nothing may be skipped.
pub(crate) fn skipped(what: &str) {
    assert!(env::var("CI").as_deref() != Ok("true"), "missing in CI: {what}");
    writeln!(std::io::stderr(), "skipped: {what}").ok();
}
