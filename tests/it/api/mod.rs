//! The API through its front door. Every answer is held against the API document: its status must be there, and its
//! body must fit.

mod agents;
mod analytics;
mod api_keys;
mod asked;
mod audit;
mod auth;
mod calls;
mod campaigns;
pub(crate) mod configured;
mod contract;
mod erasures;
mod events;
mod export;
mod leads;
mod leaks;
mod numbers;
mod operations;
mod people;
mod sessions;
mod tasks;
mod tenants;
mod throttle;
mod trunks;
mod users;
mod who_may;

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use switchboard::auth::{Role, keys};
use switchboard::db;
use switchboard::http::api::document;

use crate::app::TestApp;

/// A caller of the API, with a key.
pub(crate) struct Api<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) key: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Said {
    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().expect("an ETag is text").to_owned()
    }

    /// The field of the body, as text.
    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body)).to_owned()
    }

    /// What was said of the field that is wrong: pointer, parameter or header, and detail.
    pub(crate) fn wrong(&self) -> Vec<(String, String)> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let place = |error: &Value| {
            ["pointer", "parameter", "header"].iter().find_map(|name| error[name].as_str().map(str::to_owned))
        };
        errors
            .iter()
            .map(|error| {
                (place(error).expect("a place"), error["detail"].as_str().expect("a detail").to_owned())
            })
            .collect()
    }
}

impl TestApp {
    /// A caller with a new key of this role; of this tenant, or the platform's.
    pub(crate) async fn api(&self, role: Role, tenant: Option<&str>) -> Api<'_> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let key = keys::generate();
        let (hash, tenant, now) = (keys::hash(&key), tenant.map(ToOwned::to_owned), self.app.clock.now());
        let insert = move |tx: &mut db::Tx<'_>| {
            tx.execute(
                "insert into api_keys (id, tenant_id, name, role, hint, hash, created_by, revision, created_at, updated_at)
                 values ($1, $2, $3, $4, 'swb_test', $5, 'test', 1, $6, $6)",
                &[&format!("key_{n}"), &tenant, &format!("{} {n}", role.as_str()), &role.as_str(), &hash, &now],
            )
        };
        self.app.db.write(insert).await.expect("a key");
        Api { app: self, key }
    }
}

impl Api<'_> {
    pub(crate) async fn get(&self, path: &str) -> Said {
        self.send(self.to("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Said {
        self.send(self.to("POST", path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, etag: &str, body: &Value) -> Said {
        let request = self.to("PATCH", path).header("if-match", etag);
        let request = request.header("content-type", "application/merge-patch+json");
        self.send(request.body(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Said {
        self.send(self.to("DELETE", path)).await
    }

    /// Makes something that must succeed; its body.
    pub(crate) async fn made(&self, path: &str, body: &Value) -> Value {
        let said = self.post(path, body).await;
        assert_eq!(said.status, 201, "{}", said.body);
        said.body
    }

    /// A request with the key and nothing else.
    pub(crate) fn to(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.app.http.request(method, format!("{}{path}", self.app.url));
        if self.key.is_empty() { request } else { request.bearer_auth(&self.key) }
    }

    /// Sends a request and holds the answer against the API document.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Said {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = self.app.http.execute(request).await.expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("the answer has an end");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        let said = Said { status, headers, body };
        fits(&method, &path, &said);
        said
    }
}

/// Fails unless the API document says that this may be answered there.
fn fits(method: &str, path: &str, said: &Said) {
    let Some((template, item)) = operation(path) else { return };
    let operation = &item[method.to_lowercase()];
    if operation.is_null() {
        return;
    }
    let at = format!("{method} {template} {}", said.status);
    let answer = &operation["responses"][said.status.to_string()];
    assert!(answer.is_object(), "{at} is not in the API document; the body: {}", said.body);
    let media = said.headers.get("content-type").map_or("", |value| value.to_str().unwrap_or_default());
    let media = media.split(';').next().unwrap_or_default();
    let content = &answer["content"];
    if content.is_null() {
        assert_eq!(said.body, json!(""), "{at} has no body");
        return;
    }
    let schema = &content[media]["schema"];
    assert!(schema.is_object(), "{at} does not answer {media:?} by the API document");
    if media.ends_with("json") {
        let wrong = mistakes(&format!("{at} {media}"), schema, &said.body);
        assert!(wrong.is_empty(), "{at} does not fit its schema: {wrong:#?}\n{}", said.body);
    }
}

/// The path of the API document that an address is of.
fn operation(path: &str) -> Option<(&'static String, &'static Value)> {
    let is_of = |template: &str| {
        let (one, other): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        one.len() == other.len() && one.iter().zip(&other).all(|(is, has)| is == has || is.starts_with('{'))
    };
    let paths = document()["paths"].as_object().expect("paths");
    // A fixed name before a parameter.
    paths.get_key_value(path).or_else(|| paths.iter().find(|(template, _)| is_of(template)))
}

fn mistakes(at: &str, schema: &Value, body: &Value) -> Vec<String> {
    static MADE: OnceLock<Mutex<HashMap<String, jsonschema::Validator>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let validator = made.entry(at.to_owned()).or_insert_with(|| {
        let mut schema = schema.clone();
        schema["components"] = document()["components"].clone();
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    });
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
