//! What each source costs: its fixtures, repeated, with one rule that finds nothing and with all.
//!
//! Rows are written as they are measured, so that what is there of the table can be used when the run is ended early.
//! Where the system tells it, time is that of the processor: others at work on the same machine count little. Beside
//! it stands what simd-json takes for the same bytes in the same run, where they are JSON.

mod audit;
mod row;

use std::borrow::Cow;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::row::{SourceRow, least};
use crate::processor;
use crate::scan::Scanner;
use crate::workload::{Format, Workload};
use crate::yardstick;

/// Bytes of a source that are scanned, unless so many events are asked for: some tenths of a second.
const BYTES: usize = 40_000_000;

/// The source that is generated: no fixture has lines of one event in their usual number.
const JOINED: &str = "auditd (joined lines)";

/// What is to be measured.
pub(crate) struct Asked<'a> {
    /// Folders of fixtures, by their names; all if there is none.
    pub(crate) names: &'a [String],
    pub(crate) events: Option<usize>,
    pub(crate) runs: usize,
}

/// Measures every folder of fixtures that has raw records in lines, and writes a row of each to `out`.
pub(crate) fn measure(
    scanner: &Scanner,
    fixtures: &Path,
    rules: [&Path; 2],
    place: &Path,
    asked: &Asked<'_>,
    (out, log): (&mut dyn Write, &mut dyn Write),
) -> Result<()> {
    let sources = sources(fixtures, asked.names)?;
    let [one, all] = rules;
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/powershell.ndjson");
    let start_of_one = scanner.median_by_processor(&small, one, asked.runs)?.least_seconds();
    let start_of_all = scanner.median_by_processor(&small, all, asked.runs)?.least_seconds();
    writeln!(out, "{}", row::heading(asked.runs, processor::of_children().is_some()))?;
    let mut slow = Vec::new();
    for (source, lines) in sources {
        writeln!(log, "source {source}")?;
        let workload = write(&source, &lines, place, asked.events)?;
        let run = scanner.median_by_processor(&workload.path, one, asked.runs)?;
        let with_all = scanner.median_by_processor(&workload.path, all, 1)?;
        let reading = match lines {
            Lines::Fixtures { is_json: true, .. } => {
                Some(yardstick::thread_seconds(&workload.path, asked.runs)?)
            }
            _ => None,
        };
        let row = SourceRow {
            source,
            events: run.events,
            bytes: workload.bytes,
            one: least(run.least_seconds(), start_of_one),
            all: least(with_all.least_seconds(), start_of_all),
            reading,
        };
        writeln!(out, "{row}")?;
        out.flush()?;
        if !row.keeps_up() {
            slow.push(row.source);
        }
        fs::remove_file(&workload.path)?;
    }
    match slow.as_slice() {
        [] => writeln!(out, "\nAll keep up.")?,
        slow => writeln!(out, "\nNot met: {}.", slow.join("; "))?,
    }
    Ok(())
}

/// What the input of a source is made of.
enum Lines {
    Fixtures { lines: Vec<String>, is_json: bool },
    Generated,
}

/// The sources of these names, or all, with their lines.
fn sources(fixtures: &Path, names: &[String]) -> Result<Vec<(String, Lines)>> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(fixtures)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    let mut sources = vec![(JOINED.to_owned(), Lines::Generated)];
    for folder in folders {
        let lines = raw_lines(&folder)?;
        if !lines.is_empty() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_json = lines.iter().all(|line| line.trim_start().starts_with(['{', '[']));
            sources.push((name, Lines::Fixtures { lines, is_json }));
        }
    }
    for name in names {
        ensure!(
            sources.iter().any(|(source, _)| source.starts_with(name.as_str())),
            "no source begins with `{name}`; there are {}",
            sources.iter().map(|(source, _)| source.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    sources
        .retain(|(source, _)| names.is_empty() || names.iter().any(|name| source.starts_with(name.as_str())));
    Ok(sources)
}

/// Writes the input of a source.
fn write(source: &str, lines: &Lines, place: &Path, events: Option<usize>) -> Result<Workload> {
    let path = place.join("source.log");
    let mut out = BufWriter::new(fs::File::create(&path)?);
    let mut written = 0_usize;
    let mut at = 0;
    while events.map_or(written < BYTES, |events| at < events) {
        let text = match lines {
            Lines::Generated => Cow::Owned(audit::event(at)),
            Lines::Fixtures { lines, .. } => repeated(&lines[at % lines.len()], at / lines.len()),
        };
        writeln!(out, "{text}")?;
        written += text.len() + 1;
        at += 1;
    }
    out.flush().with_context(|| format!("cannot write the input of {source}"))?;
    Ok(Workload { name: "source", path, events: at as u64, bytes: written as u64, format: Format::Json })
}

/// A line as it comes another time: an event of the audit system is known by its serial, so that gets digits more.
fn repeated(line: &str, time: usize) -> Cow<'_, str> {
    match line.split_once("msg=audit(").and_then(|(_, behind)| behind.split_once("):")) {
        Some((stamp, _)) if time > 0 => Cow::Owned(line.replacen(stamp, &format!("{stamp}{time}"), 1)),
        _ => Cow::Borrowed(line),
    }
}

/// The raw records of a folder and the folders in it that are lines of their own.
fn raw_lines(folder: &Path) -> Result<Vec<String>> {
    let (mut folders, mut paths) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            if name.ends_with(".raw.ndjson") || name.ends_with(".raw.log") {
                paths.push(path);
            } else if path.is_dir() {
                folders.push(path);
            }
        }
    }
    paths.sort();
    let mut lines = Vec::new();
    for path in paths {
        lines.extend(
            fs::read_to_string(path)?.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned),
        );
    }
    Ok(lines)
}
