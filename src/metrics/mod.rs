//! Figures for Prometheus: what is counted and measured, and the listener's route that shows it.
//!
//! Labels only ever hold words of ours, so that nothing from outside makes a new series.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::http::problem;

/// All figures. Clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Figures>);

struct Figures {
    registry: Registry,
    calls_ended: Family<CallLabels, Counter>,
    decision: Histogram,
    ask: Family<AnswerLabels, Histogram, Buckets>,
    ring_to_dispatch: Histogram,
    ring_to_answer: Histogram,
    webhooks: Family<WebhookLabels, Counter>,
    jobs_waiting: Gauge<u64, AtomicU64>,
    jobs_late: Gauge<u64, AtomicU64>,
    database: Family<DatabaseLabels, Histogram, Buckets>,
    in_flight: Gauge,
    busy: Family<DoorLabels, Counter>,
    dispatches: Family<OutcomeLabels, Counter>,
    reconciled: Family<FindingLabels, Counter>,
    carrier_polls: Family<OutcomeLabels, Counter>,
    carrier_calls: Family<FindingLabels, Counter>,
    sign_ins: Family<OutcomeLabels, Counter>,
    hashing: Histogram,
    live_listeners: Gauge<u64, AtomicU64>,
    live_dropped: Counter,
    webhooks_sent: Family<OutcomeLabels, Counter>,
    webhooks_waiting: Gauge<u64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    status: &'static str,
    end_reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    event: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DatabaseLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabels {
    door: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    finding: &'static str,
}

/// Upper bounds, in seconds.
#[derive(Clone, Copy)]
struct Buckets(&'static [f64]);

/// A decision reads no database: microseconds.
const DECISION: Buckets = Buckets(&[5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2]);
/// A transaction: from a cached read to the time budget.
const DATABASE: Buckets =
    Buckets(&[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0]);
/// An answer to somebody who waits: 10 ms is wanted, 2 s the limit, 10 s the contract.
const ASK: Buckets = Buckets(&[5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0]);
/// What a caller hears as ringing.
const RING: Buckets =
    Buckets(&[5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 25.0, 60.0]);

/// Checking one password: tens of milliseconds of a core's time.
const HASHING: Buckets = Buckets(&[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]);

impl Buckets {
    fn histogram(self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        self.histogram()
    }
}

/// What became of an Ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An agent was named.
    Agent,
    /// The call was refused, which is an answer too.
    Reject,
    /// The asker was told a problem.
    Problem,
}

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// On disk for the first time.
    Kept,
    /// Known already.
    Duplicate,
    /// Another application's.
    Foreign,
    /// Says nothing about a call.
    Ignored,
    /// Unsigned, malformed or too large.
    Refused,
    /// Could not be kept; its sender is asked to come again.
    Failed,
}

/// Which database threads did the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// `db.write`
    Write,
    /// `db.read`
    Read,
    /// `db.report`
    Report,
}

