//! Every number and where a call to it would end: number, tenant, campaign, agent, worker.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::call::EndReason;
use crate::call::decide::{self, InUse, Verdict};
use crate::call::fact::Ring;
use crate::call::routing::{Route, Routing};
use crate::clock::Timestamp;
use crate::db::{self, Tx, calls};
use crate::ids::{CampaignId, TenantId};
use crate::phone::E164;
use crate::views::DecisionView;

use super::probe::Worker;

/// How a call to a number would end. The worst first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FlowState")]
pub enum State {
    /// Nobody would answer, and nobody meant it so.
    Lost,
    /// It would be answered by who stands in, or is refused only because as many talk as may.
    AtRisk,
    /// It would go to an agent of whom nobody knows whether anybody runs it.
    Unproved,
    /// Somebody has switched it off.
    Off,
    /// The agent would answer: a worker took its job a moment ago.
    Answered,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Lost => "lost",
            State::AtRisk => "at risk",
            State::Unproved => "not proved",
            State::Off => "off",
            State::Answered => "answered",
        }
    }
}

/// A number, and how a call to it would end.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NumberFlow")]
pub struct Flow {
    /// The number, in E.164.
    pub number: String,
    /// The name of whoever has it.
    pub tenant: String,
    /// Its campaign's name.
    pub campaign: Option<String>,
    /// Who would answer.
    pub agent: Option<String>,
    /// Who stands in.
    pub fallback_agent: Option<String>,
    /// How a call would end.
    pub state: State,
    /// The same in words.
    pub says: String,
    /// What to do about it, where something is to be done.
    pub remedy: Option<String>,
    /// A call explained, from a caller who withholds the number.
    pub decision: DecisionView,
}

/// Open calls of those tenants and campaigns that have a limit.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub(super) tenants: HashMap<TenantId, i64>,
    pub(super) campaigns: HashMap<CampaignId, i64>,
}

impl Counts {
    /// Counts them, or those of one tenant.
    pub fn read(tx: &mut Tx<'_>, routing: &Routing, only: Option<&TenantId>) -> db::Result<Counts> {
        let mut counts = Counts::default();
        for tenant in routing.tenants.values().filter(|tenant| only.is_none_or(|only| *only == tenant.id)) {
            if tenant.max_concurrent.is_some() {
                counts.tenants.insert(tenant.id.clone(), calls::open_of_tenant(tx, &tenant.id)?);
            }
            for (id, campaign) in &tenant.campaigns {
                if campaign.max_concurrent.is_some() {
                    counts.campaigns.insert(id.clone(), calls::open_of_campaign(tx, id)?);
                }
            }
        }
        Ok(counts)
    }

    fn of(&self, route: &Route<'_>) -> InUse {
        let campaign = route.campaign.and_then(|(id, _)| self.campaigns.get(id));
        let tenant = self.tenants.get(&route.tenant.id);
        InUse { tenant: tenant.copied().unwrap_or(0), campaign: campaign.copied().unwrap_or(0) }
    }
}

/// Decides a call to every number, or to those of one tenant. Whether anybody runs the agents is not known yet: see
/// [`with_workers`].
pub fn check(
    routing: &Routing,
    tenant: Option<&TenantId>,
    (project, counts, now): (&str, &Counts, Timestamp),
) -> Vec<Flow> {
    let numbers = routing.numbers.iter().filter(|(_, of)| tenant.is_none_or(|tenant| of.id == *tenant));
    let flows = numbers.filter_map(|(number, _)| {
        let route = routing.route(number)?;
        let ring = Ring { called: number.to_string(), caller: "anonymous".to_owned(), ..Ring::default() };
        let decision = decide::decide(&ring, project, routing, counts.of(&route), now);
        Some(flow(number, &route, &decision.verdict, DecisionView::of(&decision)))
    });
    flows.collect()
}

fn flow(number: &E164, route: &Route<'_>, verdict: &Verdict, decision: DecisionView) -> Flow {
    let (agent, fallback_agent, refused) = match verdict {
        Verdict::Answer { agent, fallback, .. } => (Some(agent.clone()), fallback.clone(), None),
        Verdict::Reject { reason } => (None, None, Some(*reason)),
    };
    let (state, remedy) = match refused {
        None => (State::Unproved, None),
        Some(reason) => refusal(reason, route),
    };
    Flow {
        number: number.to_string(),
        tenant: route.tenant.name.clone(),
        campaign: route.campaign.map(|(_, campaign)| campaign.name.clone()),
        agent,
        fallback_agent,
        state,
        says: decision.says.clone(),
        remedy,
        decision,
    }
}

fn refusal(reason: EndReason, route: &Route<'_>) -> (State, Option<String>) {
    let campaign = route.campaign.map_or("", |(_, campaign)| &campaign.name);
    let tenant = &route.tenant.name;
    match reason {
        EndReason::NumberInactive => {
            (State::Off, Some("switch the number on if it is to be answered".to_owned()))
        }
        EndReason::CampaignPaused => (State::Off, Some(format!("set the campaign {campaign:?} active"))),
        EndReason::TenantInactive => (State::Off, Some(format!("switch the tenant {tenant:?} on"))),
        EndReason::CampaignFull => {
            (State::AtRisk, Some(format!("raise max_concurrent of the campaign {campaign:?}, or wait")))
        }
        EndReason::TenantFull => {
            (State::AtRisk, Some(format!("raise max_concurrent of the tenant {tenant:?}, or wait")))
        }
        _ => (State::Lost, None),
    }
}

/// Every agent that somebody's call would go to.
pub fn agents(flows: &[Flow]) -> BTreeSet<String> {
    flows.iter().flat_map(|flow| flow.agent.iter().chain(&flow.fallback_agent)).cloned().collect()
}

/// Says what it means that somebody, or nobody, runs an agent, and puts the worst first.
pub fn with_workers(mut flows: Vec<Flow>, workers: &BTreeMap<String, Worker>) -> Vec<Flow> {
    let is_dead = |agent: &String| workers.get(agent) == Some(&Worker::Nobody);
    let is_alive = |agent: &String| matches!(workers.get(agent), Some(Worker::Alive { .. }));
    for flow in &mut flows {
        let Some(agent) = &flow.agent else { continue };
        if !is_dead(agent) {
            if is_alive(agent) {
                flow.state = State::Answered;
            }
            continue;
        }
        let start = format!(
            "start a worker that registers as {agent:?}, or mend the name; one that is full (load 0.7 and more) takes no \
             job either"
        );
        match flow.fallback_agent.as_ref().filter(|fallback| !is_dead(fallback)) {
            Some(fallback) => {
                flow.state = State::AtRisk;
                flow.says = if is_alive(fallback) {
                    format!("nobody runs {agent}; {fallback} answers, some seconds late")
                } else {
                    format!("nobody runs {agent}; {fallback} stands in, if anybody runs that")
                };
            }
            None => {
                flow.state = State::Lost;
                flow.says = match &flow.fallback_agent {
                    Some(fallback) => format!("nobody runs {agent}, nor {fallback}, who stands in"),
                    None => format!("nobody runs {agent}, and nobody stands in"),
                };
            }
        }
        flow.remedy = Some(start);
    }
    flows.sort_by(|a, b| (a.state, &a.tenant, &a.number).cmp(&(b.state, &b.tenant, &b.number)));
    flows
}
