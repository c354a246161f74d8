//! The same over the API: import, plan, apply and doctor as operations, by the platform's own people only.

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::from_nothing::twilio;
use super::setup::{ACCOUNT, AGENT, SIP_URI, TOKEN};
use crate::api::Api;
use crate::app::Setup;
use crate::on_both_databases;
use crate::peers::{AgentProcess, Behaviour, RealLiveKit};
use crate::proxy::Proxy;

const ALL: &str = "/api/v1/operations";

/// Starts an operation, and gives what came of it.
async fn done(api: &Api<'_>, body: &Value) -> Value {
    let said = api.post(ALL, body).await;
    assert_eq!(said.status, 202, "{body}: {}", said.body);
    let over = api.get(&format!("{ALL}/{}?wait=60", said.text("id"))).await;
    assert_eq!(over.body["state"], "succeeded", "{}", over.body);
    over.body["result"].clone()
}

async fn made(api: &Api<'_>, path: &str, body: &Value) -> String {
    let said = api.post(path, body).await;
    assert_eq!(said.status, 201, "{path}: {}", said.body);
    said.text("id")
}

on_both_databases! {
    async fn a_trunk_is_set_up_by_operations_and_nothing_is_wrong_then(setup: Setup) {
        let webhooks = Proxy::start().await;
        let hook = format!("{}/api/v1/webhooks/livekit/events", webhooks.url);
        let Some(livekit) = RealLiveKit::start_alone_with_sip(&[&hook]).await else { return };
        let twilio = twilio().await;
        let setup = setup
            .livekit(&livekit.url)
            .with("LIVEKIT_SIP_URI", SIP_URI)
            .with("TWILIO_ACCOUNT_SID", ACCOUNT)
            .with("TWILIO_AUTH_TOKEN", TOKEN)
            .with("SWITCHBOARD_TWILIO__API_URL", twilio.url());
        let Some(app) = setup.start().await else { return };
        webhooks.set_target(Some(&app.url));
        let _agent = AgentProcess::start(&livekit, AGENT, Behaviour::answers()).await;
        let admin = app.api(Role::Admin, None).await;
        let tenant = made(&admin, "/api/v1/tenants", &json!({"name": "Acme"})).await;
        let agent = json!({"tenantId": tenant, "name": AGENT});
        made(&admin, "/api/v1/agents", &agent).await;
        let path = format!("/api/v1/tenants/{tenant}");
        let etag = admin.get(&path).await.etag();
        let changed = admin.patch(&path, &etag, &json!({"defaultAgentName": AGENT})).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        made(&admin, "/api/v1/trunks", &json!({"tenantId": tenant, "name": "Main"})).await;

        // The account is the platform's: a tenant's owner gets nothing out of it.
        let owner = app.api(Role::Owner, Some(&tenant)).await;
        for kind in ["numbersImport", "provisionPlan", "provisionApply", "doctor"] {
            assert_eq!(owner.post(ALL, &json!({"kind": kind})).await.status, 403, "{kind}");
        }

        let import = json!({"kind": "numbersImport", "tenantId": tenant});
        assert_eq!(done(&admin, &import).await["counts"]["created"], 9);
        assert_eq!(done(&admin, &import).await["counts"]["unchanged"], 9);
        let plan = json!({"kind": "provisionPlan", "tenantId": tenant});
        let planned = done(&admin, &plan).await;
        assert_eq!((&planned["blocked"], twilio.trunks().len()), (&json!(false), 0), "{planned:#}");
        let apply = json!({"kind": "provisionApply", "tenantId": tenant});
        let applied = done(&admin, &apply).await;
        assert_eq!(applied["notKept"]["differs"], false, "{applied:#}");
        let again = done(&admin, &apply).await;
        assert_eq!(again["did"]["differs"], false, "{again:#}");
        let report = done(&admin, &json!({"kind": "doctor"})).await;
        let summary = &report["summary"];
        assert_eq!((&summary["failure"], &summary["warning"]), (&json!(0), &json!(0)), "{report:#}");
        let noted = admin.get("/api/v1/audit?action=phone_number.created").await;
        assert!(noted.status == 200, "{}", noted.body);
        app.stop().await;
    }
}
