//! The checks: each a function of what was gathered, and of nothing else. One cause gives one finding: what cannot be
//! told as long as something else is wrong is skipped, and says so.

mod base;
mod inbound;
mod livekit;
mod numbers;
mod origination;
mod trunk;

#[cfg(test)]
mod tests;

use super::facts::{Facts, Unknown};
use super::report::{Check, Report, State};

/// Every check, in the order a call takes: what is here, then Twilio, then LiveKit, then the agents.
pub const ALL: [&str; 47] = [
    "configuration",
    "database",
    "database.migrations",
    "database.disk",
    "database.durability",
    "server.running",
    "server.alone",
    "clock",
    "webhook.signatures",
    "public.url",
    "public.certificate",
    "twilio.credentials",
    "twilio.account",
    "twilio.trunk",
    "twilio.origination",
    "twilio.origination_host",
    "twilio.origination_user",
    "twilio.origination_transport",
    "twilio.origination_other",
    "twilio.secure",
    "twilio.transfers",
    "twilio.recording",
    "twilio.symmetric_rtp",
    "twilio.numbers",
    "twilio.numbers_voice",
    "twilio.numbers_trunk",
    "twilio.numbers_application",
    "twilio.numbers_fax",
    "twilio.numbers_status",
    "twilio.numbers_unknown",
    "twilio.alerts",
    "twilio.failed_calls",
    "livekit.api",
    "livekit.sip",
    "livekit.trunk_ids",
    "livekit.caller_and_called_mixed_up",
    "livekit.number_not_e164",
    "livekit.rules_share_key",
    "livekit.trunk_without_catch_all",
    "livekit.rule_for_gone_trunk",
    "livekit.rule_for_any_trunk",
    "livekit.trunks_share_number",
    "livekit.trunk_open",
    "livekit.other_lints",
    "livekit.numbers",
    "webhook.round_trip",
    "agents",
];

/// Judges.
pub fn judge(facts: &Facts) -> Report {
    let mut checks = base::checks(facts);
    checks.extend(inbound::checks(facts));
    checks.extend(twilio(facts));
    checks.extend(livekit::checks(facts));
    checks.extend(inbound::calls(facts));
    Report::new(checks)
}

fn twilio(facts: &Facts) -> Vec<Check> {
    let ids = ALL.iter().filter(|id| id.starts_with("twilio."));
    let twilio = match &facts.twilio {
        Ok(twilio) => twilio,
        Err(Unknown::NotConfigured(why)) => return ids.map(|id| Check::skipped(id, why)).collect(),
        Err(unknown) => {
            let mut checks = vec![trunk::credentials(unknown)];
            checks.extend(ids.skip(1).map(|id| Check::skipped(id, "Twilio cannot be asked")));
            return checks;
        }
    };
    let mut checks = trunk::account(twilio);
    checks.extend(trunk::checks(twilio, facts));
    checks.extend(origination::checks(twilio, &facts.settings));
    checks.extend(trunk::settings(twilio));
    checks.extend(numbers::checks(twilio, facts));
    checks.extend(trunk::lately(twilio));
    checks
}

/// Whether one of these checks has failed.
fn has_failed(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.state == State::Failure)
}
