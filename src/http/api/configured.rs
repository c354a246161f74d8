//! What all changes of the configuration have in common: they are made one at a time, noted in the audit, and told to
//! every replica's routing.

use serde::Serialize;

use crate::audit::{self, Entry};
use crate::clock::Timestamp;
use crate::db::{Tx, changes, configuration};
use crate::http::problem::Problem;
use crate::ids::TenantId;

use super::access::Who;

/// A change, for the audit.
pub(super) struct Change<'c> {
    /// What was done, `agent.created`.
    pub(super) action: &'static str,
    /// Whose it is.
    pub(super) tenant: &'c TenantId,
    /// To what: its kind and its id.
    pub(super) subject: (&'static str, &'c str),
}

/// Begins a change of a tenant's configuration: nobody else changes any until the transaction ends.
///
/// # Errors
/// 404 when there is no such tenant.
pub(super) fn open(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<(), Problem> {
    configuration::lock(tx)?;
    if configuration::is_tenant(tx, tenant)? { Ok(()) } else { Err(Problem::NotFound("tenant")) }
}

/// Ends it: the entry of the audit, and word to every replica.
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
    audit::note(tx, &who.actor, entry, now)?;
    changes::note(tx, changes::Kind::Routing, Some(tenant), (tenant, 0), now)?;
    tx.notify("routing");
    Ok(())
}

/// A thing stays its tenant's.
///
/// # Errors
/// 422 where another one is written.
pub(super) fn same_tenant(own: &TenantId, written: Option<&TenantId>) -> Result<(), Problem> {
    match written {
        Some(written) if written != own => {
            Err(Problem::invalid("/tenantId", "cannot be changed: make a new one for the other tenant"))
        }
        _ => Ok(()),
    }
}

/// The default of `isActive`.
pub(super) const fn yes() -> bool {
    true
}
