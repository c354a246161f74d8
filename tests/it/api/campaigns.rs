//! Campaigns.

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::configured::{answers, at, hangs_up, other_tenant};
use crate::app::Setup;
use crate::{on_both_databases, routing};

const CAMPAIGNS: &str = "/api/v1/campaigns";

on_both_databases! {
    async fn a_campaign_names_its_agents_and_shows_its_numbers(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let made = api.made(CAMPAIGNS, &json!({
            "name": "Recalls", "agentName": "reception", "fallbackAgentName": "telephony-agent",
            "sipTrunkId": "ST_out", "maxConcurrent": 7, "status": "paused",
        })).await;
        let mut shown = made.clone();
        for field in ["id", "createdAt", "updatedAt"] {
            shown[field] = Value::Null;
        }
        assert_eq!(shown, json!({
            "id": null, "tenantId": "tnt_1", "name": "Recalls", "status": "paused", "agentId": "agt_2",
            "agentName": "reception", "fallbackAgentId": "agt_1", "fallbackAgentName": "telephony-agent",
            "sipTrunkId": "ST_out", "maxConcurrent": 7, "phoneNumbers": [], "revision": 1,
            "createdAt": null, "updatedAt": null,
        }));
        let at = at(CAMPAIGNS, &made);
        let cleared = api.patch(&at, "*", &json!({"fallbackAgentName": null, "sipTrunkId": null, "maxConcurrent": null})).await;
        for field in ["fallbackAgentId", "fallbackAgentName", "sipTrunkId", "maxConcurrent"] {
            assert_eq!(cleared.body[field], Value::Null, "{field}");
        }
        let linked = api.get(&format!("{CAMPAIGNS}/cmp_1")).await.body["phoneNumbers"].clone();
        assert_eq!(linked, json!([{"id": "num_1", "number": routing::NUMBER}]));
        app.stop().await;
    }

    async fn of_many_numbers_the_first_hundred_are_shown(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let second = api.made(CAMPAIGNS, &json!({"name": "Second"})).await;
        let second = second["id"].as_str().expect("an id").to_owned();
        for n in (0..105).rev() {
            let body = json!({"number": format!("+14155550{n:03}"), "campaignId": second});
            api.made("/api/v1/phone-numbers", &body).await;
        }
        let listed = api.get(CAMPAIGNS).await.body;
        let numbers = listed["items"][0]["phoneNumbers"].as_array().expect("a list").clone();
        assert_eq!(numbers.len(), 100);
        assert_eq!((&numbers[0]["number"], &numbers[99]["number"]), (&json!("+14155550000"), &json!("+14155550099")));
        assert_eq!(listed["items"][1]["phoneNumbers"].as_array().map(Vec::len), Some(1));
        assert_eq!(api.get(&format!("{CAMPAIGNS}/{second}")).await.body["phoneNumbers"], json!(numbers));
        app.stop().await;
    }

    async fn an_agent_that_is_not_the_tenants_is_answered_with_the_nearest_that_is(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        other_tenant(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let said = api.post(CAMPAIGNS, &json!({"name": "X", "agentName": "telefony-agent", "fallbackAgentName": "their-agent"})).await;
        assert_eq!(said.wrong(), [
            ("#/agentName".to_owned(), "is \"telefony-agent\", but the tenant has no agent of that name; did you mean \"telephony-agent\"?".to_owned()),
            ("#/fallbackAgentName".to_owned(), "is \"their-agent\", but the tenant has no agent of that name; create the agent first".to_owned()),
        ]);
        let said = api.post(CAMPAIGNS, &json!({"name": "X", "status": "Paused", "sipTrunkId": "ST 1", "agentId": "agt_1"})).await;
        let mut wrong = said.wrong();
        wrong.sort();
        assert_eq!(wrong, [
            ("#/agentId".to_owned(), "is not known; known are tenantId, name, status, agentName, fallbackAgentName, sipTrunkId, maxConcurrent".to_owned()),
            ("#/status".to_owned(), "must be one of active, paused".to_owned()),
        ]);
        let said = api.post(CAMPAIGNS, &json!({"name": "X", "sipTrunkId": "ST 1"})).await;
        assert_eq!(said.wrong(), [("#/sipTrunkId".to_owned(), "is \"ST 1\"; it must be at most 128 letters, digits and signs".to_owned())]);
        app.stop().await;
    }

    async fn what_a_campaign_shows_of_others_is_never_stale(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let at = format!("{CAMPAIGNS}/cmp_1");
        let read = api.get(&at).await;
        let again = |etag: String| api.send(api.to("GET", &at).header("if-none-match", etag));
        assert_eq!(again(read.etag()).await.status, 304);
        api.patch("/api/v1/agents/agt_1", "*", &json!({"name": "renamed-agent"})).await;
        let renamed = again(read.etag()).await;
        assert_eq!((renamed.status, &renamed.body["agentName"]), (200, &json!("renamed-agent")));
        assert_eq!(renamed.body["revision"], read.body["revision"]);
        // The campaign's own fields are as they were seen, so that it may be changed.
        assert_eq!(api.patch(&at, &read.etag(), &json!({"maxConcurrent": 9})).await.status, 200);
        assert_eq!(api.patch(&at, &read.etag(), &json!({"maxConcurrent": 8})).await.status, 412);
        app.stop().await;
    }

    async fn a_change_is_in_force_for_the_next_ring(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let at = format!("{CAMPAIGNS}/cmp_1");
        for (n, (change, answer)) in [
            (json!({"agentName": "reception"}), "reception"),
            (json!({"status": "paused"}), "campaign_paused"),
            (json!({"status": "active", "maxConcurrent": 2}), "reception"),
            (json!({"maxConcurrent": 2}), "campaign_full"),
            (json!({"maxConcurrent": null, "agentName": "telephony-agent"}), "telephony-agent"),
        ].into_iter().enumerate() {
            assert_eq!(api.patch(&at, "*", &change).await.status, 200);
            assert_eq!(answers(&app, &format!("SIP-{n}"), routing::NUMBER).await, answer, "after {change}");
        }
        app.stop().await;
    }

    async fn an_archived_campaign_leaves_its_numbers_to_the_tenant(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let at = format!("{CAMPAIGNS}/cmp_1");
        assert_eq!(answers(&app, "SIP-1", routing::NUMBER).await, "telephony-agent");
        assert_eq!(answers(&app, "SIP-2", routing::NUMBER).await, "telephony-agent");
        let refused = api.delete(&at).await;
        assert_eq!(refused.status, 409);
        assert!(refused.text("detail").starts_with("2 calls that go through it are open"), "{}", refused.body);
        assert_eq!(answers(&app, "SIP-3", routing::NUMBER).await, "telephony-agent", "nothing was archived");
        for call in ["SIP-1", "SIP-2", "SIP-3"] {
            hangs_up(&app, call).await;
        }
        assert_eq!(api.delete(&at).await.status, 204);
        let number = api.get("/api/v1/phone-numbers/num_1").await.body;
        assert_eq!((&number["campaignId"], &number["revision"]), (&Value::Null, &json!(2)));
        assert_eq!(answers(&app, "SIP-4", routing::NUMBER).await, "reception", "the tenant's default agent");
        let entry = api.get("/api/v1/audit?subjectId=num_1").await.body["items"][0].clone();
        assert_eq!((&entry["action"], &entry["changed"]), (&json!("phone_number.updated"), &json!(["campaignId"])));
        assert_eq!((&entry["before"]["campaignId"], &entry["actor"]["kind"]), (&json!("cmp_1"), &json!("key")));
        assert_eq!(api.get("/api/v1/phone-numbers?campaignId=cmp_1").await.status, 404);
        assert_eq!(api.patch("/api/v1/phone-numbers/num_1", "*", &json!({"campaignId": "cmp_1"})).await.status, 404);
        app.stop().await;
    }

    async fn campaigns_are_found_by_name_and_status(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        api.made(CAMPAIGNS, &json!({"name": "Old", "status": "paused"})).await;
        api.made(CAMPAIGNS, &json!({"name": "Newest"})).await;
        let of = async |query: &str| {
            let page = api.get(&format!("{CAMPAIGNS}?{query}")).await.body;
            page["items"].as_array().expect("items").iter().map(|item| item["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(of("").await, ["Newest", "Old", "New"]);
        assert_eq!(of("status=active").await, ["Newest", "New"]);
        assert_eq!(of("status=paused&tenantId=tnt_1").await, ["Old"]);
        assert_eq!(of("name=New").await, ["New"]);
        assert_eq!(api.get(&format!("{CAMPAIGNS}?status=off")).await.wrong(), [("status".to_owned(), "must be one of active, paused".to_owned())]);
        app.stop().await;
    }
}
