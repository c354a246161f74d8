//! Why a trunk or a rule was or was not chosen, in words.

use std::fmt;

/// A trunk or a rule, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Considered<R> {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Why it was or was not chosen.
    pub reason: R,
}

/// Why a trunk was or was not chosen. `Display` says it in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TrunkReason {
    /// It has the number, and lets the caller in.
    Chosen {
        /// The called number.
        to: String,
    },
    /// It takes any number, and no other trunk has this one.
    ChosenForAny {
        /// The called number.
        to: String,
    },
    /// It has other numbers.
    NotItsNumber {
        /// The called number.
        to: String,
    },
    /// It takes any number, but another trunk has this one.
    AnotherHasNumber {
        /// The called number.
        to: String,
    },
    /// Its `allowed_numbers` are callers, and this caller is not among them.
    CallerNotAllowed {
        /// The caller.
        from: String,
    },
    /// Its `allowed_addresses` do not have the source.
    SourceNotAllowed {
        /// Where the call comes from.
        source: String,
    },
    /// It would take the call, and another one would too: LiveKit refuses to choose.
    OneOfSeveral {
        /// The called number.
        to: String,
    },
}

impl fmt::Display for TrunkReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen { to } => write!(f, "chosen: it has {to}"),
            Self::ChosenForAny { to } => write!(f, "chosen: it takes any number, and no trunk has {to}"),
            Self::NotItsNumber { to } => write!(f, "its numbers do not have {to}"),
            Self::AnotherHasNumber { to } => write!(f, "it takes any number, but another trunk has {to}"),
            Self::CallerNotAllowed { from } => write!(f, "its allowed_numbers (callers) do not have {from}"),
            Self::SourceNotAllowed { source } => write!(f, "its allowed_addresses do not have {source}"),
            Self::OneOfSeveral { to } => {
                write!(f, "it takes calls to {to}, but another trunk does too: LiveKit refuses to choose")
            }
        }
    }
}

/// Why a rule was or was not chosen. `Display` says it in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuleReason {
    /// It is for the call, and goes before all others that are.
    Chosen,
    /// None of its trunks exists.
    TrunkGone {
        /// Its trunks.
        trunks: Vec<String>,
    },
    /// It is for other trunks.
    ForOtherTrunks {
        /// Its trunks.
        trunks: Vec<String>,
    },
    /// It is for some trunks, and no trunk took the call.
    CallHasNoTrunk {
        /// Its trunks.
        trunks: Vec<String>,
    },
    /// It is for other called numbers.
    NotItsNumber {
        /// The called number.
        to: String,
    },
    /// It is for this number, but has it written in another way, which LiveKit does not see through here.
    NumberWrittenOtherwise {
        /// The called number.
        to: String,
        /// How the rule has it.
        written: String,
    },
    /// It is for other callers.
    NotItsCaller {
        /// The caller.
        from: String,
    },
    /// It is for this caller, but has them written in another way, which LiveKit does not see through here.
    CallerWrittenOtherwise {
        /// The caller.
        from: String,
        /// How the rule has it.
        written: String,
    },
    /// It has the called number where the callers belong.
    CalledNumberAsCaller {
        /// The caller.
        from: String,
        /// The called number.
        to: String,
    },
    /// It wants a PIN, and the caller typed none.
    WantsPin,
    /// It wants no PIN, and the caller typed one.
    WantsNoPin,
    /// It wants another PIN.
    OtherPin,
    /// It is for any trunk, and the call's own trunk has a rule for the call.
    TrunkHasItsOwn {
        /// That rule.
        chosen: String,
    },
    /// Another rule is for the call and more specific.
    AnotherGoesBefore {
        /// That rule.
        chosen: String,
    },
    /// It makes the evaluation of all rules fail.
    MakesAllFail,
    /// LiveKit did not come to it: something else failed first.
    NotAsked,
}

impl fmt::Display for RuleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::TrunkGone { trunks } => write!(f, "its trunk {} does not exist", trunks.join(", ")),
            Self::ForOtherTrunks { trunks } => {
                write!(f, "it is for calls of the trunk {}", trunks.join(", "))
            }
            Self::CallHasNoTrunk { trunks } => {
                write!(f, "it is for calls of the trunk {}, and no trunk took this call", trunks.join(", "))
            }
            Self::NotItsNumber { to } => write!(f, "its numbers do not have {to}"),
            Self::NumberWrittenOtherwise { to, written } => {
                write!(
                    f,
                    "its numbers have {written}, but the carrier writes {to}, and rules compare each letter"
                )
            }
            Self::NotItsCaller { from } => write!(f, "its inbound_numbers (callers) do not have {from}"),
            Self::CallerWrittenOtherwise { from, written } => write!(
                f,
                "its inbound_numbers have {written}, but the carrier writes {from}, and rules compare each letter"
            ),
            Self::CalledNumberAsCaller { from, to } => write!(
                f,
                "its inbound_numbers have the called number {to}, but are for callers, and the caller is {from}"
            ),
            Self::WantsPin => f.write_str("it wants a PIN, and the caller typed none"),
            Self::WantsNoPin => f.write_str("it has no PIN, and the caller typed one"),
            Self::OtherPin => f.write_str("it wants another PIN"),
            Self::TrunkHasItsOwn { chosen } => {
                write!(f, "it is for any trunk, and the call's own trunk has the rule {chosen}")
            }
            Self::AnotherGoesBefore { chosen } => write!(f, "the rule {chosen} is more specific"),
            Self::MakesAllFail => f.write_str("it makes LiveKit refuse the call, whoever calls"),
            Self::NotAsked => f.write_str("LiveKit does not come to it"),
        }
    }
}
