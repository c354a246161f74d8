//! What is refused beside what, in words. LiveKit's own refusals are compared in `api` and `conformance`.

use livekit::sip::refusal::{self, Refusal};
use livekit::sip::{DispatchRule, InboundTrunk, RuleKind};

use crate::{FROM, OTHER, TO, direct, rule, texts, trunk};

#[test]
fn a_trunk_is_refused_that_takes_what_another_takes() {
    let others = [trunk("ST_1", &[TO]), trunk("ST_2", &[])];
    let taken = |by: &str, number: &str| {
        Some(Refusal::NumberTaken { by: by.to_owned(), number: number.to_owned(), caller: String::new() })
    };
    assert_eq!(refusal::of_trunk(&trunk("", &["1 555 765 4321"]), &others), taken("ST_1", TO));
    assert_eq!(refusal::of_trunk(&trunk("", &[]), &others), taken("ST_2", ""));
    assert_eq!(refusal::of_trunk(&trunk("", &[OTHER]), &others), None);
    let for_some = InboundTrunk { allowed_numbers: texts(&[FROM]), ..trunk("", &[TO]) };
    assert_eq!(refusal::of_trunk(&for_some, &others), None, "LiveKit lets it be, see the lint");
    assert_eq!(refusal::of_trunk(&trunk("ST_1", &[TO, OTHER]), &others), None, "it replaces itself");
    assert_eq!(refusal::of_trunk(&trunk("ST_3", &[OTHER, TO]), &others), taken("ST_1", TO));
    assert_eq!(refusal::of_trunk(&InboundTrunk::default(), &[]), Some(Refusal::Open));
    let words = taken("ST_1", TO).map(|refusal| refusal.to_string()).unwrap_or_default();
    assert_eq!(words, "the trunk ST_1 takes calls to +15557654321 from anybody already");
}

#[test]
fn a_rule_is_refused_that_is_for_what_another_is_for() {
    let others = [rule("SDR_1", &["ST_1"]), rule("SDR_2", &[])];
    let taken = |by: &str| Some(Refusal::KeyTaken { by: by.to_owned() });
    assert_eq!(refusal::of_rule(&rule("", &["ST_2", "ST_1"]), &others), taken("SDR_1"));
    assert_eq!(refusal::of_rule(&rule("", &[]), &others), taken("SDR_2"));
    assert_eq!(refusal::of_rule(&rule("", &["ST_2"]), &others), None);
    assert_eq!(refusal::of_rule(&rule("SDR_1", &["ST_1", "ST_2"]), &others), None, "it replaces itself");
    let pin = DispatchRule { kind: direct("meeting", "1234"), ..rule("", &["ST_1"]) };
    assert_eq!(refusal::of_rule(&pin, &others), None);
    let number = DispatchRule { numbers: texts(&[TO]), ..rule("", &["ST_1"]) };
    assert_eq!(refusal::of_rule(&number, &others), None);
    assert_eq!(refusal::of_rule(&rule("", &["ST_2", "ST_2"]), &others), taken(""));
    let nothing = DispatchRule { kind: RuleKind::default(), ..rule("", &["ST_2"]) };
    assert_eq!(refusal::of_rule(&nothing, &others), Some(Refusal::NoRoom));
}
