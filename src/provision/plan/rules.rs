//! LiveKit's dispatch rules of the trunk: one for every call, and where that is asked for one for each number.

use std::collections::{BTreeMap, HashSet};

use livekit::sip::lint::{self, Lint};
use livekit::sip::{DispatchRule, RoomConfig, RuleAgent, RuleKind, Secret};
use serde_json::json;

use crate::provision::desired::Agent;
use crate::provision::lines::{Fields, Line, Sign, Thing, some};
use crate::provision::record::{PartKind, marked};
use crate::provision::steps::{Act, NEW};

use super::Planning;

/// What rooms are called, before the number and the random end.
const PREFIX: &str = "in";
/// Seconds from the last one leaving to the end of the room.
const DEPARTURE_TIMEOUT: u32 = 5;
/// The attribute that tells Switchboard that LiveKit sends the agent itself.
const ROUTED: (&str, &str) = ("routed", "static");

impl<'a> Planning<'a> {
    /// Plans the rules of the trunk of this id.
    pub(super) fn rules(&mut self, trunk: &str) {
        let world = self.world;
        let mut left: Vec<&DispatchRule> = world.livekit.rules.iter().collect();
        let mut becomes: Vec<DispatchRule> = Vec::new();
        let found = self.catch_all(trunk);
        left.retain(|rule| found.is_none_or(|found| found.id != rule.id));
        let wanted = self.wanted_catch_all(trunk);
        becomes.push(self.rule(found, &wanted, None));
        let (ours, theirs): (Vec<_>, Vec<_>) = left.into_iter().partition(|rule| self.is_our_rule(rule));
        let mut of_number: BTreeMap<String, &DispatchRule> = BTreeMap::new();
        let mut surplus = Vec::new();
        for rule in ours {
            match self.number_of(rule).filter(|number| !of_number.contains_key(number)) {
                Some(number) => drop(of_number.insert(number, rule)),
                None => surplus.push(rule),
            }
        }
        let desired = self.desired;
        for wanted in &desired.numbers {
            let Some(agent) = &wanted.agent else { continue };
            let alike =
                |rule: &&&DispatchRule| is_for_just(rule, trunk, std::slice::from_ref(&wanted.number));
            let found = of_number.remove(&wanted.number).or_else(|| theirs.iter().find(alike).copied());
            let rule = self.wanted_static(trunk, &wanted.number, agent);
            becomes.push(self.rule(found, &rule, Some(&wanted.number)));
        }
        surplus.extend(of_number.into_values());
        for rule in surplus {
            self.drop_rule(rule);
        }
        let known: HashSet<String> = becomes.iter().map(|rule| rule.id.clone()).collect();
        becomes.extend(theirs.into_iter().filter(|rule| !known.contains(&rule.id)).cloned());
        self.lint(trunk, becomes);
    }

    /// Whether it was set up before, or made by us with the answer lost.
    fn is_our_rule(&self, rule: &DispatchRule) -> bool {
        self.record.part(PartKind::DispatchRule, &rule.id).is_some() || self.record.marks(Some(&rule.name))
    }

    /// The number that one of our rules is for; none: it is for every call.
    fn number_of(&self, rule: &DispatchRule) -> Option<String> {
        let noted = self.record.part(PartKind::DispatchRule, &rule.id).and_then(|part| part.before.as_ref());
        if let Some(number) = noted.and_then(|noted| noted.get("of")).and_then(|number| number.as_str()) {
            return Some(number.to_owned());
        }
        let after =
            rule.name.split_once(&self.record.marker).map(|(_, after)| after.trim_matches([']', ' ']));
        let named = after.filter(|after| after.starts_with('+')).map(str::to_owned);
        named.or_else(|| match (noted, rule.numbers.as_slice()) {
            // One that was there and was adopted.
            (Some(_), [number]) => Some(number.clone()),
            _ => None,
        })
    }

