//! Tenants.

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::configured::{KINDS, answers, at, hangs_up, other_tenant};
use crate::app::Setup;
use crate::{on_both_databases, routing};

const TENANTS: &str = "/api/v1/tenants";

on_both_databases! {
    async fn an_admin_makes_changes_and_archives_a_tenant(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let api = app.api(Role::Admin, None).await;
        let uuid = "7c8693c6-976e-4324-9123-2c1d811605f9";
        let body = json!({"name": "Acme Dental", "id": uuid, "region": "gb", "timeZone": "europe/london", "maxConcurrent": 20});
        let made = api.post(TENANTS, &body).await;
        assert_eq!((made.status, made.headers["location"].to_str().expect("text")), (201, format!("{TENANTS}/{uuid}").as_str()));
        let mut shown = made.body.clone();
        for field in ["createdAt", "updatedAt"] {
            assert!(shown[field].is_string());
            shown[field] = Value::Null;
        }
        assert_eq!(shown, json!({
            "id": uuid, "name": "Acme Dental", "isActive": true, "region": "GB", "timeZone": "Europe/London",
            "defaultAgentId": null, "defaultAgentName": null, "maxConcurrent": 20, "revision": 1,
            "createdAt": null, "updatedAt": null,
        }));
        let at = at(TENANTS, &made.body);
        let agent = api.made("/api/v1/agents", &json!({"tenantId": uuid, "name": "reception"})).await;
        let change = json!({"defaultAgentName": "reception", "maxConcurrent": null, "region": null, "isActive": false});
        let changed = api.patch(&at, &api.get(&at).await.etag(), &change).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        let fields = ["defaultAgentId", "defaultAgentName", "maxConcurrent", "region", "isActive", "revision"];
        let values = [agent["id"].clone(), json!("reception"), Value::Null, json!("US"), json!(false), json!(2)];
        assert_eq!(fields.map(|field| changed.body[field].clone()), values, "null goes back to the default");
        assert_eq!(api.delete(&at).await.status, 204);
        assert_eq!(api.get(&at).await.status, 404);
        let again = api.post(TENANTS, &body).await;
        assert_eq!(again.status, 409, "the name is free, but an id is one tenant's for ever: {}", again.body);
        let other = api.made(TENANTS, &json!({"name": "Acme Dental"})).await;
        assert!(other["id"].as_str().expect("an id").starts_with("tnt_"));
        assert_eq!((&other["region"], &other["timeZone"]), (&json!("US"), &json!("UTC")));
        app.stop().await;
    }

    async fn everything_that_is_wrong_is_said_at_once(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Admin, None).await;
        let said = api.post(TENANTS, &json!({
            "name": " x ", "id": "no spaces", "region": "XX", "timeZone": "America/New_Yrok",
            "defaultAgentName": "nobody",
        })).await;
        let wrong = said.wrong();
        let wrong: Vec<(&str, &str)> = wrong.iter().map(|(at, why)| (at.as_str(), why.as_str())).collect();
        assert_eq!(wrong, [
            ("#/id", "is \"no spaces\"; an id is 1 to 128 letters, digits and - _ . : (leave the key out and one is made)"),
            ("#/name", "is \" x \"; remove the space around it"),
            ("#/region", "is \"XX\"; it must be the two letters of a country (ISO 3166), like \"US\""),
            ("#/timeZone", "is \"America/New_Yrok\", which is no IANA time zone; did you mean \"America/New_York\"?"),
            ("#/defaultAgentName", "is \"nobody\", but the tenant has no agent of that name; create the agent first"),
        ]);
        let said = api.post(TENANTS, &json!({"name": "B", "maxConcurrent": 0, "default_agent": "x"})).await;
        let mut wrong = said.wrong();
        wrong.sort();
        assert_eq!(wrong, [
            ("#/default_agent".to_owned(), "is not known; did you mean defaultAgentName?".to_owned()),
            ("#/maxConcurrent".to_owned(), "must be at least 1".to_owned()),
        ]);
        let near = api.patch(&format!("{TENANTS}/tnt_1"), "*", &json!({"defaultAgentName": "receptoin", "id": "tnt_9"})).await;
        let mut wrong = near.wrong();
        wrong.sort();
        assert_eq!(wrong, [
            ("#/defaultAgentName".to_owned(), "is \"receptoin\", but the tenant has no agent of that name; did you mean \"reception\"?".to_owned()),
            ("#/id".to_owned(), "cannot be changed".to_owned()),
        ]);
        for number in [json!(1.5), json!(1e30), json!("3"), json!(-1)] {
            let said = api.post(TENANTS, &json!({"name": "C", "maxConcurrent": number})).await;
            assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, "#/maxConcurrent"), "{number}");
        }
        app.stop().await;
    }

    async fn an_owner_has_its_own_tenant_and_knows_of_no_other(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        other_tenant(&app).await;
        let owner = app.api(Role::Owner, Some("tnt_1")).await;
        let own = format!("{TENANTS}/tnt_1");
        let listed = owner.get(TENANTS).await.body;
        assert_eq!((listed["items"].as_array().map(Vec::len), &listed["items"][0]["id"]), (Some(1), &json!("tnt_1")));
        let changed = owner.patch(&own, "*", &json!({"name": "Acme Ltd", "timeZone": "America/Chicago"})).await;
        assert_eq!((changed.status, &changed.body["timeZone"]), (200, &json!("America/Chicago")));
        let off = owner.patch(&own, "*", &json!({"isActive": false})).await;
        assert_eq!(off.status, 403, "the platform switches tenants off and on: {}", off.body);
        let same = owner.patch(&own, "*", &json!({"isActive": true, "name": "Acme"})).await;
        assert_eq!(same.status, 200, "what is as it was is no change");
        let taken = owner.patch(&own, "*", &json!({"name": "Other"})).await;
        assert_eq!(taken.status, 409);
        assert!(!taken.body.to_string().contains("tnt_2"), "{}", taken.body);
        assert_eq!(owner.patch(&format!("{TENANTS}/tnt_2"), "*", &json!({"name": "x"})).await.status, 404);
        for method in ["POST", "DELETE"] {
            let path = if method == "POST" { TENANTS } else { &own };
            assert_eq!(owner.send(owner.to(method, path).json(&json!({"name": "x"}))).await.status, 403);
        }
        let viewer = app.api(Role::Viewer, Some("tnt_1")).await;
        assert_eq!(viewer.get(&own).await.status, 200);
        assert_eq!(viewer.patch(&own, "*", &json!({"name": "x"})).await.status, 403);
        app.stop().await;
    }

    async fn a_tenant_is_archived_with_all_that_is_in_it_once_no_call_is_open(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let (admin, owner) = (app.api(Role::Admin, None).await, app.api(Role::Owner, Some("tnt_1")).await);
        owner.made("/api/v1/trunks", &json!({"name": "Main"})).await;
        let mut things = Vec::new();
        for kind in KINDS {
            for item in owner.get(kind.path).await.body["items"].as_array().expect("items") {
                things.push(at(kind.path, item));
            }
        }
        assert_eq!(things.len(), 5);
        assert_eq!(answers(&app, "SIP-1", routing::NUMBER).await, "telephony-agent");
        let refused = admin.delete(&format!("{TENANTS}/tnt_1")).await;
        assert_eq!(refused.status, 409);
        assert!(refused.text("detail").starts_with("1 call that goes through it is open"), "{}", refused.body);
        hangs_up(&app, "SIP-1").await;
        assert_eq!(admin.delete(&format!("{TENANTS}/tnt_1")).await.status, 204);
        for thing in &things {
            assert_eq!(admin.get(thing).await.status, 404, "{thing}");
        }
        assert_eq!(owner.get("/api/v1/agents").await.status, 401, "its keys are let in no more");
        assert_eq!(answers(&app, "SIP-2", routing::NUMBER).await, "unknown_number");
        let audit = admin.get("/api/v1/audit?tenantId=tnt_1&action=phone_number.archived").await.body;
        assert_eq!(audit["items"][0]["before"]["campaignId"], "cmp_1");
        let audit = admin.get("/api/v1/audit?tenantId=tnt_1").await.body;
        let archived = audit["items"].as_array().expect("items").iter();
        assert_eq!(archived.filter(|entry| entry["action"].as_str().is_some_and(|a| a.ends_with(".archived"))).count(), 6);
        // What it had is free for others.
        admin.made(TENANTS, &json!({"name": "Acme", "id": "tnt_3"})).await;
        admin.made("/api/v1/agents", &json!({"tenantId": "tnt_3", "name": "new-agent"})).await;
        admin.patch(&format!("{TENANTS}/tnt_3"), "*", &json!({"defaultAgentName": "new-agent"})).await;
        admin.made("/api/v1/phone-numbers", &json!({"tenantId": "tnt_3", "number": routing::NUMBER})).await;
        assert_eq!(answers(&app, "SIP-3", routing::NUMBER).await, "new-agent");
        app.stop().await;
    }

    async fn a_change_of_a_tenant_is_in_force_for_the_next_ring(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let admin = app.api(Role::Admin, None).await;
        let own = format!("{TENANTS}/tnt_1");
        admin.patch(&own, "*", &json!({"isActive": false})).await;
        assert_eq!(answers(&app, "SIP-1", routing::NUMBER).await, "tenant_inactive");
        admin.patch(&own, "*", &json!({"isActive": true, "maxConcurrent": 1})).await;
        assert_eq!(answers(&app, "SIP-2", routing::NUMBER).await, "telephony-agent");
        assert_eq!(answers(&app, "SIP-3", routing::NUMBER).await, "tenant_full");
        app.stop().await;
    }

    async fn tenants_are_listed_newest_first_whatever_their_ids(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let api = app.api(Role::Admin, None).await;
        for (name, id) in [("A", "zzz"), ("B", "aaa"), ("C", "mmm"), ("D", "bbb")] {
            api.made(TENANTS, &json!({"name": name, "id": id, "isActive": id != "mmm"})).await;
        }
        let (mut names, mut next) = (Vec::new(), format!("{TENANTS}?limit=1"));
        loop {
            let page = api.get(&next).await.body;
            names.push(page["items"][0]["name"].clone());
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            next = format!("{TENANTS}?limit=1&cursor={cursor}");
        }
        assert_eq!(names, ["D", "C", "B", "A"]);
        let of = async |query: &str| {
            let page = api.get(&format!("{TENANTS}?{query}")).await.body;
            page["items"].as_array().expect("items").iter().map(|item| item["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(of("isActive=false").await, ["C"]);
        assert_eq!(of("isActive=true&limit=2").await, ["D", "B"]);
        assert_eq!(of("name=B").await, ["B"]);
        assert_eq!(api.get(&format!("{TENANTS}?isActive=maybe")).await.wrong()[0].0, "isActive");
        app.stop().await;
    }
}
