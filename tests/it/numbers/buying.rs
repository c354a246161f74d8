//! Searching and buying.

use serde_json::json;
use switchboard::audit::Actor;
use switchboard::db::{self, Tx};
use switchboard::numbers::{Bought, Buy, Failed, Quote, Search, buy, quote, search};
use switchboard::tenancy::NumberKind;
use twilio::NumberType;
use twilio::fake::{Fake, Fault};

use super::*;
use crate::app::Setup;
use crate::on_both_databases;

const NUMBER: &str = "+14155550177";

fn wanted() -> Buy {
    Buy {
        number: e164(NUMBER),
        country: "US".to_owned(),
        tenant: "acme".into(),
        campaign: campaign("cmp-new"),
        address_sid: None,
        bundle_sid: None,
    }
}

async fn buys(app: &TestApp, twilio: &Client, order: Buy) -> Result<Bought, Failed> {
    let quoted = quote(&app.app.db, twilio, &order).await?;
    buy(&app.app.db, twilio, (order, quoted), &Actor::command_line(), &app.app.clock).await
}

fn purchases(twilio: &Fake) -> usize {
    twilio.requests().iter().filter(|seen| seen.method == "POST").count()
}

async fn shop() -> Fake {
    let twilio = twilio().await;
    twilio.sell(NUMBER, "US", &NumberType::Local);
    twilio.sell("+14155550178", "US", &NumberType::Local);
    twilio.sell("+12125550100", "US", &NumberType::Local);
    twilio.sell("+18005550100", "US", &NumberType::TollFree);
    twilio.sell_with_address("+447700900123", "GB", &NumberType::Mobile);
    twilio
}

#[tokio::test]
async fn what_can_be_bought_is_listed_by_country_area_digits_and_type() {
    let twilio = shop().await;
    let client = client(&twilio, |_| ());
    let us = Search { country: "US".to_owned(), limit: 20, ..Search::default() };
    let cases = [
        (us.clone(), vec![NUMBER, "+14155550178", "+12125550100", "+18005550100"]),
        (Search { limit: 2, ..us.clone() }, vec![NUMBER, "+14155550178"]),
        (Search { area_code: Some("415".to_owned()), ..us.clone() }, vec![NUMBER, "+14155550178"]),
        (Search { contains: Some("555017*".to_owned()), ..us.clone() }, vec![NUMBER, "+14155550178"]),
        (Search { kind: Some(NumberKind::TollFree), ..us.clone() }, vec!["+18005550100"]),
        (Search { kind: Some(NumberKind::Mobile), ..us.clone() }, vec![]),
        (Search { country: "GB".to_owned(), ..us.clone() }, vec!["+447700900123"]),
        (Search { country: "FR".to_owned(), ..us }, vec![]),
    ];
    for (wanted, numbers) in cases {
        let found = search(&client, &wanted).await.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(
            found.iter().map(|offer| offer.number.as_str()).collect::<Vec<_>>(),
            numbers,
            "{wanted:?}"
        );
        let needs = found.iter().filter_map(|offer| offer.needs_address()).count();
        assert_eq!(needs, usize::from(wanted.country == "GB"));
    }
    assert!(twilio.most_at_once() <= 4);
}

