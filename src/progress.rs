//! How far long work has got: shown as a bar by a command, kept with an operation by the server.

use std::sync::Arc;

use tokio::sync::watch;

/// How far something has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Pieces done.
    pub done: u64,
    /// Pieces there are, once that is known.
    pub total: Option<u64>,
    /// What is being done, in a few words.
    pub says: String,
}

/// Where long work says how far it has got. Clones tell the same listeners; with none it costs next to nothing.
#[derive(Clone, Debug)]
pub struct Progress(Arc<watch::Sender<Step>>);

impl Default for Progress {
    fn default() -> Self {
        Progress(Arc::new(watch::Sender::new(Step::default())))
    }
}

impl Progress {
    /// One that nobody listens to yet.
    pub fn new() -> Progress {
        Progress::default()
    }

    /// Follows it: the newest step, and each change from here on. Steps in between may be skipped.
    pub fn follow(&self) -> watch::Receiver<Step> {
        self.0.subscribe()
    }

    /// Another part of the work begins: what it is and how many pieces it has, if that is known.
    pub fn begin(&self, says: impl Into<String>, total: Option<u64>) {
        let says = says.into();
        self.0.send_modify(|step| *step = Step { done: 0, total, says });
    }

    /// So many pieces more are done.
    pub fn advance(&self, pieces: u64) {
        self.0.send_modify(|step| step.done = step.done.saturating_add(pieces));
    }

    /// How far it has got.
    pub fn now(&self) -> Step {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_follows_sees_the_newest_step() {
        let progress = Progress::new();
        let mut seen = progress.follow();
        progress.begin("reading", Some(3));
        progress.clone().advance(2);
        assert_eq!(
            seen.borrow_and_update().clone(),
            Step { done: 2, total: Some(3), says: "reading".to_owned() }
        );
        progress.begin("writing", None);
        assert!(seen.has_changed().unwrap());
        assert_eq!(progress.now(), Step { done: 0, total: None, says: "writing".to_owned() });
    }
}
