//! What single values cannot tell: settings that must fit together, and choices worth a word.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::reader::Reader;
use super::{Config, LiveKitConfig, TwilioConfig};
use crate::auth::email;
use crate::phone;

pub(super) fn check(config: &Config, reader: &mut Reader, hints: &mut Vec<String>) {
    calls(config, reader);
    server(config, reader);
    numbers_and_agents(config, reader);
    provision(config, reader);
    for project in &config.livekit {
        livekit(project, reader, hints);
    }
    distinct_keys(&config.livekit, reader);
    webhooks(config, hints);
    api_and_auth(config, reader);
    outgoing_webhooks(config, reader, hints);
}

fn api_and_auth(config: &Config, reader: &mut Reader) {
    for origin in config.api.origins() {
        let is_origin = url::Url::parse(origin)
            .is_ok_and(|url| url.has_host() && url.origin().ascii_serialization() == origin);
        if !is_origin {
            let why = format!("names {origin:?}; an origin is a scheme and a host, https://app.example.com");
            reader.wrong("api.cors_origins", &why);
        }
    }
    let auth = &config.auth;
    let short = |secret: &secrecy::SecretString| secret.expose_secret().chars().count() < 32;
    if auth.signing_secret.as_ref().is_some_and(short) {
        reader
            .wrong("auth.signing_secret", "must be at least 32 characters: `openssl rand -hex 32` makes one");
    }
    if !(Duration::from_secs(60)..=Duration::from_secs(3600)).contains(&auth.access_ttl) {
        reader.wrong("auth.access_ttl", "must be from 1m to 1h");
    }
    if auth.refresh_ttl <= auth.access_ttl {
        reader.wrong("auth.refresh_ttl", "must be longer than auth.access_ttl");
    }
    if auth.hashing_at_once > 64 {
        reader.wrong("auth.hashing_at_once", "must be at most 64: each takes a core and 19 MiB");
    }
    if let Err(why) = email::normal(&auth.first_admin) {
        reader.wrong("auth.first_admin", why);
    }
}

fn calls(config: &Config, reader: &mut Reader) {
    let calls = &config.calls;
    let longer = [
        ("calls.give_up_after", calls.give_up_after, "calls.answer_timeout", calls.answer_timeout),
        ("calls.answer_timeout", calls.answer_timeout, "calls.look_after", calls.look_after),
        ("calls.give_up_after", calls.give_up_after, "calls.static_wait", calls.static_wait),
        ("calls.unheard_after", calls.unheard_after, "calls.give_up_after", calls.give_up_after),
    ];
    for (key, value, other, bound) in longer {
        reader.together((key, other), value > bound, "must be longer than");
    }
    if calls.reconcile_every < Duration::from_secs(1) {
        reader.wrong(
            "calls.reconcile_every",
            "must be at least 1s: each time costs LiveKit a listing of its rooms",
        );
    }
    if config.retention.facts < Duration::from_secs(24 * 3600) {
        reader.wrong("retention.facts", "must be at least 1d: events of a call may still come");
    }
}

fn server(config: &Config, reader: &mut Reader) {
    if config.server.ask_timeout >= Duration::from_secs(10) {
        reader.wrong("server.ask_timeout", "must be shorter than 10s: that is when gateways give up");
    }
    let (server, metrics) = (config.server.address(), config.metrics.listen);
    let is_same_place =
        server.ip() == metrics.ip() || server.ip().is_unspecified() || metrics.ip().is_unspecified();
    let is_shared =
        config.metrics.enabled && is_same_place && server.port() == metrics.port() && server.port() != 0;
    reader.together(("metrics.listen", "server.port"), !is_shared, "must have another port than");
}

fn numbers_and_agents(config: &Config, reader: &mut Reader) {
    let region = &config.numbers.default_region;
    if !phone::is_region(region) {
        let why = format!("is {region:?}; it must be the two letters of a country (ISO 3166), like \"US\"");
        reader.wrong("numbers.default_region", &why);
    }
    let twilio = &config.twilio;
    if let Some(number) = &twilio.phone_number
        && let Err(why) = phone::e164(number, region)
    {
        reader.wrong("twilio.phone_number", &format!("is no number: {why}"));
    }
    if let Some(sid) = &twilio.account_sid
        && !(sid.starts_with("AC") && sid.len() == 34)
    {
        reader.wrong("twilio.account_sid", "must be AC and 32 more characters; Twilio's console shows it");
    }
    self::twilio(twilio, reader);
}

