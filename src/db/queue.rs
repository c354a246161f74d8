//! How closures get to the database's threads and their answers back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use super::observe::{Lane, Observation, Observer, Outcome};
use super::sql::On;
use super::{Error, Result, Tx};

type Work = dyn FnOnce(&mut Tx<'_>) -> Option<Done> + Send;

/// What a closure is given.
#[derive(Copy, Clone, Debug)]
pub(super) struct Terms {
    /// How long it may take.
    pub(super) budget: Duration,
    /// It runs one statement, which needs no transaction around it.
    pub(super) one_statement: bool,
}

/// A closure on its way.
pub(super) struct Job {
    pub(super) lane: Lane,
    pub(super) terms: Terms,
    work: Box<Work>,
}

impl Job {
    /// Runs the closure; none when nobody waits for it any more.
    pub(super) fn run(self, tx: &mut Tx<'_>) -> Option<Done> {
        (self.work)(tx)
    }

    /// What the closure is handed.
    pub(super) fn tx<'c>(&self, on: On<'c>) -> Tx<'c> {
        let Terms { budget, one_statement } = self.terms;
        if one_statement { Tx::for_one(on, budget) } else { Tx::new(on, budget) }
    }
}

/// A closure that has run and waits for its commit.
pub(super) struct Done {
    /// Whether to commit what it did.
    pub(super) keep: bool,
    /// Tells its caller, and whether the commit went well.
    pub(super) answer: Answer,
}

pub(super) type Answer = Box<dyn FnOnce(Result<()>) + Send>;

pub(super) enum Message {
    Work(Job),
    /// To one thread: what was asked before has been taken, end.
    Stop,
}

/// Threads that share a bounded queue.
pub(super) struct Pool {
    queue: Sender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Deep enough for a closure with some JSON in it, in a debug build too.
const STACK: usize = 1024 * 1024;

impl Pool {
    pub(super) fn start<F>(name: &str, capacity: usize, bodies: impl IntoIterator<Item = F>) -> Result<Pool>
    where
        F: FnOnce(Receiver<Message>) + Send + 'static,
    {
        let (queue, jobs) = bounded(capacity);
        let mut threads = Vec::new();
        for body in bodies {
            let jobs = jobs.clone();
            threads.push(spawn(name, move || body(jobs))?);
        }
        Ok(Pool { queue, threads: Mutex::new(threads) })
    }

    /// A queue that another pool's thread looks after.
    pub(super) fn without_threads(capacity: usize) -> (Pool, Receiver<Message>) {
        let (queue, jobs) = bounded(capacity);
        (Pool { queue, threads: Mutex::default() }, jobs)
    }

    /// Finishes what is queued and ends the threads. A second call finds nothing to do.
    pub(super) fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            // Fails only when all the threads are gone already.
            let _ = self.queue.send(Message::Stop);
        }
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// How many closures wait for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) async fn submit<T, E>(
        &self,
        lane: Lane,
        terms: Terms,
        observe: &Observer,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let queued = Instant::now();
        let (answer, answered) = oneshot::channel();
        let observer = observe.clone();
        let work = move |tx: &mut Tx<'_>| {
            let waited = queued.elapsed();
            if answer.is_closed() {
                return None;
            }
            let (result, mut outcome) = contained(tx, work);
            let ran = queued.elapsed() - waited;
            Some(Done {
                keep: matches!(outcome, Outcome::Kept),
                answer: Box::new(move |committed| {
                    if let Err(e) = &committed {
                        outcome = Outcome::of(e);
                    }
                    let settled = queued.elapsed() - waited - ran;
                    observer.tell(&Observation { lane, waited, ran, settled, outcome });
                    let result = result.map(|r| committed.map_err(E::from).and(r));
                    // A caller that went away does not undo what has been committed.
                    let _ = answer.send(result);
                }),
            })
        };
        let job = Job { lane, terms, work: Box::new(work) };
        let refused = self.queue.try_send(Message::Work(job)).is_err();
        let result = if refused { None } else { answered.await.ok() };
        match result {
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
            None => {
                observe.tell(&Observation::refused(lane, queued.elapsed()));
                Err(Error::Busy.into())
            }
        }
    }
}

type Caught<T> = std::result::Result<T, Box<dyn Any + Send>>;

/// Runs the closure; a panic stays with it, and a statement that failed fails it whatever it says.
fn contained<T, E: From<Error>>(
    tx: &mut Tx<'_>,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> (Caught<Result<T, E>>, Outcome) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let result = work(tx);
        match &tx.failed {
            Some(e) => result.and(Err(e.clone().into())),
            None => result,
        }
    }));
    let outcome = match (&result, &tx.failed) {
        (Err(_), _) => Outcome::Panicked,
        (Ok(_), Some(e)) => Outcome::of(e),
        (Ok(Ok(_)), None) => Outcome::Kept,
        (Ok(Err(_)), None) => Outcome::Undone,
    };
    (result, outcome)
}

pub(super) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK).spawn(body);
    thread.map_err(|e| Error::refused(format!("cannot start the thread {name}: {e}")))
}
