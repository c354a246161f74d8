//! Reading JSON objects that LiveKit writes, tolerantly: lowerCamel or snake_case names, 64-bit numbers as text
//! or as numbers, enums as names or numbers. What cannot be read is as good as absent.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A JSON object whose fields are asked for by their lowerCamel names.
#[derive(Copy, Clone)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(crate) fn of_map(map: &'a Map<String, Value>) -> Self {
        Self(map)
    }

    /// The object itself.
    pub(crate) fn map(self) -> &'a Map<String, Value> {
        self.0
    }

    /// The field of that name or of its snake_case twin, unless it is null.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).or_else(|| self.0.get(&snake_case(name))).filter(|value| !value.is_null())
    }

    pub(crate) fn object(self, name: &str) -> Option<Fields<'a>> {
        self.get(name).and_then(Fields::of)
    }

    pub(crate) fn objects(self, name: &str) -> impl Iterator<Item = Fields<'a>> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Fields::of)
    }

    pub(crate) fn text(self, name: &str) -> String {
        self.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn flag(self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn number(self, name: &str) -> Option<i64> {
        whole_number(self.get(name)?)
    }

    pub(crate) fn count(self, name: &str) -> u32 {
        self.number(name).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    /// An enum's name; numbers are looked up in `names`, and one beyond them is kept as its digits.
    pub(crate) fn enumeration(self, name: &str, names: &[&str]) -> String {
        match self.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => match whole_number(value) {
                Some(number) => usize::try_from(number)
                    .ok()
                    .and_then(|index| names.get(index))
                    .map_or_else(|| number.to_string(), |text| (*text).to_owned()),
                None => String::new(),
            },
            None => String::new(),
        }
    }

    pub(crate) fn list(self, name: &str) -> Vec<String> {
        let all = self.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn texts(self, name: &str) -> BTreeMap<String, String> {
        let Some(map) = self.get(name).and_then(Value::as_object) else { return BTreeMap::new() };
        map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // 2^53: beyond it a float no longer names one whole number.
            (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
        }),
        _ => None,
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
