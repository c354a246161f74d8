//! The program as a person meets it: what it prints where, and its exit codes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;

const SECRET: &str = "a-secret-that-is-long-enough-for-everybody";
const OK: Option<i32> = Some(0);
const NO: Option<i32> = Some(1);
const USAGE: Option<i32> = Some(2);

/// A folder with nothing in it, and the program started there with no environment but ours.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        let variables = [
            ("LIVEKIT_API_SECRET", SECRET),
            ("SWITCHBOARD_METRICS__ENABLED", "false"),
            ("SWITCHBOARD_SERVER__LISTEN", "127.0.0.1"),
            ("PORT", "0"),
        ];
        command.args(line).current_dir(self.path()).env_clear().envs(variables).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &[&str]) -> Ran {
        self.command(line).output().expect("the program starts").into()
    }

    /// Runs what must work, and reads its JSON.
    fn json(&self, line: &[&str]) -> Value {
        let ran = self.run(&[line, &["--json"]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {ran:?}"))
    }
}

#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A running `serve`, ended with the test.
struct Server {
    process: Child,
    url: String,
    /// What it logged until it listened.
    said: String,
    /// Kept open, so that the server can go on logging.
    log: Option<BufReader<ChildStderr>>,
}

impl Server {
    fn start(folder: &Folder) -> Server {
        let mut command = folder.command(&["serve", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().expect("the server starts");
        let mut server = Server { process, url: String::new(), said: String::new(), log: None };
        let mut log = BufReader::new(server.process.stderr.take().expect("piped"));
        while server.url.is_empty() {
            let mut line = String::new();
            let read = log.read_line(&mut line).expect("a line of the log");
            assert_ne!(read, 0, "the server ended");
            server.said += &line;
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let address: String =
                    rest.chars().take_while(|c| matches!(c, '0'..='9' | '.' | ':')).collect();
                server.url = format!("http://{address}");
            }
        }
        server.log = Some(log);
        server
    }

    /// Ends it: everything that it printed on standard output.
    fn printed(mut self) -> String {
        let mut out = String::new();
        self.process.kill().expect("it can be killed");
        self.process.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        out
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        drop(self.log.take());
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_help_is_0() {
    let folder = Folder::new();
    for line in [
        &["nonsense"] as &[&str],
        &[],
        &["calls", "--limit", "201"],
        &["calls", "--status", "lost"],
        &["calls", "--since", "yesterday"],
        &["explain"],
        &["explain", "--to", "+14155550123"],
        &["explain", "call_1", "--to", "+14155550123", "--from", "+15551234567"],
        &["call", "+14155550123"],
        &["config"],
        &["user"],
        &["user", "add"],
        &["user", "add", "ada@example.com", "--role", "boss"],
        &["user", "reset"],
    ] {
        let ran = folder.run(line);
        assert_eq!(ran.code, USAGE, "{line:?}: {ran:?}");
        assert_eq!(ran.out, "", "{line:?}");
    }
    for command in [
        "serve",
        "demo",
        "apply",
        "export",
        "call",
        "calls",
        "explain",
        "leads",
        "user",
        "migrate",
        "config",
        "completions",
    ] {
        let ran = folder.run(&[command, "--help"]);
        assert_eq!(ran.code, OK, "{ran:?}");
        assert!(ran.out.contains("--json") && ran.err.is_empty(), "{ran:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing was made");
}

#[test]
fn no_command_but_those_that_begin_makes_a_database() {
    let folder = Folder::new();
    let looking: [&[&str]; 7] = [
        &["user", "list"],
        &["user", "add", "ada@example.com"],
        &["calls"],
        &["calls", "show", "call_1"],
        &["leads"],
        &["explain", "call_1"],
        &["explain", "--to", "1", "--from", "2"],
    ];
    for line in looking {
        let ran = folder.run(line);
        assert_eq!(ran.code, NO, "{ran:?}");
        let told = "error: no database at ./switchboard.db: run `switchboard serve` or `switchboard migrate` first\n";
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", told));
    }
    assert_eq!(folder.json(&["migrate", "--dry-run"])["pending"][0], "0001_first");
    assert!(!folder.path().join("switchboard.db").exists());

    assert_eq!(folder.json(&["migrate"])["ran"][0], "0001_first");
    assert_eq!(folder.run(&["migrate"]).out, "The database is up to date.\n");
    let ran = folder.run(&["calls"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (NO, "", "no such calls\n"));
    let ran = folder.run(&["leads", "--json"]);
    assert_eq!((ran.code, ran.out.as_str()), (NO, "{\n  \"leads\": []\n}\n"));
}

#[test]
fn a_database_that_is_behind_is_said_to_be() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("switchboard.db"), "").expect("an empty file");
    let ran = folder.run(&["calls"]);
    let told = "error: the database is not up to date (0001_first has not run): run `switchboard migrate`\n";
    assert_eq!((ran.code, ran.err.as_str()), (NO, told));
}

#[test]
fn a_simulated_call_is_answered_by_a_running_server_and_can_be_looked_up() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let call = |number: &str, more: &[&str]| {
        folder.run(&[&["call", number, "--from", "+15551234567", "--url", &server.url], more].concat())
    };
    let ran = call("+14155550123", &["--call-id", "mine"]);
    assert_eq!(ran.code, NO, "a refusal is no success: {ran:?}");
    assert!(
        ran.out.starts_with("refused: nobody has the number that was dialled (unknown_number, SIP 404)\n"),
        "{ran:?}"
    );
    let again: Value =
        serde_json::from_str(&call("+14155550123", &["--call-id", "mine", "--json"]).out).expect("JSON");
    assert_eq!(again["reason"], "unknown_number");

    let listed = folder.json(&["calls", "--number", "(415) 555-0123", "--since", "1h"]);
    assert_eq!(listed["calls"].as_array().map(Vec::len), Some(1), "asked twice is one call: {listed}");
    let shown = &listed["calls"][0];
    assert_eq!((&shown["callSid"], &shown["status"]), (&"mine".into(), &"rejected".into()));
    let id = shown["id"].as_str().expect("an id");
    assert!(ran.out.contains(id), "the answer names the call");

    let whole = folder.json(&["calls", "show", id]);
    assert_eq!(whole["decision"]["steps"][0]["outcome"], "refused");
    let explained = folder.json(&["explain", id]);
    let supposed = folder.json(&["explain", "--to", "+14155550123", "--from", "+15551234567"]);
    assert_eq!(explained["decision"]["steps"], supposed["decision"]["steps"], "the same words");
    assert_eq!(supposed["call"], Value::Null);
    assert_eq!(folder.run(&["calls", "--status", "completed"]).code, NO);

    let other_numbers = call("+14155550199", &["--call-id", "mine"]);
    assert_eq!(other_numbers.code, NO);
    assert!(
        other_numbers.err.starts_with("error: the server does not take this call (409): "),
        "{other_numbers:?}"
    );
}

const ROUTING: &str = r#"
[[tenant]]
name = "Acme Dental"
[[tenant.agent]]
name = "telephony-agent"
[[tenant.campaign]]
name = "New patients"
agent = "telephony-agent"
max_concurrent = 1
[[tenant.number]]
number = "+14155550123"
campaign = "New patients"
"#;

#[test]
fn a_number_that_was_applied_is_answered_until_its_campaign_is_full() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("routing.toml"), ROUTING).expect("a file");
    let dry = folder.run(&["apply", "routing.toml", "--dry-run"]);
    assert!(dry.code == NO && !folder.path().join("switchboard.db").exists(), "{dry:?}");
    assert_eq!(folder.run(&["apply", "routing.toml"]).code, OK);
    assert_eq!(folder.json(&["apply", "routing.toml"])["summary"]["create"], 0);
    assert!(folder.run(&["export"]).out.contains("Acme Dental"));

    let server = Server::start(&folder);
    let call = |caller: &str| folder.run(&["call", "(415) 555-0123", "--from", caller, "--url", &server.url]);
    let first = call("+15551234567");
    assert!(first.code == OK && first.out.starts_with("telephony-agent answers\n"), "{first:?}");
    let supposed = folder.json(&["explain", "--to", "+14155550123", "--from", "+15551234568"]);
    let second = call("+15551234568");
    assert!(second.code == NO && second.out.contains("(campaign_full, SIP 486)"), "{second:?}");
    assert_eq!(supposed["decision"]["reason"], "campaign_full");

    let of_campaign = folder.json(&["calls", "--tenant", "Acme Dental", "--campaign", "New patients"]);
    assert_eq!(of_campaign["calls"].as_array().map(Vec::len), Some(2), "{of_campaign}");
    let leads = folder.json(&["leads", "--number", "+15551234567"]);
    assert_eq!(leads["leads"][0]["status"], "calling", "{leads}");
}

#[test]
fn a_call_that_cannot_be_placed_says_what_to_do() {
    let folder = Folder::new();
    let ran = folder.run(&["call", "1", "--from", "2", "--url", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, NO);
    assert_eq!(
        ran.err,
        "error: nobody listens at http://127.0.0.1:1/: start `switchboard serve` there, or give another --url\n"
    );

    let server = Server::start(&folder);
    let line = ["call", "1", "--from", "2", "--url", &server.url];
    let wrong =
        folder.command(&line).env("LIVEKIT_API_SECRET", "another").output().expect("the program starts");
    let wrong = Ran::from(wrong);
    assert!(wrong.code == NO && wrong.err.contains("does not accept the signature"), "{wrong:?}");
    let unsigned =
        folder.command(&line).env_remove("LIVEKIT_API_SECRET").output().expect("the program starts");
    let unsigned = Ran::from(unsigned);
    assert!(unsigned.code == NO && unsigned.err.starts_with("note: not signed"), "{unsigned:?}");
    let elsewhere = format!("{}/elsewhere", server.url);
    let ran = folder.run(&["call", "1", "--from", "2", "--url", &elsewhere]);
    assert!(ran.code == NO && ran.err.contains("is it the right --url?"), "{ran:?}");
}

#[test]
fn a_start_that_cannot_listen_makes_no_admin_whose_password_nobody_sees() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let ran: Ran = folder.command(&["serve"]).env("PORT", &port).output().expect("the program starts").into();
    assert_eq!((ran.code, ran.out.as_str()), (NO, ""), "{}", ran.err);
    assert!(ran.err.contains("cannot listen on"), "{}", ran.err);
    let printed = Server::start(&folder).printed();
    assert!(printed.contains("admin@localhost"), "{printed:?}");
}

#[test]
fn the_first_start_prints_the_admins_password_once_and_never_logs_it() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    let (url, said) = (server.url.clone(), std::mem::take(&mut server.said));
    let mut out = BufReader::new(server.process.stdout.take().expect("piped"));
    let mut line = || {
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        line.split_once(':').map(|(_, rest)| rest.trim().to_owned()).unwrap_or(line)
    };
    let (email, password) = (line(), line());
    assert_eq!((email.as_str(), password.len()), ("admin@localhost", 23), "{password}");
    assert!(!said.contains(&password), "{said}");

    let login = |password: &str| {
        let body = serde_json::json!({"email": email, "password": password});
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let request = reqwest::Client::new().post(format!("{url}/api/v1/auth/login")).json(&body);
            request.send().await.expect("an answer").status().as_u16()
        })
    };
    assert_eq!(login(&password), 200);
    // Beside the running server, which goes by it at once.
    let reset = folder.json(&["user", "reset", &email]);
    let new = reset["password"].as_str().expect("a password");
    assert_eq!((login(&password), login(new)), (401, 200));
    drop(server);
    assert_eq!(Server::start(&folder).printed(), "", "the second start prints nothing");
}

