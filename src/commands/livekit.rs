//! What LiveKit makes of a call before any of it reaches Switchboard: the trunk and the dispatch rule that it will
//! choose, why not the others, and what the caller hears.

use std::net::IpAddr;

use anyhow::Context as _;
use livekit::sip::matching::{self, Hosting, Outcome};
use livekit::sip::{DispatchRule, InboundTrunk};
use serde::Serialize;

use crate::config::{Config, LiveKitConfig};
use crate::phone;

use super::screen::Screen;
use super::{Context, serve, words};

/// What LiveKit does with a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The number as LiveKit will be asked for it.
    pub to_number: String,
    /// The caller, likewise.
    pub phone_number: String,
    /// The inbound trunk it chooses, if any.
    pub trunk: Option<String>,
    /// The dispatch rule it chooses, if any.
    pub rule: Option<String>,
    /// The room the caller gets into; `…` stands for what LiveKit makes up.
    pub room: Option<String>,
    /// The agents that the rule itself sends, by name.
    pub agents: Vec<String>,
    /// What the carrier is told in the end, where it is told anything.
    pub sip_status: Option<u16>,
    /// What the caller hears.
    pub heard: String,
    /// Every inbound trunk, and why it was or was not chosen.
    pub trunks: Vec<Considered>,
    /// Every dispatch rule that was looked at, likewise.
    pub rules: Vec<Considered>,
}

/// A trunk or a rule, and why it was or was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Considered {
    /// Its id at LiveKit.
    pub id: String,
    /// What it is called there.
    pub name: String,
    /// Why.
    pub why: String,
}

/// A call that LiveKit may get.
pub struct Asked<'a> {
    /// The number that is dialled, however it is written.
    pub to: &'a str,
    /// The caller's, likewise.
    pub from: &'a str,
    /// The address it comes from; none is let in by every trunk.
    pub source: Option<IpAddr>,
    /// Where national numbers are from.
    pub region: &'a str,
}

/// The trunks and rules of a project as they are now, and the verdict they come to.
///
/// # Errors
/// Where the project has no API to ask, or does not answer.
pub async fn ask(
    config: &Config,
    project: &str,
    asked: Asked<'_>,
    context: &Context,
) -> anyhow::Result<Verdict> {
    let (settings, client) = (settings(config, project)?, client(config, project, context)?);
    let trunks =
        client.list_sip_inbound_trunks().await.context("LiveKit does not list its inbound trunks")?;
    let rules = client.list_sip_dispatch_rules().await.context("LiveKit does not list its dispatch rules")?;
    Ok(judge(&trunks, &rules, &asked, hosting(settings)))
}

/// The settings of a project.
///
/// # Errors
/// Where there are none, saying which there are.
pub fn settings<'c>(config: &'c Config, project: &str) -> anyhow::Result<&'c LiveKitConfig> {
    let known: Vec<&str> = config.livekit.iter().map(|one| one.project.as_str()).collect();
    let found = config.livekit.iter().find(|one| one.project == project);
    found.with_context(|| match known.as_slice() {
        [] => "LiveKit cannot be asked: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET".to_owned(),
        known => format!("no LiveKit project is called {project:?}; there is {}", known.join(", ")),
    })
}

/// What asks a project's API.
///
/// # Errors
/// Where the project has none, saying what to set.
pub fn client(config: &Config, project: &str, context: &Context) -> anyhow::Result<livekit::Client> {
    let client = serve::client(settings(config, project)?, &context.clock)?;
    client.with_context(|| {
        format!("LiveKit cannot be asked: set livekit.url, api_key and api_secret of the project {project:?}")
    })
}

fn hosting(settings: &LiveKitConfig) -> Hosting {
    let host = settings.url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let is_cloud =
        host.is_some_and(|url| url.host_str().is_some_and(|host| host.ends_with(".livekit.cloud")));
    if is_cloud { Hosting::Cloud } else { Hosting::SelfHosted }
}

/// What these trunks and rules come to.
pub fn judge(
    trunks: &[InboundTrunk],
    rules: &[DispatchRule],
    asked: &Asked<'_>,
    hosting: Hosting,
) -> Verdict {
    // A carrier sends E.164; what is no number, such as `anonymous`, it sends as it is.
    let sent = |text: &str| {
        phone::e164(text, asked.region).map_or_else(|_| text.to_owned(), |e| e.as_str().to_owned())
    };
    let (to_number, phone_number) = (sent(asked.to), sent(asked.from));
    let call = matching::Call { source: asked.source, ..matching::Call::new(&to_number, &phone_number) };
    let verdict = matching::judge(trunks, rules, &call);
    let heard = verdict.heard(hosting);
    let (room, agents) = match &verdict.outcome {
        Outcome::Joins(joining) => {
            let names = joining.agents.iter().map(|agent| agent.agent_name.clone());
            (Some(joining.room.to_string()), names.collect())
        }
        _ => (None, Vec::new()),
    };
    Verdict {
        to_number,
        phone_number,
        room,
        agents,
        sip_status: heard.sip_status,
        heard: heard.words,
        trunks: verdict.trunks.iter().map(Considered::of).collect(),
        rules: verdict.rules.iter().map(Considered::of).collect(),
        trunk: verdict.trunk,
        rule: verdict.rule,
    }
}

