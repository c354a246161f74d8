//! Long work that somebody asked for: what waits, who is at it, how far it has got, and what came of it.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::audit::{Actor, ActorKind};
use crate::clock::Timestamp;
use crate::ids::{OperationId, TenantId};
use crate::operations::{Kind, OperationProblem};
use crate::progress::Step;

use super::{Error, Json, Result, Row, Sql, Tx};

/// After every id that there can be, in any collation.
const AFTER_ALL: &str = "op_zzz";

/// Where an operation stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the words say it, and a schema of words alone names them all in its errors")]
pub enum State {
    Waiting,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] =
        [State::Waiting, State::Running, State::Succeeded, State::Failed, State::Cancelled];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more comes of it.
    pub const fn is_over(self) -> bool {
        matches!(self, State::Succeeded | State::Failed | State::Cancelled)
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(word: &str) -> Result<State> {
        let known = State::ALL.into_iter().find(|state| state.as_str() == word);
        known.ok_or_else(|| Error::Unexpected(format!("operations holds the unknown state {word}")))
    }
}

/// How far an operation has got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationProgress {
    /// Pieces done of the part that it is at.
    pub done: u64,
    /// Pieces there are; null while that is not known.
    pub total: Option<u64>,
    /// What is being done.
    pub says: String,
}

/// Long work that somebody asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its id, `op_…`.
    pub id: OperationId,
    /// Whose things it works on; null: the whole platform's.
    pub tenant_id: Option<TenantId>,
    /// What it does.
    pub kind: Kind,
    /// What it was told, with what was left out as it is meant then.
    pub parameters: Map<String, Value>,
    /// `waiting` and `running` go on by themselves; `succeeded`, `failed` and `cancelled` are for good.
    pub state: State,
    /// How far it has got; written at most once a second.
    pub progress: OperationProgress,
    /// Why it failed.
    pub problem: Option<OperationProblem>,
    /// Since when it is to be broken off. It may be done all the same.
    pub cancel_requested_at: Option<Timestamp>,
    /// The id of the user or key that asked for it.
    pub created_by: String,
    /// Raised by every change.
    pub revision: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it was over. It is forgotten 30 days later.
    pub ended_at: Option<Timestamp>,
    /// Who asked for it: what it changes is theirs in the audit.
    #[serde(skip)]
    pub actor: Actor,
    /// How often it was begun.
    #[serde(skip)]
    pub starts: i64,
}

macro_rules! columns {
    () => {
        "select id, tenant_id, kind, parameters, state, done, total, says, problem, cancel_requested_at, revision,
             created_at, started_at, ended_at, actor_kind, actor_id, actor_name, request_id, address, starts
         from operations "
    };
}

impl Operation {
    /// One that was just asked for.
    pub fn new(
        (kind, parameters): (Kind, Map<String, Value>),
        tenant_id: Option<TenantId>,
        actor: Actor,
        now: Timestamp,
    ) -> Operation {
        Operation {
            id: OperationId::new(now),
            tenant_id,
            kind,
            parameters,
            state: State::Waiting,
            progress: OperationProgress::default(),
            problem: None,
            cancel_requested_at: None,
            created_by: actor.label().to_owned(),
            revision: 1,
            created_at: now,
            started_at: None,
            ended_at: None,
            actor,
            starts: 0,
        }
    }

    fn from_row(row: &Row<'_>) -> Result<Operation> {
        let pieces = |number: i64| u64::try_from(number).unwrap_or(0);
        let (id, tenant_id, kind) = (row.get("id")?, row.get("tenant_id")?, row.get("kind")?);
        let parameters = row.get::<Json<_>>("parameters")?.0;
        let state = row.get("state")?;
        let progress = OperationProgress {
            done: pieces(row.get("done")?),
            total: row.get::<Option<i64>>("total")?.map(pieces),
            says: row.get("says")?,
        };
        let problem = row.get::<Option<Json<_>>>("problem")?.map(|Json(problem)| problem);
        let cancel_requested_at = row.get("cancel_requested_at")?;
        let (revision, created_at) = (row.get("revision")?, row.get("created_at")?);
        let (started_at, ended_at) = (row.get("started_at")?, row.get("ended_at")?);
        let actor_kind: String = row.get("actor_kind")?;
        let unknown = || Error::Unexpected(format!("operations holds the unknown actor {actor_kind}"));
        let actor = Actor {
            kind: ActorKind::parse(&actor_kind).ok_or_else(unknown)?,
            id: row.get("actor_id")?,
            name: row.get("actor_name")?,
            request_id: row.get("request_id")?,
            address: row.get("address")?,
        };
        let starts = row.get("starts")?;
        let created_by = actor.label().to_owned();
        Ok(Operation {
            id,
            tenant_id,
            kind,
            parameters,
            state,
            progress,
            problem,
            cancel_requested_at,
            created_by,
            revision,
            created_at,
            started_at,
            ended_at,
            actor,
            starts,
        })
    }
}

