//! One try: a signed POST, and what the receiver says to it.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response};

use crate::clock::Timestamp;
use crate::db::sending::Claimed;

use super::target::{self, NotPublic, PublicOnly};
use super::{Settings, schedule, sign};

/// So much of an answer is kept.
const KEPT: usize = 1024;
/// The longest an error is told.
const ERROR: usize = 300;

/// What came of a try.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// The HTTP status, if there was an answer.
    pub(super) status: Option<u16>,
    /// Why it failed; none when it arrived.
    pub(super) error: Option<String>,
    /// The beginning of the answer.
    pub(super) response: Option<String>,
    /// How long the receiver asks us to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Tried {
    pub(super) fn arrived(&self) -> bool {
        self.error.is_none()
    }

    fn failed(why: impl Into<String>) -> Tried {
        Tried { error: Some(shortened(&why.into(), ERROR)), ..Tried::default() }
    }
}

/// Sends to wherever is allowed.
pub(super) struct Sender {
    client: Client,
    allow_private: bool,
    timeout: Duration,
}

impl Sender {
    pub(super) fn new(settings: &Settings) -> reqwest::Result<Sender> {
        // TLS needs a process-wide provider; whoever installed one before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve names for us, and reach what we may not.
            .no_proxy()
            .https_only(!settings.allow_private)
            .user_agent(concat!("Switchboard/", env!("CARGO_PKG_VERSION")));
        if !settings.allow_private {
            client = client.dns_resolver(PublicOnly);
        }
        Ok(Sender {
            client: client.build()?,
            allow_private: settings.allow_private,
            timeout: settings.timeout,
        })
    }

    /// Sends a delivery once. Only a 2xx is an arrival; redirects lead nowhere.
    pub(super) async fn send(&self, claimed: &Claimed, body: &str, now: Timestamp) -> Tried {
        let url = match target::before_a_try(&claimed.url, self.allow_private) {
            Ok(url) => url,
            Err(why) => return Tried::failed(format!("the URL {why}")),
        };
        let timestamp = now.secs();
        let signature = match sign::signature(&claimed.secrets, &claimed.event, timestamp, body) {
            Ok(signature) => signature,
            Err(error) => return Tried::failed(error.to_string()),
        };
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", claimed.event.as_str())
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(body.to_owned());
        match request.send().await {
            Ok(response) => answered(response, now).await,
            Err(error) => Tried::failed(self.in_words(&error.without_url())),
        }
    }

    /// Without the URL, which is the tenant's, and without addresses, which may be ours.
    fn in_words(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() && error.is_connect() {
            return "cannot connect: the host does not answer".to_owned();
        }
        if error.is_timeout() {
            return format!("there was no answer within {} s", self.timeout.as_secs_f64());
        }
        let mut cause: &dyn StdError = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        if cause.is::<NotPublic>() {
            return NotPublic.to_string();
        }
        let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
        format!("{what}: {cause}")
    }
}

async fn answered(mut response: Response, now: Timestamp) -> Tried {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|value| schedule::retry_after(value, now));
    let mut begins = Vec::new();
    // What the status says holds, whatever becomes of the rest.
    while begins.len() < KEPT
        && let Ok(Some(chunk)) = response.chunk().await
    {
        begins.extend_from_slice(&chunk[..chunk.len().min(KEPT - begins.len())]);
    }
    let error = (!status.is_success()).then(|| {
        let hint = if status.is_redirection() { ", and redirects are not followed" } else { "" };
        format!("it answered {}{hint}", status.as_u16())
    });
    let response = Some(shortened(&String::from_utf8_lossy(&begins), KEPT)).filter(|text| !text.is_empty());
    Tried { status: Some(status.as_u16()), error, response, retry_after }
}

/// The beginning of a text, without control characters.
fn shortened(text: &str, bytes: usize) -> String {
    let mut short = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if short.len() + c.len_utf8() > bytes {
            break;
        }
        short.push(c);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_short_and_without_control_characters() {
        assert_eq!(shortened("a\0b\u{1b}[31mc\r\nd", 100), "ab[31mcd");
        assert_eq!(shortened("ééé", 5), "éé");
        assert_eq!(shortened("", 5), "");
    }
}