    /// The rule for every call of the trunk: ours, else one that is there already.
    fn catch_all(&self, trunk: &str) -> Option<&'a DispatchRule> {
        let world = self.world;
        let rules = || world.livekit.rules.iter();
        let ours = rules().find(|rule| self.is_our_rule(rule) && self.number_of(rule).is_none());
        ours.or_else(|| rules().find(|rule| is_for_just(rule, trunk, &[])))
    }

    fn wanted_catch_all(&self, trunk: &str) -> DispatchRule {
        DispatchRule {
            name: marked(&self.desired.name, &self.record.marker),
            trunk_ids: vec![trunk.to_owned()],
            kind: RuleKind::Callee { prefix: PREFIX.into(), pin: Secret::default(), randomize: true },
            room_config: Some(RoomConfig { departure_timeout: DEPARTURE_TIMEOUT, ..RoomConfig::default() }),
            ..DispatchRule::default()
        }
    }

    fn wanted_static(&self, trunk: &str, number: &str, agent: &Agent) -> DispatchRule {
        let mut rule = self.wanted_catch_all(trunk);
        rule.name = format!("{} {number}", rule.name);
        rule.numbers = vec![number.to_owned()];
        rule.attributes = [(ROUTED.0.to_owned(), ROUTED.1.to_owned())].into();
        let sent = RuleAgent {
            attributes: agent.attributes.clone(),
            ..RuleAgent::new(&agent.name, &agent.metadata)
        };
        rule.room_config = rule.room_config.map(|config| RoomConfig { agents: vec![sent], ..config });
        rule
    }

    /// Plans one rule; what it becomes.
    fn rule(
        &mut self,
        found: Option<&DispatchRule>,
        wanted: &DispatchRule,
        of: Option<&str>,
    ) -> DispatchRule {
        let what = of.unwrap_or("every call of the trunk");
        let Some(found) = found else {
            let says = wanted.agents().first().map(|agent| format!("sends {}", agent.agent_name));
            let line = Line::new(Sign::Create, Thing::DispatchRule, format!("for {what}"));
            self.line(match says {
                Some(says) => line.says(says),
                None => line,
            });
            self.plan.act(Act::MakeRule { rule: Box::new(wanted.clone()), of: of.map(str::to_owned) });
            return wanted.clone();
        };
        let part = self.record.part(PartKind::DispatchRule, &found.id);
        let made = part.map_or_else(|| self.record.marks(Some(&found.name)), |part| part.made);
        if part.is_none() {
            let before = if made { of.map(|of| json!({ "of": of })) } else { Some(found.to_json()) };
            self.plan.note(PartKind::DispatchRule, &found.id, made, before);
        }
        let (becomes, fields) = changed(found, wanted, made);
        let title = format!("{} for {what}", found.id);
        if fields.0.is_empty() {
            // One line for all that are as they should be would be shorter; there is one rule for most trunks.
            self.line(Line::new(Sign::Unchanged, Thing::DispatchRule, title));
        } else {
            let line = Line::new(Sign::Change, Thing::DispatchRule, title).with(fields.0);
            self.line(if made { line } else { line.says("it was there and is adopted") });
            self.plan.act(Act::ReplaceRule { rule: Box::new(becomes.clone()) });
        }
        becomes
    }

    /// One of our rules that is not wanted any more: gone, or what it was.
    fn drop_rule(&mut self, rule: &DispatchRule) {
        let part = self.record.part(PartKind::DispatchRule, &rule.id);
        let before = part.filter(|part| !part.made).and_then(|part| part.before.as_ref());
        let line = Line::new(Sign::Remove, Thing::DispatchRule, title(rule));
        match before.and_then(DispatchRule::from_json) {
            None => {
                self.line(line);
                let act = Act::RemoveRule { id: rule.id.clone() };
                self.plan.act_and_forget(act, PartKind::DispatchRule, &rule.id);
            }
            Some(before) => {
                self.line(line.says("it becomes what it was before"));
                let act = Act::ReplaceRule { rule: Box::new(before) };
                self.plan.act_and_forget(act, PartKind::DispatchRule, &rule.id);
            }
        }
    }

    /// What would go wrong with the trunk's rules as they become.
    fn lint(&mut self, trunk: &str, mut rules: Vec<DispatchRule>) {
        let mut trunks = self.world.livekit.trunks.clone();
        if trunk == NEW {
            trunks.push(livekit::sip::InboundTrunk { id: NEW.to_owned(), ..Default::default() });
        }
        let theirs: HashSet<String> = rules
            .iter()
            .filter(|rule| !rule.trunk_ids.iter().any(|id| id == trunk))
            .map(|rule| rule.id.clone())
            .collect();
        // New ones need names that tell them apart.
        for (place, rule) in rules.iter_mut().enumerate().filter(|(_, rule)| rule.id.is_empty()) {
            rule.id = format!("(new {})", place + 1);
        }
        for finding in lint::lint(&trunks, &rules) {
            let is_ours = finding.rules.iter().any(|id| !theirs.contains(id)) && !finding.rules.is_empty();
            if !is_ours {
                continue;
            }
            let says = format!("{}: {}; {}", finding.what, finding.meaning, finding.remedy);
            match finding.lint {
                Lint::RulesShareKey => self.conflict(Thing::DispatchRule, &some(&finding.rules), &says),
                Lint::RuleNotUnderstood => {}
                _ => self.warn(Thing::DispatchRule, &some(&finding.rules), says),
            }
        }
    }
}

