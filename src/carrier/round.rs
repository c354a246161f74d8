//! One round: pages of the carrier's calls, each compared with ours and done with before the next is asked for.

use std::collections::HashMap;

use serde::Serialize;
use twilio::{CallFilter, Direction};

use crate::app::App;
use crate::call::Call;
use crate::call::carrier::{Carried, Ours as Said, Telling};
use crate::call::fact::{Fact, What};
use crate::carry_out;
use crate::clock::Timestamp;
use crate::db::carrier::{self, Known, Place, Sweep};
use crate::db::{self, calls, leases};
use crate::hear::{self, Heard, Hearing};
use crate::ids::CallId;
use crate::logs;
use crate::phone::{self, Caller};

use super::window::{self, Judged};

/// After so many calls a round is cut short: the next goes on below them.
const CEILING: usize = 5_000;
/// So many findings are named to whoever asked for a round.
const NAMED: usize = 200;

/// How a round is made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Looks at everything since then, instead of from where the last round had come to.
    pub since: Option<Timestamp>,
    /// Writes nothing.
    pub dry_run: bool,
}

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Calls at Twilio through trunks of the account, to any number.
    pub looked_at: u64,
    /// Calls of ours of which more is known now.
    pub joined: u64,
    /// Calls that never reached us.
    pub never_reached: u64,
    /// Calls that are as they were.
    pub unchanged: u64,
    /// Calls that are still going on, or over for less than two minutes.
    pub too_young: u64,
    /// Calls to numbers that are not ours.
    pub unknown_number: u64,
    /// Calls from before their number was ours.
    pub before_us: u64,
    /// There is more to be looked at: the next round goes on.
    pub cut_short: bool,
    /// What was found, the first 200 of them.
    pub findings: Vec<Finding>,
}

/// A call that something was found about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// `never_reached` or `joined`.
    pub finding: &'static str,
    /// Our call; of a round that writes nothing, the one there is.
    pub call_id: Option<CallId>,
    /// Twilio's name of it.
    pub call_sid: String,
    /// The number that was dialled.
    pub to_number: String,
    /// When it began at Twilio.
    pub started_at: Timestamp,
    /// Where Twilio's word is not ours.
    pub disagreements: Vec<String>,
}

/// A call at the carrier, in our words.
struct There {
    word: Carried,
    to: Option<String>,
    from: Option<String>,
    number_sid: Option<String>,
}

/// Looks at what is new, and whether what was looked at before has changed.
///
/// # Errors
/// When Twilio or the database does not answer; what was done by then is kept.
pub async fn round(app: &App, client: &twilio::Client, options: &Options) -> anyhow::Result<Report> {
    let now = app.clock.now();
    let (mut place, mut sweep) = begin(app, client, options, now).await?;
    let mut report = Report::default();
    let mut pages = client.calls(&CallFilter {
        started_since: Some(sweep.asked_since().micros()),
        started_until: sweep.asked_until().map(Timestamp::micros),
        ..CallFilter::default()
    });
    let keeps = options.since.is_none() && !options.dry_run;
    // What an earlier round had done is looked at again where it is near, and not counted: this one gets further.
    let (from, mut looked_at) = (sweep, 0);
    while let Some(page) = pages.next_page().await? {
        let began: Vec<_> =
            page.iter().filter_map(|call| call.start_time).map(Timestamp::from_micros).collect();
        if sweep.is_past(&began) {
            break;
        }
        let wanted: Vec<_> = page
            .into_iter()
            .filter_map(There::of)
            .filter(|there| from.wants(there.word.started_at))
            .collect();
        looked_at += began.iter().filter(|began| from.wants(**began) && **began <= from.below).count();
        compare(app, wanted, options, &mut report).await?;
        sweep = sweep.after(&began);
        place.sweep = Some(sweep);
        if app.stop().is_cancelled() || (keeps && !keep(app, client, place).await?) {
            report.cut_short = true;
            return Ok(report);
        }
        if keeps && looked_at >= CEILING {
            report.cut_short = true;
            return Ok(report);
        }
    }
    if keeps {
        keep(app, client, window::settled(&place, &sweep)).await?;
    }
    Ok(report)
}

/// Where this round is to look.
async fn begin(
    app: &App,
    client: &twilio::Client,
    options: &Options,
    now: Timestamp,
) -> db::Result<(Place, Sweep)> {
    if let Some(since) = options.since {
        return Ok((window::first(now), Sweep { since, top: now, below: now }));
    }
    let account = client.account_sid().to_owned();
    let place = app.db.read(move |tx| carrier::place(tx, &account)).await?;
    Ok(window::next(&place.unwrap_or_else(|| window::first(now)), now))
}

