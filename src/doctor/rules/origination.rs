//! Where Twilio's trunk sends calls: the most common mistake of all.

use crate::doctor::facts::{Settings, TrunkThere, Twilio};
use crate::doctor::report::{Check, some};
use crate::doctor::sip_uri::SipUri;

const APPLY: &str = "run `switchboard provision apply`, or set it in Twilio's console (trunk > Origination)";

/// An enabled URL of a trunk, with its parts.
struct Url<'a> {
    trunk: &'a TrunkThere,
    text: &'a str,
    uri: Option<SipUri<'a>>,
    priority: u32,
}

pub(super) fn checks(twilio: &Twilio, settings: &Settings) -> Vec<Check> {
    let there: Vec<&TrunkThere> = twilio.trunks.iter().filter(|trunk| trunk.trunk.is_some()).collect();
    if there.is_empty() {
        let ids = ["", "_host", "_user", "_transport", "_other"];
        return ids
            .map(|end| Check::skipped(&format!("twilio.origination{end}"), "no trunk of ours is at Twilio"))
            .into();
    }
    let urls: Vec<Url<'_>> = there
        .iter()
        .flat_map(|trunk| trunk.urls.iter().filter(|url| url.enabled).map(move |url| (*trunk, url)))
        .map(|(trunk, url)| Url {
            trunk,
            text: &url.sip_url,
            uri: SipUri::read(&url.sip_url),
            priority: url.priority,
        })
        .collect();
    let expected = settings.sip_uri.as_deref().and_then(SipUri::read);
    let leads_here = |url: &Url<'_>| {
        expected.as_ref().is_none_or(|expected| url.uri.is_some_and(|uri| uri.is_at(expected.host)))
    };
    let (ours, others): (Vec<_>, Vec<_>) = urls.into_iter().partition(leads_here);
    vec![
        enabled(&there, &ours, &others),
        host(&there, &ours, &others, (expected, settings)),
        user(&ours),
        transport(&ours, expected),
        other(&ours, &others),
    ]
}

fn is_of<'a>(trunk: &'a TrunkThere) -> impl Fn(&&Url<'a>) -> bool {
    move |url| std::ptr::eq(url.trunk, trunk)
}

fn names(trunks: &[&TrunkThere]) -> String {
    some(trunks.iter().map(|trunk| trunk.ours.name.as_str()))
}

fn enabled<'a>(there: &[&'a TrunkThere], ours: &[Url<'a>], others: &[Url<'a>]) -> Check {
    const ID: &str = "twilio.origination";
    let without: Vec<&TrunkThere> = there
        .iter()
        .copied()
        .filter(|trunk| !ours.iter().chain(others).any(|url| is_of(trunk)(&url)))
        .collect();
    if without.is_empty() {
        return Check::ok(ID, format!("{} URL in use", ours.len() + others.len()));
    }
    let says = format!("the trunk {} has no origination URL that is enabled", names(&without));
    Check::failure(ID, [&says, "the call fails at once: Twilio has nowhere to send it (32010)", APPLY])
}

fn host<'a>(
    there: &[&'a TrunkThere],
    ours: &[Url<'a>],
    others: &[Url<'a>],
    (expected, settings): (Option<SipUri<'_>>, &Settings),
) -> Check {
    const ID: &str = "twilio.origination_host";
    let Some(expected) = expected else {
        return unknown_host(ours, settings);
    };
    let astray: Vec<&Url<'_>> = there
        .iter()
        .filter(|trunk| !ours.iter().any(|url| is_of(trunk)(&url)))
        .flat_map(|trunk| others.iter().filter(is_of(trunk)))
        .collect();
    if astray.is_empty() {
        return Check::ok(ID, format!("calls go to {}", expected.host));
    }
    let says =
        format!("calls go to {}, and not to {}", some(astray.iter().map(|url| url.text)), expected.host);
    let means = "the call never reaches your LiveKit: it fails at once, or somebody else gets it";
    Check::failure(ID, [&says, means, APPLY])
}

/// Without `sip_uri` only what can never be right is told: the name of LIVEKIT_URL in the place of the project's id.
fn unknown_host(ours: &[Url<'_>], settings: &Settings) -> Check {
    const ID: &str = "twilio.origination_host";
    let subdomain = settings.livekit_host.as_deref().and_then(|host| host.strip_suffix(".livekit.cloud"));
    let wrong = ours.iter().find(|url| {
        let label = url.uri.and_then(|uri| uri.host.strip_suffix(".sip.livekit.cloud"));
        subdomain.is_some() && label == subdomain
    });
    match wrong {
        Some(url) => {
            let says = format!("{} has the name of LIVEKIT_URL in the place of the project's id", url.text);
            let means = "the call fails at once: LiveKit answers 404";
            let remedy =
                "take the SIP URI that LiveKit's page of the project shows, and set LIVEKIT_SIP_URI to it";
            Check::failure(ID, [&says, means, remedy])
        }
        None => Check::skipped(ID, "LIVEKIT_SIP_URI is not set, so that there is nothing to compare with"),
    }
}

fn user(ours: &[Url<'_>]) -> Check {
    const ID: &str = "twilio.origination_user";
    let with: Vec<&str> =
        ours.iter().filter(|url| url.uri.is_some_and(|uri| uri.user.is_some())).map(|url| url.text).collect();
    if with.is_empty() {
        return Check::ok(ID, "Twilio fills in the called number");
    }
    let says = format!("{} has a user before the @", some(with));
    let means = "every call is sent to that one number, whichever was dialled; LiveKit finds no trunk for it";
    Check::failure(ID, [&says, means, APPLY])
}

fn transport(ours: &[Url<'_>], expected: Option<SipUri<'_>>) -> Check {
    const ID: &str = "twilio.origination_transport";
    if expected.is_some_and(|expected| !expected.is_reliable()) {
        return Check::ok(ID, "livekit.sip_uri itself asks for UDP");
    }
    let wrong = |url: &&Url<'_>| {
        url.uri.is_some_and(|uri| uri.scheme.eq_ignore_ascii_case("sips") || !uri.is_reliable())
    };
    let wrong: Vec<&str> = ours.iter().filter(wrong).map(|url| url.text).collect();
    if wrong.is_empty() {
        return Check::ok(ID, "by TCP or TLS");
    }
    let says = format!("{} does not say ;transport=tcp or ;transport=tls with sip:", some(wrong));
    let means = "Twilio then uses UDP, in which long INVITEs get lost: some calls never arrive";
    Check::failure(ID, [&says, means, APPLY])
}

fn other<'a>(ours: &[Url<'a>], others: &[Url<'a>]) -> Check {
    const ID: &str = "twilio.origination_other";
    let before = |other: &&Url<'a>| {
        let of_trunk = ours.iter().filter(|url| std::ptr::eq(url.trunk, other.trunk));
        of_trunk.map(|url| url.priority).min().is_some_and(|ours| other.priority <= ours)
    };
    let before: Vec<&str> = others.iter().filter(before).map(|url| url.text).collect();
    if before.is_empty() {
        return Check::ok(ID, "nothing else is asked before LiveKit");
    }
    let says = format!("{} is asked before LiveKit, or in turns with it", some(before));
    let means = "some or all calls go there instead; what answers 404 or 486 there is not sent on";
    let remedy =
        "disable that URL in Twilio's console (trunk > Origination), or give it a higher priority number";
    Check::failure(ID, [&says, means, remedy])
}
