//! Lays the sources over each other: for each key the value that counts and where it was written.
//!
//! Here nothing is known of what a key means; `reader` gives values their types.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::names::{self, DEFAULT_PROJECT};
use super::{DEFAULTS, Mistakes, Origin, Sources, dotenv};

/// A value before it has a type.
#[derive(Clone)]
pub(super) enum Raw {
    /// From a variable: text that may stand for anything.
    Word(String),
    /// Text between quotes.
    Text(String),
    Number(i64),
    Bool(bool),
    /// What no setting is: a table, a list, a date.
    Other(&'static str),
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
    /// From 0, what is compiled in, to 5. Variables take two each, for the two names a setting may have.
    layer: usize,
}

/// What counts, by key.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) defaults: BTreeMap<String, Raw>,
    pub(super) entries: BTreeMap<String, Entry>,
    /// The LiveKit projects that anybody named, in order.
    pub(super) projects: Vec<String>,
    /// Where paths in the configuration file start.
    pub(super) file_folder: PathBuf,
    /// Where paths in variables start.
    pub(super) folder: PathBuf,
    pub(super) mistakes: Mistakes,
    pub(super) hints: Vec<String>,
}

/// Reads all sources, lowest first.
pub(super) fn collect(sources: &Sources) -> Layers {
    let mut layers = Layers { folder: sources.folder.clone(), ..Layers::default() };
    layers.file(&File { path: None, text: DEFAULTS });
    layers.defaults = layers.entries.iter().map(|(key, entry)| (key.clone(), entry.raw.clone())).collect();
    if let Some((path, text)) = layers.configuration_file(sources) {
        layers.file_folder = sources.folder.join(&path).parent().map(Path::to_path_buf).unwrap_or_default();
        layers.file(&File { path: Some(&path), text: &text });
    }
    let dot_env = layers.dot_env(sources);
    let from_file = dot_env.iter().map(|one| {
        let origin = Origin::DotEnv { line: one.line, name: one.name.clone() };
        (one.name.as_str(), one.value.as_str(), origin)
    });
    layers.variables(from_file, 2);
    let from_environment = sources.environment.iter().map(|(name, value)| {
        let origin = Origin::Environment { name: name.clone() };
        (name.as_str(), value.as_str(), origin)
    });
    layers.variables(from_environment, 4);
    names::ignored(dot_env.iter().map(|one| &one.name).chain(sources.environment.keys()), &mut layers.hints);
    layers
}

/// A configuration file. Without a path it is the compiled-in one.
struct File<'a> {
    path: Option<&'a Path>,
    text: &'a str,
}

impl File<'_> {
    /// The place of a byte.
    fn origin(&self, at: usize) -> Origin {
        let Some(path) = self.path else { return Origin::Default };
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File { path: path.to_owned(), line }
    }

    fn entry(&self, value: &DeValue<'_>, at: usize) -> Entry {
        Entry { raw: raw(value), origin: self.origin(at), layer: usize::from(self.path.is_some()) }
    }
}

impl Layers {
    fn configuration_file(&mut self, sources: &Sources) -> Option<(PathBuf, String)> {
        let path = sources.file.clone().unwrap_or_else(|| PathBuf::from("switchboard.toml"));
        match std::fs::read_to_string(sources.folder.join(&path)) {
            Ok(text) => Some((path, text)),
            Err(error) if error.kind() == ErrorKind::NotFound && sources.file.is_none() => None,
            Err(error) => {
                self.mistakes.add(Origin::File { path, line: 1 }, format!("cannot be read: {error}"));
                None
            }
        }
    }

