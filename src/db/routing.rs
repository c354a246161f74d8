//! Loads the routing snapshot.

use std::collections::HashMap;

use crate::call::routing::{Agent, Campaign, Number, TenantRouting};
use crate::ids::TenantId;
use crate::phone::E164;

use super::{Error, Result, Row, Tx};

/// Of one tenant, by the index, or of all of them.
macro_rules! of {
    ($only:expr, $select:literal, $tenant:literal) => {
        if $only.is_some() {
            concat!($select, " and ", $tenant, " = $1")
        } else {
            concat!($select, " and cast($1 as text) is null")
        }
    };
}

/// One tenant's rules, or every tenant's. Archived rows are not there; nor is an archived tenant.
pub fn load(tx: &mut Tx<'_>, only: Option<&TenantId>) -> Result<Vec<TenantRouting>> {
    let mut tenants: HashMap<TenantId, TenantRouting> = HashMap::new();
    tx.each(
        of!(
            only,
            "select id, name, active, region, max_concurrent, default_agent_id from tenants
             where archived_at is null",
            "id"
        ),
        &[&only],
        |row| {
            let rules = tenant(row)?;
            tenants.insert(rules.id.clone(), rules);
            Ok(())
        },
    )?;
    tx.each(
        of!(only, "select id, tenant_id, name, active from agents where archived_at is null", "tenant_id"),
        &[&only],
        |row| {
            let agent = Agent { name: row.get("name")?, active: row.get("active")? };
            with(&mut tenants, row, |rules| {
                rules.agents.insert(row.get("id")?, agent);
                Ok(())
            })
        },
    )?;
    tx.each(
        of!(
            only,
            "select id, tenant_id, name, status, agent_id, fallback_agent_id, max_concurrent from campaigns
             where archived_at is null",
            "tenant_id"
        ),
        &[&only],
        |row| {
            let campaign = campaign(row)?;
            with(&mut tenants, row, |rules| {
                rules.campaigns.insert(row.get("id")?, campaign);
                Ok(())
            })
        },
    )?;
    tx.each(
        of!(
            only,
            "select id, tenant_id, number, active, campaign_id from phone_numbers where archived_at is null",
            "tenant_id"
        ),
        &[&only],
        |row| {
            let (number, rest) = number(row)?;
            with(&mut tenants, row, |rules| {
                rules.numbers.insert(number, rest);
                Ok(())
            })
        },
    )?;
    tx.each(
        of!(
            only,
            "select tenant_id, project, livekit_trunk_id from platform_trunks
             where archived_at is null and livekit_trunk_id is not null",
            "tenant_id"
        ),
        &[&only],
        |row| {
            let trunk = (row.get("project")?, row.get("livekit_trunk_id")?);
            with(&mut tenants, row, |rules| {
                rules.trunks.push(trunk);
                Ok(())
            })
        },
    )?;
    Ok(tenants.into_values().collect())
}

/// Hands over the rules of the row's tenant, unless that is archived.
fn with(
    tenants: &mut HashMap<TenantId, TenantRouting>,
    row: &Row<'_>,
    add: impl FnOnce(&mut TenantRouting) -> Result<()>,
) -> Result<()> {
    tenants.get_mut(&row.get::<TenantId>("tenant_id")?).map_or(Ok(()), add)
}

fn tenant(row: &Row<'_>) -> Result<TenantRouting> {
    Ok(TenantRouting {
        id: row.get("id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        region: row.get("region")?,
        max_concurrent: row.get("max_concurrent")?,
        default_agent: row.get("default_agent_id")?,
        agents: HashMap::new(),
        campaigns: HashMap::new(),
        numbers: HashMap::new(),
        trunks: Vec::new(),
    })
}

fn campaign(row: &Row<'_>) -> Result<Campaign> {
    Ok(Campaign {
        name: row.get("name")?,
        paused: row.get::<String>("status")? == "paused",
        agent: row.get("agent_id")?,
        fallback_agent: row.get("fallback_agent_id")?,
        max_concurrent: row.get("max_concurrent")?,
    })
}

fn number(row: &Row<'_>) -> Result<(E164, Number)> {
    let text: String = row.get("number")?;
    let number = E164::exactly(&text)
        .ok_or_else(|| Error::Unexpected("phone_numbers holds a number that is not E.164".into()))?;
    Ok((number, Number { id: row.get("id")?, active: row.get("active")?, campaign: row.get("campaign_id")? }))
}
