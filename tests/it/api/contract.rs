//! The API document held against what others make of it: a validator of OpenAPI, Schemathesis, and the client that a
//! public generator makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use switchboard::auth::Role;

use crate::app::{Setup, TestApp};
use crate::peers::skipped;
use crate::{on_both_databases, routing};

/// The Python that has the packages of `tests/peers/contract.txt`, or nothing after saying so.
pub(super) fn python() -> Option<PathBuf> {
    let place = std::env::var_os("CONTRACT_PYTHON").filter(|place| !place.is_empty());
    if place.is_none() {
        skipped("the API's contract: run ./test");
    }
    place.map(PathBuf::from)
}

/// Runs a program of that Python's environment to its end, beside the runtime.
pub(super) async fn run(mut command: Command) -> Output {
    let run = tokio::task::spawn_blocking(move || command.stdin(std::process::Stdio::null()).output());
    run.await.expect("it runs").expect("the program is there")
}

/// What a program said, for a test that fails.
pub(super) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

fn beside(python: &Path, program: &str) -> Command {
    Command::new(python.with_file_name(program))
}

#[tokio::test]
async fn the_document_is_valid_openapi() {
    let Some(python) = python() else { return };
    let mut check = Command::new(python);
    check.args(["-m", "openapi_spec_validator"]);
    check.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json"));
    let output = run(check).await;
    assert!(output.status.success(), "{}", said(&output));
}

/// Everything Schemathesis checks but one: a request that fits the schema may still be refused, where the schema
/// cannot say it all (names that are taken, ids that are nobody's).
async fn schemathesis(app: &TestApp, python: &Path, key: &str) {
    let mut st = beside(python, "st");
    st.current_dir(app.place.folder());
    st.args(["run", &format!("{}/api/openapi.json", app.url)]);
    st.args(["--header", &format!("Authorization: Bearer {key}")]);
    st.args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"]);
    st.args(["--max-examples", "8", "--seed", "1", "--no-color", "--request-timeout", "30"]);
    // A stream that does not end by itself.
    st.args(["--exclude-operation-id", "streamEvents"]);
    let output = run(st).await;
    assert!(output.status.success(), "{}", said(&output));
}

on_both_databases! {
    async fn schemathesis_finds_nothing_as_an_owner(setup: Setup) {
        let Some(python) = python() else { return };
        let Some(app) = setup.with("SWITCHBOARD_API__REQUESTS_PER_MINUTE", "0").start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        schemathesis(&app, &python, &api.key).await;
        app.stop().await;
    }
}

/// What the generator makes of the document, as the package `client` in a folder of its own.
async fn generated(python: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut generate = beside(python, "openapi-python-client");
    let tools = python.parent().expect("a folder").display();
    generate.env("PATH", format!("{tools}:{}", std::env::var("PATH").unwrap_or_default()));
    generate.args(["generate", "--meta", "none", "--fail-on-warning", "--output-path"]);
    generate.arg(folder.path().join("client"));
    generate.arg("--path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json"));
    let output = run(generate).await;
    assert!(output.status.success(), "{}", said(&output));
    folder
}

on_both_databases! {
    async fn a_client_that_a_generator_made_sets_a_tenant_up_and_hangs_up_its_call(setup: Setup) {
        let Some(python) = python() else { return };
        let Some(app) = setup.start().await else { return };
        let admin = app.api(Role::Admin, None).await;
        let (email, password) = ("generated@example.com", "a password that is long enough");
        let user = serde_json::json!({"email": email, "name": "G", "role": "admin", "password": password});
        admin.made("/api/v1/users", &user).await;
        let folder = generated(&python).await;
        let mut drive = Command::new(&python);
        drive.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/generated_client.py"));
        drive.arg(folder.path()).args([app.url.as_str(), email, password]);
        drive.args([env!("CARGO_BIN_EXE_switchboard"), "call", "--url", &app.url, "--from", "+15551234567"]);
        drive.current_dir(app.place.folder()).env("NO_PROXY", "*");
        drive.env("LIVEKIT_API_KEY", crate::app::KEY).env("LIVEKIT_API_SECRET", crate::app::SECRET);
        let output = run(drive).await;
        assert!(output.status.success(), "{}", said(&output));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told, serde_json::json!({"status": "missed", "endReason": "operator_cancelled"}));
        app.stop().await;
    }
}
