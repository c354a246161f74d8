//! Erasing a caller: finding what is theirs, taking it out of every table in place, and the receipt.

mod blank;
mod find;
mod take;

use std::ops::AddAssign;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::erase::needles::Needles;
use crate::ids::{ErasureId, LeadId, TenantId};
use crate::phone::E164;

use super::{Json, Result, Row, Tx};

pub use blank::{call, calls, leads, notes_and_tasks};
pub use find::{group, is_own_number, number_of, region, told_as, unfinished};
pub use take::{Key, Portion, Table, look, take};

const AFTER_ALL: &str = "ers_zzz";

/// Whom an erasure is about, and what of it is looked for.
pub struct Scope {
    /// Whose data it is.
    pub tenant: TenantId,
    /// The caller.
    pub group: Group,
    /// What is looked for in texts.
    pub needles: Needles,
}

/// A caller: the leads that are one by having been merged, and all their numbers. In order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The numbers.
    pub numbers: Vec<E164>,
    /// The leads of all campaigns.
    pub leads: Vec<LeadId>,
}

/// How many rows were erased, or had something taken out of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Leads.
    pub leads: i64,
    /// Notes on leads.
    pub notes: i64,
    /// Tasks about leads.
    pub tasks: i64,
    /// Calls.
    pub calls: i64,
    /// Names that calls went by.
    pub call_keys: i64,
    /// Webhooks as they came in.
    pub facts: i64,
    /// Entries of the audit.
    pub audit_entries: i64,
    /// Events of outgoing webhooks.
    pub webhook_events: i64,
    /// What receivers of webhooks answered.
    pub deliveries: i64,
    /// Answers that were kept under an `Idempotency-Key`.
    pub kept_answers: i64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.leads += more.leads;
        self.notes += more.notes;
        self.tasks += more.tasks;
        self.calls += more.calls;
        self.call_keys += more.call_keys;
        self.facts += more.facts;
        self.audit_entries += more.audit_entries;
        self.webhook_events += more.webhook_events;
        self.deliveries += more.deliveries;
        self.kept_answers += more.kept_answers;
    }
}

/// The receipt of an erasure. It does not say whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// Its id, `ers_…`.
    pub id: ErasureId,
    /// Whose data it was.
    pub tenant_id: TenantId,
    /// When it was finished.
    pub at: Timestamp,
    /// Who asked for it: the id of a user or key.
    pub requested_by: String,
    /// How many rows it erased, or took something out of.
    pub erased: Counts,
}

impl Erasure {
    fn from_row(row: &Row<'_>) -> Result<Erasure> {
        Ok(Erasure {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            at: row.get("at")?,
            requested_by: row.get("requested_by")?,
            erased: row.get::<Json<_>>("erased")?.0,
        })
    }
}

/// Writes a receipt.
pub fn insert(tx: &mut Tx<'_>, receipt: &Erasure) -> Result<()> {
    tx.execute(
        "insert into erasures (id, tenant_id, at, requested_by, erased) values ($1, $2, $3, $4, $5)",
        &[&receipt.id, &receipt.tenant_id, &receipt.at, &receipt.requested_by, &Json(receipt.erased)],
    )?;
    Ok(())
}

/// The receipt with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &ErasureId) -> Result<Option<Erasure>> {
    tx.first(
        "select * from erasures where id = $1 and (cast($2 as text) is null or tenant_id = $2)",
        &[id, &scope],
        Erasure::from_row,
    )
}

/// Receipts, newest first; those older than `before`.
pub fn list(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    before: Option<&ErasureId>,
    limit: i64,
) -> Result<Vec<Erasure>> {
    tx.all(
        "select * from erasures where (cast($1 as text) is null or tenant_id = $1) and id < $2
         order by id desc limit $3",
        &[&tenant, &before.map_or(AFTER_ALL, ErasureId::as_str), &limit],
        Erasure::from_row,
    )
}
