//! Calls: lists, one in full, what people and agents add, and what operators do to live ones.

use std::time::Duration;

use livekit::fake::{Behaviour, Transfer};
use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::clock::{Clock, Timestamp};
use switchboard::db;

use super::Api;
use crate::app::{Setup, TestApp};
use crate::says::Line;
use crate::world::{SOON, World};
use crate::{on_both_databases, routing};

const RANG: Timestamp = Timestamp::from_secs(1_760_023_800);

/// With one tenant that has calls and one that has none; its clock stands still after them.
async fn app(setup: Setup) -> Option<TestApp> {
    let clock = Clock::manual(Timestamp::from_secs(RANG.secs() + 3600));
    let app = setup.clock(clock).start().await?;
    routing::acme(&app).await;
    let other = "insert into tenants (id, name, active, region, time_zone, created_at, updated_at)
                 values ('tnt_2', 'Other', $1, 'US', 'UTC', $2, $2)";
    app.app.db.write(move |tx| tx.execute(other, &[&true, &RANG])).await.expect("a tenant");
    Some(app)
}

/// Calls as LiveKit tells of them, a minute apart: one talked, one was missed, one rings, one was for nobody.
async fn four_calls(app: &TestApp) {
    let line = |n: &str, minutes: i64| Line::new(n, Timestamp::from_secs(RANG.secs() + minutes * 60));
    let talked = line("1", 0);
    for event in [talked.rings(), talked.agent_joined(400), talked.agent_spoke(1500), talked.hangs_up(60_000)]
    {
        assert_eq!(app.event(&event).await.0, 200);
    }
    let missed = Line { from: "+442079460958".to_owned(), ..line("2", 1) };
    for event in [missed.rings(), missed.hangs_up(9_000)] {
        assert_eq!(app.event(&event).await.0, 200);
    }
    assert_eq!(app.event(&line("3", 2).rings()).await.0, 200);
    let nobodys = Line { to: "+15550000000".to_owned(), from: "anonymous".to_owned(), ..line("4", 3) };
    assert_eq!(app.event(&nobodys.rings()).await.0, 200);
}

/// The names of the calls that a list has.
async fn listed(api: &Api<'_>, query: &str) -> Vec<String> {
    let said = api.get(&format!("/api/v1/calls?{query}")).await;
    assert_eq!(said.status, 200, "{query}: {}", said.body);
    let items = said.body["items"].as_array().expect("items");
    items.iter().map(|call| call["callSid"].as_str().expect("a name").to_owned()).collect()
}

async fn id_of(api: &Api<'_>, name: &str) -> String {
    let said = api.get("/api/v1/calls").await;
    let items = said.body["items"].as_array().expect("items");
    let call = items.iter().find(|call| call["callSid"] == name).expect("the call");
    call["id"].as_str().expect("an id").to_owned()
}

async fn count(app: &TestApp, sql: &'static str, value: &str) -> i64 {
    let value = value.to_owned();
    let read = app.app.db.read(move |tx| tx.first(sql, &[&value], |row| row.get("n")));
    read.await.expect("a count").expect("a row")
}

