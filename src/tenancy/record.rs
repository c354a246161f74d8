//! Tenants and what they have, in the API's words: what it shows of them besides their version, and what the audit keeps.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::db::configuration as db;
use crate::ids::{AgentId, CampaignId, NumberId, TenantId, TrunkId};

use super::{CampaignStatus, Capabilities, NumberKind, Provider};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id: `tnt_…`, or the one that it was given.
    pub id: TenantId,
    /// What it is called; no two tenants share a name.
    pub name: String,
    /// Whether its numbers take calls.
    pub is_active: bool,
    /// How its national numbers are read: a country's two letters (ISO 3166).
    pub region: String,
    /// Its IANA time zone, by which its days begin and end.
    pub time_zone: String,
    /// The id of that agent.
    pub default_agent_id: Option<AgentId>,
    /// Who answers where a number has no campaign, or its campaign no agent; null: the platform's own agent.
    pub default_agent_name: Option<String>,
    /// The most calls it takes at once; null: no limit.
    pub max_concurrent: Option<i64>,
}

impl Tenant {
    /// A row; its agent's name, unless that is archived.
    pub fn of(row: &db::Tenant, default_agent: Option<&str>) -> Tenant {
        Tenant {
            id: row.id.clone(),
            name: row.name.clone(),
            is_active: row.active,
            region: row.region.clone(),
            time_zone: row.time_zone.clone(),
            default_agent_id: row.default_agent.clone().filter(|_| default_agent.is_some()),
            default_agent_name: default_agent.map(str::to_owned),
            max_concurrent: row.max_concurrent,
        }
    }
}

/// An agent: a name that LiveKit workers register under.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Its id, `agt_…`.
    pub id: AgentId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The `agent_name` that its worker registers.
    pub name: String,
    /// Whether it may be chosen.
    pub is_active: bool,
}

impl Agent {
    /// A row.
    pub fn of(row: &db::Agent) -> Agent {
        Agent {
            id: row.id.clone(),
            tenant_id: row.tenant.clone(),
            name: row.name.clone(),
            is_active: row.active,
        }
    }
}

/// A campaign: who answers the numbers that belong to it, and how many calls at once.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    /// Its id, `cmp_…`.
    pub id: CampaignId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What it is called; no two of a tenant share a name.
    pub name: String,
    /// A paused one takes no calls.
    pub status: CampaignStatus,
    /// The id of that agent.
    pub agent_id: Option<AgentId>,
    /// Who answers; null: the tenant's default agent.
    pub agent_name: Option<String>,
    /// The id of that agent.
    pub fallback_agent_id: Option<AgentId>,
    /// Who takes over when that agent does not come.
    pub fallback_agent_name: Option<String>,
    /// The LiveKit trunk that outbound calls of the campaign go out on, `ST_…`.
    pub sip_trunk_id: Option<String>,
    /// The most calls it takes at once; null: no limit.
    pub max_concurrent: Option<i64>,
}

impl Campaign {
    /// A row; the names of agent and fallback agent, unless those are archived.
    pub fn of(row: &db::Campaign, agent: Option<&str>, fallback: Option<&str>) -> Campaign {
        Campaign {
            id: row.id.clone(),
            tenant_id: row.tenant.clone(),
            name: row.name.clone(),
            status: row.status,
            agent_id: row.agent.clone().filter(|_| agent.is_some()),
            agent_name: agent.map(str::to_owned),
            fallback_agent_id: row.fallback_agent.clone().filter(|_| fallback.is_some()),
            fallback_agent_name: fallback.map(str::to_owned),
            sip_trunk_id: row.sip_trunk.clone(),
            max_concurrent: row.max_concurrent,
        }
    }
}

/// A phone number.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumber {
    /// Its id, `num_…`.
    pub id: NumberId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The number in E.164; it exists once on the platform.
    pub number: String,
    /// What kind of line it is.
    pub r#type: NumberKind,
    /// Where it was bought.
    pub provider: Provider,
    /// The provider's own id of it, such as Twilio's `PN…`.
    pub provider_sid: Option<String>,
    /// What it can do, as its provider said when it was imported or bought; null: it was not asked.
    pub capabilities: Option<Capabilities>,
    /// The campaign that it belongs to; null: the tenant's default agent answers.
    pub campaign_id: Option<CampaignId>,
    /// The LiveKit trunk that it belongs to, `ST_…`.
    pub livekit_trunk_id: Option<String>,
    /// Whether it takes calls.
    pub is_active: bool,
    /// When it was bought.
    pub purchased_at: Option<Timestamp>,
    /// Whatever else is to be kept with it.
    pub metadata: Map<String, Value>,
}

impl PhoneNumber {
    /// A row, and whether its campaign is there still.
    pub fn of(row: &db::Number, has_campaign: bool) -> PhoneNumber {
        PhoneNumber {
            id: row.id.clone(),
            tenant_id: row.tenant.clone(),
            number: row.number.clone(),
            r#type: row.kind,
            provider: row.provider,
            provider_sid: row.provider_sid.clone(),
            capabilities: row.capabilities,
            campaign_id: row.campaign.clone().filter(|_| has_campaign),
            livekit_trunk_id: row.livekit_trunk.clone(),
            is_active: row.active,
            purchased_at: row.purchased_at,
            metadata: row.metadata.clone(),
        }
    }
}

/// A trunk: how calls come from Twilio to LiveKit.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trunk {
    /// Its id, `trk_…`.
    pub id: TrunkId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The LiveKit project that it is in.
    pub project: String,
    /// What it is called; no two of a tenant share a name.
    pub name: String,
    /// The Twilio trunk, `TK…`.
    pub twilio_trunk_sid: Option<String>,
    /// The LiveKit inbound trunk, `ST_…`.
    pub livekit_trunk_id: Option<String>,
    /// Kept for the record; the trunk is ours either way.
    pub is_active: bool,
}

impl Trunk {
    /// A row.
    pub fn of(row: &db::Trunk) -> Trunk {
        Trunk {
            id: row.id.clone(),
            tenant_id: row.tenant.clone(),
            project: row.project.clone(),
            name: row.name.clone(),
            twilio_trunk_sid: row.twilio.clone(),
            livekit_trunk_id: row.livekit.clone(),
            is_active: row.active,
        }
    }
}
