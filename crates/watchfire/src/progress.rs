//! The progress bar of long runs: bytes, events a second, alerts. On a terminal only, and on standard error.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is drawn at most, a second.
const DRAWS_A_SECOND: u8 = 5;

/// Shows how far a run is. All threads of the run share it.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    events: AtomicU64,
    found: AtomicU64,
    what: &'static str,
}

impl Progress {
    /// For a run over `total` bytes, or over a stream of unknown length. What it finds is called `what`.
    pub(crate) fn new(total: Option<u64>, what: &'static str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}  {msg}",
            None => "{spinner} {bytes}  {msg}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        Self { bar, start: Instant::now(), events: AtomicU64::new(0), found: AtomicU64::new(0), what }
    }

    /// Of a run that is over before anyone could look.
    pub(crate) fn hidden() -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            start: Instant::now(),
            events: AtomicU64::new(0),
            found: AtomicU64::new(0),
            what: "",
        }
    }

    /// Bytes of an input were read.
    pub(crate) fn bytes(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Events were searched.
    pub(crate) fn events(&self, events: u64) {
        let events = self.events.fetch_add(events, Ordering::Relaxed) + events;
        if !self.bar.is_hidden() {
            let rate = events as f64 / self.start.elapsed().as_secs_f64().max(0.001);
            let found = self.found.load(Ordering::Relaxed);
            self.bar.set_message(format!("{events} events, {rate:.0}/s, {found} {}", self.what));
        }
    }

    /// Something was found.
    pub(crate) fn found(&self, number: u64) {
        self.found.fetch_add(number, Ordering::Relaxed);
    }

    /// Takes the bar away: what comes next on the terminal is the result.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
