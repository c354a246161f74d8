//! The delivery log, and what can be done with it: looked at, sent again, tried out, forgotten.

use serde_json::json;
use switchboard::db::deliveries::Again;
use switchboard::ids::DeliveryId;

use super::*;
use crate::on_both_databases;

on_both_databases! {
    async fn every_try_is_in_the_log(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let receiver = Receiver::start().await;
        let mut answers = [500, 302, 200].into_iter();
        receiver.answers(move |_| Answer::status(answers.next().unwrap_or(200)).saying("hello"));
        let to = endpoint(&app, &receiver.url, &["call.ringing"]).await;
        talks(&app, 1).await;
        receiver.until_came(1).await;
        trying_again_until(&app, "it arrives", async || waiting(&app).await == 0).await;
        let one = deliveries_to(&app, &to).await.remove(0);
        assert_eq!((one.status, one.attempts, one.response_status, &one.error), (Status::Delivered, 3, Some(200), &None));
        assert_eq!((one.next_try_at, one.delivered_at), (None, Some(clock.now())));
        assert_eq!((&one.event_type, &one.tenant_id, &one.endpoint_id), (&"call.ringing".to_owned(), &acme(), &to.id));
        let log = attempts(&app, &one).await;
        let log: Vec<_> = log.iter().map(|one| (one.attempt, one.response_status, one.error.as_deref(), one.response.as_deref())).collect();
        assert_eq!(log, [
            (1, Some(500), Some("it answered 500"), Some("hello")),
            (2, Some(302), Some("it answered 302, and redirects are not followed"), Some("hello")),
            (3, Some(200), None, Some("hello")),
        ]);
        assert!(one.first_tried_at < one.last_tried_at && one.last_tried_at <= Some(clock.now()));
        app.stop().await;
    }

    async fn the_log_is_read_in_pages_newest_first_and_by_status(setup: Setup) {
        let Some(app) = start(setup.clock(standing())).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(|got| Answer::status(if kind(got) == "call.ended" { 500 } else { 200 }));
        let to = endpoint(&app, &receiver.url, &["call.ringing", "call.ended"]).await;
        for n in 0..5 {
            talks(&app, n).await;
        }
        receiver.until_came(10).await;
        eventually("each was tried", async || deliveries_to(&app, &to).await.iter().filter(|one| one.attempts == 1).count() == 10).await;
        let all = deliveries_to(&app, &to).await;
        let page = async |status, before: Option<DeliveryId>, limit| {
            let to = to.clone();
            let read = app.app.db.read(move |tx| deliveries::list(tx, &to, status, before.as_ref(), limit));
            read.await.unwrap().into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        let newest_first: Vec<DeliveryId> = all.iter().rev().map(|one| one.id.clone()).collect();
        let first = page(None, None, 4).await;
        let second = page(None, first.last().cloned(), 4).await;
        let third = page(None, second.last().cloned(), 4).await;
        assert_eq!([first, second, third].concat(), newest_first);
        assert_eq!(page(Some(Status::Pending), None, 100).await.len(), 5);
        assert_eq!(page(Some(Status::Delivered), None, 100).await.len(), 5);
        assert_eq!(page(Some(Status::Failed), None, 100).await.len(), 0);
        let (id, other) = (all[0].id.clone(), endpoint(&app, &receiver.url, &["*"]).await);
        let of_another = app.app.db.read(move |tx| deliveries::by_id(tx, &other, &id)).await.unwrap();
        assert_eq!(of_another, None);
        app.stop().await;
    }

    async fn what_arrived_is_sent_again_under_the_same_id_and_waits_for_nothing(setup: Setup) {
        let Some(app) = start(setup.clock(standing())).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(|got| Answer::status(if kind(got) == "call.answered" { 500 } else { 200 }));
        let to = endpoint(&app, &receiver.url, &["call.ringing", "call.answered"]).await;
        talks(&app, 1).await;
        receiver.until_came(2).await;
        let first = deliveries_to(&app, &to).await.remove(0);
        let again = async |endpoint: &Endpoint| {
            let (endpoint, old, now) = (endpoint.clone(), first.clone(), app.app.clock.now());
            let made = app.app.db.write(move |tx| deliveries::redeliver(tx, &endpoint, &old, now)).await.unwrap();
            app.app.webhooks_due();
            made
        };
        let Again::Made(made) = again(&to).await else { panic!("it is made") };
        assert_ne!(made.id, first.id);
        assert_eq!((&made.event_id, made.status, made.attempts), (&first.event_id, Status::Pending, 0));
        let got = receiver.until_came(3).await;
        assert_eq!((kind(&got[2]), got[2].id(), &got[2].raw), ("call.ringing".into(), got[0].id(), &got[0].raw));
        // Not while the endpoint is disabled, and not what was erased.
        let off = change(&app, &to.id, |wish| wish.enabled = false).await;
        assert_eq!(again(&off).await, Again::EndpointDisabled);
        let (event, now) = (first.event_id.clone(), app.app.clock.now());
        let erased = app.app.db.write(move |tx| {
            tx.execute("update webhook_events set body = '{}', erased_at = $1 where id = $2", &[&now, &event])
        });
        assert_eq!(erased.await.unwrap(), 1);
        assert_eq!(again(&to).await, Again::EventGone);
        app.stop().await;
    }

    async fn what_was_erased_is_not_sent_any_more(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock)).await else { return };
        let receiver = Receiver::start().await;
        receiver.answers(away);
        let to = endpoint(&app, &receiver.url, &["call.ringing", "call.ended"]).await;
        talks(&app, 1).await;
        eventually("it was tried", async || {
            let all = deliveries_to(&app, &to).await;
            all.len() == 2 && all[0].attempts == 1 && all[0].next_try_at.is_some()
        })
        .await;
        receiver.answers(|_| Answer::status(200));
        let now = app.app.clock.now();
        let erased = app.app.db.write(move |tx| {
            tx.execute("update webhook_events set body = '{}', erased_at = $1 where type = 'call.ringing'", &[&now])
        });
        assert_eq!(erased.await.unwrap(), 1);
        trying_again_until(&app, "it is over", async || waiting(&app).await == 0).await;
        assert_eq!(statuses(&app, &to).await, [Status::Cancelled, Status::Delivered]);
        assert_eq!(receiver.got().iter().map(kind).collect::<Vec<_>>(), ["call.ringing", "call.ended"]);
        app.stop().await;
    }

    async fn an_endpoint_can_be_tried_out(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let receiver = Receiver::start().await;
        let to = endpoint(&app, &receiver.url, &["call.missed"]).await;
        let (endpoint, now) = (to.clone(), app.app.clock.now());
        let body = outgoing::test_body(&to, now);
        let sent = app.app.db.write(move |tx| deliveries::send_test(tx, &endpoint, body, now)).await.unwrap();
        assert_eq!(sent.unwrap().event_type, "webhook.test");
        app.app.webhooks_due();
        let got = receiver.until_arrived(1).await.remove(0);
        assert_eq!((kind(&got), &got.body["data"]["endpointId"]), ("webhook.test".into(), &json!(*to.id)));
        let (off, now) = (change(&app, &to.id, |wish| wish.enabled = false).await, app.app.clock.now());
        let none = app.app.db.write(move |tx| deliveries::send_test(tx, &off, String::new(), now)).await.unwrap();
        assert_eq!(none, None);
        app.stop().await;
    }

    async fn what_is_past_its_retention_is_forgotten_and_the_rest_kept(setup: Setup) {
        let clock = standing();
        let Some(app) = start(setup.clock(clock.clone())).await else { return };
        let receiver = Receiver::start().await;
        let to = endpoint(&app, &receiver.url, &["call.ringing"]).await;
        talks(&app, 1).await;
        receiver.until_arrived(1).await;
        all_over(&app).await;
        let old = deliveries_to(&app, &to).await.remove(0);
        clock.advance(Duration::from_secs(20 * 24 * 3600));
        talks(&app, 2).await;
        receiver.until_arrived(2).await;
        all_over(&app).await;
        clock.advance(Duration::from_secs(11 * 24 * 3600));
        eventually("the old one is forgotten", async || {
            let event = old.event_id.clone();
            let event = app.app.db.read(move |tx| deliveries::event(tx, &event)).await.unwrap();
            event.is_none() && attempts(&app, &old).await.is_empty() && deliveries_to(&app, &to).await.len() == 1
        })
        .await;
        let kept = deliveries_to(&app, &to).await.remove(0);
        assert_eq!(attempts(&app, &kept).await.len(), 1);
        let event = kept.event_id.clone();
        assert!(app.app.db.read(move |tx| deliveries::event(tx, &event)).await.unwrap().is_some());
        app.stop().await;
    }

    async fn endpoints_are_listed_newest_first_and_only_within_their_tenant(setup: Setup) {
        let Some(app) = start(setup).await else { return };
        let mut made = Vec::new();
        for n in 0..3 {
            made.push(endpoint(&app, &format!("https://example.com/{n}"), &["*"]).await);
        }
        let other = TenantId::from("tnt_2");
        let list = async |scope: Option<TenantId>, before: Option<EndpointId>, limit| {
            let read = app.app.db.read(move |tx| endpoints::list(tx, scope.as_ref(), before.as_ref(), limit));
            read.await.unwrap()
        };
        made.reverse();
        assert_eq!(list(Some(acme()), None, 10).await, made);
        assert_eq!(list(Some(acme()), Some(made[0].id.clone()), 1).await, made[1..2]);
        assert_eq!(list(None, None, 10).await, made);
        assert_eq!(list(Some(other.clone()), None, 10).await, []);
        let id = made[0].id.clone();
        let hidden = app.app.db.read(move |tx| endpoints::by_id(tx, Some(&other), &id)).await.unwrap();
        assert_eq!(hidden, None);
        let shown = serde_json::to_value(&made[0]).unwrap();
        assert_eq!(shown["url"], "https://example.com/2");
        assert!(!shown.to_string().contains("whsec_"));
        app.stop().await;
    }
}
