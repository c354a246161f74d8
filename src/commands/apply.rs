//! `switchboard apply`: brings the configuration to what a routing file says.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use crate::clock::Clock;
use crate::db::{self, Db};
use crate::routing_file::{self, Options, Plan, Refused, RoutingFile};

/// Everything is as was asked for.
pub(super) const DONE: u8 = 0;
/// The file or the database refused it.
pub(super) const REFUSED: u8 = 1;
/// The command was not used rightly.
const USAGE: u8 = 2;

/// Bring tenants, agents, campaigns, numbers and trunks to what a file says.
///
/// The file names tenants and what they have; `switchboard export` writes one. Rows are found by id, then by name
/// (numbers by number); a key left out keeps its value; nothing is removed without --prune. Everything is applied in
/// one transaction or, when anything in the file is wrong, nothing is. Running servers go by it within a second.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
A first file:
  [[tenant]]
  name = \"Acme Dental\"
  region = \"US\"
  default_agent = \"reception\"

  [[tenant.agent]]
  name = \"reception\"

  [[tenant.number]]
  number = \"(415) 555-0123\"

Examples:
  switchboard apply routing.toml --dry-run   show what would change
  switchboard apply routing.toml             change it
  switchboard export > routing.toml          begin from what is there
  other-tool | switchboard apply - --json    from a program, for a program

Exit codes: 0 applied, or nothing to do; 1 refused, with every mistake listed; 2 wrong usage.")]
pub struct Args {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Archive what the tenants named in the file have and the file does not; other tenants are left alone
    #[arg(long)]
    pub prune: bool,
    /// Print the plan, or the mistakes, as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command; its exit code. New tenants that name no region get `default_region`.
///
/// # Errors
/// When standard output cannot be written to.
pub async fn run(args: Args, db: &Db, clock: &Clock, default_region: &str) -> std::io::Result<u8> {
    let (text, name) = match file_text(&args.file) {
        Ok(read) => read,
        Err(why) => {
            eprintln!("error: {why}");
            return Ok(USAGE);
        }
    };
    let file = routing_file::read(&text, &name);
    drop(text);
    let options =
        Options { prune: args.prune, dry_run: args.dry_run, default_region: default_region.to_owned() };
    let result = apply(db, clock, file, options).await;
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    match said(&result, args.json, colour) {
        Said::Out(text) => writeln!(out, "{}", text.trim_end())?,
        Said::Err(text) => eprintln!("error: {text}"),
    }
    Ok(if result.is_ok() { DONE } else { REFUSED })
}

/// Applies a file that was read.
///
/// # Errors
/// All its mistakes, or what the database said; nothing was applied.
pub async fn apply(db: &Db, clock: &Clock, file: RoutingFile, options: Options) -> Result<Plan, Refused> {
    let now = clock.now();
    if options.dry_run {
        db.report(move |tx| routing_file::apply(tx, &file, &options, now)).await
    } else {
        db.bulk(move |tx| routing_file::apply(tx, &file, &options, now)).await
    }
}

enum Said {
    Out(String),
    Err(String),
}

fn said(result: &Result<Plan, Refused>, json: bool, colour: bool) -> Said {
    match result {
        Ok(plan) if json => Said::Out(in_json(plan)),
        Ok(plan) => Said::Out(plan.text(colour)),
        Err(Refused::Mistakes(mistakes)) if json => Said::Out(in_json(mistakes)),
        Err(Refused::Database(db::Error::TooSlow)) => Said::Err(
            "applying it took longer than database.report_timeout allows, so nothing was applied; raise that, or \
             apply the file in parts"
                .to_owned(),
        ),
        Err(Refused::Database(db::Error::Busy)) => Said::Err(
            "the database is busy; run the command again (applying a file twice does no harm)".to_owned(),
        ),
        Err(error) => Said::Err(error.to_string()),
    }
}

fn in_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

/// A file's text, and what to call it.
fn file_text(file: &str) -> Result<(String, String), String> {
    let (bytes, name) = if file == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        (read.map(|_| bytes), "standard input")
    } else {
        (std::fs::read(Path::new(file)), file)
    };
    let bytes = bytes.map_err(|why| format!("{name} cannot be read: {why}"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, name.to_owned())),
        Err(why) => {
            let at = why.utf8_error().valid_up_to();
            let line = why.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(format!("{name}:{line}: not UTF-8 text; save the file as UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::{CommandFactory, Parser};
        Cli::command().debug_assert();
        let args = Cli::parse_from(["apply", "-", "--prune", "--json"]).args;
        assert!(args.file == "-" && args.prune && args.json && !args.dry_run);
    }

    #[test]
    fn a_database_that_fails_says_what_to_do() {
        let Said::Err(text) = said(&Err(Refused::Database(db::Error::Busy)), true, false) else { panic!() };
        assert!(text.contains("run the command again"), "{text}");
    }

    #[tokio::test]
    async fn the_exit_code_tells_what_was_refused_from_what_was_misused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let db = Db::open(&db::Options::new(format!("file:{}", path("t.db")))).unwrap();
        let clock = Clock::system();
        db::migrate::run(&db, clock.now()).await.unwrap();
        let cases: [(&str, &[u8], u8); 4] = [
            ("right.toml", b"[[tenant]]\nname = 'A'\n", DONE),
            ("wrong.toml", b"[[tenant]]\nname = ''\n", REFUSED),
            ("binary.toml", b"[[tenant]]\nname = '\xff'\n", USAGE),
            ("missing.toml", b"", USAGE),
        ];
        for (name, text, code) in cases {
            if !text.is_empty() {
                std::fs::write(path(name), text).unwrap();
            }
            let args = Args { file: path(name), dry_run: false, prune: false, json: false };
            assert_eq!(run(args, &db, &clock, "US").await.unwrap(), code, "{name}");
        }
        assert_eq!(
            file_text(&path("binary.toml")).unwrap_err().rsplit_once(".toml").unwrap().1,
            ":2: not UTF-8 text; save the file as UTF-8"
        );
    }
}
