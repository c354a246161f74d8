//! Sees one call through: asks [`attend::next`] what it needs, does that one thing, notes what came of it, asks again.

use std::time::Duration;

use crate::app::{App, Project};
use crate::call::attend::{self, Attempt, Attendance, Closed, Next};
use crate::call::evidence::Act;
use crate::call::{Call, Status};
use crate::db::jobs::{self, Held, Plan};
use crate::db::{self, calls};
use crate::hear::{self, Hearing, job};
use crate::ids::CallId;

use super::{listing, reconcile};

/// A call that this process holds the job of.
struct Seen<'a> {
    app: &'a App,
    call: Call,
    held: Held,
    /// A dispatch that was claimed here just now and that nobody else can have sent.
    fresh_claim: Option<usize>,
    /// A dispatch was sent and nobody knows whether it was made.
    unsure: bool,
    /// The room was looked into before giving up on it.
    looked_in: bool,
}

/// Why seeing a call through stops for now.
enum Stop {
    /// Somebody else holds it, or it is gone.
    NotOurs,
    /// The database or LiveKit did not do as told: later.
    Later,
}

impl From<db::Error> for Stop {
    fn from(error: db::Error) -> Stop {
        tracing::warn!(%error, "the database did not take what was done for this call; it will be tried again");
        Stop::Later
    }
}

/// Sees a call through until it needs nothing for now.
pub(super) async fn see_through(app: &App, call: Call, held: Held, fresh: bool) {
    let fresh_claim = (fresh && !call.attendance.attempts.is_empty()).then_some(0);
    let mut seen = Seen { app, call, held, fresh_claim, unsure: false, looked_in: false };
    loop {
        match seen.step().await {
            Ok(true) => {}
            Ok(false) | Err(Stop::NotOurs) => return,
            Err(Stop::Later) => return seen.put_off().await,
        }
    }
}

