//! A bar for long work, while a person watches.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Progress, Step};

use super::Context;

/// Does the work, and shows meanwhile how far it has got: on standard error, so that the result can go elsewhere.
pub(super) async fn shown<T>(
    progress: &Progress,
    context: &Context,
    work: impl Future<Output = T>,
) -> anyhow::Result<T> {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if context.json || is_dumb || !std::io::stderr().is_terminal() {
        return Ok(work.await);
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let mut steps = progress.follow();
    let mut known = None;
    let mut work = pin!(work);
    let done = loop {
        let step = steps.borrow_and_update().clone();
        style(&bar, &step, &mut known)?;
        bar.set_position(step.done);
        tokio::select! {
            done = &mut work => break done,
            // The sender lives as long as `progress` does.
            Ok(()) = steps.changed() => {}
        }
    };
    bar.finish_and_clear();
    Ok(done)
}

/// A bar where the number of pieces is known, else a wheel with a count.
fn style(bar: &ProgressBar, step: &Step, known: &mut Option<(String, Option<u64>)>) -> anyhow::Result<()> {
    let now = Some((step.says.clone(), step.total));
    if *known == now {
        return Ok(());
    }
    *known = now;
    bar.set_message(step.says.clone());
    match step.total {
        Some(total) => {
            bar.set_length(total);
            bar.set_style(ProgressStyle::with_template("  {bar:24}  {pos} of {len}  {msg}")?);
        }
        None => bar.set_style(ProgressStyle::with_template("  {spinner}  {pos}  {msg}")?),
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    Ok(())
}
