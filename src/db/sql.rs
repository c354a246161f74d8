//! One SQL text and one row mapping for both drivers: what a closure does with its [`Tx`].

use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{CachedStatement, Connection, params_from_iter};

use super::row::{Columns, Row};
use super::{Bind, Engine, Error, Result};

/// A statement. Most are one text for both engines, and a plain `&'static str` is one; those that must
/// differ (claiming a job, date buckets) are written `Sql { sqlite: "…", postgres: "…" }`.
///
/// Parameters are `$1`, `$2`… and must first appear in that order: SQLite takes them as names and binds
/// them by appearance. Debug builds check it.
#[derive(Copy, Clone, Debug)]
pub struct Sql {
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Sql {
        Sql { sqlite: text, postgres: text }
    }
}

/// A transaction, as a closure sees it.
///
/// After one failed statement nothing more of the closure runs and nothing is kept, on both engines:
/// errors cannot be caught and passed over, so write `on conflict` where a key may be taken.
pub struct Tx<'c> {
    pub(super) on: On<'c>,
    pub(super) failed: Option<Error>,
    pub(super) topics: Vec<String>,
    /// A change was noted in the outbox: who follows it is woken once this is committed.
    pub(super) noted_change: bool,
    /// Who may do what has changed: what was found out about that before is not to be relied upon any more.
    pub(super) access_changed: bool,
    until: Option<Instant>,
    /// How many statements it may run; none: as many as it likes.
    left: Option<u8>,
}

pub(super) enum On<'c> {
    Sqlite(&'c Connection),
    Postgres(Session<'c>, &'c mut Known),
}

/// A connection to PostgreSQL: in a transaction, or without one for a single statement that reads.
pub(super) enum Session<'c> {
    Transaction(postgres::Transaction<'c>),
    /// With what makes another connection when this one turns out to be lost.
    Alone(&'c mut postgres::Client, &'c mut dyn FnMut() -> Result<postgres::Client>),
}

type PostgresArgs<'a> = [&'a (dyn postgres::types::ToSql + Sync)];

