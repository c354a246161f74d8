//! One listener: what it missed, from the database, then what comes, without a gap and nothing twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::db::changes::{self, Position};
use crate::db::{self, Error};
use crate::ids::TenantId;

use super::event::LiveEvent;
use super::hub::{Ear, Live, Seat};

/// How often, and how long apart, a read that failed is tried again.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// What a listener is told.
#[derive(Clone, Debug)]
pub enum Item {
    /// Something changed.
    Event(Arc<LiveEvent>),
    /// What was missed is no longer there to be told: read everything anew. What changes from now on follows.
    Reset,
    /// The last item, and why.
    Dropped(Reason),
}

/// Why a listener is told no more.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It did not read as fast as things changed. It may come again with the last position it has.
    TooSlow,
    /// This server stops. Another one goes on where this one was.
    Stopping,
    /// The database could not be read. It may come again with the last position it has.
    Failed,
}

impl Reason {
    /// A word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::TooSlow => "too_slow",
            Reason::Stopping => "stopping",
            Reason::Failed => "failed",
        }
    }

    /// A sentence for a person.
    pub const fn describe(self) -> &'static str {
        match self {
            Reason::TooSlow => {
                "events came faster than they were read; connect again with the last id to go on"
            }
            Reason::Stopping => "this server stops; connect again with the last id to go on",
            Reason::Failed => "the database could not be read; connect again with the last id to go on",
        }
    }
}

/// A listener's side of the stream. Dropping it ends listening.
pub struct Subscription {
    live: Live,
    seat: Seat,
    tenant: Option<TenantId>,
    /// Everything up to here was read.
    seen: Position,
    /// Everything up to here was told.
    told: Position,
    /// Read, and yet to be told.
    ready: VecDeque<Arc<LiveEvent>>,
    stage: Stage,
}

enum Stage {
    /// Reads from the database what was missed.
    CatchingUp,
    /// Reads the rest of it, up to where the hub took over.
    Meeting(Ear),
    /// The first thing to say is that what was missed is gone.
    Resetting(Ear),
    /// Is told by the hub.
    Listening(Ear),
    Over,
}

impl Subscription {
    pub(super) async fn begin(
        live: Live,
        seat: Seat,
        tenant: Option<TenantId>,
        after: Option<Position>,
    ) -> db::Result<Subscription> {
        let complete = match after {
            Some(position) => live.db().read(move |tx| changes::is_complete_after(tx, position)).await?,
            None => false,
        };
        let (seen, stage) = match after {
            Some(position) if complete => (position, Stage::CatchingUp),
            Some(_) => {
                let ear = live.join(&seat, tenant.clone()).await?;
                (ear.joined, Stage::Resetting(ear))
            }
            None => {
                let ear = live.join(&seat, tenant.clone()).await?;
                (ear.joined, Stage::Listening(ear))
            }
        };
        Ok(Subscription { live, seat, tenant, seen, told: seen, ready: VecDeque::new(), stage })
    }

    /// Everything up to here was told, or was there before: with it a listener that has no event yet can come again.
    pub fn position(&self) -> Position {
        if self.ready.is_empty() { self.seen } else { self.told }
    }

    /// What comes next; none after the last item. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.told = event.position;
                return Some(Item::Event(event));
            }
            let step = match &mut self.stage {
                Stage::Over => return None,
                Stage::Listening(ear) => match ear.from.recv().await {
                    // What another replica or the database told before is not told again.
                    Some(event) if event.position <= self.seen => continue,
                    Some(event) => {
                        self.seen = event.position;
                        return Some(Item::Event(event));
                    }
                    None => {
                        let slow = ear.too_slow.load(Ordering::Acquire);
                        return self.end(if slow { Reason::TooSlow } else { Reason::Stopping });
                    }
                },
                Stage::Resetting(_) => {
                    self.listen();
                    return Some(Item::Reset);
                }
                Stage::CatchingUp | Stage::Meeting(_) => self.read_on().await,
            };
            if let Err(error) = step {
                tracing::warn!(%error, "what a listener missed could not be read");
                return self.end(Reason::Failed);
            }
        }
    }

    fn end(&mut self, reason: Reason) -> Option<Item> {
        self.stage = Stage::Over;
        Some(Item::Dropped(reason))
    }

    fn listen(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Meeting(ear) | Stage::Resetting(ear) => Stage::Listening(ear),
            other => other,
        };
    }

    /// Reads another page of what was missed. Close to the present the hub takes over: from then on it keeps what
    /// comes, and what lies between is read first.
    async fn read_on(&mut self) -> db::Result<()> {
        let until = match &self.stage {
            Stage::Meeting(ear) => ear.joined,
            _ => Position::END,
        };
        if self.seen >= until {
            self.listen();
            return Ok(());
        }
        let after = self.seen;
        let mut stretch = patiently(|| self.live.read(after, self.tenant.clone())).await?;
        if matches!(self.stage, Stage::CatchingUp) && !stretch.more {
            self.stage = Stage::Meeting(self.live.join(&self.seat, self.tenant.clone()).await?);
        } else if !stretch.more || stretch.reached >= until {
            stretch.events.retain(|event| event.position <= until);
            stretch.reached = until;
        }
        // Nothing is awaited from here on: either all of it is kept or none.
        self.ready.extend(stretch.events);
        self.seen = stretch.reached;
        Ok(())
    }
}

/// Tries a read again while the database is busy.
async fn patiently<T, F: Future<Output = db::Result<T>>>(read: impl Fn() -> F) -> db::Result<T> {
    let mut left = TRIES;
    loop {
        match read().await {
            Err(Error::Busy | Error::TooSlow) if left > 1 => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
        left -= 1;
    }
}
