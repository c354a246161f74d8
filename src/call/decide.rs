//! Who answers: `(ring, routing, in use, now) → Decision`, with the receipt that explains it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AgentId, CampaignId, NumberId, TenantId};
use crate::phone::{self, Caller, E164};

use super::EndReason;
use super::fact::Ring;
use super::routing::{Agent, Route, Routing};

/// What was decided of one ring, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Who answers, or why nobody does.
    pub verdict: Verdict,
    /// Whose call it is; none when nobody has the number.
    pub tenant: Option<TenantId>,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// The number that was dialled, if it is one of ours.
    pub number: Option<NumberId>,
    /// The number that was dialled, in E.164, if it is a number.
    pub called: Option<E164>,
    /// The caller's number in E.164; none when withheld or not a telephone number.
    pub caller: Option<E164>,
    /// The steps considered, in order: the receipt.
    pub steps: Vec<Step>,
    /// When it was decided, on our clock.
    pub at: Timestamp,
}

/// Who answers, or why nobody does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// An agent answers.
    Answer {
        /// The agent's name at LiveKit.
        agent: String,
        /// The agent's id; none for the system's default.
        agent_id: Option<AgentId>,
        /// Who answers when that agent does not.
        fallback: Option<String>,
        /// The fallback's id.
        fallback_id: Option<AgentId>,
    },
    /// The call is refused.
    Reject {
        /// Why.
        reason: EndReason,
    },
}

/// One step of the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Which step.
    pub step: StepName,
    /// What came of it.
    pub outcome: StepOutcome,
    /// In words, for a person.
    pub detail: String,
}

/// The steps, in the order they are taken.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the words of the receipt")]
pub enum StepName {
    Number,
    Trunk,
    Tenant,
    Campaign,
    Capacity,
    Agent,
}

impl StepName {
    /// The word in receipts.
    pub const fn as_str(self) -> &'static str {
        match self {
            StepName::Number => "number",
            StepName::Trunk => "trunk",
            StepName::Tenant => "tenant",
            StepName::Campaign => "campaign",
            StepName::Capacity => "capacity",
            StepName::Agent => "agent",
        }
    }
}

/// What came of a step.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It lets the call pass.
    Passed,
    /// It has nothing to say of this call.
    Skipped,
    /// It refuses the call.
    Refused,
}

impl StepOutcome {
    /// The word in receipts.
    pub const fn as_str(self) -> &'static str {
        match self {
            StepOutcome::Passed => "passed",
            StepOutcome::Skipped => "skipped",
            StepOutcome::Refused => "refused",
        }
    }
}

/// How many other calls are open.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Of the campaign.
    pub campaign: i64,
    /// Of the tenant.
    pub tenant: i64,
}

/// The number that was dialled. The tenant is not known yet, so a national one is read in the default region.
pub fn called(ring: &Ring, routing: &Routing) -> Option<E164> {
    phone::e164(&ring.called, &routing.default_region).ok()
}

/// Who answers this ring.
pub fn decide(ring: &Ring, project: &str, routing: &Routing, in_use: InUse, now: Timestamp) -> Decision {
    let called = called(ring, routing);
    let route = called.as_ref().and_then(|number| routing.route(number));
    let region = route.as_ref().map_or(&routing.default_region, |route| &route.tenant.region);
    let caller = match phone::caller(&ring.caller, region) {
        Caller::Number(number) => Some(number),
        Caller::Withheld | Caller::NotANumber => None,
    };
    let mut receipt = Receipt(Vec::with_capacity(6));
    let verdict = match steps(&mut receipt, ring, project, (routing, route.as_ref(), called.as_ref()), in_use)
    {
        Ok(verdict) => verdict,
        Err(reason) => Verdict::Reject { reason },
    };
    Decision {
        verdict,
        tenant: route.as_ref().map(|route| route.tenant.id.clone()),
        campaign: route.as_ref().and_then(|route| route.campaign).map(|(id, _)| id.clone()),
        number: route.as_ref().map(|route| route.number.id.clone()),
        called,
        caller,
        steps: receipt.0,
        at: now,
    }
}

