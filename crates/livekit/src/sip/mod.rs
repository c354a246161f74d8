//! SIP trunks and dispatch rules: reading and writing them over LiveKit's SIP API, what LiveKit makes of them when a
//! call comes in ([`matching`]), what of them it refuses ([`refusal`]) and what of them goes wrong ([`lint`]).
//!
//! Only [`Client`](crate::Client) talks to anybody here; all else is pure.

mod addresses;
mod client;
mod headers;
pub mod lint;
pub mod matching;
mod numbers;
mod record;
pub mod refusal;
mod rule;
mod secret;
mod trunk;

pub use client::SipApi;
pub use numbers::{is_e164, normalized};
pub use record::Raw;
pub use rule::{DispatchRule, RoomConfig, RuleAgent, RuleKind};
pub use secret::Secret;
pub use trunk::InboundTrunk;
