//! Workers and the agents they bring: who takes a job, and how an agent behaves on a call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::calls::CreateDispatch;
use super::room::{Newcomer, Reason, RoomDispatch, RoomSetup, random_id};
use super::world::{Seat, State, World};
use super::{Dispatched, wire};
use crate::TrackKind;

/// How a worker and its agents behave. Start with [`Behaviour::answers`] and change what is to be different.
#[derive(Clone, Debug)]
pub struct Behaviour {
    joins: bool,
    joins_after: Option<Duration>,
    speaks: bool,
    speaks_after: Option<Duration>,
    ends: Option<(Duration, Ending)>,
    capacity: usize,
    obeys: bool,
}

#[derive(Copy, Clone, Debug)]
enum Ending {
    Leaves,
    DeletesRoom,
}

impl Behaviour {
    /// The agent joins, publishes its voice and stays to the end, as a real one does.
    pub fn answers() -> Self {
        Self {
            joins: true,
            joins_after: None,
            speaks: true,
            speaks_after: None,
            ends: None,
            capacity: usize::MAX,
            obeys: false,
        }
    }

    /// The agent joins but never publishes anything.
    pub fn mute() -> Self {
        Self { speaks: false, ..Self::answers() }
    }

    /// The worker takes the job, but no agent ever joins.
    pub fn never_joins() -> Self {
        Self { joins: false, ..Self::answers() }
    }

    /// The agent's code raises this long after it joined. LiveKit tells it like any goodbye.
    pub fn raises_after(time: Duration) -> Self {
        Self { ends: Some((time, Ending::Leaves)), ..Self::answers() }
    }

    /// The agent leaves this long after it joined.
    pub fn says_goodbye_after(time: Duration) -> Self {
        Self { ends: Some((time, Ending::Leaves)), ..Self::answers() }
    }

    /// The agent deletes the room this long after it joined.
    pub fn hangs_up_after(time: Duration) -> Self {
        Self { ends: Some((time, Ending::DeletesRoom)), ..Self::answers() }
    }

    /// The agent joins this long after the job was taken: 4.5 s was seen of a cold worker.
    pub fn joining_after(self, time: Duration) -> Self {
        Self { joins_after: Some(time), ..self }
    }

    /// The agent publishes its voice this long after it joined.
    pub fn speaking_after(self, time: Duration) -> Self {
        Self { speaks_after: Some(time), ..self }
    }

    /// The worker takes no more jobs than this at a time.
    pub fn with_capacity(self, jobs: usize) -> Self {
        Self { capacity: jobs, ..self }
    }

    /// The agent leaves by itself when its dispatch is deleted. Others stay until LiveKit removes them, as one
    /// of livekit-agents 1.8.9 whose entry function was still running did.
    pub fn leaving_when_told(self) -> Self {
        Self { obeys: true, ..self }
    }
}

/// An agent that a worker was to bring.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Agent {
    /// The name of the room.
    pub room: String,
    /// The identity it joins with.
    pub identity: String,
    /// The job's id.
    pub job_id: String,
    /// The dispatch's id.
    pub dispatch_id: String,
    /// What it was told.
    pub metadata: String,
    /// The job's attributes.
    pub attributes: BTreeMap<String, String>,
    /// It is in the room.
    pub is_present: bool,
}

pub(super) struct Shared {
    id: String,
    name: String,
    behaviour: Behaviour,
    is_full: AtomicBool,
    is_stopped: AtomicBool,
    jobs: Mutex<Vec<Job>>,
}

struct Job {
    agent: Agent,
    is_over: bool,
    orders: Orders,
}

/// What a test may order an agent to do at any time.
#[derive(Clone, Default)]
struct Orders {
    killed: CancellationToken,
    goodbye: CancellationToken,
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, Vec<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_registered(&self) -> bool {
        !self.is_stopped.load(Ordering::SeqCst)
    }

    fn running(&self) -> usize {
        self.jobs().iter().filter(|job| !job.is_over).count()
    }

    fn takes_one_more(&self) -> bool {
        self.is_registered()
            && !self.is_full.load(Ordering::SeqCst)
            && self.running() < self.behaviour.capacity
    }

    fn update(&self, job_id: &str, update: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs().iter_mut().find(|job| job.agent.job_id == job_id) {
            update(job);
        }
    }
}

/// A registered worker.
pub struct Worker {
    shared: Arc<Shared>,
    world: Arc<World>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("id", &self.shared.id).field("name", &self.shared.name).finish()
    }
}

impl Worker {
    pub(super) fn register(world: &Arc<World>, name: &str, behaviour: Behaviour) -> Self {
        let shared = Arc::new(Shared {
            id: random_id("AW_"),
            name: name.to_owned(),
            behaviour,
            is_full: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            jobs: Mutex::default(),
        });
        world.change(|state| {
            state.agents_listed_at = None;
            state.workers.push(Arc::clone(&shared));
        });
        Self { shared, world: Arc::clone(world) }
    }

    /// Whether it says that it is full, and so gets no jobs.
    pub fn set_full(&self, full: bool) {
        self.shared.is_full.store(full, Ordering::SeqCst);
    }

