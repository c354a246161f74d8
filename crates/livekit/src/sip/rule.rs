//! Dispatch rules: which room a call that a trunk took goes to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Secret;
use super::record::{Raw, Record, media_encryption, media_encryption_fields, with};
use crate::fields::Fields;

/// A SIP dispatch rule (`SIPDispatchRuleInfo`).
///
/// What this version does not know of it is kept and sent back as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DispatchRule {
    /// Its id (`SDR_…`), given by LiveKit; empty for one that is to be made.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The metadata that its callers get.
    pub metadata: String,
    /// The attributes that its callers get.
    pub attributes: BTreeMap<String, String>,
    /// The trunks whose calls it is for; none: calls of any trunk and of no trunk at all.
    pub trunk_ids: Vec<String>,
    /// The **called** numbers that it is for, compared letter by letter; none: any number.
    pub numbers: Vec<String>,
    /// The **callers** that it is for, compared letter by letter; none: anybody.
    pub inbound_numbers: Vec<String>,
    /// Whether the caller's number is kept out of identity, name and attributes.
    pub hide_phone_number: bool,
    /// Which room, and with which PIN.
    pub kind: RuleKind,
    /// LiveKit Cloud's preset for the room.
    pub room_preset: String,
    /// How the room is made if the caller is the first in it.
    pub room_config: Option<RoomConfig>,
    /// `SIP_MEDIA_ENCRYPT_DISABLE`, `…_ALLOW` or `…_REQUIRE`; empty leaves it to the trunk.
    pub media_encryption: String,
    /// Whether LiveKit Cloud takes the noise out of the caller's voice.
    pub krisp_enabled: bool,
    /// What it was read from, and is written back into.
    pub raw: Raw,
}

/// Which room a rule sends callers to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuleKind {
    /// One room for all (`dispatch_rule_direct`).
    Direct {
        /// Its name.
        room: String,
        /// What callers must type first; none: nothing.
        pin: Secret,
    },
    /// A room for each caller, `<prefix>_<caller>_<random>` (`dispatch_rule_individual`).
    Individual {
        /// What the names begin with.
        prefix: String,
        /// What callers must type first; none: nothing.
        pin: Secret,
        /// Leaves the random end away: the same caller comes into the same room.
        no_randomness: bool,
    },
    /// A room for each called number, `<prefix>_<number>` (`dispatch_rule_callee`).
    Callee {
        /// What the names begin with.
        prefix: String,
        /// What callers must type first; none: nothing.
        pin: Secret,
        /// Adds a random end, so that each call has a room of its own.
        randomize: bool,
    },
    /// One that this version does not know, by LiveKit's name; empty where the rule says nothing.
    Other(String),
}

impl Default for RuleKind {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl RuleKind {
    /// The PIN; an empty one is none.
    pub fn pin(&self) -> &str {
        match self {
            Self::Direct { pin, .. } | Self::Individual { pin, .. } | Self::Callee { pin, .. } => {
                pin.expose()
            }
            Self::Other(_) => "",
        }
    }

    /// The room's name, or what it begins with.
    pub fn room(&self) -> &str {
        match self {
            Self::Direct { room, .. } => room,
            Self::Individual { prefix, .. } | Self::Callee { prefix, .. } => prefix,
            Self::Other(_) => "",
        }
    }

    fn read(rule: Option<Fields<'_>>) -> Self {
        let Some(rule) = rule else { return Self::default() };
        let pin = |fields: Fields<'_>| Secret::new(fields.text("pin"));
        if let Some(direct) = rule.object("dispatchRuleDirect") {
            return Self::Direct { room: direct.text("roomName"), pin: pin(direct) };
        }
        if let Some(individual) = rule.object("dispatchRuleIndividual") {
            let prefix = individual.text("roomPrefix");
            let no_randomness = individual.flag("noRandomness");
            return Self::Individual { prefix, pin: pin(individual), no_randomness };
        }
        if let Some(callee) = rule.object("dispatchRuleCallee") {
            let prefix = callee.text("roomPrefix");
            return Self::Callee { prefix, pin: pin(callee), randomize: callee.flag("randomize") };
        }
        Self::Other(
            rule.map().iter().find(|(_, value)| !value.is_null()).map_or("", |(name, _)| name).to_owned(),
        )
    }

    /// The rule as JSON, within what was read of a rule of the same kind.
    fn json(&self, rule: Option<Fields<'_>>) -> Value {
        let (camel, name, mut set) = match self {
            Self::Direct { room, .. } => {
                ("dispatchRuleDirect", "dispatch_rule_direct", vec![("room_name", json!(room))])
            }
            Self::Individual { prefix, no_randomness, .. } => (
                "dispatchRuleIndividual",
                "dispatch_rule_individual",
                vec![("room_prefix", json!(prefix)), ("no_randomness", json!(no_randomness))],
            ),
            Self::Callee { prefix, randomize, .. } => (
                "dispatchRuleCallee",
                "dispatch_rule_callee",
                vec![("room_prefix", json!(prefix)), ("randomize", json!(randomize))],
            ),
            Self::Other(_) => return rule.map_or(Value::Null, |rule| Value::Object(rule.map().clone())),
        };
        let before = rule.and_then(|rule| rule.object(camel)).map(|fields| fields.map().clone());
        set.push(("pin", json!(self.pin())));
        json!({ name: with(before.unwrap_or_default(), &set) })
    }
}

/// How a room is made (`RoomConfiguration`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomConfig {
    /// The agents that are sent to it at once.
    pub agents: Vec<RuleAgent>,
    /// Seconds until a room that nobody ever joined is closed; 0 is LiveKit's default.
    pub empty_timeout: u32,
    /// Seconds until a room is closed after the last participant left; 0 is LiveKit's default of 20.
    pub departure_timeout: u32,
    /// What is noted on it.
    pub metadata: String,
    /// What it was read from, and is written back into.
    pub raw: Raw,
}

