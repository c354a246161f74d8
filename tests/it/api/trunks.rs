//! Trunks.

use serde_json::{Value, json};
use switchboard::auth::Role;

use super::configured::{at, hangs_up};
use crate::app::Setup;
use crate::ask::{ask, with};
use crate::{on_both_databases, routing};

const TRUNKS: &str = "/api/v1/trunks";

on_both_databases! {
    async fn a_trunk_is_shown_as_it_was_written(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let made = api.made(TRUNKS, &json!({"name": "Main trunk", "twilioTrunkSid": "TK1", "livekitTrunkId": "ST_1", "project": "eu"})).await;
        let mut shown = made.clone();
        for field in ["id", "createdAt", "updatedAt"] {
            shown[field] = Value::Null;
        }
        assert_eq!(shown, json!({
            "id": null, "tenantId": "tnt_1", "project": "eu", "name": "Main trunk", "twilioTrunkSid": "TK1",
            "livekitTrunkId": "ST_1", "isActive": true, "revision": 1, "createdAt": null, "updatedAt": null,
        }));
        let back = api.patch(&at(TRUNKS, &made), "*", &json!({"project": null, "twilioTrunkSid": null})).await.body;
        assert_eq!((&back["project"], &back["twilioTrunkSid"]), (&json!("default"), &Value::Null));
        api.made(TRUNKS, &json!({"name": "Second", "project": "eu"})).await;
        let of = async |query: &str| {
            let page = api.get(&format!("{TRUNKS}?{query}")).await.body;
            page["items"].as_array().expect("items").iter().map(|item| item["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(of("").await, ["Second", "Main trunk"]);
        assert_eq!(of("project=eu").await, ["Second"]);
        assert_eq!(of("name=Main%20trunk").await, ["Main trunk"]);
        let said = api.post(TRUNKS, &json!({"name": "x", "project": "a b", "twilioTrunkSid": "", "livekitTrunkId": "S T"})).await;
        assert_eq!(said.wrong(), [("#/twilioTrunkSid".to_owned(), "must not be empty".to_owned())]);
        let said = api.post(TRUNKS, &json!({"name": "x", "project": "a b", "livekitTrunkId": "S T"})).await;
        let fields: Vec<_> = said.wrong().into_iter().map(|(at, _)| at).collect();
        assert_eq!(fields, ["#/project", "#/livekitTrunkId"]);
        app.stop().await;
    }

    async fn a_trunk_is_ours_from_the_next_ring_on_until_it_is_archived(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        let over = async |call: &str, trunk: &str| {
            let (_, answer) = app.ask(&with(ask(call), json!({"trunk_id": trunk}))).await;
            if answer["reject"] == json!(true) { answer["reason"].clone() } else { answer["agent_name"].clone() }
        };
        let made = api.made(TRUNKS, &json!({"name": "Main", "livekitTrunkId": "ST_1"})).await;
        assert_eq!(over("SIP-1", "ST_2").await, "unknown_trunk");
        api.made(TRUNKS, &json!({"name": "Second", "livekitTrunkId": "ST_2"})).await;
        assert_eq!(over("SIP-2", "ST_2").await, "telephony-agent");
        let at = at(TRUNKS, &made);
        assert_eq!(over("SIP-3", "ST_1").await, "telephony-agent");
        let refused = api.delete(&at).await;
        assert_eq!(refused.status, 409);
        assert!(refused.text("detail").starts_with("1 call that goes through it is open"), "{}", refused.body);
        hangs_up(&app, "SIP-3").await;
        assert_eq!(api.delete(&at).await.status, 204, "the call that is open came over another");
        assert_eq!(over("SIP-4", "ST_1").await, "unknown_trunk");
        app.stop().await;
    }
}
