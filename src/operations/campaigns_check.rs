//! `campaignsCheck`: where a call to each number would end, and whether anybody runs the agents.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::operations::Operation;
use crate::doctor::campaigns::{self, Checked};
use crate::doctor::flow::{self, Flow, State};
use crate::doctor::probe::{self, Worker};
use crate::http::api::example::{Example, at, ids};
use crate::http::problem::Problem;
use crate::progress::Progress;
use crate::views::DecisionView;

use super::Failure;

/// What is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignsCheck {
    /// The LiveKit project that calls come through. Left out: the first.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub project: Option<String>,
    /// Look whether anybody runs the agents: each is dispatched into a room of its own for a moment, with the metadata
    /// `{"switchboard":"probe"}`, and may leave at once.
    #[serde(default = "yes")]
    pub probe: bool,
    /// Show this many numbers, the worst first. All are checked and counted.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: i64,
}

const fn yes() -> bool {
    true
}

const fn fifty() -> i64 {
    50
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignsChecked {
    /// How many numbers there are in each state.
    pub summary: BTreeMap<State, usize>,
    /// Who runs each agent that the numbers below name.
    pub agents: BTreeMap<String, Worker>,
    /// The numbers, the worst first.
    pub numbers: Vec<Flow>,
    /// How many numbers are not shown.
    pub left_out: usize,
}

impl CampaignsChecked {
    /// The worst of what was found, and those agents that it names.
    fn of(checked: Checked, limit: usize) -> CampaignsChecked {
        let Checked { summary, mut agents, mut numbers } = checked;
        let left_out = numbers.len().saturating_sub(limit);
        numbers.truncate(limit);
        let named = flow::agents(&numbers);
        agents.retain(|agent, _| named.contains(agent));
        CampaignsChecked { summary, agents, numbers, left_out }
    }
}

/// What a schema cannot say.
pub(super) fn check(app: &App, asked: &CampaignsCheck) -> Result<(), Problem> {
    known_project(app, asked.project.as_deref())
}

/// Whether a LiveKit project is one of this server's, if one is named.
pub(super) fn known_project(app: &App, project: Option<&str>) -> Result<(), Problem> {
    match project {
        Some(project) if !app.projects.contains_key(project) => {
            let why = "is no LiveKit project of this server's: leave it out for the first";
            Err(Problem::invalid("/project", why))
        }
        _ => Ok(()),
    }
}

/// Checks.
pub(super) async fn run(
    app: &App,
    operation: &Operation,
    asked: CampaignsCheck,
    progress: &Progress,
) -> Result<CampaignsChecked, Failure> {
    let project = asked.project.unwrap_or_else(|| app.doors.default_project.clone());
    progress.begin("deciding a call to every number", None);
    if let Some(tenant) = &operation.tenant_id {
        // What another server has changed a moment ago may not have come here yet.
        app.reload_routing(vec![tenant.clone()]).await?;
        if !app.routing().tenants.contains_key(tenant) {
            return Err(Failure::Refused("the tenant is not there any more".to_owned()));
        }
    }
    let (tenant, now) = (operation.tenant_id.clone(), app.clock.now());
    let flows = campaigns::flows(&app.db, app.routing(), tenant, (project.clone(), now)).await?;
    let names = flow::agents(&flows);
    let agents = if asked.probe {
        workers(app, &project, names, progress).await?
    } else {
        let unknown = || Worker::Unknown { why: "it was not looked for".to_owned() };
        names.into_iter().map(|name| (name, unknown())).collect()
    };
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    Ok(CampaignsChecked::of(Checked::new(flows, agents), limit))
}

/// Who runs the agents. That LiveKit could not be asked about a single one is a failure: whoever waits for the outcome
/// asked for just that.
async fn workers(
    app: &App,
    project: &str,
    names: BTreeSet<String>,
    progress: &Progress,
) -> Result<BTreeMap<String, Worker>, Failure> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let client = app.projects.get(project).and_then(|project| project.client.as_ref());
    let client = client.ok_or_else(|| {
        Failure::Refused(format!(
            "the LiveKit project {project:?} cannot be asked who runs the agents: set its url, api_key and api_secret, \
             or ask with \"probe\": false"
        ))
    })?;
    let found = probe::all(client, names, progress).await;
    let whys: Option<Vec<&String>> = found
        .values()
        .map(|worker| match worker {
            Worker::Unknown { why } => Some(why),
            Worker::Alive { .. } | Worker::Nobody => None,
        })
        .collect();
    match whys.as_deref() {
        Some([why, ..]) => {
            Err(Failure::Upstream(format!("LiveKit could not be asked who runs the agents: {why}")))
        }
        _ => Ok(found),
    }
}

impl Example for CampaignsCheck {
    fn example() -> CampaignsCheck {
        CampaignsCheck { project: None, probe: true, limit: fifty() }
    }
}

impl Example for CampaignsChecked {
    fn example() -> CampaignsChecked {
        let says = "nobody runs telephony-agent; reception answers, some seconds late";
        let decision = DecisionView {
            verdict: "answer",
            says: "decided: telephony-agent answers".to_owned(),
            agent_name: Some("telephony-agent".to_owned()),
            agent_id: Some(ids::AGENT.into()),
            fallback_agent_name: Some("reception".to_owned()),
            reason: None,
            sip_status: None,
            phone_number: None,
            to_number: crate::phone::E164::exactly("+14155550123"),
            tenant_id: Some(ids::TENANT.into()),
            campaign_id: Some(ids::CAMPAIGN.into()),
            number_id: Some(ids::NUMBER.into()),
            decided_at: at(86_400),
            steps: Vec::new(),
        };
        let flow = Flow {
            number: "+14155550123".to_owned(),
            tenant: "Acme Dental".to_owned(),
            campaign: Some("New patients".to_owned()),
            agent: Some("telephony-agent".to_owned()),
            fallback_agent: Some("reception".to_owned()),
            state: State::AtRisk,
            says: says.to_owned(),
            remedy: Some("start a worker that registers as \"telephony-agent\", or mend the name".to_owned()),
            decision,
        };
        let agents = [
            ("telephony-agent".to_owned(), Worker::Nobody),
            ("reception".to_owned(), Worker::Alive { after_ms: 212 }),
        ];
        CampaignsChecked {
            summary: [(State::AtRisk, 1)].into(),
            agents: agents.into(),
            numbers: vec![flow],
            left_out: 0,
        }
    }
}
