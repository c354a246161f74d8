//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, in base64, one for each secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::db::endpoints::Secrets;

/// What secrets begin with.
const PREFIX: &str = "whsec_";

/// A new secret: 256 random bits.
pub fn new_secret() -> SecretString {
    let random: [u8; 32] = rand::random();
    SecretString::from(format!("{PREFIX}{}", STANDARD.encode(random)))
}

/// A secret that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's secret cannot be read: make a new one")]
pub(super) struct Unreadable;

/// The value of `webhook-signature`: the current secret's, and the previous one's while that is still good.
pub(super) fn signature(
    secrets: &Secrets,
    id: &str,
    timestamp: i64,
    body: &str,
) -> Result<String, Unreadable> {
    let sign = |secret: &SecretString| {
        let secret = secret.expose_secret();
        let key = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).map_err(|_| Unreadable)?;
        let mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| Unreadable)?;
        let mac = mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body);
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    let mut signatures = sign(&secrets.current)?;
    if let Some(previous) = &secrets.previous {
        signatures.push(' ');
        signatures.push_str(&sign(previous)?);
    }
    Ok(signatures)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let secrets = Secrets { current: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), previous: None };
        let signed =
            signature(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_two_secrets_are_good_both_sign() {
        let [old, new] = [new_secret(), new_secret()];
        let one = |current: &SecretString| {
            signature(&Secrets { current: current.clone(), previous: None }, "evt_1", 1, "{}").unwrap()
        };
        let both = Secrets { current: new.clone(), previous: Some(old.clone()) };
        assert_eq!(signature(&both, "evt_1", 1, "{}").unwrap(), format!("{} {}", one(&new), one(&old)));
        assert_ne!(one(&new), one(&old));
    }

    #[test]
    fn a_secret_has_its_prefix_and_32_bytes_and_is_not_shown() {
        let secret = new_secret();
        let key = STANDARD.decode(secret.expose_secret().strip_prefix(PREFIX).unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        assert!(!format!("{secret:?}").contains(&secret.expose_secret()[8..]));
        let broken = Secrets { current: "whsec_not base64".into(), previous: None };
        assert_eq!(signature(&broken, "evt_1", 1, "{}"), Err(Unreadable));
    }
}
