//! What came of an import: exact counts, and lists that never grow long, as it is kept with the operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{NumberId, TenantId};
use crate::tenancy::{Capabilities, NumberKind};

/// So many of each kind are listed; of the others only how many there are.
const LISTED: usize = 100;

/// What an import did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Whether it was done; false for a dry run.
    pub applied: bool,
    /// Whose the numbers are.
    pub tenant_id: TenantId,
    /// How many of each.
    pub counts: Counts,
    /// Numbers that are new here.
    pub created: Listed<Created>,
    /// Numbers of which Twilio says something else than before.
    pub changed: Listed<Changed>,
    /// Numbers that others have here, which were left alone.
    pub conflicts: Listed<Conflict>,
    /// Numbers that came from Twilio and are not in the account any more. They stay until they are released.
    pub gone: Listed<Gone>,
    /// Numbers that were named and are not in the account.
    pub missing: Listed<String>,
    /// What a person should know of numbers in the account.
    pub flags: Listed<Flag>,
}

/// How many numbers.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// That the account has, or that were named and it has.
    pub found: u64,
    /// That are new here.
    pub created: u64,
    /// That say something else now.
    pub changed: u64,
    /// That are as they were.
    pub unchanged: u64,
    /// That others have.
    pub conflicts: u64,
    /// That are not in the account any more.
    pub gone: u64,
    /// That were named and are not in the account.
    pub missing: u64,
    /// That Twilio calls by something that is no number in E.164; they are left out.
    pub unreadable: u64,
}

/// Some, and how many more there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    /// The first.
    pub items: Vec<T>,
    /// How many more.
    pub more: u64,
}

/// A number that is new here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// Its id; none in a dry run.
    pub id: Option<NumberId>,
    /// The number.
    pub number: String,
    /// What kind of line it is.
    pub r#type: NumberKind,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Twilio's id of it.
    pub provider_sid: String,
}

/// A number that says something else now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub number: String,
    /// What changed.
    pub fields: Vec<FieldChange>,
}

/// One field, in the API's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Which.
    pub key: String,
    /// What it said; null for nothing.
    pub old: Value,
    /// What it says now.
    pub new: Value,
}

/// A number that another tenant has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The number.
    pub number: String,
    /// Who has it; told to nobody but the operator of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A number that is not in the account any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gone {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub number: String,
    /// What Twilio called it.
    pub provider_sid: String,
}

/// Something to know of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flag {
    /// The number.
    pub number: String,
    /// What it is.
    pub kind: FlagKind,
    /// The same in words.
    pub says: String,
}

/// What is to be known of a number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlagKind {
    /// It cannot take calls.
    NoVoice,
    /// Something else answers its calls today.
    InUse,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Listed { items: Vec::new(), more: 0 }
    }
}

impl<T> Listed<T> {
    /// Adds one.
    pub(super) fn add(&mut self, item: T) {
        if self.items.len() < LISTED {
            self.items.push(item);
        } else {
            self.more += 1;
        }
    }
}

impl Imported {
    pub(crate) fn new(tenant: &TenantId, applied: bool) -> Imported {
        Imported {
            applied,
            tenant_id: tenant.clone(),
            counts: Counts::default(),
            created: Listed::default(),
            changed: Listed::default(),
            conflicts: Listed::default(),
            gone: Listed::default(),
            missing: Listed::default(),
            flags: Listed::default(),
        }
    }

    /// Whether everything was here already as Twilio says.
    pub fn is_unchanged(&self) -> bool {
        self.counts.created + self.counts.changed == 0
    }

    /// How many numbers are the tenant's afterwards.
    pub(super) fn done(&self) -> u64 {
        self.counts.created + self.counts.changed + self.counts.unchanged
    }
}
