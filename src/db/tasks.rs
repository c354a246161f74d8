//! Follow-up tasks: what is to be done about a lead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::clock::Timestamp;
use crate::db::changes::{self, Kind};
use crate::events;
use crate::ids::{CallId, LeadId, TaskId, TenantId};

use super::{Error, Json, Result, Row, Sql, Tx};

/// Who makes the tasks that follow from calls.
const SWITCHBOARD: &str = "switchboard";
/// After every id that there can be, in any collation.
const AFTER_ALL: &str = "task_zzz";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(inline)]
        pub enum $name {
            $($(#[$each])* $variant,)+
        }

        impl $name {
            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }

            fn parse(word: &str) -> Result<$name> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err(Error::Unexpected(format!("tasks holds the unknown word {word}"))),
                }
            }
        }
    };
}

words! {
    /// What a task is about.
    #[expect(missing_docs, reason = "the words say it, and a schema of words alone names them all in its errors")]
    TaskKind {
        CallBack = "call_back",
        Other = "other",
    }
}

words! {
    /// Where a task stands.
    #[expect(missing_docs, reason = "the words say it, and a schema of words alone names them all in its errors")]
    TaskStatus {
        Open = "open",
        Snoozed = "snoozed",
        Done = "done",
    }
}

/// Something to be done about a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id, `task_…`.
    pub id: TaskId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Whom it is about.
    pub lead_id: LeadId,
    /// The missed call that it follows from; null for one that somebody made.
    pub call_id: Option<CallId>,
    /// `call_back` for one that follows from a missed call, else `other`.
    pub kind: TaskKind,
    /// What is to be done.
    pub title: String,
    /// `open`, `snoozed` or `done`. A snoozed task is open again by itself when its time comes.
    pub status: TaskStatus,
    /// When it is to be done.
    pub due_at: Timestamp,
    /// When it is open again; null unless it is snoozed.
    pub snoozed_until: Option<Timestamp>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// Who made it: the name of a user or key, or `switchboard`.
    pub created_by: String,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Task {
    /// A row as it is at this time.
    fn from_row(row: &Row<'_>, now: Timestamp) -> Result<Task> {
        let (kind, status): (String, String) = (row.get("kind")?, row.get("status")?);
        let mut task = Task {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            lead_id: row.get("lead_id")?,
            call_id: row.get("call_id")?,
            kind: TaskKind::parse(&kind)?,
            title: row.get("title")?,
            status: TaskStatus::parse(&status)?,
            due_at: row.get("due_at")?,
            snoozed_until: row.get("snoozed_until")?,
            done_at: row.get("done_at")?,
            created_by: row.get("created_by")?,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        };
        if task.status == TaskStatus::Snoozed && task.snoozed_until.is_none_or(|until| until <= now) {
            task.status = TaskStatus::Open;
            task.snoozed_until = None;
        }
        Ok(task)
    }
}

macro_rules! columns {
    () => {
        "id, tenant_id, lead_id, call_id, kind, title, status, due_at, snoozed_until, done_at, created_by, revision, \
         created_at, updated_at"
    };
}

/// Adds a task.
pub fn insert(tx: &mut Tx<'_>, task: &Task) -> Result<()> {
    add(tx, task).map(drop)
}

/// False where the lead has one to call back already.
fn add(tx: &mut Tx<'_>, task: &Task) -> Result<bool> {
    let added = tx.execute(
        concat!(
            "insert into tasks (",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing"
        ),
        &[
            &task.id,
            &task.tenant_id,
            &task.lead_id,
            &task.call_id,
            &task.kind.as_str(),
            &task.title,
            &task.status.as_str(),
            &task.due_at,
            &task.snoozed_until,
            &task.done_at,
            &task.created_by,
            &task.revision,
            &task.created_at,
            &task.updated_at,
        ],
    )?;
    if added == 0 {
        return Ok(false);
    }
    let what = (&task.id, task.revision, events::TASK_CREATED);
    changes::note(tx, Kind::Task, Some(&task.tenant_id), what, task.created_at)?;
    Ok(true)
}

