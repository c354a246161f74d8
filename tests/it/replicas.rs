//! Several servers on one PostgreSQL, with LiveKit's webhooks spread over them.

use livekit::Kind;
use livekit::fake::{Behaviour, Fake, Phone, Worker};
use switchboard::call::{EndReason, Status};
use switchboard::clock::Clock;
use switchboard::db::Engine;

use crate::app::{Setup, TestApp};
use crate::proxy::Proxy;
use crate::routing;
use crate::world::{self, SOON, a_call, call, quick};

struct Two {
    livekit: Fake,
    webhooks: Proxy,
    worker: Worker,
    one: TestApp,
    other: TestApp,
}

/// Two servers with a worker for both.
async fn two(calls: i64) -> Option<Two> {
    let livekit = world::livekit(&Clock::system(), 0.1).await;
    let setup = || {
        quick(Setup::new(Engine::Postgres).with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "20s"))
            .livekit(livekit.url())
    };
    let one = setup().start().await?;
    routing::acme(&one).await;
    routing::limit(&one, calls).await;
    let sql = "update campaigns set fallback_agent_id = $1 where id = 'cmp_1'";
    routing::set(&one, sql, None::<String>).await;
    let other = TestApp::start(setup(), one.place.again()).await;
    let webhooks = Proxy::start().await;
    webhooks.set_targets([one.url.as_str(), other.url.as_str()]);
    livekit.set_webhooks(vec![format!("{}{}", webhooks.url, crate::app::EVENTS)]);
    let worker = livekit.worker("telephony-agent", Behaviour::answers());
    Some(Two { livekit, webhooks, worker, one, other })
}

fn agents(livekit: &Fake, phone: &Phone) -> usize {
    livekit.participants(phone.room()).iter().filter(|one| one.kind == Kind::Agent).count()
}

#[tokio::test]
async fn webhooks_split_between_two_servers_bring_one_agent_to_each_call() {
    let Some(two) = two(100).await else { return };
    let phones: Vec<Phone> = (0..8).map(|_| two.livekit.phone(a_call())).collect();
    for phone in &phones {
        assert!(phone.answered().await);
    }
    for (n, phone) in phones.iter().enumerate() {
        let app = if n % 2 == 0 { &two.one } else { &two.other };
        call(app, phone, |call| call.outcome.status == Status::InProgress).await;
        assert_eq!(agents(&two.livekit, phone), 1);
        phone.hang_up().await;
        let ended = call(app, phone, |call| !call.is_open()).await;
        assert_eq!(ended.outcome.end_reason, Some(EndReason::CallerHungUp));
    }
    assert_eq!((two.worker.jobs().len(), two.livekit.dispatches().len()), (8, 8));
    let written = two.one.written().await;
    assert_eq!((written.calls, written.leads, written.attempts), (8, 1, 8));
    two.one.stop().await;
    two.other.stop().await;
}

#[tokio::test]
async fn two_servers_together_never_take_more_than_the_campaign_does() {
    let Some(two) = two(3).await else { return };
    let phones: Vec<Phone> = (0..12).map(|_| two.livekit.phone(a_call())).collect();
    let settled = |phone: &Phone| phone.is_answered() || phone.end().is_some();
    assert!(two.livekit.until(|_| phones.iter().all(settled), SOON).await);
    let outcomes: Vec<_> =
        two.one.calls().await.into_iter().map(|call| (call.outcome, call.attendance.attempts)).collect();
    assert_eq!(phones.iter().filter(|phone| phone.is_answered()).count(), 3, "{outcomes:#?}");
    assert_eq!(two.livekit.dispatches().len(), 3);
    two.one.stop().await;
    two.other.stop().await;
}

#[tokio::test]
async fn when_one_server_stops_the_other_goes_on_with_its_calls() {
    let Some(two) = two(100).await else { return };
    two.worker.set_full(true);
    let phones: Vec<Phone> = (0..6).map(|_| two.livekit.phone(a_call())).collect();
    let all_ring = |calls: &[switchboard::call::Call]| (calls.len() == 6).then_some(());
    two.one.until(all_ring).await;
    two.webhooks.set_target(Some(&two.other.url));
    two.one.stop().await;
    two.worker.set_full(false);
    for phone in &phones {
        assert!(phone.answered().await, "{:?} {:#?}", phone.end(), two.other.calls().await);
        let of = call(&two.other, phone, |call| call.outcome.status == Status::InProgress).await;
        assert!(two.livekit.until(|livekit| agents(livekit, phone) == 1, SOON).await, "{:?}", of.attendance);
    }
    for phone in &phones {
        phone.hang_up().await;
        let ended = call(&two.other, phone, |call| !call.is_open()).await;
        assert_eq!(ended.outcome.end_reason, Some(EndReason::CallerHungUp));
    }
    two.other.stop().await;
}

#[tokio::test]
async fn one_call_asked_and_heard_of_at_different_servers_at_once_is_one_call() {
    let Some(two) = two(100).await else { return };
    for n in 0..10 {
        let line = crate::says::Line::new(&format!("r{n}"), two.one.app.clock.now());
        let asked =
            serde_json::json!({ "call_id": line.call_id(), "from_number": line.from, "to_number": line.to });
        let rings = line.rings();
        let ((asked, _), (heard, _), (again, _)) =
            tokio::join!(two.one.ask(&asked), two.other.event(&rings), two.one.event(&rings));
        assert_eq!((asked, heard, again), (200, 200, 200));
        assert_eq!(two.one.calls().await.len(), n + 1);
        two.other.event(&line.hangs_up(2000)).await;
    }
    let written = two.one.written().await;
    assert_eq!((written.leads, written.attempts), (1, 10));
    two.one.stop().await;
    two.other.stop().await;
}
