//! What was answered is on disk: a process that writes is killed, and every answer it gave is looked for.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const ADDRESS: &str = "SWITCHBOARD_TEST_WRITES_UNTIL_KILLED";

/// The process that is killed is this test again, told by its environment what to write to.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_answered_is_lost_when_the_process_is_killed() {
    if let Ok(url) = std::env::var(ADDRESS) {
        return write_until_killed(&url).await;
    }
    for fresh in Fresh::both(|_| ()).await {
        let name = "db::tests::killed::nothing_answered_is_lost_when_the_process_is_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(ADDRESS, &fresh.options.url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answered = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            answered.extend(line.strip_prefix("answered ").map(str::to_owned));
            if answered.len() == 300 {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success());
        assert!(answered.len() >= 300);
        let there = fresh.keys().await;
        let lost: Vec<_> = answered.iter().filter(|k| there.binary_search(k).is_err()).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

async fn write_until_killed(url: &str) {
    let db = Db::open(&Options::new(url)).unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let db = db.clone();
            background(async move {
                for i in 0.. {
                    let k = format!("{task}-{i}");
                    let key = k.clone();
                    db.write(move |tx| put(tx, &key)).await.unwrap();
                    writeln!(std::io::stdout(), "answered {k}").unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
