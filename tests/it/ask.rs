//! Ask: who answers this call?

use std::task::Poll;

use livekit::Credentials;
use livekit::webhook::signed;
use serde_json::{Value, json};

use crate::app::{ASK, KEY, SECRET, Setup, TEST, TestApp, answer, signature};
use crate::on_both_databases;
use crate::routing;

on_both_databases! {
    async fn the_answer_has_the_users_exact_shape(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let (status, answer) = app.ask(&ask("SIP-1")).await;
        let lead = &app.leads().await[0];
        let call = &app.calls().await[0];
        let metadata: Value = serde_json::from_str(answer["metadata"].as_str().unwrap()).unwrap();
        assert_eq!(metadata, json!({
            "call_type": "inbound", "phone_number_id": "num_1", "tenant_id": "tnt_1", "campaign_id": "cmp_1",
            "lead_id": *lead.id, "call_id": *call.id, "from_number": "+15551234567", "to_number": "+15557654321",
        }));
        assert_eq!((status, &answer), (200, &json!({
            "agent_name": "telephony-agent",
            "metadata": answer["metadata"],
            "attributes": { "inbound": "true", "phone_number": "+15557654321", "caller": "+15551234567" },
        })));
        assert_eq!((lead.attempts, lead.status.as_str(), lead.name.as_str()), (1, "calling", "Inbound Caller +15551234567"));
        assert_eq!(json!(lead.metadata), json!({ "source": "inbound" }));
        app.stop().await;
    }

    async fn metadata_has_all_its_keys_where_there_is_nothing_to_tell(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let (status, answer) = app.ask(&ask("SIP-1")).await;
        let call = &app.calls().await[0];
        let metadata: Value = serde_json::from_str(answer["metadata"].as_str().unwrap()).unwrap();
        assert_eq!(metadata, json!({
            "call_type": "inbound", "phone_number_id": null, "tenant_id": null, "campaign_id": null,
            "lead_id": null, "call_id": *call.id, "from_number": "+15551234567", "to_number": "+15557654321",
        }));
        assert_eq!((status, &answer), (200, &json!({
            "agent_name": null, "reject": true, "reason": "unknown_number", "sip_status": 404,
            "metadata": answer["metadata"],
            "attributes": { "inbound": "true", "phone_number": "+15557654321", "caller": "+15551234567" },
        })));
        assert_eq!(app.leads().await.len(), 0, "a refusal touches no lead");
        app.stop().await;
    }

    async fn every_refusal_says_why_and_with_which_sip_status(setup: Setup) {
        let Some(app) = setup.with("LIVEKIT_INBOUND_TRUNK_ID", "ST_inbound").start().await else { return };
        routing::acme(&app).await;
        refused(&app, json!({ "to_number": "+15550000000" }), "unknown_number", 404).await;
        refused(&app, json!({ "to_number": "x".repeat(256) }), "unknown_number", 404).await;
        refused(&app, json!({ "trunk_id": "ST_other" }), "unknown_trunk", 403).await;
        refused(&app, json!({ "trunk_id": "" }), "unknown_trunk", 403).await;
        routing::set(&app, "update phone_numbers set active = $1 where id = 'num_1'", false).await;
        refused(&app, json!({}), "number_inactive", 404).await;
        routing::set(&app, "update phone_numbers set active = $1 where id = 'num_1'", true).await;
        routing::set(&app, "update tenants set active = $1 where id = 'tnt_1'", false).await;
        refused(&app, json!({}), "tenant_inactive", 480).await;
        routing::set(&app, "update tenants set active = $1 where id = 'tnt_1'", true).await;
        routing::set(&app, "update campaigns set status = $1 where id = 'cmp_1'", "paused").await;
        refused(&app, json!({}), "campaign_paused", 480).await;
        routing::set(&app, "update campaigns set status = $1 where id = 'cmp_1'", "active").await;
        routing::limit(&app, 0).await;
        refused(&app, json!({}), "campaign_full", 486).await;
        routing::limit(&app, 3).await;
        routing::set(&app, "update tenants set max_concurrent = $1 where id = 'tnt_1'", 0_i64).await;
        refused(&app, json!({}), "tenant_full", 486).await;
        let written = app.written().await;
        assert_eq!((written.calls, written.leads, written.jobs), (9, 0, 0), "every ring is a record, and no more");
        app.stop().await;
    }

    async fn the_number_may_be_called_trunk_phone_number(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let body = json!({ "call_id": "SIP-1", "from_number": "+15551234567", "trunk_phone_number": routing::NUMBER });
        let (status, answer) = app.ask(&body).await;
        assert_eq!((status, &answer["agent_name"]), (200, &json!("telephony-agent")));
        assert_eq!(answer["attributes"]["phone_number"], routing::NUMBER);
        app.stop().await;
    }

    async fn asked_again_it_gives_the_same_answer_and_writes_nothing(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let first = app.ask(&ask("SIP-1")).await;
        let refused = app.ask(&with(ask("SIP-2"), json!({ "to_number": "+15550000000" }))).await;
        let before = app.written().await;
        assert_eq!((before.calls, before.facts, before.leads, before.attempts), (2, 2, 1, 1));
        assert_eq!(app.ask(&ask("SIP-1")).await, first);
        let same_number = with(ask("SIP-1"), json!({ "to_number": "+1 (555) 765-4321", "timestamp": "2025-10-09T15:31:00Z" }));
        assert_eq!(app.ask(&same_number).await, first, "another way to write the number");
        assert_eq!(app.ask(&with(ask("SIP-2"), json!({ "to_number": "+15550000000" }))).await, refused);
        // The answer was given; what the routing says by now does not change it.
        routing::set(&app, "update campaigns set status = $1 where id = 'cmp_1'", "paused").await;
        assert_eq!(app.ask(&ask("SIP-1")).await, first);
        assert_eq!(app.written().await, before);
        app.stop().await;
    }

    async fn asked_again_with_other_numbers_it_is_a_conflict(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        app.ask(&ask("SIP-1")).await;
        let before = app.written().await;
        for other in [json!({ "from_number": "+15559999999" }), json!({ "to_number": "+15550000000" })] {
            let (status, problem) = app.ask(&with(ask("SIP-1"), other)).await;
            assert_eq!((status, &problem["type"]), (409, &json!("urn:switchboard:problem:conflict")), "{problem}");
        }
        assert_eq!(app.written().await, before);
        app.stop().await;
    }

    async fn twenty_at_once_for_one_call_are_one_call_and_one_lead(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let body = ask("SIP-1");
        let answers = all((0..20).map(|_| app.ask(&body))).await;
        assert_eq!((answers[0].0, &answers[0].1["agent_name"]), (200, &json!("telephony-agent")), "{:?}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        let written = app.written().await;
        assert_eq!((written.calls, written.facts, written.leads, written.attempts), (1, 1, 1, 1));
        app.stop().await;
    }

    async fn two_first_rings_of_one_caller_at_once_are_one_lead(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let (one, two) = (ask("SIP-1"), ask("SIP-2"));
        let answers = all([&one, &two].map(|body| app.ask(body))).await;
        assert!(answers.iter().all(|(status, answer)| *status == 200 && answer["agent_name"] == "telephony-agent"));
        let leads = app.leads().await;
        let calls = app.calls().await;
        assert_eq!((calls.len(), leads.len(), leads[0].attempts, leads[0].status.as_str()), (2, 1, 2, "calling"));
        assert!(calls.iter().all(|call| call.lead.as_ref() == Some(&leads[0].id)));
        app.stop().await;
    }

    async fn forty_callers_at_once_never_get_more_than_the_campaign_takes(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let bodies: Vec<Value> =
            (0..40).map(|n| with(ask(&format!("SIP-{n}")), json!({ "from_number": format!("+155512300{n:02}") }))).collect();
        let answers = all(bodies.iter().map(|body| app.ask(body))).await;
        let answered = answers.iter().filter(|(_, answer)| answer["agent_name"] == "telephony-agent").count();
        let full = answers.iter().filter(|(_, answer)| answer["reason"] == "campaign_full").count();
        assert_eq!((answered, full), (3, 37));
        assert_eq!(app.leads().await.len(), 3);
        app.stop().await;
    }

    async fn only_who_knows_the_secret_is_answered(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let body = ask("SIP-1").to_string().into_bytes();
        let other = ask("SIP-2").to_string().into_bytes();
        let now = app.app.clock.now().secs();
        let ours = Credentials::new(KEY, SECRET);
        let token = signed(&ours, &body, now);
        let hmac = signature(&body);
        let bare = hmac.strip_prefix("sha256=").unwrap().to_owned();
        let good = [
            ("x-livekit-signature", hmac.clone()),
            ("x-livekit-signature", bare.clone()),
            ("x-livekit-signature", bare.to_uppercase()),
            ("authorization", token.clone()),
            ("authorization", format!("Bearer {token}")),
        ];
        let bad = [
            ("x-livekit-signature", String::new()),
            ("x-livekit-signature", "sha256=".to_owned()),
            ("x-livekit-signature", bare[2..].to_owned()),
            ("x-livekit-signature", signature(&other)),
            ("x-livekit-signature", token.clone()),
            ("authorization", String::new()),
            ("authorization", "Bearer".to_owned()),
            ("authorization", hmac.clone()),
            ("authorization", signed(&ours, &other, now)),
            ("authorization", signed(&ours, &body, now - 3600)),
            ("authorization", signed(&ours, &body, now + 3600)),
            ("authorization", signed(&Credentials::new(KEY, "another-secret-of-32-characters-or-so"), &body, now)),
            ("authorization", signed(&Credentials::new("otherkey", SECRET), &body, now)),
            ("x-nothing", String::new()),
        ];
        for (header, value) in bad {
            let (status, problem) = answer(app.to(ASK).header(header, &value).body(body.clone())).await;
            assert_eq!((status, &problem["type"]), (401, &json!("urn:switchboard:problem:unauthenticated")), "{header}: {value}");
        }
        // A wrong signature is not made good by a right token.
        let both = app.to(ASK).header("x-livekit-signature", signature(&other)).header("authorization", &token);
        assert_eq!(answer(both.body(body.clone())).await.0, 401);
        assert_eq!(app.written().await, crate::app::Written::default());
        for (header, value) in good {
            let (status, answered) = answer(app.to(ASK).header(header, &value).body(body.clone())).await;
            assert_eq!((status, &answered["agent_name"]), (200, &json!("telephony-agent")), "{header}: {value}");
        }
        assert_eq!(app.written().await.calls, 1);
        app.stop().await;
    }

    async fn unsigned_is_taken_only_where_that_was_asked_for(setup: Setup) {
        let Some(app) = setup.with("SWITCHBOARD_WEBHOOKS__ALLOW_UNSIGNED", "true").start().await else { return };
        routing::acme(&app).await;
        let body = ask("SIP-1").to_string();
        let (status, answered) = answer(app.to(ASK).body(body.clone())).await;
        assert_eq!((status, &answered["agent_name"]), (200, &json!("telephony-agent")));
        let wrongly = app.to(ASK).header("x-livekit-signature", "sha256=00").body(body);
        assert_eq!(answer(wrongly).await.0, 401, "a wrong signature is wrong all the same");
        app.stop().await;
    }

    async fn the_test_door_tells_the_decision_and_writes_nothing(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let body = json!({ "to_number": routing::NUMBER, "from_number": "+15551234567" }).to_string();
        let before = app.written().await;
        let (status, told) = answer(app.to(TEST).body(body.clone())).await;
        assert_eq!((status, &told["decision"]["agent_name"]), (200, &json!("telephony-agent")), "{told}");
        let steps: Vec<_> = told["steps"].as_array().unwrap().iter().map(said).collect();
        assert_eq!(steps, ["number passed", "trunk skipped", "tenant passed", "campaign passed", "capacity passed", "agent passed"]);
        let unknown = json!({ "to_number": "+15550000000", "from_number": "anonymous" }).to_string();
        let (status, told) = answer(app.to(TEST).body(unknown)).await;
        assert_eq!((status, &told["decision"]["reason"], &told["decision"]["sip_status"]), (200, &json!("unknown_number"), &json!(404)));
        for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
            let forwarded = || app.to(TEST).header(header, "192.0.2.7").body(body.clone());
            assert_eq!(answer(forwarded()).await.0, 401, "{header}");
            let signed = forwarded().header("x-livekit-signature", signature(body.as_bytes()));
            assert_eq!(answer(signed).await.0, 200, "{header}");
        }
        assert_eq!(app.written().await, before);
        app.stop().await;
    }

    async fn health_is_being_alive_and_readiness_is_a_database_that_answers(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        let get = async |path: &str| answer(app.http.get(format!("{}{path}", app.url))).await;
        assert_eq!(get("/api/v1/webhooks/health").await.1["status"], "ok");
        assert_eq!(get("/readyz").await, (200, json!({ "status": "ready" })));
        assert_eq!(get("/nowhere").await.0, 404);
        assert_eq!(get(ASK).await.0, 405);
        app.app.db.close().await;
        assert_eq!(get("/api/v1/webhooks/health").await.0, 200);
        assert_eq!(get("/readyz").await.0, 503);
        let asked = app.to(ASK).header("x-livekit-signature", signature(b"{}")).body("{}").send().await.unwrap();
        assert_eq!(asked.status(), 422, "what is wrong is told without the database");
        let (status, _) = app.ask(&ask("SIP-1")).await;
        assert_eq!(status, 503);
        app.stop().await;
    }
}

