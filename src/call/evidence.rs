//! Everything the outside said of one call, merged so that neither order nor repetition matters:
//! minima, maxima and sets only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::carrier::Carried;
use super::fact::{Fact, Guest, GuestKind, Leave, Leg, Ring, Room, What, Why};

/// What is known of one call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The room's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The room's sid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_sid: Option<String>,
    /// The earliest time anybody gave for the ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rang_at: Option<Timestamp>,
    /// The caller's participant sids: more than one after a reconnect.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub callers: BTreeSet<String>,
    /// The caller's identities in the room: a track may be told under a sid that nobody said was the caller's.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<String>,
    /// The earliest time at which the leg was seen answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_at: Option<Timestamp>,
    /// Everybody else, by participant sid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub guests: BTreeMap<String, Presence>,
    /// The earliest audio of each participant, by sid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub voices: BTreeMap<String, Timestamp>,
    /// How the caller's leg ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_left: Option<Leave>,
    /// When the room was gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_ended_at: Option<Timestamp>,
    /// A teller said that the call is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_ended_at: Option<Timestamp>,
    /// The duration that teller gave, in whole seconds; the longest of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_duration: Option<i64>,
    /// A teller said that the caller is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_caller_gone_at: Option<Timestamp>,
    /// What the carrier says of it. It ends no call: LiveKit knows better who is in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carried>,
    /// What we did to end it, and when.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub acts: BTreeMap<Act, Timestamp>,
}

/// What we or our operators did, or we found, that ends a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Nobody answered in time.
    GaveUp,
    /// The agent left after a conversation: it hung up.
    AgentHungUp,
    /// The agent was lost, and its replacement too.
    AgentLost,
    /// An operator ended a call that had been answered.
    OperatorHungUp,
    /// An operator ended a call that was still ringing.
    OperatorCancelled,
    /// LiveKit said that the caller was sent on to somebody else.
    Transferred,
    /// The room, or the caller in it, was gone.
    Reconciled,
    /// Nobody ever said that it ended.
    NeverEnded,
    /// It was over at the carrier, and nobody had told us that it rang.
    NeverReached,
}

/// Somebody in the room who is not the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The participant's identity.
    pub identity: String,
    /// What it is.
    pub kind: GuestKind,
    /// Since when it was there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub joined_at: Option<Timestamp>,
    /// How it left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left: Option<Leave>,
    /// The agent's name, if it is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent_name: Option<String>,
}

impl Evidence {
    /// Takes in one fact about this call.
    pub fn take(&mut self, fact: &Fact) {
        if let Some(room) = &fact.room {
            self.place(room);
        }
        match &fact.what {
            What::Rang(ring) => {
                self.know(ring, fact.at);
                if ring.active {
                    keep_least(&mut self.active_at, Some(fact.at));
                }
            }
            What::CallerLeft(ring, leave) => {
                self.know(ring, leave.at);
                // Who hung up is gone, however the connection says it closed.
                if leave.why != Why::Moved || leave.leg == Some(Leg::Hangup) {
                    self.caller_left = Some(merge(self.caller_left.take(), leave.clone()));
                }
            }
            What::Joined(guest) => self.meet(guest, None),
            What::Left(guest, leave) => self.meet(guest, Some(leave)),
            What::Spoke(guest) => {
                let voice = self.voices.entry(guest.sid.clone()).or_insert(fact.at);
                *voice = (*voice).min(fact.at);
                self.meet(guest, None);
            }
            What::RoomEnded => keep_least(&mut self.room_ended_at, Some(fact.at)),
            What::Ended { duration, .. } => {
                keep_least(&mut self.told_ended_at, Some(fact.at));
                self.told_duration = self.told_duration.max(*duration);
            }
            What::CallerGone { .. } => keep_least(&mut self.told_caller_gone_at, Some(fact.at)),
            What::Carried(telling) => {
                self.carrier = Some(Carried::merge(self.carrier.take(), &telling.word));
                if !telling.reached {
                    self.act(Act::NeverReached, telling.word.over_at());
                }
            }
            What::Noted => {}
        }
    }

