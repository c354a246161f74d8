//! Takes a trunk's set-up away: what we made goes, and what was there before is what it was.

use serde_json::json;

use crate::audit::{self, Actor, Entry};
use crate::db::{self, Tx, provisioned};
use crate::ids::TrunkId;
use crate::progress::Progress;

use super::apply::Applied;
use super::carry::Carrying;
use super::error::{Error, Result};
use super::facts::{World, gather};
use super::lease;
use super::lines::Shown;
use super::means::{Known, Means};
use super::plan::undo;
use super::record::{Asked, Named, PartKind};
use super::steps::Plan;

/// How often it is looked and gone on: something that may pass, and what the other side did not keep.
const ROUNDS: u32 = 4;

/// What has to be done to take a trunk's set-up away. Changes nothing.
///
/// # Errors
/// Where a side does not answer.
pub async fn plan_to_destroy(means: &Means, trunk: &TrunkId) -> Result<Shown> {
    let (known, plan, _) = look(means, trunk).await?;
    Ok(if known.begun { Shown::of(&plan.lines) } else { Shown::default() })
}

async fn look(means: &Means, trunk: &TrunkId) -> Result<(Known, Plan, World)> {
    let known = means.read(trunk, &Asked::default(), false).await?;
    let world = gather((&means.twilio, &means.livekit), None, &known.record).await?;
    let record = &known.record;
    let is_part = |kind, id: &Option<String>| id.as_ref().is_some_and(|id| record.part(kind, id).is_some());
    let named = &known.desired.named;
    let names_ours = *named != record.named_before
        && (is_part(PartKind::TwilioTrunk, &named.twilio) || is_part(PartKind::LiveKitTrunk, &named.livekit));
    let plan = undo(&world, record, &known.trunk.name, names_ours);
    Ok((known, plan, world))
}

/// Takes a trunk's set-up away. Where there is none, nothing is done; what was cut off before is gone on with.
///
/// # Errors
/// Where something is in the way ([`Error::Blocked`]), a side refuses or does not answer, or another one is at it.
pub async fn destroy(means: &Means, trunk: &TrunkId, actor: &Actor, progress: &Progress) -> Result<Applied> {
    lease::alone(means, trunk, destroyed(means, trunk, actor, progress)).await
}

async fn destroyed(means: &Means, trunk: &TrunkId, actor: &Actor, progress: &Progress) -> Result<Applied> {
    let mut did = None;
    for number in 1..=ROUNDS {
        progress.begin("looking at Twilio and LiveKit", None);
        match round(means, trunk, (actor, progress), &mut did).await {
            Ok(None) => {}
            Ok(Some(applied)) => return Ok(applied),
            Err(error) if error.may_pass() && number < ROUNDS => {
                tracing::debug!(%error, "it may pass; looking how things stand");
                tokio::time::sleep(means.settings.pause * number).await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::cannot(
        "the other sides do not keep what they are told: run it again, and look at their consoles",
    ))
}

/// One round; none: there may be more to do.
async fn round(
    means: &Means,
    trunk: &TrunkId,
    (actor, progress): (&Actor, &Progress),
    did: &mut Option<Shown>,
) -> Result<Option<Applied>> {
    let (known, plan, world) = look(means, trunk).await?;
    let nothing = Applied {
        trunk_id: trunk.clone(),
        twilio_trunk_sid: known.trunk.twilio.clone(),
        livekit_trunk_id: known.trunk.livekit.clone(),
        did: did.clone().unwrap_or_default(),
        not_kept: Shown::default(),
    };
    if !known.begun {
        return Ok(Some(nothing));
    }
    let shown = Shown::of(&plan.lines);
    if shown.blocked {
        return Err(Error::Blocked(Box::new(shown)));
    }
    if plan.steps.is_empty() {
        finish(means, &known, &nothing, actor).await?;
        return Ok(Some(nothing));
    }
    did.get_or_insert(shown);
    let Means { db, twilio, livekit, clock, .. } = means;
    let mut carrying = Carrying {
        db,
        twilio,
        livekit,
        clock,
        actor,
        progress,
        record: &known.record,
        ids: Named::default(),
        trunks: world.livekit.trunks,
        rules: world.livekit.rules,
    };
    carrying.all(&plan).await?;
    Ok(None)
}

async fn finish(means: &Means, known: &Known, done: &Applied, actor: &Actor) -> Result<()> {
    let (record, actor, now) = (known.record.clone(), actor.clone(), means.clock.now());
    let before = json!({ "options": record.chosen, "counts": done.did.counts });
    let gone = move |tx: &mut Tx<'_>| -> db::Result<()> {
        provisioned::forget(tx, &record.trunk)?;
        let entry = Entry {
            action: "trunk.unprovisioned",
            tenant: Some(&record.tenant),
            subject: ("trunk", &record.trunk),
            before: Some(before),
            after: None,
        };
        audit::note(tx, &actor, entry, now)
    };
    means.db.write(gone).await?;
    Ok(())
}
