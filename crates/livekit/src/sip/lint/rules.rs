//! What goes wrong with dispatch rules.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Finding, Lint, Severity, found, rule_title, some};
use crate::sip::matching::keys;
use crate::sip::{DispatchRule, InboundTrunk, RuleKind, is_e164, normalized};

pub(super) fn findings(trunks: &[&InboundTrunk], rules: &[&DispatchRule]) -> Vec<Finding> {
    let mut findings = sharing(rules);
    let known: HashSet<&str> = trunks.iter().map(|trunk| trunk.id.as_str()).collect();
    let on_trunks: HashSet<_> =
        trunks.iter().flat_map(|trunk| &trunk.numbers).map(|number| normalized(number)).collect();
    for rule in rules {
        if let RuleKind::Other(kind) = &rule.kind {
            findings.push(not_understood(rule, kind));
            continue;
        }
        let is_called = |number: &str| on_trunks.contains(&normalized(number));
        let own = [
            mixed_up(rule, is_called),
            not_e164(rule, is_called),
            gone(rule, &known),
            for_any(rule),
            shared_room(rule),
            unnamed(rule),
        ];
        findings.extend(own.into_iter().flatten());
    }
    findings
}

fn sharing(rules: &[&DispatchRule]) -> Vec<Finding> {
    let mut seen = HashMap::new();
    let mut pairs: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for (position, rule) in rules.iter().enumerate() {
        if matches!(rule.kind, RuleKind::Other(_)) {
            continue;
        }
        for key in keys(rule) {
            let number = if key.2.is_empty() { "any number".to_owned() } else { key.2.to_string() };
            if let Some(first) = seen.insert(key, position) {
                pairs.entry((first, position)).or_default().push(number);
            }
        }
    }
    pairs
        .into_iter()
        .map(|((first, second), numbers)| shared(rules[first], rules[second], &numbers))
        .collect()
}

fn shared(first: &DispatchRule, second: &DispatchRule, numbers: &[String]) -> Finding {
    let which = some(numbers);
    let what = if std::ptr::eq(first, second) {
        format!("the rule {} names the same trunk, caller and number twice: {which}", rule_title(first))
    } else {
        let (one, other) = (rule_title(first), rule_title(second));
        format!("the rules {one} and {other} are both for {which} of the same trunk, caller and PIN")
    };
    let trunks = if first.trunk_ids.is_empty() { "every trunk".to_owned() } else { some(&first.trunk_ids) };
    found(
        Lint::RulesShareKey,
        Severity::Failure,
        [
            what,
            format!("every call of {trunks} fails at once, to whichever number: LiveKit answers 503"),
            "delete one of them, or take from it what the other one has".into(),
        ],
    )
    .of_rules([first, second])
}

fn mixed_up(rule: &DispatchRule, is_called: impl Fn(&str) -> bool) -> Option<Finding> {
    let mixed: Vec<&String> = rule.inbound_numbers.iter().filter(|number| is_called(number)).collect();
    let texts = [
        format!("the rule {} has {} in `inbound_numbers`", rule_title(rule), some(&mixed)),
        "`inbound_numbers` are the callers that it is for: everybody else rings until their carrier gives up"
            .into(),
        "move it to `numbers`, which are the called ones".into(),
    ];
    let finding = || found(Lint::CallerAndCalledMixedUp, Severity::Failure, texts).of_rules([rule]);
    (!mixed.is_empty()).then(finding)
}

/// Called numbers that are no E.164; callers that are no E.164 but look as if they were meant to be one. Those that
/// are mixed up have a finding already.
fn not_e164(rule: &DispatchRule, is_called: impl Fn(&str) -> bool) -> Option<Finding> {
    let called = rule.numbers.iter().filter(|number| !is_e164(number));
    let looks = |number: &str| normalized(number).strip_prefix('+').is_some_and(|rest| !rest.contains('+'));
    let callers = rule.inbound_numbers.iter().filter(|number| {
        !is_e164(number) && normalized(number) != number.as_str() && looks(number) && !is_called(number)
    });
    let odd: Vec<&String> = called.chain(callers).collect();
    let texts = [
        format!("the rule {} has {}, which is not E.164", rule_title(rule), some(&odd)),
        "rules compare each letter with what the carrier sends (+14155550123): the rule is for no call to it, which \
         rings until the carrier gives up or goes where no other rule is"
            .into(),
        "write it as `+`, country and number, without blanks".into(),
    ];
    let finding = || found(Lint::NumberNotE164, Severity::Failure, texts).of_rules([rule]);
    (!odd.is_empty()).then(finding)
}

