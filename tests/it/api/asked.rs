//! What is asked for in a way that cannot be meant: it is said what is wrong, and nothing is passed over.

use serde_json::json;
use switchboard::auth::Role;

use crate::app::Setup;
use crate::{on_both_databases, routing};

const CAMPAIGNS: &str = "/api/v1/campaigns";

on_both_databases! {
    async fn a_body_where_none_is_taken_is_refused_rather_than_passed_over(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Admin, None).await;
        let new = json!({"email": "ada@example.com", "name": "Ada", "role": "viewer", "tenantId": "tnt_1"});
        let user = api.made("/api/v1/users", &new).await;
        let reset = format!("/api/v1/users/{}/password-reset", user["id"].as_str().unwrap());
        let said = api.post(&reset, &json!({"password": "one that I would like"})).await;
        assert_eq!((said.status, &said.body["detail"]), (400, &json!("this takes no body: leave it out")));
        assert_eq!(api.post(&reset, &json!({})).await.status, 200, "some clients cannot but send an object");
        assert_eq!(api.send(api.to("POST", &reset)).await.status, 200);
        app.stop().await;
    }

    async fn the_same_create_is_known_again_however_it_is_spaced_and_ordered(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let create = |body: &'static str| {
            let request = api.to("POST", CAMPAIGNS).header("idempotency-key", "once").body(body);
            api.send(request.header("content-type", "application/json"))
        };
        let first = create(r#"{"name":"Nights","maxConcurrent":3}"#).await;
        let again = create("{ \"maxConcurrent\": 3,\n  \"name\": \"Nights\" }").await;
        assert_eq!((first.status, again.status), (201, 201), "{}", again.body);
        assert_eq!((&first.body["id"], &again.headers["idempotency-replayed"]), (&again.body["id"], &"true".parse().unwrap()));
        assert_eq!(create(r#"{"name":"Nights","maxConcurrent":4}"#).await.status, 422);
        app.stop().await;
    }

    async fn a_tenant_that_there_is_not_is_not_shown_as_one_with_nothing(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Admin, None).await;
        for list in ["calls", "leads", "events", "audit", "campaigns", "analytics/calls"] {
            let said = api.get(&format!("/api/v1/{list}?tenantId=tnt_l")).await;
            assert_eq!((said.status, &said.body["detail"]), (404, &json!("there is no such tenant")), "{list}");
        }
        assert_eq!(api.get("/api/v1/calls?tenantId=tnt_1").await.status, 200);
        app.stop().await;
    }

    async fn what_was_given_twice_or_without_its_quotes_is_called_so(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let said = api.get("/api/v1/calls?limit=1&limit=2&status=missed&status=rejected").await;
        let once = |name: &str| (name.to_owned(), "must be given once".to_owned());
        assert_eq!((said.status, said.wrong()), (422, vec![once("limit"), once("status")]));
        let made = api.made(CAMPAIGNS, &json!({"name": "Nights"})).await;
        let at = format!("{CAMPAIGNS}/{}", made["id"].as_str().unwrap());
        let said = api.patch(&at, "1", &json!({"name": "Days"})).await;
        assert_eq!(said.status, 422);
        let wanted = "must be the ETag of what you read, with its quotes: \"3\"";
        assert_eq!(said.wrong(), [("If-Match".to_owned(), wanted.to_owned())]);
        app.stop().await;
    }
}
