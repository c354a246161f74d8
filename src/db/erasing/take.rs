//! Looks through every text that a tenant has, a portion at a time, and takes out of it in place what is looked for.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::db::changes::{self, Kind};
use crate::db::{Bind, Result, Row, Sql, Tx};
use crate::erase::texts;
use crate::ids::{self, LeadId};

use super::{Counts, Scope};

/// Rows looked through at once: small ones, and those with bodies in them.
const SMALL: i64 = 10_000;
const LARGE: i64 = 2_000;

/// A table with texts in it that may be about a caller.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the tables")]
pub enum Table {
    Facts,
    CallKeys,
    Calls,
    Leads,
    LeadNotes,
    Tasks,
    Audit,
    WebhookEvents,
    Deliveries,
    DeliveryAttempts,
    IdempotencyKeys,
}

impl Table {
    /// Every one.
    pub const ALL: [Table; 11] = [
        Table::Facts,
        Table::CallKeys,
        Table::Calls,
        Table::Leads,
        Table::LeadNotes,
        Table::Tasks,
        Table::Audit,
        Table::WebhookEvents,
        Table::Deliveries,
        Table::DeliveryAttempts,
        Table::IdempotencyKeys,
    ];

    /// Those that are still written to about calls which are over.
    pub const LATE: [Table; 3] = [Table::WebhookEvents, Table::Deliveries, Table::DeliveryAttempts];

    /// Where its rows are counted.
    pub fn count(self, counts: &mut Counts) -> &mut i64 {
        match self {
            Table::Facts => &mut counts.facts,
            Table::CallKeys => &mut counts.call_keys,
            Table::Calls => &mut counts.calls,
            Table::Leads => &mut counts.leads,
            Table::LeadNotes => &mut counts.notes,
            Table::Tasks => &mut counts.tasks,
            Table::Audit => &mut counts.audit_entries,
            Table::WebhookEvents => &mut counts.webhook_events,
            Table::Deliveries | Table::DeliveryAttempts => &mut counts.deliveries,
            Table::IdempotencyKeys => &mut counts.kept_answers,
        }
    }
}

/// Where a row stands in the order in which its table is looked through.
#[derive(Clone, Debug)]
pub struct Key {
    at: Timestamp,
    n: i64,
    text: [String; 3],
}

impl Default for Key {
    /// Before every row.
    fn default() -> Key {
        Key { at: Timestamp::MIN, n: i64::MIN, text: Default::default() }
    }
}

impl Key {
    fn named(text: [String; 3]) -> Key {
        Key { text, ..Key::default() }
    }
}

/// Some rows that were looked through.
#[derive(Debug, Default)]
pub struct Portion {
    /// Those that may have something in them.
    pub found: Vec<Key>,
    /// Where to go on; none at the end.
    pub next: Option<Key>,
}

