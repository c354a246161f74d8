//! Objects of LiveKit that are read, changed and sent back whole (`replace`): what we do not know of them, and what
//! we did not change, goes back exactly as it came.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::fields::Fields;

/// The JSON object that something was read from, empty for what was not read. `Debug` shows its names only: it may
/// hold passwords.
#[derive(Clone, Default, PartialEq)]
pub struct Raw(Map<String, Value>);

impl Raw {
    pub(super) fn of(fields: Fields<'_>) -> Self {
        Self(fields.map().clone())
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields::of_map(&self.0)
    }

    /// The object of that lowerCamel name, with some of its fields set; nothing if there is no such object.
    pub(super) fn object_with(&self, name: &str, set: &[(&str, Value)]) -> Option<Value> {
        self.fields().object(name).map(|fields| with(fields.map().clone(), set))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Something that is read from a JSON object and written back into it.
pub(super) trait Record: Sized {
    /// Reads it; keeps the object.
    fn read(fields: Fields<'_>) -> Self;

    /// The object that it was read from; empty for one made here.
    fn raw(&self) -> &Raw;

    /// All that we know of it, by snake_case name, in an order that never changes.
    fn own(&self) -> Vec<(&'static str, Value)>;

    /// The object that it was read from, with what has been changed since.
    fn written(&self) -> Map<String, Value> {
        let before = Self::read(self.raw().fields()).own();
        let changed = self.own().into_iter().zip(before).filter(|(now, before)| now.1 != before.1);
        let mut object = self.raw().0.clone();
        for ((name, value), _) in changed {
            put(&mut object, name, value);
        }
        object
    }
}

/// An object with some of its fields, by snake_case name, set.
pub(super) fn with(mut object: Map<String, Value>, set: &[(&str, Value)]) -> Value {
    for (name, value) in set {
        put(&mut object, name, value.clone());
    }
    Value::Object(object)
}

/// Sets a field under its snake_case name, which LiveKit's requests accept as well as its lowerCamel twin.
fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.remove(&camel_case(name));
    object.insert(name.to_owned(), value);
}

fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// A duration as protobuf's JSON has it (`25s`, `0.5s`); none where it is absent, zero or unreadable, which for
/// LiveKit all means its default.
pub(super) fn duration(fields: Fields<'_>, name: &str) -> Option<Duration> {
    let seconds = fields.get(name)?.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

pub(super) fn duration_text(duration: Option<Duration>) -> Value {
    match duration {
        None => Value::Null,
        Some(whole) if whole.subsec_nanos() == 0 => format!("{}s", whole.as_secs()).into(),
        Some(split) => format!("{}.{:09}s", split.as_secs(), split.subsec_nanos()).into(),
    }
}

pub(super) const ENCRYPTIONS: [&str; 3] =
    ["SIP_MEDIA_ENCRYPT_DISABLE", "SIP_MEDIA_ENCRYPT_ALLOW", "SIP_MEDIA_ENCRYPT_REQUIRE"];

/// How media are encrypted: `media.encryption`, or the older field of its own, as LiveKit itself reads them.
pub(super) fn media_encryption(fields: Fields<'_>) -> String {
    let newer = fields.object("media").map(|media| media.enumeration("encryption", &ENCRYPTIONS));
    let older = || fields.enumeration("mediaEncryption", &ENCRYPTIONS);
    newer.filter(|name| !name.is_empty()).unwrap_or_else(older)
}

/// Both fields, the newer one only where the object has it already: servers of before it read the older one.
pub(super) fn media_encryption_fields(raw: &Raw, encryption: &str) -> [(&'static str, Value); 2] {
    let value = text_or_null(encryption);
    let media = raw.object_with("media", &[("encryption", value.clone())]).unwrap_or_default();
    [("media_encryption", if value.is_null() { ENCRYPTIONS[0].into() } else { value }), ("media", media)]
}

/// Enums have no empty name.
pub(super) fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}
