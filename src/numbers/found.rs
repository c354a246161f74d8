//! A number of Twilio's, in our words.

use url::Url;

use crate::clock::Timestamp;
use crate::phone::E164;
use crate::tenancy::{Before, Capabilities, NumberKind};

use super::imported::{Flag, FlagKind};

/// What answers the calls of a number that was just bought: Twilio's own greeting.
const DEMO: &str = "demo.twilio.com";

/// A number as the account has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number.
    pub number: E164,
    /// `PN…`.
    pub sid: String,
    /// What kind of line it is, where Twilio says so.
    pub kind: Option<NumberKind>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it is called at Twilio.
    pub friendly_name: Option<String>,
    /// When it came to the account.
    pub bought_at: Option<Timestamp>,
    /// What it does now.
    pub does: Before,
}

impl Found {
    /// Reads one; nothing if what Twilio calls its number is none.
    pub fn read(number: twilio::Number, now: Timestamp) -> Option<Found> {
        let capabilities = number.capabilities;
        Some(Found {
            number: E164::exactly(&number.phone_number)?,
            kind: number.number_type.as_ref().map(kind),
            capabilities: Capabilities {
                voice: capabilities.voice,
                sms: capabilities.sms,
                mms: capabilities.mms,
                fax: capabilities.fax,
            },
            friendly_name: number.friendly_name,
            bought_at: number.date_created.map(Timestamp::from_micros),
            does: Before {
                sid: number.sid.clone(),
                recorded_at: now,
                trunk_sid: number.trunk_sid,
                voice_application_sid: number.voice_application_sid,
                voice_url: number.voice_url,
                voice_method: number.voice_method,
                voice_fallback_url: number.voice_fallback_url,
                voice_fallback_method: number.voice_fallback_method,
                voice_receive_mode: number.voice_receive_mode,
                status_callback: number.status_callback,
                status_callback_method: number.status_callback_method,
            },
            sid: number.sid,
        })
    }

    /// What a person should know of it. `on_known_trunk`: its calls go through a trunk that somebody here has.
    pub fn flags(&self, on_known_trunk: bool) -> Vec<Flag> {
        let flag = |kind, says: String| Flag { number: self.number.to_string(), kind, says };
        let mut flags = Vec::new();
        if self.capabilities.voice == Some(false) {
            flags.push(flag(FlagKind::NoVoice, "it cannot take calls: Twilio gives it no voice".to_owned()));
        }
        if let Some(with) = self.answers_with().filter(|_| !on_known_trunk) {
            let says =
                format!("it answers with {with} today; `switchboard provision apply` will take it over");
            flags.push(flag(FlagKind::InUse, says));
        }
        flags
    }

    /// What answers its calls now, in Twilio's order: the trunk, else the application, else the voice URL.
    fn answers_with(&self) -> Option<String> {
        let Before { trunk_sid, voice_application_sid, voice_url, voice_receive_mode, .. } = &self.does;
        if let Some(trunk) = trunk_sid {
            return Some(format!("the trunk {trunk}, which nobody has here,"));
        }
        if voice_receive_mode.as_deref() == Some("fax") {
            return Some("a fax machine's tone".to_owned());
        }
        if let Some(application) = voice_application_sid {
            return Some(format!("the application {application}"));
        }
        let host = host(voice_url.as_deref()?);
        (host != DEMO).then(|| format!("what {host} says (its voice URL)"))
    }
}

/// What the types of Twilio's come to here.
pub(super) fn kind(number_type: &twilio::NumberType) -> NumberKind {
    match number_type {
        twilio::NumberType::TollFree => NumberKind::TollFree,
        twilio::NumberType::Mobile => NumberKind::Mobile,
        // National, VoIP and whatever else there will be: a line that costs what one with an area code does.
        _ => NumberKind::Local,
    }
}

/// A URL's host: the rest may hold passwords.
fn host(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    parsed
        .as_ref()
        .and_then(Url::host_str)
        .map_or_else(|| "a URL that cannot be read".to_owned(), str::to_owned)
}
