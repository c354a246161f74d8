//! One fact, one transaction: record it, find or start its call, fold, decide, save, and plan what comes next.
//! Every door goes through here; [`crate::carry_out`] acts after the commit.

mod carried;

use std::time::{Duration, Instant};

use crate::call::attend::{self, Attempt, Attendance, Next, Timing};
use crate::call::carrier::Carried;
use crate::call::decide::{self, Decision, InUse, Verdict};
use crate::call::evidence::Act;
use crate::call::fact::{Fact, Keys, Ring, Room, What};
use crate::call::routing::Routing;
use crate::call::{Call, Outcome, Status, told};
use crate::clock::Timestamp;
use crate::db::changes::{self, Kind};
use crate::db::jobs::{self, Held, Name, Plan};
use crate::db::{self, Tx, calls, facts, leads, tasks};
use crate::events;
use crate::ids::{CallId, TenantId};

/// The job that sees a call through: there is one for every call that is not over and done with.
pub const ATTEND: &str = "attend";

/// What hearing needs besides the fact.
#[derive(Clone)]
pub struct Hearing<'h> {
    /// Who has which number.
    pub routing: &'h Routing,
    /// How long things may take.
    pub timing: &'h Timing,
    /// The time on our clock.
    pub now: Timestamp,
    /// Who acts on what follows: held for this one.
    pub holder: &'h str,
}

/// What became of a fact.
#[derive(Debug)]
pub enum Heard {
    /// It was there already: nothing changed.
    Before,
    /// It belongs to another application of the same LiveKit project: not recorded, never touched.
    Foreign,
    /// It is kept, and no call has anything of it yet.
    Kept {
        /// It happened in a room of a call that is over: a late agent may sit there alone.
        afterwards: bool,
    },
    /// It is part of these calls.
    Calls(Vec<Touched>),
    /// The asker asked the same call before, with other numbers.
    Differs(CallId),
}

/// A call that a fact is part of.
#[derive(Debug)]
pub struct Touched {
    /// The call as it is now.
    pub call: Call,
    /// It was started by this fact.
    pub fresh: bool,
    /// Whether it ended by this fact.
    pub ended: bool,
    /// It was answered by this fact.
    pub answered: bool,
    /// Something is to be done at once, and we hold the job.
    pub job: Option<Held>,
    /// Otherwise: when something is to be done next.
    pub due: Option<Timestamp>,
    /// How long deciding took, where this fact was decided on.
    pub decided_in: Option<Duration>,
}

/// Hears one fact, which came in these words.
pub fn hear(tx: &mut Tx<'_>, fact: &Fact, body: &str, with: &Hearing<'_>) -> db::Result<Heard> {
    match &fact.what {
        What::Rang(ring) | What::CallerLeft(ring, _) => ring_or_leave(tx, fact, ring, body, with),
        What::Carried(telling) => carried::hear(tx, fact, telling, body, with),
        What::Ended { call, .. } | What::CallerGone { call } => {
            let room = fact.room.as_ref().map(|room| room.name.as_str());
            let meant = calls::meant(tx, &fact.project, call.as_deref(), room)?;
            // Such a fact has no id of its own: it is the same as another when it says the same of the same call.
            let of = meant.as_deref().unwrap_or("nobody");
            let fact = Fact { id: format!("{}@{of}", fact.id), ..fact.clone() };
            in_calls(tx, &fact, meant.into_iter().collect(), body, with)
        }
        What::Joined(_) | What::Left(..) | What::Spoke(_) | What::RoomEnded | What::Noted => {
            let sid = fact.room.as_ref().and_then(|room| room.sid.as_deref());
            let ids = sid.map_or(Ok(Vec::new()), |sid| calls::in_room(tx, &fact.project, sid))?;
            in_calls(tx, fact, ids, body, with)
        }
    }
}

/// Takes in something we did or found ourselves.
pub fn act(tx: &mut Tx<'_>, call: &mut Call, act: Act, with: &Hearing<'_>) -> db::Result<()> {
    let before = Before::of(call);
    call.act(act, with.now);
    save(tx, call, &before, None, with)
}

/// Saves what was done to get an agent onto a call.
pub fn attended(
    tx: &mut Tx<'_>,
    call: &mut Call,
    what: impl FnOnce(&mut Attendance),
    with: &Hearing<'_>,
) -> db::Result<()> {
    let before = Before::of(call);
    what(&mut call.attendance);
    save(tx, call, &before, None, with)
}

