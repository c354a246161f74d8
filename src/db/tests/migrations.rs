//! Migrations: once each, by however many processes, and nothing else than what was released.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::migrate::{ALL, Migration, run_these};
use super::*;

const fn step(name: &'static str, sql: &'static str) -> Migration {
    Migration { name, sqlite: sql, postgres: sql }
}

const FIRST: Migration = step("0001_one", "create table one (k text); create table two (k text);");
const SECOND: Migration = step("0002_two", "insert into one values ('x');");
const TWO: &[Migration] = &[FIRST, SECOND];
const NOW: Timestamp = Timestamp::from_secs(1_760_011_200);

#[test]
fn the_files_of_both_engines_are_those_compiled_in() {
    let listed: Vec<_> = ALL.iter().map(|m| m.name.to_owned()).collect();
    for (at, migration) in ALL.iter().enumerate() {
        assert_eq!(migration.number(), i64::try_from(at).unwrap() + 1, "numbers have no gaps");
    }
    for engine in ["sqlite", "postgres"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let files: BTreeSet<_> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(files.into_iter().collect::<Vec<_>>(), listed, "{engine}");
    }
}

#[tokio::test]
async fn each_migration_runs_once_in_order_and_is_recorded() {
    for fresh in Fresh::both(|_| ()).await {
        assert_eq!(run_these(&fresh.db, &TWO[..1], NOW).await.unwrap().len(), 1);
        let ran = run_these(&fresh.db, TWO, NOW).await.unwrap();
        assert_eq!(ran.iter().map(|m| m.name).collect::<Vec<_>>(), ["0002_two"]);
        assert!(run_these(&fresh.db, TWO, NOW).await.unwrap().is_empty());
        let recorded = fresh.db.read(|tx| {
            tx.all("select name, applied_at from schema_migrations order by number", &[], |row| {
                Ok((row.get::<String>("name")?, row.get::<Timestamp>("applied_at")?))
            })
        });
        assert_eq!(recorded.await.unwrap(), [("0001_one".to_owned(), NOW), ("0002_two".to_owned(), NOW)]);
    }
}

#[tokio::test]
async fn many_processes_may_migrate_at_once() {
    for fresh in Fresh::both(|_| ()).await {
        let others: Vec<_> = (0..3).map(|_| Db::open(&fresh.options).unwrap()).collect();
        let (a, b, c, d) = tokio::join!(
            run_these(&fresh.db, TWO, NOW),
            run_these(&others[0], TWO, NOW),
            run_these(&others[1], TWO, NOW),
            run_these(&others[2], TWO, NOW),
        );
        let ran = [a, b, c, d].map(|ran| ran.unwrap().len());
        assert_eq!(ran.iter().sum::<usize>(), 2, "{ran:?}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    static BROKEN: &[Migration] =
        &[FIRST, step("0002_bad", "create table half (k text); insert into nowhere values (1);")];
    for fresh in Fresh::both(|_| ()).await {
        assert!(run_these(&fresh.db, BROKEN, NOW).await.is_err());
        assert!(fresh.db.read(|tx| tx.all("select k from half", &[], |_| Ok(()))).await.is_err());
        assert_eq!(run_these(&fresh.db, TWO, NOW).await.unwrap().len(), 1, "the first had been kept");
    }
}

#[tokio::test]
async fn a_changed_migration_and_a_newer_database_are_refused() {
    static CHANGED: &[Migration] = &[step("0001_one", "create table one (k text)"), SECOND];
    for fresh in Fresh::both(|_| ()).await {
        run_these(&fresh.db, TWO, NOW).await.unwrap();
        let changed = run_these(&fresh.db, CHANGED, NOW).await.unwrap_err().to_string();
        assert!(changed.contains("migration 0001_one is not the one that was run"), "{changed}");
        let newer = run_these(&fresh.db, &TWO[..1], NOW).await.unwrap_err().to_string();
        assert!(newer.contains("migration 0002_two, which this version does not know"), "{newer}");
    }
}

#[test]
fn line_ends_do_not_change_a_checksum() {
    let (unix, windows) = (step("0001_a", "a\nb\n"), step("0001_a", "a\r\nb\r\n"));
    assert_eq!(unix.checksum(Engine::Sqlite), windows.checksum(Engine::Sqlite));
}

#[tokio::test]
async fn what_is_compiled_in_runs_on_an_empty_database() {
    for fresh in Fresh::both(|_| ()).await {
        assert_eq!(migrate::pending(&fresh.db).await.unwrap().len(), ALL.len());
        assert_eq!(migrate::run(&fresh.db, NOW).await.unwrap().len(), ALL.len());
        assert!(migrate::pending(&fresh.db).await.unwrap().is_empty());
    }
}
