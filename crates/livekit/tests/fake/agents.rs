//! Workers, dispatches and how agents behave.

use std::time::Duration;

use livekit::Kind;
use livekit::fake::{Behaviour, Timing};

use crate::{SOON, Setup};

const SHORTLY: Duration = Duration::from_millis(30);

/// Everything quick, and jobs shown as soon as they are taken.
fn shown_at_once() -> Timing {
    Timing { agent_list: Duration::ZERO, ..crate::quick() }
}

#[tokio::test]
async fn a_worker_takes_the_job_and_its_agent_answers() {
    let setup = Setup::timed(shown_at_once()).await;
    let worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    let id = setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);

    let agents = worker.agents();
    assert_eq!(agents.len(), 1);
    assert_eq!((agents[0].dispatch_id.as_str(), agents[0].metadata.as_str()), (id.as_str(), "{\"call\":1}"));
    assert_eq!(agents[0].attributes["tenant"], "acme");
    let listed = setup.client.list_dispatch(phone.room()).await.expect("dispatches");
    let ours = listed.iter().find(|dispatch| dispatch.id == id).expect("our dispatch");
    assert_eq!(ours.jobs.len(), 1);
    assert_eq!(ours.jobs[0].participant_identity, agents[0].identity);
    assert_eq!(ours.jobs[0].status, "JS_RUNNING");
    let agent =
        setup.client.list_participants(phone.room()).await.expect("participants").pop().expect("an agent");
    assert_eq!((agent.kind.clone(), agent.tracks.len()), (Kind::Agent, 1));
    assert_eq!(agent.attribute("lk.agent_name"), Some("sales"));
}

#[tokio::test]
async fn livekit_adds_a_nameless_dispatch_of_its_own() {
    let setup = Setup::quick().await;
    let phone = setup.ringing().await;
    let listed = setup.client.list_dispatch(phone.room()).await.expect("dispatches");
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].agent_name.as_str(), listed[0].jobs.len()), ("", 0));
    assert!(setup.lk.dispatches().is_empty(), "nobody asked for that one");
}

#[tokio::test]
async fn an_unnamed_worker_joins_every_call() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("", Behaviour::answers());
    assert!(setup.ringing().await.answered().await);
}

#[tokio::test]
async fn a_dispatch_that_nobody_takes_is_never_taken() {
    let setup = Setup::timed(shown_at_once()).await;
    let phone = setup.ringing().await;
    let nobody = setup.dispatch("sales", phone.room()).await;
    let worker = setup.lk.worker("sales", Behaviour::answers());
    // One that came later is answered; the first still is not.
    let later = setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    assert_eq!(worker.jobs().len(), 1);
    for dispatch in setup.client.list_dispatch(phone.room()).await.expect("dispatches") {
        let jobs = usize::from(dispatch.id == later);
        assert_eq!(dispatch.jobs.len(), jobs, "{} ({nobody} was not taken)", dispatch.id);
    }
}

#[tokio::test]
async fn a_full_worker_is_passed_over_in_silence() {
    let setup = Setup::quick().await;
    let full = setup.lk.worker("sales", Behaviour::answers());
    full.set_full(true);
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    let free = setup.lk.worker("sales", Behaviour::answers());
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    assert!(full.jobs().is_empty());
    free.stop();
    full.set_full(false);
    let second = setup.ringing().await;
    setup.dispatch("sales", second.room()).await;
    assert!(second.answered().await);
    assert_eq!((full.jobs().len(), free.jobs().len()), (1, free.agents().len()));
}

#[tokio::test]
async fn a_worker_takes_no_more_jobs_than_it_has_room_for() {
    let setup = Setup::quick().await;
    let worker = setup.lk.worker("sales", Behaviour::answers().with_capacity(1));
    let (first, second) = (setup.ringing().await, setup.ringing().await);
    setup.dispatch("sales", first.room()).await;
    assert!(first.answered().await);
    setup.dispatch("sales", second.room()).await;
    first.hang_up().await;
    assert!(setup.lk.until(|_| worker.agents().is_empty(), SOON).await);
    assert!(!second.is_answered());
    setup.dispatch("sales", second.room()).await;
    assert!(second.answered().await);
    assert_eq!(worker.jobs().len(), 2);
}

