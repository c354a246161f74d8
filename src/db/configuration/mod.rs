//! Rows of the configuration: tenants with their agents, campaigns, numbers and trunks, a file for each. Saving brings an
//! archived row back to life; nothing is ever deleted, as calls name these rows.

mod agents;
mod campaigns;
mod numbers;
pub mod provided;
mod tenants;
mod trunks;

pub use agents::{Agent, agents, save_agent};
pub use campaigns::{Campaign, campaigns, save_campaign};
pub use numbers::{Number, numbers, numbers_by_id, numbers_by_number, numbers_of_campaign, save_numbers};
pub use tenants::{Tenant, is_tenant, save_tenant, tenants};
pub use trunks::{Trunk, save_trunk, trunk_by_id, trunks};

pub(in crate::db) use agents::agent;
pub(in crate::db) use campaigns::campaign;
pub(in crate::db) use numbers::number;
pub(in crate::db) use tenants::tenant;
pub(in crate::db) use trunks::trunk;

use crate::clock::Timestamp;
use crate::ids::TenantId;

use super::{Engine, Json, Result, Row, Sql, Tx, access};

/// What a row is of.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Tenant,
    Agent,
    Campaign,
    Number,
    Trunk,
}

/// Until the end of the transaction nobody else changes the configuration; reading it, and taking calls, goes on.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        tx.script(
            "lock table tenants, agents, campaigns, phone_numbers, platform_trunks in share row exclusive mode",
        )?;
    }
    // On SQLite a writing transaction is that lock.
    Ok(())
}

/// Whose row this id is, archived or not. A tenant's is its own.
pub fn owner(tx: &mut Tx<'_>, kind: Kind, id: &str) -> Result<Option<TenantId>> {
    let sql = match kind {
        Kind::Tenant => "select id as tenant_id from tenants where id = $1",
        Kind::Agent => "select tenant_id from agents where id = $1",
        Kind::Campaign => "select tenant_id from campaigns where id = $1",
        Kind::Number => "select tenant_id from phone_numbers where id = $1",
        Kind::Trunk => "select tenant_id from platform_trunks where id = $1",
    };
    tx.first(sql, &[&id], |row| row.get("tenant_id"))
}

/// Rows written by one statement. SQLite keeps what a statement may have to undo in a list that it walks for every
/// statement, so that 100,000 statements over 100,000 rows take minutes; for PostgreSQL each is a round trip.
const AT_ONCE: usize = 500;

macro_rules! with_ids {
    ($table:literal, $set:literal) => {
        Sql {
            sqlite: concat!(
                "update ",
                $table,
                " set ",
                $set,
                " where id in (select value from json_each($2))"
            ),
            postgres: concat!(
                "update ",
                $table,
                " set ",
                $set,
                " where id in (select json_array_elements_text(cast(cast($2 as text) as json)))"
            ),
        }
    };
}

macro_rules! archive {
    ($table:literal) => {
        with_ids!($table, "archived_at = $1, updated_at = $1, revision = revision + 1")
    };
}

macro_rules! release {
    ($table:literal) => {
        with_ids!($table, "archived_at = $1")
    };
}

/// Archives rows. Their names or numbers are free at once.
pub fn archive(tx: &mut Tx<'_>, kind: Kind, ids: &[&str], now: Timestamp) -> Result<()> {
    if kind == Kind::Tenant {
        access::changed(tx);
    }
    let sql = match kind {
        Kind::Tenant => archive!("tenants"),
        Kind::Agent => archive!("agents"),
        Kind::Campaign => archive!("campaigns"),
        Kind::Number => archive!("phone_numbers"),
        Kind::Trunk => archive!("platform_trunks"),
    };
    for some in ids.chunks(AT_ONCE) {
        tx.execute(sql, &[&now, &Json(some)])?;
    }
    Ok(())
}

/// Frees the names or numbers of rows that are saved later in the same transaction, which brings them back: two may
/// exchange theirs.
pub fn release(tx: &mut Tx<'_>, kind: Kind, ids: &[&str], now: Timestamp) -> Result<()> {
    let sql = match kind {
        Kind::Tenant => release!("tenants"),
        Kind::Agent => release!("agents"),
        Kind::Campaign => release!("campaigns"),
        Kind::Number => release!("phone_numbers"),
        Kind::Trunk => release!("platform_trunks"),
    };
    for some in ids.chunks(AT_ONCE) {
        tx.execute(sql, &[&now, &Json(some)])?;
    }
    Ok(())
}