type Place<'r> = (&'r Routing, Option<&'r Route<'r>>, Option<&'r E164>);

fn steps(
    receipt: &mut Receipt,
    ring: &Ring,
    project: &str,
    (routing, route, called): Place<'_>,
    in_use: InUse,
) -> Result<Verdict, EndReason> {
    let route = number(receipt, ring, route, called)?;
    trunk(receipt, ring, project, routing)?;
    tenant(receipt, route)?;
    campaign(receipt, route)?;
    capacity(receipt, route, in_use)?;
    Ok(agent(receipt, route, routing))
}

fn number<'r>(
    receipt: &mut Receipt,
    ring: &Ring,
    route: Option<&'r Route<'r>>,
    called: Option<&E164>,
) -> Result<&'r Route<'r>, EndReason> {
    let Some(called) = called else {
        let detail = format!("\"{}\" is not a telephone number", shortened(&ring.called));
        return receipt.refused(StepName::Number, detail, EndReason::UnknownNumber);
    };
    match route {
        None => receipt.refused(StepName::Number, format!("nobody has {called}"), EndReason::UnknownNumber),
        Some(route) if !route.number.active => {
            receipt.refused(StepName::Number, format!("{called} is switched off"), EndReason::NumberInactive)
        }
        Some(route) => {
            receipt.passed(StepName::Number, format!("{called} belongs to {}", route.tenant.name));
            Ok(route)
        }
    }
}

fn trunk(receipt: &mut Receipt, ring: &Ring, project: &str, routing: &Routing) -> Result<(), EndReason> {
    let step = StepName::Trunk;
    match ring.trunk.as_deref() {
        _ if !routing.knows_trunks(project) => {
            receipt.skipped(step, "no trunk is named as ours, so every trunk is".into());
        }
        None => receipt.skipped(step, "the call does not say which trunk it came over".into()),
        Some(trunk) if routing.is_our_trunk(project, trunk) => {
            receipt.passed(step, format!("{trunk} is ours"));
        }
        Some("") => {
            let detail = "the call matched no trunk".into();
            return receipt.refused(step, detail, EndReason::UnknownTrunk);
        }
        Some(trunk) => {
            let detail = format!("{} is not one of our trunks", shortened(trunk));
            return receipt.refused(step, detail, EndReason::UnknownTrunk);
        }
    }
    Ok(())
}

fn tenant(receipt: &mut Receipt, route: &Route) -> Result<(), EndReason> {
    let name = &route.tenant.name;
    if !route.tenant.active {
        let detail = format!("{name} is switched off");
        return receipt.refused(StepName::Tenant, detail, EndReason::TenantInactive);
    }
    receipt.passed(StepName::Tenant, format!("{name} takes calls"));
    Ok(())
}

fn campaign(receipt: &mut Receipt, route: &Route) -> Result<(), EndReason> {
    let step = StepName::Campaign;
    match (&route.number.campaign, route.campaign) {
        (None, _) => receipt.skipped(step, "the number belongs to no campaign".into()),
        (Some(_), None) => receipt.skipped(step, "the number's campaign has been archived".into()),
        (_, Some((_, campaign))) if campaign.paused => {
            let detail = format!("\"{}\" is paused", campaign.name);
            return receipt.refused(step, detail, EndReason::CampaignPaused);
        }
        (_, Some((_, campaign))) => receipt.passed(step, format!("\"{}\" is active", campaign.name)),
    }
    Ok(())
}