on_both_databases! {
    async fn a_number_is_bought_exactly_and_imported(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = shop().await;
        let client = client(&twilio, |_| ());
        let bought = buys(&app, &client, wanted()).await.unwrap_or_else(|why| panic!("{why}"));
        assert!(bought.bought && bought.imported.counts.created == 1);
        let rows = numbers_of(&app, "acme").await;
        assert_eq!((rows[0].number.as_str(), &rows[0].campaign), (NUMBER, &campaign("cmp-new")));
        assert_eq!(rows[0].provider_sid.as_ref(), Some(&bought.provider_sid));
        assert_eq!(twilio.numbers().len(), 1);
        let again = buys(&app, &client, wanted()).await.unwrap_or_else(|why| panic!("{why}"));
        assert!(!again.bought && again.imported.is_unchanged());
        assert_eq!(purchases(&twilio), 1);
        app.stop().await;
    }

    async fn a_purchase_whose_answer_is_lost_is_found_and_never_made_twice(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        for fault in [Fault::DropsAfter, Fault::FailsAfter] {
            let twilio = shop().await;
            let client = client(&twilio, |_| ());
            twilio.faults().next(|seen| seen.method == "POST", fault.clone());
            let bought = buys(&app, &client, wanted()).await.unwrap_or_else(|why| panic!("{why}"));
            assert!(bought.bought, "{fault:?}");
            assert_eq!((purchases(&twilio), twilio.numbers().len()), (1, 1));
        }
        // Neither the answer nor the account is to be had: the second run looks before it buys.
        let twilio = shop().await;
        let client = client(&twilio, |options| options.retries = twilio::Retries::none());
        let quoted = quote(&app.app.db, &client, &wanted()).await.unwrap_or_else(|why| panic!("{why}"));
        twilio.faults().next(|seen| seen.method == "POST", Fault::DropsAfter);
        let away = twilio.faults().every(|seen| seen.method == "GET", Fault::FailsBefore);
        let error = buy(&app.app.db, &client, (wanted(), quoted), &Actor::command_line(), &app.app.clock).await;
        let error = error.expect_err("nobody knows");
        assert!(matches!(error, Failed::Unclear { .. }), "{error}");
        assert!(error.to_string().contains("run the same command again"), "{error}");
        away.release();
        let second = buys(&app, &client, wanted()).await.unwrap_or_else(|why| panic!("{why}"));
        assert!(!second.bought, "{second:#?}");
        assert_eq!((purchases(&twilio), twilio.numbers().len()), (1, 1));
        app.stop().await;
    }

    async fn a_number_that_is_not_available_any_more_is_adopted_if_the_account_has_it(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = shop().await;
        let client = client(&twilio, |_| ());
        let quoted = quote(&app.app.db, &client, &wanted()).await.unwrap_or_else(|why| panic!("{why}"));
        assert!(matches!(&quoted, Quote::ForSale(offer) if offer.number == NUMBER));
        // Somebody with the same account is quicker.
        let theirs = twilio::NewNumber { phone_number: NUMBER.to_owned(), ..twilio::NewNumber::default() };
        let sid = client.buy_number(&theirs).await.expect("it is sold").sid;
        let bought = buy(&app.app.db, &client, (wanted(), quoted), &Actor::command_line(), &app.app.clock).await;
        let bought = bought.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((bought.bought, &bought.provider_sid), (false, &sid));
        assert_eq!((purchases(&twilio), numbers_of(&app, "acme").await.len()), (2, 1));

        // Somebody with another account is quicker.
        let order = Buy { number: e164("+14155550178"), ..wanted() };
        let taken = json!({"status": 400, "code": 21422, "message": "not available"});
        twilio.faults().next(|seen| seen.method == "POST", Fault::json(400, &taken));
        let error = buys(&app, &client, order).await.expect_err("it is taken");
        assert!(matches!(&error, Failed::NotForSale(number) if number == "+14155550178"), "{error}");
        let nobody = buys(&app, &client, Buy { number: e164("+14155550199"), ..wanted() }).await.expect_err("not sold");
        assert!(matches!(nobody, Failed::NotForSale(_)), "{nobody}");
        app.stop().await;
    }

    async fn what_twilio_asks_for_is_said_and_another_tenants_number_is_not_bought(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = shop().await;
        let client = client(&twilio, |_| ());
        let british = Buy { number: e164("+447700900123"), country: "GB".to_owned(), ..wanted() };
        let error = buys(&app, &client, british.clone()).await.expect_err("an address is needed");
        assert!(error.to_string().contains("code 21631") && !error.to_string().contains(TOKEN), "{error}");
        assert!(numbers_of(&app, "acme").await.is_empty());
        let address = format!("AD{:032x}", 7);
        buys(&app, &client, Buy { address_sid: Some(address), ..british }).await.unwrap_or_else(|why| panic!("{why}"));

        apply(&app.app.db, &format!("[[tenant]]\nid = 'other'\nname = 'Other Practice'\n[[tenant.number]]\nnumber = '{NUMBER}'\n")).await;
        let spent = purchases(&twilio);
        let error = buys(&app, &client, wanted()).await.expect_err("another has it");
        assert_eq!(error.to_string(), format!("the number {NUMBER} is in use on this platform"));
        assert_eq!(purchases(&twilio), spent);
        app.stop().await;
    }

    async fn a_purchase_that_cannot_be_written_down_says_that_it_was_made_and_how_to_import_it(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = shop().await;
        let client = client(&twilio, |_| ());
        let quoted = quote(&app.app.db, &client, &wanted()).await.unwrap_or_else(|why| panic!("{why}"));
        let now = app.app.clock.now();
        let gone = move |tx: &mut Tx<'_>| -> db::Result<u64> {
            tx.execute("update tenants set archived_at = $1 where id = 'acme'", &[&now])
        };
        app.app.db.write(gone).await.expect("it is archived");
        let error = buy(&app.app.db, &client, (wanted(), quoted), &Actor::command_line(), &app.app.clock).await;
        let (error, sid) = (error.expect_err("the tenant is gone").to_string(), &twilio.numbers()[0]["sid"]);
        assert!(error.starts_with(&format!("{NUMBER} WAS BOUGHT ({})", sid.as_str().expect("a sid"))), "{error}");
        assert!(error.contains(&format!("switchboard numbers import --tenant acme --number {NUMBER}")), "{error}");
        app.stop().await;
    }
}
