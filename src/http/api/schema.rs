//! The schemas of what comes in: what the API document says of a type is what its values are checked against.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::tenancy::values::nearest;

/// A type's schema, and what checks values against it.
pub struct Checked {
    /// The schema, with everything it refers to inside.
    pub schema: Value,
    validator: Option<Validator>,
}

/// A mistake: a JSON Pointer to where it is, and what to do.
pub type Mistake = (String, String);

/// How the schemas of what comes in are made: objects take the fields that they have, and no others.
pub fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_deserialize().with_transform(PlainWords).with_transform(NoOthers)
}

/// The same, with everything that a schema refers to inside it.
pub fn inline() -> SchemaSettings {
    let mut settings = settings();
    settings.inline_subschemas = true;
    settings
}

/// Writes an enum of words that each have a description as the plain list of its words, which generators of clients know;
/// what the words mean goes into the description.
#[derive(Clone, Debug)]
pub struct PlainWords;

impl schemars::transform::Transform for PlainWords {
    fn transform(&mut self, schema: &mut Schema) {
        schemars::transform::transform_subschemas(self, schema);
        let Some(Value::Array(forms)) = schema.get("oneOf") else { return };
        let Some(words) = forms.iter().map(words_of).collect::<Option<Vec<_>>>() else { return };
        let meanings: Vec<String> = forms.iter().filter_map(meaning_of).collect();
        let own = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{own}\n\n{}", meanings.join("\n")).trim().to_owned();
        schema.remove("oneOf");
        schema.insert("type".to_owned(), "string".into());
        schema.insert("enum".to_owned(), words.concat().into());
        schema.insert("description".to_owned(), description.into());
    }
}

fn words_of(form: &Value) -> Option<Vec<Value>> {
    match (&form["const"], &form["enum"]) {
        (word @ Value::String(_), _) => Some(vec![word.clone()]),
        (_, Value::Array(words)) if words.iter().all(Value::is_string) => Some(words.clone()),
        _ => None,
    }
}

fn meaning_of(form: &Value) -> Option<String> {
    Some(format!("`{}`: {}", form["const"].as_str()?, form["description"].as_str()?))
}

/// Has objects with fields of their own refuse others.
#[derive(Clone, Debug)]
struct NoOthers;

impl schemars::transform::Transform for NoOthers {
    fn transform(&mut self, schema: &mut Schema) {
        schemars::transform::transform_subschemas(self, schema);
        if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
    }
}

/// The schema of `T` as it comes in, made once.
pub fn of<T: JsonSchema + 'static>() -> Arc<Checked> {
    made::<T>(false)
}

/// The schema of a merge patch onto a `T`, made once.
pub fn of_patch<T: JsonSchema + 'static>() -> Arc<Checked> {
    made::<T>(true)
}

fn made<T: JsonSchema + 'static>(patch: bool) -> Arc<Checked> {
    type Made = HashMap<(TypeId, bool), Arc<Checked>>;
    static MADE: OnceLock<Mutex<Made>> = OnceLock::new();
    let made = MADE.get_or_init(Mutex::default);
    let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry((TypeId::of::<T>(), patch)).or_insert_with(|| Arc::new(Checked::new::<T>(patch))).clone()
}

/// What is shown of everything and never written: whoever sends back what they read need not look for their slip.
const OURS: [&str; 6] = ["id", "revision", "createdAt", "updatedAt", "archivedAt", "erasedAt"];

impl Checked {
    fn new<T: JsonSchema>(patch: bool) -> Checked {
        let mut schema = inline().into_generator().into_root_schema_for::<T>().to_value();
        if let Some(fields) = schema.as_object_mut().filter(|_| patch) {
            for_patch(fields);
        }
        let validator = jsonschema::options().should_validate_formats(true).build(&schema);
        let validator = validator
            .inspect_err(|error| tracing::error!(%error, "a schema cannot be used: its values go unchecked"))
            .ok();
        Checked { schema, validator }
    }

    /// Everything that is wrong with a value.
    pub fn mistakes(&self, value: &Value) -> Vec<Mistake> {
        let Some(validator) = &self.validator else { return Vec::new() };
        validator.iter_errors(value).flat_map(|error| self.in_words(&error)).collect()
    }

