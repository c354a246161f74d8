//! What the outside told us, in our words: one [`Fact`] for every door.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

use super::carrier::Telling;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Unique within its project: a second fact with the same id changes nothing.
    pub id: String,
    /// The LiveKit project that it is about.
    pub project: String,
    /// The platform's time of it.
    pub at: Timestamp,
    /// The room it happened in, as far as was said.
    pub room: Option<Room>,
    /// What happened.
    pub what: What,
}

/// A room as a fact names it. Names come again, sids do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// LiveKit's own id of this one life of the room; none when the teller has none to tell.
    pub sid: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A caller rings, or was seen ringing or talking.
    Rang(Box<Ring>),
    /// The caller's leg is gone.
    CallerLeft(Box<Ring>, Leave),
    /// Somebody who is not the caller came into the room.
    Joined(Guest),
    /// Somebody who is not the caller left the room.
    Left(Guest, Leave),
    /// Somebody's audio can be heard.
    Spoke(Guest),
    /// The room is gone.
    RoomEnded,
    /// The teller says that the call is over, and how long it was, in whole seconds.
    Ended {
        /// Which call, when the teller names it.
        call: Option<String>,
        /// Whole seconds.
        duration: Option<i64>,
    },
    /// The teller says that the caller is gone.
    CallerGone {
        /// Which call, when the teller names it.
        call: Option<String>,
    },
    /// What the carrier says of the call.
    Carried(Box<Telling>),
    /// Nothing that changes a call; kept for the record.
    Noted,
}

/// A caller's leg as it rings. What the ledger keeps of it is the earliest and the richest of all tellings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// The names the call has.
    pub keys: Keys,
    /// The number that was dialled, as it came.
    pub called: String,
    /// The caller's number, as it came.
    pub caller: String,
    /// The LiveKit trunk; an empty one is a call that matched none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trunk: Option<String>,
    /// The platform's time of the ring.
    pub at: Option<Timestamp>,
    /// Somebody asked us who answers: the asker connects the agent.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub asked: bool,
    /// A LiveKit rule named the agent already: the first dispatch is LiveKit's.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub routed_static: bool,
    /// The caller's identity in the room.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<String>,
    /// The leg was seen answered (`sip.callStatus=active`).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub active: bool,
}

/// The names a call goes by. None is ours; `full` is chosen by the remote side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// LiveKit's `sip.callID`, or the `call_id` an asker gave.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call: Option<String>,
    /// The SIP Call-ID (`sip.callIDFull`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full: Option<String>,
    /// The participant's sid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<String>,
    /// Twilio's CallSid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub twilio: Option<String>,
}

/// Somebody in the room who is not the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// The participant's sid.
    pub sid: String,
    /// The participant's identity.
    pub identity: String,
    /// What it is.
    pub kind: GuestKind,
    /// Since when it is there, if that was said.
    pub joined_at: Option<Timestamp>,
    /// The agent's name, if it is one and says so.
    pub agent_name: Option<String>,
}

/// What somebody in the room is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestKind {
    /// An AI agent.
    Agent,
    /// Another phone.
    Leg,
    /// A person, or anything else that is neither.
    Person,
}

/// How somebody left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leave {
    /// The platform's time of it.
    pub at: Timestamp,
    /// Why, as the platform tells.
    pub why: Why,
    /// Where the phone leg stood at the time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leg: Option<Leg>,
}

/// Why somebody left, as the platform tells. The order decides between two tellings of one leave.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// By itself.
    Itself,
    /// Somebody put it out, or deleted the room.
    PutOut,
    /// The connection broke, or the platform did.
    Broke,
    /// It goes on as another participant: no end of anything.
    Moved,
    /// It was not there any more when we looked.
    Vanished,
}

/// Where a phone leg stands (`sip.callStatus`). The later one wins between two tellings.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Not answered.
    Ringing,
    /// Answered.
    Active,
    /// The phone hung up.
    Hangup,
}