fn twilio(twilio: &TwilioConfig, reader: &mut Reader) {
    if let Some(key) = &twilio.api_key
        && !(key.starts_with("SK") && key.len() == 34)
    {
        reader.wrong("twilio.api_key", "must be SK and 32 more characters; Twilio's console shows it");
    }
    let (has_sid, has_token) = (twilio.account_sid.is_some(), twilio.auth_token.is_some());
    let (has_key, has_secret) = (twilio.api_key.is_some(), twilio.api_secret.is_some());
    reader.needs(("twilio.account_sid", "twilio.auth_token"), !has_sid || has_token || has_key);
    reader.needs(("twilio.auth_token", "twilio.account_sid"), !has_token || has_sid);
    reader.needs(("twilio.api_key", "twilio.account_sid"), !has_key || has_sid);
    reader.needs(("twilio.api_key", "twilio.api_secret"), !has_key || has_secret);
    reader.needs(("twilio.api_secret", "twilio.api_key"), !has_secret || has_key);
    reader.needs(("twilio.region", "twilio.edge"), twilio.region.is_none() || twilio.edge.is_some());
    reader.needs(("twilio.edge", "twilio.region"), twilio.edge.is_none() || twilio.region.is_some());
    if let Some(url) = &twilio.api_url
        && !matches!(url::Url::parse(url).as_ref().map(url::Url::scheme), Ok("http" | "https"))
    {
        reader.wrong("twilio.api_url", "must be a URL like http://127.0.0.1:4010");
    }
    if twilio.calls_every < Duration::from_secs(10) {
        reader.wrong("twilio.calls_every", "must be at least 10s: each time costs Twilio a listing of calls");
    }
}

fn livekit(project: &LiveKitConfig, reader: &mut Reader, hints: &mut Vec<String>) {
    let key = |name: &str| format!("livekit.{}.{name}", project.project);
    let (url, api_key, api_secret) = (key("url"), key("api_key"), key("api_secret"));
    if let Some(given) = &project.url
        && let Err(why) = address(given)
    {
        reader.wrong(&url, why);
    }
    if let Some(uri) = &project.sip_uri
        && !is_for_carriers(uri)
    {
        reader.wrong(
            &key("sip_uri"),
            "must be sip:, a host and how to get there (;transport=tcp, tls or udp), without a user: \
             sip:example.sip.livekit.cloud;transport=tcp",
        );
    }
    let (has_url, has_key) = (project.url.is_some(), project.api_key.is_some());
    let has_secret = project.api_secret.is_some();
    reader.needs((&url, &api_key), !has_url || has_key);
    reader.needs((&url, &api_secret), !has_url || has_secret);
    reader.needs((&api_key, &api_secret), !has_key || has_secret);
    if let Some(secret) = &project.api_secret
        && secret.expose_secret().len() < 32
    {
        hints.push(format!(
            "{api_secret} is shorter than 32 characters: fit for tests, easily guessed elsewhere"
        ));
    }
    if has_secret && !has_url {
        hints.push(format!(
            "{url} is not set: who asks is answered, but no agent is dispatched through LiveKit project {:?}",
            project.project
        ));
    }
}

/// Can a carrier be told to send calls here? Without a transport Twilio uses UDP, in which long INVITEs get lost. A user would be sent for every number instead of the number itself.
fn is_for_carriers(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("sip:") else { return false };
    let host = rest.split(';').next().unwrap_or_default();
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    let says_how = rest.to_ascii_lowercase().contains(";transport=");
    is_host && says_how && !rest.contains(char::is_whitespace)
}

fn provision(config: &Config, reader: &mut Reader) {
    if let Some(url) = &config.server.public_url
        && !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        reader.wrong("server.public_url", "must be a URL like https://calls.example.com");
    }
    if config.provision.drift_every < Duration::from_secs(60) {
        reader.wrong("provision.drift_every", "must be at least 1m: each time costs Twilio a dozen requests");
    }
}

/// Is this where a LiveKit server can be?
fn address(url: &str) -> Result<(), &'static str> {
    const MUST: &str = "must be like wss://example.livekit.cloud or http://127.0.0.1:7880";
    let url = reqwest::Url::parse(url).map_err(|_| MUST)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a password; key and secret have settings of their own");
    }
    match url.scheme() {
        "wss" | "ws" | "https" | "http" if url.has_host() => Ok(()),
        _ => Err(MUST),
    }
}

/// LiveKit's events say whose they are by the API key alone.
fn distinct_keys(projects: &[LiveKitConfig], reader: &mut Reader) {
    for (at, project) in projects.iter().enumerate() {
        let same = |other: &&LiveKitConfig| other.api_key.is_some() && other.api_key == project.api_key;
        if let Some(other) = projects[..at].iter().find(same) {
            let why = format!("is also the key of project {:?}; give each its own", other.project);
            reader.wrong(&format!("livekit.{}.api_key", project.project), &why);
        }
    }
}

fn webhooks(config: &Config, hints: &mut Vec<String>) {
    let has_secret = config.livekit.iter().any(|project| project.api_secret.is_some());
    if config.webhooks.allow_unsigned {
        hints.push(
            "webhooks.allow_unsigned is true: anybody who reaches this server can place and end calls"
                .to_owned(),
        );
    } else if !has_secret {
        hints.push(
            "LIVEKIT_API_SECRET is not set: every webhook will be refused, since none can be checked"
                .to_owned(),
        );
    }
}

fn outgoing_webhooks(config: &Config, reader: &mut Reader, hints: &mut Vec<String>) {
    let outgoing = &config.outgoing_webhooks;
    if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&outgoing.timeout) {
        reader.wrong("outgoing_webhooks.timeout", "must be from 1s to 60s");
    }
    if outgoing.keep < Duration::from_secs(4 * 24 * 3600) {
        reader.wrong("outgoing_webhooks.keep", "must be at least 4d: a webhook is tried for 3 days");
    }
    if outgoing.allow_private {
        hints.push(
            "outgoing_webhooks.allow_private is true: every tenant can have requests sent to this machine and its \
             network"
                .to_owned(),
        );
    }
}