/// How database work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkOutcome {
    /// Committed, or read.
    Done,
    /// Undone, because what it was to do failed.
    Failed,
    /// Refused, because too much waits.
    Busy,
    /// Undone, because its time was up.
    TooSlow,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("switchboard");
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which Switchboard this is", version);
        let mut add = Add(&mut registry);
        let calls_ended = add.plain("calls_ended", "Calls that ended, by how", Family::default());
        let decision = add.seconds("decision", "Deciding who answers", DECISION.histogram());
        let ask = add.seconds("ask", "From being asked to answering", Family::new_with_constructor(ASK));
        let ring_to_dispatch = add.seconds(
            "ring_to_dispatch",
            "From the news of a ring to the agent's dispatch being sent",
            RING.histogram(),
        );
        let ring_to_answer =
            add.seconds("ring_to_answer", "From the news of a ring to the agent's answer", RING.histogram());
        let webhooks =
            add.plain("webhooks", "Events that were told, by what became of them", Family::default());
        let jobs_waiting = add.plain("jobs_waiting", "Jobs that are due or held", Gauge::default());
        let jobs_late = add.plain("jobs_late", "Jobs whose time has come and gone", Gauge::default());
        let database = add.seconds(
            "database",
            "Database work, waiting for its turn included",
            Family::new_with_constructor(DATABASE),
        );
        let in_flight = add.plain("requests_in_flight", "Requests being worked on", Gauge::default());
        let busy = add.plain("requests_busy", "Requests told to come again, by door", Family::default());
        let dispatches = add.plain("dispatches", "Agents dispatched, by outcome", Family::default());
        let reconciled = add.plain(
            "reconcile_findings",
            "What comparing calls with rooms brought to light",
            Family::default(),
        );
        let carrier_polls =
            add.plain("carrier_polls", "Comparing calls with the carrier's, by outcome", Family::default());
        let carrier_calls = add.plain("carrier_calls", "What that brought to light", Family::default());
        let sign_ins = add.plain("sign_ins", "Attempts to sign in, by outcome", Family::default());
        let hashing =
            add.seconds("password_hashing", "Hashing one password, without the wait", HASHING.histogram());
        let live_listeners = add.plain("live_listeners", "Who listens to the live stream", Gauge::default());
        let live_dropped =
            add.plain("live_dropped", "Listeners dropped because they read too slowly", Counter::default());
        let webhooks_sent =
            add.plain("webhooks_sent", "Tries to send a webhook, by what came of them", Family::default());
        let webhooks_waiting =
            add.plain("webhooks_waiting", "Webhooks that are yet to arrive", Gauge::default());
        Metrics(Arc::new(Figures {
            calls_ended,
            decision,
            ask,
            ring_to_dispatch,
            ring_to_answer,
            webhooks,
            jobs_waiting,
            jobs_late,
            database,
            in_flight,
            busy,
            dispatches,
            reconciled,
            carrier_polls,
            carrier_calls,
            sign_ins,
            hashing,
            live_listeners,
            live_dropped,
            webhooks_sent,
            webhooks_waiting,
            registry,
        }))
    }

    /// A call ended, in the words of the table of end reasons.
    pub fn call_ended(&self, status: &'static str, end_reason: &'static str) {
        self.0.calls_ended.get_or_create(&CallLabels { status, end_reason }).inc();
    }

    /// Who answers was decided in this time.
    pub fn decided(&self, took: Duration) {
        self.0.decision.observe(took.as_secs_f64());
    }

    /// An Ask was answered in this time.
    pub fn asked(&self, answer: Answer, took: Duration) {
        let answer = match answer {
            Answer::Agent => "agent",
            Answer::Reject => "reject",
            Answer::Problem => "problem",
        };
        self.0.ask.get_or_create(&AnswerLabels { answer }).observe(took.as_secs_f64());
    }

    /// A call's first dispatch was sent this long after its ring reached us, on our own clock.
    pub fn ring_to_dispatch(&self, took: Duration) {
        self.0.ring_to_dispatch.observe(took.as_secs_f64());
    }

    /// A call was answered this long after its ring reached us, on our own clock.
    pub fn ring_to_answer(&self, took: Duration) {
        self.0.ring_to_answer.observe(took.as_secs_f64());
    }

    /// An event was told. Names that LiveKit does not have today count as `other`.
    pub fn webhook(&self, event: &str, outcome: WebhookOutcome) {
        let event = EVENTS.into_iter().find(|known| *known == event).unwrap_or("other");
        let outcome = match outcome {
            WebhookOutcome::Kept => "kept",
            WebhookOutcome::Duplicate => "duplicate",
            WebhookOutcome::Foreign => "foreign",
            WebhookOutcome::Ignored => "ignored",
            WebhookOutcome::Refused => "refused",
            WebhookOutcome::Failed => "failed",
        };
        self.0.webhooks.get_or_create(&WebhookLabels { event, outcome }).inc();
    }

    /// This many jobs are in the table, and of so many the time has passed.
    pub fn jobs(&self, waiting: u64, late: u64) {
        self.0.jobs_waiting.set(waiting);
        self.0.jobs_late.set(late);
    }

    /// Database work ended, this long after it was asked for.
    pub fn database(&self, kind: Work, outcome: WorkOutcome, took: Duration) {
        let kind = match kind {
            Work::Write => "write",
            Work::Read => "read",
            Work::Report => "report",
        };
        let outcome = match outcome {
            WorkOutcome::Done => "done",
            WorkOutcome::Failed => "failed",
            WorkOutcome::Busy => "busy",
            WorkOutcome::TooSlow => "too_slow",
        };
        self.0.database.get_or_create(&DatabaseLabels { kind, outcome }).observe(took.as_secs_f64());
    }

    /// A request is worked on until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.0.in_flight.inc();
        InFlight(self.clone())
    }

    /// A request was told to come again.
    pub fn busy(&self, door: &'static str) {
        self.0.busy.get_or_create(&DoorLabels { door }).inc();
    }

    /// What a dispatch came to: `sent`, `found` when an earlier try turned out to have arrived, `unsure`, `refused`, `failed`.
    pub fn dispatched(&self, outcome: &'static str) {
        self.0.dispatches.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// What reconciling found: `lost_webhook`, `lost_call`, `lost_caller`, `ghost_room`.
    pub fn reconciled(&self, finding: &'static str) {
        self.0.reconciled.get_or_create(&FindingLabels { finding }).inc();
    }

    /// A round of comparing calls with the carrier's: `done`, `cut_short` when there is more, `failed`.
    pub fn carrier_polled(&self, outcome: &'static str) {
        self.0.carrier_polls.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// What it found: `never_reached`, `joined`, and each time it is looked at `unknown_number`, `before_us`.
    pub fn carrier_found(&self, finding: &'static str) {
        self.0.carrier_calls.get_or_create(&FindingLabels { finding }).inc();
    }

    /// Somebody tried to sign in: `signed_in`, `refused`, `throttled`, `busy`, `failed`.
    pub fn sign_in(&self, outcome: &'static str) {
        self.0.sign_ins.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A password was hashed, or checked, in this time.
    pub fn hashed(&self, took: Duration) {
        self.0.hashing.observe(took.as_secs_f64());
    }

    /// So many listen to the live stream.
    pub fn listeners(&self, count: usize) {
        self.0.live_listeners.set(count as u64);
    }

    /// So many listeners were dropped because they read too slowly.
    pub fn listeners_dropped(&self, count: u64) {
        self.0.live_dropped.inc_by(count);
    }

    /// What a try to send a webhook came to: `delivered`, `failed` when it is tried again, `given_up`, `cancelled`.
    pub fn webhook_sent(&self, outcome: &'static str) {
        self.0.webhooks_sent.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// So many webhooks are yet to arrive.
    pub fn webhooks_waiting(&self, count: u64) {
        self.0.webhooks_waiting.set(count);
    }

    /// All of it as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if text::encode(&mut text, &self.0.registry).is_err() {
            // Writing to a string does not fail, and half an exposition would be worse than none.
            text.clear();
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// One request being worked on.
#[must_use = "the request counts until this is dropped"]
pub struct InFlight(Metrics);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.dec();
    }
}

/// The only route of the metrics listener: `/metrics`.
pub fn router(metrics: Metrics) -> Router {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let show = move || async move { ([(CONTENT_TYPE, OPEN_METRICS)], metrics.encode()) };
    Router::new()
        .route("/metrics", get(show))
        .fallback(problem::no_such_address)
        .method_not_allowed_fallback(problem::method_not_allowed)
}

/// LiveKit's events, and the two simplified ones.
const EVENTS: [&str; 17] = [
    "room_started",
    "room_finished",
    "participant_joined",
    "participant_left",
    "participant_connection_aborted",
    "track_published",
    "track_unpublished",
    "egress_started",
    "egress_updated",
    "egress_ended",
    "ingress_started",
    "ingress_ended",
    "agent_job_pending",
    "agent_job_started",
    "agent_job_ended",
    "room.finished",
    "participant.left",
];

struct Add<'a>(&'a mut Registry);

impl Add<'_> {
    fn plain<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

#[cfg(test)]
mod tests;
