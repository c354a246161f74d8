//! The Twilio trunk, what it records and where it sends its calls.

use serde_json::Value;
use twilio::{OriginationUrl, Trunk};

use crate::provision::lines::{Fields, Line, Sign, Thing};
use crate::provision::record::{PartKind, marked};
use crate::provision::steps::{Act, TrunkBefore, TrunkSettings, UriSettings};

use super::Planning;

/// Where a URI stands among others, as Twilio's console has it.
const PRIORITY: u16 = 10;
const WEIGHT: u16 = 10;
const DO_NOT_RECORD: &str = "do-not-record";

impl Planning<'_> {
    /// Plans the trunk; its sid, if it has one already.
    pub(super) fn twilio_trunk(&mut self) -> Option<String> {
        let (world, record, desired) = (self.world, self.record, self.desired);
        let noted = record.first(PartKind::TwilioTrunk);
        if let (Some(adopt), Some(noted)) = (&desired.adopt.twilio, noted)
            && *adopt != noted.id
        {
            let says = format!(
                "it is set up with {} already: destroy that first, or leave --adopt-twilio away",
                noted.id
            );
            self.conflict(Thing::TwilioTrunk, adopt, &says);
        }
        if let Some(missing) = &world.twilio.missing {
            if record.part(PartKind::TwilioTrunk, missing).is_some() {
                self.warn(Thing::TwilioTrunk, missing, "it is gone");
            } else if world.twilio.trunk.is_none() {
                let says = "the account has no such trunk: give the sid of one with --adopt-twilio, or take it out of \
                            the trunk (twilioTrunkSid) to have one made";
                self.conflict(Thing::TwilioTrunk, missing, says);
            }
        }
        let Some(trunk) = &world.twilio.trunk else {
            self.make_twilio_trunk();
            return None;
        };
        let made = record
            .part(PartKind::TwilioTrunk, &trunk.sid)
            .map_or_else(|| record.marks(trunk.friendly_name.as_deref()), |part| part.made);
        let before = (!made).then(|| self.trunk_as_it_is(trunk));
        if record.part(PartKind::TwilioTrunk, &trunk.sid).is_none() {
            self.plan.note(PartKind::TwilioTrunk, &trunk.sid, made, before);
        }
        self.set_twilio_trunk(trunk, made);
        Some(trunk.sid.clone())
    }

    fn make_twilio_trunk(&mut self) {
        let mut fields = Fields::default();
        let transfer = self.desired.chosen.transfer_mode.as_str();
        fields.note("secure", None::<&str>, Some("false"));
        fields.note("transferMode", None::<&str>, Some(transfer));
        fields.note("cnamLookupEnabled", None::<&str>, Some("false"));
        let line = Line::new(Sign::Create, Thing::TwilioTrunk, format!("{:?}", self.desired.name));
        self.line(line.with(fields.0));
        self.plan.act(Act::MakeTwilioTrunk {
            name: marked(&self.desired.name, &self.record.marker),
            settings: TrunkSettings {
                friendly_name: None,
                secure: Some(false),
                transfer_mode: Some(transfer.to_owned()),
                cnam_lookup_enabled: Some(false),
            },
        });
    }

    /// What an adopted trunk was, to be restored one day.
    fn trunk_as_it_is(&self, trunk: &Trunk) -> Value {
        let on_it = self
            .world
            .twilio
            .numbers
            .values()
            .filter(|number| number.trunk_sid.as_deref() == Some(&trunk.sid));
        let before = TrunkBefore {
            settings: TrunkSettings {
                friendly_name: trunk.friendly_name.clone(),
                secure: trunk.secure,
                transfer_mode: trunk.transfer_mode.as_ref().map(|mode| mode.as_str().to_owned()),
                cnam_lookup_enabled: trunk.cnam_lookup_enabled,
            },
            recording: self.world.twilio.recording.as_ref().map(|mode| mode.as_str().to_owned()),
            numbers: on_it.map(|number| number.sid.clone()).collect(),
        };
        serde_json::to_value(before).unwrap_or_default()
    }

    fn set_twilio_trunk(&mut self, trunk: &Trunk, made: bool) {
        let (mut fields, mut settings) = (Fields::default(), TrunkSettings::default());
        if made && !self.record.marks(trunk.friendly_name.as_deref()) {
            let name = marked(&self.desired.name, &self.record.marker);
            fields.note("friendlyName", trunk.friendly_name.as_deref(), Some(&name));
            settings.friendly_name = Some(name);
        }
        if fields.set("secure", trunk.secure, false) {
            settings.secure = Some(false);
        }
        let transfer = self.desired.chosen.transfer_mode.as_str();
        if fields.set(
            "transferMode",
            trunk.transfer_mode.as_ref().map(twilio::TransferMode::as_str),
            transfer,
        ) {
            settings.transfer_mode = Some(transfer.to_owned());
        }
        if fields.set("cnamLookupEnabled", trunk.cnam_lookup_enabled, false) {
            settings.cnam_lookup_enabled = Some(false);
        }
        let recording = self.world.twilio.recording.as_ref().map(twilio::RecordingMode::as_str);
        let records = fields.set("recording", recording, DO_NOT_RECORD);
        let sign = if fields.0.is_empty() { Sign::Unchanged } else { Sign::Change };
        let line = Line::new(sign, Thing::TwilioTrunk, &trunk.sid).with(fields.0);
        self.line(if made || sign == Sign::Unchanged {
            line
        } else {
            line.says("it was there and is adopted")
        });
        if settings != TrunkSettings::default() {
            self.plan.act(Act::SetTwilioTrunk { settings });
        }
        if records {
            self.plan.act(Act::SetRecording { mode: DO_NOT_RECORD.to_owned() });
        }
    }

    /// Plans where the trunk sends its calls: there and nowhere else.
    pub(super) fn uris(&mut self) {
        let world = self.world;
        let is_marked = |uri: &&OriginationUrl| self.is_our_uri(uri);
        let same = |uri: &&OriginationUrl| uri.sip_url == self.desired.sip_uri;
        let uris = || world.twilio.uris.iter();
        let ours = uris().find(|uri| is_marked(uri) && same(uri)).or_else(|| uris().find(is_marked));
        let main = ours.or_else(|| uris().find(same));
        match main {
            None => self.make_uri(),
            Some(uri) => self.set_uri(uri),
        }
        let others = uris().filter(|uri| main.is_none_or(|main| main.sid != uri.sid));
        for other in others {
            self.other_uri(other);
        }
    }

    /// Whether we made it.
    fn is_our_uri(&self, uri: &OriginationUrl) -> bool {
        self.record
            .part(PartKind::OriginationUri, &uri.sid)
            .map_or_else(|| self.record.marks(uri.friendly_name.as_deref()), |part| part.made)
    }

    fn make_uri(&mut self) {
        let uri = &self.desired.sip_uri;
        let line = Line::new(Sign::Create, Thing::OriginationUri, uri);
        self.plan.line(line.says(format!("priority {PRIORITY}, weight {WEIGHT}, enabled")));
        let name = marked(&self.desired.name, &self.record.marker);
        self.plan.act(Act::MakeUri { name, uri: uri.clone() });
    }

    fn set_uri(&mut self, uri: &OriginationUrl) {
        let made = self.is_our_uri(uri);
        if self.record.part(PartKind::OriginationUri, &uri.sid).is_none() {
            let before = (!made).then(|| serde_json::to_value(UriSettings::of(uri)).unwrap_or_default());
            self.plan.note(PartKind::OriginationUri, &uri.sid, made, before);
        }
        let (mut fields, mut settings) = (Fields::default(), UriSettings::default());
        if fields.set("sipUrl", Some(uri.sip_url.as_str()), self.desired.sip_uri.as_str()) {
            settings.sip_url = Some(self.desired.sip_uri.clone());
        }
        if fields.set("priority", Some(uri.priority), u32::from(PRIORITY)) {
            settings.priority = Some(PRIORITY);
        }
        if fields.set("weight", Some(uri.weight), u32::from(WEIGHT)) {
            settings.weight = Some(WEIGHT);
        }
        if fields.set("enabled", Some(uri.enabled), true) {
            settings.enabled = Some(true);
        }
        if made && !self.record.marks(uri.friendly_name.as_deref()) {
            let name = marked(&self.desired.name, &self.record.marker);
            fields.note("friendlyName", uri.friendly_name.as_deref(), Some(&name));
            settings.friendly_name = Some(name);
        }
        if fields.0.is_empty() {
            self.line(Line::new(Sign::Unchanged, Thing::OriginationUri, &uri.sip_url));
        } else {
            self.line(Line::new(Sign::Change, Thing::OriginationUri, &uri.sip_url).with(fields.0));
            self.plan.act(Act::SetUri { sid: uri.sid.clone(), settings });
        }
    }

    /// One that has no business on the trunk.
    fn other_uri(&mut self, uri: &OriginationUrl) {
        let noted = self.record.part(PartKind::OriginationUri, &uri.sid);
        if self.is_our_uri(uri) {
            self.line(Line::new(Sign::Remove, Thing::OriginationUri, &uri.sip_url).says("it was made by us"));
            self.plan.act_and_forget(
                Act::RemoveUri { sid: uri.sid.clone() },
                PartKind::OriginationUri,
                &uri.sid,
            );
            return;
        }
        if !uri.enabled {
            return;
        }
        // Whoever told us once to switch it off meant it.
        if !self.desired.take_over && noted.is_none() {
            let says = format!(
                "{} sends calls there too, and it was not made by us: switch it off at Twilio, or have it switched off \
                 with --take-over",
                uri.sid
            );
            self.conflict(Thing::OriginationUri, &uri.sip_url, &says);
            return;
        }
        if noted.is_none() {
            let before = serde_json::to_value(UriSettings::of(uri)).unwrap_or_default();
            self.plan.note(PartKind::OriginationUri, &uri.sid, false, Some(before));
        }
        let mut fields = Fields::default();
        fields.set("enabled", Some(true), false);
        let line = Line::new(Sign::Change, Thing::OriginationUri, &uri.sip_url).with(fields.0);
        self.line(line.says("it is not ours; `destroy` switches it on again"));
        let settings = UriSettings { enabled: Some(false), ..UriSettings::default() };
        self.plan.act(Act::SetUri { sid: uri.sid.clone(), settings });
    }
}
