//! The tour of the API: the shell blocks of `docs/api.md`, one after the other in one shell and an empty folder, with the
//! program as it is built; what each prints is compared with the block that follows it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::examples::{Block, blocks, fits, matches};
use super::snippets::is_there;
use crate::app::{Place, Setup};
use crate::on_both_databases;
use crate::peers::skipped;

/// Stands before what a block prints.
const MARK: &str = "@@@ block";

/// The blocks as one script.
fn script(blocks: &[Block]) -> String {
    let mut text = String::from("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for (n, block) in blocks.iter().enumerate().filter(|(_, block)| block.info == "sh") {
        let _ = writeln!(text, "printf '\\n{MARK} {n}\\n'\n{}", block.text);
    }
    text
}

fn is_same(expected: &Block, printed: &str) -> bool {
    match (serde_json::from_str::<Value>(&expected.text), serde_json::from_str::<Value>(printed)) {
        (Ok(expected), Ok(printed)) => fits(&expected, &printed),
        _ => matches(expected.text.trim(), printed.trim()),
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

on_both_databases! {
    async fn the_tour_of_the_api_goes_as_it_says(setup: Setup) {
        if let Some(missing) = ["bash", "curl", "jq"].into_iter().find(|tool| !is_there(tool)) {
            return skipped(&format!("the tour of the API: no {missing}: run ./test"));
        }
        let Some(place) = Place::new(setup.engine).await else { return };
        let blocks = blocks("docs/api.md");
        let binaries = Path::new(env!("CARGO_BIN_EXE_switchboard")).parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut bash = Command::new("bash");
        bash.args(["-c", &script(&blocks)]).current_dir(place.folder()).env_clear().kill_on_drop(true);
        bash.env("PATH", format!("{}:{path}", binaries.display())).env("NO_PROXY", "*").env("TZ", "UTC");
        bash.env("DATABASE_URL", &place.url).env("PORT", free_port().to_string());
        bash.env("SWITCHBOARD_METRICS__ENABLED", "false").env("SWITCHBOARD_SERVER__LISTEN", "127.0.0.1");
        let run = bash.stdin(Stdio::null()).output();
        let ran = tokio::time::timeout(std::time::Duration::from_secs(120), run).await;
        let ran = ran.expect("it comes to its end").expect("bash is there");
        let (said, complaint) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "it broke off:\n{said}\n{complaint}");
        let mut compared = 0;
        for part in said.split(&format!("{MARK} ")).skip(1) {
            let (n, printed) = part.split_once('\n').expect("a mark is a line");
            let n: usize = n.parse().expect("a number");
            let Some(expected) = blocks.get(n + 1).filter(|block| block.info == "json" || block.info == "text") else { continue };
            assert!(is_same(expected, printed), "{}: it prints\n{printed}\n{complaint}", expected.place());
            compared += 1;
        }
        assert_eq!(compared, blocks.iter().filter(|block| block.info == "json" || block.info == "text").count());
    }
}