    /// Takes in something we did or found ourselves.
    pub fn act(&mut self, act: Act, at: Timestamp) {
        let first = self.acts.entry(act).or_insert(at);
        *first = (*first).min(at);
    }

    /// When an operator ended it.
    pub fn operator_hung_up_at(&self) -> Option<Timestamp> {
        let operators = [Act::OperatorHungUp, Act::OperatorCancelled];
        operators.into_iter().filter_map(|act| self.acts.get(&act)).min().copied()
    }

    /// Whether an operator ended it.
    pub fn hung_up_by_operator(&self) -> bool {
        self.operator_hung_up_at().is_some()
    }

    /// Whether the caller was sent on to somebody else.
    pub fn transferred(&self) -> bool {
        self.acts.contains_key(&Act::Transferred)
    }

    /// Whether only the carrier knows of it: nobody told us that it rang, then or later.
    pub fn never_reached(&self) -> bool {
        self.rang_at.is_none() && self.acts.contains_key(&Act::NeverReached)
    }

    /// The room of those told: one with a sid before one without, then the least, name and sid always of one telling.
    fn place(&mut self, room: &Room) {
        fn rank<'r>(name: &'r str, sid: Option<&'r str>) -> (bool, Option<&'r str>, &'r str) {
            (sid.is_none(), sid, name)
        }
        if room.name.is_empty() {
            return;
        }
        let told = rank(&room.name, room.sid.as_deref());
        if self.room.as_deref().is_none_or(|name| told < rank(name, self.room_sid.as_deref())) {
            self.room = Some(room.name.clone());
            self.room_sid.clone_from(&room.sid);
        }
    }

    /// The caller: who it is, and that it rang `at` the latest.
    fn know(&mut self, ring: &Ring, at: Timestamp) {
        self.callers.extend(ring.keys.participant.clone());
        self.identities.extend(ring.identity.clone());
        keep_least(&mut self.rang_at, Some(ring.at.unwrap_or(at)));
    }

    fn meet(&mut self, guest: &Guest, leave: Option<&Leave>) {
        let known = self.guests.entry(guest.sid.clone()).or_insert_with(|| Presence {
            identity: guest.identity.clone(),
            kind: guest.kind,
            joined_at: None,
            left: None,
            agent_name: None,
        });
        known.kind = known.kind.min(guest.kind);
        if guest.identity < known.identity {
            known.identity.clone_from(&guest.identity);
        }
        keep_least(&mut known.joined_at, guest.joined_at);
        keep_least(&mut known.agent_name, guest.agent_name.clone());
        if let Some(leave) = leave {
            known.left = Some(merge(known.left.take(), leave.clone()));
        }
    }

    /// Everybody but the caller: a track is told before we know whose it is.
    pub fn others(&self) -> impl Iterator<Item = (&String, &Presence)> {
        self.guests
            .iter()
            .filter(|(sid, guest)| !self.callers.contains(*sid) && !self.identities.contains(&guest.identity))
    }

    /// The earliest audio of anybody but the caller.
    pub fn first_voice(&self) -> Option<Timestamp> {
        self.others().filter_map(|(sid, _)| self.voices.get(sid)).min().copied()
    }
}

/// The lesser of two that are there: the same whichever comes first.
fn keep_least<T: Ord>(kept: &mut Option<T>, told: Option<T>) {
    let Some(told) = told else { return };
    if kept.as_ref().is_none_or(|kept| told < *kept) {
        *kept = Some(told);
    }
}

/// Two tellings of one leave: what the platform says beats what we found, then the earlier, and the leg's
/// last state of both.
fn merge(kept: Option<Leave>, told: Leave) -> Leave {
    let Some(kept) = kept else { return told };
    let leg: Option<Leg> = kept.leg.max(told.leg);
    let rank = |leave: &Leave| (leave.why == Why::Vanished, leave.at, leave.why);
    let mut first = if rank(&told) < rank(&kept) { told } else { kept };
    first.leg = leg;
    first
}
