//! LiveKit: whether it can be asked, and its trunks and rules as it will match them.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use livekit::sip::SipApi;
use livekit::sip::lint::{self, Finding, Lint, Severity};
use livekit::sip::matching::{Call, Hosting, Matcher, Outcome};

use crate::db::inventory::OurNumber;
use crate::doctor::facts::{Facts, LiveKit, Unknown};
use crate::doctor::report::{Check, some};

use super::has_failed;

/// The lints that are checks of their own; what is rarer is told under `livekit.other_lints`.
const NAMED: [Lint; 8] = [
    Lint::CallerAndCalledMixedUp,
    Lint::NumberNotE164,
    Lint::RulesShareKey,
    Lint::TrunkWithoutCatchAll,
    Lint::RuleForGoneTrunk,
    Lint::RuleForAnyTrunk,
    Lint::TrunksShareNumber,
    Lint::TrunkOpen,
];
const OTHERS: &str = "livekit.other_lints";

/// The first address of each range that Twilio signals from (Elastic SIP Trunking > IP addresses): a /30 each.
const TWILIO_SIGNALS_FROM: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(54, 172, 60, 0)),
    IpAddr::V4(Ipv4Addr::new(54, 244, 51, 0)),
    IpAddr::V4(Ipv4Addr::new(54, 171, 127, 192)),
    IpAddr::V4(Ipv4Addr::new(35, 156, 191, 128)),
    IpAddr::V4(Ipv4Addr::new(54, 65, 63, 192)),
    IpAddr::V4(Ipv4Addr::new(54, 169, 127, 128)),
    IpAddr::V4(Ipv4Addr::new(54, 252, 254, 64)),
    IpAddr::V4(Ipv4Addr::new(177, 71, 206, 192)),
];

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let livekit = match &facts.livekit {
        Ok(livekit) => livekit,
        Err(unknown) => return unreached(unknown),
    };
    let mut checks = vec![Check::ok("livekit.api", "LiveKit answers and knows our key"), sip(livekit.sip)];
    if has_failed(&checks) {
        checks.extend(rest().map(|id| Check::skipped(id, "LiveKit has no SIP API to ask")));
        return checks;
    }
    checks.push(trunk_ids(facts, livekit));
    let findings = lint::lint(&livekit.trunks, &livekit.rules);
    checks.extend(NAMED.map(|lint| {
        let found: Vec<&Finding> = findings.iter().filter(|finding| finding.lint == lint).collect();
        told(&format!("livekit.{}", lint.code()), &found)
    }));
    let others: Vec<&Finding> = findings.iter().filter(|finding| !NAMED.contains(&finding.lint)).collect();
    checks.push(told(OTHERS, &others));
    checks.push(if has_failed(&checks) {
        Check::skipped("livekit.numbers", "not before the trunks and rules above are mended")
    } else {
        numbers(facts, livekit)
    });
    checks
}

/// The checks of trunks and rules, after `livekit.api` and `livekit.sip`.
fn rest() -> impl Iterator<Item = &'static str> {
    super::ALL.into_iter().filter(|id| id.starts_with("livekit.")).skip(2)
}

fn unreached(unknown: &Unknown) -> Vec<Check> {
    const ID: &str = "livekit.api";
    let means = "no agent is dispatched: callers ring until they give up";
    let (first, others) = match unknown {
        Unknown::NotConfigured(why) => (Check::skipped(ID, why), why.as_str()),
        Unknown::Unreachable(why) => {
            let says = format!("LiveKit cannot be asked: {why}");
            let remedy = "correct LIVEKIT_URL, or start LiveKit and let this machine reach it";
            (Check::failure(ID, [&says, means, remedy]), "LiveKit cannot be asked")
        }
        Unknown::Unauthorized(why) => {
            let says = format!("LiveKit does not accept our key: {why}");
            let remedy =
                "take LIVEKIT_API_KEY and LIVEKIT_API_SECRET of the project that LIVEKIT_URL leads to";
            (Check::failure(ID, [&says, means, remedy]), "LiveKit cannot be asked")
        }
    };
    let mut checks = vec![first, Check::skipped("livekit.sip", others)];
    checks.extend(rest().map(|id| Check::skipped(id, others)));
    checks
}

fn sip(api: SipApi) -> Check {
    const ID: &str = "livekit.sip";
    let means = "no call can come in: there is nowhere to keep trunks and rules";
    match api {
        SipApi::Present => Check::ok(ID, "it has a SIP API"),
        SipApi::NoRedis => Check::failure(
            ID,
            [
                "LiveKit runs without redis",
                means,
                "give livekit-server and livekit-sip the same redis (redis.address)",
            ],
        ),
        SipApi::Absent => Check::failure(
            ID,
            [
                "what answers at LIVEKIT_URL has no SIP API",
                means,
                "use LiveKit Cloud or livekit-server 1.5 or later",
            ],
        ),
        SipApi::Unauthorized => Check::failure(
            ID,
            ["our key may not manage SIP", means, "use an API key of the project itself, with its secret"],
        ),
    }
}

