//! What is done at Twilio, at LiveKit and here, one request each.

use livekit::sip::{DispatchRule, InboundTrunk};
use serde::{Deserialize, Serialize};
use twilio::OriginationUrl;

use super::lines::Line;
use super::record::{Named, Part, PartKind};

/// Stands for the id of a LiveKit trunk that is yet to be made.
pub(crate) const NEW: &str = "(the new trunk)";

/// What is to be done, in order, and how it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) lines: Vec<Line>,
    pub(crate) steps: Vec<Step>,
    /// To be noted before any of it is done.
    pub(crate) notes: Vec<Part>,
    /// The trunks that are there already.
    pub(crate) found: Named,
}

/// One thing to do, and the part that is forgotten once it is done.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) forget: Option<(PartKind, String)>,
}

/// One thing to do. Where no sid of the Twilio trunk is given, it is the one that was found or made.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    MakeTwilioTrunk {
        name: String,
        settings: TrunkSettings,
    },
    SetTwilioTrunk {
        settings: TrunkSettings,
    },
    SetRecording {
        mode: String,
    },
    RemoveTwilioTrunk,
    MakeUri {
        name: String,
        uri: String,
    },
    SetUri {
        sid: String,
        settings: UriSettings,
    },
    RemoveUri {
        sid: String,
    },
    TakeNumber {
        sid: String,
        number: String,
        hears_fax: bool,
    },
    RestoreNumber {
        sid: String,
        before: NumberBefore,
    },
    MakeTrunk {
        trunk: Box<InboundTrunk>,
    },
    ReplaceTrunk {
        trunk: Box<InboundTrunk>,
    },
    RemoveTrunk {
        id: String,
    },
    /// For which number, if it is for one alone.
    MakeRule {
        rule: Box<DispatchRule>,
        of: Option<String>,
    },
    ReplaceRule {
        rule: Box<DispatchRule>,
    },
    RemoveRule {
        id: String,
    },
    /// Has the row name what was found or made.
    Name,
    /// Has the row name what it did before.
    Unname,
    /// Nothing but what is forgotten.
    Forget,
}

/// A Twilio trunk's settings: those that are to be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrunkSettings {
    pub(crate) friendly_name: Option<String>,
    pub(crate) secure: Option<bool>,
    pub(crate) transfer_mode: Option<String>,
    pub(crate) cnam_lookup_enabled: Option<bool>,
}

/// A Twilio trunk as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrunkBefore {
    pub(crate) settings: TrunkSettings,
    pub(crate) recording: Option<String>,
    /// The sids of the numbers that were on it.
    pub(crate) numbers: Vec<String>,
}

/// An origination URI's settings: those that are to be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UriSettings {
    pub(crate) sip_url: Option<String>,
    pub(crate) friendly_name: Option<String>,
    pub(crate) weight: Option<u16>,
    pub(crate) priority: Option<u16>,
    pub(crate) enabled: Option<bool>,
}

impl UriSettings {
    /// All that a URI is.
    pub(crate) fn of(uri: &OriginationUrl) -> UriSettings {
        UriSettings {
            sip_url: Some(uri.sip_url.clone()),
            friendly_name: uri.friendly_name.clone(),
            weight: u16::try_from(uri.weight).ok(),
            priority: u16::try_from(uri.priority).ok(),
            enabled: Some(uri.enabled),
        }
    }
}

/// Who took the calls of a number before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberBefore {
    pub(crate) number: String,
    pub(crate) trunk_sid: Option<String>,
    pub(crate) voice_application_sid: Option<String>,
    pub(crate) voice_url: Option<String>,
    pub(crate) voice_method: Option<String>,
    pub(crate) voice_receive_mode: Option<String>,
}

impl NumberBefore {
    /// Who takes its calls now.
    pub(crate) fn of(number: &twilio::Number) -> NumberBefore {
        NumberBefore {
            number: number.phone_number.clone(),
            trunk_sid: number.trunk_sid.clone(),
            voice_application_sid: number.voice_application_sid.clone(),
            voice_url: number.voice_url.clone(),
            voice_method: number.voice_method.clone(),
            voice_receive_mode: number.voice_receive_mode.clone(),
        }
    }
}

impl Plan {
    pub(crate) fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn act(&mut self, act: Act) {
        self.steps.push(Step { act, forget: None });
    }

    pub(crate) fn act_and_forget(&mut self, act: Act, kind: PartKind, id: &str) {
        self.steps.push(Step { act, forget: Some((kind, id.to_owned())) });
    }

    /// Notes what something was, or that we made it.
    pub(crate) fn note(&mut self, kind: PartKind, id: &str, made: bool, before: Option<serde_json::Value>) {
        self.notes.push(Part { kind, id: id.to_owned(), made, before });
    }
}
