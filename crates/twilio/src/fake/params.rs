//! What may be asked: each operation's parameters, and what they may hold. Twilio passes over parameters that it does
//! not know; this one refuses them, so that a misspelt one is found.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::refusal::{Outcome, Refusal};
use crate::request::is_sid;

/// What a parameter may hold.
pub(super) enum Kind {
    /// Anything.
    Text,
    /// Anything, as long as it is something.
    Name,
    /// A web address, or nothing.
    Url,
    /// A SIP address.
    SipUrl,
    /// A sid of that kind, or nothing.
    Sid(&'static str),
    /// `true` or `false`.
    Flag,
    /// A whole number in that range.
    Whole(i64, i64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A day of UTC, or a moment.
    Time,
}

/// A parameter: its name, what it may hold, and the field that it sets.
pub(super) struct Param(pub(super) &'static str, pub(super) Kind, pub(super) &'static str);

/// `GET` or `POST`.
pub(super) const METHOD: Kind = Kind::OneOf(&["GET", "POST"]);

/// What was given of what may be.
pub(super) struct Given(Vec<(&'static Param, Value)>);

pub(super) fn checked(given: &[(String, String)], known: &'static [Param]) -> Outcome<Given> {
    let mut checked: Vec<(&'static Param, Value)> = Vec::new();
    for (name, value) in given {
        let param = known.iter().find(|param| param.0 == name);
        let param = param.ok_or_else(|| Refusal::parameter(format!("Unknown parameter {name}")))?;
        let value =
            read(&param.1, value).ok_or_else(|| Refusal::parameter(format!("Invalid parameter {name}")))?;
        checked.retain(|(other, _)| other.0 != param.0);
        checked.push((param, value));
    }
    Ok(Given(checked))
}

impl Given {
    pub(super) fn require(&self, names: &[&str]) -> Outcome<()> {
        match names.iter().find(|name| self.get(name).is_none()) {
            Some(name) => {
                Err(Refusal::parameter(format!("Missing required parameter {name} in the post body")))
            }
            None => Ok(()),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(param, _)| param.0 == name).map(|(_, value)| value)
    }

    /// The text of that name, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// The moment of that name, in microseconds since the Unix epoch, and whether it was given as a day.
    pub(super) fn time(&self, name: &str) -> Option<(i64, bool)> {
        moment(self.text(name)?)
    }

    /// The fields to set, with their values.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().filter(|(param, _)| !param.2.is_empty()).map(|(param, value)| (param.2, value))
    }
}

fn read(kind: &Kind, text: &str) -> Option<Value> {
    let as_text = || Some(json!(text));
    match kind {
        // No text of Twilio's holds these, and its stores refuse them.
        _ if text.contains('\0') => None,
        Kind::Text => as_text(),
        Kind::Name => (!text.is_empty()).then(as_text)?,
        Kind::Url => is_url(text).then(as_text)?,
        Kind::SipUrl => is_sip(text).then(as_text)?,
        Kind::Sid(_) if text.is_empty() => Some(Value::Null),
        Kind::Sid(prefix) => is_sid(prefix, text).then(as_text)?,
        Kind::Flag => text.parse::<bool>().ok().map(Value::Bool),
        Kind::Whole(least, most) => {
            let number: i64 = text.parse().ok()?;
            (*least..=*most).contains(&number).then(|| json!(number))
        }
        Kind::OneOf(words) => words.contains(&text).then(as_text)?,
        Kind::Time => moment(text).is_some().then(as_text)?,
    }
}

fn is_url(text: &str) -> bool {
    let parsed = reqwest::Url::parse(text);
    text.is_empty() || parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_sip(text: &str) -> bool {
    let fits =
        |letter: char| letter.is_ascii_graphic() && !matches!(letter, '<' | '>' | '"' | '\\' | '^' | '`');
    text.strip_prefix("sip:").is_some_and(|rest| !rest.is_empty() && rest.chars().all(fits))
}

fn moment(text: &str) -> Option<(i64, bool)> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some((time.as_microsecond(), false));
    }
    // Jiff reads a date and time as a date too.
    let day: Date = (text.len() == 10).then(|| text.parse().ok())??;
    Some((day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond(), true))
}
