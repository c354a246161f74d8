//! A Switchboard in front of a pretend LiveKit that is some times as fast as the real one.

use std::sync::Arc;
use std::time::Duration;

use livekit::fake::{Fake, Options, Phone, Timing};
use switchboard::call::Call;
use switchboard::clock::Clock;

use crate::app::{KEY, SECRET, Setup, TestApp};
use crate::routing;

/// Long enough for anything that is to happen.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A LiveKit without anybody, `scale` times as slow as the real one, at this clock's time.
pub(crate) async fn livekit(clock: &Clock, scale: f64) -> Fake {
    let clock = clock.clone();
    let options =
        Options::new(livekit::Credentials::new(KEY, SECRET), Arc::new(move || clock.now().micros()));
    Fake::start(Options { timing: Timing::default().scaled(scale), ..options }).await.expect("a fake")
}

/// Moves the clock on by so much, a second at a time, so that whatever is due on the way is done; and on until
/// reconcile has looked so often.
pub(crate) async fn time_passes(clock: &Clock, livekit: &Fake, time: Duration, looks: usize) {
    let rounds = || livekit.calls().iter().filter(|call| call.method.ends_with("ListRooms")).count();
    let (end, before) = (clock.now().saturating_add(time), rounds());
    let deadline = tokio::time::Instant::now() + SOON;
    while clock.now() < end || rounds() < before + looks {
        assert!(tokio::time::Instant::now() < deadline, "reconcile does not look");
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) struct World {
    pub(crate) livekit: Fake,
    pub(crate) app: TestApp,
}

/// Switchboard's waits shorter than usual, but long for a LiveKit this quick on a busy machine; unless the test has said something else.
pub(crate) fn quick(setup: Setup) -> Setup {
    [
        ("LOOK_AFTER", "400ms"),
        ("ANSWER_TIMEOUT", "1s"),
        ("GIVE_UP_AFTER", "6s"),
        ("STATIC_WAIT", "300ms"),
        ("RECONCILE_EVERY", "1s"),
    ]
    .into_iter()
    .fold(setup, |setup, (name, value)| setup.or(&format!("SWITCHBOARD_CALLS__{name}"), value))
}

impl World {
    /// With the tenant that [`routing::acme`] makes.
    pub(crate) async fn start(setup: Setup) -> Option<World> {
        let livekit = livekit(&Clock::system(), 0.1).await;
        let app = quick(setup).livekit(livekit.url()).start().await?;
        routing::acme(&app).await;
        livekit.set_webhooks(vec![app.events_url()]);
        Some(World { livekit, app })
    }

    /// Somebody calls the tenant.
    pub(crate) fn rings(&self) -> Phone {
        self.livekit.phone(a_call())
    }

    /// The call of this phone, once it is as wanted.
    pub(crate) async fn call(&self, phone: &Phone, wanted: impl Fn(&Call) -> bool) -> Call {
        call(&self.app, phone, wanted).await
    }

    pub(crate) async fn ended(&self, phone: &Phone) -> Call {
        self.call(phone, |call| !call.is_open()).await
    }

    /// Who has been sent into the phone's room so far, the oldest first.
    pub(crate) fn sent(&self, phone: &Phone) -> Vec<String> {
        let dispatches = self.livekit.dispatches().into_iter();
        dispatches.filter(|one| one.room == phone.room()).map(|one| one.agent_name).collect()
    }

    /// Waits until the room is gone, ghosts and all.
    pub(crate) async fn room_gone(&self, phone: &Phone) {
        let gone = |livekit: &Fake| livekit.rooms().iter().all(|room| room.name != phone.room());
        assert!(self.livekit.until(gone, SOON).await, "the room is still there: {:?}", self.livekit.rooms());
    }

    pub(crate) async fn stop(self) {
        self.app.stop().await;
        self.livekit.stop().await;
    }
}

/// A call to the tenant that [`routing::acme`] makes.
pub(crate) fn a_call() -> livekit::fake::Call {
    livekit::fake::Call::new(routing::NUMBER, "+15551234567")
}

/// The call of this phone in the ledger of one server, once it is as wanted.
pub(crate) async fn call(app: &TestApp, phone: &Phone, wanted: impl Fn(&Call) -> bool) -> Call {
    let of_phone = |call: &&Call| call.room() == Some(phone.room());
    app.until(|calls| calls.iter().find(of_phone).filter(|call| wanted(call)).cloned()).await
}
