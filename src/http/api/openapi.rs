//! The API document: OpenAPI 3.1, put together from the routes and the types that they take and give.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use schemars::transform::Transform as _;
use serde_json::{Map, Value, json};

use crate::auth::Role;

use super::access::Access;
use super::route::{AnswerDoc, BodyDoc, Doc, Route};
use super::schema;

const DEFINITIONS: &str = "/components/schemas";

/// The document for these routes.
pub fn document(routes: &[Route]) -> Value {
    let mut outgoing = SchemaSettings::draft2020_12().for_serialize().with_transform(schema::PlainWords);
    outgoing.definitions_path = DEFINITIONS.into();
    let mut made =
        Schemas { outgoing: outgoing.into_generator(), incoming: incoming(), patches: BTreeMap::new() };
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let operation = operation(route, &mut made);
        paths.entry(route.path).or_default().insert(route.method.as_str().to_lowercase(), operation);
    }
    let tags: Vec<_> =
        super::TAGS.iter().map(|(name, says)| json!({"name": name, "description": says})).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Switchboard",
            "version": env!("CARGO_PKG_VERSION"),
            "description": super::ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "tags": tags,
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": made.finish(),
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "An access token from `POST /api/v1/auth/login`, or an API key (`swb_…`).",
            }},
        },
    });
    call_views_by_their_name(&mut document);
    document
}

/// What the code calls `AgentView` is to everybody else an `Agent`.
fn call_views_by_their_name(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut(DEFINITIONS) else { return };
    let plain = |name: &str| {
        name.strip_suffix("View").map(ToOwned::to_owned).unwrap_or(name.replace("ViewPage", "Page"))
    };
    let taken: Vec<String> = schemas.keys().cloned().collect();
    let called = |name: &str| Some(plain(name)).filter(|plain| plain == name || !taken.contains(plain));
    let named = std::mem::take(schemas).into_iter().map(|(name, mut schema)| {
        let name = called(&name).unwrap_or(name);
        if let Some(title) = schema.get_mut("title") {
            *title = json!(name);
        }
        (name, schema)
    });
    *schemas = named.collect();
    name_references(document, &called);
}

fn name_references(value: &mut Value, called: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| name_references(item, called)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let name =
                    value.as_str().and_then(|path| path.rsplit_once('/')).map(|(_, name)| name.to_owned());
                match name {
                    Some(name) if key == "$ref" => {
                        let name = called(&name).unwrap_or(name);
                        *value = json!(format!("#{DEFINITIONS}/{name}"));
                    }
                    _ => name_references(value, called),
                }
            }
        }
        _ => {}
    }
}

fn incoming() -> SchemaGenerator {
    let mut settings = schema::settings();
    settings.definitions_path = DEFINITIONS.into();
    settings.into_generator()
}

/// The schemas that were asked for so far.
struct Schemas {
    outgoing: SchemaGenerator,
    incoming: SchemaGenerator,
    patches: BTreeMap<String, Value>,
}

impl Schemas {
    /// The schema of a merge patch onto a form, under a name of its own.
    fn patch(&mut self, body: &BodyDoc) -> Value {
        let form = (body.schema)(&mut self.incoming).to_value();
        let Some(name) = form["$ref"].as_str().and_then(|path| path.rsplit('/').next()) else { return form };
        let patch = format!("{}Patch", name.trim_end_matches("Write"));
        if let Some(Value::Object(form)) = self.incoming.definitions().get(name) {
            let mut form = form.clone();
            schema::for_patch(&mut form);
            form.insert("title".to_owned(), json!(patch));
            self.patches.insert(patch.clone(), Value::Object(form));
        }
        json!({"$ref": format!("#{DEFINITIONS}/{patch}")})
    }

    /// All of them by name. A type that comes in and goes out in different forms has two.
    fn finish(mut self) -> Value {
        let mut all = self.outgoing.take_definitions(true);
        for (name, schema) in self.incoming.take_definitions(true).into_iter().chain(self.patches) {
            // What goes out says more (all fields are there), so it keeps the name.
            all.entry(name).or_insert(schema);
        }
        all.insert("Problem".to_owned(), problem_schema());
        Value::Object(all)
    }
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "description": "For programs; never changes.", "format": "uri"},
            "title": {"type": "string", "description": "The same for all problems of this type."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What to do about it."},
            "requestId": {"type": "string", "description": "Names the request in the server's log."},
            "errors": {
                "type": "array",
                "description": "Each field that is wrong.",
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "A JSON Pointer into the body, as a URI fragment."},
                        "parameter": {"type": "string", "description": "A parameter of the query."},
                        "header": {"type": "string", "description": "A header."},
                        "detail": {"type": "string", "description": "What is wrong with it."},
                    },
                },
            },
        },
    })
}

