//! API keys: 256 random bits. Shown once; kept as a SHA-256, which for a secret this long is as good as a slow hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What every key begins with, so that people and secret scanners know one when they see it.
pub const PREFIX: &str = "swb_";

/// A new key.
pub fn generate() -> String {
    format!("{PREFIX}{}", random())
}

/// 256 random bits as text.
pub fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// What is kept of a key, or of any other secret of this length.
pub fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// The beginning of a key, by which a person knows it again.
pub fn hint(key: &str) -> String {
    format!("{}…", key.chars().take(PREFIX.len() + 6).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_differ_and_are_known_by_their_beginning() {
        let (one, other) = (generate(), generate());
        assert_ne!(one, other);
        assert_eq!(one.len(), PREFIX.len() + 43);
        assert_eq!(hash(&one).len(), 64);
        assert!(hint(&one).chars().count() == 11 && one.starts_with(hint(&one).trim_end_matches('…')));
    }
}
