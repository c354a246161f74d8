//! What applying does to the database.

use super::*;
use crate::db::{Tx, changes, routing};

pub(super) const ACME: &str = r#"
[[tenant]]
name = "Acme Dental"
id = "acme"
region = "US"
time_zone = "america/new_york"
default_agent = "reception"
max_concurrent = 20

[[tenant.agent]]
name = "telephony-agent"
id = "agt-phone"
[[tenant.agent]]
name = "reception"
id = "agt-desk"

[[tenant.campaign]]
name = "New patients"
id = "cmp-new"
agent = "telephony-agent"
fallback_agent = "reception"
max_concurrent = 3
sip_trunk = "ST_out"

[[tenant.number]]
number = "(415) 555-0123"
id = "num-1"
campaign = "New patients"
provider_sid = "PN1"

[[tenant.trunk]]
name = "Main trunk"
id = "trk-1"
twilio = "TK1"
livekit = "ST_1"
"#;

#[tokio::test]
async fn a_new_tenant_is_created_with_all_it_has() {
    for fresh in Fresh::both().await {
        let said = fresh.apply(ACME).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme Dental
              + tenant   Acme Dental  (region US, time_zone America/New_York, default_agent reception, max_concurrent 20)
              + agent    telephony-agent
              + agent    reception
              + campaign New patients  (agent telephony-agent, fallback_agent reception, max_concurrent 3, sip_trunk ST_out)
              + number   +14155550123  (campaign "New patients", provider_sid PN1)
              + trunk    Main trunk  (twilio TK1, livekit ST_1)

            6 created, 0 unchanged.
            "#);
        }
        let rules = fresh.db.read(|tx| routing::load(tx, None)).await.unwrap();
        let [acme] = &rules[..] else { panic!("{rules:?}") };
        let (number, kept) = acme.numbers.iter().next().unwrap();
        assert_eq!((number.as_str(), &*kept.id), ("+14155550123", "num-1"));
        let campaign = &acme.campaigns[kept.campaign.as_ref().unwrap()];
        assert_eq!(acme.agents[campaign.agent.as_ref().unwrap()].name, "telephony-agent");
        assert_eq!(acme.agents[acme.default_agent.as_ref().unwrap()].name, "reception");
        assert_eq!(acme.trunks, [("default".to_owned(), "ST_1".to_owned())]);
        let said = fresh.export().await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            # Switchboard's routing: who has which number, and who answers it. Written by `switchboard export`.
            #
            # Change it and run `switchboard apply` with it; --dry-run shows first what that does. Rows are known by their id,
            # so keep the ids and names may change. A key left out keeps its value. docs/routing-file.md explains every key.

            [[tenant]]
            name = "Acme Dental"
            id = "acme"
            region = "US"
            time_zone = "America/New_York"
            default_agent = "reception"
            max_concurrent = 20
            active = true

            [[tenant.agent]]
            name = "reception"
            id = "agt-desk"
            active = true

            [[tenant.agent]]
            name = "telephony-agent"
            id = "agt-phone"
            active = true

            [[tenant.campaign]]
            name = "New patients"
            id = "cmp-new"
            status = "active"
            agent = "telephony-agent"
            fallback_agent = "reception"
            max_concurrent = 3
            sip_trunk = "ST_out"

            [[tenant.number]]
            number = "+14155550123"
            id = "num-1"
            campaign = "New patients"
            type = "LOCAL"
            provider = "TWILIO"
            provider_sid = "PN1"
            livekit_trunk = ""
            active = true

            [[tenant.trunk]]
            name = "Main trunk"
            id = "trk-1"
            twilio = "TK1"
            livekit = "ST_1"
            project = "default"
            active = true
            "#);
        }
        assert!(fresh.apply(ACME).await.summary.is_unchanged());
    }
}

