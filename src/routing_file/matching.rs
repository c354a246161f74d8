//! Which row of the database each table of the file means: by id first, then by name among the rest.

use std::collections::HashMap;

use super::Mistakes;
use super::file::Field;
use super::rows::Existing;
use super::values::quoted;

/// A table of the file, as far as it says which row it means.
pub(super) struct Wanted<'f> {
    pub(super) line: usize,
    pub(super) id: &'f Field<String>,
    /// A number already in E.164.
    pub(super) name: Field<String>,
}

/// What a table means.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// This row.
    Row(usize),
    /// None there is yet.
    New,
    /// Nobody knows, and that has been said.
    Unsure,
}

/// What each table means, and which rows are meant.
pub(super) struct Matches {
    pub(super) of: Vec<Match>,
    /// By row: the line that means it.
    meant: HashMap<usize, usize>,
}

impl Matches {
    fn is_meant(&self, row: usize) -> bool {
        self.meant.contains_key(&row)
    }

    /// The rows in use that no table means.
    pub(super) fn left_out<'r, R: Existing>(&self, rows: &'r [R]) -> impl Iterator<Item = &'r R> {
        let left = rows.iter().enumerate().filter(|(at, row)| !row.is_archived() && !self.is_meant(*at));
        left.map(|(_, row)| row)
    }
}

/// Finds the rows. `stays` says of a row that no table means whether it is in use afterwards.
pub(super) fn match_rows<R: Existing>(
    mistakes: &mut Mistakes,
    wanted: &[Wanted<'_>],
    rows: &[R],
    stays: impl Fn(&R) -> bool,
) -> Matches {
    let by_id: HashMap<&str, usize> = rows.iter().enumerate().map(|(at, row)| (row.id(), at)).collect();
    let in_use = rows.iter().enumerate().filter(|(_, row)| !row.is_archived());
    let by_name: HashMap<&str, usize> = in_use.map(|(at, row)| (row.name(), at)).collect();
    let mut matches = Matches { of: Vec::with_capacity(wanted.len()), meant: HashMap::new() };
    for want in wanted {
        let row = want.id.given().and_then(|id| by_id.get(id.as_str()).copied());
        if let Some(row) = row {
            matches.meant.insert(row, want.line);
        }
        matches.of.push(row.map_or(Match::New, Match::Row));
    }
    for (at, want) in wanted.iter().enumerate() {
        if matches.of[at] == Match::New {
            matches.of[at] = by_its_name::<R>(mistakes, want, &by_name, &mut matches.meant, rows);
        }
    }
    one_of_each_name(mistakes, wanted, rows, (&matches, &by_name), stays);
    matches
}

fn by_its_name<R: Existing>(
    mistakes: &mut Mistakes,
    want: &Wanted<'_>,
    by_name: &HashMap<&str, usize>,
    meant: &mut HashMap<usize, usize>,
    rows: &[R],
) -> Match {
    let noun = R::NOUN;
    let Field::Is(name, _) = &want.name else {
        if let (Field::Is(id, line), Field::LeftOut) = (want.id, &want.name) {
            let (id, key) = (quoted(id), R::KEY);
            mistakes.add(*line, format!("no {noun} has the id {id}; write its {key} too and it is created"));
        }
        return Match::Unsure;
    };
    match by_name.get(name.as_str()) {
        Some(row) if !meant.contains_key(row) => {
            meant.insert(*row, want.line);
            if let Field::Is(_, id_line) = want.id {
                let (name, id) = (quoted(name), rows[*row].id());
                mistakes.add(
                    *id_line,
                    format!("the {noun} {name} has the id {id:?}, which cannot change; write that, or leave id out"),
                );
            }
            Match::Row(*row)
        }
        _ if want.id.is_wrong() => Match::Unsure,
        _ => Match::New,
    }
}

/// Afterwards each name stands for one row.
fn one_of_each_name<R: Existing>(
    mistakes: &mut Mistakes,
    wanted: &[Wanted<'_>],
    rows: &[R],
    (matches, by_name): (&Matches, &HashMap<&str, usize>),
    stays: impl Fn(&R) -> bool,
) {
    let noun = R::NOUN;
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (want, meant) in wanted.iter().zip(&matches.of) {
        let (name, line) = match (&want.name, meant) {
            (Field::Is(name, line), _) => (name.as_str(), *line),
            (Field::LeftOut, Match::Row(row)) => (rows[*row].name(), want.line),
            _ => continue,
        };
        if let Some(first) = first.get(name) {
            let name = quoted(name);
            mistakes.add(line, format!("the {noun} {name} is also on line {first}; write it once"));
            continue;
        }
        first.insert(name, line);
        let Some(taken) = by_name.get(name).filter(|row| *meant != Match::Row(**row)) else { continue };
        let taken_row = &rows[*taken];
        if !matches.is_meant(*taken) && stays(taken_row) {
            let (name, id) = (quoted(name), taken_row.id());
            mistakes.add(
                line,
                format!("the {noun} with the id {id:?} is called {name} already; choose another name"),
            );
        }
    }
}
