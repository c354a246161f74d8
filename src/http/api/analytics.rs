//! Analytics: what calls come to, by hour, day, number, campaign, agent, status or end reason.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analytics::calendar::{Slot, Unit, slots};
use crate::analytics::{self, Figures, Groups, Key};
use crate::app::App;
use crate::auth::Role;
use crate::call::Status;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::analytics::{self as figures, By, Question};
use crate::http::problem::Problem;
use crate::ids::{CampaignId, NumberId, TenantId};

use super::access::Who;
use super::body::Params;
use super::example::{Example, at, ids};
use super::route::Route;

/// The longest time that is looked at.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);
/// How far back it goes where nobody says.
const USUAL: Duration = Duration::from_secs(30 * 86_400);
/// The most groups that are shown, where they are not of time.
const MOST_GROUPS: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/analytics/calls", calls)
            .named("getCallAnalytics", "analytics", "Add up calls")
            .says(
                "Of the calls that rang from `since` up to `until` (at most 400 days; left out: the last 30), in the \
                 tenant's time zone. Hours and days are all there, also those without calls; a day on which the clocks \
                 change has 23 or 25 hours, and an hour that comes twice is there twice, each with its offset. \
                 Percentiles are by nearest rank.",
            )
            .needs(Role::Viewer)
            .query::<AnalyticsParams>()
            .answers::<CallAnalyticsView>(axum::http::StatusCode::OK, "What they come to."),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AnalyticsParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// That rang at this time or later. Left out: 30 days before `until`.
    since: Option<Timestamp>,
    /// That rang before this time. Left out: now.
    until: Option<Timestamp>,
    /// What they are grouped by. Left out: there are only totals.
    group_by: Option<GroupBy>,
    /// The time zone of hours and days, such as `America/New_York`. Left out: the tenant's; without a tenant UTC.
    #[schemars(length(min = 1, max = 64))]
    time_zone: Option<String>,
    /// To this phone number.
    number_id: Option<NumberId>,
    /// Of this campaign.
    campaign_id: Option<CampaignId>,
    /// That this agent has, or was to have.
    #[schemars(length(min = 1, max = 200))]
    agent_name: Option<String>,
}

/// What calls are grouped by.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum GroupBy {
    Hour,
    Day,
    Number,
    Campaign,
    Agent,
    EndReason,
    Status,
}

/// What calls come to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CallAnalyticsView {
    /// Of this tenant; null: of the whole platform.
    tenant_id: Option<TenantId>,
    /// From when.
    since: Timestamp,
    /// Up to when.
    until: Timestamp,
    /// The time zone of hours and days.
    time_zone: String,
    /// What they are grouped by.
    group_by: Option<GroupBy>,
    /// All of them.
    totals: CallFiguresView,
    /// The groups: by time, or else the largest first.
    groups: Vec<CallGroupView>,
    /// How many groups are not shown, as there are more than 1,000.
    left_out: usize,
}

/// The calls of a group.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CallGroupView {
    /// What the group goes by: `2025-10-09`, `2025-10-09T11:00:00-04:00`, an id, a name or a word; null for calls that
    /// have none.
    key: Option<String>,
    /// What people call it: a number in E.164, or a campaign's name.
    name: Option<String>,
    /// When the hour or day begins.
    starts_at: Option<Timestamp>,
    /// When the next one begins.
    ends_at: Option<Timestamp>,
    #[serde(flatten)]
    figures: CallFiguresView,
}

/// Figures of calls.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CallFiguresView {
    /// How many there are: completed, missed, rejected, failed or open.
    volume: i64,
    /// How many were answered, however they ended.
    answered: i64,
    /// How many were answered and are over.
    completed: i64,
    /// How many nobody answered.
    missed: i64,
    /// How many were refused.
    rejected: i64,
    /// How many broke.
    failed: i64,
    /// How many have not ended.
    open: i64,
    /// `answered` of `volume`, from 0 to 1; null without calls.
    answer_rate: Option<f64>,
    /// How many were refused for each reason that there was.
    rejected_by_reason: BTreeMap<&'static str, i64>,
    /// From answer to end, of those that were answered and are over.
    duration_seconds: CallDurationView,
    /// From ring to decision, in milliseconds.
    time_to_decision_ms: Option<PercentilesView>,
    /// From ring to answer, in milliseconds, of those that were answered.
    time_to_answer_ms: Option<PercentilesView>,
}

