//! A progress bar, on a terminal, for work that takes longer than a moment.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracemill::Progress;

use crate::args::When;

/// Shorter work shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const REDRAW: Duration = Duration::from_millis(100);

/// Watches a run from a thread of its own and draws how far it is.
#[derive(Debug)]
pub(crate) struct Bar {
    progress: Progress,
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Bar {
    /// Begins to watch, if anybody wants to see it.
    pub(crate) fn start(when: When, quiet: bool) -> Self {
        let progress = Progress::new();
        let wanted = match when {
            When::Always => true,
            When::Auto => !quiet && std::io::stderr().is_terminal(),
            When::Never => false,
        };
        let drawing = wanted.then(|| {
            let (stop, stopped) = mpsc::channel();
            let watched = progress.clone();
            (stop, std::thread::spawn(move || draw(&watched, &stopped)))
        });
        Bar { progress, drawing }
    }

    /// What the run reports to.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Clears the bar.
    pub(crate) fn finish(self) {
        if let Some((stop, thread)) = self.drawing {
            drop(stop);
            // A bar that panicked is not worth failing for.
            let _ = thread.join();
        }
    }
}

fn draw(progress: &Progress, stopped: &mpsc::Receiver<()>) {
    if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    loop {
        let total = progress.total_bytes();
        if total > 0 && bar.length() != Some(total) {
            bar.set_length(total);
            bar.set_style(style(
                "{bar:30} {percent}%  {bytes} of {total_bytes}  {msg}  {bytes_per_sec}  {eta} left",
            ));
        } else if total == 0 {
            bar.set_style(style("{spinner} {bytes}  {msg}  {bytes_per_sec}"));
        }
        bar.set_position(progress.bytes());
        bar.set_message(format!("{} records", HumanCount(progress.records())));
        if stopped.recv_timeout(REDRAW) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    bar.finish_and_clear();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}
