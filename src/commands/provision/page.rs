//! A plan on paper, like a diff.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::commands::screen::Screen;
use crate::commands::words;
use crate::provision::{Applied, Shown, Sign};

/// What has to be done.
pub(super) fn plan(plan: &Shown, screen: &Screen) -> String {
    let mut out = lines(plan, screen);
    let counts = &plan.counts;
    if plan.blocked {
        let _ = writeln!(out, "{}", screen.bold("Something is in the way: nothing is done."));
    } else if plan.is_done() {
        let _ = writeln!(out, "Nothing has to be done.");
    } else {
        let (create, change, remove) = (counts.create, counts.change, counts.remove);
        let _ = writeln!(out, "{create} to make, {change} to change, {remove} to take away.");
    }
    out
}

/// What differs.
pub(super) fn drift(drift: &Shown, screen: &Screen) -> String {
    if !drift.differs {
        return "Everything is as it was set up.\n".to_owned();
    }
    let counts = &drift.counts;
    let closing = if drift.blocked {
        "Something is in the way of `switchboard provision apply`: see the lines with `!`.\n"
    } else if counts.create + counts.change + counts.remove == 0 {
        "`switchboard provision apply` cannot set this right: see the lines with `!`.\n"
    } else {
        "`switchboard provision apply` sets it right.\n"
    };
    lines(drift, screen) + closing
}

/// What was done.
pub(super) fn applied(applied: &Applied, (name, what): (&str, &str), screen: &Screen) -> String {
    if !applied.not_kept.differs {
        return format!("{}\n", screen.bold(format_args!("{} {what}.", words::clean(name))));
    }
    let kept = "All of it was asked for, and this was not kept by the other side:";
    format!("{kept}\n{}", lines(&applied.not_kept, screen))
}

fn lines(plan: &Shown, screen: &Screen) -> String {
    let mut out = String::new();
    for line in &plan.lines {
        let _ = writeln!(out, "{}", screen.paint(style_of(line.sign), words::clean(&line.to_string())));
    }
    if plan.left_off > 0 {
        let _ = writeln!(out, "{}", screen.dim(format_args!("and {} more", plan.left_off)));
    }
    out
}

fn style_of(sign: Sign) -> Style {
    match sign {
        Sign::Create => AnsiColor::Green.on_default(),
        Sign::Change | Sign::Warning => AnsiColor::Yellow.on_default(),
        Sign::Remove | Sign::Conflict => AnsiColor::Red.on_default(),
        Sign::Unchanged => Style::new().dimmed(),
    }
}
