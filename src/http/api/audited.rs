//! Changes of what tenants work with, noted in the audit.

use serde::Serialize;

use crate::audit::{self, Entry};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::http::problem::Problem;
use crate::ids::TenantId;

use super::access::Who;

/// A change, for the audit.
pub(super) struct Change<'c> {
    /// What was done, `lead.updated`.
    pub(super) action: &'static str,
    /// Whose it is.
    pub(super) tenant: &'c TenantId,
    /// To what: its kind and its id.
    pub(super) subject: (&'static str, &'c str),
}

/// The entry of a change: what it was, and what it is now.
pub(super) fn note<T: Serialize>(
    tx: &mut Tx<'_>,
    who: &Who,
    change: Change<'_>,
    (before, after): (Option<&T>, Option<&T>),
    now: Timestamp,
) -> Result<(), Problem> {
    let shown = |view: Option<&T>| view.map(serde_json::to_value).transpose().map_err(anyhow::Error::from);
    let Change { action, tenant, subject } = change;
    let entry = Entry { action, tenant: Some(tenant), subject, before: shown(before)?, after: shown(after)? };
    Ok(audit::note(tx, &who.actor, entry, now)?)
}
