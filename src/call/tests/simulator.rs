//! A toy LiveKit with one room: what [`attend::next`] asks for is done to it, and what happens in it is told with the
//! delay of a webhook. The clock moves by hand, from one thing that happens to the next.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::operators::Order;
use super::*;
use crate::call::attend::{self, Attempt, Listed, Next, Settled};
use crate::call::fact::Guest;

/// Things that may be done at one moment; more is a loop.
const AT_ONCE: usize = 60;
/// Waits in one call; more is a loop that takes its time.
const WAITS: usize = 500;
/// A request of which nobody knows what became is given up after this many milliseconds.
pub(super) const TIMEOUT: i64 = 3_000;

/// What becomes of one dispatch.
#[derive(Copy, Clone, Debug)]
pub(super) struct Worker {
    /// After how many milliseconds somebody takes it.
    pub takes: Option<i64>,
    /// How long the agent then needs to join.
    pub joins: i64,
    /// How long after that it can be heard.
    pub speaks: Option<i64>,
    /// How long after joining it leaves, and why.
    pub leaves: Option<(i64, Why)>,
    /// It joins even if its dispatch was deleted meanwhile.
    pub stubborn: bool,
}

pub(super) const WARM: Worker =
    Worker { takes: Some(200), joins: 200, speaks: Some(70), leaves: None, stubborn: false };
pub(super) const NOBODY: Worker = Worker { takes: None, ..WARM };
pub(super) const MUTE: Worker = Worker { speaks: None, ..WARM };

/// What becomes of a request to dispatch.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Delivery {
    Answered,
    Refused,
    /// It got there and the answer did not come back.
    AnswerLost,
    /// It never got there.
    Lost,
    /// It got there this many milliseconds later, when nobody waited for it any more.
    Late(i64),
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    Deliver(String),
    Take(usize),
    Join(usize),
    Come(Box<Guest>),
    Speak(String),
    Leave(String, Why),
    Tell(Box<Fact>),
    HangUp,
    Operator(Order),
    Settle(usize, Settled),
    SentOn(Option<Leg>),
}

#[derive(Debug)]
struct Dispatch {
    agent: String,
    ours: bool,
    worker: Worker,
    made: i64,
    taken: bool,
    deleted: bool,
}

pub(super) struct World {
    pub call: Call,
    pub timing: Timing,
    pub now: i64,
    /// What was done, as `milliseconds what`.
    pub log: Vec<String>,
    /// How long two agents of ours were in the room at most.
    pub two_agents: i64,
    /// How long the caller was alone in the room at most.
    pub alone: i64,
    pub network: VecDeque<Delivery>,
    pub webhook: i64,
    /// So long after a dispatch LiveKit does not list who took it.
    pub hides: i64,
    workers: HashMap<String, VecDeque<Worker>>,
    dispatches: Vec<Dispatch>,
    there: BTreeMap<String, Guest>,
    ours_there: BTreeMap<String, i64>,
    alone_since: Option<i64>,
    coming: BTreeMap<(i64, usize), Event>,
    happened: usize,
    pub room: bool,
    fresh: Option<usize>,
    done_now: usize,
    waits: usize,
}

impl World {
    /// A call that has just been decided; its room is there unless only an asker knows of it.
    pub(super) fn new(rings: &[Fact], decision: Decision) -> World {
        let mut call = call_of(rings);
        call.decided(decision);
        World {
            timing: TIMING,
            now: 0,
            log: Vec::new(),
            two_agents: 0,
            alone: 0,
            network: VecDeque::new(),
            webhook: 20,
            hides: 0,
            workers: HashMap::new(),
            dispatches: Vec::new(),
            there: BTreeMap::new(),
            ours_there: BTreeMap::new(),
            alone_since: Some(0),
            coming: BTreeMap::new(),
            happened: 0,
            room: call.evidence.room_sid.is_some(),
            fresh: None,
            done_now: 0,
            waits: 0,
            call,
        }
    }

    /// A ring that LiveKit told of, to be answered by `telephony-agent`, or else by `reception`.
    pub(super) fn ringing() -> World {
        World::new(&[rang(0)], answer("telephony-agent", Some("reception")))
    }

