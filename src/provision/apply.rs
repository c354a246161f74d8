//! Plans, carries out, and looks again whether it was kept.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::audit::{self, Actor, Entry};
use crate::db::{self, Tx, provisioned};
use crate::ids::TrunkId;
use crate::progress::Progress;

use super::carry::Carrying;
use super::error::{Error, Result};
use super::facts::{World, gather};
use super::lease;
use super::lines::Shown;
use super::means::{Known, Means};
use super::plan as planning;
use super::record::{Asked, Named};
use super::steps::Plan;
use super::watch;

/// How often something that may pass is gone on after.
const TRIES: u32 = 3;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The trunk.
    pub trunk_id: TrunkId,
    /// Its trunk at Twilio.
    pub twilio_trunk_sid: Option<String>,
    /// Its trunk at LiveKit.
    pub livekit_trunk_id: Option<String>,
    /// What was done.
    pub did: Shown,
    /// What the other sides were told and did not keep.
    pub not_kept: Shown,
}

/// What has to be done to set a trunk up as it is asked for. Changes nothing.
///
/// # Errors
/// Where a side does not answer, or the settings do not suffice.
pub async fn plan(means: &Means, trunk: &TrunkId, asked: &Asked) -> Result<Shown> {
    let (_, plan) = look(means, trunk, asked, true).await?;
    Ok(Shown::of(&plan.0.lines))
}

/// What differs between a trunk that was set up and both sides as they are. Changes nothing.
///
/// # Errors
/// Where a side does not answer, or nothing was set up.
pub async fn drift(means: &Means, trunk: &TrunkId) -> Result<Shown> {
    let (known, plan) = look(means, trunk, &Asked::default(), false).await?;
    if known.record.applied_at.is_none() {
        return Err(Error::cannot("it is not set up: `switchboard provision apply` does that"));
    }
    Ok(Shown::differences(&plan.0.lines))
}

async fn look(
    means: &Means,
    trunk: &TrunkId,
    asked: &Asked,
    asked_for: bool,
) -> Result<(Known, (Plan, World))> {
    let known = means.read(trunk, asked, asked_for).await?;
    if known.trunk.archived {
        return Err(Error::cannot(
            "the trunk is archived: `switchboard provision destroy` takes away what was set up",
        ));
    }
    let world = gather((&means.twilio, &means.livekit), Some(&known.desired), &known.record).await?;
    let plan = planning::plan(&known.desired, &world, &known.record);
    Ok((known, (plan, world)))
}

/// Sets a trunk up as it is asked for. What was cut off before is gone on with; what is as it should be stays.
///
/// # Errors
/// Where something is in the way ([`Error::Blocked`]), a side refuses or does not answer, or another one is at it.
/// What was done until then is noted, and the next one goes on from there.
pub async fn apply(
    means: &Means,
    trunk: &TrunkId,
    asked: &Asked,
    actor: &Actor,
    progress: &Progress,
) -> Result<Applied> {
    lease::alone(means, trunk, applied(means, trunk, asked, (actor, progress))).await
}

async fn applied(
    means: &Means,
    trunk: &TrunkId,
    asked: &Asked,
    (actor, progress): (&Actor, &Progress),
) -> Result<Applied> {
    let (mut did, mut tries, mut carried) = (None, 0, false);
    loop {
        progress.begin("looking at Twilio and LiveKit", None);
        match round(means, trunk, asked, (actor, progress), (&mut did, carried)).await {
            Ok(Round::Over(applied)) => return Ok(*applied),
            Ok(Round::Carried) => carried = true,
            Err(error) if error.may_pass() && tries + 1 < TRIES => {
                tracing::debug!(%error, "it may pass; looking how things stand");
                tries += 1;
                tokio::time::sleep(means.settings.pause * tries).await;
            }
            Err(error) => return Err(error),
        }
    }
}

enum Round {
    /// All was carried out; whether it was kept is yet to be seen.
    Carried,
    Over(Box<Applied>),
}

async fn round(
    means: &Means,
    trunk: &TrunkId,
    asked: &Asked,
    (actor, progress): (&Actor, &Progress),
    (did, carried): (&mut Option<Shown>, bool),
) -> Result<Round> {
    let (known, (plan, world)) = look(means, trunk, asked, true).await?;
    let shown = Shown::of(&plan.lines);
    if shown.blocked {
        return Err(Error::Blocked(Box::new(shown)));
    }
    let is_there = plan.steps.is_empty() && plan.notes.is_empty();
    if is_there || carried {
        let not_kept = if is_there { Shown::default() } else { Shown::differences(&plan.lines) };
        let did = did.take().unwrap_or_else(|| shown.clone());
        finish(means, &known, (&did, &not_kept), actor).await?;
        let Named { twilio, livekit } = known.desired.named;
        let (twilio_trunk_sid, livekit_trunk_id) =
            (plan.found.twilio.or(twilio), plan.found.livekit.or(livekit));
        let trunk_id = trunk.clone();
        let applied = Applied { trunk_id, twilio_trunk_sid, livekit_trunk_id, did, not_kept };
        return Ok(Round::Over(Box::new(applied)));
    }
    did.get_or_insert(shown);
    let (record, now) = (known.record.clone(), means.clock.now());
    means.db.write(move |tx| provisioned::begin(tx, &record, now)).await?;
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
    Ok(Round::Carried)
}

/// Notes that it is set up. Where all was as it should be before, there is nothing to note.
async fn finish(
    means: &Means,
    known: &Known,
    (did, not_kept): (&Shown, &Shown),
    actor: &Actor,
) -> Result<()> {
    let is_new = known.record.applied_at.is_none();
    if !is_new && did.is_done() && !known.chosen_anew && known.record.drift.is_none() && known.begun {
        return Ok(());
    }
    let (record, row, actor, now) =
        (known.record.clone(), known.trunk.clone(), actor.clone(), means.clock.now());
    let after = json!({
        "twilioTrunkSid": row.twilio,
        "livekitTrunkId": row.livekit,
        "options": record.chosen,
        "counts": did.counts,
        "notKept": not_kept.lines,
    });
    let noted = move |tx: &mut Tx<'_>| -> db::Result<()> {
        provisioned::begin(tx, &record, now)?;
        provisioned::done(tx, &record.trunk, now)?;
        watch::note(tx, &record, None, now)?;
        let entry = Entry {
            action: "trunk.provisioned",
            tenant: Some(&record.tenant),
            subject: ("trunk", &record.trunk),
            before: None,
            after: Some(after),
        };
        audit::note(tx, &actor, entry, now)
    };
    means.db.write(noted).await?;
    Ok(())
}
