//! What goes wrong, or will, with trunks and rules as they are: each finding says what is there, what it means to a
//! caller and what to do. A trunk with numbers, carrier addresses and a ringing timeout, and a rule of its own that
//! makes a room for each call, have none.

mod rules;
mod trunks;

use std::collections::BTreeSet;
use std::fmt;

use super::{DispatchRule, InboundTrunk};

/// What a finding is about, by a word that stays the same.
#[derive(Copy, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lint {
    /// Called numbers stand where callers belong.
    CallerAndCalledMixedUp,
    /// A number is not written as the carrier sends it: `+`, country, number.
    NumberNotE164,
    /// Two rules are for the same trunk, caller, number and PIN.
    RulesShareKey,
    /// Calls that a trunk takes may find no rule.
    TrunkWithoutCatchAll,
    /// A rule is for a trunk that does not exist.
    RuleForGoneTrunk,
    /// A rule is for calls of no trunk, too.
    RuleForAnyTrunk,
    /// Two trunks take calls to the same number.
    TrunksShareNumber,
    /// A trunk takes every call of everybody.
    TrunkOpen,
    /// A trunk has a user without a password, or a password without a user: nobody is asked for either.
    TrunkHalfAuthenticated,
    /// Callers share a room.
    RoomShared,
    /// A rule sends whichever agent has no name.
    AgentUnnamed,
    /// A trunk leaves callers ringing for LiveKit's three minutes.
    RingingTimeoutMissing,
    /// A rule says not which room, or in a way that this version does not know.
    RuleNotUnderstood,
}

impl Lint {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::CallerAndCalledMixedUp,
        Self::NumberNotE164,
        Self::RulesShareKey,
        Self::TrunkWithoutCatchAll,
        Self::RuleForGoneTrunk,
        Self::RuleForAnyTrunk,
        Self::TrunksShareNumber,
        Self::TrunkOpen,
        Self::TrunkHalfAuthenticated,
        Self::RoomShared,
        Self::AgentUnnamed,
        Self::RingingTimeoutMissing,
        Self::RuleNotUnderstood,
    ];

    /// Its word, for programs and documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::CallerAndCalledMixedUp => "caller_and_called_mixed_up",
            Self::NumberNotE164 => "number_not_e164",
            Self::RulesShareKey => "rules_share_key",
            Self::TrunkWithoutCatchAll => "trunk_without_catch_all",
            Self::RuleForGoneTrunk => "rule_for_gone_trunk",
            Self::RuleForAnyTrunk => "rule_for_any_trunk",
            Self::TrunksShareNumber => "trunks_share_number",
            Self::TrunkOpen => "trunk_open",
            Self::TrunkHalfAuthenticated => "trunk_half_authenticated",
            Self::RoomShared => "room_shared",
            Self::AgentUnnamed => "agent_unnamed",
            Self::RingingTimeoutMissing => "ringing_timeout_missing",
            Self::RuleNotUnderstood => "rule_not_understood",
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// How bad a finding is.
#[derive(Copy, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Callers are lost now.
    Failure,
    /// Nobody is lost yet, or only in some cases.
    Warning,
}

/// Something that goes wrong. Its texts are sentences without their full stop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it is about.
    pub lint: Lint,
    /// How bad it is.
    pub severity: Severity,
    /// The trunks it is about, by id.
    pub trunks: Vec<String>,
    /// The rules it is about, by id.
    pub rules: Vec<String>,
    /// What is there.
    pub what: String,
    /// What it means to a caller.
    pub meaning: String,
    /// What to do.
    pub remedy: String,
}

/// Everything that goes wrong with these trunks and rules: trunks first, by id; then rules.
pub fn lint(trunks: &[InboundTrunk], rules: &[DispatchRule]) -> Vec<Finding> {
    let mut trunks: Vec<&InboundTrunk> = trunks.iter().collect();
    trunks.sort_by(|a, b| a.id.cmp(&b.id));
    let mut rules: Vec<&DispatchRule> = rules.iter().collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let mut findings = trunks::findings(&trunks, &rules);
    findings.extend(rules::findings(&trunks, &rules));
    findings
}

/// A finding in the making.
fn found(lint: Lint, severity: Severity, [what, meaning, remedy]: [String; 3]) -> Finding {
    Finding { lint, severity, trunks: Vec::new(), rules: Vec::new(), what, meaning, remedy }
}

impl Finding {
    fn of_trunks<'a>(mut self, trunks: impl IntoIterator<Item = &'a InboundTrunk>) -> Self {
        self.trunks = trunks.into_iter().map(|trunk| trunk.id.clone()).collect();
        self
    }

    fn of_rules<'a>(mut self, rules: impl IntoIterator<Item = &'a DispatchRule>) -> Self {
        let ids: BTreeSet<&str> = rules.into_iter().map(|rule| rule.id.as_str()).collect();
        self.rules = ids.into_iter().map(str::to_owned).collect();
        self
    }
}

/// A trunk or rule as a person finds it in LiveKit's console.
fn title(id: &str, name: &str) -> String {
    if name.is_empty() { id.to_owned() } else { format!("{id} ({name})") }
}

fn trunk_title(trunk: &InboundTrunk) -> String {
    title(&trunk.id, &trunk.name)
}

fn rule_title(rule: &DispatchRule) -> String {
    title(&rule.id, &rule.name)
}

/// The first few of them, and how many more.
fn some<T: AsRef<str>>(all: &[T]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = all.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match all.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
