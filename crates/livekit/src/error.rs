//! What a call to LiveKit can fail with, and whether it is safe to try again.

use crate::transfer::{self, Sip};

/// Why a call failed. Holds no token, secret or URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL given to [`Client::new`](crate::Client::new) cannot be used.
    #[error("LiveKit's URL {0}")]
    Url(&'static str),
    /// The HTTP client could not be set up.
    #[error("setting up the HTTP client: {0}")]
    Setup(String),
    /// LiveKit could not be reached: nothing was sent.
    #[error("{call}: LiveKit cannot be reached: {why}")]
    Unreachable {
        /// The Twirp method.
        call: &'static str,
        /// What the network said.
        why: String,
    },
    /// No answer in time; the request may have been carried out.
    #[error("{call}: LiveKit did not answer in time")]
    Timeout {
        /// The Twirp method.
        call: &'static str,
    },
    /// The connection broke after the request was sent; it may have been carried out.
    #[error("{call}: the connection to LiveKit broke: {why}")]
    Broken {
        /// The Twirp method.
        call: &'static str,
        /// What the network said.
        why: String,
    },
    /// LiveKit answered with an error.
    #[error("{call}: LiveKit answered {status} {code}: {message}")]
    Answered {
        /// The Twirp method.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// Twirp's code (`not_found`, `unauthenticated`…), or `http` where the answer was not Twirp's.
        code: String,
        /// Twirp's message.
        message: String,
        /// What the telephone network said, where it was asked.
        sip: Option<Box<Sip>>,
    },
    /// LiveKit answered 200 with something unreadable.
    #[error("{call}: LiveKit's answer cannot be read: {why}")]
    Unreadable {
        /// The Twirp method.
        call: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// The request may have been carried out although it failed (a timeout or a broken connection after
    /// sending, a 5xx): look before trying again. Never true of calls that only read.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Timeout { call } | Self::Broken { call, .. } | Self::Unreadable { call, .. } => {
                changes(call)
            }
            Self::Answered { call, status, code, message, sip } if *call == transfer::CALL => {
                transfer::may_have_happened(*status, code, message, sip.as_deref())
            }
            Self::Answered { call, status, .. } => *status >= 500 && changes(call),
            Self::Url(_) | Self::Setup(_) | Self::Unreachable { .. } => false,
        }
    }

    /// Trying the same again is safe and may help: it never reached LiveKit, LiveKit asked for patience (429),
    /// or it only reads.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            // A far end that is busy is a 429 as well.
            Self::Answered { status: 429, sip, .. } => sip.is_none(),
            Self::Answered { call, status, .. } => *status >= 500 && !changes(call),
            Self::Timeout { call } | Self::Broken { call, .. } => !changes(call),
            Self::Url(_) | Self::Setup(_) | Self::Unreadable { .. } => false,
        }
    }

    /// What the telephone network said, where LiveKit passes it on.
    pub fn sip(&self) -> Option<&Sip> {
        match self {
            Self::Answered { sip, .. } => sip.as_deref(),
            _ => None,
        }
    }

    /// LiveKit does not know what the call was about.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Answered { code, .. } if code == "not_found" => true,
            // What livekit-server says about the dispatches of a room that no node serves, after 3 s.
            Self::Answered { call, code, message, .. } => {
                call.ends_with("Dispatch")
                    && code == "unavailable"
                    && message.ends_with("no response from servers")
            }
            _ => false,
        }
    }
}

fn changes(call: &str) -> bool {
    !call.starts_with("List")
}
