//! Rows, read by the names of their columns.
//!
//! Both drivers look a name up among all the names of the row, SQLite's by asking for each as a C string: a quarter of
//! what a page of fifty calls cost. Every row of a query is read by the same mapping, in the same order, so the first
//! row teaches where the others have what is asked for next.

use std::cell::{Cell, RefCell};

use super::{Column, Result};

/// The names of a query's columns, and in which order they are read.
pub(super) struct Columns {
    names: Vec<String>,
    /// The columns that the mapping asked for, in the order in which it did.
    asked: RefCell<Vec<usize>>,
}

impl Columns {
    pub(super) fn of_sqlite(statement: &rusqlite::Statement<'_>) -> Columns {
        Columns::new(statement.column_names().into_iter())
    }

    pub(super) fn of_postgres(statement: &postgres::Statement) -> Columns {
        Columns::new(statement.columns().iter().map(postgres::Column::name))
    }

    fn new<'n>(names: impl Iterator<Item = &'n str>) -> Columns {
        Columns { names: names.map(ToOwned::to_owned).collect(), asked: RefCell::default() }
    }

    /// Where the column is that a row is asked for as its `nth`; none if there is no such name.
    fn find(&self, nth: usize, name: &str) -> Option<usize> {
        let mut asked = self.asked.borrow_mut();
        if let Some(column) = asked.get(nth).filter(|column| self.names[**column] == name) {
            return Some(*column);
        }
        let column = self.names.iter().position(|known| known == name)?;
        asked.truncate(nth);
        asked.push(column);
        Some(column)
    }
}

/// A row of a query; valid while its mapping runs.
pub struct Row<'r> {
    of: Of<'r>,
    columns: &'r Columns,
    /// How many columns were asked for.
    asked: Cell<usize>,
}

#[derive(Copy, Clone)]
enum Of<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

impl<'r> Row<'r> {
    pub(super) fn of_sqlite(row: &'r rusqlite::Row<'r>, columns: &'r Columns) -> Row<'r> {
        Row { of: Of::Sqlite(row), columns, asked: Cell::new(0) }
    }

    pub(super) fn of_postgres(row: &'r postgres::Row, columns: &'r Columns) -> Row<'r> {
        Row { of: Of::Postgres(row), columns, asked: Cell::new(0) }
    }

    /// The column of this name.
    pub fn get<T: Column>(&self, name: &str) -> Result<T> {
        let nth = self.asked.replace(self.asked.get() + 1);
        Ok(match (self.of, self.columns.find(nth, name)) {
            (Of::Sqlite(row), Some(column)) => row.get(column)?,
            (Of::Postgres(row), Some(column)) => row.try_get(column)?,
            // The drivers say that there is none.
            (Of::Sqlite(row), None) => row.get(name)?,
            (Of::Postgres(row), None) => row.try_get(name)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_found_by_its_name_in_whatever_order_rows_are_read() {
        let columns = Columns::new(["a", "b", "c", "b"].into_iter());
        for order in [["a", "b", "c"], ["a", "b", "c"], ["c", "a", "b"], ["a", "c", "c"], ["c", "a", "b"]] {
            let found = order.iter().enumerate().map(|(nth, name)| columns.find(nth, name).unwrap());
            assert_eq!(found.map(|column| columns.names[column].as_str()).collect::<Vec<_>>(), order);
        }
        assert_eq!(columns.find(0, "b"), Some(1), "the first of that name, as the drivers have it");
        assert_eq!(columns.find(0, "d"), None);
        assert_eq!(columns.find(9, "c"), Some(2));
    }
}
