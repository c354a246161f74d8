//! The client against the pretend Twilio: what is read and done, and what happens when it goes wrong.

mod credentials;
mod errors;
mod numbers;
mod paging;
mod records;
mod retries;
mod trunks;

use std::time::Duration;

use twilio::fake::{Fake, Options};
use twilio::{Client, Credentials, Retries};

/// Long enough for anything that is to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(crate) const TOKEN: &str = "a-token-nobody-may-see";

pub(crate) fn ours() -> Credentials {
    Credentials::auth_token(ACCOUNT, TOKEN).expect("credentials")
}

/// A fake and a client of it.
pub(crate) async fn setup() -> (Fake, Client) {
    let twilio = Fake::start(Options::new(ours())).await.expect("a fake");
    let client = twilio.client().expect("a client");
    (twilio, client)
}

/// A client that behaves otherwise.
pub(crate) fn client_with(twilio: &Fake, change: impl FnOnce(&mut twilio::Options)) -> Client {
    let first = Duration::from_millis(2);
    let retries = Retries { first, longest: Duration::from_millis(10), ..Retries::default() };
    let hosts = twilio.hosts().expect("hosts");
    let mut options = twilio::Options { hosts, retries, ..twilio::Options::default() };
    change(&mut options);
    Client::new(ours(), options).expect("a client")
}
