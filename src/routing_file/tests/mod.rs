//! Routing files on real databases: SQLite, and PostgreSQL when `TEST_DATABASE_URL` names one.

mod applying;
mod auditing;
mod documents;
mod mistakes;
mod round_trip;

use std::time::Duration;

use super::*;
use crate::db::configuration::Kind;
use crate::db::tests::server;
use crate::db::{Db, migrate};

pub(super) const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

/// A migrated database of a test's own.
pub(super) struct Fresh {
    pub(super) db: Db,
    url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        server::drop_database(&self.url);
    }
}

impl Fresh {
    pub(super) async fn sqlite() -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}/t.db", folder.path().display());
        Fresh::open(url, Some(folder)).await
    }

    /// On SQLite first, then on PostgreSQL if there is one to test with.
    pub(super) async fn both() -> Vec<Fresh> {
        let mut all = vec![Fresh::sqlite().await];
        if let Some(url) = server::new_database() {
            all.push(Fresh::open(url, None).await);
        }
        all
    }

    async fn open(url: String, folder: Option<tempfile::TempDir>) -> Fresh {
        let mut options = db::Options::new(&url);
        options.budget = Duration::from_secs(10);
        options.report_budget = Duration::from_secs(600);
        let db = Db::open(&options).unwrap();
        migrate::run(&db, NOON).await.unwrap();
        Fresh { db, url, _folder: folder }
    }

    pub(super) async fn try_apply(&self, text: &str, change: impl Fn(&mut Options)) -> Result<Plan, Refused> {
        let mut options = Options { prune: false, dry_run: false, default_region: "US".to_owned() };
        change(&mut options);
        let file = read(text, "routing.toml");
        if options.dry_run {
            return self.db.report(move |tx| apply(tx, &file, &options, NOON)).await;
        }
        self.db.bulk(move |tx| apply(tx, &file, &options, NOON)).await
    }

    /// Applies a file that is right.
    pub(super) async fn apply(&self, text: &str) -> Plan {
        self.try_apply(text, |_| {}).await.unwrap_or_else(|why| panic!("{}: {why}\n{text}", self.url))
    }

    pub(super) async fn prune(&self, text: &str) -> Plan {
        let plan = self.try_apply(text, |options| options.prune = true).await;
        plan.unwrap_or_else(|why| panic!("{}: {why}\n{text}", self.url))
    }

    /// What is wrong with a file.
    pub(super) async fn mistakes(&self, text: &str) -> String {
        match self.try_apply(text, |_| {}).await {
            Err(Refused::Mistakes(mistakes)) => listed(&mistakes),
            Err(why) => panic!("{}: {why}\n{text}", self.url),
            Ok(plan) => panic!("{}: it was applied:\n{}", self.url, plan.text(false)),
        }
    }

    pub(super) async fn export(&self) -> String {
        self.db.report(|tx| export(tx, None)).await.unwrap()
    }

    /// How many rows the query finds, which counts them as `n`.
    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        self.db.read(move |tx| tx.first(sql, &[], |row| row.get("n"))).await.unwrap().unwrap()
    }
}

pub(super) fn listed(mistakes: &Mistakes) -> String {
    mistakes.iter().map(|mistake| format!("{}: {}\n", mistake.line, mistake.text)).collect()
}
