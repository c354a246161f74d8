//! `config show`: the settings in effect and where each comes from. Secrets are masked.

use serde_json::{Value, json};

use crate::config::Setting;

use super::screen::{self, Screen};
use super::{Context, Ended};

const EXAMPLES: &str = "\
Settings are read from what is compiled in, then switchboard.toml, then .env, then the environment.

Examples:
  switchboard config show
  switchboard config show --json | jq -r '.settings[] | select(.origin != \"default\") | .key'
  switchboard config check && systemctl restart switchboard";

/// What `config` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Copy, Clone, Debug, clap::Subcommand)]
enum What {
    /// Show every setting with its value and where it comes from; secrets are masked
    Show,
    /// Only say whether the settings are right; every mistake at once if not
    Check,
}

/// Shows or checks the settings.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let loaded = context.load()?;
    match args.what {
        What::Show => {
            let json = json!({ "settings": loaded.settings, "hints": loaded.hints });
            context.print(&json, |screen| table(&loaded.settings, screen))?;
        }
        What::Check => {
            let json = json!({ "ok": true, "hints": loaded.hints });
            context.print(&json, |_| "The settings are right.\n".to_owned())?;
        }
    }
    if !context.json {
        loaded.hints.iter().for_each(|hint| screen::remark(format_args!("hint: {hint}")));
    }
    Ok(Ended::Well)
}

/// One line a setting.
pub fn table(settings: &[Setting], screen: &Screen) -> String {
    let mut table = screen.table(["SETTING", "VALUE", "FROM"]);
    for setting in settings {
        let value = match &setting.value {
            None => "-".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let origin = setting.origin.as_ref().map_or_else(String::new, ToString::to_string);
        table.add_row([&setting.key, &value, &origin].map(|text| screen::cell(text)));
    }
    screen::keep_whole(&mut table, 1);
    screen::lines_of(&table)
}
