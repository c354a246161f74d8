//! Trunks and dispatch rules: what LiveKit makes of them, told beforehand, and held against LiveKit itself.

mod records;

use livekit::sip::{RuleKind, Secret};

pub(crate) fn callee(prefix: &str) -> RuleKind {
    RuleKind::Callee { prefix: prefix.to_owned(), pin: Secret::default(), randomize: true }
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