#[tokio::test]
async fn a_key_left_out_keeps_its_value_and_what_changes_is_shown_old_and_new() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        let text = r#"
            [[tenant]]
            name = "Acme Dental"
            max_concurrent = "unlimited"
            default_agent = ""
            [[tenant.campaign]]
            name = "New patients"
            status = "PAUSED"
            agent = "reception"
            [[tenant.number]]
            number = "+1 415 555 0123"
            provider_sid = ""
            campaign = ""
            [[tenant.trunk]]
            name = "Main trunk"
        "#;
        let said = fresh.apply(text).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme Dental
              ~ tenant   Acme Dental
                  default_agent: reception → none
                  max_concurrent: 20 → unlimited
              ~ campaign New patients
                  status: active → paused
                  agent: telephony-agent → reception
              ~ number   +14155550123
                  campaign: "New patients" → none
                  provider_sid: PN1 → none

            3 changed, 1 unchanged.
            "#);
        }
        assert!(fresh.apply(text).await.summary.is_unchanged());
        assert_eq!(fresh.count("select count(*) as n from agents where archived_at is null").await, 2);
    }
}

#[tokio::test]
async fn a_rename_goes_by_the_id_and_two_rows_may_exchange_their_names() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        let text = r#"
            [[tenant]]
            id = "acme"
            name = "Acme"
            [[tenant.agent]]
            id = "agt-phone"
            name = "reception"
            [[tenant.agent]]
            id = "agt-desk"
            name = "telephony-agent"
            [[tenant.campaign]]
            id = "cmp-new"
            name = "Everybody"
            [[tenant.number]]
            id = "num-1"
            number = "+14155550199"
        "#;
        let said = fresh.apply(text).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme
              ~ tenant   Acme
                  name: "Acme Dental" → Acme
              ~ agent    reception
                  name: telephony-agent → reception
              ~ agent    telephony-agent
                  name: reception → telephony-agent
              ~ campaign Everybody
                  name: "New patients" → Everybody
              ~ number   +14155550199
                  number: +14155550123 → +14155550199

            5 changed, 0 unchanged.
            "#);
        }
        let export = fresh.export().await;
        assert!(
            export.contains(
                "name = \"Everybody\"\nid = \"cmp-new\"\nstatus = \"active\"\nagent = \"reception\""
            )
        );
        let by_name = fresh.apply("[[tenant]]\nname = 'Acme'\n[[tenant.agent]]\nname = 'third'\n").await;
        assert_eq!((by_name.summary.create, by_name.summary.unchanged), (1, 1));
    }
}

#[tokio::test]
async fn pruning_archives_only_within_the_tenants_that_are_named() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        fresh.apply("[[tenant]]\nname = 'Other'\n[[tenant.agent]]\nname = 'theirs'\n").await;
        let without =
            "[[tenant]]\nname = 'Acme Dental'\ndefault_agent = ''\n[[tenant.agent]]\nname = 'reception'\n";
        assert_eq!(fresh.apply(without).await.summary.archive, 0);
        let said = fresh.prune(without).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme Dental
              - agent    telephony-agent  (archived)
              - campaign New patients  (archived)
              - number   +14155550123  (archived)
              - trunk    Main trunk  (archived)

            4 archived, 2 unchanged.
            "#);
        }
        let export = fresh.export().await;
        assert!(
            export.contains("theirs") && export.contains("reception") && !export.contains("telephony-agent")
        );
        // Nothing is deleted, and what is named again by its id comes back as it was.
        assert_eq!(fresh.count("select count(*) as n from phone_numbers").await, 1);
        let said = fresh.apply(ACME).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme Dental
              ~ tenant   Acme Dental
                  default_agent: none → reception
              + agent    telephony-agent  (was archived)
              + campaign New patients  (was archived)
                  agent: none → telephony-agent
              + number   +14155550123  (was archived)
                  campaign: none → "New patients"
              + trunk    Main trunk  (was archived)

            1 changed, 4 revived, 1 unchanged.
            "#);
        }
        // What is named without its id is another row.
        fresh.prune("[[tenant]]\nname = 'Other'\n").await;
        let again = fresh.apply("[[tenant]]\nname = 'Other'\n[[tenant.agent]]\nname = 'theirs'\n").await;
        assert_eq!(again.summary.create, 1);
    }
}

