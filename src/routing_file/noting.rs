//! What applying a file leaves in the audit: an entry for every row that changes, in the API's words.

use serde::Serialize;
use serde_json::Value;

use super::rows::Names;
use super::write::{Row, Writes};
use crate::audit::{Actor, Entry};
use crate::clock::Timestamp;
use crate::db::{self, Error, Result, Tx};
use crate::ids::TenantId;
use crate::tenancy::deeds::{Deed, action, subject};
use crate::tenancy::record;

/// Rows whose entries are made at a time, as each is a text of its own.
const AT_ONCE: usize = 500;

impl Writes {
    /// Adds an entry for every row that was written.
    pub(super) fn note(
        &self,
        tx: &mut Tx<'_>,
        (before, after): (&Names, &Names),
        now: Timestamp,
    ) -> Result<()> {
        for some in self.saved.chunks(AT_ONCE) {
            let mut entries = Vec::with_capacity(AT_ONCE);
            for (was, row) in some {
                let shown = Some(row.shown(after)?);
                match was {
                    None => entries.push(row.entry(Deed::Created, row.tenant(), (None, shown))),
                    // Neither tenant is to learn of the other.
                    Some(was) if was.tenant() != row.tenant() => {
                        let shown_before = Some(was.shown(before)?);
                        entries.push(row.entry(Deed::Moved, was.tenant(), (shown_before, None)));
                        entries.push(row.entry(Deed::Moved, row.tenant(), (None, shown)));
                    }
                    Some(was) => {
                        let deed = if was.is_archived() { Deed::Revived } else { Deed::Updated };
                        entries.push(row.entry(deed, row.tenant(), (Some(was.shown(before)?), shown)));
                    }
                }
            }
            db::audit::insert(tx, &Actor::apply(), &entries, now)?;
        }
        for some in self.gone.chunks(AT_ONCE) {
            let mut entries = Vec::with_capacity(AT_ONCE);
            for row in some {
                entries.push(row.entry(Deed::Archived, row.tenant(), (Some(row.shown(before)?), None)));
            }
            db::audit::insert(tx, &Actor::apply(), &entries, now)?;
        }
        Ok(())
    }
}

impl Row {
    fn entry<'e>(
        &'e self,
        deed: Deed,
        tenant: &'e TenantId,
        (before, after): (Option<Value>, Option<Value>),
    ) -> Entry<'e> {
        let kind = self.kind();
        let subject = (subject(kind), self.id());
        Entry { action: action(kind, deed), tenant: Some(tenant), subject, before, after }
    }

    /// The row as the API shows it.
    fn shown(&self, names: &Names) -> Result<Value> {
        let agent = |id: &Option<_>| id.as_ref().and_then(|id| names.agents.get(id)).map(String::as_str);
        match self {
            Row::Tenant(row) => json(&record::Tenant::of(row, agent(&row.default_agent))),
            Row::Agent(row) => json(&record::Agent::of(row)),
            Row::Campaign(row) => {
                json(&record::Campaign::of(row, agent(&row.agent), agent(&row.fallback_agent)))
            }
            Row::Number(row) => {
                let has_campaign = row.campaign.as_ref().is_some_and(|id| names.campaigns.contains_key(id));
                json(&record::PhoneNumber::of(row, has_campaign))
            }
            Row::Trunk(row) => json(&record::Trunk::of(row)),
        }
    }
}

fn json(record: &impl Serialize) -> Result<Value> {
    serde_json::to_value(record).map_err(|error| Error::Unexpected(format!("a row cannot be shown: {error}")))
}
