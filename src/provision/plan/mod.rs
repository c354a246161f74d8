//! What has to be done so that both sides are as they should be: pure, from how things stand. LiveKit comes first and
//! the numbers last, so that no call comes before there is somebody for it.

mod carrier;
mod inbound;
mod numbers;
mod rules;
#[cfg(test)]
mod tests;
mod undo;

pub(crate) use undo::undo;

use super::desired::Desired;
use super::facts::World;
use super::lines::{Line, Sign, Thing};
use super::record::{PartKind, Record};
use super::steps::{Act, NEW, Plan};

/// What is planned against.
struct Planning<'a> {
    desired: &'a Desired,
    world: &'a World,
    record: &'a Record,
    plan: Plan,
}

/// What has to be done, and how it reads.
pub(crate) fn plan(desired: &Desired, world: &World, record: &Record) -> Plan {
    let mut planning = Planning { desired, world, record, plan: Plan::default() };
    if desired.numbers.is_empty() {
        planning.conflict(
            Thing::Trunk,
            &desired.name,
            "it has no numbers: import some (`switchboard numbers import`), or name the trunk in theirs; to take \
             everything away, `switchboard provision destroy`",
        );
    }
    if !desired.sip_uri.contains(";transport=") {
        planning.warn(
            Thing::OriginationUri,
            &desired.sip_uri,
            "it does not say how to get there, so that Twilio uses UDP: `;transport=tcp` is what LiveKit wants",
        );
    }
    planning.leave_numbers();
    let livekit = planning.livekit_trunk();
    planning.plan.found.livekit = Some(livekit.clone()).filter(|id| id != NEW);
    planning.rules(&livekit);
    planning.name(None, Some(&livekit));
    let twilio = planning.twilio_trunk();
    planning.plan.found.twilio.clone_from(&twilio);
    planning.uris();
    planning.name(Some(twilio.as_deref().unwrap_or(NEW)), None);
    planning.take_numbers();
    planning.forget_what_is_gone();
    planning.plan
}

impl Planning<'_> {
    fn line(&mut self, line: Line) {
        self.plan.line(line);
    }

    fn conflict(&mut self, thing: Thing, which: &str, says: &str) {
        self.line(Line::new(Sign::Conflict, thing, which).says(says));
    }

    fn warn(&mut self, thing: Thing, which: &str, says: impl Into<String>) {
        self.line(Line::new(Sign::Warning, thing, which).says(says));
    }

    /// The row names the trunks: Switchboard takes no calls over others, so that this comes before the first call.
    fn name(&mut self, twilio: Option<&str>, livekit: Option<&str>) {
        let named = &self.desired.named;
        let sides = [("twilioTrunkSid", &named.twilio, twilio), ("livekitTrunkId", &named.livekit, livekit)];
        let mut fields = super::lines::Fields::default();
        for (name, from, to) in sides {
            if let Some(to) = to {
                fields.set(name, from.clone(), to.to_owned());
            }
        }
        if !fields.0.is_empty() {
            let line = Line::new(Sign::Change, Thing::Trunk, &self.desired.name).with(fields.0);
            self.line(line);
            self.plan.act(Act::Name);
        }
    }

    /// Parts that somebody took away: only once others are in their place, so that what is begun is seen to be ours.
    fn forget_what_is_gone(&mut self) {
        let world = self.world;
        for part in &self.record.parts {
            let is_there = match part.kind {
                PartKind::TwilioTrunk => {
                    world.twilio.trunk.as_ref().is_some_and(|trunk| trunk.sid == part.id)
                }
                PartKind::OriginationUri => world.twilio.uris.iter().any(|uri| uri.sid == part.id),
                PartKind::TwilioNumber => true,
                PartKind::LiveKitTrunk => world.livekit.trunks.iter().any(|trunk| trunk.id == part.id),
                PartKind::DispatchRule => world.livekit.rules.iter().any(|rule| rule.id == part.id),
            };
            if !is_there {
                self.plan.act_and_forget(Act::Forget, part.kind, &part.id);
            }
        }
    }
}
