//! The outbox: what changed, in an order that every reader can follow without missing anything.
//!
//! On PostgreSQL `seq` is given before the commit, so that a transaction may commit a lower one after a higher one was
//! read. The order of reading is that of [`Position`]: by transaction first, and only below the oldest transaction
//! of this database that still runs, so that whatever commits later comes later too.

mod position;

use crate::clock::Timestamp;
use crate::events;
use crate::ids::TenantId;

use super::{Engine, Json, Result, Row, Sql, Tx};

pub use position::{NotAPosition, Position};

/// The form of the changes written now; raised when a reader must tell old from new.
const VERSION: i64 = 1;
/// The name in `positions` of the newest change that was forgotten.
const FORGOTTEN: &str = "forgotten";

/// What changed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call.
    Call,
    /// A lead.
    Lead,
    /// A task.
    Task,
    /// An endpoint of outgoing webhooks.
    WebhookEndpoint,
    /// How a trunk compares with what was set up for it.
    Trunk,
    /// A tenant's routing.
    Routing,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Lead => "lead",
            Kind::Task => "task",
            Kind::WebhookEndpoint => "webhook_endpoint",
            Kind::Trunk => "trunk",
            Kind::Routing => "routing",
        }
    }

    fn parse(word: &str) -> Option<Kind> {
        let all = [Kind::Call, Kind::Lead, Kind::Task, Kind::WebhookEndpoint, Kind::Trunk, Kind::Routing];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order.
    pub position: Position,
    /// Whose it is; none: the platform's alone.
    pub tenant: Option<TenantId>,
    /// What changed.
    pub kind: Kind,
    /// The id of it; a tenant's id where its routing changed.
    pub subject: String,
    /// Its revision after the change.
    pub revision: i64,
    /// When, on the clock of who changed it.
    pub at: Timestamp,
    /// What it means to the outside: words of [`crate::events`], separated by spaces.
    pub events: Option<String>,
}

/// Some changes, and where to read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The changes, oldest first.
    pub changes: Vec<Change>,
    /// Where the next page begins.
    pub reached: Position,
    /// The position that was asked for is none of this database's (a backup was restored, say): reading goes on with
    /// what is new, and what came before has to be read by other means.
    pub restarted: bool,
}

/// What is noted of a change: the id of what changed, its revision after the change, and words of [`crate::events`]
/// where it means something to the outside. Made from `(id, revision)` and `(id, revision, "lead.updated")`.
#[derive(Copy, Clone, Debug)]
pub struct Note<'n> {
    subject: &'n str,
    revision: i64,
    events: Option<&'n str>,
}

impl<'n, S: AsRef<str> + ?Sized> From<(&'n S, i64)> for Note<'n> {
    fn from((subject, revision): (&'n S, i64)) -> Note<'n> {
        Note { subject: subject.as_ref(), revision, events: None }
    }
}

impl<'n, S: AsRef<str> + ?Sized> From<(&'n S, i64, &'n str)> for Note<'n> {
    fn from((subject, revision, words): (&'n S, i64, &'n str)) -> Note<'n> {
        debug_assert!(words.split_whitespace().all(|word| events::ALL.contains(&word)), "unknown: {words}");
        Note { subject: subject.as_ref(), revision, events: Some(words).filter(|words| !words.is_empty()) }
    }
}

/// Notes a change.
pub fn note<'n>(
    tx: &mut Tx<'_>,
    kind: Kind,
    tenant: Option<&TenantId>,
    what: impl Into<Note<'n>>,
    now: Timestamp,
) -> Result<()> {
    let Note { subject, revision, events } = what.into();
    tx.noted_change = true;
    tx.execute(
        "insert into changes (tenant_id, kind, subject, revision, version, changed_at, events)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[&tenant, &kind.as_str(), &subject, &revision, &VERSION, &now, &events],
    )?;
    Ok(())
}

/// Notes a change of a call and of its lead, in one go: every ring does.
pub fn note_call_and_lead<'n>(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    call: impl Into<Note<'n>>,
    lead: impl Into<Note<'n>>,
    now: Timestamp,
) -> Result<()> {
    let (call, lead) = (call.into(), lead.into());
    tx.noted_change = true;
    tx.execute(
        "insert into changes (tenant_id, kind, subject, revision, version, changed_at, events)
         values ($1, 'call', $2, $3, $4, $5, $6), ($1, 'lead', $7, $8, $4, $5, $9)",
        &[
            &tenant,
            &call.subject,
            &call.revision,
            &VERSION,
            &now,
            &call.events,
            &lead.subject,
            &lead.revision,
            &lead.events,
        ],
    )?;
    Ok(())
}

