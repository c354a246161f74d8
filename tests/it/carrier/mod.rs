//! The carrier's side of the ledger: a pretend Twilio's calls beside what LiveKit told, with a clock that the test moves.

mod servers;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::call::{Call, EndReason, Status};
use switchboard::carrier::{self, Options, Report};
use switchboard::clock::{Clock, Timestamp};
use switchboard::db;
use switchboard::db::carrier::Place;
use twilio::fake::{Fake, Fault};

use crate::app::{Setup, TestApp};
use crate::ask::{ask, with};
use crate::on_both_databases;
use crate::routing;
use crate::says::Line;
use crate::world::SOON;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const MINUTE: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(300);

struct World {
    twilio: Fake,
    clock: Clock,
    app: TestApp,
}

fn with_twilio(setup: Setup, twilio: &Fake, clock: &Clock) -> Setup {
    setup
        .clock(clock.clone())
        .with("TWILIO_ACCOUNT_SID", ACCOUNT)
        .with("TWILIO_AUTH_TOKEN", "a-token")
        .with("SWITCHBOARD_TWILIO__API_URL", twilio.url())
        .or("SWITCHBOARD_DATABASE__TIMEOUT", "10s")
}

impl World {
    /// With the tenant that [`routing::acme`] makes, whose number has been known for half an hour, and the first round
    /// behind it.
    async fn start(setup: Setup) -> Option<World> {
        let clock = Clock::manual(Timestamp::from_secs(Clock::system().now().secs()));
        let now = {
            let clock = clock.clone();
            Arc::new(move || clock.now().micros())
        };
        let credentials = twilio::Credentials::auth_token(ACCOUNT, "a-token").expect("credentials");
        let options = twilio::fake::Options { now, ..twilio::fake::Options::new(credentials) };
        let twilio = Fake::start(options).await.expect("a fake");
        let app = with_twilio(setup, &twilio, &clock).start().await?;
        routing::acme(&app).await;
        let world = World { twilio, clock, app };
        world.settled().await;
        for _ in 0..6 {
            world.round().await;
        }
        Some(world)
    }

    /// A call to the tenant's number that began so many seconds ago and was over after that many, but for these fields.
    fn carries(&self, began: u64, lasted: u64, fields: Value) -> String {
        let start = self.ago(began);
        let mut call = json!({
            "to": routing::NUMBER, "from": "+15551234567", "start_time": older(start),
            "end_time": older(start.saturating_add(Duration::from_secs(lasted))),
            "duration": lasted.to_string(),
        });
        let (Some(call), Value::Object(fields)) = (call.as_object_mut(), fields) else { unreachable!() };
        call.extend(fields);
        self.twilio.add_call(Value::Object(call.clone()))
    }

    fn ago(&self, seconds: u64) -> Timestamp {
        self.clock.now().saturating_sub(Duration::from_secs(seconds))
    }

    async fn place(&self) -> Option<Place> {
        let read = self.app.app.db.read(|tx| db::carrier::place(tx, ACCOUNT));
        read.await.expect("the place can be read")
    }

    /// Waits until everything up to now has been looked at.
    async fn settled(&self) {
        let now = self.clock.now();
        self.until(|place| place.settled_until == now && place.sweep.is_none()).await;
    }

    async fn until(&self, is_so: impl Fn(&Place) -> bool) {
        self.for_as_long_as_it_goes_on(async || self.place().await.is_some_and(|place| is_so(&place))).await;
    }

    /// Waits until there are so many calls.
    async fn has(&self, calls: usize) {
        self.for_as_long_as_it_goes_on(async || self.app.calls().await.len() >= calls).await;
    }

