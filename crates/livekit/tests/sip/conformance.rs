//! Ten thousand random calls, judged here and by LiveKit's own published functions (tests/peers/livekit_match).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use livekit::sip::matching::{
    Call, Failure, Joining, Matcher, Outcome, Pin, RuleReason, TrunkReason, Verdict,
};
use livekit::sip::{DispatchRule, InboundTrunk, RuleKind, normalized, refusal};
use serde_json::{Value, json};

use crate::installed;
use crate::random::{Dice, Set};

const CASES: usize = 10_000;
const SEED: u64 = 5;
/// How often each kind of outcome has to come up for the comparison to be worth something.
const OFTEN: usize = 50;

fn asked(set: &Set) -> Value {
    let pin = match &set.call.pin {
        Pin::Typed(pin) => pin.expose(),
        Pin::NotAsked | Pin::Skipped => "",
    };
    json!({
        "trunks": set.trunks.iter().map(InboundTrunk::to_json).collect::<Value>(),
        "rules": set.rules.iter().map(DispatchRule::to_json).collect::<Value>(),
        "call": {
            "to": set.call.to,
            "from": set.call.from,
            "from_host": set.call.from_host,
            "source": set.call.source.map(|source| source.to_string()).unwrap_or_default(),
            "pin": pin,
            "no_pin": set.call.pin == Pin::Skipped,
        },
    })
}

/// Our verdict in the words of the peer.
fn ours(set: &Set) -> Value {
    let matcher = Matcher::new(&set.trunks, &set.rules);
    let verdict = matcher.judge(&Call { signs_in: true, ..set.call.clone() });
    let trunk = set.trunks.iter().find(|trunk| Some(&trunk.id) == verdict.trunk.as_ref());
    let mut answer = json!({
        "match": matched(&verdict),
        "challenge": trunk.is_some_and(InboundTrunk::asks_for_credentials),
        "random_end": false, "ringing": 0.0, "longest": 0.0,
    });
    let mut set_text = |name: &str, text: &str| {
        if !text.is_empty() {
            answer[name] = text.into();
        }
    };
    set_text("trunk", verdict.trunk.as_deref().unwrap_or_default());
    set_text("rule", verdict.rule.as_deref().unwrap_or_default());
    match &verdict.outcome {
        Outcome::Joins(joining) => {
            set_text("result", "accept");
            join(&mut answer, joining);
        }
        Outcome::AsksForPin { .. } => set_text("result", "pin"),
        Outcome::NoRule { .. } => set_text("result", "drop"),
        Outcome::Fails(Failure::RuleNotUnderstood { .. }) => set_text("result", "not_understood"),
        Outcome::Fails(failure) => {
            if matches!(failure, Failure::RulesShareKey { .. }) {
                set_text("result", "conflict");
            }
            answer["conflict"] = json!(pair(failure));
        }
        Outcome::NotSignedIn => set_text("result", "signs in"),
    }
    answer
}

fn matched(verdict: &Verdict) -> &'static str {
    let chosen = verdict.trunks.iter().find(|one| Some(&one.id) == verdict.trunk.as_ref());
    match (chosen.map(|one| &one.reason), &verdict.outcome) {
        (Some(TrunkReason::Chosen { .. }), _) => "number",
        (Some(TrunkReason::ChosenForAny { .. }), _) => "any",
        (Some(other), _) => panic!("{other}"),
        (None, Outcome::Fails(Failure::TrunksShareNumber { .. } | Failure::TrunksTakeAny { .. })) => {
            "conflict"
        }
        (None, _) => "none",
    }
}

fn pair(failure: &Failure) -> [&String; 2] {
    match failure {
        Failure::TrunksShareNumber { first, second }
        | Failure::TrunksTakeAny { first, second }
        | Failure::RulesShareKey { first, second, .. } => [first, second],
        Failure::RuleNotUnderstood { rule, .. } => [rule, rule],
    }
}

fn join(answer: &mut Value, joining: &Joining) {
    let seconds = |duration: Option<std::time::Duration>| duration.unwrap_or_default().as_secs_f64();
    answer["random_end"] = joining.room.random_end.into();
    answer["ringing"] = seconds(joining.ringing_timeout).into();
    answer["longest"] = seconds(joining.max_call_duration).into();
    answer["attributes"] = json!(joining.attributes);
    for (name, text) in [
        ("room", &joining.room.known),
        ("identity", &joining.identity),
        ("name", &joining.name),
        ("metadata", &joining.metadata),
    ] {
        if !text.is_empty() {
            answer[name] = text.clone().into();
        }
    }
    if !joining.agents.is_empty() {
        let agents = joining.agents.iter();
        answer["agents"] =
            agents.map(|one| json!({ "name": one.agent_name, "metadata": one.metadata })).collect();
    }
}

/// The peer's verdict, without what is compared elsewhere, and with pairs that have no order in one.
fn theirs(mut answer: Value) -> Value {
    for name in ["trunks_refused", "rules_refused", "invalid"] {
        answer.as_object_mut().expect("an object").remove(name);
    }
    answer
}