/// The trunks that this installation believes to have.
fn trunk_ids(facts: &Facts, livekit: &LiveKit) -> Check {
    const ID: &str = "livekit.trunk_ids";
    let known: HashSet<&str> = livekit.trunks.iter().map(|trunk| trunk.id.as_str()).collect();
    let settings = &facts.settings;
    let mut gone: Vec<String> = Vec::new();
    if let Some(id) = settings.inbound_trunk_id.as_deref().filter(|id| !known.contains(id)) {
        gone.push(format!("{id} (LIVEKIT_INBOUND_TRUNK_ID)"));
    }
    let rows = facts.database.iter().flat_map(|database| &database.inventory.trunks);
    for row in rows.filter(|row| row.project == settings.project) {
        if let Some(id) = row.livekit.as_deref().filter(|id| !known.contains(id)) {
            gone.push(format!("{id} (trunk {} of {})", row.name, row.tenant));
        }
    }
    if gone.is_empty() {
        return Check::ok(ID, format!("{} inbound trunks at LiveKit", known.len()));
    }
    let says = format!("LiveKit has no inbound trunk {}", some(gone.iter().map(String::as_str)));
    let means = "calls on the trunks that are there count as somebody else's and are refused or left alone";
    let remedy = "run `switchboard provision apply`, or correct the id in the settings or the routing file";
    Check::failure(ID, [&says, means, remedy])
}

fn told(id: &str, findings: &[&Finding]) -> Check {
    let Some(worst) = findings.iter().min_by_key(|finding| finding.severity) else {
        return Check::ok(id, "nothing of the kind");
    };
    let says = some(findings.iter().map(|finding| finding.what.as_str()));
    let parts = [says.as_str(), &worst.meaning, &worst.remedy];
    match worst.severity {
        Severity::Failure => Check::failure(id, parts),
        Severity::Warning => Check::warning(id, parts),
    }
}

/// What LiveKit will do with a call to each of our numbers.
fn numbers(facts: &Facts, livekit: &LiveKit) -> Check {
    const ID: &str = "livekit.numbers";
    let Ok(database) = &facts.database else { return Check::skipped(ID, "the database cannot be opened") };
    if !database.pending.is_empty() {
        return Check::skipped(ID, "the database is not up to date");
    }
    let hosting = facts.settings.hosting;
    let matcher = Matcher::new(&livekit.trunks, &livekit.rules);
    let active: Vec<&OurNumber> = database.inventory.numbers.iter().filter(|number| number.active).collect();
    let wrong: Vec<&OurNumber> =
        active.iter().copied().filter(|number| !is_taken(&matcher, number, hosting)).collect();
    if wrong.is_empty() {
        return Check::ok(ID, format!("LiveKit puts callers of {} numbers into a room each", active.len()));
    }
    let first = &wrong[0];
    let verdict = first_failing(&matcher, first, hosting);
    let says =
        format!("LiveKit takes no call to {}", some(wrong.iter().map(|number| number.number.as_str())));
    let remedy = format!(
        "run `switchboard provision apply`, or add the number to an inbound trunk at LiveKit; `switchboard explain \
         --livekit --to {} --from +15550100000` tells why",
        first.number
    );
    Check::failure(ID, [&says, &verdict, &remedy])
}

fn calls(number: &OurNumber, hosting: Hosting) -> impl Iterator<Item = Call> {
    let call = Call::new(number.number.clone(), "+15550100000");
    // On Cloud the carrier's addresses are compared only where support enabled it, and they come as they come.
    let from_twilio = number.provider == "TWILIO" && hosting == Hosting::SelfHosted;
    let sources = if from_twilio { TWILIO_SIGNALS_FROM.map(Some).to_vec() } else { vec![None] };
    sources.into_iter().map(move |source| Call { source, ..call.clone() })
}

fn is_taken(matcher: &Matcher<'_>, number: &OurNumber, hosting: Hosting) -> bool {
    calls(number, hosting).all(|call| {
        let outcome = matcher.outcome(&call);
        // A PIN is asked for before the call rings; whoever wants that has it so.
        matches!(outcome, Outcome::Joins(_) | Outcome::AsksForPin { .. })
    })
}

fn first_failing(matcher: &Matcher<'_>, number: &OurNumber, hosting: Hosting) -> String {
    let failing = calls(number, hosting)
        .find(|call| !matches!(matcher.outcome(call), Outcome::Joins(_) | Outcome::AsksForPin { .. }));
    failing.map_or_else(String::new, |call| matcher.judge(&call).heard(hosting).words)
}
