//! What comes of a call once its trunk and rule are known (`sip.EvaluateDispatchRule`).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Call, Pin};
use crate::sip::{DispatchRule, InboundTrunk, RuleAgent, RuleKind};

/// What comes of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The caller is put into a room, where they ring until an agent publishes.
    Joins(Box<Joining>),
    /// The caller is answered and asked for a PIN first.
    AsksForPin {
        /// The rule that wants it. Another one may be chosen once it is typed.
        rule: String,
    },
    /// The trunk wants user and password, and the carrier has none.
    NotSignedIn,
    /// No rule is for the call (`DROP`).
    NoRule {
        /// The caller had been answered and asked for a PIN.
        pin_typed: bool,
    },
    /// LiveKit cannot decide.
    Fails(Failure),
}

/// Why LiveKit cannot decide, so that the call is refused and nothing else is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// Two trunks that take the call have its number.
    TrunksShareNumber {
        /// The one with the lower id.
        first: String,
        /// The other one.
        second: String,
    },
    /// No trunk has the number, and two take any.
    TrunksTakeAny {
        /// The one with the lower id.
        first: String,
        /// The other one.
        second: String,
    },
    /// Two rules are for the same PIN, trunk, number and caller. It fails for every call that both are looked at for,
    /// whether they are for that call or not.
    RulesShareKey {
        /// The one with the lower id; the same as `second` where a rule names something twice.
        first: String,
        /// The other one.
        second: String,
        /// The trunk; empty is any.
        trunk: String,
        /// The called number, normalised; empty is any.
        number: String,
        /// The caller, normalised; empty is anybody.
        caller: String,
    },
    /// A rule says not what room to use, or in a way that LiveKit of this version does not know.
    RuleNotUnderstood {
        /// The rule.
        rule: String,
        /// What it says, by LiveKit's name; empty where it says nothing.
        kind: String,
    },
}

impl Failure {
    /// Whether that rule brings it about.
    pub(super) fn is_of(&self, rule: &str) -> bool {
        match self {
            Self::RulesShareKey { first, second, .. } => first == rule || second == rule,
            Self::RuleNotUnderstood { rule: one, .. } => one == rule,
            Self::TrunksShareNumber { .. } | Self::TrunksTakeAny { .. } => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrunksShareNumber { first, second } => {
                write!(f, "the trunks {first} and {second} both have the number")
            }
            Self::TrunksTakeAny { first, second } => {
                write!(f, "no trunk has the number, and the trunks {first} and {second} both take any")
            }
            Self::RulesShareKey { first, second, trunk, number, caller } => {
                let any =
                    |text: &str, any: &str| if text.is_empty() { any.to_owned() } else { text.to_owned() };
                let trunk = any(trunk, "any trunk");
                let (number, caller) = (any(number, "any number"), any(caller, "any caller"));
                if first == second {
                    write!(f, "the rule {first} says twice that it is for {trunk}, {number}, {caller}")
                } else {
                    let pin = "with the same PIN or none";
                    write!(
                        f,
                        "the rules {first} and {second} are both for {trunk}, {number}, {caller}, {pin}"
                    )
                }
            }
            Self::RuleNotUnderstood { rule, kind } if kind.is_empty() => {
                write!(f, "the rule {rule} does not say which room")
            }
            Self::RuleNotUnderstood { rule, kind } => {
                write!(f, "the rule {rule} is a {kind}, which is not known")
            }
        }
    }
}

/// How a caller joins.
#[derive(Clone, Debug, PartialEq)]
pub struct Joining {
    /// The rule that says so, by id.
    pub rule: String,
    /// The trunk that the call came in by.
    pub trunk: Option<String>,
    /// The room.
    pub room: RoomName,
    /// The caller's identity in it.
    pub identity: String,
    /// The caller's name in it.
    pub name: String,
    /// The caller's metadata.
    pub metadata: String,
    /// The caller's attributes, but for those that each call has of its own (`sip.callID`, headers).
    pub attributes: BTreeMap<String, String>,
    /// The agents that the rule sends. None: whoever dispatches has to, and any worker without a name comes.
    pub agents: Vec<RuleAgent>,
    /// How long the caller rings; none is LiveKit's default of 3 minutes.
    pub ringing_timeout: Option<Duration>,
    /// How long the call may last; none is LiveKit's default of 24 hours.
    pub max_call_duration: Option<Duration>,
}

/// The name of a room, of which the end may be random.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoomName {
    /// What is certain of it; all of it where nothing is random.
    pub known: String,
    /// Twelve random letters and digits follow, so that each call has a room of its own.
    pub random_end: bool,
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.known)?;
        f.write_str(if self.random_end { "…" } else { "" })
    }
}

pub(super) fn evaluate(call: &Call, trunk: Option<&InboundTrunk>, rule: &DispatchRule) -> Outcome {
    let typed = matches!(&call.pin, Pin::Typed(pin) if pin.is_set());
    if !rule.kind.pin().is_empty() && !typed {
        return Outcome::AsksForPin { rule: rule.id.clone() };
    }
    let shown = if rule.hide_phone_number { last_digits(&call.from) } else { call.from.clone() };
    Outcome::Joins(Box::new(Joining {
        rule: rule.id.clone(),
        trunk: trunk.map(|trunk| trunk.id.clone()),
        room: room(&rule.kind, &call.to, &shown),
        identity: identity(call, rule.hide_phone_number),
        name: format!("Phone {shown}"),
        metadata: rule.metadata.clone(),
        attributes: attributes(call, trunk, rule),
        agents: rule.agents().to_vec(),
        ringing_timeout: trunk.and_then(|trunk| trunk.ringing_timeout),
        max_call_duration: trunk.and_then(|trunk| trunk.max_call_duration),
    }))
}

fn room(kind: &RuleKind, to: &str, from: &str) -> RoomName {
    let (prefix, number, random_end) = match kind {
        RuleKind::Direct { room, .. } => return RoomName { known: room.clone(), random_end: false },
        RuleKind::Individual { prefix, no_randomness, .. } => (prefix.as_str(), from, !no_randomness),
        RuleKind::Callee { prefix, randomize, .. } => (prefix.as_str(), to, *randomize),
        RuleKind::Other(_) => ("", "", false),
    };
    let mut known = if prefix.is_empty() { number.to_owned() } else { format!("{prefix}_{number}") };
    if random_end {
        known.push('_');
    }
    RoomName { known, random_end }
}

fn identity(call: &Call, hidden: bool) -> String {
    if !hidden {
        return format!("sip_{}", call.from);
    }
    let hash = Sha256::digest(call.from.as_bytes());
    hash.iter().take(8).fold("sip_".to_owned(), |identity, byte| format!("{identity}{byte:02x}"))
}

/// The last four bytes of a number; the last one of a number that has no more than four.
fn last_digits(number: &str) -> String {
    let shown = if number.len() > 4 { 4 } else { 1 };
    let bytes = number.as_bytes();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(shown)..]).into_owned()
}

fn attributes(call: &Call, trunk: Option<&InboundTrunk>, rule: &DispatchRule) -> BTreeMap<String, String> {
    let mut attributes = rule.attributes.clone();
    let mut set = |name: &str, value: &str| attributes.insert(name.to_owned(), value.to_owned());
    set("sip.trunkID", trunk.map_or("", |trunk| trunk.id.as_str()));
    set("sip.ruleID", &rule.id);
    if !rule.hide_phone_number {
        set("sip.phoneNumber", &call.from);
        set("sip.hostname", &call.from_host);
        set("sip.trunkPhoneNumber", &call.to);
    }
    attributes
}