fn in_order(mut answer: Value) -> Value {
    if let Some(pair) = answer.get_mut("conflict").and_then(Value::as_array_mut) {
        pair.sort_by_key(Value::to_string);
    }
    for name in ["ringing", "longest"] {
        answer[name] = answer[name].as_f64().into();
    }
    answer
}

/// Which kinds of outcome a set is an example of.
fn kinds(set: &Set) -> Vec<&'static str> {
    let verdict = Matcher::new(&set.trunks, &set.rules).judge(&set.call);
    let mut kinds = vec![match &verdict.outcome {
        Outcome::Joins(_) => "joins",
        Outcome::AsksForPin { .. } => "asked for a PIN",
        Outcome::NotSignedIn => "not signed in",
        Outcome::NoRule { pin_typed: false } => "no rule",
        Outcome::NoRule { pin_typed: true } => "no rule for the PIN",
        Outcome::Fails(Failure::TrunksShareNumber { .. }) => "trunks share a number",
        Outcome::Fails(Failure::TrunksTakeAny { .. }) => "trunks take any number",
        Outcome::Fails(Failure::RulesShareKey { first, second, .. }) if first == second => {
            "a rule conflicts with itself"
        }
        Outcome::Fails(Failure::RulesShareKey { .. }) => "rules share a key",
        Outcome::Fails(Failure::RuleNotUnderstood { .. }) => "a rule is not understood",
    }];
    if let Outcome::Joins(joining) = &verdict.outcome {
        let rule = set.rules.iter().find(|rule| rule.id == joining.rule).expect("its rule");
        let trunk = set.trunks.iter().find(|trunk| Some(&trunk.id) == joining.trunk.as_ref());
        kinds.push(if trunk.is_some() { "joins by a trunk" } else { "joins without a trunk" });
        kinds.push(match &rule.kind {
            RuleKind::Direct { .. } => "joins a fixed room",
            RuleKind::Individual { .. } => "joins a room for the caller",
            _ => "joins a room for the number",
        });
        let written = trunk.is_some_and(|one| !one.numbers.is_empty() && !one.numbers.contains(&set.call.to));
        let others = [
            (written, "number written otherwise"),
            (rule.hide_phone_number, "caller hidden"),
            (joining.room.random_end, "room with a random end"),
            (!rule.kind.pin().is_empty(), "joins with a PIN"),
            (rule.trunk_ids.is_empty(), "joins by a rule for any trunk"),
            (!joining.agents.is_empty(), "agents sent by the rule"),
        ];
        kinds.extend(others.into_iter().filter_map(|(is, name)| is.then_some(name)));
    }
    for one in &verdict.rules {
        kinds.push(match one.reason {
            RuleReason::AnotherGoesBefore { .. } => "a rule comes second",
            RuleReason::TrunkHasItsOwn { .. } => "a rule for any trunk comes second",
            RuleReason::TrunkGone { .. } => "a trunk is gone",
            RuleReason::NumberWrittenOtherwise { .. } => "a rule has the number written otherwise",
            RuleReason::CallerWrittenOtherwise { .. } => "a rule has the caller written otherwise",
            RuleReason::OtherPin => "another PIN",
            _ => continue,
        });
    }
    for one in &verdict.trunks {
        kinds.push(match one.reason {
            TrunkReason::CallerNotAllowed { .. } => "a caller is not let in",
            TrunkReason::SourceNotAllowed { .. } => "an address is not let in",
            TrunkReason::AnotherHasNumber { .. } => "a trunk for any number comes second",
            _ => continue,
        });
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

const KINDS: [&str; 32] = [
    "joins",
    "asked for a PIN",
    "not signed in",
    "no rule",
    "no rule for the PIN",
    "trunks share a number",
    "trunks take any number",
    "a rule conflicts with itself",
    "rules share a key",
    "a rule is not understood",
    "joins by a trunk",
    "joins without a trunk",
    "joins a fixed room",
    "joins a room for the caller",
    "joins a room for the number",
    "number written otherwise",
    "caller hidden",
    "room with a random end",
    "joins with a PIN",
    "joins by a rule for any trunk",
    "agents sent by the rule",
    "a rule comes second",
    "a rule for any trunk comes second",
    "a trunk is gone",
    "a rule has the number written otherwise",
    "a rule has the caller written otherwise",
    "another PIN",
    "a caller is not let in",
    "an address is not let in",
    "a trunk for any number comes second",
    "refused beside others",
    "refused by itself",
];

/// What our refusals say of a set that is made one by one, in the order of the ids.
fn refused(set: &Set) -> (Option<String>, Option<String>, Vec<String>) {
    let (mut trunks, mut rules) = (set.trunks.clone(), set.rules.clone());
    trunks.sort_by(|a, b| a.id.cmp(&b.id));
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let mut invalid: Vec<String> = Vec::new();
    let (mut trunk, mut rule) = (None, None);
    for (position, one) in trunks.iter().enumerate() {
        match refusal::of_trunk(one, &trunks[..position]) {
            Some(refusal::Refusal::NumberTaken { .. }) if trunk.is_none() => trunk = Some(one.id.clone()),
            Some(refusal::Refusal::Open | refusal::Refusal::Header { .. }) => invalid.push(one.id.clone()),
            _ => {}
        }
    }
    for (position, one) in rules.iter().enumerate() {
        let refused = refusal::of_rule(one, &rules[..position]);
        if rule.is_none() && refused.is_some() {
            rule = Some(one.id.clone());
        }
        if refused == Some(refusal::Refusal::NoRoom) {
            invalid.push(one.id.clone());
        }
    }
    (trunk, rule, invalid)
}

/// Nothing that livekit-server refuses is let through, and nothing else is refused.
fn compare_refusals(set: &Set, answer: &Value) -> bool {
    let (trunk, rule, invalid) = refused(set);
    let second = |name: &str| answer[name].as_array().and_then(|pair| pair.last()).and_then(Value::as_str);
    let open = |id: &&str| invalid.iter().any(|one| one == id);
    // A trunk that is refused by itself is not held against others any more.
    let their_trunk = second("trunks_refused").filter(|id| !open(id));
    if their_trunk.is_some() || second("trunks_refused").is_none() {
        assert_eq!(trunk.as_deref(), their_trunk, "{}", asked(set));
    }
    match second("rules_refused") {
        Some("not_understood") => assert!(rule.is_some_and(|id| open(&id.as_str())), "{}", asked(set)),
        theirs => assert_eq!(rule.as_deref(), theirs, "{}", asked(set)),
    }
    let theirs: Vec<&str> =
        answer["invalid"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(invalid, theirs, "{}", asked(set));
    their_trunk.is_some()
}

/// All answers of the peer, in the order of the questions.
fn judged_by_livekit(program: &Path, questions: Vec<String>) -> Vec<Value> {
    let mut peer =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
    let mut stdin = BufWriter::new(peer.stdin.take().expect("piped"));
    let asking = thread::spawn(move || {
        for question in questions {
            writeln!(stdin, "{question}").expect("the peer reads");
        }
    });
    let lines = BufReader::new(peer.stdout.take().expect("piped")).lines();
    let answers = lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON")).collect();
    asking.join().expect("all is asked");
    assert!(peer.wait().expect("the peer ends").success());
    answers
}

#[test]
fn ten_thousand_random_calls_are_judged_as_livekit_judges_them() {
    let Some(program) = installed("LIVEKIT_MATCH_BIN", "LiveKit's own matching") else { return };
    let mut dice = Dice::new(SEED);
    let sets: Vec<Set> = (0..CASES).map(|_| dice.set()).collect();
    let questions = sets.iter().map(|set| asked(set).to_string()).collect();
    let answers = judged_by_livekit(&program, questions);
    assert_eq!(answers.len(), CASES);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (set, answer) in sets.iter().zip(answers) {
        if compare_refusals(set, &answer) {
            *counts.entry("refused beside others").or_default() += 1;
        }
        if answer.get("invalid").is_some() {
            *counts.entry("refused by itself").or_default() += 1;
        }
        for kind in kinds(set) {
            *counts.entry(kind).or_default() += 1;
        }
        assert_eq!(in_order(ours(set)), in_order(theirs(answer)), "{}", asked(set));
    }
    for (kind, count) in &counts {
        println!("{count:>6} {kind}");
    }
    for kind in KINDS {
        assert!(counts.get(kind).is_some_and(|&count| count >= OFTEN), "{kind}: {:?}", counts.get(kind));
    }
}

#[test]
fn verdicts_agree_with_themselves() {
    let mut dice = Dice::new(SEED + 1);
    for _ in 0..2_000 {
        let mut set = dice.set();
        let verdict = Matcher::new(&set.trunks, &set.rules).judge(&set.call);
        assert_eq!(Matcher::new(&set.trunks, &set.rules).outcome(&set.call), verdict.outcome);
        let chosen: Vec<&String> =
            verdict.rules.iter().filter(|one| one.reason == RuleReason::Chosen).map(|one| &one.id).collect();
        assert_eq!(chosen, Vec::from_iter(&verdict.rule));
        let chosen = verdict.trunks.iter().filter(|one| {
            matches!(one.reason, TrunkReason::Chosen { .. } | TrunkReason::ChosenForAny { .. })
        });
        assert_eq!(chosen.map(|one| &one.id).collect::<Vec<_>>(), Vec::from_iter(&verdict.trunk));
        if let Outcome::Joins(joining) = &verdict.outcome {
            assert_eq!(Some(&joining.rule), verdict.rule.as_ref());
        }
        // The order they are listed in makes no difference.
        set.trunks.reverse();
        set.rules.reverse();
        assert_eq!(Matcher::new(&set.trunks, &set.rules).judge(&set.call), verdict);
        for number in set.trunks.iter().flat_map(|trunk| &trunk.numbers) {
            assert_eq!(normalized(&normalized(number)), normalized(number));
        }
    }
}
