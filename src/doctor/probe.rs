//! Whether anybody runs an agent. LiveKit has no list of workers, and takes a dispatch for an agent that nobody runs as
//! gladly as any other: the only way to know is to dispatch one and see whether a worker takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use livekit::{Client, Kind, NewDispatch};
use schemars::JsonSchema;
use serde::Serialize;

use crate::progress::Progress;

/// What the names of rooms for probes begin with.
pub const ROOM: &str = "switchboard-probe-";
/// What an agent in such a room is told: nobody will ever call there, and it may leave at once.
pub const METADATA: &str = r#"{"switchboard":"probe"}"#;
/// livekit-server hides a new job for up to 5 s while it makes its list of workers.
const HIDDEN_FOR: Duration = Duration::from_secs(8);
/// From taking the job to being in the room.
const JOINS_WITHIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Probed at once.
const AT_ONCE: usize = 8;

/// What came of looking for a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "state")]
#[schemars(rename = "AgentWorker")]
pub enum Worker {
    /// One took the job.
    Alive {
        /// Milliseconds from the dispatch until its job was seen.
        after_ms: u64,
    },
    /// None took it.
    Nobody,
    /// It was not tried, or could not be.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A name for such a room, which no other has.
pub fn room() -> String {
    format!("{ROOM}{}", uuid::Uuid::now_v7().simple())
}

/// Looks for a worker of each of these agents, and says how far that has got.
pub async fn all(client: &Client, agents: BTreeSet<String>, progress: &Progress) -> BTreeMap<String, Worker> {
    progress.begin("looking who runs the agents", u64::try_from(agents.len()).ok());
    let probes = agents.into_iter().map(|agent| async move {
        let worker = one(client, &agent, HIDDEN_FOR).await;
        progress.advance(1);
        (agent, worker)
    });
    stream::iter(probes).buffer_unordered(AT_ONCE).collect().await
}

/// Looks for a worker of this agent: dispatches it into a room of its own, which is deleted again.
pub async fn one(client: &Client, agent: &str, within: Duration) -> Worker {
    let room = room();
    let found = taken(client, agent, &room, within).await;
    // A room that is left behind ends by itself once nobody is in it; the agent leaves it when it likes.
    if let Err(error) = client.delete_room(&room).await {
        tracing::debug!(%error, "a probe's room could not be deleted");
    }
    found.unwrap_or_else(|error| Worker::Unknown { why: error.to_string() })
}

/// Waits until the agent is in the room: one that is on its way when the room is ended would make it anew, and stay
/// there by itself.
async fn joined(client: &Client, room: &str) -> livekit::Result<()> {
    let deadline = tokio::time::Instant::now() + JOINS_WITHIN;
    while tokio::time::Instant::now() < deadline {
        let there = client.list_participants(room).await?;
        if there.iter().any(|participant| participant.kind == Kind::Agent) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn taken(client: &Client, agent: &str, room: &str, within: Duration) -> livekit::Result<Worker> {
    let began = tokio::time::Instant::now();
    let wish = NewDispatch {
        agent_name: agent.to_owned(),
        room: room.to_owned(),
        metadata: METADATA.to_owned(),
        attributes: BTreeMap::new(),
    };
    let dispatch = client.create_dispatch(&wish).await?;
    loop {
        let listed = client.list_dispatch(room).await?;
        if listed.iter().any(|one| one.id == dispatch.id && !one.jobs.is_empty()) {
            let after_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            joined(client, room).await?;
            return Ok(Worker::Alive { after_ms });
        }
        if began.elapsed() >= within {
            return Ok(Worker::Nobody);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
