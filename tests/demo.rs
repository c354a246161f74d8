//! The demo as a person starts it.

use std::process::{Command, Stdio};

/// The callers of all scenes, as the ledger's table prints them.
const CALLERS: std::ops::RangeInclusive<u16> = 101..=111;

#[test]
fn every_call_of_the_demo_ends_as_it_should_and_is_in_the_ledger() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.args(["demo", "--once", "--port", "0"]).stdin(Stdio::null());
    let output = command.current_dir(folder.path()).env_clear().env("TMPDIR", folder.path()).output();
    let output = output.expect("the program starts");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(out.contains("All 11 calls ended as they should."), "{out}");
    assert!(!out.contains('\u{1b}'), "no escape codes where nobody watches: {out}");

    let (calls, after) = out.split_once("The ledger").expect("a ledger");
    let (table, explained) = after.split_once("One call in full").expect("a call in full");
    for caller in CALLERS {
        let number = format!("+1 212-555-0{caller}");
        assert!(calls.contains(&number), "{number} was not seen to call: {calls}");
        assert_eq!(table.matches(&number).count(), 1, "{number} is in the ledger once: {table}");
    }
    for reason in ["agent_hung_up", "unknown_number", "campaign_full", "caller_gave_up", "ended"] {
        assert_eq!(table.matches(&format!("  {reason}")).count(), 1, "{reason}: {table}");
    }
    assert!(explained.contains("reminder-agent, the campaign's agent; reception stands in"), "{explained}");
    assert!(explained.contains("reception joined"), "{explained}");

    let left = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "the demo leaves nothing behind");
}
