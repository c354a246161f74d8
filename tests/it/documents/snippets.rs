//! Programs in the documents: what a reader would paste into a shell.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::app::{KEY, SECRET, TestApp};

use super::examples::{Block, fits, matches};

/// Where the documents say that Switchboard is.
const THERE: &str = "http://localhost:3000";

/// Runs a program that asks who answers; it must be told an agent. Without its interpreter it is passed over.
pub(super) async fn run(app: &TestApp, block: &Block) {
    let text = block.text.replace(THERE, &app.url);
    let (program, needs) = match block.info.as_str() {
        "python run" => ("python3", &["python3"][..]),
        _ => ("bash", &["bash", "curl", "openssl"][..]),
    };
    if let Some(missing) = needs.iter().find(|name| !is_there(name)) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing} is missing in CI");
        return;
    }
    let mut command = Command::new(program);
    command.args(["-c", &text]).env("LIVEKIT_API_KEY", KEY).env("LIVEKIT_API_SECRET", SECRET);
    let ran = command.env("NO_PROXY", "*").stdin(Stdio::null()).output().await.expect("it starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaint = String::from_utf8_lossy(&ran.stderr);
    let answer: Value = serde_json::from_str(&said).unwrap_or(Value::Null);
    assert!(ran.status.success() && answer["agent_name"].is_string(), "{}: {said}{complaint}", block.place());
}

pub(super) fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Runs the lines that begin with `$ switchboard` on the server's database, and compares what they print.
pub(super) async fn console(app: &TestApp, block: &Block) {
    let mut lines = block.text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(line) = line.strip_prefix("$ switchboard ") else { continue };
        let mut expected = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected += &format!("{line}\n");
        }
        let arguments = line.split(' ').map(|word| word.trim_matches('\''));
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.args(arguments).env_clear().env("DATABASE_URL", &app.place.url).env("TZ", "UTC");
        let ran = command.stdin(Stdio::null()).output().await.expect("it starts");
        let said = String::from_utf8_lossy(&ran.stdout);
        let complaint = String::from_utf8_lossy(&ran.stderr);
        let same = match (serde_json::from_str(&expected), serde_json::from_str(&said)) {
            (Ok(expected), Ok(said)) => fits(&expected, &said),
            _ => matches(expected.trim(), said.trim()),
        };
        assert!(same, "{}: {line} says\n{said}{complaint}", block.place());
    }
}
