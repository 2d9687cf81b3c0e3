//! `cargo xtask bench`: what a scan costs.
//!
//! Absolute times differ from machine to machine and from hour to hour. So every figure is a ratio to what cannot be
//! saved, measured in the same run: reading the same bytes with simd-json to its tape, or with the `evtx` crate to JSON
//! values. Scans are runs of the command itself, each in a process of its own; of several runs the median counts.
//!
//! ```text
//! options ─► workload, rule_sets ─► yardstick, scan, instructions, peer, large ─► report ─┬─► table, targets
//!                                                                                         └─► baseline
//! ```

mod baseline;
mod instructions;
mod large;
mod options;
mod peer;
mod processor;
mod report;
mod rule_sets;
mod scan;
mod sources;
mod table;
mod targets;
mod workload;
mod yardstick;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use tempfile::TempDir;
use watchfire_test_support::find_shared_folder;

use crate::baseline::Baseline;
use crate::instructions::Counter;
use crate::large::Large;
use crate::options::{Asked, Options, help};
use crate::report::{Report, ScanRow, StartUpRow, WorkloadReport};
use crate::rule_sets::{RuleSet, Rules};
use crate::scan::Scanner;
use crate::workload::Workload;

fn main() -> ExitCode {
    let (mut out, mut log) = (io::stdout().lock(), io::stderr().lock());
    let result = Options::parse(std::env::args().skip(1)).and_then(|asked| match asked {
        Asked::Help => Ok(out.write_all(help().as_bytes())?),
        Asked::Bench(options) => bench(&options, &mut out, &mut log),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(log, "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options, out: &mut dyn Write, log: &mut dyn Write) -> Result<()> {
    let shared =
        find_shared_folder().context("there is no shared data; set WATCHFIRE_SHARED to its folder")?;
    // Before the work, so that a wrong name does not cost it.
    let before = options.compare.as_deref().map(Baseline::read).transpose()?;
    let counter = if options.instructions { Counter::find() } else { None };
    let without_counter = match counter {
        None if options.instructions => "neither perf nor valgrind here",
        _ => "",
    };
    let place = tempfile::tempdir()?;
    writeln!(log, "making rule sets")?;
    let bench = Bench {
        options,
        counter,
        scanner: Scanner::beside_this_program()?,
        sets: rule_sets::make(&options.rules, &shared.join("corpus/detection-rules"), place.path())?,
        shared,
        place,
    };
    if let Some(names) = &options.sources {
        let place = tempfile::tempdir()?;
        let rules = [bench.rules(Rules::One)?, bench.rules(Rules::All)?];
        let asked = sources::Asked { names, events: options.given_events, runs: options.runs };
        writeln!(out, "{}\n", report::machine())?;
        let fixtures = bench.shared.join("fixtures");
        return sources::measure(&bench.scanner, &fixtures, rules, place.path(), &asked, (out, log));
    }
    let mut report = Report {
        machine: report::machine(),
        counter: counter.map(Counter::label),
        runs: options.runs,
        workloads: Vec::new(),
        start_up: Vec::new(),
        large: None,
    };
    writeln!(
        out,
        "{}{}\n",
        report.machine,
        report.counter.map(|by| format!("; instructions by {by}")).unwrap_or_default()
    )?;
    for name in &options.workloads {
        let measured = bench.workload(name, log)?;
        writeln!(out, "{}", table::workload(&measured, options.runs, without_counter)?)?;
        report.workloads.push(measured);
    }
    report.start_up = bench.start_up(log)?;
    report.large = options.large_gigabytes.map(|gigabytes| bench.large(gigabytes, log)).transpose()?;
    write!(out, "{}", table::rest(&report)?)?;
    let now = Baseline::of(&report);
    if let Some(before) = before {
        write!(out, "\n{}", before.compare(&now))?;
    }
    if let Some(path) = &options.save {
        std::fs::write(path, now.to_json()).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// What all measurements of a run share.
struct Bench<'a> {
    options: &'a Options,
    counter: Option<Counter>,
    scanner: Scanner,
    sets: Vec<RuleSet>,
    shared: PathBuf,
    place: TempDir,
}

impl Bench<'_> {
    fn workload(&self, name: &str, log: &mut dyn Write) -> Result<WorkloadReport> {
        let Self { options, scanner, .. } = self;
        let (place, runs) = (self.place.path(), options.runs);
        writeln!(log, "{name}: making the input")?;
        let workload = Workload::make(name, &self.shared, place, options.events)?;
        writeln!(log, "{name}: reading alone")?;
        let yardstick = (workload.format.yardstick(), yardstick::seconds(&workload, runs)?);
        let mut scans = Vec::new();
        for set in &self.sets {
            let label = set.rules.label();
            for &threads in &options.threads {
                writeln!(log, "{name}: rules {label}, threads {threads}")?;
                let run = scanner.median(&workload.path, &set.folder, threads, runs)?;
                let counter = self.counter.filter(|_| threads == 1);
                let instructions = counter
                    .map(|counter| {
                        writeln!(log, "{name}: rules {label}, instructions")?;
                        counter.instructions(scanner, &workload, &set.folder, place)
                    })
                    .transpose()?;
                scans.push(ScanRow {
                    rules: set.rules,
                    number: set.number,
                    threads,
                    seconds: run.seconds,
                    peak_mebibytes: run.peak_mebibytes,
                    alerts: run.alerts,
                    instructions,
                });
            }
        }
        let mut peers = Vec::new();
        for peer in &options.peers {
            writeln!(log, "{name}: {}", peer.engine.name())?;
            peers.push((peer.engine.name(), peer.measure(&workload, self.rules(Rules::All)?, place, runs)));
        }
        let Workload { name, events, bytes, .. } = workload;
        Ok(WorkloadReport { name, about: workload.about(), events, bytes, yardstick, scans, peers })
    }

    /// Scans of one small file of our own, which gives alerts with all rules.
    fn start_up(&self, log: &mut dyn Write) -> Result<Vec<StartUpRow>> {
        let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/powershell.ndjson");
        let mut rows = Vec::new();
        for set in &self.sets {
            for &threads in &self.options.threads {
                writeln!(log, "start-up: rules {}, threads {threads}", set.rules.label())?;
                let start = self.scanner.start_up(&small, &set.folder, threads, self.options.runs)?;
                let (rules, number) = (set.rules, set.number);
                let (first_output, whole) = (start.first_output, start.whole);
                rows.push(StartUpRow { rules, number, threads, first_output, whole });
            }
        }
        Ok(rows)
    }

    fn large(&self, gigabytes: u64, log: &mut dyn Write) -> Result<Large> {
        writeln!(log, "a stream of {gigabytes} GB")?;
        let workload =
            Workload::make("windows-json", &self.shared, self.place.path(), large::DISTINCT_EVENTS)?;
        large::measure(&self.scanner, &workload, self.rules(Rules::All)?, gigabytes)
    }

    /// The folder of a rule set that every run has.
    fn rules(&self, rules: Rules) -> Result<&Path> {
        let set = self.sets.iter().find(|set| set.rules == rules);
        Ok(&set.with_context(|| format!("no rule set `{}` was made", rules.label()))?.folder)
    }
}
