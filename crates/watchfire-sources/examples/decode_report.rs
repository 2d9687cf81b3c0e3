//! Reads files and folders and prints what became of them: `cargo run --release -p watchfire-sources --example
//! decode_report -- PATH…`. With `--repeat N` each file is read so often, to measure the speed.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use watchfire_events::Place;
use watchfire_sources::decode::{RecordSink, RejectReason, list_files, read_file};
use watchfire_sources::normalise::RawInput;

/// Places of rejected records that are shown.
const SHOWN: usize = 40;

#[derive(Default)]
struct Counts {
    records: u64,
    rejected: BTreeMap<RejectReason, u64>,
    places: Vec<String>,
    /// Bytes of the files before this one, and of this one so far.
    read_before: u64,
    read: u64,
}

impl RecordSink for Counts {
    fn record(&mut self, _: RawInput) {
        self.records += 1;
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        *self.rejected.entry(reason).or_default() += 1;
        if self.places.len() < SHOWN {
            self.places.push(format!("{place}: {reason}"));
        }
    }

    fn progress(&mut self, bytes: u64) {
        self.read = bytes;
    }
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut repeat = 1;
    if let Some(at) = arguments.iter().position(|argument| argument == "--repeat") {
        repeat = arguments[at + 1].parse().expect("a number");
        arguments.drain(at..at + 2);
    }
    let paths: Vec<PathBuf> = arguments.into_iter().map(PathBuf::from).collect();
    let started = Instant::now();
    let (files, mut reports) = list_files(&paths);
    let mut counts = Counts::default();
    for (path, name) in &files {
        for _ in 0..repeat {
            reports.extend(read_file(path, name, &mut counts));
            counts.read_before += std::mem::take(&mut counts.read);
        }
    }
    let elapsed = started.elapsed();
    let mut formats: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for report in &reports {
        let of_format = formats.entry(report.format).or_default();
        of_format.0 += 1;
        if let Some(problem) = &report.problem {
            of_format.1 += 1;
            println!("{} ({}): {problem}", report.name, report.format);
        }
    }
    for place in &counts.places {
        println!("{place}");
    }
    for (format, (number, problems)) in formats {
        println!("{format}: {number} reports, {problems} with problems");
    }
    let rejected: u64 = counts.rejected.values().sum();
    println!("{} files, {} records, {rejected} rejected", files.len(), counts.records);
    for (reason, number) in &counts.rejected {
        println!("  {number} {reason}");
    }
    let mebibytes = counts.read_before as f64 / f64::from(1 << 20);
    println!("{mebibytes:.1} MiB in {elapsed:.2?}: {:.1} MiB/s", mebibytes / elapsed.as_secs_f64());
    // Linux says how much memory was used at most; elsewhere nothing is printed.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
}