fn said(step: &Value) -> String {
    format!("{} {}", step["step"].as_str().unwrap_or_default(), step["outcome"].as_str().unwrap_or_default())
}

async fn refused(app: &TestApp, change: Value, reason: &str, sip_status: u16) {
    let id = format!("SIP-{reason}-{change}");
    let (status, answer) = app.ask(&with(ask(&id[..id.len().min(200)]), change)).await;
    assert_eq!(
        (status, &answer["agent_name"], &answer["reject"], &answer["reason"], &answer["sip_status"]),
        (200, &Value::Null, &json!(true), &json!(reason), &json!(sip_status)),
        "{answer}"
    );
    let calls = app.calls().await;
    let call = calls.last().expect("a call");
    let ended = (call.outcome.status.as_str(), call.outcome.end_reason.map(|reason| reason.as_str()));
    assert_eq!((ended, call.outcome.duration), (("rejected", Some(reason)), Some(0)));
}

/// As the contract's example.
pub(crate) fn ask(id: &str) -> Value {
    json!({
        "call_id": id, "trunk_id": "ST_inbound", "trunk_phone_number": "+15557654321",
        "from_number": "+15551234567", "to_number": "+15557654321",
        "room_name": format!("sip-room-{id}"), "timestamp": "2025-10-09T15:30:00Z",
    })
}

/// With some fields as in `change`.
pub(crate) fn with(mut body: Value, change: Value) -> Value {
    if let (Some(body), Value::Object(change)) = (body.as_object_mut(), change) {
        body.extend(change);
    }
    body
}

/// All at once; their results in order.
pub(crate) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut under_way: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut done = true;
        for (future, result) in &mut under_way {
            if result.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *result = Some(ready),
                    Poll::Pending => done = false,
                }
            }
        }
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    under_way.into_iter().filter_map(|(_, result)| result).collect()
}