fn ring_or_leave(
    tx: &mut Tx<'_>,
    fact: &Fact,
    ring: &Ring,
    body: &str,
    with: &Hearing<'_>,
) -> db::Result<Heard> {
    if !ring.asked && is_foreign(ring, &fact.project, with.routing) {
        return Ok(Heard::Foreign);
    }
    calls::hold_names(tx, &fact.project, &names(fact, ring))?;
    let found = calls::find(tx, &fact.project, &ring.keys, fact.room.as_ref(), ring.asked)?;
    let Some(id) = found else { return start(tx, fact, ring, body, with) };
    let Some(call) = calls::locked(tx, &id)?.filter(takes_facts) else { return Ok(Heard::Before) };
    if ring.asked && differs(&call, ring, with.routing) {
        return Ok(Heard::Differs(id));
    }
    if !facts::record(tx, fact, Some(&id), body, with.now)? {
        return Ok(Heard::Before);
    }
    // Of one that only the carrier had told of, others may have been told before its ring was.
    let waited = if call.evidence.never_reached() { waiting(tx, fact, &id)? } else { Vec::new() };
    let hears = |call: &mut Call| {
        call.hear(fact);
        for waited in &waited {
            call.hear(waited);
        }
    };
    Ok(Heard::Calls(vec![change(tx, call, Some(&ring.keys), hears, with)?]))
}

/// What was told of the room of a call before its ring was.
fn waiting(tx: &mut Tx<'_>, fact: &Fact, call: &CallId) -> db::Result<Vec<Fact>> {
    match &fact.room {
        Some(Room { name, sid: Some(sid) }) => facts::waiting(tx, &fact.project, sid, name, call),
        _ => Ok(Vec::new()),
    }
}

/// A call on a trunk that is not ours, where ours are named, is another application's. One that matched no trunk is
/// nobody's: it is refused.
fn is_foreign(ring: &Ring, project: &str, routing: &Routing) -> bool {
    ring.trunk.as_deref().is_some_and(|trunk| !trunk.is_empty() && !routing.is_our_trunk(project, trunk))
}

fn names<'f>(fact: &'f Fact, ring: &'f Ring) -> Vec<&'f str> {
    let room = fact.room.as_ref().map(|room| room.name.as_str()).filter(|name| !name.is_empty());
    let Keys { call, full, twilio, .. } = &ring.keys;
    let keys = [call.as_deref(), full.as_deref(), twilio.as_deref(), room];
    let mut names: Vec<&str> = keys.into_iter().flatten().collect();
    // Always in the same order, so that two doors cannot wait for each other.
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether an asker now gives other numbers than the call has. Two ways to write one number are the same.
fn differs(call: &Call, ring: &Ring, routing: &Routing) -> bool {
    let region = &routing.default_region;
    let read = |text: &str| crate::phone::e164(text, region).ok();
    let same = |a: &str, b: &str| a == b || read(a).is_some_and(|number| Some(number) == read(b));
    !same(&call.ring.called, &ring.called) || !same(&call.ring.caller, &ring.caller)
}

fn start(tx: &mut Tx<'_>, fact: &Fact, ring: &Ring, body: &str, with: &Hearing<'_>) -> db::Result<Heard> {
    let mut call = Call::new(CallId::new(with.now), fact.project.clone(), ring.clone(), with.now);
    if !facts::record(tx, fact, Some(&call.id), body, with.now)? {
        return Ok(Heard::Before);
    }
    call.hear(fact);
    for waited in waiting(tx, fact, &call.id)? {
        call.hear(&waited);
    }
    let decided_in = Some(decide_on(tx, &mut call, with)?);
    let lead = match &call.decision {
        Some(decision) if was_to_be_answered(&call) => leads::touch(tx, &call, decision, with.now)?,
        _ => None,
    };
    call.lead = lead.as_ref().map(|(id, _)| id.clone());
    let plan = plan_of(&mut call, with);
    calls::insert(tx, &call)?;
    match &lead {
        Some((id, revision)) => {
            let rang = told::words(None, &call).join(" ");
            let word = if *revision == 1 { events::LEAD_CREATED } else { events::LEAD_UPDATED };
            let (rang, lead) = ((&call.id, call.revision, rang.as_str()), (id, *revision, word));
            changes::note_call_and_lead(tx, tenant(&call), rang, lead, with.now)?;
        }
        None => note_change(tx, None, &call, with)?,
    }
    if !call.is_open() {
        finish_lead(tx, None, &call, with)?;
    }
    let job =
        if plan == Plan::Never { None } else { jobs::plan(tx, job(&call.id), plan, with.holder, with.now)? };
    let (ended, answered) = (!call.is_open(), call.outcome.answered_at.is_some());
    Ok(Heard::Calls(vec![Touched { call, fresh: true, ended, answered, job, due: due(plan), decided_in }]))
}

/// The job of a call.
pub fn job(call: &CallId) -> Name<'_> {
    Name { kind: ATTEND, subject: call }
}