/// Notes changes of many things of one kind, each an id and its revision after the change, which mean nothing to the
/// outside.
pub fn note_many(
    tx: &mut Tx<'_>,
    kind: Kind,
    tenant: Option<&TenantId>,
    changed: &[(String, i64)],
    now: Timestamp,
) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let sql = Sql {
        sqlite: "insert into changes (tenant_id, kind, version, changed_at, subject, revision)
                 select $1, $2, $3, $4, value ->> 0, value ->> 1 from json_each($5)",
        postgres: "insert into changes (tenant_id, kind, version, changed_at, subject, revision)
                   select $1, $2, $3, $4, value ->> 0, cast(value ->> 1 as bigint)
                   from json_array_elements(cast(cast($5 as text) as json)) as each (value)",
    };
    tx.noted_change = true;
    tx.execute(sql, &[&tenant, &kind.as_str(), &VERSION, &now, &Json(changed)])?;
    Ok(())
}

/// A transaction's number as `bigint`: there is no cast of its own.
macro_rules! columns {
    (sqlite) => {
        "0 as transaction_id, seq, tenant_id, kind, subject, revision, changed_at, events"
    };
    (postgres) => {
        "cast(cast(transaction_id as text) as bigint) as transaction_id, seq, tenant_id, kind, subject, revision, \
         changed_at, events"
    };
}

/// The oldest transaction that still runs and may yet note a change; what comes before it is complete. Those of other
/// databases on the same server count in every snapshot, but cannot write here: a report that runs there for an hour
/// would hold up all webhooks of this one. Who runs is looked up after the snapshot was taken, so that a transaction
/// which has ended meanwhile counts as one of ours.
macro_rules! horizon {
    () => {
        "coalesce(
            (select running.id from pg_snapshot_xip(pg_current_snapshot()) as running (id)
             where not exists (
                 select from pg_stat_activity as session
                 where session.backend_xid = cast(running.id as xid) and session.datname <> current_database())
             order by running.id limit 1),
            pg_snapshot_xmax(pg_current_snapshot()))"
    };
}

/// After a position, and below the oldest transaction that still runs.
macro_rules! after {
    (sqlite) => {
        "cast($1 as bigint) = 0 and seq > $2"
    };
    (postgres) => {
        concat!(
            "(transaction_id, seq) > (cast(cast(cast($1 as bigint) as text) as xid8), $2) and transaction_id < ",
            horizon!()
        )
    };
}

/// In the order of the index: `transaction_id` alone would be the column that is shown, a text made into a number.
pub(super) const AFTER: Sql = Sql {
    sqlite: concat!(
        "select ",
        columns!(sqlite),
        " from changes where ",
        after!(sqlite),
        " and kind <> 'routing' order by seq limit $3"
    ),
    postgres: concat!(
        "select ",
        columns!(postgres),
        " from changes where ",
        after!(postgres),
        " and kind <> 'routing' order by changes.transaction_id, seq limit $3"
    ),
};

/// Changes after a position, but for those of routing.
pub fn after(tx: &mut Tx<'_>, position: Position, limit: i64) -> Result<Page> {
    let changes = tx.all(AFTER, &[&position.transaction, &position.seq, &limit], change)?;
    page(tx, position, changes)
}

/// Changes of routing after a position: an index of their own, as they are asked for all the time.
pub fn of_routing(tx: &mut Tx<'_>, position: Position) -> Result<Page> {
    let sql = Sql {
        sqlite: concat!(
            "select ",
            columns!(sqlite),
            " from changes where kind = 'routing' and ",
            after!(sqlite),
            " order by seq"
        ),
        postgres: concat!(
            "select ",
            columns!(postgres),
            " from changes where kind = 'routing' and ",
            after!(postgres),
            " order by changes.transaction_id, seq"
        ),
    };
    let changes = tx.all(sql, &[&position.transaction, &position.seq], change)?;
    page(tx, position, changes)
}

fn page(tx: &mut Tx<'_>, position: Position, changes: Vec<Change>) -> Result<Page> {
    if let Some(last) = changes.last() {
        return Ok(Page { reached: last.position, changes, restarted: false });
    }
    let restarted = is_foreign(tx, position)?;
    let reached = if restarted { last(tx)? } else { position };
    Ok(Page { changes, reached, restarted })
}

fn change(row: &Row<'_>) -> Result<Change> {
    let kind: String = row.get("kind")?;
    Ok(Change {
        position: position(row)?,
        tenant: row.get("tenant_id")?,
        kind: Kind::parse(&kind)
            .ok_or_else(|| super::Error::Unexpected(format!("changes holds the unknown word {kind}")))?,
        subject: row.get("subject")?,
        revision: row.get("revision")?,
        at: row.get("changed_at")?,
        events: row.get("events")?,
    })
}

fn position(row: &Row<'_>) -> Result<Position> {
    Ok(Position { transaction: row.get("transaction_id")?, seq: row.get("seq")? })
}

/// The newest change of any kind that can be read; a reader that begins here misses nothing that is committed later.
pub fn last(tx: &mut Tx<'_>) -> Result<Position> {
    let sql = Sql {
        sqlite: "select 0 as transaction_id, seq from changes order by seq desc limit 1",
        postgres: concat!(
            "select cast(cast(transaction_id as text) as bigint) as transaction_id, seq from changes
             where transaction_id < ",
            horizon!(),
            " order by changes.transaction_id desc, seq desc limit 1"
        ),
    };
    Ok(tx.first(sql, &[], position)?.unwrap_or_default())
}

