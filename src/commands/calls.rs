//! `calls`: the ledger as a list, one call in full, or live.

use anyhow::{Context as _, bail};
use comfy_table::Cell;
use serde_json::json;

use crate::call::{Call, EndReason, Status};
use crate::db::calls::{self, Filter};
use crate::db::{self, Db};
use crate::ids::CallId;
use crate::views::{CallDetail, CallView, CarrierView};

use super::filters::Filters;
use super::screen::{self, Screen};
use super::{Context, Ended, follow, receipt, reconcile, words};

const EXAMPLES: &str = "\
`--reason` is one of the words that the list and `calls show` print, such as campaign_full. Numbers may be written
as people write them. Exit code 1 when there is no such call.

Examples:
  switchboard calls --since 1h --status missed
  switchboard calls --number '(415) 555-0123' --limit 5
  switchboard calls --follow
  switchboard calls --json | jq '.calls[] | select(.duration > 60)'
  switchboard calls show 0199c9a41c0a       the beginning of an id is enough";

/// What `calls` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    filters: Filters,
    /// List at most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=200))]
    limit: i64,
    /// Go on: print each call again whenever it changes, until stopped
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, clap::Subcommand)]
enum One {
    /// Show one call in full: its fields, why it was decided so, what happened
    Show {
        /// The call's id, or the beginning of it
        id: String,
    },
    /// Compare calls with the carrier's: which never reached us, what they cost, what differs
    Reconcile(reconcile::Args),
}

/// Lists, shows or follows calls.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    if let Some(One::Reconcile(args)) = &args.one {
        return reconcile::run(args, context).await;
    }
    let config = context.config()?;
    let db = context.database(&config).await?;
    let ended = match &args.one {
        Some(One::Show { id }) => show(&db, id, context).await,
        Some(One::Reconcile(_)) | None => {
            let filter = args.filters.resolve(&db, &config, context.clock.now()).await?;
            if args.follow {
                follow::run(&db, filter, args.limit, context).await
            } else {
                list(&db, filter, args.limit, context).await
            }
        }
    };
    db.close().await;
    ended
}

async fn list(db: &Db, filter: Filter, limit: i64, context: &Context) -> anyhow::Result<Ended> {
    let found = listed(db, filter, limit).await?;
    if found.is_empty() && !context.json {
        screen::remark("no such calls");
        return Ok(Ended::WithNothing);
    }
    context.print(&json!({ "calls": found }), |screen| table(&found, screen))?;
    Ok(Ended::by(!found.is_empty()))
}

/// Calls, newest first.
pub async fn listed(db: &Db, filter: Filter, limit: i64) -> anyhow::Result<Vec<CallView>> {
    let found: db::Result<_> = db.report(move |tx| calls::list(tx, &filter, None, limit)).await;
    found.context("reading the calls")
}

async fn show(db: &Db, id: &str, context: &Context) -> anyhow::Result<Ended> {
    let detail = CallDetail::of(&one(db, id).await?);
    context.print(&detail, |screen| page(&detail, screen))?;
    Ok(Ended::Well)
}

/// The call whose id is this or begins so.
pub async fn one(db: &Db, id: &str) -> anyhow::Result<Call> {
    let given = id.to_owned();
    let found: db::Result<Vec<Call>> = db.report(move |tx| beginning(tx, &given)).await;
    let mut found = found.context("reading the call")?;
    match (found.pop(), found.is_empty()) {
        (Some(call), true) => Ok(call),
        (None, _) => bail!("no call {id}: see `switchboard calls`"),
        (Some(_), false) => bail!("several calls begin with {id}: give more of the id"),
    }
}

