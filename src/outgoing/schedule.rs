//! When a delivery that failed is tried again: soon at first, then ever more rarely, for three days.

use std::time::Duration;

use crate::clock::Timestamp;

/// From one try to the next, in seconds; together [`LONGEST`].
const WAITS: [u64; 12] = [5, 25, 150, 720, 2700, 3600, 7200, 14_400, 28_800, 43_200, 72_000, 86_400];
/// A delivery that has not arrived this long after its first try is given up on.
pub(super) const LONGEST: Duration = Duration::from_secs(72 * 3600);
/// A receiver may ask for this much patience at most.
const MOST_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// What is known of a delivery that has just failed.
#[derive(Copy, Clone, Debug)]
pub(super) struct Failed {
    /// How often it was tried, with this one.
    pub(super) attempts: i64,
    /// When it was first tried.
    pub(super) first: Timestamp,
    /// When this try was over.
    pub(super) now: Timestamp,
    /// How long the receiver asked us to wait.
    pub(super) retry_after: Option<Duration>,
}

/// When it is tried next; none when it is given up on. `random`, from 0 to 1, spreads those that failed together.
pub(super) fn next(failed: Failed, random: f64) -> Option<Timestamp> {
    let deadline = failed.first.saturating_add(LONGEST);
    if failed.now >= deadline {
        return None;
    }
    let before = usize::try_from(failed.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS
        .get(before)
        .map_or(LONGEST, |seconds| Duration::from_secs(*seconds).mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0)));
    let asked = failed.retry_after.unwrap_or_default().min(MOST_PATIENCE);
    Some(failed.now.saturating_add(wait.max(asked)).min(deadline))
}

/// How long a receiver asks us to wait, by its `Retry-After`: seconds, or a date.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    Some(Timestamp::from_secs(date.timestamp().as_second()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_760_011_200);

    fn after(seconds: u64) -> Timestamp {
        START.saturating_add(Duration::from_secs(seconds))
    }

    fn failed(attempts: i64, seconds: u64) -> Failed {
        Failed { attempts, first: START, now: after(seconds), retry_after: None }
    }

    #[test]
    fn the_waits_make_three_days() {
        assert_eq!(Duration::from_secs(WAITS.iter().sum()), LONGEST);
        let (mut at, mut tries) = (0, 1);
        while let Some(next) = next(failed(tries, at), 0.5) {
            at = next.since(START).as_secs();
            tries += 1;
        }
        assert_eq!((tries, at), (13, 72 * 3600));
    }

    proptest::proptest! {
        #[test]
        fn however_chance_falls_the_last_try_is_after_three_days(random in 0.0..=1.0_f64) {
            let (mut now, mut tries) = (START, 1);
            while let Some(next) = next(Failed { now, ..failed(tries, 0) }, random) {
                proptest::prop_assert!(next > now);
                now = next;
                tries += 1;
            }
            proptest::prop_assert_eq!(now, after(72 * 3600));
            proptest::prop_assert!((13..=14).contains(&tries), "{}", tries);
        }
    }

    #[test]
    fn chance_moves_a_try_by_a_tenth() {
        let wait = |random| next(failed(3, 0), random).unwrap().since(START).as_secs();
        assert_eq!([wait(0.0), wait(0.5), wait(1.0)], [135, 150, 165]);
    }

    #[test]
    fn a_receivers_wish_for_patience_is_heeded_up_to_a_day_and_never_makes_us_quicker() {
        let asked = |seconds| {
            let failed = Failed { retry_after: Some(Duration::from_secs(seconds)), ..failed(1, 0) };
            next(failed, 0.5).unwrap().since(START).as_secs()
        };
        assert_eq!([asked(0), asked(120), asked(1_000_000_000)], [5, 120, 86_400]);
        let late = Failed { retry_after: Some(Duration::from_secs(86_400)), ..failed(12, 72 * 3600 - 60) };
        assert_eq!(next(late, 0.5), Some(after(72 * 3600)));
    }

    #[test]
    fn patience_is_asked_for_in_seconds_or_by_a_date() {
        let now = "2025-10-09T12:00:00Z".parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("Thu, 09 Oct 2025 12:01:00 GMT", Some(60)),
            ("Thu, 09 Oct 2025 11:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
