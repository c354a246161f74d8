//! Writes what was planned, in an order in which no name is ever taken twice and nobody waits for a call that waits for us.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::configuration::{self as db, Agent, Campaign, Kind, Number, Tenant, Trunk};
use crate::db::{Result, Tx, audit, changes};
use crate::ids::TenantId;
use crate::tenancy::rows::{Names, Row};

/// Names a kind's rows among those to save, with whether they are new.
macro_rules! saved {
    ($($kind:ident $all:ident;)+) => {
        impl Writes {
            $(fn $all(&self) -> impl Iterator<Item = (bool, &$kind)> {
                self.saved.iter().filter_map(|(was, row)| match row {
                    Row::$kind(row) => Some((was.is_none(), row)),
                    _ => None,
                })
            })+
        }
    };
}

saved! {
    Tenant tenants;
    Agent agents;
    Campaign campaigns;
    Number numbers;
    Trunk trunks;
}

/// Rows to write.
#[derive(Default)]
pub(super) struct Writes {
    /// Rows to archive.
    pub(super) gone: Vec<Row>,
    /// Rows to save: what they were, and what they become.
    pub(super) saved: Vec<(Option<Row>, Row)>,
    /// Rows among these that are renamed: two may exchange their names, so that neither keeps its old one meanwhile.
    pub(super) renamed: BTreeMap<Kind, Vec<String>>,
}

impl Writes {
    /// Writes everything, and tells the servers which tenants to load again.
    pub(super) fn write(&self, tx: &mut Tx<'_>, touched: &BTreeSet<TenantId>, now: Timestamp) -> Result<()> {
        for kind in [Kind::Tenant, Kind::Agent, Kind::Number, Kind::Trunk] {
            self.free(tx, kind, now)?;
        }
        let (new, changed): (Vec<_>, Vec<_>) = self.tenants().partition(|(is_new, _)| *is_new);
        new.into_iter().try_for_each(|(_, row)| db::save_tenant(tx, row, now))?;
        self.agents().try_for_each(|(_, row)| db::save_agent(tx, row, now))?;
        db::save_numbers(tx, &self.numbers().map(|(_, row)| row).collect::<Vec<_>>(), now)?;
        self.trunks().try_for_each(|(_, row)| db::save_trunk(tx, row, now))?;
        // Calls are counted under locks of their tenant and then their campaign. These rows are written last, so that
        // calls wait for as short as can be, and in the same order, so that we never wait for each other.
        changed.into_iter().try_for_each(|(_, row)| db::save_tenant(tx, row, now))?;
        self.free(tx, Kind::Campaign, now)?;
        self.campaigns().try_for_each(|(_, row)| db::save_campaign(tx, row, now))?;
        for tenant in touched {
            // Routing has no revisions: who is told loads the tenant as it is.
            changes::note(tx, changes::Kind::Routing, Some(tenant), (tenant, 0), now)?;
        }
        if !touched.is_empty() {
            tx.notify("routing");
        }
        Ok(())
    }

    /// Leaves an entry in the audit for every row that was written.
    pub(super) fn note(
        &self,
        tx: &mut Tx<'_>,
        (before, after): (&Names, &Names),
        now: Timestamp,
    ) -> Result<()> {
        let saved = self.saved.iter().flat_map(|(was, row)| row.saved(was.as_ref(), (before, after)));
        let gone = self.gone.iter().map(|row| row.gone(before));
        audit::insert(tx, &Actor::apply(), saved.chain(gone), now)
    }

    /// Frees the names of this kind that others may take.
    fn free(&self, tx: &mut Tx<'_>, kind: Kind, now: Timestamp) -> Result<()> {
        let gone: Vec<&str> = self.gone.iter().filter(|row| row.kind() == kind).map(Row::id).collect();
        db::archive(tx, kind, &gone, now)?;
        let renamed = self.renamed.get(&kind).into_iter().flatten();
        db::release(tx, kind, &renamed.map(String::as_str).collect::<Vec<_>>(), now)
    }
}
