//! Lists of calls: what they give, and that they find it by an index that has their order.

use crate::call::{EndReason, Status};
use crate::views::CallView;

use super::super::calls::{self, Begin, Filter, Place};
use super::super::changes::AFTER;
use super::super::migrate;
use super::filled;
use super::*;

const NOW: Timestamp = filled::FIRST;

/// Every kind of filter, alone and together with others.
fn filters() -> Vec<Filter> {
    let text = |text: &str| Some(text.to_owned());
    let later = |seconds: i64| Some(Timestamp::from_secs(NOW.secs() + seconds));
    let mut all = Vec::new();
    for tenant in [None, Some(TenantId::from("tnt_1"))] {
        let of = Filter { tenant, ..Filter::default() };
        all.extend([
            Filter { number: Some("num_tnt_1_1".into()), ..of.clone() },
            Filter { called: text("+15550000001"), ..of.clone() },
            Filter { campaign: Some("cmp_tnt_1_2".into()), ..of.clone() },
            Filter { agent: text("agent-1"), ..of.clone() },
            Filter { caller: text("+14440000003"), ..of.clone() },
            Filter { lead: Some("lead_tnt_1_4".into()), ..of.clone() },
            Filter { tag: text("vip"), ..of.clone() },
            Filter { tag: text("nothing"), ..of.clone() },
            Filter { since: later(-3600), until: later(3600), ..of.clone() },
            Filter { live: Some(true), tag: text("hot"), ..of.clone() },
            Filter { live: Some(false), caller: text("+14440000003"), ..of.clone() },
            Filter { agent: text("agent-2"), campaign: Some("cmp_tnt_1_0".into()), ..of.clone() },
            Filter { end_reason: Some(EndReason::AgentLost), status: Some(Status::Missed), ..of.clone() },
            Filter { live: Some(true), status: Some(Status::Missed), ..of.clone() },
        ]);
        all.extend(Status::ALL.map(|status| Filter { status: Some(status), ..of.clone() }));
        all.extend(EndReason::ALL.iter().map(|reason| Filter { end_reason: Some(*reason), ..of.clone() }));
        all.extend([None, Some(true), Some(false)].map(|live| Filter { live, ..of.clone() }));
    }
    all
}

fn fits(filter: &Filter, call: &CallView) -> bool {
    fn is<T: PartialEq>(wanted: &Option<T>, has: Option<&T>) -> bool {
        wanted.as_ref().is_none_or(|wanted| has == Some(wanted))
    }
    is(&filter.tenant, call.tenant_id.as_ref())
        && is(&filter.number, call.number_id.as_ref())
        && is(&filter.called, Some(&call.to_number))
        && is(&filter.campaign, call.campaign_id.as_ref())
        && is(&filter.agent, call.agent_name.as_ref())
        && is(&filter.caller, Some(&call.phone_number))
        && is(&filter.status, Some(&call.status))
        && is(&filter.end_reason, call.end_reason.as_ref())
        && is(&filter.lead, call.lead_id.as_ref())
        && filter.tag.as_ref().is_none_or(|tag| call.tags.contains(tag))
        && filter.live.is_none_or(|live| live == call.ended_at.is_none())
        && filter.since.is_none_or(|since| call.rang_at >= since)
        && filter.until.is_none_or(|until| call.rang_at < until)
}

#[tokio::test]
async fn every_filter_gives_page_by_page_what_fits_it_newest_first() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_secs(20)).await {
        migrate::run(&fresh.db, NOW).await.unwrap();
        let random = filled::random(600, 7, NOW);
        let mut all: Vec<CallView> = random.iter().map(CallView::of).collect();
        all.sort_by(|a, b| (b.rang_at, &b.id).cmp(&(a.rang_at, &a.id)));
        fresh.db.write(move |tx| filled::keep(tx, &random)).await.unwrap();
        for filter in filters() {
            let expected: Vec<_> = all.iter().filter(|call| fits(&filter, call)).collect();
            let (mut found, mut after) = (Vec::new(), None::<Place>);
            loop {
                let (filter, from) = (filter.clone(), after.clone());
                let page =
                    fresh.db.read(move |tx| calls::list(tx, &filter, from.as_ref(), 37)).await.unwrap();
                after = page.last().map(|call| (call.rang_at, call.id.clone()));
                let is_last = page.len() < 37;
                found.extend(page);
                if is_last {
                    break;
                }
            }
            // One by one, so that a failure is readable.
            assert_eq!(found.len(), expected.len(), "{filter:?}");
            found
                .iter()
                .zip(expected)
                .for_each(|(found, expected)| assert_eq!(found, expected, "{filter:?}"));
        }
    }
}

/// The index that each list must go by.
const fn index(begin: Begin, of_tenant: bool) -> &'static str {
    match (begin, of_tenant) {
        (Begin::Open, _) => "calls_open_tenant",
        (Begin::Caller, _) => "calls_caller",
        (Begin::Tag, _) => "call_tags_tag",
        (Begin::Lead, _) => "calls_lead",
        (Begin::Number, _) => "calls_number",
        (Begin::Called, _) => "calls_called",
        (Begin::Campaign, _) => "calls_campaign",
        (Begin::EndReason, _) => "calls_end_reason",
        (Begin::Status, _) => "calls_status",
        (Begin::Agent, _) => "calls_agent",
        (Begin::Time, true) => "calls_time_tenant",
        (Begin::Time, false) => "calls_time",
    }
}

