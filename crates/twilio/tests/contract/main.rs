//! The pretend Twilio and the client held against Twilio's own description of its API, and against Twilio's own
//! library. `./test` installs what they need and says by `TWILIO_CONTRACT`, `TWILIO_PYTHON` and `CONTRACT_PYTHON`
//! where it is; without those the tests that need them are skipped, which CI does not accept.

mod described;
mod flow;
mod libraries;
mod mock;
mod prism;

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use twilio::fake::{Fake, Options};
use twilio::{Client, Credentials, Hosts, NumberType, Retries};

pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(crate) const TOKEN: &str = "pretend-token";

/// The folder that has the Node tools and Twilio's descriptions, or nothing after saying so.
pub(crate) fn contract() -> Option<PathBuf> {
    place("TWILIO_CONTRACT", "Twilio's contract: run ./test")
}

pub(crate) fn place(name: &str, what: &str) -> Option<PathBuf> {
    let place = env::var_os(name).filter(|place| !place.is_empty()).map(PathBuf::from);
    if place.is_none() {
        assert!(env::var("CI").as_deref() != Ok("true"), "missing in CI: {what}");
        // Past the test harness's capture, so that it is always seen and counted.
        writeln!(std::io::stderr(), "skipped: {what}").ok();
    }
    place
}

pub(crate) fn peers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers")
}

pub(crate) fn ours() -> Credentials {
    Credentials::auth_token(ACCOUNT, TOKEN).expect("credentials")
}

/// A pretend Twilio with nine numbers, more for sale, a call and an alert.
pub(crate) async fn furnished() -> Fake {
    let twilio = Fake::start(Options::new(ours())).await.expect("a fake");
    twilio.add_numbers(9);
    for number in ["+14155560100", "+14155560101"] {
        twilio.sell(number, "US", &NumberType::Local);
    }
    twilio.add_call(serde_json::json!({ "duration": "15", "price": "-0.00450" }));
    twilio.add_alert(serde_json::json!({}));
    twilio
}

pub(crate) fn client_of(hosts: Hosts) -> Client {
    let retries = Retries { first: Duration::from_millis(5), ..Retries::default() };
    let options = twilio::Options { hosts, retries, page_size: 4, ..twilio::Options::default() };
    Client::new(ours(), options).expect("a client")
}
