//! `cargo xtask bench [WORKLOAD…] [--runs N] [--events N]`: what a scan costs.
//!
//! Absolute times differ from machine to machine and from hour to hour. So every figure is a ratio to what cannot be
//! saved, measured in the same run: reading the same bytes with simd-json to its tape, or with the `evtx` crate to JSON
//! values. Scans are runs of the command itself, each in a process of its own; of several runs the median counts.

mod rule_sets;
mod scan;
mod workload;
mod yardstick;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use watchfire_test_support::find_shared_folder;

use crate::rule_sets::RuleSets;
use crate::workload::{Format, Workload};

/// What the command line asks for.
struct Options {
    workloads: Vec<String>,
    runs: usize,
    events: usize,
}

fn main() -> ExitCode {
    let mut log = io::stderr().lock();
    let result = options().and_then(|options| bench(&options, &mut io::stdout().lock(), &mut log));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(log, "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options { workloads: Vec::new(), runs: 5, events: 100_000 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || -> Result<usize> {
            let text = words.next().with_context(|| format!("`{word}` needs a number"))?;
            text.parse().ok().filter(|number| *number > 0).with_context(|| format!("`{text}` is no number"))
        };
        match word.as_str() {
            "--runs" => options.runs = number()?,
            "--events" => options.events = number()?,
            name if Workload::NAMES.contains(&name) => options.workloads.push(word),
            other => bail!("unknown word `{other}`; the workloads are {}", Workload::NAMES.join(", ")),
        }
    }
    if options.workloads.is_empty() {
        options.workloads = Workload::NAMES.map(str::to_owned).to_vec();
    }
    Ok(options)
}

fn bench(options: &Options, out: &mut dyn Write, log: &mut dyn Write) -> Result<()> {
    let shared =
        find_shared_folder().context("there is no shared data; set WATCHFIRE_SHARED to its folder")?;
    let command = command()?;
    let place = tempfile::tempdir()?;
    writeln!(log, "making rule sets")?;
    let sets = RuleSets::make(&shared.join("corpus/detection-rules"), place.path())?;
    for name in &options.workloads {
        writeln!(log, "{name}: making the input")?;
        let workload = Workload::make(name, &shared, place.path(), options.events)?;
        report(&workload, &sets, &command, options.runs, out, log)?;
    }
    Ok(())
}

/// The command beside this program, where `cargo xtask bench` builds it.
fn command() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let command = own.with_file_name(format!("watchfire{}", std::env::consts::EXE_SUFFIX));
    if !command.is_file() {
        bail!("there is no `{}`; `cargo xtask bench` builds it", command.display());
    }
    Ok(command)
}

fn report(
    workload: &Workload,
    sets: &RuleSets,
    command: &Path,
    runs: usize,
    out: &mut dyn Write,
    log: &mut dyn Write,
) -> Result<()> {
    let Workload { name, path, events, bytes, format } = workload;
    writeln!(log, "{name}: reading alone")?;
    let alone = yardstick::seconds(*format, path, runs)?;
    let what = match format {
        Format::Json => "simd-json, to its tape",
        Format::Evtx => "the evtx crate, to JSON values",
    };
    let megabytes = *bytes as f64 / 1e6;
    writeln!(out, "\n## {name}: {events} events, {megabytes:.1} MB; medians of {runs}\n")?;
    writeln!(
        out,
        "| | rules | threads | s | events/s | MB/s | × reading alone | × one rule | peak MiB | alerts |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let rates = |seconds: f64| format!("{:.0} | {:.1}", *events as f64 / seconds, megabytes / seconds);
    writeln!(out, "| {what} | | 1 | {alone:.2} | {} | 1.0 | | | |", rates(alone))?;
    let mut one_rule = None;
    for (label, rules, number) in sets.all() {
        for threads in [1, 2] {
            writeln!(log, "{name}: {label}, {threads} threads")?;
            let run = scan::median(command, path, rules, threads, runs)?;
            let first = *one_rule.get_or_insert(run.seconds);
            writeln!(
                out,
                "| scan, {label} | {number} | {threads} | {:.2} | {} | {:.1} | {:.1} | {} | {} |",
                run.seconds,
                rates(run.seconds),
                run.seconds / alone,
                run.seconds / first,
                run.peak_mebibytes.map_or_else(|| "?".to_owned(), |peak| peak.to_string()),
                run.alerts,
            )?;
        }
    }
    Ok(())
}
