//! Who has which number and who answers it: an immutable snapshot that [`decide`](super::decide) reads.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::{AgentId, CampaignId, NumberId, TenantId};
use crate::phone::E164;

/// Everything a decision reads. A change makes a new one; the tenants it did not touch are shared.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// Number → the tenant that has it.
    pub numbers: HashMap<E164, Arc<TenantRouting>>,
    /// Every tenant that is not archived.
    pub tenants: HashMap<TenantId, Arc<TenantRouting>>,
    /// The LiveKit trunks that the configuration names, as (project, trunk).
    pub configured_trunks: Vec<(String, String)>,
    /// The agent that answers where nobody chose one.
    pub system_agent: String,
    /// How national numbers are read before the tenant is known (ISO 3166-1 alpha-2).
    pub default_region: String,
}

/// One tenant's rules.
#[derive(Clone, Debug)]
pub struct TenantRouting {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Whether it takes calls.
    pub active: bool,
    /// How its national numbers are read (ISO 3166-1 alpha-2).
    pub region: String,
    /// The most calls it takes at once; none: no limit.
    pub max_concurrent: Option<i64>,
    /// The agent that answers where the campaign has none.
    pub default_agent: Option<AgentId>,
    /// Its agents.
    pub agents: HashMap<AgentId, Agent>,
    /// Its campaigns.
    pub campaigns: HashMap<CampaignId, Campaign>,
    /// Its numbers.
    pub numbers: HashMap<E164, Number>,
    /// Its LiveKit trunks, as (project, trunk).
    pub trunks: Vec<(String, String)>,
}

/// An agent: a name that LiveKit workers register under.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name at LiveKit.
    pub name: String,
    /// Whether it may be chosen.
    pub active: bool,
}

/// A campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// Whether it takes no calls for now.
    pub paused: bool,
    /// Who answers.
    pub agent: Option<AgentId>,
    /// Who answers when that agent does not.
    pub fallback_agent: Option<AgentId>,
    /// The most calls it takes at once; none: no limit.
    pub max_concurrent: Option<i64>,
}

/// A number.
#[derive(Clone, Debug)]
pub struct Number {
    /// Its id.
    pub id: NumberId,
    /// Whether it takes calls.
    pub active: bool,
    /// The campaign it belongs to.
    pub campaign: Option<CampaignId>,
}

/// What a dialled number leads to.
#[derive(Clone, Debug)]
pub struct Route<'r> {
    /// The number, as it is kept.
    pub number: &'r Number,
    /// Its tenant.
    pub tenant: &'r Arc<TenantRouting>,
    /// Its campaign, with its id.
    pub campaign: Option<(&'r CampaignId, &'r Campaign)>,
}

impl Routing {
    /// Puts in a tenant's rules, or takes a tenant out.
    pub fn replace(&mut self, id: &TenantId, rules: Option<TenantRouting>) {
        if let Some(old) = self.tenants.remove(id) {
            for number in old.numbers.keys() {
                // A number that has moved on to another tenant stays where it is now.
                if self.numbers.get(number).is_some_and(|owner| owner.id == *id) {
                    self.numbers.remove(number);
                }
            }
        }
        let Some(rules) = rules else { return };
        let rules = Arc::new(rules);
        for number in rules.numbers.keys() {
            self.numbers.insert(number.clone(), rules.clone());
        }
        self.tenants.insert(id.clone(), rules);
    }

    /// What a number leads to.
    pub fn route(&self, number: &E164) -> Option<Route<'_>> {
        let (number, tenant) = self.numbers.get(number).and_then(|t| Some((t.numbers.get(number)?, t)))?;
        let campaign = number.campaign.as_ref().and_then(|id| tenant.campaigns.get_key_value(id));
        Some(Route { number, tenant, campaign })
    }

    /// Whether any trunk of this project is named as ours.
    pub fn knows_trunks(&self, project: &str) -> bool {
        self.trunks().any(|(of, _)| of == project)
    }

    /// Whether this trunk is ours. Where none is named, every trunk is.
    pub fn is_our_trunk(&self, project: &str, trunk: &str) -> bool {
        !self.knows_trunks(project) || self.trunks().any(|(of, id)| of == project && id == trunk)
    }

    fn trunks(&self) -> impl Iterator<Item = &(String, String)> {
        self.configured_trunks.iter().chain(self.tenants.values().flat_map(|tenant| &tenant.trunks))
    }
}
