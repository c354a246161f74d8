//! The two sorts of JSON that LiveKit writes: webhooks in lowerCamel with zero values left out, API answers in
//! snake_case with every field there; 64-bit numbers as text and enums as names in both.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Which of the two.
#[derive(Copy, Clone, Eq, PartialEq)]
pub(super) enum Style {
    Webhook,
    Answer,
}

/// A message that can be written in both styles.
pub(super) trait Json {
    fn write(&self, out: &mut Object);

    fn json(&self, style: Style) -> Value {
        let mut out = Object::new(style);
        self.write(&mut out);
        out.finish()
    }
}

/// A JSON object in the making; fields are given by their snake_case names.
pub(super) struct Object {
    style: Style,
    map: Map<String, Value>,
}

impl Object {
    pub(super) fn new(style: Style) -> Self {
        Self { style, map: Map::new() }
    }

    pub(super) fn finish(self) -> Value {
        Value::Object(self.map)
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.put(name, value.is_empty(), || value.into());
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.put(name, !value, || value.into());
    }

    pub(super) fn small(&mut self, name: &str, value: u32) {
        self.put(name, value == 0, || value.into());
    }

    pub(super) fn large(&mut self, name: &str, value: i64) {
        self.put(name, value == 0, || value.to_string().into());
    }

    pub(super) fn enumeration(&mut self, name: &str, value: i32, names: &[&str]) {
        let named = usize::try_from(value).ok().and_then(|index| names.get(index));
        self.put(name, value == 0, || named.map_or_else(|| value.into(), |&name| name.into()));
    }

    pub(super) fn enumerations(&mut self, name: &str, values: &[i32], names: &[&str]) {
        let named = |&value: &i32| usize::try_from(value).ok().and_then(|index| names.get(index)).copied();
        self.put(name, values.is_empty(), || values.iter().filter_map(named).collect());
    }

    pub(super) fn message(&mut self, name: &str, value: Option<&impl Json>) {
        let style = self.style;
        self.put(name, value.is_none(), || value.map_or(Value::Null, |value| value.json(style)));
    }

    pub(super) fn list(&mut self, name: &str, values: &[impl Json]) {
        let style = self.style;
        self.put(name, values.is_empty(), || values.iter().map(|value| value.json(style)).collect());
    }

    pub(super) fn texts(&mut self, name: &str, values: &HashMap<String, String>) {
        self.put(name, values.is_empty(), || {
            Value::Object(values.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
        });
    }

    /// A field that this fake never fills, but that API answers show.
    pub(super) fn always(&mut self, name: &str, value: Value) {
        self.put(name, true, || value);
    }

    fn put(&mut self, name: &str, zero: bool, value: impl FnOnce() -> Value) {
        match self.style {
            Style::Webhook if zero => {}
            Style::Webhook => drop(self.map.insert(lower_camel(name), value())),
            Style::Answer => drop(self.map.insert(name.to_owned(), value())),
        }
    }
}

fn lower_camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}
