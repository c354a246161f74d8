//! What goes wrong with trunks.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::{Finding, Lint, Severity, found, some, trunk_title};
use crate::sip::addresses::Addresses;
use crate::sip::{DispatchRule, InboundTrunk, RuleKind, is_e164, normalized};

pub(super) fn findings(trunks: &[&InboundTrunk], rules: &[&DispatchRule]) -> Vec<Finding> {
    let mut findings = sharing(trunks);
    let coverage = Coverage::of(trunks, rules);
    for trunk in trunks {
        let own = [
            mixed_up(trunk),
            not_e164(trunk),
            open(trunk),
            half_authenticated(trunk),
            coverage.lack_of(trunk),
            ringing_timeout(trunk),
        ];
        findings.extend(own.into_iter().flatten());
    }
    findings
}

/// Pairs that both take calls to a number, from the same callers and addresses.
fn sharing(trunks: &[&InboundTrunk]) -> Vec<Finding> {
    let mut by_number: BTreeMap<Cow<'_, str>, Vec<usize>> = BTreeMap::new();
    for (position, trunk) in trunks.iter().enumerate() {
        let numbers: HashSet<Cow<'_, str>> = trunk.numbers.iter().map(|number| normalized(number)).collect();
        let any = numbers.is_empty().then_some(Cow::Borrowed(""));
        for number in numbers.into_iter().chain(any) {
            by_number.entry(number).or_default().push(position);
        }
    }
    let mut pairs: BTreeMap<(usize, usize), Vec<Cow<'_, str>>> = BTreeMap::new();
    for (number, positions) in by_number {
        for (nth, &first) in positions.iter().enumerate() {
            for &second in &positions[nth + 1..] {
                pairs.entry((first, second)).or_default().push(number.clone());
            }
        }
    }
    let both = pairs.into_iter().map(|((first, second), numbers)| (trunks[first], trunks[second], numbers));
    both.filter(|(first, second, _)| meet(first, second)).map(shared).collect()
}

fn meet(first: &InboundTrunk, second: &InboundTrunk) -> bool {
    let (a, b) = (&first.allowed_numbers, &second.allowed_numbers);
    let callers: HashSet<Cow<'_, str>> = a.iter().map(|caller| normalized(caller)).collect();
    let same_caller = a.is_empty() || b.is_empty() || b.iter().any(|one| callers.contains(&normalized(one)));
    let addresses = |trunk: &InboundTrunk| Addresses::of(&trunk.allowed_addresses);
    same_caller && !addresses(first).exclude(&addresses(second))
}

fn shared((first, second, numbers): (&InboundTrunk, &InboundTrunk, Vec<Cow<'_, str>>)) -> Finding {
    let (one, other) = (trunk_title(first), trunk_title(second));
    let which =
        if numbers.iter().all(|number| number.is_empty()) { "any number".to_owned() } else { some(&numbers) };
    found(
        Lint::TrunksShareNumber,
        Severity::Failure,
        [
            format!("the trunks {one} and {other} both take calls to {which}"),
            "calls to it that both would take fail at once: LiveKit refuses to choose and answers 503".into(),
            "take the number out of one of them, or delete that one".into(),
        ],
    )
    .of_trunks([first, second])
}

fn mixed_up(trunk: &InboundTrunk) -> Option<Finding> {
    let own: HashSet<Cow<'_, str>> = trunk.numbers.iter().map(|number| normalized(number)).collect();
    let mixed: Vec<&String> =
        trunk.allowed_numbers.iter().filter(|caller| own.contains(&normalized(caller))).collect();
    let texts = [
        format!("the trunk {} has its own {} in `allowed_numbers`", trunk_title(trunk), some(&mixed)),
        "`allowed_numbers` are the callers that it takes calls from: all others ring until their carrier gives up"
            .into(),
        "empty `allowed_numbers`; the called numbers belong in `numbers`".into(),
    ];
    let finding = || found(Lint::CallerAndCalledMixedUp, Severity::Failure, texts).of_trunks([trunk]);
    (!mixed.is_empty()).then(finding)
}

fn not_e164(trunk: &InboundTrunk) -> Option<Finding> {
    let odd: Vec<&String> = trunk.numbers.iter().filter(|number| !is_e164(number)).collect();
    let texts = [
        format!("the trunk {} has {}, which is not E.164", trunk_title(trunk), some(&odd)),
        "LiveKit puts a `+` before the digits but no country: unless that is the number that the carrier sends, it \
         rings until the carrier gives up"
            .into(),
        "write it as `+`, country and number, such as +14155550123".into(),
    ];
    let finding = || found(Lint::NumberNotE164, Severity::Warning, texts).of_trunks([trunk]);
    (!odd.is_empty()).then(finding)
}

fn open(trunk: &InboundTrunk) -> Option<Finding> {
    let open = trunk.numbers.is_empty()
        && trunk.allowed_addresses.is_empty()
        && trunk.auth_username.is_empty()
        && !trunk.auth_password.is_set();
    let texts = [
        format!("the trunk {} has neither numbers nor addresses nor user and password", trunk_title(trunk)),
        "it takes every call that anybody sends, SIP scanners included; LiveKit no longer lets such a trunk be made"
            .into(),
        "set `numbers` to the numbers that the carrier sends, and `allowed_addresses` to the carrier's ranges".into(),
    ];
    let finding = || found(Lint::TrunkOpen, Severity::Failure, texts).of_trunks([trunk]);
    open.then(finding)
}

fn half_authenticated(trunk: &InboundTrunk) -> Option<Finding> {
    let (user, password) = (!trunk.auth_username.is_empty(), trunk.auth_password.is_set());
    let (has, lacks) = if user { ("a user", "password") } else { ("a password", "user") };
    let texts = [
        format!("the trunk {} has {has} but no {lacks}", trunk_title(trunk)),
        "LiveKit asks nobody for either: whoever knows a number gets in".into(),
        "set both, or neither: Twilio's Elastic SIP Trunking cannot sign in, for it use `allowed_addresses`"
            .into(),
    ];
    let finding = || found(Lint::TrunkHalfAuthenticated, Severity::Warning, texts).of_trunks([trunk]);
    (user != password).then(finding)
}

fn ringing_timeout(trunk: &InboundTrunk) -> Option<Finding> {
    let texts = [
        format!("the trunk {} has no `ringing_timeout`", trunk_title(trunk)),
        "a caller whom no agent answers rings for LiveKit's 3 minutes".into(),
        "set `ringing_timeout` to somewhat more than Switchboard's give_up_after, such as 35s".into(),
    ];
    let finding = || found(Lint::RingingTimeoutMissing, Severity::Warning, texts).of_trunks([trunk]);
    trunk.ringing_timeout.is_none().then(finding)
}

/// Which calls the rules take, for each trunk and for any. What has a finding of its own counts as what was meant:
/// numbers written otherwise, numbers mixed up, trunks gone.
struct Coverage<'a> {
    /// By trunk; under the empty one those for any trunk and for trunks that are gone.
    by_trunk: BTreeMap<&'a str, Covered<'a>>,
}