fn in_calls(
    tx: &mut Tx<'_>,
    fact: &Fact,
    ids: Vec<CallId>,
    body: &str,
    with: &Hearing<'_>,
) -> db::Result<Heard> {
    let mut held = Vec::with_capacity(ids.len());
    for id in &ids {
        held.extend(calls::locked(tx, id)?.filter(takes_facts));
    }
    if held.is_empty() && !ids.is_empty() {
        return Ok(Heard::Before);
    }
    if !facts::record(tx, fact, held.first().map(|call| &call.id), body, with.now)? {
        return Ok(Heard::Before);
    }
    if held.is_empty() {
        return Ok(Heard::Kept { afterwards: is_afterwards(tx, fact)? });
    }
    if fact.what == What::Noted {
        return Ok(Heard::Kept { afterwards: false });
    }
    let touched: db::Result<_> = held.into_iter().map(|call| fold(tx, call, fact, with)).collect();
    Ok(Heard::Calls(touched?))
}

/// What is told of a call after it was erased would bring back what was erased.
fn takes_facts(call: &Call) -> bool {
    call.notes.erased_at.is_none()
}

/// Whether somebody came into a room whose call is over and where no other is open.
fn is_afterwards(tx: &mut Tx<'_>, fact: &Fact) -> db::Result<bool> {
    let (What::Joined(_), Some(room)) = (&fact.what, &fact.room) else { return Ok(false) };
    let (open, ended) = calls::in_room_named(tx, &fact.project, &room.name)?;
    Ok(open == 0 && ended.is_some())
}

/// Takes in what an operator did to a call, and plans what follows from it.
pub fn operate(
    tx: &mut Tx<'_>,
    call: Call,
    what: impl FnOnce(&mut Call),
    with: &Hearing<'_>,
) -> db::Result<Touched> {
    change(tx, call, None, what, with)
}

fn fold(tx: &mut Tx<'_>, call: Call, fact: &Fact, with: &Hearing<'_>) -> db::Result<Touched> {
    let told = match &fact.what {
        What::Rang(ring) | What::CallerLeft(ring, _) => Some(&ring.keys),
        _ => None,
    };
    let hears = |call: &mut Call| {
        call.hear(fact);
    };
    change(tx, call, told, hears, with)
}

fn change(
    tx: &mut Tx<'_>,
    mut call: Call,
    told: Option<&Keys>,
    what: impl FnOnce(&mut Call),
    with: &Hearing<'_>,
) -> db::Result<Touched> {
    let before = Before::of(&call);
    what(&mut call);
    let plan = plan_of(&mut call, with);
    save(tx, &mut call, &before, told, with)?;
    let job = jobs::plan(tx, job(&call.id), plan, with.holder, with.now)?;
    let ended = before.open && !call.is_open();
    let answered = !before.answered && call.outcome.answered_at.is_some();
    Ok(Touched { call, fresh: false, ended, answered, job, due: due(plan), decided_in: None })
}

/// When a plan has to be carried out, if that is not now.
const fn due(plan: Plan) -> Option<Timestamp> {
    match plan {
        Plan::At(at) => Some(at),
        Plan::Now | Plan::Never => None,
    }
}

/// What comes next, from the rules. The first dispatch is claimed here and now, with the ring itself.
fn plan_of(call: &mut Call, with: &Hearing<'_>) -> Plan {
    match attend::next(call, with.timing, with.now) {
        Next::Wait(at) => Plan::At(at),
        Next::Done => Plan::Never,
        Next::Claim { agent, replaces } if call.attendance.attempts.is_empty() && !replaces => {
            call.attendance.attempts.push(Attempt::claim(agent, with.now, false));
            Plan::Now
        }
        _ => Plan::Now,
    }
}

/// Decides, and tells how long that took, counting what is in use aside.
fn decide_on(tx: &mut Tx<'_>, call: &mut Call, with: &Hearing<'_>) -> db::Result<Duration> {
    let in_use = if call.is_open() { in_use(tx, &call.ring, with.routing, true)? } else { InUse::default() };
    let began = Instant::now();
    let decision = decide::decide(&call.ring, &call.project, with.routing, in_use, with.now);
    let took = began.elapsed();
    call.decided(decision);
    Ok(took)
}

