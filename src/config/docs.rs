//! Writes docs/configuration.md from the default file, and holds the two together.

use std::fmt::Write as _;
use std::path::Path;

use super::DEFAULTS;
use super::names::{full_variable, own_variable};

const SECRETS: [&str; 5] =
    ["auth.signing_secret", "database.url", "livekit.api_secret", "twilio.auth_token", "twilio.api_secret"];

/// The default file as a page: its comments are the text, its values the defaults.
fn page() -> String {
    let mut out = String::from(
        "<!-- Written from switchboard.default.toml by `UPDATE=1 cargo test configuration_page`. Change that file. -->\n\n\
         # Configuration\n\n",
    );
    let mut section = String::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix("# ").or_else(|| (line == "#").then_some("")) {
            comment.push(text);
            continue;
        }
        let said = std::mem::take(&mut comment).join("\n");
        let (bare, has_default) = match line.strip_prefix('#') {
            Some(bare) => (bare, false),
            None => (line, true),
        };
        if bare.starts_with('[') {
            section = bare.trim_matches(['[', ']']).to_owned();
            let _ = writeln!(out, "## `{bare}`\n\n{said}\n");
        } else if let Some((key, value)) = bare.split_once(" = ") {
            setting(&mut out, &format!("{section}.{key}"), (value, has_default), &said);
        } else if !said.is_empty() {
            let _ = writeln!(out, "{said}\n");
        }
    }
    format!("{}\n", out.trim_end())
}

fn setting(out: &mut String, key: &str, (value, has_default): (&str, bool), said: &str) {
    // A project's name is no setting, and its default timeout is shown as a comment like all of `[[livekit]]`.
    let is_default = has_default || key == "livekit.timeout" || key == "livekit.project";
    let value =
        if is_default { format!("default `{value}`") } else { format!("not set; for example `{value}`") };
    let named = key.replacen("livekit.", "livekit.default.", 1);
    let own = own_variable(&named).map(|name| format!("`{name}` or ")).unwrap_or_default();
    let _ = writeln!(out, "### `{key}`\n\n{said}\n\n- {value}");
    if key == "livekit.project" {
        let _ = writeln!(out, "- only in a file\n");
        return;
    }
    let _ = writeln!(out, "- environment: {own}`{}`", full_variable(&named));
    if SECRETS.contains(&key) {
        let file =
            own_variable(&format!("{named}_file")).map(|name| format!(", `{name}`")).unwrap_or_default();
        let _ = writeln!(out, "- a secret; from a file: `{key}_file`{file}");
    }
    out.push('\n');
}

#[test]
fn the_configuration_page_says_what_the_default_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("docs/configuration.md can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/configuration.md is out of date: UPDATE=1 cargo test configuration_page");
}
