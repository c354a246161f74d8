//! A call's story as a person reads it.

use super::*;
use crate::call::attend::{Attempt, Closed, Destination, RINGING, Settled, Transfer};
use crate::call::timeline;

fn told_of(call: &Call) -> String {
    let story = timeline::of(call).into_iter();
    story.map(|moment| format!("{} {}", since(moment.at), moment.what)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_call_tells_its_whole_story() {
    let mut call = call_of(&[rang(0)]);
    call.decided(answer("telephony-agent", Some("reception")));
    let mut first = Attempt::claim("telephony-agent".into(), ms(2), false);
    first.sent_at = Some(ms(8));
    first.closed = Some((ms(1_010), Closed::NobodyTook));
    let mut second = Attempt::claim("reception".into(), ms(1_011), false);
    second.sent_at = Some(ms(1_020));
    second.taken_at = Some(ms(2_030));
    call.attendance.attempts = vec![first, second];
    let mut agent = guest("PA_A", GuestKind::Agent, Some(1_400));
    agent.agent_name = Some("reception".into());
    for fact in [
        fact(1_400, What::Joined(agent.clone())),
        fact(1_470, What::Spoke(agent.clone())),
        fact(9_000, What::Joined(guest("PA_P", GuestKind::Person, Some(9_000)))),
        fact(9_500, What::Joined(guest("PA_L", GuestKind::Leg, Some(9_500)))),
        fact(20_000, What::Left(agent, Leave { at: secs(20), why: Why::Itself, leg: None })),
        fact(
            21_000,
            What::Left(
                guest("PA_L", GuestKind::Leg, None),
                Leave { at: secs(21), why: Why::Broke, leg: None },
            ),
        ),
        caller_left(30_200, Why::Itself, Some(Leg::Hangup)),
        fact(35_000, What::RoomEnded),
    ] {
        call.hear(&fact);
    }
    call.attendance.cleared_at = Some(ms(30_250));
    insta::assert_snapshot!(told_of(&call), @"
    0 +15551234567 rang +15557654321
    0 decided: telephony-agent answers
    8 dispatched telephony-agent
    1010 gave up on this dispatch of telephony-agent: no worker took it
    1020 dispatched reception
    1400 reception joined
    1470 answered
    2030 a worker took the dispatch of reception
    9000 somebody joined
    9500 another phone joined
    20000 reception left
    21000 another phone was cut off
    30000 the caller's leg left
    30000 completed: the caller hung up (caller_hung_up)
    30250 the room was cleared
    35000 the room was gone
    ");
}

#[test]
fn a_refused_call_of_a_withheld_caller_says_so() {
    let mut ring = leg("PA_1", 0);
    ring.caller = String::new();
    let mut call = call_of(&[fact(0, What::Rang(Box::new(ring)))]);
    call.decided(refusal(EndReason::CampaignFull));
    let story: Vec<_> = timeline::of(&call).into_iter().map(|moment| moment.what).collect();
    insta::assert_snapshot!(story.join("\n"), @"
    a withheld number rang +15557654321
    decided: refused, the campaign has all the calls it takes at once
    rejected: the campaign has all the calls it takes at once (campaign_full)
    ");
}

#[test]
fn what_operators_did_is_told_with_what_came_of_it() {
    let mut call = call_of(&[rang(0), joined(400, "PA_A"), spoke(470, "PA_A")]);
    call.decided(answer("telephony-agent", None));
    for (asked, how) in [
        (5_000, Some(Settled::Failed { sip_status: Some(486), why: "486 Busy Here".into() })),
        (15_000, Some(Settled::Unknown { why: "LiveKit did not answer in time".into() })),
        (25_000, None),
        (35_000, Some(Settled::Made)),
    ] {
        let to =
            Destination::read(if asked < 30_000 { "+14155550123" } else { "sip:desk@example.com" }).unwrap();
        let settled = how.map(|how| (ms(asked + 2_000), how));
        call.attendance.transfers.push(Transfer { settled, ..Transfer::ask(to, RINGING, ms(asked)) });
    }
    let without = call.clone();
    call.act(Act::Transferred, ms(37_000));
    insta::assert_snapshot!(told_of(&call), @"
    0 +15551234567 rang +15557654321
    0 decided: telephony-agent answers
    400 telephony-agent joined
    470 answered
    5000 a transfer to +14155550123 was asked for
    7000 the transfer to +14155550123 failed: 486 Busy Here
    15000 a transfer to +14155550123 was asked for
    17000 nobody knows whether the transfer to +14155550123 was made: LiveKit did not answer in time
    25000 a transfer to +14155550123 was asked for
    35000 a transfer to sip:desk@example.com was asked for
    37000 the transfer to sip:desk@example.com was made
    37000 completed: the caller was transferred (transferred)
    ");
    let mut call = without;
    call.act(Act::OperatorHungUp, ms(40_000));
    insta::assert_snapshot!(told_of(&call).lines().skip(10).collect::<Vec<_>>().join("\n"), @"
    37000 the transfer to sip:desk@example.com was made
    40000 the operator hung up
    40000 completed: an operator ended the call (operator_hung_up)
    ");
}
