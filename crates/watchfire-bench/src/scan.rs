//! Runs of the command, and what its own summary says of them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::processor;

/// What a scan took.
pub(crate) struct Run {
    /// From the start of the process's work to its end, reading and compiling rules included.
    pub(crate) seconds: f64,
    /// Seconds of the processor, from the start of the process to its end, where the system tells them.
    pub(crate) processor_seconds: Option<f64>,
    /// The most memory it had; absent where the system does not say.
    pub(crate) peak_mebibytes: Option<u64>,
    /// Events that were searched.
    pub(crate) events: u64,
    /// Alerts, which every run must find alike.
    pub(crate) alerts: u64,
}

impl Run {
    /// Seconds of the processor, else as they pass: what another process does at the same time is in them least.
    pub(crate) fn least_seconds(&self) -> f64 {
        self.processor_seconds.unwrap_or(self.seconds)
    }
}

/// What it takes before anything is scanned.
pub(crate) struct StartUp {
    /// From starting the process to the first byte of its output.
    pub(crate) first_output: f64,
    /// As [`Run::seconds`], over one small file.
    pub(crate) whole: f64,
}

/// How scans are run.
pub(crate) struct Scanner {
    /// The command.
    pub(crate) command: PathBuf,
}

impl Scanner {
    /// The command beside this program, where `cargo xtask bench` builds it.
    pub(crate) fn beside_this_program() -> Result<Self> {
        let own = std::env::current_exe()?;
        let command = own.with_file_name(format!("watchfire{}", std::env::consts::EXE_SUFFIX));
        if !command.is_file() {
            bail!("there is no `{}`; `cargo xtask bench` builds it", command.display());
        }
        Ok(Self { command })
    }

    /// The words of a scan, after the program's name. Its summary goes to a file.
    pub(crate) fn arguments(
        input: &Path,
        rules: &Path,
        threads: usize,
        summary: &Path,
    ) -> Vec<std::ffi::OsString> {
        let threads = threads.to_string();
        let mut words: Vec<std::ffi::OsString> =
            vec!["scan".into(), input.into(), "--rules".into(), rules.into()];
        words.extend(["--format", "ndjson", "--threads", threads.as_str(), "--summary"].map(Into::into));
        words.push(summary.into());
        words
    }

    /// The run with the median time.
    pub(crate) fn median(&self, input: &Path, rules: &Path, threads: usize, runs: usize) -> Result<Run> {
        self.median_by(|run| run.seconds, input, rules, threads, runs)
    }

    /// The run with the median time of the processor.
    pub(crate) fn median_by_processor(&self, input: &Path, rules: &Path, runs: usize) -> Result<Run> {
        self.median_by(Run::least_seconds, input, rules, 1, runs)
    }

    fn median_by(
        &self,
        time: impl Fn(&Run) -> f64,
        input: &Path,
        rules: &Path,
        threads: usize,
        runs: usize,
    ) -> Result<Run> {
        let mut all = (0..runs).map(|_| self.scan(input, rules, threads)).collect::<Result<Vec<Run>>>()?;
        if all.iter().any(|run| run.alerts != all[0].alerts) {
            bail!("two runs of the same scan found different numbers of alerts");
        }
        all.sort_by(|a, b| time(a).total_cmp(&time(b)));
        Ok(all.swap_remove(runs / 2))
    }

    fn scan(&self, input: &Path, rules: &Path, threads: usize) -> Result<Run> {
        let place = tempfile::tempdir()?;
        let summary = place.path().join("summary.json");
        let before = processor::of_children();
        let status = Command::new(&self.command)
            .args(Self::arguments(input, rules, threads, &summary))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("cannot run `{}`", self.command.display()))?;
        ended(status)?;
        let taken = processor::of_children().zip(before).map(|(now, before)| now.saturating_sub(before));
        Ok(Run { processor_seconds: taken.map(|taken| taken.as_secs_f64()), ..read_summary(&summary)? })
    }

    /// The median of scans of one small file; times are medians each of its own.
    pub(crate) fn start_up(
        &self,
        input: &Path,
        rules: &Path,
        threads: usize,
        runs: usize,
    ) -> Result<StartUp> {
        let (mut first, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let place = tempfile::tempdir()?;
            let summary = place.path().join("summary.json");
            let mut command = Command::new(&self.command);
            command.args(Self::arguments(input, rules, threads, &summary));
            first.push(first_output(command)?);
            whole.push(read_summary(&summary)?.seconds);
        }
        first.sort();
        whole.sort_by(f64::total_cmp);
        Ok(StartUp { first_output: first[runs / 2].as_secs_f64(), whole: whole[runs / 2] })
    }
}

/// Runs a command to its end; gives back the time from its start to the first byte on any of its streams.
fn first_output(mut command: Command) -> Result<Duration> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = stdout.zip(stderr).context("a process without streams")?;
    let other = thread::spawn(move || time_to_first(stderr, start));
    let out = time_to_first(stdout, start)?;
    let other = other.join().map_err(|_| anyhow::anyhow!("the reader of a stream gave up"))??;
    ended(child.wait()?)?;
    out.into_iter().chain(other).min().context("a scan without any output")
}

/// Reads a stream to its end; gives back when its first byte came.
fn time_to_first(mut stream: impl Read, start: Instant) -> Result<Option<Duration>> {
    let mut buffer = [0; 8192];
    let mut first = None;
    while stream.read(&mut buffer)? > 0 {
        first.get_or_insert_with(|| start.elapsed());
    }
    Ok(first)
}

/// 1 says that some rule or record could not be used, which the tenfold rules and damaged logs make likely.
pub(crate) fn ended(status: ExitStatus) -> Result<()> {
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("a scan ended with {status}");
    }
    Ok(())
}

/// What the summary of a scan says.
pub(crate) fn read_summary(path: &Path) -> Result<Run> {
    let summary: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let number =
        |pointer: &str| summary.pointer(pointer).with_context(|| format!("a summary has no `{pointer}`"));
    Ok(Run {
        seconds: number("/run/elapsed_seconds")?.as_f64().unwrap_or_default(),
        processor_seconds: None,
        peak_mebibytes: number("/run/peak_memory_bytes")?.as_u64().map(|bytes| bytes.div_ceil(1 << 20)),
        events: number("/events/searched")?.as_u64().unwrap_or_default(),
        alerts: number("/alerts/written")?.as_u64().unwrap_or_default(),
    })
}
