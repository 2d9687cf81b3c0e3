//! Reading alone: what no scan can save.

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::workload::{Format, files};

/// The median time in seconds of reading an input, without the time of getting its bytes.
pub(crate) fn seconds(format: Format, input: &Path, runs: usize) -> Result<f64> {
    let mut all = (0..runs)
        .map(|_| match format {
            Format::Json => tapes(input),
            Format::Evtx => evtx_values(input),
        })
        .collect::<Result<Vec<f64>>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[runs / 2])
}

/// simd-json writes into its input, so each run reads the bytes anew.
fn tapes(input: &Path) -> Result<f64> {
    let mut bytes = Vec::new();
    File::open(input)?.read_to_end(&mut bytes)?;
    let mut buffers = simd_json::Buffers::default();
    let start = Instant::now();
    for line in bytes.split_mut(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        black_box(simd_json::to_tape_with_buffers(line, &mut buffers)?);
    }
    Ok(start.elapsed().as_secs_f64())
}

fn evtx_values(input: &Path) -> Result<f64> {
    let files = files(input)?.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    for bytes in files {
        // One thread, as in the scans to compare with; damaged files give what they have.
        let settings = evtx::ParserSettings::default().num_threads(1);
        let Ok(parser) = evtx::EvtxParser::from_buffer(bytes) else { continue };
        for record in parser.with_configuration(settings).records_json_value() {
            black_box(record.ok());
        }
    }
    Ok(start.elapsed().as_secs_f64())
}