/// How long calls were, in seconds.
#[derive(Copy, Clone, Debug, Serialize, JsonSchema)]
struct CallDurationView {
    /// All together.
    total: i64,
    /// Of one; null without calls.
    average: Option<f64>,
}

/// How long most took.
#[derive(Copy, Clone, Debug, Serialize, JsonSchema)]
struct PercentilesView {
    /// Half took no longer.
    p50: i64,
    /// 95 in 100 took no longer.
    p95: i64,
    /// 99 in 100 took no longer.
    p99: i64,
}

async fn calls(
    State(app): State<App>,
    who: Who,
    Params(params): Params<AnalyticsParams>,
) -> Result<Json<CallAnalyticsView>, Problem> {
    let tenant = who.narrowed_to(params.tenant_id.clone())?;
    let range = range(&params, app.clock.now())?;
    let zone = params.time_zone.as_deref().map(zone_named).transpose()?;
    app.db.report(move |tx| add_up(tx, tenant, range, zone, params)).await.map(Json)
}

fn add_up(
    tx: &mut Tx<'_>,
    tenant: Option<TenantId>,
    (since, until): (Timestamp, Timestamp),
    given: Option<TimeZone>,
    params: AnalyticsParams,
) -> Result<CallAnalyticsView, Problem> {
    let own = tenant.as_ref().map(|tenant| figures::time_zone(tx, tenant)).transpose()?;
    let own = own.map(|zone| zone.ok_or(Problem::NotFound("tenant"))).transpose()?;
    let zone = match (given, own) {
        (Some(given), _) => given,
        (None, Some(own)) => zone_named(&own)?,
        (None, None) => TimeZone::UTC,
    };
    let times = match params.group_by {
        Some(GroupBy::Hour) => slots(&zone, Unit::Hour, since, until),
        Some(GroupBy::Day) => slots(&zone, Unit::Day, since, until),
        _ => Vec::new(),
    };
    let question = Question {
        tenant,
        since,
        until,
        number: params.number_id,
        campaign: params.campaign_id,
        agent: params.agent_name,
        by: by(params.group_by, &times),
    };
    let groups = figures::read(tx, &question)?;
    let totals = CallFiguresView::of(figures::total(&groups));
    let (groups, left_out) = match params.group_by {
        None => (Vec::new(), 0),
        Some(GroupBy::Hour | GroupBy::Day) => (by_time(times, groups), 0),
        Some(_) => by_size(tx, &question, groups)?,
    };
    let time_zone = zone.iana_name().unwrap_or("UTC").to_owned();
    let (tenant_id, group_by) = (question.tenant, params.group_by);
    Ok(CallAnalyticsView { tenant_id, since, until, time_zone, group_by, totals, groups, left_out })
}

fn range(params: &AnalyticsParams, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let until = params.until.unwrap_or(now);
    let since = params.since.unwrap_or(until.saturating_sub(USUAL));
    if until <= since {
        return Err(Problem::invalid_parameter("until", "must be later than since"));
    }
    if until.since(since) > LONGEST {
        return Err(Problem::invalid_parameter("since", "must be at most 400 days before until"));
    }
    Ok((since, until))
}

fn zone_named(name: &str) -> Result<TimeZone, Problem> {
    TimeZone::get(name).map_err(|_| {
        Problem::invalid_parameter("timeZone", "is no time zone: write one such as America/New_York or UTC")
    })
}

fn by(group_by: Option<GroupBy>, times: &[Slot]) -> By {
    match group_by {
        Some(GroupBy::Hour | GroupBy::Day) => By::Time(times.iter().map(|slot| slot.start).collect()),
        Some(GroupBy::Number) => By::Number,
        Some(GroupBy::Campaign) => By::Campaign,
        Some(GroupBy::Agent) => By::Agent,
        Some(GroupBy::EndReason) => By::EndReason,
        Some(GroupBy::Status) => By::Status,
        None => By::Nothing,
    }
}

/// All hours or days, also those without calls.
fn by_time(times: Vec<Slot>, mut groups: Groups) -> Vec<CallGroupView> {
    let shown = times.into_iter().enumerate().map(|(n, slot)| CallGroupView {
        key: Some(slot.name),
        name: None,
        starts_at: Some(slot.start),
        ends_at: Some(slot.end),
        figures: CallFiguresView::of(groups.remove(&Key::Slot(n + 1)).unwrap_or_default()),
    });
    shown.collect()
}