#[tokio::test]
async fn a_number_moves_between_tenants_and_both_are_loaded_again() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        fresh.apply("[[tenant]]\nname = 'Other'\nid = 'other'\n").await;
        let noted = async || {
            let sql = "select subject from changes where kind = 'routing' order by seq";
            fresh.db.read(move |tx| tx.all(sql, &[], |row| row.get::<String>("subject"))).await.unwrap()
        };
        let before = noted().await.len();
        let text = r#"
            [[tenant]]
            name = "Acme Dental"
            default_agent = ""
            [[tenant]]
            name = "Other"
            [[tenant.campaign]]
            name = "Theirs"
            [[tenant.number]]
            number = "+14155550123"
            campaign = "Theirs"
        "#;
        let said = fresh.prune(text).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme Dental
              ~ tenant   Acme Dental
                  default_agent: reception → none
              - agent    reception  (archived)
              - agent    telephony-agent  (archived)
              - campaign New patients  (archived)
              - trunk    Main trunk  (archived)

            Other
              + campaign Theirs
              ~ number   +14155550123
                  tenant: "Acme Dental" → Other
                  campaign: "New patients" → Theirs

            1 created, 2 changed, 4 archived, 1 unchanged.
            "#);
        }
        assert_eq!(noted().await[before..], ["acme", "other"]);
        // Back without a campaign: the other tenant's does not come along.
        let back = "[[tenant]]\nname = 'Acme Dental'\n[[tenant.number]]\nid = 'num-1'\n";
        let said = fresh.apply(back).await.text(false);
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r#"
            Acme Dental
              ~ number   +14155550123
                  tenant: Other → "Acme Dental"
                  campaign: Theirs → none

            1 changed, 1 unchanged.
            "#);
        }
        assert_eq!(fresh.count("select count(*) as n from phone_numbers where campaign_id is null").await, 1);
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_shows_the_same_plan() {
    for fresh in Fresh::both().await {
        let text = ACME.replace("id = \"agt-phone\"\n", "");
        let planned = fresh.try_apply(&text, |options| options.dry_run = true).await.unwrap();
        assert!(!planned.applied);
        let made: Vec<_> = planned.changes.iter().filter(|change| change.id.is_none()).collect();
        assert!(matches!(&made[..], [one] if one.name == "telephony-agent"), "{made:?}");
        assert_eq!(fresh.count("select count(*) as n from tenants").await, 0);
        assert_eq!(fresh.count("select count(*) as n from changes").await, 0);
        let applied = fresh.apply(&text).await;
        assert_eq!(applied.summary, planned.summary);
        let dry = planned.text(false);
        assert!(
            dry.ends_with("6 to create, 0 unchanged.\nNothing was applied: this was a dry run.\n"),
            "{dry}"
        );
    }
}

#[tokio::test]
async fn an_error_half_way_leaves_nothing() {
    for fresh in Fresh::both().await {
        let file = read(ACME, "routing.toml");
        let options = Options { prune: false, dry_run: false, default_region: "US".to_owned() };
        let halfway = move |tx: &mut Tx<'_>| {
            apply(tx, &file, &options, NOON)?;
            tx.execute("insert into agents (id) values ($1)", &[&"no tenant"])?;
            Ok::<_, Refused>(())
        };
        assert!(matches!(fresh.db.bulk(halfway).await, Err(Refused::Database(_))));
        for table in ["select count(*) as n from tenants", "select count(*) as n from changes"] {
            assert_eq!(fresh.count(table).await, 0);
        }
        fresh.mistakes(&format!("{ACME}\n[[tenant.agent]]\nname = ''\n")).await;
        assert_eq!(fresh.count("select count(*) as n from tenants").await, 0);
    }
}

