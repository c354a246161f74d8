//! Settings as a person meets them: files and variables in, a configuration or all mistakes out.

use std::path::Path;
use std::time::Duration;

use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::*;

const SECRET: &str = "a-secret-that-nobody-may-ever-see-1";

/// A folder with files in it, and variables.
struct Given {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn given(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Given {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let mut sources = Sources::nothing(folder.path());
    sources
        .environment
        .extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Given { folder, sources }
}

impl Given {
    fn loaded(&self) -> Loaded {
        Config::load(&self.sources).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn config(&self) -> Config {
        self.loaded().config
    }

    /// All mistakes, with the folder's own name taken out.
    fn mistakes(&self) -> String {
        let mistakes = Config::load(&self.sources).expect_err("there are mistakes").to_string();
        mistakes.replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn setting(&self, key: &str) -> String {
        let loaded = self.loaded();
        let setting = loaded.settings.iter().find(|setting| setting.key == key).expect("a known key");
        let origin = setting.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let value = setting.value.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{value} from {origin}").replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn file(text: &str) -> Given {
    given(&[("switchboard.toml", text)], &[])
}

fn variables(variables: &[(&str, &str)]) -> Given {
    given(&[], variables)
}

/// The default file with every setting that it only shows made real.
fn all_made_real() -> String {
    let is_shown = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let real = |line: &'static str| line.strip_prefix('#').filter(|rest| is_shown(rest)).unwrap_or(line);
    DEFAULTS.lines().map(real).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_defaults_are_complete_and_right() {
    let config = variables(&[]).config();
    assert_eq!(config.server.address().to_string(), "0.0.0.0:3000");
    assert_eq!(config.server.max_in_flight, 1024);
    assert_eq!(config.server.ask_timeout, Duration::from_secs(2));
    assert_eq!(config.server.shutdown_grace, Duration::from_secs(20));
    assert_eq!(config.database.url.expose(), "file:./switchboard.db");
    assert!(config.livekit.is_empty() && config.default_project().is_none());
    assert!(!config.webhooks.allow_unsigned);
    assert!(!config.outgoing_webhooks.allow_private);
    assert_eq!(config.outgoing_webhooks.timeout, Duration::from_secs(15));
    assert_eq!(config.outgoing_webhooks.keep, Duration::from_secs(30 * 86_400));
    assert_eq!(config.numbers.default_region, "US");
    assert_eq!(config.agents.system_default, "telephony-agent");
    assert_eq!(config.calls.look_after, Duration::from_secs(1));
    assert_eq!(config.calls.answer_timeout, Duration::from_secs(10));
    assert_eq!(config.calls.agent_settled, Duration::from_secs(5));
    assert_eq!(config.calls.give_up_after, Duration::from_secs(25));
    assert_eq!(config.calls.static_wait, Duration::from_secs(3));
    assert_eq!(config.calls.unheard_after, Duration::from_secs(3600));
    assert_eq!(config.calls.reconcile_every, Duration::from_secs(10));
    assert_eq!(config.retention.facts, Duration::from_secs(30 * 86_400));
    assert!(config.metrics.enabled);
    assert_eq!(config.metrics.listen.to_string(), "127.0.0.1:9464");
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Auto, "info"));
    assert!(config.twilio.account_sid.is_none() && config.twilio.auth_token.is_none());
}

#[test]
fn the_default_file_shows_every_setting_and_no_other() {
    let given = file(&all_made_real());
    let loaded = given.loaded();
    for setting in &loaded.settings {
        assert!(matches!(setting.origin, Some(Origin::File { .. })), "{} is not in the file", setting.key);
    }
    let project = loaded.config.default_project().expect("the project shown");
    assert_eq!(project.timeout, Duration::from_secs(4));
    let bare = given_project(&[]).config();
    assert_eq!(
        bare.default_project().expect("a project").timeout,
        project.timeout,
        "the default that is shown"
    );
}

fn given_project(more: &[(&str, &str)]) -> Given {
    let own =
        [("LIVEKIT_URL", "ws://localhost:7880"), ("LIVEKIT_API_KEY", "key"), ("LIVEKIT_API_SECRET", SECRET)];
    variables(&[&own[..], more].concat())
}

#[test]
fn the_names_people_have_already_keep_working() {
    let given = variables(&[
        ("PORT", "4000"),
        ("NODE_ENV", "production"),
        ("DATABASE_URL", "file:./dev.db"),
        ("LIVEKIT_URL", "wss://acme.livekit.cloud"),
        ("LIVEKIT_API_KEY", "APIacme"),
        ("LIVEKIT_API_SECRET", SECRET),
        ("LIVEKIT_INBOUND_TRUNK_ID", "ST_in"),
        ("LIVEKIT_OUTBOUND_TRUNK_ID", "ST_out"),
        ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"),
        ("TWILIO_AUTH_TOKEN", SECRET),
        ("TWILIO_PHONE_NUMBER", "+14155550123"),
        ("RUST_LOG", "warn,switchboard=debug"),
        ("HOME", "/root"),
    ]);
    let Loaded { config, hints, .. } = given.loaded();
    assert_eq!(config.server.port, 4000);
    assert_eq!(config.database.url.expose(), "file:./dev.db");
    let project = config.project("default").expect("the default project");
    let (url, key, secret) = project.api().expect("all that is needed");
    assert_eq!((url, key, secret.expose_secret()), ("wss://acme.livekit.cloud", "APIacme", SECRET));
    assert_eq!(project.inbound_trunk_id.as_deref(), Some("ST_in"));
    assert_eq!(project.outbound_trunk_id.as_deref(), Some("ST_out"));
    assert_eq!(config.twilio.account_sid.as_deref(), Some("AC0123456789abcdef0123456789abcdef"));
    assert_eq!(config.twilio.auth_token.expect("a token").expose_secret(), SECRET);
    assert_eq!(config.twilio.phone_number.as_deref(), Some("+14155550123"));
    assert_eq!(config.log.level.as_str(), "warn,switchboard=debug");
    assert_eq!(hints, ["NODE_ENV is ignored: Switchboard runs the same everywhere"]);
}

#[test]
fn environment_wins_over_dot_env_over_the_file_over_the_default() {
    let toml = ("switchboard.toml", "[server]\nport = 1001\nmax_in_flight = 1\n\n[log]\nlevel = \"warn\"\n");
    let dot_env =
        (".env", "# don't\nPORT=1002\nSWITCHBOARD_LOG__LEVEL=debug\nLIVEKIT_API_SECRET=from$file\n");
    let all = given(&[toml, dot_env], &[("PORT", "1003"), ("LIVEKIT_API_SECRET", SECRET)]);
    assert_eq!(all.setting("server.port"), "1003 from environment (PORT)");
    assert_eq!(all.setting("log.level"), "\"debug\" from .env:3 (SWITCHBOARD_LOG__LEVEL)");
    assert_eq!(all.setting("server.max_in_flight"), "1 from switchboard.toml:3");
    assert_eq!(all.setting("server.listen"), "\"0.0.0.0\" from default");
    assert_eq!(all.setting("twilio.phone_number"), " from ");

    let two = given(&[toml, dot_env], &[("PORT", "  ")]);
    assert_eq!(two.setting("server.port"), "1002 from .env:2 (PORT)", "an empty variable is none");
    let secret = two.config().livekit[0].api_secret.clone().expect("a secret");
    assert_eq!(secret.expose_secret(), "from$file", "nothing is substituted");

    let full_name = variables(&[("SWITCHBOARD_SERVER__PORT", "1"), ("PORT", "2")]);
    assert_eq!(full_name.setting("server.port"), "1 from environment (SWITCHBOARD_SERVER__PORT)");
}

#[test]
fn a_file_can_be_named_and_must_then_exist() {
    let mut given = given(&[("other.toml", "[server]\nport = 5\n"), ("switchboard.toml", "nonsense")], &[]);
    given.sources.file = Some("other.toml".into());
    assert_eq!(given.setting("server.port"), "5 from other.toml:2");
    given.sources.file = Some(given.folder.path().join("other.toml"));
    assert_eq!(given.config().server.port, 5);
    given.sources.file = Some("missing.toml".into());
    assert!(given.mistakes().contains("missing.toml:1: cannot be read"));
}

#[test]
fn secrets_can_be_kept_in_files_of_their_own() {
    let files = [
        ("secret", &*format!("{SECRET}\n")),
        ("url", "postgres://me:pw@db/switchboard\r\n"),
        ("switchboard.toml", "[[livekit]]\napi_secret_file = \"secret\"\n"),
    ];
    let from_toml = given(&files, &[("DATABASE_URL_FILE", "url")]);
    let config = from_toml.config();
    assert_eq!(config.livekit[0].api_secret.as_ref().expect("a secret").expose_secret(), SECRET);
    assert_eq!(config.database.url.expose(), "postgres://me:pw@db/switchboard");
    let setting = from_toml.setting("livekit.default.api_secret");
    assert_eq!(setting, "\"********\" from secret, named in switchboard.toml:2");
    let setting = from_toml.setting("database.url");
    assert_eq!(
        setting,
        "\"postgres://me:********@db/switchboard\" from url, named in environment (DATABASE_URL_FILE)"
    );

    for name in ["LIVEKIT_API_SECRET_FILE", "SWITCHBOARD_LIVEKIT__API_SECRET_FILE"] {
        let config = given(&files[..1], &[(name, "secret")]).config();
        assert_eq!(config.livekit[0].api_secret.as_ref().expect("a secret").expose_secret(), SECRET);
    }
    let higher = given(&files, &[("LIVEKIT_API_SECRET", "b-secret-that-nobody-may-ever-see-2")]);
    let secret = higher.config().livekit[0].api_secret.clone().expect("a secret");
    assert_eq!(
        secret.expose_secret(),
        "b-secret-that-nobody-may-ever-see-2",
        "a higher layer wins in either form"
    );
}

#[test]
fn several_projects_can_be_named_and_the_default_comes_first() {
    let toml = "[[livekit]]\nproject = \"eu-1\"\nurl = \"wss://eu.example.com\"\napi_key = \"k1\"\n\n\
                [[livekit]]\nurl = \"wss://us.example.com\"\napi_key = \"k2\"\ntimeout = \"1s\"\n";
    let own = [("SWITCHBOARD_LIVEKIT__EU_1__API_SECRET", SECRET), ("LIVEKIT_API_SECRET", SECRET)];
    let config = given(&[("switchboard.toml", toml)], &own).config();
    let names: Vec<&str> = config.livekit.iter().map(|project| project.project.as_str()).collect();
    assert_eq!(names, ["default", "eu-1"]);
    assert!(config.livekit.iter().all(|project| project.api().is_some()));
    assert_eq!(config.default_project().expect("one").timeout, Duration::from_secs(1));
    assert_eq!(config.project("eu-1").expect("one").url.as_deref(), Some("wss://eu.example.com"));

    let one = file("[livekit]\nproject = \"eu\"\napi_secret = \"s\"\n").config();
    assert_eq!(one.default_project().expect("the only one").project, "eu", "[livekit] will do for one");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_a_way_out() {
    let toml = r#"
port = 80
livekit = 3

[server]
prot = 8080
port = "80"
listen = "localhost"
max_in_flight = 0
ask_timeout = 2

[databse]
url = "file:./x.db"

[database]
url = "mysql://root:hunter2@db/x"
timeout = "1 week"

[calls]
answer_timeout = "30s"
reconcile_every = "100ms"

[numbers]
default_region = "Atlantis"

[log]
format = "xml"
level = "loud"
"#;
    let dot_env = "SWITCHBOARD_SERVER__PROT=1\nTWILIO_AUTH_TOKEN=\"hunter2\n";
    let variables = [
        ("LIVEKIT_URL", "ftp://example.com"),
        ("LIVEKIT_API_KEY", "your_api_key"),
        ("TWILIO_ACCOUNT_SID", "AC12"),
        ("SWITCHBOARD_CALLS__GIVE_UP_AFTR", "1s"),
        ("SWITCHBOARD_METRICS__ENABLED", "maybe"),
        ("LIVEKIT_API_SECRET_FILE", "nowhere"),
        ("SWITCHBOARD_SERVER_PORT", "8080"),
    ];
    let told = given(&[("switchboard.toml", toml), (".env", dot_env)], &variables).mistakes();
    assert_snapshot!(told, @r#"
    the configuration has 22 mistakes:
      switchboard.toml:2: there is no setting port; did you mean server.port?
      switchboard.toml:3: livekit must be written as [[livekit]], with lines below it
      switchboard.toml:7: server.port is "80"; it must be a port, a number from 0 to 65535
      switchboard.toml:8: server.listen is "localhost"; it must be an IP address without a port, like "127.0.0.1", "0.0.0.0" or "::"
      switchboard.toml:9: server.max_in_flight is 0; it must be a number from 1 to 1000000, without quotes
      switchboard.toml:10: server.ask_timeout is 2; it must be a time with its unit, in quotes, like "500ms", "10s", "5m", "1h" or "30d"
      switchboard.toml:13: there is no setting databse.url; did you mean database.url?
      switchboard.toml:16: database.url must begin with file:, sqlite:, postgres:// or postgresql://
      switchboard.toml:17: database.timeout is "1 week"; it must be a time with its unit, in quotes, like "500ms", "10s", "5m", "1h" or "30d"
      switchboard.toml:20: calls.give_up_after must be longer than calls.answer_timeout; they are 25s (default) and 30s (switchboard.toml:20)
      switchboard.toml:21: calls.reconcile_every must be at least 1s: each time costs LiveKit a listing of its rooms
      switchboard.toml:24: numbers.default_region is "ATLANTIS"; it must be the two letters of a country (ISO 3166), like "US"
      switchboard.toml:27: log.format is "xml"; it must be "auto", "text" or "json"
      switchboard.toml:28: log.level is "loud"; it must be "error", "warn", "info", "debug" or "trace", also per module: "info,switchboard::db=debug"
      .env:1 (SWITCHBOARD_SERVER__PROT): there is no setting server.prot; did you mean PORT?
      .env:2 (TWILIO_AUTH_TOKEN): the value has no closing quote; add it
      environment (LIVEKIT_API_KEY): livekit.default.api_key still holds the placeholder of an example; write your own or remove the line
      environment (LIVEKIT_URL): livekit.default.url must be like wss://example.livekit.cloud or http://127.0.0.1:7880
      environment (SWITCHBOARD_CALLS__GIVE_UP_AFTR): there is no setting calls.give_up_aftr; did you mean SWITCHBOARD_CALLS__GIVE_UP_AFTER?
      environment (SWITCHBOARD_METRICS__ENABLED): metrics.enabled is "maybe"; it must be true or false, without quotes
      environment (TWILIO_ACCOUNT_SID): twilio.account_sid must be AC and 32 more characters; Twilio's console shows it
      nowhere, named in environment (LIVEKIT_API_SECRET_FILE): cannot be read: No such file or directory (os error 2); it must hold livekit.default.api_secret and nothing else
    "#);
    assert!(!told.contains("hunter2"));
}

#[test]
fn a_file_that_is_no_toml_is_told_by_line_without_its_text() {
    let told = file("[server]\nport = 3000\n\n[twilio]\nauth_token = hunter2 \"x\n").mistakes();
    assert!(told.contains("switchboard.toml:5: is not TOML"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn settings_must_fit_together() {
    let told = |toml: &str| file(toml).mistakes();
    assert_snapshot!(told("[calls]\ngive_up_after = \"8s\"\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: calls.give_up_after must be longer than calls.answer_timeout; they are 8s (switchboard.toml:2) and 10s (default)
    "#);
    assert_snapshot!(told("[calls]\nanswer_timeout = \"30s\"\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: calls.give_up_after must be longer than calls.answer_timeout; they are 25s (default) and 30s (switchboard.toml:2)
    "#);
    assert_snapshot!(told("[server]\nport = 9464\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: metrics.listen must have another port than server.port; they are 127.0.0.1:9464 (default) and 9464 (switchboard.toml:2)
    "#);
    assert_snapshot!(told("[server]\nask_timeout = \"10s\"\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: server.ask_timeout must be shorter than 10s: that is when gateways give up
    "#);
    assert_snapshot!(told("[[livekit]]\nurl = \"wss://a.example.com\"\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: livekit.default.url is of no use without livekit.default.api_key; set LIVEKIT_API_KEY too
    "#);
    assert_snapshot!(told("[[livekit]]\napi_key = \"k\"\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: livekit.default.api_key is of no use without livekit.default.api_secret; set LIVEKIT_API_SECRET too
    "#);
    assert_snapshot!(told("[[livekit]]\nurl = \"wss://u:p@a.example.com\"\napi_key = \"k\"\napi_secret = \"s\"\n"), @r#"
    the configuration has a mistake:
      switchboard.toml:2: livekit.default.url must not hold a password; key and secret have settings of their own
    "#);
    assert_snapshot!(told("[[livekit]]\n[[livekit]]\n[[livekit]]\nproject = \"EU west\"\n"), @r#"
    the configuration has 2 mistakes:
      switchboard.toml:2: there are two [[livekit]] of project "default"; give one another name
      switchboard.toml:4: project must be a name of small letters, digits, - and _, in quotes
    "#);
    assert_snapshot!(told("[[livekit]]\napi_secret = \"s\"\napi_secret_file = \"f\"\n"), @r#"
    the configuration has 2 mistakes:
      switchboard.toml:3: livekit.default.api_secret_file and livekit.default.api_secret are both given (switchboard.toml:2); remove one
      f, named in switchboard.toml:3: cannot be read: No such file or directory (os error 2); it must hold livekit.default.api_secret and nothing else
    "#);
    assert_snapshot!(
        told("[[livekit]]\napi_key = \"k\"\napi_secret = \"s\"\n[[livekit]]\nproject = \"b\"\napi_key = \"k\"\napi_secret = \"s\"\n"),
        @r#"
        the configuration has a mistake:
          switchboard.toml:6: livekit.b.api_key is also the key of project "default"; give each its own
        "#
    );
}

#[test]
fn databases_are_files_or_postgresql() {
    let url = |url: &str| variables(&[("DATABASE_URL", url)]);
    for right in
        ["file:./dev.db", "sqlite:dev.db", "sqlite:///var/lib/x.db", "postgres://h/d", "postgresql://u:p@h/d"]
    {
        assert_eq!(url(right).config().database.url.expose(), right);
    }
    for wrong in
        ["sqlite::memory:", "file:", "sqlite://", "mysql://h/d", "dev.db", "postgres:", "host=h user=u"]
    {
        assert!(url(wrong).mistakes().contains("environment (DATABASE_URL): database.url must"), "{wrong}");
    }
    for (given, shown) in [
        ("postgres://u:p:w@h:5432/d?sslmode=require&password=x", "postgres://u:********@h:5432/d"),
        ("postgres://u@h/d", "postgres://u@h/d"),
        ("postgres://h/d", "postgres://h/d"),
        ("file:./x.db?key=secret", "file:./x.db"),
    ] {
        let url = DatabaseUrl::from(given);
        assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
    }
}

#[test]
fn durations_have_units() {
    let read = |text: &str| variables(&[("SWITCHBOARD_CALLS__UNHEARD_AFTER", text)]);
    for (text, seconds, shown) in [
        ("90s", 90, "1m30s"),
        ("1h30m", 5400, "1h30m"),
        ("1h 30m", 5400, "1h30m"),
        ("2d", 172_800, "2d"),
        ("90000ms", 90, "1m30s"),
    ] {
        assert_eq!(read(text).config().calls.unheard_after, Duration::from_secs(seconds), "{text}");
        assert!(read(text).setting("calls.unheard_after").starts_with(&format!("\"{shown}\"")), "{text}");
    }
    for wrong in ["90", "s", "-1s", "1.5h", "1 hour", "0s", "99999999999999999999d", "9999999d", "1h30"] {
        assert!(read(wrong).mistakes().contains("calls.unheard_after"), "{wrong}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let given = given_project(&[
        ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"),
        ("TWILIO_AUTH_TOKEN", SECRET),
        ("SWITCHBOARD_AUTH__SIGNING_SECRET", SECRET),
        ("DATABASE_URL", &format!("postgres://me:{SECRET}@db/x?password={SECRET}")),
    ]);
    let loaded = given.loaded();
    let shown = serde_json::to_string(&loaded.settings).expect("JSON");
    for shown in [format!("{loaded:?}"), shown, loaded.hints.join("\n")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    let secrets: Vec<&str> = loaded.settings.iter().filter(|one| one.secret).map(|one| &*one.key).collect();
    assert_eq!(
        secrets,
        [
            "database.url",
            "livekit.default.api_secret",
            "auth.signing_secret",
            "twilio.auth_token",
            "twilio.api_secret"
        ]
    );
}

#[test]
fn a_webhook_is_kept_longer_than_it_is_tried_and_tried_for_a_minute_at_most() {
    for (name, value, says) in [
        ("TIMEOUT", "61s", "outgoing_webhooks.timeout must be from 1s to 60s"),
        ("TIMEOUT", "999ms", "outgoing_webhooks.timeout must be from 1s to 60s"),
        ("KEEP", "95h", "outgoing_webhooks.keep must be at least 4d"),
    ] {
        let mistakes = variables(&[(&format!("SWITCHBOARD_OUTGOING_WEBHOOKS__{name}"), value)]).mistakes();
        assert!(mistakes.contains(says), "{mistakes}");
    }
    let allowed = variables(&[("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true")]).loaded();
    assert!(allowed.hints.iter().any(|hint| hint.starts_with("outgoing_webhooks.allow_private is true: ")));
}

#[test]
fn what_is_probably_not_meant_is_hinted_at() {
    assert_snapshot!(variables(&[("SWITCHBOARD_SERVER_PORT", "1"), ("SWITCHBOARD_SERVICE_HOST", "h")]).loaded().hints.join("\n"), @r#"
    SWITCHBOARD_SERVER_PORT is ignored; for the setting server.port write SWITCHBOARD_SERVER__PORT
    LIVEKIT_API_SECRET is not set: every webhook will be refused, since none can be checked
    "#);
    assert_snapshot!(variables(&[("SWITCHBOARD_WEBHOOKS__ALLOW_UNSIGNED", "1"), ("LIVEKIT_API_SECRET", "short")]).loaded().hints.join("\n"), @r#"
    livekit.default.api_secret is shorter than 32 characters: fit for tests, easily guessed elsewhere
    livekit.default.url is not set: who asks is answered, but no agent is dispatched through LiveKit project "default"
    webhooks.allow_unsigned is true: anybody who reaches this server can place and end calls
    "#);
    assert_snapshot!(given(&[(".env", "hello\nPORT=1\n")], &[("LIVEKIT_API_SECRET", SECRET)]).loaded().hints.join("\n"), @r#"
    .env:1 is skipped: it is not NAME=value
    livekit.default.url is not set: who asks is answered, but no agent is dispatched through LiveKit project "default"
    "#);
    assert!(given_project(&[]).loaded().hints.is_empty());
}

#[test]
fn settings_are_listed_in_the_order_of_the_default_file() {
    let given = file(&all_made_real());
    let lines: Vec<usize> = given
        .loaded()
        .settings
        .iter()
        .map(|setting| match &setting.origin {
            Some(Origin::File { path, line }) if path == Path::new("switchboard.toml") => *line,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(lines.is_sorted());
}

proptest::proptest! {
    #[test]
    fn no_file_whatever_it_holds_makes_loading_panic(
        toml in "(\\[{0,2}(server|livekit|log|x)\\]{0,2}\n|(port|level|project|url|a.b) ?= ?(-?[0-9]{0,20}|\"\\PC{0,6}\"|\\[\\]|\\PC{0,9})\n){0,6}",
        dot_env in "((export )?(PORT|RUST_LOG|LIVEKIT_URL|SWITCHBOARD_[A-Z_]{0,9}|\\PC{0,3}) ?= ?[\"'`]?\\PC{0,9}[\"'`]?\r?\n?){0,6}",
    ) {
        let given = given(&[("switchboard.toml", &toml), (".env", &dot_env)], &[]);
        let told = match Config::load(&given.sources) {
            Ok(loaded) => format!("{:?}", loaded.hints),
            Err(mistakes) => mistakes.to_string(),
        };
        proptest::prop_assert!(!told.contains("\n\n"), "{}", told);
    }
}
