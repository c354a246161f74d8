//! Writes numbers that changed, leaves it in the audit, and tells the servers which tenants to load again.

use std::collections::BTreeSet;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::configuration::{self, Number};
use crate::db::{self, Tx, audit, changes};
use crate::ids::TenantId;
use crate::tenancy::rows::{Names, Row};

/// Saves rows: what each was, and what it becomes. Nothing for none.
pub(super) fn save(
    tx: &mut Tx<'_>,
    rows: Vec<(Option<Number>, Number)>,
    (by, now): (&Actor, Timestamp),
) -> db::Result<()> {
    configuration::save_numbers(tx, &rows.iter().map(|(_, row)| row).collect::<Vec<_>>(), now)?;
    let rows: Vec<(Option<Row>, Row)> =
        rows.into_iter().map(|(was, row)| (was.map(Row::from), Row::from(row))).collect();
    let touched: BTreeSet<TenantId> =
        rows.iter().flat_map(|(was, row)| was.iter().chain([row])).map(|row| row.tenant().clone()).collect();
    let names = names(tx, &touched)?;
    let entries = rows.iter().flat_map(|(was, row)| row.saved(was.as_ref(), (&names, &names)));
    audit::insert(tx, by, entries, now)?;
    tell(tx, &touched, now)
}

/// Archives one.
pub(super) fn archive(tx: &mut Tx<'_>, row: Number, (by, now): (&Actor, Timestamp)) -> db::Result<()> {
    configuration::archive(tx, configuration::Kind::Number, &[&row.id], now)?;
    let touched = BTreeSet::from([row.tenant.clone()]);
    let names = names(tx, &touched)?;
    let row = Row::from(row);
    audit::insert(tx, by, [row.gone(&names)], now)?;
    tell(tx, &touched, now)
}

/// What the campaigns of these tenants are called.
fn names(tx: &mut Tx<'_>, tenants: &BTreeSet<TenantId>) -> db::Result<Names> {
    let mut names = Names::default();
    for tenant in tenants {
        let campaigns = configuration::campaigns(tx, tenant)?;
        let in_use = campaigns.into_iter().filter(|row| !row.archived);
        names.campaigns.extend(in_use.map(|row| (row.id, row.name)));
    }
    Ok(names)
}

fn tell(tx: &mut Tx<'_>, tenants: &BTreeSet<TenantId>, now: Timestamp) -> db::Result<()> {
    for tenant in tenants {
        // Routing has no revisions: who is told loads the tenant as it is.
        changes::note(tx, changes::Kind::Routing, Some(tenant), (tenant, 0), now)?;
    }
    if !tenants.is_empty() {
        tx.notify("routing");
    }
    Ok(())
}
