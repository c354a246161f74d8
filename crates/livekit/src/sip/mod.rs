//! SIP trunks and dispatch rules: reading and writing them over LiveKit's SIP API.

mod client;
mod record;
mod rule;
mod secret;
mod trunk;

pub use client::SipApi;
pub use record::Raw;
pub use rule::{DispatchRule, RoomConfig, RuleAgent, RuleKind};
pub use secret::Secret;
pub use trunk::InboundTrunk;
