//! Reading what analytics add up. SQLite hands over call by call from one index that has all of it; PostgreSQL, where
//! every row that is handed over costs more, counts calls of one group and end together and sends their times in one
//! value.

use crate::analytics::{Batch, Figures, Groups, Key, One, millis_between};
use crate::call::{EndReason, Status};
use crate::clock::Timestamp;
use crate::ids::{CampaignId, NumberId, TenantId};

use super::{Bind, Engine, Error, Json, Result, Row, Sql, Tx};

/// Which calls are added up, and how.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of this tenant; none: of the whole platform.
    pub tenant: Option<TenantId>,
    /// That rang at this time or later.
    pub since: Timestamp,
    /// That rang before this time.
    pub until: Timestamp,
    /// To this number.
    pub number: Option<NumberId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// That this agent has, or was to have.
    pub agent: Option<String>,
    /// What they are grouped by.
    pub by: By,
}

/// What calls are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Stretches of time that follow one another; each given by when it begins.
    Time(Vec<Timestamp>),
    /// The number that was dialled.
    Number,
    /// The campaign.
    Campaign,
    /// The agent.
    Agent,
    /// Why they ended.
    EndReason,
    /// Where they stand.
    Status,
    /// Nothing: there are no groups.
    Nothing,
}

impl By {
    /// The column that says which group a call is in.
    const fn column(&self) -> Column {
        match self {
            By::Number => Column::Number,
            By::Campaign => Column::Campaign,
            By::Agent => Column::Agent,
            By::Time(_) | By::EndReason | By::Status | By::Nothing => Column::None,
        }
    }
}

#[derive(Copy, Clone)]
enum Column {
    Number,
    Campaign,
    Agent,
    None,
}

