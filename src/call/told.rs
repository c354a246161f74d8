//! What a change of a call means to the outside: the words of [`crate::events`].

use crate::events;

use super::{Call, Outcome, Status};

/// The words for a call that was `before` and is now as it is, in the order of a call's life; `before` is none for a
/// call that was just heard of. A correction of a call that is over is told as its end once more.
pub fn words(before: Option<&Outcome>, call: &Call) -> Vec<&'static str> {
    let now = &call.outcome;
    let newly = |status: Status| now.status == status && before.is_none_or(|before| before.status != status);
    let was_open = before.is_none_or(|before| before.ended_at.is_none());
    let was_answered = before.is_some_and(|before| before.answered_at.is_some());
    let mut words = Vec::new();
    // One that never reached us was over when we heard of it: nobody heard it ring.
    let rang_here = !call.evidence.never_reached();
    if before.is_none() && now.status != Status::Rejected && rang_here {
        words.push(events::CALL_RINGING);
    }
    if was_open && !was_answered && now.answered_at.is_some() {
        words.push(events::CALL_ANSWERED);
    }
    if newly(Status::Rejected) {
        words.push(events::CALL_REJECTED);
    }
    if now.ended_at.is_some() && before != Some(now) {
        words.push(events::CALL_ENDED);
    }
    if newly(Status::Missed) {
        words.push(events::CALL_MISSED);
    }
    words
}
