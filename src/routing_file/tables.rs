//! Takes the tables of a routing file apart: finds their keys, and says what is misspelled or misplaced.

use std::collections::{BTreeMap, HashMap};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistakes;
use super::file::{CHILDREN, Field, SHAPES, Shape, TENANT};
use super::values::{self, nearest, quoted, what};
use crate::tenancy::values::Read;

/// Reads tables and collects what is wrong with them.
pub(super) struct Tables {
    pub(super) mistakes: Mistakes,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// A table whose keys are known.
pub(super) struct Open<'t, 'i> {
    pub(super) line: usize,
    shape: &'static Shape,
    values: BTreeMap<&'static str, (usize, &'t DeValue<'i>)>,
    /// Keys that were probably meant by unknown ones.
    misspelled: Vec<&'static str>,
    /// The tables within, by kind, with their lines.
    children: HashMap<&'static str, Vec<(usize, &'t DeTable<'i>)>>,
}

impl<'t, 'i> Open<'t, 'i> {
    pub(super) fn children(&mut self, kind: &'static str) -> Vec<(usize, &'t DeTable<'i>)> {
        self.children.remove(kind).unwrap_or_default()
    }
}

impl Tables {
    pub(super) fn of(file: &str, text: &str) -> Tables {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Tables { mistakes: Mistakes::of(file), lines }
    }

    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1)
    }

    /// The tenants of a file, with their lines.
    pub(super) fn tenants<'t, 'i>(&mut self, root: &'t DeTable<'i>) -> Vec<(usize, &'t DeTable<'i>)> {
        let mut tenants = Vec::new();
        for (key, value) in root.iter() {
            let (name, line) = (&**key.get_ref(), self.line(key.span().start));
            match name {
                "tenant" | "tenants" => {
                    if name == "tenants" {
                        self.mistakes.add(line, "[[tenants]] must be written [[tenant]]");
                    }
                    tenants.extend(self.rows(value, "tenant", "[[tenant]]"));
                }
                _ => self.outside(line, name),
            }
        }
        tenants.sort_by_key(|(line, _)| *line);
        tenants
    }

    /// Something that stands outside of every tenant.
    fn outside(&mut self, line: usize, name: &str) {
        let text = if let Some(child) = singular(name) {
            format!("[[{name}]] stands outside of a tenant; write [[tenant.{child}]], below its [[tenant]]")
        } else if SHAPES.iter().any(|shape| shape.keys.contains(&name)) {
            format!("{name} stands outside of a tenant; write it below a [[tenant]]")
        } else if nearest(name, ["tenant"].into_iter()).is_some() {
            format!("there is no [[{name}]]; did you mean [[tenant]]?")
        } else {
            format!("there is no {name} in a routing file; it holds [[tenant]] and the tables within")
        };
        self.mistakes.add(line, text);
    }

    /// Takes a table apart.
    pub(super) fn open<'t, 'i>(
        &mut self,
        (line, table): (usize, &'t DeTable<'i>),
        shape: &'static Shape,
    ) -> Open<'t, 'i> {
        let mut open =
            Open { line, shape, values: BTreeMap::new(), misspelled: Vec::new(), children: HashMap::new() };
        for (key, value) in table.iter() {
            let name = &**key.get_ref();
            // A table's own line says more than that of the first one of its kind.
            let line = self.line(key.span().start);
            if let Some(known) = shape.keys.iter().find(|known| **known == name) {
                open.values.insert(known, (self.line(value.span().start).max(line), value.get_ref()));
            } else if let Some(child) = singular(name).filter(|_| shape.header == TENANT.header) {
                if child != name {
                    self.mistakes.add(line, format!("[[tenant.{name}]] must be written [[tenant.{child}]]"));
                }
                let rows = self.rows(value, child, &format!("[[tenant.{child}]]"));
                open.children.entry(child).or_default().extend(rows);
            } else {
                self.unknown(&mut open, (line, name), value.get_ref());
            }
        }
        open.children.values_mut().for_each(|rows| rows.sort_by_key(|(line, _)| *line));
        open
    }

    /// The tables of an array of tables.
    fn rows<'t, 'i>(
        &mut self,
        value: &'t Spanned<DeValue<'i>>,
        kind: &str,
        header: &str,
    ) -> Vec<(usize, &'t DeTable<'i>)> {
        let line = self.line(value.span().start);
        match value.get_ref() {
            DeValue::Array(array) => array
                .iter()
                .filter_map(|row| {
                    let line = self.line(row.span().start);
                    let table = row.get_ref().as_table();
                    if table.is_none() {
                        let not = what(row.get_ref());
                        self.mistakes
                            .add(line, format!("{kind} must be written as {header}, not as {not} in a list"));
                    }
                    Some((line, table?))
                })
                .collect(),
            DeValue::Table(table) => {
                let single = header.replace("[[", "[").replace("]]", "]");
                // `[[tenant.agent]]` alone makes a table `tenant` without keys of its own.
                let only_children =
                    !table.is_empty() && table.keys().all(|key| singular(key.get_ref()).is_some());
                let text = if kind == "tenant" && only_children {
                    "the tables of a tenant stand above any [[tenant]]; write [[tenant]] with its name first"
                        .to_owned()
                } else {
                    format!("{single} must be written with two brackets: {header}")
                };
                self.mistakes.add(line, text);
                vec![(line, table)]
            }
            other => {
                self.mistakes
                    .add(line, format!("{kind} must be written as {header}, not as {}", what(other)));
                Vec::new()
            }
        }
    }

    /// A key that this table does not have.
    fn unknown(&mut self, open: &mut Open<'_, '_>, (line, name): (usize, &str), value: &DeValue<'_>) {
        let header = open.shape.header;
        let is_rows = matches!(value, DeValue::Array(_) | DeValue::Table(_));
        let nearest = nearest(name, open.shape.keys.iter().copied());
        let text = if let Some(child) = singular(name).filter(|_| is_rows) {
            format!(
                "{child}s are not written within {header}; write [[tenant.{child}]], as everything of a tenant stands directly below it"
            )
        } else if let Some(meant) = nearest {
            open.misspelled.push(meant);
            format!("{} has no key {}; did you mean {meant}?", header, shown(name))
        } else {
            let others: Vec<&str> =
                SHAPES.iter().filter(|shape| shape.keys.contains(&name)).map(|shape| shape.header).collect();
            if others.is_empty() {
                format!("{header} has no key {}; its keys are {}", shown(name), open.shape.keys.join(", "))
            } else if others == [TENANT.header] {
                format!("{name} belongs to the tenant; write it below [[tenant]], above the first {header}")
            } else {
                format!("{header} has no key {name}; it belongs to {}", others.join(" or "))
            }
        };
        self.mistakes.add(line, text);
    }

    /// What a key says.
    pub(super) fn field<T>(
        &mut self,
        open: &Open<'_, '_>,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Read<T>,
    ) -> Field<T> {
        let Some((line, value)) = open.values.get(key) else {
            return if open.misspelled.contains(&key) { Field::Wrong } else { Field::LeftOut };
        };
        match read(value) {
            Ok(value) => Field::Is(value, *line),
            Err(why) => {
                self.mistakes.add(*line, format!("{key} {why}"));
                Field::Wrong
            }
        }
    }

    /// The keys that most tables have.
    pub(super) fn id(&mut self, open: &Open<'_, '_>) -> Field<String> {
        self.field(open, "id", values::id)
    }

    pub(super) fn name(&mut self, open: &Open<'_, '_>) -> Field<String> {
        self.named(open, "name", values::name)
    }

    /// The key that tells a row from others: needed, unless the id does.
    pub(super) fn named<T>(
        &mut self,
        open: &Open<'_, '_>,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Read<T>,
    ) -> Field<T> {
        let has_id = open.values.contains_key("id") || open.misspelled.contains(&"id");
        let field = self.field(open, key, read);
        if matches!(field, Field::LeftOut) && !has_id {
            self.mistakes
                .add(open.line, format!("{} has no {key}; write {key} = \"…\" below it", open.shape.header));
            return Field::Wrong;
        }
        field
    }
}

/// `agent` for `agent` and `agents`.
fn singular(name: &str) -> Option<&'static str> {
    CHILDREN.into_iter().find(|child| name.strip_suffix('s').unwrap_or(name) == *child)
}

/// A key as it can stand in a sentence.
fn shown(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { name.chars().take(80).collect() } else { quoted(name) }
}
