//! What is wrong with a set-up, in words that tell what it means to a caller and what to do.
//!
//! [`gather`] asks everybody, [`rules`] judge what they said without asking anybody, [`fix`] does what is safe.

pub mod campaigns;
pub mod facts;
pub mod fix;
pub mod flow;
pub mod gather;
pub mod probe;
pub mod report;
pub mod rules;
pub mod sip_uri;
#[cfg(test)]
mod tests;

use crate::progress::Progress;

use gather::From;
use report::Report;

/// Gathers and judges.
pub async fn examine(from: From<'_>, progress: &Progress) -> Report {
    rules::judge(&gather::gather(from, progress).await)
}