impl Session<'_> {
    fn prepare(&mut self, sql: &str) -> Result<postgres::Statement, postgres::Error> {
        match self {
            Session::Transaction(t) => t.prepare(sql),
            Session::Alone(c, _) => c.prepare(sql),
        }
    }

    fn execute(
        &mut self,
        sql: &postgres::Statement,
        args: &PostgresArgs<'_>,
    ) -> Result<u64, postgres::Error> {
        match self {
            Session::Transaction(t) => t.execute(sql, args),
            Session::Alone(c, _) => c.execute(sql, args),
        }
    }

    fn query(
        &mut self,
        sql: &postgres::Statement,
        args: &PostgresArgs<'_>,
    ) -> Result<Vec<postgres::Row>, postgres::Error> {
        match self {
            Session::Transaction(t) => t.query(sql, args),
            Session::Alone(c, _) => c.query(sql, args),
        }
    }

    /// Connects again if that is why a statement failed which can be repeated; whether it did.
    fn reconnect(&mut self) -> Result<bool> {
        match self {
            Session::Alone(client, connect) if client.is_closed() => {
                **client = connect()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// Statements prepared on a connection to PostgreSQL.
pub(super) type Known = HashMap<&'static str, postgres::Statement>;

thread_local! {
    /// When SQLite shall stop the statement that runs on this thread.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Interrupting a statement that writes makes SQLite undo the whole commit with everybody's work in it,
/// so such a statement gets this much longer. Its closure ends after it all the same.
const WRITE_GRACE: Duration = Duration::from_secs(2);

/// Rows that [`Tx::each`] takes from PostgreSQL at once.
const PORTION: i32 = 1_000;

/// Whether the statement on this thread has run out of time; for SQLite's progress handler.
pub(super) fn out_of_time() -> bool {
    UNTIL.get().is_some_and(|until| Instant::now() > until)
}

impl<'c> Tx<'c> {
    /// One that may run a single statement, where there is no transaction around it.
    pub(super) fn for_one(on: On<'c>, budget: Duration) -> Self {
        let left = matches!(on, On::Postgres(..)).then_some(1);
        Tx { left, ..Tx::new(on, budget) }
    }

    pub(super) fn new(on: On<'c>, budget: Duration) -> Self {
        // A budget too long to add is none.
        Tx {
            on,
            failed: None,
            topics: Vec::new(),
            noted_change: false,
            access_changed: false,
            left: None,
            until: Instant::now().checked_add(budget),
        }
    }

    /// Which engine this is; for the few forks inside `db`.
    pub fn engine(&self) -> Engine {
        match self.on {
            On::Sqlite(_) => Engine::Sqlite,
            On::Postgres(..) => Engine::Postgres,
        }
    }

    /// Runs a statement; returns how many rows it inserted, changed or deleted.
    pub fn execute(&mut self, sql: impl Into<Sql>, args: &[&dyn Bind]) -> Result<u64> {
        let (sql, until) = (sql.into(), self.until);
        self.run(sql, |on| match on {
            On::Sqlite(c) => Ok(prepared_sqlite(c, sql, until)?.execute(lite(args))? as u64),
            On::Postgres(session, known) => {
                let statement = prepared_postgres(session, known, sql)?;
                Ok(session.execute(&statement, &pg(args))?)
            }
        })
    }

    /// All rows of a query.
    pub fn all<T>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[&dyn Bind],
        mut row: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let (sql, until) = (sql.into(), self.until);
        self.run(sql, |on| match on {
            On::Sqlite(c) => {
                let mut statement = prepared_sqlite(c, sql, until)?;
                let columns = Columns::of_sqlite(&statement);
                statement.query_and_then(lite(args), |r| row(&Row::of_sqlite(r, &columns)))?.collect()
            }
            On::Postgres(session, known) => {
                let (statement, rows) = query_postgres(session, known, sql, &pg(args))?;
                let columns = Columns::of_postgres(&statement);
                rows.iter().map(|r| row(&Row::of_postgres(r, &columns))).collect()
            }
        })
    }

    /// The first row of a query, if it has one.
    pub fn first<T>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[&dyn Bind],
        row: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let (sql, until) = (sql.into(), self.until);
        self.run(sql, |on| match on {
            On::Sqlite(c) => {
                let mut statement = prepared_sqlite(c, sql, until)?;
                let columns = Columns::of_sqlite(&statement);
                let mut rows = statement.query(lite(args))?;
                rows.next()?.map(|r| row(&Row::of_sqlite(r, &columns))).transpose()
            }
            On::Postgres(session, known) => {
                let (statement, rows) = query_postgres(session, known, sql, &pg(args))?;
                let columns = Columns::of_postgres(&statement);
                rows.first().map(|r| row(&Row::of_postgres(r, &columns))).transpose()
            }
        })
    }

    /// Hands the rows of a query over one by one, without holding them all: for exports.
    pub fn each(
        &mut self,
        sql: impl Into<Sql>,
        args: &[&dyn Bind],
        mut row: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let (sql, until) = (sql.into(), self.until);
        self.run(sql, |on| match on {
            On::Sqlite(c) => {
                let mut statement = prepared_sqlite(c, sql, until)?;
                let columns = Columns::of_sqlite(&statement);
                let mut rows = statement.query(lite(args))?;
                while let Some(r) = rows.next()? {
                    row(&Row::of_sqlite(r, &columns))?;
                }
                Ok(())
            }
            On::Postgres(session, known) => {
                let statement = prepared_postgres(session, known, sql)?;
                let Session::Transaction(t) = session else { return Err(alone()) };
                let (portal, columns) = (t.bind(&statement, &pg(args))?, Columns::of_postgres(&statement));
                loop {
                    let rows = t.query_portal(&portal, PORTION)?;
                    rows.iter().try_for_each(|r| row(&Row::of_postgres(r, &columns)))?;
                    if rows.len() < PORTION as usize {
                        return Ok(());
                    }
                }
            }
        })
    }

    /// Wakes who listens to [`super::Db::notifications`], in every process, once this is committed.
    ///
    /// PostgreSQL lets transactions that notify commit one at a time: use it for what is rare, such as
    /// changed configuration, not for every call.
    pub fn notify(&mut self, topic: &str) {
        if !self.topics.iter().any(|known| known == topic) {
            self.topics.push(topic.to_owned());
        }
    }

    /// Runs a script of several statements without parameters: migrations.
    pub(super) fn script(&mut self, sql: &str) -> Result<()> {
        self.run(Sql::from(""), |on| match on {
            On::Sqlite(c) => Ok(c.execute_batch(sql)?),
            On::Postgres(Session::Transaction(t), _) => Ok(t.batch_execute(sql)?),
            On::Postgres(Session::Alone(..), _) => Err(alone()),
        })
    }

    fn run<T>(&mut self, sql: Sql, statement: impl FnOnce(&mut On<'c>) -> Result<T>) -> Result<T> {
        debug_assert!(
            numbered_in_order(sql.sqlite),
            "number parameters as they first appear: {}",
            sql.sqlite
        );
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(alone)?;
        }
        let late = self.until.is_some_and(|until| Instant::now() > until);
        let done = if late { Err(Error::TooSlow) } else { statement(&mut self.on) };
        UNTIL.set(None);
        done.inspect_err(|e| self.failed = Some(e.clone()))
    }
}

fn prepared_sqlite(c: &Connection, sql: Sql, until: Option<Instant>) -> Result<CachedStatement<'_>> {
    let statement = c.prepare_cached(sql.sqlite)?;
    UNTIL.set(if statement.readonly() {
        until
    } else {
        until.and_then(|until| until.checked_add(WRITE_GRACE))
    });
    Ok(statement)
}

fn alone() -> Error {
    Error::Unexpected("read_one runs one statement, and takes its rows at once".into())
}

fn prepared_postgres(session: &mut Session<'_>, known: &mut Known, sql: Sql) -> Result<postgres::Statement> {
    if let Some(statement) = known.get(sql.postgres) {
        return Ok(statement.clone());
    }
    let statement = session.prepare(sql.postgres)?;
    known.insert(sql.postgres, statement.clone());
    Ok(statement)
}

fn query_postgres(
    session: &mut Session<'_>,
    known: &mut Known,
    sql: Sql,
    args: &PostgresArgs<'_>,
) -> Result<(postgres::Statement, Vec<postgres::Row>)> {
    let once = |session: &mut Session<'_>, known: &mut Known| -> Result<_> {
        let statement = prepared_postgres(session, known, sql)?;
        Ok((session.query(&statement, args)?, statement))
    };
    let (rows, statement) = match once(session, known) {
        Err(_) if session.reconnect()? => {
            known.clear();
            once(session, known)?
        }
        done => done?,
    };
    Ok((statement, rows))
}

