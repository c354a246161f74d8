//! What `campaigns check` finds, for the command and for the operation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::call::routing::Routing;
use crate::clock::Timestamp;
use crate::db::{self, Db};
use crate::ids::TenantId;

use super::flow::{self, Counts, Flow, State};
use super::probe::Worker;

/// Every number and where a call to it would end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// How many numbers there are in each state.
    pub summary: BTreeMap<State, usize>,
    /// Who runs each agent.
    pub agents: BTreeMap<String, Worker>,
    /// The numbers, the worst first.
    pub numbers: Vec<Flow>,
}

impl Checked {
    /// What it comes to with what is known of the workers.
    pub fn new(flows: Vec<Flow>, agents: BTreeMap<String, Worker>) -> Checked {
        let numbers = flow::with_workers(flows, &agents);
        let mut summary = BTreeMap::new();
        for number in &numbers {
            *summary.entry(number.state).or_default() += 1;
        }
        Checked { summary, agents, numbers }
    }
}

/// Decides a call to every number, or to those of one tenant, with the calls in use of this moment.
///
/// # Errors
/// When the database does not answer.
pub async fn flows<R>(
    db: &Db,
    routing: R,
    tenant: Option<TenantId>,
    (project, now): (String, Timestamp),
) -> db::Result<Vec<Flow>>
where
    R: std::ops::Deref<Target = Routing> + Send + 'static,
{
    db.report(move |tx| {
        let counts = Counts::read(tx, &routing, tenant.as_ref())?;
        Ok(flow::check(&routing, tenant.as_ref(), (&project, &counts, now)))
    })
    .await
}