/// Open calls of the tenant and the campaign, where a limit makes them matter. With `hold` nobody else counts them
/// until the transaction ends.
pub fn in_use(tx: &mut Tx<'_>, ring: &Ring, routing: &Routing, hold: bool) -> db::Result<InUse> {
    let mut in_use = InUse::default();
    let number = decide::called(ring, routing);
    let Some(route) = number.as_ref().and_then(|number| routing.route(number)) else { return Ok(in_use) };
    let tenant = route.tenant.max_concurrent.is_some().then_some(&route.tenant.id);
    let limited = route.campaign.filter(|(_, campaign)| campaign.max_concurrent.is_some());
    let campaign = limited.map(|(id, _)| id);
    if hold {
        calls::hold_capacity(tx, tenant, campaign)?;
    }
    if let Some(id) = tenant {
        in_use.tenant = calls::open_of_tenant(tx, id)?;
    }
    if let Some(id) = campaign {
        in_use.campaign = calls::open_of_campaign(tx, id)?;
    }
    Ok(in_use)
}

fn was_to_be_answered(call: &Call) -> bool {
    matches!(call.decision, Some(Decision { verdict: Verdict::Answer { .. }, .. }))
}

/// What a call was before a change, as far as others can see it.
struct Before {
    outcome: Outcome,
    names: Names,
    room_sid: Option<String>,
    open: bool,
    answered: bool,
}

/// What else is shown of a call and may change.
#[derive(PartialEq)]
struct Names {
    agent: Option<String>,
    room: Option<String>,
    call: Option<String>,
    called: String,
    carrier: Option<Carried>,
}

impl Names {
    fn of(call: &Call) -> Names {
        Names {
            agent: call.agent().map(ToOwned::to_owned),
            room: call.room().map(ToOwned::to_owned),
            call: call.ring.keys.call.clone(),
            called: call.ring.called.clone(),
            carrier: call.evidence.carrier.clone(),
        }
    }
}

impl Before {
    fn of(call: &Call) -> Before {
        Before {
            outcome: call.outcome.clone(),
            names: Names::of(call),
            room_sid: call.evidence.room_sid.clone(),
            open: call.is_open(),
            answered: call.outcome.answered_at.is_some(),
        }
    }
}

fn save(
    tx: &mut Tx<'_>,
    call: &mut Call,
    before: &Before,
    told: Option<&Keys>,
    with: &Hearing<'_>,
) -> db::Result<()> {
    let changed = before.outcome != call.outcome || before.names != Names::of(call);
    if changed {
        call.revision += 1;
    }
    call.updated_at = with.now;
    if changed || before.room_sid != call.evidence.room_sid {
        calls::update(tx, call)?;
    } else {
        calls::update_evidence(tx, call)?;
    }
    if let Some(keys) = told {
        calls::insert_keys(tx, call, keys)?;
    }
    if before.outcome.rang_at != call.outcome.rang_at && !call.notes.tags.is_empty() {
        calls::retime_tags(tx, call)?;
    }
    if !changed {
        return Ok(());
    }
    note_change(tx, Some(&before.outcome), call, with)?;
    if call.is_open() { Ok(()) } else { finish_lead(tx, Some(&before.outcome), call, with) }
}

fn tenant(call: &Call) -> Option<&TenantId> {
    call.decision.as_ref().and_then(|decision| decision.tenant.as_ref())
}

fn note_change(tx: &mut Tx<'_>, before: Option<&Outcome>, call: &Call, with: &Hearing<'_>) -> db::Result<()> {
    let words = told::words(before, call).join(" ");
    changes::note(tx, Kind::Call, tenant(call), (&call.id, call.revision, words.as_str()), with.now)
}

/// The end of a call is its lead's too: a caller who was missed is to be called back.
fn finish_lead(tx: &mut Tx<'_>, before: Option<&Outcome>, call: &Call, with: &Hearing<'_>) -> db::Result<()> {
    let Some(lead) = &call.lead else { return Ok(()) };
    let status = if call.outcome.status == Status::Completed { "completed" } else { "missed" };
    if let Some(revision) = leads::finish(tx, lead, &call.id, status, with.now)? {
        let what = (lead, revision, events::LEAD_UPDATED);
        changes::note(tx, Kind::Lead, tenant(call), what, with.now)?;
    }
    let was_missed = before.is_some_and(|before| before.status == Status::Missed);
    match call.outcome.status {
        Status::Missed if !was_missed && carried::talked_since(tx, call)? => Ok(()),
        Status::Missed if !was_missed => tasks::call_back(tx, call, with.now),
        Status::Completed if was_missed => tasks::not_missed(tx, call, with.now),
        _ => Ok(()),
    }
}