    /// Waits until something is so, for as long as there is progress: a debug build's pretend Twilio takes its time over
    /// long lists.
    async fn for_as_long_as_it_goes_on(&self, is_so: impl AsyncFn() -> bool) {
        let (mut deadline, mut seen) = (tokio::time::Instant::now() + SOON, None);
        while !is_so().await {
            let now = (self.place().await, self.twilio.requests().len());
            if seen != Some(now) {
                (deadline, seen) = (tokio::time::Instant::now() + SOON, Some(now));
            }
            assert!(tokio::time::Instant::now() < deadline, "it never came to that: {seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The next round, whole.
    async fn round(&self) {
        self.clock.advance(EVERY);
        self.settled().await;
    }

    /// A round by hand, whoever else compares.
    async fn by_hand(&self, app: &TestApp, dry_run: bool) -> Report {
        let options = Options { since: Some(self.ago(3600)), dry_run };
        let client = app.app.twilio.clone().expect("a client");
        carrier::round(&app.app, &client, &options).await.expect("a round")
    }

    /// The one call that there is.
    async fn call(&self) -> Call {
        let mut calls = self.app.calls().await;
        assert_eq!(calls.len(), 1, "{calls:#?}");
        calls.remove(0)
    }

    /// It, as the API shows it.
    async fn shown(&self) -> Value {
        let call = self.call().await;
        let api = self.app.api(Role::Viewer, Some("tnt_1")).await;
        let said = api.get(&format!("/api/v1/calls/{}", call.id)).await;
        assert_eq!(said.status, 200, "{}", said.body);
        said.body
    }

    /// What was told of, by kind, in the order of telling.
    async fn told(&self) -> Vec<String> {
        let read = self.app.app.db.read(|tx| {
            let sql = "select kind, events from changes where kind <> 'routing' order by seq";
            tx.all(sql, &[], |row| {
                Ok(format!(
                    "{}: {}",
                    row.get::<String>("kind")?,
                    row.get::<Option<String>>("events")?.unwrap_or_default()
                ))
            })
        });
        read.await.expect("the outbox can be read")
    }

    async fn tasks(&self) -> Vec<(String, String, Option<String>)> {
        let read = self.app.app.db.read(|tx| {
            tx.all("select kind, status, call_id from tasks order by id", &[], |row| {
                Ok((row.get("kind")?, row.get("status")?, row.get("call_id")?))
            })
        });
        read.await.expect("the tasks can be read")
    }

    async fn stop(self) {
        self.app.stop().await;
        self.twilio.stop().await;
    }
}

/// A time as Twilio's 2010 API writes it.
fn older(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.secs()).expect("a time");
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&at).expect("a time")
}

/// What LiveKit tells of a call that Twilio knows by this name, and that rang at this time.
fn line(call_sid: &str, rang: Timestamp) -> (Line, impl Fn(Value) -> Value) {
    let sid = call_sid.to_owned();
    let named = move |mut event: Value| {
        if event["participant"]["attributes"]["sip.callID"].is_string() {
            event["participant"]["attributes"]["sip.twilio.callSid"] = sid.as_str().into();
        }
        event
    };
    (Line::new("1", rang), named)
}

/// LiveKit tells of a call that was answered after half a second, and that the caller hung up after so many seconds.
async fn talks(app: &TestApp, call_sid: &str, rang: Timestamp, seconds: i64) {
    let (line, named) = line(call_sid, rang);
    let all = [
        line.rings(),
        line.agent_joined(300),
        line.agent_spoke(500),
        line.hangs_up(seconds * 1000),
        line.finished(seconds * 1000 + 200),
    ];
    for event in all {
        let (status, said) = app.event(&named(event)).await;
        assert_eq!(status, 200, "{said}");
    }
}

on_both_databases! {
    async fn a_call_that_never_reached_us_is_missed_and_is_to_be_called_back_once(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let sid = world.carries(200, 20, json!({ "status": "no-answer", "duration": "0" }));
        let began = world.ago(200);
        world.round().await;
        let call = world.call().await;
        let of = &call.outcome;
        assert_eq!((of.status, of.end_reason), (Status::Missed, Some(EndReason::NeverReachedUs)));
        assert_eq!((of.rang_at, of.ended_at), (began, Some(began.saturating_add(Duration::from_secs(20)))));
        let leads = world.app.leads().await;
        assert_eq!((leads.len(), leads[0].status.as_str(), leads[0].attempts), (1, "missed", 1));
        assert_eq!(world.tasks().await, [("call_back".into(), "open".into(), Some(call.id.to_string()))]);
        assert_eq!(
            world.told().await,
            ["call: call.ended call.missed", "lead: lead.created", "lead: lead.updated", "task: task.created"]
        );
        let shown = world.shown().await;
        assert_eq!(shown["phoneNumber"], "+15551234567");
        assert_eq!(shown["toNumber"], routing::NUMBER);
        assert_eq!(shown["campaignId"], "cmp_1");
        assert_eq!((&shown["endedBy"], &shown["carrier"]["callSid"]), (&json!("platform"), &json!(sid)));
        assert_eq!(shown["carrier"]["disagreements"], json!([]));
        // The next rounds look at it again, one of them at the whole day.
        let before = world.app.written().await;
        for _ in 0..14 {
            world.round().await;
        }
        assert_eq!(world.app.written().await, before);
        // Its price comes.
        world.twilio.set(&sid, "price", "-0.0085");
        for _ in 0..13 {
            world.round().await;
        }
        assert_eq!(world.shown().await["carrier"]["price"], "-0.0085");
        assert_eq!((world.app.leads().await[0].attempts, world.tasks().await.len()), (1, 1));
        world.stop().await;
    }

    async fn many_rounds_at_once_make_one_record_of_a_call(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        for n in 0..10 {
            world.carries(600 + n, 20, json!({ "from": format!("+155512300{n:02}"), "status": "busy" }));
        }
        let all = futures_util::future::join_all((0..4).map(|_| world.by_hand(&world.app, false))).await;
        let found: u64 = all.iter().map(|report| report.never_reached).sum();
        assert_eq!((found, world.app.calls().await.len()), (10, 10), "{all:#?}");
        assert_eq!((world.app.leads().await.len(), world.tasks().await.len()), (10, 10));
        world.stop().await;
    }

    async fn a_call_that_reached_us_gets_its_seconds_at_once_and_its_price_when_it_comes(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let sid = world.carries(300, 61, json!({}));
        talks(&world.app, &sid, world.ago(299), 60).await;
        world.round().await;
        let shown = world.shown().await;
        assert_eq!((&shown["status"], &shown["duration"]), (&json!("completed"), &json!(59)));
        let carrier = &shown["carrier"];
        assert_eq!((&carrier["status"], &carrier["duration"]), (&json!("completed"), &json!(61)));
        assert_eq!((&carrier["price"], &carrier["priceUnit"], &carrier["disagreements"]), (&json!(null), &json!(null), &json!([])));
        let before = world.call().await.revision;
        world.twilio.set(&sid, "price", "-0.0170");
        for _ in 0..13 {
            world.round().await;
        }
        let shown = world.shown().await;
        assert_eq!((&shown["carrier"]["price"], &shown["carrier"]["priceUnit"]), (&json!("-0.0170"), &json!("USD")));
        assert_eq!(world.call().await.revision, before + 1, "who follows is told once more");
        let api = world.app.api(Role::Viewer, Some("tnt_1")).await;
        let csv = api.get("/api/v1/calls/export?format=csv").await;
        assert!(csv.body.to_string().contains(&format!("{sid},completed,61,-0.0170,USD")), "{}", csv.body);
        assert!(world.tasks().await.is_empty());
        world.stop().await;
    }

    async fn what_livekit_tells_late_joins_the_record_and_puts_it_right(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let sid = world.carries(400, 61, json!({}));
        world.round().await;
        let record = world.call().await;
        assert_eq!(record.outcome.end_reason, Some(EndReason::NeverReachedUs));
        let shown = world.shown().await;
        assert_eq!(shown["carrier"]["disagreements"][0]["kind"], "answered_at_carrier");
        // LiveKit's webhooks come half an hour late, the agent's before the caller's.
        let rang = record.outcome.rang_at;
        let (line, named) = line(&sid, rang);
        for event in [line.agent_joined(300), line.agent_spoke(500), line.rings(), line.hangs_up(60_000)] {
            assert_eq!(world.app.event(&named(event)).await.0, 200);
        }
        let call = world.call().await;
        assert_eq!((&call.id, call.outcome.end_reason), (&record.id, Some(EndReason::CallerHungUp)));
        assert_eq!((call.outcome.status, call.outcome.duration), (Status::Completed, Some(59)));
        assert_eq!(call.ring.keys.call.as_deref(), Some("SCL_1"));
        let leads = world.app.leads().await;
        assert_eq!((leads.len(), leads[0].attempts, leads[0].status.as_str()), (1, 1, "completed"));
        assert_eq!(world.tasks().await[0].1, "done", "nobody has to call back");
        assert_eq!(world.shown().await["carrier"]["disagreements"], json!([]));
        world.round().await;
        assert_eq!(world.call().await.revision, call.revision);
        world.stop().await;
    }

    async fn a_call_of_which_nobody_told_its_name_is_known_by_its_numbers_and_time(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let (status, _) = world.app.ask(&with(ask("SIP-1"), json!({ "timestamp": world.clock.now() }))).await;
        assert_eq!(status, 200);
        world.app.tell(&json!({ "event": "participant.left", "call_id": "SIP-1", "participant": { "identity": "caller-1" } })).await;
        world.carries(0, 15, json!({ "status": "no-answer", "duration": "0" }));
        world.round().await;
        let call = world.call().await;
        assert!(call.evidence.carrier.is_some(), "{call:#?}");
        assert_ne!(call.outcome.end_reason, Some(EndReason::NeverReachedUs));
        world.stop().await;
    }

    async fn where_the_carrier_says_otherwise_it_is_shown_with_what_it_means(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let sid = world.carries(300, 120, json!({}));
        let (line, named) = line(&sid, world.ago(299));
        for event in [line.rings(), line.hangs_up(8_000)] {
            assert_eq!(world.app.event(&named(event)).await.0, 200);
        }
        world.round().await;
        let shown = world.shown().await;
        assert_eq!(shown["endReason"], "caller_gave_up");
        let differs = &shown["carrier"]["disagreements"][0];
        assert_eq!(differs["kind"], "answered_at_carrier");
        assert_eq!(differs["says"], "the carrier says that it was answered and lasted 120 s; here it is missed");
        assert!(differs["means"].as_str().unwrap().contains("nobody was heard"), "{differs}");
        let story = shown["timeline"].to_string();
        assert!(story.contains("the carrier says: completed after 120 s") && story.contains("that disagrees"), "{story}");
        world.stop().await;
    }

    async fn calls_that_are_not_ours_are_left_alone_and_a_withheld_caller_has_no_lead(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        world.carries(200, 5, json!({ "to": "+15550009999", "status": "failed" }));
        world.carries(5000, 5, json!({ "status": "failed" }));
        world.carries(200, 5, json!({ "direction": "inbound", "status": "failed" }));
        world.carries(200, 5, json!({ "direction": "trunking-terminating", "status": "failed" }));
        world.carries(30, 5, json!({ "status": "failed", "from": "+15550000001" }));
        world.carries(200, 0, json!({ "status": "in-progress", "end_time": null, "duration": null, "from": "+15550000002" }));
        let dry = world.by_hand(&world.app, true).await;
        assert_eq!((dry.unknown_number, dry.too_young, dry.never_reached), (1, 2, 0), "{dry:#?}");
        assert_eq!(world.app.written().await.calls, 0);
        world.carries(300, 5, json!({ "status": "failed", "from": "+266696687" }));
        let dry = world.by_hand(&world.app, true).await;
        assert_eq!((dry.never_reached, world.app.written().await.calls), (1, 0), "nothing is written");
        world.by_hand(&world.app, false).await;
        let call = world.call().await;
        assert_eq!((call.outcome.end_reason, &call.lead), (Some(EndReason::NeverReachedUs), &None));
        assert!(world.app.leads().await.is_empty() && world.tasks().await.is_empty());
        world.stop().await;
    }

    async fn no_history_is_brought_in(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        // Before the number was known, …
        let known_at = world.ago(1800 + 60);
        world.carries(1900, 5, json!({ "status": "failed" }));
        let report = world.by_hand(&world.app, false).await;
        assert_eq!((report.before_us, report.never_reached), (1, 0), "{report:#?} {known_at}");
        // … and before anybody looked: an hour later the whole day is looked at, from the first look on.
        world.carries(6 * 3600, 5, json!({ "status": "failed" }));
        for _ in 0..13 {
            world.round().await;
        }
        assert_eq!(world.app.calls().await.len(), 0);
        world.stop().await;
    }

    async fn a_caller_who_was_answered_since_need_not_be_called_back(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let (again, sid) = (world.ago(200), world.carries(200, 61, json!({})));
        talks(&world.app, &sid, again, 60).await;
        world.carries(290, 5, json!({ "status": "failed" }));
        world.round().await;
        let calls = world.app.calls().await;
        assert_eq!(calls.len(), 2);
        let leads = world.app.leads().await;
        assert_eq!((leads.len(), leads[0].attempts, leads[0].status.as_str()), (1, 2, "completed"));
        assert!(world.tasks().await.is_empty(), "they have talked");
        world.stop().await;
    }

    async fn a_round_that_fails_loses_nothing(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let is_calls = |seen: &twilio::fake::Seen| seen.is("GET", "/Calls.json");
        // More often than the client repeats itself, so that whole rounds fail.
        let planted = [
            world.twilio.faults().every(is_calls, Fault::TooMany(Some(60))),
            world.twilio.faults().every(is_calls, Fault::json(500, &json!({ "status": 500, "message": "broken" }))),
        ];
        world.carries(200, 5, json!({ "status": "failed" }));
        for planted in planted {
            let before = planted.strikes();
            world.clock.advance(MINUTE * 61);
            let deadline = tokio::time::Instant::now() + SOON;
            while planted.strikes() == before {
                assert!(tokio::time::Instant::now() < deadline, "it does not ask");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(world.app.calls().await.is_empty());
            planted.release();
        }
        // Until its wait after a failure is over, too.
        let deadline = tokio::time::Instant::now() + SOON;
        while world.app.calls().await.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "it does not come back");
            world.clock.advance(EVERY);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(world.call().await.outcome.end_reason, Some(EndReason::NeverReachedUs));
        world.stop().await;
    }

    async fn ten_thousand_calls_are_gone_through_in_bounded_rounds(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        for n in 0..10_000_u64 {
            let ours = n.is_multiple_of(200);
            let to = if ours { routing::NUMBER } else { "+15550009999" };
            // The newest is added last.
            let began = 280 - n / 100;
            world.carries(began, 3, json!({ "to": to, "from": format!("+1555{n:07}"), "status": "busy" }));
        }
        let before = world.twilio.requests().len();
        world.clock.advance(EVERY);
        world.until(|place| place.sweep.is_some_and(|sweep| sweep.below < sweep.top) && place.settled_until < world.clock.now()).await;
        world.has(25).await;
        let first = world.twilio.requests().len() - before;
        assert!(first <= 10, "{first} requests");
        // The second goes on below the first, and the third finds that there is no more.
        let top = world.place().await.and_then(|place| place.sweep).expect("there is more").top;
        world.clock.advance(EVERY);
        world.has(50).await;
        world.clock.advance(EVERY);
        world.until(|place| place.sweep.is_none() && place.settled_until == top).await;
        let all = world.twilio.requests().len() - before;
        assert!(all <= 10 + 20 + 21, "{all} requests");
        assert_eq!(world.app.calls().await.len(), 50);
        // They are looked at once more, as what is a quarter of an hour old always is: nothing comes of it.
        let before = world.app.written().await;
        world.clock.advance(EVERY);
        world.until(|place| place.sweep.is_some_and(|sweep| sweep.top > top)).await;
        world.until(|place| place.sweep.is_some_and(|sweep| sweep.below < world.ago(1000))).await;
        assert_eq!(world.app.written().await, before);
        world.stop().await;
    }
}
