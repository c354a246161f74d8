//! A LiveKit to test against: real HTTP in front, behind it rooms, phones and agents that behave as those of
//! livekit-server 1.13.5, livekit-sip and livekit-agents were seen to, and go wrong when told to.

mod calls;
mod faults;
mod guard;
mod json;
mod outbox;
mod phone;
mod room;
mod tasks;
mod timing;
mod transfer;
mod twirp;
mod wire;
mod worker;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use faults::{Call as SeenCall, CallFault, Fault, Faults, WebhookFault};
pub use outbox::{Delivery, Outcome};
pub use phone::{Call, End, Guest, Phone, Visit};
pub use timing::Timing;
pub use transfer::{Transfer, Transferred};
pub use worker::{Agent, Behaviour, Worker};

use crate::{Client, Credentials, Now};
use outbox::Outbox;
use tasks::Tasks;
use world::World;

/// What a fake is started with.
#[derive(Clone)]
pub struct Options {
    /// The one API key it knows.
    pub credentials: Credentials,
    /// Where webhooks go.
    pub webhooks: Vec<String>,
    /// How long things take.
    pub timing: Timing,
    /// The time it tells and checks tokens by; waits are in real time whatever it says.
    pub now: Now,
    /// The address to listen on.
    pub listen: String,
}

impl Options {
    /// A fake with real timing and no webhooks, on a free port of this machine.
    pub fn new(credentials: Credentials, now: Now) -> Self {
        let listen = "127.0.0.1:0".to_owned();
        Self { credentials, webhooks: Vec::new(), timing: Timing::default(), now, listen }
    }
}

/// A `CreateDispatch` that was carried out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dispatched {
    /// The dispatch's id.
    pub id: String,
    /// The agent's name.
    pub agent_name: String,
    /// The room's name.
    pub room: String,
    /// What the agent is told.
    pub metadata: String,
    /// The attributes that the job carries.
    pub attributes: BTreeMap<String, String>,
}

/// A call that was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answered {
    /// The Twirp method.
    pub method: String,
    /// The room it is about, by name; empty where it is about none.
    pub room: String,
    /// The HTTP status it was answered with.
    pub status: u16,
}

/// A running LiveKit of the pretending sort. It stops when dropped.
pub struct Fake {
    world: Arc<World>,
    url: String,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Fake {
    /// Starts one.
    pub async fn start(options: Options) -> io::Result<Self> {
        // TLS needs a process-wide provider; whoever installed one before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // LiveKit waits for a webhook's answer without end, and so does this.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("LiveKit")
            .build()
            .map_err(io::Error::other)?;
        let listener = TcpListener::bind(&options.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let tasks = Tasks::default();
        let changed = watch::Sender::new(0);
        let settings = (options.credentials, options.now, options.timing);
        let outbox = Outbox::new(settings, http, Faults::default(), tasks.clone(), changed.clone());
        outbox.set_urls(options.webhooks);
        let world = Arc::new(World::new(Arc::new(outbox), changed));
        let (app, stop) = (twirp::router(Arc::clone(&world)), tasks.clone());
        tasks.spawn_server(async move {
            let stopping = async move { stop.stopping().await };
            // Serving ends only because it was told to.
            let _ = axum::serve(listener, app).with_graceful_shutdown(stopping).await;
        });
        Ok(Self { world, url })
    }

    /// Where its API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The credentials it accepts.
    pub fn credentials(&self) -> &Credentials {
        &self.world.credentials
    }

    /// A client of it.
    pub fn client(&self) -> crate::Result<Client> {
        let options = crate::Options::new(Duration::from_secs(10), Arc::clone(&self.world.now));
        Client::new(&self.url, self.world.credentials.clone(), options)
    }

    /// Where webhooks go from now on.
    pub fn set_webhooks(&self, urls: Vec<String>) {
        self.world.outbox.set_urls(urls);
    }

    /// Registers a worker for agents of that name.
    pub fn worker(&self, agent_name: &str, behaviour: Behaviour) -> Worker {
        Worker::register(&self.world, agent_name, behaviour)
    }

    /// Somebody calls.
    pub fn phone(&self, call: Call) -> Phone {
        Phone::dial(&self.world, call)
    }

    /// Somebody else joins a room, which is made if need be.
    pub fn join(&self, room: &str, guest: Guest) -> Option<Visit> {
        Visit::begin(&self.world, room, guest)
    }

    /// Somebody is removed from a room by other means than our client; false if nobody is there.
    pub fn remove(&self, room: &str, identity: &str) -> bool {
        self.world.remove(room, identity)
    }

    /// A room is deleted by other means than our client; false if there is none.
    pub fn delete_room(&self, room: &str) -> bool {
        self.world.delete_room(room)
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// The rooms there are.
    pub fn rooms(&self) -> Vec<crate::Room> {
        self.world.look(|state| state.rooms.values().map(|room| room::as_room(&room.shown())).collect())
    }

    /// Who is in a room.
    pub fn participants(&self, room: &str) -> Vec<crate::Participant> {
        self.world.participants(room)
    }

    /// Every dispatch ever made through the API, the oldest first.
    pub fn dispatches(&self) -> Vec<Dispatched> {
        self.world.look(|state| state.dispatched.clone())
    }

    /// What becomes of the next transfer that nothing was said of yet; one that nothing was said of is made.
    pub fn next_transfer(&self, fare: Transfer) {
        self.world.change(|state| state.transfers.push_back(fare));
    }

    /// Every transfer ever asked for of a caller who had been answered, the oldest first.
    pub fn transfers(&self) -> Vec<Transferred> {
        self.world.look(|state| state.transferred.clone())
    }

    /// Every call ever answered, the oldest first.
    pub fn calls(&self) -> Vec<Answered> {
        self.world.look(|state| state.calls.clone())
    }

    /// The tries to deliver a webhook, the oldest first; of very many only the last 100,000.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.world.outbox.deliveries()
    }

    /// Waits until something is so; false if it is not by the deadline. Looks again after each change.
    pub async fn until(&self, is_so: impl Fn(&Self) -> bool, deadline: Duration) -> bool {
        let mut changes = self.world.changed.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                if is_so(self) {
                    return true;
                }
                if changes.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(deadline, wait).await.unwrap_or(false)
    }

    /// Stops it, and waits until it has.
    pub async fn stop(&self) {
        self.world.tasks.stop();
        self.world.tasks.ended().await;
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.world.tasks.stop();
    }
}
