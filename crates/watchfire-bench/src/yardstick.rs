//! Reading alone: what no scan can save.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::processor;
use crate::workload::{Format, Workload, evtx_files};

impl Format {
    /// What reads an input alone.
    pub(crate) fn yardstick(self) -> &'static str {
        match self {
            Self::Json => "simd-json, to its tape",
            Self::Evtx => "the evtx crate, to JSON values",
        }
    }
}

/// The median time in seconds of reading an input on one thread, without the time of getting its bytes.
pub(crate) fn seconds(workload: &Workload, runs: usize) -> Result<f64> {
    let mut all = (0..runs)
        .map(|_| match workload.format {
            Format::Json => tapes(&workload.path),
            Format::Evtx => evtx_values(&workload.path),
        })
        .collect::<Result<Vec<Duration>>>()?;
    all.sort();
    Ok(all[runs / 2].as_secs_f64())
}

/// As [`seconds`] of JSON, in seconds of the processor where the system tells them.
pub(crate) fn thread_seconds(input: &Path, runs: usize) -> Result<f64> {
    let mut all = Vec::new();
    for _ in 0..runs {
        let mut taken = None;
        let passed = tapes_timed(input, &mut taken)?;
        all.push(taken.unwrap_or(passed));
    }
    all.sort();
    Ok(all[runs / 2].as_secs_f64())
}

fn tapes(input: &Path) -> Result<Duration> {
    tapes_timed(input, &mut None)
}

/// simd-json writes into its input, so each run reads the bytes anew.
fn tapes_timed(input: &Path, of_thread: &mut Option<Duration>) -> Result<Duration> {
    let mut bytes = Vec::new();
    File::open(input)?.read_to_end(&mut bytes)?;
    let mut buffers = simd_json::Buffers::default();
    let (start, before) = (Instant::now(), processor::of_thread());
    for line in bytes.split_mut(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        black_box(simd_json::to_tape_with_buffers(line, &mut buffers)?);
    }
    *of_thread = processor::of_thread().zip(before).map(|(now, before)| now.saturating_sub(before));
    Ok(start.elapsed())
}

fn evtx_values(input: &Path) -> Result<Duration> {
    let mut taken = Duration::ZERO;
    for path in evtx_files(input)? {
        let bytes = fs::read(path)?;
        let start = Instant::now();
        // One thread, as in the scans to compare with; damaged files give what they have.
        let settings = evtx::ParserSettings::default().num_threads(1);
        if let Ok(parser) = evtx::EvtxParser::from_buffer(bytes) {
            for record in parser.with_configuration(settings).records_json_value() {
                black_box(record.ok());
            }
        }
        taken += start.elapsed();
    }
    Ok(taken)
}
