//! `switchboard export`: writes the configuration as a routing file.

use std::io::Write;

use crate::db::Db;
use crate::routing_file;

use super::apply::{DONE, REFUSED};

/// Write tenants, agents, campaigns, numbers and trunks as a file for `switchboard apply`.
///
/// The file says everything, ids too: applied right away it changes nothing, applied later (with --prune) it restores
/// what was. What is archived is not in it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  switchboard export > routing.toml
  switchboard export --tenant \"Acme Dental\" > acme.toml
  switchboard export | switchboard apply - --dry-run   nothing to change

Exit codes: 0 written; 1 there is no such tenant, or the database refused; 2 wrong usage.")]
pub struct Args {
    /// Only this tenant
    #[arg(long, value_name = "NAME_OR_ID")]
    pub tenant: Option<String>,
    /// Print {"file": …} with the file as one text
    #[arg(long)]
    pub json: bool,
}

/// Runs the command; its exit code.
///
/// # Errors
/// When standard output cannot be written to.
pub async fn run(args: Args, db: &Db) -> std::io::Result<u8> {
    let only = args.tenant;
    let text = match db.report(move |tx| routing_file::export(tx, only.as_deref())).await {
        Ok(text) => text,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(REFUSED);
        }
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::json!({ "file": text }))?;
    } else {
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(DONE)
}
