//! Compares the ledger with the rooms at LiveKit: a lost webhook still gets its caller answered, its call ended, its
//! ghost room cleared. One replica at a time, by a lease.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use livekit::{Kind, Participant, Room};

use crate::app::App;
use crate::call::Call;
use crate::call::evidence::{Act, Presence};
use crate::call::fact::{Fact, Leave, What, Why};
use crate::clock::Timestamp;
use crate::db::{self, calls, leases};
use crate::hear::{self, Heard, Hearing, job};
use crate::http::webhooks::words;

use super::attending;

/// What is found missing is believed when it is missing this often in a row.
const TWICE: u8 = 2;
/// A room that holds no call of ours is looked into in its first rounds, and rarely after that.
const FIRST_LOOKS: u32 = 3;
const RARELY: u32 = 6;

/// Starts reconcile for every project that can be reached.
pub(super) fn start(app: &App) {
    for (project, of) in &app.projects {
        let Some(client) = of.client.clone() else { continue };
        let project = project.clone();
        app.keep_running("reconcile", move |app| Reconcile::new(app, project.clone(), client.clone()).run());
    }
}

/// What reconcile remembers of earlier rounds.
struct Reconcile {
    app: App,
    project: String,
    client: livekit::Client,
    /// How often in a row something was missing, by what it is.
    missing: HashMap<String, u8>,
    /// How often a room without a call of ours was seen, by sid.
    strange: HashMap<String, u32>,
}

impl Reconcile {
    fn new(app: App, project: String, client: livekit::Client) -> Reconcile {
        Reconcile { app, project, client, missing: HashMap::new(), strange: HashMap::new() }
    }

    async fn run(mut self) {
        let every = self.app.reconcile_every;
        while !self.app.stop().is_cancelled() {
            if self.is_ours(every * 3).await
                && let Err(error) = self.round().await
            {
                tracing::warn!(%error, project = self.project, "reconcile could not finish; it goes on next time");
            }
            tokio::select! {
                () = self.app.clock.sleep(every) => {}
                () = self.app.stop().cancelled() => {}
            }
        }
        let (name, me) = (self.lease(), self.app.me().to_owned());
        let given_back = self.app.db.write(move |tx| leases::give_back(tx, &name, &me)).await;
        if let Err(error) = given_back {
            tracing::debug!(%error, "the reconcile lease runs out by itself");
        }
    }

    fn lease(&self) -> String {
        format!("reconcile/{}", self.project)
    }

    async fn is_ours(&self, lasts: Duration) -> bool {
        let (name, me, now) = (self.lease(), self.app.me().to_owned(), self.app.clock.now());
        let taken = self.app.db.write(move |tx| leases::take(tx, &name, &me, now, lasts)).await;
        taken.unwrap_or_else(|error| {
            tracing::warn!(%error, "the reconcile lease could not be taken");
            false
        })
    }

    /// Open calls are read first: a room that is made afterwards cannot be missed.
    async fn round(&mut self) -> anyhow::Result<()> {
        let project = self.project.clone();
        let open = self.app.db.report(move |tx| calls::open_with_room(tx, &project)).await?;
        let rooms = self.client.list_rooms(&[]).await?;
        let rooms: HashMap<&str, &Room> = rooms.iter().map(|room| (room.sid.as_str(), room)).collect();
        let mut still_missing = HashMap::new();
        let mut known = HashSet::new();
        for call in &open {
            let Some(sid) = call.evidence.room_sid.as_deref() else { continue };
            known.insert(sid);
            if rooms.contains_key(sid) {
                self.compare(call, &mut still_missing).await?;
            } else if self.is_missing(&call.id, &mut still_missing) {
                self.end(call, "lost_call").await?;
            }
        }
        self.missing = still_missing;
        self.strange.retain(|sid, _| rooms.contains_key(sid.as_str()));
        for room in rooms.values().filter(|room| !known.contains(room.sid.as_str())) {
            let looks = self.strange.entry(room.sid.clone()).or_insert(0);
            *looks += 1;
            if *looks <= FIRST_LOOKS || looks.is_multiple_of(RARELY) {
                self.strange_room(room).await?;
            }
        }
        Ok(())
    }

    fn is_missing(&self, what: &str, still: &mut HashMap<String, u8>) -> bool {
        let times = self.missing.get(what).copied().unwrap_or(0).saturating_add(1);
        still.insert(what.to_owned(), times);
        times >= TWICE
    }

    /// A call whose room is there: who is in it?
    async fn compare(&mut self, call: &Call, still: &mut HashMap<String, u8>) -> anyhow::Result<()> {
        let Some(name) = call.room() else { return Ok(()) };
        let there = self.client.list_participants(name).await?;
        let caller = there.iter().find(|participant| is_caller(call, participant));
        match caller {
            None => {
                if self.is_missing(&call.id, still) {
                    self.end(call, "lost_caller").await?;
                }
            }
            Some(_) => hear_who_is_there(&self.app, call, &there).await?,
        }
        let gone = call.evidence.others().filter(|(sid, guest)| {
            guest.left.is_none() && !there.iter().any(|participant| participant.sid == **sid)
        });
        for (sid, guest) in gone {
            if self.is_missing(sid, still) {
                self.gone_guest(call, name, sid, guest).await?;
            }
        }
        Ok(())
    }