#[tokio::test]
async fn a_job_is_hidden_while_livekit_makes_its_list_of_agents() {
    let timing = Timing { agent_list: SOON, ..crate::quick() };
    let setup = Setup::timed(timing).await;
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    let listed = setup.client.list_dispatch(phone.room()).await.expect("dispatches");
    assert!(
        listed.iter().all(|dispatch| dispatch.jobs.is_empty()),
        "the agent is there, its job is not shown"
    );
}

#[tokio::test]
async fn a_dispatch_deleted_while_its_job_is_hidden_brings_its_agent_first() {
    let hidden = Duration::from_millis(400);
    let setup = Setup::timed(Timing { agent_list: hidden, ..crate::quick() }).await;
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    let dispatched = tokio::time::Instant::now();
    let id = setup.dispatch("sales", phone.room()).await;
    setup.client.delete_dispatch(phone.room(), &id).await.expect("deleted");
    assert!(phone.answered().await);
    setup.hook.hears("participant_left agent").await;
    assert!(dispatched.elapsed() >= hidden);
}

#[tokio::test]
async fn a_dispatch_makes_the_room_and_an_agent_alone_is_a_ghost() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    setup.dispatch("sales", "ghost").await;
    setup.hook.hears("participant_joined agent").await;
    let rooms = setup.client.list_rooms(&["ghost".to_owned()]).await.expect("rooms");
    assert_eq!((rooms.len(), rooms[0].num_participants), (1, 0), "agents do not count");
}

#[tokio::test]
async fn a_late_agent_makes_the_room_anew() {
    let setup = Setup::quick().await;
    let held = Duration::from_millis(300);
    let _worker = setup.lk.worker("sales", Behaviour::answers().joining_after(held));
    let phone = setup.ringing().await;
    let first = setup.lk.rooms()[0].sid.clone();
    setup.dispatch("sales", phone.room()).await;
    setup.client.delete_room(phone.room()).await.expect("deleted");
    let joined = setup.hook.hears("participant_joined agent").await.room.expect("a room");
    assert_eq!(joined.name, phone.room());
    assert_ne!(joined.sid, first);
}

#[tokio::test]
async fn a_mute_agent_is_there_but_answers_nothing() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("mute", Behaviour::mute());
    let _other = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.dispatch("mute", phone.room()).await;
    setup.hook.hears("participant_joined agent").await;
    assert!(!phone.is_answered());
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
}

#[tokio::test]
async fn an_agent_that_raises_leaves_like_one_that_says_goodbye() {
    for behaviour in [Behaviour::raises_after(SHORTLY), Behaviour::says_goodbye_after(SHORTLY)] {
        let setup = Setup::quick().await;
        let worker = setup.lk.worker("sales", behaviour);
        let phone = setup.ringing().await;
        setup.dispatch("sales", phone.room()).await;
        let left = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
        assert_eq!(left.disconnect_reason.as_deref(), Some("CLIENT_INITIATED"));
        assert!(setup.lk.until(|_| worker.agents().is_empty(), SOON).await);
        assert_eq!(phone.end(), None, "the caller sits in silence");
    }
}

#[tokio::test]
async fn an_agent_that_hangs_up_deletes_the_room() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("sales", Behaviour::hangs_up_after(SHORTLY));
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    assert_eq!(phone.ended().await.reason, "ROOM_DELETED");
}