/// At most two calls whose ids begin so. An id that is there exactly is the only one.
fn beginning(tx: &mut db::Tx<'_>, given: &str) -> db::Result<Vec<Call>> {
    for id in [given.to_owned(), format!("{}_{given}", CallId::PREFIX)] {
        if let Some(call) = calls::by_id(tx, &CallId::from(id.clone()))? {
            return Ok(vec![call]);
        }
        let ids = calls::beginning(tx, &id, 2)?;
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.extend(calls::by_id(tx, id)?);
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// A terminal with fewer columns gets the short table.
const WIDE: u16 = 112;

/// One line a call.
pub fn table(calls: &[CallView], screen: &Screen) -> String {
    if screen.width.is_some_and(|width| width < WIDE) {
        return short_table(calls, screen);
    }
    let mut table = screen.table(["CALL", "RANG", "FROM", "TO", "AGENT", "STATUS", "WHY", "TALKED"]);
    let shown = shown_length(calls);
    for call in calls {
        let id = if screen.width.is_some() { short_id(&call.id, shown) } else { &call.id };
        let agent = if call.status == Status::Rejected { None } else { call.agent_name.as_deref() };
        table.add_row([
            screen::cell(id),
            Cell::new(screen.time(call.rang_at)),
            Cell::new(words::number(&call.phone_number)),
            Cell::new(words::number(&call.to_number)),
            screen::cell(agent.unwrap_or("-")),
            Cell::new(call.status.as_str()).fg(screen::color_of(call.status)),
            Cell::new(call.end_reason.map_or("", EndReason::as_str)),
            Cell::new(talked(call)),
        ]);
    }
    screen::lines_of(&table)
}

/// What matters most, for 80 columns: who has an open call, why another is over.
fn short_table(calls: &[CallView], screen: &Screen) -> String {
    let mut table = screen.table(["CALL", "RANG", "FROM", "TO", "STATUS", "WHO OR WHY"]);
    let shown = shown_length(calls);
    for call in calls {
        table.add_row([
            screen::cell(short_id(&call.id, shown)),
            Cell::new(screen.time(call.rang_at)),
            screen::cell(&call.phone_number),
            screen::cell(&call.to_number),
            Cell::new(call.status.as_str()).fg(screen::color_of(call.status)),
            Cell::new(who_or_why(call)),
        ]);
    }
    screen::keep_whole(&mut table, 5);
    screen::lines_of(&table)
}

/// The agent of an open call; of one that is over why, and how long they talked.
pub(super) fn who_or_why(call: &CallView) -> String {
    match call.end_reason {
        None => call.agent_name.as_deref().map(words::clean).unwrap_or_default(),
        Some(reason) if call.answered_at.is_some() => {
            format!("{} after {}", reason.as_str(), words::seconds(call.duration.unwrap_or(0)))
        }
        Some(reason) => reason.as_str().to_owned(),
    }
}

/// How long caller and agent talked; nothing where they did not, or still do.
pub(super) fn talked(call: &CallView) -> String {
    match (call.answered_at, call.duration) {
        (Some(_), Some(duration)) => words::seconds(duration),
        _ => String::new(),
    }
}

/// The part of an id that a person needs: it is of no use to read `call_` in every line.
pub(super) fn short_id(id: &str, length: usize) -> &str {
    let id = id.strip_prefix("call_").unwrap_or(id);
    id.get(..length).unwrap_or(id)
}

/// The time in milliseconds, or as much more as tells these calls apart.
pub(super) fn shown_length(calls: &[CallView]) -> usize {
    let mut ids: Vec<&str> = calls.iter().map(|call| short_id(&call.id, usize::MAX)).collect();
    ids.sort_unstable();
    let same = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    ids.windows(2).map(|pair| same(pair) + 1).max().unwrap_or(0).max(12)
}

/// One call in full.
pub fn page(detail: &CallDetail, screen: &Screen) -> String {
    let call = &detail.call;
    let mut out = format!("{}  {}\n\n", screen.bold(&call.id), status(call, screen));
    for (name, value) in fields(call, screen) {
        out += &format!("  {} {}\n", screen.dim(format_args!("{name:<10}")), words::clean(&value));
    }
    out += &disagreements(call, screen);
    if let Some(decision) = &detail.decision {
        out += &format!("\n{}\n{}", screen.bold("Why"), receipt::decision(decision, screen));
    }
    out + &format!("\n{}\n{}", screen.bold("What happened"), receipt::story(&detail.timeline, screen))
}

/// The status with the reason in words.
pub(super) fn status(call: &CallView, screen: &Screen) -> String {
    let status = screen.paint(screen::style_of(call.status), call.status.as_str());
    match call.end_reason {
        Some(reason) => format!("{status}: {} ({})", reason.describe(), reason.as_str()),
        None => status,
    }
}

/// What the carrier says, on one line: its word, how long, what it cost, its own name of the call.
fn carrier(carrier: &CarrierView) -> String {
    let mut says = carrier.status.clone();
    if let Some(seconds) = carrier.duration {
        says += &format!(", {}", words::seconds(seconds));
    }
    if let Some(price) = &carrier.price {
        let unit = carrier.price_unit.as_deref().unwrap_or_default();
        says += &format!(", {} {unit}", price.trim_start_matches('-'));
    }
    format!("{} ({})", says.trim_end(), carrier.call_sid)
}

/// Where the carrier's side is another, and what that means.
fn disagreements(call: &CallView, screen: &Screen) -> String {
    let found = call.carrier.as_ref().map(|carrier| carrier.disagreements.as_slice()).unwrap_or_default();
    if found.is_empty() {
        return String::new();
    }
    let lines = found.iter().map(|one| format!("  {}\n    {}\n", words::clean(&one.says), one.means));
    format!("\n{}\n{}", screen.bold("What the carrier says otherwise"), lines.collect::<String>())
}

fn fields(call: &CallView, screen: &Screen) -> Vec<(&'static str, String)> {
    let answered = call.answered_at.map(|at| {
        let after = words::seconds(at.whole_seconds_since(call.rang_at));
        format!("{} (after {after})", screen.full_time(at))
    });
    let ended = call.ended_at.map(|at| match call.ended_by {
        Some(by) => format!("{} (by {})", screen.full_time(at), by.as_str()),
        None => screen.full_time(at),
    });
    let text = |id: Option<&str>| id.map(ToOwned::to_owned);
    let all = [
        ("from", Some(words::number(&call.phone_number))),
        ("to", Some(words::number(&call.to_number))),
        ("agent", call.agent_name.clone()),
        ("rang", Some(screen.full_time(call.rang_at))),
        ("answered", answered),
        ("ended", ended),
        ("talked", Some(talked(call)).filter(|talked| !talked.is_empty())),
        ("tenant", text(call.tenant_id.as_deref())),
        ("campaign", text(call.campaign_id.as_deref())),
        ("number", text(call.number_id.as_deref())),
        ("lead", text(call.lead_id.as_deref())),
        ("room", call.room_name.clone()),
        ("call sid", call.call_sid.clone()),
        ("trunk", call.metadata.trunk_id.clone()),
        ("carrier", call.carrier.as_ref().map(carrier)),
        ("revision", Some(call.revision.to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
