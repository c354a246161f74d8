//! Failed sign-ins, counted for whoever they are counted for, and the addresses where accounts were signed in to.
//! What is counted and which addresses are known is hashed before it comes here.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::UserId;

use super::{Result, Tx};

/// Counts one failure of `subject`. None when it was counted; where there were `most` within `window` already it is
/// not, and the window ends then.
pub fn count(
    tx: &mut Tx<'_>,
    subject: &str,
    most: i64,
    window: Duration,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let over = now.saturating_sub(window);
    let counted = tx.execute(
        "insert into login_failures (subject, failures, first_at, last_at) values ($1, 1, $2, $2)
         on conflict (subject) do update set
             failures = case when login_failures.first_at <= $3 then 1 else login_failures.failures + 1 end,
             first_at = case when login_failures.first_at <= $3 or login_failures.failures = 0 then $2
                             else login_failures.first_at end,
             last_at = $2
         where login_failures.first_at <= $3 or login_failures.failures < $4",
        &[&subject, &now, &over, &most],
    )?;
    if counted == 1 {
        return Ok(None);
    }
    let first: Option<Timestamp> =
        tx.first("select first_at from login_failures where subject = $1", &[&subject], |row| {
            row.get("first_at")
        })?;
    Ok(Some(first.unwrap_or(now).saturating_add(window)))
}

/// Takes one failure back: it was none.
pub fn take_back(tx: &mut Tx<'_>, subject: &str) -> Result<()> {
    tx.execute(
        "update login_failures set failures = failures - 1 where subject = $1 and failures > 0",
        &[&subject],
    )?;
    Ok(())
}

/// Forgets the failures of `subject`.
pub fn clear(tx: &mut Tx<'_>, subject: &str) -> Result<()> {
    tx.execute("delete from login_failures where subject = $1", &[&subject])?;
    Ok(())
}

/// Whether this user was signed in at this address since then.
pub fn is_known(tx: &mut Tx<'_>, user: &UserId, address: &str, since: Timestamp) -> Result<bool> {
    let sql = "select 1 as one from known_addresses where user_id = $1 and address = $2 and seen_at >= $3";
    Ok(tx.first(sql, &[user, &address, &since], |_| Ok(()))?.is_some())
}

/// Notes that this user was signed in at this address.
pub fn know(tx: &mut Tx<'_>, user: &UserId, address: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into known_addresses (user_id, address, seen_at) values ($1, $2, $3)
         on conflict (user_id, address) do update set seen_at = excluded.seen_at",
        &[user, &address, &now],
    )?;
    Ok(())
}

/// The addresses where this user was signed in.
pub fn known(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<String>> {
    tx.all("select address from known_addresses where user_id = $1", &[user], |row| row.get("address"))
}

/// Forgets failures and addresses that were last seen before these times, at most `limit` of each; how many of which
/// there were more.
pub fn forget(tx: &mut Tx<'_>, (failures, addresses): (Timestamp, Timestamp), limit: i64) -> Result<u64> {
    let failures = tx.execute(
        "delete from login_failures where subject in
             (select subject from login_failures where last_at < $1 order by last_at limit $2)",
        &[&failures, &limit],
    )?;
    let addresses = tx.execute(
        "delete from known_addresses where (user_id, address) in
             (select user_id, address from known_addresses where seen_at < $1 order by seen_at limit $2)",
        &[&addresses, &limit],
    )?;
    Ok(failures.max(addresses))
}
