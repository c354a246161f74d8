//! Writes what was planned, in an order in which no name is ever taken twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::db::changes;
use crate::db::configuration::{self as db, Agent, Campaign, Kind, Number, Tenant, Trunk};
use crate::db::{Result, Tx};
use crate::ids::TenantId;

/// Rows to write.
#[derive(Default)]
pub(super) struct Writes {
    /// Rows to archive; those that are renamed are archived first and saved later.
    pub(super) free: BTreeMap<Kind, Vec<String>>,
    new_tenants: Vec<Tenant>,
    tenants: Vec<Tenant>,
    agents: Vec<Agent>,
    campaigns: Vec<Campaign>,
    numbers: Vec<Number>,
    trunks: Vec<Trunk>,
}

/// A row that can be put among [`Writes`].
pub(super) trait Save: Clone {
    fn save_in(&self, writes: &mut Writes, is_new: bool);
}

impl Save for Tenant {
    fn save_in(&self, writes: &mut Writes, is_new: bool) {
        let tenants = if is_new { &mut writes.new_tenants } else { &mut writes.tenants };
        tenants.push(self.clone());
    }
}

impl Save for Agent {
    fn save_in(&self, writes: &mut Writes, _: bool) {
        writes.agents.push(self.clone());
    }
}

impl Save for Campaign {
    fn save_in(&self, writes: &mut Writes, _: bool) {
        writes.campaigns.push(self.clone());
    }
}

impl Save for Number {
    fn save_in(&self, writes: &mut Writes, _: bool) {
        writes.numbers.push(self.clone());
    }
}

impl Save for Trunk {
    fn save_in(&self, writes: &mut Writes, _: bool) {
        writes.trunks.push(self.clone());
    }
}

impl Writes {
    /// Writes everything, and tells the servers which tenants to load again.
    pub(super) fn write(&self, tx: &mut Tx<'_>, touched: &BTreeSet<TenantId>, now: Timestamp) -> Result<()> {
        for (kind, ids) in &self.free {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            db::archive(tx, *kind, &ids, now)?;
        }
        self.new_tenants.iter().try_for_each(|row| db::save_tenant(tx, row, now))?;
        self.agents.iter().try_for_each(|row| db::save_agent(tx, row, now))?;
        db::save_numbers(tx, &self.numbers, now)?;
        self.trunks.iter().try_for_each(|row| db::save_trunk(tx, row, now))?;
        // Calls are counted under locks of their campaign and tenant: these rows are written last, so that calls
        // wait for them for as short as can be.
        self.campaigns.iter().try_for_each(|row| db::save_campaign(tx, row, now))?;
        self.tenants.iter().try_for_each(|row| db::save_tenant(tx, row, now))?;
        for tenant in touched {
            // Routing has no revisions: who is told loads the tenant as it is.
            changes::note(tx, changes::Kind::Routing, Some(tenant), (tenant, 0), now)?;
        }
        if !touched.is_empty() {
            tx.notify("routing");
        }
        Ok(())
    }
}
