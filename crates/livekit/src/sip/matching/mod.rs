//! What LiveKit does with a call, told from its trunks and rules alone: which trunk and which rule it chooses, why none
//! of the others, and what the caller hears.
//!
//! This is livekit-server's own way (`IOInfoService`: trunks and rules by id, those of other numbers and trunks left
//! out) through the functions of `github.com/livekit/protocol` v1.54.0, package `sip`: `MatchTrunkDetailed`,
//! `DispatchRuleValidator`, `MatchDispatchRuleIter`, `EvaluateDispatchRule`. The tests compare it with those. What the
//! caller hears is livekit-sip's doing (`inbound.go`, `psrpc.go`).

mod heard;
mod outcome;
mod reasons;
mod rules;
mod trunks;

use std::net::IpAddr;

pub use heard::{Heard, Hosting};
pub use outcome::{Failure, Joining, Outcome, RoomName};
pub use reasons::{Considered, RuleReason, TrunkReason};

use super::{DispatchRule, InboundTrunk, Secret};
use rules::Rules;
pub(super) use rules::{first_failure, keys};
pub(super) use trunks::first_conflict;
use trunks::{Choice, Trunks};

/// A call as it reaches LiveKit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The number that was called: the user part of `To`, as the carrier writes it.
    pub to: String,
    /// The caller's number: the user part of `From`, as the carrier writes it.
    pub from: String,
    /// The host part of `From`, which the caller chooses.
    pub from_host: String,
    /// Where it comes from; unknown is let in by every trunk.
    pub source: Option<IpAddr>,
    /// What has been typed of a PIN.
    pub pin: Pin,
    /// Whether the carrier signs in with the right user and password when it is asked to. Twilio's Elastic SIP
    /// Trunking cannot.
    pub signs_in: bool,
}

impl Call {
    /// A call from a carrier that never signs in, from an address that every trunk lets in.
    pub fn new(to: impl Into<String>, from: impl Into<String>) -> Self {
        Self { to: to.into(), from: from.into(), ..Self::default() }
    }
}

/// How far a caller came with the PIN.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Pin {
    /// The caller has not been asked yet.
    #[default]
    NotAsked,
    /// The caller was asked and typed none: only rules without a PIN are for them.
    Skipped,
    /// The caller typed this: only rules with this PIN are for them.
    Typed(Secret),
}

/// What LiveKit does with a call, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The trunk that was chosen, by id. None: the call goes on without one, and only rules for any trunk are for it.
    pub trunk: Option<String>,
    /// The rule that was chosen, by id.
    pub rule: Option<String>,
    /// What comes of it.
    pub outcome: Outcome,
    /// Each trunk in LiveKit's order, and why it was or was not chosen.
    pub trunks: Vec<Considered<TrunkReason>>,
    /// Each rule in LiveKit's order, and why it was or was not chosen.
    pub rules: Vec<Considered<RuleReason>>,
}

impl Verdict {
    /// What the caller hears and their carrier is told.
    pub fn heard(&self, hosting: Hosting) -> Heard {
        heard::heard(&self.outcome, self.trunk.is_some(), hosting)
    }
}

/// Judges one call. For many, make a [`Matcher`] once.
pub fn judge(trunks: &[InboundTrunk], rules: &[DispatchRule], call: &Call) -> Verdict {
    Matcher::new(trunks, rules).judge(call)
}

/// Trunks and rules made ready to judge many calls by.
#[derive(Debug)]
pub struct Matcher<'a> {
    trunks: Trunks<'a>,
    rules: Rules<'a>,
}

impl<'a> Matcher<'a> {
    /// Takes trunks and rules in any order; LiveKit goes by their ids.
    pub fn new(trunks: &'a [InboundTrunk], rules: &'a [DispatchRule]) -> Self {
        let trunks = Trunks::new(trunks);
        let rules = Rules::new(rules, &trunks);
        Self { trunks, rules }
    }

    /// Judges one call, with the reasons for every trunk and rule.
    pub fn judge(&self, call: &Call) -> Verdict {
        let choice = self.trunks.choose(call);
        let (outcome, rule) = self.follow(call, &choice);
        let asked = !matches!(choice, Choice::Conflict(_)) && outcome != Outcome::NotSignedIn;
        Verdict {
            trunk: choice.trunk().map(|trunk| trunk.id.clone()),
            rule: rule.map(|rule| rule.id.clone()),
            trunks: self.trunks.reasons(call, &choice),
            rules: self.rules.reasons(call, choice.position(), asked),
            outcome,
        }
    }

    /// What comes of a call, without the reasons: its cost does not grow with the trunks' numbers or the rules for
    /// other numbers.
    pub fn outcome(&self, call: &Call) -> Outcome {
        self.follow(call, &self.trunks.choose(call)).0
    }

    /// The calls of a carrier with several source addresses: each different outcome, with the addresses that it
    /// comes from.
    pub fn from_each(&self, call: &Call, sources: &[IpAddr]) -> Vec<(Outcome, Vec<IpAddr>)> {
        let mut outcomes: Vec<(Outcome, Vec<IpAddr>)> = Vec::new();
        for &source in sources {
            let outcome = self.outcome(&Call { source: Some(source), ..call.clone() });
            match outcomes.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, from)) => from.push(source),
                None => outcomes.push((outcome, vec![source])),
            }
        }
        outcomes
    }

    fn follow(&self, call: &Call, choice: &Choice<'a>) -> (Outcome, Option<&'a DispatchRule>) {
        if let Choice::Conflict(failure) = choice {
            return (Outcome::Fails(failure.clone()), None);
        }
        let trunk = choice.trunk();
        if trunk.is_some_and(InboundTrunk::asks_for_credentials) && !call.signs_in {
            return (Outcome::NotSignedIn, None);
        }
        match self.rules.choose(call, choice.position()) {
            Err(failure) => (Outcome::Fails(failure.clone()), None),
            Ok(None) => (Outcome::NoRule { pin_typed: call.pin != Pin::NotAsked }, None),
            Ok(Some(rule)) => (outcome::evaluate(call, trunk, rule), Some(rule)),
        }
    }
}
