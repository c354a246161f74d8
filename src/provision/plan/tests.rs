//! Plans against a toy Twilio and a toy LiveKit: whatever there was, however far a plan was carried out, the next one
//! gets there, and taking all away leaves what there was.

use std::time::Duration;

use livekit::sip::{DispatchRule, InboundTrunk, RuleAgent, RuleKind, Secret};
use proptest::prelude::*;
use serde_json::json;
use twilio::{Capabilities, Number, OriginationUrl, Trunk};

use super::*;
use crate::ids::{TenantId, TrunkId};
use crate::provision::desired::{Agent, Wanted};
use crate::provision::lines::Shown;
use crate::provision::record::{Asked, Chosen, Named, Part, TransferMode};
use crate::provision::steps::{NumberBefore, Step, TrunkSettings, UriSettings};

const URI: &str = "sip:calls.example.com;transport=tcp";
const NUMBERS: [&str; 3] = ["+14155550100", "+14155550101", "+14155550102"];

/// Both sides, what is kept here, and the next serial.
#[derive(Clone, Debug)]
struct Toy {
    world: World,
    record: Record,
    named: Named,
    serial: u32,
}

fn number(at: usize) -> Number {
    Number {
        sid: format!("PN{at}"),
        phone_number: NUMBERS[at].to_owned(),
        account_sid: None,
        friendly_name: None,
        number_type: None,
        capabilities: Capabilities::default(),
        trunk_sid: None,
        voice_application_sid: None,
        voice_url: None,
        voice_method: None,
        voice_fallback_url: None,
        voice_fallback_method: None,
        voice_receive_mode: Some("voice".to_owned()),
        status_callback: None,
        status_callback_method: None,
        status: None,
        origin: None,
        address_requirements: None,
        emergency_status: None,
        emergency_address_status: None,
        bundle_sid: None,
        date_created: None,
    }
}

fn carrier_trunk(sid: &str) -> Trunk {
    Trunk {
        sid: sid.to_owned(),
        account_sid: None,
        friendly_name: None,
        domain_name: None,
        secure: Some(true),
        transfer_mode: Some("sip-only".into()),
        transfer_caller_id: None,
        cnam_lookup_enabled: Some(true),
        symmetric_rtp_enabled: None,
        auth_types: Vec::new(),
        disaster_recovery_url: None,
        disaster_recovery_method: None,
        recording: None,
        date_created: None,
    }
}

fn uri(sid: &str, sip_url: &str, enabled: bool) -> OriginationUrl {
    OriginationUrl {
        sid: sid.to_owned(),
        trunk_sid: None,
        sip_url: sip_url.to_owned(),
        weight: 1,
        priority: 1,
        enabled,
        friendly_name: None,
    }
}

/// What there is before anything is set up.
#[derive(Clone, Debug)]
struct Start {
    carrier: bool,
    uris: [bool; 2],
    trunk: bool,
    rule: u8,
    static_rules: bool,
    /// How each number's calls are taken: by nobody, a URL, an application, another trunk or the one to adopt; or it takes faxes.
    numbers: [u8; 3],
}

fn start() -> impl Strategy<Value = Start> {
    let parts = (
        any::<bool>(),
        any::<[bool; 2]>(),
        any::<bool>(),
        0_u8..4,
        any::<bool>(),
        [0_u8..6, 0_u8..6, 0_u8..6],
    );
    parts.prop_map(|(carrier, uris, trunk, rule, static_rules, numbers)| Start {
        carrier,
        uris,
        trunk,
        rule,
        static_rules,
        numbers,
    })
}

