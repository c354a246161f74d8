//! Receipts and stories on paper: the same for a call that was and for one that might come.

use anstyle::{AnsiColor, Style};

use crate::call::decide::StepOutcome;
use crate::call::timeline::Moment;
use crate::views::DecisionView;

use super::screen::Screen;
use super::words;

/// The steps of a decision and what came of them.
pub(super) fn decision(decision: &DecisionView, screen: &Screen) -> String {
    let mut out = String::new();
    for step in &decision.steps {
        let outcome = screen.paint(style_of(step.outcome), format_args!("{:<8}", step.outcome.as_str()));
        out += &format!("  {:<9} {outcome} {}\n", step.step.as_str(), words::clean(&step.detail));
    }
    out + "  " + &screen.bold(words::clean(&decision.says)) + "\n"
}

/// What happened, in the order of time.
pub(super) fn story(moments: &[Moment], screen: &Screen) -> String {
    let Some(first) = moments.first() else { return String::new() };
    let line = |moment: &Moment| {
        let time = words::precise_time(moment.at, first.at, &screen.zone);
        format!("  {}  {}\n", screen.dim(time), words::clean(&moment.what))
    };
    moments.iter().map(line).collect()
}

fn style_of(outcome: StepOutcome) -> Style {
    match outcome {
        StepOutcome::Passed => AnsiColor::Green.on_default(),
        StepOutcome::Skipped => Style::new().dimmed(),
        StepOutcome::Refused => AnsiColor::Red.on_default(),
    }
}
