//! Rows of any kind, and what changing many of them leaves in the audit.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::audit::Entry;
use crate::db::configuration::{self, Agent, Campaign, Kind, Number, Tenant, Trunk};
use crate::db::{Result, Tx};
use crate::ids::{AgentId, CampaignId, TenantId};

use super::deeds::{Deed, action, subject};
use super::record;

/// A row.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Row {
    Tenant(Tenant),
    Agent(Agent),
    Campaign(Campaign),
    Number(Number),
    Trunk(Trunk),
}

/// The names that references are written with. What is not here is archived, and a reference to it is none.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Tenants.
    pub tenants: HashMap<TenantId, String>,
    /// Agents.
    pub agents: HashMap<AgentId, String>,
    /// Campaigns.
    pub campaigns: HashMap<CampaignId, String>,
}

macro_rules! rows {
    ($($kind:ident of $kind_of:ident, whose $($tenant:ident)+;)+) => {
        $(impl From<$kind> for Row {
            fn from(row: $kind) -> Row {
                Row::$kind(row)
            }
        })+

        impl Row {
            /// What it is of.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Row::$kind(_) => Kind::$kind_of,)+
                }
            }

            /// Its id.
            pub fn id(&self) -> &str {
                match self {
                    $(Row::$kind(row) => &row.id,)+
                }
            }

            /// Whose it is. A tenant is its own.
            pub fn tenant(&self) -> &TenantId {
                match self {
                    $(Row::$kind(row) => &row.$($tenant).+,)+
                }
            }

            /// Whether it is out of use.
            pub fn is_archived(&self) -> bool {
                match self {
                    $(Row::$kind(row) => row.archived,)+
                }
            }
        }
    };
}

rows! {
    Tenant of Tenant, whose id;
    Agent of Agent, whose tenant;
    Campaign of Campaign, whose tenant;
    Number of Number, whose tenant;
    Trunk of Trunk, whose tenant;
}

impl Row {
    /// The row as the API shows it.
    pub fn shown(&self, names: &Names) -> Value {
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

    /// The audit's entries for having saved this row, which was another or none before.
    pub fn saved<'r>(
        &'r self,
        was: Option<&'r Row>,
        (before, after): (&Names, &Names),
    ) -> impl Iterator<Item = Entry<'r>> + use<'r> {
        let shown = Some(self.shown(after));
        let entries = match was {
            None => [Some(self.entry(Deed::Created, self.tenant(), (None, shown))), None],
            // Neither tenant is to learn of the other.
            Some(was) if was.tenant() != self.tenant() => [
                Some(self.entry(Deed::Moved, was.tenant(), (Some(was.shown(before)), None))),
                Some(self.entry(Deed::Moved, self.tenant(), (None, shown))),
            ],
            Some(was) => {
                let deed = if was.is_archived() { Deed::Revived } else { Deed::Updated };
                [Some(self.entry(deed, self.tenant(), (Some(was.shown(before)), shown))), None]
            }
        };
        entries.into_iter().flatten()
    }

    /// The audit's entry for having archived this row.
    pub fn gone(&self, names: &Names) -> Entry<'_> {
        self.entry(Deed::Archived, self.tenant(), (Some(self.shown(names)), None))
    }

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
}

/// All that a tenant has in use, and what it is called.
pub fn of_tenant(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<(Vec<Row>, Names)> {
    let (mut rows, mut names) = (Vec::new(), Names::default());
    let mut agents = configuration::agents(tx, tenant)?;
    agents.retain(|row| !row.archived);
    names.agents.extend(agents.iter().map(|row| (row.id.clone(), row.name.clone())));
    let mut campaigns = configuration::campaigns(tx, tenant)?;
    campaigns.retain(|row| !row.archived);
    names.campaigns.extend(campaigns.iter().map(|row| (row.id.clone(), row.name.clone())));
    rows.extend(agents.into_iter().map(Row::from));
    rows.extend(campaigns.into_iter().map(Row::from));
    rows.extend(configuration::numbers(tx, tenant)?.into_iter().map(Row::from));
    rows.extend(configuration::trunks(tx, tenant)?.into_iter().map(Row::from));
    rows.retain(|row| !row.is_archived());
    Ok((rows, names))
}

/// Nothing in a record can fail to be JSON.
fn json(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}
