//! Hours and days as a calendar on the wall has them: a day on which the clocks change has 23 or 25 hours, and an hour
//! that comes twice is there twice.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// What time is divided into.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Hours of the clock on the wall.
    Hour,
    /// Days.
    Day,
}

/// A stretch of time, up to where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it begins; the first may begin before what was asked for.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// What a calendar calls it: `2025-11-02`, or `2025-11-02T01:00:00-04:00` for an hour.
    pub name: String,
}

const HOUR: i64 = 3_600;

/// The hours or days that hold the time from `since` up to `until`, without gaps.
pub fn slots(zone: &TimeZone, unit: Unit, since: Timestamp, until: Timestamp) -> Vec<Slot> {
    if until <= since {
        return Vec::new();
    }
    match unit {
        Unit::Hour => hours(zone, since, until),
        Unit::Day => days(zone, since, until),
    }
}

/// An hour ends where the next begins on the wall, or where the clock is moved, whichever is earlier.
fn hours(zone: &TimeZone, since: Timestamp, until: Timestamp) -> Vec<Slot> {
    let moved = moves(zone, since, until);
    let offset_at = |at: i64| offset(zone, Timestamp::from_secs(at));
    let mut at = since.secs() - (since.secs() + offset_at(since.secs())).rem_euclid(HOUR);
    if let Some(moved) = moved.iter().rev().find(|moved| (at + 1..=since.secs()).contains(*moved)) {
        at = *moved;
    }
    let mut slots = Vec::new();
    while Timestamp::from_secs(at) < until {
        let shift = offset_at(at);
        let full = at + HOUR - (at + shift).rem_euclid(HOUR);
        let next = moved.iter().find(|moved| **moved > at && **moved < full).copied().unwrap_or(full);
        let start = Timestamp::from_secs(at);
        slots.push(Slot { start, end: Timestamp::from_secs(next), name: hour_name(zone, start) });
        if next <= at {
            break;
        }
        at = next;
    }
    slots
}

/// When the clock on the wall is moved, in seconds, from an hour before `since` on.
fn moves(zone: &TimeZone, since: Timestamp, until: Timestamp) -> Vec<i64> {
    let from = jiff_time(Timestamp::from_secs(since.secs() - HOUR));
    let until = jiff_time(until);
    let changes = zone.following(from).take_while(|change| change.timestamp() < until);
    let all = changes.map(|change| change.timestamp().as_second());
    // Some changes are of the zone's name alone.
    all.filter(|at| offset(zone, Timestamp::from_secs(at - 1)) != offset(zone, Timestamp::from_secs(*at)))
        .collect()
}

fn days(zone: &TimeZone, since: Timestamp, until: Timestamp) -> Vec<Slot> {
    let mut date = zone.to_datetime(jiff_time(since)).date();
    let mut slots: Vec<Slot> = Vec::new();
    while let Some(start) = midnight(zone, date).filter(|start| *start < until) {
        let next = date.tomorrow().ok();
        let end = next.and_then(|next| midnight(zone, next)).unwrap_or(Timestamp::MAX);
        // A day that a zone skipped has no time.
        if start < end {
            slots.push(Slot { start, end, name: date.to_string() });
        }
        match next {
            Some(next) => date = next,
            None => break,
        }
    }
    slots
}

/// The first moment of a day, which is not midnight where the clock is moved then.
fn midnight(zone: &TimeZone, date: Date) -> Option<Timestamp> {
    let start = zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()?;
    Some(Timestamp::from_micros(start.as_microsecond()))
}