/// What was asked for besides the tenant.
macro_rules! narrowed {
    ($rang_at:literal, $since:literal, $until:literal, $number:literal, $campaign:literal, $agent:literal) => {
        concat!(
            " where ",
            $rang_at,
            " >= ",
            $since,
            " and ",
            $rang_at,
            " < ",
            $until,
            " and (cast(",
            $number,
            " as text) is null or number_id = ",
            $number,
            ")
             and (cast(",
            $campaign,
            " as text) is null or campaign_id = ",
            $campaign,
            ")
             and (cast(",
            $agent,
            " as text) is null or agent = ",
            $agent,
            ")"
        )
    };
}

/// Call by call; `$6` is the tenant, where it is one's.
macro_rules! each {
    ($key:literal, $from:literal, $and:literal) => {
        concat!(
            "select rang_at, end_reason, answered_at, duration, decided_at, ",
            $key,
            " as name from ",
            $from,
            narrowed!("rang_at", "$1", "$2", "$3", "$4", "$5"),
            $and
        )
    };
}

macro_rules! ended {
    ($key:literal, $of_tenant:expr) => {
        if $of_tenant {
            each!($key, "calls indexed by calls_figures", " and tenant_id = $6 and end_reason is not null")
        } else {
            each!(
                $key,
                "calls indexed by calls_time",
                " and cast($6 as text) is null and end_reason is not null"
            )
        }
    };
}

macro_rules! open {
    ($key:literal, $of_tenant:expr) => {
        if $of_tenant {
            Sql {
                sqlite: each!(
                    $key,
                    "calls indexed by calls_open_tenant",
                    " and tenant_id = $6 and ended_at is null"
                ),
                postgres: each!($key, "calls", " and tenant_id = $6 and ended_at is null"),
            }
        } else {
            Sql {
                sqlite: each!(
                    $key,
                    "calls indexed by calls_open_tenant",
                    " and cast($6 as text) is null and ended_at is null"
                ),
                postgres: each!($key, "calls", " and cast($6 as text) is null and ended_at is null"),
            }
        }
    };
}

/// Counted together, on PostgreSQL: by stretches of `$2` after `$1`, see [`Grid`]. Both times of a call are sent in
/// eight bytes, see [`times`].
macro_rules! counted {
    ($key:literal, $and:literal) => {
        concat!(
            "select ", $key, " as name, (rang_at - $1) / $2 as slot, end_reason,
                 cast(coalesce(sum(duration) filter (where answered_at is not null), 0) as bigint) as talked,
                 string_agg(int8send(
                     (case when decided_at is null then 0
                         else least(greatest(decided_at - rang_at, 0) / 1000, 2147483646) + 1 end << 32)
                     + case when answered_at is null then 0
                         else least(greatest(answered_at - rang_at, 0) / 1000, 2147483646) + 1 end), ''::bytea) as times
             from calls", narrowed!("rang_at + 0", "$3", "$4", "$5", "$6", "$7"), $and,
            " and end_reason is not null group by 1, 2, 3"
        )
    };
}

macro_rules! counted_of {
    ($key:literal, $of_tenant:expr) => {
        if $of_tenant {
            counted!($key, " and tenant_id = $8")
        } else {
            counted!($key, " and cast($8 as text) is null")
        }
    };
}

/// All figures, by group.
pub fn read(tx: &mut Tx<'_>, question: &Question) -> Result<Groups> {
    let mut groups = Groups::new();
    each(tx, question, open_text(question), &mut groups)?;
    match tx.engine() {
        Engine::Sqlite => each(tx, question, ended_text(question).into(), &mut groups)?,
        Engine::Postgres => counted(tx, question, &mut groups)?,
    }
    Ok(groups)
}

fn open_text(question: &Question) -> Sql {
    let of_tenant = question.tenant.is_some();
    match question.by.column() {
        Column::Number => open!("number_id", of_tenant),
        Column::Campaign => open!("campaign_id", of_tenant),
        Column::Agent => open!("agent", of_tenant),
        Column::None => open!("cast(null as text)", of_tenant),
    }
}

/// For SQLite.
pub(super) fn ended_text(question: &Question) -> &'static str {
    let of_tenant = question.tenant.is_some();
    match question.by.column() {
        Column::Number => ended!("number_id", of_tenant),
        Column::Campaign => ended!("campaign_id", of_tenant),
        Column::Agent => ended!("agent", of_tenant),
        Column::None => ended!("cast(null as text)", of_tenant),
    }
}

/// For PostgreSQL.
pub(super) fn counted_text(question: &Question) -> &'static str {
    let of_tenant = question.tenant.is_some();
    match question.by.column() {
        Column::Number => counted_of!("number_id", of_tenant),
        Column::Campaign => counted_of!("campaign_id", of_tenant),
        Column::Agent => counted_of!("agent", of_tenant),
        Column::None => counted_of!("cast(null as text)", of_tenant),
    }
}

fn each(tx: &mut Tx<'_>, question: &Question, sql: Sql, groups: &mut Groups) -> Result<()> {
    let Question { tenant, since, until, number, campaign, agent, by } = question;
    let mut last = LastSlot::default();
    tx.each(sql, &[since, until, number, campaign, agent, tenant], |row| {
        let rang_at: i64 = row.get("rang_at")?;
        let after = |at: Option<i64>| at.map(|at| millis_between(rang_at, at));
        let call = One {
            end_reason: row.get("end_reason")?,
            talked: row.get::<Option<i64>>("duration")?.unwrap_or(0),
            to_decision: after(row.get("decided_at")?),
            to_answer: after(row.get("answered_at")?),
        };
        let key = match by {
            By::Time(starts) => Key::Slot(last.of(starts, rang_at)),
            _ => key(by, row, 0, call.end_reason, call.to_answer.is_some())?,
        };
        groups.entry(key).or_default().add_one(&call);
        Ok(())
    })
}

/// The stretch of time that was found last: calls come nearly in the order in which they rang.
#[derive(Default)]
struct LastSlot(usize);

impl LastSlot {
    fn of(&mut self, starts: &[Timestamp], rang_at: i64) -> usize {
        let begun = self.0.checked_sub(1).and_then(|before| starts.get(before));
        let is_it = begun.is_some_and(|start| start.micros() <= rang_at)
            && starts.get(self.0).is_none_or(|next| rang_at < next.micros());
        if !is_it {
            self.0 = slot(starts, rang_at);
        }
        self.0
    }
}

/// The planner takes every call for a group of its own, and would sort them all to find out; hashed, they take two thirds
/// of the time. To compile the statement would take longer than it saves.
const HASHED: &str = "select set_config('enable_sort', 'off', true), set_config('work_mem', '64MB', true),
                          set_config('jit', 'off', true)";

fn counted(tx: &mut Tx<'_>, question: &Question, groups: &mut Groups) -> Result<()> {
    tx.first(HASHED, &[], |_| Ok(()))?;
    let Question { tenant, since, until, number, campaign, agent, by } = question;
    let grid = Grid::of(question);
    let args: &[&dyn Bind] = &[&grid.from, &grid.step, since, until, number, campaign, agent, tenant];
    tx.each(counted_text(question), args, |row| {
        let (end_reason, talked, packed): (_, _, Vec<u8>) =
            (row.get("end_reason")?, row.get("talked")?, row.get("times")?);
        let times = times(&packed)?;
        let calls = count(times.len());
        let (mut to_decision, mut to_answer) =
            (Vec::with_capacity(times.len()), Vec::with_capacity(times.len()));
        for (decided, answered) in times {
            to_decision.extend(decided);
            to_answer.extend(answered);
        }
        let answered = count(to_answer.len());
        let batch = Batch { end_reason, calls, answered, talked, to_decision, to_answer };
        let slot = match by {
            By::Time(starts) => grid.slot(starts, row.get("slot")?),
            _ => 0,
        };
        groups.entry(key(by, row, slot, batch.end_reason, false)?).or_default().add(&batch);
        Ok(())
    })
}

/// Which of the stretches of time that begin at these moments one is in.
pub(super) fn slot(starts: &[Timestamp], micros: i64) -> usize {
    starts.partition_point(|start| start.micros() <= micros)
}

fn count(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

/// Equal stretches of time, none of which two stretches of a question share: to divide is all that PostgreSQL has to do
/// to find a call's. Days are of 24 hours but for two of a year; the stretches are of an hour then.
pub(super) struct Grid {
    since: i64,
    from: i64,
    step: i64,
}

impl Grid {
    pub(super) fn of(question: &Question) -> Grid {
        let since = question.since.micros();
        let starts: Vec<i64> = match &question.by {
            By::Time(starts) => {
                starts.iter().map(|start| start.micros()).filter(|start| *start > since).collect()
            }
            _ => Vec::new(),
        };
        let step = starts.windows(2).fold(0, |step, two| greatest_common_divisor(step, two[1] - two[0]));
        // One stretch, or two: any step does that leads from the one to the other.
        let step = if step == 0 { i64::MAX / 4 } else { step };
        // At or before what is asked for, as division rounds towards nought.
        let from = starts.first().map_or(since, |first| since - (since - first).rem_euclid(step));
        Grid { since, from, step }
    }

    /// The number that PostgreSQL gives this moment.
    #[cfg(test)]
    pub(super) fn number(&self, micros: i64) -> i64 {
        (micros - self.from) / self.step
    }

    /// The stretch of the question that this one of the grid is in.
    pub(super) fn slot(&self, starts: &[Timestamp], number: i64) -> usize {
        let begins = self.from.saturating_add(number.saturating_mul(self.step));
        slot(starts, begins.max(self.since))
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn key(by: &By, row: &Row<'_>, slot: usize, reason: Option<EndReason>, answered: bool) -> Result<Key> {
    Ok(match by {
        By::Time(_) => Key::Slot(slot),
        By::Number | By::Campaign | By::Agent => Key::Text(row.get("name")?),
        By::EndReason => Key::EndReason(reason),
        By::Status => Key::Status(match reason {
            Some(reason) => reason.status(),
            None if answered => Status::InProgress,
            None => Status::Ringing,
        }),
        By::Nothing => Key::Text(None),
    })
}

/// The milliseconds from ring to decision and from ring to answer of each call, in four bytes each, the highest first,
/// and one more than it took: nought is never. What took longer than 24 days is cut to that.
fn times(bytes: &[u8]) -> Result<impl ExactSizeIterator<Item = (Option<i64>, Option<i64>)>> {
    let (calls, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(Error::Unexpected("times that were added up are cut off".into()));
    }
    let millis = |bytes: [u8; 4]| u32::from_be_bytes(bytes).checked_sub(1).map(i64::from);
    Ok(calls.iter().map(move |[a, b, c, d, e, f, g, h]| (millis([*a, *b, *c, *d]), millis([*e, *f, *g, *h]))))
}

/// How a tenant's clock on the wall is set; none where there is no such tenant.
pub fn time_zone(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Option<String>> {
    let sql = "select time_zone from tenants where id = $1 and archived_at is null";
    tx.first(sql, &[tenant], |row| row.get("time_zone"))
}

/// What the things with these ids are called: numbers in E.164, campaigns by their names. Also those that are archived.
pub fn names(
    tx: &mut Tx<'_>,
    by: &By,
    ids: &[&str],
    tenant: Option<&TenantId>,
) -> Result<Vec<(String, String)>> {
    macro_rules! named {
        ($ids:literal, $column:literal, $table:literal) => {
            concat!(
                "select id, ",
                $column,
                " as name from ",
                $table,
                " where id in (",
                $ids,
                ") and (cast($2 as text) is null or tenant_id = $2)"
            )
        };
    }
    macro_rules! either {
        ($column:literal, $table:literal) => {
            Sql {
                sqlite: named!("select value from json_each($1)", $column, $table),
                postgres: named!(
                    "select json_array_elements_text(cast(cast($1 as text) as json))",
                    $column,
                    $table
                ),
            }
        };
    }
    let sql = match by {
        By::Number => either!("number", "phone_numbers"),
        By::Campaign => either!("name", "campaigns"),
        _ => return Ok(Vec::new()),
    };
    tx.all(sql, &[&Json(ids), &tenant], |row| Ok((row.get("id")?, row.get("name")?)))
}

/// What all groups come to together.
pub fn total(groups: &Groups) -> Figures {
    let mut total = Figures::default();
    groups.values().for_each(|figures| total.merge(figures));
    total
}
