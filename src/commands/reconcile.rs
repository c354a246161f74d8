//! `calls reconcile`: compares calls with the carrier's once, by hand, and says what that brought to light.

use anyhow::{Context as _, bail};
use comfy_table::Cell;

use crate::carrier::{self, Options, Report};

use super::filters::{Since, since};
use super::screen::{self, Screen};
use super::{Context, Ended, serve, words};

const EXAMPLES: &str = "\
A running server does this by itself every twilio.calls_every; it does not mind. Exit code 1 when nothing was found.

Examples:
  switchboard calls reconcile --dry-run          what is missing, without writing it down
  switchboard calls reconcile --since 7d --json";

/// What `calls reconcile` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Compare calls since then: 30m, 1h, 2d, or a time such as 2025-10-09T15:30:00Z
    #[arg(long, value_name = "WHEN", value_parser = since, default_value = "24h")]
    since: Since,
    /// Only say what would be found
    #[arg(long)]
    dry_run: bool,
}

/// Compares, and prints what was found.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    // One that is not there or not up to date is not made so by this.
    context.database(&config).await?.close().await;
    let app = serve::open(&config, context.clock.clone()).await?;
    let done = match app.twilio.clone() {
        Some(client) => {
            let since = Some(args.since.time(context.clock.now()));
            let options = Options { since, dry_run: args.dry_run };
            carrier::round(&app, &client, &options).await.context("comparing calls with Twilio's")
        }
        None => {
            Err(anyhow::anyhow!("no Twilio account is set: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"))
        }
    };
    app.shut_down(config.server.shutdown_grace).await;
    let report = done?;
    if report.cut_short {
        bail!("stopped before everything was compared");
    }
    context.print(&report, |screen| page(&report, args.dry_run, screen))?;
    Ok(Ended::by(!report.findings.is_empty()))
}

/// What was found, the sum of it last.
fn page(report: &Report, dry_run: bool, screen: &Screen) -> String {
    let mut out = String::new();
    if !report.findings.is_empty() {
        let mut table =
            screen.table(["FOUND", "BEGAN", "TO", "CALL", "AT TWILIO", "THE CARRIER SAYS OTHERWISE"]);
        for found in &report.findings {
            table.add_row([
                Cell::new(found.finding),
                Cell::new(screen.time(found.started_at)),
                Cell::new(words::number(&found.to_number)),
                screen::cell(found.call_id.as_deref().unwrap_or("-")),
                screen::cell(&found.call_sid),
                screen::cell(&found.disagreements.join("; ")),
            ]);
        }
        out += &screen::lines_of(&table);
    }
    let Report { looked_at, never_reached, joined, unchanged, too_young, unknown_number, before_us, .. } =
        report;
    let would = if dry_run { " (nothing was written)" } else { "" };
    out += &format!(
        "{looked_at} calls at Twilio: {never_reached} never reached us, {joined} joined to calls of ours, {unchanged} \
         as they were, {too_young} too young, {unknown_number} to numbers that are not ours, {before_us} from before \
         their number was{would}\n"
    );
    out
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::carrier::Finding;
    use crate::clock::Timestamp;

    #[test]
    fn what_was_found_is_one_line_each_and_the_sum_is_last() {
        let at = Timestamp::from_secs(1_760_011_200);
        let screen = Screen { colour: false, width: None, zone: TimeZone::UTC, now: at };
        let finding = |finding, disagreements| Finding {
            finding,
            call_id: Some("call_1".into()),
            call_sid: "CA1".to_owned(),
            to_number: "+14155550123".to_owned(),
            started_at: at,
            disagreements,
        };
        let differs = vec!["the carrier counts 120 s, Switchboard 60 s".to_owned()];
        let findings = vec![finding("never_reached", Vec::new()), finding("joined", differs)];
        let report =
            Report { looked_at: 9, never_reached: 1, joined: 1, unchanged: 7, findings, ..Report::default() };
        let page = page(&report, true, &screen);
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 4, "{page}");
        assert!(lines[1].starts_with("never_reached") && lines[1].contains("call_1"), "{page}");
        assert!(lines[2].ends_with("the carrier counts 120 s, Switchboard 60 s"), "{page}");
        assert!(lines[3].starts_with("9 calls at Twilio: 1 never reached us, 1 joined"), "{page}");
        assert!(lines[3].ends_with("(nothing was written)"), "{page}");
    }
}