fn toy(start: &Start) -> (Toy, Desired) {
    let mut world = World::default();
    for (at, how) in start.numbers.iter().enumerate() {
        let mut number = number(at);
        match how {
            1 => number.voice_url = Some("https://voice.example/in".into()),
            2 => number.voice_application_sid = Some("AP1".into()),
            3 => number.trunk_sid = Some("TKother".into()),
            4 => number.voice_receive_mode = Some("fax".into()),
            5 => number.trunk_sid = start.carrier.then(|| "TKold".into()),
            _ => {}
        }
        world.twilio.numbers.insert(number.phone_number.clone(), number);
    }
    if start.carrier {
        world.twilio.trunk = Some(carrier_trunk("TKold"));
        world.twilio.recording = Some("record-from-answer".into());
        let uris = [uri("OUsame", URI, false), uri("OUpbx", "sip:pbx.example", true)];
        world.twilio.uris =
            uris.into_iter().zip(start.uris).filter(|(_, is)| *is).map(|(uri, _)| uri).collect();
    }
    if start.trunk {
        let numbers = vec![NUMBERS[0].to_owned(), "+14155559999".to_owned()];
        world.livekit.trunks.push(InboundTrunk {
            id: "ST_old".into(),
            name: "old".into(),
            numbers,
            ..Default::default()
        });
        let kind = match start.rule {
            1 => Some(RuleKind::Individual {
                prefix: "x".into(),
                pin: Secret::default(),
                no_randomness: false,
            }),
            2 => Some(RuleKind::Callee { prefix: "y".into(), pin: Secret::default(), randomize: true }),
            _ => None,
        };
        let rule = |id: &str, kind| DispatchRule {
            id: id.into(),
            kind,
            trunk_ids: vec!["ST_old".into()],
            room_config: None,
            ..DispatchRule::default()
        };
        world.livekit.rules.extend(kind.map(|kind| rule("SDR_old", kind)));
    }
    let named = Named {
        twilio: start.carrier.then(|| "TKold".to_owned()),
        livekit: start.trunk.then(|| "ST_old".to_owned()),
    };
    let asked = Asked { static_rules: Some(start.static_rules), take_over: true, ..Asked::default() };
    let chosen = Chosen::of(&asked, None, false);
    let record = Record {
        trunk: TrunkId::from("trk_1"),
        tenant: TenantId::from("tnt_1"),
        account: "AC".into(),
        marker: "switchboard-0123456789abcdef".into(),
        chosen: chosen.clone(),
        named_before: named.clone(),
        applied_at: None,
        looked_at: None,
        drift: None,
        parts: Vec::new(),
    };
    let agent = start.static_rules.then(|| Agent {
        name: "reception".into(),
        metadata: "{}".into(),
        attributes: [("inbound".to_owned(), "true".to_owned())].into(),
    });
    let desired = Desired {
        name: "Main".into(),
        named: named.clone(),
        sip_uri: URI.into(),
        chosen,
        adopt: Named::default(),
        take_over: true,
        ringing_timeout: Duration::from_secs(35),
        first_named: false,
        numbers: NUMBERS
            .iter()
            .map(|number| Wanted { number: (*number).into(), agent: agent.clone() })
            .collect(),
    };
    (Toy { world, record, named, serial: 0 }, desired)
}

impl Toy {
    fn plan(&self, desired: &Desired) -> Plan {
        super::plan(&Desired { named: self.named.clone(), ..desired.clone() }, &self.world, &self.record)
    }

    fn undo(&self) -> Plan {
        let is_part =
            |kind, id: &Option<String>| id.as_ref().is_some_and(|id| self.record.part(kind, id).is_some());
        let names_ours = self.named != self.record.named_before
            && (is_part(PartKind::TwilioTrunk, &self.named.twilio)
                || is_part(PartKind::LiveKitTrunk, &self.named.livekit));
        super::undo(&self.world, &self.record, "Main", names_ours)
    }

