//! Switchboard as a process of its own, which can be killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::eventually;
use crate::app::{KEY, SECRET};

pub(crate) struct Process {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    running: Option<(Child, String)>,
}

impl Process {
    /// Not started yet; its database is its own and outlives a kill.
    pub(crate) fn new(livekit: &str) -> Process {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Process { folder, environment: vec![("LIVEKIT_URL", livekit.to_owned())], running: None }
    }

    /// With an environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Process {
        self.environment.push((name, value.into()));
        self
    }

    /// Where its database is, unless it was told another one.
    pub(crate) fn database(&self) -> String {
        format!("file:{}", self.folder.path().join("switchboard.db").display())
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.args(line).current_dir(self.folder.path()).env_clear().stdin(Stdio::null()).envs([
            ("LIVEKIT_API_KEY", KEY),
            ("LIVEKIT_API_SECRET", SECRET),
            ("SWITCHBOARD_SERVER__LISTEN", "127.0.0.1"),
            ("PORT", "0"),
            ("SWITCHBOARD_METRICS__ENABLED", "false"),
        ]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command, however it ends.
    pub(crate) async fn output(&self, line: &[&str]) -> Output {
        let mut command = self.command(line);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it ran");
        ran.expect("the program starts")
    }

    pub(crate) async fn run(&self, line: &[&str]) -> Output {
        let ran = self.output(line).await;
        assert!(ran.status.success(), "{line:?}: {}", String::from_utf8_lossy(&ran.stderr));
        ran
    }

    pub(crate) async fn apply(&self, routing: &str) {
        std::fs::write(self.folder.path().join("routing.toml"), routing).expect("a file");
        self.run(&["apply", "routing.toml"]).await;
    }

    /// Starts it, and awaits that it listens.
    pub(crate) async fn start(&mut self) {
        let mut command = self.command(&["serve", "--json"]);
        // Where the first start prints a password.
        let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = process.expect("the program starts");
        let log = process.stderr.take().expect("piped");
        let url = tokio::task::spawn_blocking(move || listening(log)).await.expect("it was read");
        self.running = Some((process, url));
    }

    /// Starts it with another value of a variable from here on.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
    }

    /// A second server on the same database.
    pub(crate) async fn second(&self) -> Process {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut second = Process { folder, environment: self.environment.clone(), running: None };
        second.environment.retain(|(name, _)| *name != "SWITCHBOARD_SERVER__PUBLIC_URL");
        if !second.environment.iter().any(|(name, _)| *name == "DATABASE_URL") {
            second.set("DATABASE_URL", self.database());
        }
        second.start().await;
        second
    }

    pub(crate) fn url(&self) -> &str {
        &self.running.as_ref().expect("it runs").1
    }

    /// As `kill -9` does.
    pub(crate) async fn kill(&mut self) {
        let (mut process, _) = self.running.take().expect("it runs");
        process.kill().expect("it can be killed");
        tokio::task::spawn_blocking(move || process.wait()).await.expect("it ends").ok();
    }

    /// Stops it as a service manager does.
    pub(crate) async fn stop(&mut self) {
        let (mut process, _) = self.running.take().expect("it runs");
        let told = Command::new("kill").arg(process.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()));
        let status = eventually("it stops", async || process.try_wait().expect("a child")).await;
        assert!(status.success(), "{status}");
    }

    /// What a command prints as JSON.
    pub(crate) async fn json(&self, line: &[&str]) -> Value {
        serde_json::from_slice(&self.run(line).await.stdout).expect("JSON")
    }

    /// How a command ends, and what it prints as JSON.
    pub(crate) async fn ends(&self, line: &[&str]) -> (Option<i32>, Value) {
        self.ends_with(line, &[]).await
    }

    /// As `ends`, with other variables for this once.
    pub(crate) async fn ends_with(
        &self,
        line: &[&str],
        environment: &[(&str, &str)],
    ) -> (Option<i32>, Value) {
        let mut command = self.command(line);
        command.envs(environment.iter().copied());
        let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it ran");
        let ran = ran.expect("the program starts");
        let printed = serde_json::from_slice(&ran.stdout);
        (ran.status.code(), printed.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr))))
    }

    /// Its calls, newest first, as it prints them.
    pub(crate) async fn calls(&self) -> Vec<Value> {
        let mut printed = self.json(&["calls", "--json"]).await;
        serde_json::from_value(printed["calls"].take()).expect("calls")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some((mut process, _)) = self.running.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// Reads the log until it says where it listens; the rest is read on, and shown with `RUST_LOG` set.
fn listening(log: ChildStderr) -> String {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    let mut seen = Vec::new();
    let url = lines.by_ref().find_map(|line| {
        let address = line.split_once("listening on http://").map(|(_, rest)| {
            rest.chars().take_while(|c| matches!(c, '0'..='9' | '.' | ':')).collect::<String>()
        });
        seen.push(line);
        address
    });
    let url = url.unwrap_or_else(|| panic!("it ended: {seen:#?}"));
    std::thread::spawn(move || {
        let shown = std::env::var_os("RUST_LOG").is_some();
        lines.filter(|_| shown).for_each(|line| drop(writeln!(std::io::stderr(), "{line}")));
    });
    format!("http://{url}")
}