    /// It goes away, and gets no more jobs; its agents stay on their calls.
    pub fn stop(&self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        self.world.change(|state| state.workers.retain(|worker| !Arc::ptr_eq(worker, &self.shared)));
    }

    /// Its process is killed with all its agents. LiveKit notices those late: `CONNECTION_TIMEOUT`.
    pub fn kill(&self) {
        self.stop();
        self.shared.jobs().iter().for_each(|job| job.orders.killed.cancel());
    }

    /// The process of its agent in that room is killed; false if it has none there.
    pub fn kill_agent(&self, room: &str) -> bool {
        self.order(room, |orders| orders.killed.cancel())
    }

    /// Its agent in that room leaves; false if it has none there.
    pub fn say_goodbye(&self, room: &str) -> bool {
        self.order(room, |orders| orders.goodbye.cancel())
    }

    fn order(&self, room: &str, order: impl FnOnce(&Orders)) -> bool {
        let jobs = self.shared.jobs();
        let job = jobs.iter().rev().find(|job| !job.is_over && job.agent.room == room);
        job.inspect(|job| order(&job.orders)).is_some()
    }

    /// Its agents that are in a room now.
    pub fn agents(&self) -> Vec<Agent> {
        self.jobs().into_iter().filter(|agent| agent.is_present).collect()
    }

    /// All jobs that it ever took, the oldest first.
    pub fn jobs(&self) -> Vec<Agent> {
        self.shared.jobs().iter().map(|job| job.agent.clone()).collect()
    }
}

impl World {
    /// Notes a dispatch in a room that exists, and has the job launched.
    pub(super) fn add_dispatch(
        self: &Arc<Self>,
        state: &mut State,
        room: &str,
        order: CreateDispatch,
    ) -> Option<wire::Dispatch> {
        let jobs_shown_at = self.list_agents(state);
        let named = |worker: &&Arc<Shared>| worker.name == order.agent_name;
        let anybody = state.workers.iter().filter(named).any(|worker| worker.takes_one_more());
        let room = state.rooms.get_mut(room)?;
        let wire = wire::Dispatch {
            id: random_id("AD_"),
            agent_name: order.agent_name,
            room: room.name().to_owned(),
            metadata: order.metadata,
            state: Some(wire::DispatchState {
                jobs: Vec::new(),
                created_at: (self.now)().saturating_mul(1000),
            }),
            attributes: order.attributes,
        };
        let deleted = CancellationToken::new();
        let launch = Launch {
            world: Arc::clone(self),
            dispatch: wire.clone(),
            room: room.shown(),
            deleted: deleted.clone(),
        };
        room.dispatches.push(RoomDispatch { wire: wire.clone(), jobs_shown_at, deleted });
        // Where nobody of that name can take it now, nothing happens, and never will.
        if anybody {
            self.tasks.spawn(launch.run());
        }
        Some(wire)
    }

    /// Notes a dispatch that was asked for through the API, in a room that is made if need be.
    pub(super) fn dispatch(self: &Arc<Self>, order: CreateDispatch) -> Option<wire::Dispatch> {
        self.change(|state| {
            let name = order.room.clone();
            self.room(state, &name, RoomSetup::default())?;
            let made = self.add_dispatch(state, &name, order)?;
            state.dispatched.push(Dispatched {
                id: made.id.clone(),
                agent_name: made.agent_name.clone(),
                room: made.room.clone(),
                metadata: made.metadata.clone(),
                attributes: made.attributes.clone().into_iter().collect(),
            });
            Some(made)
        })
    }

    /// Takes a dispatch back; its agent has to go, once LiveKit knows its job.
    pub(super) fn delete_dispatch(&self, room: &str, id: &str) -> Option<wire::Dispatch> {
        self.change(|state| {
            let dispatches = &mut state.rooms.get_mut(room)?.dispatches;
            let index = dispatches.iter().position(|dispatch| dispatch.wire.id == id)?;
            let dispatch = dispatches.remove(index);
            let shown = dispatch.shown();
            self.tasks.spawn(async move {
                tokio::time::sleep_until(dispatch.jobs_shown_at).await;
                dispatch.deleted.cancel();
            });
            Some(shown)
        })
    }

    /// livekit-server keeps a list of the running agents for a minute. Making it takes 5 s, and a job launched
    /// meanwhile is shown in its dispatch only after them.
    fn list_agents(&self, state: &mut State) -> Instant {
        let now = Instant::now();
        let listed_at = state.agents_listed_at.filter(|at| now - *at <= self.timing.agent_list_age);
        let listed_at = *state.agents_listed_at.insert(listed_at.unwrap_or(now));
        (listed_at + self.timing.agent_list).max(now + self.timing.selection)
    }
}

/// A dispatch on its way to an agent.
struct Launch {
    world: Arc<World>,
    dispatch: wire::Dispatch,
    room: wire::Room,
    deleted: CancellationToken,
}

impl Launch {
    async fn run(self) {
        sleep(self.world.timing.selection).await;
        let Some((worker, agent, orders)) = self.take() else {
            tracing::debug!(room = self.dispatch.room, "no workers with sufficient capacity");
            return;
        };
        let life = Life { world: Arc::clone(&self.world), worker, agent, orders, deleted: self.deleted };
        life.live().await;
    }

