//! `provision`: a trunk set up across Twilio and LiveKit, compared with what it should be, and taken away again.

mod bar;
mod page;

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde::Serialize;

use crate::audit::Actor;
use crate::config::Config;
use crate::db::Db;
use crate::db::configuration::Trunk;
use crate::progress::Progress;
use crate::provision::{self, Addresses, Applied, Asked, Error, Means, Settings, Shown, TransferMode};

use super::{Context, Ended, context, livekit, serve};

const EXAMPLES: &str = "\
At Twilio: an Elastic SIP trunk that sends its calls to the LiveKit project (livekit.sip_uri) and nowhere else, records
nothing and has the tenant's numbers. At LiveKit: an inbound trunk with the same numbers and a dispatch rule that makes
a room for each call. What is there is taken where it is named, and is what it was again after `destroy`.

Lines: + is made, ~ is changed, - is taken away, = is as it should be, ! is in the way or worth knowing.
Exit code 1 when something is in the way, was not kept by the other side, or (drift) differs.

Examples:
  switchboard provision plan                         what would be done
  switchboard provision apply                        shows it, asks, does it
  switchboard provision apply --static-rules --yes   each number answered even while Switchboard is down
  switchboard provision apply --adopt-twilio TK… --adopt-livekit ST_…
  switchboard provision drift                        what somebody changed by hand since
  switchboard provision destroy";

/// What `provision` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what has to be done to set the trunk up; changes nothing
    Plan(PlanArgs),
    /// Set the trunk up: show what has to be done, ask, and do it
    Apply(ApplyArgs),
    /// Show what differs now from how the trunk was set up
    Drift(WhichArgs),
    /// Take away what was made, and restore what was there before
    Destroy(DestroyArgs),
}

/// Which trunk.
#[derive(Clone, Debug, Default, clap::Args)]
struct WhichArgs {
    /// The trunk (name or id), if there are several
    #[arg(long, value_name = "NAME|ID")]
    trunk: Option<String>,
    /// Whose trunk it is (id or name)
    #[arg(long)]
    tenant: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct PlanArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Take this Twilio trunk rather than make one
    #[arg(long, value_name = "TK…", value_parser = sid)]
    adopt_twilio: Option<String>,
    /// Take this LiveKit inbound trunk rather than make one
    #[arg(long, value_name = "ST_…")]
    adopt_livekit: Option<String>,
    /// Which callers may be transferred by SIP REFER [default: as before, at first enable-all]
    #[arg(long, value_name = "MODE")]
    transfer_mode: Option<TransferMode>,
    /// Make a dispatch rule for each number that names its agent: it is answered even while Switchboard is down
    #[arg(long, overrides_with = "no_static_rules")]
    static_rules: bool,
    /// Take such rules away again
    #[arg(long)]
    no_static_rules: bool,
    /// The addresses that LiveKit takes calls from: twilio, keep (as they are), or ranges with commas [default: as
    /// before, at first twilio; keep at LiveKit Cloud, which takes them only where its support has enabled that]
    #[arg(long, value_name = "WHICH")]
    allowed_addresses: Option<Addresses>,
    /// Switch off other origination URIs of the Twilio trunk that were not made by us
    #[arg(long)]
    take_over: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct ApplyArgs {
    #[command(flatten)]
    plan: PlanArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct DestroyArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

fn sid(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("TK").unwrap_or_default();
    let is_sid = rest.len() == 32 && rest.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_sid { Ok(text.to_owned()) } else { Err("a Twilio trunk's sid is TK and 32 more characters") }
}

impl PlanArgs {
    fn asked(&self) -> Asked {
        let static_rules = match (self.static_rules, self.no_static_rules) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        Asked {
            adopt_twilio: self.adopt_twilio.clone(),
            adopt_livekit: self.adopt_livekit.clone(),
            transfer_mode: self.transfer_mode,
            static_rules,
            allowed_addresses: self.allowed_addresses.clone(),
            take_over: self.take_over,
        }
    }
}

/// What is printed of a trunk.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'p, T> {
    trunk_id: &'p str,
    name: &'p str,
    #[serde(flatten)]
    what: &'p T,
}

/// Runs it.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let db = context.database(&config).await?;
    let ran = with_database(args, context, (&config, &db)).await;
    db.close().await;
    ran
}

