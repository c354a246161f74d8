//! Endpoints: where a tenant wants to be told of what happens, and how what is told is signed.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events;
use crate::ids::{EndpointId, TenantId};

use super::changes::{self, Kind, Position};
use super::{Error, Json, Result, Row, Sql, Tx, deliveries};

/// The most a tenant may have.
pub const MOST: i64 = 100;
/// How long the previous secret still signs after a new one was made.
pub const BOTH_SECRETS: Duration = Duration::from_secs(24 * 3600);

/// Whether an endpoint is told of anything.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EndpointStatus")]
pub enum Status {
    /// It is.
    Enabled,
    /// It was switched off, or given up on.
    Disabled,
}

impl Status {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Enabled => "enabled",
            Status::Disabled => "disabled",
        }
    }

    fn parse(word: &str) -> Result<Status> {
        match word {
            "enabled" => Ok(Status::Enabled),
            "disabled" => Ok(Status::Disabled),
            _ => Err(Error::Unexpected(format!("webhook_endpoints holds the unknown word {word}"))),
        }
    }
}

/// An endpoint as everybody who may see it sees it: without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookEndpoint")]
pub struct Endpoint {
    /// Ours, `whe_…`.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Where to send.
    pub url: String,
    /// What its owner says of it.
    pub description: String,
    /// What it is told of: words of [`crate::events`], or `*` for all.
    pub events: Vec<String>,
    /// Whether it is told of anything.
    pub status: Status,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// Until when the secret that was replaced still signs.
    pub previous_secret_until: Option<Timestamp>,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an endpoint's owner says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of an endpoint")]
pub struct Wish {
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub enabled: bool,
}

/// What signs.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The secret.
    pub current: SecretString,
    /// The one before it, while it still signs.
    pub previous: Option<SecretString>,
}

macro_rules! columns {
    () => {
        "id, tenant_id, url, description, events, status, disabled_at, disabled_reason, previous_secret_until, \
         revision, created_at, updated_at"
    };
}