/// A call was missed: its caller is to be called back, once however often that happens.
pub fn call_back(tx: &mut Tx<'_>, call: &Call, now: Timestamp) -> Result<()> {
    let tenant = call.decision.as_ref().and_then(|decision| decision.tenant.as_ref());
    let (Some(tenant), Some(lead)) = (tenant, &call.lead) else { return Ok(()) };
    let task = Task {
        id: TaskId::new(now),
        tenant_id: tenant.clone(),
        lead_id: lead.clone(),
        call_id: Some(call.id.clone()),
        kind: TaskKind::CallBack,
        title: "Call back".to_owned(),
        status: TaskStatus::Open,
        due_at: now,
        snoozed_until: None,
        done_at: None,
        created_by: SWITCHBOARD.to_owned(),
        revision: 1,
        created_at: now,
        updated_at: now,
    };
    add(tx, &task).map(drop)
}

/// A missed call turns out to have been answered: nobody need be called back for it, unless somebody has taken that up.
pub fn not_missed(tx: &mut Tx<'_>, call: &Call, now: Timestamp) -> Result<()> {
    let done = tx.all(
        "update tasks set status = 'done', done_at = $1, revision = revision + 1, updated_at = $1
         where lead_id = $2 and call_id = $3 and kind = 'call_back' and status = 'open' and revision = 1
         returning id, tenant_id, revision",
        &[&now, &call.lead, &call.id],
        |row| Ok((row.get::<TaskId>("id")?, row.get::<TenantId>("tenant_id")?, row.get("revision")?)),
    )?;
    done.iter().try_for_each(|(id, tenant, revision)| {
        changes::note(tx, Kind::Task, Some(tenant), (id, *revision), now)
    })
}

/// The task with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &TaskId, now: Timestamp) -> Result<Option<Task>> {
    tx.first(
        "select * from tasks where id = $1 and (cast($2 as text) is null or tenant_id = $2)",
        &[id, &scope],
        |row| Task::from_row(row, now),
    )
}

/// The tasks with these ids, snoozed ones as they were snoozed.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<Task>> {
    let sql = Sql {
        sqlite: "select * from tasks where id in (select value from json_each($1))",
        postgres: "select * from tasks where id in
                       (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))",
    };
    tx.all(sql, &[&Json(ids)], |row| Task::from_row(row, Timestamp::MIN))
}

/// The same, and nobody else changes it until this transaction ends.
pub fn for_update(
    tx: &mut Tx<'_>,
    scope: Option<&TenantId>,
    id: &TaskId,
    now: Timestamp,
) -> Result<Option<Task>> {
    let sql = Sql {
        sqlite: "select * from tasks where id = $1 and (cast($2 as text) is null or tenant_id = $2)",
        postgres: "select * from tasks where id = $1 and (cast($2 as text) is null or tenant_id = $2) for update",
    };
    tx.first(sql, &[id, &scope], |row| Task::from_row(row, now))
}

/// Keeps what people change of a task, as a new revision.
pub fn save(tx: &mut Tx<'_>, task: &Task, now: Timestamp) -> Result<Option<Task>> {
    tx.first(
        "update tasks set title = $1, status = $2, due_at = $3, snoozed_until = $4, done_at = $5,
             revision = revision + 1, updated_at = $6
         where id = $7 returning *",
        &[
            &task.title,
            &task.status.as_str(),
            &task.due_at,
            &task.snoozed_until,
            &task.done_at,
            &now,
            &task.id,
        ],
        |row| Task::from_row(row, now),
    )
}

