//! The examples of `docs/routing-file.md` are right.

use super::*;

/// The blocks of TOML, each with the line it begins on.
fn examples() -> Vec<(usize, String)> {
    let text = include_str!("../../../docs/routing-file.md");
    let (mut examples, mut open) = (Vec::new(), None);
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line) {
            (None, "```toml") => open = Some((at + 2, String::new())),
            (Some(_), "```") => examples.extend(open.take()),
            (Some((_, block)), line) => *block = format!("{block}{line}\n"),
            (None, _) => {}
        }
    }
    examples
}

#[tokio::test]
async fn every_example_applies_after_the_one_before_it() {
    let fresh = Fresh::sqlite().await;
    let examples = examples();
    assert!(examples.len() >= 5);
    for (line, text) in examples {
        let applied = fresh.try_apply(&text, |_| {}).await;
        let plan = applied.unwrap_or_else(|why| panic!("docs/routing-file.md:{line}: {why}"));
        assert!(!plan.summary.is_unchanged(), "docs/routing-file.md:{line} changes nothing");
        assert!(fresh.apply(&text).await.summary.is_unchanged(), "docs/routing-file.md:{line}");
    }
}

#[test]
fn every_key_is_described() {
    let text = include_str!("../../../docs/routing-file.md");
    for shape in file::SHAPES {
        let (_, section) = text.split_once(&format!("## `{}`", shape.header)).expect(shape.header);
        let section = section.split("\n## ").next().unwrap();
        for key in shape.keys {
            assert!(section.contains(&format!("\n| `{key}` |")), "{key} of {}", shape.header);
        }
    }
}
