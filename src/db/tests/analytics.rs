//! What analytics add up, against the same figures by hand, where clocks change; and that they look at no calls for it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::analytics::calendar::{Slot, Unit, slots};
use crate::analytics::{Figures, Key, Percentiles};
use crate::call::{Call, Status};

use super::super::analytics::{self, By, Grid, Question, counted_text, ended_text, slot};
use super::super::migrate;
use super::filled;
use super::*;

/// Zones at times when their clocks are moved: by an hour, by half of one, at midnight, not at all.
const PLACES: [(&str, &str); 6] = [
    ("America/New_York", "2025-11-02T06:00:00Z"),
    ("America/New_York", "2025-03-09T07:00:00Z"),
    ("Australia/Lord_Howe", "2025-04-05T15:00:00Z"),
    ("Africa/Cairo", "2025-04-24T22:00:00Z"),
    ("Asia/Kathmandu", "2025-10-09T00:00:00Z"),
    ("Pacific/Chatham", "2025-09-27T14:00:00Z"),
];

fn question(since: Timestamp, until: Timestamp, by: By) -> Question {
    Question { tenant: Some("tnt_1".into()), since, until, number: None, campaign: None, agent: None, by }
}

fn is_asked_for(question: &Question, call: &Call) -> bool {
    let decision = call.decision.as_ref();
    let rang_at = call.outcome.rang_at;
    question.tenant.as_ref().is_none_or(|tenant| call.tenant() == Some(tenant))
        && (question.since <= rang_at && rang_at < question.until)
        && question.number.is_none_or_is(decision.and_then(|decision| decision.number.as_ref()))
        && question.campaign.is_none_or_is(decision.and_then(|decision| decision.campaign.as_ref()))
        && question.agent.as_deref().is_none_or(|agent| call.agent() == Some(agent))
}

trait NoneOrIs<T> {
    fn is_none_or_is(&self, has: Option<&T>) -> bool;
}

impl<T: PartialEq> NoneOrIs<T> for Option<T> {
    fn is_none_or_is(&self, has: Option<&T>) -> bool {
        self.is_none() || self.as_ref() == has
    }
}

/// What one would find with pencil and paper.
#[derive(Debug, Default, PartialEq)]
struct ByHand {
    statuses: BTreeMap<Status, i64>,
    reasons: BTreeMap<&'static str, i64>,
    answered: i64,
    talks: (i64, i64),
    percentiles: [Option<[i64; 3]>; 2],
}

fn by_hand<'c>(calls: impl IntoIterator<Item = &'c Call>) -> ByHand {
    let (mut hand, mut to_decision, mut to_answer) = (ByHand::default(), Vec::new(), Vec::new());
    let millis = |call: &Call, at: Timestamp| (at.micros() - call.outcome.rang_at.micros()).max(0) / 1000;
    for call in calls {
        let open = call.is_open();
        *hand.statuses.entry(if open { Status::Ringing } else { call.outcome.status }).or_default() += 1;
        if let Some(reason) = call.outcome.end_reason {
            *hand.reasons.entry(reason.as_str()).or_default() += 1;
        }
        to_decision.extend(call.decision.as_ref().map(|decision| millis(call, decision.at)));
        if let Some(at) = call.outcome.answered_at {
            hand.answered += 1;
            to_answer.push(millis(call, at));
            if !open {
                hand.talks = (hand.talks.0 + 1, hand.talks.1 + call.outcome.duration.unwrap());
            }
        }
    }
    hand.percentiles = [to_decision, to_answer].map(|mut times| {
        times.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let at = |part: f64| times[(times.len() as f64 * part).ceil() as usize - 1];
        (!times.is_empty()).then(|| [at(0.5), at(0.95), at(0.99)])
    });
    hand
}

/// The same of what was read.
fn as_by_hand(mut figures: Figures) -> ByHand {
    let ends = [Status::Completed, Status::Missed, Status::Rejected, Status::Failed];
    let statuses = ends.map(|status| (status, figures.ended(status)));
    let open = (Status::Ringing, figures.open());
    let triple = |p: Percentiles| [p.p50, p.p95, p.p99];
    ByHand {
        statuses: statuses.into_iter().chain([open]).filter(|(_, calls)| *calls > 0).collect(),
        reasons: figures.by_reasons().map(|(reason, calls)| (reason.as_str(), calls)).collect(),
        answered: figures.answered(),
        talks: figures.talks(),
        percentiles: figures.percentiles().map(|times| times.map(triple)),
    }
}

