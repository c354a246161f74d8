//! Releasing and moving.

use serde_json::{Value, json};
use switchboard::audit::Actor;
use switchboard::db::configuration;
use switchboard::numbers::{Failed, Move, Moved, Put, Released, about, move_number, release};
use twilio::fake::{Fake, Fault};

use super::*;
use crate::api::configured::{answers, hangs_up};
use crate::app::Setup;
use crate::ask::{ask, with};
use crate::on_both_databases;
use crate::routing::eventually;

const FIRST: &str = "+14155550000";

async fn releases(app: &TestApp, twilio: &Client, number: &str) -> Result<Released, Failed> {
    let asked = about(&app.app.db, twilio, &e164(number), &app.app.clock).await?;
    release(&app.app.db, twilio, asked, &Actor::command_line(), &app.app.clock).await
}

async fn moves(app: &TestApp, tenant: Option<&str>, campaign: Put) -> Result<Moved, Failed> {
    let order = Move { number: e164(FIRST), tenant: tenant.map(TenantId::from), campaign };
    let now = app.app.clock.now();
    app.app.db.write(move |tx| move_number(tx, &order, (&Actor::command_line(), now))).await
}

fn deletes(twilio: &Fake) -> usize {
    twilio.requests().iter().filter(|seen| seen.method == "DELETE").count()
}

