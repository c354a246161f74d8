//! A receiver that stays away: tried for three days, then given up on, and nothing of what waits is lost.

use serde_json::json;
use switchboard::db::changes::Kind;
use switchboard::db::deliveries::Again;
use switchboard::live::Item;

use super::*;
use crate::on_both_databases;

const THREE_DAYS: Duration = Duration::from_secs(72 * 3600);

/// What the audit has of an endpoint: who did what, before and after.
async fn audit_of(app: &TestApp, id: &EndpointId) -> Vec<(String, String, Value, Value)> {
    let id = id.clone();
    let sql = "select actor_kind, action, before, after from audit where subject_kind = 'webhook_endpoint'
               and subject_id = $1 order by id";
    let read = app.app.db.read(move |tx| {
        tx.all(sql, &[&id], |row| {
            let (before, after) = (row.get::<db::Json<_>>("before")?, row.get::<db::Json<_>>("after")?);
            Ok((row.get("actor_kind")?, row.get("action")?, before.0, after.0))
        })
    });
    read.await.expect("the audit")
}

on_both_databases! {
    async fn after_three_days_an_endpoint_is_disabled_and_once_enabled_all_that_waited_arrives(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let (dead, witness) = (Receiver::start().await, Receiver::start().await);
        dead.answers(|_| Answer::status(500).saying("no"));
        let to = endpoint(&app, &dead.url, &["call.ringing", "call.answered", "call.ended"]).await;
        endpoint(&app, &witness.url, &["webhook_endpoint.disabled"]).await;
        let mut heard = app.app.live().subscribe(Some(acme()), None).await.unwrap();
        let began = clock.now();
        talks(&app, 1).await;
        eventually("all is made", async || deliveries_to(&app, &to).await.len() == 3).await;
        trying_again_until(&app, "it is given up on", async || seen(&app, &to.id).await.disabled_at.is_some()).await;

        let disabled = seen(&app, &to.id).await;
        assert_eq!(disabled.status, endpoints::Status::Disabled);
        assert!(disabled.disabled_at >= Some(began.saturating_add(THREE_DAYS)));
        let reason = disabled.disabled_reason.unwrap();
        assert_eq!(reason, "a delivery failed for three days; at last, it answered 500");
        let all = deliveries_to(&app, &to).await;
        assert_eq!(all.iter().map(|one| one.status).collect::<Vec<_>>(), [Status::Failed, Status::Pending, Status::Pending]);
        assert!((13..=14).contains(&all[0].attempts), "{} tries", all[0].attempts);
        assert_eq!(attempts(&app, &all[0]).await.len(), usize::try_from(all[0].attempts).unwrap());
        assert!(all[1..].iter().all(|one| one.attempts == 0 && one.next_try_at.is_none()), "{all:#?}");

        let audited = audit_of(&app, &to.id).await;
        let [(actor, action, before, after)] = audited.as_slice() else { panic!("{audited:?}") };
        assert_eq!((actor.as_str(), action.as_str()), ("system", "webhook_endpoint.disabled"));
        assert_eq!((&before["status"], &after["status"], &after["disabledReason"]), (&json!("enabled"), &json!("disabled"), &json!(reason)));
        assert!(!format!("{before}{after}").contains("whsec_"));

        let told = witness.until_arrived(1).await.remove(0);
        assert_eq!((kind(&told), subject(&told.body)), ("webhook_endpoint.disabled".into(), to.id.to_string()));
        assert_eq!(told.body["data"]["disabledReason"], reason);
        assert!(!told.raw.contains("whsec_"));
        let live = tokio::time::timeout(crate::world::SOON, async {
            loop {
                let Some(Item::Event(event)) = heard.next().await else { panic!("the stream ended") };
                if event.kind == Kind::WebhookEndpoint && !event.events.is_empty() {
                    return event;
                }
            }
        });
        assert_eq!(live.await.expect("it is told").events, ["webhook_endpoint.disabled"]);

        // Nothing is sent meanwhile.
        let came = dead.got().len();
        dead.answers(|_| Answer::status(200));
        clock.advance(Duration::from_secs(24 * 3600));
        receiver::a_moment().await;
        assert_eq!(dead.got().len(), came);
        let enabled = change(&app, &to.id, |wish| wish.enabled = true).await;
        assert_eq!((enabled.status, enabled.disabled_at, enabled.disabled_reason), (endpoints::Status::Enabled, None, None));
        let arrived = dead.until_arrived(2).await;
        assert_eq!(arrived.iter().map(kind).collect::<Vec<_>>(), ["call.answered", "call.ended"]);
        // What was given up on is sent again when somebody says so.
        let (failed, now) = (all[0].clone(), clock.now());
        let endpoint = seen(&app, &to.id).await;
        let again = app.app.db.write(move |tx| deliveries::redeliver(tx, &endpoint, &failed, now)).await.unwrap();
        assert!(matches!(again, Again::Made(_)), "{again:?}");
        app.app.webhooks_due();
        let last = dead.until_arrived(3).await.remove(2);
        assert_eq!((kind(&last), last.id()), ("call.ringing".into(), all[0].event_id.to_string()));
        app.stop().await;
    }

    async fn a_receiver_that_is_gone_is_given_up_on_at_once(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(|_| Answer::status(410));
        let to = endpoint(&app, &receiver.url, &["call.ringing", "call.ended"]).await;
        talks(&app, 1).await;
        eventually("it is disabled", async || seen(&app, &to.id).await.disabled_at.is_some()).await;
        assert_eq!(seen(&app, &to.id).await.disabled_reason.as_deref(), Some("it answered 410 (gone)"));
        assert_eq!(receiver.got().len(), 1);
        assert_eq!(statuses(&app, &to).await[0], Status::Failed);
        // While it is disabled nothing is kept for it.
        talks(&app, 2).await;
        let other = Receiver::start().await;
        endpoint(&app, &other.url, &["call.ringing"]).await;
        talks(&app, 3).await;
        other.until_arrived(1).await;
        let first = app.calls().await.remove(0);
        for one in deliveries_to(&app, &to).await {
            let event = app.app.db.read(move |tx| deliveries::event(tx, &one.event_id)).await.unwrap().unwrap();
            assert_eq!(event.subject, *first.id);
        }
        app.stop().await;
    }

    async fn an_endpoint_that_is_switched_off_is_left_alone_until_it_is_switched_on(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(away);
        let to = endpoint(&app, &receiver.url, &["call.ringing", "call.ended"]).await;
        for n in 0..3 {
            talks(&app, n).await;
        }
        eventually("it was tried", async || {
            let all = deliveries_to(&app, &to).await;
            all.len() == 6 && all.iter().filter(|one| one.attempts == 1 && one.next_try_at > Some(clock.now())).count() == 3
        })
        .await;
        let off = change(&app, &to.id, |wish| wish.enabled = false).await;
        assert_eq!(off.disabled_reason.as_deref(), Some("switched off"));
        receiver.answers(|_| Answer::status(200));
        clock.advance(Duration::from_secs(3600));
        receiver::a_moment().await;
        assert_eq!(receiver.got().len(), 3);
        assert!(deliveries_to(&app, &to).await.iter().all(|one| one.next_try_at.is_none()));
        change(&app, &to.id, |wish| wish.enabled = true).await;
        let by_call = arrived_by_subject(&receiver.until_arrived(6).await);
        assert!(by_call.values().all(|words| *words == ["call.ringing", "call.ended"]), "{by_call:?}");
        app.stop().await;
    }

    async fn enabled_again_an_endpoint_need_not_wait_for_its_next_try(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(|_| Answer::status(503).with("retry-after", "7200"));
        let to = endpoint(&app, &receiver.url, &["call.ringing"]).await;
        talks(&app, 1).await;
        eventually("it was tried", async || {
            deliveries_to(&app, &to).await.first().is_some_and(|one| one.attempts == 1)
        })
        .await;
        let waits = deliveries_to(&app, &to).await.remove(0);
        assert!(waits.next_try_at >= Some(clock.now().saturating_add(Duration::from_secs(7200))), "as it asked: {waits:?}");
        receiver.answers(|_| Answer::status(200));
        for enabled in [false, true] {
            change(&app, &to.id, move |wish| wish.enabled = enabled).await;
        }
        receiver.until_arrived(1).await;
        app.stop().await;
    }

    async fn an_archived_endpoint_is_told_nothing_more(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let (receiver, other) = (Receiver::start().await, Receiver::start().await);
        receiver.answers(away);
        let to = endpoint(&app, &receiver.url, &["call.ringing"]).await;
        endpoint(&app, &other.url, &["call.ringing"]).await;
        talks(&app, 1).await;
        receiver.until_came(1).await;
        let (id, now) = (to.id.clone(), clock.now());
        let archived = app.app.db.write(move |tx| -> db::Result<_> {
            let old = endpoints::locked(tx, None, &id)?.expect("it is there");
            endpoints::archive(tx, &old, now)?;
            endpoints::by_id(tx, None, &id)
        });
        assert_eq!(archived.await.unwrap(), None);
        clock.advance(Duration::from_secs(3600));
        talks(&app, 2).await;
        other.until_arrived(2).await;
        receiver::a_moment().await;
        assert_eq!(receiver.got().len(), 1);
        app.stop().await;
    }
}
