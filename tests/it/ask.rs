//! Ask: who answers this call?

use serde_json::json;

use crate::app::Setup;
use crate::on_both_databases;
use crate::routing;

on_both_databases! {
    async fn the_campaigns_agent_answers(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let (status, answer) = app.ask(&ask("SIP-1")).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["agent_name"], "telephony-agent");
        let (again, same) = app.ask(&ask("SIP-1")).await;
        assert_eq!((again, same), (200, answer));
        assert_eq!(app.calls().await.len(), 1);
        let leads = app.leads().await;
        assert_eq!((leads.len(), leads[0].attempts, leads[0].name.as_str()), (1, 1, "Inbound Caller +15551234567"));
        let (status, _) = app.tell(&json!({"event": "room.finished", "room": {"name": "sip-room-SIP-1", "duration": 183}})).await;
        assert_eq!(status, 200);
        let call = &app.calls().await[0];
        assert_eq!(call.outcome.status.as_str(), "completed");
        assert_eq!(call.outcome.duration, Some(183));
        assert_eq!(app.leads().await[0].status, "completed");
        app.stop().await;
    }
}

fn ask(id: &str) -> serde_json::Value {
    json!({
        "call_id": id, "trunk_id": "ST_inbound", "trunk_phone_number": "+15557654321",
        "from_number": "+15551234567", "to_number": "+15557654321",
        "room_name": format!("sip-room-{id}"), "timestamp": "2025-10-09T15:30:00Z",
    })
}