/// Keeps how far it has come; false where somebody else goes on, as this took so long that the lease ran out.
async fn keep(app: &App, client: &twilio::Client, place: Place) -> db::Result<bool> {
    let (account, now, lasts) = (client.account_sid().to_owned(), app.clock.now(), super::lasts(app));
    let (name, me) = (super::lease(client), app.me().to_owned());
    app.db
        .write(move |tx| -> db::Result<_> {
            let is_ours = leases::take(tx, &name, &me, now, lasts)?;
            if is_ours {
                carrier::keep(tx, &account, &place, now)?;
            }
            Ok(is_ours)
        })
        .await
}

impl There {
    /// Calls that came from a telephone through a trunk, and that have begun.
    fn of(call: twilio::Call) -> Option<There> {
        if call.direction != Some(Direction::TrunkingOriginating) {
            return None;
        }
        let word = Carried {
            call_sid: call.sid,
            status: call.status.map(|status| status.to_string()).unwrap_or_default(),
            started_at: Timestamp::from_micros(call.start_time?),
            ended_at: call.end_time.map(Timestamp::from_micros),
            duration: call.duration_s.map(i64::from),
            // An account in another currency is told its unit with the price.
            price_unit: call.price_unit.filter(|_| call.price.is_some()),
            price: call.price,
        };
        Some(There { word, to: call.to, from: call.from, number_sid: call.phone_number_sid })
    }

    /// The number that was dialled, where it is written as one.
    fn dialled(&self) -> Option<String> {
        let to = phone::caller(self.to.as_deref()?, "US");
        to.number().map(ToString::to_string)
    }
}

/// What we know of a page's calls.
struct Ours {
    /// By the carrier's name: the project of the call, and the call.
    calls: HashMap<String, (String, Call)>,
    numbers: Vec<Known>,
}

impl Ours {
    fn number(&self, there: &There) -> Option<&Known> {
        let dialled = there.dialled();
        let by_sid = |known: &&Known| there.number_sid.is_some() && known.sid == there.number_sid;
        let by_number = |known: &&Known| Some(known.number.as_str()) == dialled.as_deref();
        self.numbers.iter().find(by_number).or_else(|| self.numbers.iter().find(by_sid))
    }
}

async fn compare(app: &App, page: Vec<There>, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if page.is_empty() {
        return Ok(());
    }
    let ours = ours(app, &page).await?;
    let now = app.clock.now();
    for there in page {
        let known = ours.calls.get(&there.word.call_sid);
        let number = ours.number(&there);
        let call = known.map(|(_, call)| call);
        report.looked_at += 1;
        match window::judge(&there.word, call, number.map(|number| number.since), now) {
            Judged::NotOurs => count(app, &mut report.unknown_number, "unknown_number"),
            Judged::BeforeUs => count(app, &mut report.before_us, "before_us"),
            Judged::TooYoung => report.too_young += 1,
            Judged::Known => report.unchanged += 1,
            Judged::Joins | Judged::NeverReached => {
                let project = known.map(|(project, _)| project.clone());
                let fact = fact(app, &there, project, number);
                let found = take_in(app, fact, options.dry_run).await?;
                note(report, &there, found, options.dry_run);
            }
        }
    }
    Ok(())
}

fn count(app: &App, of: &mut u64, finding: &'static str) {
    *of += 1;
    app.metrics.carrier_found(finding);
}

/// Everything that we know of these calls, in one look.
async fn ours(app: &App, page: &[There]) -> db::Result<Ours> {
    let sids: Vec<String> = page.iter().map(|there| there.word.call_sid.clone()).collect();
    let numbers: Vec<String> = page.iter().filter_map(There::dialled).collect();
    let number_sids: Vec<String> = page.iter().filter_map(|there| there.number_sid.clone()).collect();
    let mut projects: Vec<String> = app.projects.keys().cloned().collect();
    projects.push(app.doors.default_project.clone());
    app.db
        .report(move |tx| -> db::Result<_> {
            let (projects, sids) = (texts(&projects), texts(&sids));
            let named = calls::carried_as(tx, &projects, &sids)?;
            let ids: Vec<&str> = named.iter().map(|(_, _, id)| &**id).collect();
            let found = calls::by_ids(tx, &ids)?;
            let mut by_id: HashMap<CallId, Call> =
                found.into_iter().map(|call| (call.id.clone(), call)).collect();
            let calls = named
                .into_iter()
                .filter_map(|(sid, project, id)| Some((sid, (project, by_id.remove(&id)?))))
                .collect();
            let numbers = carrier::known_numbers(tx, &texts(&numbers), &texts(&number_sids))?;
            Ok(Ours { calls, numbers })
        })
        .await
}

