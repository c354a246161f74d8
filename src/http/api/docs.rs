//! The API document as a page that a person reads: one HTML text made of the document, with no script and nothing
//! from elsewhere.

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

const STYLE: &str = include_str!("docs.css");
/// The page brings everything it needs in itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
/// Objects within objects are shown this deep; a schema may name itself.
const DEEPEST: usize = 6;

/// The page.
pub async fn show() -> Response {
    static MADE: OnceLock<String> = OnceLock::new();
    let page = MADE.get_or_init(|| page(super::document())).clone();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, page).into_response()
}

/// The page of a document.
pub fn page(document: &Value) -> String {
    let mut out = String::with_capacity(512 * 1024);
    let info = &document["info"];
    let (title, version) = (text(&info["title"]), text(&info["version"]));
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title} API</title><style>{STYLE}</style></head><body>"
    );
    contents(&mut out, document);
    let _ = write!(
        out,
        "<main><h1>{title} API <small>{version}</small></h1><p>{}</p><p>For programs: \
         <a href=\"/api/openapi.json\">openapi.json</a> (OpenAPI {}).</p>",
        prose(&info["description"]),
        text(&document["openapi"])
    );
    for tag in list(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(out, "<section id=\"{name}\"><h2>{name}</h2><p>{}</p>", prose(&tag["description"]));
        for (method, path, operation) in operations(document, name) {
            show_operation(&mut out, document, (method, path), operation);
        }
        out.push_str("</section>");
    }
    out.push_str("</main></body></html>\n");
    out
}

fn contents(out: &mut String, document: &Value) {
    out.push_str("<nav><ul>");
    for tag in list(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(out, "<li><a href=\"#{name}\">{name}</a><ul>");
        for (_, _, operation) in operations(document, name) {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            let _ = write!(out, "<li><a href=\"#{id}\">{summary}</a></li>");
        }
        out.push_str("</ul></li>");
    }
    out.push_str("</ul></nav>");
}

/// The operations of a group, in the order of their addresses.
fn operations<'d>(document: &'d Value, tag: &'d str) -> impl Iterator<Item = (&'d str, &'d str, &'d Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    all.filter(move |(_, _, operation)| operation["tags"][0] == tag)
}

fn show_operation(out: &mut String, document: &Value, (method, path): (&str, &str), operation: &Value) {
    let _ = write!(
        out,
        "<article id=\"{id}\"><h3>{summary}</h3><p class=\"address\"><b class=\"{method}\">{}</b> <code>{}</code></p>\
         <p>{}</p>",
        method.to_uppercase(),
        escaped(path),
        prose(&operation["description"]),
        id = text(&operation["operationId"]),
        summary = text(&operation["summary"]),
    );
    parameters(out, document, &operation["parameters"]);
    let body = &operation["requestBody"]["content"];
    for (media, content) in body.as_object().into_iter().flatten() {
        let _ = write!(out, "<h4>Body <small>{media}</small></h4>");
        content_of(out, document, content);
    }
    out.push_str("<h4>Answers</h4>");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        show_answer(out, document, status, answer);
    }
    out.push_str("</article>");
}

fn show_answer(out: &mut String, document: &Value, status: &str, answer: &Value) {
    let says = prose(&answer["description"]);
    // How a problem looks is said once, at the top of the page's document.
    let is_good = status.starts_with('2');
    let contents: Vec<_> = answer["content"].as_object().into_iter().flatten().filter(|_| is_good).collect();
    if contents.is_empty() {
        let _ = write!(out, "<p class=\"answer\"><b>{status}</b> {says}</p>");
        return;
    }
    let _ = write!(out, "<details><summary><b>{status}</b> {says}</summary>");
    for (media, content) in contents {
        let _ = write!(out, "<p><small>{media}</small></p>");
        content_of(out, document, content);
    }
    out.push_str("</details>");
}

fn parameters(out: &mut String, document: &Value, parameters: &Value) {
    if list(parameters).next().is_none() {
        return;
    }
    out.push_str("<h4>Parameters</h4><table>");
    for parameter in list(parameters) {
        let _ = write!(
            out,
            "<tr><td><code>{}</code></td><td><small>{}{}</small></td><td>{}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            if parameter["required"] == true { ", required" } else { "" },
            kind(document, &parameter["schema"]),
            prose(&parameter["description"])
        );
    }
    out.push_str("</table>");
}

