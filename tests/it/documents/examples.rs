//! Examples as they stand in the documents: fenced blocks, the messages in them, and comparing where `…` stands for
//! whatever is there.

use serde_json::Value;

use super::read;

/// A fenced block.
pub(super) struct Block {
    document: String,
    line: usize,
    /// The words after the fence.
    pub(super) info: String,
    pub(super) text: String,
}

/// An HTTP message as it is written.
pub(super) struct Message {
    pub(super) start: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// The fenced blocks of a document.
pub(super) fn blocks(document: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (at, line) in read(document).lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let (document, info) = (document.to_owned(), info.trim().to_owned());
                open = Some(Block { document, line: at + 1, info, text: String::new() });
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => block.text = format!("{}{line}\n", block.text),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{document}: a block has no end");
    blocks
}

impl Block {
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }

    /// The first line, headers up to an empty line, and the rest without its last line end. `<N bytes>` is so long a
    /// body.
    pub(super) fn message(&self) -> Message {
        let (head, body) = self.text.split_once("\n\n").unwrap_or((self.text.trim_end(), ""));
        let mut lines = head.lines();
        let start = lines.next().expect("a first line").to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{}: {line}", self.place()));
            (name.to_owned(), value.trim().to_owned())
        };
        let headers = lines.map(header).collect();
        let body = body.strip_suffix('\n').unwrap_or(body);
        let long = body.strip_prefix('<').and_then(|body| body.strip_suffix(" bytes>"));
        let long = long.and_then(|length| length.replace(',', "").parse::<usize>().ok());
        Message { start, headers, body: long.map_or_else(|| body.to_owned(), |length| "x".repeat(length)) }
    }
}

/// Whether a value is what was expected. A `…` in a text is any text; an object must have no other fields.
pub(super) fn fits(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(expected), Value::String(found)) => matches(expected, found),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| fits(e, f))
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().all(|(name, e)| found.get(name).is_some_and(|f| fits(e, f)))
        }
        _ => expected == found,
    }
}

/// Whether a text is what was expected, where `…` is any text, also none.
pub(super) fn matches(expected: &str, found: &str) -> bool {
    let Some((first, rest)) = expected.split_once('…') else { return expected == found };
    let Some(found) = found.strip_prefix(first) else { return false };
    let ends = found.char_indices().map(|(at, _)| at).chain([found.len()]);
    ends.into_iter().any(|at| matches(rest, &found[at..]))
}
