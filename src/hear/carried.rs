//! What a carrier says of a call: joined to the call that it is about, or the record of one that never reached us.

use std::time::Duration;

use crate::call::Call;
use crate::call::carrier::Telling;
use crate::call::decide;
use crate::call::fact::{Fact, What};
use crate::db::{self, Tx, calls, facts, leads};
use crate::ids::CallId;

use super::{Before, Heard, Hearing, Touched, names, save, start, takes_facts};

/// A call may have rung here so much earlier than it began at its carrier, by two clocks, …
const EARLIER: Duration = Duration::from_secs(15);
/// … and so much later.
const LATER: Duration = Duration::from_secs(60);

/// What a carrier says of a call: joined to that call, or the record of one that never reached us. Nothing follows from
/// it for a call that did: LiveKit knows better who is in the room.
pub(super) fn hear(
    tx: &mut Tx<'_>,
    fact: &Fact,
    telling: &Telling,
    body: &str,
    with: &Hearing<'_>,
) -> db::Result<Heard> {
    let ring = telling.ring();
    calls::hold_names(tx, &fact.project, &names(fact, &ring))?;
    let found = match calls::carried(tx, &fact.project, &telling.word.call_sid)? {
        Some(id) => Some(id),
        None => alike(tx, telling, with)?,
    };
    let Some(id) = found else {
        if !telling.word.is_over() {
            return Ok(Heard::Kept { afterwards: false });
        }
        let what = What::Carried(Box::new(Telling { reached: false, ..telling.clone() }));
        return start(tx, &Fact { what, ..fact.clone() }, &ring, body, with);
    };
    let Some(mut call) = calls::locked(tx, &id)?.filter(takes_facts) else { return Ok(Heard::Before) };
    if !facts::record(tx, fact, Some(&id), body, with.now)? {
        return Ok(Heard::Before);
    }
    let before = Before::of(&call);
    call.hear(fact);
    save(tx, &mut call, &before, Some(&ring.keys), with)?;
    Ok(Heard::Calls(vec![Touched {
        call,
        fresh: false,
        ended: false,
        answered: false,
        job: None,
        due: None,
        decided_in: None,
    }]))
}

/// The call between the same numbers at the same time, of which nobody said what the carrier calls it: an asker need
/// not know, and a carrier's header may be lost on the way.
fn alike(tx: &mut Tx<'_>, telling: &Telling, with: &Hearing<'_>) -> db::Result<Option<CallId>> {
    let ring = telling.ring();
    let Some(called) = decide::called(&ring, with.routing) else { return Ok(None) };
    let Some(tenant) = with.routing.route(&called).map(|route| route.tenant) else { return Ok(None) };
    let caller = crate::phone::caller(&ring.caller, &tenant.region);
    let began = telling.word.started_at;
    let between = (began.saturating_sub(EARLIER), began.saturating_add(LATER));
    let caller = caller.number().map(|number| number.as_str());
    calls::alike(tx, &tenant.id, (&called, caller), began, between)
}

/// Whether the caller of a call that we learned of late rang again by then, and was answered.
pub(super) fn talked_since(tx: &mut Tx<'_>, call: &Call) -> db::Result<bool> {
    let Some(lead) = call.lead.as_ref().filter(|_| call.evidence.never_reached()) else { return Ok(false) };
    let lead = leads::by_id(tx, lead)?;
    Ok(lead.is_some_and(|lead| lead.last_call_id != call.id && lead.status == "completed"))
}