    fn id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}", self.serial)
    }

    fn keep(&mut self, part: Part) {
        if self.record.part(part.kind, &part.id).is_none() {
            self.record.parts.push(part);
        }
    }

    /// Carries some of a plan out. Of what is made last, the note may be lost with the answer.
    fn carry(&mut self, plan: &Plan, steps: usize, last_answer_is_lost: bool) {
        plan.notes.iter().cloned().for_each(|part| self.keep(part));
        let mut ids = plan.found.clone();
        for (at, step) in plan.steps.iter().enumerate().take(steps) {
            let made = self.step(step, &mut ids);
            let is_lost = last_answer_is_lost && at + 1 == steps;
            if let Some(part) = made.filter(|_| !is_lost) {
                self.keep(part);
            }
            if let Some((kind, id)) = step.forget.as_ref().filter(|_| !is_lost) {
                self.record.parts.retain(|part| (part.kind, &part.id) != (*kind, id));
            }
        }
    }

    fn step(&mut self, step: &Step, ids: &mut Named) -> Option<Part> {
        let made = |kind, id: String, before| Some(Part { kind, id, made: true, before });
        match &step.act {
            Act::MakeTwilioTrunk { name, settings } => {
                let mut trunk = carrier_trunk(&self.id("TK"));
                trunk.friendly_name = Some(name.clone());
                set_trunk(&mut trunk, settings);
                ids.twilio = Some(trunk.sid.clone());
                self.world.twilio.recording = Some("do-not-record".into());
                self.world.twilio.uris.clear();
                let sid = trunk.sid.clone();
                self.world.twilio.trunk = Some(trunk);
                return made(PartKind::TwilioTrunk, sid, None);
            }
            Act::MakeUri { name, uri: to } => {
                let mut new = uri(&self.id("OU"), to, true);
                (new.priority, new.weight, new.friendly_name) = (10, 10, Some(name.clone()));
                let sid = new.sid.clone();
                self.world.twilio.uris.push(new);
                return made(PartKind::OriginationUri, sid, None);
            }
            Act::MakeTrunk { trunk } => {
                let id = self.id("ST_");
                self.world.livekit.trunks.push(InboundTrunk { id: id.clone(), ..InboundTrunk::clone(trunk) });
                ids.livekit = Some(id.clone());
                return made(PartKind::LiveKitTrunk, id, None);
            }
            Act::MakeRule { rule, of } => {
                let (id, mut rule) = (self.id("SDR_"), DispatchRule::clone(rule));
                rule.id.clone_from(&id);
                with_trunk(&mut rule, ids);
                self.world.livekit.rules.push(rule);
                return made(PartKind::DispatchRule, id, of.as_ref().map(|of| json!({ "of": of })));
            }
            act => self.change(act, ids),
        }
        None
    }

    fn change(&mut self, act: &Act, ids: &Named) {
        let World { twilio, livekit } = &mut self.world;
        let by_sid =
            |twilio: &mut crate::provision::facts::TwilioFacts, sid: &str, set: &dyn Fn(&mut Number)| {
                twilio.numbers.values_mut().filter(|number| number.sid == sid).for_each(set);
            };
        match act {
            Act::SetTwilioTrunk { settings } => set_trunk(twilio.trunk.as_mut().unwrap(), settings),
            Act::SetRecording { mode } => twilio.recording = Some(mode.as_str().into()),
            Act::RemoveTwilioTrunk => {
                (twilio.trunk, twilio.recording, twilio.uris) = (None, None, Vec::new());
            }
            Act::SetUri { sid, settings } => {
                set_uri(twilio.uris.iter_mut().find(|uri| uri.sid == *sid).unwrap(), settings);
            }
            Act::RemoveUri { sid } => twilio.uris.retain(|uri| uri.sid != *sid),
            Act::TakeNumber { sid, .. } => by_sid(twilio, sid, &|number| {
                number.trunk_sid.clone_from(&ids.twilio);
                number.voice_application_sid = None;
                number.voice_receive_mode = Some("voice".into());
            }),
            Act::RestoreNumber { sid, before } => by_sid(twilio, sid, &|number| {
                number.trunk_sid.clone_from(&before.trunk_sid);
                number.voice_application_sid.clone_from(&before.voice_application_sid);
                number.voice_receive_mode.clone_from(&before.voice_receive_mode);
            }),
            Act::ReplaceTrunk { trunk } => replace(&mut livekit.trunks, trunk, |trunk| &trunk.id),
            Act::RemoveTrunk { id } => livekit.trunks.retain(|trunk| trunk.id != *id),
            Act::ReplaceRule { rule } => {
                let mut rule = DispatchRule::clone(rule);
                with_trunk(&mut rule, ids);
                replace(&mut livekit.rules, &rule, |rule| &rule.id);
            }
            Act::RemoveRule { id } => livekit.rules.retain(|rule| rule.id != *id),
            Act::Name => {
                self.named.twilio = ids.twilio.clone().or(self.named.twilio.take());
                self.named.livekit = ids.livekit.clone().or(self.named.livekit.take());
            }
            Act::Unname => self.named = self.record.named_before.clone(),
            _ => {}
        }
    }

    /// All of it as it is compared: what LiveKit's objects were read from does not count.
    fn shown(&self) -> String {
        let mut rules = self.world.livekit.rules.clone();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        let rules: Vec<_> = rules.iter().map(DispatchRule::to_json).collect();
        let trunks: Vec<_> = self.world.livekit.trunks.iter().map(InboundTrunk::to_json).collect();
        let numbers: Vec<_> = self.world.twilio.numbers.values().map(NumberBefore::of).collect();
        let twilio = &self.world.twilio;
        format!(
            "{:?} {:?} {:?} {numbers:?} {trunks:?} {rules:?} {:?}",
            twilio.trunk, twilio.recording, twilio.uris, self.named
        )
    }
}

