//! What LiveKit's SIP API refuses to make, told before it is asked, and what it ought to refuse.
//!
//! It checks a new trunk or rule against all others, but one that is replaced only against those that have its *new*
//! numbers or trunks already, and without itself among them. So a replacement can bring about a conflict that keeps
//! every call of a trunk out. These checks see it.

use std::fmt;

use super::headers::unusable;
use super::matching::{Failure, first_conflict, first_failure};
use super::{DispatchRule, InboundTrunk, RuleKind};

/// Why a trunk or a rule is refused. `Display` says it in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The trunk would take every call of everybody: it has no numbers, no addresses and no password.
    Open,
    /// Another trunk has the number already.
    NumberTaken {
        /// The other trunk, by id.
        by: String,
        /// The number, normalised; empty is any.
        number: String,
        /// The caller that both take it from, normalised; empty is anybody.
        caller: String,
    },
    /// The trunk sets or reads a header that is no name, has an unprintable value or is LiveKit's own.
    Header {
        /// The header.
        name: String,
    },
    /// The rule does not say which room.
    NoRoom,
    /// Another rule is for the same trunk, caller, number and PIN.
    KeyTaken {
        /// The other rule, by id; empty where the rule itself says it twice.
        by: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = |text: &str, any: &str| if text.is_empty() { any.to_owned() } else { text.to_owned() };
        match self {
            Self::Open => f.write_str("a trunk needs numbers, allowed addresses, or user and password"),
            Self::NumberTaken { by, number, caller } => {
                let (number, caller) = (any(number, "any number"), any(caller, "anybody"));
                write!(f, "the trunk {by} takes calls to {number} from {caller} already")
            }
            Self::Header { name } => write!(f, "the header {name:?} cannot be used, or not with this value"),
            Self::NoRoom => f.write_str("a rule has to say which room"),
            Self::KeyTaken { by } if by.is_empty() => {
                f.write_str("the rule names one of its trunks, callers or numbers twice")
            }
            Self::KeyTaken { by } => {
                write!(f, "the rule {by} is for the same trunk, caller, number and PIN already")
            }
        }
    }
}

/// Why LiveKit would refuse a trunk beside those that there are; one of the same id is the one that it replaces.
pub fn of_trunk(trunk: &InboundTrunk, others: &[InboundTrunk]) -> Option<Refusal> {
    let signs_in = !trunk.auth_username.is_empty() || trunk.auth_password.is_set();
    if !signs_in && trunk.allowed_addresses.is_empty() && trunk.numbers.is_empty() {
        return Some(Refusal::Open);
    }
    if let Some(name) = unusable(trunk) {
        return Some(Refusal::Header { name: name.to_owned() });
    }
    // One by one, so that a conflict that the others have among themselves is not put down to this one.
    let mut others = others.iter().filter(|other| other.id != trunk.id || trunk.id.is_empty());
    let found = others.find_map(|other| first_conflict([other, trunk]));
    found.map(|conflict| Refusal::NumberTaken {
        by: conflict.first.id.clone(),
        number: conflict.number.into_owned(),
        caller: conflict.caller.into_owned(),
    })
}

/// Why LiveKit would refuse a rule beside those that there are; one of the same id is the one that it replaces.
pub fn of_rule(rule: &DispatchRule, others: &[DispatchRule]) -> Option<Refusal> {
    if matches!(&rule.kind, RuleKind::Other(kind) if kind.is_empty()) {
        return Some(Refusal::NoRoom);
    }
    if let Some(Failure::RulesShareKey { .. }) = first_failure([rule]) {
        return Some(Refusal::KeyTaken { by: String::new() });
    }
    let others = others.iter().filter(|other| other.id != rule.id || rule.id.is_empty());
    let mut others = others.filter(|other| !matches!(other.kind, RuleKind::Other(_)));
    let taken = others.find(|other| {
        first_failure([*other]).is_none()
            && matches!(first_failure([*other, rule]), Some(Failure::RulesShareKey { .. }))
    });
    taken.map(|other| Refusal::KeyTaken { by: other.id.clone() })
}
