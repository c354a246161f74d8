//! `doctor`: what is wrong with the set-up, what it means to a caller, and what to do.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::db::Db;
use crate::doctor::examine;
use crate::doctor::fix::{self, Hands};
use crate::doctor::gather::From;
use crate::doctor::report::{Check, Report, State};
use crate::progress::Progress;

use super::screen::Screen;
use super::{Context, Ended, context, serve, words};

const EXAMPLES: &str = "\
Looks at the settings, the database, Twilio, LiveKit, the way in from outside and the agents. To see whether LiveKit's
webhooks come and whether somebody runs the agents, it makes a room at LiveKit for a moment and dispatches each agent
into a room of its own; the agent is told {\"switchboard\":\"probe\"} and may leave at once. Nothing else is changed,
unless --fix is given.

Exit code 1 when a check failed; warnings alone end with 0.

Examples:
  switchboard doctor
  switchboard doctor --fix                 bring the database up to date, attach idle numbers to their trunk
  switchboard doctor --json | jq '.checks[] | select(.state == \"failure\")'";

/// What `doctor` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The LiveKit project to look at, if not the first
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Make no rooms and dispatch no agents at LiveKit
    #[arg(long)]
    no_probe: bool,
    /// Do what takes nothing from anybody, then look again
    #[arg(long)]
    fix: bool,
    /// Show the checks that found nothing, too
    #[arg(long, short)]
    all: bool,
}

/// What was found, and what `--fix` has done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Examined {
    /// What was done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<String>,
    /// What was found, after that.
    #[serde(flatten)]
    pub report: Report,
}

/// Examines.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let loaded = match context.load() {
        Ok(loaded) => loaded,
        Err(error) => {
            let check = Check::failure(
                "configuration",
                [
                    &lines(&format!("{error:#}")),
                    "nothing starts with these settings",
                    "correct what it names",
                ],
            );
            let examined = Examined { fixed: Vec::new(), report: Report::new(vec![check]) };
            context.print(&examined, |screen| page(&examined, args.all, screen))?;
            return Ok(Ended::WithNothing);
        }
    };
    if let Some(project) = &args.project {
        super::livekit::settings(&loaded.config, project)?;
    }
    let db = database(&loaded.config);
    let examined = examined(args, &loaded, db.as_ref(), context).await;
    if let Ok(db) = &db {
        db.close().await;
    }
    let examined = examined?;
    context.print(&examined, |screen| page(&examined, args.all, screen))?;
    Ok(if examined.report.summary.failure > 0 { Ended::WithNothing } else { Ended::Well })
}

/// Several lines as one.
fn lines(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = lines.collect();
    if rest.is_empty() { first } else { format!("{first} {}", rest.join("; ")) }
}

async fn examined(
    args: &Args,
    loaded: &Loaded,
    db: Result<&Db, &String>,
    context: &Context,
) -> anyhow::Result<Examined> {
    let looking = From {
        config: &loaded.config,
        hints: &loaded.hints,
        project: args.project.as_deref(),
        db: db.map_err(String::as_str),
        clock: &context.clock,
        probe: !args.no_probe,
    };
    let mut report = examine(looking, &Progress::new()).await;
    let mut fixed = Vec::new();
    if args.fix {
        fixed = fix::all(&report, &hands(&loaded.config, db.ok(), &context.clock)?).await?;
        if !fixed.is_empty() {
            report = examine(looking, &Progress::new()).await;
        }
    }
    Ok(Examined { fixed, report })
}

fn hands(config: &Config, db: Option<&Db>, clock: &Clock) -> anyhow::Result<Hands> {
    Ok(Hands { db: db.cloned(), twilio: serve::twilio(config)?, clock: clock.clone() })
}

/// The database as it is; it is not made where there is none.
fn database(config: &Config) -> Result<Db, String> {
    match context::file(config) {
        Ok(Some(path)) if !path.exists() => {
            Err(format!("there is no database at {}: start `switchboard serve` once", path.display()))
        }
        Ok(_) => context::open(config).map_err(|error| format!("{error:#}")),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// What was found on paper: what is wrong first in the order a call takes, then how many checks ended how.
pub fn page(examined: &Examined, all: bool, screen: &Screen) -> String {
    let mut out = String::new();
    for words in &examined.fixed {
        let _ = writeln!(out, "{} {}", painted(screen, AnsiColor::Green, "mended"), words::clean(words));
    }
    let report = &examined.report;
    for check in &report.checks {
        if all || matches!(check.state, State::Failure | State::Warning) {
            out += &one(check, screen);
        }
    }
    if !all {
        out += &skipped(report, screen);
    }
    let summary = report.summary;
    let _ = writeln!(
        out,
        "{} failed, {} to look at, {} skipped, {} as they should be",
        summary.failure, summary.warning, summary.skipped, summary.ok
    );
    out
}

fn painted(screen: &Screen, colour: AnsiColor, word: &str) -> String {
    screen.paint(Style::new().fg_color(Some(colour.into())), format_args!("{word:<8}"))
}

fn one(check: &Check, screen: &Screen) -> String {
    let colour = match check.state {
        State::Failure => AnsiColor::Red,
        State::Warning => AnsiColor::Yellow,
        State::Skipped => AnsiColor::BrightBlack,
        State::Ok => AnsiColor::Green,
    };
    let word = painted(screen, colour, check.state.as_str());
    let mut out = format!("{word} {}: {}\n", screen.bold(&check.id), words::clean(&check.says));
    if let Some(means) = &check.means {
        let _ = writeln!(out, "         {} {}", screen.dim("means:"), words::clean(means));
    }
    if let Some(remedy) = &check.remedy {
        let by_itself = if check.fixable { " (or --fix)" } else { "" };
        let _ = writeln!(out, "         {} {}{by_itself}", screen.dim("to do:"), words::clean(remedy));
    }
    out
}

/// Why checks were skipped, each reason once.
fn skipped(report: &Report, screen: &Screen) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in report.checks.iter().filter(|check| check.state == State::Skipped) {
        match reasons.iter_mut().find(|(why, _)| *why == check.says) {
            Some((_, ids)) => ids.push(&check.id),
            None => reasons.push((&check.says, vec![&check.id])),
        }
    }
    let mut out = String::new();
    for (why, ids) in reasons {
        let word = painted(screen, AnsiColor::BrightBlack, "skipped");
        let what = match ids.as_slice() {
            [one] => (*one).to_owned(),
            many => format!("{} checks from {} on", many.len(), many[0]),
        };
        let _ = writeln!(out, "{word} {what}: {}", words::clean(why));
    }
    out
}
