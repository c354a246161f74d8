//! No tenant's routing ever yields another tenant's agent, campaign or number.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::call::decide::{InUse, decide};
use crate::call::routing::{Agent, Campaign, Number, Routing, TenantRouting};
use crate::ids::{AgentId, CampaignId, TenantId};

const TENANTS: usize = 3;
const NUMBERS: usize = 4;

/// An agent by its tenant and its place there.
type Named = Option<(usize, usize)>;

/// One tenant's rules: names collide with every other tenant's, ids may name another tenant's rows.
#[derive(Clone, Debug)]
struct Rules {
    tenant: usize,
    gone: bool,
    agents: Vec<bool>,
    default_agent: Named,
    campaign: (Named, Named),
    numbers: Vec<(usize, Option<usize>)>,
}

fn agent_id((tenant, agent): (usize, usize)) -> AgentId {
    format!("agt_{tenant}_{agent}").into()
}

fn campaign_id(tenant: usize) -> CampaignId {
    format!("cmp_{tenant}").into()
}

fn tenant_id(tenant: usize) -> TenantId {
    format!("tnt_{tenant}").into()
}

fn dialled(index: usize) -> String {
    format!("+1415555010{index}")
}

impl Rules {
    fn build(&self) -> TenantRouting {
        let agents = self.agents.iter().enumerate();
        let campaign = Campaign {
            name: "Sales".into(),
            paused: false,
            agent: self.campaign.0.map(agent_id),
            fallback_agent: self.campaign.1.map(agent_id),
            max_concurrent: None,
        };
        let numbers = self.numbers.iter().map(|(index, campaign)| {
            let id = format!("num_{}_{index}", self.tenant).into();
            (number(&dialled(*index)), Number { id, active: true, campaign: campaign.map(campaign_id) })
        });
        TenantRouting {
            id: tenant_id(self.tenant),
            name: "Acme".into(),
            active: true,
            region: "US".into(),
            max_concurrent: None,
            default_agent: self.default_agent.map(agent_id),
            agents: agents
                .map(|(index, active)| {
                    let name = format!("agent-{index}");
                    (agent_id((self.tenant, index)), Agent { name, active: *active })
                })
                .collect(),
            campaigns: HashMap::from([(campaign_id(self.tenant), campaign)]),
            numbers: numbers.collect(),
            trunks: Vec::new(),
        }
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let agent = || prop::option::of((0..TENANTS, 0..3_usize));
    let numbers = prop::collection::vec((0..NUMBERS, prop::option::of(0..TENANTS)), 0..4);
    let parts = (0..TENANTS, prop::bool::weighted(0.1), prop::collection::vec(any::<bool>(), 0..3));
    (parts, agent(), (agent(), agent()), numbers).prop_map(
        |((tenant, gone, agents), default_agent, campaign, numbers)| Rules {
            tenant,
            gone,
            agents,
            default_agent,
            campaign,
            numbers,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_call_stays_within_the_tenant_that_has_the_number(changes in prop::collection::vec(rules(), 1..12)) {
        let mut routing = Routing {
            system_agent: "telephony-agent".into(),
            default_region: "US".into(),
            ..Routing::default()
        };
        // Who has what, kept in the plainest way: the last who was given a number has it.
        let mut owners: HashMap<usize, usize> = HashMap::new();
        let mut now: HashMap<usize, Rules> = HashMap::new();
        for change in changes {
            let of = change.tenant;
            routing.replace(&tenant_id(of), (!change.gone).then(|| change.build()));
            owners.retain(|_, owner| *owner != of);
            if change.gone {
                now.remove(&of);
                continue;
            }
            owners.extend(change.numbers.iter().map(|(index, _)| (*index, of)));
            now.insert(of, change);
        }
        for index in 0..NUMBERS {
            let ring = Ring { called: dialled(index), ..leg("PA_1", 0) };
            let decision = decide(&ring, "main", &routing, InUse::default(), START);
            let owner = owners.get(&index);
            prop_assert_eq!(decision.tenant, owner.map(|owner| tenant_id(*owner)));
            let Some(rules) = owner.and_then(|owner| now.get(owner)) else {
                let reason = EndReason::UnknownNumber;
                prop_assert_eq!(decision.verdict, Verdict::Reject { reason });
                continue;
            };
            let own = rules.build();
            prop_assert_eq!(decision.number, Some(own.numbers[&number(&dialled(index))].id.clone()));
            prop_assert!(decision.campaign.is_none_or(|id| own.campaigns.contains_key(&id)));
            let Verdict::Answer { agent, agent_id, fallback, fallback_id } = decision.verdict else {
                panic!("nothing refuses here");
            };
            let named = |id: Option<AgentId>| {
                id.map(|id| own.agents.get(&id).filter(|agent| agent.active).map(|agent| agent.name.clone()))
            };
            prop_assert_eq!(named(agent_id).unwrap_or_else(|| Some(routing.system_agent.clone())), Some(agent));
            prop_assert_eq!(named(fallback_id), fallback.map(Some));
        }
    }
}