fn hour_name(zone: &TimeZone, at: Timestamp) -> String {
    let there = zone.to_datetime(jiff_time(at));
    let shift = offset(zone, at);
    let (sign, size) = (if shift < 0 { '-' } else { '+' }, shift.abs());
    let (hours, minutes, seconds) = (size / HOUR, size / 60 % 60, size % 60);
    let odd = if seconds == 0 { String::new() } else { format!(":{seconds:02}") };
    format!("{}{sign}{hours:02}:{minutes:02}{odd}", there.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// How far the clock on the wall is ahead of UTC, in seconds.
fn offset(zone: &TimeZone, at: Timestamp) -> i64 {
    i64::from(zone.to_offset(jiff_time(at)).seconds())
}

fn jiff_time(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn named(name: &str, unit: Unit, since: &str, until: &str) -> Vec<(String, i64)> {
        let slots = slots(&zone(name), unit, at(since), at(until));
        slots.into_iter().map(|slot| (slot.name, (slot.end.secs() - slot.start.secs()) / 60)).collect()
    }

    fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|(name, minutes)| ((*name).to_owned(), *minutes)).collect()
    }

    #[test]
    fn days_are_as_long_as_the_clocks_make_them() {
        let new_york = |since, until| named("America/New_York", Unit::Day, since, until);
        assert_eq!(
            new_york("2025-03-08T12:00:00Z", "2025-03-11T04:00:00Z"),
            pairs(&[("2025-03-08", 1440), ("2025-03-09", 1380), ("2025-03-10", 1440)])
        );
        assert_eq!(
            new_york("2025-11-02T04:00:00Z", "2025-11-03T05:00:01Z"),
            pairs(&[("2025-11-02", 1500), ("2025-11-03", 1440)])
        );
        // The clock is moved at midnight: the day begins at one.
        assert_eq!(
            named("Africa/Cairo", Unit::Day, "2025-04-24T12:00:00Z", "2025-04-25T12:00:00Z"),
            pairs(&[("2025-04-24", 1440), ("2025-04-25", 1380)])
        );
        // Samoa went from one side of the date line to the other: it has no 30 December 2011.
        assert_eq!(
            named("Pacific/Apia", Unit::Day, "2011-12-29T20:00:00Z", "2011-12-31T00:00:00Z"),
            pairs(&[("2011-12-29", 1440), ("2011-12-31", 1440)])
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_there_twice_and_one_that_is_skipped_is_not() {
        assert_eq!(
            named("America/New_York", Unit::Hour, "2025-11-02T05:30:00Z", "2025-11-02T08:00:00Z"),
            pairs(&[
                ("2025-11-02T01:00:00-04:00", 60),
                ("2025-11-02T01:00:00-05:00", 60),
                ("2025-11-02T02:00:00-05:00", 60),
            ])
        );
        assert_eq!(
            named("Europe/Berlin", Unit::Hour, "2025-03-30T00:00:00Z", "2025-03-30T02:00:00Z"),
            pairs(&[("2025-03-30T01:00:00+01:00", 60), ("2025-03-30T03:00:00+02:00", 60)])
        );
    }

    #[test]
    fn clocks_need_not_be_set_by_whole_hours() {
        assert_eq!(
            named("Asia/Kathmandu", Unit::Hour, "2025-10-09T00:00:00Z", "2025-10-09T00:30:00Z"),
            pairs(&[("2025-10-09T05:00:00+05:45", 60), ("2025-10-09T06:00:00+05:45", 60)])
        );
        // Lord Howe moves its clock by half an hour.
        assert_eq!(
            named("Australia/Lord_Howe", Unit::Hour, "2025-04-05T14:00:00Z", "2025-04-05T16:00:00Z"),
            pairs(&[
                ("2025-04-06T01:00:00+11:00", 60),
                ("2025-04-06T01:30:00+10:30", 30),
                ("2025-04-06T02:00:00+10:30", 60),
            ])
        );
        assert_eq!(
            named("Australia/Lord_Howe", Unit::Hour, "2025-10-04T15:00:00Z", "2025-10-04T17:00:00Z"),
            pairs(&[
                ("2025-10-05T01:00:00+10:30", 60),
                ("2025-10-05T02:30:00+11:00", 30),
                ("2025-10-05T03:00:00+11:00", 60),
            ])
        );
    }

    #[test]
    fn no_time_is_divided_into_nothing() {
        assert!(
            slots(&TimeZone::UTC, Unit::Day, at("2025-10-09T00:00:00Z"), at("2025-10-09T00:00:00Z"))
                .is_empty()
        );
        let last = slots(&TimeZone::UTC, Unit::Day, at("9999-12-29T00:00:00Z"), Timestamp::MAX);
        assert_eq!(last.last().map(|slot| slot.name.as_str()), Some("9999-12-30"));
    }

    proptest! {
        #[test]
        fn they_follow_one_another_without_gaps_and_hold_all_that_was_asked_for(
            zone_name in prop::sample::select(vec![
                "UTC", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
                "Africa/Cairo", "Pacific/Apia", "Africa/Casablanca", "Pacific/Chatham",
            ]),
            since in 1_300_000_000_i64..1_900_000_000,
            length in 1_i64..40_000_000_000_000,
            unit in prop::sample::select(vec![Unit::Hour, Unit::Day]),
        ) {
            let since = Timestamp::from_micros(since * 1_000_000 + 17);
            let until = Timestamp::from_micros(since.micros() + length % (400 * 86_400 * 1_000_000));
            let slots = slots(&zone(zone_name), unit, since, until);
            prop_assert!(slots[0].start <= since && since < slots[0].end);
            let last = slots.last().unwrap();
            prop_assert!(last.start < until && until <= last.end);
            for pair in slots.windows(2) {
                prop_assert!(pair[0].start < pair[0].end && pair[0].end == pair[1].start);
                prop_assert!(pair[0].name != pair[1].name);
            }
        }
    }
}
