//! Reading JSON objects that Twilio writes, tolerantly: nothing as null or as empty text, numbers and flags as
//! themselves or as text, times in either of its two forms. What cannot be read is as good as absent.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Map, Value};

/// A JSON object.
#[derive(Copy, Clone)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    pub(crate) fn object(self, name: &str) -> Option<Fields<'a>> {
        self.get(name).and_then(Fields::of)
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str)
    }

    /// The text of that name, unless it is empty.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn texts(self, name: &str) -> Vec<String> {
        let texts = self.get(name).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn flag(self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// The flag of that name, in whatever case the name is written.
    pub(crate) fn flag_in_any_case(self, name: &str) -> Option<bool> {
        let name = self.0.keys().find(|key| key.eq_ignore_ascii_case(name))?;
        self.flag(name)
    }

    pub(crate) fn number(self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_i64(),
        }
    }

    pub(crate) fn count(self, name: &str) -> Option<u32> {
        self.number(name).and_then(|number| u32::try_from(number).ok())
    }

    /// A time as RFC 2822 (the 2010 API) or ISO 8601 (the others), in microseconds since the Unix epoch.
    pub(crate) fn time(self, name: &str) -> Option<i64> {
        read_time(self.get(name)?.as_str()?)
    }
}

/// A time as text, likewise.
pub(crate) fn read_time(text: &str) -> Option<i64> {
    let text = text.trim();
    let older = || rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let time: Option<Timestamp> = text.parse().ok().or_else(older);
    time.map(Timestamp::as_microsecond)
}

/// A moment as Twilio takes it in queries: ISO 8601 in UTC, whole seconds, rounded down.
pub(crate) fn as_asked(time_us: i64) -> Option<String> {
    Timestamp::from_second(time_us.div_euclid(1_000_000)).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_of_twilios_times_are_read() {
        let value = json!({
            "older": "Tue, 18 Aug 2015 16:48:51 +0000",
            "newer": "2015-08-18T16:48:51Z",
            "none": "",
            "odd": "yesterday",
        });
        let fields = Fields::of(&value).expect("an object");
        assert_eq!(fields.time("older"), Some(1_439_916_531_000_000));
        assert_eq!(fields.time("newer"), fields.time("older"));
        assert_eq!((fields.time("none"), fields.time("odd"), fields.time("absent")), (None, None, None));
    }

    #[test]
    fn numbers_flags_and_nothing_come_in_more_than_one_form() {
        let value =
            json!({ "a": "15", "b": 15, "c": "", "d": null, "e": "true", "f": "TRUE", "Voice": true });
        let fields = Fields::of(&value).expect("an object");
        assert_eq!((fields.count("a"), fields.count("b"), fields.count("c")), (Some(15), Some(15), None));
        assert_eq!(
            (fields.text("c"), fields.text("d"), fields.text("b")),
            (None, None, Some("15".to_owned()))
        );
        assert_eq!((fields.flag("e"), fields.flag("f"), fields.flag("a")), (Some(true), Some(true), None));
        assert_eq!(fields.flag_in_any_case("voice"), Some(true));
    }

    #[test]
    fn a_moment_is_asked_for_in_whole_seconds_of_utc() {
        assert_eq!(as_asked(1_439_916_531_999_999).as_deref(), Some("2015-08-18T16:48:51Z"));
        assert_eq!(as_asked(i64::MAX), None);
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_at_as_anything(text in ".*") {
            let value = json!({ "it": text });
            let fields = Fields::of(&value).expect("an object");
            fields.time("it");
            fields.number("it");
            fields.flag("it");
        }

        #[test]
        fn any_time_can_be_asked_for(time_us in any::<i64>()) {
            as_asked(time_us);
        }
    }
}
