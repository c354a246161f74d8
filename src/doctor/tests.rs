//! Where a call to a number would end, case by case.

use std::collections::BTreeMap;

use super::flow::{self, Counts, Flow, State};
use super::probe::Worker;
use crate::call::routing::Routing;
use crate::clock::Timestamp;
use crate::db::{self, Db, migrate};
use crate::routing_file::{self, Options};

const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

/// The numbers of a file, checked with these workers known.
async fn checked(file: &str, workers: &[(&str, Worker)]) -> Vec<Flow> {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&db::Options::new(format!("file:{}/t.db", folder.path().display()))).unwrap();
    migrate::run(&db, NOON).await.unwrap();
    let file = routing_file::read(file, "routing.toml");
    let options = Options { prune: false, dry_run: false, default_region: "US".to_owned() };
    db.bulk(move |tx| routing_file::apply(tx, &file, &options, NOON)).await.unwrap();
    let tenants = db.report(|tx| db::routing::load(tx, None)).await.unwrap();
    let mut routing = Routing { default_region: "US".to_owned(), ..Routing::default() };
    routing.system_agent = "system-agent".to_owned();
    for tenant in tenants {
        routing.replace(&tenant.id.clone(), Some(tenant));
    }
    let flows = db.report(move |tx| -> db::Result<_> {
        let mut counts = Counts::read(tx, &routing, None)?;
        // As many talk as may, wherever there is a limit.
        counts.campaigns.values_mut().chain(counts.tenants.values_mut()).for_each(|open| *open = 1);
        Ok(flow::check(&routing, None, ("default", &counts, NOON)))
    });
    let flows = flows.await.unwrap();
    db.close().await;
    let workers: BTreeMap<_, _> =
        workers.iter().map(|(name, worker)| ((*name).to_owned(), worker.clone())).collect();
    flow::with_workers(flows, &workers)
}

fn said(flows: &[Flow]) -> Vec<(&str, State, &str, Option<&str>)> {
    flows
        .iter()
        .map(|flow| (&flow.number[8..], flow.state, flow.says.as_str(), flow.remedy.as_deref()))
        .collect()
}

const ALIVE: Worker = Worker::Alive { after_ms: 300 };

#[tokio::test]
async fn what_somebody_switched_off_is_told_apart_from_what_nobody_answers() {
    let file = r#"
[[tenant]]
name = "Acme"
default_agent = "desk"
[[tenant.agent]]
name = "desk"
[[tenant.campaign]]
name = "Paused"
status = "paused"
[[tenant.campaign]]
name = "Full"
max_concurrent = 1
[[tenant.number]]
number = "+14155550101"
[[tenant.number]]
number = "+14155550102"
active = false
[[tenant.number]]
number = "+14155550103"
campaign = "Paused"
[[tenant.number]]
number = "+14155550104"
campaign = "Full"
[[tenant]]
name = "Closed"
active = false
[[tenant.number]]
number = "+14155550105"
"#;
    let flows = checked(file, &[("desk", ALIVE)]).await;
    let states: Vec<_> = said(&flows).into_iter().map(|(number, state, ..)| (number, state)).collect();
    assert_eq!(
        states,
        [
            ("0104", State::AtRisk),
            ("0102", State::Off),
            ("0103", State::Off),
            ("0105", State::Off),
            ("0101", State::Answered),
        ]
    );
    let remedies: Vec<_> = flows.iter().filter_map(|flow| flow.remedy.as_deref()).collect();
    assert_eq!(
        remedies,
        [
            "raise max_concurrent of the campaign \"Full\", or wait",
            "switch the number on if it is to be answered",
            "set the campaign \"Paused\" active",
            "switch the tenant \"Closed\" on",
        ]
    );
}

#[tokio::test]
async fn a_number_is_as_good_as_who_runs_its_agent_or_stands_in() {
    let file = r#"
[[tenant]]
name = "Acme"
default_agent = "desk"
[[tenant.agent]]
name = "desk"
[[tenant.agent]]
name = "backup"
[[tenant.campaign]]
name = "Both"
agent = "desk"
fallback_agent = "backup"
[[tenant.number]]
number = "+14155550101"
[[tenant.number]]
number = "+14155550102"
campaign = "Both"
"#;
    let unknown = Worker::Unknown { why: "it was not looked for".to_owned() };
    let start = Some(
        "start a worker that registers as \"desk\", or mend the name; one that is full (load 0.7 and more) takes no job \
         either",
    );
    let decided = "decided: desk answers";
    for (desk, backup, expected) in [
        (
            ALIVE,
            ALIVE,
            vec![("0101", State::Answered, decided, None), ("0102", State::Answered, decided, None)],
        ),
        (
            unknown.clone(),
            unknown.clone(),
            vec![("0101", State::Unproved, decided, None), ("0102", State::Unproved, decided, None)],
        ),
        (
            Worker::Nobody,
            unknown,
            vec![
                ("0101", State::Lost, "nobody runs desk, and nobody stands in", start),
                ("0102", State::AtRisk, "nobody runs desk; backup stands in, if anybody runs that", start),
            ],
        ),
        (
            Worker::Nobody,
            ALIVE,
            vec![
                ("0101", State::Lost, "nobody runs desk, and nobody stands in", start),
                ("0102", State::AtRisk, "nobody runs desk; backup answers, some seconds late", start),
            ],
        ),
        (
            Worker::Nobody,
            Worker::Nobody,
            vec![
                ("0101", State::Lost, "nobody runs desk, and nobody stands in", start),
                ("0102", State::Lost, "nobody runs desk, nor backup, who stands in", start),
            ],
        ),
    ] {
        let flows = checked(file, &[("desk", desk.clone()), ("backup", backup.clone())]).await;
        assert_eq!(said(&flows), expected, "{desk:?}, {backup:?}");
    }
}
