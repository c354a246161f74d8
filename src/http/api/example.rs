//! Real values for the API document: written as values of the types themselves, so that they cannot drift.

use serde::Serialize;

/// A type that has an example of itself.
pub trait Example: Serialize {
    /// The example.
    fn example() -> Self;
}

/// Ids as examples name them, the same everywhere so that the examples tell one story.
pub mod ids {
    #![expect(missing_docs, reason = "the names say it")]

    pub const TENANT: &str = "7c8693c6-976e-4324-9123-2c1d811605f9";
    pub const CAMPAIGN: &str = "cmp_0199c9a41c0a7d3e8f00112233445501";
    pub const AGENT: &str = "agt_0199c9a41c0a7d3e8f00112233445502";
    pub const NUMBER: &str = "num_0199c9a41c0a7d3e8f00112233445503";
    pub const TRUNK: &str = "trk_0199c9a41c0a7d3e8f00112233445504";
    pub const CALL: &str = "call_0199c9a41c0a7d3e8f00112233445505";
    pub const LEAD: &str = "lead_0199c9a41c0a7d3e8f00112233445506";
    pub const USER: &str = "usr_0199c9a41c0a7d3e8f00112233445507";
    pub const ENDPOINT: &str = "whe_0199c9a41c0a7d3e8f00112233445510";
    pub const EVENT: &str = "evt_0199c9a41c0a7d3e8f00112233445511";
    pub const DELIVERY: &str = "dlv_0199c9a41c0a7d3e8f00112233445512";
    pub const OPERATION: &str = "op_0199c9a41c0a7d3e8f00112233445514";
    pub const KEY: &str = "key_0199c9a41c0a7d3e8f00112233445508";
}

/// A time of the examples' story, in seconds after its first ring, 2025-10-09T15:30:00Z.
pub const fn at(seconds: i64) -> crate::clock::Timestamp {
    crate::clock::Timestamp::from_secs(1_760_023_800 + seconds)
}
