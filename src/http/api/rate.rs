//! How often somebody may ask: so many requests a minute for each user or key, and for each address that shows none.
//! Each replica counts for itself.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::auth::Principal;
use crate::clock::Clock;

use super::access::Address;

const WINDOW: Duration = Duration::from_secs(60);
/// Subjects remembered before those that have been quiet are forgotten.
const MANY: usize = 10_000;

/// Who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The user or key, else the address.
    pub fn of(principal: Option<&Principal>, address: Address) -> Subject {
        Subject(match (principal, address.0) {
            (Some(principal), _) => principal.id.clone(),
            (None, Some(address)) => address.to_string(),
            (None, None) => "nobody".to_owned(),
        })
    }
}

/// Our clock, as the limiter reads it: time since it was made.
#[derive(Clone, Debug)]
struct Ticks {
    clock: Clock,
    began: crate::clock::Timestamp,
}

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.clock.now().since(self.began)
    }
}

type Counter = RateLimiter<Subject, DashMapStateStore<Subject>, Ticks, StateInformationMiddleware>;

/// The limit, and how much of it everybody has left.
#[derive(Clone)]
pub struct Limits(Option<Arc<Inner>>);

struct Inner {
    per_minute: u32,
    ticks: Ticks,
    counter: Counter,
}

/// Where somebody stands, for the headers of draft-ietf-httpapi-ratelimit-headers.
#[derive(Copy, Clone, Debug, Default)]
pub struct Standing {
    per_minute: Option<u32>,
    remaining: u32,
    /// When a refused one may come again.
    pub retry_after: Duration,
}

impl Limits {
    /// So many a minute; 0: no limit.
    pub fn new(per_minute: u32, clock: &Clock) -> Limits {
        Limits(NonZeroU32::new(per_minute).map(|most| {
            let ticks = Ticks { clock: clock.clone(), began: clock.now() };
            let counter = Counter::new(Quota::per_minute(most), DashMapStateStore::default(), ticks.clone());
            Arc::new(Inner { per_minute, ticks, counter })
        }))
    }

    /// Counts one request: whether it may pass, and where its sender stands then.
    pub fn check(&self, subject: &Subject) -> (bool, Standing) {
        let Some(inner) = &self.0 else { return (true, Standing::default()) };
        if inner.counter.len() > MANY {
            inner.counter.retain_recent();
            inner.counter.shrink_to_fit();
        }
        let standing = Standing { per_minute: Some(inner.per_minute), ..Standing::default() };
        match inner.counter.check_key(subject) {
            Ok(state) => (true, Standing { remaining: state.remaining_burst_capacity(), ..standing }),
            Err(refused) => {
                (false, Standing { retry_after: refused.wait_time_from(inner.ticks.now()), ..standing })
            }
        }
    }
}

impl Standing {
    /// Writes `RateLimit-Policy` and `RateLimit`.
    pub fn write(self, headers: &mut HeaderMap) {
        let Some(most) = self.per_minute else { return };
        // The bucket fills evenly: this long until it is full again.
        let used = u64::from(most.saturating_sub(self.remaining));
        let full_in = (used * WINDOW.as_secs()).div_ceil(u64::from(most));
        let remaining = self.remaining;
        for (name, value) in [
            ("ratelimit-policy", format!("\"default\";q={most};w={}", WINDOW.as_secs())),
            ("ratelimit", format!("\"default\";r={remaining};t={full_in}")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn each_has_so_many_a_minute_and_gets_them_back_evenly() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let limits = Limits::new(60, &clock);
        let (one, other) = (Subject("key_1".into()), Subject("key_2".into()));
        for left in (0..60).rev() {
            let (allowed, standing) = limits.check(&one);
            assert!(allowed);
            assert_eq!(standing.remaining, left);
        }
        let (allowed, standing) = limits.check(&one);
        assert!(!allowed && standing.retry_after <= Duration::from_secs(1));
        assert!(limits.check(&other).0);
        clock.advance(Duration::from_secs(2));
        assert!(limits.check(&one).0 && limits.check(&one).0 && !limits.check(&one).0);
        let mut headers = HeaderMap::new();
        limits.check(&one).1.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=60;w=60");
        assert_eq!(headers["ratelimit"], "\"default\";r=0;t=60");
    }

    #[test]
    fn without_a_limit_nothing_is_said_of_one() {
        let clock = Clock::manual(Timestamp::EPOCH);
        let (allowed, standing) = Limits::new(0, &clock).check(&Subject("key_1".into()));
        let mut headers = HeaderMap::new();
        standing.write(&mut headers);
        assert!(allowed && headers.is_empty());
    }
}
