//! Wake-ups between transactions and processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// Something was committed that others may wait for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// A transaction called [`super::Tx::notify`] with this topic.
    Topic(Arc<str>),
    /// Anything may have happened: another process wrote to the SQLite file, the connection to PostgreSQL
    /// was down for a while, or the listener was too slow. Look at everything.
    Anything,
}

impl Notice {
    /// Whether one who waits for this topic should look.
    pub fn concerns(&self, topic: &str) -> bool {
        match self {
            Notice::Topic(named) => &**named == topic,
            Notice::Anything => true,
        }
    }
}

/// The notices since this was made.
pub struct Notices(broadcast::Receiver<Option<Notice>>);

impl Notices {
    /// The next notice; none when the database was closed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => notice,
            Err(RecvError::Lagged(_)) => Some(Notice::Anything),
            Err(RecvError::Closed) => None,
        }
    }

    /// Returns at the next notice that concerns this topic; false when the database was closed.
    pub async fn next_about(&mut self, topic: &str) -> bool {
        while let Some(notice) = self.next().await {
            if notice.concerns(topic) {
                return true;
            }
        }
        false
    }
}

/// Tells that this process committed something to the outbox; other processes' commits it does not tell of.
pub struct Commits(watch::Receiver<()>);

impl Commits {
    /// Returns once something was committed since this last returned. Dropping the future loses nothing.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The database was closed: there is nothing to wait for.
            std::future::pending::<()>().await;
        }
    }
}

/// Whom the engines tell; none is the end.
#[derive(Clone)]
pub(super) struct Notifier {
    notices: broadcast::Sender<Option<Notice>>,
    commits: watch::Sender<()>,
    access: Arc<AtomicU64>,
}

impl Notifier {
    pub(super) fn new() -> Notifier {
        Notifier {
            notices: broadcast::Sender::new(256),
            commits: watch::Sender::new(()),
            access: Arc::default(),
        }
    }

    pub(super) fn subscribe(&self) -> Notices {
        Notices(self.notices.subscribe())
    }

    pub(super) fn commits(&self) -> Commits {
        Commits(self.commits.subscribe())
    }

    /// Something was committed to the outbox. Every call does that: it costs next to nothing.
    pub(super) fn committed_change(&self) {
        self.commits.send_replace(());
    }

    /// Who may do what has changed. To be told before whoever changed it gets the answer.
    pub(super) fn access_changed(&self) {
        self.access.fetch_add(1, Ordering::SeqCst);
    }

    /// Another number after each [`Self::access_changed`].
    pub(super) fn access_version(&self) -> u64 {
        self.access.load(Ordering::SeqCst)
    }

    /// Nobody listening is no failure.
    pub(super) fn tell(&self, notice: Notice) {
        let _ = self.notices.send(Some(notice));
    }

    pub(super) fn end(&self) {
        let _ = self.notices.send(None);
    }

    pub(super) fn topic(&self, topic: &str) {
        self.tell(Notice::Topic(topic.into()));
    }
}
