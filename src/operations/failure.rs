//! What an operation fails with, and how that is kept and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db;

/// Longer details are cut.
const LONGEST: usize = 2_000;

/// What an operation failed with. What it says is shown: no secret belongs into it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// As things are it cannot be done: says what to change.
    #[error("{0}")]
    Refused(String),
    /// LiveKit or Twilio did not do as told, or could not be reached; their words.
    #[error("{0}")]
    Upstream(String),
    /// The database has too much to do: it is tried again by itself.
    #[error("the database was busy")]
    Busy,
    /// Our fault: logged in full, and shown blank.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Failure {
        if error.is_retryable() { Failure::Busy } else { Failure::Internal(error.into()) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::Internal(error.into())
    }
}

/// Why an operation failed (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationProblem {
    /// For programs; never changes.
    pub r#type: String,
    /// The same for all problems of this type.
    pub title: String,
    /// The HTTP status that a request with this problem is answered with.
    pub status: u16,
    /// What to do about it.
    pub detail: String,
}

impl OperationProblem {
    fn new((word, title, status): (&str, &str, u16), detail: &str) -> OperationProblem {
        let mut short: String = detail.chars().take(LONGEST).collect();
        if short.len() < detail.len() {
            short.push('…');
        }
        let kind = format!("urn:switchboard:problem:{word}");
        OperationProblem { r#type: kind, title: title.to_owned(), status, detail: short }
    }

    /// How a failure is shown.
    pub fn of(failure: &Failure) -> OperationProblem {
        let detail = failure.to_string();
        match failure {
            Failure::Refused(_) => {
                OperationProblem::new(("conflict", "The request contradicts what is known", 409), &detail)
            }
            Failure::Upstream(_) => {
                OperationProblem::new(("upstream", "LiveKit or Twilio did not do it", 502), &detail)
            }
            Failure::Busy => {
                let detail = "the database was busy at every try: start it again later";
                OperationProblem::new(("busy", "Busy", 503), detail)
            }
            Failure::Internal(_) => {
                let detail = "the log says more under this operation's id";
                OperationProblem::new(("internal", "Something went wrong here", 500), detail)
            }
        }
    }

    /// Of one that every server broke off in which began it.
    pub fn abandoned(starts: i64) -> OperationProblem {
        let detail = format!(
            "the servers that ran it ended without finishing it, {starts} times: look into their logs, then start it again"
        );
        OperationProblem::new(("abandoned", "It was broken off too often", 500), &detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_failure_is_shown_blank_and_others_in_their_words() {
        let internal = Failure::Internal(anyhow::anyhow!("password=hunter2").context("opening"));
        let shown = OperationProblem::of(&internal);
        assert_eq!(shown.status, 500);
        assert!(!shown.detail.contains("hunter2") && !shown.detail.contains("opening"), "{shown:?}");
        let refused = OperationProblem::of(&Failure::Refused("create an agent first".to_owned()));
        assert_eq!((refused.status, refused.detail.as_str()), (409, "create an agent first"));
        let long = OperationProblem::of(&Failure::Upstream("é".repeat(5_000)));
        assert_eq!(long.detail.chars().count(), LONGEST + 1);
    }

    #[test]
    fn only_a_busy_database_is_worth_another_try() {
        assert!(matches!(Failure::from(db::Error::Busy), Failure::Busy));
        assert!(matches!(Failure::from(db::Error::Duplicate), Failure::Internal(_)));
    }
}
