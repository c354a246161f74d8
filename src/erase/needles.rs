//! What is looked for in texts when a caller is erased, and taken out of them: the caller's numbers, however they are
//! written. Pure.

use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use serde_json::{Map, Value};

use crate::db::leads::ERASED;
use crate::phone::{self, E164};

/// Fewer digits than this may be anything.
const FEWEST_DIGITS: usize = 7;
/// A text that a caller was told by is looked for from this length on.
const SHORTEST: usize = 5;
/// What is dialled before a number at home and abroad.
const DIALLED_BEFORE: [&str; 4] = ["0", "00", "011", "0011"];
/// A UUID without and with its hyphens. In one the digits of a number are chance.
const UUID: usize = 32;
const UUID_PARTS: [usize; 5] = [8, 4, 4, 4, 12];

/// What is looked for.
pub struct Needles {
    found: AhoCorasick,
    /// Of each pattern: whether it is digits alone, which must not be a part of other digits.
    is_digits: Vec<bool>,
    /// The numbers' digits in full.
    numbers: Vec<String>,
}

impl Needles {
    /// Of these numbers, and of the texts by which their calls named the caller.
    ///
    /// # Errors
    /// When the texts are too many to look for at once.
    pub fn of<'t>(
        numbers: &[E164],
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Needles, aho_corasick::BuildError> {
        let digits: Vec<String> = numbers.iter().map(|number| number[1..].to_owned()).collect();
        let national = numbers.iter().filter_map(phone::national);
        let mut patterns: Vec<String> = digits.iter().cloned().chain(national).collect();
        patterns.extend(numbers.iter().flat_map(phone::ways_to_write));
        patterns.extend(texts.into_iter().map(|text| text.trim().to_owned()));
        let long_enough = |text: &String| {
            let least = if is_digits(text) { FEWEST_DIGITS } else { SHORTEST };
            text.chars().count() >= least
        };
        patterns.retain(long_enough);
        // As they stand in JSON that is looked through as text.
        let escaped: Vec<String> = patterns.iter().filter_map(|text| in_json(text)).collect();
        patterns.extend(escaped);
        patterns.sort_unstable();
        patterns.dedup();
        let is_digits = patterns.iter().map(|text| is_digits(text)).collect();
        let found = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&patterns)?;
        Ok(Needles { found, is_digits, numbers: digits })
    }

    /// Whether a text may hold one of them, be it JSON or not. Quick, and never wrong when it says no.
    pub fn may_be_in(&self, text: &str) -> bool {
        self.found.is_match(text) || text.contains("\\u")
    }

    /// The text without them; none where it holds none.
    pub fn taken_from(&self, text: &str) -> Option<String> {
        let (mut out, mut kept, mut from) = (String::new(), 0, 0);
        while let Some(found) = self.found.find(Input::new(text).range(from..)) {
            let is_digits = self.is_digits.get(found.pattern().as_usize()).copied().unwrap_or_default();
            match if is_digits { whole_number(text, found.range()) } else { Some(found.range()) } {
                Some(range) => {
                    out.push_str(&text[kept..range.start.max(kept)]);
                    out.push_str(ERASED);
                    (kept, from) = (range.end, range.end);
                }
                // Another may begin within it.
                None => from = found.start() + text[found.start()..].chars().next().map_or(1, char::len_utf8),
            }
        }
        (kept > 0).then(|| out + &text[kept..])
    }

    /// JSON without them, which is JSON still; none where it holds none. What is no JSON is a text.
    pub fn taken_from_json(&self, text: &str) -> Option<String> {
        let is_json = text.trim_start().starts_with(['{', '[', '"']);
        match is_json.then(|| serde_json::from_str(text)) {
            Some(Ok(mut value)) => self.take_from(&mut value).then(|| Value::to_string(&value)),
            Some(Err(_)) | None => self.taken_from(text),
        }
    }

    /// Takes them out of every text within; whether there was any.
    pub fn take_from(&self, value: &mut Value) -> bool {
        match value {
            // An asker's metadata is JSON within JSON.
            Value::String(text) => {
                let taken = self.taken_from_json(text);
                taken.map(|taken| *text = taken).is_some()
            }
            Value::Number(number) => {
                let is_one = self.numbers.contains(&number.to_string());
                if is_one {
                    *value = Value::from(ERASED);
                }
                is_one
            }
            Value::Array(items) => items.iter_mut().fold(false, |any, item| self.take_from(item) | any),
            Value::Object(fields) => self.take_from_fields(fields),
            Value::Null | Value::Bool(_) => false,
        }
    }

    fn take_from_fields(&self, fields: &mut Map<String, Value>) -> bool {
        let mut any = fields.values_mut().fold(false, |any, value| self.take_from(value) | any);
        if fields.keys().any(|name| self.taken_from(name).is_some()) {
            any = true;
            let named = std::mem::take(fields).into_iter();
            fields.extend(named.map(|(name, value)| (self.taken_from(&name).unwrap_or(name), value)));
        }
        any
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// A text as JSON writes it, where that differs.
fn in_json(text: &str) -> Option<String> {
    let quoted = Value::from(text).to_string();
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (inner != text).then(|| inner.to_owned())
}

/// Digits that were found, with what is dialled before them; none where they are a part of other digits or of an id.
fn whole_number(text: &str, found: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if is_digit(found.end) || is_in_an_id(bytes, &found) {
        return None;
    }
    let before = (0..found.start).rev().take_while(|at| is_digit(*at)).last().unwrap_or(found.start);
    if before < found.start && !DIALLED_BEFORE.contains(&&text[before..found.start]) {
        return None;
    }
    let plus = before.checked_sub(1).filter(|at| bytes[*at] == b'+');
    Some(plus.unwrap_or(before)..found.end)
}

fn is_in_an_id(bytes: &[u8], found: &Range<usize>) -> bool {
    let around = |belongs: fn(u8) -> bool| {
        let start = bytes[..found.start].iter().rposition(|b| !belongs(*b)).map_or(0, |at| at + 1);
        let end =
            bytes[found.end..].iter().position(|b| !belongs(*b)).map_or(bytes.len(), |at| found.end + at);
        &bytes[start..end]
    };
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if around(is_hex).len() >= UUID {
        return true;
    }
    let parts = around(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-');
    parts.split(|b| *b == b'-').map(<[u8]>::len).eq(UUID_PARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn needles(number: &str, texts: &[&str]) -> Needles {
        Needles::of(&[E164::exactly(number).unwrap()], texts.iter().copied()).unwrap()
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let needles = needles("+14155550123", &["\"Ada\" <sip:+14155550123@acme.example>", "415.555.0123"]);
        for (text, left) in [
            ("+14155550123", "erased"),
            ("sip_+14155550123", "sip_erased"),
            ("caller-14155550123", "caller-erased"),
            ("in_+14155550123_f71b", "in_erased_f71b"),
            ("Phone 4155550123!", "Phone erased!"),
            ("%2B14155550123", "%2Berased"),
            ("call (415) 555-0123 or +1 415-555-0123", "call erased or erased"),
            ("tel:+1-415-555-0123;ext=3", "erased;ext=3"),
            ("0114155550123 0014155550123", "erased erased"),
            ("415.555.0123", "erased"),
            ("\"ADA\" <SIP:+14155550123@ACME.example>", "erased"),
            ("+14155550123+14155550123", "erasederased"),
        ] {
            assert!(needles.may_be_in(text), "{text}");
            assert_eq!(needles.taken_from(text).as_deref(), Some(left), "{text}");
        }
    }

    #[test]
    fn other_numbers_and_ids_are_left_alone() {
        let needles = needles("+14155550123", &[]);
        for text in [
            "+141555501234",
            "114155550123",
            "24155550123",
            "+4155550123456",
            "4155550",
            "call_0199c9a41c0a7d3e8f041555501233ff",
            "7c8693c6-976e-4324-9123-241555501239",
            "",
        ] {
            assert_eq!(needles.taken_from(text), None, "{text}");
        }
    }

    #[test]
    fn few_digits_and_short_texts_are_looked_for_only_with_their_country() {
        let needles = needles("+6901234", &["1234", "abc"]);
        assert_eq!(needles.taken_from("1234 abc 6901234").as_deref(), Some("1234 abc erased"));
    }

    #[test]
    fn json_stays_json_and_its_numbers_numbers() {
        let text = "Bob \"B\" 415-555-0123";
        let needles = needles("+14155550123", &[text]);
        let body = json!({
            "from": "+14155550123", "n": 14155550123_u64, "took": 4155550123_u64, "at": 1.5, "none": null,
            "raw": format!("<{text}>"), "+14155550123": [true, {"x": "sip:4155550123@h"}], "id": "EV_1",
        });
        let inside = body.to_string();
        let outer = json!({"body": inside}).to_string();
        let left = needles.taken_from_json(&body.to_string()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&left).unwrap(),
            json!({
                "from": "erased", "n": "erased", "took": 4155550123_u64, "at": 1.5, "none": null,
                "raw": "<erased>", "erased": [true, {"x": "sip:erased@h"}], "id": "EV_1",
            })
        );
        // JSON within JSON, as in an asker's metadata, is JSON still.
        let outer: Value = serde_json::from_str(&needles.taken_from_json(&outer).unwrap()).unwrap();
        let inner: Value = serde_json::from_str(outer["body"].as_str().unwrap()).unwrap();
        assert_eq!((&inner["from"], &inner["raw"]), (&json!("erased"), &json!("<erased>")));
        assert_eq!(needles.taken_from_json("not JSON: 4155550123").as_deref(), Some("not JSON: erased"));
        assert_eq!(needles.taken_from_json(r#"{"from":"someone"}"#), None);
        // Escaped by a writer who escapes more than needed.
        let odd = r#"{"from":"\u002b1 \u0028415\u0029"}"#;
        assert!(needles.may_be_in(odd) && needles.taken_from_json(odd).is_none());
        let odd = r#"{"from":"\u0034155550123"}"#;
        assert_eq!(needles.taken_from_json(odd).as_deref(), Some(r#"{"from":"erased"}"#));
    }

    proptest! {
        #[test]
        fn nothing_is_left_of_a_number_and_the_rest_stays(
            number in r"\+1[2-9][0-9]{9}",
            before in "[a-zé\" \\\\_:@+-]{0,8}", after in "[a-zé\" \\\\_:@+-]{0,8}",
        ) {
            let needles = needles(&number, &[]);
            let text = format!("{before}{number}{after}");
            let left = needles.taken_from(&text).unwrap();
            prop_assert!(!left.contains(&number[1..]) && left.contains(ERASED));
            prop_assert!(left.starts_with(before.as_str()) && left.ends_with(after.as_str()));
            prop_assert!(needles.taken_from(&left).is_none(), "twice is once");
        }
    }
}
