//! Signing in, staying so, and signing out. A session is a sign-in; its refresh tokens keep it going, each of them
//! once: one that comes again ends the session, as then somebody else has it too.

use std::net::IpAddr;
use std::time::Duration;

use crate::app::App;
use crate::audit::{self, Actor, ActorKind, Entry};
use crate::clock::Timestamp;
use crate::db::resources::Stored;
use crate::db::users::{self, Account, User};
use crate::db::{self, Tx, access, sessions};
use crate::http::request_id;
use crate::ids::{SessionId, UserId};

use super::passwords::{self, Password};
use super::people::{self, By};
use super::throttle::{self, Attempt, Marks};
use super::{Auth, email, keys, tokens};

/// What refresh tokens begin with, so that secret scanners know one when they see it.
const PREFIX: &str = "swr_";

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The address or the password is wrong, or the account is closed: which, is not told.
    #[error("the e-mail address or the password is wrong")]
    Wrong,
    /// The refresh token is not, or no longer, good.
    #[error("the refresh token is not valid: sign in again")]
    NoSession,
    /// The new password cannot be one.
    #[error("{0}")]
    BadPassword(String),
    /// Too many have failed; the next may try after this long.
    #[error("too many failed sign-ins")]
    TooMany(Duration),
    /// Too many wait.
    #[error("busy")]
    Busy,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Anything else that is our fault.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<passwords::Busy> for Refused {
    fn from(_: passwords::Busy) -> Refused {
        Refused::Busy
    }
}

impl From<throttle::Refused> for Refused {
    fn from(refused: throttle::Refused) -> Refused {
        match refused {
            throttle::Refused::TooMany(wait) => Refused::TooMany(wait),
            throttle::Refused::Database(error) => Refused::Database(error),
        }
    }
}

impl From<people::Refused> for Refused {
    fn from(refused: people::Refused) -> Refused {
        match refused {
            people::Refused::Database(error) => Refused::Database(error),
            other => Refused::Internal(other.into()),
        }
    }
}

/// What a sign-in gives. It has no `Debug`: both tokens are secrets.
pub struct SignedIn {
    /// Who.
    pub user: Stored<User>,
    /// For the requests of the next minutes.
    pub access_token: String,
    /// For the next access token, once.
    pub refresh_token: String,
}

/// Signs somebody in, or does not, after the same work whatever the reason.
///
/// # Errors
/// When it does not.
pub async fn sign_in(
    app: &App,
    email: &str,
    password: &Password,
    from: Option<IpAddr>,
) -> Result<SignedIn, Refused> {
    let done = try_sign_in(app, &email::folded(email), password, from).await;
    app.metrics.sign_in(match &done {
        Ok(_) => "signed_in",
        Err(Refused::TooMany(_)) => "throttled",
        Err(Refused::Busy) => "busy",
        Err(Refused::Wrong) => "refused",
        Err(_) => "failed",
    });
    done
}

async fn try_sign_in(
    app: &App,
    email: &str,
    password: &Password,
    from: Option<IpAddr>,
) -> Result<SignedIn, Refused> {
    // The place in the queue first: what is counted while it waits is then never more than the queue holds.
    let turn = app.auth.passwords.turn()?;
    let (account, attempt) = begin(app, email, from).await?;
    let kept = account.as_ref().filter(|account| account.is_open).map(|account| &account.password_hash);
    let is_right = match turn.is_right(kept.cloned(), password).await {
        Ok(is_right) => is_right,
        Err(error) => {
            app.db.write(move |tx| attempt.was_none(tx)).await?;
            return Err(error.into());
        }
    };
    let Some(account) = account else { return Err(Refused::Wrong) };
    if !is_right {
        failed(app, &account.user.row, "user.sign_in_failed", somebody(from));
        return Err(Refused::Wrong);
    }
    let hash = if passwords::is_outdated(&account.password_hash) {
        turn.hash(password).await?
    } else {
        account.password_hash.clone()
    };
    drop(turn);
    let (auth, now, by) = (app.auth.clone(), app.clock.now(), actor(&account.user.row, from));
    app.db.write(move |tx| succeed(tx, &auth, (&account, &hash), &attempt, &by, now)).await
}