    fn dot_env(&mut self, sources: &Sources) -> Vec<dotenv::Variable> {
        let text = match std::fs::read(sources.folder.join(".env")) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                let origin = Origin::DotEnv { line: 1, name: String::new() };
                self.mistakes.add(origin, format!("cannot be read: {error}; make it readable or remove it"));
                return Vec::new();
            }
        };
        let (variables, unreadable) = dotenv::read(&text);
        for dotenv::Unreadable { line, name, why } in unreadable {
            match name {
                Some(name) if names::key_of(&name, &[]).is_some() => {
                    self.mistakes.add(Origin::DotEnv { line, name }, format!("the value {why}"));
                }
                // The file is shared with other programs, which may read such lines.
                _ => self.hints.push(format!(".env:{line} is skipped: it {why}")),
            }
        }
        variables
    }

    /// The settings among some variables. Of two names for one setting the one that begins with SWITCHBOARD_
    /// counts. An empty variable is none.
    fn variables<'a>(&mut self, variables: impl Iterator<Item = (&'a str, &'a str, Origin)>, layer: usize) {
        let mut found: Vec<(bool, String, &str, Origin)> = variables
            .filter(|(_, value, _)| !value.trim().is_empty())
            .filter_map(|(name, value, origin)| {
                let key = names::key_of(name, &self.projects)?;
                Some((name.starts_with("SWITCHBOARD_"), key, value, origin))
            })
            .collect();
        found.sort_by_key(|(is_full_name, ..)| *is_full_name);
        for (is_full_name, key, value, origin) in found {
            if value.contains('\u{fffd}') {
                self.mistakes.add(origin, format!("{key} is not text in UTF-8; write it anew"));
                continue;
            }
            let layer = layer + usize::from(is_full_name);
            self.put(key, Entry { raw: Raw::Word(value.to_owned()), origin, layer });
        }
    }

    fn file(&mut self, file: &File<'_>) {
        let (table, errors) = DeTable::parse_recoverable(file.text);
        for error in &errors {
            // Only the message: the line itself may hold a secret.
            let at = error.span().map_or(0, |span| span.start);
            self.mistakes.add(file.origin(at), format!("is not TOML: {}", error.message()));
        }
        if !errors.is_empty() {
            return; // What was recovered may have lost its section.
        }
        for (section, value) in table.get_ref() {
            let (name, at) = (section.get_ref().as_ref(), section.span().start);
            match value.get_ref() {
                DeValue::Table(table) if name == "livekit" => self.project(table, at, file),
                DeValue::Table(table) => self.table(name, table, file),
                DeValue::Array(projects) if name == "livekit" => {
                    for project in projects.iter() {
                        match project.get_ref() {
                            DeValue::Table(table) => self.project(table, project.span().start, file),
                            _ => self.put(name.to_owned(), file.entry(value.get_ref(), at)),
                        }
                    }
                }
                // No section: told of when nobody asks for it.
                other => self.put(name.to_owned(), file.entry(other, at)),
            }
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>, file: &File<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            if prefix.starts_with("livekit.") && name == "project" {
                continue; // It is the prefix.
            }
            self.put(format!("{prefix}.{name}"), file.entry(value.get_ref(), key.span().start));
        }
    }

    /// One `[[livekit]]`.
    fn project(&mut self, table: &DeTable<'_>, at: usize, file: &File<'_>) {
        let named = table.iter().find(|(key, _)| key.get_ref() == "project");
        let (name, at) = match named.map(|(key, value)| (value.get_ref().as_str(), key.span().start)) {
            None => (DEFAULT_PROJECT, at),
            Some((Some(name), at)) if is_project_name(name) => (name, at),
            Some((_, at)) => {
                let must = "project must be a name of small letters, digits, - and _, in quotes";
                return self.mistakes.add(file.origin(at), must);
            }
        };
        if self.projects.iter().any(|known| known == name) {
            let text = format!("there are two [[livekit]] of project {name:?}; give one another name");
            return self.mistakes.add(file.origin(at), text);
        }
        self.projects.push(name.to_owned());
        self.table(&format!("livekit.{name}"), table, file);
    }

    fn put(&mut self, key: String, entry: Entry) {
        if let Some(project) = key.strip_prefix("livekit.").and_then(|key| key.split('.').next())
            && !self.projects.iter().any(|known| known == project)
        {
            self.projects.push(project.to_owned());
        }
        // A secret and the file that holds it are one setting.
        let counterpart = match key.strip_suffix("_file") {
            Some(key) => key.to_owned(),
            None => format!("{key}_file"),
        };
        if let Some(other) = self.entries.remove(&counterpart)
            && other.layer == entry.layer
        {
            let text = format!("{key} and {counterpart} are both given ({}); remove one", other.origin);
            self.mistakes.add(entry.origin.clone(), text);
        }
        self.entries.insert(key, entry);
    }
}

fn is_project_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.as_ref().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("a number that is too large"), Raw::Number),
        DeValue::Boolean(is) => Raw::Bool(*is),
        DeValue::Float(_) => Raw::Other("a number with a point"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Array(_) => Raw::Other("a list"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
