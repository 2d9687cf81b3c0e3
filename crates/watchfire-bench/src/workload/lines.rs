//! Workloads of JSON lines: writing them, and taking the first of them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;
use watchfire_events::Place;
use watchfire_sources::decode::{RecordSink, RejectReason};
use watchfire_sources::normalise::{RawInput, RawPayload};

use super::{Format, Workload};

/// A file of JSON lines that is being written, up to a number of them.
pub(super) struct Lines {
    path: PathBuf,
    out: BufWriter<File>,
    left: usize,
    written: u64,
    failure: Option<io::Error>,
}

impl Lines {
    /// Creates the file.
    pub(super) fn create(path: PathBuf, most: usize) -> Result<Self> {
        let out = BufWriter::new(File::create(&path)?);
        Ok(Self { path, out, left: most, written: 0, failure: None })
    }

    /// How many lines there is room for.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Writes a line.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.left = self.left.saturating_sub(1);
        self.written += 1;
        writeln!(self.out, "{text}")
    }

    /// The workload of this name.
    pub(super) fn finish(mut self, name: &'static str) -> Result<Workload> {
        if let Some(failure) = self.failure {
            return Err(failure.into());
        }
        ensure!(self.written > 0, "there are no events for {name}");
        self.out.flush()?;
        let bytes = fs::metadata(&self.path)?.len();
        Ok(Workload { name, path: self.path, events: self.written, bytes, format: Format::Json })
    }
}

/// Takes the Windows events among the records of files: flat objects with a channel.
impl RecordSink for Lines {
    fn record(&mut self, record: RawInput) {
        let RawPayload::Json(value) = &record.payload else { return };
        if self.left > 0
            && value.get("Channel").is_some_and(Value::is_string)
            && let Err(error) = self.line(&value.to_string())
        {
            self.failure.get_or_insert(error);
        }
    }

    fn rejected(&mut self, _: &Place, _: RejectReason) {}

    fn is_satisfied(&self) -> bool {
        self.left == 0 || self.failure.is_some()
    }
}

/// Writes the first lines of a file to another one; gives back how many there were.
pub(super) fn first(from: &Path, to: &Path, most: u64) -> Result<u64> {
    let mut out = BufWriter::new(File::create(to)?);
    let mut written = 0;
    for line in BufReader::new(File::open(from)?).lines().take(most as usize) {
        writeln!(out, "{}", line?)?;
        written += 1;
    }
    out.flush()?;
    Ok(written)
}
