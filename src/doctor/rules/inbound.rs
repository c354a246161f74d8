//! How LiveKit reaches us, and whether an agent comes.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::doctor::facts::{Facts, LiveKit, Public, RoundTrip, Unknown};
use crate::doctor::flow::{self, Flow, State as Ends};
use crate::doctor::report::{Check, some};

const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;
/// A certificate that is renewed by itself is renewed thirty days before its end; two weeks later something is wrong.
const CERTIFICATE_SOON_DAYS: i64 = 14;

/// Before LiveKit is looked at: who is believed, and the way in.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![signatures(facts), public(facts), certificate(facts)]
}

/// After it: whether its webhooks come, and whether agents do.
pub(super) fn calls(facts: &Facts) -> Vec<Check> {
    let livekit = facts.livekit.as_ref();
    vec![
        livekit.map_or_else(|unknown| untold("webhook.round_trip", unknown), round_trip),
        livekit.map_or_else(|unknown| untold("agents", unknown), |livekit| agents(facts, livekit)),
    ]
}

fn untold(id: &str, unknown: &Unknown) -> Check {
    match unknown {
        Unknown::NotConfigured(why) => Check::skipped(id, why),
        _ => Check::skipped(id, "LiveKit cannot be asked"),
    }
}

fn signatures(facts: &Facts) -> Check {
    const ID: &str = "webhook.signatures";
    if !facts.settings.allow_unsigned {
        return Check::ok(ID, "only signed webhooks are believed");
    }
    Check::failure(
        ID,
        [
            "webhooks.allow_unsigned is true",
            "anybody who reaches this server can place and end calls",
            "remove webhooks.allow_unsigned; it is for tests only",
        ],
    )
}

fn public(facts: &Facts) -> Check {
    const ID: &str = "public.url";
    let (Some(url), Some(public)) = (&facts.settings.public_url, &facts.public) else {
        return Check::skipped(
            ID,
            "server.public_url is not set, so that the way in from outside is not tried",
        );
    };
    let runs = facts
        .database
        .as_ref()
        .is_ok_and(|database| !database.pending.is_empty() || !database.servers.is_empty());
    if !runs && !public.is_us {
        return Check::skipped(ID, "no server runs on this database that could answer there");
    }
    let means = "LiveKit's webhooks do not come through, so no agent gets onto a call";
    match &public.answer {
        Err(why) => {
            let says = format!("{url} does not answer: {why}");
            let remedy =
                "mend the name, the proxy or the certificate in front of this server, or server.public_url";
            Check::failure(ID, [&says, means, remedy])
        }
        Ok(status) if !public.is_us => {
            let says = format!("{url} answers with {status}, and not as this server does");
            let remedy = "have the proxy send /api/v1/webhooks/ to this server";
            Check::failure(ID, [&says, means, remedy])
        }
        Ok(_) if url.starts_with("http:") && !is_local(url) => {
            let says = format!("{url} is http");
            let means = "whoever is on the way reads callers' numbers";
            Check::warning(ID, [&says, means, "put a proxy with a certificate in front (docs/production.md)"])
        }
        Ok(_) => Check::ok(ID, format!("{url} leads here")),
    }
}