    /// The worker with the fewest jobs that takes one more, if any.
    fn take(&self) -> Option<(Arc<Shared>, Agent, Orders)> {
        self.world.change(|state| {
            let fit =
                |worker: &&Arc<Shared>| worker.name == self.dispatch.agent_name && worker.takes_one_more();
            let worker = state.workers.iter().filter(fit).min_by_key(|worker| worker.running())?;
            let job_id = random_id("AJ_");
            let agent = Agent {
                room: self.dispatch.room.clone(),
                identity: format!("agent-{job_id}"),
                job_id,
                dispatch_id: self.dispatch.id.clone(),
                metadata: self.dispatch.metadata.clone(),
                attributes: self.dispatch.attributes.clone().into_iter().collect(),
                is_present: false,
            };
            let orders = Orders::default();
            worker.jobs().push(Job { agent: agent.clone(), is_over: false, orders: orders.clone() });
            let taken = (Arc::clone(worker), agent, orders);
            self.note_job(state, &taken.0.id, &taken.1);
            Some(taken)
        })
    }

    /// Shows the job in its dispatch, if that is still there.
    fn note_job(&self, state: &mut State, worker_id: &str, agent: &Agent) {
        let room = state.rooms.get_mut(&self.dispatch.room);
        let dispatch =
            room.and_then(|room| room.dispatches.iter_mut().find(|it| it.wire.id == self.dispatch.id));
        let Some(shown) = dispatch.and_then(|dispatch| dispatch.wire.state.as_mut()) else { return };
        let now = (self.world.now)().saturating_mul(1000);
        shown.jobs.push(wire::Job {
            id: agent.job_id.clone(),
            dispatch_id: agent.dispatch_id.clone(),
            room: Some(self.room.clone()),
            metadata: agent.metadata.clone(),
            agent_name: self.dispatch.agent_name.clone(),
            state: Some(wire::JobState {
                status: 1,
                started_at: now,
                updated_at: now,
                participant_identity: agent.identity.clone(),
                worker_id: worker_id.to_owned(),
            }),
            attributes: self.dispatch.attributes.clone(),
        });
    }
}

/// An agent from taking the job to leaving the call.
struct Life {
    world: Arc<World>,
    worker: Arc<Shared>,
    agent: Agent,
    orders: Orders,
    deleted: CancellationToken,
}

impl Life {
    async fn live(self) {
        if let Some(seat) = self.join().await {
            self.worker.update(&self.agent.job_id, |job| job.agent.is_present = true);
            self.world.change(|_| ());
            self.stay(&seat).await;
        }
        self.worker.update(&self.agent.job_id, |job| {
            job.is_over = true;
            job.agent.is_present = false;
        });
        self.world.change(|_| ());
    }

    /// Its token outlives the room: one that comes late makes the room anew.
    async fn join(&self) -> Option<Seat> {
        let behaviour = &self.worker.behaviour;
        let joins = async {
            if behaviour.joins {
                sleep(behaviour.joins_after.unwrap_or(self.world.timing.agent_join)).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = joins => {}
            () = self.deleted.cancelled() => return None,
            () = self.orders.killed.cancelled() => return None,
            () = self.orders.goodbye.cancelled() => return None,
        }
        let newcomer = Newcomer::agent(&self.agent.identity, &self.worker.name);
        self.world.join(&self.agent.room, newcomer, RoomSetup::default())
    }

    async fn stay(&self, seat: &Seat) {
        let behaviour = &self.worker.behaviour;
        let speaks = async {
            if behaviour.speaks {
                sleep(behaviour.speaks_after.unwrap_or(self.world.timing.agent_publish)).await;
                self.world.publish(seat, &TrackKind::Audio);
            }
            std::future::pending::<()>().await;
        };
        let ends = async {
            match behaviour.ends {
                Some((time, ending)) => {
                    sleep(time).await;
                    ending
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = seat.left() => {}
            () = speaks => {}
            ending = ends => match ending {
                Ending::Leaves => self.world.leave(seat, Reason::ClientInitiated),
                Ending::DeletesRoom => drop(self.world.delete_room(&seat.room)),
            },
            () = self.orders.goodbye.cancelled() => self.world.leave(seat, Reason::ClientInitiated),
            () = self.orders.killed.cancelled() => self.vanish(seat).await,
            () = self.deleted.cancelled() => self.has_to_go(seat).await,
        }
    }

    async fn vanish(&self, seat: &Seat) {
        tokio::select! {
            _ = seat.left() => {}
            () = sleep(self.world.timing.connection_timeout) => {
                self.world.leave(seat, Reason::ConnectionTimeout);
            }
        }
    }

    async fn has_to_go(&self, seat: &Seat) {
        if self.worker.behaviour.obeys {
            return self.world.leave(seat, Reason::ClientInitiated);
        }
        tokio::select! {
            _ = seat.left() => {}
            () = sleep(self.world.timing.termination) => self.world.leave(seat, Reason::ParticipantRemoved),
        }
    }
}
