//! The only source of the time: the system's clock, or one that a test moves by hand.
//! Everything that needs to know or to wait for a time is handed a [`Clock`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::sync::watch;

/// A point in time: microseconds since the Unix epoch, UTC, always within what RFC 3339 can write.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// The earliest time RFC 3339 can write, 0000-01-01.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200_000_000);
    /// The latest time that can be written, near the end of the year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_207_199_999_999);

    /// From microseconds since the epoch; what cannot be written is brought to [`Self::MIN`] or [`Self::MAX`].
    pub const fn from_micros(micros: i64) -> Timestamp {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(micros)
        }
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// From seconds since the epoch.
    pub const fn from_secs(seconds: i64) -> Timestamp {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; nothing when it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Whole seconds from `earlier` to this, rounded down and never negative.
    pub fn whole_seconds_since(self, earlier: Timestamp) -> i64 {
        (self.0 - earlier.0).max(0) / 1_000_000
    }

    /// This much later, at most [`Self::MAX`].
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Timestamp {
        Self::from_micros(self.0.saturating_add(micros(by)))
    }

    /// This much earlier, at least [`Self::MIN`].
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Timestamp {
        Self::from_micros(self.0.saturating_sub(micros(by)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{time:.6}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an RFC 3339 time.
#[derive(Debug, Clone, Eq, PartialEq, thiserror::Error)]
#[error("not a time such as 2025-10-09T15:30:00Z")]
pub struct NotATime;

impl FromStr for Timestamp {
    type Err = NotATime;

    /// Parts of a microsecond are cut off.
    fn from_str(text: &str) -> Result<Timestamp, NotATime> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        let micros = time.as_nanosecond().div_euclid(1_000);
        Ok(Timestamp::from_micros(i64::try_from(micros).map_err(|_| NotATime)?))
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 2025-10-09T15:30:00Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        from.deserialize_str(Text)
    }
}

/// Tells the time and waits for it. Clones of a hand-moved clock are moved together.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Manual(watch::Sender<Timestamp>),
}

/// A corrected system time is noticed within this long by those who wait for a time.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Clock {
    /// The system's clock.
    pub fn system() -> Clock {
        Clock(Kind::System)
    }

    /// A clock that stands at `start` until [`Self::advance`] or [`Self::set`] moves it.
    pub fn manual(start: Timestamp) -> Clock {
        Clock(Kind::Manual(watch::Sender::new(start)))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => system_now(),
            Kind::Manual(time) => *time.borrow(),
        }
    }

    /// Returns once it is `time` or later. On a hand-moved clock that takes somebody to move it.
    pub async fn sleep_until(&self, time: Timestamp) {
        match &self.0 {
            Kind::System => loop {
                let left = time.since(system_now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK_AGAIN)).await;
            },
            Kind::Manual(clock) => {
                // The wait can only fail when the sender is gone, and `self` holds it.
                let _ = clock.subscribe().wait_for(|now| *now >= time).await;
            }
        }
    }

    /// Returns when this long has passed.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Kind::System => tokio::time::sleep(duration).await,
            Kind::Manual(_) => self.sleep_until(self.now().saturating_add(duration)).await,
        }
    }

    /// Starts measuring how long something takes, for metrics: unlike [`Self::now`] never set back.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(match &self.0 {
            Kind::System => Started::At(std::time::Instant::now()),
            Kind::Manual(_) => Started::By(self.clone(), self.now()),
        })
    }

    /// Moves a hand-moved clock on and wakes those who waited for a time until then.
    ///
    /// # Panics
    /// On the system's clock, which nobody moves.
    pub fn advance(&self, by: Duration) {
        self.manual_time().send_modify(|now| *now = now.saturating_add(by));
    }

    /// Sets a hand-moved clock, forward or back.
    ///
    /// # Panics
    /// On the system's clock, which nobody moves.
    pub fn set(&self, time: Timestamp) {
        self.manual_time().send_modify(|now| *now = time);
    }

    fn manual_time(&self) -> &watch::Sender<Timestamp> {
        match &self.0 {
            Kind::System => panic!("only a hand-moved clock can be moved"),
            Kind::Manual(time) => time,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
fn system_now() -> Timestamp {
    let micros = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => micros(after),
        Err(before) => -micros(before.duration()),
    };
    Timestamp::from_micros(micros)
}

/// How long something has taken since [`Clock::stopwatch`]; on a hand-moved clock, by that clock.
#[derive(Clone, Debug)]
pub struct Stopwatch(Started);

#[derive(Clone, Debug)]
enum Started {
    At(std::time::Instant),
    By(Clock, Timestamp),
}

impl Stopwatch {
    /// Time passed since the start.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Started::At(start) => start.elapsed(),
            Started::By(clock, start) => clock.now().since(*start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

    #[test]
    fn a_time_is_written_with_microseconds_and_read_back() {
        let time = NOON.saturating_add(Duration::from_micros(42));
        assert_eq!(time.to_string(), "2025-10-09T12:00:00.000042Z");
        assert_eq!(time.to_string().parse(), Ok(time));
        assert_eq!("2025-10-09T14:00:00+02:00".parse(), Ok(NOON));
        assert_eq!(serde_json::to_string(&NOON).unwrap(), r#""2025-10-09T12:00:00.000000Z""#);
        assert_eq!(serde_json::from_str::<Timestamp>(r#""2025-10-09T12:00:00.0000009Z""#).unwrap(), NOON);
        assert_eq!("yesterday".parse::<Timestamp>(), Err(NotATime));
    }

    #[test]
    fn every_time_can_be_written_and_read_back() {
        for micros in [i64::MIN, i64::MAX, -1, 0, 1, -999_999] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(time.to_string().parse(), Ok(time), "{micros}");
        }
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
    }

    #[test]
    fn differences_never_go_below_nothing() {
        let later = NOON.saturating_add(Duration::from_millis(2_900));
        assert_eq!(later.whole_seconds_since(NOON), 2);
        assert_eq!(NOON.whole_seconds_since(later), 0);
        assert_eq!(NOON.since(later), Duration::ZERO);
        assert_eq!(later.since(NOON), Duration::from_millis(2_900));
    }

    #[tokio::test]
    async fn a_hand_moved_clock_wakes_a_sleeper_when_its_time_has_come() {
        let clock = Clock::manual(NOON);
        let watch = clock.stopwatch();
        let mut sleeper = std::pin::pin!(clock.sleep(Duration::from_secs(10)));
        assert!(poll_once(sleeper.as_mut()).await.is_none());
        clock.advance(Duration::from_secs(9));
        assert!(poll_once(sleeper.as_mut()).await.is_none());
        clock.clone().advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(watch.elapsed(), Duration::from_secs(10));
        clock.sleep_until(NOON).await;
    }

    #[tokio::test]
    async fn the_system_clock_sleeps_and_moves_on() {
        let clock = Clock::system();
        let before = clock.now();
        clock.sleep_until(before.saturating_add(Duration::from_millis(5))).await;
        assert!(clock.now().since(before) >= Duration::from_millis(5));
    }

    async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(done) => Some(done),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