fn gone(rule: &DispatchRule, known: &HashSet<&str>) -> Option<Finding> {
    let gone: Vec<&String> = rule.trunk_ids.iter().filter(|id| !known.contains(id.as_str())).collect();
    let all = gone.len() == rule.trunk_ids.len();
    let (severity, meaning) = if all {
        (
            Severity::Failure,
            "the rule is for no call at all: calls that are meant for it ring until the carrier gives up",
        )
    } else {
        (Severity::Warning, "the rule is for its other trunks only")
    };
    let texts = [
        format!("the rule {} is for the trunk {}, which does not exist", rule_title(rule), some(&gone)),
        meaning.into(),
        "a trunk that is made anew has a new id: put that one into `trunk_ids`, or delete the rule".into(),
    ];
    let finding = || found(Lint::RuleForGoneTrunk, severity, texts).of_rules([rule]);
    (!gone.is_empty()).then(finding)
}

fn for_any(rule: &DispatchRule) -> Option<Finding> {
    let texts = [
        format!("the rule {} has no `trunk_ids`", rule_title(rule)),
        "it takes calls that no trunk took, too: SIP scanners get rooms, and agents that cost money".into(),
        "put the id of the carrier's trunk into `trunk_ids`".into(),
    ];
    let finding = || found(Lint::RuleForAnyTrunk, Severity::Warning, texts).of_rules([rule]);
    rule.trunk_ids.is_empty().then(finding)
}

/// A room with a PIN is meant to be shared.
fn shared_room(rule: &DispatchRule) -> Option<Finding> {
    if !rule.kind.pin().is_empty() {
        return None;
    }
    let (severity, who, remedy) = match &rule.kind {
        RuleKind::Direct { .. } => (
            Severity::Failure,
            "all callers into one room",
            "use a rule of the kind callee (`dispatch_rule_callee`) with `randomize`",
        ),
        RuleKind::Callee { randomize: false, .. } => {
            (Severity::Failure, "all callers of a number into one room", "set `randomize`")
        }
        RuleKind::Individual { no_randomness: true, .. } => {
            (Severity::Warning, "all calls of a caller into one room", "unset `no_randomness`")
        }
        _ => return None,
    };
    let texts = [
        format!("the rule {} sends {who}", rule_title(rule)),
        "callers hear each other and share an agent, and the second call from a number throws out the first"
            .into(),
        remedy.into(),
    ];
    Some(found(Lint::RoomShared, severity, texts).of_rules([rule]))
}

fn unnamed(rule: &DispatchRule) -> Option<Finding> {
    let texts = [
        format!("the rule {} sends an agent without a name", rule_title(rule)),
        "whichever worker has no name joins the call, beside the agent that Switchboard sends".into(),
        "give the agent of `room_config` the name that its workers register with, or leave it out".into(),
    ];
    let finding = || found(Lint::AgentUnnamed, Severity::Warning, texts).of_rules([rule]);
    rule.agents().iter().any(|agent| agent.agent_name.is_empty()).then(finding)
}

fn not_understood(rule: &DispatchRule, kind: &str) -> Finding {
    let title = rule_title(rule);
    let what = if kind.is_empty() {
        format!("the rule {title} does not say which room")
    } else {
        format!("the rule {title} is a `{kind}`, which this version does not know")
    };
    found(
        Lint::RuleNotUnderstood,
        if kind.is_empty() { Severity::Failure } else { Severity::Warning },
        [
            what,
            "a LiveKit that does not know it either refuses every call of the rule's trunks with 503".into(),
            "make it a rule of the kind callee (`dispatch_rule_callee`), or delete it".into(),
        ],
    )
    .of_rules([rule])
}