impl Seen<'_> {
    /// One step; whether there is another.
    async fn step(&mut self) -> Result<bool, Stop> {
        let now = self.app.clock.now();
        let next = match self.fresh_claim.take() {
            Some(index) => return self.send(index).await.map(|()| true),
            None => attend::next(&self.call, &self.app.timing, now),
        };
        if self.app.stop().is_cancelled() && !matches!(next, Next::Done) {
            // Whoever takes the job next goes on here.
            self.let_go(Plan::At(now)).await?;
            return Ok(false);
        }
        match next {
            Next::Wait(at) => return self.rest(Plan::At(at)).await,
            Next::Done => return self.rest(Plan::Never).await,
            Next::Claim { agent, replaces } => self.claim(agent, replaces).await?,
            Next::Settle(index) => self.settle(index).await?,
            Next::Look => self.look().await?,
            Next::Close(index, why) => self.close(index, why).await?,
            Next::Delete(dispatch) => self.delete(dispatch).await?,
            Next::Remove(identity) => self.remove(identity).await?,
            Next::End(act) => self.end(act).await?,
            Next::Clear => self.clear().await?,
        }
        Ok(true)
    }

    async fn claim(&mut self, agent: String, replaces: bool) -> Result<(), Stop> {
        let before = self.call.attendance.attempts.len();
        let now = self.app.clock.now();
        self.note(move |attendance| {
            // Only the holder adds attempts, so nobody can have been quicker.
            if attendance.attempts.len() == before {
                attendance.attempts.push(Attempt::claim(agent, now, replaces));
            }
        })
        .await?;
        self.fresh_claim = (self.call.attendance.attempts.len() == before + 1).then_some(before);
        Ok(())
    }

    /// A dispatch that may or may not have been sent: look before sending.
    async fn settle(&mut self, index: usize) -> Result<(), Stop> {
        let (client, room) = self.place()?;
        let listed =
            client.list_dispatch(&room).await.map_err(|error| later("listing dispatches", &error))?;
        let known =
            |id: &str| self.call.attendance.attempts.iter().any(|a| a.dispatch.as_deref() == Some(id));
        let agent = &self.call.attendance.attempts[index].agent;
        let sent = listed
            .iter()
            .find(|d| d.agent_name == *agent && listing::is_ours(&self.call, &d.metadata) && !known(&d.id));
        match sent {
            Some(dispatch) => {
                self.app.metrics.dispatched("found");
                tracing::info!(dispatch = dispatch.id, "the dispatch had been sent already");
                self.sent(index, dispatch.id.clone()).await
            }
            None => self.send(index).await,
        }
    }

    async fn send(&mut self, index: usize) -> Result<(), Stop> {
        let (client, room) = self.place()?;
        let Some(attempt) = self.call.attendance.attempts.get(index) else { return Ok(()) };
        let dispatch = listing::dispatch(&self.call, attempt.agent.clone(), room);
        match client.create_dispatch(&dispatch).await {
            Ok(made) => {
                if self.call.attendance.attempts.len() == 1 {
                    self.app.metrics.ring_to_dispatch(self.app.clock.now().since(self.call.created_at));
                }
                self.app.metrics.dispatched("sent");
                tracing::info!(agent = dispatch.agent_name, dispatch = made.id, "dispatched the agent");
                self.sent(index, made.id).await
            }
            Err(error) if error.may_have_happened() => {
                self.app.metrics.dispatched("unsure");
                tracing::warn!(%error, "no telling whether the dispatch was made: looking before trying again");
                // The attempt is still unsent, so the next step settles it; at once only the first time.
                if std::mem::replace(&mut self.unsure, true) { Err(Stop::Later) } else { Ok(()) }
            }
            Err(error) if error.is_retryable() => {
                self.app.metrics.dispatched("failed");
                Err(later("dispatching the agent", &error))
            }
            Err(error) => {
                self.app.metrics.dispatched("refused");
                tracing::error!(%error, "LiveKit refused the dispatch");
                let now = self.app.clock.now();
                self.note(move |attendance| attendance.close(index, Closed::Refused, now)).await
            }
        }
    }

    async fn sent(&mut self, index: usize, dispatch: String) -> Result<(), Stop> {
        let now = self.app.clock.now();
        self.note(move |attendance| attendance.sent(index, dispatch, now)).await
    }

    async fn look(&mut self) -> Result<(), Stop> {
        let (client, room) = self.place()?;
        let listed =
            client.list_dispatch(&room).await.map_err(|error| later("listing dispatches", &error))?;
        let listed: Vec<_> = listed.iter().map(|dispatch| listing::listed(&self.call, dispatch)).collect();
        let there: Vec<_> = attend::agents_there(&self.call).cloned().collect();
        let now = self.app.clock.now();
        self.note(move |attendance| attendance.listed(&listed, &there, now)).await
    }

    async fn close(&mut self, index: usize, why: Closed) -> Result<(), Stop> {
        let (client, room) = self.place()?;
        if let Some(attempt) = self.call.attendance.attempts.get(index) {
            tracing::warn!(agent = attempt.agent, "{}: dispatching again", why.describe());
            if let Some(id) = attempt.dispatch.as_ref().filter(|_| why.deletes()) {
                let deleted = client.delete_dispatch(&room, id).await;
                deleted.map_err(|error| later("deleting a dispatch", &error))?;
            }
        }
        let now = self.app.clock.now();
        self.note(move |attendance| attendance.close(index, why, now)).await
    }

    async fn delete(&mut self, dispatch: String) -> Result<(), Stop> {
        let (client, room) = self.place()?;
        let deleted = client.delete_dispatch(&room, &dispatch).await;
        deleted.map_err(|error| later("deleting a dispatch", &error))?;
        self.note(move |attendance| {
            attendance.surplus.remove(&dispatch);
        })
        .await
    }

    async fn remove(&mut self, identity: String) -> Result<(), Stop> {
        let (client, room) = self.place()?;
        tracing::warn!("an agent came from a dispatch that is no longer current: removing it");
        let removed = client.remove_participant(&room, &identity).await;
        removed.map_err(|error| later("removing an agent", &error))?;
        self.note(move |attendance| attendance.removed(identity)).await
    }

    /// Before a caller is given up on, the room is looked into: while we were away an agent may have answered, and
    /// nobody tells that again.
    async fn end(&mut self, act: Act) -> Result<(), Stop> {
        if act == Act::GaveUp
            && !std::mem::replace(&mut self.looked_in, true)
            && let Ok((client, room)) = self.place()
        {
            match client.list_participants(&room).await {
                Ok(there) => reconcile::hear_who_is_there(self.app, &self.call, &there).await?,
                Err(error) if !self.is_long_overdue() => return Err(later("looking into the room", &error)),
                Err(error) => {
                    tracing::warn!(%error, "giving up on a call without having looked into its room")
                }
            }
            return self.reload().await;
        }
        let ended = self
            .change(move |tx, call, with| {
                // What came meanwhile may have ended it otherwise, or be a reason not to.
                let still = attend::next(call, with.timing, with.now) == Next::End(act);
                if still {
                    hear::act(tx, call, act, with)?;
                }
                Ok(still)
            })
            .await?;
        if ended {
            super::ended(self.app, &self.call);
        }
        Ok(())
    }

    /// LiveKit has been out of reach for as long again as a caller is let ring.
    fn is_long_overdue(&self) -> bool {
        let long = self.app.timing.give_up_after * 2;
        self.app.clock.now() >= self.call.created_at.saturating_add(long)
    }

    /// Puts the caller out. Where the room holds another open call only this caller goes.
    async fn clear(&mut self) -> Result<(), Stop> {
        let Ok((client, room)) = self.place() else {
            let now = self.app.clock.now();
            return self.note(move |attendance| attendance.cleared_at = Some(now)).await;
        };
        let (project, name) = (self.call.project.clone(), room.clone());
        let (others, _) = self.app.db.read(move |tx| calls::in_room_named(tx, &project, &name)).await?;
        let cleared = if others == 0 {
            client.delete_room(&room).await
        } else {
            self.remove_caller(&client, &room).await
        };
        cleared.map_err(|error| later("clearing the room", &error))?;
        let now = self.app.clock.now();
        self.note(move |attendance| attendance.cleared_at = Some(now)).await
    }

    /// Puts out this call's caller alone. The same identity may be there again for another call.
    async fn remove_caller(&self, client: &livekit::Client, room: &str) -> livekit::Result<()> {
        let there = client.list_participants(room).await?;
        let caller = there.iter().find(|participant| self.call.evidence.callers.contains(&participant.sid));
        match caller {
            Some(caller) => client.remove_participant(room, &caller.identity).await,
            None => Ok(()),
        }
    }

    fn place(&self) -> Result<(livekit::Client, String), Stop> {
        let client = self.app.projects.get(&self.call.project).and_then(|project| project.client.clone());
        client.zip(self.call.room().map(ToOwned::to_owned)).ok_or_else(|| {
            tracing::error!(
                project = self.call.project,
                "this LiveKit project has no URL, so nothing can be done there"
            );
            Stop::Later
        })
    }

    /// Notes what was done, if the job is still ours; facts that came meanwhile are in the call after this.
    async fn note(&mut self, what: impl FnOnce(&mut Attendance) + Send + 'static) -> Result<(), Stop> {
        self.change(move |tx, call, with| hear::attended(tx, call, what, with)).await
    }

    async fn change<T: Send + 'static>(
        &mut self,
        what: impl FnOnce(&mut db::Tx<'_>, &mut Call, &Hearing<'_>) -> db::Result<T> + Send + 'static,
    ) -> Result<T, Stop> {
        let (id, held) = (self.call.id.clone(), self.held.clone());
        let (routing, timing, now) = (self.app.routing(), self.app.timing, self.app.clock.now());
        let changed = self.app.db.write(move |tx| -> db::Result<_> {
            // The call before its job, as hearing does: two transactions never wait for each other.
            let Some(mut call) = calls::locked(tx, &id)? else { return Ok(None) };
            let Some(version) = jobs::renew(tx, job(&id), &held.holder, now)? else { return Ok(None) };
            let with = Hearing { routing: &routing, timing: &timing, now, holder: &held.holder };
            let what = what(tx, &mut call, &with)?;
            Ok(Some((call, version, what)))
        });
        let Some((call, version, what)) = changed.await? else { return Err(Stop::NotOurs) };
        self.call = call;
        self.held.version = version;
        Ok(what)
    }

    /// Rests until the plan, unless something came meanwhile.
    async fn rest(&mut self, plan: Plan) -> Result<bool, Stop> {
        if self.let_go(plan).await? {
            if let Plan::At(at) = plan {
                self.app.wake_at(at);
            }
            return Ok(false);
        }
        self.reload().await?;
        Ok(true)
    }

    async fn let_go(&mut self, plan: Plan) -> Result<bool, Stop> {
        let (id, held) = (self.call.id.clone(), self.held.clone());
        Ok(self.app.db.write(move |tx| jobs::let_go(tx, job(&id), &held, plan, false)).await?)
    }

    async fn reload(&mut self) -> Result<(), Stop> {
        self.change(|_, _, _| Ok(())).await
    }

    /// Tries again later: sooner while somebody hears ringback, and ever more rarely.
    async fn put_off(&mut self) {
        let (id, mut held) = (self.call.id.clone(), self.held.clone());
        let now = self.app.clock.now();
        let reachable =
            self.app.projects.get(&self.call.project).is_some_and(|project| project.client.is_some());
        let longest = if reachable && self.call.outcome.status == Status::Ringing { 1 } else { 30 };
        let put_off = self.app.db.write(move |tx| -> db::Result<_> {
            let Some(version) = jobs::renew(tx, job(&id), &held.holder, now)? else { return Ok(None) };
            held.version = version;
            let failures = u32::try_from(jobs::failures(tx, job(&id))?).unwrap_or(u32::MAX).min(10);
            let wait = Duration::from_millis(100_u64 << failures).min(Duration::from_secs(longest));
            let at = now.saturating_add(wait);
            jobs::let_go(tx, job(&id), &held, Plan::At(at), true)?;
            Ok(Some(at))
        });
        match put_off.await {
            Ok(Some(at)) => self.app.wake_at(at),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the job stays leased and is taken up again when that ends"),
        }
    }
}

