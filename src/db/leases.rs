//! One replica at a time does what one is enough for.

use std::time::Duration;

use crate::clock::Timestamp;

use super::{Result, Tx};

/// Takes or keeps a lease; false while somebody else holds it.
pub fn take(tx: &mut Tx<'_>, name: &str, holder: &str, now: Timestamp, lasts: Duration) -> Result<bool> {
    let held = tx.execute(
        "insert into leases (name, holder, until) values ($1, $2, $3)
         on conflict (name) do update set holder = excluded.holder, until = excluded.until
         where leases.holder = excluded.holder or leases.until <= $4",
        &[&name, &holder, &now.saturating_add(lasts), &now],
    )?;
    Ok(held == 1)
}

/// Gives a lease back, so that the next need not wait for its end.
pub fn give_back(tx: &mut Tx<'_>, name: &str, holder: &str) -> Result<()> {
    tx.execute("delete from leases where name = $1 and holder = $2", &[&name, &holder])?;
    Ok(())
}