/// Of which kinds: a server leaves those alone that only a newer one knows.
pub type Kinds<'k> = &'k [Kind];

/// The kinds as `,one,other,`, which both engines can look into.
fn words(kinds: Kinds<'_>) -> String {
    let words: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    format!(",{},", words.join(","))
}

/// Adds one that waits; false where one of its kind is not over yet.
pub fn insert(tx: &mut Tx<'_>, operation: &Operation) -> Result<bool> {
    let actor = &operation.actor;
    let inserted = tx.execute(
        "insert into operations (id, tenant_id, kind, parameters, state, done, says, actor_kind, actor_id, actor_name,
             request_id, address, due_at, starts, revision, created_at)
         values ($1, $2, $3, $4, 'waiting', 0, '', $5, $6, $7, $8, $9, $10, 0, 1, $10)
         on conflict do nothing",
        &[
            &operation.id,
            &operation.tenant_id,
            &operation.kind,
            &Json(&operation.parameters),
            &actor.kind.as_str(),
            &actor.id,
            &actor.name,
            &actor.request_id,
            &actor.address,
            &operation.created_at,
        ],
    )?;
    Ok(inserted == 1)
}

/// The one of this kind that is not over yet.
pub fn open(tx: &mut Tx<'_>, kind: Kind, tenant: Option<&TenantId>) -> Result<Option<OperationId>> {
    tx.first(
        "select id from operations
         where due_at is not null and kind = $1 and coalesce(tenant_id, '') = coalesce(cast($2 as text), '')",
        &[&kind, &tenant],
        |row| row.get("id"),
    )
}

/// The operation with this id; of this tenant, if one is given.
pub fn by_id(
    tx: &mut Tx<'_>,
    scope: Option<&TenantId>,
    id: &OperationId,
    kinds: Kinds<'_>,
) -> Result<Option<Operation>> {
    tx.first(
        concat!(
            columns!(),
            "where id = $1 and (cast($2 as text) is null or tenant_id = $2)
             and cast($3 as text) like '%,' || kind || ',%'"
        ),
        &[id, &scope, &words(kinds)],
        Operation::from_row,
    )
}

/// The same, and nobody else changes it until the transaction ends.
pub fn locked(
    tx: &mut Tx<'_>,
    scope: Option<&TenantId>,
    id: &OperationId,
    kinds: Kinds<'_>,
) -> Result<Option<Operation>> {
    macro_rules! this_one {
        () => {
            "where id = $1 and (cast($2 as text) is null or tenant_id = $2)
             and cast($3 as text) like '%,' || kind || ',%'"
        };
    }
    let sql = Sql {
        sqlite: concat!(columns!(), this_one!()),
        postgres: concat!(columns!(), this_one!(), " for update"),
    };
    tx.first(sql, &[id, &scope, &words(kinds)], Operation::from_row)
}

/// What came of one that succeeded.
pub fn result(tx: &mut Tx<'_>, id: &OperationId) -> Result<Option<Value>> {
    let found = tx.first("select result from operations where id = $1", &[id], |row| {
        row.get::<Option<Json<Value>>>("result")
    })?;
    Ok(found.flatten().map(|Json(result)| result))
}

/// What a list is narrowed to.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// In this state.
    pub state: Option<State>,
}

/// Operations, newest first; those older than `before`.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &Filter,
    before: Option<&OperationId>,
    limit: i64,
) -> Result<Vec<Operation>> {
    tx.all(
        concat!(
            columns!(),
            "where (cast($1 as text) is null or tenant_id = $1) and cast($2 as text) like '%,' || kind || ',%'
             and (cast($3 as text) is null or state = $3) and id < $4
             order by id desc limit $5"
        ),
        &[
            &filter.tenant,
            &words(&filter.kinds),
            &filter.state,
            &before.map_or(AFTER_ALL, OperationId::as_str),
            &limit,
        ],
        Operation::from_row,
    )
}

/// Whether one is there to be begun.
pub fn is_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<bool> {
    let sql = "select 1 as one from operations
               where due_at <= $1 and cast($2 as text) like '%,' || kind || ',%' limit 1";
    Ok(tx.first(sql, &[&now, &words(Kind::ALL)], |_| Ok(()))?.is_some())
}

