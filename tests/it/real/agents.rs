//! Workers of either LiveKit, and the agents that they bring.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use livekit::fake::{self, Fake, Worker};
use tokio::task::JoinSet;

use super::caller::Caller;
use super::world::Side;
use super::{SOON, moment};
use crate::peers::{Act, AgentProcess, Behaviour};

/// How an agent does its job.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    Answers,
    Mute,
    /// Leaves so long after it joined.
    GoodbyeAfter(Duration),
    /// Its code fails so long after it joined.
    RaisesAfter(Duration),
    /// Takes the job, and joins so much later.
    JoinsAfter(Duration),
}

/// One worker.
pub(super) enum Agents {
    Real(AgentProcess),
    Fake { fake: Arc<Fake>, workers: Workers, _script: JoinSet<()> },
}

/// The pretend workers that are one: each is for the jobs of one manner.
type Workers = Arc<Mutex<Vec<Worker>>>;

impl Agents {
    pub(super) async fn start(side: &Side, name: &str, manners: &[Manner]) -> Agents {
        match side {
            Side::Real(real) => {
                let jobs = manners.iter().copied().map(real_behaviour).collect();
                Agents::Real(AgentProcess::script(&real.livekit, name, jobs).await)
            }
            Side::Fake(fake) => {
                let (first, rest) = manners.split_first().expect("some manner");
                let workers = Workers::new(Mutex::new(vec![fake.worker(name, fake_behaviour(*first))]));
                let mut script = JoinSet::new();
                script.spawn(change(fake.clone(), workers.clone(), name.to_owned(), rest.to_vec()));
                Agents::Fake { fake: fake.clone(), workers, _script: script }
            }
        }
    }

    /// Awaits that the job of this number, from 0, is taken for a caller; its agent's identity.
    pub(super) async fn took(&self, caller: &Caller, number: usize) -> String {
        match self {
            Agents::Real(agent) => {
                let job = agent.job_number(&caller.room, number, SOON).await.expect("a job");
                format!("agent-{}", job.id)
            }
            Agents::Fake { fake, workers, .. } => {
                assert!(fake.until(|_| identity(workers, caller, number).is_some(), SOON).await, "no job");
                identity(workers, caller, number).expect("the job")
            }
        }
    }

    /// Awaits that this agent is in the room.
    pub(super) async fn joined(&self, caller: &Caller, number: usize) -> String {
        self.moment(caller, number, ("connected", "participant_joined")).await;
        self.took(caller, number).await
    }

    /// Awaits that this agent speaks.
    pub(super) async fn spoke(&self, caller: &Caller, number: usize) -> String {
        self.moment(caller, number, ("published", "track_published")).await;
        self.took(caller, number).await
    }

    /// Awaits that this agent has left, and tells when.
    pub(super) async fn left(&self, caller: &Caller, number: usize) -> f64 {
        self.moment(caller, number, ("left", "participant_left")).await
    }

    /// A moment in an agent's life, as a real one calls it and by LiveKit's event.
    async fn moment(&self, caller: &Caller, number: usize, (told, event): (&str, &str)) -> f64 {
        let identity = self.took(caller, number).await;
        match self {
            Agents::Real(agent) => {
                let job = agent.job_number(&caller.room, number, SOON).await.expect("a job");
                agent.moment(&job, told, SOON).await.expect("in time")
            }
            Agents::Fake { fake, .. } => {
                let is_it = |seen: &livekit::webhook::Event| {
                    let who = seen.participant.as_ref().map(|who| who.identity.as_str());
                    seen.event == event && who == Some(&identity)
                };
                let came =
                    fake.until(|fake| fake.deliveries().iter().any(|sent| is_it(&sent.event)), SOON).await;
                assert!(came, "no {event} of {identity}");
                moment()
            }
        }
    }

    /// How many jobs were taken for a caller.
    pub(super) fn jobs_of(&self, caller: &Caller) -> usize {
        match self {
            Agents::Real(agent) => agent.jobs().iter().filter(|job| job.room == caller.room).count(),
            Agents::Fake { workers, .. } => identities(workers, caller).len(),
        }
    }
}

fn real_behaviour(manner: Manner) -> Behaviour {
    match manner {
        Manner::Answers => Behaviour::answers(),
        Manner::Mute => Behaviour::mute(),
        Manner::GoodbyeAfter(time) => Behaviour::acts_after(Act::Goodbye, time),
        Manner::RaisesAfter(time) => Behaviour::acts_after(Act::Raise, time),
        Manner::JoinsAfter(time) => Behaviour::connects_after(time),
    }
}

fn fake_behaviour(manner: Manner) -> fake::Behaviour {
    match manner {
        Manner::Answers => fake::Behaviour::answers(),
        Manner::Mute => fake::Behaviour::mute(),
        Manner::GoodbyeAfter(time) => fake::Behaviour::says_goodbye_after(time),
        Manner::RaisesAfter(time) => fake::Behaviour::raises_after(time),
        Manner::JoinsAfter(time) => fake::Behaviour::answers().joining_after(time),
    }
}

/// Once a worker has its job, another is there for the next.
async fn change(fake: Arc<Fake>, workers: Workers, name: String, manners: Vec<Manner>) {
    for manner in manners {
        let has_its_job = |_: &Fake| lock(&workers).last().is_some_and(|last| !last.jobs().is_empty());
        if !fake.until(has_its_job, Duration::from_secs(600)).await {
            return;
        }
        let next = fake.worker(&name, fake_behaviour(manner));
        let mut workers = lock(&workers);
        workers.iter().for_each(Worker::stop);
        workers.push(next);
    }
}

fn identities(workers: &Workers, caller: &Caller) -> Vec<String> {
    let jobs = lock(workers).iter().flat_map(Worker::jobs).collect::<Vec<_>>();
    jobs.into_iter().filter(|job| job.room == caller.room).map(|job| job.identity).collect()
}

fn identity(workers: &Workers, caller: &Caller, number: usize) -> Option<String> {
    identities(workers, caller).into_iter().nth(number)
}

fn lock(workers: &Workers) -> std::sync::MutexGuard<'_, Vec<Worker>> {
    workers.lock().unwrap_or_else(PoisonError::into_inner)
}