async fn with_database(
    args: &Args,
    context: &Context,
    (config, db): (&Config, &Db),
) -> anyhow::Result<Ended> {
    let which = match &args.what {
        What::Plan(args) => &args.which,
        What::Apply(args) => &args.plan.which,
        What::Drift(which) => which,
        What::Destroy(args) => &args.which,
    };
    let tenant = match &which.tenant {
        Some(text) => Some(super::numbers::tenant(db, text).await?.0),
        None => None,
    };
    let trunk = provision::choose(db, tenant.as_ref(), which.trunk.as_deref()).await?;
    let means = means(context, (config, db), &trunk).await?;
    match &args.what {
        What::Plan(args) => {
            let plan = provision::plan(&means, &trunk.id, &args.asked()).await?;
            print(context, &trunk, &plan, |screen| page::plan(&plan, screen))?;
            Ok(Ended::by(!plan.blocked))
        }
        What::Apply(args) => apply(context, &means, (&trunk, args)).await,
        What::Drift(_) => {
            let drift = provision::drift(&means, &trunk.id).await?;
            print(context, &trunk, &drift, |screen| page::drift(&drift, screen))?;
            Ok(Ended::by(!drift.differs))
        }
        What::Destroy(args) => destroy(context, &means, (&trunk, args.yes)).await,
    }
}

/// What it is done with: everything as a server with these settings has it.
async fn means(context: &Context, (config, db): (&Config, &Db), trunk: &Trunk) -> anyhow::Result<Means> {
    Ok(Means {
        db: db.clone(),
        settings: Settings::of(config),
        twilio: serve::twilio(config)?.ok_or_else(provision::no_twilio)?,
        livekit: livekit::client(config, &trunk.project, context)?,
        routing: context::routing(db, config).await?.into(),
        clock: context.clock.clone(),
    })
}

async fn apply(
    context: &Context,
    means: &Means,
    (trunk, args): (&Trunk, &ApplyArgs),
) -> anyhow::Result<Ended> {
    let asked = args.plan.asked();
    let plan = provision::plan(means, &trunk.id, &asked).await?;
    if plan.blocked {
        print(context, trunk, &plan, |screen| page::plan(&plan, screen))?;
        return Ok(Ended::WithNothing);
    }
    if !confirmed(context, &plan, (args.yes, "Do this?"))? {
        return Ok(Ended::WithNothing);
    }
    let progress = Progress::new();
    let actor = Actor::command_line();
    let work = provision::apply(means, &trunk.id, &asked, &actor, &progress);
    let applied = bar::shown(context.json, &progress, work).await;
    done(context, trunk, applied, "is set up")
}

async fn destroy(context: &Context, means: &Means, (trunk, yes): (&Trunk, bool)) -> anyhow::Result<Ended> {
    let plan = provision::plan_to_destroy(means, &trunk.id).await?;
    if plan.blocked {
        print(context, trunk, &plan, |screen| page::plan(&plan, screen))?;
        return Ok(Ended::WithNothing);
    }
    if !confirmed(context, &plan, (yes, "Take this away?"))? {
        return Ok(Ended::WithNothing);
    }
    let progress = Progress::new();
    let actor = Actor::command_line();
    let work = provision::destroy(means, &trunk.id, &actor, &progress);
    let destroyed = bar::shown(context.json, &progress, work).await;
    let nothing = plan.lines.is_empty();
    let what = if nothing { "is not set up: there is nothing to take away" } else { "is taken away" };
    done(context, trunk, destroyed, what)
}

fn done(
    context: &Context,
    trunk: &Trunk,
    applied: provision::Result<Applied>,
    what: &str,
) -> anyhow::Result<Ended> {
    let applied = match applied {
        Err(Error::Blocked(plan)) => {
            print(context, trunk, &*plan, |screen| page::plan(&plan, screen))?;
            return Ok(Ended::WithNothing);
        }
        applied => applied.context("what was done until then is noted: run it again to go on")?,
    };
    print(context, trunk, &applied, |screen| page::applied(&applied, (&trunk.name, what), screen))?;
    Ok(Ended::by(!applied.not_kept.differs))
}

/// Shows what is to be done, and asks if a person is there to answer.
fn confirmed(context: &Context, plan: &Shown, (yes, question): (bool, &str)) -> anyhow::Result<bool> {
    if !context.json {
        super::screen::print(&page::plan(plan, &context.screen))?;
    }
    if yes || plan.is_done() {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || context.json {
        bail!("add --yes: nobody is there to be asked");
    }
    write!(std::io::stderr(), "{question} [y/N] ")?;
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn print<T: Serialize>(
    context: &Context,
    trunk: &Trunk,
    what: &T,
    text: impl FnOnce(&super::screen::Screen) -> String,
) -> anyhow::Result<()> {
    context.print(&Printed { trunk_id: &trunk.id, name: &trunk.name, what }, text)
}
