//! The outbox: every change is read once, in order, whatever commits when.

use super::super::changes::{
    Kind, Position, adopt, after, begin, forget, is_complete_after, last, note, of_routing, store, stored,
};
use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_760_011_200);

pub(super) fn later(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

impl Fresh {
    pub(super) async fn with_tables(self) -> Fresh {
        migrate::run(&self.db, NOW).await.unwrap();
        self
    }

    async fn note(&self, kind: Kind, subject: &'static str, at: Timestamp) {
        self.db.write(move |tx| note(tx, kind, None, (subject, 1), at)).await.unwrap();
    }

    /// What is read, once it is as it should be. A transaction of another database of the server that ends while it
    /// is asked who runs counts as one of ours: it holds back a single answer, and none of what is asked next.
    async fn once<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Tx<'_>) -> Result<T> + Clone + Send + 'static,
        is_right: impl Fn(&T) -> bool,
    ) -> T {
        let mut found = None;
        eventually("what is read is as it should be", async || {
            let value = self.db.read(read.clone()).await.unwrap();
            let right = is_right(&value);
            found = Some(value);
            right
        })
        .await;
        found.unwrap()
    }

    /// The subjects of the changes after a position, once there are so many; and where to read on.
    async fn subjects(&self, from: Position, count: usize) -> (Vec<String>, Position) {
        let mut found = None;
        eventually("the changes can be read", async || {
            let page = self.db.read(move |tx| after(tx, from, 100)).await.unwrap();
            let subjects: Vec<String> = page.changes.into_iter().map(|change| change.subject).collect();
            let enough = subjects.len() >= count;
            found = Some((subjects, page.reached));
            enough
        })
        .await;
        found.unwrap()
    }
}

#[tokio::test]
async fn changes_are_read_in_pages_from_where_a_reader_is() {
    for fresh in Fresh::both(|_| ()).await {
        let fresh = fresh.with_tables().await;
        let start = fresh.db.read(last).await.unwrap();
        assert_eq!(start, Position::default());
        for subject in ["a", "b", "c"] {
            fresh.note(Kind::Call, subject, NOW).await;
        }
        fresh.note(Kind::Routing, "tnt_1", NOW).await;
        let tenant = TenantId::from("tnt_1");
        let of_tenant = tenant.clone();
        fresh
            .db
            .write(move |tx| {
                let words = "call.ended call.missed";
                note(tx, Kind::Lead, Some(&of_tenant), (&CallId::from("d"), 7, words), later(1))
            })
            .await
            .unwrap();
        let (all, end) = fresh.subjects(start, 4).await;
        assert_eq!(all, ["a", "b", "c", "d"]);
        let one = fresh.once(move |tx| after(tx, start, 2), |page| page.changes.len() == 2).await;
        assert_eq!(one.reached, one.changes[1].position);
        let other = fresh.once(move |tx| after(tx, one.reached, 2), |page| page.changes.len() == 2).await;
        let d = other.changes.last().unwrap();
        assert_eq!((d.kind, d.tenant.as_ref(), d.revision, d.at), (Kind::Lead, Some(&tenant), 7, later(1)));
        assert_eq!(
            (d.events.as_deref(), other.changes[0].events.as_deref()),
            (Some("call.ended call.missed"), None)
        );
        assert_eq!(other.reached, end);
        fresh.once(last, |newest| *newest == end).await;
        let nothing = fresh.db.read(move |tx| after(tx, end, 2)).await.unwrap();
        assert_eq!((nothing.changes.len(), nothing.reached, nothing.restarted), (0, end, false));
        let routing = fresh.once(move |tx| of_routing(tx, start), |page| !page.changes.is_empty()).await;
        assert_eq!(routing.changes.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["tnt_1"]);
        assert!(routing.reached < end);
    }
}

#[tokio::test]
async fn a_change_that_commits_late_under_a_lower_number_is_not_skipped() {
    let Some(mut options) = postgres_options() else { return };
    options.budget = Duration::from_secs(20);
    let fresh = Fresh::open(options, None).await.with_tables().await;
    // The elder transaction notes second, so that it has the higher number, and commits first.
    let (elder, mut elders_turn) = held(&fresh.db, |tx| put(tx, "elder"), |tx| change(tx, "elder"));
    elders_turn.arrived().await;
    let (younger, mut youngers_turn) = held(&fresh.db, |tx| change(tx, "younger"), |_| Ok(()));
    youngers_turn.arrived().await;
    elders_turn.go_on();
    elder.await.unwrap().unwrap();
    // Other tests' transactions hold everything back for a moment.
    let mut by_seq = Vec::new();
    eventually("the elder's change can be read", async || {
        by_seq = read_by_seq(&fresh.db, 0).await;
        !by_seq.is_empty()
    })
    .await;
    assert_eq!(by_seq, [("elder".to_owned(), 2)]);
    let (first, reached) = fresh.subjects(Position::default(), 1).await;
    assert_eq!(first, ["elder"]);
    youngers_turn.go_on();
    younger.await.unwrap().unwrap();
    assert_eq!(fresh.subjects(reached, 1).await.0, ["younger"]);
    assert!(read_by_seq(&fresh.db, 2).await.is_empty(), "a reader by number never sees it");
}