/// The calls of one thing that no tenant was named of, and all open ones, are put in order: they are few.
const fn may_sort(begin: Begin, of_tenant: bool) -> bool {
    !of_tenant && !matches!(begin, Begin::Time | Begin::EndReason | Begin::Status | Begin::Agent)
}

fn in_order(plan: &str) -> bool {
    !plan.contains("TEMP B-TREE") && !plan.contains("Sort")
}

fn starts_at_the_tenant(plan: &str) -> bool {
    plan.contains("tenant_id=?")
        || plan.lines().any(|line| line.contains("Index Cond") && line.contains("tenant_id = $1"))
}

fn finds_all_by_index(plan: &str) -> bool {
    let scans = plan.lines().filter(|line| line.contains("SCAN") && !line.contains("USING"));
    scans.count() == 0 && !plan.contains("Seq Scan")
}

#[tokio::test]
async fn lists_go_by_an_index_that_has_their_order() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_secs(60)).await {
        migrate::run(&fresh.db, NOW).await.unwrap();
        let fill = filled::rows(50_000) + "analyze calls; analyze call_tags;";
        fresh.db.unlimited(move |tx| tx.script(&fill)).await.unwrap();
        let each = Begin::ALL.into_iter().flat_map(|begin| [(begin, true), (begin, false)]);
        for (begin, of_tenant) in each {
            let one = calls::text(begin, of_tenant);
            let together = plan(&fresh, Sql { postgres: calls::with_open(begin, of_tenant), ..one }).await;
            assert!(
                finds_all_by_index(&together),
                "with the open ones it looks at everything: {begin:?}\n{together}"
            );
            let plan = plan(&fresh, one).await;
            let at = format!("{begin:?}, of a tenant: {of_tenant}\n{plan}");
            assert!(finds_all_by_index(&plan), "it looks at everything: {at}");
            if !may_sort(begin, of_tenant) {
                assert!(plan.contains(index(begin, of_tenant)), "not by its index: {at}");
                assert!(in_order(&plan), "it sorts: {at}");
                assert!(!of_tenant || starts_at_the_tenant(&plan), "it looks at other tenants' calls: {at}");
            }
        }
    }
}

/// What every ring and every reader of the outbox asks PostgreSQL is planned while there is nothing yet, for good: the
/// plan must not go through what there will be.
#[tokio::test]
async fn what_is_planned_on_an_empty_database_goes_by_the_right_index_for_ever() {
    let Some(options) = postgres_options() else { return };
    let fresh = Fresh::open(options, None).await;
    migrate::run(&fresh.db, NOW).await.unwrap();
    let explained = |text: &'static str, values: &'static str| {
        let url = fresh.options.url.clone();
        std::thread::spawn(move || explain_postgres(&url, text, values)).join().unwrap()
    };
    let find = explained(calls::FIND, "'p', 'c', 'c', 'r', 1, 'CA1'");
    for condition in ["value = $2", "value = $3", "id = call_keys_1.call_id", "room_name = $4", "value = $6"]
    {
        let by_index = find.lines().any(|line| line.contains("Index Cond") && line.contains(condition));
        assert!(by_index, "{condition} is not looked up:\n{find}");
    }
    let after = explained(AFTER.postgres, "0, 0, 200");
    let (_, scan) = after.split_once("on changes").expect("it reads changes");
    assert!(after.contains("changes_order") && scan.contains("Index Cond"), "{after}");
    let outside_the_horizon: Vec<_> = after.lines().filter(|line| line.contains("changes.seq")).collect();
    assert!(outside_the_horizon.is_empty(), "it sorts all that is left to read:\n{after}");
}

/// How the engine goes about it.
async fn plan(fresh: &Fresh, text: Sql) -> String {
    match fresh.db.engine() {
        Engine::Sqlite => {
            let explain: &'static str =
                Box::leak(format!("explain query plan {}", text.sqlite).into_boxed_str());
            let read = fresh.db.read(move |tx| {
                let none = None::<&str>;
                tx.all(
                    explain,
                    &[
                        &"tnt_1",
                        &none,
                        &none,
                        &none,
                        &none,
                        &none,
                        &none,
                        &none,
                        &none,
                        &none,
                        &none,
                        &0_i64,
                        &i64::MAX,
                        &"",
                        &50_i64,
                    ],
                    |row| row.get::<String>("detail"),
                )
            });
            read.await.unwrap().join("\n")
        }
        Engine::Postgres => {
            let url = fresh.options.url.clone();
            std::thread::spawn(move || explain_postgres(&url, text.postgres, LISTED)).join().unwrap()
        }
    }
}

/// Planned once for all values, so these do not matter.
const LISTED: &str = "'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'open', 0, 1, '', 50";

fn explain_postgres(url: &str, text: &str, values: &str) -> String {
    let mut client = ::postgres::Client::connect(url, ::postgres::NoTls).unwrap();
    client.batch_execute(&format!("{} prepare list as {text}", super::super::postgres::BY_INDEX)).unwrap();
    let rows = client.query(&format!("explain execute list ({values})"), &[]).unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}
