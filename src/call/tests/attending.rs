//! What a call needs next: from the first dispatch to the answer, and once it is over.

use super::simulator::*;
use super::*;
use crate::call::EndReason::{AgentHungUp, AgentNeverJoined, CallerHungUp, NeverEnded, UnknownNumber};
use crate::call::attend::{self, Next};

pub(super) fn log(world: &World) -> String {
    world.log.join("\n")
}

/// The log of a call that runs until then.
pub(super) fn story(mut world: World, until: i64) -> (String, World) {
    world.run(until);
    (log(&world), world)
}

pub(super) fn says(world: &World) -> Option<EndReason> {
    world.call.outcome.end_reason
}

#[test]
fn a_call_is_answered_and_its_room_is_cleared_once_when_the_caller_hangs_up() {
    let mut world = World::ringing().workers("telephony-agent", &[WARM]);
    world.hangs_up(60_000);
    let (log, world) = story(world, 120_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    60020 clear
    ");
    assert_eq!(says(&world), Some(CallerHungUp));
}

#[test]
fn a_dispatch_nobody_takes_is_sent_again_at_once_then_the_fallback_and_both_in_turns_ever_more_rarely() {
    let (log, world) = story(World::ringing(), 120_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    1000 look
    1000 close 0 NobodyTook
    1000 claim telephony-agent
    1000 send 1 telephony-agent
    2000 look
    2000 close 1 NobodyTook
    2000 claim reception
    2000 send 2 reception
    3000 look
    3000 close 2 NobodyTook
    3250 claim telephony-agent
    3250 send 3 telephony-agent
    4250 look
    4250 close 3 NobodyTook
    4750 claim reception
    4750 send 4 reception
    5750 look
    5750 close 4 NobodyTook
    6500 claim telephony-agent
    6500 send 5 telephony-agent
    7500 look
    7500 close 5 NobodyTook
    8500 claim reception
    8500 send 6 reception
    9500 look
    9500 close 6 NobodyTook
    11000 claim telephony-agent
    11000 send 7 telephony-agent
    12000 look
    12000 close 7 NobodyTook
    14000 claim reception
    14000 send 8 reception
    15000 look
    15000 close 8 NobodyTook
    17000 claim telephony-agent
    17000 send 9 telephony-agent
    18000 look
    18000 close 9 NobodyTook
    20000 claim reception
    20000 send 10 reception
    21000 look
    21000 close 10 NobodyTook
    23000 claim telephony-agent
    23000 send 11 telephony-agent
    24000 look
    24000 close 11 NobodyTook
    25000 end GaveUp
    25000 clear
    ");
    assert_eq!(says(&world), Some(AgentNeverJoined));
}

#[test]
fn a_momentarily_full_worker_answers_the_second_dispatch() {
    let (log, world) = story(World::ringing().workers("telephony-agent", &[NOBODY, WARM]), 10_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    1000 look
    1000 close 0 NobodyTook
    1000 claim telephony-agent
    1000 send 1 telephony-agent
    1420 look
    ");
    assert_eq!(world.call.outcome.answered_at.map(since), Some(1_470));
}

#[test]
fn an_agent_that_comes_late_while_livekit_hides_its_job_is_kept_where_nobody_else_comes() {
    for joins in [900, 1_500, 2_500, 4_500] {
        let slow = Worker { joins, ..WARM };
        let mut world = World::ringing().workers("telephony-agent", &[slow]);
        world.hides = 5_000;
        let (log, world) = story(world, 60_000);
        assert_eq!(world.call.outcome.answered_at.map(since), Some(270 + joins), "{log}");
        let there = attend::agents_there(&world.call).map(|agent| agent.identity.as_str());
        assert_eq!(there.collect::<Vec<_>>(), ["agent-AJ_0"], "{log}");
        assert!(world.two_agents <= 200, "{}: {log}", world.two_agents);
    }
}

#[test]
fn a_mute_agent_gives_way_to_the_fallback_at_its_answer_timeout() {
    let world = World::ringing().workers("telephony-agent", &[MUTE]).workers("reception", &[WARM]);
    let (log, world) = story(world, 20_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    10420 close 0 NobodyAnswered
    10420 remove agent-AJ_0
    10420 claim reception
    10420 send 1 reception
    10840 look
    ");
    assert!(world.call.outcome.answered_at.is_some());
}

#[test]
fn without_a_fallback_the_same_agent_is_tried_again() {
    let world = World::new(&[rang(0)], answer("telephony-agent", None));
    let (log, _) = story(world.workers("telephony-agent", &[MUTE, NOBODY, NOBODY, WARM]), 20_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    10420 close 0 NobodyAnswered
    10420 remove agent-AJ_0
    10420 claim telephony-agent
    10420 send 1 telephony-agent
    11420 look
    11420 close 1 NobodyTook
    11420 claim telephony-agent
    11420 send 2 telephony-agent
    12420 look
    12420 close 2 NobodyTook
    12670 claim telephony-agent
    12670 send 3 telephony-agent
    13090 look
    ");
}

#[test]
fn a_refused_dispatch_is_tried_again() {
    let world = World::ringing().workers("telephony-agent", &[WARM]).network(&[Delivery::Refused]);
    let (log, _) = story(world, 5_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    0 claim telephony-agent
    0 send 1 telephony-agent
    420 look
    ");
}

#[test]
fn a_refused_call_is_cleared_at_once_and_needs_nothing_more() {
    let (log, _) = story(World::new(&[rang(0)], refusal(UnknownNumber)), 60_000);
    insta::assert_snapshot!(log, @"0 clear");
}

#[test]
fn a_room_that_is_gone_needs_no_clearing() {
    let mut call = call_of(&[rang(0), caller_left(5_000, Why::Itself, Some(Leg::Hangup))]);
    call.decided(answer("telephony-agent", None));
    assert_eq!(attend::next(&call, &TIMING, secs(6)), Next::Clear);
    call.hear(&fact(6_000, What::RoomEnded));
    assert_eq!(attend::next(&call, &TIMING, secs(6)), Next::Done);
}

#[test]
fn a_dispatch_that_got_through_after_the_end_is_cleared_away() {
    let mut call = call_of(&[rang(0), caller_left(5_000, Why::Itself, Some(Leg::Hangup))]);
    call.decided(answer("telephony-agent", None));
    call.hear(&fact(6_000, What::RoomEnded));
    call.attendance.attempts.push(attend::Attempt::claim("telephony-agent".into(), ms(4_900), false));
    assert_eq!(attend::next(&call, &TIMING, secs(7)), Next::Done);
    call.attendance.sent(0, "AD_1".into(), secs(7));
    assert_eq!(attend::next(&call, &TIMING, secs(7)), Next::Clear);
    call.attendance.cleared_at = Some(secs(7));
    assert_eq!(attend::next(&call, &TIMING, secs(8)), Next::Done);
}

#[test]
fn a_call_that_only_its_asker_knows_of_is_left_alone_until_it_is_unheard_of() {
    let (log, world) =
        story(World::new(&[asked(0)], answer("telephony-agent", Some("reception"))), 5_000_000);
    insta::assert_snapshot!(log, @"3600000 end NeverEnded");
    assert_eq!(says(&world), Some(NeverEnded));
}

#[test]
fn a_refused_call_that_only_its_asker_knows_of_needs_nothing() {
    assert_eq!(story(World::new(&[asked(0)], refusal(UnknownNumber)), 60_000).0, "");
}

#[test]
fn an_asker_connects_the_agent_itself_and_the_caller_is_put_out_when_it_does_not() {
    let (log, world) = story(World::new(&[asked(0), rang(10)], answer("telephony-agent", None)), 60_000);
    insta::assert_snapshot!(log, @"
    25000 end GaveUp
    25000 clear
    ");
    assert_eq!(says(&world), Some(AgentNeverJoined));
    let mut world = World::new(&[asked(0), rang(10)], answer("telephony-agent", None));
    world.comes(3_000, &guest("PA_X", GuestKind::Agent, Some(3_000)));
    world.tell(3_100, spoke(3_100, "PA_X"));
    world.leaves(30_000, "PA_X", Why::Itself);
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    30020 end AgentHungUp
    30020 clear
    ");
    assert_eq!(says(&world), Some(AgentHungUp));
}

fn routed_by_a_rule() -> World {
    let mut ring = leg("PA_1", 0);
    ring.routed_static = true;
    World::new(&[fact(0, What::Rang(Box::new(ring)))], answer("telephony-agent", Some("reception")))
}

#[test]
fn where_a_rule_named_the_agent_its_dispatch_is_waited_for() {
    let world = routed_by_a_rule().workers("ruled", &[WARM]).rule("ruled");
    let (log, world) = story(world, 60_000);
    assert_eq!(log, "", "it answered, and nothing had to be done");
    assert_eq!(world.call.outcome.answered_at.map(since), Some(470));
}

#[test]
fn a_rules_agent_that_is_mute_is_watched_like_any_other() {
    let world = routed_by_a_rule().workers("ruled", &[MUTE]).workers("reception", &[WARM]).rule("ruled");
    insta::assert_snapshot!(story(world, 60_000).0, @"
    3000 look
    13000 close 0 NobodyAnswered
    13000 remove agent-AJ_0
    13000 claim reception
    13000 send 1 reception
    13420 look
    ");
}

#[test]
fn what_a_rule_asked_for_and_nobody_took_is_taken_over() {
    let world = routed_by_a_rule().workers("telephony-agent", &[WARM]).rule("ruled");
    insta::assert_snapshot!(story(world, 60_000).0, @"
    3000 look
    3000 delete AD_0
    3000 claim telephony-agent
    3000 send 0 telephony-agent
    3420 look
    ");
}

#[test]
fn an_agent_of_a_closed_dispatch_is_removed_when_it_comes() {
    let slow = Worker { joins: 12_000, stubborn: true, ..WARM };
    let world = World::ringing().workers("telephony-agent", &[slow]).workers("reception", &[WARM]);
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    1000 look
    11000 close 0 NobodyAnswered
    11000 claim reception
    11000 send 1 reception
    11420 look
    12220 remove agent-AJ_0
    ");
    assert!(world.two_agents <= 200, "{}", world.two_agents);
    assert!(world.call.is_open());
}

#[test]
fn agents_of_other_applications_are_left_alone() {
    let mut world = World::ringing()
        .workers("telephony-agent", &[NOBODY, WARM])
        .workers("scribe", &[MUTE])
        .rule("scribe");
    world.run(60_000);
    insta::assert_snapshot!(log(&world), @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    1000 look
    1000 close 0 NobodyTook
    1000 claim telephony-agent
    1000 send 1 telephony-agent
    1420 look
    ");
}

#[test]
fn the_agent_of_the_dispatch_without_a_name_is_left_alone() {
    let mut attendance = attend::Attendance::default();
    attendance.attempts.push(attend::Attempt::claim("telephony-agent".into(), START, false));
    attendance.close(0, attend::Closed::NobodyTook, secs(1));
    let unnamed = attend::Listed {
        id: "AD_0".into(),
        agent: String::new(),
        ours: false,
        agents: vec!["agent-AJ_0".into()],
    };
    let there = crate::call::evidence::Presence {
        identity: "agent-AJ_0".into(),
        kind: crate::call::fact::GuestKind::Agent,
        joined_at: None,
        left: None,
        agent_name: None,
    };
    attendance.listed(&[unnamed], &[there], secs(2));
    assert_eq!(attendance.agents.get("agent-AJ_0"), Some(&attend::Standing::Foreign));
    assert!(attendance.surplus.is_empty());
}

#[test]
fn a_dispatch_of_which_nobody_knows_is_looked_up_before_it_is_sent_again() {
    let world = World::ringing().workers("telephony-agent", &[WARM]).network(&[Delivery::AnswerLost]);
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    3000 look
    8000 look
    ");
    assert_eq!(world.call.attendance.attempts.len(), 1, "the agent that came is the one that was sent");
    let world = World::ringing().workers("telephony-agent", &[WARM]).network(&[Delivery::Lost]);
    insta::assert_snapshot!(story(world, 60_000).0, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    3000 settle 0
    3000 send 0 telephony-agent
    3420 look
    8000 look
    ");
}

#[test]
fn a_request_that_was_thought_lost_and_comes_late_is_found_and_removed() {
    let world = World::ringing().workers("telephony-agent", &[WARM]).network(&[Delivery::Late(4_000)]);
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    3000 settle 0
    3000 send 0 telephony-agent
    3420 look
    4420 look
    4420 delete AD_1
    4420 remove agent-AJ_1
    8000 look
    ");
    assert!(world.two_agents <= 200, "{}", world.two_agents);
    let world =
        World::ringing().workers("telephony-agent", &[WARM, NOBODY]).network(&[Delivery::Late(4_000)]);
    let (log, _) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    3000 settle 0
    3000 send 0 telephony-agent
    3420 look
    8000 look
    8000 delete AD_1
    ");
}