on_both_databases! {
    async fn a_list_is_narrowed_by_whatever_a_call_has(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let (all, talked, missed, rings) = (["SCL_3", "SCL_2", "SCL_1"], ["SCL_1"], ["SCL_2"], ["SCL_3"]);
        assert_eq!(listed(&api, "").await, all);
        assert_eq!(listed(&api, "tenantId=tnt_1").await, all);
        for query in [
            "status=completed", "endReason=caller_hung_up", "until=2025-10-09T15:31:00Z",
            "caller=%2B15551234567&live=false", "caller=(555)%20123-4567&status=completed",
        ] {
            assert_eq!(listed(&api, query).await, talked, "{query}");
        }
        for query in ["status=missed", "endReason=caller_gave_up", "caller=%2B44%2020%207946%200958"] {
            assert_eq!(listed(&api, query).await, missed, "{query}");
        }
        for query in ["status=ringing", "live=true", "since=2025-10-09T15:32:00Z"] {
            assert_eq!(listed(&api, query).await, rings, "{query}");
        }
        for query in [
            "numberId=num_1", "toNumber=%2B15557654321", "toNumber=555-765-4321", "campaignId=cmp_1",
            "agentName=telephony-agent", "campaignId=cmp_1&agentName=telephony-agent",
        ] {
            assert_eq!(listed(&api, query).await, all, "{query}");
        }
        let lead = &app.leads().await.into_iter().find(|lead| lead.phone_number == "+442079460958").expect("a lead").id;
        assert_eq!(listed(&api, &format!("leadId={lead}")).await, missed);
        for query in [
            "status=rejected", "numberId=num_2", "campaignId=cmp_2", "agentName=nobody", "tag=hot", "leadId=lead_x",
            "caller=%2B15550000001", "status=ringing&endReason=caller_gave_up", "status=missed&live=true",
        ] {
            assert_eq!(listed(&api, query).await, [""; 0], "{query}");
        }
        app.stop().await;
    }

    async fn what_a_list_cannot_be_narrowed_to_is_said(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        for (query, wrong, detail) in [
            ("caller=nobody", "caller", "write a number like +14155550123"),
            ("since=2025-10-09T15:30:00Z&until=2025-10-09T15:30:00Z", "until", "must be later than since"),
            ("since=yesterday", "since", "must be a time such as"),
            ("status=over", "status", "must be one of ringing, in_progress, completed"),
            ("endReason=over", "endReason", "must be one of caller_hung_up"),
            ("live=maybe", "live", "must be true or false"),
            ("statsu=missed", "statsu", "did you mean status?"),
            ("tag=", "tag", "must not be empty"),
            ("cursor=WzEsMl0", "cursor", "give its nextCursor as it is"),
        ] {
            let said = api.get(&format!("/api/v1/calls?{query}")).await;
            let found = said.wrong();
            assert_eq!((said.status, found.len()), (422, 1), "{query}: {}", said.body);
            assert!(found[0].0 == wrong && found[0].1.contains(detail), "{query}: {found:?}");
        }
        app.stop().await;
    }

    async fn a_list_shows_a_call_as_it_is_shown_alone(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Admin, None).await;
        let page = api.get("/api/v1/calls").await.body;
        let items = page["items"].as_array().expect("items");
        assert_eq!(items.len(), 4, "the platform sees nobody's calls too");
        for item in items {
            let alone = api.get(&format!("/api/v1/calls/{}", item["id"].as_str().expect("an id"))).await.body;
            for (field, value) in item.as_object().expect("fields") {
                assert_eq!(&alone[field], value, "{field}");
            }
        }
        app.stop().await;
    }

    async fn a_call_in_full_says_why_and_what_happened(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        let at = format!("/api/v1/calls/{}", id_of(&api, "SCL_1").await);
        let said = api.get(&at).await;
        let call = &said.body;
        assert_eq!(said.etag(), format!("\"{}\"", call["revision"]));
        assert_eq!((&call["status"], &call["duration"]), (&json!("completed"), &json!(58)));
        assert_eq!((&call["decision"]["verdict"], &call["decision"]["agentName"]), (&json!("answer"), &json!("telephony-agent")));
        assert_eq!(call["decision"]["steps"].as_array().map(Vec::len), Some(6));
        let happened: Vec<_> = call["timeline"].as_array().expect("a story").iter().map(|moment| &moment["what"]).collect();
        assert!(happened.contains(&&json!("answered")), "{happened:?}");
        assert_eq!((&call["lead"]["phoneNumber"], &call["lead"]["attempts"]), (&json!("+15551234567"), &json!(2)));
        let facts = call["facts"].as_array().expect("facts");
        let kinds: Vec<_> = facts.iter().map(|fact| fact["kind"].as_str().expect("a kind")).collect();
        assert_eq!(kinds.len(), 4);
        assert!(kinds.contains(&"track_published") && kinds.contains(&"participant_left"), "{kinds:?}");
        assert!(facts.iter().all(|fact| fact.get("body").is_none()));
        // More may have happened than the version tells of.
        let again = api.send(api.to("GET", &at).header("if-none-match", said.etag())).await;
        assert_eq!((again.status, &again.body), (200, call));
        app.stop().await;
    }

    async fn the_words_of_facts_are_for_operators(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let ask = json!({ "call_id": "SIP-1", "from_number": "+15551234567", "to_number": routing::NUMBER });
        assert_eq!(app.ask(&ask).await.0, 200);
        let (viewer, operator) =
            (app.api(Role::Viewer, Some("tnt_1")).await, app.api(Role::Operator, Some("tnt_1")).await);
        let at = format!("/api/v1/calls/{}?include=facts", id_of(&viewer, "SIP-1").await);
        assert_eq!(viewer.get(&at).await.status, 403);
        let facts = operator.get(&at).await.body["facts"].clone();
        assert_eq!((&facts[0]["kind"], &facts[0]["body"]), (&json!("ask"), &ask));
        app.stop().await;
    }

    async fn another_tenants_call_is_not_there(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let (own, platform) = (app.api(Role::Owner, Some("tnt_1")).await, app.api(Role::Admin, None).await);
        let other = app.api(Role::Owner, Some("tnt_2")).await;
        let (talked, nobodys) = (id_of(&own, "SCL_1").await, id_of(&platform, "SCL_4").await);
        assert_eq!(listed(&other, "").await, [""; 0]);
        assert_eq!(other.get("/api/v1/calls?tenantId=tnt_1").await.status, 404);
        assert_eq!(other.get("/api/v1/calls/export?tenantId=tnt_1").await.status, 404);
        assert_eq!(other.get("/api/v1/analytics/calls?tenantId=tnt_1").await.status, 404);
        assert_eq!(listed(&other, "numberId=num_1").await, [""; 0]);
        assert_eq!(listed(&other, "campaignId=cmp_1").await, [""; 0]);
        for (who, id) in [(&other, &talked), (&other, &nobodys), (&own, &nobodys)] {
            let at = format!("/api/v1/calls/{id}");
            let missing = who.get("/api/v1/calls/call_x").await;
            let theirs = who.get(&at).await;
            assert_eq!((theirs.status, &theirs.body["detail"]), (404, &missing.body["detail"]));
            assert_eq!(who.patch(&at, "\"3\"", &json!({"note": "x"})).await.status, 404);
            assert_eq!(who.post(&format!("{at}/analysis"), &json!({"summary": "x"})).await.status, 404);
            assert_eq!(who.send(who.to("POST", &format!("{at}/hangup"))).await.status, 404);
            assert_eq!(who.post(&format!("{at}/transfer"), &json!({"to": "+14155550123"})).await.status, 404);
        }
        assert_eq!(platform.get(&format!("/api/v1/calls/{nobodys}")).await.status, 200);
        assert_eq!(listed(&platform, "endReason=unknown_number").await, ["SCL_4"]);
        assert_eq!(listed(&platform, "tenantId=tnt_1&live=true").await, ["SCL_3"]);
        app.stop().await;
    }

    async fn a_call_takes_a_note_tags_and_an_outcome(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let id = id_of(&api, "SCL_1").await;
        let (at, seen) = (format!("/api/v1/calls/{id}"), api.get(&format!("/api/v1/calls/{id}")).await);
        let revision = seen.body["revision"].as_i64().expect("a revision");
        let without = api.send(api.to("PATCH", &at).json(&json!({"note": "x"}))).await;
        assert_eq!(without.status, 428);
        let written = json!({"note": "=HYPERLINK(\"x\")", "tags": ["hot", "new patient"], "outcome": "booked"});
        let said = api.patch(&at, &seen.etag(), &written).await;
        assert_eq!((said.status, said.body["revision"].as_i64()), (200, Some(revision + 1)), "{}", said.body);
        for field in ["note", "tags", "outcome"] {
            assert_eq!(said.body[field], written[field]);
        }
        assert_eq!(listed(&api, "tag=hot").await, ["SCL_1"]);
        assert_eq!(listed(&api, "tag=new%20patient&status=completed").await, ["SCL_1"]);
        assert_eq!(api.patch(&at, &seen.etag(), &json!({"note": "y"})).await.status, 412, "it was seen before that");
        let less = api.patch(&at, &said.etag(), &json!({"note": null, "tags": ["cold"]})).await;
        assert_eq!((&less.body["note"], &less.body["outcome"]), (&Value::Null, &json!("booked")));
        assert_eq!((listed(&api, "tag=hot").await, listed(&api, "tag=cold").await), (vec![], vec!["SCL_1".to_owned()]));
        let same = api.patch(&at, &less.etag(), &json!({"tags": ["cold"]})).await;
        assert_eq!((same.status, same.etag()), (200, less.etag()), "nothing changed");
        let audited = "select count(*) as n from audit where subject_id = $1 and action = 'call.updated'";
        assert_eq!(count(&app, audited, &id).await, 2);
        let told = "select max(revision) as n from changes where subject = $1 and kind = 'call'";
        assert_eq!(count(&app, told, &id).await, revision + 2);
        // What LiveKit tells late leaves them there.
        let late = Line::new("1", RANG).finished(70_000);
        assert_eq!(app.event(&late).await.0, 200);
        assert_eq!(api.get(&at).await.body["tags"], json!(["cold"]));
        app.stop().await;
    }

    async fn notes_and_tags_have_a_form(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let at = format!("/api/v1/calls/{}", id_of(&api, "SCL_1").await);
        let etag = api.get(&at).await.etag();
        let many: Vec<_> = (0..21).map(|n| n.to_string()).collect();
        for (body, wrong) in [
            (json!({"tags": ["a,b"]}), "#/tags/0"), (json!({"tags": [" a"]}), "#/tags/0"),
            (json!({"tags": [""]}), "#/tags/0"), (json!({"tags": ["x".repeat(51)]}), "#/tags/0"),
            (json!({"tags": ["a", "a"]}), "#/tags"), (json!({"tags": many}), "#/tags"),
            (json!({"note": "x".repeat(10_001)}), "#/note"), (json!({"outcome": 7}), "#/outcome"),
            (json!({"status": "missed"}), "#/status"),
        ] {
            let said = api.patch(&at, &etag, &body).await;
            assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, wrong), "{body}: {}", said.body);
        }
        let viewer = app.api(Role::Viewer, Some("tnt_1")).await;
        assert_eq!(viewer.patch(&at, &etag, &json!({"note": "x"})).await.status, 403);
        app.stop().await;
    }

    async fn an_agent_adds_what_it_found_bit_by_bit(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let id = id_of(&api, "SCL_3").await;
        let at = format!("/api/v1/calls/{id}/analysis");
        let first = json!({"summary": "Asked for hours.", "data": {"topic": "hours", "steps": [1, 2]}});
        let said = api.post(&at, &first).await;
        assert_eq!(said.status, 200, "{}", said.body);
        assert_eq!((&said.body["status"], &said.body["analysis"]["summary"]), (&json!("ringing"), &first["summary"]));
        let again = api.post(&at, &first).await;
        assert_eq!((again.etag(), &again.body), (said.etag(), &said.body), "a repeat is harmless");
        let more = json!({
            "recordingUrl": "s3://calls/3.ogg", "sentiment": "positive", "successful": true,
            "data": {"topic": null, "language": "en"},
        });
        assert_eq!(app.event(&Line::new("3", Timestamp::from_secs(RANG.secs() + 120)).hangs_up(5_000)).await.0, 200);
        let said = api.post(&at, &more).await;
        assert_eq!(said.body["analysis"], json!({
            "transcriptUrl": null, "recordingUrl": "s3://calls/3.ogg", "summary": "Asked for hours.",
            "sentiment": "positive", "successful": true, "data": {"steps": [1, 2], "language": "en"},
        }));
        assert_eq!(said.body["status"], "missed", "also after the end");
        let audited = "select count(*) as n from audit where subject_id = $1 and action = 'call.analysed'";
        assert_eq!(count(&app, audited, &id).await, 2);
        for (body, wrong) in [
            (json!({"sentiment": "angry"}), "#/sentiment"), (json!({"successful": "yes"}), "#/successful"),
            (json!({"recordingUrl": "javascript:alert(1)"}), "#/recordingUrl"), (json!({"data": [1]}), "#/data"),
            (json!({"recordingUrl": "not a url"}), "#/recordingUrl"), (json!({"sumary": "x"}), "#/sumary"),
            (json!({"data": {"long": "x".repeat(40_000)}}), "#/data"),
        ] {
            let said = api.post(&at, &body).await;
            assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, wrong), "{}", said.body);
        }
        app.stop().await;
    }

    async fn nothing_is_added_to_a_call_that_was_erased(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        four_calls(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let at = format!("/api/v1/calls/{}", id_of(&api, "SCL_1").await);
        let erase = "update calls set erased_at = $1 where call_sid = 'SCL_1'";
        app.app.db.write(move |tx| tx.execute(erase, &[&RANG])).await.expect("an erasure");
        let seen = api.get(&at).await;
        assert_eq!(seen.body["erasedAt"], "2025-10-09T15:30:00.000000Z");
        assert_eq!(api.patch(&at, &seen.etag(), &json!({"note": "x"})).await.status, 409);
        assert_eq!(api.post(&format!("{at}/analysis"), &json!({"summary": "x"})).await.status, 409);
        app.stop().await;
    }

    async fn pages_of_calls_are_stable_while_more_rings(setup: Setup) {
        let Some(app) = app(setup).await else { return };
        for n in 0..7 {
            // Two at a time, so that the time alone does not tell them apart.
            let line = Line::new(&format!("p{n}"), Timestamp::from_secs(RANG.secs() + n / 2));
            assert_eq!(app.event(&line.rings()).await.0, 200);
            if n % 2 == 0 {
                assert_eq!(app.event(&line.hangs_up(5_000)).await.0, 200);
            }
        }
        let api = app.api(Role::Viewer, Some("tnt_1")).await;
        for query in ["", "numberId=num_1&", "caller=%2B15551234567&"] {
            let (mut seen, mut at) = (Vec::new(), format!("/api/v1/calls?{query}limit=2"));
            loop {
                let page = api.get(&at).await.body;
                seen.extend(page["items"].as_array().expect("items").iter().map(|call| call["callSid"].clone()));
                let line = Line::new(&format!("later{}{query}", seen.len()), Timestamp::from_secs(RANG.secs() + 60));
                assert_eq!(app.event(&line.rings()).await.0, 200);
                let Some(cursor) = page["nextCursor"].as_str() else { break };
                at = format!("/api/v1/calls?{query}limit=2&cursor={cursor}");
            }
            seen.retain(|name| name.as_str().is_some_and(|name| name.starts_with("SCL_p")));
            let times: Vec<_> = seen.iter().map(|name| name.as_str().map(|name| name[5..].parse::<i64>().unwrap() / 2)).collect();
            assert!(times.is_sorted_by(|a, b| a >= b), "{query} {seen:?}");
            seen.sort_by_key(ToString::to_string);
            seen.dedup();
            assert_eq!(seen.len(), 7, "{query}");
        }
        app.stop().await;
    }

    async fn an_operator_hangs_up_and_transfers_through_the_api(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let api = world.app.api(Role::Operator, Some("tnt_1")).await;
        let phone = world.rings();
        let call = world.call(&phone, |call| call.outcome.answered_at.is_some()).await;
        let at = format!("/api/v1/calls/{}", call.id);
        for bad in [json!({"to": "somewhere"}), json!({"to": ""}), json!({"to": "+14155550123", "ringingTimeout": 600})] {
            assert_eq!(api.post(&format!("{at}/transfer"), &bad).await.status, 422, "{bad}");
        }
        world.livekit.next_transfer(Transfer::refused(486, "Busy Here"));
        let refused = api.post(&format!("{at}/transfer"), &json!({"to": "+14155550123"})).await;
        assert_eq!(refused.status, 502);
        assert!(refused.text("detail").contains("486 Busy Here"), "{}", refused.body);
        let made = api.post(&format!("{at}/transfer"), &json!({"to": "tel:+14155550123", "playDialtone": true})).await;
        assert_eq!((made.status, &made.body["endReason"]), (200, &json!("transferred")), "{}", made.body);
        let over = api.post(&format!("{at}/transfer"), &json!({"to": "+14155550123"})).await;
        assert_eq!(over.status, 409);
        assert!(over.text("detail").contains("over already"), "{}", over.body);

        let phone = world.rings();
        let call = world.call(&phone, |call| call.outcome.answered_at.is_some()).await;
        let hangup = format!("/api/v1/calls/{}/hangup", call.id);
        let said = api.send(api.to("POST", &hangup)).await;
        assert_eq!((said.status, &said.body["endReason"]), (200, &json!("operator_hung_up")), "{}", said.body);
        assert_eq!(phone.ended().await.reason, "ROOM_DELETED");
        assert_eq!(api.send(api.to("POST", &hangup)).await.status, 409);
        let audited = "select count(*) as n from audit where action = $1";
        assert_eq!(count(&world.app, audited, "call.hung_up").await, 1);
        assert_eq!(count(&world.app, audited, "call.transfer_asked").await, 2);

        worker.stop();
        let ringing = world.rings();
        let call = world.call(&ringing, |_| true).await;
        let early = api.post(&format!("/api/v1/calls/{}/transfer", call.id), &json!({"to": "+14155550123"})).await;
        assert_eq!(early.status, 409);
        assert!(early.text("detail").contains("nobody has answered"), "{}", early.body);
        world.stop().await;
    }

    async fn the_agent_that_stood_in_is_found_by_its_name(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let _stands_in = world.livekit.worker("reception", Behaviour::answers());
        let phone = world.rings();
        world.call(&phone, |call| call.outcome.answered_at.is_some()).await;
        let api = world.app.api(Role::Viewer, Some("tnt_1")).await;
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let found = api.get("/api/v1/calls?agentName=reception").await.body;
            let decided = api.get("/api/v1/calls?agentName=telephony-agent").await.body;
            if found["items"][0]["agentName"] == "reception" && decided["items"] == json!([]) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{found} {decided}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_correction_of_the_time_moves_a_tag_too() {
    let Some(app) = app(Setup::new(db::Engine::Sqlite)).await else { return };
    let line = Line::new("1", Timestamp::from_secs(RANG.secs() + 600));
    assert_eq!(app.event(&line.rings()).await.0, 200);
    let api = app.api(Role::Operator, Some("tnt_1")).await;
    let at = format!("/api/v1/calls/{}", id_of(&api, "SCL_1").await);
    let etag = api.get(&at).await.etag();
    assert_eq!(api.patch(&at, &etag, &json!({"tags": ["hot"]})).await.status, 200);
    // LiveKit tells of the same ring again, with an earlier time.
    let mut earlier = line.rings();
    earlier["id"] = json!("EV_earlier");
    earlier["participant"]["joinedAtMs"] = json!(RANG.millis().to_string());
    assert_eq!(app.event(&earlier).await.0, 200);
    assert_eq!(api.get(&at).await.body["rangAt"], "2025-10-09T15:30:00.000000Z");
    assert_eq!(listed(&api, "tag=hot&until=2025-10-09T15:31:00Z").await, ["SCL_1"]);
    app.stop().await;
}
