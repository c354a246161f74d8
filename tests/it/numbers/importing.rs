//! Importing what an account has.

use std::time::Instant;

use serde_json::{Value, json};
use switchboard::audit::Actor;
use switchboard::numbers::{Failed, FlagKind, Import};
use switchboard::progress::Progress;
use switchboard::tenancy::NumberKind;
use twilio::fake::{Fake, Fault};
use twilio::{NumberType, Retries};

use super::*;
use crate::app::Setup;
use crate::on_both_databases;
use crate::routing::eventually;

/// The trunk that the first tenant has.
const OURS: &str = "TK0000000000000000000000000000beef";

fn three_pages(twilio: &Fake) -> Client {
    client(twilio, |options| options.page_size = 4)
}

/// One page of the account's numbers as Twilio's list would show them, without their types, going on there.
fn page(twilio: &Fake, numbers: std::ops::Range<usize>, next: Option<&str>) -> Fault {
    let mut items = twilio.numbers()[numbers].to_vec();
    items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| drop(item.remove("type")));
    Fault::json(200, &json!({ "incoming_phone_numbers": items, "next_page_uri": next }))
}

on_both_databases! {
    async fn nine_numbers_over_three_pages_are_imported_and_again_is_a_no_op(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = three_pages(&twilio);
        let sids = twilio.add_numbers(9);
        twilio.set(&sids[0], "voice_url", "https://ada:hunter2@hooks.example.com/voice?key=s3cret");
        twilio.set(&sids[0], "friendly_name", "Front desk");
        twilio.set(&sids[1], "capabilities", json!({"voice": false, "sms": true, "mms": false, "fax": false}));
        twilio.set(&sids[2], "trunk_sid", OURS);
        twilio.set(&sids[3], "trunk_sid", "TK0000000000000000000000000000cafe");

        let first = run(&app, &client, Import { campaign_id: campaign("cmp-new"), ..all() }).await.expect("it works");
        assert_eq!((first.counts.created, first.counts.found, first.created.items.len()), (9, 9, 9));
        assert_eq!(twilio.requests().len(), 3);
        let rows = numbers_of(&app, "acme").await;
        assert_eq!(rows.len(), 9);
        let row = &rows[0];
        assert_eq!((row.number.as_str(), row.provider_sid.as_deref()), ("+14155550000", Some(sids[0].as_str())));
        assert_eq!((row.kind, &row.campaign), (NumberKind::Local, &campaign("cmp-new")));
        assert_eq!(row.capabilities.map(|can| can.words()), Some(vec!["voice", "sms", "mms"]));
        assert_eq!(json!(row.metadata), json!({"importedFrom": "twilio", "friendlyName": "Front desk"}));
        assert_eq!(row.purchased_at.map(|at| at.to_string()).as_deref(), Some("2026-11-01T12:00:00.000000Z"));

        let kept = before(&app, row).await.expect("what it did is kept");
        assert_eq!(kept.voice_url.as_deref(), Some("https://ada:hunter2@hooks.example.com/voice?key=s3cret"));
        assert_eq!((kept.sid.as_str(), kept.voice_method.as_deref()), (sids[0].as_str(), Some("POST")));
        assert!(before(&app, &rows[2]).await.is_none(), "its calls come here already");
        assert_eq!(
            before(&app, &rows[3]).await.and_then(|kept| kept.trunk_sid).as_deref(),
            Some("TK0000000000000000000000000000cafe")
        );
        let flags: Vec<_> = first.flags.items.iter().map(|flag| (flag.number.as_str(), flag.kind)).collect();
        assert_eq!(flags, [
            ("+14155550000", FlagKind::InUse), ("+14155550001", FlagKind::NoVoice), ("+14155550003", FlagKind::InUse),
        ]);
        let said = serde_json::to_string(&first).expect("JSON") + &json!(entries(&app).await).to_string();
        assert!(!said.contains("hunter2") && !said.contains("s3cret") && !said.contains(TOKEN), "{said}");
        let noted = entries(&app).await;
        assert_eq!(noted.len(), 9);
        assert!(noted.iter().all(|(words, before, after)| {
            words == "acme command_line phone_number.created" && before.is_null() && after["campaignId"] == "cmp-new"
        }), "{noted:#?}");
        eventually("the running server knows them", async || {
            app.app.routing().tenants.get("acme").is_some_and(|tenant| tenant.numbers.len() == 9)
        }).await;

        let so_far = written(&app).await;
        twilio.set(&sids[0], "voice_url", "https://later.example.com/");
        let again = imported(&app, &client).await;
        assert_eq!((again.counts.unchanged, again.is_unchanged()), (9, true), "{again:#?}");
        assert_eq!((again.counts.created, again.counts.changed, again.counts.gone), (0, 0, 0));
        assert_eq!(written(&app).await, so_far, "nothing is written");
        assert_eq!(before(&app, &rows[0]).await, Some(kept), "what it did before we came is never overwritten");
        app.stop().await;
    }

    async fn what_changed_at_twilio_is_said_and_taken_over_and_what_is_gone_stays(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = three_pages(&twilio);
        let sids = twilio.add_numbers(5);
        imported(&app, &client).await;
        let kept = numbers_of(&app, "acme").await;

        twilio.set(&sids[0], "friendly_name", "Desk");
        twilio.set(&sids[1], "capabilities", json!({"voice": false, "sms": true, "mms": true, "fax": false}));
        twilio.remove(&sids[2]);
        let new_sid = twilio.add_number("+14155550002", &NumberType::Mobile);
        twilio.remove(&sids[3]);
        let dry = run(&app, &client, Import { dry_run: true, ..all() }).await.expect("it works");
        let before_it = written(&app).await;
        let done = imported(&app, &client).await;
        assert_eq!((dry.applied, dry.counts, &dry.changed), (false, done.counts, &done.changed));
        assert_eq!((done.counts.changed, done.counts.unchanged, done.counts.gone), (3, 1, 1));
        let said: Vec<_> = done.changed.items.iter().map(|number| {
            let fields = number.fields.iter().map(|field| json!([field.key, field.old, field.new]));
            (number.number.as_str(), fields.collect::<Vec<_>>())
        }).collect();
        let can = |voice: bool| json!({"voice": voice, "sms": true, "mms": true, "fax": false});
        assert_eq!(said, [
            ("+14155550000", vec![json!(["friendlyName", "+14155550000", "Desk"])]),
            ("+14155550001", vec![json!(["capabilities", can(true), can(false)])]),
            ("+14155550002", vec![
                json!(["type", "LOCAL", "MOBILE"]), json!(["providerSid", sids[2], new_sid]),
                json!(["friendlyName", "+14155550002", "+14155550002"]),
            ].into_iter().filter(|field| field[1] != field[2]).collect()),
        ]);
        let [gone] = &done.gone.items[..] else { panic!("{:?}", done.gone) };
        assert_eq!((gone.number.as_str(), &gone.provider_sid), ("+14155550003", &sids[3]));
        let rows = numbers_of(&app, "acme").await;
        assert_eq!(rows.len(), 5, "what is gone stays until it is released");
        assert!(kept.iter().zip(&rows).all(|(was, is)| was.id == is.id));
        assert_eq!(before(&app, &rows[2]).await.map(|before| before.sid), Some(new_sid), "another number of Twilio's");
        let after_it = written(&app).await;
        assert_eq!((after_it.0 - before_it.0, after_it.2 - before_it.2), (3, 3));
        let (words, was, is) = &entries(&app).await[5];
        assert_eq!(words, "acme command_line phone_number.updated");
        assert_eq!((&was["metadata"]["friendlyName"], &is["metadata"]["friendlyName"]), (&json!("+14155550000"), &json!("Desk")));
        app.stop().await;
    }

    async fn another_tenants_number_is_left_alone_and_whose_it_is_told_to_the_operator_only(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        apply(&app.app.db, "[[tenant]]\nid = 'other'\nname = 'Other Practice'\n[[tenant.number]]\nnumber = '+14155550001'\n").await;
        let twilio = twilio().await;
        let client = three_pages(&twilio);
        let sids = twilio.add_numbers(3);
        twilio.set(&sids[1], "voice_url", "https://theirs.example.com/");
        let theirs = numbers_of(&app, "other").await;
        let done = imported(&app, &client).await;
        assert_eq!((done.counts.created, done.counts.conflicts), (2, 1));
        assert_eq!(serde_json::to_value(&done.conflicts).expect("JSON"), json!({"items": [{"number": "+14155550001"}], "more": 0}));
        let said = serde_json::to_string(&done).expect("JSON");
        assert!(!said.contains("other") && !said.contains("Other") && !said.contains("theirs.example"), "{said}");
        assert_eq!(numbers_of(&app, "other").await, theirs);
        assert!(before(&app, &theirs[0]).await.is_none());
        let told = run(&app, &client, Import { names_others: true, ..all() }).await.expect("it works");
        assert_eq!(told.conflicts.items[0].tenant.as_deref(), Some("Other Practice"));
        app.stop().await;
    }

    async fn a_type_that_twilio_does_not_say_is_read_from_the_lists_of_one_type(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        twilio.add_number("+14155550100", &NumberType::Local);
        twilio.add_number("+18005550100", &NumberType::TollFree);
        twilio.add_number("+447700900123", &NumberType::Mobile);
        // In none of the lists; digits tell of the first of them.
        let odd = twilio.add_number("+18005550199", &NumberType::Other("national".to_owned()));
        let other = twilio.add_number("+4930123456", &NumberType::Other("national".to_owned()));
        twilio.faults().next(|seen| seen.is("GET", "/IncomingPhoneNumbers.json"), page(&twilio, 0..5, None));
        let done = imported(&app, &client(&twilio, |_| ())).await;
        assert_eq!(done.counts.created, 5, "{odd} {other}");
        let kinds: Vec<_> = numbers_of(&app, "acme").await.into_iter().map(|row| (row.number, row.kind)).collect();
        let expected = [
            ("+14155550100", NumberKind::Local), ("+18005550100", NumberKind::TollFree), ("+18005550199", NumberKind::TollFree),
            ("+447700900123", NumberKind::Mobile), ("+4930123456", NumberKind::Local),
        ].map(|(number, kind)| (number.to_owned(), kind));
        assert_eq!(kinds, expected);
        let asked: std::collections::BTreeSet<_> =
            twilio.requests().iter().filter_map(|seen| Some(seen.path.rsplit_once('/')?.1.to_owned())).collect();
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["IncomingPhoneNumbers.json", "Local.json", "Mobile.json", "TollFree.json"]);
        assert_eq!(twilio.requests().len(), 4);
        app.stop().await;
    }

    async fn too_many_requests_are_waited_for_and_a_refusal_that_stays_loses_nothing(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = three_pages(&twilio);
        twilio.add_numbers(9);
        twilio.faults().after(1, Fault::TooMany(None));
        twilio.faults().after(2, Fault::TooMany(Some(0)));
        let done = imported(&app, &client).await;
        assert_eq!((done.counts.created, twilio.requests().len()), (9, 5));
        twilio.faults().every(|_| true, Fault::TooMany(None));
        let so_far = written(&app).await;
        let error = run(&app, &client, all()).await.expect_err("Twilio refuses");
        assert!(matches!(&error, Failed::Twilio(error) if error.code() == Some(20429)), "{error}");
        assert_eq!(written(&app).await, so_far);
        app.stop().await;
    }

    async fn an_import_that_dies_half_way_is_finished_by_the_next(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = client(&twilio, |options| {
            options.page_size = 4;
            options.retries = Retries::none();
        });
        twilio.add_numbers(9);
        for (others, done) in [(1, 4), (2, 8)] {
            twilio.faults().after(others, Fault::DropsBefore);
            let error = run(&app, &client, all()).await.expect_err("the connection broke");
            let Failed::Partly { done: so_far, .. } = &error else { panic!("{error}") };
            assert_eq!((*so_far, numbers_of(&app, "acme").await.len()), (done, usize::try_from(done).expect("few")));
            assert!(error.to_string().contains(&format!("{done} numbers were done: they stay")), "{error}");
        }
        let rest = imported(&app, &client).await;
        assert_eq!((rest.counts.created, rest.counts.unchanged), (1, 8));
        assert_eq!(written(&app).await.2, 9, "each was written once");
        app.stop().await;
    }

    async fn a_hostile_link_to_the_next_page_is_an_error_and_loses_nothing(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let (twilio, elsewhere) = (twilio().await, super::twilio().await);
        let client = three_pages(&twilio);
        twilio.add_numbers(9);
        let own = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json?PageSize=4");
        let links = [format!("{}{own}", elsewhere.url()), "//evil.example/x".to_owned(), own];
        for (at, link) in links.iter().enumerate() {
            twilio.faults().next(|seen| seen.is("GET", "/IncomingPhoneNumbers.json"), page(&twilio, at..at + 2, Some(link)));
            let error = run(&app, &client, all()).await.expect_err(link);
            assert!(error.to_string().contains("the link to the next page is not followed"), "{error}");
            assert!(!error.to_string().contains(TOKEN));
            assert_eq!(numbers_of(&app, "acme").await.len(), at + 2, "the page that came is kept");
        }
        assert!(elsewhere.requests().is_empty(), "it got no credentials");
        let rest = imported(&app, &client).await;
        assert_eq!((rest.counts.created, rest.counts.gone), (5, 0));
        app.stop().await;
    }

    async fn a_dry_run_writes_nothing_and_named_numbers_are_all_that_is_asked_for(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = three_pages(&twilio);
        twilio.add_numbers(9);
        let so_far = written(&app).await;
        let dry = run(&app, &client, Import { dry_run: true, ..all() }).await.expect("it works");
        assert_eq!((dry.counts.created, dry.applied, &dry.created.items[0].id), (9, false, &None));
        assert_eq!(written(&app).await, so_far);
        assert!(numbers_of(&app, "acme").await.is_empty());

        let named = ["+14155550007", "+14155550003", "+14155559999", "+14155550007"].map(e164).to_vec();
        let done = run(&app, &client, Import { numbers: named, ..all() }).await.expect("it works");
        assert_eq!((done.counts.created, done.counts.missing, done.counts.gone), (2, 1, 0), "{done:#?}");
        assert_eq!(done.missing.items, ["+14155559999"]);
        assert_eq!(numbers_of(&app, "acme").await.len(), 2);
        for (request, failed) in [
            (Import { tenant_id: "nobody".into(), ..all() }, "there is no such tenant"),
            (Import { campaign_id: campaign("cmp-theirs"), ..all() }, "the tenant has no such campaign"),
        ] {
            let error = run(&app, &client, request).await.expect_err(failed);
            assert!(error.to_string().starts_with(failed), "{error}");
        }
        app.stop().await;
    }

    async fn ten_thousand_numbers_are_imported_with_four_requests_at_once_at_most(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        apply(&app.app.db, ROUTING).await;
        let twilio = twilio().await;
        let client = client(&twilio, |_| ());
        twilio.add_numbers(10_000);
        // The first list does not say types of one page, so that all lists are read.
        let next = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json?PageSize=500&Page=1&PageToken=PT{:032x}", 500);
        twilio.faults().next(|seen| seen.is("GET", "/IncomingPhoneNumbers.json"), page(&twilio, 0..500, Some(&next)));
        let (by, progress, began) = (Actor::command_line(), Progress::new(), Instant::now());
        let first = import(&app.app.db, &client, all(), &by, &app.app.clock, &progress).await.expect("it works");
        let (took, began) = (began.elapsed(), Instant::now());
        assert_eq!((first.counts.created, progress.now().done), (10_000, 10_000));
        let again = imported(&app, &client).await;
        println!("10,000 numbers: imported in {took:.1?}, looked at again in {:.1?}", began.elapsed());
        assert_eq!((again.counts.unchanged, again.is_unchanged()), (10_000, true));
        assert!(twilio.most_at_once() <= 4, "{} at once", twilio.most_at_once());
        let kept = serde_json::to_string(&first).expect("JSON").len();
        assert!(kept < 64 * 1024, "{kept} bytes are kept with the operation");
        assert_eq!((first.created.items.len(), first.created.more), (100, 9_900));
        assert_eq!(written(&app).await.2, 10_000);
        app.stop().await;
    }
}
