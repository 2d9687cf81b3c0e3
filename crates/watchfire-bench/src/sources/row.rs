//! The table of sources, row by row.

use std::fmt;

use crate::table::grouped;

/// What is asked of every source: events of this size, so many in a second.
const ASKED_EVENTS: f64 = 60_000.0;
const ASKED_BYTES: f64 = 2_000.0;

/// What one source takes.
#[derive(Debug)]
pub(super) struct SourceRow {
    pub(super) source: String,
    /// Events, each of one line or of several.
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// Seconds with one rule, and with all; start-up is not in them.
    pub(super) one: f64,
    pub(super) all: f64,
    /// Seconds of simd-json for the same bytes, where they are JSON.
    pub(super) reading: Option<f64>,
}

/// What is left of a time without the start-up.
pub(super) fn least(seconds: f64, start: f64) -> f64 {
    (seconds - start).max(1e-3)
}

impl SourceRow {
    fn bytes_of_event(&self) -> f64 {
        self.bytes as f64 / self.events as f64
    }

    fn per_second(&self, seconds: f64) -> f64 {
        self.events as f64 / seconds
    }

    /// Whether the source keeps up: so many events, or so many bytes of larger ones.
    pub(super) fn keeps_up(&self) -> bool {
        self.per_second(self.one).max(self.bytes as f64 / self.one / ASKED_BYTES) >= ASKED_EVENTS
    }
}

/// What stands above the rows.
pub(super) fn heading(runs: usize, is_of_processor: bool) -> String {
    let time = if is_of_processor { "seconds of the processor" } else { "seconds as they pass" };
    format!(
        "## Sources: fixtures repeated, 1 thread, {time}, without start-up; medians of {runs} with one rule, one run with all\n\n\
         | source | events | bytes an event | events/s, one rule | MB/s | × simd-json | events/s, all rules | {} events/s of {} bytes |\n\
         |---|--:|--:|--:|--:|--:|--:|---|",
        grouped(ASKED_EVENTS),
        grouped(ASKED_BYTES),
    )
}

impl fmt::Display for SourceRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio =
            self.reading.map_or_else(|| "no JSON".to_owned(), |reading| format!("{:.1}", self.one / reading));
        write!(
            f,
            "| {} | {} | {} | {} | {:.0} | {ratio} | {} | {} |",
            self.source,
            grouped(self.events as f64),
            grouped(self.bytes_of_event()),
            grouped(self.per_second(self.one)),
            self.bytes as f64 / self.one / 1e6,
            grouped(self.per_second(self.all)),
            if self.keeps_up() { "met" } else { "not met" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(events: u64, bytes: u64, one: f64) -> SourceRow {
        SourceRow { source: "x".to_owned(), events, bytes, one, all: 2.0 * one, reading: Some(one / 4.0) }
    }

    #[test]
    fn many_events_or_large_ones_keep_up() {
        assert!(row(60_000, 60_000 * 300, 1.0).keeps_up());
        assert!(!row(59_000, 59_000 * 2_000, 1.0).keeps_up());
        assert!(row(30_000, 30_000 * 4_000, 1.0).keeps_up());
        assert!(!row(30_000, 30_000 * 3_900, 1.0).keeps_up());
    }

    #[test]
    fn a_row_says_what_was_measured() {
        let mut row = row(100_000, 50_000_000, 0.5);
        assert_eq!(row.to_string(), "| x | 100,000 | 500 | 200,000 | 100 | 4.0 | 100,000 | met |");
        row.reading = None;
        assert_eq!(row.to_string(), "| x | 100,000 | 500 | 200,000 | 100 | no JSON | 100,000 | met |");
        assert_eq!(heading(3, true).lines().last().map(|line| line.matches('|').count()), Some(9));
    }
}
