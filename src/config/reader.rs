//! Gives the values of the layers their types, and keeps account: of mistakes, of what is in effect, and of
//! the names that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::{Entry, Layers, Raw};
use super::names::{DEFAULT_PROJECT, variable};
use super::values::Value;
use super::{Mistakes, Origin, Setting};

pub(super) struct Reader {
    layers: Layers,
    settings: Vec<Setting>,
    /// Every key asked for, also the `_file` of secrets.
    known: BTreeSet<String>,
    /// Keys whose value is wrong, so that nothing more is said of them.
    wrong: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Reader {
        Reader { layers, settings: Vec::new(), known: BTreeSet::new(), wrong: BTreeSet::new() }
    }

    /// A setting that has a default in the default file.
    pub(super) fn get<T: Value>(&mut self, key: &str) -> T {
        let given = self.optional(key);
        if given.is_none() && !self.wrong.contains(key) {
            self.wrong(key, "must not be empty");
        }
        given.unwrap_or_else(|| self.default(key))
    }

    /// A setting with a default that the default file can only show.
    pub(super) fn get_or<T: Value>(&mut self, key: &str, default: T) -> T {
        let given = self.optional(key);
        if given.is_none()
            && let Some(setting) = self.settings.last_mut()
        {
            setting.value = Some(default.shown());
            setting.origin = Some(Origin::Default);
        }
        given.unwrap_or(default)
    }

    /// A setting that may be left out.
    pub(super) fn optional<T: Value>(&mut self, key: &str) -> Option<T> {
        self.known.insert(key.to_owned());
        let entry = if T::SECRET { self.secret(key) } else { self.layers.entries.get(key).cloned() };
        let entry = entry.filter(
            |entry| !matches!(&entry.raw, Raw::Text(text) | Raw::Word(text) if text.trim().is_empty()),
        );
        let value = entry.as_ref().and_then(|entry| self.typed::<T>(key, entry));
        self.settings.push(Setting {
            key: key.to_owned(),
            value: value.as_ref().map(T::shown),
            secret: T::SECRET,
            origin: entry.filter(|_| value.is_some()).map(|entry| entry.origin),
        });
        value
    }

    /// The LiveKit projects, the one called `default` first.
    pub(super) fn projects(&self) -> Vec<String> {
        let mut projects = self.layers.projects.clone();
        projects.sort_by_key(|name| name != DEFAULT_PROJECT);
        projects
    }

    /// Something beyond its type is wrong with a setting.
    pub(super) fn wrong(&mut self, key: &str, why: &str) {
        if self.wrong.insert(key.to_owned()) {
            self.layers.mistakes.add(self.origin(key), format!("{key} {why}"));
        }
    }

    /// Two settings that are right each by itself must fit together. Says so where a default was changed.
    pub(super) fn together(&mut self, (key, other): (&str, &str), fit: bool, must: &str) {
        if fit || self.wrong.contains(key) || self.wrong.contains(other) {
            return;
        }
        let [first, second] = [key, other].map(|key| self.origin(key));
        let [value, bound] = [key, other].map(|key| self.shown(key));
        let text = format!("{key} {must} {other}; they are {value} ({first}) and {bound} ({second})");
        self.layers.mistakes.add(if first == Origin::Default { second } else { first }, text);
    }

    /// One setting is of no use while another is missing.
    pub(super) fn needs(&mut self, (key, other): (&str, &str), has_both: bool) {
        if !has_both && !self.wrong.contains(other) {
            self.wrong(key, &format!("is of no use without {other}; set {} too", variable(other)));
        }
    }

    /// Ends the reading: what is in effect, and all that is wrong.
    pub(super) fn finish(mut self) -> (Vec<Setting>, Mistakes) {
        let unknown: Vec<(String, Origin)> = self
            .layers
            .entries
            .iter()
            .filter(|(key, _)| !self.known.contains(*key))
            .map(|(key, entry)| (key.clone(), entry.origin.clone()))
            .collect();
        let known: Vec<&str> =
            self.known.iter().map(String::as_str).filter(|key| !key.ends_with("_file")).collect();
        for (key, origin) in unknown {
            if key == "livekit" {
                self.layers
                    .mistakes
                    .add(origin, "livekit must be written as [[livekit]], with lines below it");
                continue;
            }
            let meant = nearest(&key, &known);
            let text = match (&origin, meant) {
                (Origin::Environment { .. } | Origin::DotEnv { .. }, Some(meant)) => {
                    format!("there is no setting {key}; did you mean {}?", variable(meant))
                }
                (_, Some(meant)) => format!("there is no setting {key}; did you mean {meant}?"),
                (_, None) => format!("there is no setting {key}; docs/configuration.md lists all"),
            };
            self.layers.mistakes.add(origin, text);
        }
        (self.settings, self.layers.mistakes)
    }