/// Whether a position is beyond all that this database can have given out: it is another one's.
fn is_foreign(tx: &mut Tx<'_>, position: Position) -> Result<bool> {
    let sql = Sql {
        sqlite: "select cast($1 as bigint) <> 0
                     or cast($2 as bigint) > coalesce((select seq from sqlite_sequence where name = 'changes'), 0)
                     as is_foreign",
        postgres: "select cast(cast(cast($1 as bigint) as text) as xid8) >= pg_snapshot_xmax(pg_current_snapshot())
                       or cast($2 as bigint) < 0 as is_foreign",
    };
    let found = tx.first(sql, &[&position.transaction, &position.seq], |row| row.get("is_foreign"))?;
    Ok(found.unwrap_or(false))
}

/// Whether everything after this position can still be read.
pub fn is_complete_after(tx: &mut Tx<'_>, position: Position) -> Result<bool> {
    if is_foreign(tx, position)? {
        return Ok(false);
    }
    Ok(stored(tx, FORGOTTEN)?.is_none_or(|forgotten| position >= forgotten))
}

/// Where a reader that keeps its place in the database has got to.
pub fn stored(tx: &mut Tx<'_>, reader: &str) -> Result<Option<Position>> {
    tx.first("select transaction_id, seq from positions where name = $1", &[&reader], position)
}

/// Keeps a reader's place, or the newest forgotten change.
pub fn store(tx: &mut Tx<'_>, reader: &str, at: Position) -> Result<()> {
    tx.execute(
        "insert into positions (name, transaction_id, seq) values ($1, $2, $3)
         on conflict (name) do update set transaction_id = excluded.transaction_id, seq = excluded.seq",
        &[&reader, &at.transaction, &at.seq],
    )?;
    Ok(())
}

/// Where a reader that keeps its place has got to; one that never read begins with what is new.
pub fn begin(tx: &mut Tx<'_>, reader: &str) -> Result<Position> {
    if let Some(kept) = stored(tx, reader)? {
        return Ok(kept);
    }
    let newest = last(tx)?;
    // Another replica may begin at the same moment: the first one's place is everybody's.
    tx.execute(
        "insert into positions (name, transaction_id, seq) values ($1, $2, $3) on conflict (name) do nothing",
        &[&reader, &newest.transaction, &newest.seq],
    )?;
    Ok(stored(tx, reader)?.unwrap_or(newest))
}

/// Moves a reader's place on; false when it is not where it was thought to be: somebody else has moved it.
pub fn advance(tx: &mut Tx<'_>, reader: &str, from: Position, to: Position) -> Result<bool> {
    let moved = tx.execute(
        "update positions set transaction_id = $1, seq = $2 where name = $3 and transaction_id = $4 and seq = $5",
        &[&to.transaction, &to.seq, &reader, &from.transaction, &from.seq],
    )?;
    Ok(moved == 1)
}

/// Makes a restored backup's changes this server's own. Their transactions may be ahead of it: they would be read only
/// when it gets there, and readers that were there already would stall until then. Done at the start of a server.
pub fn adopt(tx: &mut Tx<'_>) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        return Ok(());
    }
    tx.execute(
        "update changes set transaction_id = cast('0' as xid8)
         where transaction_id >= pg_snapshot_xmax(pg_current_snapshot())",
        &[],
    )?;
    tx.execute(
        "delete from positions
         where transaction_id >= cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint)",
        &[],
    )?;
    tx.execute(
        "update webhook_endpoints set since_transaction = 0, since_seq = 0
         where since_transaction >= cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint)",
        &[],
    )?;
    Ok(())
}

/// Forgets the oldest changes, of those made before `before` at most `limit`; how many. Routing's are few and kept.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    let oldest = Sql {
        sqlite: "select 0 as transaction_id, seq, changed_at from changes where kind <> 'routing'
                 order by seq limit $1",
        postgres: "select cast(cast(transaction_id as text) as bigint) as transaction_id, seq, changed_at from changes
                   where kind <> 'routing' order by changes.transaction_id, seq limit $1",
    };
    let oldest =
        tx.all(oldest, &[&limit], |row| Ok((position(row)?, row.get::<Timestamp>("changed_at")?)))?;
    let Some((newest, _)) = oldest.into_iter().rev().find(|(_, at)| *at < before) else { return Ok(0) };
    let sql = Sql {
        sqlite: "delete from changes where cast($1 as bigint) = 0 and seq <= $2 and changed_at < $3
                     and kind <> 'routing'",
        postgres: "delete from changes
                   where (transaction_id, seq) <= (cast(cast(cast($1 as bigint) as text) as xid8), $2)
                       and changed_at < $3 and kind <> 'routing'",
    };
    let forgotten = tx.execute(sql, &[&newest.transaction, &newest.seq, &before])?;
    store(tx, FORGOTTEN, newest)?;
    Ok(forgotten)
}
