//! What the commands print, from calls that were really heard.

mod user;
mod world;

use std::time::Duration;

use clap::CommandFactory as _;
use insta::assert_snapshot;
use serde_json::json;

use crate::call::Status;
use crate::call::fact::Ring;
use crate::db::calls::Filter;
use crate::http::webhooks::ask::in_words;
use crate::views::CallDetail;

use super::follow::{self, Follower};
use super::leads::Wanted;
use super::{Cli, call, calls, explain, leads};
use world::World;

#[test]
fn the_command_line_holds_together() {
    Cli::command().debug_assert();
}

#[tokio::test]
async fn the_list_of_calls_is_one_line_a_call_newest_first() {
    let (world, _) = World::with_three_calls().await;
    let found = calls::listed(&world.db, Filter::default(), 20).await.unwrap();
    assert_snapshot!(World::fixed(&calls::table(&found, &world.screen())), @r#"
    CALL                                   RANG      FROM              TO               AGENT            STATUS     WHY             TALKED
    call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx  15:35:05  +44 20 7946 0958  +1 415-555-0123  telephony-agent  ringing
    call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx  15:34:05  anonymous         +1 415-555-9999  -                rejected   unknown_number
    call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx  15:30:00  +1 555-123-4567   +1 415-555-0123  telephony-agent  completed  caller_hung_up  3m 3s
    "#);
}

#[tokio::test]
async fn on_a_terminal_ids_are_as_short_as_tells_them_apart_and_the_beginning_of_an_id_is_enough() {
    let (world, [talked, ..]) = World::with_three_calls().await;
    let found = calls::listed(&world.db, Filter::default(), 20).await.unwrap();
    let screen = super::Screen { width: Some(120), ..world.screen() };
    assert_snapshot!(calls::table(&found, &screen), @r#"
    CALL          RANG      FROM              TO               AGENT            STATUS     WHY             TALKED
    0199c99c9028  15:35:05  +44 20 7946 0958  +1 415-555-0123  telephony-agent  ringing
    0199c99ba5c8  15:34:05  anonymous         +1 415-555-9999  -                rejected   unknown_number
    0199c997e8c0  15:30:00  +1 555-123-4567   +1 415-555-0123  telephony-agent  completed  caller_hung_up  3m 3s
    "#);

    let narrow = super::Screen { width: Some(80), ..world.screen() };
    assert_snapshot!(calls::table(&found, &narrow), @r#"
    CALL          RANG      FROM           TO            STATUS     WHO OR WHY
    0199c99c9028  15:35:05  +442079460958  +14155550123  ringing    telephony-agen
                                                                    t
    0199c99ba5c8  15:34:05  anonymous      +14155559999  rejected   unknown_number
    0199c997e8c0  15:30:00  +15551234567   +14155550123  completed  caller_hung_up
                                                                    after 3m 3s
    "#);

    let short = talked.strip_prefix("call_").unwrap().get(..12).unwrap();
    assert_eq!(calls::one(&world.db, short).await.unwrap().id, talked);
    assert_eq!(calls::one(&world.db, &talked).await.unwrap().id, talked);
    let nothing = calls::one(&world.db, "call_ffff").await.unwrap_err();
    assert_snapshot!(nothing, @"no call call_ffff: see `switchboard calls`");
    let several = calls::one(&world.db, "01").await.unwrap_err();
    assert_snapshot!(several, @"several calls begin with 01: give more of the id");
}

#[tokio::test]
async fn a_call_is_shown_with_its_receipt_and_its_story() {
    let (world, [talked, unknown, _]) = World::with_three_calls().await;
    let screen = world.screen();
    let page = async |id| calls::page(&CallDetail::of(&calls::one(&world.db, id).await.unwrap()), &screen);
    assert_snapshot!(World::fixed(&page(&talked).await), @r#"
    call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx  completed: the caller hung up (caller_hung_up)

      from       +1 555-123-4567
      to         +1 415-555-0123
      agent      telephony-agent
      rang       2025-10-09 15:30:00
      answered   2025-10-09 15:30:02 (after 2s)
      ended      2025-10-09 15:33:05 (by caller)
      talked     3m 3s
      tenant     tnt_acme
      campaign   cmp_new
      number     num_1
      lead       lead_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
      room       one
      call sid   SCL_one
      trunk      ST_main
      revision   3

    Why
      number    passed   +14155550123 belongs to Acme Dental
      trunk     passed   ST_main is ours
      tenant    passed   Acme Dental takes calls
      campaign  passed   "New patients" is active
      capacity  passed   "New patients" has 0 of 3 calls
      agent     passed   telephony-agent, the campaign's agent; reception stands in
      decided: telephony-agent answers

    What happened
      15:30:00.000  +15551234567 rang +14155550123
      15:30:00.000  decided: telephony-agent answers
      15:30:01.000  telephony-agent joined
      15:30:02.000  answered
      15:33:05.000  the caller's leg left
      15:33:05.000  completed: the caller hung up (caller_hung_up)
    "#);
    assert_snapshot!(World::fixed(&page(&unknown).await), @r#"
    call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx  rejected: nobody has the number that was dialled (unknown_number)

      from       anonymous
      to         +1 415-555-9999
      rang       2025-10-09 15:34:05
      ended      2025-10-09 15:34:05 (by us)
      room       two
      call sid   SCL_two
      trunk      ST_main
      revision   1

    Why
      number    refused  nobody has +14155559999
      decided: refused, nobody has the number that was dialled

    What happened
      15:34:05.000  anonymous rang +14155559999
      15:34:05.000  decided: refused, nobody has the number that was dialled
      15:34:05.000  rejected: nobody has the number that was dialled (unknown_number)
    "#);
}

#[tokio::test]
async fn a_call_as_json_has_the_users_names() {
    let (world, [talked, ..]) = World::with_three_calls().await;
    let detail = CallDetail::of(&calls::one(&world.db, &talked).await.unwrap());
    let json = serde_json::to_string_pretty(&detail.call).unwrap();
    assert_snapshot!(World::fixed(&json), @r#"
    {
      "id": "call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx",
      "callSid": "SCL_one",
      "roomName": "one",
      "phoneNumber": "+15551234567",
      "toNumber": "+14155550123",
      "leadId": "lead_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx",
      "campaignId": "cmp_new",
      "tenantId": "tnt_acme",
      "numberId": "num_1",
      "agentName": "telephony-agent",
      "status": "completed",
      "endReason": "caller_hung_up",
      "endedBy": "caller",
      "duration": 183,
      "rangAt": "2025-10-09T15:30:00.000000Z",
      "answeredAt": "2025-10-09T15:30:02.000000Z",
      "endedAt": "2025-10-09T15:33:05.000000Z",
      "note": null,
      "tags": [],
      "outcome": null,
      "analysis": null,
      "erasedAt": null,
      "revision": 3,
      "createdAt": "2025-10-09T15:30:00.000000Z",
      "updatedAt": "2025-10-09T15:33:05.000000Z",
      "carrier": null,
      "metadata": {
        "call_type": "inbound",
        "trunk_id": "ST_main",
        "phone_number_id": "num_1",
        "tenant_id": "tnt_acme",
        "campaign_id": "cmp_new"
      }
    }
    "#);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one whole answer as a snapshot")]
async fn a_call_in_full_has_its_decision_and_its_timeline_beside_its_fields() {
    let (world, [talked, unknown, _]) = World::with_three_calls().await;
    let json = async |id| {
        let call = calls::one(&world.db, id).await.unwrap();
        let mut json = serde_json::to_value(CallDetail::of(&call)).unwrap();
        assert_eq!(json["id"], *call.id);
        if let Some(steps) = json["decision"]["steps"].as_array_mut() {
            steps.truncate(1);
        }
        serde_json::to_string_pretty(&json!({ "decision": json["decision"], "timeline": json["timeline"] }))
            .unwrap()
    };
    assert_snapshot!(World::fixed(&json(&talked).await), @r#"
    {
      "decision": {
        "verdict": "answer",
        "says": "decided: telephony-agent answers",
        "agentName": "telephony-agent",
        "agentId": "agt_1",
        "fallbackAgentName": "reception",
        "reason": null,
        "sipStatus": null,
        "phoneNumber": "+15551234567",
        "toNumber": "+14155550123",
        "tenantId": "tnt_acme",
        "campaignId": "cmp_new",
        "numberId": "num_1",
        "decidedAt": "2025-10-09T15:30:00.000000Z",
        "steps": [
          {
            "step": "number",
            "outcome": "passed",
            "detail": "+14155550123 belongs to Acme Dental"
          }
        ]
      },
      "timeline": [
        {
          "at": "2025-10-09T15:30:00.000000Z",
          "what": "+15551234567 rang +14155550123"
        },
        {
          "at": "2025-10-09T15:30:00.000000Z",
          "what": "decided: telephony-agent answers"
        },
        {
          "at": "2025-10-09T15:30:01.000000Z",
          "what": "telephony-agent joined"
        },
        {
          "at": "2025-10-09T15:30:02.000000Z",
          "what": "answered"
        },
        {
          "at": "2025-10-09T15:33:05.000000Z",
          "what": "the caller's leg left"
        },
        {
          "at": "2025-10-09T15:33:05.000000Z",
          "what": "completed: the caller hung up (caller_hung_up)"
        }
      ]
    }
    "#);
    assert_snapshot!(World::fixed(&json(&unknown).await), @r#"
    {
      "decision": {
        "verdict": "reject",
        "says": "decided: refused, nobody has the number that was dialled",
        "agentName": null,
        "agentId": null,
        "fallbackAgentName": null,
        "reason": "unknown_number",
        "sipStatus": 404,
        "phoneNumber": null,
        "toNumber": "+14155559999",
        "tenantId": null,
        "campaignId": null,
        "numberId": null,
        "decidedAt": "2025-10-09T15:34:05.000000Z",
        "steps": [
          {
            "step": "number",
            "outcome": "refused",
            "detail": "nobody has +14155559999"
          }
        ]
      },
      "timeline": [
        {
          "at": "2025-10-09T15:34:05.000000Z",
          "what": "anonymous rang +14155559999"
        },
        {
          "at": "2025-10-09T15:34:05.000000Z",
          "what": "decided: refused, nobody has the number that was dialled"
        },
        {
          "at": "2025-10-09T15:34:05.000000Z",
          "what": "rejected: nobody has the number that was dialled (unknown_number)"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn the_answer_to_a_simulated_call_is_told_to_a_person() {
    let (world, [_, unknown, ringing]) = World::with_three_calls().await;
    let page = async |id| {
        let body = in_words(&calls::one(&world.db, id).await.unwrap());
        let answer = call::Answer { body, call_id: "mine".into(), took: Duration::from_micros(4_220) };
        call::page(&answer, &world.screen())
    };
    assert_snapshot!(World::fixed(&page(&ringing).await), @r#"
    telephony-agent answers

      from      +44 20 7946 0958
      to        +1 415-555-0123
      call      call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
      asked as  mine
      tenant    tnt_acme
      campaign  cmp_new
      lead      lead_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
      took      4.2 ms

    Why: switchboard explain call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
    "#);
    assert_snapshot!(World::fixed(&page(&unknown).await), @r#"
    refused: nobody has the number that was dialled (unknown_number, SIP 404)

      from      anonymous
      to        +1 415-555-9999
      call      call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
      asked as  mine
      took      4.2 ms

    Why: switchboard explain call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
    "#);
}

#[tokio::test]
async fn a_call_that_was_and_one_that_might_come_are_explained_in_the_same_words() {
    let (world, [talked, ..]) = World::with_three_calls().await;
    let screen = world.screen();
    let was = explain::explain(&calls::one(&world.db, &talked).await.unwrap());
    assert_snapshot!(World::fixed(&explain::page(&was, &screen)), @r#"
    call_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx  completed: the caller hung up (caller_hung_up)
    +1 555-123-4567 rang +1 415-555-0123 at 2025-10-09 15:30:00

    Why
      number    passed   +14155550123 belongs to Acme Dental
      trunk     passed   ST_main is ours
      tenant    passed   Acme Dental takes calls
      campaign  passed   "New patients" is active
      capacity  passed   "New patients" has 0 of 3 calls
      agent     passed   telephony-agent, the campaign's agent; reception stands in
      decided: telephony-agent answers

    What happened
      15:30:00.000  +15551234567 rang +14155550123
      15:30:00.000  decided: telephony-agent answers
      15:30:01.000  telephony-agent joined
      15:30:02.000  answered
      15:33:05.000  the caller's leg left
      15:33:05.000  completed: the caller hung up (caller_hung_up)
    "#);

    let ring = Ring {
        called: "(415) 555-0123".into(),
        caller: "+15551234567".into(),
        trunk: Some("ST_main".into()),
        at: Some(world.clock.now()),
        ..Ring::default()
    };
    let might = explain::suppose(&world.db, world::routing(), "default", ring).await.unwrap();
    assert_snapshot!(explain::page(&might, &screen), @r#"
    Suppose +15551234567 rang (415) 555-0123

    Why
      number    passed   +14155550123 belongs to Acme Dental
      trunk     passed   ST_main is ours
      tenant    passed   Acme Dental takes calls
      campaign  passed   "New patients" is active
      capacity  passed   "New patients" has 1 of 3 calls
      agent     passed   telephony-agent, the campaign's agent; reception stands in
      decided: telephony-agent answers
    "#);
    assert!(might.call.is_none());
    let says = |explanation: &explain::Explanation| explanation.decision.as_ref().unwrap().says.clone();
    assert_eq!(says(&was), says(&might));
}

#[tokio::test]
async fn what_might_come_counts_the_calls_of_now() {
    let world = World::new().await;
    for room in ["a", "b", "c"] {
        world.rings(room, "+15551234567", "+14155550123").await;
    }
    let ring = Ring { called: "+14155550123".into(), caller: "anonymous".into(), ..Ring::default() };
    let might = explain::suppose(&world.db, world::routing(), "default", ring).await.unwrap();
    let decision = might.decision.unwrap();
    assert_eq!(decision.reason.map(|reason| reason.as_str()), Some("campaign_full"));
    let kept = calls::listed(&world.db, Filter::default(), 20).await.unwrap();
    assert_eq!(kept.len(), 3, "explaining writes nothing");
}

#[tokio::test]
async fn leads_are_listed_with_what_became_of_their_last_call() {
    let (world, _) = World::with_three_calls().await;
    let found = leads::listed(&world.db, Wanted::default(), 20).await.unwrap();
    assert_snapshot!(World::fixed(&leads::table(&found, &world.screen())), @r#"
    NUMBER            NAME                          STATUS     CALLS  LAST CALL  LEAD
    +44 20 7946 0958  Inbound Caller +442079460958  calling    1      15:35:05   lead_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
    +1 555-123-4567   Inbound Caller +15551234567   completed  1      15:30:00   lead_0199c99xxxxxxxxxxxxxxxxxxxxxxxxx
    "#);
    let missed = Wanted { status: Some("missed".into()), ..Wanted::default() };
    assert!(leads::listed(&world.db, missed, 20).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_follower_sees_each_call_again_when_it_changes_and_only_those_it_wants() {
    let (world, _) = World::with_three_calls().await;
    let only = |status| Filter { status: Some(status), ..Filter::default() };
    let (mut all, now) = Follower::begin(&world.db, Filter::default(), 20).await.unwrap();
    let (mut rejected, _) = Follower::begin(&world.db, only(Status::Rejected), 20).await.unwrap();
    assert!(now[0].rang_at < now[2].rang_at, "oldest first");
    assert!(all.next().await.unwrap().is_empty());

    world.talks("four", "+15551234567", 7).await;
    world.clock.advance(Duration::from_secs(1));
    world.rings("five", "+15551234567", "+14155559999").await;

    let lines: String =
        all.next().await.unwrap().iter().map(|call| follow::line(call, &world.screen())).collect();
    assert_snapshot!(without_ids(&lines), @r#"
    15:35:19  …  +1 555-123-4567   +1 415-555-0123   completed    caller_hung_up after 7s
    15:35:20  …  +1 555-123-4567   +1 415-555-9999   rejected     unknown_number
    "#);
    assert!(all.next().await.unwrap().is_empty());
    let only_rejected = rejected.next().await.unwrap();
    assert_eq!(only_rejected.iter().map(|call| call.status).collect::<Vec<_>>(), [Status::Rejected]);
}

/// Fifteen digits of an id hold its time to the microsecond; here only the time matters.
fn without_ids(lines: &str) -> String {
    let line = |line: &str| format!("{}…{}\n", &line[..10], &line[25..]);
    lines.lines().map(line).collect()
}
