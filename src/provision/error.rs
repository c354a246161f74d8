//! Why setting a trunk up, comparing it or taking it away comes to nothing.

use std::time::Duration;

use crate::db;

use super::lines::Shown;

/// Why it came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for cannot be done as it is: the text says what to do.
    #[error("{0}")]
    Cannot(String),
    /// Something is in the way: nothing was done.
    #[error("nothing was done: {}", first(.0))]
    Blocked(Box<Shown>),
    /// Another one is at it.
    #[error("another one is at work on this trunk: try again in {} s", .0.as_secs().max(1))]
    Busy(Duration),
    /// Twilio.
    #[error("{doing}: {source}")]
    Twilio {
        /// What was being done.
        doing: String,
        /// What Twilio said.
        source: twilio::Error,
    },
    /// LiveKit.
    #[error("{doing}: {source}")]
    LiveKit {
        /// What was being done.
        doing: String,
        /// What LiveKit said.
        source: livekit::Error,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Something, or why not.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(super) fn cannot(why: impl Into<String>) -> Error {
        Error::Cannot(why.into())
    }

    pub(super) fn twilio(doing: impl Into<String>) -> impl Fn(twilio::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Twilio { doing: doing.clone(), source }
    }

    pub(super) fn livekit(doing: impl Into<String>) -> impl Fn(livekit::Error) -> Error {
        let doing = doing.into();
        move |source| Error::LiveKit { doing: doing.clone(), source }
    }

    /// Whether it may well work a moment later, once it was looked how things stand.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Error::Twilio { source, .. } => source.outcome() != twilio::Outcome::Refused,
            Error::LiveKit { source, .. } => source.is_retryable() || source.may_have_happened(),
            _ => false,
        }
    }
}

fn first(plan: &Shown) -> String {
    plan.lines.first().map(ToString::to_string).unwrap_or_default()
}
