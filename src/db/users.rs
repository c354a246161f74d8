//! People who sign in. An e-mail address is one person on the whole platform, and kept in small letters.

use crate::auth::Role;
use crate::clock::Timestamp;
use crate::ids::{TenantId, UserId};

use super::resources::{Stored, stored};
use super::{Engine, Result, Row, Tx, access};

/// Somebody who signs in. Without the hash of the password, which only [`Account`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct User {
    pub id: UserId,
    pub tenant: Option<TenantId>,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
    pub last_login_at: Option<Timestamp>,
}

/// What a sign-in is held against.
#[derive(Clone)]
pub struct Account {
    /// Whose it is.
    pub user: Stored<User>,
    /// The hash of the password.
    pub password_hash: String,
    /// Whether they may sign in: neither they nor their tenant was switched off or archived.
    pub is_open: bool,
}

macro_rules! columns {
    () => {
        "users.id, users.tenant_id, users.email, users.name, users.role, users.active, users.last_login_at,
             users.revision, users.created_at, users.updated_at"
    };
}

/// Until the end of the transaction nobody else changes users, so that what is counted stays true. Always taken
/// before any row of theirs.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        tx.script("lock table users in share row exclusive mode")?;
    }
    // On SQLite a writing transaction is that lock.
    Ok(())
}

/// Whether there has never been anybody.
pub fn is_empty(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.first("select 1 as one from users limit 1", &[], |_| Ok(()))?.is_none())
}

/// The user with this id; of this tenant, if one is given.
pub fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &UserId) -> Result<Option<Stored<User>>> {
    tx.first(
        concat!(
            "select ",
            columns!(),
            " from users where id = $1 and archived_at is null
                 and (cast($2 as text) is null or tenant_id = $2)"
        ),
        &[id, &scope],
        user,
    )
}

/// The user with this address.
pub fn by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<Stored<User>>> {
    tx.first(
        concat!("select ", columns!(), " from users where email = $1 and archived_at is null"),
        &[&email],
        user,
    )
}

/// Users, newest first; those made before `before`.
pub fn list(
    tx: &mut Tx<'_>,
    tenant: Option<&TenantId>,
    email: Option<&str>,
    before: Option<&UserId>,
    limit: i64,
) -> Result<Vec<Stored<User>>> {
    tx.all(
        concat!(
            "select ",
            columns!(),
            " from users where archived_at is null and (cast($1 as text) is null or tenant_id = $1)
             and (cast($2 as text) is null or email = $2) and (cast($3 as text) is null or id < $3)
             order by id desc limit $4"
        ),
        &[&tenant, &email, &before, &limit],
        user,
    )
}

/// The account of this address.
pub fn account(tx: &mut Tx<'_>, email: &str) -> Result<Option<Account>> {
    tx.first(
        concat!(
            "select ",
            columns!(),
            ", users.password_hash, users.tenant_id is null or tenants.archived_at is null as tenant_open
             from users left join tenants on tenants.id = users.tenant_id
             where users.email = $1 and users.archived_at is null"
        ),
        &[&email],
        |row| {
            let user = user(row)?;
            let is_open = user.row.active && row.get::<bool>("tenant_open")?;
            Ok(Account { user, password_hash: row.get("password_hash")?, is_open })
        },
    )
}

/// Adds somebody.
pub fn insert(tx: &mut Tx<'_>, user: &User, password_hash: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into users (id, tenant_id, email, name, role, password_hash, active, revision, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)",
        &[
            &user.id,
            &user.tenant,
            &user.email,
            &user.name,
            &user.role.as_str(),
            &password_hash,
            &user.active,
            &now,
        ],
    )?;
    Ok(())
}

/// Overwrites what may change of somebody.
pub fn update(tx: &mut Tx<'_>, user: &User, now: Timestamp) -> Result<()> {
    access::changed(tx);
    tx.execute(
        "update users set email = $1, name = $2, role = $3, active = $4, updated_at = $5, revision = revision + 1
         where id = $6",
        &[&user.email, &user.name, &user.role.as_str(), &user.active, &now, &user.id],
    )?;
    Ok(())
}

/// Archives somebody; their address is free at once.
pub fn archive(tx: &mut Tx<'_>, id: &UserId, now: Timestamp) -> Result<()> {
    access::changed(tx);
    tx.execute(
        "update users set archived_at = $1, updated_at = $1, revision = revision + 1 where id = $2",
        &[&now, id],
    )?;
    Ok(())
}

/// Gives somebody another password.
pub fn set_password(tx: &mut Tx<'_>, id: &UserId, hash: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "update users set password_hash = $1, updated_at = $2, revision = revision + 1 where id = $3",
        &[&hash, &now, id],
    )?;
    Ok(())
}

/// Notes a sign-in by the password with the hash `seen`, and keeps `hash` instead of it. False: somebody has changed
/// the password or closed the account since it was read. Nothing that an ETag stands for changes.
pub fn signed_in(tx: &mut Tx<'_>, id: &UserId, seen: &str, hash: &str, now: Timestamp) -> Result<bool> {
    let noted = tx.execute(
        "update users set last_login_at = $1, password_hash = $2
         where id = $3 and password_hash = $4 and active and archived_at is null",
        &[&now, &hash, id, &seen],
    )?;
    Ok(noted == 1)
}

/// How many active users of this role there are besides this one: of this tenant, or of the platform.
pub fn others(tx: &mut Tx<'_>, user: &User, role: Role) -> Result<i64> {
    let counted = tx.first(
        "select count(*) as others from users where role = $1 and active and archived_at is null and id <> $2
             and (tenant_id = $3 or (tenant_id is null and cast($3 as text) is null))",
        &[&role.as_str(), &user.id, &user.tenant],
        |row| row.get("others"),
    )?;
    Ok(counted.unwrap_or(0))
}

fn user(row: &Row<'_>) -> Result<Stored<User>> {
    stored(row, |row| {
        Ok(User {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            role: access::role(row)?,
            active: row.get("active")?,
            last_login_at: row.get("last_login_at")?,
        })
    })
}