#[tokio::test]
async fn a_transaction_of_another_database_on_the_server_holds_nothing_up() {
    let Some(options) = postgres_options() else { return };
    let elsewhere = server::new_database().unwrap();
    let other = elsewhere.clone();
    let (running, is_running) = tokio::sync::oneshot::channel();
    let (end, ended) = mpsc::channel::<()>();
    let report = std::thread::spawn(move || {
        let mut client = ::postgres::Client::connect(&elsewhere, ::postgres::NoTls).unwrap();
        client.batch_execute("begin; select pg_current_xact_id()").unwrap();
        running.send(()).unwrap();
        ended.recv().unwrap();
    });
    is_running.await.unwrap();
    let fresh = Fresh::open(options.clone(), None).await.with_tables().await;
    fresh.note(Kind::Call, "a", NOW).await;
    assert_eq!(fresh.subjects(Position::default(), 1).await.0, ["a"]);
    fresh.once(last, |newest| *newest != Position::default()).await;
    end.send(()).unwrap();
    report.join().unwrap();
    server::drop_database(&other);
}

/// A transaction that stops half-way until it is told to go on.
pub(super) fn held(
    db: &Db,
    first: impl FnOnce(&mut Tx<'_>) -> Result<()> + Send + 'static,
    then: impl FnOnce(&mut Tx<'_>) -> Result<()> + Send + 'static,
) -> (tokio::task::JoinHandle<Result<()>>, Turn) {
    let (go, wait) = mpsc::channel();
    let (here, arrived) = tokio::sync::oneshot::channel();
    let db = db.clone();
    let work = move |tx: &mut Tx<'_>| {
        first(tx)?;
        here.send(()).ok();
        wait.recv().ok();
        then(tx)
    };
    (background(async move { db.write(work).await }), Turn { arrived: Some(arrived), go })
}

pub(super) struct Turn {
    arrived: Option<tokio::sync::oneshot::Receiver<()>>,
    go: mpsc::Sender<()>,
}

impl Turn {
    pub(super) async fn arrived(&mut self) {
        self.arrived.take().unwrap().await.unwrap();
    }

    pub(super) fn go_on(&self) {
        self.go.send(()).unwrap();
    }
}

fn change(tx: &mut Tx<'_>, subject: &str) -> Result<()> {
    note(tx, Kind::Call, None, (subject, 1), NOW)
}

/// How changes were read once: by number, below the oldest transaction that still runs.
async fn read_by_seq(db: &Db, after: i64) -> Vec<(String, i64)> {
    let sql = "select subject, seq from changes where seq > $1
               and transaction_id < pg_snapshot_xmin(pg_current_snapshot()) order by seq";
    let read = db.read(move |tx| tx.all(sql, &[&after], |row| Ok((row.get("subject")?, row.get("seq")?))));
    read.await.unwrap()
}

#[tokio::test]
async fn a_position_of_another_database_restarts_at_the_newest() {
    for fresh in Fresh::both(|_| ()).await {
        let fresh = fresh.with_tables().await;
        fresh.note(Kind::Call, "a", NOW).await;
        let (_, end) = fresh.subjects(Position::default(), 1).await;
        let beyond = match fresh.db.engine() {
            Engine::Sqlite => [Position { transaction: 0, seq: 2 }, Position { transaction: 7, seq: 1 }],
            Engine::Postgres => [i64::MAX, 1 << 50].map(|transaction| Position { transaction, seq: 1 }),
        };
        for position in beyond {
            let page = fresh.once(move |tx| after(tx, position, 10), |page| page.reached == end).await;
            assert_eq!((page.changes.len(), page.restarted), (0, true), "{position}");
            assert!(!fresh.db.read(move |tx| is_complete_after(tx, position)).await.unwrap());
        }
        assert!(fresh.db.read(move |tx| is_complete_after(tx, end)).await.unwrap());
    }
}

#[tokio::test]
async fn a_reader_begins_with_what_is_new_and_then_keeps_its_place() {
    for fresh in Fresh::both(|_| ()).await {
        let fresh = fresh.with_tables().await;
        fresh.note(Kind::Call, "old", NOW).await;
        let (_, end) = fresh.subjects(Position::default(), 1).await;
        let begun = async || fresh.db.write(|tx| begin(tx, "reader")).await.unwrap();
        let first = begun().await;
        // PostgreSQL's may be an earlier one, if a transaction of another database ends just then.
        assert!(first == end || (fresh.db.engine() == Engine::Postgres && first < end), "{first}");
        fresh.note(Kind::Call, "new", NOW).await;
        assert_eq!(begun().await, first, "it has read nothing yet");
        assert_eq!(fresh.subjects(end, 1).await.0, ["new"]);
    }
}

#[tokio::test]
async fn a_restored_backup_is_read_from_where_it_ends() {
    let Some(options) = postgres_options() else { return };
    let fresh = Fresh::open(options, None).await.with_tables().await;
    fresh.note(Kind::Call, "old", NOW).await;
    // As a dump of a server that was far ahead of this one.
    let ahead = Position { transaction: 1 << 50, seq: 1 };
    let restored = fresh.db.unlimited(move |tx| {
        tx.script("update changes set transaction_id = '1125899906842624'")?;
        store(tx, "reader", ahead)
    });
    restored.await.unwrap();
    assert!(
        fresh.db.read(|tx| after(tx, Position::default(), 9)).await.unwrap().changes.is_empty(),
        "not for years"
    );
    fresh.db.bulk(adopt).await.unwrap();
    assert_eq!(fresh.db.read(|tx| stored(tx, "reader")).await.unwrap(), None);
    let (old, end) = fresh.subjects(Position::default(), 1).await;
    assert_eq!((old, end), (vec!["old".to_owned()], Position { transaction: 0, seq: 1 }));
    fresh.note(Kind::Call, "new", NOW).await;
    assert_eq!(fresh.subjects(end, 1).await.0, ["new"]);
}

#[tokio::test]
async fn what_is_forgotten_is_known_to_be_missing() {
    for fresh in Fresh::both(|_| ()).await {
        let fresh = fresh.with_tables().await;
        for (subject, at) in [("a", 0), ("b", 1), ("c", 2), ("d", 60)] {
            fresh.note(Kind::Call, subject, later(at)).await;
        }
        fresh.note(Kind::Routing, "tnt_1", NOW).await;
        let (_, end) = fresh.subjects(Position::default(), 4).await;
        let pages = fresh.once(|tx| after(tx, Position::default(), 4), |page| page.changes.len() == 4).await;
        let at: Vec<Position> = pages.changes.iter().map(|change| change.position).collect();
        let complete =
            async |position| fresh.db.read(move |tx| is_complete_after(tx, position)).await.unwrap();
        assert!(complete(Position::default()).await);
        let forgotten = async |limit| fresh.db.write(move |tx| forget(tx, later(30), limit)).await.unwrap();
        assert_eq!(forgotten(2).await, 2);
        assert_eq!(
            [
                complete(Position::default()).await,
                complete(at[0]).await,
                complete(at[1]).await,
                complete(end).await
            ],
            [false, false, true, true]
        );
        assert_eq!((forgotten(100).await, forgotten(100).await), (1, 0));
        assert_eq!([complete(at[1]).await, complete(at[2]).await], [false, true]);
        assert_eq!(fresh.subjects(Position::default(), 1).await.0, ["d"]);
        // Routing is kept.
        fresh.once(|tx| of_routing(tx, Position::default()), |page| page.changes.len() == 1).await;
    }
}

#[tokio::test]
async fn who_follows_is_woken_by_own_commits_and_only_by_those_with_a_change() {
    for fresh in Fresh::both(|_| ()).await {
        let fresh = fresh.with_tables().await;
        let mut commits = fresh.db.commits();
        let mut woken =
            async || tokio::time::timeout(Duration::from_millis(200), commits.next()).await.is_ok();
        fresh.db.write(|tx| put(tx, "k")).await.unwrap();
        let undone = fresh.db.write(|tx| {
            note(tx, Kind::Call, None, ("a", 1), NOW)?;
            Err::<(), _>(Error::Busy)
        });
        assert!(undone.await.is_err());
        assert!(!woken().await);
        fresh.note(Kind::Call, "a", NOW).await;
        assert!(woken().await, "a commit that noted a change");
        assert!(!woken().await, "once each");
    }
}
