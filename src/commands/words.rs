//! Times, durations and numbers as people read them, and text of outsiders made safe to print.

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::phone::{self, E164};

/// A time of today as `15:30:00`, of this year as `Oct 9 15:30`, an older one as `2024-10-09`.
pub fn short_time(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (Some(time), Some(now)) = (local(time, zone), local(now, zone)) else { return time.to_string() };
    let format = if time.date() == now.date() {
        "%H:%M:%S"
    } else if time.year() == now.year() {
        "%b %-d %H:%M"
    } else {
        "%Y-%m-%d"
    };
    time.strftime(format).to_string()
}

/// `2025-10-09 15:30:00`.
pub fn full_time(time: Timestamp, zone: &TimeZone) -> String {
    local(time, zone).map_or_else(|| time.to_string(), |time| time.strftime("%F %T").to_string())
}

/// `15:30:00.250`; with its date when that is not `day`'s.
pub fn precise_time(time: Timestamp, day: Timestamp, zone: &TimeZone) -> String {
    let (Some(time), Some(day)) = (local(time, zone), local(day, zone)) else { return time.to_string() };
    let format = if time.date() == day.date() { "%T%.3f" } else { "%F %T%.3f" };
    time.strftime(format).to_string()
}

fn local(time: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    Some(jiff::Timestamp::from_microsecond(time.micros()).ok()?.to_zoned(zone.clone()))
}

/// Whole seconds as `42s`, `3m 3s`, `1h 2m`.
pub fn seconds(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A number as people read it; what is no number as it came.
pub fn number(text: &str) -> String {
    match E164::exactly(text) {
        Some(number) => phone::readable(&number),
        None if text.is_empty() => "withheld".to_owned(),
        None => clean(text),
    }
}

/// What outsiders wrote, without what would move the cursor or turn the reading direction.
pub fn clean(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_short_as_they_can_be() {
        let now: Timestamp = "2025-10-09T15:30:00Z".parse().unwrap();
        let short = |text: &str| short_time(text.parse().unwrap(), now, &TimeZone::UTC);
        assert_eq!(short("2025-10-09T05:03:02.9Z"), "05:03:02");
        assert_eq!(short("2025-02-03T05:03:02Z"), "Feb 3 05:03");
        assert_eq!(short("2024-02-03T05:03:02Z"), "2024-02-03");
        let zone = TimeZone::fixed(jiff::tz::offset(-4));
        assert_eq!(short_time(now, now, &zone), "11:30:00");
        assert_eq!(full_time(now, &zone), "2025-10-09 11:30:00");
        let next_day = "2025-10-10T04:00:00.25Z".parse().unwrap();
        assert_eq!(precise_time(now, now, &zone), "11:30:00.000");
        assert_eq!(precise_time(next_day, now, &zone), "2025-10-10 00:00:00.250");
    }

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        let told = [0, 59, 60, 183, 3600, 7384].map(seconds);
        assert_eq!(told, ["0s", "59s", "1m 0s", "3m 3s", "1h 0m", "2h 3m"]);
    }

    #[test]
    fn numbers_are_grouped_and_anything_else_is_left_as_it_came() {
        assert_eq!(number("+15551234567"), "+1 555-123-4567");
        assert_eq!(number("+442079460958"), "+44 20 7946 0958");
        assert_eq!(number("anonymous"), "anonymous");
        assert_eq!(number(""), "withheld");
    }

    #[test]
    fn an_outsiders_text_cannot_take_over_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        assert_eq!(clean("Müller"), "Müller");
    }
}
