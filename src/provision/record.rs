//! What is kept of a trunk that was set up: how it was asked for, what was made for it and what was there before.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::ids::{TenantId, TrunkId};

use super::lines::Shown;

/// How a trunk is to be set up. What is not said is as it was said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Asked {
    /// The Twilio trunk (`TK…`) to take, rather than make one.
    pub adopt_twilio: Option<String>,
    /// The LiveKit inbound trunk (`ST_…`) to take, rather than make one.
    pub adopt_livekit: Option<String>,
    /// Which callers may be transferred by SIP REFER: `enable-all`, `sip-only` or `disable-all`.
    pub transfer_mode: Option<TransferMode>,
    /// Whether each number has a dispatch rule of its own that names its agent: it is answered even while Switchboard
    /// is down.
    pub static_rules: Option<bool>,
    /// The addresses that LiveKit takes calls from.
    pub allowed_addresses: Option<Addresses>,
    /// Take what is in the way although it is not ours: other origination URIs are switched off.
    pub take_over: bool,
}

/// How a trunk is set up: what was asked for, with what goes without saying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    /// Which callers may be transferred.
    pub transfer_mode: TransferMode,
    /// Whether each number has a rule of its own.
    pub static_rules: bool,
    /// The addresses that LiveKit takes calls from.
    pub allowed_addresses: Addresses,
}

impl Chosen {
    /// What is asked for, and where nothing is said what was chosen last or goes without saying.
    pub fn of(asked: &Asked, last: Option<&Chosen>, on_cloud: bool) -> Chosen {
        // LiveKit Cloud takes a list only where its support has enabled that.
        let addresses = if on_cloud { Addresses::Keep } else { Addresses::Twilio };
        let last = last.cloned().unwrap_or(Chosen {
            transfer_mode: TransferMode::EnableAll,
            static_rules: false,
            allowed_addresses: addresses,
        });
        Chosen {
            transfer_mode: asked.transfer_mode.unwrap_or(last.transfer_mode),
            static_rules: asked.static_rules.unwrap_or(last.static_rules),
            allowed_addresses: asked.allowed_addresses.clone().unwrap_or(last.allowed_addresses),
        }
    }
}

/// Which callers may be sent on by SIP REFER.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TransferMode {
    /// To telephones and to SIP addresses.
    EnableAll,
    /// To SIP addresses.
    SipOnly,
    /// None.
    DisableAll,
}

impl TransferMode {
    /// Twilio's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            TransferMode::EnableAll => "enable-all",
            TransferMode::SipOnly => "sip-only",
            TransferMode::DisableAll => "disable-all",
        }
    }
}

/// The ranges that Twilio sends SIP from, in all its regions.
pub const TWILIO_SIGNALLING: [&str; 8] = [
    "54.172.60.0/30",
    "54.244.51.0/30",
    "54.171.127.192/30",
    "35.156.191.128/30",
    "54.65.63.192/30",
    "54.169.127.128/30",
    "54.252.254.64/30",
    "177.71.206.192/30",
];

/// The addresses that LiveKit takes calls from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Addresses {
    /// Those that Twilio sends from.
    Twilio,
    /// Whatever the trunk has.
    Keep,
    /// These, and ranges in CIDR notation.
    These(Vec<String>),
}

impl Addresses {
    /// What is to stand in the trunk; none: what stands there.
    pub fn wanted(&self) -> Option<Vec<String>> {
        match self {
            Addresses::Twilio => Some(TWILIO_SIGNALLING.map(str::to_owned).into()),
            Addresses::Keep => None,
            Addresses::These(these) => Some(these.clone()),
        }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addresses::Twilio => f.write_str("twilio"),
            Addresses::Keep => f.write_str("keep"),
            Addresses::These(these) => f.write_str(&these.join(",")),
        }
    }
}

impl From<Addresses> for String {
    fn from(addresses: Addresses) -> String {
        addresses.to_string()
    }
}

impl TryFrom<String> for Addresses {
    type Error = String;

    fn try_from(text: String) -> Result<Addresses, String> {
        text.parse()
    }
}

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Addresses, String> {
        match text {
            "twilio" => return Ok(Addresses::Twilio),
            "keep" => return Ok(Addresses::Keep),
            _ => {}
        }
        let these: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
        match these.iter().find(|one| !is_range(one)) {
            None => Ok(Addresses::These(these)),
            Some(odd) => Err(format!(
                "{odd:?} is no address: write `twilio`, `keep`, or addresses and ranges like 54.172.60.0/30 with commas"
            )),
        }
    }
}