/// Counts an attempt, and reads what it is held against.
async fn begin(
    app: &App,
    email: &str,
    from: Option<IpAddr>,
) -> Result<(Option<Account>, Attempt), throttle::Refused> {
    let (email, now) = (email.to_owned(), app.clock.now());
    let marks = Marks::new(&app.auth.signing_key, &email, from);
    app.db
        .write(move |tx| {
            let account = users::account(tx, &email)?;
            let user = account.as_ref().map(|account| &account.user.row.id);
            let attempt = throttle::begin(tx, marks, user, now)?;
            Ok((account, attempt))
        })
        .await
}

fn succeed(
    tx: &mut Tx<'_>,
    auth: &Auth,
    (account, hash): (&Account, &str),
    attempt: &Attempt,
    by: &Actor,
    now: Timestamp,
) -> Result<SignedIn, Refused> {
    let id = &account.user.row.id;
    // Closed, or given another password, while this one was checked.
    if !users::signed_in(tx, id, &account.password_hash, hash, now)? {
        return Err(Refused::Wrong);
    }
    attempt.succeeded(tx, id, now)?;
    let session = SessionId::new(now);
    sessions::begin(tx, &session, id, (now, now.saturating_add(auth.refresh_ttl)))?;
    let user = users::by_id(tx, None, id)?.ok_or(Refused::Wrong)?;
    let entry = Entry {
        action: "user.signed_in",
        tenant: user.row.tenant.as_ref(),
        subject: ("session", &session),
        before: None,
        after: None,
    };
    audit::note(tx, by, entry, now)?;
    with_tokens(tx, auth, user, &session, now)
}

/// New tokens of a session.
fn with_tokens(
    tx: &mut Tx<'_>,
    auth: &Auth,
    user: Stored<User>,
    session: &SessionId,
    now: Timestamp,
) -> Result<SignedIn, Refused> {
    let refresh_token = format!("{PREFIX}{}", keys::random());
    let until = now.saturating_add(auth.refresh_ttl);
    sessions::add_refresh(tx, &keys::hash(&refresh_token), session, (now, until))?;
    let claims = tokens::Claims { user: user.row.id.clone(), session: session.clone() };
    let access_token =
        tokens::issue(&auth.signing_key, &claims, auth.access_ttl, now).map_err(anyhow::Error::from)?;
    Ok(SignedIn { user, access_token, refresh_token })
}

/// New tokens for a refresh token that was not used yet.
///
/// # Errors
/// When it is none, is past its time, its session has ended, or it was used before: then its session ends.
pub async fn refresh(app: &App, token: &str, from: Option<IpAddr>) -> Result<SignedIn, Refused> {
    let (hash, auth, now) = (keys::hash(token), app.auth.clone(), app.clock.now());
    // Refusing is no error of the transaction: the end of a session must be kept.
    let renewed = app.db.write(move |tx| -> Result<Option<SignedIn>, Refused> {
        let Some(found) = sessions::refresh(tx, &hash)? else { return Ok(None) };
        let user = users::by_id(tx, None, &found.user)?;
        if !sessions::use_refresh(tx, &hash, now)? {
            end_as_stolen(tx, &found, user.as_ref(), from, now)?;
            return Ok(None);
        }
        let is_open = access::of_session(tx, &found.session, &found.user)?.is_some();
        let Some(user) = user.filter(|_| is_open) else { return Ok(None) };
        let until = now.saturating_add(auth.refresh_ttl);
        if found.expires_at <= now || !sessions::renew(tx, &found.session, until)? {
            return Ok(None);
        }
        with_tokens(tx, &auth, user, &found.session, now).map(Some)
    });
    renewed.await?.ok_or(Refused::NoSession)
}

fn end_as_stolen(
    tx: &mut Tx<'_>,
    found: &sessions::Refresh,
    user: Option<&Stored<User>>,
    from: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), Refused> {
    const REASON: &str = "reuse";
    if !sessions::end(tx, &found.session, REASON, now)? {
        return Ok(());
    }
    tracing::warn!(session = %found.session, "a refresh token came a second time: its session was ended");
    let Some(user) = user else { return Ok(()) };
    note_end(tx, &somebody(from), (&user.row, &found.session), REASON, now)
}

