//! `campaigns check`: every number and where a call to it would end, the worst first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use comfy_table::Color;

use crate::app::DEFAULT_PROJECT;
use crate::config::Config;
use crate::doctor::campaigns::{self, Checked};
use crate::doctor::flow::{self, Flow, State};
use crate::doctor::probe::{self, Worker};
use crate::progress::Progress;

use super::screen::{self, Screen};
use super::{Context, Ended, context, filters, livekit, words};

const EXAMPLES: &str = "\
A call to each number is decided with the routing and the calls in use of this moment, and each agent that it would go
to is dispatched into a room of its own for a moment, to see whether anybody runs it: LiveKit has no list of workers.
The agent is told {\"switchboard\":\"probe\"} as its metadata, and may leave at once.

Exit code 1 when nobody would answer at some number without anybody having switched it off.

Examples:
  switchboard campaigns check
  switchboard campaigns check --tenant 'Acme Dental' --no-probe
  switchboard campaigns check --json | jq '.numbers[] | select(.state == \"lost\")'";

/// What there is to do with campaigns.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check that every number leads to somebody who answers
    Check(Args),
}

/// What `campaigns check` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only numbers of this tenant (id or name)
    #[arg(long)]
    tenant: Option<String>,
    /// The LiveKit project that calls come through, if not the first
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Do not look whether anybody runs the agents
    #[arg(long)]
    no_probe: bool,
    /// Show at most this many numbers, the worst first; JSON has them all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Checks.
pub async fn run(command: &Command, context: &Context) -> anyhow::Result<Ended> {
    let Command::Check(args) = command;
    let config = context.config()?;
    let checked = check(args, &config, context).await?;
    context.print(&checked, |screen| page(&checked, args.limit, screen))?;
    Ok(if checked.summary.contains_key(&State::Lost) { Ended::WithNothing } else { Ended::Well })
}

async fn check(args: &Args, config: &Config, context: &Context) -> anyhow::Result<Checked> {
    let first = config.default_project().map_or(DEFAULT_PROJECT, |project| &project.project);
    let project = args.project.as_deref().unwrap_or(first);
    if args.project.is_some() {
        livekit::settings(config, project)?;
    }
    let db = context.database(config).await?;
    let read = async {
        let tenant = match &args.tenant {
            Some(text) => Some(filters::tenant(&db, text).await?),
            None => None,
        };
        let routing = context::routing(&db, config).await?;
        if let (Some(id), Some(text)) = (&tenant, &args.tenant) {
            anyhow::ensure!(routing.tenants.contains_key(id), "there is no tenant {text:?}");
        }
        let at = (project.to_owned(), context.clock.now());
        let flows = campaigns::flows(&db, Box::new(routing), tenant, at);
        flows.await.context("counting the calls in use")
    };
    let flows = read.await;
    db.close().await;
    let flows = flows?;
    let agents = workers(args, config, (project, &flows), context).await?;
    Ok(Checked::new(flows, agents))
}

/// Who runs the agents, as far as it can be found out.
async fn workers(
    args: &Args,
    config: &Config,
    (project, flows): (&str, &[Flow]),
    context: &Context,
) -> anyhow::Result<BTreeMap<String, Worker>> {
    let names = flow::agents(flows);
    let unknown = |why: &str| {
        let why = why.to_owned();
        Ok(names.iter().map(|name| (name.clone(), Worker::Unknown { why: why.clone() })).collect())
    };
    if args.no_probe {
        return unknown("it was not looked for");
    }
    match livekit::client(config, project, context) {
        Err(error) => unknown(&format!("{error:#}")),
        Ok(client) => Ok(probe::all(&client, names, &Progress::new()).await),
    }
}

/// What was found on paper.
pub fn page(checked: &Checked, limit: usize, screen: &Screen) -> String {
    if checked.numbers.is_empty() {
        return "There are no numbers. Add some with `switchboard apply`.\n".to_owned();
    }
    let mut table = screen.table(["CALLS ARE", "NUMBER", "TENANT", "CAMPAIGN", "AGENT", "WHY"]);
    screen::keep_whole(&mut table, 2);
    for flow in checked.numbers.iter().take(limit) {
        let remedy = flow.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
        table.add_row([
            screen::cell(flow.state.as_str()).fg(colour(flow.state)),
            screen::cell(&words::number(&flow.number)),
            screen::cell(&flow.tenant),
            screen::cell(flow.campaign.as_deref().unwrap_or("-")),
            screen::cell(flow.agent.as_deref().unwrap_or("-")),
            screen::cell(&format!("{}{remedy}", flow.says)),
        ]);
    }
    let mut out = screen::lines_of(&table);
    let more = checked.numbers.len().saturating_sub(limit);
    if more > 0 {
        let _ = writeln!(out, "{}", screen.dim(format_args!("and {more} more (--limit)")));
    }
    let counted: Vec<_> =
        checked.summary.iter().map(|(state, count)| format!("{count} {}", state.as_str())).collect();
    let all = checked.numbers.len();
    let _ = writeln!(out, "\n{all} {}: {}", if all == 1 { "number" } else { "numbers" }, counted.join(", "));
    for (agent, worker) in &checked.agents {
        if let Worker::Unknown { why } = worker {
            let _ = writeln!(
                out,
                "Whether anybody runs {} is not known: {}",
                words::clean(agent),
                words::clean(why)
            );
        }
    }
    out
}

const fn colour(state: State) -> Color {
    match state {
        State::Lost => Color::Red,
        State::AtRisk | State::Unproved => Color::Yellow,
        State::Off => Color::DarkGrey,
        State::Answered => Color::Green,
    }
}
