//! What the documents say is true: their examples are run, their tables and invariants compared with the code.

mod examples;
mod snippets;
mod tour;

use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::response::IntoResponse as _;
use serde_json::Value;
use switchboard::call::EndReason;
use switchboard::http::problem::Problem;
use switchboard::http::request_id::{RequestId, within};
use switchboard::routing_file;

use crate::app::{Setup, TestApp};
use crate::on_both_databases;

use examples::{Block, Message, blocks, matches};

on_both_databases! {
    async fn the_examples_of_the_doors_are_right(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let (mut asked, mut compared) = (None, 0);
        for block in blocks("docs/doors.md") {
            match block.info.as_str() {
                "toml" => apply(&app, &block).await,
                "http request" => {
                    assert!(asked.is_none(), "{}: a request without a response", block.place());
                    asked = Some(send(&app, &block).await);
                }
                "http response" => {
                    let (status, headers, body) = asked.take().expect("a response follows a request");
                    compare(&block, status, &headers, &body);
                    compared += 1;
                }
                "http problem" => {
                    let (status, headers, body) = problem(&block).await;
                    compare(&block, status, &headers, &body);
                    compared += 1;
                }
                "bash run" | "python run" => snippets::run(&app, &block).await,
                "console" => snippets::console(&app, &block).await,
                _ => {}
            }
        }
        assert!(compared >= 15, "only {compared} examples were found");
        app.stop().await;
    }

    async fn the_routing_of_the_readme_can_be_applied(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let examples: Vec<Block> = blocks("README.md").into_iter().filter(|block| block.info == "toml").collect();
        assert!(!examples.is_empty());
        for block in &examples {
            apply(&app, block).await;
        }
        app.stop().await;
    }
}

/// Applies a routing file, and waits until the server goes by it.
async fn apply(app: &TestApp, block: &Block) {
    let file = routing_file::read(&block.text, &block.place());
    let options = routing_file::Options { prune: false, dry_run: false, default_region: "US".into() };
    let now = app.app.clock.now();
    let applied = app.app.db.bulk(move |tx| routing_file::apply(tx, &file, &options, now)).await;
    let plan = applied.unwrap_or_else(|why| panic!("{why}"));
    assert!(!plan.summary.is_unchanged(), "{} changes nothing", block.place());
    eventually(|| !app.app.routing().tenants.is_empty()).await;
}

async fn eventually(is_so: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "it never came to that");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

type Answer = (u16, reqwest::header::HeaderMap, Value);

/// Sends a request as it is written; what is left open (`…`) in its signatures is filled in.
async fn send(app: &TestApp, block: &Block) -> Answer {
    let Message { start, headers, body } = block.message();
    let (method, path) = start.split_once(' ').unwrap_or_else(|| panic!("{}", block.place()));
    let mut request = app.http.request(method.parse().expect("a method"), format!("{}{path}", app.url));
    for (name, value) in headers {
        let value = match (name.to_ascii_lowercase().as_str(), value.contains('…')) {
            ("x-livekit-signature", true) => crate::app::signature(body.as_bytes()),
            ("authorization", true) => {
                let credentials = livekit::Credentials::new(crate::app::KEY, crate::app::SECRET);
                livekit::webhook::signed(&credentials, body.as_bytes(), app.app.clock.now().secs())
            }
            _ => value,
        };
        request = request.header(name, value);
    }
    let response = request.body(body).send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.expect("a whole answer");
    (status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// A problem that cannot be caused from outside, as the server would write it.
async fn problem(block: &Block) -> Answer {
    let Message { start, .. } = block.message();
    let problem = match start.split(' ').nth(1) {
        Some("503") => Problem::busy(),
        Some("500") => Problem::Internal(anyhow::anyhow!("whatever it was")),
        _ => panic!("{}: add this problem to the test", block.place()),
    };
    let id = RequestId::given("req_0123").expect("an id");
    let (parts, body) = within(id, async { problem.into_response() }).await.into_parts();
    let body = axum::body::to_bytes(body, 65536).await.expect("a whole answer");
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).expect("JSON"))
}