    fn typed<T: Value>(&mut self, key: &str, entry: &Entry) -> Option<T> {
        if is_placeholder(key, &entry.raw) {
            self.wrong(key, "still holds the placeholder of an example; write your own or remove the line");
            return None;
        }
        match T::read(&entry.raw) {
            Ok(value) => Some(value),
            Err(must) if T::SECRET => {
                self.wrong.insert(key.to_owned());
                self.layers.mistakes.add(entry.origin.clone(), format!("{key} {must}"));
                None
            }
            Err(must) => {
                self.wrong(key, &format!("is {}; it {must}", quoted(&entry.raw)));
                None
            }
        }
    }

    /// The entry of a secret, read from its file if it is kept in one.
    fn secret(&mut self, key: &str) -> Option<Entry> {
        let file_key = format!("{key}_file");
        self.known.insert(file_key.clone());
        let Some(mut entry) = self.layers.entries.get(&file_key).cloned() else {
            return self.layers.entries.get(key).cloned();
        };
        let (Raw::Word(path) | Raw::Text(path)) = &entry.raw else {
            self.layers
                .mistakes
                .add(entry.origin, format!("{file_key} must be the path of a file, in quotes"));
            self.wrong.insert(key.to_owned());
            return None;
        };
        if path.is_empty() {
            return None;
        }
        let folder = match entry.origin {
            Origin::File { .. } => &self.layers.file_folder,
            _ => &self.layers.folder,
        };
        let path = folder.join(path);
        let problem = match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => "is empty".to_owned(),
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                entry.raw = Raw::Text(text.strip_suffix('\r').unwrap_or(text).to_owned());
                entry.origin = Origin::SecretFile { path, named_by: Box::new(entry.origin) };
                return Some(entry);
            }
            Err(error) => format!("cannot be read: {error}"),
        };
        let origin = Origin::SecretFile { path, named_by: Box::new(entry.origin) };
        self.layers.mistakes.add(origin, format!("{problem}; it must hold {key} and nothing else"));
        self.wrong.insert(key.to_owned());
        None
    }

    fn default<T: Value>(&self, key: &str) -> T {
        let default = self.layers.defaults.get(key).and_then(|raw| T::read(raw).ok());
        default.unwrap_or_else(|| panic!("the default file has no right value for {key}"))
    }

    fn origin(&self, key: &str) -> Origin {
        let of = |key: &str| self.layers.entries.get(key).map(|entry| entry.origin.clone());
        of(key).or_else(|| of(&format!("{key}_file"))).unwrap_or(Origin::Default)
    }

    fn shown(&self, key: &str) -> String {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        match setting.and_then(|setting| setting.value.as_ref()) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        }
    }
}

/// The values of the examples that people start from are never meant.
fn is_placeholder(key: &str, raw: &Raw) -> bool {
    let (Raw::Word(text) | Raw::Text(text)) = raw else { return false };
    let is_account = key.starts_with("livekit.") || key.starts_with("twilio.");
    let is_left_open = text.len() > 4 && text.chars().skip(2).all(|c| matches!(c, 'x' | 'X'));
    is_account && (text.contains("your_") || text.contains("your-project") || text == "***" || is_left_open)
}

/// What was written, short enough for one line.
fn quoted(raw: &Raw) -> String {
    match raw {
        Raw::Word(text) | Raw::Text(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
        Raw::Number(number) => number.to_string(),
        Raw::Bool(is) => is.to_string(),
        Raw::Other(what) => (*what).to_owned(),
    }
}

/// The known name that was probably meant: much alike, or the same in another section.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let last = |key: &'a str| key.rsplit('.').next().unwrap_or(key);
    let own = key.rsplit('.').next().unwrap_or(key);
    let by_distance: BTreeMap<usize, &str> =
        known.iter().rev().map(|name| (strsim::damerau_levenshtein(key, name), *name)).collect();
    let alike = by_distance.into_iter().next().filter(|(distance, name)| *distance * 3 <= name.len().max(6));
    alike.map(|(_, name)| name).or_else(|| {
        let mut same = known.iter().filter(|name| last(name) == own);
        same.next().filter(|_| same.next().is_none()).copied()
    })
}