fn replace<T: Clone>(all: &mut [T], with: &T, id: impl Fn(&T) -> &String) {
    *all.iter_mut().find(|one| id(one) == id(with)).unwrap() = with.clone();
}

fn with_trunk(rule: &mut DispatchRule, ids: &Named) {
    for id in rule.trunk_ids.iter_mut().filter(|id| *id == NEW) {
        *id = ids.livekit.clone().unwrap();
    }
}

fn set_trunk(trunk: &mut Trunk, settings: &TrunkSettings) {
    trunk.friendly_name = settings.friendly_name.clone().or(trunk.friendly_name.take());
    trunk.secure = settings.secure.or(trunk.secure);
    trunk.cnam_lookup_enabled = settings.cnam_lookup_enabled.or(trunk.cnam_lookup_enabled);
    if let Some(mode) = &settings.transfer_mode {
        trunk.transfer_mode = Some(mode.as_str().into());
    }
}

fn set_uri(uri: &mut OriginationUrl, settings: &UriSettings) {
    uri.sip_url = settings.sip_url.clone().unwrap_or(uri.sip_url.clone());
    uri.friendly_name = settings.friendly_name.clone().or(uri.friendly_name.take());
    uri.weight = settings.weight.map_or(uri.weight, u32::from);
    uri.priority = settings.priority.map_or(uri.priority, u32::from);
    uri.enabled = settings.enabled.unwrap_or(uri.enabled);
}

fn is_empty(plan: &Plan) -> bool {
    plan.steps.is_empty() && plan.notes.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn from_any_start_and_any_prefix_the_next_plan_gets_there_and_back(
        start in start(), cut in 0_usize..14, lost in any::<bool>(), back in 0_usize..14,
    ) {
        let (mut toy, desired) = toy(&start);
        let before = toy.shown();
        let plan = toy.plan(&desired);
        prop_assert!(!Shown::of(&plan.lines).blocked, "{:#?}", plan.lines);
        toy.carry(&plan, cut, lost);
        let plan = toy.plan(&desired);
        prop_assert!(!Shown::of(&plan.lines).blocked, "{:#?}", plan.lines);
        toy.carry(&plan, usize::MAX, false);
        let plan = toy.plan(&desired);
        prop_assert!(is_empty(&plan), "{:#?}", plan);
        prop_assert!(!Shown::of(&plan.lines).differs, "{:#?}", plan.lines);
        let ours = |name: Option<&str>| toy.record.marks(name);
        prop_assert_eq!(toy.world.livekit.trunks.len(), 1);
        prop_assert!(toy.world.twilio.uris.iter().filter(|uri| uri.enabled).count() == 1);
        let rules = if start.static_rules { 4 } else { 1 };
        prop_assert_eq!(toy.world.livekit.rules.len(), rules, "nothing is made twice");
        prop_assert!(ours(Some(&toy.world.livekit.trunks[0].name)) != start.trunk);

        let plan = toy.undo();
        toy.carry(&plan, back, false);
        for _ in 0..2 {
            let plan = toy.undo();
            toy.carry(&plan, usize::MAX, false);
        }
        prop_assert!(is_empty(&toy.undo()), "{:#?}", toy.undo());
        prop_assert_eq!(toy.shown(), before);
    }
}

