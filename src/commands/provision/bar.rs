//! A bar that shows how far it has got, where a person watches.

use std::future::Future;
use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Progress, Step};

/// Awaits the work, and shows how far it is.
pub(super) async fn shown<T>(json: bool, progress: &Progress, work: impl Future<Output = T>) -> T {
    if json || !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    let mut steps = progress.follow();
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            Ok(()) = steps.changed() => show(&bar, &steps.borrow_and_update()),
        }
    };
    bar.finish_and_clear();
    done
}

fn show(bar: &ProgressBar, step: &Step) {
    match step.total {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
    bar.set_position(step.done);
    bar.set_message(step.says.clone());
}
