//! Runs the pretend Twilio for a program outside to talk to: an account with so many numbers, and 100 more for sale.
//! Prints its URL and credentials, and serves until its standard input ends.
//!
//!     cargo run -p switchboard-twilio --features fake --example fake_twilio -- [PORT [NUMBERS]]

use std::io::Read as _;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use twilio::fake::{Fake, Options};
use twilio::{Credentials, NumberType};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "pretend-token";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let given: Vec<u32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (port, numbers) = (given.first().copied().unwrap_or(0), given.get(1).copied().unwrap_or(9));
    let now = Arc::new(|| {
        let since = UNIX_EPOCH.elapsed().unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    });
    let credentials = Credentials::auth_token(ACCOUNT, TOKEN).map_err(std::io::Error::other)?;
    let options = Options { now, listen: format!("127.0.0.1:{port}"), ..Options::new(credentials) };
    let twilio = Fake::start(options).await?;
    twilio.add_numbers(numbers);
    for last in 0..100 {
        twilio.sell(&format!("+141555601{last:02}"), "US", &NumberType::Local);
    }
    println!("url {}", twilio.url());
    println!("account {ACCOUNT} token {TOKEN}");
    let until_closed = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(until_closed).await.map_err(std::io::Error::other)??;
    twilio.stop().await;
    Ok(())
}