#[test]
fn a_plan_says_what_is_taken_over_and_from_whom() {
    let start = Start {
        carrier: false,
        uris: [false; 2],
        trunk: false,
        rule: 0,
        static_rules: false,
        numbers: [1, 2, 3],
    };
    let (toy, desired) = toy(&start);
    let plan = toy.plan(&desired);
    let text: Vec<String> = plan.lines.iter().map(ToString::to_string).collect();
    for says in ["https://voice.example/in", "the application AP1", "the trunk TKother"] {
        let says = format!("takes its calls over from {says}; `destroy` gives them back");
        assert!(text.iter().any(|line| line.ends_with(&says)), "{says}: {text:#?}");
    }
}

#[test]
fn a_catch_all_that_sends_an_agent_by_itself_is_made_to_leave_that_to_switchboard() {
    let start = Start {
        carrier: false,
        uris: [false; 2],
        trunk: true,
        rule: 2,
        static_rules: false,
        numbers: [0; 3],
    };
    let (mut toy, desired) = toy(&start);
    toy.world.livekit.rules[0].room_config.get_or_insert_default().agents = vec![RuleAgent::new("x", "")];
    let lines: Vec<String> = toy.plan(&desired).lines.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("room_config.agents x -> (none)")), "{lines:#?}");
}

#[test]
fn only_twilios_and_only_what_belongs_to_it_is_put_on_a_trunk() {
    use crate::db::configuration::{Number as Row, Trunk as TrunkRow};
    use crate::provision::desired::numbers_of;
    use crate::tenancy::{NumberKind, Provider};
    let trunk = TrunkRow {
        id: TrunkId::from("trk_1"),
        tenant: TenantId::from("tnt_1"),
        project: "default".into(),
        name: "Main".into(),
        twilio: None,
        livekit: Some("ST_1".into()),
        active: true,
        archived: false,
    };
    let row = |number: &str, provider, livekit_trunk: Option<&str>, active| Row {
        id: number.into(),
        tenant: TenantId::from("tnt_1"),
        number: number.into(),
        kind: NumberKind::Local,
        provider,
        provider_sid: Some(format!("PN{number}")),
        campaign: None,
        livekit_trunk: livekit_trunk.map(str::to_owned),
        active,
        purchased_at: None,
        capabilities: None,
        metadata: serde_json::Map::default(),
        archived: false,
    };
    let rows = vec![
        row("+5", Provider::Twilio, None, true),
        row("+1", Provider::Twilio, Some("ST_1"), true),
        row("+2", Provider::Twilio, Some("ST_2"), true),
        row("+3", Provider::Other, Some("ST_1"), true),
        row("+4", Provider::Twilio, Some("ST_1"), false),
        row("+6", Provider::Twilio, None, true),
    ];
    let taken = [("PN+6".to_owned(), TrunkId::from("trk_2"))].into();
    let found = |is_only, asked_for| -> Vec<String> {
        let found = numbers_of(&trunk, is_only, (asked_for, &taken), rows.clone());
        found.into_iter().map(|row| row.number).collect()
    };
    assert_eq!(found(true, false), ["+1", "+5", "+6"], "the tenant's only trunk has what names none");
    assert_eq!(found(false, false), ["+1"], "of several, each has what names it");
    assert_eq!(found(false, true), ["+1", "+5"], "and the one that is asked for what no other has taken");
}

#[test]
fn every_transfer_mode_is_twilios_word() {
    for mode in [TransferMode::EnableAll, TransferMode::SipOnly, TransferMode::DisableAll] {
        assert_eq!(json!(mode), json!(mode.as_str()));
    }
}
