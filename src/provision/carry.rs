//! Carries a plan out, one request after the other, and notes each at once: what is cut off is gone on with.

use livekit::sip::{DispatchRule, InboundTrunk, refusal};
use twilio::{NewOriginationUrl, NumberUpdate, OriginationUpdate};

use crate::audit::{self, Actor, Entry};
use crate::clock::Clock;
use crate::db::configuration::{self, Kind};
use crate::db::resources::trunks;
use crate::db::{self, Db, Tx, changes, provisioned};
use crate::ids::TrunkId;
use crate::progress::Progress;
use crate::tenancy::deeds::{Deed, action, subject};
use crate::tenancy::record as shown;
use crate::tenancy::rows::{self, Row};

use super::error::{Error, Result};
use super::record::{Named, Part, PartKind, Record};
use super::steps::{Act, NEW, NumberBefore, Plan, Step, TrunkSettings, UriSettings};

/// What a plan is carried out with.
pub(super) struct Carrying<'a> {
    pub(super) db: &'a Db,
    pub(super) twilio: &'a twilio::Client,
    pub(super) livekit: &'a livekit::Client,
    pub(super) clock: &'a Clock,
    pub(super) actor: &'a Actor,
    pub(super) progress: &'a Progress,
    pub(super) record: &'a Record,
    /// The trunks at both sides, once they are known.
    pub(super) ids: Named,
    /// LiveKit's trunks and rules as they are by now.
    pub(super) trunks: Vec<InboundTrunk>,
    pub(super) rules: Vec<DispatchRule>,
}

impl<'a> Carrying<'a> {
    /// Carries all of it out.
    pub(super) async fn all(&mut self, plan: &Plan) -> Result<()> {
        let (trunk, notes, now) = (self.trunk(), plan.notes.clone(), self.clock.now());
        if !notes.is_empty() {
            self.db.write(move |tx| provisioned::note_parts(tx, &trunk, &notes, now)).await?;
        }
        self.ids = plan.found.clone();
        self.progress.begin("at Twilio and LiveKit", Some(plan.steps.len() as u64));
        for step in &plan.steps {
            self.step(step).await?;
            self.progress.advance(1);
        }
        Ok(())
    }

    fn trunk(&self) -> TrunkId {
        self.record.trunk.clone()
    }

    fn twilio_trunk(&self) -> Result<&str> {
        let sid = self.ids.twilio.as_deref();
        sid.ok_or_else(|| Error::cannot("the Twilio trunk is gone: run it again"))
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match &step.act {
            Act::MakeTrunk { .. }
            | Act::ReplaceTrunk { .. }
            | Act::RemoveTrunk { .. }
            | Act::MakeRule { .. }
            | Act::ReplaceRule { .. }
            | Act::RemoveRule { .. } => self.at_livekit(&step.act).await?,
            Act::Name => self.name(self.ids.clone(), false).await?,
            Act::Unname => self.name(self.record.named_before.clone(), true).await?,
            Act::Forget => {}
            act => self.at_twilio(act).await?,
        }
        let Some((kind, id)) = step.forget.clone() else { return Ok(()) };
        let trunk = self.trunk();
        self.db.write(move |tx| provisioned::forget_part(tx, &trunk, kind, &id)).await?;
        Ok(())
    }

    async fn keep(&self, kind: PartKind, id: &str, before: Option<serde_json::Value>) -> Result<()> {
        let (trunk, now) = (self.trunk(), self.clock.now());
        let part = Part { kind, id: id.to_owned(), made: true, before };
        self.db.write(move |tx| provisioned::note_parts(tx, &trunk, &[part], now)).await?;
        Ok(())
    }