    /// Dispatches of this name fare like this, one after the other; the last one for ever.
    pub(super) fn workers(mut self, agent: &str, fare: &[Worker]) -> World {
        self.workers.insert(agent.into(), fare.iter().copied().collect());
        self
    }

    pub(super) fn network(mut self, fare: &[Delivery]) -> World {
        self.network = fare.iter().copied().collect();
        self
    }

    pub(super) fn tell(&mut self, at: i64, fact: Fact) {
        self.plan(at, Event::Tell(Box::new(fact)));
    }

    /// Somebody comes into the room, whom no dispatch of ours brings.
    pub(super) fn comes(&mut self, at: i64, who: &Guest) {
        self.plan(at, Event::Come(Box::new(who.clone())));
    }

    pub(super) fn leaves(&mut self, at: i64, sid: &str, why: Why) {
        self.plan(at, Event::Leave(sid.into(), why));
    }

    pub(super) fn hangs_up(&mut self, at: i64) {
        self.plan(at, Event::HangUp);
    }

    /// LiveKit makes a dispatch by itself, as its rule says.
    pub(super) fn rule(mut self, agent: &str) -> World {
        self.make(agent.into(), false);
        self
    }

    /// Everything until this moment, or until nothing is left to do.
    pub(super) fn run(&mut self, until: i64) {
        while self.now < until {
            self.happen();
            let Some(wait) = self.step() else { continue };
            let next = self.coming.keys().next().map(|(at, _)| *at);
            let Some(then) = wait.into_iter().chain(next).min() else { break };
            self.done_now = 0;
            self.now = then.max(self.now).min(until);
        }
        self.count();
    }

    /// One thing that the call needs; when to go on, once it needs nothing for now.
    fn step(&mut self) -> Option<Option<i64>> {
        self.done_now += 1;
        assert!(self.done_now < AT_ONCE, "it goes round in circles: {:#?}", self.log);
        if let Some(index) = self.fresh.take() {
            self.send(index);
            return None;
        }
        let next = attend::next(&self.call, &self.timing, ms(self.now));
        if self.call.is_open() && self.call.attendance.transfer_under_way(ms(self.now)).is_some() {
            let disturbs = matches!(next, Next::End(_) | Next::Clear | Next::Claim { replaces: true, .. });
            assert!(!disturbs, "{next:?} while the caller is on its way: {:#?}", self.log);
        }
        match next {
            Next::Wait(at) => {
                assert!(at > ms(self.now), "a wait that is over: {:#?}", self.log);
                self.waits += 1;
                assert!(self.waits < WAITS, "it waits again and again: {:#?}", self.log);
                return Some(Some((since(at)).max(self.now + 1)));
            }
            Next::Done => return Some(None),
            next => self.carry_out(next),
        }
        None
    }

    fn carry_out(&mut self, next: Next) {
        let now = ms(self.now);
        match next {
            Next::Claim { agent, replaces } => {
                self.note(format!("claim {agent}{}", if replaces { " in place" } else { "" }));
                self.fresh = Some(self.call.attendance.attempts.len());
                self.call.attendance.attempts.push(Attempt::claim(agent, now, replaces));
            }
            Next::Settle(index) => self.settle(index),
            Next::Look => {
                self.note("look".into());
                let there = self.call.evidence.others().filter(|(_, guest)| guest.left.is_none());
                let there = there.filter(|(_, guest)| guest.kind == GuestKind::Agent);
                let there: Vec<_> = there.map(|(_, guest)| guest.clone()).collect();
                self.call.attendance.listed(&self.list(), &there, now);
            }
            Next::Close(index, why) => {
                self.note(format!("close {index} {why:?}"));
                if let Some(id) =
                    self.call.attendance.attempts[index].dispatch.clone().filter(|_| why.deletes())
                {
                    self.delete(&id);
                }
                self.call.attendance.close(index, why, now);
            }
            Next::Delete(id) => {
                self.note(format!("delete {id}"));
                self.delete(&id);
                self.call.attendance.surplus.remove(&id);
            }
            Next::Remove(identity) => {
                self.note(format!("remove {identity}"));
                self.put_out(|guest| guest.identity == identity);
                self.call.attendance.removed(identity);
            }
            Next::End(act) => {
                self.note(format!("end {act:?}"));
                self.call.act(act, now);
            }
            Next::Clear => self.clear(),
            Next::Wait(_) | Next::Done => {}
        }
    }