impl Record for RoomConfig {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            agents: fields.objects("agents").map(RuleAgent::read).collect(),
            empty_timeout: fields.count("emptyTimeout"),
            departure_timeout: fields.count("departureTimeout"),
            metadata: fields.text("metadata"),
            raw: Raw::of(fields),
        }
    }

    fn raw(&self) -> &Raw {
        &self.raw
    }

    fn own(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("agents", self.agents.iter().map(|agent| Value::Object(agent.written())).collect()),
            ("empty_timeout", json!(self.empty_timeout)),
            ("departure_timeout", json!(self.departure_timeout)),
            ("metadata", json!(self.metadata)),
        ]
    }
}

/// An agent that a rule sends to its rooms by itself (`RoomAgentDispatch`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleAgent {
    /// The name that its workers register with; an empty one is any worker without a name.
    pub agent_name: String,
    /// What the agent is told.
    pub metadata: String,
    /// The attributes that the job carries.
    pub attributes: BTreeMap<String, String>,
    /// What it was read from, and is written back into.
    pub raw: Raw,
}

impl RuleAgent {
    /// An agent of that name, told this.
    pub fn new(agent_name: impl Into<String>, metadata: impl Into<String>) -> Self {
        Self { agent_name: agent_name.into(), metadata: metadata.into(), ..Self::default() }
    }
}

impl Record for RuleAgent {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            agent_name: fields.text("agentName"),
            metadata: fields.text("metadata"),
            attributes: fields.texts("attributes"),
            raw: Raw::of(fields),
        }
    }

    fn raw(&self) -> &Raw {
        &self.raw
    }

    fn own(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("agent_name", json!(self.agent_name)),
            ("metadata", json!(self.metadata)),
            ("attributes", json!(self.attributes)),
        ]
    }
}

impl DispatchRule {
    /// A rule from LiveKit's JSON for it; nothing if that is no object.
    pub fn from_json(value: &Value) -> Option<Self> {
        Fields::of(value).map(Self::read)
    }

    /// LiveKit's JSON for it, with all that it was read with. Holds the PIN: never to be logged.
    pub fn to_json(&self) -> Value {
        Value::Object(self.written())
    }

    /// The agents that it sends by itself.
    pub fn agents(&self) -> &[RuleAgent] {
        self.room_config.as_ref().map(|config| config.agents.as_slice()).unwrap_or_default()
    }

    /// The object to make a new one from: LiveKit refuses one with an id.
    pub(super) fn without_id(&self) -> Value {
        let mut object = self.written();
        for name in ["sip_dispatch_rule_id", "sipDispatchRuleId"] {
            object.remove(name);
        }
        Value::Object(object)
    }
}

impl Record for DispatchRule {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            id: fields.text("sipDispatchRuleId"),
            name: fields.text("name"),
            metadata: fields.text("metadata"),
            attributes: fields.texts("attributes"),
            trunk_ids: fields.list("trunkIds"),
            numbers: fields.list("numbers"),
            inbound_numbers: fields.list("inboundNumbers"),
            hide_phone_number: fields.flag("hidePhoneNumber"),
            kind: RuleKind::read(fields.object("rule")),
            room_preset: fields.text("roomPreset"),
            room_config: fields.object("roomConfig").map(RoomConfig::read),
            media_encryption: media_encryption(fields),
            krisp_enabled: fields.flag("krispEnabled"),
            raw: Raw::of(fields),
        }
    }

    fn raw(&self) -> &Raw {
        &self.raw
    }

    fn own(&self) -> Vec<(&'static str, Value)> {
        let [encryption, media] = media_encryption_fields(&self.raw, &self.media_encryption);
        let room_config = self.room_config.as_ref().map(|config| Value::Object(config.written()));
        vec![
            ("sip_dispatch_rule_id", json!(self.id)),
            ("name", json!(self.name)),
            ("metadata", json!(self.metadata)),
            ("attributes", json!(self.attributes)),
            ("trunk_ids", json!(self.trunk_ids)),
            ("numbers", json!(self.numbers)),
            ("inbound_numbers", json!(self.inbound_numbers)),
            ("hide_phone_number", json!(self.hide_phone_number)),
            ("rule", self.kind.json(self.raw.fields().object("rule"))),
            ("room_preset", json!(self.room_preset)),
            ("room_config", room_config.unwrap_or_default()),
            encryption,
            media,
            ("krisp_enabled", json!(self.krisp_enabled)),
        ]
    }
}
