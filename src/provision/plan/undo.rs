//! What has to be done so that both sides are as they were before. The numbers come first, so that their calls go to
//! somebody all the time.

use livekit::sip::{DispatchRule, InboundTrunk};
use serde_json::Value;
use twilio::Trunk;

use crate::provision::facts::World;
use crate::provision::lines::{Fields, Line, Sign, Thing, some};
use crate::provision::record::{Part, PartKind, Record};
use crate::provision::steps::{Act, Plan, TrunkBefore, TrunkSettings, UriSettings};

use super::{inbound, numbers, rules};

/// What has to be done, and how it reads. `names` is what the row names, if that is to be undone too.
pub(crate) fn undo(world: &World, record: &Record, name: &str, names_ours: bool) -> Plan {
    let mut undoing = Undoing { world, record, plan: Plan::default() };
    undoing.plan.found.twilio = world.twilio.trunk.as_ref().map(|trunk| trunk.sid.clone());
    undoing.numbers();
    // No call comes over it any more. Before its parts are forgotten, by which it is known what the row named of ours.
    if names_ours {
        let line = Line::new(Sign::Change, Thing::Trunk, name).says("names what it named before");
        undoing.plan.line(line);
        undoing.plan.act(Act::Unname);
    }
    undoing.uris();
    undoing.twilio_trunk();
    undoing.rules();
    undoing.trunk();
    undoing.plan
}

struct Undoing<'a> {
    world: &'a World,
    record: &'a Record,
    plan: Plan,
}