fn compare(block: &Block, status: u16, headers: &reqwest::header::HeaderMap, body: &Value) {
    let place = block.place();
    let said = block.message();
    assert!(said.start.starts_with(&format!("HTTP/1.1 {status} ")), "{place}: {status} {body:#}");
    for (name, value) in &said.headers {
        let found = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(matches(value, found), "{place}: {name} is {found:?}");
    }
    let expected: Value = serde_json::from_str(&said.body).unwrap_or_else(|why| panic!("{place}: {why}"));
    assert!(examples::fits(&expected, body), "{place}: the answer is\n{body:#}");
}

#[test]
fn every_end_reason_is_in_the_table_with_all_that_it_means() {
    let text = read("docs/doors.md");
    for reason in EndReason::ALL {
        let sip = reason.sip_status().map_or(String::new(), |status| status.to_string());
        let (word, status, by) = (reason.as_str(), reason.status().as_str(), reason.ended_by().as_str());
        let row = format!("| `{word}` | {status} | {by} | {sip} | {} |", reason.describe());
        assert!(text.contains(&row), "docs/doors.md has no row\n{row}");
    }
}

/// Words that would mean input, output, a clock or a database.
const IMPURE: [&str; 8] =
    ["reqwest", "tokio", "rusqlite", "postgres::", "crate::db", "crate::app", "::now()", "std::fs"];

#[test]
fn call_does_no_input_or_output_and_knows_no_provider() {
    for (path, text) in sources("src/call") {
        let rules = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in IMPURE.iter().chain(["livekit::", "axum"].iter()) {
            assert!(!rules.contains(word), "{path} says {word}");
        }
    }
}

#[test]
fn sql_is_in_db_only_and_livekit_at_the_edges_only() {
    let edges =
        ["src/app.rs", "src/carry_out/", "src/commands/", "src/doctor/", "src/http/", "src/provision/"];
    for (path, text) in sources("src") {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        if !path.starts_with("src/db/") {
            for word in ["insert into ", "delete from ", " from calls", "update calls"] {
                assert!(!code.contains(word), "{path} holds SQL: {word}");
            }
        }
        if !edges.iter().any(|edge| path.starts_with(edge)) {
            assert!(!code.contains("livekit::"), "{path} talks to LiveKit");
        }
    }
}

#[test]
fn every_check_of_the_doctor_is_described_and_no_other() {
    let page = read("docs/doctor.md");
    let described: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(described, switchboard::doctor::rules::ALL);
}

#[test]
fn what_is_heard_leads_to_a_check_that_there_is() {
    let page = read("docs/first-call.md");
    let rows = page.lines().filter(|line| line.starts_with("| **") || line.starts_with("- [ ]"));
    let ids: Vec<&str> = rows
        .filter_map(|row| {
            row.rsplit_once(['|', '(']).map(|(before, after)| match after.trim() {
                "" => before.rsplit_once(" | ").map_or("", |(_, cell)| cell),
                inner => inner,
            })
        })
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|id| !id.contains(' '))
        .collect();
    assert!(ids.len() >= 20, "{ids:?}");
    for id in ids {
        assert!(switchboard::doctor::rules::ALL.contains(&id), "{id}");
    }
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut documents: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(ToOwned::to_owned).into();
    for folder in ["docs", "docs/decisions"] {
        let files = fs::read_dir(root().join(folder)).expect("a folder");
        let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        documents.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    for document in documents {
        let text = read(&document);
        let folder = root().join(&document).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{document} links to {link}");
            }
        }
    }
}

#[test]
fn the_readme_fits_on_three_screens() {
    assert!(read("README.md").lines().count() <= 150);
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Every source file below a folder, but for tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if name.ends_with(".rs") {
            found.push((path.clone(), read(&path)));
        } else if root().join(&path).is_dir() {
            found.extend(sources(&path));
        }
    }
    found
}
