//! Deliveries in line: of each line only the first is due, whoever adds to it or takes from it at the same moment.

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;

use super::super::changes::{self, Position};
use super::super::deliveries::{self, Attempt, Delivery, Event, Status};
use super::super::endpoints::{self, Endpoint, Wish};
use super::super::sending::{
    Claim, Claimed, Fate, Finished, RELAY, Telling, claim, due_endpoints, finish, next_due, relay, release,
    waiting,
};
use super::changes::{held, later};
use super::*;
use crate::ids::{DeliveryId, EndpointId, EventId};

const NOW: Timestamp = Timestamp::from_secs(1_760_011_200);

/// A relay that told of something, and whom it told.
struct Lines {
    fresh: Fresh,
    endpoint: Endpoint,
    at: Position,
}

impl Lines {
    async fn both() -> Vec<Lines> {
        let mut all = Vec::new();
        for fresh in Fresh::both(|options| options.budget = Duration::from_secs(20)).await {
            let fresh = fresh.with_tables().await;
            let wish = Wish {
                url: "https://a".into(),
                description: "".into(),
                events: vec!["*".into()],
                enabled: true,
            };
            let made = fresh.db.write(move |tx| -> Result<_> {
                changes::store(tx, RELAY, Position::default())?;
                endpoints::insert(tx, &TenantId::from("tnt_1"), wish, &"whsec_AAAA".into(), NOW)
            });
            let endpoint = made.await.unwrap();
            all.push(Lines { fresh, endpoint, at: Position::default() });
        }
        all
    }

    fn telling(&self, line: &str) -> Telling {
        let event = Event {
            id: EventId::from(""),
            tenant: TenantId::from("tnt_1"),
            kind: "call.ringing".into(),
            subject: line.into(),
            body: "{}".into(),
            at: NOW,
        };
        Telling { event, order_key: line.into(), endpoints: vec![self.endpoint.id.clone()] }
    }

    /// Tells of something in each of these lines.
    async fn tell(&mut self, lines: &[&str]) {
        let told = lines.iter().map(|line| self.telling(line)).collect();
        let (from, to) = (self.at, Position { seq: self.at.seq + 1, ..self.at });
        assert!(self.fresh.db.write(move |tx| relay(tx, (from, to), told, NOW)).await.unwrap());
        self.at = to;
    }

    /// All deliveries, oldest first.
    async fn all(&self) -> Vec<Delivery> {
        let endpoint = self.endpoint.clone();
        let mut all =
            self.fresh.db.read(move |tx| deliveries::list(tx, &endpoint, None, None, 100)).await.unwrap();
        all.reverse();
        all
    }

    /// Which of all are due, in their order.
    async fn due(&self) -> Vec<bool> {
        self.all().await.iter().map(|one| one.next_try_at.is_some()).collect()
    }

    async fn claim(&self, holder: &'static str, now: Timestamp) -> Vec<Claimed> {
        let (endpoint, until) = (self.endpoint.id.clone(), now.saturating_add(Duration::from_secs(30)));
        let except = BTreeSet::new();
        let claimed = self
            .fresh
            .db
            .write(move |tx| claim(tx, &endpoint, Claim { holder, until, except: &except }, 10, now));
        claimed.await.unwrap()
    }

    async fn finish(&self, one: &Claimed, holder: &'static str, fate: Fate) -> bool {
        let one = one.clone();
        let done = self.fresh.db.write(move |tx| {
            let tried = Some(&tried(&one));
            finish(tx, &[Finished { claimed: &one, holder, tried, fate: &fate }], NOW)
        });
        done.await.unwrap() == 1
    }
}

fn tried(one: &Claimed) -> Attempt {
    Attempt {
        attempt: one.attempts + 1,
        at: NOW,
        response_status: None,
        error: None,
        response: None,
        took_ms: 1,
    }
}