impl Undoing<'_> {
    /// Numbers that are on the trunk still go back; those that somebody moved on stay where they are.
    fn numbers(&mut self) {
        let trunk = self.world.twilio.trunk.as_ref().map(|trunk| trunk.sid.as_str());
        for part in self.record.of(PartKind::TwilioNumber) {
            let number = self.world.twilio.numbers.values().find(|number| number.sid == part.id);
            match number.filter(|number| trunk.is_some() && number.trunk_sid.as_deref() == trunk) {
                None => self.plan.act_and_forget(Act::Forget, part.kind, &part.id),
                Some(number) => numbers::give_back(&mut self.plan, number, numbers::before_of(part)),
            }
        }
    }

    fn uris(&mut self) {
        let record = self.record;
        for uri in &self.world.twilio.uris {
            let part = record.part(PartKind::OriginationUri, &uri.sid);
            let made = part.map_or_else(|| record.marks(uri.friendly_name.as_deref()), |part| part.made);
            if made {
                self.plan.line(Line::new(Sign::Remove, Thing::OriginationUri, &uri.sip_url));
                let act = Act::RemoveUri { sid: uri.sid.clone() };
                self.plan.act_and_forget(act, PartKind::OriginationUri, &uri.sid);
                continue;
            }
            let Some(before) = part.and_then(read::<UriSettings>) else { continue };
            let mut fields = Fields::default();
            let now = UriSettings::of(uri);
            fields.set("sipUrl", now.sip_url.clone(), before.sip_url.clone().unwrap_or_default());
            fields.set("priority", now.priority, before.priority.unwrap_or_default());
            fields.set("weight", now.weight, before.weight.unwrap_or_default());
            fields.set("enabled", now.enabled, before.enabled.unwrap_or_default());
            if fields.0.is_empty() {
                self.plan.act_and_forget(Act::Forget, PartKind::OriginationUri, &uri.sid);
            } else {
                let line = Line::new(Sign::Change, Thing::OriginationUri, &uri.sip_url).with(fields.0);
                self.plan.line(line.says("as it was before"));
                let act = Act::SetUri { sid: uri.sid.clone(), settings: before };
                self.plan.act_and_forget(act, PartKind::OriginationUri, &uri.sid);
            }
        }
    }

    fn twilio_trunk(&mut self) {
        let Some(trunk) = &self.world.twilio.trunk else { return };
        let part = self.record.part(PartKind::TwilioTrunk, &trunk.sid);
        let made = part.map_or_else(|| self.record.marks(trunk.friendly_name.as_deref()), |part| part.made);
        if made {
            return self.remove_twilio_trunk(trunk);
        }
        let Some(before) = part.and_then(read::<TrunkBefore>) else { return };
        self.restore_twilio_trunk(trunk, before);
        // Only now: until then it is this part that says which trunk it is.
        self.plan.act_and_forget(Act::Forget, PartKind::TwilioTrunk, &trunk.sid);
    }

    fn remove_twilio_trunk(&mut self, trunk: &Trunk) {
        let ours = |sid: &str| self.record.part(PartKind::TwilioNumber, sid).is_some();
        let on_it = self.world.twilio.numbers.values();
        let others: Vec<&str> = on_it
            .filter(|number| number.trunk_sid.as_deref() == Some(&trunk.sid) && !ours(&number.sid))
            .map(|number| number.phone_number.as_str())
            .collect();
        if !others.is_empty() {
            let says = format!(
                "somebody else put {} on it, whose calls would go nowhere: take them off the trunk at Twilio first",
                some(&others)
            );
            self.plan.line(Line::new(Sign::Conflict, Thing::TwilioTrunk, &trunk.sid).says(says));
            return;
        }
        self.plan.line(Line::new(Sign::Remove, Thing::TwilioTrunk, &trunk.sid));
        self.plan.act_and_forget(Act::RemoveTwilioTrunk, PartKind::TwilioTrunk, &trunk.sid);
    }

    fn restore_twilio_trunk(&mut self, trunk: &Trunk, before: TrunkBefore) {
        let (mut fields, mut settings) = (Fields::default(), TrunkSettings::default());
        if let Some(was) = before.settings.secure.filter(|was| fields.set("secure", trunk.secure, *was)) {
            settings.secure = Some(was);
        }
        let mode = trunk.transfer_mode.as_ref().map(|mode| mode.as_str().to_owned());
        let was = before.settings.transfer_mode;
        if let Some(was) = was.filter(|was| fields.set("transferMode", mode, was.clone())) {
            settings.transfer_mode = Some(was);
        }
        let (cnam, was) = (trunk.cnam_lookup_enabled, before.settings.cnam_lookup_enabled);
        if let Some(was) = was.filter(|was| fields.set("cnamLookupEnabled", cnam, *was)) {
            settings.cnam_lookup_enabled = Some(was);
        }
        let recording = self.world.twilio.recording.as_ref().map(|mode| mode.as_str().to_owned());
        let mode = before.recording.filter(|was| fields.set("recording", recording, was.clone()));
        if !fields.0.is_empty() {
            let line = Line::new(Sign::Change, Thing::TwilioTrunk, &trunk.sid).with(fields.0);
            self.plan.line(line.says("as it was before"));
        }
        if settings != TrunkSettings::default() {
            self.plan.act(Act::SetTwilioTrunk { settings });
        }
        if let Some(mode) = mode {
            self.plan.act(Act::SetRecording { mode });
        }
    }

    fn rules(&mut self) {
        let record = self.record;
        for rule in &self.world.livekit.rules {
            let part = record.part(PartKind::DispatchRule, &rule.id);
            if part.map_or_else(|| record.marks(Some(&rule.name)), |part| part.made) {
                self.plan.line(Line::new(Sign::Remove, Thing::DispatchRule, rules::title(rule)));
                let act = Act::RemoveRule { id: rule.id.clone() };
                self.plan.act_and_forget(act, PartKind::DispatchRule, &rule.id);
                continue;
            }
            let before = part.and_then(|part| part.before.as_ref()).and_then(DispatchRule::from_json);
            let Some(before) = before else { continue };
            if same(&before.to_json(), &rule.to_json()) {
                self.plan.act_and_forget(Act::Forget, PartKind::DispatchRule, &rule.id);
            } else {
                let line = Line::new(Sign::Change, Thing::DispatchRule, rules::title(rule));
                self.plan.line(line.says("as it was before"));
                let act = Act::ReplaceRule { rule: Box::new(before) };
                self.plan.act_and_forget(act, PartKind::DispatchRule, &rule.id);
            }
        }
    }

    fn trunk(&mut self) {
        let record = self.record;
        for trunk in &self.world.livekit.trunks {
            let part = record.part(PartKind::LiveKitTrunk, &trunk.id);
            if part.map_or_else(|| record.marks(Some(&trunk.name)), |part| part.made) {
                self.plan.line(Line::new(Sign::Remove, Thing::LivekitTrunk, inbound::title(trunk)));
                let act = Act::RemoveTrunk { id: trunk.id.clone() };
                self.plan.act_and_forget(act, PartKind::LiveKitTrunk, &trunk.id);
                continue;
            }
            let before = part.and_then(|part| part.before.as_ref()).and_then(InboundTrunk::from_json);
            let Some(before) = before else { continue };
            if same(&before.to_json(), &trunk.to_json()) {
                self.plan.act_and_forget(Act::Forget, PartKind::LiveKitTrunk, &trunk.id);
            } else {
                let line = Line::new(Sign::Change, Thing::LivekitTrunk, inbound::title(trunk));
                self.plan.line(line.says("as it was before"));
                let act = Act::ReplaceTrunk { trunk: Box::new(before) };
                self.plan.act_and_forget(act, PartKind::LiveKitTrunk, &trunk.id);
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(part: &Part) -> Option<T> {
    serde_json::from_value(part.before.clone()?).ok()
}

/// Whether two of LiveKit's objects are one and the same but for when they were written.
fn same(one: &Value, other: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(fields) = value.as_object_mut() {
            for stamp in ["created_at", "updated_at", "createdAt", "updatedAt"] {
                fields.remove(stamp);
            }
        }
        value
    };
    bare(one) == bare(other)
}