fn operation(route: &Route, made: &mut Schemas) -> Value {
    let doc = &route.doc;
    let mut operation = json!({
        "operationId": doc.id,
        "tags": [doc.tag],
        "summary": doc.summary,
        "description": described(route),
        "parameters": parameters(route),
        "responses": responses(route, made),
        "x-role": match route.access { Access::Public => Value::Null, Access::Needs(role) => json!(role) },
    });
    if route.access == Access::Public {
        operation["security"] = json!([]);
    }
    if let Some(body) = &doc.body {
        let (media, schema) = if body.is_patch {
            ("application/merge-patch+json", made.patch(body))
        } else {
            ("application/json", (body.schema)(&mut made.incoming).to_value())
        };
        let content = json!({media: {"schema": schema, "examples": {"example": {"value": body.example}}}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

fn described(route: &Route) -> String {
    let who = match route.access {
        Access::Public => "Needs no credential.".to_owned(),
        Access::Needs(Role::Admin) => "For the platform's admins.".to_owned(),
        Access::Needs(role) => format!("Needs the role `{}` or a higher one.", role.as_str()),
    };
    [route.doc.description, &who].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn parameters(route: &Route) -> Vec<Value> {
    let doc = &route.doc;
    let named = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = named
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    if let Some(query) = doc.query {
        all.extend(query_parameters(query));
    }
    let header = |name: &str, required: bool, says: &str, example: &str| {
        json!({"name": name, "in": "header", "required": required, "schema": {"type": "string"},
               "description": says, "example": example})
    };
    if doc.once {
        let says = "The same key within 24 hours gets the same answer and makes nothing new.";
        all.push(header("Idempotency-Key", false, says, "5f0c3ab2-order-1"));
    }
    if let Some(required) = doc.if_match {
        // Not marked as required: leaving it out has an answer of its own, 428.
        let says = if required {
            "The ETag of the version you saw. Left out: 428. Another one is there now: 412."
        } else {
            "The ETag of the version you saw. Another one is there now: 412."
        };
        all.push(header("If-Match", false, says, "\"3\""));
    }
    all
}

/// The fields of the query's type, each as a parameter.
fn query_parameters(query: super::route::SchemaOf) -> Vec<Value> {
    let mut generator = schema::inline().into_generator();
    let mut schema = query(&mut generator);
    schema::PlainWords.transform(&mut schema);
    let schema = schema.to_value();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .map(|(name, mut field)| {
            let says = field.as_object_mut().and_then(|field| field.remove("description"));
            without_null(&mut field);
            json!({"name": name, "in": "query", "required": required.contains(&name.as_str()),
                   "description": says.unwrap_or_default(), "schema": field})
        })
        .collect()
}

/// A parameter is there or it is not; it is never null.
fn without_null(schema: &mut Value) {
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [one] = kinds.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(Value::Array(options)) = schema.get_mut("enum") {
        options.retain(|option| !option.is_null());
    }
    if let Some(Value::Array(forms)) = schema.get("anyOf") {
        let forms: Vec<_> = forms.iter().filter(|form| form["type"] != "null").cloned().collect();
        if let [one] = forms.as_slice() {
            *schema = one.clone();
        }
    }
}

fn responses(route: &Route, made: &mut Schemas) -> Value {
    let mut all = Map::new();
    for answer in &route.doc.answers {
        let said = good(answer, &route.doc, made);
        match all
            .get_mut(&answer.status.to_string())
            .and_then(|there: &mut Value| there["content"].as_object_mut())
        {
            // One address may answer in several media types.
            Some(content) => content.extend(said["content"].as_object().cloned().unwrap_or_default()),
            None => drop(all.insert(answer.status.to_string(), said)),
        }
    }
    if route.method == axum::http::Method::GET
        && route.doc.may_be_known
        && route.doc.answers.iter().any(|answer| answer.has_etag)
    {
        all.insert(
            "304".to_owned(),
            json!({"description": "You have this version already (If-None-Match)."}),
        );
    }
    for (status, says) in problems(route) {
        all.entry(status.to_string()).or_insert_with(|| problem(status, says));
    }
    Value::Object(all)
}

fn good(answer: &AnswerDoc, doc: &Doc, made: &mut Schemas) -> Value {
    let mut headers = json!({
        "X-Request-Id": {"schema": {"type": "string"}, "description": "Names the request in the server's log."},
        "RateLimit": {"schema": {"type": "string"}, "description": "What is left of the limit: `\"default\";r=99;t=1`."},
        "RateLimit-Policy": {"schema": {"type": "string"}, "description": "The limit: `\"default\";q=6000;w=60`."},
    });
    if answer.has_etag {
        headers["ETag"] = json!({"schema": {"type": "string"}, "description": "The version, for If-Match."});
    }
    if matches!(answer.status, 201 | 202) {
        headers["Location"] = json!({"schema": {"type": "string"}, "description": "Where it is."});
        if doc.once {
            let says = "`true` when this is the answer to an earlier request with the same key.";
            headers["Idempotency-Replayed"] = json!({"schema": {"type": "string"}, "description": says});
        }
    }
    let mut said = json!({"description": answer.says, "headers": headers});
    if let Some(schema) = answer.schema {
        let schema = schema(&mut made.outgoing).to_value();
        said["content"] =
            json!({answer.media: {"schema": schema, "examples": {"example": {"value": answer.example}}}});
    }
    said
}

/// How a route can fail: what follows from its form, and what it says itself.
fn problems(route: &Route) -> Vec<(u16, &'static str)> {
    let doc = &route.doc;
    let mut all = doc.problems.clone();
    if route.access != Access::Public {
        all.push((401, "The token or key is missing or not valid."));
        all.push((403, "The role is not enough."));
    }
    if route.path.contains('{') || doc.body.is_some() || doc.query.is_some() {
        all.push((404, "It is not there, or another tenant's."));
    }
    if doc.body.is_some() {
        all.push((400, "The body cannot be read."));
        all.push((413, "The body is too long."));
        all.push((415, "The body is of another kind."));
        all.push((422, "Fields are wrong; each is named."));
    }
    if doc.body.is_none() && route.method != axum::http::Method::GET {
        all.push((400, "It takes no body."));
        all.push((413, "It takes no body."));
    }
    if doc.query.is_some() || doc.once || doc.if_match.is_some() {
        all.push((422, "Parameters are wrong; each is named."));
    }
    if doc.once || doc.body.is_some() {
        all.push((409, "It contradicts what is there; the detail says what."));
    }
    if let Some(required) = doc.if_match {
        all.push((412, "It has changed since you read it."));
        if required {
            all.push((428, "If-Match is missing."));
        }
    }
    all.push((429, "Too many requests; Retry-After says when to come again."));
    all.push((500, "Something went wrong here; the log has it under the request's id."));
    all.push((503, "Busy; Retry-After says when to come again."));
    all
}

fn problem(status: u16, says: &str) -> Value {
    let mut example = json!({
        "type": format!("urn:switchboard:problem:{}", kind(status)),
        "title": says.trim_end_matches('.'),
        "status": status,
        "detail": says,
        "requestId": "req_0199c9a41c0a7d3e8f00112233445566",
    });
    if status == 422 {
        example["errors"] = json!([{"pointer": "#/name", "detail": "must not be empty"}]);
    }
    json!({
        "description": says,
        "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "examples": {"example": {"value": example}},
        }},
    })
}

const fn kind(status: u16) -> &'static str {
    match status {
        400 => "bad-request",
        401 => "unauthenticated",
        403 => "forbidden",
        404 => "not-found",
        409 => "conflict",
        412 => "precondition-failed",
        413 => "too-large",
        415 => "unsupported-media-type",
        422 => "invalid",
        428 => "precondition-required",
        429 => "too-many-requests",
        502 => "bad-gateway",
        503 => "busy",
        _ => "internal",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::super::document;
    use super::*;

    /// The operations with where they stand.
    fn operations() -> Vec<(String, Value)> {
        let paths = document()["paths"].as_object().expect("paths");
        let all = paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().expect("methods");
            item.iter().map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
        });
        all.collect()
    }

    /// The examples of a content must be there and fit its schema.
    fn check_examples(at: &str, content: &Value) {
        for (media, content) in content.as_object().expect("contents") {
            let mut schema = content["schema"].clone();
            schema["components"] = document()["components"].clone();
            let check = jsonschema::options().should_validate_formats(true).build(&schema);
            let check = check.unwrap_or_else(|error| panic!("{at}: {error}"));
            let example = &content["examples"]["example"]["value"];
            assert!(!example.is_null(), "{at} {media} has no example");
            let wrong: Vec<_> =
                check.iter_errors(example).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(wrong.is_empty(), "{at} {media}: the example does not fit: {wrong:#?}\n{example:#}");
        }
    }

    #[test]
    fn every_request_and_answer_has_an_example_that_fits() {
        for (at, operation) in operations() {
            if operation["requestBody"].is_object() {
                check_examples(&at, &operation["requestBody"]["content"]);
            }
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                if answer["content"].is_object() {
                    check_examples(&format!("{at} {status}"), &answer["content"]);
                }
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_group_and_an_answer() {
        let mut names = HashSet::new();
        let groups: HashSet<_> = super::super::TAGS.iter().map(|(name, _)| *name).collect();
        for (at, operation) in operations() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(!name.is_empty() && names.insert(name.to_owned()), "{at}: {name:?}");
            assert!(groups.contains(operation["tags"][0].as_str().expect("a group")), "{at}");
            assert!(!operation["summary"].as_str().expect("a summary").is_empty(), "{at}");
            let mut answers = operation["responses"].as_object().expect("answers").keys();
            assert!(answers.any(|status| status.starts_with('2')), "{at}");
        }
    }

    /// `UPDATE=1 cargo test --lib openapi` writes it.
    #[test]
    fn the_committed_copy_is_the_document() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        let made = serde_json::to_string_pretty(document()).expect("JSON") + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &made).expect("the copy can be written");
        }
        let kept = std::fs::read_to_string(&file).expect("docs/openapi.json");
        assert!(
            kept == made,
            "docs/openapi.json is not the document: run `UPDATE=1 cargo test --lib openapi`"
        );
    }
}