fn lite<'a>(args: &'a [&'a dyn Bind]) -> impl rusqlite::Params + 'a {
    params_from_iter(args.iter().map(|a| *a as &dyn rusqlite::ToSql))
}

fn pg<'a>(args: &[&'a dyn Bind]) -> Vec<&'a (dyn postgres::types::ToSql + Sync)> {
    args.iter().map(|a| *a as &(dyn postgres::types::ToSql + Sync)).collect()
}

/// Whether `$1` first appears before `$2`, and so on without gaps, outside of quotes and comments.
fn numbered_in_order(sql: &str) -> bool {
    let (mut rest, mut highest) = (sql, 0);
    while let Some(at) = rest.find(['$', '\'', '"', '-', '/']) {
        let (mark, after) = rest[at..].split_at(1);
        rest = match (mark, after.as_bytes().first()) {
            ("'" | "\"", _) => after.split_once(mark).map_or("", |(_, rest)| rest),
            ("-", Some(b'-')) => after.split_once('\n').map_or("", |(_, rest)| rest),
            ("/", Some(b'*')) => after.split_once("*/").map_or("", |(_, rest)| rest),
            ("$", Some(b'0'..=b'9')) => {
                let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let number = after[..digits].parse().unwrap_or(usize::MAX);
                if number == 0 || number > highest + 1 {
                    return false;
                }
                highest = highest.max(number);
                &after[digits..]
            }
            _ => after,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_must_appear_in_the_order_of_their_numbers() {
        for good in [
            "",
            "select 1",
            "select $1, $2, $1, $3",
            "select '$2', \"$3\" from t where a = $1",
            "-- $2\nselect $1 /* $3 */",
            "select $1 - $2 / $3, 'it''s $9', $4",
            "select $1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$1",
        ] {
            assert!(numbered_in_order(good), "{good}");
        }
        for bad in ["select $2, $1", "select $1, $3", "select $0", "select '' || $2 || $1"] {
            assert!(!numbered_in_order(bad), "{bad}");
        }
    }
}
