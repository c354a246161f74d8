//! What changes are of, many at once: calls, leads, tasks, endpoints and trunks by their ids.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::call::Call;
use crate::clock::Timestamp;
use crate::views::CallView;

use super::changes::{Change, Kind};
use super::endpoints::{self, Endpoint};
use super::leads::{self, Lead};
use super::provisioned::{self, Compared};
use super::tasks::{self, Task};
use super::{Result, Tx, calls};

/// Everything that some changes are of, as it is now.
#[derive(Debug, Default)]
pub struct Resources {
    /// The calls, by id.
    pub calls: HashMap<String, Call>,
    /// The leads, by id.
    pub leads: HashMap<String, Lead>,
    /// The tasks, by id.
    pub tasks: HashMap<String, Task>,
    /// The endpoints, by id.
    pub endpoints: HashMap<String, Endpoint>,
    /// The trunks that are set up, by id.
    pub trunks: HashMap<String, Compared>,
}

impl Resources {
    /// Reads what these changes are of, each once, as it is at this time.
    pub fn of<'c>(
        tx: &mut Tx<'_>,
        changes: impl Iterator<Item = &'c Change> + Clone,
        now: Timestamp,
    ) -> Result<Resources> {
        let ids = |kind: Kind| -> Vec<&str> {
            let of_kind = changes.clone().filter(|change| change.kind == kind);
            of_kind.map(|change| change.subject.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        Ok(Resources {
            calls: by_id(tx, &ids(Kind::Call), calls::by_ids, |one| &one.id)?,
            leads: by_id(tx, &ids(Kind::Lead), leads::by_ids, |one| &one.id)?,
            tasks: by_id(tx, &ids(Kind::Task), |tx, ids| tasks::by_ids(tx, ids, now), |one| &one.id)?,
            endpoints: by_id(tx, &ids(Kind::WebhookEndpoint), endpoints::by_ids, |one| &one.id)?,
            trunks: by_id(tx, &ids(Kind::Trunk), provisioned::compared, |one| &one.trunk.id)?,
        })
    }

    /// What a change is of, as the API shows it; null for what has no face of its own.
    pub fn shown(&self, kind: Kind, id: &str) -> Value {
        let shown = match kind {
            Kind::Call => self.calls.get(id).map(|call| serde_json::to_value(CallView::of(call))),
            Kind::Lead => self.leads.get(id).map(serde_json::to_value),
            Kind::Task => self.tasks.get(id).map(serde_json::to_value),
            Kind::WebhookEndpoint => self.endpoints.get(id).map(serde_json::to_value),
            Kind::Trunk => self.trunks.get(id).map(serde_json::to_value),
            Kind::Routing => None,
        };
        shown.and_then(std::result::Result::ok).unwrap_or_default()
    }
}

fn by_id<T>(
    tx: &mut Tx<'_>,
    ids: &[&str],
    read: impl FnOnce(&mut Tx<'_>, &[&str]) -> Result<Vec<T>>,
    id: impl Fn(&T) -> &str,
) -> Result<HashMap<String, T>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(read(tx, ids)?.into_iter().map(|one| (id(&one).to_owned(), one)).collect())
}
