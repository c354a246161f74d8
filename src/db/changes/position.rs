//! Places in the order of changes.

use std::fmt;
use std::str::FromStr;

/// A place in the order of changes. As text `0-17`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The transaction that made the change; 0 on SQLite, where one writes at a time.
    pub transaction: i64,
    /// The change's own number.
    pub seq: i64,
}

impl Position {
    /// After all there will ever be.
    pub const END: Position = Position { transaction: i64::MAX, seq: i64::MAX };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.transaction, self.seq)
    }
}

impl serde::Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A text that no position is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position such as 0-17")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    /// Only what [`fmt::Display`] writes.
    fn from_str(text: &str) -> std::result::Result<Position, NotAPosition> {
        let number = |text: &str| {
            let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse::<i64>().ok().filter(|_| plain)
        };
        let (transaction, seq) = text.split_once('-').ok_or(NotAPosition)?;
        number(transaction)
            .zip(number(seq))
            .map(|(transaction, seq)| Position { transaction, seq })
            .ok_or(NotAPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_only_as_it_is_written() {
        for position in [
            Position::default(),
            Position { transaction: 0, seq: 17 },
            Position { transaction: 7_310_221, seq: i64::MAX },
            Position { transaction: i64::MAX, seq: 1 },
        ] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "01-2",
            "1-02",
            "+1-2",
            "1-+2",
            "1--2",
            " 1-2",
            "1-2 ",
            "1- 2",
            "a-1",
            "9223372036854775808-1",
            "1-9223372036854775808",
            "١-٢",
            "0x1-1",
            "1.0-1",
        ] {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text:?}");
        }
    }

    #[test]
    fn positions_sort_by_transaction_first() {
        let at = |transaction, seq| Position { transaction, seq };
        assert!(at(1, 9) < at(2, 1) && at(2, 1) < at(2, 2));
    }
}
