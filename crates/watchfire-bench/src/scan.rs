//! Runs of the command, and what its own summary says of them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What a scan took.
pub(crate) struct Run {
    /// From the start of the process's work to its end, reading and compiling rules included.
    pub(crate) seconds: f64,
    /// The most memory it had; absent where the system does not say.
    pub(crate) peak_mebibytes: Option<u64>,
    /// Alerts, which every run must find alike.
    pub(crate) alerts: u64,
}

/// The run with the median time.
pub(crate) fn median(command: &Path, input: &Path, rules: &Path, threads: usize, runs: usize) -> Result<Run> {
    let mut all = (0..runs).map(|_| scan(command, input, rules, threads)).collect::<Result<Vec<Run>>>()?;
    if all.iter().any(|run| run.alerts != all[0].alerts) {
        bail!("two runs of the same scan found different numbers of alerts");
    }
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(all.swap_remove(runs / 2))
}

fn scan(command: &Path, input: &Path, rules: &Path, threads: usize) -> Result<Run> {
    let place = tempfile::tempdir()?;
    let summary = place.path().join("summary.json");
    let status = Command::new(command)
        .arg("scan")
        .arg(input)
        .arg("--rules")
        .arg(rules)
        .args(["--format", "ndjson", "--threads", &threads.to_string(), "--summary"])
        .arg(&summary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run `{}`", command.display()))?;
    // 1 says that some rule or record could not be used, which the tenfold rules and damaged logs make likely.
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("a scan ended with {status}");
    }
    let summary: Value = serde_json::from_slice(&std::fs::read(&summary)?)?;
    let number =
        |pointer: &str| summary.pointer(pointer).with_context(|| format!("a summary has no `{pointer}`"));
    Ok(Run {
        seconds: number("/run/elapsed_seconds")?.as_f64().unwrap_or_default(),
        peak_mebibytes: number("/run/peak_memory_bytes")?.as_u64().map(|bytes| bytes.div_ceil(1 << 20)),
        alerts: number("/alerts/written")?.as_u64().unwrap_or_default(),
    })
}