/// A rule for these numbers of this trunk alone, for anybody and without a PIN.
fn is_for_just(rule: &DispatchRule, trunk: &str, numbers: &[String]) -> bool {
    rule.trunk_ids == [trunk]
        && rule.numbers == numbers
        && rule.inbound_numbers.is_empty()
        && rule.kind.pin().is_empty()
        && !matches!(rule.kind, RuleKind::Other(_))
}

/// What a rule becomes, and what of it changes. What is not ours to say stays.
fn changed(found: &DispatchRule, wanted: &DispatchRule, made: bool) -> (DispatchRule, Fields) {
    let (mut rule, mut fields) = (found.clone(), Fields::default());
    if made && rule.name != wanted.name {
        fields.note("name", Some(&rule.name), Some(&wanted.name));
        rule.name.clone_from(&wanted.name);
    }
    for (name, now, then) in [
        ("trunk_ids", &mut rule.trunk_ids, &wanted.trunk_ids),
        ("numbers", &mut rule.numbers, &wanted.numbers),
        ("inbound_numbers", &mut rule.inbound_numbers, &wanted.inbound_numbers),
    ] {
        if now != then {
            fields.note(name, Some(&some(now)), Some(&some(then)));
            now.clone_from(then);
        }
    }
    if fields.set("hide_phone_number", Some(rule.hide_phone_number), false) {
        rule.hide_phone_number = false;
    }
    let same_kind = match &rule.kind {
        RuleKind::Callee { prefix, pin, randomize } => {
            *randomize && !pin.is_set() && (!made || prefix == PREFIX)
        }
        _ => false,
    };
    if !same_kind {
        fields.note("rule", Some(&kind(&rule.kind)), Some(&kind(&wanted.kind)));
        rule.kind = wanted.kind.clone();
    }
    let routed = |rule: &DispatchRule| rule.attributes.get(ROUTED.0).cloned();
    if routed(&rule) != routed(wanted) {
        fields.note("attributes.routed", routed(&rule).as_deref(), routed(wanted).as_deref());
        match routed(wanted) {
            Some(value) => drop(rule.attributes.insert(ROUTED.0.to_owned(), value)),
            None => drop(rule.attributes.remove(ROUTED.0)),
        }
    }
    set_room(&mut rule, wanted, made, &mut fields);
    (rule, fields)
}

fn set_room(rule: &mut DispatchRule, wanted: &DispatchRule, made: bool, fields: &mut Fields) {
    let same = |a: &RuleAgent, b: &RuleAgent| {
        (&a.agent_name, &a.metadata, &a.attributes) == (&b.agent_name, &b.metadata, &b.attributes)
    };
    let (now, then) = (rule.agents(), wanted.agents());
    if now.len() != then.len() || now.iter().zip(then).any(|(now, then)| !same(now, then)) {
        let names =
            |all: &[RuleAgent]| some(&all.iter().map(|agent| agent.agent_name.as_str()).collect::<Vec<_>>());
        let [from, to] = [names(now), names(then)];
        let to = if from == to && !to.is_empty() { format!("{to} (what it is told)") } else { to };
        fields.note("room_config.agents", Some(&from), Some(&to));
        rule.room_config.get_or_insert_default().agents = then.to_vec();
    }
    let timeout = |rule: &DispatchRule| rule.room_config.as_ref().map(|config| config.departure_timeout);
    if made && timeout(rule) != timeout(wanted) {
        fields.set("room_config.departure_timeout", timeout(rule), DEPARTURE_TIMEOUT);
        rule.room_config.get_or_insert_default().departure_timeout = DEPARTURE_TIMEOUT;
    }
}

fn kind(kind: &RuleKind) -> String {
    let pin = if kind.pin().is_empty() { "" } else { ", with a PIN" };
    match kind {
        RuleKind::Direct { room, .. } => format!("one room, {room}{pin}"),
        RuleKind::Individual { prefix, .. } => format!("a room for each caller, {prefix}_…{pin}"),
        RuleKind::Callee { prefix, randomize: true, .. } => {
            format!("a room for each call, {prefix}_<number>_…{pin}")
        }
        RuleKind::Callee { prefix, .. } => format!("a room for each number, {prefix}_<number>{pin}"),
        RuleKind::Other(name) => format!("one of the kind {name}"),
    }
}

pub(super) fn title(rule: &DispatchRule) -> String {
    if rule.name.is_empty() { rule.id.clone() } else { format!("{} ({})", rule.id, rule.name) }
}
