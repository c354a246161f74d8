//! Numbers of tenants. There may be many: they are written in bulk.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::tenancy::{Capabilities, NumberKind, Provider};

use super::{AT_ONCE, Json, Result, Row, Sql, Tx};

/// A number of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Number {
    pub id: NumberId,
    pub tenant: TenantId,
    pub number: String,
    pub kind: NumberKind,
    pub provider: Provider,
    pub provider_sid: Option<String>,
    pub capabilities: Option<Capabilities>,
    pub campaign: Option<CampaignId>,
    pub livekit_trunk: Option<String>,
    pub active: bool,
    pub purchased_at: Option<Timestamp>,
    pub metadata: Map<String, Value>,
    pub archived: bool,
}

macro_rules! number_columns {
    () => {
        "id, tenant_id, number, type, provider, provider_sid, capabilities, campaign_id, livekit_trunk_id, \
         active, purchased_at, metadata, archived_at is not null as archived"
    };
}

/// A tenant's numbers, archived ones too.
pub fn numbers(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Number>> {
    tx.all(
        concat!("select ", number_columns!(), " from phone_numbers where tenant_id = $1"),
        &[tenant],
        number,
    )
}

/// The numbers that belong to a campaign.
pub fn numbers_of_campaign(tx: &mut Tx<'_>, campaign: &CampaignId) -> Result<Vec<Number>> {
    tx.all(
        concat!(
            "select ",
            number_columns!(),
            " from phone_numbers where campaign_id = $1 and archived_at is null"
        ),
        &[campaign],
        number,
    )
}

/// Whoever has these numbers now.
pub fn numbers_by_number(tx: &mut Tx<'_>, numbers: &[&str]) -> Result<Vec<Number>> {
    let sql = Sql {
        sqlite: concat!(
            "select ",
            number_columns!(),
            " from phone_numbers where archived_at is null and number in (select value from json_each($1))"
        ),
        postgres: concat!(
            "select ",
            number_columns!(),
            " from phone_numbers where archived_at is null
              and number in (select json_array_elements_text(cast(cast($1 as text) as json)))"
        ),
    };
    tx.all(sql, &[&Json(numbers)], number)
}

/// The rows with these ids, archived ones too.
pub fn numbers_by_id(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<Number>> {
    let sql = Sql {
        sqlite: concat!(
            "select ",
            number_columns!(),
            " from phone_numbers where id in (select value from json_each($1))"
        ),
        postgres: concat!(
            "select ",
            number_columns!(),
            " from phone_numbers
              where id in (select json_array_elements_text(cast(cast($1 as text) as json)))"
        ),
    };
    tx.all(sql, &[&Json(ids)], number)
}

pub(in crate::db) fn number(row: &Row<'_>) -> Result<Number> {
    Ok(Number {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        number: row.get("number")?,
        kind: row.get("type")?,
        provider: row.get("provider")?,
        provider_sid: row.get("provider_sid")?,
        capabilities: row.get::<Option<Json<_>>>("capabilities")?.map(|Json(can)| can),
        campaign: row.get("campaign_id")?,
        livekit_trunk: row.get("livekit_trunk_id")?,
        active: row.get("active")?,
        purchased_at: row.get("purchased_at")?,
        metadata: row.get::<Json<_>>("metadata")?.0,
        archived: row.get("archived")?,
    })
}

macro_rules! save_numbers {
    ($rows:literal) => {
        concat!(
            "insert into phone_numbers (created_at, updated_at, id, tenant_id, number, type, provider,
                 provider_sid, campaign_id, livekit_trunk_id, active, purchased_at,
                 metadata, capabilities)
             select $1, $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                 value ->> 5, value ->> 6, value ->> 7, cast(value ->> 8 as boolean),
                 cast(value ->> 9 as bigint), value ->> 10, value ->> 11
             from ",
            $rows,
            " where true
             on conflict (id) do update set tenant_id = excluded.tenant_id, number = excluded.number,
                 type = excluded.type, provider = excluded.provider, provider_sid = excluded.provider_sid,
                 campaign_id = excluded.campaign_id, livekit_trunk_id = excluded.livekit_trunk_id,
                 active = excluded.active, purchased_at = excluded.purchased_at, metadata = excluded.metadata,
                 capabilities = excluded.capabilities,
                 updated_at = excluded.updated_at, revision = phone_numbers.revision + 1, archived_at = null"
        )
    };
}

/// Inserts numbers or overwrites them, and moves them to their tenant.
pub fn save_numbers(tx: &mut Tx<'_>, numbers: &[&Number], now: Timestamp) -> Result<()> {
    let sql = Sql {
        sqlite: save_numbers!("json_each($2)"),
        postgres: save_numbers!("jsonb_array_elements(cast(cast($2 as text) as jsonb)) as each (value)"),
    };
    for some in numbers.chunks(AT_ONCE) {
        let rows: Vec<_> = some
            .iter()
            .map(|row| {
                let Number { id, tenant, number, kind, provider, provider_sid, .. } = row;
                let Number { campaign, livekit_trunk, active, .. } = row;
                let (bought, metadata) = (row.purchased_at.map(Timestamp::micros), Text(&row.metadata));
                let capabilities = row.capabilities.as_ref().map(Text);
                (
                    id,
                    tenant,
                    number,
                    kind,
                    provider,
                    provider_sid,
                    campaign,
                    livekit_trunk,
                    active,
                    bought,
                    metadata,
                    capabilities,
                )
            })
            .collect();
        tx.execute(sql, &[&now, &Json(rows)])?;
    }
    Ok(())
}

/// JSON within JSON: as text, which is how it is kept.
pub(super) struct Text<'m, T>(pub(super) &'m T);

impl<T: Serialize> Serialize for Text<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let text = serde_json::to_string(self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}
