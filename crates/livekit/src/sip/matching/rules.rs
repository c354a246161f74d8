//! The rule that a call goes by (`sip.MatchDispatchRuleIter`, `sip.DispatchRuleValidator`).

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::trunks::{Trunks, or_any};
use super::{Call, Considered, Failure, Pin, RuleReason};
use crate::sip::{DispatchRule, RuleKind, normalized};

/// Rules by id, indexed by the numbers they are for.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    rules: Vec<&'a DispatchRule>,
    /// Positions of the rules for any number.
    for_any: Vec<usize>,
    /// Positions of the rules for a number, as it is written in them.
    by_number: HashMap<&'a str, Vec<usize>>,
    /// The ids of the trunks, in LiveKit's order.
    trunks: Vec<&'a str>,
    /// For each trunk, and last for calls without one, whether evaluating its rules fails whatever the call. Found out
    /// when first asked for.
    failures: Vec<OnceLock<Option<Failure>>>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(rules: &'a [DispatchRule], trunks: &Trunks<'a>) -> Self {
        let mut rules: Vec<&DispatchRule> = rules.iter().collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        let for_any = (0..rules.len()).filter(|&position| rules[position].numbers.is_empty()).collect();
        let mut by_number: HashMap<&str, Vec<usize>> = HashMap::new();
        for (position, rule) in rules.iter().enumerate() {
            for number in &rule.numbers {
                by_number.entry(number).or_default().push(position);
            }
        }
        let trunks: Vec<&str> = trunks.ids().collect();
        let failures = (0..=trunks.len()).map(|_| OnceLock::new()).collect();
        Self { rules, for_any, by_number, trunks, failures }
    }

    /// The rule for a call of the trunk at that position, or of none.
    pub(super) fn choose(
        &self,
        call: &Call,
        trunk: Option<usize>,
    ) -> Result<Option<&'a DispatchRule>, &Failure> {
        if let Some(failure) = self.failure(trunk) {
            return Err(failure);
        }
        let (mut of_trunk, mut of_any) = (None, None);
        for rule in self.candidates(call) {
            if refusal(rule, call, self.id(trunk)).is_some() {
                continue;
            }
            let best = if rule.trunk_ids.is_empty() { &mut of_any } else { &mut of_trunk };
            if best.is_none_or(|best| goes_before(rule, best)) {
                *best = Some(rule);
            }
        }
        Ok(of_trunk.or(of_any))
    }

    /// The rules whose numbers do not rule the call out, in LiveKit's order, which decides between equals.
    fn candidates(&self, call: &Call) -> impl Iterator<Item = &'a DispatchRule> {
        let for_number = self.by_number.get(call.to.as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut positions = [self.for_any.as_slice(), for_number].concat();
        positions.sort_unstable();
        positions.into_iter().map(|position| self.rules[position])
    }

    fn id(&self, trunk: Option<usize>) -> Option<&'a str> {
        trunk.and_then(|position| self.trunks.get(position).copied())
    }

    fn failure(&self, trunk: Option<usize>) -> Option<&Failure> {
        let position = trunk.unwrap_or(self.trunks.len());
        let find = || first_failure(self.rules.iter().copied().filter(|rule| is_seen(rule, self.id(trunk))));
        self.failures.get(position)?.get_or_init(find).as_ref()
    }

    /// Why each rule was or was not chosen; `asked` is whether LiveKit came to the rules at all.
    pub(super) fn reasons(
        &self,
        call: &Call,
        trunk: Option<usize>,
        asked: bool,
    ) -> Vec<Considered<RuleReason>> {
        let known: HashSet<&str> = self.trunks.iter().copied().collect();
        let chosen = asked.then(|| self.choose(call, trunk));
        let reason = |rule: &'a DispatchRule| {
            let gone = |id: &String| !known.contains(id.as_str());
            if !rule.trunk_ids.is_empty() && rule.trunk_ids.iter().all(gone) {
                return RuleReason::TrunkGone { trunks: rule.trunk_ids.clone() };
            }
            chosen.map_or(RuleReason::NotAsked, |chosen| why(rule, call, self.id(trunk), chosen))
        };
        let considered = |&rule: &&'a DispatchRule| Considered {
            id: rule.id.clone(),
            name: rule.name.clone(),
            reason: reason(rule),
        };
        self.rules.iter().map(considered).collect()
    }
}

fn why(
    rule: &DispatchRule,
    call: &Call,
    trunk: Option<&str>,
    chosen: Result<Option<&DispatchRule>, &Failure>,
) -> RuleReason {
    if chosen.is_err_and(|failure| failure.is_of(&rule.id)) && is_seen(rule, trunk) {
        return RuleReason::MakesAllFail;
    }
    if let Some(reason) = refusal(rule, call, trunk) {
        return reason;
    }
    match chosen {
        Ok(Some(best)) if best.id == rule.id => RuleReason::Chosen,
        Ok(Some(best)) if best.trunk_ids.is_empty() != rule.trunk_ids.is_empty() => {
            RuleReason::TrunkHasItsOwn { chosen: best.id.clone() }
        }
        Ok(Some(best)) => RuleReason::AnotherGoesBefore { chosen: best.id.clone() },
        // Where nothing was chosen, every rule was refused above.
        Ok(None) | Err(_) => RuleReason::NotAsked,
    }
}