fn capacity(receipt: &mut Receipt, route: &Route, in_use: InUse) -> Result<(), EndReason> {
    let step = StepName::Capacity;
    let campaign = route
        .campaign
        .and_then(|(_, campaign)| Some((format!("\"{}\"", campaign.name), campaign.max_concurrent?)))
        .map(|(name, most)| (name, most, in_use.campaign, EndReason::CampaignFull));
    let tenant = route
        .tenant
        .max_concurrent
        .map(|most| (route.tenant.name.clone(), most, in_use.tenant, EndReason::TenantFull));
    let limits: Vec<_> = campaign.into_iter().chain(tenant).collect();
    if limits.is_empty() {
        receipt.skipped(step, "no limit is set".into());
        return Ok(());
    }
    if let Some((name, most, used, reason)) = limits.iter().find(|(_, most, used, _)| used >= most) {
        return receipt.refused(step, format!("{name} has {used} of {most} calls"), *reason);
    }
    let words = limits.iter().map(|(name, most, used, _)| format!("{name} has {used} of {most} calls"));
    receipt.passed(step, words.collect::<Vec<_>>().join(", "));
    Ok(())
}

fn agent(receipt: &mut Receipt, route: &Route, routing: &Routing) -> Verdict {
    let tenant = route.tenant;
    let named = |id: &Option<AgentId>| {
        let agent: (&AgentId, &Agent) = tenant.agents.get_key_value(id.as_ref()?)?;
        agent.1.active.then_some(agent)
    };
    let campaign = route.campaign.map(|(_, campaign)| campaign);
    let own = campaign.and_then(|campaign| named(&campaign.agent));
    let why_not = |whose: &str, id: &Option<AgentId>| match id.as_ref().map(|id| tenant.agents.get(id)) {
        Some(Some(agent)) if !agent.active => format!("{whose} agent is switched off; "),
        Some(None) => format!("{whose} agent has been archived; "),
        _ => String::new(),
    };
    let not_own = campaign.map_or_else(String::new, |campaign| why_not("the campaign's", &campaign.agent));
    let (agent, agent_id, detail) = match (own, named(&tenant.default_agent)) {
        (Some((id, agent)), _) => {
            (agent.name.clone(), Some(id.clone()), format!("{}, the campaign's agent", agent.name))
        }
        (None, Some((id, agent))) => {
            let detail = format!("{not_own}{}, {}'s default agent", agent.name, tenant.name);
            (agent.name.clone(), Some(id.clone()), detail)
        }
        (None, None) => {
            let name = routing.system_agent.clone();
            let not_default = why_not(&format!("{}'s default", tenant.name), &tenant.default_agent);
            let detail = format!("{not_own}{not_default}{name}, the system's default agent");
            (name, None, detail)
        }
    };
    let fallback = campaign
        .and_then(|campaign| named(&campaign.fallback_agent))
        .filter(|(id, _)| Some(*id) != agent_id.as_ref());
    let detail = match fallback {
        Some((_, fallback)) => format!("{detail}; {} stands in", fallback.name),
        None => detail,
    };
    receipt.passed(StepName::Agent, detail);
    Verdict::Answer {
        agent,
        agent_id,
        fallback: fallback.map(|(_, agent)| agent.name.clone()),
        fallback_id: fallback.map(|(id, _)| id.clone()),
    }
}

/// What an outsider sent, cut to a length that fits a sentence.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(40).chain(['…']).collect() }
}

struct Receipt(Vec<Step>);

impl Receipt {
    fn note(&mut self, step: StepName, outcome: StepOutcome, detail: String) {
        self.0.push(Step { step, outcome, detail });
    }

    fn passed(&mut self, step: StepName, detail: String) {
        self.note(step, StepOutcome::Passed, detail);
    }

    fn skipped(&mut self, step: StepName, detail: String) {
        self.note(step, StepOutcome::Skipped, detail);
    }

    fn refused<T>(&mut self, step: StepName, detail: String, reason: EndReason) -> Result<T, EndReason> {
        self.note(step, StepOutcome::Refused, detail);
        Err(reason)
    }
}