fn content_of(out: &mut String, document: &Value, content: &Value) {
    fields(out, document, &content["schema"], DEEPEST);
    let example = &content["examples"]["example"]["value"];
    let shown = match example {
        Value::Null => return,
        Value::String(text) => text.clone(),
        json => serde_json::to_string_pretty(json).unwrap_or_default(),
    };
    let _ = write!(out, "<pre>{}</pre>", escaped(&shown));
}

/// The fields of an object as a table, those of objects in it below.
fn fields(out: &mut String, document: &Value, schema: &Value, depth: usize) {
    let schema = resolved(document, schema);
    let schema = if schema["items"].is_object() { resolved(document, &schema["items"]) } else { schema };
    let Some(properties) = schema["properties"].as_object().filter(|_| depth > 0) else { return };
    out.push_str("<table>");
    for (name, field) in properties {
        let required = list(&schema["required"]).any(|one| one == name);
        let _ = write!(
            out,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}",
            escaped(name),
            if required { "" } else { " <small>optional</small>" },
            kind(document, field),
            prose(&said_of(document, field))
        );
        fields(out, document, field, depth - 1);
        out.push_str("</td></tr>");
    }
    out.push_str("</table>");
}

fn said_of(document: &Value, field: &Value) -> Value {
    let own = &field["description"];
    if own.is_string() { own.clone() } else { resolved(document, field)["description"].clone() }
}

/// The schema that a reference names; the one that is not null, of two.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    if let Some(path) = schema["$ref"].as_str() {
        let named = document.pointer(path.trim_start_matches('#'));
        return named.map_or(schema, |named| resolved(document, named));
    }
    let forms = ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|name| list(&schema[name]));
    let mut real = forms.filter(|form| form["type"] != "null");
    match (real.next(), real.next()) {
        (Some(one), None) => resolved(document, one),
        _ => schema,
    }
}

fn kind(document: &Value, schema: &Value) -> String {
    let real = resolved(document, schema);
    let words = ["enum", "oneOf"].into_iter().flat_map(|name| list(&real[name]));
    let words: Vec<_> = words
        .map(|one| if one["const"].is_string() { &one["const"] } else { one })
        .filter_map(Value::as_str)
        .map(escaped)
        .collect();
    if !words.is_empty() {
        return format!("<small>{}</small>", words.join(" | "));
    }
    let mut kinds: Vec<String> = match &real["type"] {
        Value::String(one) => vec![one.clone()],
        several => list(several).filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
    };
    if real["items"].is_object() {
        kinds = vec![format!("list of {}", kind(document, &real["items"]))];
    }
    if let Some(format) = real["format"].as_str().filter(|format| !format.starts_with("int")) {
        kinds.push(format!("({format})"));
    }
    format!("<small>{}</small>", kinds.join(" "))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// A description: paragraphs, and code between backticks.
fn prose(value: &Value) -> String {
    let paragraphs = value.as_str().unwrap_or_default().replace("\n\n", "\u{1}").replace('\n', " ");
    let escaped = escaped(&paragraphs).replace('\u{1}', "<br><br>");
    let mut out = String::with_capacity(escaped.len());
    for (n, part) in escaped.split('`').enumerate() {
        if n % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(part);
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_operation_and_nothing_from_elsewhere() {
        let document = super::super::document();
        let page = page(document);
        for item in document["paths"].as_object().expect("paths").values() {
            for operation in item.as_object().expect("operations").values() {
                let id = operation["operationId"].as_str().expect("an id");
                assert!(page.contains(&format!("<article id=\"{id}\">")), "{id}");
            }
        }
        for elsewhere in ["<script", "http://", "src=", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn what_the_document_says_is_no_markup() {
        let said = serde_json::json!("a < b & `c<d>`");
        assert_eq!(prose(&said), "a &lt; b &amp; <code>c&lt;d&gt;</code>");
    }
}
