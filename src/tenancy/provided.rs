//! What a provider says of a number: what it can do, and what it did before its calls came here.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What a number can do; null where its provider does not say.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Capabilities {
    /// Calls.
    pub voice: Option<bool>,
    /// SMS.
    pub sms: Option<bool>,
    /// MMS.
    pub mms: Option<bool>,
    /// Fax.
    pub fax: Option<bool>,
}

impl Capabilities {
    /// The words for what it can do, in an order that does not change.
    pub fn words(&self) -> Vec<&'static str> {
        let all = [("voice", self.voice), ("sms", self.sms), ("mms", self.mms), ("fax", self.fax)];
        all.into_iter().filter(|(_, can)| *can == Some(true)).map(|(word, _)| word).collect()
    }
}

/// What a number did at Twilio before its calls came here: what has to be set to have it do so again.
///
/// People write passwords into URLs, so that only its sid is in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// Which number it is of, `PN…`: one that was given up and bought again is another.
    pub sid: String,
    /// When this was read.
    pub recorded_at: Timestamp,
    /// The trunk that took its calls.
    pub trunk_sid: Option<String>,
    /// The application that took its calls.
    pub voice_application_sid: Option<String>,
    /// Where its calls were asked about.
    pub voice_url: Option<String>,
    /// `GET` or `POST`.
    pub voice_method: Option<String>,
    /// Where its calls were asked about after an error.
    pub voice_fallback_url: Option<String>,
    /// `GET` or `POST`.
    pub voice_fallback_method: Option<String>,
    /// `voice` or `fax`.
    pub voice_receive_mode: Option<String>,
    /// Where the ends of its calls were told.
    pub status_callback: Option<String>,
    /// `GET` or `POST`.
    pub status_callback_method: Option<String>,
}

impl fmt::Debug for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Before").field("sid", &self.sid).finish_non_exhaustive()
    }
}
