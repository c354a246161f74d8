//! What operators do to a call: hanging up, and sending the caller on to somebody else.

use super::attending::{log, says, story};
use super::simulator::*;
use super::*;
use crate::call::EndReason::{AgentHungUp, CallerHungUp, OperatorCancelled, OperatorHungUp, Transferred};
use crate::call::attend::{self, Destination, Next, RINGING, Settled, Transfer};

/// What an operator orders.
#[derive(Clone, Debug)]
pub(super) enum Order {
    HangUp,
    Transfer(Fate),
}

/// What becomes of a transfer.
#[derive(Copy, Clone, Debug)]
pub(super) struct Fate {
    /// What LiveKit says of it, so long after it was asked; nothing is ever noted where whoever asked has died.
    pub says: Option<(i64, Said)>,
    /// The caller is taken away so long after it was asked, its leg in this state.
    pub leaves: Option<(i64, Option<Leg>)>,
}

/// What LiveKit says of a transfer.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Said {
    Made,
    Failed,
    Unknown,
}

impl World {
    pub(super) fn orders(&mut self, at: i64, order: Order) {
        self.plan(at, Event::Operator(order));
    }

    pub(super) fn operate(&mut self, at: i64, order: Order) {
        let answered = self.call.outcome.answered_at.is_some();
        match order {
            Order::HangUp => {
                let act = if answered { Act::OperatorHungUp } else { Act::OperatorCancelled };
                self.note(format!("operator {act:?}"));
                self.call.act(act, ms(at));
            }
            Order::Transfer(fate)
                if answered && self.room && self.call.attendance.transfer_under_way(ms(at)).is_none() =>
            {
                self.note("operator transfers".into());
                let to = Destination::read("+14155550123").unwrap();
                let index = self.call.attendance.transfers.len();
                self.call.attendance.transfers.push(Transfer::ask(to, RINGING, ms(at)));
                if let Some((after, said)) = fate.says {
                    let why = "so it was".to_owned();
                    let how = match said {
                        Said::Made => Settled::Made,
                        Said::Failed => Settled::Failed { sip_status: None, why },
                        Said::Unknown => Settled::Unknown { why },
                    };
                    self.plan(at + after, Event::Settle(index, how));
                }
                if let Some((after, state)) = fate.leaves {
                    self.plan(at + after, Event::SentOn(state));
                }
            }
            Order::Transfer(_) => {}
        }
    }
}

fn answered() -> World {
    World::ringing().workers("telephony-agent", &[WARM])
}

/// The agent says goodbye at this moment, and no other can be had.
fn handed_over(at: i64) -> World {
    let goes = Worker { leaves: Some((at - 400, Why::Itself)), ..WARM };
    World::ringing().workers("telephony-agent", &[goes, WARM])
}

fn says_after(after: i64, said: Said) -> Fate {
    Fate { says: Some((after, said)), leaves: None }
}

#[test]
fn a_call_that_an_operator_hangs_up_is_cleared_once() {
    let mut world = answered();
    world.orders(20_000, Order::HangUp);
    world.orders(20_500, Order::HangUp);
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    20000 operator OperatorHungUp
    20000 clear
    ");
    assert_eq!(says(&world), Some(OperatorHungUp));
}

#[test]
fn a_call_that_still_rings_is_cancelled_and_a_ghost_of_it_is_cleared_away() {
    let mut world = answered();
    world.orders(100, Order::HangUp);
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    100 operator OperatorCancelled
    100 clear
    ");
    assert_eq!(says(&world), Some(OperatorCancelled));
    let mut call = world.call;
    assert_eq!(attend::next(&call, &TIMING, secs(60)), Next::Done);
    call.attendance.sent(0, "AD_late".into(), secs(60));
    assert_eq!(attend::next(&call, &TIMING, secs(60)), Next::Clear, "a dispatch got through after all");
}