/// The one that is due first, held until the transaction ends.
pub fn due(tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Operation>> {
    macro_rules! due {
        () => {
            "where due_at <= $1 and cast($2 as text) like '%,' || kind || ',%' order by due_at, id limit 1"
        };
    }
    let sql = Sql {
        sqlite: concat!(columns!(), due!()),
        postgres: concat!(columns!(), due!(), " for update skip locked"),
    };
    tx.first(sql, &[&now, &words(Kind::ALL)], Operation::from_row)
}

/// Begins one, for whoever holds it until then.
pub fn begin(
    tx: &mut Tx<'_>,
    id: &OperationId,
    (holder, until): (&str, Timestamp),
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "update operations set state = 'running', done = 0, total = null, says = '', holder = $1, due_at = $2,
             starts = starts + 1, started_at = coalesce(started_at, $3), revision = revision + 1
         where id = $4",
        &[&holder, &until, &now, id],
    )?;
    Ok(())
}

/// Whether its holder still has it, and if so, whether it is to be broken off.
pub fn standing(tx: &mut Tx<'_>, id: &OperationId, holder: &str) -> Result<Option<bool>> {
    tx.first(
        "select cancel_requested_at from operations where id = $1 and holder = $2",
        &[id, &holder],
        |row| Ok(row.get::<Option<Timestamp>>("cancel_requested_at")?.is_some()),
    )
}

/// Says that its holder is still at it, and how far it has got; the same answer.
pub fn renew(
    tx: &mut Tx<'_>,
    id: &OperationId,
    (holder, until): (&str, Timestamp),
    step: &Step,
) -> Result<Option<bool>> {
    let (done, total) = pieces(step);
    tx.first(
        "update operations set due_at = $1, done = $2, total = $3, says = $4, revision = revision + 1
         where id = $5 and holder = $6 returning cancel_requested_at",
        &[&until, &done, &total, &step.says, id, &holder],
        |row| Ok(row.get::<Option<Timestamp>>("cancel_requested_at")?.is_some()),
    )
}

/// Lets go of one, to be begun again by anybody at `at`; with `uncounted`, as if it had not been begun this time.
pub fn give_back(
    tx: &mut Tx<'_>,
    id: &OperationId,
    holder: &str,
    at: Timestamp,
    uncounted: bool,
) -> Result<bool> {
    let given = tx.execute(
        "update operations set state = 'waiting', holder = null, due_at = $1, starts = starts - $2,
             revision = revision + 1
         where id = $3 and holder = $4",
        &[&at, &i64::from(uncounted), id, &holder],
    )?;
    Ok(given == 1)
}

/// How an operation ended.
#[derive(Clone, Debug)]
pub struct End {
    /// As what.
    pub state: State,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it failed.
    pub problem: Option<OperationProblem>,
    /// How far it had got; none: as far as was written.
    pub step: Option<Step>,
}

impl End {
    /// It was broken off.
    pub const CANCELLED: End = End { state: State::Cancelled, result: None, problem: None, step: None };

    /// It failed.
    pub const fn failed(problem: OperationProblem) -> End {
        End { state: State::Failed, result: None, problem: Some(problem), step: None }
    }
}

/// Ends one; false where it is over, or where a holder is named that has it no more.
pub fn end(
    tx: &mut Tx<'_>,
    id: &OperationId,
    holder: Option<&str>,
    end: &End,
    now: Timestamp,
) -> Result<bool> {
    let (done, total) = end.step.as_ref().map(pieces).unzip();
    let says = end.step.as_ref().map(|step| step.says.as_str());
    let ended = tx.execute(
        "update operations set state = $1, result = $2, problem = $3, done = coalesce($4, done),
             total = case when cast($4 as bigint) is null then total else $5 end, says = coalesce($6, says),
             ended_at = $7, due_at = null, holder = null, revision = revision + 1
         where id = $8 and due_at is not null and (cast($9 as text) is null or holder = $9)",
        &[
            &end.state,
            &end.result.as_ref().map(Json),
            &end.problem.as_ref().map(Json),
            &done,
            &total.flatten(),
            &says,
            &now,
            id,
            &holder,
        ],
    )?;
    Ok(ended == 1)
}

/// Has one that runs broken off by whoever is at it.
pub fn request_cancel(tx: &mut Tx<'_>, id: &OperationId, now: Timestamp) -> Result<()> {
    tx.execute(
        "update operations set cancel_requested_at = $1, revision = revision + 1
         where id = $2 and cancel_requested_at is null and due_at is not null",
        &[&now, id],
    )?;
    Ok(())
}

/// Whoever held one is gone: it may be begun again at once.
pub fn release(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    tx.execute("update operations set due_at = $1 where holder is not null", &[&now])
}

/// Forgets those that were over before `before`, at most `limit` of them; how many.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        "delete from operations where id in
             (select id from operations where ended_at < $1 order by ended_at limit $2)",
        &[&before, &limit],
    )
}

/// As the database counts.
fn pieces(step: &Step) -> (i64, Option<i64>) {
    let number = |pieces: u64| i64::try_from(pieces).unwrap_or(i64::MAX);
    (number(step.done), step.total.map(number))
}