/// The task by which this one's lead is to be called back already, where this one would be a second.
pub fn other_call_back(tx: &mut Tx<'_>, task: &Task) -> Result<Option<TaskId>> {
    if task.kind != TaskKind::CallBack || task.status == TaskStatus::Done {
        return Ok(None);
    }
    tx.first(
        "select id from tasks where lead_id = $1 and kind = 'call_back' and status <> 'done' and id <> $2",
        &[&task.lead_id, &task.id],
        |row| row.get("id"),
    )
}

/// What a list is narrowed to. What is not set does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant; none: of the whole platform.
    pub tenant: Option<TenantId>,
    /// About this lead.
    pub lead: Option<LeadId>,
    /// Due before this time.
    pub due_before: Option<Timestamp>,
}

macro_rules! narrowed {
    ($tenant:literal, $lead:literal) => {
        concat!($tenant, " and ", $lead, " and (cast($3 as bigint) is null or due_at < $3)")
    };
}

/// One text for each way in, so that each finds its rows by an index.
macro_rules! by_way {
    ($filter:expr, $query:ident) => {
        match (&$filter.tenant, &$filter.lead) {
            (Some(_), None) => $query!("tenant_id = $1", "cast($2 as text) is null"),
            (Some(_), Some(_)) => $query!("tenant_id = $1", "lead_id = $2"),
            (None, None) => $query!("cast($1 as text) is null", "cast($2 as text) is null"),
            (None, Some(_)) => $query!("cast($1 as text) is null", "lead_id = $2"),
        }
    };
}

macro_rules! newest {
    ($tenant:literal, $lead:literal) => {
        concat!(
            "select * from tasks where ",
            narrowed!($tenant, $lead),
            " and (cast($4 as text) is null or status = $4) and id < $5 order by id desc limit $6"
        )
    };
}

/// Tasks of any status, or those that are done: newest first; those older than `before`.
pub fn newest(
    tx: &mut Tx<'_>,
    filter: &Filter,
    status: Option<TaskStatus>,
    before: Option<&TaskId>,
    (now, limit): (Timestamp, i64),
) -> Result<Vec<Task>> {
    tx.all(
        by_way!(filter, newest),
        &[
            &filter.tenant,
            &filter.lead,
            &filter.due_before,
            &status.map(TaskStatus::as_str),
            &before.map_or(AFTER_ALL, TaskId::as_str),
            &limit,
        ],
        |row| Task::from_row(row, now),
    )
}

macro_rules! in_status {
    ($which:literal, $tenant:literal, $lead:literal) => {
        concat!(
            "select * from (select * from tasks where ",
            narrowed!($tenant, $lead),
            " and ",
            $which,
            " and (due_at, id) > ($5, $6) order by due_at, id limit $7) as part"
        )
    };
}

macro_rules! open {
    ($tenant:literal, $lead:literal) => {
        concat!(
            in_status!("status = 'snoozed' and snoozed_until <= $4", $tenant, $lead),
            " union all ",
            in_status!("status = 'open'", $tenant, $lead),
            " order by due_at, id limit $7"
        )
    };
}

macro_rules! snoozed {
    ($tenant:literal, $lead:literal) => {
        concat!(
            in_status!("status = 'snoozed' and snoozed_until > $4", $tenant, $lead),
            " order by due_at, id"
        )
    };
}

/// Tasks that are open now, or those that are snoozed: what is due first is first; those after `after`.
pub fn due(
    tx: &mut Tx<'_>,
    filter: &Filter,
    snoozed: bool,
    after: Option<&(Timestamp, TaskId)>,
    (now, limit): (Timestamp, i64),
) -> Result<Vec<Task>> {
    let (due_at, id) = after.map_or((Timestamp::MIN, ""), |(due_at, id)| (*due_at, id.as_str()));
    let sql = if snoozed { by_way!(filter, snoozed) } else { by_way!(filter, open) };
    tx.all(sql, &[&filter.tenant, &filter.lead, &filter.due_before, &now, &due_at, &id, &limit], |row| {
        Task::from_row(row, now)
    })
}
