//! The account at Twilio, our trunks there, and what has gone wrong there lately.

use twilio::{RecordingMode, TransferMode};

use crate::doctor::facts::{Facts, TrunkThere, Twilio, Unknown};
use crate::doctor::report::{Check, some};

/// Twilio's debugger: no valid origination URI, and no answer from it.
const SIP_ERRORS: [u32; 2] = [32010, 32011];

pub(super) fn credentials(unknown: &Unknown) -> Check {
    const ID: &str = "twilio.credentials";
    match unknown {
        Unknown::Unauthorized(why) => {
            let says = format!("Twilio does not accept them: {why}");
            let means = "nothing at Twilio can be checked or set up; calls are not affected";
            let remedy = "take TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN from the first page of Twilio's console, both \
                          of the same account; an API key belongs to one account and region";
            Check::failure(ID, [&says, means, remedy])
        }
        Unknown::NotConfigured(why) => Check::skipped(ID, why),
        Unknown::Unreachable(why) => {
            let says = format!("Twilio cannot be asked: {why}");
            let means = "nothing at Twilio can be checked or set up; calls are not affected";
            Check::failure(ID, [&says, means, "let this machine reach https://api.twilio.com, and try again"])
        }
    }
}

pub(super) fn account(twilio: &Twilio) -> Vec<Check> {
    const ID: &str = "twilio.account";
    let credentials = Check::ok("twilio.credentials", "Twilio knows us");
    let Some(account) = &twilio.account else {
        return vec![credentials, Check::skipped(ID, "an API key may not look at its account")];
    };
    let status = account.status.as_deref().unwrap_or("active");
    let check = match status {
        "active" if account.kind.as_deref() == Some("Trial") => Check::warning(
            ID,
            [
                "it is a trial account",
                "callers hear Twilio's announcement first; one number, one trunk and four calls at once at most",
                "upgrade the account in Twilio's console before callers depend on it",
            ],
        ),
        "active" => Check::ok(ID, "it is active"),
        status => {
            let says = format!("it is {status}");
            let means = "no call comes in: Twilio answers callers itself";
            Check::failure(ID, [&says, means, "settle it with Twilio (console > Billing)"])
        }
    };
    vec![credentials, check]
}

pub(super) fn checks(twilio: &Twilio, facts: &Facts) -> Vec<Check> {
    const ID: &str = "twilio.trunk";
    if !facts.database.as_ref().is_ok_and(|database| database.pending.is_empty()) {
        return vec![Check::skipped(ID, "which trunks are ours cannot be read from the database")];
    }
    if twilio.trunks.is_empty() {
        let means = "what Twilio does with calls cannot be compared with what it should";
        let remedy = "give the tenant a trunk in the routing file ([[tenant.trunk]] with a name, and twilio = \"TK…\" \
                      if there is one already), then run `switchboard provision apply`";
        return vec![Check::warning(ID, ["no trunk here names one at Twilio", means, remedy])];
    }
    let gone: Vec<&TrunkThere> = twilio.trunks.iter().filter(|trunk| trunk.trunk.is_none()).collect();
    if gone.is_empty() {
        return vec![Check::ok(ID, some(twilio.trunks.iter().map(|trunk| trunk.ours.name.as_str())))];
    }
    let named: Vec<String> =
        gone.iter().map(|trunk| format!("{} ({})", trunk.ours.name, trunk.sid)).collect();
    let says = format!("the account has no trunk {}", some(named.iter().map(String::as_str)));
    let means = "calls to its numbers do not come here any more";
    let remedy = "run `switchboard provision apply` to make it anew, or correct its sid in the routing file";
    vec![Check::failure(ID, [&says, means, remedy])]
}

/// Settings of our trunks.
pub(super) fn settings(twilio: &Twilio) -> Vec<Check> {
    let there: Vec<(&TrunkThere, &twilio::Trunk)> =
        twilio.trunks.iter().filter_map(|ours| Some((ours, ours.trunk.as_ref()?))).collect();
    if there.is_empty() {
        let ids = ["twilio.secure", "twilio.transfers", "twilio.recording", "twilio.symmetric_rtp"];
        return ids.map(|id| Check::skipped(id, "no trunk of ours is at Twilio")).into();
    }
    let those = |which: &dyn Fn(&TrunkThere, &twilio::Trunk) -> bool| -> Option<String> {
        let names: Vec<&str> = there
            .iter()
            .filter(|(ours, trunk)| which(ours, trunk))
            .map(|(ours, _)| ours.ours.name.as_str())
            .collect();
        (!names.is_empty()).then(|| some(names))
    };
    vec![
        secure(those(&|ours, trunk| trunk.secure == Some(true) && !all_by_tls(ours))),
        transfers(those(&|_, trunk| matches!(trunk.transfer_mode, None | Some(TransferMode::DisableAll)))),
        recording(those(&|_, trunk| {
            let mode = trunk.recording.as_ref().and_then(|recording| recording.mode.as_ref());
            mode.is_some_and(|mode| *mode != RecordingMode::DoNotRecord)
        })),
        symmetric(those(&|_, trunk| trunk.symmetric_rtp_enabled == Some(true))),
    ]
}