fn is_range(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

/// What is kept of a trunk that was set up, or is being.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The row of the trunk.
    pub trunk: TrunkId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The Twilio account that it is in.
    pub account: String,
    /// Stands in the names of what was made.
    pub marker: String,
    /// How it is set up.
    pub chosen: Chosen,
    /// What the row named before.
    pub named_before: Named,
    /// When an apply last came to its end; none: none has yet.
    pub applied_at: Option<Timestamp>,
    /// When it was last compared with both sides.
    pub looked_at: Option<Timestamp>,
    /// The differences then.
    pub drift: Option<Shown>,
    /// Its parts at both sides.
    pub parts: Vec<Part>,
}

/// The trunks that a row names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// At Twilio.
    pub twilio: Option<String>,
    /// At LiveKit.
    pub livekit: Option<String>,
}

/// A thing at Twilio or LiveKit that was made or changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its id there.
    pub id: String,
    /// Made by us; else it was there.
    pub made: bool,
    /// What it was; for what was made, what it is for.
    pub before: Option<Value>,
}

/// What a part is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PartKind {
    TwilioTrunk,
    OriginationUri,
    TwilioNumber,
    LiveKitTrunk,
    DispatchRule,
}

impl PartKind {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            PartKind::TwilioTrunk => "twilio_trunk",
            PartKind::OriginationUri => "origination_uri",
            PartKind::TwilioNumber => "twilio_number",
            PartKind::LiveKitTrunk => "livekit_trunk",
            PartKind::DispatchRule => "dispatch_rule",
        }
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<PartKind> {
        let all = [
            PartKind::TwilioTrunk,
            PartKind::OriginationUri,
            PartKind::TwilioNumber,
            PartKind::LiveKitTrunk,
            PartKind::DispatchRule,
        ];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Record {
    /// The part of this kind and id.
    pub fn part(&self, kind: PartKind, id: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.kind == kind && part.id == id)
    }

    /// The first part of this kind: there is one trunk at each side.
    pub fn first(&self, kind: PartKind) -> Option<&Part> {
        self.of(kind).next()
    }

    /// The parts of this kind.
    pub fn of(&self, kind: PartKind) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }

    /// Whether a name says that we made what has it.
    pub fn marks(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| name.contains(&self.marker))
    }
}

/// A new marker: nobody else's, of this database or another one.
pub fn new_marker() -> String {
    format!("switchboard-{}", hex::encode(rand::random::<[u8; 8]>()))
}

/// A name of at most 64 letters that holds the marker, which is all that is ever looked for.
pub fn marked(name: &str, marker: &str) -> String {
    let room = 64_usize.saturating_sub(marker.len() + 3);
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(room).collect();
    format!("{} [{marker}]", name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_words_or_ranges() {
        assert_eq!("twilio".parse(), Ok(Addresses::Twilio));
        assert_eq!("keep".parse(), Ok(Addresses::Keep));
        let these = "54.172.60.0/30, 192.0.2.1,2001:db8::/32".parse::<Addresses>().unwrap();
        assert_eq!(these.to_string(), "54.172.60.0/30,192.0.2.1,2001:db8::/32");
        for odd in ["", "carrier.example", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4,,"] {
            assert!(odd.parse::<Addresses>().is_err(), "{odd:?}");
        }
        assert_eq!(Addresses::Twilio.wanted().unwrap().len(), 8);
    }

    #[test]
    fn a_name_holds_its_marker_however_long_it_is() {
        let marker = new_marker();
        let name = marked(&"ü".repeat(100), &marker);
        assert!(name.contains(&marker) && name.chars().count() <= 64, "{name}");
        assert_ne!(new_marker(), marker);
    }

    #[test]
    fn what_is_not_said_stays_as_it_was_chosen() {
        let first = Chosen::of(&Asked { static_rules: Some(true), ..Asked::default() }, None, false);
        assert_eq!((first.static_rules, &first.allowed_addresses), (true, &Addresses::Twilio));
        let keep = Asked { allowed_addresses: Some(Addresses::Keep), ..Asked::default() };
        let second = Chosen::of(&keep, Some(&first), false);
        assert_eq!((second.static_rules, second.allowed_addresses), (true, Addresses::Keep));
        assert_eq!(Chosen::of(&Asked::default(), None, true).allowed_addresses, Addresses::Keep);
    }
}
