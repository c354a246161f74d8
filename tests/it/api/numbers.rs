//! Phone numbers.

use std::collections::HashSet;

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::db::Engine;

use super::configured::{answers, at, hangs_up, other_tenant};
use crate::api::Said;
use crate::app::{Setup, TestApp};
use crate::routing::eventually;
use crate::{on_both_databases, routing};

const NUMBERS: &str = "/api/v1/phone-numbers";

fn numbers(page: &Said) -> Vec<&str> {
    let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{}", page.body));
    items.iter().map(|item| item["number"].as_str().expect("text")).collect()
}

on_both_databases! {
    async fn a_number_is_read_as_it_is_dialled_where_its_tenant_is(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let body = json!({
            "number": "(415) 555-0123", "providerSid": "PN1", "campaignId": "cmp_1", "livekitTrunkId": "ST_1",
            "purchasedAt": "2025-10-09T12:00:00+02:00",
            "metadata": {"capabilities": {"voice": true, "sms": true}, "importedFrom": "twilio"},
        });
        let made = api.made(NUMBERS, &body).await;
        let mut shown = made.clone();
        for field in ["id", "createdAt", "updatedAt"] {
            shown[field] = Value::Null;
        }
        assert_eq!(shown, json!({
            "id": null, "tenantId": "tnt_1", "number": "+14155550123", "type": "LOCAL", "provider": "TWILIO",
            "providerSid": "PN1", "capabilities": null, "campaignId": "cmp_1", "livekitTrunkId": "ST_1", "isActive": true,
            "purchasedAt": "2025-10-09T10:00:00.000000Z",
            "metadata": {"capabilities": {"voice": true, "sms": true}, "importedFrom": "twilio"},
            "revision": 1, "createdAt": null, "updatedAt": null,
        }));
        let at = at(NUMBERS, &made);
        let change = json!({"metadata": {"importedFrom": null, "capabilities": {"sms": false}}, "purchasedAt": null, "provider": "OTHER"});
        let changed = api.patch(&at, "*", &change).await.body;
        assert_eq!(changed["metadata"], json!({"capabilities": {"voice": true, "sms": false}}), "a merge patch goes deep");
        assert_eq!((&changed["purchasedAt"], &changed["provider"]), (&Value::Null, &json!("OTHER")));
        let free = api.made(NUMBERS, &json!({"number": "+18005550123"})).await;
        assert_eq!(free["type"], "TOLL_FREE", "as the number plan says");
        let told = api.made(NUMBERS, &json!({"number": "+18005550124", "type": "LOCAL"})).await;
        assert_eq!(told["type"], "LOCAL", "as it was said");
        app.stop().await;
    }

    async fn what_is_wrong_with_a_number_is_said(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        for (number, why) in [
            ("anonymous", "is wrong: \"anonymous\" stands for a withheld number; write the number itself, like +14155550123"),
            ("911", "is wrong: \"911\" is not a complete number in US; write it with + and its country code, like +14155550123"),
            ("", "must not be empty"),
        ] {
            let said = api.post(NUMBERS, &json!({"number": number})).await;
            assert_eq!(said.wrong(), [("#/number".to_owned(), why.to_owned())]);
        }
        let said = api.post(NUMBERS, &json!({
            "number": "x", "providerSid": "P N", "livekitTrunkId": "\u{e9}", "metadata": {"x": "y".repeat(17_000)},
        })).await;
        let fields: HashSet<_> = said.wrong().into_iter().map(|(at, _)| at).collect();
        assert_eq!(fields, ["#/number", "#/providerSid", "#/livekitTrunkId", "#/metadata"].map(str::to_owned).into());
        let said = api.post(NUMBERS, &json!({"number": "+14155550123", "type": "local", "provider": "ACME", "metadata": [], "purchasedAt": "yesterday"})).await;
        let fields: HashSet<_> = said.wrong().into_iter().map(|(at, _)| at).collect();
        assert_eq!(fields, ["#/type", "#/provider", "#/metadata", "#/purchasedAt"].map(str::to_owned).into());
        app.stop().await;
    }

    async fn a_number_is_one_tenants_on_the_whole_platform(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let theirs = other_tenant(&app).await;
        let their_campaign = &theirs[1].1;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let own = api.post(NUMBERS, &json!({"number": "+1 555 765 4321"})).await;
        assert_eq!(own.status, 409);
        assert!(own.text("detail").contains("num_1"), "{}", own.body);
        let other = api.post(NUMBERS, &json!({"number": "+14155550150"})).await;
        assert_eq!((other.status, other.text("detail").as_str()), (409, "the number +14155550150 is in use on this platform"));
        let changed = api.patch(&format!("{NUMBERS}/num_1"), "*", &json!({"number": "+14155550150"})).await;
        assert_eq!(changed.status, 409);
        for body in [json!({"number": "+14155550160", "campaignId": their_campaign}), json!({"number": "+14155550160", "campaignId": "none"})] {
            let said = api.post(NUMBERS, &body).await;
            assert_eq!((said.status, said.text("detail").as_str()), (404, "there is no such campaign"));
        }
        assert_eq!(api.patch(&format!("{NUMBERS}/num_1"), "*", &json!({"campaignId": their_campaign})).await.status, 404);
        assert_eq!(api.get(&format!("{NUMBERS}?campaignId={their_campaign}")).await.status, 404);
        assert_eq!(numbers(&api.get(&format!("{NUMBERS}?number=%2B14155550150")).await), [""; 0], "another tenant's is not found");
        app.stop().await;
    }

    async fn a_ring_goes_by_the_number_as_it_was_changed_last(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        assert_eq!(answers(&app, "SIP-0", "+14155550123").await, "unknown_number");
        let made = api.made(NUMBERS, &json!({"number": "+14155550123"})).await;
        let at = at(NUMBERS, &made);
        assert_eq!(answers(&app, "SIP-1", "+14155550123").await, "reception", "the tenant's default agent");
        let desk = json!({"name": "Desk", "agentName": "telephony-agent"});
        let desk = api.made("/api/v1/campaigns", &desk).await["id"].clone();
        for (n, (change, number, answer)) in [
            (json!({"campaignId": desk}), "+14155550123", "telephony-agent"),
            (json!({"isActive": false}), "+14155550123", "number_inactive"),
            (json!({"isActive": true, "campaignId": null}), "+14155550123", "reception"),
            (json!({"number": "+14155550124"}), "+14155550124", "reception"),
            (json!({}), "+14155550123", "unknown_number"),
        ].into_iter().enumerate() {
            assert_eq!(api.patch(&at, "*", &change).await.status, 200);
            assert_eq!(answers(&app, &format!("SIP-1{n}"), number).await, answer, "after {change}");
        }
        app.stop().await;
    }

    async fn a_number_is_archived_once_no_call_to_it_is_open(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let other = api.made(NUMBERS, &json!({"number": "+14155550123"})).await;
        assert_eq!(answers(&app, "SIP-1", routing::NUMBER).await, "telephony-agent");
        let at_other = at(NUMBERS, &other);
        assert_eq!(api.delete(&at_other).await.status, 204, "the call is to another number");
        let refused = api.delete(&format!("{NUMBERS}/num_1")).await;
        assert_eq!(refused.status, 409);
        assert!(refused.text("detail").starts_with("1 call that goes through it is open"), "{}", refused.body);
        hangs_up(&app, "SIP-1").await;
        assert_eq!(api.delete(&format!("{NUMBERS}/num_1")).await.status, 204);
        assert_eq!(answers(&app, "SIP-2", routing::NUMBER).await, "unknown_number");
        assert_eq!(api.get("/api/v1/campaigns/cmp_1").await.body["phoneNumbers"], json!([]));
        app.stop().await;
    }

    async fn numbers_are_found_by_number_campaign_and_whether_they_are_active(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        other_tenant(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        api.made(NUMBERS, &json!({"number": "+14155550101", "isActive": false})).await;
        api.made(NUMBERS, &json!({"number": "+14155550102", "campaignId": "cmp_1"})).await;
        let of = async |query: &str| api.get(&format!("{NUMBERS}?{query}")).await;
        assert_eq!(numbers(&of("").await), ["+14155550102", "+14155550101", routing::NUMBER]);
        assert_eq!(numbers(&of("campaignId=cmp_1").await), ["+14155550102", routing::NUMBER]);
        assert_eq!(numbers(&of("isActive=false").await), ["+14155550101"]);
        assert_eq!(numbers(&of("campaignId=cmp_1&isActive=false").await), [""; 0]);
        for written in ["%2B14155550101", "+14155550101", "(415)%20555-0101", "4155550101"] {
            assert_eq!(numbers(&of(&format!("number={written}")).await), ["+14155550101"], "{written}");
        }
        assert_eq!(of("number=anonymous").await.wrong()[0].0, "number");
        let admin = app.api(Role::Admin, None).await;
        let all = admin.get(NUMBERS).await;
        assert_eq!(numbers(&all).len(), 4);
        assert_eq!(numbers(&admin.get(&format!("{NUMBERS}?number=%2B14155550150")).await), ["+14155550150"]);
        assert_eq!(admin.get(&format!("{NUMBERS}?campaignId=cmp_1&tenantId=tnt_2")).await.status, 404);
        app.stop().await;
    }

    async fn pages_of_numbers_made_at_the_same_time_hold_each_once(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let text: String = (0..50).map(|n| format!("[[tenant.number]]\nnumber = \"+1415555{n:04}\"\n")).collect();
        let file = switchboard::routing_file::read(&format!("[[tenant]]\nname = 'Big'\nid = 'big'\n{text}"), "routing.toml");
        let options = switchboard::routing_file::Options { prune: false, dry_run: false, default_region: "US".to_owned() };
        let now = app.app.clock.now();
        app.app.db.bulk(move |tx| switchboard::routing_file::apply(tx, &file, &options, now)).await.expect("it is applied");
        let api = app.api(Role::Owner, Some("big")).await;
        let (mut seen, mut next) = (Vec::new(), format!("{NUMBERS}?limit=7"));
        loop {
            let page = api.get(&next).await;
            seen.extend(numbers(&page).into_iter().map(str::to_owned));
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            next = format!("{NUMBERS}?limit=7&cursor={cursor}");
        }
        assert_eq!((seen.len(), seen.iter().collect::<HashSet<_>>().len()), (50, 50));
        let applied = api.get("/api/v1/audit?action=phone_number.created&limit=200").await.body;
        let applied = applied["items"].as_array().expect("items");
        assert_eq!((applied.len(), &applied[0]["actor"]), (50, &json!({"kind": "apply", "id": null, "name": "apply"})));
        assert_eq!(applied[0]["after"]["number"], "+14155550049", "in the order of the file, the last first");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_change_at_one_server_is_in_force_at_the_other() {
    let Some(one) = Setup::new(Engine::Postgres).start().await else { return };
    routing::acme(&one).await;
    let other = TestApp::start(Setup::new(Engine::Postgres), one.place.again()).await;
    let api = one.api(Role::Operator, Some("tnt_1")).await;
    let calls = std::cell::Cell::new(0);
    let goes_to = async |app: &TestApp, number: &str| {
        calls.set(calls.get() + 1);
        let call = format!("SIP-{}", calls.get());
        let answer = answers(app, &call, number).await;
        hangs_up(app, &call).await;
        answer
    };
    assert_eq!(goes_to(&other, routing::NUMBER).await, "telephony-agent");
    api.patch("/api/v1/campaigns/cmp_1", "*", &json!({"agentName": "reception"})).await;
    assert_eq!(goes_to(&one, routing::NUMBER).await, "reception", "here at once");
    eventually("another agent", async || goes_to(&other, routing::NUMBER).await == "reception").await;
    let made = api.made(NUMBERS, &json!({"number": "+14155550123"})).await;
    assert_eq!(goes_to(&one, "+14155550123").await, "reception");
    eventually("a new number", async || goes_to(&other, "+14155550123").await == "reception").await;
    assert_eq!(api.delete(&at(NUMBERS, &made)).await.status, 204);
    assert_eq!(goes_to(&one, "+14155550123").await, "unknown_number");
    eventually("an archived number", async || goes_to(&other, "+14155550123").await == "unknown_number")
        .await;
    one.stop().await;
    other.stop().await;
}
