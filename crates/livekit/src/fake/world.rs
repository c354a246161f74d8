//! Everything the fake knows, and the changes to it: rooms come and go, people join and leave. Each change
//! queues its webhooks under the lock, so that a room's events are in the order of what happened.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::faults::Faults;
use super::outbox::Outbox;
use super::room::{Member, Newcomer, Reason, Room, RoomSetup};
use super::tasks::Tasks;
use super::timing::Timing;
use super::transfer::{Transfer, Transferred};
use super::worker::Shared as WorkerShared;
use super::{Answered, Dispatched};
use crate::{Credentials, Kind, Now, TrackKind};

pub(super) struct World {
    state: Mutex<State>,
    pub(super) credentials: Credentials,
    pub(super) now: Now,
    pub(super) timing: Timing,
    pub(super) faults: Faults,
    pub(super) tasks: Tasks,
    pub(super) outbox: Arc<Outbox>,
    /// Goes up with every change.
    pub(super) changed: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) workers: Vec<Arc<WorkerShared>>,
    pub(super) dispatched: Vec<Dispatched>,
    pub(super) calls: Vec<Answered>,
    /// What becomes of the next transfers.
    pub(super) transfers: VecDeque<Transfer>,
    pub(super) transferred: Vec<Transferred>,
    /// When the list of running agents was last begun to be made.
    pub(super) agents_listed_at: Option<Instant>,
}

/// A place in a room, held by somebody who joined.
#[derive(Clone)]
pub(super) struct Seat {
    pub(super) room: String,
    pub(super) room_sid: String,
    pub(super) sid: String,
    pub(super) identity: String,
    pub(super) hears: watch::Receiver<bool>,
    pub(super) gone: watch::Receiver<Option<Reason>>,
}

impl Seat {
    fn of(room: &Room, member: &Member) -> Self {
        Self {
            room: room.name().to_owned(),
            room_sid: room.sid().to_owned(),
            sid: member.sid().to_owned(),
            identity: member.identity().to_owned(),
            hears: member.hears.subscribe(),
            gone: member.gone.subscribe(),
        }
    }

    /// Waits until its holder is out of the room.
    pub(super) async fn left(&self) -> Reason {
        let mut gone = self.gone.clone();
        match gone.wait_for(Option::is_some).await {
            Ok(reason) => reason.unwrap_or(Reason::RoomClosed),
            Err(_) => Reason::RoomClosed,
        }
    }