/// The largest groups first, with what they are called; and how many more there are.
fn by_size(
    tx: &mut Tx<'_>,
    question: &Question,
    groups: Groups,
) -> Result<(Vec<CallGroupView>, usize), Problem> {
    let mut groups: Vec<_> =
        groups.into_iter().map(|(key, figures)| (figures.volume(), key, figures)).collect();
    groups.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let left_out = groups.len().saturating_sub(MOST_GROUPS);
    groups.truncate(MOST_GROUPS);
    let ids: Vec<_> = groups.iter().filter_map(|(_, key, _)| text(key)).collect();
    let names: HashMap<_, _> =
        figures::names(tx, &question.by, &ids, question.tenant.as_ref())?.into_iter().collect();
    let shown = groups.into_iter().map(|(_, key, figures)| {
        let key = text(&key).map(ToOwned::to_owned);
        let name = key.as_ref().and_then(|key| names.get(key).cloned());
        CallGroupView { key, name, starts_at: None, ends_at: None, figures: CallFiguresView::of(figures) }
    });
    Ok((shown.collect(), left_out))
}

fn text(key: &Key) -> Option<&str> {
    match key {
        Key::Text(text) => text.as_deref(),
        Key::Status(status) => Some(status.as_str()),
        Key::EndReason(reason) => reason.map(|reason| reason.as_str()),
        Key::Slot(_) => None,
    }
}

impl CallFiguresView {
    fn of(mut figures: Figures) -> CallFiguresView {
        let (volume, answered) = (figures.volume(), figures.answered());
        let (talks, total) = figures.talks();
        let rejected = figures.by_reasons().filter(|(reason, _)| reason.status() == Status::Rejected);
        let rejected_by_reason = rejected.map(|(reason, calls)| (reason.as_str(), calls)).collect();
        let [to_decision, to_answer] = figures.percentiles();
        CallFiguresView {
            volume,
            answered,
            completed: figures.ended(Status::Completed),
            missed: figures.ended(Status::Missed),
            rejected: figures.ended(Status::Rejected),
            failed: figures.ended(Status::Failed),
            open: figures.open(),
            answer_rate: part(answered, volume),
            rejected_by_reason,
            duration_seconds: CallDurationView { total, average: part(total, talks) },
            time_to_decision_ms: to_decision.map(PercentilesView::of),
            time_to_answer_ms: to_answer.map(PercentilesView::of),
        }
    }
}

impl PercentilesView {
    const fn of(percentiles: analytics::Percentiles) -> PercentilesView {
        let analytics::Percentiles { p50, p95, p99 } = percentiles;
        PercentilesView { p50, p95, p99 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share or an average of counts far below 2^53")]
fn part(of: i64, all: i64) -> Option<f64> {
    (all != 0).then(|| of as f64 / all as f64)
}

impl Example for CallAnalyticsView {
    fn example() -> CallAnalyticsView {
        let figures = || CallFiguresView {
            volume: 120,
            answered: 100,
            completed: 98,
            missed: 12,
            rejected: 7,
            failed: 2,
            open: 1,
            answer_rate: part(100, 120),
            rejected_by_reason: BTreeMap::from([("campaign_full", 5), ("campaign_paused", 2)]),
            duration_seconds: CallDurationView { total: 18_300, average: part(18_300, 100) },
            time_to_decision_ms: Some(PercentilesView { p50: 210, p95: 480, p99: 900 }),
            time_to_answer_ms: Some(PercentilesView { p50: 1_400, p95: 3_200, p99: 6_100 }),
        };
        CallAnalyticsView {
            tenant_id: Some(ids::TENANT.into()),
            since: at(0),
            until: at(86_400),
            time_zone: "America/New_York".to_owned(),
            group_by: Some(GroupBy::Campaign),
            totals: figures(),
            groups: vec![CallGroupView {
                key: Some(ids::CAMPAIGN.to_owned()),
                name: Some("New patients".to_owned()),
                starts_at: None,
                ends_at: None,
                figures: figures(),
            }],
            left_out: 0,
        }
    }
}