on_both_databases! {
    async fn a_number_is_given_back_once_no_call_to_it_is_open(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = client(&twilio, |_| ());
        twilio.add_numbers(2);
        run(&app, &client, Import { campaign_id: campaign("cmp-new"), ..all() }).await.expect("it works");
        eventually("the server knows it", async || {
            app.app.routing().tenants.get("acme").is_some_and(|tenant| tenant.numbers.len() == 2)
        }).await;
        assert_eq!(answers(&app, "SIP-0", FIRST).await, "reception", "a call of years ago");
        hangs_up(&app, "SIP-0").await;
        let rings = with(ask("SIP-1"), json!({"to_number": FIRST, "timestamp": app.app.clock.now().to_string()}));
        assert_eq!(app.ask(&rings).await.1["agent_name"], "reception");
        let error = releases(&app, &client, FIRST).await.expect_err("a call is open");
        assert_eq!(error.to_string(), "1 call to it is open: wait for the end, or hang up");
        assert_eq!(deletes(&twilio), 0);
        hangs_up(&app, "SIP-1").await;

        let asked = about(&app.app.db, &client, &e164(FIRST), &app.app.clock).await.expect("it is there");
        assert_eq!((asked.tenant.as_str(), asked.campaign.as_deref()), ("Acme Dental", Some("New patients")));
        assert_eq!(asked.recent_calls, 1);
        let released = releases(&app, &client, FIRST).await.unwrap_or_else(|why| panic!("{why}"));
        assert!(released.released);
        assert_eq!((twilio.numbers().len(), deletes(&twilio)), (1, 1));
        assert_eq!(twilio.numbers()[0]["phone_number"], "+14155550001", "the other stays");
        assert_eq!(numbers_of(&app, "acme").await.len(), 1);
        let (words, was, is) = entries(&app).await.pop().expect("an entry");
        assert_eq!((words.as_str(), &was["campaignId"], &is), ("acme command_line phone_number.archived", &json!("cmp-new"), &Value::Null));
        let nobody = releases(&app, &client, FIRST).await.expect_err("nobody has it");
        assert_eq!(nobody.to_string(), format!("no tenant has the number {FIRST}"));
        app.stop().await;
    }

    async fn a_release_that_stops_half_way_leaves_a_number_that_is_known(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = client(&twilio, |options| options.retries = twilio::Retries::none());
        twilio.add_numbers(1);
        imported(&app, &client).await;
        // Twilio refuses, or has done it and does not say so: it is here still.
        for fault in [Fault::FailsBefore, Fault::DropsAfter] {
            twilio.faults().next(|seen| seen.method == "DELETE", fault);
            let error = releases(&app, &client, FIRST).await.expect_err("no good answer");
            assert!(matches!(error, Failed::Twilio(_)), "{error}");
            assert_eq!(numbers_of(&app, "acme").await.len(), 1);
        }
        // Gone at Twilio by now: it is archived.
        assert!(twilio.numbers().is_empty());
        let released = releases(&app, &client, FIRST).await.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((released.released, &released.about.provider_sid), (false, &None));
        assert!(numbers_of(&app, "acme").await.is_empty());
        assert_eq!(deletes(&twilio), 2);
        app.stop().await;
    }

    async fn a_sid_that_is_another_numbers_gives_no_other_number_back(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = client(&twilio, |_| ());
        let sids = twilio.add_numbers(1);
        let file = |number: &str, more: &str| format!("[[tenant]]\nid = 'acme'\nname = 'Acme Dental'\n[[tenant.number]]\nnumber = '{number}'\n{more}\n");
        apply(&app.app.db, &file("+14155559999", &format!("provider_sid = '{}'", sids[0]))).await;
        apply(&app.app.db, &file("+14155559998", "provider = 'OTHER'")).await;
        let released = releases(&app, &client, "+14155559999").await.unwrap_or_else(|why| panic!("{why}"));
        assert!(!released.released);
        assert_eq!((twilio.numbers().len(), deletes(&twilio)), (1, 0));
        let error = releases(&app, &client, "+14155559998").await.expect_err("it is not Twilio's");
        assert!(error.to_string().starts_with("the number +14155559998 is not of Twilio's"), "{error}");
        app.stop().await;
    }

    async fn a_number_moves_with_its_campaign_left_behind_and_each_tenant_has_its_own_half(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = client(&twilio, |_| ());
        twilio.add_numbers(1);
        run(&app, &client, Import { campaign_id: campaign("cmp-new"), ..all() }).await.expect("it works");
        let was = numbers_of(&app, "acme").await.remove(0);

        let to = |id: &str| Put::Into(id.into());
        let moved = moves(&app, None, to("cmp-old")).await.expect("it moves");
        assert_eq!((moved.moved, &moved.campaign_id, &*moved.tenant_id), (true, &campaign("cmp-old"), "acme"));
        let same = moves(&app, Some("acme"), Put::AsItIs).await.expect("it is there");
        assert!(!same.moved && same.campaign_id == campaign("cmp-old"));
        let before_it = written(&app).await;
        for (tenant, put) in [(None, to("cmp-theirs")), (Some("other"), to("cmp-old")), (None, to("nothing"))] {
            let error = moves(&app, tenant, put).await.expect_err("a campaign of its own tenant only");
            assert!(matches!(error, Failed::NoCampaign), "{error}");
        }
        assert!(matches!(moves(&app, Some("nobody"), Put::AsItIs).await, Err(Failed::NoTenant)));
        assert_eq!(written(&app).await, before_it, "a refusal writes nothing");

        let moved = moves(&app, Some("other"), Put::AsItIs).await.expect("it moves");
        assert_eq!((&*moved.tenant_id, &moved.campaign_id), ("other", &None));
        let row = numbers_of(&app, "other").await.remove(0);
        assert_eq!(row, configuration::Number { tenant: "other".into(), campaign: None, ..was });
        assert!(before(&app, &row).await.is_some(), "what it did before goes along");
        let halves = entries(&app).await;
        let [.., from, into] = &halves[..] else { panic!("{halves:?}") };
        assert_eq!((from.0.as_str(), &from.1["campaignId"], &from.2), ("acme command_line phone_number.moved", &json!("cmp-old"), &Value::Null));
        assert_eq!((into.0.as_str(), &into.1, &into.2["tenantId"]), ("other command_line phone_number.moved", &Value::Null, &json!("other")));
        assert!(!into.2.to_string().contains("acme") && !into.2.to_string().contains("cmp-old"));
        eventually("the server knows both", async || {
            let routing = app.app.routing();
            let numbers = |tenant: &str| routing.tenants.get(tenant).map_or(0, |tenant| tenant.numbers.len());
            (numbers("acme"), numbers("other")) == (0, 1)
        }).await;
        let back = moves(&app, Some("acme"), to("cmp-new")).await.expect("it moves");
        assert_eq!(back.campaign_id, campaign("cmp-new"));
        let out = moves(&app, None, Put::Nowhere).await.expect("it moves");
        assert_eq!((out.moved, out.campaign_id), (true, None));
        app.stop().await;
    }
}
