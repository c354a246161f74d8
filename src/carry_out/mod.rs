//! Does what was decided: after the commit, and again and again until it is done.

mod attending;
mod listing;
pub mod operator;
mod reconcile;
mod work;

pub use listing::{attributes, metadata};
pub use work::work;

use tracing::Instrument as _;

use crate::app::App;
use crate::call::Call;
use crate::call::decide::Verdict;
use crate::hear::{Heard, Touched};
use crate::logs;

/// Acts on what a fact changed. Called once the fact is on disk and its door has been answered.
pub fn carry_out(app: &App, heard: Heard, room: Option<(String, String)>) {
    match heard {
        Heard::Calls(touched) => touched.into_iter().for_each(|touched| follow(app, touched)),
        Heard::Kept { afterwards: true } => {
            if let Some((project, room)) = room {
                let clearing = app.clone();
                app.spawn(async move { attending::clear_ghost(&clearing, &project, &room).await });
            }
        }
        Heard::Kept { .. } | Heard::Before | Heard::Foreign | Heard::Differs(_) => {}
    }
}

fn follow(app: &App, touched: Touched) {
    let span = logs::of_call(&touched.call.id);
    span.in_scope(|| tell(app, &touched));
    let Some(held) = touched.job else {
        if let Some(due) = touched.due {
            app.wake_at(due);
        }
        return;
    };
    let (app, call) = (app.clone(), touched.call);
    let seeing = app.clone();
    app.spawn(
        async move { attending::see_through(&seeing, call, held, touched.fresh).await }.instrument(span),
    );
}

/// Logs and counts what can be seen of a call's life.
fn tell(app: &App, touched: &Touched) {
    let call = &touched.call;
    if let Some(took) = touched.decided_in {
        app.metrics.decided(took);
    }
    // Of one that never reached us it was told already what matters.
    if touched.fresh && !call.evidence.never_reached() {
        let from = crate::phone::masked(&call.ring.caller);
        let to = crate::phone::masked(&call.ring.called);
        match call.decision.as_ref().map(|decision| &decision.verdict) {
            Some(Verdict::Answer { agent, .. }) => {
                tracing::info!(from, to, agent, "a call rang: {agent} answers")
            }
            Some(Verdict::Reject { reason }) => {
                tracing::info!(
                    from,
                    to,
                    reason = reason.as_str(),
                    "a call rang and was refused: {}",
                    reason.describe()
                );
            }
            None => tracing::info!(from, to, "a call rang"),
        }
    }
    if touched.answered && call.outcome.status == crate::call::Status::InProgress {
        tracing::info!("the call was answered");
        if let Some(at) = call.outcome.answered_at {
            app.metrics.ring_to_answer(at.since(call.outcome.rang_at));
        }
    }
    if touched.ended {
        ended(app, call);
    }
}

/// Logs and counts the end of a call.
fn ended(app: &App, call: &Call) {
    if let Some(reason) = call.outcome.end_reason {
        app.metrics.call_ended(call.outcome.status.as_str(), reason.as_str());
        let seconds = call.outcome.duration.unwrap_or(0);
        tracing::info!(reason = reason.as_str(), seconds, "the call ended: {}", reason.describe());
    }
}
