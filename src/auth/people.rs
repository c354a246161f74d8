//! What is done to people's accounts, whoever does it: the API and the command line keep to the same rules, and each
//! change is in the audit.

use schemars::JsonSchema;
use serde::Serialize;

use crate::audit::{self, Actor, Entry};
use crate::clock::Timestamp;
use crate::db::resources::Stored;
use crate::db::users::{self, User};
use crate::db::{self, Db, Tx, configuration, sessions};
use crate::ids::{SessionId, TenantId, UserId};

use super::Role;
use super::email;
use super::passwords::{Password, Passwords};

/// Somebody who signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
pub struct UserView {
    /// Its id, `usr_…`.
    pub id: UserId,
    /// Whose it is; null: the platform's.
    pub tenant_id: Option<TenantId>,
    /// What they sign in with, in small letters.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do. `admin` exactly where there is no tenant.
    pub role: Role,
    /// Whether they may sign in.
    pub is_active: bool,
    /// When they last did. A sign-in leaves the revision as it is.
    pub last_login_at: Option<Timestamp>,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl UserView {
    /// As it is shown.
    pub fn of(stored: &Stored<User>) -> UserView {
        let user = &stored.row;
        UserView {
            id: user.id.clone(),
            tenant_id: user.tenant.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role,
            is_active: user.active,
            last_login_at: user.last_login_at,
            revision: stored.revision,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The address is none.
    #[error("the e-mail address {0}")]
    NoEmail(&'static str),
    /// Somebody has it.
    #[error("somebody signs in with that e-mail address already")]
    EmailTaken,
    /// Nobody has it.
    #[error("there is nobody with that e-mail address")]
    Nobody,
    /// The tenant is not there.
    #[error("there is no such tenant")]
    NoTenant,
    /// A tenant's role without a tenant.
    #[error("the role {} is a tenant's: say whose, or give the role admin", .0.as_str())]
    NeedsTenant(Role),
    /// The platform's role with a tenant.
    #[error("the role admin is for the platform's own people, who belong to no tenant")]
    NeedsNoTenant,
    /// The password cannot be one.
    #[error("the password {0}")]
    BadPassword(String),
    /// There would be no admin.
    #[error("this is the platform's last active admin: make another one first")]
    LastAdmin,
    /// The tenant would have no owner.
    #[error("this is the tenant's last active owner: make another one first")]
    LastOwner,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Anything else that is our fault.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// Somebody new.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct New {
    pub tenant: Option<TenantId>,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
}

/// Who changes something, and whether the rules for a tenant's own people bind them.
#[derive(Copy, Clone, Debug)]
pub struct By<'b> {
    /// Who.
    pub actor: &'b Actor,
    /// The platform's own people may take a tenant's last owner away.
    pub is_platform: bool,
    /// When.
    pub now: Timestamp,
}

/// Whether a role goes with a tenant, or with none.
///
/// # Errors
/// When it does not.
pub fn fits(role: Role, tenant: Option<&TenantId>) -> Result<(), Refused> {
    match (role, tenant) {
        (Role::Admin, Some(_)) => Err(Refused::NeedsNoTenant),
        (Role::Admin, None) | (_, Some(_)) => Ok(()),
        (role, None) => Err(Refused::NeedsTenant(role)),
    }
}

/// Adds somebody.
///
/// # Errors
/// When the address is taken or none, the role does not fit, or there is no such tenant.
pub fn add(tx: &mut Tx<'_>, by: By<'_>, new: &New, password_hash: &str) -> Result<Stored<User>, Refused> {
    let email = email::normal(&new.email).map_err(Refused::NoEmail)?;
    if let Some(tenant) = &new.tenant
        && !configuration::is_tenant(tx, tenant)?
    {
        return Err(Refused::NoTenant);
    }
    fits(new.role, new.tenant.as_ref())?;
    users::lock(tx)?;
    is_free(tx, &email, None)?;
    let user = User {
        id: UserId::new(by.now),
        tenant: new.tenant.clone(),
        email,
        name: new.name.clone(),
        role: new.role,
        active: new.active,
        last_login_at: None,
    };
    users::insert(tx, &user, password_hash, by.now)?;
    let stored = read_again(tx, &user.id)?;
    note(tx, by, "user.created", (None, Some(&stored)))?;
    Ok(stored)
}

/// Changes somebody to what `next` says. Who is switched off is signed out.
///
/// # Errors
/// When the address is taken or none, the role does not fit, or nobody would be left to run things.
pub fn change(
    tx: &mut Tx<'_>,
    by: By<'_>,
    before: &Stored<User>,
    next: User,
) -> Result<Stored<User>, Refused> {
    let next = User { email: email::normal(&next.email).map_err(Refused::NoEmail)?, ..next };
    fits(next.role, next.tenant.as_ref())?;
    is_free(tx, &next.email, Some(&next.id))?;
    if !next.active || next.role != before.row.role {
        somebody_is_left(tx, by, &before.row)?;
    }
    users::update(tx, &next, by.now)?;
    if !next.active {
        sessions::end_all(tx, &next.id, None, "disabled", by.now)?;
    }
    let after = read_again(tx, &next.id)?;
    note(tx, by, "user.updated", (Some(before), Some(&after)))?;
    Ok(after)
}

/// Archives somebody, and signs them out.
///
/// # Errors
/// When nobody would be left to run things.
pub fn archive(tx: &mut Tx<'_>, by: By<'_>, before: &Stored<User>) -> Result<(), Refused> {
    somebody_is_left(tx, by, &before.row)?;
    users::archive(tx, &before.row.id, by.now)?;
    sessions::end_all(tx, &before.row.id, None, "archived", by.now)?;
    note(tx, by, "user.archived", (Some(before), None))
}

/// Gives somebody another password, and ends their sessions but this one.
///
/// # Errors
/// When the database does not answer.
pub fn set_password(
    tx: &mut Tx<'_>,
    by: By<'_>,
    before: &Stored<User>,
    hash: &str,
    (action, but): (&'static str, Option<&SessionId>),
) -> Result<Stored<User>, Refused> {
    users::set_password(tx, &before.row.id, hash, by.now)?;
    sessions::end_all(tx, &before.row.id, but, "password", by.now)?;
    let after = read_again(tx, &before.row.id)?;
    note(tx, by, action, (Some(before), Some(&after)))?;
    Ok(after)
}

/// The platform always has an active admin; a tenant's own people always leave it an active owner.
fn somebody_is_left(tx: &mut Tx<'_>, by: By<'_>, user: &User) -> Result<(), Refused> {
    let (counts, refused) = match user.role {
        Role::Admin => (true, Refused::LastAdmin),
        Role::Owner => (!by.is_platform, Refused::LastOwner),
        Role::Operator | Role::Viewer => return Ok(()),
    };
    if counts && user.active && users::others(tx, user, user.role)? == 0 { Err(refused) } else { Ok(()) }
}

fn is_free(tx: &mut Tx<'_>, email: &str, but: Option<&UserId>) -> Result<(), Refused> {
    match users::by_email(tx, email)? {
        Some(other) if Some(&other.row.id) != but => Err(Refused::EmailTaken),
        _ => Ok(()),
    }
}

fn read_again(tx: &mut Tx<'_>, id: &UserId) -> db::Result<Stored<User>> {
    let gone = || db::Error::Unexpected("a user who was just written is gone".into());
    users::by_id(tx, None, id)?.ok_or_else(gone)
}

fn note(
    tx: &mut Tx<'_>,
    by: By<'_>,
    action: &'static str,
    (before, after): (Option<&Stored<User>>, Option<&Stored<User>>),
) -> Result<(), Refused> {
    let Some(user) = after.or(before).map(|stored| &stored.row) else { return Ok(()) };
    let shown = |stored: Option<&Stored<User>>| {
        stored
            .map(|stored| serde_json::to_value(UserView::of(stored)))
            .transpose()
            .map_err(anyhow::Error::from)
    };
    let entry = Entry {
        action,
        tenant: user.tenant.as_ref(),
        subject: ("user", &user.id),
        before: shown(before)?,
        after: shown(after)?,
    };
    Ok(audit::note(tx, by.actor, entry, by.now)?)
}

/// The admin that the first start makes.
#[derive(Debug)]
pub struct FirstAdmin {
    /// Who signs in.
    pub email: String,
    /// With what. Nobody has it but whoever reads this.
    pub password: Password,
}

/// Makes the first admin where there has never been anybody. Of several that start at once, one does.
///
/// # Errors
/// When the database does not answer.
pub async fn first_admin(
    db: &Db,
    passwords: &Passwords,
    email: &str,
    now: Timestamp,
) -> anyhow::Result<Option<FirstAdmin>> {
    if !db.read(users::is_empty).await? {
        return Ok(None);
    }
    let password = Password::generate();
    let hash = passwords.turn()?.hash(&password).await?;
    let new = New {
        tenant: None,
        email: email.to_owned(),
        name: "Admin".to_owned(),
        role: Role::Admin,
        active: true,
    };
    let made = db.write(move |tx| -> Result<_, Refused> {
        users::lock(tx)?;
        if !users::is_empty(tx)? {
            return Ok(None);
        }
        let by = By { actor: &Actor::system(), is_platform: true, now };
        add(tx, by, &new, &hash).map(Some)
    });
    Ok(made.await?.map(|made| FirstAdmin { email: made.row.email, password }))
}
