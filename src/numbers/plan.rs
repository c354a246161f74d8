//! What becomes of a number of Twilio's here. Pure.

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::db::configuration::Number;
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::phone::{self, E164};
use crate::tenancy::{Before, NumberKind, Provider};

use super::found::Found;
use super::imported::FieldChange;

/// Under which key of `metadata` a number keeps what it is called at Twilio.
const FRIENDLY_NAME: &str = "friendlyName";
/// Under which it says that it was imported.
const IMPORTED_FROM: &str = "importedFrom";

/// Where numbers go.
#[derive(Copy, Clone, Debug)]
pub(super) struct Target<'i> {
    pub(super) tenant: &'i TenantId,
    /// Where new ones go, and those that are in none.
    pub(super) campaign: Option<&'i CampaignId>,
    pub(super) now: Timestamp,
}

/// What becomes of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Planned {
    /// Another tenant has it: it is left alone.
    Conflict(TenantId),
    /// It is as it was.
    Unchanged(NumberId),
    /// It is written.
    Saved(Box<Saved>),
}

/// A number to write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Saved {
    pub(super) was: Option<Number>,
    pub(super) row: Number,
    /// What changed, of one that was there.
    pub(super) fields: Vec<FieldChange>,
}

/// Says what becomes of a number that somebody here has, or nobody.
pub(super) fn plan(found: &Found, holder: Option<&Number>, into: Target<'_>) -> Planned {
    let was = match holder {
        Some(other) if other.tenant != *into.tenant => return Planned::Conflict(other.tenant.clone()),
        was => was,
    };
    let kept = was.cloned().unwrap_or_else(|| new(found, into));
    let row = Number {
        kind: found.kind.unwrap_or(kept.kind),
        provider: Provider::Twilio,
        provider_sid: Some(found.sid.clone()),
        capabilities: Some(found.capabilities),
        campaign: kept.campaign.or_else(|| into.campaign.cloned()),
        purchased_at: kept.purchased_at.or(found.bought_at),
        metadata: metadata(&kept.metadata, found, was.is_none()),
        ..kept
    };
    match was {
        Some(was) if *was == row => Planned::Unchanged(row.id),
        Some(was) => {
            let fields = compared(was, &row);
            Planned::Saved(Box::new(Saved { was: Some(was.clone()), row, fields }))
        }
        None => Planned::Saved(Box::new(Saved { was: None, row, fields: Vec::new() })),
    }
}

/// What is to be recorded of what the number did before: nothing if its calls come here already, and once for each sid.
pub(super) fn before<'f>(
    found: &'f Found,
    recorded: Option<&Before>,
    on_known_trunk: bool,
) -> Option<&'f Before> {
    let is_recorded = recorded.is_some_and(|before| before.sid == found.sid);
    (!is_recorded && !on_known_trunk).then_some(&found.does)
}

fn new(found: &Found, into: Target<'_>) -> Number {
    Number {
        id: NumberId::new(into.now),
        tenant: into.tenant.clone(),
        number: found.number.to_string(),
        kind: found.kind.unwrap_or_else(|| by_digits(&found.number)),
        provider: Provider::Twilio,
        provider_sid: None,
        capabilities: None,
        campaign: None,
        livekit_trunk: None,
        active: true,
        purchased_at: None,
        metadata: Map::new(),
        archived: false,
    }
}

/// Number plans tell toll-free numbers from others, and not much else.
fn by_digits(number: &E164) -> NumberKind {
    match phone::kind(number) {
        NumberKind::TollFree => NumberKind::TollFree,
        _ => NumberKind::Local,
    }
}

/// What is kept beside: whatever was, and what Twilio calls it.
fn metadata(kept: &Map<String, Value>, found: &Found, is_new: bool) -> Map<String, Value> {
    let mut metadata = kept.clone();
    if is_new {
        metadata.insert(IMPORTED_FROM.to_owned(), json!("twilio"));
    }
    if let Some(name) = &found.friendly_name {
        metadata.insert(FRIENDLY_NAME.to_owned(), json!(name));
    }
    metadata
}

fn compared(was: &Number, row: &Number) -> Vec<FieldChange> {
    let keys = |row: &Number| {
        [
            ("type", json!(row.kind)),
            ("provider", json!(row.provider)),
            ("providerSid", json!(row.provider_sid)),
            ("capabilities", json!(row.capabilities)),
            ("campaignId", json!(row.campaign)),
            ("purchasedAt", json!(row.purchased_at)),
            (FRIENDLY_NAME, row.metadata.get(FRIENDLY_NAME).cloned().unwrap_or_default()),
        ]
    };
    let both = keys(was).into_iter().zip(keys(row));
    let changed = both.filter(|((_, old), (_, new))| old != new);
    changed.map(|((key, old), (_, new))| FieldChange { key: key.to_owned(), old, new }).collect()
}
