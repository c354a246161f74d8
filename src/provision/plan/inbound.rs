//! LiveKit's inbound trunk.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use livekit::sip::refusal::{self, Refusal};
use livekit::sip::{InboundTrunk, normalized};
use serde_json::Value;

use crate::provision::lines::{Fields, Line, Sign, Thing, some};
use crate::provision::record::{PartKind, marked};
use crate::provision::steps::{Act, NEW};

use super::Planning;

const X_HEADERS: &str = "SIP_X_HEADERS";
const ALL_HEADERS: &str = "SIP_ALL_HEADERS";

impl<'a> Planning<'a> {
    /// Plans the trunk; its id, or what stands for it.
    pub(super) fn livekit_trunk(&mut self) -> String {
        let record = self.record;
        self.check_livekit_names();
        let Some(trunk) = self.our_livekit_trunk() else {
            self.make_trunk();
            return NEW.to_owned();
        };
        let part = record.part(PartKind::LiveKitTrunk, &trunk.id);
        let made = part.map_or_else(|| record.marks(Some(&trunk.name)), |part| part.made);
        if trunk.auth_password.is_set() || !trunk.auth_username.is_empty() {
            let says = "it asks callers for a user and a password, which Twilio does not send: take them off at \
                        LiveKit";
            self.conflict(Thing::LivekitTrunk, &trunk.id, says);
            return trunk.id.clone();
        }
        if part.is_none() {
            let before = (!made).then(|| trunk.to_json());
            self.plan.note(PartKind::LiveKitTrunk, &trunk.id, made, before);
        }
        let kept: Vec<String> = match part {
            Some(part) => numbers_before(part.before.as_ref()),
            None if made => Vec::new(),
            None => trunk.numbers.clone(),
        };
        let mut wanted = trunk.clone();
        let fields = self.set_trunk(&mut wanted, &kept, made);
        if !trunk.allowed_numbers.is_empty() {
            let says = format!("it takes calls from {} only", some(&trunk.allowed_numbers));
            self.warn(Thing::LivekitTrunk, &trunk.id, says);
        }
        if fields.0.is_empty() {
            self.line(Line::new(Sign::Unchanged, Thing::LivekitTrunk, title(trunk)));
            return trunk.id.clone();
        }
        let line = Line::new(Sign::Change, Thing::LivekitTrunk, title(trunk)).with(fields.0);
        self.line(if made { line } else { line.says("it was there and is adopted") });
        self.check_trunk(&wanted);
        self.plan.act(Act::ReplaceTrunk { trunk: Box::new(wanted) });
        trunk.id.clone()
    }

