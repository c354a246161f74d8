//! A livekit-server of a test's own with its redis, on loopback, that keep nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{fs, thread};

use livekit::{Client, Credentials, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::installed;

const KEY: &str = "devkey";
const SECRET: &str = "at-least-32-characters-secret-000000";
const STARTS_WITHIN: Duration = Duration::from_secs(20);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The shell ends the server when its own stdin closes, so that none is left when the test process is killed.
const KEEPER: &str = r#"trap '' INT TERM HUP; exec 3<&0
"$@" </dev/null 3<&- & server=$!
(cat <&3 >/dev/null; kill -9 $server) &
wait $server"#;

/// A process that ends, with what it wrote, when it is dropped.
struct Server {
    process: Child,
    dir: TempDir,
}

impl Server {
    fn spawn(program: &Path, args: &[&str], dir: TempDir) -> Self {
        let log = File::create(dir.path().join("log")).expect("a log file");
        let process = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(program)
            .args(args)
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("a shell");
        Self { process, dir }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Whether its log came to have those words.
    async fn says(&mut self, words: &str) -> bool {
        let began = Instant::now();
        while began.elapsed() < STARTS_WITHIN {
            if self.log().contains(words) {
                return true;
            }
            if self.has_ended() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().ok();
        if thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!("the server's last lines, backwards:\n{}", last.join("\n"));
        }
    }
}

/// A LiveKit with a SIP API, or one without redis, which has none.
pub(crate) struct LiveKit {
    url: String,
    _livekit: Server,
    _redis: Option<Server>,
}

impl LiveKit {
    /// None: it is not installed, and the test that asked for it is skipped.
    pub(crate) async fn start() -> Option<Self> {
        let (livekit, redis) = programs()?;
        let (redis, port) = start_redis(&redis).await;
        Some(Self::start_with(&livekit, Some((redis, port))).await)
    }

    /// As `start`, without redis.
    pub(crate) async fn start_without_redis() -> Option<Self> {
        let (livekit, _) = programs()?;
        Some(Self::start_with(&livekit, None).await)
    }

    async fn start_with(program: &Path, redis: Option<(Server, u16)>) -> Self {
        let (redis, redis_port) = redis.unzip();
        for _ in 0..5 {
            let port = free_port();
            let dir = tempfile::tempdir().expect("a temporary folder");
            let config = config(port, redis_port).to_string(); // JSON is YAML
            fs::write(dir.path().join("livekit.yaml"), config).expect("a config file");
            let mut livekit = Server::spawn(program, &["--config", "livekit.yaml"], dir);
            if livekit.says("starting LiveKit server").await {
                let started =
                    Self { url: format!("http://127.0.0.1:{port}"), _livekit: livekit, _redis: redis };
                started.listens().await;
                return started;
            }
        }
        panic!("livekit-server does not start");
    }

    /// Its log says that it starts just before it listens.
    async fn listens(&self) {
        let began = Instant::now();
        while matches!(self.client().sip_api().await, Err(livekit::Error::Unreachable { .. })) {
            assert!(began.elapsed() < STARTS_WITHIN, "livekit-server does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.url, SECRET)
    }

    pub(crate) fn client_with_a_wrong_secret(&self) -> Client {
        client(&self.url, "another-secret-of-more-than-32-characters")
    }
}

/// A client of whatever is at that URL.
pub(crate) fn client(url: &str, secret: &str) -> Client {
    let now = || i64::try_from(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros()).unwrap_or(i64::MAX);
    let options = Options::new(CALL_TIMEOUT, Arc::new(now));
    Client::new(url, Credentials::new(KEY, secret), options).expect("a client")
}

fn programs() -> Option<(std::path::PathBuf, std::path::PathBuf)> {
    let livekit = installed("LIVEKIT_SERVER_BIN", "livekit-server's SIP API")?;
    Some((livekit, installed("REDIS_SERVER_BIN", "redis for livekit-server's SIP API")?))
}

async fn start_redis(program: &Path) -> (Server, u16) {
    for _ in 0..5 {
        let port = free_port();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port_text = port.to_string();
        let args = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let mut redis = Server::spawn(program, &args, dir);
        if redis.says("Ready to accept connections").await {
            return (redis, port);
        }
    }
    panic!("redis does not start");
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

fn config(port: u16, redis: Option<u16>) -> Value {
    let mut config = json!({
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "rtc": {
            "udp_port": port + 1, "tcp_port": 0, "node_ip": "127.0.0.1", "use_external_ip": false,
            "enable_loopback_candidate": true, "interfaces": { "includes": ["lo"] },
        },
        "keys": { KEY: SECRET },
        "logging": { "level": "info" },
    });
    if let Some(redis) = redis {
        config["redis"] = json!({ "address": format!("127.0.0.1:{redis}") });
    }
    config
}

/// Something at a URL that answers every request with this status, once for each connection.
pub(crate) fn answering(status: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(&stream);
            let headers: Vec<String> =
                request.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let length = headers
                .iter()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            request.read_exact(&mut vec![0; length.unwrap_or_default()]).ok();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            (&stream).write_all(answer.as_bytes()).ok();
        }
    });
    url
}