    fn clear(&mut self) {
        self.note("clear".into());
        if self.room {
            self.room = false;
            let state = if self.call.outcome.answered_at.is_some() { Leg::Active } else { Leg::Ringing };
            self.tell(self.now + self.webhook, caller_left(self.now, Why::PutOut, Some(state)));
            self.tell(self.now + self.webhook, fact(self.now, What::RoomEnded));
            self.there.clear();
            self.count();
        }
        self.call.attendance.cleared_at = Some(ms(self.now));
    }

    fn settle(&mut self, index: usize) {
        self.note(format!("settle {index}"));
        let attempts = &self.call.attendance.attempts;
        let known = |id: &str| attempts.iter().any(|attempt| attempt.dispatch.as_deref() == Some(id));
        let listed = self.list();
        let found = listed.iter().find(|d| d.ours && d.agent == attempts[index].agent && !known(&d.id));
        match found {
            Some(found) => self.call.attendance.sent(index, found.id.clone(), ms(self.now)),
            None => self.send(index),
        }
    }

    fn send(&mut self, index: usize) {
        let agent = self.call.attendance.attempts[index].agent.clone();
        self.note(format!("send {index} {agent}"));
        let delivery = self.network.pop_front().unwrap_or(Delivery::Answered);
        match delivery {
            Delivery::Answered => {
                let id = self.make(agent, true);
                self.call.attendance.sent(index, id, ms(self.now));
            }
            Delivery::Refused => self.call.attendance.close(index, attend::Closed::Refused, ms(self.now)),
            Delivery::AnswerLost => {
                self.make(agent, true);
                self.pass(TIMEOUT);
            }
            Delivery::Lost => self.pass(TIMEOUT),
            Delivery::Late(by) => {
                self.plan(self.now + by, Event::Deliver(agent));
                self.pass(TIMEOUT);
            }
        }
    }

    /// Time passes while we wait for an answer.
    fn pass(&mut self, millis: i64) {
        self.now += millis;
        self.done_now = 0;
        self.happen();
    }

    pub(super) fn note(&mut self, what: String) {
        self.log.push(format!("{} {what}", self.now));
    }

    pub(super) fn plan(&mut self, at: i64, event: Event) {
        self.happened += 1;
        self.coming.insert((at, self.happened), event);
    }

    fn list(&self) -> Vec<Listed> {
        let unnamed = Listed { id: "AD_".into(), agent: String::new(), ours: false, agents: Vec::new() };
        let living = self.dispatches.iter().enumerate().filter(|(_, dispatch)| !dispatch.deleted);
        let listed = living.map(|(index, dispatch)| Listed {
            id: format!("AD_{index}"),
            agent: dispatch.agent.clone(),
            ours: dispatch.ours,
            agents: if dispatch.taken && self.now >= dispatch.made + self.hides {
                vec![format!("agent-AJ_{index}")]
            } else {
                Vec::new()
            },
        });
        std::iter::once(unnamed).chain(listed).collect()
    }

    /// LiveKit takes in a dispatch.
    fn make(&mut self, agent: String, ours: bool) -> String {
        let fare = self.workers.get_mut(&agent);
        let worker =
            fare.and_then(|fare| if fare.len() > 1 { fare.pop_front() } else { fare.front().copied() });
        let (index, worker) = (self.dispatches.len(), worker.unwrap_or(NOBODY));
        self.dispatches.push(Dispatch { agent, ours, worker, made: self.now, taken: false, deleted: false });
        if let Some(after) = worker.takes {
            self.plan(self.now + after, Event::Take(index));
        }
        format!("AD_{index}")
    }

    /// Everything that has happened by now.
    fn happen(&mut self) {
        while let Some(((at, _), event)) = self.coming.first_key_value().map(|(key, of)| (*key, of.clone())) {
            if at > self.now {
                break;
            }
            self.coming.pop_first();
            self.event(at, event);
        }
    }

