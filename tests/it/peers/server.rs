//! A real livekit-server of a test's own, on loopback, and what a test asks it by its HTTP API.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Once};
use std::time::{Duration, Instant};
use std::{fs, thread};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many tests as there are processors in the smallest machine these tests must pass on: real media
/// is late, and so are its events, when more calls run than that.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(SIDE_BY_SIDE as usize)));
const SIDE_BY_SIDE: u32 = 2;

const KEY: &str = "devkey";
const SECRET: &str = "at-least-32-characters-secret-000000";
const LOG: &str = "livekit.log";
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Ends, with everything in it, when it is dropped.
pub(crate) struct RealLiveKit {
    pub(crate) url: String,
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
    pub(super) python: PathBuf,
    http: reqwest::Client,
    process: Child,
    dir: TempDir,
    _redis: Option<Redis>,
    _turn: OwnedSemaphorePermit,
}

impl RealLiveKit {
    /// Starts a server that posts its webhooks to `webhook_urls`. None: it is not installed, and the
    /// test that asked for it is skipped.
    pub(crate) async fn start(webhook_urls: &[&str]) -> Option<RealLiveKit> {
        RealLiveKit::start_in_turn(webhook_urls, 1, None).await
    }

    /// As `start`, with a SIP API: livekit-server serves it where it has a redis.
    pub(crate) async fn start_with_sip(webhook_urls: &[&str]) -> Option<RealLiveKit> {
        let redis = Redis::start().await?;
        RealLiveKit::start_in_turn(webhook_urls, 1, Some(redis)).await
    }

    /// As `start`, while no other test has a server: for one that needs the whole machine.
    pub(crate) async fn start_alone(webhook_urls: &[&str]) -> Option<RealLiveKit> {
        RealLiveKit::start_in_turn(webhook_urls, SIDE_BY_SIDE, None).await
    }

    /// Both: with a SIP API, while no other test has a server.
    pub(crate) async fn start_alone_with_sip(webhook_urls: &[&str]) -> Option<RealLiveKit> {
        let redis = Redis::start().await?;
        RealLiveKit::start_in_turn(webhook_urls, SIDE_BY_SIDE, Some(redis)).await
    }

    async fn start_in_turn(webhook_urls: &[&str], turns: u32, redis: Option<Redis>) -> Option<RealLiveKit> {
        let installed = super::installed()?;
        let turn = TURNS.clone().acquire_many_owned(turns).await.expect("turns are never closed");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let http = http_client();
        for _ in 0..5 {
            let port = free_port();
            let config = config(port, webhook_urls, redis.as_ref());
            fs::write(dir.path().join("livekit.yaml"), config).expect("a config file");
            let mut process =
                spawn(&installed.livekit_server, &["--config", "livekit.yaml"], (dir.path(), LOG));
            let url = format!("http://127.0.0.1:{port}");
            if answers(&http, &url, &mut process, dir.path()).await {
                let python = installed.python;
                return Some(RealLiveKit {
                    url,
                    key: KEY,
                    secret: SECRET,
                    python,
                    http,
                    process,
                    dir,
                    _redis: redis,
                    _turn: turn,
                });
            }
            stop(&mut process);
        }
        panic!("livekit-server does not start:\n{}", log_end(dir.path(), 20));
    }

    /// Calls a method of LiveKit's HTTP API with a token that grants `grants`.
    ///
    /// # Errors
    /// The status and body of any answer but 200.
    pub(crate) async fn twirp(
        &self,
        method: &str,
        grants: Value,
        body: Value,
    ) -> Result<Value, (u16, String)> {
        self.call(method, "video", &grants, body).await
    }

    /// Calls a method of its SIP API, as somebody who may do everything with it.
    pub(crate) async fn sip(&self, method: &str, body: Value) -> Value {
        let answer = self.call(&format!("SIP/{method}"), "sip", &json!({"admin": true}), body).await;
        answer.unwrap_or_else(|(status, text)| panic!("{method}: {status} {text}"))
    }

