//! Figures of many calls: counted, summed up, and put in order where it is asked how long most of them took.
//! [`calendar`] divides time as people's calendars do; `db::analytics` reads the calls.

pub mod calendar;

use std::collections::{BTreeMap, HashMap};

use crate::call::{EndReason, Status};

/// Calls that were counted together: of one group, and with one end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Why they ended; none: they have not.
    pub end_reason: Option<EndReason>,
    /// How many there are.
    pub calls: i64,
    /// How many of them were answered.
    pub answered: i64,
    /// Whole seconds from answer to end, of those that ended, together.
    pub talked: i64,
    /// Milliseconds from ring to decision, of each that was decided.
    pub to_decision: Vec<i64>,
    /// Milliseconds from ring to answer, of each that was answered.
    pub to_answer: Vec<i64>,
}

/// What calls come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    by_reason: BTreeMap<Option<EndReason>, i64>,
    answered: i64,
    /// Of those that ended: how many were answered, and for how long they talked.
    talks: i64,
    talked: i64,
    to_decision: Vec<i64>,
    to_answer: Vec<i64>,
}

impl Figures {
    /// Adds calls that were counted together.
    pub fn add(&mut self, batch: &Batch) {
        *self.by_reason.entry(batch.end_reason).or_default() += batch.calls;
        self.answered += batch.answered;
        if batch.end_reason.is_some() {
            self.talks += batch.answered;
            self.talked += batch.talked;
        }
        self.to_decision.extend_from_slice(&batch.to_decision);
        self.to_answer.extend_from_slice(&batch.to_answer);
    }

    /// Adds one call.
    pub fn add_one(&mut self, call: &One) {
        *self.by_reason.entry(call.end_reason).or_default() += 1;
        self.to_decision.extend(call.to_decision);
        let Some(to_answer) = call.to_answer else { return };
        self.answered += 1;
        self.to_answer.push(to_answer);
        if call.end_reason.is_some() {
            self.talks += 1;
            self.talked += call.talked;
        }
    }

    /// Adds what others come to.
    pub fn merge(&mut self, other: &Figures) {
        for (reason, calls) in &other.by_reason {
            *self.by_reason.entry(*reason).or_default() += calls;
        }
        self.answered += other.answered;
        self.talks += other.talks;
        self.talked += other.talked;
        self.to_decision.extend_from_slice(&other.to_decision);
        self.to_answer.extend_from_slice(&other.to_answer);
    }

    /// How many calls there are.
    pub fn volume(&self) -> i64 {
        self.by_reason.values().sum()
    }

    /// How many have not ended.
    pub fn open(&self) -> i64 {
        self.by_reason.get(&None).copied().unwrap_or(0)
    }

    /// How many ended with this status.
    pub fn ended(&self, status: Status) -> i64 {
        self.by_reasons().filter(|(reason, _)| reason.status() == status).map(|(_, calls)| calls).sum()
    }

    /// How many ended for each reason that there was.
    pub fn by_reasons(&self) -> impl Iterator<Item = (EndReason, i64)> + '_ {
        self.by_reason.iter().filter_map(|(reason, calls)| Some(((*reason)?, *calls)))
    }

    /// How many were answered.
    pub const fn answered(&self) -> i64 {
        self.answered
    }

    /// Of those that were answered and have ended: how many, and how many whole seconds they talked together.
    pub const fn talks(&self) -> (i64, i64) {
        (self.talks, self.talked)
    }

    /// Milliseconds from ring to decision, and from ring to answer.
    pub fn percentiles(&mut self) -> [Option<Percentiles>; 2] {
        [percentiles(&mut self.to_decision), percentiles(&mut self.to_answer)]
    }
}

/// One call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct One {
    /// Why it ended; none: it has not.
    pub end_reason: Option<EndReason>,
    /// Whole seconds from answer to end.
    pub talked: i64,
    /// Milliseconds from ring to decision, if it was decided.
    pub to_decision: Option<i64>,
    /// Milliseconds from ring to answer, if it was answered.
    pub to_answer: Option<i64>,
}

/// Milliseconds between two times in microseconds; none where the later is told to be the earlier, as two clocks may.
pub const fn millis_between(earlier: i64, later: i64) -> i64 {
    let micros = later.saturating_sub(earlier);
    if micros < 0 { 0 } else { micros / 1_000 }
}

/// How long most of them took.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them took no longer.
    pub p50: i64,
    /// 95 in 100 took no longer.
    pub p95: i64,
    /// 99 in 100 took no longer.
    pub p99: i64,
}

/// By nearest rank: always the time of one that there was.
fn percentiles(times: &mut [i64]) -> Option<Percentiles> {
    if times.is_empty() {
        return None;
    }
    let rank = |percent: usize| (times.len() * percent).div_ceil(100) - 1;
    let (half, most, nearly_all) = (rank(50), rank(95), rank(99));
    // Each is looked for among those that took no longer than the one before; to sort them all would take longer.
    let p99 = *times.select_nth_unstable(nearly_all).1;
    let p95 = *times[..=nearly_all].select_nth_unstable(most).1;
    let p50 = *times[..=most].select_nth_unstable(half).1;
    Some(Percentiles { p50, p95, p99 })
}

/// What a group goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A stretch of time: its number among those of [`calendar`].
    Slot(usize),
    /// An id or a name; none where calls have none.
    Text(Option<String>),
    /// A status.
    Status(Status),
    /// An end reason; none where calls have not ended.
    EndReason(Option<EndReason>),
}

/// The groups, by what they go by.
pub type Groups = HashMap<Key, Figures>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_times_of_calls_that_there_were() {
        let of = |mut times: Vec<i64>| percentiles(&mut times).map(|p| (p.p50, p.p95, p.p99));
        assert_eq!(of(vec![]), None);
        assert_eq!(of(vec![7]), Some((7, 7, 7)));
        assert_eq!(of(vec![2, 1]), Some((1, 2, 2)));
        assert_eq!(of((1..=100).rev().collect()), Some((50, 95, 99)));
        assert_eq!(of((1..=101).collect()), Some((51, 96, 100)));
        assert_eq!(of((1..=1000).collect()), Some((500, 950, 990)));
    }

    #[test]
    fn a_clock_that_runs_behind_makes_no_time_negative() {
        assert_eq!(millis_between(5_000, 7_999), 2);
        assert_eq!(millis_between(5_000, 4_000), 0);
        assert_eq!(millis_between(i64::MIN, i64::MAX), i64::MAX / 1_000);
    }

    #[test]
    fn every_call_is_open_or_has_one_of_four_ends() {
        let mut figures = Figures::default();
        for (n, reason) in EndReason::ALL.iter().enumerate() {
            let calls = i64::try_from(n).unwrap() + 1;
            figures.add(&Batch { end_reason: Some(*reason), calls, ..Batch::default() });
        }
        figures.add(&Batch { calls: 3, answered: 2, ..Batch::default() });
        let ends = [Status::Completed, Status::Missed, Status::Rejected, Status::Failed];
        let ended: i64 = ends.map(|status| figures.ended(status)).iter().sum();
        assert_eq!(ended + figures.open(), figures.volume());
        assert_eq!((figures.open(), figures.answered(), figures.talks()), (3, 2, (0, 0)));
    }
}
