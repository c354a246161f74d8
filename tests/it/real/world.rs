//! A Switchboard in front of a LiveKit, real or pretended, with what a test sees and does of either.

use std::sync::Arc;
use std::time::Duration;

use livekit::fake::{Fake, Options, Timing};
use livekit::{Credentials, Participant};
use switchboard::call::Call;
use switchboard::clock::Clock;

use super::agents::{Agents, Manner};
use super::caller::Caller;
use super::{SOON, eventually};
use crate::app::{KEY, SECRET, Setup, TestApp};
use crate::peers::{PhoneHost, RealLiveKit};
use crate::proxy::{Proxy, Seen};
use crate::routing;

const EVENTS: &str = "/api/v1/webhooks/livekit/events";

/// Which LiveKit.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Kind {
    Real,
    Fake,
}

/// A real LiveKit with a proxy in either direction.
pub(super) struct Real {
    pub(super) phones: PhoneHost,
    /// From LiveKit to Switchboard; nothing is behind it at first.
    pub(super) webhooks: Proxy,
    /// From Switchboard to LiveKit.
    pub(super) api: Proxy,
    pub(super) livekit: RealLiveKit,
}

pub(super) enum Side {
    Real(Box<Real>),
    Fake(Arc<Fake>),
}

pub(crate) struct World {
    pub(super) app: TestApp,
    pub(super) side: Side,
    client: livekit::Client,
}

impl Real {
    pub(super) async fn start() -> Option<Real> {
        let webhooks = Proxy::start().await;
        let livekit = RealLiveKit::start(&[&format!("{}{EVENTS}", webhooks.url)]).await?;
        Some(Real::around(livekit, webhooks).await)
    }

    /// As `start`, while no other test has a LiveKit.
    pub(super) async fn start_alone() -> Option<Real> {
        let webhooks = Proxy::start().await;
        let livekit = RealLiveKit::start_alone(&[&format!("{}{EVENTS}", webhooks.url)]).await?;
        Some(Real::around(livekit, webhooks).await)
    }

    async fn around(livekit: RealLiveKit, webhooks: Proxy) -> Real {
        let api = Proxy::before(&livekit.url.replace("ws://", "http://")).await;
        let phones = PhoneHost::start(&livekit).await;
        Real { phones, webhooks, api, livekit }
    }

    /// The requests to dispatch somebody to this room, whatever became of them.
    pub(super) fn dispatches_to(&self, room: &str) -> usize {
        let to_it = |seen: &&Seen| seen.calls("CreateDispatch") && seen.json()["room"] == room;
        self.api.seen().iter().filter(to_it).count()
    }
}

impl Side {
    pub(super) async fn start(kind: Kind) -> Option<Side> {
        match kind {
            Kind::Real => Some(Side::Real(Box::new(Real::start().await?))),
            Kind::Fake => Some(Side::Fake(Arc::new(pretend().await))),
        }
    }

    /// Where Switchboard reaches it.
    pub(super) fn api(&self) -> &str {
        match self {
            Side::Real(real) => &real.api.url,
            Side::Fake(fake) => fake.url(),
        }
    }

    /// Webhooks go to the server at this URL from now on.
    pub(super) fn send_webhooks_to(&self, url: &str) {
        match self {
            Side::Real(real) => real.webhooks.set_target(Some(url)),
            Side::Fake(fake) => fake.set_webhooks(vec![format!("{url}{EVENTS}")]),
        }
    }

    /// A client of our own, past the proxy.
    pub(super) fn client(&self) -> livekit::Client {
        let url = match self {
            Side::Real(real) => &real.livekit.url,
            Side::Fake(fake) => fake.url(),
        };
        let clock = Clock::system();
        let options = livekit::Options::new(SOON, Arc::new(move || clock.now().micros()));
        livekit::Client::new(url, Credentials::new(KEY, SECRET), options).expect("a client")
    }
}