fn texts(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

/// The carrier's word as a fact. The same word again is the same fact.
fn fact(app: &App, there: &There, project: Option<String>, number: Option<&Known>) -> Fact {
    let word = there.word.clone();
    let said = (&word.status, word.duration.unwrap_or(0), word.price.as_deref().unwrap_or("-"));
    let id = format!("twilio/{}/{}/{}/{}", word.call_sid, said.0, said.1, said.2);
    let called = number.map(|number| number.number.to_string()).or_else(|| there.dialled());
    let from = there.from.clone().unwrap_or_default();
    let caller = if phone::caller(&from, "US") == Caller::Withheld { String::new() } else { from };
    Fact {
        id,
        project: project.unwrap_or_else(|| project_of(app, number)),
        at: word.started_at,
        room: None,
        what: What::Carried(Box::new(Telling {
            called: called.unwrap_or_default(),
            caller,
            word,
            reached: true,
        })),
    }
}

/// Through which LiveKit project a number's calls should have come: that of its tenant's trunks, if there is one.
fn project_of(app: &App, number: Option<&Known>) -> String {
    let routing = app.routing();
    let trunks = number.and_then(|number| routing.tenants.get(&number.tenant)).map(|tenant| &tenant.trunks);
    let mut projects: Vec<&str> = trunks.into_iter().flatten().map(|(project, _)| project.as_str()).collect();
    projects.sort_unstable();
    projects.dedup();
    match projects.as_slice() {
        [one] => (*one).to_owned(),
        _ => app.doors.default_project.clone(),
    }
}

/// What would have been heard, undone.
enum Undone {
    Heard(Box<Heard>),
    Failed(db::Error),
}

impl From<db::Error> for Undone {
    fn from(error: db::Error) -> Undone {
        Undone::Failed(error)
    }
}

/// A call that was heard of, and whether for the first time.
type Found = Option<(Call, bool)>;

/// Hears it, and carries out what follows; or only looks what would be heard.
async fn take_in(app: &App, fact: Fact, dry_run: bool) -> db::Result<Found> {
    // Without the numbers: they are kept with the call.
    let body = match &fact.what {
        What::Carried(telling) => serde_json::json!({ "twilio": telling.word }).to_string(),
        _ => String::new(),
    };
    if dry_run {
        return would_hear(app, fact, body).await;
    }
    let heard = app.hear(fact, body).await?;
    let found = first(&heard);
    if let Some((call, fresh)) = &found {
        app.metrics.carrier_found(if *fresh { "never_reached" } else { "joined" });
        logs::of_call(&call.id).in_scope(|| tell(call, *fresh));
    }
    carry_out::carry_out(app, heard, None);
    Ok(found)
}

async fn would_hear(app: &App, fact: Fact, body: String) -> db::Result<Found> {
    let (routing, timing, now, holder) = (app.routing(), app.timing, app.clock.now(), app.me().to_owned());
    let undone: Result<(), Undone> = app
        .db
        .write(move |tx| {
            let with = Hearing { routing: &routing, timing: &timing, now, holder: &holder };
            Err(Undone::Heard(Box::new(hear::hear(tx, &fact, &body, &with)?)))
        })
        .await;
    match undone {
        Err(Undone::Heard(heard)) => Ok(first(&heard)),
        Err(Undone::Failed(error)) => Err(error),
        Ok(()) => Ok(None),
    }
}

fn first(heard: &Heard) -> Found {
    match heard {
        Heard::Calls(touched) => touched.first().map(|one| (one.call.clone(), one.fresh)),
        _ => None,
    }
}

/// Logs what the carrier's word brought to light.
fn tell(call: &Call, fresh: bool) {
    if fresh {
        let (from, to) = (phone::masked(&call.ring.caller), phone::masked(&call.ring.called));
        tracing::warn!(from, to, "a call rang at Twilio and never reached us");
        return;
    }
    for differs in disagreements(call) {
        tracing::warn!("the carrier's side of a call is another: {differs}");
    }
}

fn disagreements(call: &Call) -> Vec<String> {
    let word = call.evidence.carrier.as_ref();
    let found = word.map(|word| word.disagreements(&Said::of(call))).unwrap_or_default();
    found.into_iter().map(|differs| differs.says).collect()
}

/// Adds what was found to what the round came to.
fn note(report: &mut Report, there: &There, found: Found, dry_run: bool) {
    let Some((call, fresh)) = found else {
        report.unchanged += 1;
        return;
    };
    let finding = if fresh { "never_reached" } else { "joined" };
    *(if fresh { &mut report.never_reached } else { &mut report.joined }) += 1;
    if report.findings.len() < NAMED {
        report.findings.push(Finding {
            finding,
            call_id: (!fresh || !dry_run).then(|| call.id.clone()),
            call_sid: there.word.call_sid.clone(),
            to_number: call.ring.called.clone(),
            started_at: there.word.started_at,
            disagreements: disagreements(&call),
        });
    }
}
