//! Text → [`RoutingFile`], with every mistake that can be seen without a database.

use std::collections::HashMap;

use toml::de::DeTable;

use super::file::{self, Agent, Campaign, Field, Number, RoutingFile, Tenant, Trunk};
use super::tables::Tables;
use super::values;
use crate::db::configuration::Kind;

/// Reads a routing file. `name` is what mistakes call it.
pub fn read(text: &str, name: &str) -> RoutingFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tables = Tables::of(name, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut tenants = Vec::new();
    if errors.is_empty() {
        for table in tables.tenants(root.get_ref()) {
            tenants.push(tenant(&mut tables, table));
        }
        once_each(&mut tables, &mut tenants);
    }
    for error in &errors {
        let line = tables.line(error.span().map_or(0, |span| span.start));
        tables.mistakes.add(line, syntax(error, text));
    }
    RoutingFile { tenants, mistakes: tables.mistakes, readable: errors.is_empty() }
}

/// What the parser says, in one line.
fn syntax(error: &toml::de::Error, text: &str) -> String {
    let said = error.message().lines().collect::<Vec<_>>().join("; ");
    let at = error.span().and_then(|span| text.get(span)).unwrap_or_default().trim();
    let hint = match (said.as_str(), at) {
        ("duplicate key", "tenant") => {
            "; [[tenant]] must stand above its [[tenant.…]] tables, and always with two brackets"
        }
        ("duplicate key", _) => "; it is written twice in one table: remove one",
        _ => "",
    };
    let said = if at.is_empty() || at.contains('\n') || said.contains('`') {
        said
    } else {
        format!("{said} at {}", values::quoted(at))
    };
    format!("not TOML: {said}{hint}")
}

type Row<'t, 'i> = (usize, &'t DeTable<'i>);

fn tenant(tables: &mut Tables, table: Row<'_, '_>) -> Tenant {
    let mut open = tables.open(table, &file::TENANT);
    Tenant {
        line: open.line,
        id: tables.id(&open),
        name: tables.name(&open),
        region: tables.field(&open, "region", values::region),
        time_zone: tables.field(&open, "time_zone", values::time_zone),
        default_agent: tables.field(&open, "default_agent", values::reference),
        max_concurrent: tables.field(&open, "max_concurrent", values::limit),
        active: tables.field(&open, "active", values::truth),
        agents: open.children("agent").into_iter().map(|row| agent(tables, row)).collect(),
        campaigns: open.children("campaign").into_iter().map(|row| campaign(tables, row)).collect(),
        numbers: open.children("number").into_iter().map(|row| number(tables, row)).collect(),
        trunks: open.children("trunk").into_iter().map(|row| trunk(tables, row)).collect(),
    }
}

fn agent(tables: &mut Tables, table: Row<'_, '_>) -> Agent {
    let open = tables.open(table, &file::AGENT);
    Agent {
        line: open.line,
        id: tables.id(&open),
        name: tables.name(&open),
        active: tables.field(&open, "active", values::truth),
    }
}

fn campaign(tables: &mut Tables, table: Row<'_, '_>) -> Campaign {
    let open = tables.open(table, &file::CAMPAIGN);
    Campaign {
        line: open.line,
        id: tables.id(&open),
        name: tables.name(&open),
        status: tables.field(&open, "status", values::word),
        agent: tables.field(&open, "agent", values::reference),
        fallback_agent: tables.field(&open, "fallback_agent", values::reference),
        max_concurrent: tables.field(&open, "max_concurrent", values::limit),
        sip_trunk: tables.field(&open, "sip_trunk", values::foreign_id),
    }
}

fn number(tables: &mut Tables, table: Row<'_, '_>) -> Number {
    let open = tables.open(table, &file::NUMBER);
    Number {
        line: open.line,
        id: tables.id(&open),
        number: tables.named(&open, "number", values::number),
        campaign: tables.field(&open, "campaign", values::reference),
        kind: tables.field(&open, "type", values::word),
        provider: tables.field(&open, "provider", values::word),
        provider_sid: tables.field(&open, "provider_sid", values::foreign_id),
        livekit_trunk: tables.field(&open, "livekit_trunk", values::foreign_id),
        active: tables.field(&open, "active", values::truth),
    }
}

fn trunk(tables: &mut Tables, table: Row<'_, '_>) -> Trunk {
    let open = tables.open(table, &file::TRUNK);
    Trunk {
        line: open.line,
        id: tables.id(&open),
        name: tables.name(&open),
        project: tables.field(&open, "project", values::project),
        twilio: tables.field(&open, "twilio", values::foreign_id),
        livekit: tables.field(&open, "livekit", values::foreign_id),
        active: tables.field(&open, "active", values::truth),
    }
}

/// An id stands once for each kind of row. The second one is told, and then taken for wrong.
fn once_each(tables: &mut Tables, tenants: &mut [Tenant]) {
    let mut seen: HashMap<(Kind, String), usize> = HashMap::new();
    let mut once = |kind, id: &mut Field<String>| {
        let Field::Is(text, line) = &*id else { return };
        let Some(first) = seen.insert((kind, text.clone()), *line) else { return };
        let text = values::quoted(text);
        tables.mistakes.add(*line, format!("id {text} is also on line {first}; each id stands for one row"));
        *id = Field::Wrong;
    };
    for tenant in tenants {
        once(Kind::Tenant, &mut tenant.id);
        tenant.agents.iter_mut().for_each(|row| once(Kind::Agent, &mut row.id));
        tenant.campaigns.iter_mut().for_each(|row| once(Kind::Campaign, &mut row.id));
        tenant.numbers.iter_mut().for_each(|row| once(Kind::Number, &mut row.id));
        tenant.trunks.iter_mut().for_each(|row| once(Kind::Trunk, &mut row.id));
    }
}
