//! A child process that is told things in JSON lines and tells of what happens in JSON lines.
//!
//! Its pipes are served by threads, so that one helper outlives the runtimes of the tests that share it.
//! A helper ends when its stdin closes, which the end of the test process brings about by itself.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::Late;

/// How many lines of a helper's complaints are kept for a failing test.
const COMPLAINTS: usize = 30;

pub(crate) struct Helper {
    child: Mutex<Child>,
    stdin: Mutex<Option<ChildStdin>>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    events: Mutex<Vec<Value>>,
    complaints: Mutex<VecDeque<String>>,
    grew: watch::Sender<()>,
    ended: watch::Sender<bool>,
}

impl Helper {
    pub(crate) fn start(command: &mut Command) -> Helper {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("a test peer starts");
        let heard = Arc::new(Heard::default());
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let listener = heard.clone();
        thread::spawn(move || listener.listen(out));
        let listener = heard.clone();
        thread::spawn(move || listener.note_complaints(err));
        let stdin = Mutex::new(child.stdin.take());
        Helper { child: Mutex::new(child), stdin, heard }
    }

    pub(crate) fn tell(&self, what: &Value) {
        let mut stdin = lock(&self.stdin);
        if let Some(stdin) = stdin.as_mut() {
            // One that is gone is found out by whoever awaits its next event.
            writeln!(stdin, "{what}").ok();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self.heard.ended.borrow()
    }

    /// The first event of the helper's life that `pick` picks, awaited if need be.
    pub(crate) async fn hear<T>(
        &self,
        within: Duration,
        what: &str,
        mut pick: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, Late> {
        let (mut grew, mut ended) = (self.heard.grew.subscribe(), self.heard.ended.subscribe());
        let mut read = 0;
        let listening = async {
            loop {
                grew.borrow_and_update();
                let over = *ended.borrow_and_update();
                let found = self.heard.after(&mut read, &mut pick);
                if found.is_some() || over {
                    return found;
                }
                tokio::select! { _ = grew.changed() => {}, _ = ended.changed() => {} }
            }
        };
        let found = tokio::time::timeout(within, listening).await.ok().flatten();
        found.ok_or_else(|| Late { what: what.into(), waited: within, last_words: self.heard.last_words() })
    }

    /// What has been heard so far that `pick` picks.
    pub(crate) fn heard<T>(&self, pick: impl FnMut(&Value) -> Option<T>) -> Vec<T> {
        lock(&self.heard.events).iter().filter_map(pick).collect()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        lock(&self.stdin).take();
        let mut child = lock(&self.child);
        // Closing its stdin ends it with all that it started; killing it would leave those.
        for _ in 0..100 {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        child.kill().ok();
        child.wait().ok();
    }
}

impl Heard {
    fn listen(&self, out: impl Read) {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(event) => lock(&self.events).push(event),
                Err(_) => self.complain(line),
            }
            self.grew.send_replace(());
        }
        self.ended.send_replace(true);
    }

    fn note_complaints(&self, err: impl Read) {
        BufReader::new(err).lines().map_while(Result::ok).for_each(|line| self.complain(line));
    }

    fn complain(&self, line: String) {
        let mut complaints = lock(&self.complaints);
        complaints.push_back(line);
        if complaints.len() > COMPLAINTS {
            complaints.pop_front();
        }
    }

    fn after<T>(&self, read: &mut usize, pick: &mut impl FnMut(&Value) -> Option<T>) -> Option<T> {
        let events = lock(&self.events);
        let found = events[*read..].iter().find_map(pick);
        *read = events.len();
        found
    }

    fn last_words(&self) -> String {
        let events = lock(&self.events);
        let told = events.iter().rev().take(COMPLAINTS).rev().map(Value::to_string);
        let complaints = lock(&self.complaints);
        let ended = if *self.ended.borrow() { "(it has ended)" } else { "(it runs)" };
        told.chain(complaints.iter().cloned()).chain([ended.to_owned()]).collect::<Vec<_>>().join("\n")
    }
}

/// A test that panicked while it held a lock has failed already; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
