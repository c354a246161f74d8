//! Withheld and odd callers: every ring is a call, and a lead is kept of those who have a number.

use serde_json::{Value, json};
use switchboard::call::Status;

use crate::app::Setup;
use crate::ask::{ask, with};
use crate::on_both_databases;
use crate::routing;
use crate::says::Line;

/// How the caller is written, the number it is, and what a log says of it.
const CALLERS: [(&str, Option<&str>, &str); 13] = [
    ("+15551234567", Some("+15551234567"), "+1555*****67"),
    ("anonymous", None, "withheld"),
    ("Anonymous", None, "withheld"),
    ("", None, "withheld"),
    ("+266696687", None, "withheld"),
    ("unavailable", None, "withheld"),
    ("sip:anonymous@anonymous.invalid", None, "withheld"),
    ("sip:alice@example.com", None, "a****"),
    ("client:bob", None, "b**"),
    ("sip:+15551230001@acme.pstn.twilio.com", Some("+15551230001"), "+1555*****01"),
    ("tel:+1-555-123-0002;ext=3", Some("+15551230002"), "+1555*****02"),
    ("(555) 123-0003", Some("+15551230003"), "5551****03"),
    ("911", None, "***"),
];

on_both_databases! {
    async fn each_that_asks_is_a_call_and_has_the_right_lead_or_none(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        routing::limit(&app, 100).await;
        for (n, (caller, number, masked)) in CALLERS.into_iter().enumerate() {
            let (status, answer) = app.ask(&with(ask(&format!("SIP-{n}")), json!({ "from_number": caller }))).await;
            assert_eq!((status, &answer["agent_name"]), (200, &json!("telephony-agent")), "{caller}");
            let call = app.calls().await.pop().unwrap();
            assert_eq!((call.outcome.status, call.ring.caller.as_str()), (Status::Ringing, caller));
            let metadata: Value = serde_json::from_str(answer["metadata"].as_str().unwrap()).unwrap();
            assert_eq!(metadata["from_number"], number.unwrap_or(caller));
            assert_eq!(answer["attributes"]["caller"], number.unwrap_or(caller));
            assert_eq!(metadata["lead_id"], json!(call.lead.as_deref()));
            let leads = app.leads().await;
            let lead = leads.iter().find(|lead| Some(&lead.id) == call.lead.as_ref());
            assert_eq!(lead.map(|lead| lead.phone_number.as_str()), number, "{caller}");
            assert_eq!(lead.map(|lead| lead.name.clone()), number.map(|number| format!("Inbound Caller {number}")));
            assert_eq!(switchboard::phone::masked(caller), masked, "{caller}");
        }
        assert_eq!(app.leads().await.len(), 4);
        app.stop().await;
    }

    async fn each_that_livekit_tells_of_is_a_call(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        routing::limit(&app, 100).await;
        for (n, (caller, number, _)) in CALLERS.into_iter().enumerate() {
            let line = Line { from: caller.to_owned(), ..Line::new(&n.to_string(), app.app.clock.now()) };
            let mut rings = line.rings();
            if caller.is_empty() {
                // What LiveKit leaves out when the number is hidden.
                rings["participant"]["attributes"].as_object_mut().unwrap().remove("sip.phoneNumber");
            }
            assert_eq!(app.event(&rings).await.0, 200, "{caller}");
            let call = app.calls().await.pop().unwrap();
            assert_eq!((call.outcome.status, call.lead.is_some()), (Status::Ringing, number.is_some()), "{caller}");
            app.event(&line.hangs_up(1500)).await;
        }
        let numbers: Vec<_> = app.leads().await.into_iter().map(|lead| (lead.phone_number, lead.status)).collect();
        assert_eq!(numbers.len(), 4);
        assert!(numbers.iter().all(|(_, status)| status == "missed"), "{numbers:?}");
        app.stop().await;
    }

    async fn two_withheld_callers_are_two_calls(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for id in ["SIP-1", "SIP-2"] {
            app.ask(&with(ask(id), json!({ "from_number": "anonymous" }))).await;
        }
        let written = app.written().await;
        assert_eq!((written.calls, written.leads), (2, 0));
        app.stop().await;
    }

    async fn a_caller_of_two_ways_to_write_one_number_is_one_lead(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        for (id, caller) in [("SIP-1", "+15551234567"), ("SIP-2", "tel:+1-555-123-4567;ext=3"), ("SIP-3", "(555) 123-4567")] {
            app.ask(&with(ask(id), json!({ "from_number": caller }))).await;
        }
        let leads = app.leads().await;
        assert_eq!((leads.len(), leads[0].attempts), (1, 3));
        app.stop().await;
    }
}
