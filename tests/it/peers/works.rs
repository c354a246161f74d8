//! The real parts themselves: that they do what the tests of calls rely on.

use std::time::Duration;

use serde_json::{Value, json};

use super::phone::How;
use super::{Act, AgentProcess, Behaviour, Call, Phone, PhoneHost, RealLiveKit};
use crate::proxy::{Fate, Proxy, Seen};

/// Long enough for a machine that does much else; nothing that goes well takes a second of it.
const SOON: Duration = Duration::from_secs(60);
const TO: &str = "+14155550123";

/// LiveKit with a proxy for its webhooks that has nothing behind it and answers 200.
async fn livekit() -> Option<(RealLiveKit, Proxy)> {
    let webhooks = Proxy::start().await;
    webhooks.always(Fate::Answer(200), |_| true);
    let livekit = RealLiveKit::start(&[&format!("{}/events", webhooks.url)]).await?;
    Some((livekit, webhooks))
}

fn of_room<'a>(event: &'a str, room: &'a str) -> impl Fn(&Seen) -> bool + 'a {
    move |seen| seen.is_event(event) && seen.json()["room"]["name"] == room
}

/// Sends an agent to a phone that rings, and again when none came, as Switchboard will: on a busy machine
/// LiveKit finds no worker in time, and does not look again.
async fn answered(livekit: &RealLiveKit, agent: &str, phone: &Phone) {
    for _ in 0..5 {
        livekit.dispatch(&phone.room, agent, "{}").await;
        if phone.answered(Duration::from_secs(5)).await.is_ok() {
            return;
        }
    }
    phone.answered(SOON).await.expect("an answer");
}