async fn read(db: &Db, question: &Question) -> crate::analytics::Groups {
    let question = question.clone();
    db.report(move |tx| analytics::read(tx, &question)).await.unwrap()
}

#[tokio::test]
async fn hours_and_days_are_those_of_the_clock_on_the_wall() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_secs(20)).await {
        migrate::run(&fresh.db, filled::FIRST).await.unwrap();
        for (seed, (zone, around)) in (1_u64..).zip(PLACES) {
            let zone = TimeZone::get(zone).unwrap();
            let around: Timestamp = around.parse().unwrap();
            let calls = filled::random(500, seed, around);
            let kept = calls.clone();
            fresh.db.write(move |tx| filled::keep(tx, &kept)).await.unwrap();
            let (since, until) =
                (around.saturating_sub(HALF_A_DAY), around.saturating_add(HALF_A_DAY * 3 / 2));
            for unit in [Unit::Hour, Unit::Day] {
                let slots = slots(&zone, unit, since, until);
                let question =
                    question(since, until, By::Time(slots.iter().map(|slot| slot.start).collect()));
                let mut found = read(&fresh.db, &question).await;
                for (n, slot) in slots.iter().enumerate() {
                    let in_it = calls.iter().filter(|call| is_asked_for(&question, call));
                    let in_it =
                        in_it.filter(|call| name_of(&zone, unit, call.outcome.rang_at) == short(slot, unit));
                    let read = as_by_hand(found.remove(&Key::Slot(n + 1)).unwrap_or_default());
                    assert_eq!(read, by_hand(in_it), "{zone:?} {slot:?}");
                }
                assert!(found.is_empty(), "calls in no hour or day: {found:?}");
            }
            fresh.db.write(|tx| tx.execute("delete from calls", &[])).await.unwrap();
            fresh.db.write(|tx| tx.execute("delete from call_tags", &[])).await.unwrap();
            fresh.db.write(|tx| tx.execute("delete from call_keys", &[])).await.unwrap();
        }
    }
}

const HALF_A_DAY: Duration = Duration::from_secs(12 * 3600);

/// What somebody there would write down: the date, or the date, the hour and how the clock is set.
fn name_of(zone: &TimeZone, unit: Unit, at: Timestamp) -> String {
    let there = jiff::Timestamp::from_microsecond(at.micros()).unwrap().to_zoned(zone.clone());
    let format = if unit == Unit::Day { "%Y-%m-%d" } else { "%Y-%m-%dT%H %:z" };
    there.strftime(format).to_string()
}

/// The same of a slot, whose hour may begin at half past.
fn short(slot: &Slot, unit: Unit) -> String {
    match unit {
        Unit::Day => slot.name.clone(),
        Unit::Hour => format!("{} {}", &slot.name[..13], &slot.name[19..]),
    }
}

#[tokio::test]
async fn groups_and_filters_come_to_what_they_do_by_hand() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_secs(20)).await {
        migrate::run(&fresh.db, filled::FIRST).await.unwrap();
        let calls = filled::random(800, 42, filled::FIRST);
        let kept = calls.clone();
        fresh.db.write(move |tx| filled::keep(tx, &kept)).await.unwrap();
        let (since, until) =
            (filled::FIRST.saturating_sub(HALF_A_DAY), filled::FIRST.saturating_add(HALF_A_DAY));
        for by in [By::Number, By::Campaign, By::Agent, By::EndReason, By::Status, By::Nothing] {
            let of_tenant = question(since, until, by);
            let all = [
                of_tenant.clone(),
                Question { tenant: None, ..of_tenant.clone() },
                Question { number: Some("num_tnt_1_2".into()), ..of_tenant.clone() },
                Question { campaign: Some("cmp_tnt_1_1".into()), ..of_tenant.clone() },
                Question { agent: Some("agent-1".into()), ..of_tenant.clone() },
                Question { agent: Some("nobody".into()), ..of_tenant },
            ];
            for question in all {
                let mut expected: BTreeMap<Key, Vec<&Call>> = BTreeMap::new();
                for call in calls.iter().filter(|call| is_asked_for(&question, call)) {
                    expected.entry(key(&question.by, call)).or_default().push(call);
                }
                let mut found = read(&fresh.db, &question).await;
                let total = as_by_hand(analytics::total(&found));
                assert_eq!(total, by_hand(expected.values().flatten().copied()), "{question:?}");
                for (key, calls) in expected {
                    let read = found.remove(&key).map(as_by_hand);
                    assert_eq!(read, Some(by_hand(calls)), "{question:?} {key:?}");
                }
                assert!(found.is_empty(), "{question:?} {found:?}");
            }
        }
    }
}