#[derive(Default)]
struct Covered<'a> {
    all: bool,
    numbers: HashSet<Cow<'a, str>>,
}

impl<'a> Coverage<'a> {
    fn of(trunks: &[&'a InboundTrunk], rules: &[&'a DispatchRule]) -> Self {
        let known: HashSet<&str> = trunks.iter().map(|trunk| trunk.id.as_str()).collect();
        let on_trunks: HashSet<Cow<'a, str>> =
            trunks.iter().flat_map(|trunk| &trunk.numbers).map(|number| normalized(number)).collect();
        let mut by_trunk: BTreeMap<&str, Covered<'a>> = BTreeMap::new();
        for rule in rules.iter().filter(|rule| !matches!(rule.kind, RuleKind::Other(_))) {
            let callers = rule.inbound_numbers.iter().map(|caller| normalized(caller));
            let (mixed_up, callers): (Vec<_>, Vec<_>) = callers.partition(|one| on_trunks.contains(one));
            if !callers.is_empty() {
                continue;
            }
            let mut ids: Vec<&str> =
                rule.trunk_ids.iter().map(String::as_str).filter(|id| known.contains(id)).collect();
            if ids.is_empty() {
                ids.push("");
            }
            for id in ids {
                let covered = by_trunk.entry(id).or_default();
                covered.all |= rule.numbers.is_empty();
                covered.numbers.extend(rule.numbers.iter().map(|number| normalized(number)));
                covered.numbers.extend(mixed_up.iter().cloned());
            }
        }
        Self { by_trunk }
    }

    fn lack_of(&self, trunk: &InboundTrunk) -> Option<Finding> {
        let covered: Vec<&Covered<'_>> =
            [trunk.id.as_str(), ""].iter().filter_map(|id| self.by_trunk.get(id)).collect();
        if covered.iter().any(|covered| covered.all) {
            return None;
        }
        let is_covered = |number: &&String| {
            let number = normalized(number);
            covered.iter().any(|covered| covered.numbers.contains(&number))
        };
        let bare: Vec<&String> = trunk.numbers.iter().filter(|number| !is_covered(number)).collect();
        let title = trunk_title(trunk);
        let (severity, what) = match (bare.as_slice(), trunk.numbers.is_empty()) {
            ([], false) => (
                Severity::Warning,
                format!("the trunk {title} has a rule for each of its numbers, but none for all others"),
            ),
            ([], true) => {
                (Severity::Failure, format!("the trunk {title} takes any number, but has no rule for any"))
            }
            (bare, _) => (Severity::Failure, format!("the trunk {title} has no rule for {}", some(bare))),
        };
        let texts = [
            what,
            "a call that no rule is for rings until the carrier gives up, and nobody is told of it".into(),
            "make a rule for the trunk without `numbers` and `inbound_numbers`, which takes what no other does".into(),
        ];
        Some(found(Lint::TrunkWithoutCatchAll, severity, texts).of_trunks([trunk]))
    }
}