    async fn call(
        &self,
        method: &str,
        kind: &str,
        grants: &Value,
        body: Value,
    ) -> Result<Value, (u16, String)> {
        let token = token(kind, grants);
        let url = format!("{}/twirp/livekit.{method}", self.url);
        let answer = self.http.post(url).bearer_auth(token).json(&body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        if status == 200 { Ok(serde_json::from_str(&text).expect("JSON")) } else { Err((status, text)) }
    }

    async fn of_room(&self, method: &str, room: &str, mut body: Value) -> Result<Value, (u16, String)> {
        body["room"] = room.into();
        self.twirp(method, json!({"roomAdmin": true, "roomCreate": true, "room": room}), body).await
    }

    /// Sends an agent as an operator would, past Switchboard.
    pub(crate) async fn dispatch(&self, room: &str, agent: &str, metadata: &str) -> Value {
        let attributes = json!({"sent_by": "hand"});
        let body = json!({"agent_name": agent, "metadata": metadata, "attributes": attributes});
        self.of_room("AgentDispatchService/CreateDispatch", room, body).await.expect("a dispatch")
    }

    /// The dispatches of a room, without the nameless one that livekit-server makes for itself.
    pub(crate) async fn dispatches(&self, room: &str) -> Vec<Value> {
        let answer = self.of_room("AgentDispatchService/ListDispatch", room, json!({})).await;
        let listed = answer.map_or_else(|_| Vec::new(), |mut all| list(all["agent_dispatches"].take()));
        listed.into_iter().filter(|dispatch| dispatch["agent_name"] != "").collect()
    }

    pub(crate) async fn rooms(&self) -> Vec<Value> {
        let answer = self.twirp("RoomService/ListRooms", json!({"roomList": true}), json!({})).await;
        list(answer.expect("the rooms")["rooms"].take())
    }

    /// Who is in a room; nobody when there is no such room.
    pub(crate) async fn participants(&self, room: &str) -> Vec<Value> {
        let answer = self.of_room("RoomService/ListParticipants", room, json!({})).await;
        answer.map_or_else(|_| Vec::new(), |mut all| list(all["participants"].take()))
    }

    /// The identities of the agents in a room.
    pub(crate) async fn agents(&self, room: &str) -> Vec<String> {
        let agents = self.participants(room).await.into_iter().filter(|one| one["kind"] == "AGENT");
        agents.map(|one| one["identity"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) async fn remove(&self, room: &str, identity: &str) {
        let body = json!({"identity": identity});
        self.of_room("RoomService/RemoveParticipant", room, body).await.expect("the participant is removed");
    }

    pub(crate) async fn delete_room(&self, room: &str) {
        self.of_room("RoomService/DeleteRoom", room, json!({})).await.expect("the room is deleted");
    }
}

impl Drop for RealLiveKit {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("livekit-server's last lines:\n{}", log_end(self.dir.path(), 40));
        }
        stop(&mut self.process);
    }
}

/// An HTTP client for loopback; reqwest wants a TLS provider even for plain HTTP.
pub(crate) fn http_client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().ok();
    });
    reqwest::Client::builder().no_proxy().build().expect("an HTTP client")
}

/// A token that never runs out, so that it needs no clock.
fn token(kind: &str, grants: &Value) -> String {
    let claims = json!({"iss": KEY, "exp": u32::MAX, kind: grants});
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key does");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// A port that is free for TCP and for the UDP port after it; somebody else may take it before the server does.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = tcp.local_addr().expect("an address").port();
        if port < u16::MAX && UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

/// All media goes through one UDP port, so that servers side by side cannot share a range by accident.
fn config(port: u16, webhook_urls: &[&str], redis: Option<&Redis>) -> String {
    let mut config = json!({
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "rtc": {
            "udp_port": port + 1, "tcp_port": 0, "node_ip": "127.0.0.1", "use_external_ip": false,
            "enable_loopback_candidate": true, "interfaces": {"includes": ["lo"]},
        },
        "keys": {KEY: SECRET},
        "room": {"departure_timeout": 5},
        "webhook": {"api_key": KEY, "urls": webhook_urls},
        "logging": {"level": "info"},
    });
    if let Some(redis) = redis {
        config["redis"] = json!({"address": format!("127.0.0.1:{}", redis.port)});
    }
    config.to_string() // JSON is YAML
}

/// The shell ends the server when its own stdin closes, so that none is left when the test process is killed.
/// It minds no signal: livekit-server would let its rooms come to an end first.
const KEEPER: &str = r#"trap '' INT TERM HUP; exec 3<&0
"$@" </dev/null 3<&- & server=$!
(cat <&3 >/dev/null; kill -9 $server) &
wait $server"#;

fn spawn(program: &Path, args: &[&str], (dir, log): (&Path, &str)) -> Child {
    let log = File::create(dir.join(log)).expect("a log file");
    Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("a shell")
}

/// A redis of a test's own, which keeps nothing.
struct Redis {
    port: u16,
    process: Child,
    _dir: TempDir,
}

impl Redis {
    /// None: it is not installed, and the test that asked for it is skipped.
    async fn start() -> Option<Redis> {
        let program = std::env::var_os("REDIS_SERVER_BIN").filter(|place| !place.is_empty());
        let Some(program) = program else {
            super::skipped("redis for livekit-server's SIP API: run ./test");
            return None;
        };
        for _ in 0..5 {
            let (port, dir) = (free_port(), tempfile::tempdir().expect("a temporary folder"));
            let text = port.to_string();
            let args = ["--port", &text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
            let mut process = spawn(Path::new(&program), &args, (dir.path(), LOG));
            let began = Instant::now();
            while began.elapsed() < STARTS_WITHIN && matches!(process.try_wait(), Ok(None)) {
                if log_end(dir.path(), usize::MAX).contains("Ready to accept connections") {
                    return Some(Redis { port, process, _dir: dir });
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop(&mut process);
        }
        panic!("redis does not start");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

fn stop(process: &mut Child) {
    drop(process.stdin.take());
    process.wait().ok();
}

/// Whether the server came up; the log tells ours from another one that has taken the port.
async fn answers(http: &reqwest::Client, url: &str, process: &mut Child, dir: &Path) -> bool {
    let began = Instant::now();
    while began.elapsed() < STARTS_WITHIN {
        let up = http.get(url).send().await.is_ok_and(|answer| answer.status().is_success());
        if up && log_end(dir, usize::MAX).contains("starting LiveKit server") {
            return true;
        }
        if matches!(process.try_wait(), Ok(Some(_)) | Err(_)) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

fn log_end(dir: &Path, lines: usize) -> String {
    let log = fs::read_to_string(dir.join(LOG)).unwrap_or_default();
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
