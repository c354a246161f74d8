//! The trunk that a call comes in by (`sip.MatchTrunkDetailed`, `sip.ValidateTrunksIter`).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Call, Considered, Failure, TrunkReason};
use crate::sip::addresses::Addresses;
use crate::sip::{InboundTrunk, normalized};

/// Trunks by id, with their numbers normalised.
#[derive(Debug)]
pub(super) struct Trunks<'a>(Vec<Known<'a>>);

#[derive(Debug)]
struct Known<'a> {
    trunk: &'a InboundTrunk,
    numbers: HashSet<Cow<'a, str>>,
    callers: HashSet<Cow<'a, str>>,
    addresses: Addresses,
}

/// What LiveKit makes of the trunks for one call. Positions are in LiveKit's order.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    /// No trunk takes the call.
    None,
    /// This one has the number.
    Number(usize, &'a InboundTrunk),
    /// None has the number, and this one takes any.
    Any(usize, &'a InboundTrunk),
    /// More than one would take it, which LiveKit answers with an error.
    Conflict(Failure),
}

impl<'a> Choice<'a> {
    pub(super) fn trunk(&self) -> Option<&'a InboundTrunk> {
        match self {
            Self::Number(_, trunk) | Self::Any(_, trunk) => Some(trunk),
            Self::None | Self::Conflict(_) => None,
        }
    }

    pub(super) fn position(&self) -> Option<usize> {
        match self {
            Self::Number(position, _) | Self::Any(position, _) => Some(*position),
            Self::None | Self::Conflict(_) => None,
        }
    }
}

impl<'a> Trunks<'a> {
    pub(super) fn new(trunks: &'a [InboundTrunk]) -> Self {
        let mut known: Vec<Known<'a>> = trunks.iter().map(Known::new).collect();
        known.sort_by(|a, b| a.trunk.id.cmp(&b.trunk.id));
        Self(known)
    }

    /// The ids in LiveKit's order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|known| known.trunk.id.as_str())
    }

    pub(super) fn choose(&self, call: &Call) -> Choice<'a> {
        let (to, from) = (normalized(&call.to), normalized(&call.from));
        let (mut with_number, mut with_any) = (Vec::new(), Vec::new());
        for (position, known) in self.0.iter().enumerate() {
            if !known.takes(&to) || known.lets_in(call, &from).is_err() {
                continue;
            }
            let found = if known.numbers.is_empty() { &mut with_any } else { &mut with_number };
            found.push((position, known.trunk));
        }
        match (with_number.as_slice(), with_any.as_slice()) {
            ([(_, first), (_, second), ..], _) => Choice::Conflict(Failure::TrunksShareNumber {
                first: first.id.clone(),
                second: second.id.clone(),
            }),
            ([(position, trunk)], _) => Choice::Number(*position, trunk),
            ([], [.., (_, first), (_, second)]) => Choice::Conflict(Failure::TrunksTakeAny {
                first: first.id.clone(),
                second: second.id.clone(),
            }),
            ([], [(position, trunk)]) => Choice::Any(*position, trunk),
            ([], []) => Choice::None,
        }
    }

    pub(super) fn reasons(&self, call: &Call, choice: &Choice<'a>) -> Vec<Considered<TrunkReason>> {
        let (to, from) = (normalized(&call.to), normalized(&call.from));
        let reason = |(position, known): (usize, &Known<'a>)| {
            let reason = known.reason(call, (&to, &from), choice, position);
            Considered { id: known.trunk.id.clone(), name: known.trunk.name.clone(), reason }
        };
        self.0.iter().enumerate().map(reason).collect()
    }
}

impl<'a> Known<'a> {
    fn new(trunk: &'a InboundTrunk) -> Self {
        Self {
            trunk,
            numbers: trunk.numbers.iter().map(|number| normalized(number)).collect(),
            callers: trunk.allowed_numbers.iter().map(|number| normalized(number)).collect(),
            addresses: Addresses::of(&trunk.allowed_addresses),
        }
    }

    fn takes(&self, to: &str) -> bool {
        self.numbers.is_empty() || self.numbers.contains(to)
    }

    fn lets_in(&self, call: &Call, from: &str) -> Result<(), TrunkReason> {
        if !self.callers.is_empty() && !self.callers.contains(from) {
            return Err(TrunkReason::CallerNotAllowed { from: call.from.clone() });
        }
        if !self.addresses.let_in(call.source, &call.from_host) {
            let source = call.source.map(|source| source.to_string()).unwrap_or_default();
            return Err(TrunkReason::SourceNotAllowed { source });
        }
        Ok(())
    }

    fn reason(
        &self,
        call: &Call,
        numbers: (&str, &str),
        choice: &Choice<'a>,
        position: usize,
    ) -> TrunkReason {
        let (to, from) = numbers;
        let (has, takes) = (self.numbers.contains(to), self.takes(to));
        let to = call.to.clone();
        if !takes {
            return TrunkReason::NotItsNumber { to };
        }
        if let Err(reason) = self.lets_in(call, from) {
            return reason;
        }
        match choice {
            Choice::Number(chosen, _) if *chosen == position => TrunkReason::Chosen { to },
            Choice::Any(chosen, _) if *chosen == position => TrunkReason::ChosenForAny { to },
            Choice::Conflict(Failure::TrunksShareNumber { .. }) if has => TrunkReason::OneOfSeveral { to },
            Choice::Conflict(Failure::TrunksTakeAny { .. }) => TrunkReason::OneOfSeveral { to },
            // It takes any number, and another trunk has this one.
            _ => TrunkReason::AnotherHasNumber { to },
        }
    }
}

/// That a trunk takes a number from a caller that another one takes already: LiveKit lets only one be made.
#[derive(Debug)]
pub(in crate::sip) struct Conflict<'a> {
    pub(in crate::sip) first: &'a InboundTrunk,
    /// Normalised; empty is any.
    pub(in crate::sip) number: Cow<'a, str>,
    /// Normalised; empty is anybody.
    pub(in crate::sip) caller: Cow<'a, str>,
}

/// The first conflict of these trunks, taken in this order. Two without an id are the same one to LiveKit.
pub(in crate::sip) fn first_conflict<'a>(
    trunks: impl IntoIterator<Item = &'a InboundTrunk>,
) -> Option<Conflict<'a>> {
    let mut seen: HashMap<(Cow<'a, str>, Cow<'a, str>), &'a InboundTrunk> = HashMap::new();
    for trunk in trunks {
        for number in or_any(&trunk.numbers) {
            for caller in or_any(&trunk.allowed_numbers) {
                let before = seen.insert((number.clone(), caller.clone()), trunk);
                if let Some(first) = before.filter(|first| first.id != trunk.id) {
                    return Some(Conflict { first, number: number.clone(), caller });
                }
            }
        }
    }
    None
}

/// The numbers, normalised; an empty one where any will do.
pub(in crate::sip) fn or_any(numbers: &[String]) -> Vec<Cow<'_, str>> {
    if numbers.is_empty() {
        vec![Cow::Borrowed("")]
    } else {
        numbers.iter().map(|one| normalized(one)).collect()
    }
}
