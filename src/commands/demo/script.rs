//! Plays one call: the caller's side, and what the network does to LiveKit's webhooks meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livekit::Kind;
use livekit::fake::{Call, Fake, Fault, Phone, WebhookFault};
use livekit::webhook::Event;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::http::signed;

use super::scenes::{Plot, Scene, Webhooks};
use super::stage::SECRET;

/// No call of the demo takes longer.
const LONGEST: Duration = Duration::from_secs(40);
/// How long clearing up after a call may take, late agents included.
const CLEARED_WITHIN: Duration = Duration::from_secs(10);
/// How late a late webhook is.
const LATE: Duration = Duration::from_secs(2);
/// How long the gateway's call is there.
const ASKED_FOR: Duration = Duration::from_secs(3);

/// What was seen of a call from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The most agents that were with the caller at once.
    pub(super) agents: usize,
    /// Their names.
    pub(super) names: BTreeSet<String>,
    /// Agents sit in the room without a caller, and nobody cleared them away.
    pub(super) left_behind: bool,
    /// What went wrong with playing it.
    pub(super) trouble: Option<String>,
}

/// What playing a call needs.
#[derive(Clone)]
pub(super) struct Player {
    /// The pretend LiveKit.
    pub(super) livekit: Arc<Fake>,
    /// The server, `http://127.0.0.1:3000`.
    pub(super) server: String,
    /// The time.
    pub(super) clock: Clock,
}

impl Player {
    /// Plays a call to its end, and until its room has been cleared.
    pub(super) async fn play(&self, scene: &Scene) -> Seen {
        let mut trouble = None;
        let seen = Mutex::new(Seen::default());
        let watching = self.livekit.until(
            |livekit| {
                look(livekit, &scene.room(), &mut seen.lock().unwrap_or_else(PoisonError::into_inner));
                false
            },
            LONGEST + CLEARED_WITHIN + LATE,
        );
        let playing = async {
            match tokio::time::timeout(LONGEST, self.caller(scene)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => trouble = Some(format!("{error:#}")),
                Err(_) => trouble = Some(format!("not over after {} s", LONGEST.as_secs())),
            }
            self.until_cleared(scene).await
        };
        let left_behind = tokio::select! {
            _ = watching => true,
            cleared = playing => !cleared,
        };
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        Seen { left_behind, trouble, ..seen }
    }

    async fn caller(&self, scene: &Scene) -> anyhow::Result<()> {
        let faults = self.faults(scene);
        match scene.plot {
            Plot::Asks(seconds) => self.gateway(scene, seconds).await?,
            Plot::Talks(time) => {
                let phone = self.dial(scene);
                if phone.answered().await {
                    tokio::time::sleep(time).await;
                    phone.hang_up().await;
                }
            }
            Plot::GivesUp(after) => {
                let phone = self.dial(scene);
                phone.joined().await;
                tokio::time::sleep(after).await;
                phone.hang_up().await;
            }
            Plot::Stays => {
                self.dial(scene).ended().await;
            }
        }
        // A late webhook is still on its way when the caller has gone.
        tokio::time::sleep(if scene.webhooks == Webhooks::Late { LATE } else { Duration::ZERO }).await;
        for fault in faults {
            ensure!(fault.strikes() > 0, "the webhook that was to go wrong was never sent");
        }
        Ok(())
    }

    fn dial(&self, scene: &Scene) -> Phone {
        let room = Some(scene.room());
        self.livekit.phone(Call { room, ..Call::new(scene.to, &scene.from) })
    }

    fn faults(&self, scene: &Scene) -> Vec<Fault> {
        let faults = self.livekit.faults();
        let of_caller = |name: &'static str| {
            let room = scene.room();
            move |event: &Event| {
                let by_phone = event.participant.as_ref().is_some_and(|who| who.kind == Kind::Sip);
                by_phone && event.event == name && is_in(event, &room)
            }
        };
        let room = scene.room();
        match scene.webhooks {
            Webhooks::Arrive => Vec::new(),
            Webhooks::Lost => {
                vec![faults.next_webhook(of_caller("participant_joined"), WebhookFault::Lost)]
            }
            Webhooks::Doubled => {
                vec![faults.every_webhook(move |event| is_in(event, &room), WebhookFault::Doubled)]
            }
            Webhooks::Late => ["participant_joined", "participant_left"]
                .map(|name| faults.next_webhook(of_caller(name), WebhookFault::Delayed(LATE)))
                .into(),
        }
    }

    /// A gateway asks, connects the agent by itself, and tells of the end.
    async fn gateway(&self, scene: &Scene, seconds: i64) -> anyhow::Result<()> {
        let (id, room) = (format!("gateway-{}", scene.from.trim_start_matches('+')), scene.room());
        let ask = json!({
            "call_id": id, "from_number": scene.from, "to_number": scene.to, "room_name": room,
            "timestamp": self.clock.now(),
        });
        let answer = self.post("sip-inbound", &ask).await?;
        let agent = scene.expected.agent.unwrap_or_default();
        ensure!(answer["agent_name"] == agent, "the gateway was answered {answer} and not {agent}");
        tokio::time::sleep(ASKED_FOR).await;
        let end = json!({ "event": "room.finished", "room": { "name": room, "duration": seconds } });
        self.post("events", &end).await.map(drop)
    }

    async fn post(&self, door: &str, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client
            .post(format!("{}/api/v1/webhooks/livekit/{door}", self.server))
            .header("content-type", "application/json")
            .header(signed::SIGNATURE, signed::signature(SECRET, body.as_bytes()))
            .body(body);
        let response = request.send().await?.error_for_status()?;
        response.json().await.with_context(|| format!("the answer of {door}"))
    }

    /// Waits until nobody is in the room; an agent that was on its way when the caller left comes first.
    async fn until_cleared(&self, scene: &Scene) -> bool {
        let room = scene.room();
        let agent_came = |livekit: &Fake| {
            livekit.deliveries().iter().any(|delivery| {
                let agent = delivery.event.participant.as_ref().is_some_and(|who| who.kind == Kind::Agent);
                agent && is_in(&delivery.event, &room)
            })
        };
        if matches!(scene.plot, Plot::GivesUp(_)) {
            self.livekit.until(agent_came, CLEARED_WITHIN).await;
        }
        self.livekit.until(|livekit| livekit.participants(&room).is_empty(), CLEARED_WITHIN).await
    }
}

fn is_in(event: &Event, room: &str) -> bool {
    event.room.as_ref().is_some_and(|there| there.name == room)
}

/// Notes who is with the caller.
fn look(livekit: &Fake, room: &str, seen: &mut Seen) {
    let there = livekit.participants(room);
    let agents: Vec<_> = there.iter().filter(|who| who.kind == Kind::Agent).collect();
    if there.len() == agents.len() {
        return;
    }
    seen.agents = seen.agents.max(agents.len());
    seen.names.extend(agents.iter().filter_map(|agent| agent.attribute("lk.agent_name")).map(str::to_owned));
}
