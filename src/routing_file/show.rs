//! A plan for people: one line for each row that changes, one for each key of it that says something else.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::plan::{Action, Change, FieldChange, Plan};
use crate::db::configuration::Kind;

/// New rows of one kind that are listed one by one; of the others only how many there are.
const LISTED: usize = 50;

impl Plan {
    /// The plan as text, with colours for a terminal or without.
    pub fn text(&self, colour: bool) -> String {
        let mut out = String::new();
        let mut rest = self.changes.as_slice();
        while let Some(first) = rest.first() {
            let of_tenant = rest.iter().take_while(|change| change.place == first.place).count();
            let (tenant, others) = rest.split_at(of_tenant);
            heading(&mut out, first, colour);
            rows(&mut out, tenant, colour);
            rest = others;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        self.ending(&mut out);
        out
    }

    fn ending(&self, out: &mut String) {
        let counts = self.summary;
        if counts.is_unchanged() {
            put(
                out,
                format_args!("Nothing to change: {} are as the file says.\n", rows_of(counts.unchanged)),
            );
            return;
        }
        let words = [
            (counts.create, "to create", "created"),
            (counts.change, "to change", "changed"),
            (counts.revive, "to revive", "revived"),
            (counts.archive, "to archive", "archived"),
        ];
        let said = words.into_iter().filter(|(count, ..)| *count > 0);
        let said: Vec<String> = said
            .map(|(count, planned, done)| format!("{count} {}", if self.applied { done } else { planned }))
            .collect();
        put(out, format_args!("{}, {} unchanged.\n", said.join(", "), counts.unchanged));
        if !self.applied {
            out.push_str("Nothing was applied: this was a dry run.\n");
        }
    }
}

fn rows_of(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn heading(out: &mut String, change: &Change, colour: bool) {
    if !out.is_empty() {
        out.push('\n');
    }
    put(out, format_args!("{}\n", painted(&change.tenant, Style::new().bold(), colour)));
}

/// The rows of one tenant.
fn rows(out: &mut String, changes: &[Change], colour: bool) {
    for of_kind in changes.chunk_by(|a, b| a.kind == b.kind) {
        let (mut listed, mut more) = (0, 0);
        for change in of_kind {
            if change.action == Action::Create {
                listed += 1;
                if listed > LISTED {
                    more += 1;
                    continue;
                }
            }
            row(out, change, colour);
        }
        if more > 0 {
            let (sign, style) = sign(Action::Create);
            let noun = noun(of_kind[0].kind);
            put(
                out,
                format_args!(
                    "  {} and {more} more {noun}s; --json lists all\n",
                    painted(sign, style, colour)
                ),
            );
        }
    }
}

fn row(out: &mut String, change: &Change, colour: bool) {
    let (sign, style) = sign(change.action);
    let sign = painted(sign, style, colour);
    put(out, format_args!("  {sign} {:<8} {}", noun(change.kind), change.name));
    match change.action {
        Action::Create => {
            let told = change.fields.iter().filter(|field| !is_usual(change.kind, field));
            let told: Vec<String> =
                told.map(|field| format!("{} {}", field.key, shown(field.key, &field.new))).collect();
            if !told.is_empty() {
                put(out, format_args!("  ({})", told.join(", ")));
            }
        }
        Action::Archive => out.push_str("  (archived)"),
        Action::Revive => out.push_str("  (was archived)"),
        Action::Change => {}
    }
    out.push('\n');
    if change.action != Action::Create {
        for field in &change.fields {
            let (old, new) = (shown(field.key, &field.old), shown(field.key, &field.new));
            put(out, format_args!("      {}: {old} → {new}\n", field.key));
        }
    }
}

/// What stands in the line already, or goes without saying of a new row.
fn is_usual(kind: Kind, field: &FieldChange) -> bool {
    match field.key {
        "name" => true,
        "number" => kind == Kind::Number,
        "active" => field.new == Value::Bool(true),
        "status" => field.new == "active",
        "max_concurrent" => field.new == "unlimited",
        "project" => field.new == "default",
        "type" => field.new == "LOCAL",
        "provider" => field.new == "TWILIO",
        _ => false,
    }
}

fn shown(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if key == "number" => text.clone(),
        Value::String(text) if text.contains(|c: char| !c.is_alphanumeric() && !"-_+/.:".contains(c)) => {
            format!("{text:?}")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Tenant => "tenant",
        Kind::Agent => "agent",
        Kind::Campaign => "campaign",
        Kind::Number => "number",
        Kind::Trunk => "trunk",
    }
}

const fn sign(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create | Action::Revive => ("+", AnsiColor::Green.on_default()),
        Action::Change => ("~", AnsiColor::Yellow.on_default()),
        Action::Archive => ("-", AnsiColor::Red.on_default()),
    }
}

fn painted(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// Writing to a string does not fail.
fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}
