//! The five kinds of rows, as planning needs them: what tells them apart, what the file's keys say of them, and what
//! a table of the file makes of one.

use std::collections::HashMap;

use serde_json::Value;

use super::file;
use crate::clock::Timestamp;
use crate::db::configuration::{Agent, Campaign, Kind, Number, Tenant, Trunk};
use crate::ids::{AgentId, CampaignId, NumberId, TenantId, TrunkId};
use crate::phone;
use crate::tenancy::rows::Names;
use crate::tenancy::{CampaignStatus, DEFAULT_PROJECT, DEFAULT_TIME_ZONE, Provider};

/// A row as the database keeps it.
pub(super) trait Existing: Clone + PartialEq {
    const KIND: Kind;
    /// What people call it.
    const NOUN: &'static str;
    /// The key that holds its name.
    const KEY: &'static str = "name";

    fn id(&self) -> &str;
    fn name(&self) -> &str;
    fn is_archived(&self) -> bool;
    /// What each key of the file says of it.
    fn keys(&self, names: &Names) -> Vec<Key>;
}

/// What a key says.
pub(super) struct Key {
    pub(super) key: &'static str,
    /// What is compared: the id of what is referred to, so that a rename elsewhere is no change here.
    pub(super) is: Value,
    /// What is shown.
    pub(super) shown: Value,
}

fn key(key: &'static str, value: impl Into<Value>) -> Key {
    let is = value.into();
    Key { key, shown: is.clone(), is }
}

fn limit(max: Option<i64>) -> Key {
    key("max_concurrent", max.map_or_else(|| Value::from("unlimited"), Value::from))
}

fn reference<I>(key: &'static str, id: Option<&I>, names: &HashMap<I, String>) -> Key
where
    I: Eq + std::hash::Hash + std::ops::Deref<Target = str>,
{
    let named = id.and_then(|id| names.get_key_value(id));
    let is = named.map_or(Value::Null, |(id, _)| Value::from(&**id));
    Key { key, is, shown: named.map_or(Value::Null, |(_, name)| Value::from(name.as_str())) }
}

impl Existing for Tenant {
    const KIND: Kind = Kind::Tenant;
    const NOUN: &'static str = "tenant";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_archived(&self) -> bool {
        self.archived
    }

    fn keys(&self, names: &Names) -> Vec<Key> {
        vec![
            key("name", self.name.as_str()),
            key("region", self.region.as_str()),
            key("time_zone", self.time_zone.as_str()),
            reference("default_agent", self.default_agent.as_ref(), &names.agents),
            limit(self.max_concurrent),
            key("active", self.active),
        ]
    }
}

impl Existing for Agent {
    const KIND: Kind = Kind::Agent;
    const NOUN: &'static str = "agent";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_archived(&self) -> bool {
        self.archived
    }

    fn keys(&self, _: &Names) -> Vec<Key> {
        vec![key("name", self.name.as_str()), key("active", self.active)]
    }
}

impl Existing for Campaign {
    const KIND: Kind = Kind::Campaign;
    const NOUN: &'static str = "campaign";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_archived(&self) -> bool {
        self.archived
    }

    fn keys(&self, names: &Names) -> Vec<Key> {
        vec![
            key("name", self.name.as_str()),
            key("status", self.status.as_str()),
            reference("agent", self.agent.as_ref(), &names.agents),
            reference("fallback_agent", self.fallback_agent.as_ref(), &names.agents),
            limit(self.max_concurrent),
            key("sip_trunk", self.sip_trunk.as_deref()),
        ]
    }
}

impl Existing for Number {
    const KIND: Kind = Kind::Number;
    const NOUN: &'static str = "number";
    const KEY: &'static str = "number";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.number
    }

    fn is_archived(&self) -> bool {
        self.archived
    }

    fn keys(&self, names: &Names) -> Vec<Key> {
        vec![
            key("number", self.number.as_str()),
            reference("tenant", Some(&self.tenant), &names.tenants),
            reference("campaign", self.campaign.as_ref(), &names.campaigns),
            key("type", self.kind.as_str()),
            key("provider", self.provider.as_str()),
            key("provider_sid", self.provider_sid.as_deref()),
            key("livekit_trunk", self.livekit_trunk.as_deref()),
            key("active", self.active),
        ]
    }
}

impl Existing for Trunk {
    const KIND: Kind = Kind::Trunk;
    const NOUN: &'static str = "trunk";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_archived(&self) -> bool {
        self.archived
    }

    fn keys(&self, _: &Names) -> Vec<Key> {
        vec![
            key("name", self.name.as_str()),
            key("twilio", self.twilio.as_deref()),
            key("livekit", self.livekit.as_deref()),
            key("project", self.project.as_str()),
            key("active", self.active),
        ]
    }
}

