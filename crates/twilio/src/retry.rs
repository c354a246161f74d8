//! When a request is sent again by itself: on 429 always, which Twilio says was never processed; on anything unclear
//! only where it reads or deletes. Exponential backoff with full jitter, and never sooner than Twilio asks.

use std::time::Duration;

use crate::error::{Error, Outcome};
use crate::request::Verb;

/// How patient a client is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Retries {
    /// How often a request is sent again at most. 0: never.
    pub limit: u32,
    /// The longest wait before the first repeat. It doubles each time.
    pub first: Duration,
    /// The longest wait before any repeat.
    pub longest: Duration,
    /// How long a wait that Twilio asks for (`Retry-After`) is gone along with. The error of a longer one is given
    /// to the caller at once.
    pub patience: Duration,
}

impl Default for Retries {
    /// Five repeats, 0.2 s doubling up to 5 s; 30 s where Twilio asks for it.
    fn default() -> Self {
        Self {
            limit: 5,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

impl Retries {
    /// No repeats at all.
    pub fn none() -> Self {
        Self { limit: 0, ..Self::default() }
    }

    /// How long to wait before the request is sent again, or nothing if it is not. `random` is from 0 to 1.
    pub(crate) fn wait(&self, error: &Error, verb: Verb, repeats: u32, random: f64) -> Option<Duration> {
        if repeats >= self.limit || !may_repeat(error, verb) {
            return None;
        }
        let most = self.first.saturating_mul(2_u32.saturating_pow(repeats)).min(self.longest);
        let jitter = most.mul_f64(random.clamp(0.0, 1.0));
        match error.answer().and_then(|answer| answer.retry_after) {
            Some(asked) if asked > self.patience => None,
            Some(asked) => Some(asked + jitter),
            None => Some(jitter),
        }
    }
}

fn may_repeat(error: &Error, verb: Verb) -> bool {
    match error.outcome() {
        Outcome::NotProcessed => true,
        Outcome::Unknown => verb == Verb::Delete,
        Outcome::Refused => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::{Answer, Cause};
    use crate::request::Effect;

    fn failed(verb: Verb, status: u16, retry_after: Option<u64>) -> Error {
        let effect = match verb {
            Verb::Get => Effect::Reads,
            Verb::Post => Effect::Creates,
            Verb::Delete => Effect::Settles,
        };
        let retry_after = retry_after.map(Duration::from_secs);
        let answer = Answer { status, retry_after, ..Answer::default() };
        Error { call: "testing", effect, cause: Cause::Answered(Box::new(answer)) }
    }

    fn wait(verb: Verb, status: u16, retry_after: Option<u64>) -> Option<Duration> {
        Retries::default().wait(&failed(verb, status, retry_after), verb, 0, 1.0)
    }

    #[test]
    fn too_many_requests_is_repeated_whatever_was_asked_and_the_rest_only_where_it_makes_nothing() {
        for verb in [Verb::Get, Verb::Post, Verb::Delete] {
            assert_eq!(wait(verb, 429, None), Some(Duration::from_millis(200)));
            assert_eq!(wait(verb, 400, None), None);
            assert_eq!(wait(verb, 503, None).is_some(), verb != Verb::Post);
        }
    }

    #[test]
    fn no_repeat_comes_sooner_than_twilio_asks_and_none_after_a_wait_that_is_too_long() {
        assert_eq!(wait(Verb::Post, 429, Some(3)), Some(Duration::from_millis(3200)));
        assert_eq!(wait(Verb::Post, 429, Some(31)), None);
    }

    proptest! {
        #[test]
        fn waits_grow_to_their_limit_and_then_stop(repeats in 0_u32..100, random in 0.0_f64..=1.0) {
            let (retries, error) = (Retries { limit: 50, ..Retries::default() }, failed(Verb::Get, 429, None));
            match retries.wait(&error, Verb::Get, repeats, random) {
                Some(wait) => prop_assert!(repeats < 50 && wait <= retries.longest),
                None => prop_assert!(repeats >= 50),
            }
        }
    }
}