    fn event(&mut self, at: i64, event: Event) {
        match event {
            Event::Tell(fact) => {
                let open = self.call.is_open();
                self.call.hear(&fact);
                assert!(open || !self.call.is_open(), "it opened again: {:#?}", self.log);
            }
            Event::Deliver(agent) if self.room => drop(self.make(agent, true)),
            Event::Take(index) if self.room && !self.dispatches[index].deleted => {
                self.dispatches[index].taken = true;
                self.plan(at + self.dispatches[index].worker.joins, Event::Join(index));
            }
            Event::Join(index) => self.join(at, index),
            Event::Come(who) if self.room => {
                self.there.insert(who.sid.clone(), (*who).clone());
                self.count();
                self.tell(at + self.webhook, fact(at, What::Joined(*who)));
            }
            Event::Speak(sid) => {
                if let Some(guest) = self.there.get(&sid).cloned() {
                    self.tell(at + self.webhook, fact(at, What::Spoke(guest)));
                }
            }
            Event::Leave(sid, why) => {
                if let Some(guest) = self.there.remove(&sid) {
                    let leave = Leave { at: secs(at / 1000), why, leg: None };
                    self.tell(at + self.webhook, fact(at, What::Left(guest, leave)));
                    self.count();
                }
            }
            Event::HangUp if self.room => self.caller_goes(at, Some(Leg::Hangup)),
            Event::SentOn(state) if self.room => self.caller_goes(at, state),
            Event::Operator(order) if self.call.is_open() => self.operate(at, order),
            Event::Settle(index, how) => {
                let said = match how {
                    Settled::Made => "was made",
                    Settled::Failed { .. } => "failed",
                    Settled::Unknown { .. } => "is unknown",
                };
                self.note(format!("transfer {index} {said}"));
                if how == Settled::Made {
                    self.call.act(Act::Transferred, ms(at));
                }
                self.call.attendance.settle_transfer(index, how, ms(at));
            }
            Event::Deliver(_) | Event::Take(_) | Event::Come(_) | Event::HangUp => {}
            Event::Operator(_) | Event::SentOn(_) => {}
        }
    }

    fn caller_goes(&mut self, at: i64, state: Option<Leg>) {
        self.room = false;
        self.tell(at + self.webhook, caller_left(at, Why::Itself, state));
        self.there.clear();
        self.count();
    }

    fn join(&mut self, at: i64, index: usize) {
        let of = &self.dispatches[index];
        if !self.room || (of.deleted && !of.worker.stubborn) {
            return;
        }
        let mut who = guest(&format!("PA_A{index}"), GuestKind::Agent, Some(at));
        who.identity = format!("agent-AJ_{index}");
        who.agent_name = Some(of.agent.clone());
        let (sid, worker) = (who.sid.clone(), of.worker);
        if of.ours {
            self.ours_there.insert(sid.clone(), at);
        }
        self.there.insert(sid.clone(), who.clone());
        self.count();
        self.tell(at + self.webhook, fact(at, What::Joined(who)));
        if let Some(after) = worker.speaks {
            self.plan(at + after, Event::Speak(sid.clone()));
        }
        if let Some((after, why)) = worker.leaves {
            self.plan(at + after, Event::Leave(sid, why));
        }
    }

    fn delete(&mut self, id: &str) {
        let Some(index) = id.strip_prefix("AD_").and_then(|index| index.parse::<usize>().ok()) else {
            return;
        };
        self.dispatches[index].deleted = true;
        if !self.dispatches[index].worker.stubborn {
            self.put_out(|guest| guest.identity == format!("agent-AJ_{index}"));
        }
    }

    fn put_out(&mut self, who: impl Fn(&Guest) -> bool) {
        let sids: Vec<_> =
            self.there.values().filter(|guest| who(guest)).map(|guest| guest.sid.clone()).collect();
        for sid in sids {
            self.plan(self.now + 100, Event::Leave(sid, Why::PutOut));
        }
    }

    /// Measures how long two of ours were there, and how long nobody was.
    fn count(&mut self) {
        let second = self.ours_there.values().copied().max().filter(|_| self.ours_there.len() > 1);
        self.two_agents = self.two_agents.max(second.map_or(0, |second| self.now - second));
        self.ours_there.retain(|sid, _| self.there.contains_key(sid));
        self.alone = self.alone.max(self.alone_since.map_or(0, |since| self.now - since));
        let alone = self.room && self.there.is_empty();
        self.alone_since = alone.then(|| self.alone_since.unwrap_or(self.now));
    }
}