/// What a tenant's table makes of its row; its agents are not known yet.
pub(super) fn tenant(table: &file::Tenant, was: Option<&Tenant>, (region, now): (&str, Timestamp)) -> Tenant {
    let kept = was.cloned().unwrap_or_else(|| Tenant {
        id: table.id.given().map_or_else(|| TenantId::new(now), |id| id.as_str().into()),
        name: String::new(),
        active: true,
        region: region.to_owned(),
        time_zone: DEFAULT_TIME_ZONE.to_owned(),
        default_agent: None,
        max_concurrent: None,
        archived: false,
    });
    Tenant {
        id: kept.id,
        name: table.name.or(kept.name),
        active: table.active.or(kept.active),
        region: table.region.or(kept.region),
        time_zone: table.time_zone.or(kept.time_zone),
        default_agent: kept.default_agent,
        max_concurrent: table.max_concurrent.or(kept.max_concurrent),
        archived: false,
    }
}

/// What an agent's table makes of its row.
pub(super) fn agent(
    table: &file::Agent,
    was: Option<&Agent>,
    (tenant, now): (&TenantId, Timestamp),
) -> Agent {
    let kept = was.cloned().unwrap_or_else(|| Agent {
        id: table.id.given().map_or_else(|| AgentId::new(now), |id| id.as_str().into()),
        tenant: tenant.clone(),
        name: String::new(),
        active: true,
        archived: false,
    });
    Agent { name: table.name.or(kept.name), active: table.active.or(kept.active), archived: false, ..kept }
}

/// What a campaign's table makes of its row, but for its agents.
pub(super) fn campaign(
    table: &file::Campaign,
    was: Option<&Campaign>,
    (tenant, now): (&TenantId, Timestamp),
) -> Campaign {
    let kept = was.cloned().unwrap_or_else(|| Campaign {
        id: table.id.given().map_or_else(|| CampaignId::new(now), |id| id.as_str().into()),
        tenant: tenant.clone(),
        name: String::new(),
        status: CampaignStatus::Active,
        agent: None,
        fallback_agent: None,
        sip_trunk: None,
        max_concurrent: None,
        archived: false,
    });
    Campaign {
        name: table.name.or(kept.name),
        status: table.status.or(kept.status),
        sip_trunk: table.sip_trunk.or(kept.sip_trunk),
        max_concurrent: table.max_concurrent.or(kept.max_concurrent),
        archived: false,
        ..kept
    }
}

/// What a number's table makes of its row, but for its campaign. `number` is E.164, of this type unless told.
pub(super) fn number(
    table: &file::Number,
    was: Option<&Number>,
    (number, tenant, now): (&str, &TenantId, Timestamp),
) -> Number {
    let kept = was.cloned().unwrap_or_else(|| Number {
        id: table.id.given().map_or_else(|| NumberId::new(now), |id| id.as_str().into()),
        tenant: tenant.clone(),
        number: String::new(),
        kind: phone::kind_of(number),
        provider: Provider::Twilio,
        provider_sid: None,
        capabilities: None,
        campaign: None,
        livekit_trunk: None,
        active: true,
        purchased_at: None,
        metadata: serde_json::Map::new(),
        archived: false,
    });
    Number {
        // Another tenant's campaign stays with that tenant.
        campaign: kept.campaign.filter(|_| kept.tenant == *tenant),
        tenant: tenant.clone(),
        number: number.to_owned(),
        kind: table.kind.or(kept.kind),
        provider: table.provider.or(kept.provider),
        provider_sid: table.provider_sid.or(kept.provider_sid),
        // Of the number that it was read of.
        capabilities: kept.capabilities.filter(|_| kept.number == number),
        livekit_trunk: table.livekit_trunk.or(kept.livekit_trunk),
        active: table.active.or(kept.active),
        purchased_at: kept.purchased_at,
        metadata: kept.metadata,
        archived: false,
        id: kept.id,
    }
}

/// What a trunk's table makes of its row.
pub(super) fn trunk(
    table: &file::Trunk,
    was: Option<&Trunk>,
    (tenant, now): (&TenantId, Timestamp),
) -> Trunk {
    let kept = was.cloned().unwrap_or_else(|| Trunk {
        id: table.id.given().map_or_else(|| TrunkId::new(now), |id| id.as_str().into()),
        tenant: tenant.clone(),
        project: DEFAULT_PROJECT.to_owned(),
        name: String::new(),
        twilio: None,
        livekit: None,
        active: true,
        archived: false,
    });
    Trunk {
        name: table.name.or(kept.name),
        project: table.project.or(kept.project),
        twilio: table.twilio.or(kept.twilio),
        livekit: table.livekit.or(kept.livekit),
        active: table.active.or(kept.active),
        archived: false,
        ..kept
    }
}
