//! Numbers and trunks as they are compared with what carriers and LiveKit have.

use crate::ids::TrunkId;

use super::{Result, Row, Sql, Tx};

/// Numbers and trunks.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Numbers that are not archived.
    pub numbers: Vec<OurNumber>,
    /// Trunks that are in use.
    pub trunks: Vec<OurTrunk>,
}

/// A number here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurNumber {
    /// The number, in E.164.
    pub number: String,
    /// The name of whoever has it.
    pub tenant: String,
    /// `TWILIO`, `LIVEKIT` or `OTHER`.
    pub provider: String,
    /// What the provider calls it.
    pub sid: Option<String>,
    /// Switched on, as is its tenant.
    pub active: bool,
}

/// A trunk here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurTrunk {
    /// Its id.
    pub id: TrunkId,
    /// Its name.
    pub name: String,
    /// The name of whoever has it.
    pub tenant: String,
    /// The LiveKit project it leads to.
    pub project: String,
    /// The trunk at Twilio.
    pub twilio: Option<String>,
    /// The trunk at LiveKit.
    pub livekit: Option<String>,
}

/// All of them.
pub fn read(tx: &mut Tx<'_>) -> Result<Inventory> {
    let numbers = "select number, provider, provider_sid, tenants.name as tenant,
                       phone_numbers.active as active, tenants.active as tenant_active
                   from phone_numbers join tenants on tenants.id = phone_numbers.tenant_id
                   where phone_numbers.archived_at is null and tenants.archived_at is null order by number";
    let trunks = "select platform_trunks.id as id, platform_trunks.name as name, project, twilio_trunk_sid,
                      livekit_trunk_id, platform_trunks.active as active, tenants.name as tenant
                  from platform_trunks join tenants on tenants.id = platform_trunks.tenant_id
                  where platform_trunks.archived_at is null and tenants.archived_at is null
                  order by tenants.name, platform_trunks.name";
    let mut all = tx.all(trunks, &[], |row| Ok((row.get::<bool>("active")?, trunk(row)?)))?;
    all.retain(|(active, _)| *active);
    Ok(Inventory {
        numbers: tx.all(numbers, &[], number)?,
        trunks: all.into_iter().map(|(_, trunk)| trunk).collect(),
    })
}

fn number(row: &Row<'_>) -> Result<OurNumber> {
    Ok(OurNumber {
        number: row.get("number")?,
        tenant: row.get("tenant")?,
        provider: row.get("provider")?,
        sid: row.get("provider_sid")?,
        active: row.get::<bool>("active")? && row.get::<bool>("tenant_active")?,
    })
}

fn trunk(row: &Row<'_>) -> Result<OurTrunk> {
    Ok(OurTrunk {
        id: row.get("id")?,
        name: row.get("name")?,
        tenant: row.get("tenant")?,
        project: row.get("project")?,
        twilio: row.get("twilio_trunk_sid")?,
        livekit: row.get("livekit_trunk_id")?,
    })
}

/// What the engine calls itself.
pub fn version(tx: &mut Tx<'_>) -> Result<String> {
    let sql = Sql {
        sqlite: "select 'SQLite ' || sqlite_version() as version",
        postgres: "select 'PostgreSQL ' || current_setting('server_version') as version",
    };
    Ok(tx.first(sql, &[], |row| row.get("version"))?.unwrap_or_default())
}

/// What PostgreSQL was told not to do for what is committed to stay; nothing on SQLite, whose settings are ours.
pub fn switched_off(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let sql = Sql {
        sqlite: "select '' as name where 1 = 0",
        postgres: "select name from pg_settings
                   where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
                   order by name",
    };
    tx.all(sql, &[], |row| row.get("name"))
}
