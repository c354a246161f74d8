//! Where a command writes to: colours, width, tables, and a reader that may have gone away.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;

use crate::call::Status;
use crate::clock::Timestamp;

use super::words;

/// When to use colours.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl When {
    /// What it comes to for this stream.
    pub fn decide(self, is_terminal: bool, no_colour: bool) -> bool {
        match self {
            When::Auto => is_terminal && !no_colour,
            When::Always => true,
            When::Never => false,
        }
    }
}

/// What is known of standard output.
#[derive(Clone, Debug)]
pub struct Screen {
    /// With colours?
    pub colour: bool,
    /// Columns of the terminal; none where the output goes elsewhere.
    pub width: Option<u16>,
    /// The reader's time zone.
    pub zone: TimeZone,
    /// The time now: times of today are shown without the date.
    pub now: Timestamp,
}

impl Screen {
    /// This process's standard output.
    pub fn of_this_process(when: When, now: Timestamp) -> Screen {
        let is_terminal = io::stdout().is_terminal();
        Screen {
            colour: when.decide(is_terminal, no_colour()),
            width: is_terminal.then(|| Table::new().width()).flatten(),
            zone: TimeZone::system(),
            now,
        }
    }

    /// A table without lines, as wide as the terminal at most.
    pub fn table<const N: usize>(&self, head: [&str; N]) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        if self.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        match self.width {
            Some(width) => table.set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.set_header(head.map(|title| Cell::new(title).fg(Color::DarkGrey)));
        // Columns begin at the left edge and stand two apart.
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        table
    }

    /// Text in a colour.
    pub fn paint(&self, style: Style, text: impl Display) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    /// A heading.
    pub fn bold(&self, text: impl Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What matters less.
    pub fn dim(&self, text: impl Display) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// A time of today without the date.
    pub fn time(&self, time: Timestamp) -> String {
        words::short_time(time, self.now, &self.zone)
    }

    /// A time with its date.
    pub fn full_time(&self, time: Timestamp) -> String {
        words::full_time(time, &self.zone)
    }
}

/// Has a narrow terminal break the text of later columns, and never that of the first ones.
pub fn keep_whole(table: &mut Table, columns: usize) {
    for column in table.column_iter_mut().take(columns) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// A table as text, without the blanks at the ends of its lines.
pub fn lines_of(table: &Table) -> String {
    table.lines().flat_map(|line| [line.trim_end().to_owned(), "\n".to_owned()]).collect()
}

/// A cell with text of outsiders in it.
pub fn cell(text: &str) -> Cell {
    Cell::new(words::clean(text))
}

/// The colour of a status in tables.
pub const fn color_of(status: Status) -> Color {
    match status {
        Status::Ringing => Color::Yellow,
        Status::InProgress => Color::Cyan,
        Status::Completed => Color::Green,
        Status::Missed | Status::Rejected => Color::Magenta,
        Status::Failed => Color::Red,
    }
}

/// The colour of a status in text.
pub fn style_of(status: Status) -> Style {
    let colour = match status {
        Status::Ringing => AnsiColor::Yellow,
        Status::InProgress => AnsiColor::Cyan,
        Status::Completed => AnsiColor::Green,
        Status::Missed | Status::Rejected => AnsiColor::Magenta,
        Status::Failed => AnsiColor::Red,
    };
    colour.on_default()
}

/// Writes to standard output at once.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Says something beside the result, on standard error. There is nobody to tell that telling failed.
pub fn remark(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what went wrong, with its causes.
pub fn complain(when: When, error: &anyhow::Error) {
    let red = AnsiColor::Red.on_default().bold();
    let style = if when.decide(io::stderr().is_terminal(), no_colour()) { red } else { Style::new() };
    remark(format_args!("{style}error:{style:#} {error:#}"));
}

/// Whether it says only that the reader has gone away, as `head` does.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// <https://no-color.org>
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_asked_for_or_forbidden() {
        assert!(When::Auto.decide(true, false));
        assert!(!When::Auto.decide(true, true));
        assert!(!When::Auto.decide(false, false));
        assert!(When::Always.decide(false, true));
        assert!(!When::Never.decide(true, false));
    }
}