fn later(what: &str, error: &livekit::Error) -> Stop {
    tracing::warn!(%error, "{what} failed; it will be tried again");
    Stop::Later
}

/// Takes up a job that was found due.
pub(super) async fn take_up(app: &App, id: CallId, held: Held) {
    let wanted = id.clone();
    match app.db.read(move |tx| calls::by_id(tx, &wanted)).await {
        Ok(Some(call)) => {
            use tracing::Instrument as _;
            let span = crate::logs::of_call(&call.id);
            see_through(app, call, held, false).instrument(span).await;
        }
        Ok(None) => {
            let gone = app.db.write(move |tx| jobs::let_go(tx, job(&id), &held, Plan::Never, false));
            if let Err(error) = gone.await {
                tracing::warn!(%error, "a job of a call that is gone could not be removed");
            }
        }
        Err(error) => tracing::warn!(%error, "a call could not be read; its job is taken up again later"),
    }
}

/// Deletes a room where an agent sits alone after its call: an hour-old token or a late dispatch made it anew.
pub(super) async fn clear_ghost(app: &App, project: &str, room: &str) {
    let Some(Project { client: Some(client), .. }) = app.projects.get(project) else { return };
    let there = match client.list_participants(room).await {
        Ok(there) => there,
        Err(error) => return tracing::warn!(%error, "a ghost room could not be looked into; reconcile will"),
    };
    if there.is_empty() || there.iter().any(|participant| participant.kind != livekit::Kind::Agent) {
        return;
    }
    let (of, name) = (project.to_owned(), room.to_owned());
    let open = app.db.read(move |tx| calls::in_room_named(tx, &of, &name)).await;
    if matches!(open, Ok((0, Some(_)))) {
        match client.delete_room(room).await {
            Ok(()) => {
                app.metrics.reconciled("ghost_room");
                tracing::info!("cleared a room where an agent sat alone after its call");
            }
            Err(error) => tracing::warn!(%error, "a ghost room could not be deleted; reconcile will"),
        }
    }
}
