//! Reads `.env` files as the `dotenv` of Node does, so that one file serves both.
//!
//! Nothing is substituted: a secret with a `$` in it is that secret.

/// One `NAME=value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// A line that is none. Holds nothing of it, since that may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) line: usize,
    /// The name, where one can be made out.
    pub(super) name: Option<String>,
    pub(super) why: &'static str,
}

/// Reads the file's text, line by line; of a name that comes twice the last one counts, as in a shell.
pub(super) fn read(text: &str) -> (Vec<Variable>, Vec<Unreadable>) {
    let (mut variables, mut unreadable) = (Vec::new(), Vec::new());
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let first = rest.split('\n').next().unwrap_or_default();
        let mut taken = first.len() + 1;
        if let Some((name, value)) = assignment(first) {
            // A quoted value may go on over several lines.
            let start = first.len() - value.len();
            match value_of(&rest[start..]) {
                Ok((value, end)) => {
                    taken = end_of_line(rest, start + end);
                    variables.push(Variable { name: name.to_owned(), value, line });
                }
                Err(why) => unreadable.push(Unreadable { line, name: Some(name.to_owned()), why }),
            }
        } else if !first.trim().is_empty() && !first.trim_start().starts_with('#') {
            unreadable.push(Unreadable { line, name: None, why: "is not NAME=value" });
        }
        let (read, left) = rest.split_at(taken.min(rest.len()));
        line += read.matches('\n').count();
        rest = left;
    }
    (variables, unreadable)
}

/// `export NAME = value` as name and value.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    is_name.then(|| (name, value.trim_start()))
}

/// The value that `text` starts with, and where it ends.
fn value_of(text: &str) -> Result<(String, usize), &'static str> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else {
        let line = text.split('\n').next().unwrap_or_default();
        return Ok((without_comment(line).trim().to_owned(), line.len()));
    };
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        if c == quote {
            let after = text[at + 1..].split('\n').next().unwrap_or_default();
            if !without_comment(after).trim().is_empty() {
                return Err("goes on after its closing quote; put the whole value in quotes");
            }
            return Ok((value, at + 1));
        }
        match (c, quote) {
            ('\\', '"') => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other @ ('"' | '\\' | '$'))) => value.push(other),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            _ => value.push(c),
        }
    }
    Err("has no closing quote; add it")
}

/// A `#` begins a comment only after a space: secrets may hold one.
fn without_comment(line: &str) -> &str {
    let is_comment = |&at: &usize| at == 0 || line[..at].ends_with([' ', '\t']);
    match line.match_indices('#').map(|(at, _)| at).find(is_comment) {
        Some(at) => &line[..at],
        None => line,
    }
}

fn end_of_line(text: &str, from: usize) -> usize {
    text[from..].find('\n').map_or(text.len(), |at| from + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String, usize)> {
        let (variables, unreadable) = read(text);
        assert_eq!(unreadable, [], "{text}");
        variables.into_iter().map(|variable| (variable.name, variable.value, variable.line)).collect()
    }

    fn value(text: &str) -> String {
        let mut all = values(&format!("NAME={text}"));
        all.pop().expect("one variable").1
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        for (text, read) in [
            ("3000", "3000"),
            ("", ""),
            ("  3000  ", "3000"),
            ("3000\r\n", "3000"),
            ("3000 # the port", "3000"),
            ("# all comment", ""),
            ("abc#def", "abc#def"),
            ("pa$$word${HOME}", "pa$$word${HOME}"),
            ("don't", "don't"),
            ("two words", "two words"),
            ("a=b==", "a=b=="),
            ("\"two words\" # why", "two words"),
            ("\"a # b\"", "a # b"),
            ("\"line\\nbreak \\\"quoted\\\" \\\\ \\x\"", "line\nbreak \"quoted\" \\ \\x"),
            ("'a\\nb $x'", "a\\nb $x"),
            ("`it's`", "it's"),
            ("\"first\nsecond\"", "first\nsecond"),
        ] {
            assert_eq!(value(text), read, "{text}");
        }
    }

    #[test]
    fn comments_blank_lines_and_export_are_understood() {
        let text = "\u{feff}# don't stop here\n\nexport PORT = 3000\n  A.B-c='x\ny' \nPORT=4000";
        let expected = [("PORT", "3000", 3), ("A.B-c", "x\ny", 4), ("PORT", "4000", 6)];
        assert_eq!(
            values(text),
            expected.map(|(name, value, line)| (name.to_owned(), value.to_owned(), line))
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_by_line_and_the_rest_is_read() {
        let (variables, unreadable) = read("oops\nA=\"x\" y\nPORT=1\nSECRET=\"never closed\nB=2\n");
        let names: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["PORT", "B"]);
        let told: Vec<_> = unreadable.iter().map(|one| (one.line, one.name.as_deref())).collect();
        assert_eq!(told, [(1, None), (2, Some("A")), (4, Some("SECRET"))]);
    }
}
