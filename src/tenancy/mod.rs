//! Tenants and what they have: what may be written of them (`values`, `words`), what a number's provider says of it
//! (`provided`), how they are shown (`record`) and what doing something to them is called (`deeds`, `rows`), the same for
//! the routing file, the API and the audit.

pub mod deeds;
pub mod provided;
pub mod record;
pub mod rows;
pub mod values;
pub mod words;

pub use provided::{Before, Capabilities};
pub use words::{CampaignStatus, NumberKind, Provider, Word};

/// The LiveKit project of a trunk that names none.
pub use crate::app::DEFAULT_PROJECT;

/// How a new tenant's times are shown where it names no time zone.
pub const DEFAULT_TIME_ZONE: &str = "UTC";
