//! Plays all calls at their times, and shows what the ledger says of them until all are over.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::call::Call;
use crate::db::{self, Db, calls};
use crate::views::CallView;

use super::ledger;
use super::scenes::Scene;
use super::script::{Player, Seen};
use super::show::{Line, Show};

/// How often the ledger is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A call that Switchboard has not heard of by then is shown all the same.
const UNHEARD_AFTER: Duration = Duration::from_millis(500);
/// How long after the last caller has gone the ledger may need to say that all is over.
const OVER_WITHIN: Duration = Duration::from_secs(15);

/// A call that was played.
pub(super) struct Played {
    /// How it was meant.
    pub(super) scene: Scene,
    /// What the ledger has of it.
    pub(super) calls: Vec<Call>,
    /// What is not as it should be.
    pub(super) differences: Vec<String>,
}

impl Played {
    fn new(scene: &Scene, ledger: &[Call], seen: &Seen) -> Played {
        let calls = ledger::of(scene, ledger);
        let differences = ledger::differences(scene, &calls, seen);
        Played { scene: scene.clone(), calls: calls.into_iter().cloned().collect(), differences }
    }

    /// For programs.
    pub(super) fn as_json(&self) -> Value {
        let calls: Vec<_> = self.calls.iter().map(CallView::of).collect();
        json!({ "title": self.scene.title, "differences": self.differences, "calls": calls })
    }
}

/// Plays all calls.
pub(super) async fn all(
    db: &Db,
    player: &Player,
    scenes: Vec<Scene>,
    show: Show,
) -> anyhow::Result<Vec<Played>> {
    let began = Instant::now();
    let mut playing = JoinSet::new();
    for (index, scene) in scenes.iter().cloned().enumerate() {
        let player = player.clone();
        playing.spawn(async move {
            sleep_until(began + scene.begins).await;
            (index, player.play(&scene).await)
        });
    }
    let acts = scenes.into_iter().map(Act::new).collect();
    let mut play = Play { acts, show, began };
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut nobody_left: Option<Instant> = None;
    loop {
        tokio::select! {
            Some(done) = playing.join_next() => {
                let (index, seen): (usize, Seen) = done.context("a call could not be played")?;
                play.acts[index].seen = Some(seen);
            }
            _ = look.tick() => {}
        }
        let is_over = play.look(&ledger(db).await?)?;
        let late = playing.is_empty() && nobody_left.get_or_insert_with(Instant::now).elapsed() > OVER_WITHIN;
        if is_over || late {
            break;
        }
    }
    play.show.end();
    let calls = ledger(db).await?;
    let played = |act: &Act| Played::new(&act.scene, &calls, &act.seen.clone().unwrap_or_default());
    Ok(play.acts.iter().map(played).collect())
}

async fn ledger(db: &Db) -> anyhow::Result<Vec<Call>> {
    let read: db::Result<_> = db.report(|tx| calls::newest(tx, 200)).await;
    read.context("reading the ledger")
}

struct Play {
    acts: Vec<Act>,
    show: Show,
    began: Instant,
}

/// A call on its way.
struct Act {
    scene: Scene,
    /// What was seen of it, once the caller has gone and its room is cleared.
    seen: Option<Seen>,
    /// How long it took, once the ledger says that it is over.
    took: Option<Duration>,
}

impl Act {
    fn new(scene: Scene) -> Act {
        Act { scene, seen: None, took: None }
    }
}

impl Play {
    /// Shows what the ledger says now; whether all is over.
    fn look(&mut self, ledger: &[Call]) -> anyhow::Result<bool> {
        let at = self.began.elapsed();
        let mut all_over = true;
        for (index, act) in self.acts.iter_mut().enumerate() {
            let calls = ledger::of(&act.scene, ledger);
            let is_over = ledger::is_over(&calls);
            all_over &= is_over && act.seen.is_some();
            let since = at.saturating_sub(act.scene.begins);
            if calls.is_empty() && since < UNHEARD_AFTER {
                continue;
            }
            if is_over {
                act.took.get_or_insert(since);
            }
            let seen = act.seen.as_ref().filter(|_| is_over);
            let line = Line {
                words: ledger::words(&act.scene, calls.first().copied()),
                time: act.took.unwrap_or(since),
                over: seen.map(|seen| ledger::differences(&act.scene, &calls, seen).is_empty()),
            };
            self.show.update(index, &act.scene, &line, at)?;
        }
        Ok(all_over)
    }
}
