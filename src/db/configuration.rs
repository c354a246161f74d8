//! Rows of the configuration: tenants with their agents, campaigns, numbers and trunks. Saving brings an archived
//! row back to life; nothing is ever deleted, as calls name these rows.

use crate::clock::Timestamp;
use crate::ids::{AgentId, CampaignId, NumberId, TenantId, TrunkId};

use super::{Engine, Json, Result, Row, Sql, Tx};

/// What a row is of.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Tenant,
    Agent,
    Campaign,
    Number,
    Trunk,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub active: bool,
    pub region: String,
    pub time_zone: String,
    pub default_agent: Option<AgentId>,
    pub max_concurrent: Option<i64>,
    pub archived: bool,
}

/// An agent of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Agent {
    pub id: AgentId,
    pub tenant: TenantId,
    pub name: String,
    pub active: bool,
    pub archived: bool,
}

/// A campaign of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Campaign {
    pub id: CampaignId,
    pub tenant: TenantId,
    pub name: String,
    pub status: String,
    pub agent: Option<AgentId>,
    pub fallback_agent: Option<AgentId>,
    pub max_concurrent: Option<i64>,
    pub archived: bool,
}

/// A number of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Number {
    pub id: NumberId,
    pub tenant: TenantId,
    pub number: String,
    pub kind: String,
    pub provider: String,
    pub provider_sid: Option<String>,
    pub campaign: Option<CampaignId>,
    pub livekit_trunk: Option<String>,
    pub active: bool,
    pub archived: bool,
}

/// A platform's trunk of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct Trunk {
    pub id: TrunkId,
    pub tenant: TenantId,
    pub project: String,
    pub name: String,
    pub twilio: Option<String>,
    pub livekit: Option<String>,
    pub active: bool,
    pub archived: bool,
}

/// Until the end of the transaction nobody else changes the configuration; reading it, and taking calls, goes on.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        tx.script(
            "lock table tenants, agents, campaigns, phone_numbers, platform_trunks in share row exclusive mode",
        )?;
    }
    // On SQLite a writing transaction is that lock.
    Ok(())
}

/// Whether there is a tenant with this id that is not archived.
pub fn is_tenant(tx: &mut Tx<'_>, id: &TenantId) -> Result<bool> {
    let sql = "select 1 as one from tenants where id = $1 and archived_at is null";
    Ok(tx.first(sql, &[id], |_| Ok(()))?.is_some())
}

/// Every tenant, archived ones too.
pub fn tenants(tx: &mut Tx<'_>) -> Result<Vec<Tenant>> {
    let sql = "select id, name, active, region, time_zone, default_agent_id, max_concurrent,
                   archived_at is not null as archived
               from tenants";
    tx.all(sql, &[], |row| {
        Ok(Tenant {
            id: row.get("id")?,
            name: row.get("name")?,
            active: row.get("active")?,
            region: row.get("region")?,
            time_zone: row.get("time_zone")?,
            default_agent: row.get("default_agent_id")?,
            max_concurrent: row.get("max_concurrent")?,
            archived: row.get("archived")?,
        })
    })
}

