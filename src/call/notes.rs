//! What people and agents add to a call after the fact. It decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;

/// What people and agents added to a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// Free text.
    pub note: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What came of it, in the tenant's own words.
    pub outcome: Option<String>,
    /// What an agent found out about it.
    pub analysis: Option<Analysis>,
    /// When everything personal was erased from it.
    pub erased_at: Option<Timestamp>,
}

/// What an agent found out about a call, and where its transcript and recording are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Where the transcript is.
    #[serde(default)]
    #[schemars(url, length(max = 2000), regex(pattern = r"^(https?|s3|gs)://"))]
    pub transcript_url: Option<String>,
    /// Where the recording is.
    #[serde(default)]
    #[schemars(url, length(max = 2000), regex(pattern = r"^(https?|s3|gs)://"))]
    pub recording_url: Option<String>,
    /// What was said, in short.
    #[serde(default)]
    #[schemars(length(max = 10000))]
    pub summary: Option<String>,
    /// The caller's mood.
    #[serde(default)]
    pub sentiment: Option<Sentiment>,
    /// Whether the caller got what they called for.
    #[serde(default)]
    pub successful: Option<bool>,
    /// Anything else; at most 32 KiB as JSON.
    #[serde(default)]
    pub data: Option<Map<String, Value>>,
}

/// A caller's mood.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it, and a schema of words alone names them all in its errors")]
pub enum Sentiment {
    Positive,
    Neutral,
    Negative,
}

impl Sentiment {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Sentiment::Positive => "positive",
            Sentiment::Neutral => "neutral",
            Sentiment::Negative => "negative",
        }
    }
}
