//! Events of the lake as lines of text, in order of arrival.
//!
//! ```text
//! rows of a table, file by file ─► runs of bounded size, sorted ─► one temporary file ─► merged ─► lines
//! ```
//!
//! Files of a table have their rows in order of `@timestamp`. Rules ask which of several events arrived first, and whoever
//! reads an export has its order for that. Without it, a scan of an export chose other events than one of the lake.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::LakeError;

/// Bytes of lines that are held at a time.
const RUN_BYTES: usize = 64 << 20;

/// Lines of a table that are to be written in order of the numbers of their events.
pub(crate) struct Arranged {
    run_bytes: usize,
    lines: Vec<(u64, String)>,
    bytes: usize,
    /// What does not fit, as runs one after the other.
    runs: Option<Runs>,
}

struct Runs {
    file: File,
    /// Where each begins and ends.
    spans: Vec<(u64, u64)>,
}

impl Default for Arranged {
    fn default() -> Self {
        Self::with_run_bytes(RUN_BYTES)
    }
}

impl Arranged {
    fn with_run_bytes(run_bytes: usize) -> Self {
        Self { run_bytes, lines: Vec::new(), bytes: 0, runs: None }
    }

    /// Takes the line of an event.
    pub(crate) fn push(&mut self, number: u64, line: String) -> Result<(), LakeError> {
        self.bytes += line.len() + size_of::<(u64, String)>();
        self.lines.push((number, line));
        if self.bytes >= self.run_bytes { self.spill().map_err(temporary) } else { Ok(()) }
    }

    /// Writes all lines, in order of their numbers.
    pub(crate) fn write(mut self, out: &mut dyn Write) -> Result<(), LakeError> {
        let failed = LakeError::io("cannot write", Path::new("the output"));
        if self.runs.is_some() {
            self.spill().map_err(temporary)?;
        }
        let Some(mut runs) = self.runs else {
            self.lines.sort_unstable_by_key(|(number, _)| *number);
            let mut write = || self.lines.iter().try_for_each(|(_, line)| writeln!(out, "{line}"));
            return write().map_err(failed);
        };
        let mut heads = BinaryHeap::new();
        for run in 0..runs.spans.len() {
            heads.extend(runs.next(run).map_err(temporary)?.map(Reverse));
        }
        while let Some(Reverse((_, run, line))) = heads.pop() {
            if let Err(error) = writeln!(out, "{line}") {
                return Err(failed(error));
            }
            heads.extend(runs.next(run).map_err(temporary)?.map(Reverse));
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.lines.sort_unstable_by_key(|(number, _)| *number);
        let runs = match &mut self.runs {
            Some(runs) => runs,
            None => self.runs.insert(Runs { file: tempfile::tempfile()?, spans: Vec::new() }),
        };
        let start = runs.file.seek(SeekFrom::End(0))?;
        let mut file = BufWriter::new(&runs.file);
        for (number, line) in self.lines.drain(..) {
            file.write_all(&number.to_le_bytes())?;
            file.write_all(&(line.len() as u64).to_le_bytes())?;
            file.write_all(line.as_bytes())?;
        }
        file.flush()?;
        drop(file);
        let end = runs.file.stream_position()?;
        runs.spans.push((start, end));
        self.bytes = 0;
        Ok(())
    }
}

impl Runs {
    /// The next line of a run, with its number.
    fn next(&mut self, run: usize) -> io::Result<Option<(u64, usize, String)>> {
        let (at, end) = &mut self.spans[run];
        if at >= end {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(*at))?;
        let mut word = [0; 8];
        self.file.read_exact(&mut word)?;
        let number = u64::from_le_bytes(word);
        self.file.read_exact(&mut word)?;
        let length = u64::from_le_bytes(word);
        let mut line = String::new();
        (&self.file).take(length).read_to_string(&mut line)?;
        *at += 16 + length;
        Ok(Some((number, run, line)))
    }
}

fn temporary(error: io::Error) -> LakeError {
    LakeError::io("cannot use", Path::new("a temporary file"))(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_order_whether_they_fit_or_not() {
        for run_bytes in [1, 150, usize::MAX] {
            let mut arranged = Arranged::with_run_bytes(run_bytes);
            for at in 0..100_u64 {
                let number = at * 37 % 100;
                arranged
                    .push(number, format!("line {number}: {}", "ö".repeat(at as usize)))
                    .expect("there is room");
            }
            let mut out = Vec::new();
            arranged.write(&mut out).expect("it takes all");
            let text = String::from_utf8(out).expect("a text");
            let starts: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
            let expected: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
            assert_eq!(starts, expected, "{run_bytes}");
        }
    }
}
