//! Trunks and dispatch rules: what LiveKit makes of them, told beforehand, and held against LiveKit itself.

mod api;
mod conformance;
mod lints;
mod matching;
mod misunderstandings;
mod random;
mod records;
mod refusals;
mod server;

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use livekit::sip::{DispatchRule, InboundTrunk, RuleKind, Secret};

/// A called number, and another one.
pub(crate) const TO: &str = "+15557654321";
pub(crate) const OTHER: &str = "+15557654322";
/// A caller.
pub(crate) const FROM: &str = "+15551234567";

/// A trunk as it ought to be.
pub(crate) fn trunk(id: &str, numbers: &[&str]) -> InboundTrunk {
    InboundTrunk {
        id: id.to_owned(),
        name: "carrier".to_owned(),
        numbers: texts(numbers),
        allowed_addresses: texts(&["54.172.60.0/30"]),
        ringing_timeout: Some(Duration::from_secs(35)),
        include_headers: "SIP_X_HEADERS".to_owned(),
        ..InboundTrunk::default()
    }
}

/// A rule as it ought to be: a room for each call.
pub(crate) fn rule(id: &str, trunks: &[&str]) -> DispatchRule {
    DispatchRule {
        id: id.to_owned(),
        trunk_ids: texts(trunks),
        kind: callee("in"),
        ..DispatchRule::default()
    }
}

pub(crate) fn callee(prefix: &str) -> RuleKind {
    RuleKind::Callee { prefix: prefix.to_owned(), pin: Secret::default(), randomize: true }
}

pub(crate) fn direct(room: &str, pin: &str) -> RuleKind {
    RuleKind::Direct { room: room.to_owned(), pin: Secret::new(pin) }
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The program that an environment variable names, or nothing after saying that a test is skipped, past the test
/// harness's capture so that it is always seen and counted. In CI nothing may be skipped.
pub(crate) fn installed(variable: &str, what: &str) -> Option<PathBuf> {
    let place = env::var_os(variable).filter(|place| !place.is_empty()).map(PathBuf::from);
    if place.is_none() {
        assert!(env::var("CI").as_deref() != Ok("true"), "missing in CI: {what}");
        writeln!(std::io::stderr(), "skipped: {what}: run ./test").ok();
    }
    place
}
