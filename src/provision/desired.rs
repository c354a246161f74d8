//! What a trunk and its numbers are to be, from what Switchboard knows of them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::json;

use crate::call::decide::{self, InUse, Verdict};
use crate::call::fact::Ring;
use crate::call::routing::Routing;
use crate::clock::Timestamp;
use crate::db::configuration::{Number, Trunk};
use crate::ids::TrunkId;
use crate::tenancy::Provider;

use super::record::{Asked, Chosen, Named};

/// From giving a caller up to LiveKit's own end of the ringing: whoever is given up is told so, and not cut off.
pub(super) const RINGS_ON: Duration = Duration::from_secs(10);

/// What a trunk is to be at both sides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Desired {
    /// What it is called.
    pub(crate) name: String,
    /// What its row names now.
    pub(crate) named: Named,
    /// Where Twilio is to send its calls.
    pub(crate) sip_uri: String,
    /// How it is to be set up.
    pub(crate) chosen: Chosen,
    /// The trunks to take rather than make them.
    pub(crate) adopt: Named,
    /// Whether to take what is in the way although it is not ours.
    pub(crate) take_over: bool,
    /// How long a caller rings at LiveKit.
    pub(crate) ringing_timeout: Duration,
    /// Whether no trunk of the project is named as ours yet: from then on calls over others are left alone.
    pub(crate) first_named: bool,
    /// The numbers, in order.
    pub(crate) numbers: Vec<Wanted>,
}

/// A number whose calls the trunk is to take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// In E.164.
    pub(crate) number: String,
    /// Who would answer it now, and what they are told where LiveKit sends them by itself; none: nobody.
    pub(crate) agent: Option<Agent>,
}

/// An agent as a dispatch rule names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Agent {
    /// The name that its workers register with.
    pub(crate) name: String,
    /// What it is told: the keys are those of a dispatch of ours.
    pub(crate) metadata: String,
    /// The attributes that its job carries.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// The numbers that belong to a trunk: those in use at Twilio that name it; and of those that name none, all where it
/// is the tenant's only trunk, else those that it has taken, and where it is the one that was asked for those that no
/// other trunk has.
pub(crate) fn numbers_of(
    trunk: &Trunk,
    is_only: bool,
    (asked_for, taken): (bool, &HashMap<String, TrunkId>),
    mut numbers: Vec<Number>,
) -> Vec<Number> {
    numbers.retain(|number| {
        let belongs = match (&number.livekit_trunk, &trunk.livekit) {
            (Some(named), ours) => Some(named) == ours.as_ref(),
            (None, _) if is_only => true,
            (None, _) => match number.provider_sid.as_ref().and_then(|sid| taken.get(sid)) {
                Some(by) => *by == trunk.id,
                None => asked_for,
            },
        };
        belongs && !number.archived && number.active && number.provider == Provider::Twilio
    });
    numbers.sort_by(|a, b| a.number.cmp(&b.number));
    numbers
}

/// What everything but the trunk itself says.
pub(crate) struct Around<'a> {
    pub(crate) routing: &'a Routing,
    pub(crate) sip_uri: &'a str,
    pub(crate) give_up_after: Duration,
    pub(crate) now: Timestamp,
}

/// What a trunk with these numbers is to be.
pub(crate) fn desired(
    trunk: &Trunk,
    numbers: &[Number],
    (asked, chosen): (&Asked, Chosen),
    around: &Around<'_>,
) -> Desired {
    let numbers = numbers.iter().map(|number| Wanted {
        number: number.number.clone(),
        agent: chosen.static_rules.then(|| agent(number, &trunk.project, around)).flatten(),
    });
    Desired {
        name: trunk.name.clone(),
        named: Named { twilio: trunk.twilio.clone(), livekit: trunk.livekit.clone() },
        sip_uri: around.sip_uri.to_owned(),
        adopt: Named { twilio: asked.adopt_twilio.clone(), livekit: asked.adopt_livekit.clone() },
        take_over: asked.take_over,
        ringing_timeout: around.give_up_after + RINGS_ON,
        first_named: !around.routing.knows_trunks(&trunk.project),
        numbers: numbers.collect(),
        chosen,
    }
}

/// Who would answer a call to this number now. Who is refused for whatever reason is refused by Switchboard.
fn agent(number: &Number, project: &str, around: &Around<'_>) -> Option<Agent> {
    let ring = Ring { called: number.number.clone(), ..Ring::default() };
    let decision = decide::decide(&ring, project, around.routing, InUse::default(), around.now);
    let Verdict::Answer { agent, .. } = decision.verdict else { return None };
    let metadata = json!({
        "call_type": "inbound",
        "phone_number_id": decision.number,
        "tenant_id": decision.tenant,
        "campaign_id": decision.campaign,
        "lead_id": null,
        "call_id": null,
        "from_number": null,
        "to_number": number.number,
    });
    let attributes = [("inbound", "true"), ("phone_number", number.number.as_str())];
    Some(Agent {
        name: agent,
        metadata: metadata.to_string(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    })
}
