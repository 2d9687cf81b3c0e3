//! What reading something came to, as text that can be compared and read.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use watchfire_events::Place;
use watchfire_sources::decode::{
    DecodeLimits, FileReport, RecordSink, RejectReason, read_file_within, read_stream_within,
};
use watchfire_sources::normalise::{RawInput, RawPayload};

/// Of many lines in a row that say the same kind of thing, so many of the first and last are kept.
const SHOWN_LINES: usize = 6;
/// Characters of a record that are shown.
const SHOWN_CHARACTERS: usize = 300;

/// All that a decoder said.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) records: Vec<String>,
    pub(super) rejected: Vec<String>,
    /// Records and rejected ones in the order they came.
    lines: Vec<String>,
    pub(super) reports: Vec<FileReport>,
    progress: Vec<u64>,
}

impl RecordSink for Outcome {
    fn record(&mut self, record: RawInput) {
        let mut line = record.place.to_string();
        for (key, value) in [("_index", &record.given_index), ("_id", &record.given_id)] {
            if let Some(value) = value {
                let _ = write!(line, " {key}={value}");
            }
        }
        let content = match &record.payload {
            RawPayload::Json(value) => value.to_string(),
            RawPayload::WindowsXml(text) => format!("{text:?}"),
        };
        let shown: String = content.chars().take(SHOWN_CHARACTERS).collect();
        let more = content.chars().count() - shown.chars().count();
        let _ = write!(line, " {shown}");
        if more > 0 {
            let _ = write!(line, "… and {more} more");
        }
        assert_eq!(record.identity, record.place.input, "records are known by the name of their file");
        self.lines.push(line.clone());
        self.records.push(line);
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        let line = format!("{place} rejected: {reason}");
        self.lines.push(line.clone());
        self.rejected.push(line);
    }

    fn progress(&mut self, bytes: u64) {
        self.progress.push(bytes);
    }
}

impl Outcome {
    /// Records and rejected ones in order, then the reports; long runs are cut.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let lines = self.lines.len();
        for (at, line) in self.lines.iter().enumerate() {
            if at == SHOWN_LINES && lines > 2 * SHOWN_LINES {
                let _ = writeln!(text, "… and {} more …", lines - 2 * SHOWN_LINES);
            }
            if at < SHOWN_LINES || at + SHOWN_LINES >= lines {
                let _ = writeln!(text, "{line}");
            }
        }
        let _ = writeln!(text, "{} records, {} rejected", self.records.len(), self.rejected.len());
        for FileReport { name, format, problem } in &self.reports {
            let _ = writeln!(text, "{name} ({format}): {}", problem.as_deref().unwrap_or("read"));
        }
        text
    }

    /// Everything, uncut: what two ways of reading must agree on.
    pub(super) fn all(&self) -> (&[String], &[FileReport]) {
        (&self.lines, &self.reports)
    }
}

/// Reads bytes from a file on the disk, whose name is as given.
pub(super) fn of_file(limits: &DecodeLimits, name: &str, bytes: &[u8]) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).expect("writable");
    of_path(limits, name, &path)
}

/// Reads a file on the disk.
pub(super) fn of_path(limits: &DecodeLimits, name: &str, path: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.reports = read_file_within(limits, path, &Arc::from(name), &mut outcome);
    let length = std::fs::metadata(path).expect("readable").len();
    assert!(outcome.progress.is_sorted(), "progress goes back: {:?}", outcome.progress);
    assert!(outcome.progress.last().is_none_or(|last| *last <= length), "progress beyond the end");
    outcome
}

/// Reads bytes from a stream that gives as little as this at a time.
pub(super) fn of_stream(limits: &DecodeLimits, name: &str, bytes: &[u8], piece: usize) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.reports = read_stream_within(limits, Trickle(bytes, piece), &Arc::from(name), &mut outcome);
    outcome
}

/// Gives a few bytes at a time, as pipes do.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.len().min(buffer.len()).min(self.1);
        let (piece, rest) = self.0.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.0 = rest;
        Ok(length)
    }
}
