//! Wake-ups between transactions and processes.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

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

/// Whom the engines tell; none is the end.
#[derive(Clone)]
pub(super) struct Notifier(broadcast::Sender<Option<Notice>>);

impl Notifier {
    pub(super) fn new() -> Notifier {
        Notifier(broadcast::Sender::new(256))
    }

    pub(super) fn subscribe(&self) -> Notices {
        Notices(self.0.subscribe())
    }

    /// Nobody listening is no failure.
    pub(super) fn tell(&self, notice: Notice) {
        let _ = self.0.send(Some(notice));
    }

    pub(super) fn end(&self) {
        let _ = self.0.send(None);
    }

    pub(super) fn topic(&self, topic: &str) {
        self.tell(Notice::Topic(topic.into()));
    }
}