/// Looks through a portion of a table after `after`.
pub fn look(tx: &mut Tx<'_>, table: Table, scope: &Scope, after: &Key) -> Result<Portion> {
    let (tenant, [a, b, c]) = (&scope.tenant, &after.text);
    let by_id = |row: &Row<'_>| Ok(Key::named([row.get("id")?, String::new(), String::new()]));
    match table {
        Table::Facts => facts(tx, scope, after),
        Table::CallKeys => {
            let sql = "select project, kind, value from call_keys where (project, kind, value) > ($1, $2, $3)
                       order by project, kind, value limit $4";
            let key =
                |row: &Row<'_>| Ok(Key::named([row.get("project")?, row.get("kind")?, row.get("value")?]));
            through(tx, scope, (sql, &[a, b, c, &SMALL]), &["value"], key)
        }
        Table::Calls => {
            let sql = "select rang_at, id, call_sid, room_name, agent, ring, evidence, decision, attendance, note,
                           tags, outcome, analysis
                       from calls where tenant_id = $1 and (rang_at, id) > ($2, $3) order by rang_at, id limit $4";
            let key = |row: &Row<'_>| Ok(Key { at: row.get("rang_at")?, ..by_id(row)? });
            through(tx, scope, (sql, &[tenant, &after.at, a, &LARGE]), &CALL_TEXTS.map(|text| text.0), key)
        }
        Table::DeliveryAttempts => {
            let sql = "select delivery_id, attempt, error, response from delivery_attempts
                       where (delivery_id, attempt) > ($1, $2) order by delivery_id, attempt limit $3";
            let key = |row: &Row<'_>| {
                let text = [row.get("delivery_id")?, String::new(), String::new()];
                Ok(Key { n: row.get("attempt")?, ..Key::named(text) })
            };
            through(tx, scope, (sql, &[a, &after.n, &LARGE]), &["error", "response"], key)
        }
        Table::IdempotencyKeys => idempotency_keys(tx, scope, after),
        Table::Leads => {
            let sql =
                "select id, name, metadata from leads where tenant_id = $1 and id > $2 order by id limit $3";
            through(tx, scope, (sql, &[tenant, a, &SMALL]), &["name", "metadata"], by_id)
        }
        Table::LeadNotes => {
            let sql = "select id, body from lead_notes where tenant_id = $1 and id > $2 order by id limit $3";
            through(tx, scope, (sql, &[tenant, a, &LARGE]), &["body"], by_id)
        }
        Table::Tasks => {
            let sql = "select id, title from tasks where tenant_id = $1 and id > $2 order by id limit $3";
            through(tx, scope, (sql, &[tenant, a, &SMALL]), &["title"], by_id)
        }
        Table::Audit => {
            let sql = "select id, actor_name, before, after from audit where tenant_id = $1 and id > $2
                       order by id limit $3";
            through(tx, scope, (sql, &[tenant, a, &LARGE]), &["actor_name", "before", "after"], by_id)
        }
        Table::WebhookEvents => {
            let sql =
                "select id, body from webhook_events where tenant_id = $1 and id > $2 order by id limit $3";
            through(tx, scope, (sql, &[tenant, a, &LARGE]), &["body"], by_id)
        }
        Table::Deliveries => {
            // Of all tenants, as no index has a tenant's in order; whose a row is is looked at when it is taken up.
            let sql = "select id, error from deliveries where id > $1 order by id limit $2";
            through(tx, scope, (sql, &[a, &SMALL]), &["error"], by_id)
        }
    }
}