    fn in_words(&self, error: &ValidationError<'_>) -> Vec<Mistake> {
        let at = error.instance_path().as_str().to_owned();
        let below = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                vec![(below(property.as_str().unwrap_or_default()), "is missing".to_owned())]
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.known_at(&at);
                let why = |name: &String| match OURS.contains(&name.as_str()) {
                    true => "is ours to set: leave it out".to_owned(),
                    false => unknown(name, &known),
                };
                unexpected.iter().map(|name| (below(name), why(name))).collect()
            }
            ValidationErrorKind::OneOfNotValid { context } if let Some(words) = all_words(context) => {
                vec![(at, format!("must be one of {}", words.join(", ")))]
            }
            // A value or null: what the value's own schema says is what helps.
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                let not_null = |errors: &&Vec<ValidationError<'static>>| {
                    !errors.iter().all(|error| matches!(error.kind(), ValidationErrorKind::Type { .. }))
                };
                match context.iter().find(not_null) {
                    Some(errors) => errors.iter().flat_map(|error| self.in_words(error)).collect(),
                    None => vec![(at, "is none of the forms that this may have".to_owned())],
                }
            }
            kind => vec![(at, said(kind, error))],
        }
    }

    /// The names of the fields of the object at this place.
    fn known_at(&self, pointer: &str) -> Vec<String> {
        let mut at = &self.schema;
        for part in pointer.split('/').skip(1) {
            let property = at.get("properties").and_then(|properties| properties.get(part));
            let Some(next) = property.or_else(|| at.get("items")) else { return Vec::new() };
            at = next;
        }
        let properties = at.get("properties").and_then(Value::as_object);
        properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
    }
}

/// What to do about a field that is not known.
pub fn unknown(name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("is not known; did you mean {near}?"),
        None if known.is_empty() => "is not known; nothing is expected here".to_owned(),
        None => format!("is not known; known are {}", known.join(", ")),
    }
}

/// The words of an enum, each of which has a description and so a schema of its own.
fn all_words<'e>(forms: &'e [Vec<ValidationError<'static>>]) -> Option<Vec<&'e str>> {
    let word = |error: &'e ValidationError<'static>| match error.kind() {
        ValidationErrorKind::Constant { expected_value } => expected_value.as_str(),
        _ => None,
    };
    forms.iter().map(|errors| errors.iter().find_map(word)).collect()
}

fn said(kind: &ValidationErrorKind, error: &ValidationError<'_>) -> String {
    match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => {
            format!("must be {}", a_type(&kind.to_string()))
        }
        ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
            // That it may also be null helps nobody who meant to write something.
            let kinds = kinds.iter().map(|kind| a_type(&kind.to_string())).filter(|kind| *kind != "null");
            format!("must be {}", kinds.collect::<Vec<_>>().join(" or "))
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let words: Vec<_> = options.iter().filter_map(Value::as_str).collect();
            format!("must be one of {}", words.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => format!("must be {expected_value}"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must be at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must be at most {limit} characters"),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} items"),
        ValidationErrorKind::UniqueItems => "must not have the same item twice".to_owned(),
        ValidationErrorKind::Format { format } if format == "date-time" => {
            "must be a time such as 2025-10-09T15:30:00Z (RFC 3339)".to_owned()
        }
        ValidationErrorKind::Format { format } => format!("must be of the form {format}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}"),
        _ => {
            // The library's own words begin with the value, which may be long or personal.
            let said = error.masked_with("it").to_string();
            said.strip_prefix("it ").map_or_else(|| said.clone(), ToOwned::to_owned)
        }
    }
}

fn a_type(name: &str) -> &'static str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "null",
    }
}

/// The same schema for a merge patch (RFC 7396): no field need be there, and null takes one back to its default.
pub fn for_patch(schema: &mut Map<String, Value>) {
    schema.remove("required");
    schema.entry("additionalProperties").or_insert(false.into());
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut() {
        let Some(property) = property.as_object_mut() else { continue };
        property.remove("default");
        if property.contains_key("$ref") {
            let reference = std::mem::take(property);
            property.insert("anyOf".to_owned(), serde_json::json!([reference, {"type": "null"}]));
        } else if let Some(Value::String(kind)) = property.get("type") {
            let kinds = serde_json::json!([kind, "null"]);
            property.insert("type".to_owned(), kinds);
            if let Some(Value::Array(options)) = property.get_mut("enum") {
                options.push(Value::Null);
            }
        }
    }
}