impl Considered {
    fn of<R: ToString>(one: &matching::Considered<R>) -> Considered {
        Considered { id: one.id.clone(), name: one.name.clone(), why: one.reason.to_string() }
    }
}

/// A verdict on paper.
pub fn page(verdict: &Verdict, screen: &Screen) -> String {
    let mut out = format!("{}\n", screen.bold("At LiveKit"));
    for (what, all) in [("trunk", &verdict.trunks), ("rule", &verdict.rules)] {
        if all.is_empty() {
            out += &format!("  {what:<9} {}\n", screen.dim("there is none"));
        }
        for one in all {
            let name =
                if one.name.is_empty() { String::new() } else { format!(" ({})", words::clean(&one.name)) };
            out += &format!("  {what:<9} {}{name}: {}\n", words::clean(&one.id), words::clean(&one.why));
        }
    }
    out + "  " + &screen.bold(words::clean(&verdict.heard)) + "\n"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;
    use livekit::sip::{RuleKind, Secret};

    use super::*;

    fn trunk(id: &str, name: &str, numbers: &[&str]) -> InboundTrunk {
        InboundTrunk {
            id: id.into(),
            name: name.into(),
            numbers: numbers.iter().map(ToString::to_string).collect(),
            allowed_addresses: vec!["54.172.60.0/30".into()],
            ringing_timeout: Some(Duration::from_secs(35)),
            ..InboundTrunk::default()
        }
    }

    fn rule(trunks: &[&str]) -> DispatchRule {
        DispatchRule {
            id: "SDR_all".into(),
            name: "every call".into(),
            trunk_ids: trunks.iter().map(ToString::to_string).collect(),
            kind: RuleKind::Callee { prefix: "in".into(), pin: Secret::default(), randomize: true },
            ..DispatchRule::default()
        }
    }

    fn shown(verdict: &Verdict) -> String {
        let now = crate::clock::Timestamp::EPOCH;
        page(verdict, &Screen { colour: false, width: None, zone: jiff::tz::TimeZone::UTC, now })
    }

    fn asked(source: &str) -> Asked<'static> {
        Asked { to: "(415) 555-0123", from: "anonymous", source: source.parse().ok(), region: "US" }
    }

    #[test]
    fn it_is_told_whom_livekit_chooses_why_not_the_others_and_what_the_caller_hears() {
        let trunks = [trunk("ST_a", "", &["+14155550199"]), trunk("ST_b", "carrier", &["+14155550123"])];
        let verdict = judge(&trunks, &[rule(&[])], &asked("54.172.60.1"), Hosting::SelfHosted);
        assert_eq!((verdict.trunk.as_deref(), verdict.sip_status), (Some("ST_b"), Some(486)));
        assert_snapshot!(shown(&verdict), @r"
        At LiveKit
          trunk     ST_a: its numbers do not have +14155550123
          trunk     ST_b (carrier): chosen: it has +14155550123
          rule      SDR_all (every call): chosen
          it rings in the room in_+14155550123_… until an agent that is dispatched to it answers; after 35 s it is busy (486)
        ");
    }

    #[test]
    fn where_nothing_is_for_a_call_the_caller_hears_so() {
        let trunks = [trunk("ST_b", "carrier", &["+14155550123"])];
        let verdict = judge(&trunks, &[rule(&["ST_gone"])], &asked("54.172.60.1"), Hosting::SelfHosted);
        assert_snapshot!(shown(&verdict), @r"
        At LiveKit
          trunk     ST_b (carrier): chosen: it has +14155550123
          rule      SDR_all (every call): its trunk ST_gone does not exist
          it rings until the carrier gives up: LiveKit never answers a call that no rule is for
        ");
        let verdict = judge(&trunks, &[], &asked("192.0.2.1"), Hosting::Cloud);
        assert_snapshot!(shown(&verdict), @r"
        At LiveKit
          trunk     ST_b (carrier): its allowed_addresses do not have 192.0.2.1
          rule      there is none
          the call fails at once: LiveKit Cloud finds no trunk for it (404)
        ");
    }
}
