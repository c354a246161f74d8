//! The promises of the database's core, each on SQLite, and on PostgreSQL when `TEST_DATABASE_URL` names one.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::*;
use crate::clock::Timestamp;
use crate::ids::{CallId, TenantId};

/// A database of a test's own, with a table `t`.
struct Fresh {
    options: Options,
    db: Db,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        server::drop_database(&self.options.url);
    }
}

const TABLE: &str = "create table t (k text primary key, n bigint not null check (n >= 0), x text)";

impl Fresh {
    async fn open(options: Options, folder: Option<tempfile::TempDir>) -> Fresh {
        let db = Db::open(&options).unwrap();
        db.unlimited(|tx| tx.script(TABLE)).await.unwrap();
        Fresh { options, db, _folder: folder }
    }

    /// On SQLite first, then on PostgreSQL if there is one to test with.
    async fn both(change: impl Fn(&mut Options)) -> Vec<Fresh> {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(format!("file:{}/t.db", folder.path().display()));
        change(&mut options);
        let mut all = vec![Fresh::open(options, Some(folder)).await];
        if let Some(mut options) = postgres_options() {
            change(&mut options);
            all.push(Fresh::open(options, None).await);
        }
        all
    }

    async fn keys(&self) -> Vec<String> {
        keys(&self.db).await
    }
}

/// A database of a test's own on the server of `TEST_DATABASE_URL`.
fn postgres_options() -> Option<Options> {
    server::new_database().map(Options::new)
}

async fn keys(db: &Db) -> Vec<String> {
    db.read(|tx| tx.all("select k from t order by k", &[], |row| row.get("k"))).await.unwrap()
}

fn put(tx: &mut Tx<'_>, k: &str) -> Result<()> {
    tx.execute("insert into t (k, n) values ($1, 1)", &[&k])?;
    Ok(())
}

/// Occupies every thread that writes; they go on when the sender is used or dropped.
async fn block_writers(db: &Db, writers: usize) -> Vec<mpsc::Sender<()>> {
    let mut gates = Vec::new();
    for _ in 0..writers {
        let (gate, wait) = mpsc::channel::<()>();
        let (here, arrived) = tokio::sync::oneshot::channel();
        let db = db.clone();
        background(async move {
            let _ = db
                .write(move |_| {
                    here.send(()).unwrap();
                    let _ = wait.recv();
                    Ok::<_, Error>(())
                })
                .await;
        });
        arrived.await.unwrap();
        gates.push(gate);
    }
    gates
}

#[expect(clippy::disallowed_methods, reason = "there is no App here whose tracker could take it")]
fn background<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

/// Waits until it is so; the deadline only ends a failing test.
async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_was_committed_is_seen_by_every_later_read() {
    for fresh in Fresh::both(|_| ()).await {
        for i in 0..50 {
            let k = format!("{i:02}");
            fresh.db.write(move |tx| put(tx, &k)).await.unwrap();
            assert_eq!(fresh.keys().await.len(), i + 1);
        }
        fresh.db.close().await;
        let again = Db::open(&fresh.options).unwrap();
        assert_eq!(keys(&again).await.len(), 50);
    }
}