    /// The trunk that was set up, else one that we made and lost the answer of, else the one to adopt, else the one
    /// that the row names.
    fn our_livekit_trunk(&self) -> Option<&'a InboundTrunk> {
        let trunks: &'a [InboundTrunk] = &self.world.livekit.trunks;
        let by_id = |id: &str| trunks.iter().find(|trunk| trunk.id == id);
        let noted = self.record.of(PartKind::LiveKitTrunk).find_map(|part| by_id(&part.id));
        let made = || trunks.iter().find(|trunk| self.record.marks(Some(&trunk.name)));
        let Self { desired, .. } = self;
        let named = || {
            [&desired.adopt.livekit, &desired.named.livekit].into_iter().flatten().find_map(|id| by_id(id))
        };
        noted.or_else(made).or_else(named)
    }

    fn check_livekit_names(&mut self) {
        let (desired, record) = (self.desired, self.record);
        let has = |id: &str| self.world.livekit.trunks.iter().any(|trunk| trunk.id == id);
        if let Some(adopt) = &desired.adopt.livekit {
            let other =
                record.first(PartKind::LiveKitTrunk).filter(|part| part.id != *adopt && has(&part.id));
            if let Some(other) = other {
                let says = format!(
                    "it is set up with {} already: destroy that first, or leave --adopt-livekit away",
                    other.id
                );
                self.conflict(Thing::LivekitTrunk, adopt, &says);
            } else if !has(adopt) {
                self.conflict(Thing::LivekitTrunk, adopt, "LiveKit has no inbound trunk of this id");
            }
        }
        let gone = desired.named.livekit.as_deref().filter(|id| !has(id));
        if let Some(gone) = gone {
            self.warn(Thing::LivekitTrunk, gone, "LiveKit does not have it any more");
        }
    }

    fn make_trunk(&mut self) {
        let mut trunk =
            InboundTrunk { name: marked(&self.desired.name, &self.record.marker), ..InboundTrunk::default() };
        let fields = self.set_trunk(&mut trunk, &[], false);
        let line = Line::new(Sign::Create, Thing::LivekitTrunk, format!("{:?}", self.desired.name));
        self.line(line.with(fields.0));
        self.check_trunk(&trunk);
        if self.desired.first_named {
            let others: Vec<String> = self.world.livekit.trunks.iter().map(title).collect();
            if !others.is_empty() {
                let says = "from the moment that one trunk of the project is named, Switchboard leaves calls over others \
                            alone, and none is named now: name these too if their calls are ours";
                self.warn(Thing::LivekitTrunk, &some(&others), says);
            }
        }
        self.plan.act(Act::MakeTrunk { trunk: Box::new(trunk) });
    }

    /// Makes the trunk what it is to be; what of it that changes.
    fn set_trunk(&self, trunk: &mut InboundTrunk, kept: &[String], made: bool) -> Fields {
        let mut fields = Fields::default();
        if made && !self.record.marks(Some(&trunk.name)) {
            let name = marked(&self.desired.name, &self.record.marker);
            fields.note("name", Some(&trunk.name), Some(&name));
            trunk.name = name;
        }
        self.set_numbers(trunk, kept, &mut fields);
        if let Some(wanted) = self.desired.chosen.allowed_addresses.wanted() {
            let as_set = |all: &[String]| all.iter().cloned().collect::<BTreeSet<_>>();
            if as_set(&wanted) != as_set(&trunk.allowed_addresses) {
                let [from, to] = [&trunk.allowed_addresses, &wanted].map(|all| some(all));
                fields.note("allowed_addresses", Some(&from), Some(&to));
                trunk.allowed_addresses = wanted;
            }
        }
        let seconds = |time: Duration| format!("{}s", time.as_secs_f64());
        let wanted = self.desired.ringing_timeout;
        if fields.set("ringing_timeout", trunk.ringing_timeout.map(seconds), seconds(wanted)) {
            trunk.ringing_timeout = Some(wanted);
        }
        if trunk.include_headers != ALL_HEADERS && trunk.include_headers != X_HEADERS {
            fields.note("include_headers", Some(&trunk.include_headers), Some(X_HEADERS));
            trunk.include_headers = X_HEADERS.to_owned();
        }
        fields
    }

    /// The trunk's numbers are the wanted ones, and those that were there when it was adopted.
    fn set_numbers(&self, trunk: &mut InboundTrunk, kept: &[String], fields: &mut Fields) {
        let mut wanted: Vec<String> =
            self.desired.numbers.iter().map(|wanted| wanted.number.clone()).collect();
        let known: HashSet<String> = wanted.iter().cloned().collect();
        wanted.extend(kept.iter().filter(|kept| !known.contains(&*normalized(kept))).cloned());
        let [now, then]: [BTreeSet<&str>; 2] =
            [&trunk.numbers, &wanted].map(|all| all.iter().map(String::as_str).collect());
        if now == then && trunk.numbers.len() == now.len() {
            return;
        }
        let [gone, new]: [Vec<&str>; 2] =
            [now.difference(&then).copied().collect(), then.difference(&now).copied().collect()];
        if now.is_empty() {
            fields.note("numbers", None::<&str>, Some(&some(&new)));
        } else {
            let words = [("-", gone), ("+", new)].into_iter().filter(|(_, all)| !all.is_empty());
            let words: Vec<String> = words.map(|(sign, all)| format!("{sign} {}", some(&all))).collect();
            fields.note(
                "numbers",
                Some(&format!("{}", now.len())),
                Some(&format!("{} ({})", then.len(), words.join("; "))),
            );
        }
        trunk.numbers = wanted;
    }

    /// LiveKit would refuse it, or ought to.
    fn check_trunk(&mut self, trunk: &InboundTrunk) {
        let Some(refusal) = refusal::of_trunk(trunk, &self.world.livekit.trunks) else { return };
        let which = if trunk.id.is_empty() { self.desired.name.clone() } else { trunk.id.clone() };
        let says = match &refusal {
            Refusal::NumberTaken { by, .. } => format!(
                "{refusal}: have that trunk adopted with --adopt-livekit {by}, or take the number from it at LiveKit"
            ),
            other => other.to_string(),
        };
        self.conflict(Thing::LivekitTrunk, &which, &says);
    }
}

/// The numbers that an adopted trunk had.
fn numbers_before(before: Option<&Value>) -> Vec<String> {
    before.and_then(InboundTrunk::from_json).map(|trunk| trunk.numbers).unwrap_or_default()
}

/// A trunk as a person finds it in LiveKit's console.
pub(super) fn title(trunk: &InboundTrunk) -> String {
    if trunk.name.is_empty() { trunk.id.clone() } else { format!("{} ({})", trunk.id, trunk.name) }
}