fn all_by_tls(trunk: &TrunkThere) -> bool {
    let mut enabled = trunk.urls.iter().filter(|url| url.enabled);
    enabled.all(|url| url.sip_url.to_ascii_lowercase().contains("transport=tls"))
}

fn secure(wrong: Option<String>) -> Check {
    const ID: &str = "twilio.secure";
    let Some(names) = wrong else { return Check::ok(ID, "encryption fits the transport") };
    let says =
        format!("secure trunking is on for {names}, and its origination URL does not say ;transport=tls");
    let means = "Twilio uses TLS and SRTP all the same; where LiveKit does not, the call fails at once (488)";
    let remedy =
        "switch secure trunking off, or use ;transport=tls and encryption on LiveKit's trunk as well";
    Check::failure(ID, [&says, means, remedy])
}

fn transfers(wrong: Option<String>) -> Check {
    const ID: &str = "twilio.transfers";
    let Some(names) = wrong else { return Check::ok(ID, "callers can be sent on") };
    let says = format!("call transfer (SIP REFER) is off for {names}");
    let means = "an agent or operator cannot send a caller on to a telephone (603)";
    let remedy =
        "switch on call transfer and PSTN transfer for the trunk, or run `switchboard provision apply`";
    Check::warning(ID, [&says, means, remedy])
}

fn recording(wrong: Option<String>) -> Check {
    const ID: &str = "twilio.recording";
    let Some(names) = wrong else { return Check::ok(ID, "Twilio records nothing") };
    let says = format!("Twilio records the calls of {names}");
    let means =
        "callers are recorded at a second place, which an erasure here does not reach, and it is billed";
    let remedy = "set the trunk to do not record, unless you mean it";
    Check::warning(ID, [&says, means, remedy])
}

fn symmetric(wrong: Option<String>) -> Check {
    const ID: &str = "twilio.symmetric_rtp";
    let Some(names) = wrong else { return Check::ok(ID, "off") };
    let says = format!("symmetric RTP is on for {names}");
    let means = "some calls may have sound in one direction only";
    let remedy = "switch it off in Twilio's console (trunk > General); the API cannot";
    Check::warning(ID, [&says, means, remedy])
}

/// What Twilio itself has noted in the last hour.
pub(super) fn lately(twilio: &Twilio) -> Vec<Check> {
    vec![alerts(twilio), failed(twilio)]
}

fn alerts(twilio: &Twilio) -> Check {
    const ID: &str = "twilio.alerts";
    let of_sip = twilio.alerts.iter().filter_map(|alert| alert.error_code);
    let mut codes: Vec<u32> = of_sip.filter(|code| SIP_ERRORS.contains(code)).collect();
    if codes.is_empty() {
        return Check::ok(ID, "none about SIP in the last hour");
    }
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    let says = format!("Twilio's debugger has {count} of {} in the last hour", codes.join(" and "));
    let means = "calls failed on their way: 32010 no valid origination URI, 32011 LiveKit did not answer it";
    let remedy = "see the checks of the origination above; 32011 with all of them right: is livekit-sip up and its \
                  port open to Twilio's addresses?";
    Check::warning(ID, [&says, means, remedy])
}

fn failed(twilio: &Twilio) -> Check {
    const ID: &str = "twilio.failed_calls";
    if twilio.failed_calls.is_empty() {
        return Check::ok(ID, "none in the last hour");
    }
    let sids: Vec<&str> = twilio.failed_calls.iter().map(|call| call.sid.as_str()).collect();
    let says = format!("{} calls failed on their way in the last hour: {}", sids.len(), some(sids));
    let means = "their callers heard an error tone and never rang here";
    let remedy =
        "look one up in Twilio's console (Monitor > Calls): its SIP response tells which side refused it";
    Check::warning(ID, [&says, means, remedy])
}