    async fn at_twilio(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::MakeTwilioTrunk { .. }
            | Act::SetTwilioTrunk { .. }
            | Act::SetRecording { .. }
            | Act::RemoveTwilioTrunk => self.twilio_trunk_itself(act).await,
            Act::TakeNumber { sid, number, hears_fax } => self.take(sid, number, *hears_fax).await,
            Act::RestoreNumber { sid, before } => self.restore(sid, before).await,
            act => self.uri(act).await,
        }
    }

    async fn twilio_trunk_itself(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::MakeTwilioTrunk { name, settings } => {
                let failed = Error::twilio("making the Twilio trunk");
                let settings = twilio_settings(settings).friendly_name(name);
                let made = self.twilio.create_trunk(&settings).await.map_err(failed)?;
                self.ids.twilio = Some(made.sid.clone());
                self.keep(PartKind::TwilioTrunk, &made.sid, None).await?;
            }
            Act::SetTwilioTrunk { settings } => {
                let (failed, trunk) = (Error::twilio("changing the Twilio trunk"), self.twilio_trunk()?);
                self.twilio.update_trunk(trunk, &twilio_settings(settings)).await.map_err(failed)?;
            }
            Act::SetRecording { mode } => {
                let (failed, trunk) = (Error::twilio("setting what Twilio records"), self.twilio_trunk()?);
                self.twilio.set_recording(trunk, &mode.as_str().into()).await.map_err(failed)?;
            }
            Act::RemoveTwilioTrunk => {
                let (failed, trunk) = (Error::twilio("taking the Twilio trunk away"), self.twilio_trunk()?);
                self.twilio.delete_trunk(trunk).await.map_err(failed)?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn uri(&self, act: &Act) -> Result<()> {
        match act {
            Act::MakeUri { name, uri } => {
                let (failed, trunk) = (Error::twilio("making the origination URI"), self.twilio_trunk()?);
                let new = NewOriginationUrl::new(uri, name);
                let made = self.twilio.create_origination_url(trunk, &new).await.map_err(failed)?;
                self.keep(PartKind::OriginationUri, &made.sid, None).await?;
            }
            Act::SetUri { sid, settings } => {
                let (failed, trunk) = (Error::twilio("changing an origination URI"), self.twilio_trunk()?);
                let update = uri_settings(settings);
                self.twilio.update_origination_url(trunk, sid, &update).await.map_err(failed)?;
            }
            Act::RemoveUri { sid } => {
                let (failed, trunk) = (Error::twilio("taking an origination URI away"), self.twilio_trunk()?);
                self.twilio.delete_origination_url(trunk, sid).await.map_err(failed)?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn take(&self, sid: &str, number: &str, hears_fax: bool) -> Result<()> {
        let mut update = NumberUpdate::new().trunk_sid(Some(self.twilio_trunk()?));
        if hears_fax {
            update = update.voice_receive_mode("voice");
        }
        let failed = Error::twilio(format!("putting {} on the trunk", crate::phone::masked(number)));
        self.twilio.update_number(sid, &update).await.map_err(failed)?;
        Ok(())
    }

    /// Gives a number back to who took its calls before, as far as that is there still.
    async fn restore(&self, sid: &str, before: &NumberBefore) -> Result<()> {
        let failed = Error::twilio(format!("giving {} back", crate::phone::masked(&before.number)));
        let update = |with_trunk: bool| {
            let mut update = NumberUpdate::new();
            if let Some(mode) = &before.voice_receive_mode {
                update = update.voice_receive_mode(mode);
            }
            if let Some(url) = &before.voice_url {
                update = update.voice_url(Some(url));
                if let Some(method) = &before.voice_method {
                    update = update.voice_method(method);
                }
            }
            update = update.trunk_sid(before.trunk_sid.as_deref().filter(|_| with_trunk));
            match &before.voice_application_sid {
                Some(application) => update.voice_application_sid(Some(application)),
                None => update,
            }
        };
        match self.twilio.update_number(sid, &update(true)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_gone() => Ok(()),
            // The trunk that it was on may be gone since.
            Err(error) if error.outcome() == twilio::Outcome::Refused && before.trunk_sid.is_some() => {
                self.twilio.update_number(sid, &update(false)).await.map_err(failed)?;
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn at_livekit(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::MakeTrunk { trunk } => {
                self.check_trunk(trunk)?;
                let failed = Error::livekit("making the LiveKit trunk");
                let made = self.livekit.create_sip_inbound_trunk(trunk).await.map_err(failed)?;
                self.ids.livekit = Some(made.id.clone());
                self.keep(PartKind::LiveKitTrunk, &made.id, None).await?;
                self.trunks.push(made);
            }
            Act::ReplaceTrunk { trunk } => {
                self.check_trunk(trunk)?;
                let failed = Error::livekit("changing the LiveKit trunk");
                self.livekit.replace_sip_inbound_trunk(trunk).await.map_err(failed)?;
                self.trunks.retain(|other| other.id != trunk.id);
                self.trunks.push(InboundTrunk::clone(trunk));
            }
            Act::RemoveTrunk { id } => {
                let failed = Error::livekit("taking the LiveKit trunk away");
                self.livekit.delete_sip_trunk(id).await.map_err(failed)?;
                self.trunks.retain(|trunk| trunk.id != *id);
            }
            act => self.dispatch_rule(act).await?,
        }
        Ok(())
    }

    async fn dispatch_rule(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::MakeRule { rule, of } => {
                let rule = self.with_trunk(rule)?;
                self.check_rule(&rule)?;
                let failed = Error::livekit("making a dispatch rule");
                let made = self.livekit.create_sip_dispatch_rule(&rule).await.map_err(failed)?;
                let note = of.as_ref().map(|of| serde_json::json!({ "of": of }));
                self.keep(PartKind::DispatchRule, &made.id, note).await?;
                self.rules.push(made);
            }
            Act::ReplaceRule { rule } => {
                let rule = self.with_trunk(rule)?;
                self.check_rule(&rule)?;
                let failed = Error::livekit("changing a dispatch rule");
                self.livekit.replace_sip_dispatch_rule(&rule).await.map_err(failed)?;
                self.rules.retain(|other| other.id != rule.id);
                self.rules.push(rule);
            }
            Act::RemoveRule { id } => {
                let failed = Error::livekit("taking a dispatch rule away");
                self.livekit.delete_sip_dispatch_rule(id).await.map_err(failed)?;
                self.rules.retain(|rule| rule.id != *id);
            }
            _ => {}
        }
        Ok(())
    }

    /// A rule with the id of the trunk that was made meanwhile.
    fn with_trunk(&self, rule: &DispatchRule) -> Result<DispatchRule> {
        let mut rule = rule.clone();
        for id in rule.trunk_ids.iter_mut().filter(|id| *id == NEW) {
            let made = self.ids.livekit.clone();
            *id = made.ok_or_else(|| Error::cannot("the LiveKit trunk is gone: run it again"))?;
        }
        Ok(rule)
    }

    /// LiveKit itself does not look at everything when something is replaced.
    fn check_trunk(&self, trunk: &InboundTrunk) -> Result<()> {
        match refusal::of_trunk(trunk, &self.trunks) {
            Some(refusal) => {
                Err(Error::cannot(format!("the LiveKit trunk cannot be as it should: {refusal}")))
            }
            None => Ok(()),
        }
    }

    fn check_rule(&self, rule: &DispatchRule) -> Result<()> {
        match refusal::of_rule(rule, &self.rules) {
            Some(refusal) => Err(Error::cannot(format!("a dispatch rule cannot be as it should: {refusal}"))),
            None => Ok(()),
        }
    }

    /// Has the row name these trunks; and where `exactly`, none where there is none.
    async fn name(&self, ids: Named, exactly: bool) -> Result<()> {
        let (trunk, actor, now) = (self.trunk(), self.actor.clone(), self.clock.now());
        let named = move |tx: &mut Tx<'_>| name(tx, &trunk, (&ids, exactly), &actor, now);
        self.db.write(named).await?;
        Ok(())
    }
}

/// Has a row name these trunks: an entry in the audit, and the servers' routing is told.
fn name(
    tx: &mut Tx<'_>,
    trunk: &TrunkId,
    (ids, exactly): (&Named, bool),
    actor: &Actor,
    now: crate::clock::Timestamp,
) -> db::Result<()> {
    configuration::lock(tx)?;
    let Some(stored) = trunks::by_id(tx, None, trunk)? else { return Ok(()) };
    let before = stored.row;
    let kept =
        |id: &Option<String>, was: &Option<String>| id.clone().or_else(|| was.clone().filter(|_| !exactly));
    let row = configuration::Trunk {
        twilio: kept(&ids.twilio, &before.twilio),
        livekit: kept(&ids.livekit, &before.livekit),
        ..before.clone()
    };
    if row == before {
        return Ok(());
    }
    configuration::save_trunk(tx, &row, now)?;
    let json = |row| serde_json::to_value(shown::Trunk::of(row)).ok();
    let entry = Entry {
        action: action(Kind::Trunk, Deed::Updated),
        tenant: Some(&row.tenant),
        subject: (subject(Kind::Trunk), &row.id),
        before: json(&before),
        after: json(&row),
    };
    audit::note(tx, actor, entry, now)?;
    if let Some(old) = before.livekit.as_ref().filter(|_| row.livekit != before.livekit) {
        rename_in_numbers(tx, &row, old, actor, now)?;
    }
    changes::note(tx, changes::Kind::Routing, Some(&row.tenant), (&row.tenant, 0), now)?;
    tx.notify("routing");
    Ok(())
}

/// Numbers that name a LiveKit trunk by the id that it had name the one in its place: LiveKit gives a new id to whatever
/// is made again.
fn rename_in_numbers(
    tx: &mut Tx<'_>,
    trunk: &configuration::Trunk,
    old: &str,
    actor: &Actor,
    now: crate::clock::Timestamp,
) -> db::Result<()> {
    let mut before = configuration::numbers(tx, &trunk.tenant)?;
    before.retain(|number| !number.archived && number.livekit_trunk.as_deref() == Some(old));
    if before.is_empty() {
        return Ok(());
    }
    let (_, names) = rows::of_tenant(tx, &trunk.tenant)?;
    let pairs: Vec<(Row, Row)> = before
        .into_iter()
        .map(|was| {
            let now = configuration::Number { livekit_trunk: trunk.livekit.clone(), ..was.clone() };
            (Row::from(was), Row::from(now))
        })
        .collect();
    let saved: Vec<&configuration::Number> = pairs
        .iter()
        .filter_map(|(_, row)| match row {
            Row::Number(row) => Some(row),
            _ => None,
        })
        .collect();
    configuration::save_numbers(tx, &saved, now)?;
    let entries = pairs.iter().flat_map(|(was, row)| row.saved(Some(was), (&names, &names)));
    db::audit::insert(tx, actor, entries, now)
}

fn twilio_settings(settings: &TrunkSettings) -> twilio::TrunkSettings {
    let mut form = twilio::TrunkSettings::new();
    if let Some(name) = &settings.friendly_name {
        form = form.friendly_name(name);
    }
    if let Some(secure) = settings.secure {
        form = form.secure(secure);
    }
    if let Some(mode) = &settings.transfer_mode {
        form = form.transfer_mode(&mode.as_str().into());
    }
    if let Some(enabled) = settings.cnam_lookup_enabled {
        form = form.cnam_lookup_enabled(enabled);
    }
    form
}

fn uri_settings(settings: &UriSettings) -> OriginationUpdate {
    OriginationUpdate {
        sip_url: settings.sip_url.clone(),
        friendly_name: settings.friendly_name.clone(),
        weight: settings.weight,
        priority: settings.priority,
        enabled: settings.enabled,
    }
}