#[tokio::test]
async fn a_phone_joins_as_a_sip_caller_is_answered_and_hangs_up() {
    let Some((livekit, webhooks)) = livekit().await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let agent = AgentProcess::start(&livekit, "telephony-agent", Behaviour::answers()).await;
    let phone = phones.call(TO, "+14155550001").await;

    let joined = webhooks.until_seen(SOON, of_room("participant_joined", &phone.room)).await.unwrap().json();
    assert_eq!(joined["participant"]["kind"], "SIP");
    assert_eq!(joined["participant"]["sid"], phone.participant);
    assert_eq!(joined["participant"]["identity"], phone.identity);
    assert_eq!(joined["room"]["sid"], phone.room_sid);
    let attributes = &joined["participant"]["attributes"];
    assert_eq!(attributes["sip.callID"], phone.call_id);
    assert_eq!(attributes["sip.callStatus"], "ringing");
    assert_eq!(attributes["sip.trunkPhoneNumber"], TO);

    livekit.dispatch(&phone.room, "telephony-agent", r#"{"call_id":"c"}"#).await;
    let answer = phone.answered(SOON).await.unwrap();
    let job = agent.job(&phone.room, SOON).await.unwrap();
    assert_eq!(answer.by, format!("agent-{}", job.id));
    assert_eq!(job.metadata, r#"{"call_id":"c"}"#);
    assert_eq!(job.attributes, json!({"sent_by": "hand"}));
    assert_eq!(job.room_sid, phone.room_sid);
    assert_eq!(livekit.dispatches(&phone.room).await[0]["id"], job.dispatch);
    assert_eq!(livekit.agents(&phone.room).await, std::slice::from_ref(&answer.by));
    assert!(answer.at > phone.joined_at && job.at > phone.joined_at);

    phone.hang_up();
    assert_eq!(phone.ended(SOON).await.unwrap().how, How::HungUp);
    let left = webhooks.until_seen(SOON, of_room("participant_left", &phone.room)).await.unwrap().json();
    assert_eq!(left["participant"]["attributes"]["sip.callStatus"], "hangup");
    assert_eq!(left["participant"]["disconnectReason"], "CLIENT_INITIATED");
    agent.moment(&job, "left", SOON).await.unwrap();
    webhooks.until_seen(SOON, of_room("room_finished", &phone.room)).await.unwrap();
}

#[tokio::test]
async fn agents_say_goodbye_fail_are_removed_and_end_calls_as_told() {
    let Some((livekit, webhooks)) = livekit().await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let moment = Duration::from_millis(500);
    let acts = [Act::Goodbye, Act::Raise, Act::DeleteRoom].map(|act| Behaviour::acts_after(act, moment));
    let jobs = acts.into_iter().chain([Behaviour::mute(), Behaviour::answers()]).collect();
    let agent = AgentProcess::script(&livekit, "telephony-agent", jobs).await;

    for act in ["goodbye", "raise"] {
        let phone = phones.call(TO, "+14155550001").await;
        answered(&livekit, "telephony-agent", &phone).await;
        let job = agent.job(&phone.room, SOON).await.unwrap();
        agent.moment(&job, "left", SOON).await.unwrap();
        let left = webhooks.until_seen(SOON, of_room("participant_left", &phone.room)).await.unwrap().json();
        assert_eq!(left["participant"]["disconnectReason"], "CLIENT_INITIATED", "{act}");
        assert!(phone.has_ended().is_none(), "the caller stays in silence");
    }

    let phone = phones.call(TO, "+14155550001").await;
    answered(&livekit, "telephony-agent", &phone).await;
    assert_eq!(phone.ended(SOON).await.unwrap().how, How::PutOut("ROOM_DELETED".into()));

    let patient = phones.place(Call::new(TO, "+14155550001").ring_for(Duration::from_secs(2))).await;
    livekit.dispatch(&patient.room, "telephony-agent", "{}").await;
    let job = agent.job(&patient.room, SOON).await.unwrap();
    agent.moment(&job, "connected", SOON).await.unwrap();
    patient.answered(SOON).await.expect_err("a mute agent is no answer, and the phone gives up");
    assert_eq!(patient.ended(SOON).await.unwrap().how, How::GaveUp);

    let phone = phones.call(TO, "+14155550001").await;
    answered(&livekit, "telephony-agent", &phone).await;
    livekit.remove(&phone.room, &livekit.agents(&phone.room).await[0]).await;
    let job = agent.job(&phone.room, SOON).await.unwrap();
    agent.moment(&job, "left", SOON).await.unwrap();
    assert!(phone.has_ended().is_none());
    livekit.delete_room(&phone.room).await;
    assert_eq!(phone.ended(SOON).await.unwrap().how, How::PutOut("ROOM_DELETED".into()));
    assert_eq!(agent.jobs().len(), 5);
    assert!(livekit.rooms().await.iter().all(|room| room["name"] != phone.room.as_str()));
}

#[tokio::test]
async fn an_agent_is_told_to_act_and_one_that_comes_late_makes_the_room_anew() {
    let Some((livekit, webhooks)) = livekit().await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let late = Behaviour::connects_after(Duration::from_secs(2));
    let agent = AgentProcess::script(&livekit, "telephony-agent", vec![Behaviour::answers(), late]).await;

    let phone = phones.call(TO, "+14155550001").await;
    answered(&livekit, "telephony-agent", &phone).await;
    let job = agent.job(&phone.room, SOON).await.unwrap();
    agent.act(&job, Act::DeleteRoom);
    let ended = phone.ended(SOON).await.unwrap();
    assert_eq!(ended.how, How::PutOut("ROOM_DELETED".into()));
    assert!(ended.at - agent.moment(&job, "acting", SOON).await.unwrap() < 1.0);

    let phone = phones.call(TO, "+14155550002").await;
    livekit.dispatch(&phone.room, "telephony-agent", "{}").await;
    let job = agent.job(&phone.room, SOON).await.unwrap();
    phone.hang_up();
    phone.ended(SOON).await.unwrap();
    livekit.delete_room(&phone.room).await;
    agent.moment(&job, "connected", SOON).await.unwrap();
    let ghost = |seen: &Seen| {
        of_room("room_started", &phone.room)(seen) && seen.json()["room"]["sid"] != phone.room_sid
    };
    webhooks.until_seen(SOON, ghost).await.unwrap();
    assert_eq!(livekit.participants(&phone.room).await.len(), 1);
}

#[tokio::test]
async fn a_full_worker_takes_no_job_until_its_load_falls() {
    let Some((livekit, _webhooks)) = livekit().await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let agent = AgentProcess::loaded(&livekit, "telephony-agent", 1.0).await;
    let phone = phones.call(TO, "+14155550001").await;
    livekit.dispatch(&phone.room, "telephony-agent", "{}").await;
    agent.job(&phone.room, Duration::from_secs(2)).await.expect_err("it is full");

    agent.set_load(0.0, Duration::from_millis(100));
    let mut tries = 0;
    while agent.job(&phone.room, Duration::from_millis(500)).await.is_err() {
        tries += 1;
        assert!(tries < 12, "the worker stays full");
        livekit.dispatch(&phone.room, "telephony-agent", "{}").await;
    }
    phone.answered(SOON).await.unwrap();
}

#[tokio::test]
async fn a_killed_agent_is_noticed_after_twenty_seconds_and_another_takes_over() {
    let Some((livekit, webhooks)) = livekit().await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let agent = AgentProcess::with_processes(&livekit, "telephony-agent").await;
    let phone = phones.call(TO, "+14155550001").await;
    answered(&livekit, "telephony-agent", &phone).await;
    agent.kill(&agent.job(&phone.room, SOON).await.unwrap());

    let a_while = Duration::from_secs(40);
    let left = webhooks.until_seen(a_while, of_room("participant_left", &phone.room)).await.unwrap().json();
    assert_eq!(left["participant"]["disconnectReason"], "CONNECTION_TIMEOUT");
    livekit.dispatch(&phone.room, "telephony-agent", "{}").await;
    let two = async {
        while agent.jobs().len() < 2 {
            agent.moment(&agent.jobs()[0], "never", Duration::from_millis(50)).await.unwrap_err();
        }
    };
    tokio::time::timeout(SOON, two).await.unwrap();
    agent.moment(&agent.jobs()[1], "published", SOON).await.unwrap();
    assert!(phone.has_ended().is_none());
}

#[tokio::test]
async fn twenty_phones_ring_at_once_and_five_are_answered() {
    let webhooks = Proxy::start().await;
    webhooks.always(Fate::Answer(200), |_| true);
    let Some(livekit) = RealLiveKit::start_alone(&[&webhooks.url]).await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let _agent = AgentProcess::start(&livekit, "telephony-agent", Behaviour::answers()).await;
    let began = std::time::Instant::now();
    let callers: Vec<String> = (0..20).map(|n| format!("+141555501{n:02}")).collect();
    let ringing = phones.place_all(callers.iter().map(|from| Call::new(TO, from))).await;
    let rang = began.elapsed();

    for phone in &ringing[..5] {
        livekit.dispatch(&phone.room, "telephony-agent", "{}").await;
    }
    for phone in &ringing[..5] {
        if phone.answered(SOON).await.is_err() {
            answered(&livekit, "telephony-agent", phone).await;
        }
    }
    let answered_after = began.elapsed();
    for phone in &ringing[5..] {
        webhooks.until_seen(SOON, of_room("participant_joined", &phone.room)).await.unwrap();
        livekit.delete_room(&phone.room).await;
    }
    for phone in &ringing[5..] {
        assert_eq!(phone.ended(SOON).await.unwrap().how, How::PutOut("ROOM_DELETED".into()));
    }
    println!(
        "20 ringing after {rang:.1?}, 5 answered after {answered_after:.1?}, all after {:.1?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_second_leg_and_a_browser_join_the_callers_room() {
    let Some((livekit, webhooks)) = livekit().await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let caller = phones.place(Call::new(TO, "+14155550001").trunk("ST_main")).await;
    let leg = Call::new("+14155550199", TO).room(&caller.room).outbound_leg();
    let leg = phones.place(leg.attribute("sip.hostname", None).attribute("sip.h.x-note", Some("leg"))).await;
    let browser = Call::new(TO, "browser").room(&caller.room).standard().identity("supervisor");
    let browser = phones.place(browser).await;

    let joined = |participant: String| {
        move |seen: &Seen| {
            seen.is_event("participant_joined") && seen.json()["participant"]["sid"] == participant.as_str()
        }
    };
    let seen = webhooks.until_seen(SOON, joined(leg.participant.clone())).await.unwrap().json();
    let attributes = &seen["participant"]["attributes"];
    assert_eq!(attributes["sip.callStatus"], "dialing");
    assert_eq!(attributes["sip.ruleID"], Value::Null);
    assert_eq!(attributes["sip.hostname"], Value::Null);
    assert_eq!(attributes["sip.h.x-note"], "leg");
    let seen = webhooks.until_seen(SOON, joined(browser.participant.clone())).await.unwrap().json();
    assert_eq!(seen["participant"]["identity"], "supervisor");
    assert_eq!(seen["participant"]["kind"], Value::Null, "a standard participant's kind is left out");
    browser.vanish();
    assert_eq!(browser.ended(SOON).await.unwrap().how, How::Vanished);
}

#[tokio::test]
async fn webhooks_pass_through_the_proxy_to_a_backend_that_starts_later() {
    let backend = Proxy::start().await;
    backend.always(Fate::Answer(200), |_| true);
    let between = Proxy::start().await;
    between.next(Fate::Hold, |seen| seen.is_event("room_started"));
    let Some(livekit) = RealLiveKit::start(&[&between.url]).await else { return };
    let phones = PhoneHost::start(&livekit).await;
    let phone = phones.call(TO, "+14155550001").await;

    between.until_held(SOON).await.unwrap().pass();
    assert!(backend.seen().is_empty());
    between.set_target(Some(&backend.url));
    backend.until_seen(SOON, of_room("participant_joined", &phone.room)).await.unwrap();
}
