//! `calls --follow`: each call again whenever it changes.

use std::time::Duration;

use anyhow::Context as _;

use crate::call::Call;
use crate::db::calls::{self, Filter};
use crate::db::changes::{self, Kind, Position};
use crate::db::{self, Db};
use crate::ids::CallId;
use crate::views::CallView;

use super::calls::{short_id, who_or_why};
use super::filters::takes;
use super::screen::{self, Screen};
use super::{Context, Ended, words};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);
/// Changes read at once.
const PAGE: i64 = 500;

/// Calls as they are now, then each again whenever it changes.
pub struct Follower {
    db: Db,
    filter: Filter,
    seen: Position,
}

impl Follower {
    /// Begins with the newest calls, oldest first.
    pub async fn begin(db: &Db, filter: Filter, limit: i64) -> anyhow::Result<(Follower, Vec<CallView>)> {
        let with = filter.clone();
        let read: db::Result<_> =
            db.report(move |tx| Ok((changes::last(tx)?, calls::list(tx, &with, None, limit)?))).await;
        let (seen, mut now) = read.context("reading the calls")?;
        now.reverse();
        Ok((Follower { db: db.clone(), filter, seen }, now))
    }

    /// The calls that have changed since, each once, in the order of their last changes.
    pub async fn next(&mut self) -> anyhow::Result<Vec<CallView>> {
        let seen = self.seen;
        let read = match self.db.report(move |tx| changed(tx, seen)).await {
            Err(error) if error.is_retryable() => return Ok(Vec::new()),
            read => read.context("reading what has changed")?,
        };
        self.seen = read.0;
        Ok(read.1.iter().filter(|call| takes(&self.filter, call)).map(CallView::of).collect())
    }
}

fn changed(tx: &mut db::Tx<'_>, seen: Position) -> db::Result<(Position, Vec<Call>)> {
    let page = changes::after(tx, seen, PAGE)?;
    let mut ids: Vec<CallId> = Vec::new();
    for change in page.changes.into_iter().filter(|change| change.kind == Kind::Call).rev() {
        if !ids.iter().any(|id| **id == *change.subject) {
            ids.push(CallId::from(change.subject));
        }
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids.iter().rev() {
        found.extend(calls::by_id(tx, id)?);
    }
    Ok((page.reached, found))
}

/// Follows until Ctrl-C, or until nobody reads any more.
pub(super) async fn run(db: &Db, filter: Filter, limit: i64, context: &Context) -> anyhow::Result<Ended> {
    let (mut follower, now) = Follower::begin(db, filter, limit).await?;
    print(&now, context)?;
    if now.is_empty() && !context.json {
        screen::remark("no such calls yet; waiting for one (Ctrl-C ends)");
    }
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => {
                stopped.context("listening for Ctrl-C")?;
                return Ok(Ended::Well);
            }
            () = tokio::time::sleep(EVERY) => print(&follower.next().await?, context)?,
        }
    }
}

fn print(calls: &[CallView], context: &Context) -> anyhow::Result<()> {
    let now = context.clock.now();
    for call in calls {
        let text = if context.json {
            serde_json::to_string(call)? + "\n"
        } else {
            line(call, &Screen { now, ..context.screen.clone() })
        };
        screen::print(&text)?;
    }
    Ok(())
}

/// One call in one line, in columns as wide as calls usually need.
pub fn line(call: &CallView, screen: &Screen) -> String {
    let status = screen.paint(screen::style_of(call.status), format_args!("{:<11}", call.status.as_str()));
    let [from, to] = [&call.phone_number, &call.to_number].map(|number| words::number(number));
    let what = who_or_why(call);
    let (id, time) = (screen.dim(short_id(&call.id, 15)), screen.time(call.updated_at));
    format!("{time}  {id}  {from:<16}  {to:<16}  {status}  {what}\n")
}
