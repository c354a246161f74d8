//! What a call needs once it was answered: an agent that hangs up, is lost, moves, or leaves others with the caller.

use super::attending::{log, says, story};
use super::simulator::*;
use super::*;
use crate::call::EndReason::{AgentHungUp, AgentLost};

#[test]
fn an_agent_that_leaves_by_itself_after_a_conversation_has_hung_up() {
    let says_goodbye = Worker { leaves: Some((6_000, Why::Itself)), ..WARM };
    let (log, world) = story(World::ringing().workers("telephony-agent", &[says_goodbye]), 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    6420 end AgentHungUp
    6420 clear
    ");
    assert_eq!(says(&world), Some(AgentHungUp));
}

#[test]
fn an_agent_that_leaves_sooner_is_replaced_once() {
    let raises = Worker { leaves: Some((1_000, Why::Itself)), ..WARM };
    let (log, world) = story(World::ringing().workers("telephony-agent", &[raises, WARM]), 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    1420 close 0 AgentLeft
    1420 claim telephony-agent in place
    1420 send 1 telephony-agent
    1840 look
    ");
    assert!(world.call.is_open());
    let (log, world) = story(World::ringing().workers("telephony-agent", &[raises]), 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    1420 close 0 AgentLeft
    1420 claim telephony-agent in place
    1420 send 1 telephony-agent
    1840 look
    2840 end AgentLost
    2840 clear
    ");
    assert_eq!(says(&world), Some(AgentLost));
}

#[test]
fn an_agent_that_is_put_out_or_cut_off_is_replaced_however_long_it_stayed() {
    for why in [Why::PutOut, Why::Broke, Why::Vanished] {
        let lost = Worker { leaves: Some((30_000, why)), ..WARM };
        let (log, world) = story(World::ringing().workers("telephony-agent", &[lost, WARM]), 90_000);
        assert!(log.contains("claim telephony-agent in place"), "{why:?}: {log}");
        assert!(world.call.is_open(), "{why:?}");
    }
}

#[test]
fn a_replacement_that_never_comes_is_given_up() {
    let lost = Worker { leaves: Some((30_000, Why::Broke)), ..WARM };
    let (log, world) = story(World::ringing().workers("telephony-agent", &[lost, NOBODY]), 90_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    30420 close 0 AgentLeft
    30420 claim telephony-agent in place
    30420 send 1 telephony-agent
    31420 look
    31420 close 1 NobodyTook
    31420 claim reception in place
    31420 send 2 reception
    32420 look
    32420 close 2 NobodyTook
    32670 claim reception in place
    32670 send 3 reception
    33670 look
    33670 close 3 NobodyTook
    34170 claim reception in place
    34170 send 4 reception
    35170 look
    35170 close 4 NobodyTook
    35920 claim reception in place
    35920 send 5 reception
    36920 look
    36920 close 5 NobodyTook
    37920 claim reception in place
    37920 send 6 reception
    38920 look
    38920 close 6 NobodyTook
    40420 claim reception in place
    40420 send 7 reception
    41420 look
    41420 close 7 NobodyTook
    43420 claim reception in place
    43420 send 8 reception
    44420 look
    44420 close 8 NobodyTook
    46420 claim reception in place
    46420 send 9 reception
    47420 look
    47420 close 9 NobodyTook
    49420 claim reception in place
    49420 send 10 reception
    50420 look
    50420 close 10 NobodyTook
    52420 claim reception in place
    52420 send 11 reception
    53420 look
    53420 close 11 NobodyTook
    55420 end AgentLost
    55420 clear
    ");
    assert_eq!(says(&world), Some(AgentLost));
}

#[test]
fn an_agent_that_moves_to_another_connection_is_neither_lost_nor_new() {
    let mut world = World::ringing().workers("telephony-agent", &[WARM]);
    world.run(10_000);
    world.leaves(28_000, "PA_A0", Why::Moved);
    let mut again = guest("PA_A0b", GuestKind::Agent, Some(29_000));
    again.identity = "agent-AJ_0".into();
    world.tell(29_100, fact(29_000, What::Joined(again.clone())));
    let bye = Leave { at: secs(31), why: Why::Itself, leg: None };
    world.tell(31_100, fact(31_000, What::Left(again, bye)));
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    31100 end AgentHungUp
    31100 clear
    ");
    assert_eq!(says(&world), Some(AgentHungUp), "it stayed for half a minute, over two connections");
}

#[test]
fn an_agent_that_moves_before_it_speaks_is_given_its_time() {
    let mut world = World::ringing().workers("telephony-agent", &[MUTE]);
    world.run(2_000);
    world.leaves(2_100, "PA_A0", Why::Moved);
    let mut again = guest("PA_A0b", GuestKind::Agent, Some(2_500));
    again.identity = "agent-AJ_0".into();
    world.tell(2_600, fact(2_500, What::Joined(again.clone())));
    world.tell(3_000, fact(3_000, What::Spoke(again)));
    world.run(10_000);
    assert_eq!(log(&world), "0 claim telephony-agent\n0 send 0 telephony-agent\n420 look");
    assert!(world.call.outcome.answered_at.is_some());
}

#[test]
fn an_agent_that_moved_and_never_came_back_is_replaced() {
    let lost = Worker { leaves: Some((10_000, Why::Moved)), ..WARM };
    let (log, _) = story(World::ringing().workers("telephony-agent", &[lost, WARM]), 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    20000 close 0 AgentLeft
    20000 claim telephony-agent in place
    20000 send 1 telephony-agent
    20420 look
    ");
}

#[test]
fn while_another_human_or_phone_is_with_the_caller_nothing_is_done() {
    for kind in [GuestKind::Person, GuestKind::Leg] {
        let says_goodbye = Worker { leaves: Some((6_000, Why::Itself)), ..WARM };
        let mut world = World::ringing().workers("telephony-agent", &[says_goodbye]);
        world.comes(5_000, &guest("PA_X", kind, Some(5_000)));
        world.leaves(50_000, "PA_X", Why::Itself);
        world.run(49_000);
        assert_eq!(log(&world), "0 claim telephony-agent\n0 send 0 telephony-agent\n420 look", "{kind:?}");
        world.run(90_000);
        assert_eq!(says(&world), Some(AgentHungUp), "the caller is not left alone");
    }
}

#[test]
fn a_caller_who_was_answered_by_one_nobody_told_of_is_not_left_alone() {
    let mut ring = leg("PA_1", 0);
    ring.active = true;
    let world = World::new(&[fact(0, What::Rang(Box::new(ring)))], answer("telephony-agent", None));
    let (log, world) = story(world.workers("telephony-agent", &[WARM]), 120_000);
    insta::assert_snapshot!(log, @"
    25000 claim telephony-agent in place
    25000 send 0 telephony-agent
    25420 look
    ");
    assert!(world.call.is_open());
}