    /// Waits until somebody else's voice is there to hear.
    pub(super) async fn hears(&self) {
        let mut hears = self.hears.clone();
        if hears.wait_for(|&hears| hears).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl World {
    pub(super) fn new(outbox: Arc<Outbox>, changed: watch::Sender<u64>) -> Self {
        Self {
            state: Mutex::default(),
            credentials: outbox.credentials.clone(),
            now: Arc::clone(&outbox.now),
            timing: outbox.timing.clone(),
            faults: outbox.faults.clone(),
            tasks: outbox.tasks.clone(),
            outbox,
            changed,
        }
    }

    /// Looks at the state.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and tells whoever waits for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, room: &str, event: &serde_json::Value) {
        self.outbox.send(room, event.to_string());
    }

    /// Makes a room unless there is one of that name.
    pub(super) fn make_room(self: &Arc<Self>, name: &str, setup: RoomSetup) {
        self.change(|state| {
            self.room(state, name, setup);
        });
    }

    /// The room of that name, made if need be.
    pub(super) fn room<'s>(
        self: &Arc<Self>,
        state: &'s mut State,
        name: &str,
        setup: RoomSetup,
    ) -> Option<&'s mut Room> {
        if !state.rooms.contains_key(name) {
            let now = (self.now)();
            let room = Room::new(name, setup, (self.timing.departure, self.timing.empty), now);
            self.tell(name, &room.event("room_started", now));
            self.close_later(&room, room.empty);
            state.rooms.insert(name.to_owned(), room);
            // LiveKit's own: it sends unnamed workers to every room made without agents.
            self.add_dispatch(state, name, super::calls::CreateDispatch::default());
        }
        state.rooms.get_mut(name)
    }

    /// Puts somebody into a room, which is made if need be; one of the same identity has to go.
    pub(super) fn join(self: &Arc<Self>, room: &str, newcomer: Newcomer, setup: RoomSetup) -> Option<Seat> {
        self.change(|state| {
            self.room(state, room, setup)?;
            let double = state.rooms.get(room)?.members.iter().find(|it| it.identity() == newcomer.identity);
            if let Some(sid) = double.map(|double| double.sid().to_owned()) {
                self.take_out(state, room, &sid, Reason::DuplicateIdentity);
            }
            let room = state.rooms.get_mut(room)?;
            room.count(self.timing.counting);
            let now = (self.now)();
            let member = Member::new(newcomer, now);
            member.hears.send_replace(room.members.iter().any(Member::publishes_a_voice));
            self.tell(room.name(), &room.participant_event("participant_joined", &member, now));
            let seat = Seat::of(room, &member);
            room.comings += u32::from(!member.is_dependent());
            room.members.push(member);
            Some(seat)
        })
    }

    /// Tells of a phone that went away before it was in the room.
    pub(super) fn abort(self: &Arc<Self>, room: &str, newcomer: Newcomer) {
        self.change(|state| {
            let Some(room) = state.rooms.get(room) else { return };
            let now = (self.now)();
            let mut member = Member::new(newcomer, now);
            member.disconnect(Reason::ClientInitiated);
            self.tell(room.name(), &room.participant_event("participant_connection_aborted", &member, now));
        });
    }

    pub(super) fn publish(&self, seat: &Seat, kind: &TrackKind) {
        self.change(|state| {
            let Some(room) = state.rooms.get_mut(&seat.room) else { return };
            room.count(self.timing.counting);
            let now = (self.now)();
            let Some(member) = room.member(&seat.sid) else { return };
            let track = member.publish(kind, now);
            if let Some(member) = room.members.iter().find(|member| member.sid() == seat.sid) {
                self.tell(room.name(), &room.track_event("track_published", member, &track, now));
            }
            if *kind == TrackKind::Audio {
                let others = room.members.iter().filter(|member| member.sid() != seat.sid);
                for other in others {
                    other.hears.send_replace(true);
                }
            }
        });
    }

    /// Sets an attribute; LiveKit sends no webhook for that.
    pub(super) fn set_attribute(&self, seat: &Seat, name: &str, value: &str) {
        self.change(|state| {
            let member = state.rooms.get_mut(&seat.room).and_then(|room| room.member(&seat.sid));
            if let Some(member) = member {
                member.set_attribute(name, value);
            }
        });
    }

    /// Where somebody of this identity sits.
    pub(super) fn seat(&self, room: &str, identity: &str) -> Option<Seat> {
        self.look(|state| {
            let room = state.rooms.get(room)?;
            let member = room.members.iter().find(|member| member.identity() == identity)?;
            Some(Seat::of(room, member))
        })
    }

    /// The attributes of the holder of a seat.
    pub(super) fn attributes(&self, seat: &Seat) -> Option<HashMap<String, String>> {
        self.look(|state| {
            let mut members = state.rooms.get(&seat.room)?.members.iter();
            members.find(|member| member.sid() == seat.sid).map(|member| member.attributes().clone())
        })
    }

    /// Takes the holder of a seat out of the room.
    pub(super) fn leave(self: &Arc<Self>, seat: &Seat, reason: Reason) {
        self.change(|state| self.take_out(state, &seat.room, &seat.sid, reason));
    }

    /// Takes out whoever has that identity; false if nobody has.
    pub(super) fn remove(self: &Arc<Self>, room: &str, identity: &str) -> bool {
        self.change(|state| {
            let members = state.rooms.get(room).map(|room| room.members.as_slice()).unwrap_or_default();
            let Some(member) = members.iter().find(|member| member.identity() == identity) else {
                return false;
            };
            let sid = member.sid().to_owned();
            self.take_out(state, room, &sid, Reason::ParticipantRemoved);
            true
        })
    }

    /// Ends a room; false if there is none of that name.
    pub(super) fn delete_room(self: &Arc<Self>, name: &str) -> bool {
        self.change(|state| self.close(state, name, Reason::RoomDeleted))
    }

    fn take_out(self: &Arc<Self>, state: &mut State, room: &str, sid: &str, reason: Reason) {
        let Some(room) = state.rooms.get_mut(room) else { return };
        let Some(index) = room.members.iter().position(|member| member.sid() == sid) else { return };
        room.count(self.timing.counting);
        let mut member = room.members.remove(index);
        let now = (self.now)();
        for track in member.take_tracks() {
            self.tell(room.name(), &room.track_event("track_unpublished", &member, &track, now));
        }
        member.disconnect(reason);
        self.tell(room.name(), &room.participant_event("participant_left", &member, now));
        member.gone.send_replace(Some(reason));
        if !member.is_dependent() && room.is_deserted() {
            self.close_later(room, room.departure);
        }
    }

    fn close(self: &Arc<Self>, state: &mut State, name: &str, reason: Reason) -> bool {
        let Some(room) = state.rooms.get(name) else { return false };
        let members: Vec<_> = room.members.iter().map(|member| member.sid().to_owned()).collect();
        for sid in members {
            self.take_out(state, name, &sid, reason);
        }
        if let Some(mut room) = state.rooms.remove(name) {
            room.count(self.timing.counting);
            self.tell(name, &room.event("room_finished", (self.now)()));
        }
        true
    }

    /// Ends this very room after some time, unless somebody who is no agent is in it or was meanwhile.
    fn close_later(self: &Arc<Self>, room: &Room, wait: std::time::Duration) {
        let (world, name, sid) = (Arc::clone(self), room.name().to_owned(), room.sid().to_owned());
        let comings = room.comings;
        self.tasks.spawn(async move {
            tokio::time::sleep(wait).await;
            let deserted = |room: &Room| room.sid() == sid && room.comings == comings && room.is_deserted();
            world.change(|state| {
                if state.rooms.get(&name).is_some_and(deserted) {
                    world.close(state, &name, Reason::RoomClosed);
                }
            });
        });
    }

    /// Whoever is in a room, as this crate's type.
    pub(super) fn participants(&self, room: &str) -> Vec<crate::Participant> {
        self.look(|state| {
            let members = state.rooms.get(room).map(|room| room.members.as_slice()).unwrap_or_default();
            members.iter().map(|member| super::room::as_participant(&member.shown())).collect()
        })
    }
}

impl Newcomer {
    pub(super) fn agent(identity: &str, agent_name: &str) -> Self {
        let named = |name: &str| (name.to_owned(), agent_name.to_owned());
        Self {
            identity: identity.to_owned(),
            name: String::new(),
            kind: Kind::Agent,
            attributes: [named("lk.agent.name"), named("lk.agent_name")].into(),
        }
    }
}