#[tokio::test]
async fn every_type_is_read_as_it_was_bound() {
    let (call, tenant) = (CallId::from("call_1"), None::<TenantId>);
    let at = Timestamp::from_micros(1_760_011_200_123_456);
    for fresh in Fresh::both(|_| ()).await {
        let (call, tenant) = (call.clone(), tenant.clone());
        let done = fresh.db.unlimited(move |tx| {
            tx.script(
                "create table v (a text, b bigint, c boolean, d double precision, e bigint, f text, g text, h text)",
            )?;
            let json = Json(serde_json::json!({"tools": ["crm"]}));
            let (text, owned) = ("tëxt", String::from("x"));
            tx.execute(
                "insert into v values ($1, $2, $3, $4, $5, $6, $7, $8)",
                &[&text, &i64::MIN, &true, &0.1, &at, &call, &tenant, &json],
            )?;
            let changed = tx.execute("update v set a = $1 where c = $2", &[&owned, &true])?;
            assert_eq!(changed, 1);
            tx.first("select * from v", &[], |row| {
                assert_eq!(row.get::<String>("a")?, "x");
                assert_eq!(row.get::<i64>("b")?, i64::MIN);
                assert!(row.get::<bool>("c")?);
                assert_eq!(row.get::<f64>("d")?, 0.1);
                assert_eq!(row.get::<Timestamp>("e")?, at);
                assert_eq!(row.get::<CallId>("f")?, call);
                assert_eq!(row.get::<Option<TenantId>>("g")?, tenant);
                assert_eq!(row.get::<Json<serde_json::Value>>("h")?.0["tools"][0], "crm");
                assert!(row.get::<i64>("nowhere").is_err());
                Ok(())
            })
        });
        assert_eq!(done.await.unwrap(), Some(()));
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_fails_the_transaction() {
    for fresh in Fresh::both(|_| ()).await {
        let done = fresh.db.write(|tx| {
            put(tx, "kept?")?;
            let bad =
                tx.first("select 'no json' as x", &[], |row| row.get::<Json<Vec<i64>>>("x").map(|x| x.0));
            assert!(bad.is_err());
            Ok::<_, Error>(())
        });
        assert!(matches!(done.await, Err(Error::Sqlite(_) | Error::Postgres(_))));
        assert!(fresh.keys().await.is_empty());
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("of its own")]
    Own,
    #[error(transparent)]
    Db(#[from] Error),
}

/// Starts these closures so that SQLite takes them into one commit.
async fn in_one_batch(fresh: &Fresh) {
    let writers = if fresh.db.engine() == Engine::Sqlite { 1 } else { fresh.options.writers };
    let gates = block_writers(&fresh.db, writers).await;
    let db = &fresh.db;
    let panicking = background({
        let db = db.clone();
        async move {
            db.write(|tx| -> Result<()> {
                put(tx, "panicked")?;
                panic!("as it should")
            })
            .await
        }
    });
    let (good, failing, double, slow, last) = tokio::join!(
        biased;
        db.write(|tx| put(tx, "a")),
        db.write(|tx| {
            put(tx, "failed")?;
            Err::<(), _>(Problem::Own)
        }),
        db.write(|tx| {
            put(tx, "before the double")?;
            put(tx, "taken")?;
            // Even when the closure passes over it, it fails.
            let _ = put(tx, "taken");
            assert!(put(tx, "after the double").is_err());
            Ok::<_, Problem>(())
        }),
        db.write(|tx| {
            put(tx, "too slow")?;
            tx.all(FOREVER, &[], |row| row.get::<i64>("n"))?;
            Ok::<_, Problem>(())
        }),
        async {
            drop(gates);
            db.write(|tx| put(tx, "b")).await
        },
    );
    good.unwrap();
    last.unwrap();
    assert!(matches!(failing, Err(Problem::Own)));
    assert!(matches!(double, Err(Problem::Db(Error::Duplicate))), "{double:?}");
    assert!(matches!(slow, Err(Problem::Db(Error::TooSlow))), "{slow:?}");
    let panic = panicking.await.unwrap_err().into_panic();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "as it should");
}

const FOREVER: &str = "with recursive r(n) as (select 1 union all select n + 1 from r where n < 2000000000)
    select cast(count(*) as bigint) as n from r";

#[tokio::test]
async fn an_error_a_panic_a_duplicate_and_a_slow_one_undo_themselves_alone() {
    for fresh in Fresh::both(|_| ()).await {
        in_one_batch(&fresh).await;
        assert_eq!(fresh.keys().await, ["a", "b"]);
        in_one_batch_again(&fresh).await;
    }
}

async fn in_one_batch_again(fresh: &Fresh) {
    fresh.db.write(|tx| put(tx, "c")).await.unwrap();
    assert_eq!(fresh.keys().await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_slow_statement_that_writes_ends_its_closure_and_harms_nobody_else() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_millis(50)).await {
        let db = &fresh.db;
        let (good, slow) = tokio::join!(
            biased;
            db.write(|tx| put(tx, "a")),
            db.write(|tx| {
                tx.execute(
                    "insert into t (k, n) with recursive r(n) as
                        (select 1 union all select n + 1 from r where n < 300000)
                     select 'slow', count(*) from r",
                    &[],
                )?;
                put(tx, "after the slow one")
            }),
        );
        good.unwrap();
        assert!(matches!(slow, Err(Error::TooSlow)), "{slow:?}");
        assert_eq!(fresh.keys().await, ["a"]);
    }
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once() {
    for fresh in Fresh::both(|options| (options.queue, options.writers) = (2, 1)).await {
        let gates = block_writers(&fresh.db, 1).await;
        let waiting: Vec<_> = (0..2)
            .map(|i| {
                let db = fresh.db.clone();
                background(async move { db.write(move |tx| put(tx, &i.to_string())).await })
            })
            .collect();
        let db = &fresh.db;
        eventually("two wait", async || db.waiting(Lane::Write) == 2).await;
        assert!(matches!(fresh.db.write(|tx| put(tx, "no room")).await, Err(Error::Busy)));
        assert!(fresh.keys().await.is_empty(), "reading goes on");
        drop(gates);
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        assert_eq!(fresh.keys().await, ["0", "1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tasks_write_together_and_none_is_lost() {
    for fresh in Fresh::both(|_| ()).await {
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let db = fresh.db.clone();
                background(async move {
                    for i in 0..20 {
                        db.write(move |tx| put(tx, &format!("{task}-{i}"))).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(fresh.keys().await.len(), 64 * 20);
    }
}

#[tokio::test]
async fn a_read_sees_one_unchanging_snapshot_and_cannot_write() {
    for fresh in Fresh::both(|_| ()).await {
        let (go_on, wait) = mpsc::channel::<()>();
        let (here, arrived) = tokio::sync::oneshot::channel();
        let count = "select count(*) as n from t";
        let db = fresh.db.clone();
        let reading = background(async move {
            db.report(move |tx| {
                let before = tx.first(count, &[], |row| row.get::<i64>("n"))?;
                here.send(()).unwrap();
                wait.recv().unwrap();
                Ok::<_, Error>((before, tx.first(count, &[], |row| row.get::<i64>("n"))?))
            })
            .await
        });
        arrived.await.unwrap();
        fresh.db.write(|tx| put(tx, "meanwhile")).await.unwrap();
        go_on.send(()).unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), (Some(0), Some(0)));
        assert!(fresh.db.read(|tx| put(tx, "no")).await.is_err());
        assert!(fresh.db.report(|tx| put(tx, "no")).await.is_err());
        assert_eq!(fresh.keys().await, ["meanwhile"]);
    }
}

#[tokio::test]
async fn rows_are_handed_over_one_by_one_and_an_error_stops_them() {
    const MANY: &str = "with recursive r(n) as
        (select cast(1 as bigint) union all select n + 1 from r where n < $1) select n from r";
    for fresh in Fresh::both(|_| ()).await {
        let sum = fresh.db.report(|tx| {
            let mut sum = 0;
            tx.each(MANY, &[&100_000_i64], |row| {
                sum += row.get::<i64>("n")?;
                Ok(())
            })?;
            Ok::<_, Error>(sum)
        });
        assert_eq!(sum.await.unwrap(), 5_000_050_000);
        let (seen, last) = mpsc::channel();
        let stopped = fresh.db.report(move |tx| {
            tx.each(MANY, &[&100_000_i64], |row| {
                let n = row.get::<i64>("n")?;
                seen.send(n).unwrap();
                if n < 10 { Ok(()) } else { Err(Error::Unexpected("ten".into())) }
            })
        });
        assert!(matches!(stopped.await, Err(Error::Unexpected(_))));
        assert_eq!(last.iter().last(), Some(10));
    }
}

#[tokio::test]
async fn forked_statements_run_each_on_its_engine() {
    for fresh in Fresh::both(|_| ()).await {
        let sql = Sql { sqlite: "select 'Sqlite' as e", postgres: "select 'Postgres' as e" };
        let said = fresh.db.read(move |tx| {
            let said = tx.first(sql, &[], |row| row.get::<String>("e"))?;
            Ok::<_, Error>((said, tx.engine()))
        });
        let (said, engine) = said.await.unwrap();
        assert_eq!(said.unwrap(), format!("{engine:?}"));
    }
}

#[tokio::test]
async fn a_topic_is_announced_after_the_commit_and_never_without_it() {
    for fresh in Fresh::both(|_| ()).await {
        let topic = format!("routing-{}", crate::ids::new("t", Timestamp::EPOCH));
        let mut notices = fresh.db.notifications();
        let undone = topic.clone();
        let undone = fresh.db.write(move |tx| {
            tx.notify(&undone);
            put(tx, "x")?;
            Err::<(), _>(Problem::Own)
        });
        assert!(undone.await.is_err());
        let (kept, marker) = (topic.clone(), format!("{topic}-later"));
        let mark = marker.clone();
        fresh
            .db
            .write(move |tx| {
                tx.notify(&kept);
                tx.notify(&kept);
                put(tx, "y")
            })
            .await
            .unwrap();
        fresh
            .db
            .write(move |tx| {
                tx.notify(&mark);
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        let mut heard = Vec::new();
        while let Some(Notice::Topic(named)) = notices.next().await {
            if named.starts_with(&topic) {
                heard.push(named.to_string());
            }
            if *named == *marker {
                break;
            }
        }
        assert_eq!(heard, [topic, marker]);
        fresh.db.close().await;
        while let Some(notice) = notices.next().await {
            assert!(!notice.concerns("x") || notice == Notice::Anything);
        }
    }
}

#[tokio::test]
async fn another_process_writing_wakes_this_one() {
    for fresh in Fresh::both(|_| ()).await {
        let other = Db::open(&fresh.options).unwrap();
        let mut notices = fresh.db.notifications();
        other
            .write(|tx| {
                tx.notify("routing");
                put(tx, "x")
            })
            .await
            .unwrap();
        assert!(notices.next_about("routing").await);
        other.close().await;
    }
}

#[tokio::test]
async fn our_own_commits_are_not_taken_for_another_processes() {
    let fresh = &Fresh::both(|_| ()).await[0];
    let mut notices = fresh.db.notifications();
    for i in 0..200 {
        fresh.db.write(move |tx| put(tx, &i.to_string())).await.unwrap();
    }
    fresh.db.close().await;
    assert_eq!(notices.next().await, None);
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_refuses_the_rest() {
    for fresh in Fresh::both(|options| options.writers = 1).await {
        let gates = block_writers(&fresh.db, 1).await;
        let queued: Vec<_> = (0..10)
            .map(|i| {
                let db = fresh.db.clone();
                background(async move { db.write(move |tx| put(tx, &i.to_string())).await })
            })
            .collect();
        let db = fresh.db.clone();
        eventually("ten wait", async || db.waiting(Lane::Write) == 10).await;
        let db = fresh.db.clone();
        let closing = background(async move { db.close().await });
        let db = fresh.db.clone();
        eventually("it refuses", async || db.read(|_| Ok::<_, Error>(())).await.is_err()).await;
        drop(gates);
        for task in queued {
            task.await.unwrap().unwrap();
        }
        closing.await.unwrap();
        assert!(matches!(fresh.db.write(|tx| put(tx, "late")).await, Err(Error::Busy)));
        if fresh.db.engine() == Engine::Sqlite {
            let file = fresh.options.url.strip_prefix("file:").unwrap();
            let log = std::fs::metadata(format!("{file}-wal"));
            assert!(log.is_err() || log.is_ok_and(|log| log.len() == 0), "the log was moved into the file");
        }
        assert_eq!(keys(&Db::open(&fresh.options).unwrap()).await.len(), 10);
    }
}

#[tokio::test]
async fn a_caller_that_went_away_stops_what_has_not_begun() {
    for fresh in Fresh::both(|options| options.writers = 1).await {
        let gates = block_writers(&fresh.db, 1).await;
        let db = fresh.db.clone();
        let gone = background(async move { db.write(|tx| put(tx, "gone")).await });
        let db = &fresh.db;
        eventually("it waits", async || db.waiting(Lane::Write) == 1).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        drop(gates);
        fresh.db.write(|tx| put(tx, "stayed")).await.unwrap();
        assert_eq!(fresh.keys().await, ["stayed"]);
    }
}

#[tokio::test]
async fn every_closure_is_observed_with_its_lane_and_outcome() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let observer = Observer::new(move |o| told.lock().unwrap().push((o.lane, o.outcome)));
    for fresh in Fresh::both(|options| options.observer = observer.clone()).await {
        seen.lock().unwrap().clear();
        fresh.db.write(|tx| put(tx, "a")).await.unwrap();
        fresh.db.bulk(|tx| put(tx, "a")).await.unwrap_err();
        fresh.db.read(|_| Err::<(), _>(Problem::Own)).await.unwrap_err();
        fresh.db.report(|_| Ok::<_, Error>(())).await.unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(
            seen,
            [
                (Lane::Write, Outcome::Kept),
                (Lane::Bulk, Outcome::Duplicate),
                (Lane::Read, Outcome::Undone),
                (Lane::Report, Outcome::Kept)
            ]
        );
    }
}

#[tokio::test]
async fn a_large_write_may_take_longer_than_a_small_one() {
    for fresh in Fresh::both(|options| options.budget = Duration::from_millis(20)).await {
        let work = |tx: &mut Tx<'_>| {
            tx.first(
                "with recursive r(n) as (select 1 union all select n + 1 from r where n < 300000)
                 select count(*) as n from r",
                &[],
                |row| row.get::<i64>("n"),
            )?;
            put(tx, "large")
        };
        assert!(matches!(fresh.db.write(work).await, Err(Error::TooSlow)));
        fresh.db.bulk(work).await.unwrap();
        assert_eq!(fresh.keys().await, ["large"]);
    }
}

mod analytics;
mod calls;
mod changes;
mod engines;
mod filled;
mod killed;
mod migrations;
mod sending;
pub(crate) mod server;
