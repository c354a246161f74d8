//! Who a credential belongs to.

use crate::auth::{Principal, PrincipalKind, Role};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

use super::{Error, Result, Row, Tx};

/// Says that who may do what is another matter once this is committed: what was found out about it before
/// ([`crate::auth::known`]) is forgotten in this process before the answer.
pub fn changed(tx: &mut Tx<'_>) {
    tx.access_changed = true;
}

/// The user of a session that has not ended.
pub fn of_session(tx: &mut Tx<'_>, session: &SessionId, user: &UserId) -> Result<Option<Principal>> {
    tx.first(
        "select users.id, users.email as name, users.role, users.tenant_id, users.last_login_at as used_at,
             cast(null as bigint) as expires_at
         from sessions join users on users.id = sessions.user_id
             left join tenants on tenants.id = users.tenant_id
         where sessions.id = $1 and sessions.user_id = $2 and sessions.ended_at is null and users.active
             and users.archived_at is null and (users.tenant_id is null or tenants.archived_at is null)",
        &[session, user],
        |row| principal(row, PrincipalKind::User, Some(session)),
    )
}

/// The key with this hash, unless it is revoked or past its expiry.
pub fn of_key(tx: &mut Tx<'_>, hash: &str, now: Timestamp) -> Result<Option<Principal>> {
    tx.first(
        "select api_keys.id, api_keys.name, api_keys.role, api_keys.tenant_id, api_keys.last_used_at as used_at,
             api_keys.expires_at
         from api_keys left join tenants on tenants.id = api_keys.tenant_id
         where api_keys.hash = $1 and api_keys.revoked_at is null
             and (api_keys.expires_at is null or api_keys.expires_at > $2)
             and (api_keys.tenant_id is null or tenants.archived_at is null)",
        &[&hash, &now],
        |row| principal(row, PrincipalKind::Key, None),
    )
}

/// Notes that a key was used.
pub fn key_used(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
    changed(tx);
    tx.execute("update api_keys set last_used_at = $1 where id = $2", &[&now, &id]).map(drop)
}

fn principal(row: &Row<'_>, kind: PrincipalKind, session: Option<&SessionId>) -> Result<Principal> {
    Ok(Principal {
        kind,
        id: row.get("id")?,
        name: row.get("name")?,
        role: role(row)?,
        session: session.cloned(),
        tenant: row.get("tenant_id")?,
        used_at: row.get("used_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// The role in the column of that name.
pub(super) fn role(row: &Row<'_>) -> Result<Role> {
    let role: String = row.get("role")?;
    Role::parse(&role).ok_or_else(|| Error::Unexpected(format!("a row holds the unknown role {role}")))
}

/// A secret that all replicas share: the one that is there, else `new`, which is kept.
pub fn shared_secret(tx: &mut Tx<'_>, name: &str, new: &str, now: Timestamp) -> Result<String> {
    tx.execute(
        "insert into secrets (name, value, created_at) values ($1, $2, $3) on conflict (name) do nothing",
        &[&name, &new, &now],
    )?;
    let kept = tx.first("select value from secrets where name = $1", &[&name], |row| row.get("value"))?;
    kept.ok_or_else(|| Error::Unexpected("a secret that was just kept is gone".into()))
}
