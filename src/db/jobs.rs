//! Work that outlives a request. A job is due at a time; whoever takes it holds it by a lease, so that one left
//! behind by a crash is taken by somebody else seconds later.

use std::time::Duration;

use crate::clock::Timestamp;

use super::{Result, Sql, Tx};

/// How long a job is held without a sign of life. Longer than any single request its holder makes.
pub const LEASE: Duration = Duration::from_secs(5);

/// What a job is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Name<'n> {
    /// What has to be done.
    pub kind: &'static str,
    /// To what.
    pub subject: &'n str,
}

/// A job that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who holds it.
    pub holder: String,
    /// Raised by every wish that came meanwhile.
    pub version: i64,
}

/// When a job has to run next.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// At once, by whoever asks.
    Now,
    /// At this time.
    At(Timestamp),
    /// Never again.
    Never,
}

/// Plans a job from outside of it. With [`Plan::Now`] the caller gets to hold it, unless somebody does already:
/// that one sees the raised version and goes round again.
pub fn plan(
    tx: &mut Tx<'_>,
    name: Name<'_>,
    plan: Plan,
    holder: &str,
    now: Timestamp,
) -> Result<Option<Held>> {
    let (due, takes): (Timestamp, Option<&str>) = match plan {
        Plan::Now => (now.saturating_add(LEASE), Some(holder)),
        Plan::At(at) => (at, None),
        Plan::Never => {
            let gone = tx.execute(
                "delete from jobs where kind = $1 and subject = $2 and (holder is null or due_at <= $3)",
                &[&name.kind, &name.subject, &now],
            )?;
            if gone == 0 {
                tx.execute(
                    "update jobs set version = version + 1 where kind = $1 and subject = $2",
                    &[&name.kind, &name.subject],
                )?;
            }
            return Ok(None);
        }
    };
    let held = tx.first(
        "insert into jobs (kind, subject, due_at, holder, version, failures) values ($1, $2, $3, $4, 1, 0)
         on conflict (kind, subject) do update set version = jobs.version + 1,
             due_at = case when jobs.holder is null or jobs.due_at <= $5 then excluded.due_at else jobs.due_at end,
             holder = case when jobs.holder is null or jobs.due_at <= $5 then excluded.holder else jobs.holder end
         returning holder, version",
        &[&name.kind, &name.subject, &due, &takes, &now],
        |row| Ok((row.get::<Option<String>>("holder")?, row.get("version")?)),
    )?;
    Ok(held.and_then(|(by, version)| {
        (takes.is_some() && by.as_deref() == takes).then(|| Held { holder: holder.to_owned(), version })
    }))
}

/// Takes jobs of a kind that are due; subject, hold, and when each was due.
pub fn take(
    tx: &mut Tx<'_>,
    kind: &'static str,
    holder: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(String, Held, Timestamp)>> {
    let due = Sql {
        sqlite: "select subject, due_at, version from jobs
                 where kind = $1 and due_at <= $2 order by due_at limit $3",
        postgres: "select subject, due_at, version from jobs
                   where kind = $1 and due_at <= $2 order by due_at limit $3 for update skip locked",
    };
    let due: Vec<(String, Timestamp, i64)> = tx.all(due, &[&kind, &now, &limit], |row| {
        Ok((row.get("subject")?, row.get("due_at")?, row.get("version")?))
    })?;
    let mut taken = Vec::with_capacity(due.len());
    for (subject, due_at, version) in due {
        tx.execute(
            "update jobs set due_at = $1, holder = $2 where kind = $3 and subject = $4",
            &[&now.saturating_add(LEASE), &holder, &kind, &subject],
        )?;
        taken.push((subject, Held { holder: holder.to_owned(), version }, due_at));
    }
    Ok(taken)
}

/// Says that the holder is still at it; the version as it is now, none if somebody else has taken over.
pub fn renew(tx: &mut Tx<'_>, name: Name<'_>, holder: &str, now: Timestamp) -> Result<Option<i64>> {
    tx.first(
        "update jobs set due_at = $1 where kind = $2 and subject = $3 and holder = $4 returning version",
        &[&now.saturating_add(LEASE), &name.kind, &name.subject, &holder],
        |row| row.get("version"),
    )
}

/// Lets go of a job; false if there was a wish meanwhile (or it is held by somebody else): look again.
pub fn let_go(tx: &mut Tx<'_>, name: Name<'_>, held: &Held, plan: Plan, failed: bool) -> Result<bool> {
    let done = match plan {
        Plan::Never => tx.execute(
            "delete from jobs where kind = $1 and subject = $2 and holder = $3 and version = $4",
            &[&name.kind, &name.subject, &held.holder, &held.version],
        )?,
        Plan::Now | Plan::At(_) => {
            let at = if let Plan::At(at) = plan { at } else { Timestamp::MIN };
            tx.execute(
                "update jobs set due_at = $1, holder = null, failures = case when cast($2 as bigint) = 1 then failures + 1 else 0 end
                 where kind = $3 and subject = $4 and holder = $5 and version = $6",
                &[&at, &i64::from(failed), &name.kind, &name.subject, &held.holder, &held.version],
            )?
        }
    };
    Ok(done == 1)
}

/// How often a job has failed in a row.
pub fn failures(tx: &mut Tx<'_>, name: Name<'_>) -> Result<i64> {
    let failures = tx.first(
        "select failures from jobs where kind = $1 and subject = $2",
        &[&name.kind, &name.subject],
        |row| row.get("failures"),
    )?;
    Ok(failures.unwrap_or(0))
}

/// When the next job of a kind is due.
pub fn next_due(tx: &mut Tx<'_>, kind: &'static str) -> Result<Option<Timestamp>> {
    tx.first("select due_at from jobs where kind = $1 order by due_at limit 1", &[&kind], |row| {
        row.get("due_at")
    })
}

/// Jobs waiting, and those of them that are more than `late` overdue.
pub fn counts(tx: &mut Tx<'_>, now: Timestamp, late: Duration) -> Result<(i64, i64)> {
    let count = tx.first(
        "select count(*) as waiting, coalesce(sum(case when due_at < $1 then 1 else 0 end), 0) as late
         from jobs where due_at <= $2",
        &[&now.saturating_sub(late), &now],
        |row| Ok((row.get("waiting")?, row.get::<i64>("late")?)),
    )?;
    Ok(count.unwrap_or((0, 0)))
}
