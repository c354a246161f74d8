//! E-mail addresses, by which people sign in. Capitals make no difference.

/// The longest address that mail can be sent to (RFC 5321 §4.5.3.1.3), in bytes.
const LONGEST: usize = 254;

/// The form in which addresses are kept and compared.
pub fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// An address in the form in which it is kept. Whether anybody reads mail there is not ours to tell.
///
/// # Errors
/// What is wrong with it.
pub fn normal(text: &str) -> Result<String, &'static str> {
    let email = folded(text);
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
    match email.rsplit_once('@') {
        _ if email.len() > LONGEST => Err("must be at most 254 bytes long"),
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !email.contains(is_odd) => {
            Ok(email)
        }
        _ => Err("must be an e-mail address such as ada@example.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_small_letters_and_what_is_none_is_refused() {
        for (text, kept) in [
            ("ada@example.com", "ada@example.com"),
            (" Ada.Lovelace+x@Example.COM ", "ada.lovelace+x@example.com"),
            ("admin@localhost", "admin@localhost"),
            ("ÄDA@Exämple.de", "äda@exämple.de"),
            ("a@b@example.com", "a@b@example.com"),
        ] {
            assert_eq!(normal(text).as_deref(), Ok(kept));
        }
        let long = format!("{}@example.com", "x".repeat(250));
        for text in
            ["", "@", "ada", "ada@", "@example.com", "a da@example.com", "Ada <ada@example.com>", &long]
        {
            assert!(normal(text).is_err(), "{text:?}");
        }
    }
}
