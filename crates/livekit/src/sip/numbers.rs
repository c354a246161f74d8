//! Telephone numbers as LiveKit compares them.

use std::borrow::Cow;

/// A number as LiveKit compares the numbers of trunks (`livekit.NormalizeNumber`): what is made of digits, spaces,
/// hyphens and brackets loses all but the digits and gets a `+`. There is no country in it: `(415) 555-0123`
/// becomes `+4155550123`. Everything else stays as it is.
pub fn normalized(number: &str) -> Cow<'_, str> {
    let unsigned = number.strip_prefix('+').unwrap_or(number);
    let written = |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | ' ' | '(' | ')');
    if unsigned.is_empty() || !unsigned.chars().all(written) {
        return number.into();
    }
    if number.starts_with('+') && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.into();
    }
    let digits = unsigned.chars().filter(char::is_ascii_digit);
    std::iter::once('+').chain(digits).collect::<String>().into()
}

/// Whether a number is written as E.164: `+`, then 7 to 15 digits that do not begin with 0. That is how carriers
/// send it, and rules compare letter by letter.
pub fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_normalized_as_livekit_does_it() {
        for (number, expected) in [
            ("", ""),
            ("+15550001111", "+15550001111"),
            ("15550001111", "+15550001111"),
            ("+1 (555) 000-1111", "+15550001111"),
            ("(415) 555-0123", "+4155550123"),
            ("+", "+"),
            ("()", "+"),
            ("++1", "++1"),
            ("+1-", "+1"),
            ("sales", "sales"),
            ("+1555x", "+1555x"),
            ("+1.555", "+1.555"),
            ("١٢٣", "١٢٣"),
        ] {
            assert_eq!(normalized(number), expected, "{number:?}");
        }
    }

    #[test]
    fn e164_has_a_plus_and_seven_to_fifteen_digits() {
        for number in ["+15550001111", "+4930901820", "+2901234"] {
            assert!(is_e164(number), "{number}");
        }
        for number in
            ["", "+", "15550001111", "+1 555 000 1111", "+05550001111", "+1234567890123456", "sales"]
        {
            assert!(!is_e164(number), "{number}");
        }
    }
}
