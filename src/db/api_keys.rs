//! API keys. Only their hashes are kept.

use crate::auth::Role;
use crate::clock::Timestamp;
use crate::ids::{ApiKeyId, TenantId};

use super::resources::{Stored, stored};
use super::{Result, Row, Sql, Tx, access};

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub tenant: Option<TenantId>,
    pub name: String,
    pub role: Role,
    pub hint: String,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "select id, tenant_id, name, role, hint, created_by, expires_at, last_used_at, revoked_at, revision,
             created_at, updated_at
         from api_keys "
    };
}

/// The key with this id; of this tenant, if one is given. Revoked ones too.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &ApiKeyId) -> Result<Option<Stored<ApiKey>>> {
    tx.first(
        concat!(columns!(), "where id = $1 and (cast($2 as text) is null or tenant_id = $2)"),
        &[id, &scope],
        key,
    )
}

/// The same, and nobody else changes it until the transaction ends.
pub fn locked(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &ApiKeyId) -> Result<Option<Stored<ApiKey>>> {
    let sql = Sql {
        sqlite: concat!(columns!(), "where id = $1 and (cast($2 as text) is null or tenant_id = $2)"),
        postgres: concat!(
            columns!(),
            "where id = $1 and (cast($2 as text) is null or tenant_id = $2) for update"
        ),
    };
    tx.first(sql, &[id, &scope], key)
}

/// Keys, newest first, made before `before`: either those that are revoked, or those that are not.
pub fn list(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    revoked: bool,
    before: Option<&ApiKeyId>,
    limit: i64,
) -> Result<Vec<Stored<ApiKey>>> {
    tx.all(
        concat!(
            columns!(),
            "where (cast($1 as text) is null or tenant_id = $1) and (revoked_at is not null) = $2
             and (cast($3 as text) is null or id < $3)
             order by id desc limit $4"
        ),
        &[&tenant, &revoked, &before, &limit],
        key,
    )
}

/// Adds a key.
pub fn insert(tx: &mut Tx<'_>, key: &ApiKey, hash: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into api_keys (id, tenant_id, name, role, hint, hash, created_by, expires_at, revision, created_at,
             updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9)",
        &[
            &key.id,
            &key.tenant,
            &key.name,
            &key.role.as_str(),
            &key.hint,
            &hash,
            &key.created_by,
            &key.expires_at,
            &now,
        ],
    )?;
    Ok(())
}

/// Overwrites what may change of a key.
pub fn update(tx: &mut Tx<'_>, key: &ApiKey, now: Timestamp) -> Result<()> {
    access::changed(tx);
    tx.execute(
        "update api_keys set name = $1, expires_at = $2, revoked_at = $3, updated_at = $4, revision = revision + 1
         where id = $5",
        &[&key.name, &key.expires_at, &key.revoked_at, &now, &key.id],
    )?;
    Ok(())
}

fn key(row: &Row<'_>) -> Result<Stored<ApiKey>> {
    stored(row, |row| {
        Ok(ApiKey {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            role: access::role(row)?,
            hint: row.get("hint")?,
            created_by: row.get("created_by")?,
            expires_at: row.get("expires_at")?,
            last_used_at: row.get("last_used_at")?,
            revoked_at: row.get("revoked_at")?,
        })
    })
}
