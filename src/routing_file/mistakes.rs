//! What is wrong with a routing file: all of it, each with its line and a way out.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// Where it is written, counted from 1.
    pub line: usize,
    /// What it is and what to do about it.
    pub text: String,
}

/// Everything that is wrong, in the order of lines. Shown as one line each: `routing.toml:3: …`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mistakes {
    file: String,
    mistakes: Vec<Mistake>,
}

impl Mistakes {
    pub(super) fn of(file: &str) -> Mistakes {
        Mistakes { file: file.to_owned(), mistakes: Vec::new() }
    }

    pub(super) fn add(&mut self, line: usize, text: impl Into<String>) {
        let mistake = Mistake { line, text: text.into() };
        if let Err(place) = self.mistakes.binary_search(&mistake) {
            self.mistakes.insert(place, mistake);
        }
    }

    /// Is all well?
    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => write!(f, "{} has a mistake, so nothing was applied:", self.file)?,
            count => write!(f, "{} has {count} mistakes, so nothing was applied:", self.file)?,
        }
        self.mistakes
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {}:{}: {}", self.file, mistake.line, mistake.text))
    }
}

impl std::error::Error for Mistakes {}
