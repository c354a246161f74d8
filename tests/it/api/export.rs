//! Exports: everything that fits, in the memory of a page, and never half of it for the whole.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::db::Tx;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Api;
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

/// A server with this many calls of one tenant, each with a note as long as this, a second apart.
async fn app(setup: Setup, calls: i64, note: usize) -> Option<TestApp> {
    let app = setup.with("SWITCHBOARD_DATABASE__REPORTERS", "1").start().await?;
    routing::acme(&app).await;
    let fill = move |tx: &mut Tx<'_>| {
        tx.execute(
            "insert into calls (id, project, tenant_id, number_id, caller, called, agent, status, end_reason, rang_at,
                 ended_at, duration, revision, ring, evidence, attendance, note, decided_at, created_at, updated_at)
             with recursive numbers (n) as
                 (select cast(1 as bigint) union all select n + 1 from numbers where n < $1)
             select 'call_' || (1000000 + n), 'default', 'tnt_1', 'num_1', '+1444' || (1000000 + n), '+15557654321',
                 'telephony-agent', 'completed', 'caller_hung_up', n * 1000000, n * 1000000, 0, 1,
                 '{\"keys\":{},\"called\":\"\",\"caller\":\"\"}', '{}', '{}', $2, n * 1000000, n * 1000000, n * 1000000
             from numbers",
            &[&calls, &"=".repeat(note)],
        )
    };
    app.app.db.bulk(fill).await.expect("calls");
    Some(app)
}

/// An export that nobody reads yet: a connection on which it was asked for.
async fn asked(app: &TestApp, api: &Api<'_>, path: &str) -> TcpStream {
    let address = app.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    let key = &api.key;
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.expect("it is sent");
    connection
}

/// Everything that is left of an answer.
async fn rest(mut connection: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is reset has no more to say either.
    drop(connection.read_to_end(&mut bytes).await);
    bytes
}

fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"\r\n0\r\n\r\n")
}