/// Ends a session.
///
/// # Errors
/// When the database does not answer.
pub fn sign_out(
    tx: &mut Tx<'_>,
    by: &Actor,
    user: &UserId,
    session: &SessionId,
    now: Timestamp,
) -> Result<(), Refused> {
    const REASON: &str = "logout";
    if !sessions::end(tx, session, REASON, now)? {
        return Ok(());
    }
    match users::by_id(tx, None, user)? {
        Some(user) => note_end(tx, by, (&user.row, session), REASON, now),
        None => Ok(()),
    }
}

fn note_end(
    tx: &mut Tx<'_>,
    by: &Actor,
    (user, session): (&User, &SessionId),
    reason: &str,
    now: Timestamp,
) -> Result<(), Refused> {
    let entry = Entry {
        action: "session.ended",
        tenant: user.tenant.as_ref(),
        subject: ("session", session),
        before: None,
        after: Some(serde_json::json!({ "userId": user.id, "reason": reason })),
    };
    Ok(audit::note(tx, by, entry, now)?)
}

/// Gives somebody who is signed in another password, and ends their other sessions.
///
/// # Errors
/// When the current one is wrong, or the new one cannot be one. Guessing is counted as it is for signing in.
pub async fn change_password(
    app: &App,
    (user, session): (&User, &SessionId),
    (current, new): (&Password, &Password),
    by: Actor,
    from: Option<IpAddr>,
) -> Result<(), Refused> {
    new.check(&user.email).map_err(Refused::BadPassword)?;
    let turn = app.auth.passwords.turn()?;
    let (account, attempt) = begin(app, &user.email, from).await?;
    let account = account.filter(|account| account.user.row.id == user.id).ok_or(Refused::Wrong)?;
    if !turn.is_right(Some(account.password_hash.clone()), current).await? {
        failed(app, user, "user.password_change_failed", by);
        return Err(Refused::Wrong);
    }
    let hash = turn.hash(new).await?;
    let (now, session) = (app.clock.now(), session.clone());
    let change = move |tx: &mut Tx<'_>| -> Result<(), Refused> {
        users::lock(tx)?;
        let before = users::account(tx, &account.user.row.email)?;
        let unchanged = |before: &Account| before.password_hash == account.password_hash;
        let before = before.filter(unchanged).ok_or(Refused::Wrong)?.user;
        attempt.succeeded(tx, &before.row.id, now)?;
        let by = By { actor: &by, is_platform: true, now };
        people::set_password(tx, by, &before, &hash, ("user.password_changed", Some(&session)))?;
        Ok(())
    };
    app.db.write(change).await
}

/// Notes beside the answer that a password was wrong, so that the answer takes no longer where there is an account.
fn failed(app: &App, user: &User, action: &'static str, by: Actor) {
    let (noting, user, now) = (app.clone(), user.clone(), app.clock.now());
    app.spawn(async move {
        let note = move |tx: &mut Tx<'_>| {
            let (tenant, subject) = (user.tenant.as_ref(), ("user", &*user.id));
            audit::note(tx, &by, Entry { action, tenant, subject, before: None, after: None }, now)
        };
        if let Err(error) = noting.db.write(note).await {
            tracing::warn!(%error, "a failed sign-in could not be noted in the audit");
        }
    });
}

/// Whoever did not show that they are the user they said they were.
fn somebody(from: Option<IpAddr>) -> Actor {
    let request_id = request_id::current().map(|id| id.to_string());
    Actor { request_id, address: from.map(|from| from.to_string()), ..Actor::system() }
}

/// Whoever signs in as this user.
fn actor(user: &User, from: Option<IpAddr>) -> Actor {
    Actor {
        kind: ActorKind::User,
        id: Some(user.id.to_string()),
        name: user.email.clone(),
        request_id: request_id::current().map(|id| id.to_string()),
        address: from.map(|from| from.to_string()),
    }
}
