//! Whether a request comes from Twilio: the check of what it signed.
//!
//! The URL is the one that is configured at Twilio, with its query as it is: it has to be put together from the
//! public URL of this installation, never from what the request says about its host.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The header of the signature.
pub const HEADER: &str = "x-twilio-signature";

/// The header that says that a shared key signed, and which: a public beta that a customer has to turn on.
pub const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

/// What a signature is made with.
#[derive(Copy, Clone, Eq, PartialEq)]
pub enum Key<'a> {
    /// The account's auth token; an API key's secret is not one.
    AuthToken(&'a str),
    /// The secret of a shared key, for a request with [`SETTINGS_HEADER`].
    Shared(&'a str),
}

/// What was sent.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Body<'a> {
    /// Nothing: a GET.
    None,
    /// A form, with each of its parameters: decoded, blank ones too.
    Form(&'a [(String, String)]),
    /// Anything else, such as JSON, as its bytes came. Twilio then puts `bodySHA256` into the URL's query.
    Bytes(&'a [u8]),
}

/// Why a request is not taken for Twilio's.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// The signature is another's, or of something else.
    #[error("the signature does not fit")]
    Signature,
    /// The body is not the one that was signed, or the URL says nothing of it.
    #[error("the body is not the one that was signed")]
    Body,
    /// It is signed in a way that is not known here.
    #[error("the signature's algorithm is not known")]
    Algorithm,
}

/// What [`SETTINGS_HEADER`] says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The sid of the shared key, `webhooks_sharedkey_…`.
    pub key: String,
}

impl Settings {
    /// Reads the header. Any algorithm but `HMAC_SHA256` is refused.
    pub fn read(header: &str) -> Result<Self, Rejected> {
        let part = |name: &str| {
            let parts = header.split(',').filter_map(|part| part.trim().split_once('='));
            parts.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
        };
        match (part("key"), part("algorithm").as_deref()) {
            (Some(key), Some("HMAC_SHA256")) if !key.is_empty() => Ok(Self { key }),
            _ => Err(Rejected::Algorithm),
        }
    }
}

impl Key<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::AuthToken(secret) | Self::Shared(secret) => secret.is_empty(),
        }
    }
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AuthToken(_) => "AuthToken",
            Self::Shared(_) => "Shared",
        })
    }
}

/// Checks a request's signature, in constant time. Twilio signs with and without the port now and then, so that both
/// are accepted.
pub fn check(key: Key<'_>, url: &str, body: Body<'_>, signature: &str) -> Result<(), Rejected> {
    // Whoever has no key would accept what anybody signs with none.
    if key.is_empty() {
        return Err(Rejected::Signature);
    }
    let given = signature.trim().as_bytes();
    let [with, without] = with_and_without_port(url);
    let fits = |url: &str| sign(key, url, body).as_bytes().ct_eq(given);
    if !bool::from(fits(url) | fits(&with) | fits(&without)) {
        return Err(Rejected::Signature);
    }
    match body {
        Body::Bytes(bytes) => check_body(url, bytes),
        Body::None | Body::Form(_) => Ok(()),
    }
}

/// The signature of a request to exactly that URL, as base64.
pub fn sign(key: Key<'_>, url: &str, body: Body<'_>) -> String {
    let text = signed_text(url, body);
    match key {
        Key::AuthToken(token) => BASE64_STANDARD.encode(mac::<Hmac<Sha1>>(token, text.as_bytes())),
        Key::Shared(secret) => BASE64_STANDARD.encode(mac::<Hmac<Sha256>>(secret, text.as_bytes())),
    }
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &str, text: &[u8]) -> Vec<u8> {
    // A key of any length will do; without one there is nothing that could fit.
    let Ok(mut mac) = <M as Mac>::new_from_slice(key.as_bytes()) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// The URL, and after it each parameter's name and value: sorted by name, the values of a name that comes more than
/// once sorted and each once, as Twilio's own libraries do it.
fn signed_text(url: &str, body: Body<'_>) -> String {
    let mut text = url.to_owned();
    let Body::Form(parameters) = body else { return text };
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in parameters {
        sorted.entry(name).or_default().insert(value);
    }
    for (name, values) in sorted {
        for value in values {
            text.push_str(name);
            text.push_str(value);
        }
    }
    text
}

/// Whether the URL's `bodySHA256` is the hash of these bytes.
fn check_body(url: &str, body: &[u8]) -> Result<(), Rejected> {
    let query = url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default());
    let hashes = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let signed = hashes.filter(|(name, _)| name == "bodySHA256").map(|(_, value)| value).last();
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = signed.unwrap_or_default().to_ascii_lowercase();
    if bool::from(hash.as_bytes().ct_eq(signed.as_bytes())) { Ok(()) } else { Err(Rejected::Body) }
}

/// The URL with its port, which is its scheme's where it names none, and without any.
fn with_and_without_port(url: &str) -> [String; 2] {
    let unchanged = || [url.to_owned(), url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return unchanged() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host_from = authority.rfind('@').map_or(0, |at| at + 1);
    // The colons of an IPv6 address are in brackets.
    let address_end = authority.rfind(']').map_or(host_from, |end| end.max(host_from));
    let port_from = authority[address_end..].find(':').map(|colon| address_end + colon);
    match (port_from, scheme.to_ascii_lowercase().as_str()) {
        (Some(from), _) => [url.to_owned(), format!("{scheme}://{}{path}", &authority[..from])],
        (None, "https") => [format!("{scheme}://{authority}:443{path}"), url.to_owned()],
        (None, "http") => [format!("{scheme}://{authority}:80{path}"), url.to_owned()],
        (None, _) => unchanged(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_tried_with_and_without_its_port() {
        let both = |url: &str| with_and_without_port(url);
        let pair = |with: &str, without: &str| [with.to_owned(), without.to_owned()];
        assert_eq!(
            both("https://a.example/x?y=:1"),
            pair("https://a.example:443/x?y=:1", "https://a.example/x?y=:1")
        );
        assert_eq!(both("http://a.example"), pair("http://a.example:80", "http://a.example"));
        assert_eq!(both("https://a.example:8443/x"), pair("https://a.example:8443/x", "https://a.example/x"));
        assert_eq!(
            both("https://u:p@a.example/x"),
            pair("https://u:p@a.example:443/x", "https://u:p@a.example/x")
        );
        assert_eq!(both("https://[::1]/x"), pair("https://[::1]:443/x", "https://[::1]/x"));
        assert_eq!(both("https://[::1]:8443/x"), pair("https://[::1]:8443/x", "https://[::1]/x"));
        assert_eq!(both("no url"), pair("no url", "no url"));
    }
}
