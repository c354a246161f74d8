//! Erases a caller: every trace of their numbers within a tenant, in place, a portion at a time so that calls go on.
//!
//! The order is what makes it safe to break off anywhere: first everything that mentions them, then their calls, by
//! which the rest is found, and last, in one transaction with the receipt, their leads. Asked again it goes on.

pub mod needles;
pub mod texts;

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::db::erasing::{self, Counts, Key, Scope, Table};
use crate::db::{self, Tx};
use crate::ids::{CallId, TenantId};
use crate::phone::E164;

use needles::Needles;

/// Rows changed in one transaction, and calls with all that hangs on them.
const ROWS: usize = 50;
const CALLS: i64 = 10;
/// How often a portion is tried again while the database is busy, and how long apart.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// Calls that come in while their caller is erased are erased too, so many times over.
const ROUNDS: usize = 5;

/// Why a caller cannot be erased now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is a number that the tenant itself has.
    #[error("this is one of your own phone numbers: archive it first, if it is a caller's too")]
    OwnNumber,
    /// A call is not over.
    #[error("{0} is not over and cleared up after yet: end it, or wait for its end, and ask again")]
    Unfinished(CallId),
    /// Calls keep coming in.
    #[error("more came in from this caller meanwhile: ask again")]
    More,
    /// What is looked for is too much to be looked for.
    #[error("this caller was told by too many names to be looked for at once")]
    TooMuch,
    /// The database did not do as told. What was done is done: ask again.
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// An erasure under way.
pub struct Erasing {
    app: App,
    scope: Arc<Scope>,
    counts: Counts,
}

impl Erasing {
    /// Finds out who the caller is.
    ///
    /// # Errors
    /// When they cannot be erased now.
    pub async fn begin(app: &App, tenant: TenantId, number: E164) -> Result<Erasing, Error> {
        let now = app.clock.now();
        let find = move |tx: &mut Tx<'_>| -> Result<Scope, Error> {
            let group = erasing::group(tx, &tenant, &number)?;
            if erasing::is_own_number(tx, &tenant, &group.numbers)? {
                return Err(Error::OwnNumber);
            }
            let told = erasing::told_as(tx, &tenant, &group.numbers)?;
            let needles = Needles::of(&group.numbers, told.iter().map(String::as_str));
            let needles = needles.map_err(|_| Error::TooMuch)?;
            let scope = Scope { tenant, group, needles };
            match erasing::unfinished(tx, &scope, now)? {
                Some(call) => Err(Error::Unfinished(call)),
                None => Ok(scope),
            }
        };
        let scope = Arc::new(app.db.report(find).await?);
        Ok(Erasing { app: app.clone(), scope, counts: Counts::default() })
    }

    /// Does all but the last step, which is [`finish`].
    ///
    /// # Errors
    /// When the caller cannot be erased now; what was done stays done.
    pub async fn run(&mut self) -> Result<(), Error> {
        for table in Table::ALL {
            self.take_from(table).await?;
        }
        for _ in 0..ROUNDS {
            if self.blank_calls().await? == 0 {
                break;
            }
            for table in Table::LATE {
                self.take_from(table).await?;
            }
        }
        let now = self.app.clock.now();
        self.counts += self.write(move |tx, scope| erasing::notes_and_tasks(tx, scope, now)).await?;
        Ok(())
    }

    /// Takes the caller's numbers out of a table, wherever they are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_from(&mut self, table: Table) -> Result<(), Error> {
        let mut from = Some(Key::default());
        while let Some(after) = from {
            self.goes_on()?;
            let scope = self.scope.clone();
            let look = move |tx: &mut Tx<'_>| erasing::look(tx, table, &scope, &after);
            let portion = self.app.db.report(look).await?;
            for some in portion.found.chunks(ROWS) {
                let (some, now) = (some.to_vec(), self.app.clock.now());
                let taken = self.write(move |tx, scope| {
                    some.iter().try_fold(0, |taken, key| {
                        Ok(taken + i64::from(erasing::take(tx, table, scope, key, now)?))
                    })
                });
                *table.count(&mut self.counts) += taken.await?;
            }
            from = portion.next;
        }
        Ok(())
    }

    /// Blanks the caller's calls; how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn blank_calls(&mut self) -> Result<usize, Error> {
        let mut blanked = 0;
        loop {
            self.goes_on()?;
            let scope = self.scope.clone();
            let find = move |tx: &mut Tx<'_>| erasing::calls(tx, &scope, CALLS);
            let found = self.app.db.report(find).await?;
            if found.is_empty() {
                return Ok(blanked);
            }
            blanked += found.len();
            let now = self.app.clock.now();
            let counts = self.write(move |tx, scope| {
                let mut counts = Counts::default();
                for id in &found {
                    counts += erasing::call(tx, scope, id, now)?;
                }
                Ok(counts)
            });
            self.counts += counts.await?;
        }
    }

    /// Who is erased.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who is erased, and what has been counted.
    pub fn parts(self) -> (Arc<Scope>, Counts) {
        (self.scope, self.counts)
    }

    /// A server that is to stop does not wait for it: asked again it goes on.
    fn goes_on(&self) -> Result<(), Error> {
        if self.app.stop().is_cancelled() { Err(Error::Database(db::Error::Busy)) } else { Ok(()) }
    }

    /// Writes a portion, again while the database is busy: it does no harm twice. Its length is bounded by its rows,
    /// so that it need not fit into the time that a call may take.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>, &Scope) -> db::Result<T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let work = Arc::new(work);
        for _ in 1..TRIES {
            let (scope, work) = (self.scope.clone(), work.clone());
            match self.app.db.bulk(move |tx| work(tx, &scope)).await {
                Err(error) if error.is_retryable() => tokio::time::sleep(PAUSE).await,
                done => return Ok(done?),
            }
        }
        let scope = self.scope.clone();
        Ok(self.app.db.bulk(move |tx| work(tx, &scope)).await?)
    }
}

/// The last step, in the transaction that writes the receipt: the leads. What was counted.
///
/// # Errors
/// When more came in from the caller.
pub fn finish(tx: &mut Tx<'_>, scope: &Scope, now: Timestamp) -> Result<Counts, Error> {
    erasing::leads(tx, scope, now)?.ok_or(Error::More)
}