#[tokio::test]
async fn whoever_follows_the_routing_is_woken() {
    for fresh in Fresh::both().await {
        let mut notices = fresh.db.notifications();
        fresh.apply(ACME).await;
        assert!(notices.next_about("routing").await);
        // Others' transactions in the same PostgreSQL hold it back until they are over.
        let seen = loop {
            let page =
                fresh.db.read(|tx| changes::of_routing(tx, changes::Position::default())).await.unwrap();
            if !page.changes.is_empty() {
                break page.reached;
            }
        };
        fresh.apply(ACME).await;
        assert!(fresh.db.read(move |tx| changes::of_routing(tx, seen)).await.unwrap().changes.is_empty());
    }
}

#[tokio::test]
async fn two_files_applied_at_once_are_applied_one_after_the_other() {
    for fresh in Fresh::both().await {
        let (one, other) = tokio::join!(fresh.apply(ACME), fresh.apply(ACME));
        assert_eq!(one.summary.create + other.summary.create, 6);
        assert!(one.summary.is_unchanged() != other.summary.is_unchanged());
    }
}

#[tokio::test]
async fn a_plan_can_be_read_by_programs() {
    let fresh = Fresh::sqlite().await;
    fresh.apply(ACME).await;
    let text = "[[tenant]]\nname = 'Acme Dental'\nmax_concurrent = 30\ndefault_agent = ''\n";
    let plan = serde_json::to_value(fresh.apply(text).await).unwrap();
    assert_eq!(
        plan,
        serde_json::json!({
            "applied": true,
            "summary": { "create": 0, "change": 1, "revive": 0, "archive": 0, "unchanged": 0 },
            "changes": [{
                "action": "change", "kind": "tenant", "id": "acme", "name": "Acme Dental", "tenant": "Acme Dental",
                "fields": [
                    { "key": "default_agent", "old": "reception", "new": null },
                    { "key": "max_concurrent", "old": 20, "new": 30 },
                ],
            }],
        })
    );
}

#[tokio::test]
async fn one_tenant_can_be_exported_by_its_id_or_its_name() {
    let fresh = Fresh::sqlite().await;
    fresh.apply(ACME).await;
    fresh.apply("[[tenant]]\nname = 'Other'\nid = 'other'\n").await;
    for (wanted, there) in [("Other", "other"), ("other", "other"), ("acme", "acme")] {
        let text = fresh.db.report(move |tx| export(tx, Some(wanted))).await.unwrap();
        assert_eq!(text.matches("[[tenant]]").count(), 1, "{text}");
        assert!(text.contains(&format!("id = \"{there}\"")), "{text}");
    }
    let missing = fresh.db.report(|tx| export(tx, Some("Acme Dentist"))).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        r#"no tenant has the id or name "Acme Dentist"; did you mean "Acme Dental"?"#
    );
}

#[tokio::test]
async fn what_refers_to_something_archived_refers_to_nothing() {
    let fresh = Fresh::sqlite().await;
    fresh.apply(ACME).await;
    let archive = |tx: &mut Tx<'_>| db::configuration::archive(tx, Kind::Agent, &["agt-phone"], NOON);
    fresh.db.write(archive).await.unwrap();
    let export = fresh.export().await;
    assert!(export.contains("agent = \"\""), "{export}");
    assert!(fresh.apply(&export).await.summary.is_unchanged());
}

#[tokio::test]
async fn a_plan_in_colour_says_the_same() {
    let fresh = Fresh::sqlite().await;
    let plan = fresh.apply(ACME).await;
    let coloured = plan.text(true);
    assert!(coloured.contains("\u{1b}[32m+\u{1b}[0m"), "{coloured:?}");
    let mut plain = coloured;
    for escape in ["\u{1b}[32m", "\u{1b}[1m", "\u{1b}[0m"] {
        plain = plain.replace(escape, "");
    }
    assert_eq!(plain, plan.text(false));
}