#[tokio::test]
async fn a_job_whose_agent_never_joins_is_shown_all_the_same() {
    let setup = Setup::timed(shown_at_once()).await;
    let worker = setup.lk.worker("sales", Behaviour::never_joins());
    let phone = setup.ringing().await;
    let id = setup.dispatch("sales", phone.room()).await;
    assert!(setup.lk.until(|_| !worker.jobs().is_empty(), SOON).await);
    let listed = setup.client.list_dispatch(phone.room()).await.expect("dispatches");
    assert_eq!(listed.iter().find(|dispatch| dispatch.id == id).map(|dispatch| dispatch.jobs.len()), Some(1));
    assert!(worker.agents().is_empty());
}

#[tokio::test]
async fn a_killed_agent_is_missed_late() {
    let setup = Setup::quick().await;
    let worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    assert!(worker.kill_agent(phone.room()));
    assert!(!worker.kill_agent("elsewhere"));
    assert_eq!(setup.lk.participants(phone.room()).len(), 2, "nobody has noticed yet");
    let left = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
    assert_eq!(left.disconnect_reason.as_deref(), Some("CONNECTION_TIMEOUT"));
}

#[tokio::test]
async fn an_agent_whose_dispatch_is_deleted_is_removed_after_a_while() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    let id = setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    setup.client.delete_dispatch(phone.room(), &id).await.expect("deleted");
    let left = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
    assert_eq!(left.disconnect_reason.as_deref(), Some("PARTICIPANT_REMOVED"));
    let listed = setup.client.list_dispatch(phone.room()).await.expect("dispatches");
    assert!(listed.iter().all(|dispatch| dispatch.id != id));
}

#[tokio::test]
async fn an_agent_that_obeys_leaves_when_its_dispatch_is_deleted() {
    let setup = Setup::quick().await;
    let _worker = setup.lk.worker("sales", Behaviour::answers().leaving_when_told());
    let phone = setup.ringing().await;
    let id = setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    setup.client.delete_dispatch(phone.room(), &id).await.expect("deleted");
    let left = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
    assert_eq!(left.disconnect_reason.as_deref(), Some("CLIENT_INITIATED"));
}

#[tokio::test]
async fn an_agent_whose_dispatch_is_deleted_before_it_joins_never_does() {
    let setup = Setup::quick().await;
    let slow = setup.lk.worker("slow", Behaviour::answers().joining_after(SOON));
    let _worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    let id = setup.dispatch("slow", phone.room()).await;
    assert!(setup.lk.until(|_| !slow.jobs().is_empty(), SOON).await);
    setup.client.delete_dispatch(phone.room(), &id).await.expect("deleted");
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    assert_eq!(setup.lk.participants(phone.room()).len(), 2);
}

#[tokio::test]
async fn a_stopped_worker_keeps_its_calls_and_gets_no_more() {
    let setup = Setup::quick().await;
    let worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    worker.stop();
    setup.dispatch("sales", phone.room()).await;
    assert_eq!(worker.agents().len(), 1);
    worker.kill();
    setup.hook.hears("participant_left agent").await;
    assert_eq!(worker.jobs().len(), 1);
}

#[tokio::test]
async fn a_removed_agent_leaves_the_caller_in_silence() {
    let setup = Setup::quick().await;
    let worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    assert!(setup.lk.remove(phone.room(), &worker.agents()[0].identity));
    let left = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
    assert_eq!(left.disconnect_reason.as_deref(), Some("PARTICIPANT_REMOVED"));
    assert_eq!(phone.end(), None);
}

#[tokio::test]
async fn an_agent_that_is_told_to_says_goodbye() {
    let setup = Setup::quick().await;
    let worker = setup.lk.worker("sales", Behaviour::answers());
    let phone = setup.ringing().await;
    assert!(!worker.say_goodbye(phone.room()), "nobody is there");
    setup.dispatch("sales", phone.room()).await;
    assert!(phone.answered().await);
    assert!(worker.say_goodbye(phone.room()));
    let left = setup.hook.hears("participant_left agent").await.participant.expect("an agent");
    assert_eq!((left.disconnect_reason.as_deref(), phone.end()), (Some("CLIENT_INITIATED"), None));
}