    async fn gone_guest(&self, call: &Call, room: &str, sid: &str, guest: &Presence) -> db::Result<()> {
        let now = self.app.clock.now();
        let who = words::known_guest(sid, guest);
        let leave = Leave { at: now, why: Why::Vanished, leg: None };
        let room = (room, call.evidence.room_sid.as_deref());
        take_in(&self.app, words::seen(&self.project, room, (sid, "gone"), What::Left(who, leave), now)).await
    }

    /// A room that no open call of ours stands for: a caller nobody told us of, a ghost, or not ours at all.
    async fn strange_room(&self, room: &Room) -> anyhow::Result<()> {
        let there = self.client.list_participants(&room.name).await?;
        // Who else is there is told first: an agent that is on the call already needs no dispatch.
        let rings = there.iter().filter(|participant| words::is_ring(participant));
        let place = (room.name.as_str(), Some(room.sid.as_str()));
        for caller in rings {
            for other in there.iter().filter(|participant| !words::is_ring(participant)) {
                hear_guest(&self.app, &self.project, place, other).await?;
            }
            seen_ring(&self.app, &self.project, place, caller, "ringing").await?;
        }
        if there.iter().all(|participant| participant.kind == Kind::Agent) {
            attending::clear_ghost(&self.app, &self.project, &room.name).await;
        }
        Ok(())
    }

    async fn end(&self, call: &Call, found: &'static str) -> db::Result<()> {
        let (id, routing) = (call.id.clone(), self.app.routing());
        let (timing, now, me) = (self.app.timing, self.app.clock.now(), self.app.me().to_owned());
        let ended = self.app.db.write(move |tx| -> db::Result<_> {
            let Some(mut call) = calls::locked(tx, &id)? else { return Ok(None) };
            if !call.is_open() {
                return Ok(None);
            }
            let with = Hearing { routing: &routing, timing: &timing, now, holder: &me };
            hear::act(tx, &mut call, Act::Reconciled, &with)?;
            // Whoever holds its job looks again; otherwise the loop finds it due at once.
            crate::db::jobs::plan(tx, job(&id), crate::db::jobs::Plan::At(now), &me, now)?;
            Ok(Some(call))
        });
        if let Some(call) = ended.await? {
            crate::logs::of_call(&call.id).in_scope(|| super::ended(&self.app, &call));
            self.app.metrics.reconciled(found);
            self.app.wake_at(now);
        }
        Ok(())
    }
}

/// Tells the ledger who is in the room of a call, as far as it does not know.
pub(super) async fn hear_who_is_there(app: &App, call: &Call, there: &[Participant]) -> db::Result<()> {
    let Some(room) = call.room() else { return Ok(()) };
    let place = (room, call.evidence.room_sid.as_deref());
    for participant in there {
        if !is_caller(call, participant) {
            let known = call.evidence.guests.contains_key(&participant.sid);
            let heard = call.evidence.voices.contains_key(&participant.sid) || voice(participant).is_none();
            if !(known && heard) {
                hear_guest(app, &call.project, place, participant).await?;
            }
        } else if words::is_active(participant) && call.evidence.active_at.is_none() {
            seen_ring(app, &call.project, place, participant, "active").await?;
        }
    }
    Ok(())
}

async fn hear_guest(
    app: &App,
    project: &str,
    place: (&str, Option<&str>),
    who: &Participant,
) -> db::Result<()> {
    let now = app.clock.now();
    let joined = What::Joined(words::guest(who));
    take_in(app, words::seen(project, place, (&who.sid, "joined"), joined, now)).await?;
    let Some(track) = voice(who) else { return Ok(()) };
    let at = track.published_at_micros.map_or(now, Timestamp::from_micros);
    take_in(app, words::seen(project, place, (&who.sid, "spoke"), What::Spoke(words::guest(who)), at)).await
}

fn voice(who: &Participant) -> Option<&livekit::Track> {
    who.tracks.iter().find(|track| words::is_audio(track))
}

async fn seen_ring(
    app: &App,
    project: &str,
    place: (&str, Option<&str>),
    caller: &Participant,
    seen: &str,
) -> db::Result<()> {
    let ring = What::Rang(Box::new(words::ring(caller)));
    take_in(app, words::seen(project, place, (&caller.sid, seen), ring, app.clock.now())).await
}

async fn take_in(app: &App, fact: Fact) -> db::Result<()> {
    let room = fact.room.as_ref().map(|room| (fact.project.clone(), room.name.clone()));
    let body = serde_json::json!({ "seen": fact.id }).to_string();
    let is_caller = matches!(fact.what, What::Rang(_));
    let heard = app.hear(fact, body).await?;
    // LiveKit never tells that a caller's leg was answered: seeing a known one so is no lost webhook.
    if let Heard::Calls(touched) = &heard
        && (!is_caller || touched.iter().any(|touched| touched.fresh))
    {
        app.metrics.reconciled("lost_webhook");
    }
    super::carry_out(app, heard, room);
    Ok(())
}

fn is_caller(call: &Call, participant: &Participant) -> bool {
    call.evidence.callers.contains(&participant.sid)
        || call.ring.keys.call.as_deref().is_some_and(|key| participant.attribute("sip.callID") == Some(key))
}
