//! What each source costs: its fixtures, repeated, with one rule that finds nothing and with all.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::scan::Scanner;
use crate::table::grouped;

/// What is asked of every source: events of this size, so many in a second.
const ASKED_EVENTS: f64 = 60_000.0;
const ASKED_BYTES: f64 = 2_000.0;

/// What one source takes.
pub(crate) struct SourceRow {
    pub(crate) source: String,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Seconds with one rule, and with all; start-up is not in them.
    pub(crate) one: f64,
    pub(crate) all: f64,
}

impl SourceRow {
    fn bytes_of_event(&self) -> f64 {
        self.bytes as f64 / self.events as f64
    }

    fn per_second(&self, seconds: f64) -> f64 {
        self.events as f64 / seconds
    }

    /// Whether the source keeps up: so many events, or so many bytes of larger ones.
    fn keeps_up(&self) -> bool {
        self.per_second(self.one).max(self.bytes as f64 / self.one / ASKED_BYTES) >= ASKED_EVENTS
    }
}

/// Measures every folder of fixtures that has raw records in lines.
pub(crate) fn measure(
    scanner: &Scanner,
    fixtures: &Path,
    rules: [&Path; 2],
    place: &Path,
    events: usize,
    runs: usize,
    log: &mut dyn Write,
) -> Result<Vec<SourceRow>> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(fixtures)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    let [one, all] = rules;
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/powershell.ndjson");
    let start_up = [one, all].map(|rules| scanner.median(&small, rules, 1, runs).map(|run| run.seconds));
    let [start_of_one, start_of_all] = start_up;
    let (start_of_one, start_of_all) = (start_of_one?, start_of_all?);
    let mut rows = Vec::new();
    for folder in folders {
        let lines = raw_lines(&folder)?;
        if lines.is_empty() {
            continue;
        }
        let source = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        writeln!(log, "source {source}")?;
        let path = place.join(format!("{source}.log"));
        let mut out = BufWriter::new(fs::File::create(&path)?);
        for at in 0..events {
            writeln!(out, "{}", repeated(&lines[at % lines.len()], at / lines.len()))?;
        }
        out.flush()?;
        let bytes = fs::metadata(&path)?.len();
        let least = |seconds: f64, start: f64| (seconds - start).max(1e-3);
        let run = scanner.median(&path, one, 1, runs)?;
        let with_all = scanner.median(&path, all, 1, runs)?;
        rows.push(SourceRow {
            source,
            events: run.events,
            bytes,
            one: least(run.seconds, start_of_one),
            all: least(with_all.seconds, start_of_all),
        });
        fs::remove_file(path)?;
    }
    Ok(rows)
}

/// A line as it comes another time: an event of the audit system is known by its serial, so that gets digits more.
fn repeated(line: &str, time: usize) -> Cow<'_, str> {
    match line.split_once("msg=audit(").and_then(|(_, behind)| behind.split_once("):")) {
        Some((stamp, _)) if time > 0 => Cow::Owned(line.replacen(stamp, &format!("{stamp}{time}"), 1)),
        _ => Cow::Borrowed(line),
    }
}

/// The raw records of a folder that are lines of their own.
fn raw_lines(folder: &Path) -> Result<Vec<String>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            if name.ends_with(".raw.ndjson") || name.ends_with(".raw.log") {
                paths.push(path);
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

/// The rows as a table in Markdown.
pub(crate) fn table(rows: &[SourceRow], runs: usize) -> String {
    let mut out = format!(
        "## Sources: fixtures repeated, 1 thread, without start-up; medians of {runs}\n\n\
         | source | events | bytes an event | events/s, one rule | MB/s | events/s, all rules | {} events/s of {} bytes |\n\
         |---|--:|--:|--:|--:|--:|---|\n",
        grouped(ASKED_EVENTS),
        grouped(ASKED_BYTES),
    );
    for row in rows {
        // A text takes all that is written to it.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.0} | {} | {} |",
            row.source,
            grouped(row.events as f64),
            grouped(row.bytes_of_event()),
            grouped(row.per_second(row.one)),
            row.bytes as f64 / row.one / 1e6,
            grouped(row.per_second(row.all)),
            if row.keeps_up() { "met" } else { "not met" },
        );
    }
    out
}
