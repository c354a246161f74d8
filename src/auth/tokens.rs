//! Access tokens: JWTs (RFC 7519) signed with HS256, good for minutes. Their session is looked up at every use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

const ISSUER: &str = "switchboard";
const AUDIENCE: &str = "switchboard-api";

/// The key that signs access tokens. `Debug` does not show it.
#[derive(Clone)]
pub struct SigningKey(Arc<[u8]>);

impl SigningKey {
    /// From its bytes; at least 32 of them, which whoever configures it has checked.
    pub fn new(bytes: &[u8]) -> SigningKey {
        SigningKey(bytes.into())
    }

    /// HMAC-SHA256 of a text: the same for everybody who has the key, and nothing to anybody else.
    pub fn digest(&self, text: &str) -> String {
        use hmac::Mac as _;
        // Any length of key will do, so there is none that is refused.
        hmac::Hmac::<sha2::Sha256>::new_from_slice(&self.0)
            .map(|mac| hex::encode(mac.chain_update(text).finalize().into_bytes()))
            .unwrap_or_default()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who.
    pub user: UserId,
    /// By which sign-in.
    pub session: SessionId,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// A token for these claims, good for `ttl` from `now` on.
///
/// # Errors
/// None that can happen with HS256 and these claims.
pub fn issue(
    key: &SigningKey,
    claims: &Claims,
    ttl: Duration,
    now: Timestamp,
) -> Result<String, jsonwebtoken::errors::Error> {
    let wire = Wire {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: claims.user.clone(),
        sid: claims.session.clone(),
        iat: now.secs(),
        exp: now.saturating_add(ttl).secs(),
    };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire, &EncodingKey::from_secret(&key.0))
}

/// What a token says, if we signed it for this API and it is not past its expiry.
pub fn read(key: &SigningKey, token: &str, now: Timestamp) -> Option<Claims> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // By our clock, below.
    rules.validate_exp = false;
    let wire = jsonwebtoken::decode::<Wire>(token, &DecodingKey::from_secret(&key.0), &rules).ok()?.claims;
    (now.secs() < wire.exp).then_some(Claims { user: wire.sub, session: wire.sid })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const TTL: Duration = Duration::from_secs(900);

    fn key() -> SigningKey {
        SigningKey::new(b"a-key-of-at-least-thirty-two-bytes!!")
    }

    fn claims() -> Claims {
        Claims { user: UserId::from("usr_1"), session: SessionId::from("ses_1") }
    }

    fn forged(header: &Value, body: &Value, with: &[u8]) -> String {
        use hmac::Mac as _;
        let text = format!("{}.{}", B64.encode(header.to_string()), B64.encode(body.to_string()));
        let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(with).unwrap();
        format!("{text}.{}", B64.encode(mac.chain_update(&text).finalize().into_bytes()))
    }

    #[test]
    fn a_token_is_read_until_its_expiry() {
        let token = issue(&key(), &claims(), TTL, NOW).unwrap();
        assert_eq!(read(&key(), &token, NOW), Some(claims()));
        assert_eq!(read(&key(), &token, NOW.saturating_add(TTL - Duration::from_secs(1))), Some(claims()));
        assert_eq!(read(&key(), &token, NOW.saturating_add(TTL)), None);
    }

    #[test]
    fn forged_tokens_are_refused() {
        let body = |iss: &str, aud: &str| json!({"iss": iss, "aud": aud, "sub": "usr_1", "sid": "ses_1", "iat": NOW.secs(), "exp": NOW.secs() + 60});
        let (good, hs256) = (body(ISSUER, AUDIENCE), json!({"alg": "HS256", "typ": "JWT"}));
        let right = forged(&hs256, &good, &key().0);
        assert_eq!(read(&key(), &right, NOW), Some(claims()), "the forger works like the issuer");
        let none = format!("{}.{}.", B64.encode(r#"{"alg":"none"}"#), B64.encode(good.to_string()));
        let mut without_exp = good.clone();
        without_exp.as_object_mut().unwrap().remove("exp");
        for (why, token) in [
            ("no signature", none),
            ("another key", forged(&hs256, &good, b"another-key-of-thirty-two-bytes!!!!!")),
            ("another algorithm", forged(&json!({"alg": "HS512", "typ": "JWT"}), &good, &key().0)),
            ("another audience", forged(&hs256, &body(ISSUER, "another"), &key().0)),
            ("another issuer", forged(&hs256, &body("another", AUDIENCE), &key().0)),
            ("no expiry", forged(&hs256, &without_exp, &key().0)),
            ("cut off", right[..right.len() - 2].to_owned()),
            ("nothing", String::new()),
        ] {
            assert_eq!(read(&key(), &token, NOW), None, "{why}");
        }
    }
}
