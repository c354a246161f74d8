//! What comes in: bodies, merge patches and query strings, checked against the schema of their type. All that is wrong
//! is said at once, each with where it is.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::http::limits;
use crate::http::problem::{Problem, WrongField};

use super::schema;

/// Bodies of the API are at most this long, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// A JSON body.
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// A hash of what it says: the same request again has the same, however it is spaced and ordered.
    pub digest: String,
}

impl<T: JsonSchema + DeserializeOwned + 'static> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Body<T>, Problem> {
        let (json, digest) = json(request, &["application/json"]).await?;
        Ok(Body { value: checked(json)?, digest })
    }
}

/// Middleware of operations that take no body: what is in one would be passed over in silence.
pub async fn none(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match limits::body(body, LARGEST).await {
        Err(problem) => problem.into_response(),
        // Some clients cannot but send an object.
        Ok(bytes) if matches!(bytes.trim_ascii(), b"" | b"{}") => {
            next.run(Request::from_parts(parts, axum::body::Body::empty())).await
        }
        Ok(_) => Problem::BadRequest("this takes no body: leave it out".to_owned()).into_response(),
    }
}

/// A merge patch (RFC 7396) onto a `T`. What is wrong with it whatever it is put onto is said at once.
pub struct Patch<T>(Value, PhantomData<fn() -> T>);

impl<T: JsonSchema + 'static> FromRequest<App> for Patch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Patch<T>, Problem> {
        let (json, _) = json(request, &["application/merge-patch+json", "application/json"]).await?;
        refuse(&json, &schema::of_patch::<T>())?;
        Ok(Patch(json, PhantomData))
    }
}

impl<T: JsonSchema + Serialize + DeserializeOwned + 'static> Patch<T> {
    /// What comes of it: `now`, the thing in the form in which it is written, with the patch applied and checked.
    ///
    /// # Errors
    /// 422 with everything that is wrong with the outcome.
    pub fn onto(&self, now: &T) -> Result<T, Problem> {
        let mut outcome = serde_json::to_value(now).map_err(anyhow::Error::from)?;
        json_patch::merge(&mut outcome, &self.0);
        // What is optional and not set is written as null; to be read it may as well not be there.
        if let Value::Object(fields) = &mut outcome {
            fields.retain(|_, value| !value.is_null());
        }
        checked(outcome)
    }
}

/// The query string.
pub struct Params<T>(pub T);

impl<T: JsonSchema + DeserializeOwned + 'static, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        let schema = schema::of::<T>();
        let (value, twice) = typed(parts.uri.query().unwrap_or_default(), &schema.schema);
        let name = |pointer: &str| pointer.trim_start_matches('/').split('/').next().unwrap_or("").to_owned();
        let mistakes = without_nul(&value).into_iter().chain(schema.mistakes(&value));
        // What comes twice is a list, which is then the wrong type; that it comes twice says more.
        let mistakes = mistakes.filter(|(at, _)| !twice.contains(&name(at)));
        let wrong = mistakes.map(|(at, why)| WrongField::query(name(&at), why));
        let once = twice.iter().map(|name| WrongField::query(name.clone(), "must be given once".to_owned()));
        let wrong: Vec<_> = once.chain(wrong).collect();
        if !wrong.is_empty() {
            return Err(Problem::Invalid(wrong));
        }
        let read = serde_path_to_error::deserialize(value);
        read.map(Params).map_err(|error| {
            let at = error.path().to_string();
            Problem::invalid_parameter(name(&at), error.into_inner().to_string())
        })
    }
}

/// The parameters of a query string as JSON, numbers and lists where the schema wants them; and the names of those that
/// come twice though they are no lists.
fn typed(query: &str, schema: &Value) -> (Value, Vec<String>) {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        given.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    let mut twice = Vec::new();
    let typed = given.into_iter().map(|(name, mut values)| {
        let property = &schema["properties"][&name];
        let wants = |kind: &str| match &property["type"] {
            Value::String(is) => is == kind,
            Value::Array(are) => are.iter().any(|is| is == kind),
            _ => false,
        };
        let value = if wants("array") {
            json!(values)
        } else if values.len() > 1 {
            if !property.is_null() {
                twice.push(name.clone());
            }
            json!(values)
        } else {
            scalar(values.remove(0), &wants)
        };
        (name, value)
    });
    (Value::Object(typed.collect()), twice)
}

fn scalar(text: String, wants: &dyn Fn(&str) -> bool) -> Value {
    if wants("integer")
        && let Ok(number) = text.parse::<i64>()
    {
        return json!(number);
    }
    if wants("boolean")
        && let Ok(is) = text.parse::<bool>()
    {
        return json!(is);
    }
    Value::String(text)
}

async fn json(request: Request, kinds: &[&'static str]) -> Result<(Value, String), Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kinds.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(Problem::UnsupportedMediaType(kinds[0]));
    }
    let bytes = limits::body(request.into_body(), LARGEST).await?;
    let json: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::BadRequest(format!("the body is not JSON: {error}")))?;
    let mut ordered = json.clone();
    ordered.sort_all_objects();
    Ok((json, hex::encode(Sha256::digest(ordered.to_string()))))
}

/// A value of `T`, checked against its schema.
///
/// # Errors
/// 422 with everything that is wrong.
pub fn checked<T: JsonSchema + DeserializeOwned + 'static>(json: Value) -> Result<T, Problem> {
    refuse(&json, &schema::of::<T>())?;
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let at = if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
        Problem::invalid(at, error.into_inner().to_string())
    })
}

fn refuse(json: &Value, schema: &schema::Checked) -> Result<(), Problem> {
    let mistakes = without_nul(json).into_iter().chain(schema.mistakes(json));
    let wrong: Vec<_> = mistakes.map(|(at, why)| WrongField::body(at, why)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Problem::Invalid(wrong)) }
}

/// Texts with a NUL in them, which a database cannot keep.
fn without_nul(value: &Value) -> Vec<schema::Mistake> {
    let mut found = Vec::new();
    look_for_nul(value, "", &mut found);
    found
}

fn look_for_nul(value: &Value, at: &str, found: &mut Vec<schema::Mistake>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            found.push((at.to_owned(), "must not contain the character NUL".to_owned()));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| look_for_nul(item, &format!("{at}/{n}"), found));
        }
        Value::Object(fields) => look_in_fields(fields, at, found),
        _ => {}
    }
}

fn look_in_fields(fields: &Map<String, Value>, at: &str, found: &mut Vec<schema::Mistake>) {
    for (name, value) in fields {
        if name.contains('\0') {
            found.push((at.to_owned(), "must not have the character NUL in a name".to_owned()));
        }
        look_for_nul(value, &format!("{at}/{name}"), found);
    }
}
