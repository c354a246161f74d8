//! Whatever is applied, an export of it says the same again.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestCaseError};

use super::*;

const NAMES: [&str; 10] =
    ["a", "A", "it's \"quoted\"", "back\\slash", "naïve ☎", "# none", "[x]", "'''", "\"\"\"", "unlimited"];
const NUMBERS: [&str; 8] = [
    "+14155550123",
    "+14155550124",
    "+18005550123",
    "+442079460123",
    "+447700900123",
    "+4915112345678",
    "+390612345678",
    "+15551234567",
];

/// The text of a configuration: up to three tenants, which share out the numbers.
fn configuration() -> impl Strategy<Value = String> {
    let tenants = subsequence(NAMES.to_vec(), 0..=3)
        .prop_flat_map(|names| names.into_iter().map(tenant).collect::<Vec<_>>());
    let numbers = subsequence(NUMBERS.to_vec(), 0..=NUMBERS.len());
    (tenants, numbers, any::<u64>()).prop_map(|(tenants, numbers, seed)| {
        let mut text = String::new();
        for (at, (tenant, campaigns)) in tenants.iter().enumerate() {
            text.push_str(tenant);
            for (turn, number) in numbers.iter().enumerate() {
                // Which tenant has it, and with which campaign: any, but always the same for one seed.
                let pick = usize::try_from(seed >> (8 * turn) & 0xff).unwrap();
                if pick % tenants.len() == at {
                    write!(text, "[[tenant.number]]\nnumber = \"{number}\"\n").unwrap();
                    if let Some(campaign) = campaigns.get(pick / 3 % (campaigns.len() + 1)) {
                        writeln!(text, "campaign = {}", quoted(campaign)).unwrap();
                    }
                    text.push_str(
                        [
                            "",
                            "type = \"MOBILE\"\n",
                            "provider = \"livekit\"\nlivekit_trunk = \"ST_9\"\n",
                            "active = false\nprovider_sid = \"PN9\"\n",
                        ][pick % 4],
                    );
                }
            }
        }
        text
    })
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// A key, or none.
fn key(name: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::option::of(select(values)).prop_map(move |value| match value {
        Some(value) => format!("{name} = {value}\n"),
        None => String::new(),
    })
}

/// A tenant without its numbers, and the names of its campaigns.
fn tenant(name: &'static str) -> impl Strategy<Value = (String, Vec<&'static str>)> {
    let own = (
        key("region", &["\"US\"", "\"gb\"", "\"IT\""]),
        key("time_zone", &["\"UTC\"", "\"Europe/Rome\"", "\"europe/berlin\""]),
        key("max_concurrent", &["1", "20", "\"unlimited\""]),
        key("active", &["true", "false"]),
    );
    let agents = subsequence(NAMES.to_vec(), 0..=4);
    let campaigns = subsequence(NAMES.to_vec(), 0..=3);
    let trunks = subsequence(NAMES.to_vec(), 0..=2);
    (own, agents, campaigns, trunks).prop_flat_map(move |(own, agents, campaigns, trunks)| {
        let agents_text: Vec<_> = agents
            .iter()
            .map(|agent| {
                let name = quoted(agent);
                key("active", &["true", "false"])
                    .prop_map(move |active| format!("[[tenant.agent]]\nname = {name}\n{active}"))
            })
            .collect();
        let campaigns_text: Vec<_> = campaigns.iter().map(|name| campaign(name, &agents)).collect();
        let trunks_text: Vec<_> = trunks.iter().map(|name| trunk(name)).collect();
        let own = format!("[[tenant]]\nname = {}\n{}{}{}{}", quoted(name), own.0, own.1, own.2, own.3);
        (agent_key("default_agent", &agents), agents_text, campaigns_text, trunks_text).prop_map(
            move |parts| {
                let text =
                    [own.clone(), parts.0, parts.1.concat(), parts.2.concat(), parts.3.concat()].concat();
                (text, campaigns.clone())
            },
        )
    })
}

fn agent_key(key: &'static str, agents: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let mut lines = vec![String::new(), format!("{key} = \"\"\n")];
    lines.extend(agents.iter().map(|agent| format!("{key} = {}\n", quoted(agent))));
    select(lines)
}

fn campaign(name: &'static str, agents: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let keys = (
        key("status", &["\"active\"", "\"paused\""]),
        agent_key("agent", agents),
        agent_key("fallback_agent", agents),
        key("max_concurrent", &["3", "\"unlimited\""]),
        key("sip_trunk", &["\"ST_out\"", "\"\""]),
    );
    keys.prop_map(move |(a, b, c, d, e)| {
        format!("[[tenant.campaign]]\nname = {}\n{a}{b}{c}{d}{e}", quoted(name))
    })
}

