//! Getting an agent onto the call, keeping one there and clearing up, before a pretend LiveKit ten times as fast as
//! the real one.

use std::time::Duration;

use livekit::fake::{Behaviour, CallFault, End, Fake, Guest, Phone, SeenCall, WebhookFault};
use livekit::webhook::Event;
use livekit::{Kind, NewDispatch};
use serde_json::Value;
use switchboard::call::{Call, EndReason, Status};

use crate::app::Setup;
use crate::on_both_databases;
use crate::routing::{self, eventually};
use crate::world::{SOON, World, a_call};

on_both_databases! {
    async fn the_agent_answers_and_the_caller_hangs_up(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        let call = world.call(&phone, in_progress).await;
        let agent = &worker.jobs()[0];
        let metadata: Value = serde_json::from_str(&agent.metadata).unwrap();
        assert_eq!((&metadata["call_id"], &metadata["tenant_id"]), (&Value::from(&*call.id), &Value::from("tnt_1")));
        assert_eq!(agent.attributes["caller"], "+15551234567");
        phone.hang_up().await;
        let call = world.ended(&phone).await;
        assert_eq!(how(&call), (Status::Completed, EndReason::CallerHungUp));
        world.room_gone(&phone).await;
        assert_eq!(world.sent(&phone), ["telephony-agent"]);
        world.stop().await;
    }

    async fn a_refused_caller_is_put_out_at_once(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let mut call = a_call();
        call.to = "+15550000000".into();
        let phone = world.livekit.phone(call);
        assert_eq!(phone.ended().await, End { reason: "ROOM_DELETED", answered: false });
        let call = world.ended(&phone).await;
        assert_eq!(how(&call), (Status::Rejected, EndReason::UnknownNumber));
        world.room_gone(&phone).await;
        assert_eq!((world.sent(&phone).len(), world.app.leads().await.len()), (0, 0));
        world.stop().await;
    }

    async fn where_nobody_runs_the_agent_the_fallback_answers(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let fallback = world.livekit.worker("reception", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        let sent = world.sent(&phone);
        assert_eq!((sent[0].as_str(), sent.last().unwrap().as_str()), ("telephony-agent", "reception"));
        assert_eq!((fallback.jobs().len(), agents(&world.livekit, &phone)), (1, 1));
        phone.hang_up().await;
        world.ended(&phone).await;
        world.stop().await;
    }

    async fn a_mute_agent_is_no_answer_and_makes_way_for_the_fallback(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let mute = world.livekit.worker("telephony-agent", Behaviour::mute());
        let fallback = world.livekit.worker("reception", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        let call = world.call(&phone, in_progress).await;
        assert_eq!((mute.jobs().len(), fallback.jobs().len()), (1, 1), "{:?}", call.attendance);
        assert!(world.livekit.until(|_| mute.agents().is_empty(), SOON).await, "the mute one is put out");
        assert_eq!((agents(&world.livekit, &phone), fallback.agents().len()), (1, 1));
        phone.hang_up().await;
        let call = world.ended(&phone).await;
        assert_eq!(how(&call), (Status::Completed, EndReason::CallerHungUp));
        world.stop().await;
    }

    async fn an_agent_that_is_removed_is_replaced(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        world.livekit.remove(phone.room(), &worker.jobs()[0].identity);
        assert!(world.livekit.until(|_| worker.agents().len() == 1 && worker.jobs().len() == 2, SOON).await);
        assert_eq!(world.sent(&phone).len(), 2);
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        world.stop().await;
    }

    async fn an_agent_whose_process_is_killed_is_replaced(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        assert!(worker.kill_agent(phone.room()));
        assert!(world.livekit.until(|_| worker.jobs().len() == 2 && worker.jobs()[1].is_present, SOON).await);
        assert!(world.livekit.until(|livekit| agents(livekit, &phone) == 1, SOON).await);
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        assert_eq!(world.sent(&phone).len(), 2);
        world.stop().await;
    }

    async fn an_agent_that_fails_twice_is_lost(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::raises_after(Duration::from_millis(300)));
        let phone = world.rings();
        assert_eq!(phone.ended().await, End { reason: "ROOM_DELETED", answered: true });
        assert_eq!(how(&world.ended(&phone).await), (Status::Failed, EndReason::AgentLost));
        assert_eq!((worker.jobs().len(), world.sent(&phone).len()), (2, 2), "replaced once");
        world.room_gone(&phone).await;
        assert_eq!(world.app.leads().await[0].status, "missed");
        world.stop().await;
    }

    async fn an_agent_that_says_goodbye_has_hung_up(setup: Setup) {
        // LiveKit says when it left in whole seconds, so this is not a matter of tenths.
        let Some(world) = World::start(setup.with("SWITCHBOARD_CALLS__AGENT_SETTLED", "1s")).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::says_goodbye_after(Duration::from_millis(2300)));
        let phone = world.rings();
        assert_eq!(phone.ended().await, End { reason: "ROOM_DELETED", answered: true });
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::AgentHungUp));
        assert_eq!((worker.jobs().len(), world.sent(&phone).len()), (1, 1));
        world.room_gone(&phone).await;
        assert_eq!(world.app.leads().await[0].status, "completed");
        world.stop().await;
    }

    async fn an_agent_that_deletes_the_room_has_hung_up(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let _worker = world.livekit.worker("telephony-agent", Behaviour::hangs_up_after(Duration::from_millis(500)));
        let phone = world.rings();
        assert_eq!(phone.ended().await, End { reason: "ROOM_DELETED", answered: true });
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::AgentHungUp));
        assert_eq!(world.sent(&phone).len(), 1);
        world.stop().await;
    }

    async fn with_another_person_on_the_call_nothing_is_done_when_the_agent_leaves(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        let visit = world.livekit.join(phone.room(), Guest::person("alice")).unwrap();
        world.call(&phone, |call| call.evidence.others().count() == 2).await;
        world.livekit.remove(phone.room(), &worker.jobs()[0].identity);
        world.call(&phone, |call| call.evidence.others().any(|(_, guest)| guest.left.is_some())).await;
        assert_eq!((phone.end(), world.sent(&phone).len()), (None, 1));
        visit.leave();
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        world.stop().await;
    }

    async fn a_caller_whom_nobody_answers_is_put_out(setup: Setup) {
        let Some(world) = World::start(setup.with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "2500ms")).await else { return };
        let phone = world.rings();
        assert_eq!(phone.ended().await, End { reason: "ROOM_DELETED", answered: false });
        assert_eq!(how(&world.ended(&phone).await), (Status::Missed, EndReason::AgentNeverJoined));
        world.room_gone(&phone).await;
        let sent = world.sent(&phone);
        let (agent, fallback) = ("telephony-agent", "reception");
        let wanted = [agent, agent, fallback, agent, fallback];
        assert!((4..=5).contains(&sent.len()) && sent == wanted[..sent.len()], "{sent:?}");
        assert_eq!(world.app.leads().await[0].status, "missed");
        world.stop().await;
    }

    async fn the_platform_may_end_the_ringing_first(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let mut call = a_call();
        call.ringing_timeout = Some(Duration::from_millis(500));
        let phone = world.livekit.phone(call);
        assert_eq!(phone.ended().await, End { reason: "CLIENT_INITIATED", answered: false });
        assert_eq!(how(&world.ended(&phone).await), (Status::Missed, EndReason::RingTimeout));
        world.room_gone(&phone).await;
        world.stop().await;
    }

    async fn an_agent_that_comes_after_the_caller_gave_up_is_cleared_away(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let late = Behaviour::answers().joining_after(Duration::from_secs(1));
        let worker = world.livekit.worker("telephony-agent", late);
        let phone = world.rings();
        assert!(world.livekit.until(|_| worker.jobs().len() == 1, SOON).await);
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Missed, EndReason::CallerGaveUp));
        assert!(world.livekit.until(|_| worker.jobs()[0].is_present, SOON).await, "its token is good for an hour");
        world.room_gone(&phone).await;
        assert!(world.livekit.until(|_| worker.agents().is_empty(), SOON).await);
        assert_eq!(world.app.calls().await.len(), 1);
        world.stop().await;
    }

    async fn a_ghost_whose_webhook_was_lost_is_cleared_away_too(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers().joining_after(Duration::from_secs(1)));
        let phone = world.rings();
        assert!(world.livekit.until(|_| worker.jobs().len() == 1, SOON).await);
        world.livekit.faults().every_webhook(|event| event.event == "participant_joined" || event.event == "room_started", WebhookFault::Lost);
        phone.hang_up().await;
        world.ended(&phone).await;
        assert!(world.livekit.until(|_| worker.jobs()[0].is_present, SOON).await);
        world.room_gone(&phone).await;
        world.stop().await;
    }

    async fn a_ring_whose_webhook_was_lost_is_answered_all_the_same(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let _worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        world.livekit.faults().next_webhook(|event| is(event, "participant_joined", "sip_"), WebhookFault::Lost);
        let phone = world.rings();
        assert!(phone.answered().await);
        let call = world.call(&phone, in_progress).await;
        let late = call.outcome.answered_at.unwrap().since(call.outcome.rang_at);
        assert!(late < Duration::from_secs(10), "{late:?}");
        assert_eq!(world.sent(&phone), ["telephony-agent"]);
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        assert_eq!(world.app.leads().await[0].attempts, 1);
        world.stop().await;
    }

    async fn a_call_whose_end_nobody_told_us_is_ended_by_reconcile(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let _worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        world.livekit.faults().every_webhook(|_| true, WebhookFault::Lost);
        phone.hang_up().await;
        let call = world.ended(&phone).await;
        assert_eq!(how(&call), (Status::Failed, EndReason::Reconciled));
        world.stop().await;
    }

    async fn an_agent_that_is_told_of_late_stays_alone(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        no_fallback(&world).await;
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        world.livekit.faults().next_webhook(|event| is(event, "participant_joined", "agent-"), WebhookFault::Delayed(Duration::from_millis(700)));
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        assert!(world.livekit.until(|livekit| agents(livekit, &phone) == 1, SOON).await);
        eventually("one stays", async || agents(&world.livekit, &phone) == 1 && worker.agents().len() == 1).await;
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        world.room_gone(&phone).await;
        world.stop().await;
    }

    async fn webhooks_that_come_twice_make_no_second_agent(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        world.livekit.faults().every_webhook(|_| true, WebhookFault::Doubled);
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        assert_eq!((world.sent(&phone).len(), worker.jobs().len(), world.app.calls().await.len()), (1, 1, 1));
        world.stop().await;
    }

    async fn a_dispatch_that_failed_after_it_was_done_is_looked_up_and_not_sent_again(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        world.livekit.faults().next_call(creates, CallFault::FailsAfter);
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        assert_eq!((world.sent(&phone).len(), worker.jobs().len(), agents(&world.livekit, &phone)), (1, 1, 1));
        let looked = world.livekit.calls().iter().any(|call| call.method.ends_with("ListDispatch") && call.room == phone.room());
        assert!(looked);
        phone.hang_up().await;
        world.ended(&phone).await;
        world.stop().await;
    }

    async fn a_dispatch_that_failed_before_it_was_done_is_sent_again(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        for fault in [CallFault::FailsBefore, CallFault::TooMany, CallFault::FailsBefore] {
            world.livekit.faults().next_call(creates, fault);
        }
        let phone = world.rings();
        assert!(phone.answered().await);
        assert_eq!((world.sent(&phone).len(), worker.jobs().len()), (1, 1));
        phone.hang_up().await;
        world.ended(&phone).await;
        world.stop().await;
    }

    async fn a_dispatch_whose_answer_is_held_is_looked_up(setup: Setup) {
        let Some(world) = World::start(setup.with("SWITCHBOARD_LIVEKIT__DEFAULT__TIMEOUT", "300ms")).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let held = world.livekit.faults().next_call(creates, CallFault::HeldAfter);
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        held.release();
        phone.hang_up().await;
        world.ended(&phone).await;
        assert_eq!((world.sent(&phone).len(), worker.jobs().len()), (1, 1));
        world.stop().await;
    }

    async fn a_dispatch_that_was_held_and_comes_late_brings_no_second_agent(setup: Setup) {
        let Some(world) = World::start(setup.with("SWITCHBOARD_LIVEKIT__DEFAULT__TIMEOUT", "300ms")).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let held = world.livekit.faults().next_call(creates, CallFault::HeldBefore);
        let phone = world.rings();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        held.release();
        assert!(world.livekit.until(|_| world.sent(&phone).len() == 2, SOON).await, "the held one came");
        assert!(world.livekit.until(|_| worker.jobs().len() == 2, SOON).await);
        assert!(world.livekit.until(|livekit| agents(livekit, &phone) == 2, SOON).await, "for a moment there are two");
        assert!(world.livekit.until(|livekit| agents(livekit, &phone) == 1, SOON).await, "the second is put out");
        assert_eq!(phone.end(), None);
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        world.stop().await;
    }

    async fn a_worker_that_was_full_takes_the_call_when_it_has_room(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        no_fallback(&world).await;
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        worker.set_full(true);
        let phone = world.rings();
        assert!(world.livekit.until(|_| world.sent(&phone).len() >= 3, SOON).await);
        assert!(worker.jobs().is_empty());
        worker.set_full(false);
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        assert_eq!((worker.jobs().len(), agents(&world.livekit, &phone)), (1, 1));
        phone.hang_up().await;
        world.ended(&phone).await;
        world.stop().await;
    }

    async fn where_livekits_rule_names_the_agent_nobody_else_is_sent(setup: Setup) {
        let Some(world) = World::start(setup.with("SWITCHBOARD_CALLS__STATIC_WAIT", "1s")).await else { return };
        let worker = world.livekit.worker("ruled", Behaviour::answers());
        let mut call = a_call();
        call.attributes.insert("routed".into(), "static".into());
        let phone = world.livekit.phone(call);
        assert!(phone.joined().await);
        let dispatch = NewDispatch { agent_name: "ruled".into(), room: phone.room().into(), ..NewDispatch::default() };
        world.livekit.client().unwrap().create_dispatch(&dispatch).await.unwrap();
        assert!(phone.answered().await);
        world.call(&phone, in_progress).await;
        phone.hang_up().await;
        world.ended(&phone).await;
        assert_eq!((world.sent(&phone), worker.jobs().len()), (vec!["ruled".to_owned()], 1));
        world.stop().await;
    }

    async fn where_livekits_rule_brings_nobody_an_agent_is_sent(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        let mut call = a_call();
        call.attributes.insert("routed".into(), "static".into());
        let phone = world.livekit.phone(call);
        assert!(phone.answered().await);
        assert_eq!((world.sent(&phone).len(), worker.jobs().len()), (1, 1));
        phone.hang_up().await;
        world.ended(&phone).await;
        world.stop().await;
    }

    async fn twenty_phones_at_once_on_three_places_are_three_answered_and_three_more_later(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        for round in 0..2 {
            let many = if round == 0 { 20 } else { 3 };
            let phones: Vec<Phone> = (0..many).map(|_| world.rings()).collect();
            let settled = |phone: &Phone| phone.is_answered() || phone.end().is_some();
            assert!(world.livekit.until(|_| phones.iter().all(settled), SOON).await);
            let answered: Vec<&Phone> = phones.iter().filter(|phone| phone.is_answered()).collect();
            assert_eq!(answered.len(), 3, "in round {round}");
            for phone in phones.iter().filter(|phone| !phone.is_answered()) {
                assert_eq!(how(&world.ended(phone).await), (Status::Rejected, EndReason::CampaignFull));
                assert_eq!(phone.ended().await.reason, "ROOM_DELETED");
            }
            for phone in &answered {
                phone.hang_up().await;
                assert_eq!(how(&world.ended(phone).await), (Status::Completed, EndReason::CallerHungUp));
            }
        }
        assert_eq!((worker.jobs().len(), world.livekit.dispatches().len()), (6, 6));
        let written = world.app.written().await;
        assert_eq!((written.calls, written.leads, written.attempts), (23, 1, 6));
        world.stop().await;
    }

    async fn what_was_under_way_at_a_stop_goes_on_after_the_next_start(setup: Setup) {
        let livekit = crate::world::livekit(&switchboard::clock::Clock::system(), 0.1).await;
        let setup = crate::world::quick(setup.with("SWITCHBOARD_CALLS__GIVE_UP_AFTER", "20s")).livekit(livekit.url());
        let Some(app) = setup.clone().start().await else { return };
        routing::acme(&app).await;
        livekit.set_webhooks(vec![app.events_url()]);
        let phone = livekit.phone(a_call());
        assert!(livekit.until(|livekit| !livekit.dispatches().is_empty(), SOON).await);
        let place = app.stop().await;
        let worker = livekit.worker("telephony-agent", Behaviour::answers());
        let app = crate::app::TestApp::start(setup, place).await;
        livekit.set_webhooks(vec![app.events_url()]);
        assert!(phone.answered().await, "nobody told the new process of it");
        crate::world::call(&app, &phone, in_progress).await;
        assert_eq!((worker.jobs().len(), agents(&livekit, &phone)), (1, 1));
        phone.hang_up().await;
        crate::world::call(&app, &phone, |call| !call.is_open()).await;
        app.stop().await;
    }

    async fn nothing_is_left_to_do_when_all_calls_are_over(setup: Setup) {
        let Some(world) = World::start(setup).await else { return };
        let _worker = world.livekit.worker("telephony-agent", Behaviour::answers());
        for _ in 0..3 {
            let phone = world.rings();
            assert!(phone.answered().await);
            phone.hang_up().await;
            world.ended(&phone).await;
        }
        eventually("no job is left", async || world.app.written().await.jobs == 0).await;
        assert!(world.livekit.until(|livekit| livekit.rooms().is_empty(), SOON).await);
        world.stop().await;
    }
}

async fn no_fallback(world: &World) {
    let sql = "update campaigns set fallback_agent_id = $1 where id = 'cmp_1'";
    routing::set(&world.app, sql, None::<String>).await;
}

fn in_progress(call: &Call) -> bool {
    call.outcome.status == Status::InProgress
}

fn how(call: &Call) -> (Status, EndReason) {
    (call.outcome.status, call.outcome.end_reason.expect("it has ended"))
}

/// How many agents are in the phone's room.
fn agents(livekit: &Fake, phone: &Phone) -> usize {
    livekit.participants(phone.room()).iter().filter(|one| one.kind == Kind::Agent).count()
}

fn creates(call: &SeenCall) -> bool {
    call.method.ends_with("CreateDispatch")
}

fn is(event: &Event, name: &str, identity: &str) -> bool {
    event.event == name && event.participant.as_ref().is_some_and(|who| who.identity.starts_with(identity))
}