fn is_local(url: &str) -> bool {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
    host.is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

fn certificate(facts: &Facts) -> Check {
    const ID: &str = "public.certificate";
    let Some(Public { certificate_ends: Some(ends), .. }) = &facts.public else {
        return Check::skipped(ID, "no certificate was seen: there is no public URL, or it has none");
    };
    let days = days_left(*ends, facts.now);
    let says = format!("the certificate of server.public_url ends in {days} days");
    let means = "once it has ended, LiveKit delivers no webhook and tells nobody";
    let remedy = "renew it, and see why it is not renewed by itself";
    match days {
        ..0 => Check::failure(ID, ["the certificate of server.public_url has ended", means, remedy]),
        0..CERTIFICATE_SOON_DAYS => Check::warning(ID, [&says, means, remedy]),
        _ => Check::ok(ID, says),
    }
}

fn days_left(ends: Timestamp, now: Timestamp) -> i64 {
    ends.micros().saturating_sub(now.micros()).div_euclid(DAY_MICROS)
}

fn round_trip(livekit: &LiveKit) -> Check {
    const ID: &str = "webhook.round_trip";
    let means = "Switchboard never hears of calls; they ring until it looks by itself, seconds late";
    match &livekit.webhook {
        RoundTrip::Came(after_ms) => {
            Check::ok(ID, format!("LiveKit's webhook of a new room came after {after_ms} ms"))
        }
        RoundTrip::NotTried(why) => Check::skipped(ID, why),
        RoundTrip::NoRoom(why) => {
            let says = format!("LiveKit makes no room: {why}");
            let means = "no call can be taken";
            Check::failure(
                ID,
                [&says, means, "see livekit-server's log: is it shutting down, or without capacity?"],
            )
        }
        RoundTrip::Missing { refused: Some(why) } => {
            let says = format!("a webhook came and was refused: {why}");
            let remedy = "have LiveKit sign webhooks with the API key that this server has (webhook.api_key of \
                          livekit.yaml; the project's Settings > Webhooks on Cloud)";
            Check::failure(ID, [&says, means, remedy])
        }
        RoundTrip::Missing { refused: None } => {
            let says = "LiveKit made a room, and no webhook of it came";
            let remedy = "give LiveKit this server's /api/v1/webhooks/livekit/events as its webhook URL (webhook.urls \
                          of livekit.yaml; the project's Settings > Webhooks on Cloud), where LiveKit reaches it";
            Check::failure(ID, [says, means, remedy])
        }
    }
}

fn agents(facts: &Facts, livekit: &LiveKit) -> Check {
    const ID: &str = "agents";
    let Ok(database) = &facts.database else { return Check::skipped(ID, "the database cannot be opened") };
    if !database.pending.is_empty() {
        return Check::skipped(ID, "the database is not up to date");
    }
    let flows = flow::with_workers(database.flows.clone(), &livekit.workers);
    if flows.is_empty() {
        let means = "every caller is refused: no number is known";
        let remedy = "add numbers: `switchboard numbers import`, or `switchboard apply` a routing file";
        return Check::failure(ID, ["there are no numbers", means, remedy]);
    }
    let mut by_state: BTreeMap<Ends, Vec<&Flow>> = BTreeMap::new();
    for flow in &flows {
        by_state.entry(flow.state).or_default().push(flow);
    }
    let told = |flows: &[&Flow]| {
        let mut whys: Vec<&str> = flows.iter().map(|flow| flow.says.as_str()).collect();
        whys.sort_unstable();
        whys.dedup();
        let numbers = some(flows.iter().map(|flow| flow.number.as_str()));
        let mut remedies: Vec<&str> = flows.iter().filter_map(|flow| flow.remedy.as_deref()).collect();
        remedies.dedup();
        let remedy = match remedies.as_slice() {
            [] => "see `switchboard campaigns check`".to_owned(),
            remedies => some(remedies.iter().copied()),
        };
        (format!("{} ({numbers})", whys.join("; ")), remedy)
    };
    if let Some(lost) = by_state.get(&Ends::Lost) {
        let (says, remedy) = told(lost);
        return Check::failure(ID, [&says, "callers ring until nobody comes, or are refused", &remedy]);
    }
    if let Some(at_risk) = by_state.get(&Ends::AtRisk) {
        let (says, remedy) = told(at_risk);
        return Check::warning(
            ID,
            [&says, "callers wait longer, or are refused as long as it lasts", &remedy],
        );
    }
    let count = |state| by_state.get(&state).map_or(0, Vec::len);
    match count(Ends::Unproved) {
        0 => {
            let (answered, off) = (count(Ends::Answered), count(Ends::Off));
            Check::ok(ID, format!("a worker takes the calls of {answered} numbers; {off} are switched off"))
        }
        unproved => {
            Check::skipped(ID, format!("whether anybody runs the agents of {unproved} numbers is not known"))
        }
    }
}
