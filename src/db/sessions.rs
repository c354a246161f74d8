//! Sign-ins and the refresh tokens that keep them going. A token is used once; that it comes again shows that two have
//! it. Of tokens only hashes are kept.

use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

use super::{Result, Tx, access};

/// What is known of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The sign-in that it keeps going.
    pub session: SessionId,
    /// Whose sign-in that is.
    pub user: UserId,
    /// Good until then.
    pub expires_at: Timestamp,
}

/// Begins a session.
pub fn begin(
    tx: &mut Tx<'_>,
    id: &SessionId,
    user: &UserId,
    (now, until): (Timestamp, Timestamp),
) -> Result<()> {
    tx.execute(
        "insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)",
        &[id, user, &now, &until],
    )?;
    Ok(())
}

/// Lets a session go on until then. False if it has ended.
pub fn renew(tx: &mut Tx<'_>, id: &SessionId, until: Timestamp) -> Result<bool> {
    let renewed =
        tx.execute("update sessions set expires_at = $1 where id = $2 and ended_at is null", &[&until, id])?;
    Ok(renewed == 1)
}

/// Ends a session. False if it has ended before.
pub fn end(tx: &mut Tx<'_>, id: &SessionId, reason: &str, now: Timestamp) -> Result<bool> {
    access::changed(tx);
    let ended = tx.execute(
        "update sessions set ended_at = $1, end_reason = $2 where id = $3 and ended_at is null",
        &[&now, &reason, id],
    )?;
    Ok(ended == 1)
}

/// Ends all sessions of a user but this one; how many.
pub fn end_all(
    tx: &mut Tx<'_>,
    user: &UserId,
    but: Option<&SessionId>,
    reason: &str,
    now: Timestamp,
) -> Result<u64> {
    access::changed(tx);
    tx.execute(
        "update sessions set ended_at = $1, end_reason = $2
         where user_id = $3 and ended_at is null and (cast($4 as text) is null or id <> $4)",
        &[&now, &reason, user, &but],
    )
}

/// Adds a refresh token to a session.
pub fn add_refresh(
    tx: &mut Tx<'_>,
    hash: &str,
    session: &SessionId,
    (now, until): (Timestamp, Timestamp),
) -> Result<()> {
    tx.execute(
        "insert into refresh_tokens (hash, session_id, issued_at, expires_at) values ($1, $2, $3, $4)",
        &[&hash, session, &now, &until],
    )?;
    Ok(())
}

/// The refresh token with this hash.
pub fn refresh(tx: &mut Tx<'_>, hash: &str) -> Result<Option<Refresh>> {
    tx.first(
        "select refresh_tokens.session_id, sessions.user_id, refresh_tokens.expires_at
         from refresh_tokens join sessions on sessions.id = refresh_tokens.session_id
         where refresh_tokens.hash = $1",
        &[&hash],
        |row| {
            Ok(Refresh {
                session: row.get("session_id")?,
                user: row.get("user_id")?,
                expires_at: row.get("expires_at")?,
            })
        },
    )
}

/// Uses a refresh token. False if it was used before; of two at once, one uses it.
pub fn use_refresh(tx: &mut Tx<'_>, hash: &str, now: Timestamp) -> Result<bool> {
    let used = tx.execute(
        "update refresh_tokens set used_at = $1 where hash = $2 and used_at is null",
        &[&now, &hash],
    )?;
    Ok(used == 1)
}

/// Forgets sessions and tokens that were over before `before`, at most `limit` of each; how many of which there were
/// more.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    let tokens = tx.execute(
        "delete from refresh_tokens where hash in
             (select hash from refresh_tokens where expires_at < $1 order by expires_at limit $2)",
        &[&before, &limit],
    )?;
    let sessions = tx.execute(
        "delete from sessions where id in
             (select id from sessions where expires_at < $1 order by expires_at limit $2)",
        &[&before, &limit],
    )?;
    Ok(tokens.max(sessions))
}
