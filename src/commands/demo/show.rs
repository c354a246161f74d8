//! What a person sees while the calls happen: one live line a call on a terminal, one line a change elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::screen::{self, Screen};
use crate::commands::words;

use super::scenes::Scene;

/// A terminal with fewer columns has no room for the caller's number.
const WIDE: u16 = 112;

/// A call as it is to be shown.
pub(super) struct Line {
    /// What is said of it, and in which colour.
    pub(super) words: (Style, String),
    /// Since it began.
    pub(super) time: Duration,
    /// Whether it is over, and then whether it ended as it should.
    pub(super) over: Option<bool>,
}

/// Where it is shown.
pub(super) struct Show {
    screen: Screen,
    medium: Medium,
    scenes: Vec<Shown>,
}

enum Medium {
    Live { all: MultiProgress, total: ProgressBar },
    Lines,
    Nothing,
}

/// What is shown of a scene.
#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    words: String,
    over: bool,
}

impl Show {
    /// On this screen, or nowhere for programs.
    pub(super) fn new(screen: &Screen, json: bool, scenes: usize) -> anyhow::Result<Show> {
        let medium = if json {
            Medium::Nothing
        } else if std::io::stdout().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
            // Lines are as wide as the terminal: what was there need not be wiped before, and nothing flickers.
            all.set_move_cursor(true);
            let total = all.add(ProgressBar::new(scenes as u64));
            let colours = if screen.colour { ".green/dim" } else { "" };
            let template = format!("  {{bar:24{colours}}}  {{pos}} of {{len}} calls are over");
            total.set_style(ProgressStyle::with_template(&template)?.progress_chars("━━─"));
            Medium::Live { all, total }
        } else {
            Medium::Lines
        };
        let shown = (0..scenes).map(|_| Shown::default()).collect();
        Ok(Show { screen: screen.clone(), medium, scenes: shown })
    }

    /// Shows a call as it is now; `at` is the time since the first one began.
    pub(super) fn update(
        &mut self,
        index: usize,
        scene: &Scene,
        line: &Line,
        at: Duration,
    ) -> anyhow::Result<()> {
        let Some(shown) = self.scenes.get_mut(index).filter(|shown| !shown.over) else { return Ok(()) };
        let changed = shown.words != line.words.1;
        line.words.1.clone_into(&mut shown.words);
        shown.over = line.over.is_some();
        match &self.medium {
            Medium::Live { all, total } => {
                let bar = shown.bar.get_or_insert_with(|| live_bar(all, total));
                let text = live(scene, line, &self.screen);
                if shown.over {
                    bar.set_style(plain_bar());
                    bar.abandon_with_message(text);
                    total.inc(1);
                } else {
                    bar.set_message(text);
                    bar.tick();
                }
            }
            Medium::Lines if changed => screen::print(&plain(scene, line, at, &self.screen))?,
            Medium::Lines | Medium::Nothing => {}
        }
        Ok(())
    }

    /// The calls are over: what is shown stays, and text may follow.
    pub(super) fn end(&self) {
        if let Medium::Live { total, .. } = &self.medium {
            total.finish_and_clear();
            self.scenes.iter().filter_map(|shown| shown.bar.as_ref()).for_each(ProgressBar::abandon);
        }
    }
}

fn live_bar(all: &MultiProgress, total: &ProgressBar) -> ProgressBar {
    let bar = all.insert_before(total, ProgressBar::new_spinner());
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

fn plain_bar() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn live(scene: &Scene, line: &Line, screen: &Screen) -> String {
    let (style, text) = &line.words;
    let mark = match line.over {
        None => String::new(),
        Some(true) => screen.paint(AnsiColor::Green.on_default(), "✔ "),
        Some(false) => screen.paint(AnsiColor::Red.on_default(), "✘ "),
    };
    let time = screen.dim(format_args!("{:>4.1}s", line.time.as_secs_f64()));
    let is_wide = screen.width.is_none_or(|width| width >= WIDE);
    let from = if is_wide { screen.dim(&scene.from) + "  " } else { String::new() };
    format!("{mark}{:<28}  {from}{time}  {}", scene.title, screen.paint(*style, text))
}

fn plain(scene: &Scene, line: &Line, at: Duration, screen: &Screen) -> String {
    let (style, text) = &line.words;
    let (time, from) = (screen.dim(format_args!("{:>5.1}s", at.as_secs_f64())), words::number(&scene.from));
    format!("{time}  {:<28}  {from}  {}\n", scene.title, screen.paint(*style, text))
}
