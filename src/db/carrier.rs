//! How far the calls at the carrier have been compared with ours, and which numbers there are ours.

use crate::clock::Timestamp;
use crate::ids::TenantId;
use crate::phone::E164;

use super::{Error, Json, Result, Row, Sql, Tx};

/// How far an account's calls have been compared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Nothing that began before this is looked at.
    pub began_at: Timestamp,
    /// All that began before this has been looked at.
    pub settled_until: Timestamp,
    /// When it was last begun to look at a whole day's calls once more.
    pub looked_back_at: Timestamp,
    /// What is being looked at, where a round was cut short.
    pub sweep: Option<Sweep>,
}

/// A stretch of time whose calls are looked at, the newest first.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// From here …
    pub since: Timestamp,
    /// … to here.
    pub top: Timestamp,
    /// All that began after this has been looked at.
    pub below: Timestamp,
}

impl Place {
    fn from_row(row: &Row<'_>) -> Result<Place> {
        let (since, top, below) = (row.get("sweep_since")?, row.get("sweep_top")?, row.get("sweep_below")?);
        let sweep = match (since, top, below) {
            (Some(since), Some(top), Some(below)) => Some(Sweep { since, top, below }),
            _ => None,
        };
        Ok(Place {
            began_at: row.get("began_at")?,
            settled_until: row.get("settled_until")?,
            looked_back_at: row.get("looked_back_at")?,
            sweep,
        })
    }
}

/// How far this account's calls have been compared; none if never.
pub fn place(tx: &mut Tx<'_>, account: &str) -> Result<Option<Place>> {
    tx.first("select * from carrier_places where account = $1", &[&account], Place::from_row)
}

/// Keeps how far they have been.
pub fn keep(tx: &mut Tx<'_>, account: &str, place: &Place, now: Timestamp) -> Result<()> {
    let sweep = place.sweep;
    tx.execute(
        "insert into carrier_places (account, began_at, settled_until, looked_back_at, sweep_since, sweep_top,
             sweep_below, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (account) do update set began_at = excluded.began_at, settled_until = excluded.settled_until,
             looked_back_at = excluded.looked_back_at, sweep_since = excluded.sweep_since,
             sweep_top = excluded.sweep_top, sweep_below = excluded.sweep_below, updated_at = excluded.updated_at",
        &[
            &account,
            &place.began_at,
            &place.settled_until,
            &place.looked_back_at,
            &sweep.map(|sweep| sweep.since),
            &sweep.map(|sweep| sweep.top),
            &sweep.map(|sweep| sweep.below),
            &now,
        ],
    )?;
    Ok(())
}

/// A number of ours at the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// In E.164.
    pub number: E164,
    /// The carrier's own id of it.
    pub sid: Option<String>,
    /// Whose it is.
    pub tenant: TenantId,
    /// Since when we know of it.
    pub since: Timestamp,
}

/// Which of these, in E.164 or by the carrier's ids, are numbers of ours at Twilio.
pub fn known_numbers(tx: &mut Tx<'_>, numbers: &[&str], sids: &[&str]) -> Result<Vec<Known>> {
    let sql = Sql {
        sqlite: "select number, provider_sid, tenant_id, created_at from phone_numbers
                 where archived_at is null and provider = 'TWILIO'
                 and (number in (select value from json_each($1))
                     or provider_sid in (select value from json_each($2)))",
        postgres: "select number, provider_sid, tenant_id, created_at from phone_numbers
                   where archived_at is null and provider = 'TWILIO'
                   and (number in (select jsonb_array_elements_text(cast(cast($1 as text) as jsonb)))
                       or provider_sid in (select jsonb_array_elements_text(cast(cast($2 as text) as jsonb))))",
    };
    tx.all(sql, &[&Json(numbers), &Json(sids)], |row| {
        let text: String = row.get("number")?;
        let number = E164::exactly(&text)
            .ok_or_else(|| Error::Unexpected("phone_numbers holds a number that is not E.164".into()))?;
        Ok(Known {
            number,
            sid: row.get("provider_sid")?,
            tenant: row.get("tenant_id")?,
            since: row.get("created_at")?,
        })
    })
}
