//! Who asks: roles, what a bearer token or an API key proves, and how people come by a token.

pub mod email;
pub mod keys;
pub mod known;
pub mod passwords;
pub mod people;
pub mod sign_in;
pub mod throttle;
pub mod tokens;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{self, Tx, access, idempotency, sessions, sign_ins};
use crate::http::api::idempotency::KEPT;
use crate::ids::{SessionId, TenantId};

use known::{Credential, Known};
use passwords::Passwords;

/// What somebody may do. Each role may do all that those before it may.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads what the tenant has.
    Viewer,
    /// Works with calls, leads and tasks, and says who answers which number.
    Operator,
    /// Runs the tenant: people, keys, trunks, webhooks, erasures.
    Owner,
    /// Runs the platform: all tenants.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Operator, Role::Owner, Role::Admin];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Owner => "owner",
            Role::Admin => "admin",
        }
    }

    /// The role with this word.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Whom a credential belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// A person or a key.
    pub kind: PrincipalKind,
    /// The user's or key's id.
    pub id: String,
    /// What it is called: a user's e-mail address, a key's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is; none: the platform's.
    pub tenant: Option<TenantId>,
    /// A user's sign-in; a key has none.
    pub session: Option<SessionId>,
    /// When it was last used, as far as was noted.
    pub used_at: Option<Timestamp>,
    /// It is good until then; a user's token says itself how long it is.
    pub expires_at: Option<Timestamp>,
}

/// What a principal is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Somebody who signed in.
    User,
    /// An API key.
    Key,
}

/// Whom this credential, which came as `Authorization: Bearer …`, belongs to. None: to nobody, or to nobody any more.
///
/// # Errors
/// When the database does not answer.
pub async fn authenticate(app: &App, bearer: &str) -> db::Result<Option<Principal>> {
    let now = app.clock.now();
    let credential = if bearer.starts_with(keys::PREFIX) {
        Credential::Key(keys::hash(bearer))
    } else {
        let Some(claims) = tokens::read(&app.auth.signing_key, bearer, now) else { return Ok(None) };
        Credential::Session(claims.session, claims.user)
    };
    let version = app.db.access_version();
    if let Some(known) = app.auth.known.get(&credential, version, now) {
        return Ok(Some(known));
    }
    let asked = credential.clone();
    let found = app.db.read_one(move |tx| match &asked {
        Credential::Key(hash) => access::of_key(tx, hash, now),
        Credential::Session(session, user) => access::of_session(tx, session, user),
    });
    let found = found.await?;
    if let Some(principal) = &found {
        app.auth.known.keep(credential, principal.clone(), version, now);
    }
    Ok(found)
}

/// What the server needs to tell who asks.
#[derive(Clone)]
pub struct Auth {
    /// Signs access tokens.
    pub signing_key: tokens::SigningKey,
    /// Access tokens are good for this long.
    pub access_ttl: std::time::Duration,
    /// A session that nobody renews ends after this long.
    pub refresh_ttl: std::time::Duration,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Who was found to ask a moment ago.
    pub known: Arc<Known>,
}

/// Forgets what is over: sessions, failed sign-ins, addresses, answers kept for their senders; at most `limit` of each.
/// How many of which there were more.
pub fn forget(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> db::Result<u64> {
    let (failures, addresses) = (now.saturating_sub(throttle::WINDOW), now.saturating_sub(throttle::KNOWN));
    let forgotten = [
        sessions::forget(tx, now, limit)?,
        sign_ins::forget(tx, (failures, addresses), limit)?,
        idempotency::forget(tx, now.saturating_sub(KEPT), limit)?,
    ];
    Ok(forgotten.into_iter().max().unwrap_or(0))
}
