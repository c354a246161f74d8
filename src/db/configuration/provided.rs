//! What is kept of numbers besides their configuration: what they did at their provider before they came here.

use std::collections::{HashMap, HashSet};

use crate::clock::Timestamp;
use crate::ids::{NumberId, TenantId};
use crate::tenancy::Before;

use super::{AT_ONCE, Json, Result, Sql, Tx};

/// What a number did before, if that was ever recorded.
pub fn before(tx: &mut Tx<'_>, id: &NumberId) -> Result<Option<Before>> {
    Ok(before_of(tx, &[id])?.remove(id))
}

/// What these numbers did before, as far as that was recorded.
pub fn before_of(tx: &mut Tx<'_>, ids: &[&NumberId]) -> Result<HashMap<NumberId, Before>> {
    let sql = Sql {
        sqlite: "select id, provider_before from phone_numbers
                 where provider_before is not null and id in (select value from json_each($1))",
        postgres: "select id, provider_before from phone_numbers where provider_before is not null
                   and id in (select json_array_elements_text(cast(cast($1 as text) as json)))",
    };
    let read =
        tx.all(sql, &[&Json(ids)], |row| Ok((row.get("id")?, row.get::<Json<Before>>("provider_before")?.0)));
    Ok(read?.into_iter().collect())
}

/// Records what numbers did before. Their revision stays: nothing that anybody sets or sees has changed.
pub fn save_before(tx: &mut Tx<'_>, of: &[(&NumberId, &Before)]) -> Result<()> {
    let sql = Sql {
        sqlite: "update phone_numbers set provider_before = each.value ->> 1 from json_each($1) as each
                 where phone_numbers.id = each.value ->> 0",
        postgres: "update phone_numbers set provider_before = each.value ->> 1
                   from jsonb_array_elements(cast(cast($1 as text) as jsonb)) as each (value)
                   where phone_numbers.id = each.value ->> 0",
    };
    for some in of.chunks(AT_ONCE) {
        let rows: Vec<_> = some.iter().map(|(id, before)| (id, super::numbers::Text(*before))).collect();
        tx.execute(sql, &[&Json(rows)])?;
    }
    Ok(())
}

/// Those of these Twilio trunks that somebody here has.
pub fn known_trunks(tx: &mut Tx<'_>, sids: &[&str]) -> Result<HashSet<String>> {
    if sids.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = Sql {
        sqlite: "select distinct twilio_trunk_sid as sid from platform_trunks
                 where archived_at is null and twilio_trunk_sid in (select value from json_each($1))",
        postgres: "select distinct twilio_trunk_sid as sid from platform_trunks where archived_at is null
                   and twilio_trunk_sid in (select json_array_elements_text(cast(cast($1 as text) as json)))",
    };
    Ok(tx.all(sql, &[&Json(sids)], |row| row.get("sid"))?.into_iter().collect())
}

/// A number that came from Twilio.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct OfTwilio {
    pub id: NumberId,
    pub number: String,
    pub provider_sid: String,
    pub created_at: Timestamp,
}

/// A tenant's numbers that came from Twilio, oldest first; those after this place.
pub fn of_twilio(
    tx: &mut Tx<'_>,
    tenant: &TenantId,
    after: (Timestamp, &str),
    limit: i64,
) -> Result<Vec<OfTwilio>> {
    tx.all(
        "select id, number, provider_sid, created_at from phone_numbers
         where tenant_id = $1 and (created_at, id) > ($2, $3) and archived_at is null
             and provider = 'TWILIO' and provider_sid is not null
         order by created_at, id limit $4",
        &[tenant, &after.0, &after.1, &limit],
        |row| {
            Ok(OfTwilio {
                id: row.get("id")?,
                number: row.get("number")?,
                provider_sid: row.get("provider_sid")?,
                created_at: row.get("created_at")?,
            })
        },
    )
}