fn key(by: &By, call: &Call) -> Key {
    let decision = call.decision.as_ref();
    let text = |text: Option<&str>| Key::Text(text.map(ToOwned::to_owned));
    match by {
        By::Number => text(decision.and_then(|decision| decision.number.as_deref())),
        By::Campaign => text(decision.and_then(|decision| decision.campaign.as_deref())),
        By::Agent => text(call.agent()),
        By::EndReason => Key::EndReason(call.outcome.end_reason),
        By::Status => Key::Status(call.outcome.status),
        By::Time(_) | By::Nothing => Key::Text(None),
    }
}

#[tokio::test]
async fn everything_that_is_added_up_is_in_one_index() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_secs(60)).await {
        migrate::run(&fresh.db, filled::FIRST).await.unwrap();
        let fill = filled::rows(50_000) + "analyze calls; analyze call_tags;";
        fresh.db.unlimited(move |tx| tx.script(&fill)).await.unwrap();
        for by in [By::Number, By::Campaign, By::Agent, By::EndReason] {
            let question = question(filled::FIRST, filled::FIRST.saturating_add(HALF_A_DAY * 10), by);
            let plan = match fresh.db.engine() {
                Engine::Sqlite => sqlite_plan(&fresh, &question).await,
                Engine::Postgres => postgres_plan(&fresh, &question),
            };
            let only =
                plan.contains("USING COVERING INDEX calls_figures") || plan.contains("Index Only Scan");
            assert!(only && plan.contains("calls_figures"), "{plan}");
        }
    }
}

async fn sqlite_plan(fresh: &Fresh, question: &Question) -> String {
    let explain: &'static str =
        Box::leak(format!("explain query plan {}", ended_text(question)).into_boxed_str());
    let (since, until) = (question.since, question.until);
    let read = fresh.db.read(move |tx| {
        let none = None::<&str>;
        tx.all(explain, &[&since, &until, &none, &none, &none, &"tnt_1"], |row| row.get::<String>("detail"))
    });
    read.await.unwrap().join("\n")
}

fn postgres_plan(fresh: &Fresh, question: &Question) -> String {
    let (since, until) = (question.since.micros(), question.until.micros());
    let text = format!("prepare figures as {}", counted_text(question));
    let execute =
        format!("explain execute figures ({since}, 1, {since}, {until}, null, null, null, 'tnt_1')");
    let url = fresh.options.url.clone();
    let explained = std::thread::spawn(move || {
        let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls).unwrap();
        // As after a vacuum, which a schema of a test's own does not get in time.
        client.batch_execute("vacuum calls")?;
        client.batch_execute(&text)?;
        client.query(&execute, &[])
    });
    let rows = explained.join().unwrap().unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

proptest::proptest! {
    /// However long the stretches are, and wherever in the first of them the question begins.
    #[test]
    fn a_grid_tells_the_stretches_of_time_apart(
        gaps in proptest::collection::vec(proptest::sample::select(vec![900, 1_800, 3_600, 82_800, 86_400, 90_000]), 1..30),
        begins in 0..900_u64,
        at in 0..1_000_000_u64,
    ) {
        let mut starts = vec![filled::FIRST];
        for gap in &gaps {
            starts.push(starts[starts.len() - 1].saturating_add(Duration::from_secs(*gap)));
        }
        let since = filled::FIRST.saturating_add(Duration::from_secs(begins));
        let (rang_at, until) = (since.saturating_add(Duration::from_secs(at)), Timestamp::MAX);
        let grid = Grid::of(&question(since, until, By::Time(starts.clone())));
        let found = grid.slot(&starts, grid.number(rang_at.micros()));
        proptest::prop_assert_eq!(found, slot(&starts, rang_at.micros()));
        // And with so few stretches that there is no step from one to another.
        let grid = Grid::of(&question(since, until, By::Time(starts[..2].to_vec())));
        let found = grid.slot(&starts[..2], grid.number(rang_at.micros()));
        proptest::prop_assert_eq!(found, slot(&starts[..2], rang_at.micros()));
    }
}