#[test]
fn an_askers_room_is_cleared_only_for_an_operator() {
    let asked_in_a_room = told(0, What::Rang(Box::new(question(0))));
    let over = told(9_000, What::Ended { call: Some("ask-1".into()), duration: None });
    let mut world = World::new(&[asked_in_a_room.clone(), over], answer("telephony-agent", None));
    world.run(60_000);
    assert_eq!(log(&world), "");
    let mut world = World::new(&[asked_in_a_room], answer("telephony-agent", None));
    world.orders(9_000, Order::HangUp);
    world.run(60_000);
    insta::assert_snapshot!(log(&world), @"
    9000 operator OperatorCancelled
    9000 clear
    ");
    let mut world = World::new(&[asked(0)], answer("telephony-agent", None));
    world.orders(9_000, Order::HangUp);
    world.run(60_000);
    assert_eq!(
        (log(&world).as_str(), says(&world)),
        ("9000 operator OperatorCancelled", Some(OperatorCancelled))
    );
}

#[test]
fn a_caller_who_was_sent_on_leaves_nobody_behind() {
    for leaves in [Some((4_800, Some(Leg::Hangup))), Some((5_700, Some(Leg::Active))), None] {
        let mut world = answered();
        world.orders(20_000, Order::Transfer(Fate { says: Some((5_000, Said::Made)), leaves }));
        world.run(60_000);
        assert_eq!(says(&world), Some(Transferred), "{leaves:?}");
        let cleared = world.log.iter().filter(|line| line.ends_with("clear")).count();
        assert_eq!(cleared, 1, "{leaves:?}: {:#?}", world.log);
    }
}

#[test]
fn a_leave_that_is_told_before_livekits_answer_is_corrected() {
    let mut world = answered();
    let fate = Fate { says: Some((5_000, Said::Made)), leaves: Some((4_000, Some(Leg::Hangup))) };
    world.orders(20_000, Order::Transfer(fate));
    world.run(24_500);
    assert_eq!(says(&world), Some(CallerHungUp));
    world.run(60_000);
    assert_eq!(says(&world), Some(Transferred));
    assert_eq!(world.call.outcome.ended_at, Some(secs(24)), "the leg's time");
}

#[test]
fn an_agent_that_leaves_while_the_caller_is_on_its_way_has_not_hung_up() {
    let mut world = handed_over(22_000);
    world.orders(20_000, Order::Transfer(says_after(15_000, Said::Made)));
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    20000 operator transfers
    35000 transfer 0 was made
    35000 clear
    ");
    assert_eq!(says(&world), Some(Transferred));
}

#[test]
fn a_transfer_that_fails_leaves_the_call_as_it_was() {
    let mut world = answered();
    world.orders(20_000, Order::Transfer(says_after(15_000, Said::Failed)));
    world.hangs_up(60_000);
    let (log, world) = story(world, 90_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    20000 operator transfers
    35000 transfer 0 failed
    60020 clear
    ");
    assert_eq!(says(&world), Some(CallerHungUp));
}

#[test]
fn when_the_agent_left_for_a_transfer_that_fails_the_caller_gets_an_agent_again() {
    let mut world = handed_over(22_000);
    world.orders(20_000, Order::Transfer(says_after(15_000, Said::Failed)));
    let (log, world) = story(world, 60_000);
    insta::assert_snapshot!(log, @"
    0 claim telephony-agent
    0 send 0 telephony-agent
    420 look
    20000 operator transfers
    35000 transfer 0 failed
    35000 close 0 AgentLeft
    35000 claim telephony-agent in place
    35000 send 1 telephony-agent
    35420 look
    ");
    assert!(world.call.is_open());
    // Long after, a goodbye is one again.
    let mut world = handed_over(22_000);
    world.orders(10_000, Order::Transfer(says_after(2_000, Said::Failed)));
    world.run(60_000);
    assert_eq!(says(&world), Some(AgentHungUp));
}

#[test]
fn a_transfer_of_which_nobody_hears_again_keeps_nothing_up_for_long() {
    for says in [None, Some((3_000, Said::Unknown))] {
        let mut world = handed_over(22_000);
        world.orders(20_000, Order::Transfer(Fate { says, leaves: None }));
        world.run(59_900);
        assert!(!world.log.iter().any(|line| line.contains("in place")), "{says:?}: {:#?}", world.log);
        world.run(90_000);
        let again = world.log.iter().find(|line| line.contains("in place"));
        assert_eq!(again.map(String::as_str), Some("60000 claim telephony-agent in place"), "{says:?}");
        assert!(world.call.is_open());
    }
}

#[test]
fn a_second_transfer_waits_for_the_first_and_what_is_certain_stays() {
    let mut attendance = attend::Attendance::default();
    let to = Destination::read("sip:desk@example.com").unwrap();
    attendance.transfers.push(Transfer::ask(to, RINGING, secs(0)));
    assert!(attendance.transfer_under_way(secs(0)).is_some());
    let unknown = Settled::Unknown { why: "no answer in time".into() };
    attendance.settle_transfer(0, unknown, secs(35));
    assert!(attendance.transfer_under_way(secs(39)).is_some(), "it may still be made");
    assert!(attendance.transfer_under_way(secs(40)).is_none());
    let failed = Settled::Failed { sip_status: Some(486), why: "486 Busy Here".into() };
    attendance.settle_transfer(0, failed.clone(), secs(36));
    assert!(attendance.transfer_under_way(secs(37)).is_none());
    attendance.settle_transfer(0, Settled::Made, secs(38));
    assert_eq!(attendance.transfers[0].settled, Some((secs(36), failed)));
    attendance.settle_transfer(7, Settled::Made, secs(38));
}
