//! The outbox: what changed, in commit order, for whoever follows.

use crate::clock::Timestamp;
use crate::ids::TenantId;

use super::{Result, Row, Sql, Tx};

/// The form of the changes written now; raised when a reader must tell old from new.
const VERSION: i64 = 1;

/// What changed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call.
    Call,
    /// A lead.
    Lead,
    /// A tenant's routing.
    Routing,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Lead => "lead",
            Kind::Routing => "routing",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order.
    pub seq: i64,
    /// What changed: the id of a call, lead or tenant.
    pub subject: String,
    /// Its revision after the change.
    pub revision: i64,
}

/// Notes a change.
pub fn note(
    tx: &mut Tx<'_>,
    kind: Kind,
    tenant: Option<&TenantId>,
    (subject, revision): (&str, i64),
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "insert into changes (tenant_id, kind, subject, revision, version, changed_at)
         values ($1, $2, $3, $4, $5, $6)",
        &[&tenant, &kind.as_str(), &subject, &revision, &VERSION, &now],
    )?;
    Ok(())
}

/// Notes a change of a call and of its lead, in one go: every ring does.
pub fn note_call_and_lead(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    call: (&str, i64),
    lead: (&str, i64),
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "insert into changes (tenant_id, kind, subject, revision, version, changed_at)
         values ($1, 'call', $2, $3, $4, $5), ($1, 'lead', $6, $7, $4, $5)",
        &[&tenant, &call.0, &call.1, &VERSION, &now, &lead.0, &lead.1],
    )?;
    Ok(())
}

/// Changes of calls and leads after `seq`, oldest first. PostgreSQL hands out numbers before the commit, so changes
/// of transactions that began after one which still runs are left for the next time.
pub fn after(tx: &mut Tx<'_>, kind: Kind, seq: i64, limit: i64) -> Result<Vec<Change>> {
    let sql = Sql {
        sqlite: "select seq, subject, revision from changes where seq > $1 and kind = $2 order by seq limit $3",
        postgres: "select seq, subject, revision from changes where seq > $1 and kind = $2
                   and transaction_id < pg_snapshot_xmin(pg_current_snapshot()) order by seq limit $3",
    };
    tx.all(sql, &[&seq, &kind.as_str(), &limit], change)
}

/// Changes of routing after `seq`, oldest first: an index of their own, as they are asked for all the time.
pub fn of_routing(tx: &mut Tx<'_>, seq: i64) -> Result<Vec<Change>> {
    let sql = Sql {
        sqlite: "select seq, subject, revision from changes where kind = 'routing' and seq > $1 order by seq",
        postgres: "select seq, subject, revision from changes where kind = 'routing' and seq > $1
                   and transaction_id < pg_snapshot_xmin(pg_current_snapshot()) order by seq",
    };
    tx.all(sql, &[&seq], change)
}

fn change(row: &Row<'_>) -> Result<Change> {
    Ok(Change { seq: row.get("seq")?, subject: row.get("subject")?, revision: row.get("revision")? })
}

/// The newest change of any kind; a reader that begins here misses nothing that is committed later.
pub fn last(tx: &mut Tx<'_>) -> Result<i64> {
    let sql = Sql {
        sqlite: "select coalesce(max(seq), 0) as seq from changes",
        // What still runs may hold lower numbers: begin below all of it.
        postgres: "select coalesce((select min(seq) - 1 from changes
                       where transaction_id >= pg_snapshot_xmin(pg_current_snapshot())),
                       (select max(seq) from changes), 0) as seq",
    };
    Ok(tx.first(sql, &[], |row| row.get("seq"))?.unwrap_or(0))
}

/// Forgets changes made before `before`, at most `limit` of them; how many. Routing's are few and kept.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        "delete from changes where seq in
             (select seq from changes where changed_at < $1 and kind <> 'routing' order by seq limit $2)",
        &[&before, &limit],
    )
}
