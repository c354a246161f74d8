//! Agents: real livekit-agents workers whose agents behave as a test wants.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::helper::Helper;
use super::phone::{address, command, seconds, shared, text};
use super::{Late, RealLiveKit};

/// The process that all workers of this test binary live in, but those whose jobs are processes.
static HOST: Mutex<Option<Arc<Helper>>> = Mutex::new(None);

/// Python needs seconds to load livekit-agents, more so on a busy machine.
const REGISTERS_WITHIN: Duration = Duration::from_secs(60);

/// One named worker, registered. It is stopped when it is dropped.
pub(crate) struct AgentProcess {
    helper: Arc<Helper>,
    id: String,
}

/// What the agent of one job does.
#[derive(Clone, Default)]
pub(crate) struct Behaviour(Value);

/// What an agent can be told to do on a call.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Ends its job properly, which leaves the caller in the room.
    Goodbye,
    /// Its code fails.
    Raise,
    /// Ends the call for everybody.
    DeleteRoom,
}

/// A job that a worker has taken.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) room: String,
    pub(crate) room_sid: String,
    pub(crate) dispatch: String,
    pub(crate) metadata: String,
    pub(crate) attributes: Value,
    /// The process it runs in: one of its own only with `with_processes`.
    pub(crate) pid: u64,
    pub(crate) at: f64,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Act::Goodbye => "goodbye",
            Act::Raise => "raise",
            Act::DeleteRoom => "delete_room",
        }
    }
}

impl Behaviour {
    /// Joins, speaks, and stays until it is told otherwise or the room closes.
    pub(crate) fn answers() -> Behaviour {
        Behaviour(json!({}))
    }

    /// Answers, and acts so long after it joined.
    pub(crate) fn acts_after(act: Act, how_long: Duration) -> Behaviour {
        Behaviour(json!({"act": act.name(), "act_after": how_long.as_secs_f64()}))
    }

    /// Joins and never says a word.
    pub(crate) fn mute() -> Behaviour {
        Behaviour(json!({"mute": true}))
    }

    /// Takes the job but joins the room only so much later.
    pub(crate) fn connects_after(how_long: Duration) -> Behaviour {
        Behaviour(json!({"connect_after": how_long.as_secs_f64()}))
    }
}

impl AgentProcess {
    /// A worker that takes every job; all its agents behave alike.
    pub(crate) async fn start(livekit: &RealLiveKit, name: &str, behaviour: Behaviour) -> AgentProcess {
        AgentProcess::script(livekit, name, vec![behaviour]).await
    }

    /// A worker whose first job gets the first behaviour, and so on; the last one stays.
    pub(crate) async fn script(livekit: &RealLiveKit, name: &str, jobs: Vec<Behaviour>) -> AgentProcess {
        let jobs: Vec<Value> = jobs.into_iter().map(|job| job.0).collect();
        in_threads(livekit, name, [("jobs".into(), jobs.into())].into_iter().collect()).await
    }

    /// A worker with a load, 0 to 1; from 0.7 on it takes no job, as in production.
    pub(crate) async fn loaded(livekit: &RealLiveKit, name: &str, load: f64) -> AgentProcess {
        in_threads(livekit, name, [("load".into(), load.into())].into_iter().collect()).await
    }

    /// A worker of its own process, with a process for each job that can be killed.
    pub(crate) async fn with_processes(livekit: &RealLiveKit, name: &str) -> AgentProcess {
        let helper = Helper::start(command("agent.py", &livekit.python).arg("--processes"));
        serve(Arc::new(helper), livekit, name, Map::new()).await
    }

    /// Awaits the first job that this worker takes in a room.
    ///
    /// # Errors
    /// It took none in time.
    pub(crate) async fn job(&self, room: &str, within: Duration) -> Result<Job, Late> {
        let pick = |event: &Value| self.job_in(event).filter(|job| job.room == room);
        self.helper.hear(within, &format!("job in {room} for {}", self.id), pick).await
    }

    /// Awaits the job of this number, from 0, among those that this worker takes in a room.
    ///
    /// # Errors
    /// It took fewer in time.
    pub(crate) async fn job_number(&self, room: &str, number: usize, within: Duration) -> Result<Job, Late> {
        let mut before = 0;
        let pick = |event: &Value| {
            let job = self.job_in(event).filter(|job| job.room == room)?;
            before += 1;
            (before > number).then_some(job)
        };
        self.helper.hear(within, &format!("job {number} in {room} for {}", self.id), pick).await
    }

    /// Every job that this worker has taken so far.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.helper.heard(|event| self.job_in(event))
    }

    /// Awaits a moment of a job (`connected`, `published`, `acting`, `left`) and tells when it was.
    ///
    /// # Errors
    /// It did not come in time.
    pub(crate) async fn moment(&self, job: &Job, moment: &str, within: Duration) -> Result<f64, Late> {
        let pick = |event: &Value| {
            (event["event"] == moment && event["job"] == job.id.as_str()).then(|| seconds(event))
        };
        self.helper.hear(within, &format!("{moment} of {}", job.id), pick).await
    }

    /// Has the agent of a job act now; not for jobs in processes.
    pub(crate) fn act(&self, job: &Job, act: Act) {
        self.helper.tell(&json!({"do": "act", "job": job.id, "act": act.name()}));
    }

    /// Sets the load so much later; LiveKit hears of it within 2.5 s after that.
    pub(crate) fn set_load(&self, load: f64, after: Duration) {
        let after = after.as_secs_f64();
        self.helper.tell(&json!({"do": "set_load", "id": self.id, "value": load, "after": after}));
    }

    /// Ends the process of a job at once, as a crash does; only with `with_processes`.
    pub(crate) fn kill(&self, job: &Job) {
        let status = Command::new("kill").args(["-9", &job.pid.to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "the process of {} cannot be killed", job.id);
    }

    fn job_in(&self, event: &Value) -> Option<Job> {
        (event["event"] == "job" && event["id"] == self.id.as_str()).then(|| Job {
            id: text(event, "job"),
            room: text(event, "room"),
            room_sid: text(event, "room_sid"),
            dispatch: text(event, "dispatch"),
            metadata: text(event, "metadata"),
            attributes: event["attributes"].clone(),
            pid: event["pid"].as_u64().unwrap_or_default(),
            at: seconds(event),
        })
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        self.helper.tell(&json!({"do": "stop", "id": self.id}));
    }
}

async fn in_threads(livekit: &RealLiveKit, name: &str, more: Map<String, Value>) -> AgentProcess {
    serve(shared(&HOST, "agent.py", &livekit.python), livekit, name, more).await
}

async fn serve(
    helper: Arc<Helper>,
    livekit: &RealLiveKit,
    name: &str,
    more: Map<String, Value>,
) -> AgentProcess {
    let id = format!("{name}-{:08x}", rand::random::<u32>());
    let mut order = address(livekit);
    order.extend([
        ("do".into(), "serve".into()),
        ("id".into(), id.clone().into()),
        ("name".into(), name.into()),
    ]);
    order.extend(more);
    helper.tell(&order.into());
    let pick = |event: &Value| (event["event"] == "registered" && event["id"] == id.as_str()).then_some(());
    let registered = helper.hear(REGISTERS_WITHIN, &format!("registered worker {name}"), pick).await;
    registered.unwrap_or_else(|late| panic!("{late:?}"));
    AgentProcess { helper, id }
}