/// A pretend LiveKit as slow as the real one.
async fn pretend() -> Fake {
    let clock = Clock::system();
    let mut options = Options::new(Credentials::new(KEY, SECRET), Arc::new(move || clock.now().micros()));
    options.timing = Timing { departure: Duration::from_secs(5), ..Timing::default() };
    Fake::start(options).await.expect("the pretend LiveKit starts")
}

impl World {
    /// With one tenant, whose number is `TO`. None: this LiveKit is not installed.
    pub(super) async fn start(kind: Kind, setup: Setup) -> Option<World> {
        World::before(Side::start(kind).await?, setup).await
    }

    pub(super) async fn before(side: Side, setup: Setup) -> Option<World> {
        let app = setup.livekit(side.api()).start().await?;
        side.send_webhooks_to(&app.url);
        routing::acme(&app).await;
        let client = side.client();
        Some(World { app, side, client })
    }

    pub(super) fn real(&self) -> &Real {
        match &self.side {
            Side::Real(real) => real,
            Side::Fake(_) => panic!("this is not to be tried with the pretend LiveKit"),
        }
    }

    /// Registers a worker. Its first job is done in the first manner, and so on; the last one stays.
    pub(super) async fn agents(&self, name: &str, manners: &[Manner]) -> Agents {
        Agents::start(&self.side, name, manners).await
    }

    /// A caller who rings when this returns.
    pub(super) async fn call(&self, to: &str, from: &str) -> Caller {
        Caller::dial(&self.side, to, from).await
    }

    /// The ledger's word on a caller, once it is as wanted.
    pub(super) async fn ledger(&self, caller: &Caller, wanted: impl Fn(&Call) -> bool) -> Call {
        let of = |call: &&Call| call.ring.keys.call.as_deref() == Some(&caller.call_id) && wanted(call);
        self.app.until(|calls| calls.iter().find(of).cloned()).await
    }

    pub(super) async fn ended(&self, caller: &Caller) -> Call {
        self.ledger(caller, |call| !call.is_open()).await
    }

    /// The identities of the agents in a caller's room.
    pub(super) async fn agents_with(&self, caller: &Caller) -> Vec<String> {
        agents_in(&self.client, &caller.room).await
    }

    /// Awaits that these agents are with a caller, and no others.
    pub(super) async fn until_agents(&self, caller: &Caller, wanted: &[String]) {
        eventually("the right agents in the room", async || {
            (self.agents_with(caller).await == wanted).then_some(())
        })
        .await;
    }

    /// Awaits that Switchboard leaves a caller with one agent: looked at again and again for a while, for those
    /// that are to go may come late.
    pub(super) async fn until_one_agent(&self, caller: &Caller) {
        let mut alone = 0;
        eventually("one agent in the room, and no other for two seconds", async || {
            alone = if self.agents_with(caller).await.len() == 1 { alone + 1 } else { 0 };
            (alone >= 100).then_some(())
        })
        .await;
    }

    /// Awaits that there is no room of a caller's any more.
    pub(super) async fn until_no_room(&self, caller: &Caller) {
        eventually("no room", async || {
            let rooms = self.client.list_rooms(&[]).await.expect("the rooms");
            rooms.iter().all(|room| room.name != caller.room).then_some(())
        })
        .await;
    }

    /// How often Switchboard sent somebody to a caller.
    pub(super) fn dispatches_to(&self, caller: &Caller) -> usize {
        match &self.side {
            Side::Real(real) => real.dispatches_to(&caller.room),
            Side::Fake(fake) => fake.dispatches().iter().filter(|sent| sent.room == caller.room).count(),
        }
    }

    pub(super) async fn stop(self) {
        self.app.stop().await;
    }
}

pub(super) async fn agents_in(client: &livekit::Client, room: &str) -> Vec<String> {
    let there = client.list_participants(room).await.unwrap_or_default();
    let agents = there.into_iter().filter(|one: &Participant| one.kind == livekit::Kind::Agent);
    agents.map(|agent| agent.identity).collect()
}
