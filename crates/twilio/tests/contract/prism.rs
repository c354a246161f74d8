//! Prism, which serves Twilio's description: alone, or in front of the pretend Twilio, where it holds both what is
//! asked and what is answered against it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use twilio::Hosts;

/// Twilio's descriptions are large, and the machine may be busy.
const STARTING: Duration = Duration::from_secs(120);

/// Three of them at a time are enough for a small machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// A running Prism. It ends when dropped.
pub(crate) struct Prism {
    pub(crate) url: String,
    _child: Child,
    _hearing: JoinSet<()>,
}

/// One for each of Twilio's hosts.
pub(crate) struct Prisms {
    core: Prism,
    trunking: Prism,
    monitor: Prism,
    _turn: MutexGuard<'static, ()>,
}

impl Prisms {
    /// Alone if there is nothing behind them.
    pub(crate) async fn start(contract: &Path, behind: Option<&str>) -> Self {
        let turn = TURN.lock().await;
        let start = |name: &'static str| Prism::start(contract, name, behind);
        let (core, trunking, monitor) =
            tokio::join!(start("api_v2010"), start("trunking_v1"), start("monitor_v1"));
        Self { core, trunking, monitor, _turn: turn }
    }

    pub(crate) fn hosts(&self) -> Hosts {
        Hosts::new(&self.core.url, &self.trunking.url, &self.monitor.url).expect("hosts")
    }
}

impl Prism {
    async fn start(contract: &Path, name: &str, behind: Option<&str>) -> Self {
        let port = free_port().await;
        let mut command = Command::new(contract.join("node_modules/.bin/prism"));
        command.arg(if behind.is_some() { "proxy" } else { "mock" });
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--errors"]);
        command.arg(contract.join(format!("twilio_{name}.json"))).args(behind);
        command.env("NO_PROXY", "*").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.kill_on_drop(true).spawn().expect("Prism starts");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let listening = async {
            while let Some(line) = said.next_line().await.expect("text") {
                if line.contains("Prism is listening") {
                    return;
                }
            }
            panic!("Prism ended before it listened");
        };
        tokio::time::timeout(STARTING, listening).await.expect("Prism listens");
        // What is not read would stop it in the end.
        let mut hearing = JoinSet::new();
        hearing.spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Self { url: format!("http://127.0.0.1:{port}"), _child: child, _hearing: hearing }
    }
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").port()
}