impl Endpoint {
    fn from_row(row: &Row<'_>) -> Result<Endpoint> {
        Ok(Endpoint {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            url: row.get("url")?,
            description: row.get("description")?,
            events: row.get::<Json<_>>("events")?.0,
            status: Status::parse(&row.get::<String>("status")?)?,
            disabled_at: row.get("disabled_at")?,
            disabled_reason: row.get("disabled_reason")?,
            previous_secret_until: row.get("previous_secret_until")?,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Makes an endpoint. It is told of what is committed from now on.
pub fn insert(
    tx: &mut Tx<'_>,
    tenant: &TenantId,
    wish: Wish,
    secret: &SecretString,
    now: Timestamp,
) -> Result<Endpoint> {
    let since = changes::last(tx)?;
    let made = Endpoint {
        id: EndpointId::new(now),
        tenant_id: tenant.clone(),
        url: wish.url,
        description: wish.description,
        events: wish.events,
        status: if wish.enabled { Status::Enabled } else { Status::Disabled },
        disabled_at: (!wish.enabled).then_some(now),
        disabled_reason: (!wish.enabled).then(|| SWITCHED_OFF.to_owned()),
        previous_secret_until: None,
        revision: 1,
        created_at: now,
        updated_at: now,
    };
    tx.execute(
        "insert into webhook_endpoints (id, tenant_id, url, description, events, status, disabled_at, disabled_reason,
             secret, since_transaction, since_seq, revision, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12)",
        &[
            &made.id,
            tenant,
            &made.url,
            &made.description,
            &Json(&made.events),
            &made.status.as_str(),
            &made.disabled_at,
            &made.disabled_reason,
            &secret.expose_secret(),
            &since.transaction,
            &since.seq,
            &now,
        ],
    )?;
    note(tx, &made, "", now)?;
    Ok(made)
}

const SWITCHED_OFF: &str = "switched off";

/// The endpoint with this id, if it is not archived and within the scope: a tenant's own, or anybody's for the platform.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &EndpointId) -> Result<Option<Endpoint>> {
    tx.first(
        concat!(
            "select ",
            columns!(),
            " from webhook_endpoints where id = $1 and archived_at is null
              and (cast($2 as text) is null or tenant_id = $2)"
        ),
        &[id, &scope],
        Endpoint::from_row,
    )
}

/// Like [`by_id`], and nobody else changes it until this transaction ends. Taken before any of its deliveries, always.
pub fn locked(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &EndpointId) -> Result<Option<Endpoint>> {
    let sql = Sql {
        sqlite: concat!(
            "select ",
            columns!(),
            " from webhook_endpoints where id = $1 and archived_at is null
              and (cast($2 as text) is null or tenant_id = $2)"
        ),
        postgres: concat!(
            "select ",
            columns!(),
            " from webhook_endpoints where id = $1 and archived_at is null
              and (cast($2 as text) is null or tenant_id = $2) for update"
        ),
    };
    tx.first(sql, &[id, &scope], Endpoint::from_row)
}

/// Endpoints that are not archived, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    scope: Option<&TenantId>,
    before: Option<&EndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>> {
    tx.all(
        concat!(
            "select ",
            columns!(),
            " from webhook_endpoints where archived_at is null and (cast($1 as text) is null or tenant_id = $1)
              and (cast($2 as text) is null or id < $2) order by id desc limit $3"
        ),
        &[&scope, &before, &limit],
        Endpoint::from_row,
    )
}

/// How many endpoints of a tenant are not archived.
pub fn count(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<i64> {
    let count = tx.first(
        "select count(*) as count from webhook_endpoints where tenant_id = $1 and archived_at is null",
        &[tenant],
        |row| row.get("count"),
    )?;
    Ok(count.unwrap_or(0))
}

/// The endpoints with these ids, archived or not.
pub fn by_ids(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<Endpoint>> {
    let sql = Sql {
        sqlite: concat!(
            "select ",
            columns!(),
            " from webhook_endpoints where id in (select value from json_each($1))"
        ),
        postgres: concat!(
            "select ",
            columns!(),
            " from webhook_endpoints where id in
              (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))"
        ),
    };
    tx.all(sql, &[&Json(ids)], Endpoint::from_row)
}

/// Changes an endpoint that was read [`locked`]. Switched off, what is pending for it waits; switched on, it goes on.
pub fn update(tx: &mut Tx<'_>, old: &Endpoint, wish: Wish, now: Timestamp) -> Result<Endpoint> {
    let mut new = Endpoint {
        url: wish.url,
        description: wish.description,
        events: wish.events,
        revision: old.revision + 1,
        updated_at: now,
        ..old.clone()
    };
    match (old.status, wish.enabled) {
        (Status::Disabled, true) => {
            (new.status, new.disabled_at, new.disabled_reason) = (Status::Enabled, None, None);
            deliveries::hurry(tx, &old.id, now)?;
        }
        (Status::Enabled, false) => {
            new.status = Status::Disabled;
            (new.disabled_at, new.disabled_reason) = (Some(now), Some(SWITCHED_OFF.to_owned()));
        }
        (Status::Enabled, true) | (Status::Disabled, false) => {}
    }
    save(tx, &new)?;
    note(tx, &new, "", now)?;
    Ok(new)
}

/// Gives up on an endpoint that was read [`locked`], which the tenant's other endpoints are told. What is pending for
/// it waits for somebody to enable it again.
pub fn disable(tx: &mut Tx<'_>, old: &Endpoint, reason: &str, now: Timestamp) -> Result<Endpoint> {
    let new = Endpoint {
        status: Status::Disabled,
        disabled_at: Some(now),
        disabled_reason: Some(reason.to_owned()),
        revision: old.revision + 1,
        updated_at: now,
        ..old.clone()
    };
    save(tx, &new)?;
    note(tx, &new, events::ENDPOINT_DISABLED, now)?;
    Ok(new)
}

/// Archives an endpoint that was read [`locked`]: it is told of nothing any more and shows in no list.
pub fn archive(tx: &mut Tx<'_>, old: &Endpoint, now: Timestamp) -> Result<()> {
    let new = Endpoint { revision: old.revision + 1, updated_at: now, ..old.clone() };
    tx.execute(
        "update webhook_endpoints set archived_at = $1, updated_at = $1, revision = $2 where id = $3",
        &[&now, &new.revision, &new.id],
    )?;
    note(tx, &new, "", now)
}

/// Gives an endpoint that was read [`locked`] a new secret. The one before signs as well for [`BOTH_SECRETS`], so that
/// its owner has the time to exchange them; one before that no more.
pub fn rotate(tx: &mut Tx<'_>, old: &Endpoint, secret: &SecretString, now: Timestamp) -> Result<Endpoint> {
    let until = now.saturating_add(BOTH_SECRETS);
    let new = Endpoint {
        previous_secret_until: Some(until),
        revision: old.revision + 1,
        updated_at: now,
        ..old.clone()
    };
    tx.execute(
        "update webhook_endpoints set previous_secret = secret, previous_secret_until = $1, secret = $2, revision = $3,
             updated_at = $4
         where id = $5",
        &[&until, &secret.expose_secret(), &new.revision, &now, &new.id],
    )?;
    note(tx, &new, "", now)?;
    Ok(new)
}

fn save(tx: &mut Tx<'_>, new: &Endpoint) -> Result<()> {
    tx.execute(
        "update webhook_endpoints set url = $1, description = $2, events = $3, status = $4, disabled_at = $5,
             disabled_reason = $6, revision = $7, updated_at = $8
         where id = $9",
        &[
            &new.url,
            &new.description,
            &Json(&new.events),
            &new.status.as_str(),
            &new.disabled_at,
            &new.disabled_reason,
            &new.revision,
            &new.updated_at,
            &new.id,
        ],
    )?;
    Ok(())
}

fn note(tx: &mut Tx<'_>, of: &Endpoint, words: &str, now: Timestamp) -> Result<()> {
    changes::note(tx, Kind::WebhookEndpoint, Some(&of.tenant_id), (&of.id, of.revision, words), now)
}

/// What signs for an endpoint at this time; none if there is no such endpoint, or it is archived.
pub fn secrets(tx: &mut Tx<'_>, id: &EndpointId, now: Timestamp) -> Result<Option<Secrets>> {
    tx.first(
        "select secret, previous_secret, previous_secret_until from webhook_endpoints
         where id = $1 and archived_at is null",
        &[id],
        |row| Secrets::from_row(row, now),
    )
}

/// Forgets secrets that no longer sign.
pub fn forget_secrets(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        "update webhook_endpoints set previous_secret = null
         where previous_secret is not null and previous_secret_until <= $1",
        &[&now],
    )?;
    Ok(())
}

impl Secrets {
    fn from_row(row: &Row<'_>, now: Timestamp) -> Result<Secrets> {
        let until: Option<Timestamp> = row.get("previous_secret_until")?;
        let previous: Option<String> = row.get("previous_secret")?;
        Ok(Secrets {
            current: SecretString::from(row.get::<String>("secret")?),
            previous: previous.filter(|_| until.is_some_and(|until| now < until)).map(SecretString::from),
        })
    }
}

/// Where to send to and what signs, for an endpoint that is told of anything.
pub fn target(tx: &mut Tx<'_>, id: &EndpointId, now: Timestamp) -> Result<Option<(String, Secrets)>> {
    tx.first(
        "select url, secret, previous_secret, previous_secret_until from webhook_endpoints
         where id = $1 and status = 'enabled' and archived_at is null",
        &[id],
        |row| Ok((row.get("url")?, Secrets::from_row(row, now)?)),
    )
}

/// Whether anybody at all is told of anything.
pub fn any(tx: &mut Tx<'_>) -> Result<bool> {
    let sql =
        "select 1 as one from webhook_endpoints where status = 'enabled' and archived_at is null limit 1";
    Ok(tx.first(sql, &[], |_| Ok(()))?.is_some())
}

/// An endpoint that is told of things, and of which.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it wants to be told of.
    pub events: Vec<String>,
    /// It is told of what was committed after this.
    pub since: Position,
}

/// The endpoints of these tenants that are told of things.
pub fn listening(tx: &mut Tx<'_>, tenants: &[&str]) -> Result<Vec<Listener>> {
    let sql = Sql {
        sqlite: "select id, tenant_id, events, since_transaction, since_seq from webhook_endpoints
                 where tenant_id in (select value from json_each($1)) and status = 'enabled' and archived_at is null
                 order by id",
        postgres: "select id, tenant_id, events, since_transaction, since_seq from webhook_endpoints
                   where tenant_id in (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))
                       and status = 'enabled' and archived_at is null
                   order by id",
    };
    tx.all(sql, &[&Json(tenants)], |row| {
        Ok(Listener {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            events: row.get::<Json<_>>("events")?.0,
            since: Position { transaction: row.get("since_transaction")?, seq: row.get("since_seq")? },
        })
    })
}
