//! Asking before something that costs or cannot be undone.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};

use crate::commands::screen;

/// Whether to go on: told by `--yes`, or by whoever sits at the terminal.
///
/// # Errors
/// Where nobody can be asked.
pub(super) fn go_on(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} Nobody is at a terminal to say so: add --yes");
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).context("asking")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    let agreed = is_yes(&answer);
    if !agreed {
        screen::remark("Nothing was done.");
    }
    Ok(agreed)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_is_one() {
        assert!(["y\n", "Yes\r\n", " yes "].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "yess", "ja", "y n"].into_iter().any(is_yes));
    }
}