/// The rows of a statement that may have something in one of these columns.
fn through(
    tx: &mut Tx<'_>,
    scope: &Scope,
    (sql, args): (&'static str, &[&dyn Bind]),
    columns: &[&str],
    key: impl Fn(&Row<'_>) -> Result<Key>,
) -> Result<Portion> {
    picked(tx, (sql, args), key, |row| {
        for column in columns {
            if row.get::<Option<String>>(column)?.is_some_and(|text| scope.needles.may_be_in(&text)) {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

fn picked(
    tx: &mut Tx<'_>,
    (sql, args): (&'static str, &[&dyn Bind]),
    key: impl Fn(&Row<'_>) -> Result<Key>,
    pick: impl Fn(&Row<'_>) -> Result<bool>,
) -> Result<Portion> {
    let mut portion = Portion::default();
    tx.each(sql, args, |row| {
        let key = key(row)?;
        if pick(row)? {
            portion.found.push(key.clone());
        }
        portion.next = Some(key);
        Ok(())
    })?;
    Ok(portion)
}

/// The tenant's, but for those of the caller's own calls, which are blanked with their call; and those of no call.
fn facts(tx: &mut Tx<'_>, scope: &Scope, after: &Key) -> Result<Portion> {
    let [project, id, _] = &after.text;
    let sql = "select facts.received_at, facts.project, facts.id, facts.call_id, facts.body, facts.said,
                   calls.tenant_id, calls.caller
               from facts left join calls on calls.id = facts.call_id
               where facts.received_at >= $1 and (facts.received_at, facts.project, facts.id) > ($1, $2, $3)
               order by facts.received_at, facts.project, facts.id limit $4";
    let key = |row: &Row<'_>| {
        let text = [row.get("project")?, row.get("id")?, String::new()];
        Ok(Key { at: row.get("received_at")?, ..Key::named(text) })
    };
    picked(tx, (sql, &[&after.at, project, id, &LARGE]), key, |row| {
        let is_of_a_call = row.get::<Option<String>>("call_id")?.is_some();
        let is_theirs = row.get::<Option<String>>("tenant_id")?.is_some_and(|id| scope.tenant == *id);
        let caller: Option<String> = row.get("caller")?;
        let comes_later = caller.is_some_and(|caller| scope.group.numbers.iter().any(|one| **one == *caller));
        if is_of_a_call && (!is_theirs || comes_later) {
            return Ok(false);
        }
        let texts = [Some(row.get("id")?), Some(row.get("body")?), row.get::<Option<String>>("said")?];
        Ok(texts.iter().flatten().any(|text: &String| scope.needles.may_be_in(text)))
    })
}

/// Those with something in them, and those about the leads.
fn idempotency_keys(tx: &mut Tx<'_>, scope: &Scope, after: &Key) -> Result<Portion> {
    let [by, key, _] = &after.text;
    let sql = "select scope, key, location, body from idempotency_keys where (scope, key) > ($1, $2)
               order by scope, key limit $3";
    let named = |row: &Row<'_>| Ok(Key::named([row.get("scope")?, row.get("key")?, String::new()]));
    picked(tx, (sql, &[by, key, &LARGE]), named, |row| {
        let texts: [String; 3] =
            [row.get("key")?, row.get("body")?, row.get::<Option<String>>("location")?.unwrap_or_default()];
        let about = |text: &String| scope.group.leads.iter().any(|lead| text.contains(lead.as_str()));
        Ok(texts.iter().any(|text| about(text) || scope.needles.may_be_in(text)))
    })
}

/// Takes what is looked for out of a row, if it is the tenant's and has any; whether it had.
pub fn take(tx: &mut Tx<'_>, table: Table, scope: &Scope, key: &Key, now: Timestamp) -> Result<bool> {
    match table {
        Table::Facts => fact(tx, scope, key),
        Table::CallKeys => call_key(tx, scope, key, now),
        Table::Calls => call(tx, scope, &key.text[0], now),
        Table::DeliveryAttempts => delivery_attempt(tx, scope, key),
        Table::IdempotencyKeys => idempotency_key(tx, scope, key),
        Table::Leads => LEADS.take(tx, scope, &key.text[0], now),
        Table::LeadNotes => LEAD_NOTES.take(tx, scope, &key.text[0], now),
        Table::Tasks => TASKS.take(tx, scope, &key.text[0], now),
        Table::Audit => AUDIT.take(tx, scope, &key.text[0], now),
        Table::WebhookEvents => WEBHOOK_EVENTS.take(tx, scope, &key.text[0], now),
        Table::Deliveries => DELIVERIES.take(tx, scope, &key.text[0], now),
    }
}

/// A table whose rows have an id and a tenant.
struct Plain {
    /// Reads a row of the tenant, and holds it.
    read: Sql,
    /// Writes its texts, in order, then the time, by id.
    write: &'static str,
    /// The columns, and whether they are JSON.
    texts: &'static [(&'static str, bool)],
    /// The column that says about which lead a row is: those of the caller's own leads are blanked with them.
    lead: Option<&'static str>,
    /// Where a change of it is noted, with its revision.
    kind: Option<Kind>,
}

macro_rules! held {
    ($columns:literal, $table:literal) => {
        Sql {
            sqlite: concat!("select ", $columns, " from ", $table, " where id = $1 and tenant_id = $2"),
            postgres: concat!(
                "select ",
                $columns,
                " from ",
                $table,
                " where id = $1 and tenant_id = $2 for update"
            ),
        }
    };
}

const LEADS: Plain = Plain {
    read: held!("id, name, metadata", "leads"),
    write: "update leads set name = $1, metadata = $2, updated_at = $3, revision = revision + 1 where id = $4
            returning revision",
    texts: &[("name", false), ("metadata", true)],
    lead: Some("id"),
    kind: Some(Kind::Lead),
};
const LEAD_NOTES: Plain = Plain {
    read: held!("lead_id, body", "lead_notes"),
    write: "update lead_notes set body = $1 where cast($2 as bigint) is not null and id = $3
            returning cast(0 as bigint) as revision",
    texts: &[("body", false)],
    lead: Some("lead_id"),
    kind: None,
};
const TASKS: Plain = Plain {
    read: held!("lead_id, title", "tasks"),
    write: "update tasks set title = $1, updated_at = $2, revision = revision + 1 where id = $3 returning revision",
    texts: &[("title", false)],
    lead: Some("lead_id"),
    kind: Some(Kind::Task),
};
const AUDIT: Plain = Plain {
    read: held!("actor_name, before, after", "audit"),
    write: "update audit set actor_name = $1, before = $2, after = $3, erased_at = $4 where id = $5
            returning cast(0 as bigint) as revision",
    texts: &[("actor_name", false), ("before", true), ("after", true)],
    lead: None,
    kind: None,
};
const WEBHOOK_EVENTS: Plain = Plain {
    read: held!("body", "webhook_events"),
    write: "update webhook_events set body = $1, erased_at = $2 where id = $3
            returning cast(0 as bigint) as revision",
    texts: &[("body", true)],
    lead: None,
    kind: None,
};
const DELIVERIES: Plain = Plain {
    read: held!("error", "deliveries"),
    write: "update deliveries set error = $1 where cast($2 as bigint) is not null and id = $3
            returning cast(0 as bigint) as revision",
    texts: &[("error", false)],
    lead: None,
    kind: None,
};

impl Plain {
    fn take(&self, tx: &mut Tx<'_>, scope: &Scope, id: &str, now: Timestamp) -> Result<bool> {
        let texts = tx.first(self.read, &[&id, &scope.tenant], |row| {
            let lead = self.lead.map(|column| row.get::<LeadId>(column)).transpose()?;
            let comes_later = lead.is_some_and(|lead| scope.group.leads.contains(&lead));
            if comes_later { Ok(None) } else { without(row, self.texts, scope) }
        })?;
        let Some(texts) = texts.flatten() else { return Ok(false) };
        let mut args: Vec<&dyn Bind> = texts.iter().map(|text| text as &dyn Bind).collect();
        args.extend([&now as &dyn Bind, &id]);
        let revision = tx.first(self.write, &args, |row| row.get("revision"))?;
        if let Some((kind, revision)) = self.kind.zip(revision) {
            changes::note(tx, kind, Some(&scope.tenant), (id, revision), now)?;
        }
        Ok(revision.is_some())
    }
}

/// These texts of a row without what is looked for; none where there is nothing of it.
fn without(row: &Row<'_>, texts: &[(&str, bool)], scope: &Scope) -> Result<Option<Vec<Option<String>>>> {
    let mut any = false;
    let mut left = Vec::with_capacity(texts.len());
    for (column, is_json) in texts {
        let text: Option<String> = row.get(column)?;
        let taken = text.as_deref().and_then(|text| {
            if *is_json { scope.needles.taken_from_json(text) } else { scope.needles.taken_from(text) }
        });
        any |= taken.is_some();
        left.push(taken.or(text));
    }
    Ok(any.then_some(left))
}

/// The texts of a call, and whether they are JSON, in the order in which [`call`] writes them.
const CALL_TEXTS: [(&str, bool); 11] = [
    ("call_sid", false),
    ("room_name", false),
    ("agent", false),
    ("ring", true),
    ("evidence", true),
    ("decision", true),
    ("attendance", true),
    ("note", false),
    ("tags", true),
    ("outcome", false),
    ("analysis", true),
];
const DECISION: usize = 5;
const TAGS: usize = 8;

/// A call of somebody else's in which the caller's number is: a phone that was called in, say.
fn call(tx: &mut Tx<'_>, scope: &Scope, id: &str, now: Timestamp) -> Result<bool> {
    let read = held!(
        "call_sid, room_name, agent, ring, evidence, decision, attendance, note, tags, outcome, analysis, caller,
             ended_at",
        "calls"
    );
    let found = tx.first(read, &[&id, &scope.tenant], |row| {
        let caller: Option<String> = row.get("caller")?;
        let is_theirs = caller.is_some_and(|caller| scope.group.numbers.iter().any(|one| **one == *caller));
        // Their own calls are blanked, not looked through; and one that is open is written by others.
        let is_open = row.get::<Option<Timestamp>>("ended_at")?.is_none();
        if is_theirs || is_open { Ok(None) } else { without(row, &CALL_TEXTS, scope) }
    })?;
    let Some(mut texts) = found.flatten() else { return Ok(false) };
    texts[DECISION] = texts[DECISION].take().map(texts::readable_decision);
    let mut args: Vec<&dyn Bind> = texts.iter().map(|text| text as &dyn Bind).collect();
    args.extend([&now as &dyn Bind, &id]);
    let revision = tx.first(
        "update calls set call_sid = $1, room_name = $2, agent = $3, ring = $4, evidence = $5, decision = $6,
             attendance = $7, note = $8, tags = $9, outcome = $10, analysis = $11, updated_at = $12,
             revision = revision + 1
         where id = $13 returning revision",
        &args,
        |row| row.get("revision"),
    )?;
    let tags = texts[TAGS].as_deref().unwrap_or("[]");
    retag(tx, id, &serde_json::from_str(tags).unwrap_or_default())?;
    if let Some(revision) = revision {
        changes::note(tx, Kind::Call, Some(&scope.tenant), (id, revision), now)?;
    }
    Ok(true)
}

/// The tags by which a call is found, after those that it shows.
fn retag(tx: &mut Tx<'_>, id: &str, tags: &BTreeSet<String>) -> Result<()> {
    tx.execute("delete from call_tags where call_id = $1", &[&id])?;
    for tag in tags {
        tx.execute(
            "insert into call_tags (call_id, tag, tenant_id, rang_at)
             select id, $1, tenant_id, rang_at from calls where id = $2",
            &[tag, &id],
        )?;
    }
    Ok(())
}

fn fact(tx: &mut Tx<'_>, scope: &Scope, key: &Key) -> Result<bool> {
    let [project, id, _] = &key.text;
    let read = Sql {
        sqlite: "select body, said from facts where project = $1 and id = $2",
        postgres: "select body, said from facts where project = $1 and id = $2 for update",
    };
    let texts = [("body", true), ("said", true)];
    let taken = tx.first(read, &[project, id], |row| without(row, &texts, scope))?.flatten();
    if let Some(texts) = &taken {
        tx.execute(
            "update facts set body = $1, said = $2 where project = $3 and id = $4",
            &[&texts[0], &texts[1], project, id],
        )?;
    }
    Ok(super::blank::rename_fact(tx, scope, project, id)? || taken.is_some())
}

/// A name with the number in it is nobody's any more: a call of that name that comes later is another one.
fn call_key(tx: &mut Tx<'_>, scope: &Scope, key: &Key, now: Timestamp) -> Result<bool> {
    let [project, kind, value] = &key.text;
    if scope.needles.taken_from(value).is_none() {
        return Ok(false);
    }
    let renamed = tx.execute(
        "update call_keys set value = $1 where project = $2 and kind = $3 and value = $4
         and exists (select 1 from calls where calls.id = call_keys.call_id and calls.tenant_id = $5
             and calls.ended_at is not null)",
        &[&ids::new("erased", now), project, kind, value, &scope.tenant],
    )?;
    Ok(renamed > 0)
}

fn delivery_attempt(tx: &mut Tx<'_>, scope: &Scope, key: &Key) -> Result<bool> {
    let id = &key.text[0];
    let read = "select error, response from delivery_attempts where delivery_id = $1 and attempt = $2
                and exists (select 1 from deliveries where id = $1 and tenant_id = $3)";
    let texts = [("error", false), ("response", false)];
    let taken = tx.first(read, &[id, &key.n, &scope.tenant], |row| without(row, &texts, scope))?;
    let Some(texts) = taken.flatten() else { return Ok(false) };
    tx.execute(
        "update delivery_attempts set error = $1, response = $2 where delivery_id = $3 and attempt = $4",
        &[&texts[0], &texts[1], id, &key.n],
    )?;
    Ok(true)
}

/// An answer that is kept for a day, in case its request comes again: it is not.
fn idempotency_key(tx: &mut Tx<'_>, scope: &Scope, key: &Key) -> Result<bool> {
    let [by, key, _] = &key.text;
    let found = tx.first(
        "select location, body, (select count(*) from users where id = $1 and tenant_id = $2)
             + (select count(*) from api_keys where id = $1 and tenant_id = $2) as own
         from idempotency_keys where scope = $1 and key = $3",
        &[by, &scope.tenant, key],
        |row| {
            Ok((row.get::<Option<String>>("location")?, row.get::<String>("body")?, row.get::<i64>("own")?))
        },
    )?;
    let Some((location, body, own)) = found else { return Ok(false) };
    let location = location.unwrap_or_default();
    let about = |text: &str| scope.group.leads.iter().any(|lead| text.contains(lead.as_str()));
    let texts = [key.as_str(), &location, &body];
    let has_any = texts.iter().any(|text| about(text) || scope.needles.taken_from_json(text).is_some());
    if !has_any || !(own > 0 || texts::is_of_tenant(&body, &scope.tenant)) {
        return Ok(false);
    }
    let gone = tx.execute("delete from idempotency_keys where scope = $1 and key = $2", &[by, key])?;
    Ok(gone > 0)
}
