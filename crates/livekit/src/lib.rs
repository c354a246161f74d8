//! A small LiveKit client: access tokens, the webhook check, tolerant event types and the Twirp calls that
//! putting an agent onto an inbound call needs; in [`sip`] the trunks and dispatch rules that bring such a call in,
//! and how LiveKit matches them. With the feature `fake`, a LiveKit to test against.
//!
//! Nothing here reads a clock: the time is passed in, so that a test can move it.

mod client;
mod credentials;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod fields;
pub mod sip;
pub mod token;
mod transfer;
mod types;
pub mod webhook;

pub use client::{Client, NewDispatch, Options};
pub use credentials::Credentials;
pub use error::Error;
pub use transfer::{NewTransfer, Sip};
pub use types::{Dispatch, Job, Kind, Participant, Room, Track, TrackKind};

/// Tells the time, in microseconds since the Unix epoch.
pub type Now = std::sync::Arc<dyn Fn() -> i64 + Send + Sync>;

/// A result of this crate's client.
pub type Result<T> = std::result::Result<T, Error>;
