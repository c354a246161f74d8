//! The API key and secret of one LiveKit project.

use std::fmt;

/// An API key with its secret. `Debug` shows the key only.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    /// The API key, which is no secret: LiveKit sends it as a token's `iss`.
    pub key: String,
    secret: String,
}

impl Credentials {
    /// The credentials of a project.
    pub fn new(key: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { key: key.into(), secret: secret.into() }
    }

    /// The secret that tokens are signed with. Never to be logged.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key", &self.key).finish_non_exhaustive()
    }
}