#[test]
fn people_are_managed_from_the_command_line() {
    let folder = Folder::new();
    let none = folder.run(&["user", "add", "ada@example.com"]);
    assert!(none.code == NO && none.err.contains("no database at"), "{none:?}");
    std::fs::write(folder.path().join("routing.toml"), ROUTING).expect("a file");
    assert_eq!(folder.run(&["apply", "routing.toml"]).code, OK);
    assert_eq!(folder.run(&["user", "list"]).code, NO, "nobody yet");

    let with_password = |line: &[&str], password: &str| {
        let mut command = folder.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        child.stdin.take().expect("piped").write_all(password.as_bytes()).expect("written");
        Ran::from(child.wait_with_output().expect("it ends"))
    };
    let add =
        ["user", "add", "Ada@Example.com", "--tenant", "Acme Dental", "--role", "owner", "--password-stdin"];
    let ran = with_password(&add, "correct horse battery\n");
    assert_eq!((ran.code, ran.err.as_str()), (OK, ""), "{ran:?}");
    assert!(
        ran.out.starts_with("ada@example.com (owner of tnt_") && !ran.out.contains("correct horse"),
        "{ran:?}"
    );
    let ran = with_password(&["user", "reset", "ada@example.com", "--password-stdin"], "short");
    assert_eq!((ran.code, ran.err.as_str()), (NO, "error: the password must be 12 to 256 characters\n"));
    let ran = with_password(&["user", "reset", "ada@example.com", "--password-stdin"], "two\nlines of it\n");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (NO, "error: the password on standard input must be one line\n")
    );

    let admin = folder.json(&["user", "add", "root@example.com"]);
    assert_eq!(
        (&admin["user"]["role"], &admin["user"]["name"]),
        (&"admin".into(), &"root".into()),
        "{admin}"
    );
    assert_eq!(admin["password"].as_str().map(str::len), Some(23));
    let ran = folder.run(&["user", "disable", "root@example.com"]);
    assert!(ran.code == NO && ran.err.contains("last active admin"), "{ran:?}");
    let ran = folder.run(&["user", "enable", "nobody@example.com"]);
    assert_eq!((ran.code, ran.err.as_str()), (NO, "error: there is nobody with that e-mail address\n"));
    assert_eq!(folder.json(&["user", "disable", "ada@example.com"])["user"]["isActive"], false);
    let listed = folder.json(&["user", "list", "--tenant", "Acme Dental"]);
    assert_eq!(listed["users"].as_array().map(Vec::len), Some(1), "{listed}");
    assert!(!listed.to_string().contains("argon2"));

    // Where there is somebody, the first start makes nobody.
    assert_eq!(Server::start(&folder).printed(), "");
}

#[test]
fn mistakes_in_the_settings_are_all_told_and_secrets_never() {
    let folder = Folder::new();
    let shown = folder.run(&["config", "show"]);
    assert_eq!(shown.code, OK, "{shown:?}");
    assert!(shown.out.contains("server.port") && shown.out.contains("environment (PORT)"), "{shown:?}");
    assert!(!shown.out.contains(SECRET) && !folder.json(&["config", "show"]).to_string().contains(SECRET));
    assert_eq!(folder.run(&["config", "check"]).out, "The settings are right.\n");

    std::fs::write(folder.path().join("other.toml"), "[server]\nprot = 1\nask_timeout = 5\n")
        .expect("a file");
    let ran = folder.run(&["--config", "other.toml", "config", "check"]);
    assert_eq!(ran.code, NO);
    assert!(ran.err.contains("other.toml:2: ") && ran.err.contains("other.toml:3: "), "{ran:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    let mut child = folder
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.err.as_str()), (OK, ""));
}

#[cfg(unix)]
#[test]
fn serve_stops_on_sigterm_with_exit_code_0() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    let id = server.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    assert_eq!(server.process.wait().expect("it ends").code(), OK);
}
