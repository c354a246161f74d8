//! What is particular to one engine: files that are not ours, connections that are lost.

use super::*;

fn refusal(url: &str) -> String {
    match Db::open(&Options::new(url)) {
        Err(Error::Refused(why)) => why,
        Err(e) => panic!("another error: {e}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn a_file_of_another_programs_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.db");
    let theirs = rusqlite::Connection::open(&path).unwrap();
    theirs.execute_batch("create table call_log (id text)").unwrap();
    drop(theirs);
    let before = std::fs::read(&path).unwrap();
    let said = refusal(&format!("file:{}", path.display()));
    assert!(said.contains("theirs.db holds another program's data: give Switchboard a file"), "{said}");
    assert!(std::fs::read(&path).unwrap() == before);

    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be looked at as if it were one").unwrap();
    let said = refusal(&format!("file:{}", text.display()));
    assert!(said.contains("notes.txt is not a database"), "{said}");

    let said = refusal(&format!("file:{}/nowhere/x.db", folder.path().display()));
    assert!(said.contains("cannot open") && said.contains("nowhere"), "{said}");
}

#[test]
fn a_new_file_is_marked_as_ours_and_can_be_read_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let options = Options::new(format!("sqlite:{}", path.display()));
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| Db::open(&options))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(opened.iter().all(Result::is_ok), "four at once");
    drop(opened);
    assert!(Db::open(&options).is_ok(), "a second time");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn a_server_that_is_not_there_is_refused_with_its_name_and_no_password() {
    let said = refusal("postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable");
    assert!(said.contains("cannot connect to PostgreSQL at 127.0.0.1"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn lost_connections_are_made_again() {
    let Some(options) = postgres_options() else { return };
    let fresh = Fresh::open(options, None).await;
    fresh.db.write(|tx| put(tx, "before")).await.unwrap();
    assert_eq!(fresh.keys().await, ["before"]);
    let mut notices = fresh.db.notifications();
    let url = std::env::var("TEST_DATABASE_URL").unwrap();
    let name = server::name(&fresh.options.url).to_owned();
    // Only this database's connections are ended, which its application's name tells apart.
    let mark = format!("application_name = '{name}'");
    let named = Options::new(format!("{}&application_name={name}", fresh.options.url));
    let named = Options { readers: 1, ..named };
    let db = Db::open(&named).unwrap();
    let mut named_notices = db.notifications();
    db.write(|tx| put(tx, "and")).await.unwrap();
    // Nothing is begun for it that would show that the connection is gone.
    let read_one = async || db.read_one(|tx| tx.first("select 1 as one", &[], |_| Ok(()))).await;
    read_one().await.unwrap();
    server::script(&url, &format!("select pg_terminate_backend(pid) from pg_stat_activity where {mark}"));
    db.write(|tx| put(tx, "after")).await.unwrap();
    read_one().await.unwrap();
    assert_eq!(keys(&db).await, ["after", "and", "before"]);
    // The listener's connection was lost too: what it missed is announced as anything.
    loop {
        if named_notices.next().await == Some(Notice::Anything) {
            break;
        }
    }
    let topic = name.clone();
    db.write(move |tx| {
        tx.notify(&topic);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert!(named_notices.next_about(&name).await);
    assert!(notices.next_about(&name).await);
}

#[tokio::test]
async fn a_connection_lost_within_a_closure_answers_busy_and_the_next_one_works() {
    let Some(options) = postgres_options() else { return };
    let fresh = Fresh::open(options, None).await;
    let done = fresh.db.write(|tx| {
        put(tx, "lost")?;
        let _ = tx.first("select pg_terminate_backend(pg_backend_pid()) as x", &[], |_| Ok(()));
        put(tx, "lost too")
    });
    assert!(matches!(done.await, Err(Error::Busy)));
    fresh.db.write(|tx| put(tx, "kept")).await.unwrap();
    assert_eq!(fresh.keys().await, ["kept"]);
}

#[tokio::test]
async fn a_deadlock_answers_busy_to_one_and_serves_the_other() {
    let Some(mut options) = postgres_options() else { return };
    options.budget = Duration::from_secs(5);
    let fresh = Fresh::open(options, None).await;
    fresh.db.write(|tx| put(tx, "a").and_then(|()| put(tx, "b"))).await.unwrap();
    let meeting = Arc::new(std::sync::Barrier::new(2));
    let lock = |tx: &mut Tx<'_>, k: &'static str| {
        tx.first("select n from t where k = $1 for update", &[&k], |row| row.get::<i64>("n"))
    };
    let cross = |first: &'static str, second: &'static str| {
        let meeting = meeting.clone();
        fresh.db.write(move |tx| {
            lock(tx, first)?;
            meeting.wait();
            lock(tx, second)
        })
    };
    let (one, other) = tokio::join!(cross("a", "b"), cross("b", "a"));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
    assert!(matches!(one.and(other), Err(Error::Busy)));
}

#[tokio::test]
async fn a_changed_table_under_a_prepared_statement_is_got_over() {
    let Some(mut options) = postgres_options() else { return };
    options.readers = 1;
    let fresh = Fresh::open(options, None).await;
    let all = |tx: &mut Tx<'_>| tx.all("select * from t", &[], |row| row.get::<String>("k"));
    fresh.db.read(all).await.unwrap();
    fresh.db.unlimited(|tx| tx.script("alter table t add column later text")).await.unwrap();
    assert!(matches!(fresh.db.read(all).await, Err(Error::Busy)));
    fresh.db.read(all).await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_server_does_not_quote_the_row() {
    let Some(options) = postgres_options() else { return };
    let fresh = Fresh::open(options, None).await;
    let bad = fresh.db.write(|tx| tx.execute("insert into t (k, n) values ('+15550100', -1)", &[]));
    let e = bad.await.unwrap_err();
    let said = format!("{e} {e:?}");
    assert!(said.contains("t_n_check") && !said.contains("5550100"), "{said}");
}

#[tokio::test]
async fn tls_is_as_strict_as_the_address_says() {
    let (Ok(url), Ok(root)) =
        (std::env::var("TEST_DATABASE_URL"), std::env::var("TEST_DATABASE_ROOT_CERTIFICATE"))
    else {
        println!("TEST_DATABASE_ROOT_CERTIFICATE is not set: TLS to PostgreSQL is not tried");
        return;
    };
    let mark = if url.contains('?') { '&' } else { '?' };
    let encrypted = "select ssl as encrypted from pg_stat_ssl where pid = pg_backend_pid()";
    for (mode, expected) in [
        ("disable".to_owned(), Some(false)),
        ("prefer".to_owned(), Some(true)),
        ("require".to_owned(), Some(true)),
        (format!("require&sslrootcert={root}"), Some(true)),
        ("verify-ca".to_owned(), None),
        (format!("verify-ca&sslrootcert={root}"), Some(true)),
        // The server is addressed by a number, its certificate is for a name.
        (format!("verify-full&sslrootcert={root}"), None),
    ] {
        let opened = Db::open(&Options::new(format!("{url}{mark}sslmode={mode}")));
        let found = match opened {
            Ok(db) => {
                db.read(move |tx| tx.first(encrypted, &[], |row| row.get::<bool>("encrypted"))).await.unwrap()
            }
            Err(Error::Refused(why)) => {
                println!("{mode}: {why}");
                None
            }
            Err(e) => panic!("{e}"),
        };
        assert_eq!(found, expected, "{mode}");
    }
    let by_name = url.replace("127.0.0.1", "localhost");
    assert!(
        Db::open(&Options::new(format!("{by_name}{mark}sslmode=verify-full&sslrootcert={root}"))).is_ok()
    );
}
