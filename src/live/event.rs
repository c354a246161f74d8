//! One change, as it is told: with what it is of, as the API shows it.

use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::db::changes::{self, Kind, Position};
use crate::db::shown::Resources;
use crate::db::{self, Tx};
use crate::ids::TenantId;

/// A change of a call, a lead, a task, an endpoint or a trunk. Shared by all who are told of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveEvent {
    /// Its place in the stream: who has it reads on after it.
    pub position: Position,
    /// Whose it is; none: the platform's alone.
    pub tenant_id: Option<TenantId>,
    /// What changed.
    #[serde(serialize_with = "word")]
    pub kind: Kind,
    /// The id of it.
    pub id: String,
    /// Its revision after the change; `data` may be newer.
    pub revision: i64,
    /// When it was changed.
    pub at: Timestamp,
    /// What the change means: words of [`crate::events`].
    pub events: Vec<String>,
    /// It, as the API shows it.
    pub data: Value,
    #[serde(skip)]
    json: OnceLock<String>,
}

fn word<S: Serializer>(kind: &Kind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.as_str())
}

impl LiveEvent {
    /// All of it as one line of JSON, written once for all who are told.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| serde_json::to_string(self).unwrap_or_default())
    }
}

/// Some of the stream.
pub(super) struct Stretch {
    /// What is to be told, oldest first.
    pub(super) events: Vec<Arc<LiveEvent>>,
    /// Where to read on.
    pub(super) reached: Position,
    /// There may be more already.
    pub(super) more: bool,
}

/// Reads some of the stream after a position, a tenant's own or everybody's, with everything as it is at this time.
pub(super) fn read(
    tx: &mut Tx<'_>,
    after: Position,
    tenant: Option<&TenantId>,
    limit: i64,
    now: Timestamp,
) -> db::Result<Stretch> {
    let page = changes::after(tx, after, limit)?;
    let more = i64::try_from(page.changes.len()).is_ok_and(|read| read == limit);
    let mut changes = page.changes;
    changes.retain(|change| tenant.is_none() || change.tenant.as_ref() == tenant);
    let resources = Resources::of(tx, changes.iter(), now)?;
    let events = changes.into_iter().map(|change| {
        let words = change.events.as_deref().unwrap_or_default();
        Arc::new(LiveEvent {
            position: change.position,
            tenant_id: change.tenant,
            kind: change.kind,
            events: words.split_whitespace().map(ToOwned::to_owned).collect(),
            data: resources.shown(change.kind, &change.subject),
            id: change.subject,
            revision: change.revision,
            at: change.at,
            json: OnceLock::new(),
        })
    });
    Ok(Stretch { events: events.collect(), reached: page.reached, more })
}
