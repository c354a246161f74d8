//! A call's story as a person reads it.

use super::*;
use crate::call::attend::{Attempt, Closed};
use crate::call::timeline;

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
    let story: Vec<_> =
        timeline::of(&call).iter().map(|moment| format!("{} {}", since(moment.at), moment.what)).collect();
    insta::assert_snapshot!(story.join("\n"), @"
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