/// Whether livekit-server looks at a rule at all for calls of that trunk; of those without a trunk it looks at all.
fn is_seen(rule: &DispatchRule, trunk: Option<&str>) -> bool {
    trunk.is_none_or(|id| rule.trunk_ids.is_empty() || rule.trunk_ids.iter().any(|one| one == id))
}

/// Why a rule is not for a call; nothing if it is. LiveKit compares numbers letter by letter here.
fn refusal(rule: &DispatchRule, call: &Call, trunk: Option<&str>) -> Option<RuleReason> {
    if !rule.trunk_ids.is_empty() {
        match trunk {
            None => return Some(RuleReason::CallHasNoTrunk { trunks: rule.trunk_ids.clone() }),
            Some(id) if !rule.trunk_ids.iter().any(|one| one == id) => {
                return Some(RuleReason::ForOtherTrunks { trunks: rule.trunk_ids.clone() });
            }
            Some(_) => {}
        }
    }
    if let Some(written) = missing(&rule.numbers, &call.to) {
        let to = call.to.clone();
        return Some(written.map_or(RuleReason::NotItsNumber { to: to.clone() }, |written| {
            RuleReason::NumberWrittenOtherwise { to, written }
        }));
    }
    if let Some(written) = missing(&rule.inbound_numbers, &call.from) {
        return Some(other_caller(rule, call, written));
    }
    match (&call.pin, rule.kind.pin()) {
        (Pin::Skipped, pin) if !pin.is_empty() => Some(RuleReason::WantsPin),
        (Pin::Typed(typed), "") if typed.is_set() => Some(RuleReason::WantsNoPin),
        (Pin::Typed(typed), pin) if typed.is_set() && typed.expose() != pin => Some(RuleReason::OtherPin),
        _ => None,
    }
}

fn other_caller(rule: &DispatchRule, call: &Call, written: Option<String>) -> RuleReason {
    let from = call.from.clone();
    let to = normalized(&call.to);
    if rule.inbound_numbers.iter().any(|number| normalized(number) == to) {
        return RuleReason::CalledNumberAsCaller { from, to: call.to.clone() };
    }
    match written {
        Some(written) => RuleReason::CallerWrittenOtherwise { from, written },
        None => RuleReason::NotItsCaller { from },
    }
}

/// Nothing if a number is on the list or the list is empty; else how the list has it, if it does have it.
fn missing(list: &[String], number: &str) -> Option<Option<String>> {
    if list.is_empty() || list.iter().any(|one| one == number) {
        return None;
    }
    let same = normalized(number);
    Some(list.iter().find(|one| normalized(one) == same).cloned())
}

/// The order of rules that are all for a call (`sip.DispatchRulePriority`): those with numbers, those with callers,
/// those with a PIN; then by kind and by room.
fn goes_before(rule: &DispatchRule, other: &DispatchRule) -> bool {
    (priority(rule), rule.kind.room()) < (priority(other), other.kind.room())
}

fn priority(rule: &DispatchRule) -> u32 {
    let kind = match rule.kind {
        RuleKind::Direct { .. } => 0,
        RuleKind::Individual { .. } => 1,
        RuleKind::Callee { .. } => 2,
        RuleKind::Other(_) => return u32::MAX,
    };
    let open = if rule.kind.pin().is_empty() { 100 } else { 0 };
    let any = |numbers: &[String]| if numbers.is_empty() { 1000 } else { 0 };
    kind + open + any(&rule.inbound_numbers) + any(&rule.numbers)
}

/// Why LiveKit can evaluate none of these rules, taken in this order: one that it does not understand, or two with the
/// same PIN, trunk, caller and number. A rule that names one of its own twice is such a pair by itself.
pub(in crate::sip) fn first_failure<'a>(
    rules: impl IntoIterator<Item = &'a DispatchRule>,
) -> Option<Failure> {
    let mut seen: HashMap<Key<'a>, &DispatchRule> = HashMap::new();
    for rule in rules {
        if let RuleKind::Other(kind) = &rule.kind {
            return Some(Failure::RuleNotUnderstood { rule: rule.id.clone(), kind: kind.clone() });
        }
        for key in keys(rule) {
            match seen.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(rule);
                }
                Entry::Occupied(taken) => {
                    let (_, trunk, number, caller) = taken.key();
                    return Some(Failure::RulesShareKey {
                        first: taken.get().id.clone(),
                        second: rule.id.clone(),
                        trunk: (*trunk).to_owned(),
                        number: number.to_string(),
                        caller: caller.to_string(),
                    });
                }
            }
        }
    }
    None
}

/// PIN, trunk, called number and caller that a rule is for, where empty is any.
pub(in crate::sip) type Key<'a> = (&'a str, &'a str, Cow<'a, str>, Cow<'a, str>);

/// Everything that a rule lays claim to, in LiveKit's order.
pub(in crate::sip) fn keys(rule: &DispatchRule) -> Vec<Key<'_>> {
    let mut trunks: Vec<&str> = rule.trunk_ids.iter().map(String::as_str).collect();
    if trunks.is_empty() {
        trunks.push("");
    }
    let (numbers, callers) = (or_any(&rule.numbers), or_any(&rule.inbound_numbers));
    let mut keys = Vec::with_capacity(trunks.len() * numbers.len() * callers.len());
    for trunk in trunks {
        for caller in &callers {
            for number in &numbers {
                keys.push((rule.kind.pin(), trunk, number.clone(), caller.clone()));
            }
        }
    }
    keys
}