on_both_databases! {
    async fn calls_are_exported_as_csv_and_as_json_lines(setup: Setup) {
        let Some(app) = app(setup, 2_345, 3).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let csv = api.get("/api/v1/calls/export").await;
        assert_eq!((csv.status, &csv.headers["content-type"]), (200, &"text/csv; charset=utf-8".parse().unwrap()));
        assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"calls.csv\"");
        let text = csv.body.as_str().expect("text");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().expect("a header").clone();
        let at = |name: &str| header.iter().position(|column| column == name).expect("the column");
        let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), 2_345);
        assert!(rows.is_sorted_by(|a, b| a[at("rangAt")] > b[at("rangAt")]), "newest first");
        let oldest = &rows[2_344];
        assert_eq!((&oldest[at("id")], &oldest[at("phoneNumber")]), ("call_1000001", "+14441000001"));
        assert_eq!((&oldest[at("note")], &oldest[at("endedBy")]), ("'===", "caller"));

        let lines = api.get("/api/v1/calls/export?format=jsonl&caller=%2B14441000007").await;
        assert_eq!(lines.headers["content-type"], "application/jsonl");
        let listed = api.get("/api/v1/calls?caller=%2B14441000007").await.body["items"][0].clone();
        assert_eq!(lines.body, listed, "one line, and so JSON itself");

        let nothing = api.get("/api/v1/calls/export?status=failed").await;
        assert_eq!(nothing.body.as_str().map(|text| text.lines().count()), Some(1), "the header alone");
        assert_eq!(api.get("/api/v1/calls/export?status=failed&format=jsonl").await.body, json!(""));
        assert_eq!(api.get("/api/v1/calls/export?format=xlsx").await.wrong()[0].0, "format");
        assert_eq!(api.get("/api/v1/calls/export?limit=5").await.wrong()[0].0, "limit");
        app.stop().await;
    }

    async fn an_export_is_compressed_for_who_wants_it_so(setup: Setup) {
        let Some(app) = app(setup, 1_500, 10).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let plain = api.send(api.to("GET", "/api/v1/calls/export")).await;
        let request = api.to("GET", "/api/v1/calls/export").header("accept-encoding", "gzip");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        let zipped = answer.bytes().await.expect("all of it");
        assert!(zipped.starts_with(&[0x1f, 0x8b]), "gzip's mark");
        assert!(zipped.len() * 5 < plain.body.as_str().map_or(0, str::len), "{}", zipped.len());
        app.stop().await;
    }

    async fn whoever_does_not_read_holds_nobody_up(setup: Setup) {
        let Some(app) = app(setup, 6_000, 8_000).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let mut slow = Vec::new();
        for _ in 0..3 {
            let mut connection = asked(&app, &api, "/api/v1/calls/export").await;
            let mut first = [0; 4096];
            connection.read_exact(&mut first).await.expect("it begins");
            slow.push(connection);
        }
        // There is one thread for reports: all three of them wait for their readers, and none has it.
        let small = api.get("/api/v1/calls/export?caller=%2B14441000007").await;
        assert_eq!(small.body.as_str().map(|text| text.lines().count()), Some(2));
        let one = slow.pop().expect("one of them");
        drop(slow);
        let whole = rest(one).await;
        assert!(is_whole(&whole) && whole.len() > 6_000 * 8_000, "{}", whole.len());
        app.stop().await;
    }

    async fn an_export_that_fails_in_the_middle_breaks_off(setup: Setup) {
        let Some(app) = app(setup, 6_000, 8_000).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let mut plain = asked(&app, &api, "/api/v1/calls/export").await;
        let mut first = [0; 4096];
        plain.read_exact(&mut first).await.expect("it begins");
        assert!(first.starts_with(b"HTTP/1.1 200"));
        let lose = |tx: &mut Tx<'_>| tx.execute("alter table calls rename to lost", &[]);
        app.app.db.write(lose).await.expect("the table is gone");
        let half = rest(plain).await;
        assert!(half.len() < 6_000 * 8_000 && !is_whole(&half), "{}", half.len());
        let at_once = api.get("/api/v1/calls/export").await;
        assert_eq!((at_once.status, &at_once.body["status"]), (500, &json!(500)), "before it begins: a problem");
        app.stop().await;
    }

    async fn an_export_ends_when_the_server_stops(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_SERVER__SHUTDOWN_GRACE", "1s");
        let Some(app) = app(setup, 6_000, 8_000).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let mut connection = asked(&app, &api, "/api/v1/calls/export").await;
        let mut first = [0; 4096];
        connection.read_exact(&mut first).await.expect("it begins");
        drop(api);
        tokio::time::timeout(Duration::from_secs(20), app.stop()).await.expect("it stops all the same");
        assert!(!is_whole(&rest(connection).await));
    }
}

/// Whether the columns are what the API document has of a call.
#[tokio::test]
async fn the_columns_have_the_names_of_the_api() {
    let document = switchboard::http::api::document();
    let call = &document["components"]["schemas"]["Call"]["properties"];
    let export = &document["paths"]["/api/v1/calls/export"]["get"]["responses"]["200"]["content"]["text/csv"];
    let example = export["examples"]["example"]["value"].as_str().expect("an example");
    let columns: Vec<_> = example.lines().next().expect("a header").split(',').collect();
    for column in &columns {
        let (name, below) =
            column.split_once('.').map_or((*column, None), |(name, below)| (name, Some(below)));
        assert!(call.get(name).is_some(), "a call has no {name}");
        if let (Some(below), "analysis") = (below, name) {
            let analysis = &document["components"]["schemas"]["Analysis"]["properties"];
            assert!(analysis.get(below).is_some(), "an analysis has no {below}");
        }
    }
    let shown: Vec<&String> = call.as_object().expect("fields").keys().collect();
    let missing: Vec<_> = shown
        .iter()
        .filter(|name| !columns.iter().any(|column| column.split('.').next() == Some(name)))
        .collect();
    assert!(missing.is_empty(), "not exported: {missing:?}");
    assert_eq!(call["id"]["type"], Value::from("string"));
}
