//! Runs as they go: a bar for each on a terminal, plain lines elsewhere. Always on the standard error stream.

use std::{
    collections::HashMap,
    io::{IsTerminal as _, stderr},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::number::grouped;
use crate::{
    domain::run::{SyncRun, SyncStatus},
    id::Uuid,
};

/// Without a terminal, a line for every so many percent.
const STEP: i32 = 25;

/// Shows runs.
pub(super) struct Board {
    /// `None` without a terminal.
    bars: Option<MultiProgress>,
    shown: HashMap<Uuid, Shown>,
}

struct Shown {
    bar: Option<ProgressBar>,
    step: i32,
    ended: bool,
}

impl Board {
    pub(super) fn new() -> Self {
        Self { bars: stderr().is_terminal().then(MultiProgress::new), shown: HashMap::new() }
    }

    /// Begins a phase: what was shown stays, `text` and the bars of further runs stand below it. No run may be under way.
    pub(super) fn phase(&mut self, text: &str) {
        if let Some(bars) = &mut self.bars {
            *bars = MultiProgress::new();
        }
        eprintln!("{text}");
    }

    /// Shows how far a run is; `label` names it.
    pub(super) fn show(&mut self, label: &str, run: &SyncRun) {
        let bars = self.bars.as_ref();
        let shown = self.shown.entry(run.id).or_insert_with(|| Shown {
            bar: bars.map(|bars| bars.add(ProgressBar::new(0).with_style(waiting()).with_prefix(label.to_owned()))),
            step: 0,
            ended: false,
        });
        if shown.ended {
            return;
        }
        shown.ended = run.status.ended();
        let progress = &run.progress;
        let pages = format!("{} pages", grouped(progress.pages));
        match &shown.bar {
            Some(bar) => {
                if progress.days_total > 0 {
                    bar.set_length(u64::try_from(progress.days_total).unwrap_or(0));
                    bar.set_style(under_way());
                }
                bar.set_position(u64::try_from(progress.days_done).unwrap_or(0));
                if shown.ended {
                    bar.finish_with_message(format!("{pages}, {}", outcome(run)));
                } else {
                    bar.set_message(pages);
                }
            }
            None if shown.ended => eprintln!("{label}: {}, {} days, {pages}", outcome(run), grouped(progress.days_done.into())),
            None if progress.days_total > 0 => {
                let step = progress.days_done * 100 / progress.days_total / STEP * STEP;
                if step > shown.step {
                    shown.step = step;
                    eprintln!("{label}: {step} %, {pages}");
                }
            }
            None => {}
        }
    }
}

/// How a run ended, in words.
pub(super) fn outcome(run: &SyncRun) -> String {
    let feeds = |count: i32| format!("{count} feed{}", if count == 1 { "" } else { "s" });
    let progress = &run.progress;
    match run.status {
        SyncStatus::Succeeded => format!("{} done", feeds(progress.feeds_done)),
        SyncStatus::PartlyFailed => format!("{} of {} failed", progress.feeds_failed, feeds(progress.feeds_total)),
        SyncStatus::Failed => "failed".to_owned(),
        SyncStatus::Paused => "paused".to_owned(),
        SyncStatus::Cancelled => "cancelled".to_owned(),
        SyncStatus::Queued => "queued".to_owned(),
        SyncStatus::Running => "running".to_owned(),
    }
}

fn waiting() -> ProgressStyle {
    ProgressStyle::with_template("  {prefix:<28} waiting").unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn under_way() -> ProgressStyle {
    let style = ProgressStyle::with_template("  {prefix:<28} {bar:32.green} {pos:>6}/{len:<6} days  {msg}");
    style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("█▉▊▋▌▍▎▏ "))
}
