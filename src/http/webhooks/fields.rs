//! Reads the fields of the user's contract out of JSON, and says which one is wrong and what to do.

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::http::problem::Problem;

/// A string of a caller's choosing is at most this long, in characters.
const LONGEST: usize = 256;
/// A call of more than ten years is a mistake.
const LONGEST_CALL: f64 = 10.0 * 366.0 * 86_400.0;

/// A JSON object, and where it stands in the body.
#[derive(Copy, Clone)]
pub(super) struct Fields<'j> {
    map: &'j Map<String, Value>,
    at: &'static str,
}

impl<'j> Fields<'j> {
    /// The body as an object.
    pub(super) fn of(body: &'j Value) -> Result<Fields<'j>, Problem> {
        let map = body.as_object().ok_or_else(|| Problem::invalid("", "the body must be a JSON object"))?;
        Ok(Fields { map, at: "" })
    }

    /// The object in a field.
    pub(super) fn object(&self, name: &'static str, at: &'static str) -> Result<Option<Fields<'j>>, Problem> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Fields { map, at })),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    /// A string that need not be there.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => self.checked(name, text).map(Some),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    /// A string that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, Problem> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// A string that must be there and say something.
    pub(super) fn filled(&self, name: &str) -> Result<String, Problem> {
        let text = self.required(name)?;
        if text.is_empty() { Err(self.wrong(name, "must not be empty")) } else { Ok(text) }
    }

    /// An RFC 3339 time that need not be there.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        let read = |text: String| {
            text.parse()
                .map_err(|_| self.wrong(name, "must be an RFC 3339 time such as 2025-10-09T15:30:00Z"))
        };
        text.map(read).transpose()
    }

    /// Seconds that need not be there, cut to whole ones; a number or a text of one.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<i64>, Problem> {
        let number = match self.map.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
        };
        match number {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the range is checked; parts of a second are cut off"
            )]
            Some(seconds) if (0.0..=LONGEST_CALL).contains(&seconds) => Ok(Some(seconds as i64)),
            _ => Err(self.wrong(name, "must be a number of seconds, not negative")),
        }
    }

    fn checked(&self, name: &str, text: &str) -> Result<String, Problem> {
        if text.chars().count() > LONGEST {
            return Err(self.wrong(name, "must be at most 256 characters long"));
        }
        if text.chars().any(char::is_control) {
            return Err(self.wrong(name, "must not hold control characters"));
        }
        Ok(text.to_owned())
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, name: &str, what: &str) -> Problem {
        let pointer = if self.at.is_empty() { format!("/{name}") } else { format!("/{}/{name}", self.at) };
        Problem::invalid(pointer, what.to_owned())
    }
}

/// A body as JSON.
pub(super) fn json(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::BadRequest(format!("the body is not JSON: {error}")))
}
