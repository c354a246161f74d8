//! A routing file as it was read: what each table says, and where.

use super::Mistakes;
use crate::tenancy::{CampaignStatus, NumberKind, Provider};

/// A routing file, read. What is wrong with it by itself is in [`Self::mistakes`]; what is wrong with it on a
/// given database, [`super::apply`] finds.
#[derive(Debug)]
pub struct RoutingFile {
    pub(super) tenants: Vec<Tenant>,
    pub(super) mistakes: Mistakes,
    /// Whether it was understood well enough to look for more mistakes.
    pub(super) readable: bool,
}

impl RoutingFile {
    /// What is wrong with the file, whatever the database holds.
    pub fn mistakes(&self) -> &Mistakes {
        &self.mistakes
    }
}

/// What a key says.
#[derive(Clone, Debug, Default)]
pub(super) enum Field<T> {
    /// Nothing: the row keeps its value.
    #[default]
    LeftOut,
    /// Something wrong, which has been said.
    Wrong,
    /// This, on this line.
    Is(T, usize),
}

impl<T: Clone> Field<T> {
    pub(super) fn given(&self) -> Option<&T> {
        match self {
            Field::Is(value, _) => Some(value),
            Field::LeftOut | Field::Wrong => None,
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        matches!(self, Field::Wrong)
    }

    /// What the key says, or else this.
    pub(super) fn or(&self, kept: T) -> T {
        self.given().cloned().unwrap_or(kept)
    }
}

#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) line: usize,
    pub(super) id: Field<String>,
    pub(super) name: Field<String>,
    pub(super) region: Field<String>,
    pub(super) time_zone: Field<String>,
    pub(super) default_agent: Field<Option<String>>,
    pub(super) max_concurrent: Field<Option<i64>>,
    pub(super) active: Field<bool>,
    pub(super) agents: Vec<Agent>,
    pub(super) campaigns: Vec<Campaign>,
    pub(super) numbers: Vec<Number>,
    pub(super) trunks: Vec<Trunk>,
}

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) line: usize,
    pub(super) id: Field<String>,
    pub(super) name: Field<String>,
    pub(super) active: Field<bool>,
}

#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) line: usize,
    pub(super) id: Field<String>,
    pub(super) name: Field<String>,
    pub(super) status: Field<CampaignStatus>,
    pub(super) agent: Field<Option<String>>,
    pub(super) fallback_agent: Field<Option<String>>,
    pub(super) sip_trunk: Field<Option<String>>,
    pub(super) max_concurrent: Field<Option<i64>>,
}

#[derive(Debug)]
pub(super) struct Number {
    pub(super) line: usize,
    pub(super) id: Field<String>,
    /// As it is written; its tenant's region says how to read it.
    pub(super) number: Field<String>,
    pub(super) campaign: Field<Option<String>>,
    pub(super) kind: Field<NumberKind>,
    pub(super) provider: Field<Provider>,
    pub(super) provider_sid: Field<Option<String>>,
    pub(super) livekit_trunk: Field<Option<String>>,
    pub(super) active: Field<bool>,
}

#[derive(Debug)]
pub(super) struct Trunk {
    pub(super) line: usize,
    pub(super) id: Field<String>,
    pub(super) name: Field<String>,
    pub(super) project: Field<String>,
    pub(super) twilio: Field<Option<String>>,
    pub(super) livekit: Field<Option<String>>,
    pub(super) active: Field<bool>,
}

/// A kind of table: how it is written and what may stand in it.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) header: &'static str,
    pub(super) keys: &'static [&'static str],
}

pub(super) const TENANT: Shape = Shape {
    header: "[[tenant]]",
    keys: &["name", "id", "region", "time_zone", "default_agent", "max_concurrent", "active"],
};
pub(super) const AGENT: Shape = Shape { header: "[[tenant.agent]]", keys: &["name", "id", "active"] };
pub(super) const CAMPAIGN: Shape = Shape {
    header: "[[tenant.campaign]]",
    keys: &["name", "id", "status", "agent", "fallback_agent", "max_concurrent", "sip_trunk"],
};
pub(super) const NUMBER: Shape = Shape {
    header: "[[tenant.number]]",
    keys: &["number", "id", "campaign", "type", "provider", "provider_sid", "livekit_trunk", "active"],
};
pub(super) const TRUNK: Shape =
    Shape { header: "[[tenant.trunk]]", keys: &["name", "id", "twilio", "livekit", "project", "active"] };

/// All of them.
pub(super) const SHAPES: [&Shape; 5] = [&TENANT, &AGENT, &CAMPAIGN, &NUMBER, &TRUNK];
/// The tables that stand within a tenant.
pub(super) const CHILDREN: [&str; 4] = ["agent", "campaign", "number", "trunk"];
