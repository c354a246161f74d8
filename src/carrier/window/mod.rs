//! Which calls at the carrier a round looks at, and what it makes of each. Pure.

use std::time::Duration;

use crate::call::Call;
use crate::call::carrier::Carried;
use crate::clock::Timestamp;
use crate::db::carrier::{Place, Sweep};

/// On an account that was never looked at, what began so long ago is the first that is looked at.
const FIRST: Duration = Duration::from_secs(600);
/// What has been over for less time is not judged yet: its webhooks may be on their way, and Twilio's list may not have
/// it whole.
pub(super) const YOUNG: Duration = Duration::from_secs(120);
/// Each round looks at so much of the time before the last once more: at what was too young then, or still going on.
const AGAIN: Duration = Duration::from_secs(900);
/// So often …
const LOOK_BACK_EVERY: Duration = Duration::from_secs(3600);
/// … a whole day is looked at once more: at long calls that are over by now, and prices that have come. A price that
/// has not come in a day is not waited for.
const LOOK_BACK: Duration = Duration::from_secs(25 * 3600);
/// After a longer time without a look, what is older is left alone.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Twilio lists the newest first, but for calls of about the same time.
const SLACK: Duration = Duration::from_secs(60);
/// Twilio may take the end of a stretch for the beginning of its day.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where looking at an account begins: no history is brought in.
pub(super) fn first(now: Timestamp) -> Place {
    let began_at = now.saturating_sub(FIRST);
    Place { began_at, settled_until: began_at, looked_back_at: now, sweep: None }
}

/// What is looked at next: what an earlier round left, or all that is new, from a day ago now and then.
pub(super) fn next(place: &Place, now: Timestamp) -> (Place, Sweep) {
    if let Some(sweep) = place.sweep {
        return (*place, sweep);
    }
    let looks_back = now >= place.looked_back_at.saturating_add(LOOK_BACK_EVERY);
    let new = place.settled_until.saturating_sub(AGAIN);
    let since = if looks_back { new.min(now.saturating_sub(LOOK_BACK)) } else { new };
    let since = since.max(now.saturating_sub(LONGEST)).max(place.began_at);
    let sweep = Sweep { since, top: now, below: now };
    let looked_back_at = if looks_back { now } else { place.looked_back_at };
    (Place { looked_back_at, sweep: Some(sweep), ..*place }, sweep)
}

/// All of a sweep has been looked at.
pub(super) fn settled(place: &Place, sweep: &Sweep) -> Place {
    Place { settled_until: sweep.top.max(place.settled_until), sweep: None, ..*place }
}

impl Sweep {
    /// What Twilio is asked for, which is never less than is wanted, even where only days count: from here …
    pub(super) fn asked_since(&self) -> Timestamp {
        self.since
    }

    /// … to here, if there is an end to it.
    pub(super) fn asked_until(&self) -> Option<Timestamp> {
        (self.below < self.top).then(|| self.below.saturating_add(DAY))
    }

    /// Whether a call that began then is still to be looked at.
    pub(super) fn wants(&self, began: Timestamp) -> bool {
        began >= self.since && began <= self.below.saturating_add(SLACK)
    }

    /// Whether no call comes any more, after a page of calls that began then.
    pub(super) fn is_past(&self, page: &[Timestamp]) -> bool {
        let end = self.since.saturating_sub(SLACK);
        !page.is_empty() && page.iter().all(|began| *began < end)
    }

    /// After a page of calls that began then.
    pub(super) fn after(self, page: &[Timestamp]) -> Sweep {
        let lowest = page.iter().copied().filter(|began| self.wants(*began)).min();
        Sweep { below: lowest.map_or(self.below, |lowest| lowest.min(self.below)), ..self }
    }
}

/// What is to be done about a call at the carrier.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Nothing: it is not to a number of ours.
    NotOurs,
    /// Nothing: it was before we knew of its number.
    BeforeUs,
    /// Nothing yet.
    TooYoung,
    /// Nothing: all that is said of it is known.
    Known,
    /// What is said of it is added to our call.
    Joins,
    /// None of our calls is known to be it.
    NeverReached,
}

/// What to do about a call of which the carrier says this: `ours` is the one we know by its name, and its number is
/// known to us since `since`.
pub(super) fn judge(word: &Carried, ours: Option<&Call>, since: Option<Timestamp>, now: Timestamp) -> Judged {
    let is_old = |at: Timestamp| now >= at.saturating_add(YOUNG);
    let is_over = word.is_over() && is_old(word.over_at());
    let Some(ours) = ours else {
        return match since {
            None => Judged::NotOurs,
            Some(since) if word.started_at < since => Judged::BeforeUs,
            Some(_) if !is_over => Judged::TooYoung,
            Some(_) => Judged::NeverReached,
        };
    };
    let known = ours.evidence.carrier.clone();
    if known.as_ref() == Some(&Carried::merge(known.clone(), word)) {
        return Judged::Known;
    }
    // A line that is still up at the carrier matters once the call is over here.
    let left_up = !word.is_over() && ours.outcome.ended_at.is_some_and(is_old);
    if is_over || left_up { Judged::Joins } else { Judged::TooYoung }
}

#[cfg(test)]
mod tests;
