//! What an operator does to a live call: hanging up and transferring, before a pretend LiveKit ten times as fast as
//! the real one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use livekit::fake::{Behaviour, CallFault, Guest, Phone, SeenCall, Transfer, WebhookFault, Worker};
use serde_json::json;
use switchboard::call::attend::{Destination, Settled};
use switchboard::call::{Call, EndReason, Status, timeline};
use switchboard::carry_out::operator::{self, HangUp, Order, Transferred};
use switchboard::clock::Clock;
use switchboard::db::{self, Tx};
use switchboard::hear::ATTEND;
use switchboard::ids::{CallId, TenantId};

use crate::app::{Setup, TestApp};
use crate::on_both_databases;
use crate::routing;
use crate::world::{SOON, World, a_call, call, livekit, quick, time_passes};

const TO: &str = "+14155550123";

on_both_databases! {
    async fn an_operator_hangs_up_a_call_that_an_agent_answered(setup: Setup) {
        let Some((world, worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        let HangUp::Ended(ended) = hang_up(&world.app, &before.id).await else { panic!("it was open") };
        assert_eq!(how(&ended), (Status::Completed, EndReason::OperatorHungUp));
        assert_eq!(ended.revision, before.revision + 1);
        assert_eq!(phone.ended().await.reason, "ROOM_DELETED");
        world.room_gone(&phone).await;
        let told = world.call(&phone, |call| call.evidence.caller_left.is_some()).await;
        assert_eq!(how(&told), (Status::Completed, EndReason::OperatorHungUp), "{:?}", told.evidence.caller_left);
        assert_eq!((worker.jobs().len(), world.app.leads().await[0].status.as_str()), (1, "completed"));
        assert!(story(&told).contains(&"the operator hung up".to_owned()));
        let HangUp::EndedBefore(again) = hang_up(&world.app, &before.id).await else { panic!("it was over") };
        assert_eq!(how(&again), (Status::Completed, EndReason::OperatorHungUp));
        world.stop().await;
    }

    async fn an_operator_cancels_a_call_that_rings_and_no_agent_is_left_alone(setup: Setup) {
        let Some((world, worker)) = world(setup).await else { return };
        worker.stop();
        let late = world.livekit.worker("telephony-agent", Behaviour::answers().joining_after(Duration::from_millis(600)));
        let phone = world.rings();
        assert!(world.livekit.until(|_| late.jobs().len() == 1, SOON).await);
        let ringing = world.call(&phone, |_| true).await;
        let HangUp::Ended(ended) = hang_up(&world.app, &ringing.id).await else { panic!("it was open") };
        assert_eq!(how(&ended), (Status::Missed, EndReason::OperatorCancelled));
        let end = phone.ended().await;
        assert_eq!((end.reason, end.answered), ("ROOM_DELETED", false));
        assert!(world.livekit.until(|_| late.jobs()[0].is_present, SOON).await, "its token is good for an hour");
        world.room_gone(&phone).await;
        let ended = world.ended(&phone).await;
        assert_eq!(how(&ended), (Status::Missed, EndReason::OperatorCancelled));
        assert_eq!(world.app.leads().await[0].status, "missed");
        world.stop().await;
    }

    async fn a_place_that_an_operator_frees_is_taken_by_the_next_caller(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        routing::limit(&world.app, 1).await;
        let (_, first) = talking(&world).await;
        let refused = world.rings();
        assert_eq!(how(&world.ended(&refused).await), (Status::Rejected, EndReason::CampaignFull));
        hang_up(&world.app, &first.id).await;
        let (phone, second) = talking(&world).await;
        let Transferred::Made(_) = transfer(&world.app, &second.id).await else { panic!("not made") };
        phone.ended().await;
        talking(&world).await;
        world.stop().await;
    }

    async fn a_call_that_only_its_asker_knows_of_is_ended_and_the_room_it_named_deleted(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let there = world.livekit.join("askers-room", Guest::person("alice")).expect("a visit");
        for (id, room) in [("SIP-1", None), ("SIP-2", Some("askers-room")), ("SIP-3", Some("no-such-room"))] {
            let mut body = json!({ "call_id": id, "from_number": "+15551234567", "to_number": routing::NUMBER });
            if let Some(room) = room {
                body["room_name"] = room.into();
            }
            assert_eq!(world.app.ask(&body).await.0, 200);
            let named = |calls: &[Call]| calls.iter().find(|call| call.ring.keys.call.as_deref() == Some(id)).cloned();
            let asked = world.app.until(named).await;
            let Transferred::NotAnswered(_) = transfer(&world.app, &asked.id).await else { panic!("it rings") };
            let HangUp::Ended(ended) = hang_up(&world.app, &asked.id).await else { panic!("it was open") };
            assert_eq!(how(&ended), (Status::Missed, EndReason::OperatorCancelled));
        }
        assert_eq!(there.ended().await, "ROOM_DELETED");
        let due = async || world.app.app.db.read(|tx| db::jobs::next_due(tx, ATTEND)).await.expect("a database");
        routing::eventually("no job is left", async || due().await.is_none()).await;
        world.stop().await;
    }

    async fn what_an_operator_may_not_have_is_not_there(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (phone, talking) = talking(&world).await;
        let (app, theirs) = (&world.app.app, TenantId::from("tnt_2"));
        for (tenant, id) in [(Some(&theirs), talking.id.clone()), (None, CallId::from("call_none"))] {
            let ended = operator::hang_up(app, tenant, &id, nothing).await.unwrap();
            assert!(matches!(ended, HangUp::NotFound), "{ended:?}");
            let sent = operator::transfer(app, tenant, &id, order(), nothing).await.unwrap();
            assert!(matches!(sent, Transferred::NotFound), "{sent:?}");
        }
        assert_eq!((phone.end(), world.livekit.transfers().len()), (None, 0));
        let ended = operator::hang_up(app, None, &talking.id, nothing).await.unwrap();
        assert!(matches!(ended, HangUp::Ended(_)), "the platform may end any call");
        let mut nobodys = a_call();
        nobodys.to = "+15550000000".into();
        let nobodys = world.ended(&world.livekit.phone(nobodys)).await;
        let ended = hang_up(&world.app, &nobodys.id).await;
        assert!(matches!(ended, HangUp::NotFound), "a call without a tenant is the platform's alone");
        world.stop().await;
    }

    async fn what_goes_with_an_order_is_done_in_its_transaction_or_the_order_is_not(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (phone, talking) = talking(&world).await;
        let (app, tenant) = (&world.app.app, tenant());
        let refuses = |_: &mut Tx<'_>, _: &Call, _: &Call| Err(db::Error::Duplicate);
        let refused = operator::hang_up(app, Some(&tenant), &talking.id, refuses).await;
        assert!(matches!(refused, Err(db::Error::Duplicate)));
        let refused = operator::transfer(app, Some(&tenant), &talking.id, order(), refuses).await;
        assert!(matches!(refused, Err(db::Error::Duplicate)));
        let now = world.call(&phone, |_| true).await;
        assert_eq!((now.is_open(), now.attendance.transfers.len()), (true, 0));
        assert_eq!((phone.end(), world.livekit.transfers().len()), (None, 0));
        let seen: Arc<Mutex<Vec<(bool, usize)>>> = Arc::default();
        let notes = |seen: &Arc<Mutex<Vec<_>>>| {
            let seen = seen.clone();
            move |_: &mut Tx<'_>, before: &Call, after: &Call| -> db::Result<()> {
                let mut seen = seen.lock().unwrap();
                seen.extend([before, after].map(|call| (call.is_open(), call.attendance.transfers.len())));
                Ok(())
            }
        };
        world.livekit.next_transfer(Transfer::refused(486, "Busy Here"));
        operator::transfer(app, Some(&tenant), &talking.id, order(), notes(&seen)).await.unwrap();
        operator::hang_up(app, Some(&tenant), &talking.id, notes(&seen)).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [(true, 0), (true, 1), (true, 1), (false, 1)]);
        world.stop().await;
    }

    async fn a_caller_who_is_transferred_leaves_an_empty_room(setup: Setup) {
        let Some((world, worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        let Transferred::Made(made) = transfer(&world.app, &before.id).await else { panic!("not made") };
        assert_eq!(how(&made), (Status::Completed, EndReason::Transferred));
        let asked = &world.livekit.transfers()[0];
        assert_eq!((asked.to.as_str(), asked.identity.as_str()), ("tel:+14155550123", phone.identity()));
        phone.ended().await;
        world.room_gone(&phone).await;
        assert!(world.livekit.until(|_| worker.agents().is_empty(), SOON).await);
        let call = world.call(&phone, |call| call.evidence.caller_left.is_some()).await;
        assert_eq!(how(&call), (Status::Completed, EndReason::Transferred), "{:?}", call.evidence.caller_left);
        let told = story(&call);
        for moment in [
            "a transfer to +14155550123 was asked for",
            "the transfer to +14155550123 was made",
            "completed: the caller was transferred (transferred)",
        ] {
            assert!(told.contains(&moment.to_owned()), "{told:#?}");
        }
        assert_eq!((worker.jobs().len(), world.app.leads().await[0].status.as_str()), (1, "completed"));
        let again = transfer(&world.app, &before.id).await;
        assert!(matches!(again, Transferred::EndedBefore(_)), "{again:?}");
        world.stop().await;
    }

    async fn a_transfer_that_the_other_side_refuses_leaves_the_call_as_it_was(setup: Setup) {
        let Some((world, worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        world.livekit.next_transfer(Transfer::refused(486, "Busy Here"));
        let Transferred::Refused { call, sip_status, why } = transfer(&world.app, &before.id).await else {
            panic!("not refused")
        };
        assert_eq!((sip_status, why.as_str()), (Some(486), "486 Busy Here"));
        assert_eq!(call.outcome, before.outcome);
        assert!(story(&call).contains(&"the transfer to +14155550123 failed: 486 Busy Here".to_owned()));
        assert_eq!((phone.end(), worker.agents().len(), world.sent(&phone).len()), (None, 1, 1));
        let Transferred::Made(_) = transfer(&world.app, &before.id).await else { panic!("the next one is made") };
        phone.ended().await;
        world.stop().await;
    }

    async fn the_callers_leave_may_be_told_before_livekits_answer(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        let held = world.livekit.faults().next_call(transfers, CallFault::HeldAfter);
        let answered_late = async {
            phone.ended().await;
            let left = world.ended(&phone).await;
            assert_eq!(how(&left), (Status::Completed, EndReason::CallerHungUp));
            held.release();
            left
        };
        let (made, left) = tokio::join!(transfer(&world.app, &before.id), answered_late);
        let Transferred::Made(made) = made else { panic!("{made:?}") };
        assert_eq!(how(&made), (Status::Completed, EndReason::Transferred));
        assert_eq!((made.revision, made.outcome.ended_at), (left.revision + 1, left.outcome.ended_at));
        world.room_gone(&phone).await;
        world.stop().await;
    }

    async fn while_a_transfer_is_under_way_the_agent_may_go_and_nobody_else_may_transfer(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_CALLS__AGENT_SETTLED", "1ms");
        let Some((world, worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        let held = world.livekit.faults().next_call(transfers, CallFault::HeldBefore);
        let meanwhile = async {
            assert!(held.struck(SOON).await);
            let second = transfer(&world.app, &before.id).await;
            assert!(matches!(second, Transferred::UnderWay(_)), "{second:?}");
            assert!(worker.say_goodbye(phone.room()));
            let left = world.call(&phone, |call| call.evidence.others().all(|(_, guest)| guest.left.is_some())).await;
            assert!(left.is_open());
            held.release();
        };
        let (made, ()) = tokio::join!(transfer(&world.app, &before.id), meanwhile);
        let Transferred::Made(made) = made else { panic!("{made:?}") };
        assert_eq!(how(&made), (Status::Completed, EndReason::Transferred));
        phone.ended().await;
        world.room_gone(&phone).await;
        assert_eq!((worker.jobs().len(), world.livekit.transfers().len()), (1, 1));
        world.stop().await;
    }

    async fn a_caller_whose_agent_left_for_a_transfer_that_failed_gets_an_agent_again(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_CALLS__AGENT_SETTLED", "1ms");
        let Some((world, worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        world.livekit.next_transfer(Transfer::refused(603, "Decline"));
        let held = world.livekit.faults().next_call(transfers, CallFault::HeldBefore);
        let meanwhile = async {
            assert!(held.struck(SOON).await);
            assert!(worker.say_goodbye(phone.room()));
            world.call(&phone, |call| call.evidence.others().all(|(_, guest)| guest.left.is_some())).await;
            held.release();
        };
        let (refused, ()) = tokio::join!(transfer(&world.app, &before.id), meanwhile);
        assert!(matches!(refused, Transferred::Refused { sip_status: Some(603), .. }), "{refused:?}");
        assert!(world.livekit.until(|_| worker.jobs().len() == 2 && worker.jobs()[1].is_present, SOON).await);
        assert_eq!(phone.end(), None);
        hang_up(&world.app, &before.id).await;
        phone.ended().await;
        world.stop().await;
    }

    async fn when_livekits_answer_is_lost_the_webhooks_decide(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        world.livekit.next_transfer(Transfer::Unanswered);
        let unknown = transfer(&world.app, &before.id).await;
        let Transferred::Unknown(call, why) = unknown else { panic!("{unknown:?}") };
        assert_eq!((why.as_str(), call.outcome.status), ("LiveKit says: refer canceled", Status::InProgress));
        let second = transfer(&world.app, &before.id).await;
        assert!(matches!(second, Transferred::UnderWay(_)), "it may still be made: {second:?}");
        phone.hang_up().await;
        assert_eq!(how(&world.ended(&phone).await), (Status::Completed, EndReason::CallerHungUp));
        let (phone, before) = talking(&world).await;
        world.livekit.faults().next_call(transfers, CallFault::FailsAfter);
        let unknown = transfer(&world.app, &before.id).await;
        assert!(matches!(unknown, Transferred::Unknown(..)), "{unknown:?}");
        phone.ended().await;
        let ended = world.ended(&phone).await;
        assert_eq!(how(&ended), (Status::Completed, EndReason::CallerHungUp), "nobody said that it was transferred");
        assert!(matches!(&ended.attendance.transfers[0].settled, Some((_, Settled::Unknown { .. }))));
        world.stop().await;
    }

    async fn a_livekit_that_takes_no_requests_was_not_asked_and_may_be_asked_again(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (_phone, before) = talking(&world).await;
        world.livekit.faults().next_call(transfers, CallFault::TooMany);
        let refused = transfer(&world.app, &before.id).await;
        assert!(matches!(refused, Transferred::Unreachable(..)), "{refused:?}");
        assert_eq!(world.livekit.transfers().len(), 0);
        let Transferred::Made(_) = transfer(&world.app, &before.id).await else { panic!("not made") };
        world.stop().await;
    }

    async fn a_caller_whom_livekit_does_not_know_any_more_cannot_be_transferred(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        world.livekit.faults().every_webhook(|_| true, WebhookFault::Lost);
        phone.hang_up().await;
        let gone = transfer(&world.app, &before.id).await;
        assert!(matches!(gone, Transferred::NoRoom(_)), "{gone:?}");
        assert_eq!(how(&world.ended(&phone).await), (Status::Failed, EndReason::Reconciled));
        world.stop().await;
    }

    async fn an_order_goes_on_when_whoever_gave_it_is_gone(setup: Setup) {
        let Some((world, _worker)) = world(setup).await else { return };
        let (phone, before) = talking(&world).await;
        tokio::select! {
            made = transfer(&world.app, &before.id) => panic!("so soon: {made:?}"),
            asked = world.livekit.until(|livekit| !livekit.transfers().is_empty(), SOON) => assert!(asked),
        }
        phone.ended().await;
        let call = world.call(&phone, |call| call.outcome.end_reason == Some(EndReason::Transferred)).await;
        assert!(matches!(call.attendance.transfers[0].settled, Some((_, Settled::Made))));
        world.stop().await;
    }

    async fn a_process_that_dies_in_the_middle_of_a_transfer_leaves_no_call_stuck(setup: Setup) {
        let clock = Clock::manual(Clock::system().now());
        let livekit = livekit(&clock, 0.1).await;
        let setup = quick(setup.with("SWITCHBOARD_SERVER__SHUTDOWN_GRACE", "200ms").clock(clock.clone()));
        let setup = setup.with("SWITCHBOARD_CALLS__AGENT_SETTLED", "1ms").livekit(livekit.url());
        let Some(app) = setup.clone().start().await else { return };
        routing::acme(&app).await;
        livekit.set_webhooks(vec![app.events_url()]);
        let worker = livekit.worker("telephony-agent", Behaviour::answers());
        let phone = livekit.phone(a_call());
        assert!(phone.answered().await);
        let talking = call(&app, &phone, in_progress).await;
        livekit.faults().next_call(transfers, CallFault::HeldBefore);
        tokio::select! {
            made = transfer(&app, &talking.id) => panic!("so soon: {made:?}"),
            () = async { call(&app, &phone, |call| !call.attendance.transfers.is_empty()).await; } => {}
        }
        let place = app.stop().await;
        let app = TestApp::start(setup, place).await;
        livekit.set_webhooks(vec![app.events_url()]);
        assert!(worker.say_goodbye(phone.room()));
        let alone = call(&app, &phone, |call| call.evidence.others().all(|(_, guest)| guest.left.is_some())).await;
        // It may ring for half a second, and 10 s are for good measure.
        time_passes(&clock, &livekit, Duration::from_secs(5), 0).await;
        assert_eq!((livekit.dispatches().len(), alone.is_open()), (1, true), "the caller may be on its way");
        time_passes(&clock, &livekit, Duration::from_secs(10), 1).await;
        assert!(livekit.until(|_| worker.jobs().len() == 2, SOON).await, "the caller is looked after again");
        hang_up(&app, &talking.id).await;
        assert_eq!(phone.ended().await.reason, "ROOM_DELETED");
        app.stop().await;
    }
}

async fn world(setup: Setup) -> Option<(World, Worker)> {
    let world = World::start(setup).await?;
    let worker = world.livekit.worker("telephony-agent", Behaviour::answers());
    Some((world, worker))
}

/// A phone that an agent talks to, and its call.
async fn talking(world: &World) -> (Phone, Call) {
    let phone = world.rings();
    assert!(phone.answered().await);
    let call = world.call(&phone, in_progress).await;
    (phone, call)
}

fn tenant() -> TenantId {
    TenantId::from("tnt_1")
}

fn nothing(_: &mut Tx<'_>, _: &Call, _: &Call) -> db::Result<()> {
    Ok(())
}

fn order() -> Order {
    let to = Destination::read(TO).expect("a number");
    Order { to, ringing_timeout: Duration::from_millis(500), play_dialtone: false }
}

async fn hang_up(app: &TestApp, call: &CallId) -> HangUp {
    operator::hang_up(&app.app, Some(&tenant()), call, nothing).await.expect("a database")
}

async fn transfer(app: &TestApp, call: &CallId) -> Transferred {
    operator::transfer(&app.app, Some(&tenant()), call, order(), nothing).await.expect("a database")
}

fn in_progress(call: &Call) -> bool {
    call.outcome.status == Status::InProgress
}

fn how(call: &Call) -> (Status, EndReason) {
    (call.outcome.status, call.outcome.end_reason.expect("it has ended"))
}

fn transfers(call: &SeenCall) -> bool {
    call.method == "TransferSIPParticipant"
}

fn story(call: &Call) -> Vec<String> {
    timeline::of(call).into_iter().map(|moment| moment.what).collect()
}
