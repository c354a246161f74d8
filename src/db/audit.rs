//! The audit: rows are added, and only an erasure ever blanks one. The database itself refuses all else.

use std::borrow::Borrow;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::audit::{Actor, ActorKind, Entry};
use crate::clock::Timestamp;
use crate::ids::{AuditId, TenantId};

use super::{Error, Json, Result, Row, Sql, Tx};

/// Rows written by one statement.
const AT_ONCE: usize = 500;

macro_rules! insert {
    ($rows:literal) => {
        concat!(
            "insert into audit (at, actor_kind, actor_id, actor_name, request_id, address, id, tenant_id, action,
                 subject_kind, subject_id, before, after)
             select $1, $2, $3, $4, $5, $6, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                 value ->> 5, value ->> 6
             from ",
            $rows
        )
    };
}

/// Adds entries of one actor, which stay in this order: each has an id a microsecond later than the one before.
pub fn insert<'e>(
    tx: &mut Tx<'_>,
    actor: &Actor,
    entries: impl IntoIterator<Item = impl Borrow<Entry<'e>>>,
    now: Timestamp,
) -> Result<()> {
    let sql = Sql {
        sqlite: insert!("json_each($7)"),
        postgres: insert!("jsonb_array_elements(cast(cast($7 as text) as jsonb)) as each (value)"),
    };
    let mut entries = entries.into_iter();
    let mut next = now;
    loop {
        let some: Vec<_> = entries.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = some.iter().map(|entry| row(entry.borrow(), &mut next)).collect();
        tx.execute(
            sql,
            &[
                &now,
                &actor.kind.as_str(),
                &actor.id,
                &actor.name,
                &actor.request_id,
                &actor.address,
                &Json(rows),
            ],
        )?;
    }
}

fn row<'e>(entry: &'e Entry<'_>, next: &mut Timestamp) -> impl Serialize + use<'e> {
    let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
    let id = AuditId::new(*next);
    *next = next.saturating_add(Duration::from_micros(1));
    let (kind, subject) = entry.subject;
    (id, entry.tenant, entry.action, kind, subject, text(&entry.before), text(&entry.after))
}

/// An entry as it is kept.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Kept {
    pub id: AuditId,
    pub tenant: Option<TenantId>,
    pub at: Timestamp,
    pub actor: Actor,
    pub action: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub erased_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "select id, tenant_id, at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, before, after,
             request_id, address, erased_at
         from audit "
    };
}

/// The entry with this id; of this tenant, if one is given. What is no tenant's is the platform's alone.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &AuditId) -> Result<Option<Kept>> {
    tx.first(
        concat!(columns!(), "where id = $1 and (cast($2 as text) is null or tenant_id = $2)"),
        &[id, &scope],
        kept,
    )
}

/// What a list of entries is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant; none: of all, and the platform's own.
    pub tenant: Option<TenantId>,
    /// By whoever has this id.
    pub actor: Option<String>,
    /// This action, or, when it ends in a dot, all that begin with it: `agent.`.
    pub action: Option<String>,
    /// Done to a thing of this kind.
    pub subject_kind: Option<String>,
    /// Done to the thing with this id.
    pub subject: Option<String>,
    /// In this request.
    pub request: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// A list that is found by one index: `$key` narrows it with `$1`, all else is looked at row by row. Every id begins with
/// an `a`, so that all of them come before `b`, where the index begins without a cursor.
macro_rules! listed {
    ($key:literal) => {
        concat!(
            columns!(),
            "where ",
            $key,
            " and (cast($2 as text) is null or tenant_id = $2) and (cast($3 as text) is null or actor_id = $3)
             and (cast($4 as text) is null or action = $4)
             and (cast($5 as text) is null or substr(action, 1, length(cast($5 as text))) = $5)
             and (cast($6 as text) is null or subject_kind = $6) and (cast($7 as text) is null or subject_id = $7)
             and (cast($8 as text) is null or request_id = $8) and (cast($9 as bigint) is null or at >= $9)
             and (cast($10 as bigint) is null or at < $10) and id < coalesce(cast($11 as text), 'b')
             order by id desc limit $12"
        )
    };
}

/// Entries, newest first; those older than `before`.
pub fn list(tx: &mut Tx<'_>, filter: &Filter, before: Option<&AuditId>, limit: i64) -> Result<Vec<Kept>> {
    let (tenant, actor) = (filter.tenant.as_deref(), filter.actor.as_deref());
    let (subject, request) = (filter.subject.as_deref(), filter.request.as_deref());
    let (sql, key) = match (request, subject, actor, tenant) {
        (Some(request), ..) => (listed!("request_id = $1"), Some(request)),
        (_, Some(subject), ..) => (listed!("subject_id = $1"), Some(subject)),
        (_, _, Some(actor), _) => (listed!("actor_id = $1"), Some(actor)),
        (.., Some(tenant)) => (listed!("tenant_id = $1"), Some(tenant)),
        _ => (listed!("cast($1 as text) is null"), None),
    };
    let is_prefix = |action: &&str| action.ends_with('.');
    let action = filter.action.as_deref().filter(|action| !is_prefix(action));
    let prefix = filter.action.as_deref().filter(is_prefix);
    tx.all(
        sql,
        &[
            &key,
            &tenant,
            &actor,
            &action,
            &prefix,
            &filter.subject_kind,
            &subject,
            &request,
            &filter.since,
            &filter.until,
            &before,
            &limit,
        ],
        kept,
    )
}

fn kept(row: &Row<'_>) -> Result<Kept> {
    let kind: String = row.get("actor_kind")?;
    let kind = ActorKind::parse(&kind)
        .ok_or_else(|| Error::Unexpected(format!("the audit holds the unknown word {kind}")))?;
    let json = |name| -> Result<Option<Value>> {
        Ok(row.get::<Option<Json<Value>>>(name)?.map(|Json(value)| value))
    };
    Ok(Kept {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        at: row.get("at")?,
        actor: Actor {
            kind,
            id: row.get("actor_id")?,
            name: row.get("actor_name")?,
            request_id: row.get("request_id")?,
            address: row.get("address")?,
        },
        action: row.get("action")?,
        subject_kind: row.get("subject_kind")?,
        subject_id: row.get("subject_id")?,
        before: json("before")?,
        after: json("after")?,
        erased_at: row.get("erased_at")?,
    })
}
