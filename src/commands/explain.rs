//! `explain`: who answers a call and why, for a call that was or one that might come, in the same words.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use crate::app::DEFAULT_PROJECT;
use crate::call::fact::Ring;
use crate::call::routing::Routing;
use crate::call::timeline::{self, Moment};
use crate::call::{Call, decide};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::db::Db;
use crate::hear;
use crate::ids::CallId;
use crate::views::{CallView, DecisionView};

use super::livekit::{self, Verdict};
use super::screen::Screen;
use super::{Context, Ended, calls, context, receipt, words};

const EXAMPLES: &str = "\
A call that was is explained with the receipt that was kept with it. One that might come is decided with the
routing and the calls in use of this moment; nothing is written. With --livekit, LiveKit's trunks and dispatch rules
are read too, and it is told which of them LiveKit will choose, why not the others, and what the caller hears.

Examples:
  switchboard explain 0199c9a41c0a
  switchboard explain --to '(415) 555-0123' --from +15551234567
  switchboard explain --to +14155550123 --from +15551234567 --livekit
  switchboard explain --to +14155550123 --from anonymous --trunk ST_abc --json";

const USAGE: &str = "\
switchboard explain [OPTIONS] <ID>
       switchboard explain [OPTIONS] --to <NUMBER> --from <NUMBER>";

/// What `explain` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub struct Args {
    /// The call's id, or the beginning of it
    #[arg(required_unless_present = "to", conflicts_with_all = ["to", "from", "at", "trunk", "project"])]
    id: Option<String>,
    /// The number that is dialled
    #[arg(long, value_name = "NUMBER", requires = "from")]
    to: Option<String>,
    /// The caller's number
    #[arg(long, value_name = "NUMBER", requires = "to")]
    from: Option<String>,
    /// When it rings, such as 2025-10-09T15:30:00Z, if not now
    #[arg(long, value_name = "TIME", requires = "to")]
    at: Option<Timestamp>,
    /// The LiveKit trunk that it comes over
    #[arg(long, value_name = "ID", requires = "to")]
    trunk: Option<String>,
    /// The LiveKit project that it comes through, if not the first
    #[arg(long, value_name = "NAME", requires = "to")]
    project: Option<String>,
    /// Tell what LiveKit will do with the call first, by its trunks and dispatch rules of this moment
    #[arg(long, requires = "to")]
    livekit: bool,
    /// The address that the carrier calls LiveKit from; without it, every trunk lets it in
    #[arg(long, value_name = "IP", requires = "livekit")]
    source: Option<IpAddr>,
}

/// What there is to say of a call, or of one that might come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The call; none for one that might come.
    pub call: Option<CallView>,
    /// Who answers and why.
    pub decision: Option<DecisionView>,
    /// What became of it.
    pub timeline: Vec<Moment>,
    /// What LiveKit does with it first, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub livekit: Option<Verdict>,
}

/// Explains a call.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = context.database(&config).await?;
    let explanation = match &args.id {
        Some(id) => calls::one(&db, id).await.map(|call| explain(&call)),
        None => {
            let ring = args.ring(context.clock.now());
            let first = config.default_project().map_or(DEFAULT_PROJECT, |project| &project.project);
            let project = args.project.as_deref().unwrap_or(first);
            let verdict = args.verdict(&config, project, context).await?;
            // Switchboard is told the trunk by LiveKit.
            let chosen = verdict.as_ref().and_then(|verdict| verdict.trunk.clone());
            let ring = Ring { trunk: ring.trunk.clone().or(chosen), ..ring };
            let supposed = suppose(&db, context::routing(&db, &config).await?, project, ring).await;
            supposed.map(|explanation| Explanation { livekit: verdict, ..explanation })
        }
    };
    db.close().await;
    let explanation = explanation?;
    context.print(&explanation, |screen| page(&explanation, screen))?;
    Ok(Ended::Well)
}

impl Args {
    async fn verdict(
        &self,
        config: &Config,
        project: &str,
        context: &Context,
    ) -> anyhow::Result<Option<Verdict>> {
        let (true, Some(to), Some(from)) = (self.livekit, &self.to, &self.from) else { return Ok(None) };
        let region = &config.numbers.default_region;
        let asked = livekit::Asked { to, from, source: self.source, region };
        livekit::ask(config, project, asked, context).await.map(Some)
    }

    fn ring(&self, now: Timestamp) -> Ring {
        Ring {
            called: self.to.clone().unwrap_or_default(),
            caller: self.from.clone().unwrap_or_default(),
            trunk: self.trunk.clone(),
            at: Some(self.at.unwrap_or(now)),
            ..Ring::default()
        }
    }
}

/// A call that was.
pub fn explain(call: &Call) -> Explanation {
    Explanation {
        call: Some(CallView::of(call)),
        decision: call.decision.as_ref().map(DecisionView::of),
        timeline: timeline::of(call),
        livekit: None,
    }
}

/// A call that might come: decided with the routing and the calls in use of now. Writes nothing.
pub async fn suppose(db: &Db, routing: Routing, project: &str, ring: Ring) -> anyhow::Result<Explanation> {
    let routing = Arc::new(routing);
    let (asked, with) = (ring.clone(), routing.clone());
    let in_use = db.report(move |tx| hear::in_use(tx, &asked, &with, false)).await;
    let in_use = in_use.context("counting the calls in use")?;
    let at = ring.at.unwrap_or(Timestamp::EPOCH);
    let decision = decide::decide(&ring, project, &routing, in_use, at);
    let mut call = Call::new(CallId::from("call_supposed"), project.to_owned(), ring, at);
    call.decided(decision);
    Ok(Explanation { call: None, ..explain(&call) })
}

/// An explanation on paper.
pub fn page(explanation: &Explanation, screen: &Screen) -> String {
    let mut out = match &explanation.call {
        Some(call) => {
            let [from, to] = [&call.phone_number, &call.to_number].map(|number| words::number(number));
            let at = screen.full_time(call.rang_at);
            let head = screen.bold(&call.id);
            format!("{head}  {}\n{from} rang {to} at {at}\n", calls::status(call, screen))
        }
        None => {
            let rings = explanation.timeline.first().map(|moment| words::clean(&moment.what));
            format!("{} {}\n", screen.bold("Suppose"), rings.unwrap_or_default())
        }
    };
    if let Some(verdict) = &explanation.livekit {
        out += &format!("\n{}", livekit::page(verdict, screen));
    }
    if let Some(decision) = &explanation.decision {
        out += &format!("\n{}\n{}", screen.bold("Why"), receipt::decision(decision, screen));
    }
    if explanation.call.is_some() {
        out +=
            &format!("\n{}\n{}", screen.bold("What happened"), receipt::story(&explanation.timeline, screen));
    }
    out
}