/// A tenant's agents, archived ones too.
pub fn agents(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Agent>> {
    let sql = "select id, tenant_id, name, active, archived_at is not null as archived
               from agents where tenant_id = $1";
    tx.all(sql, &[tenant], |row| {
        Ok(Agent {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            active: row.get("active")?,
            archived: row.get("archived")?,
        })
    })
}

/// A tenant's campaigns, archived ones too.
pub fn campaigns(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Campaign>> {
    let sql = "select id, tenant_id, name, status, agent_id, fallback_agent_id, max_concurrent,
                   archived_at is not null as archived
               from campaigns where tenant_id = $1";
    tx.all(sql, &[tenant], |row| {
        Ok(Campaign {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            status: row.get("status")?,
            agent: row.get("agent_id")?,
            fallback_agent: row.get("fallback_agent_id")?,
            max_concurrent: row.get("max_concurrent")?,
            archived: row.get("archived")?,
        })
    })
}

/// A tenant's trunks, archived ones too.
pub fn trunks(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<Vec<Trunk>> {
    let sql = "select id, tenant_id, project, name, twilio_trunk_sid, livekit_trunk_id, active,
                   archived_at is not null as archived
               from platform_trunks where tenant_id = $1";
    tx.all(sql, &[tenant], |row| {
        Ok(Trunk {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            project: row.get("project")?,
            name: row.get("name")?,
            twilio: row.get("twilio_trunk_sid")?,
            livekit: row.get("livekit_trunk_id")?,
            active: row.get("active")?,
            archived: row.get("archived")?,
        })
    })
}

macro_rules! number_columns {
    () => {
        "id, tenant_id, number, type, provider, provider_sid, campaign_id, livekit_trunk_id, active, \
         archived_at is not null as archived"
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

fn number(row: &Row<'_>) -> Result<Number> {
    Ok(Number {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        number: row.get("number")?,
        kind: row.get("type")?,
        provider: row.get("provider")?,
        provider_sid: row.get("provider_sid")?,
        campaign: row.get("campaign_id")?,
        livekit_trunk: row.get("livekit_trunk_id")?,
        active: row.get("active")?,
        archived: row.get("archived")?,
    })
}

/// Whose row this id is, archived or not. A tenant's is its own.
pub fn owner(tx: &mut Tx<'_>, kind: Kind, id: &str) -> Result<Option<TenantId>> {
    let sql = match kind {
        Kind::Tenant => "select id as tenant_id from tenants where id = $1",
        Kind::Agent => "select tenant_id from agents where id = $1",
        Kind::Campaign => "select tenant_id from campaigns where id = $1",
        Kind::Number => "select tenant_id from phone_numbers where id = $1",
        Kind::Trunk => "select tenant_id from platform_trunks where id = $1",
    };
    tx.first(sql, &[&id], |row| row.get("tenant_id"))
}

/// Rows written by one statement. SQLite keeps what a statement may have to undo in a list that it walks for every
/// statement, so that 100,000 statements over 100,000 rows take minutes; for PostgreSQL each is a round trip.
const AT_ONCE: usize = 500;

macro_rules! archive {
    ($table:literal) => {
        Sql {
            sqlite: concat!(
                "update ",
                $table,
                " set archived_at = $1, updated_at = $1, revision = revision + 1 where id in (select value from json_each($2))"
            ),
            postgres: concat!(
                "update ",
                $table,
                " set archived_at = $1, updated_at = $1, revision = revision + 1
                  where id in (select json_array_elements_text(cast(cast($2 as text) as json)))"
            ),
        }
    };
}

/// Archives rows. Their names or numbers are free at once.
pub fn archive(tx: &mut Tx<'_>, kind: Kind, ids: &[&str], now: Timestamp) -> Result<()> {
    let sql = match kind {
        Kind::Tenant => archive!("tenants"),
        Kind::Agent => archive!("agents"),
        Kind::Campaign => archive!("campaigns"),
        Kind::Number => archive!("phone_numbers"),
        Kind::Trunk => archive!("platform_trunks"),
    };
    for some in ids.chunks(AT_ONCE) {
        tx.execute(sql, &[&now, &Json(some)])?;
    }
    Ok(())
}

/// Inserts a tenant or overwrites it.
pub fn save_tenant(tx: &mut Tx<'_>, tenant: &Tenant, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into tenants (id, name, active, region, time_zone, default_agent_id, max_concurrent,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (id) do update set name = excluded.name, active = excluded.active,
             region = excluded.region, time_zone = excluded.time_zone,
             default_agent_id = excluded.default_agent_id, max_concurrent = excluded.max_concurrent,
             updated_at = excluded.updated_at, revision = tenants.revision + 1, archived_at = null",
        &[
            &tenant.id,
            &tenant.name,
            &tenant.active,
            &tenant.region,
            &tenant.time_zone,
            &tenant.default_agent,
            &tenant.max_concurrent,
            &now,
        ],
    )?;
    Ok(())
}

/// Inserts an agent or overwrites it.
pub fn save_agent(tx: &mut Tx<'_>, agent: &Agent, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into agents (id, tenant_id, name, active, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict (id) do update set name = excluded.name, active = excluded.active,
             updated_at = excluded.updated_at, revision = agents.revision + 1, archived_at = null",
        &[&agent.id, &agent.tenant, &agent.name, &agent.active, &now],
    )?;
    Ok(())
}

/// Inserts a campaign or overwrites it.
pub fn save_campaign(tx: &mut Tx<'_>, campaign: &Campaign, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into campaigns (id, tenant_id, name, status, agent_id, fallback_agent_id, max_concurrent,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (id) do update set name = excluded.name, status = excluded.status,
             agent_id = excluded.agent_id, fallback_agent_id = excluded.fallback_agent_id,
             max_concurrent = excluded.max_concurrent, updated_at = excluded.updated_at,
             revision = campaigns.revision + 1, archived_at = null",
        &[
            &campaign.id,
            &campaign.tenant,
            &campaign.name,
            &campaign.status,
            &campaign.agent,
            &campaign.fallback_agent,
            &campaign.max_concurrent,
            &now,
        ],
    )?;
    Ok(())
}

/// Inserts a trunk or overwrites it.
pub fn save_trunk(tx: &mut Tx<'_>, trunk: &Trunk, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into platform_trunks (id, tenant_id, project, name, twilio_trunk_sid, livekit_trunk_id, active,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
         on conflict (id) do update set project = excluded.project, name = excluded.name,
             twilio_trunk_sid = excluded.twilio_trunk_sid, livekit_trunk_id = excluded.livekit_trunk_id,
             active = excluded.active, updated_at = excluded.updated_at,
             revision = platform_trunks.revision + 1, archived_at = null",
        &[
            &trunk.id,
            &trunk.tenant,
            &trunk.project,
            &trunk.name,
            &trunk.twilio,
            &trunk.livekit,
            &trunk.active,
            &now,
        ],
    )?;
    Ok(())
}

macro_rules! save_numbers {
    ($rows:literal) => {
        concat!(
            "insert into phone_numbers (created_at, updated_at, id, tenant_id, number, type, provider,
                 provider_sid, campaign_id, livekit_trunk_id, active, metadata)
             select $1, $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                 value ->> 5, value ->> 6, value ->> 7, cast(value ->> 8 as boolean), '{}'
             from ",
            $rows,
            " where true
             on conflict (id) do update set tenant_id = excluded.tenant_id, number = excluded.number,
                 type = excluded.type, provider = excluded.provider, provider_sid = excluded.provider_sid,
                 campaign_id = excluded.campaign_id, livekit_trunk_id = excluded.livekit_trunk_id,
                 active = excluded.active, updated_at = excluded.updated_at,
                 revision = phone_numbers.revision + 1, archived_at = null"
        )
    };
}

/// Inserts numbers or overwrites them, and moves them to their tenant. When they were bought, and what else is
/// kept with them, stays.
pub fn save_numbers(tx: &mut Tx<'_>, numbers: &[Number], now: Timestamp) -> Result<()> {
    let sql = Sql {
        sqlite: save_numbers!("json_each($2)"),
        postgres: save_numbers!("json_array_elements(cast(cast($2 as text) as json)) as each (value)"),
    };
    for some in numbers.chunks(AT_ONCE) {
        let rows: Vec<_> = some
            .iter()
            .map(|row| {
                let Number { id, tenant, number, kind, provider, provider_sid, .. } = row;
                let Number { campaign, livekit_trunk, active, .. } = row;
                (id, tenant, number, kind, provider, provider_sid, campaign, livekit_trunk, active)
            })
            .collect();
        tx.execute(sql, &[&now, &Json(rows)])?;
    }
    Ok(())
}
