//! A small Twilio client: an account's numbers, Elastic SIP trunks, calls and alerts, and the check of what Twilio
//! signs. With the feature `fake`, a Twilio to test against.
//!
//! Nothing here reads a clock. Times are microseconds since the Unix epoch.

mod account;
mod alerts;
mod available;
mod calls;
mod client;
mod credentials;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod fields;
mod hosts;
mod numbers;
mod origination;
mod pages;
mod request;
mod retry;
pub mod signature;
mod trunk_numbers;
mod trunks;
mod words;

pub use account::Account;
pub use alerts::{Alert, AlertFilter};
pub use available::{AvailableFilter, AvailableNumber, Country};
pub use calls::{Call, CallFilter};
pub use client::{Client, Options};
pub use credentials::Credentials;
pub use error::{Answer, Cause, Error, Outcome};
pub use hosts::Hosts;
pub use numbers::{Capabilities, NewNumber, Number, NumberFilter, NumberUpdate};
pub use origination::{NewOriginationUrl, OriginationUpdate, OriginationUrl};
pub use pages::Pages;
pub use retry::Retries;
pub use trunks::{Recording, Trunk, TrunkSettings};
pub use words::{CallStatus, Direction, NumberType, RecordingMode, TransferCallerId, TransferMode};

/// A result of this crate's client.
pub type Result<T> = std::result::Result<T, Error>;
