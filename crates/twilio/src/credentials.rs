//! Who asks: an account, by its auth token or by an API key.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::request::is_sid;
use crate::{Error, Result};

/// An account's sid with a secret to ask in its name. `Debug` shows the sids only.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    account_sid: String,
    user: String,
    secret: String,
}

impl Credentials {
    /// The account (`AC…`) with its auth token, which may do everything.
    pub fn auth_token(account_sid: impl Into<String>, token: impl Into<String>) -> Result<Self> {
        let account_sid = account_sid.into();
        Self::checked(account_sid.clone(), account_sid, token.into(), "the auth token")
    }

    /// The account (`AC…`) with an API key (`SK…`) and its secret. A standard key may do everything but look at the
    /// account itself and at keys.
    pub fn api_key(
        account_sid: impl Into<String>,
        key_sid: impl Into<String>,
        secret: impl Into<String>,
    ) -> Result<Self> {
        let key_sid = key_sid.into();
        if !is_sid("SK", &key_sid) {
            return Err(Error::setup("the API key's sid must be SK and 32 hexadecimal digits"));
        }
        Self::checked(account_sid.into(), key_sid, secret.into(), "the API key's secret")
    }

    /// No message quotes what was given: a secret may stand where a sid belongs.
    fn checked(account_sid: String, user: String, secret: String, what: &str) -> Result<Self> {
        if !is_sid("AC", &account_sid) {
            return Err(Error::setup("the account's sid must be AC and 32 hexadecimal digits"));
        }
        if secret.is_empty() {
            return Err(Error::setup(format!("{what} is empty")));
        }
        if secret.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            return Err(Error::setup(format!("{what} must not hold white space")));
        }
        Ok(Self { account_sid, user, secret })
    }

    /// The account's sid, which is no secret.
    pub fn account_sid(&self) -> &str {
        &self.account_sid
    }

    /// The sid that is sent as the user's name: the account's or the API key's.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether this is an API key.
    pub fn is_api_key(&self) -> bool {
        self.user != self.account_sid
    }

    /// The auth token or the API key's secret. Never to be logged.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Takes the secret out of a text that came from outside, plain or as it is sent.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let sent = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.secret));
        text.replace(&sent, "[secret]").replace(&self.secret, "[secret]")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("account_sid", &self.account_sid)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
