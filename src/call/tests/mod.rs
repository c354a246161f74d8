//! Tests of the rules, and the words they are written in.

mod attending;
mod carrier;
mod deciding;
mod endings;
mod faults;
mod isolation;
mod operators;
mod simulator;
mod staying;
mod stories;
mod timeline;
mod told;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::CallId;
use crate::phone::E164;

use super::attend::Timing;
use super::carrier::{Carried, Telling};
use super::decide::{Decision, Verdict};
use super::evidence::Act;
use super::fact::{Fact, Guest, GuestKind, Keys, Leave, Leg, Ring, Room, What, Why};
use super::{Call, EndReason};

/// The moment at which the tests' caller rings.
const START: Timestamp = Timestamp::from_secs(1_760_011_200);

const TIMING: Timing = Timing {
    look_after: Duration::from_secs(1),
    answer_timeout: Duration::from_secs(10),
    agent_settled: Duration::from_secs(5),
    give_up_after: Duration::from_secs(25),
    static_wait: Duration::from_secs(3),
    unheard_after: Duration::from_secs(3600),
};

/// So many milliseconds after the ring.
fn ms(after: i64) -> Timestamp {
    Timestamp::from_micros(START.micros() + after * 1000)
}

/// So many seconds after the ring.
fn secs(after: i64) -> Timestamp {
    ms(after * 1000)
}

/// How long after the ring, in milliseconds.
fn since(at: Timestamp) -> i64 {
    (at.micros() - START.micros()) / 1000
}

fn number(text: &str) -> E164 {
    E164::exactly(text).unwrap()
}

/// The caller's leg as LiveKit tells of it, under this participant sid.
fn leg(sid: &str, joined: i64) -> Ring {
    Ring {
        keys: Keys {
            call: Some("SCL_1".into()),
            full: Some("0d4b@carrier".into()),
            participant: Some(sid.into()),
            twilio: Some("CA1".into()),
        },
        called: "+15557654321".into(),
        caller: "+15551234567".into(),
        trunk: Some("ST_1".into()),
        at: Some(ms(joined)),
        identity: Some("sip_+15551234567".into()),
        ..Ring::default()
    }
}

/// The ring as an asker tells of it.
fn question(at: i64) -> Ring {
    Ring {
        keys: Keys { call: Some("ask-1".into()), ..Keys::default() },
        called: "+15557654321".into(),
        caller: "+15551234567".into(),
        at: Some(ms(at)),
        asked: true,
        ..Ring::default()
    }
}

fn fact(at: i64, what: What) -> Fact {
    let room = Some(Room { name: "in_1".into(), sid: Some("RM_1".into()) });
    Fact { id: format!("{at} {what:?}"), project: "main".into(), at: ms(at), room, what }
}

/// One whose teller says no sid of the room.
fn told(at: i64, what: What) -> Fact {
    let room = Some(Room { name: "in_1".into(), sid: None });
    Fact { room, ..fact(at, what) }
}

fn rang(at: i64) -> Fact {
    fact(at, What::Rang(Box::new(leg("PA_1", at))))
}

fn asked(at: i64) -> Fact {
    Fact { room: None, ..fact(at, What::Rang(Box::new(question(at)))) }
}

/// The carrier's word of the call, which began and ended there at these seconds after the ring.
fn word(status: &str, began: i64, ended: Option<i64>, duration: i64) -> Carried {
    Carried {
        call_sid: "CA1".into(),
        status: status.into(),
        started_at: secs(began),
        ended_at: ended.map(secs),
        duration: Some(duration),
        price: None,
        price_unit: None,
    }
}

/// The carrier tells; `reached` when somebody else had told of the call by then.
fn carried(word: Carried, reached: bool) -> Fact {
    let telling = Telling { called: "+15557654321".into(), caller: "+15551234567".into(), word, reached };
    Fact { room: None, ..fact(0, What::Carried(Box::new(telling))) }
}

/// The caller's leg is gone: LiveKit tells whole seconds.
fn caller_left(at: i64, why: Why, leg_at: Option<Leg>) -> Fact {
    let leave = Leave { at: ms(at - at.rem_euclid(1000)), why, leg: leg_at };
    fact(at, What::CallerLeft(Box::new(leg("PA_1", 0)), leave))
}

fn guest(sid: &str, kind: GuestKind, joined: Option<i64>) -> Guest {
    let (identity, agent_name) = match kind {
        GuestKind::Agent => (format!("agent-AJ_{sid}"), Some("telephony-agent".into())),
        GuestKind::Leg => (format!("sip_{sid}"), None),
        GuestKind::Person => (sid.to_owned(), None),
    };
    Guest { sid: sid.into(), identity, kind, joined_at: joined.map(ms), agent_name }
}

fn joined(at: i64, sid: &str) -> Fact {
    fact(at, What::Joined(guest(sid, GuestKind::Agent, Some(at))))
}

fn spoke(at: i64, sid: &str) -> Fact {
    fact(at, What::Spoke(guest(sid, GuestKind::Agent, None)))
}

fn answer(agent: &str, fallback: Option<&str>) -> Decision {
    let verdict = Verdict::Answer {
        agent: agent.into(),
        agent_id: None,
        fallback: fallback.map(Into::into),
        fallback_id: None,
    };
    decision(verdict)
}

fn refusal(reason: EndReason) -> Decision {
    decision(Verdict::Reject { reason })
}

fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        tenant: Some("tnt_1".into()),
        campaign: None,
        number: None,
        called: None,
        caller: None,
        steps: Vec::new(),
        at: START,
    }
}

/// What a call's story is made of.
#[derive(Clone, Debug)]
enum Step {
    Heard(Fact),
    Did(Act, Timestamp),
    Decided(Decision),
}

impl Step {
    fn ring(&self) -> Option<Ring> {
        match self {
            Step::Heard(Fact { what: What::Rang(ring) | What::CallerLeft(ring, _), .. }) => {
                Some((**ring).clone())
            }
            Step::Heard(Fact { what: What::Carried(telling), .. }) => Some(telling.ring()),
            _ => None,
        }
    }

    fn take(self, call: &mut Call) {
        let before = call.outcome.clone();
        let changed = match self {
            Step::Heard(fact) => call.hear(&fact),
            Step::Did(act, at) => call.act(act, at),
            Step::Decided(decision) => {
                call.decided(decision);
                return;
            }
        };
        assert_eq!(changed, before != call.outcome, "whether it changed is told wrong");
    }
}

/// The call that these steps make: its first ring starts it, what came before that waited for it.
/// `see` is shown every state of it.
fn fold(steps: &[Step], mut see: impl FnMut(&Call)) -> Option<Call> {
    let first = steps.iter().position(|step| step.ring().is_some())?;
    let ring = steps[first].ring()?;
    let mut call = Call::new(CallId::from("call_1"), "main".into(), ring, START);
    let waited = steps[..first].iter();
    for step in std::iter::once(&steps[first]).chain(waited).chain(&steps[first + 1..]) {
        step.clone().take(&mut call);
        see(&call);
    }
    Some(call)
}

/// The call that these facts make, in this order.
fn call_of(facts: &[Fact]) -> Call {
    let steps: Vec<Step> = facts.iter().cloned().map(Step::Heard).collect();
    fold(&steps, |_| {}).unwrap()
}