fn trunk(name: &'static str) -> impl Strategy<Value = String> + use<> {
    let keys = (
        key("twilio", &["\"TK1\"", "\"\""]),
        key("livekit", &["\"ST_1\"", "\"\""]),
        key("project", &["\"default\"", "\"eu\""]),
        key("active", &["true", "false"]),
    );
    keys.prop_map(move |(a, b, c, d)| format!("[[tenant.trunk]]\nname = {}\n{a}{b}{c}{d}", quoted(name)))
}

/// Applies one configuration, then another over it, and brings the first one back from its export.
async fn there_and_back(
    databases: [Fresh; 2],
    first: &str,
    second: &str,
    prune: bool,
) -> Result<(), TestCaseError> {
    let [here, elsewhere] = databases;
    here.apply(first).await;
    prop_assert!(here.apply(first).await.summary.is_unchanged());
    let export = here.export().await;
    let again = here.prune(&export).await;
    prop_assert!(again.summary.is_unchanged(), "{}", again.text(false));
    elsewhere.apply(&export).await;
    prop_assert_eq!(&elsewhere.export().await, &export);

    // Pruning may be refused, where a row would keep an agent that goes.
    let _ = here.try_apply(second, |options| options.prune = prune).await;
    here.prune(&export).await;
    // The second one may have left other tenants behind, without the numbers that the first one has.
    let mut restored = String::new();
    let ids = read(&export, "export")
        .tenants
        .iter()
        .map(|tenant| tenant.id.given().unwrap().clone())
        .collect::<Vec<_>>();
    for id in ids {
        let text = here.db.report(move |tx| super::super::export(tx, Some(&id))).await.unwrap();
        restored += text.split_once("\n\n").unwrap().1;
        restored.push('\n');
    }
    prop_assert_eq!(restored.trim(), export.split_once("\n\n").map_or("", |(_, rest)| rest).trim());
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn an_export_restores_what_it_was_made_of_here_and_elsewhere() {
    let runtime = runtime();
    proptest!(Config::with_cases(64), |(first in configuration(), second in configuration(), prune: bool)| {
        runtime.block_on(async {
            let databases = [Fresh::sqlite().await, Fresh::sqlite().await];
            there_and_back(databases, &first, &second, prune).await
        })?;
    });
}

#[test]
fn an_export_restores_what_it_was_made_of_on_postgresql_and_from_sqlite() {
    if std::env::var_os("TEST_DATABASE_URL").is_none() {
        println!("TEST_DATABASE_URL is not set: not run");
        return;
    }
    let runtime = runtime();
    proptest!(Config::with_cases(8), |(first in configuration(), second in configuration(), prune: bool)| {
        runtime.block_on(async {
            let [sqlite, postgres]: [Fresh; 2] = Fresh::both().await.try_into().unwrap_or_else(|_| panic!());
            there_and_back([postgres, sqlite], &first, &second, prune).await
        })?;
    });
}

proptest! {
    #![proptest_config(Config::with_cases(512))]

    #[test]
    fn no_text_breaks_the_reading(text in "\\PC*|([\\[\\]=\"#.\n]|tenant|agent|number|name|id){0,40}") {
        let file = read(&text, "routing.toml");
        let lines = text.lines().count().max(1) + 1;
        for mistake in file.mistakes().iter() {
            prop_assert!((1..=lines).contains(&mistake.line), "{mistake:?}");
            prop_assert!(!mistake.text.contains('\n'), "{mistake:?}");
        }
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}