#[tokio::test]
async fn of_each_line_only_the_first_is_due() {
    for mut lines in Lines::both().await {
        lines.tell(&["a", "b", "a"]).await;
        lines.tell(&["a"]).await;
        assert_eq!(lines.due().await, [true, true, false, false]);
        let ids: Vec<DeliveryId> = lines.all().await.into_iter().map(|one| one.id).collect();
        let [a, b] = <[Claimed; 2]>::try_from(lines.claim("me", NOW).await).unwrap();
        assert_eq!((&a.id, &b.id), (&ids[0], &ids[1]));
        assert_eq!((a.attempts, a.body.as_deref(), a.order_key.as_str()), (0, Some("{}"), "a"));
        assert!(lines.claim("somebody else", NOW).await.is_empty());
        // One that is tried again keeps its place.
        assert!(lines.finish(&a, "me", Fate::Again(later(5))).await);
        assert_eq!(lines.due().await, [true, false, false, false]);
        let a = lines.claim("me", later(5)).await.remove(0);
        assert_eq!((&a.id, a.attempts, a.first_tried_at), (&ids[0], 1, Some(NOW)));
        assert!(lines.finish(&a, "me", Fate::Arrived).await);
        assert_eq!(lines.due().await, [false, false, true, false]);
        // One that is given up on makes way.
        let a = lines.claim("me", NOW).await.remove(0);
        assert!(lines.finish(&a, "me", Fate::GivenUp("it is over".into())).await);
        assert_eq!(lines.due().await, [false, false, false, true]);
        let statuses = lines.all().await.into_iter().map(|one| one.status).collect::<Vec<_>>();
        assert_eq!(statuses, [Status::Delivered, Status::Pending, Status::Failed, Status::Pending]);
        assert_eq!(lines.fresh.db.read(|tx| waiting(tx, 100)).await.unwrap(), 2);
        assert_eq!(lines.fresh.db.read(|tx| waiting(tx, 1)).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn ids_are_in_the_order_of_events_even_when_the_clock_goes_back() {
    for mut lines in Lines::both().await {
        let told = (0..40).map(|_| "a").collect::<Vec<_>>();
        lines.tell(&told).await;
        // Another replica's clock is a minute behind.
        let (from, to) = (lines.at, Position { seq: 99, ..lines.at });
        let late = lines.telling("b");
        let behind = NOW.saturating_sub(Duration::from_secs(60));
        assert!(lines.fresh.db.write(move |tx| relay(tx, (from, to), vec![late], behind)).await.unwrap());
        let read = "select order_key from deliveries order by id";
        let keys = lines.fresh.db.read(move |tx| tx.all(read, &[], |row| row.get::<String>("order_key")));
        assert_eq!(keys.await.unwrap().concat(), "a".repeat(40) + "b");
        let times: Vec<Timestamp> = lines.all().await.into_iter().map(|one| one.created_at).collect();
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    }
}

#[tokio::test]
async fn a_claim_that_ran_out_is_somebody_elses_and_the_first_ones_outcome_counts_no_more() {
    for mut lines in Lines::both().await {
        lines.tell(&["a", "a"]).await;
        let mine = lines.claim("me", NOW).await.remove(0);
        let theirs = lines.claim("they", later(31)).await.remove(0);
        assert_eq!(mine.id, theirs.id);
        assert!(!lines.finish(&mine, "me", Fate::Arrived).await);
        assert_eq!(lines.due().await, [false, false]);
        assert!(lines.finish(&theirs, "they", Fate::Arrived).await);
        assert_eq!(lines.due().await, [false, true]);
    }
}

#[tokio::test]
async fn what_a_dead_process_claimed_can_be_let_go_of() {
    for mut lines in Lines::both().await {
        lines.tell(&["a", "b", "a"]).await;
        assert_eq!(lines.claim("dead", NOW).await.len(), 2);
        lines.fresh.db.write(|tx| release(tx, later(1))).await.unwrap();
        assert_eq!(lines.due().await, [true, true, false]);
        assert_eq!(lines.claim("me", later(1)).await.len(), 2);
    }
}

#[tokio::test]
async fn of_two_relays_in_one_place_only_one_tells() {
    for mut lines in Lines::both().await {
        lines.tell(&["a"]).await;
        let (behind, to) = (Position::default(), Position { seq: 5, ..lines.at });
        let again = lines.telling("a");
        assert!(!lines.fresh.db.write(move |tx| relay(tx, (behind, to), vec![again], NOW)).await.unwrap());
        assert_eq!(lines.all().await.len(), 1);
        let kept = lines.fresh.db.read(|tx| changes::stored(tx, RELAY)).await.unwrap();
        assert_eq!(kept, Some(lines.at));
    }
}

#[tokio::test]
async fn only_endpoints_that_are_told_of_things_have_anything_due() {
    for mut lines in Lines::both().await {
        lines.tell(&["a"]).await;
        let id: EndpointId = lines.endpoint.id.clone();
        let due = async || {
            let read = |tx: &mut Tx<'_>| -> Result<_> {
                Ok((due_endpoints(tx, NOW)?, next_due(tx, NOW.saturating_sub(Duration::from_secs(1)))?))
            };
            lines.fresh.db.read(read).await.unwrap()
        };
        assert_eq!(due().await, (vec![id.clone()], Some(NOW)));
        let change = async |enabled| {
            let id = id.clone();
            let changed = lines.fresh.db.write(move |tx| -> Result<_> {
                let old = endpoints::locked(tx, None, &id)?.unwrap();
                let wish = Wish { enabled, url: old.url.clone(), description: "".into(), events: vec![] };
                endpoints::update(tx, &old, wish, NOW)
            });
            changed.await.unwrap();
        };
        change(false).await;
        assert_eq!(due().await, (vec![], None));
        assert!(lines.claim("me", NOW).await.is_empty());
        change(true).await;
        assert_eq!(lines.claim("me", NOW).await.len(), 1);
        assert_eq!(due().await, (vec![], None), "a claimed one is due to nobody");
    }
}

#[tokio::test]
async fn a_secret_that_was_exchanged_signs_for_a_day_and_is_forgotten_then() {
    for lines in Lines::both().await {
        let id = lines.endpoint.id.clone();
        let rotated = lines.fresh.db.write(move |tx| -> Result<_> {
            let old = endpoints::locked(tx, None, &id)?.unwrap();
            endpoints::rotate(tx, &old, &"whsec_BBBB".into(), NOW)
        });
        rotated.await.unwrap();
        let day = endpoints::BOTH_SECRETS.as_secs();
        let known = async |at| {
            let id = lines.endpoint.id.clone();
            let secrets =
                lines.fresh.db.read(move |tx| endpoints::secrets(tx, &id, at)).await.unwrap().unwrap();
            [Some(secrets.current), secrets.previous].map(|one| one.map(|one| one.expose_secret().to_owned()))
        };
        let kept = async || {
            let sql = "select previous_secret from webhook_endpoints";
            let read = lines.fresh.db.read(move |tx| tx.first(sql, &[], |row| row.get("previous_secret")));
            read.await.unwrap().flatten()
        };
        let [new, old] = ["whsec_BBBB", "whsec_AAAA"].map(|text| Some(text.to_owned()));
        assert_eq!(known(later(day - 1)).await, [new.clone(), old.clone()]);
        assert_eq!(known(later(day)).await, [new, None]);
        lines.fresh.db.write(move |tx| endpoints::forget_secrets(tx, later(day - 1))).await.unwrap();
        assert_eq!(kept().await, old);
        lines.fresh.db.write(move |tx| endpoints::forget_secrets(tx, later(day))).await.unwrap();
        assert_eq!(kept().await, None::<String>);
    }
}

#[tokio::test]
async fn who_adds_to_a_line_waits_for_who_takes_its_first_away() {
    for mut lines in Lines::both().await {
        if lines.fresh.db.engine() == Engine::Sqlite {
            // One writes at a time.
            continue;
        }
        lines.tell(&["a"]).await;
        let first = lines.claim("me", NOW).await.remove(0);
        let done = move |tx: &mut Tx<'_>| {
            let tried = Some(&tried(&first));
            let arrived = Finished { claimed: &first, holder: "me", tried, fate: &Fate::Arrived };
            finish(tx, &[arrived], NOW).map(drop)
        };
        let (finishing, mut half_way) = held(&lines.fresh.db, done, |_| Ok(()));
        half_way.arrived().await;
        let (told, from) = (lines.telling("a"), lines.at);
        let to = Position { seq: from.seq + 1, ..from };
        let db = lines.fresh.db.clone();
        let adding =
            background(async move { db.write(move |tx| relay(tx, (from, to), vec![told], NOW)).await });
        eventually("it waits for the line", async || {
            let waits = "select count(*) as waits from pg_locks where locktype = 'advisory' and not granted";
            let waits = lines.fresh.db.read(move |tx| tx.first(waits, &[], |row| row.get::<i64>("waits")));
            waits.await.unwrap() > Some(0) || adding.is_finished()
        })
        .await;
        half_way.go_on();
        finishing.await.unwrap().unwrap();
        assert!(adding.await.unwrap().unwrap());
        assert_eq!(lines.due().await, [false, true], "otherwise nobody would ever send it");
    }
}
