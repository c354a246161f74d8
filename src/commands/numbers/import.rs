//! `numbers import`: takes the numbers of the Twilio account into a tenant.

use std::fmt::Write as _;

use anstyle::AnsiColor;
use serde_json::Value;

use crate::audit::Actor;
use crate::config::Config;
use crate::db::Db;
use crate::numbers::{self, Changed, Counts, Created, Flag, Import, Imported, Listed};
use crate::phone::E164;
use crate::progress::Progress;

use super::super::screen::Screen;
use super::super::{Context, Ended, bar, words};
use super::{can, kind};

const EXAMPLES: &str = "\
Every number is kept with its type, what it can do, its name at Twilio, and what it does today (voice URL, application,
trunk), so that this can be put back. Nothing is changed at Twilio: `switchboard provision` does that.
Again is a no-op; what changed at Twilio since is shown and taken over. Numbers of other tenants are left alone.

Exit code 1 when a number that was named could not be imported.

Examples:
  switchboard numbers import --tenant 'Acme Dental' --dry-run
  switchboard numbers import --tenant 'Acme Dental' --campaign 'New patients'
  switchboard numbers import --tenant 'Acme Dental' --number +14155550123 --number +14155550124";

/// What `numbers import` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Whose the numbers will be (id or name)
    #[arg(long)]
    tenant: String,
    /// The campaign (id or name) that new numbers go to, and those that are in none
    #[arg(long)]
    campaign: Option<String>,
    /// Only this number; may be given more than once
    #[arg(long, value_name = "NUMBER")]
    number: Vec<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let twilio = super::twilio(&config)?;
    let wanted = args.number.iter().map(|text| super::number(text, &config));
    let wanted = wanted.collect::<anyhow::Result<Vec<E164>>>()?;
    let is_named = !wanted.is_empty();
    let db = context.database(&config).await?;
    let done = import(args, wanted, (&config, &db, &twilio), context).await;
    db.close().await;
    let imported = done?;
    context.print(&imported, |screen| page(&imported, screen))?;
    let left = imported.counts.missing + imported.counts.conflicts + imported.counts.unreadable;
    Ok(Ended::by(!is_named || left == 0))
}

async fn import(
    args: &Args,
    wanted: Vec<E164>,
    (_, db, twilio): (&Config, &Db, &twilio::Client),
    context: &Context,
) -> anyhow::Result<Imported> {
    let (tenant, called) = super::tenant(db, &args.tenant).await?;
    let campaign = match &args.campaign {
        Some(text) => Some(super::campaign(db, (&tenant, &called), text).await?.0),
        None => None,
    };
    let request = Import {
        tenant_id: tenant,
        campaign_id: campaign,
        numbers: wanted,
        dry_run: args.dry_run,
        names_others: true,
    };
    let (progress, by) = (Progress::new(), Actor::command_line());
    let work = numbers::import(db, twilio, request, &by, &context.clock, &progress);
    Ok(bar::shown(&progress, context, work).await??)
}

/// What was imported, on paper.
pub(super) fn page(imported: &Imported, screen: &Screen) -> String {
    let mut out = String::new();
    let more = |out: &mut String, listed: u64, what: &str| {
        if listed > 0 {
            let _ = writeln!(out, "  {}", screen.dim(format_args!("and {listed} more {what}")));
        }
    };
    imported.created.items.iter().for_each(|new| created(&mut out, new, screen));
    more(&mut out, imported.created.more, "new ones");
    imported.changed.items.iter().for_each(|number| changed(&mut out, number, screen));
    more(&mut out, imported.changed.more, "that changed");
    for conflict in &imported.conflicts.items {
        let whose =
            conflict.tenant.as_deref().map_or("another tenant".to_owned(), |name| format!("{name:?}"));
        let _ = writeln!(
            out,
            "  ! {}  is {}'s: left alone",
            words::number(&conflict.number),
            words::clean(&whose)
        );
    }
    more(&mut out, imported.conflicts.more, "of other tenants");
    for gone in &imported.gone.items {
        let sign = screen.paint(AnsiColor::Red.on_default(), "-");
        let number = words::number(&gone.number);
        let _ = writeln!(
            out,
            "  {sign} {number}  is not in the account any more; `switchboard numbers release {}` archives it",
            gone.number
        );
    }
    more(&mut out, imported.gone.more, "that are not in the account any more");
    for missing in &imported.missing.items {
        let _ = writeln!(out, "  ! {}  is not in the account", words::number(missing));
    }
    more(&mut out, imported.missing.more, "that are not in the account");
    flags(&mut out, &imported.flags, screen);
    if !out.is_empty() {
        out.push('\n');
    }
    ending(&mut out, imported);
    out
}

fn created(out: &mut String, new: &Created, screen: &Screen) {
    let sign = screen.paint(AnsiColor::Green.on_default(), "+");
    let (number, kind, can) = (words::number(&new.number), kind(new.r#type), can(&new.capabilities));
    let _ = writeln!(out, "  {sign} {number}  ({kind}; {can})");
}

fn changed(out: &mut String, number: &Changed, screen: &Screen) {
    let sign = screen.paint(AnsiColor::Yellow.on_default(), "~");
    let _ = writeln!(out, "  {sign} {}", words::number(&number.number));
    for field in &number.fields {
        let (old, new) = (value(&field.old), value(&field.new));
        let _ = writeln!(out, "      {}: {old} → {new}", field.key);
    }
}

fn flags(out: &mut String, flags: &Listed<Flag>, screen: &Screen) {
    for flag in &flags.items {
        let sign = screen.paint(AnsiColor::Yellow.on_default(), "!");
        let _ = writeln!(out, "  {sign} {}: {}", words::number(&flag.number), words::clean(&flag.says));
    }
    if flags.more > 0 {
        let _ = writeln!(out, "  {}", screen.dim(format_args!("and {} more like these", flags.more)));
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.contains(' ') => words::clean(&format!("{text:?}")),
        Value::String(text) => words::clean(text),
        Value::Object(object) => {
            let can =
                object.iter().filter(|(_, can)| **can == Value::Bool(true)).map(|(word, _)| word.as_str());
            let can: Vec<_> = can.collect();
            if can.is_empty() { "nothing".to_owned() } else { can.join(" ") }
        }
        other => other.to_string(),
    }
}

fn ending(out: &mut String, imported: &Imported) {
    let counts = imported.counts;
    let Counts { created, changed, unchanged, conflicts, gone, missing, unreadable, found: _ } = counts;
    if imported.is_unchanged() {
        let are = if unchanged == 1 { "1 number is" } else { &format!("{unchanged} numbers are") };
        let _ = writeln!(out, "Nothing to import: {are} here already as Twilio says.");
    }
    let (new, news) = if imported.applied { ("imported", "changed") } else { ("to import", "to change") };
    let words = [
        (created, new),
        (changed, news),
        (unchanged, "unchanged"),
        (conflicts, "of other tenants"),
        (gone, "gone from the account"),
        (missing, "not in the account"),
        (unreadable, "without a number in E.164, left out"),
    ];
    let only_unchanged = imported.is_unchanged() && conflicts + gone + missing + unreadable == 0;
    if !only_unchanged {
        let said = words.into_iter().filter(|(count, _)| *count > 0);
        let said: Vec<_> = said.map(|(count, word)| format!("{count} {word}")).collect();
        let _ = writeln!(out, "{}.", said.join(", "));
    }
    if !imported.applied {
        out.push_str("Nothing was written: this was a dry run.\n");
    }
}
