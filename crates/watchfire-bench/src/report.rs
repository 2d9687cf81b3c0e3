//! What was measured.

use crate::instructions::Instructions;
use crate::large::Large;
use crate::peer::PeerResult;
use crate::rule_sets::Rules;

/// Everything of a run.
pub(crate) struct Report {
    /// Architecture, cores and the processor's name.
    pub(crate) machine: String,
    /// What counts instructions; absent if nothing was to be counted, or nothing can.
    pub(crate) counter: Option<&'static str>,
    pub(crate) runs: usize,
    pub(crate) workloads: Vec<WorkloadReport>,
    pub(crate) start_up: Vec<StartUpRow>,
    pub(crate) large: Option<Large>,
}

/// One workload.
pub(crate) struct WorkloadReport {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// What reads it alone, and the seconds that takes.
    pub(crate) yardstick: (&'static str, f64),
    pub(crate) scans: Vec<ScanRow>,
    pub(crate) peers: Vec<(&'static str, PeerResult)>,
}

/// Scans of one workload with one rule set and number of threads.
pub(crate) struct ScanRow {
    pub(crate) rules: Rules,
    /// How many rules that are.
    pub(crate) number: usize,
    pub(crate) threads: usize,
    pub(crate) seconds: f64,
    pub(crate) peak_mebibytes: Option<u64>,
    pub(crate) alerts: u64,
    pub(crate) instructions: Option<Instructions>,
}

/// What it takes before anything is scanned.
pub(crate) struct StartUpRow {
    pub(crate) rules: Rules,
    pub(crate) number: usize,
    pub(crate) threads: usize,
    /// Seconds from starting the process to the first byte of its output.
    pub(crate) first_output: f64,
    /// Seconds that the scan of one small file takes.
    pub(crate) whole: f64,
}

/// A time with the start-up in it, and without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds {
    pub(crate) whole: f64,
    /// Absent if starting takes as long as all of it, within what can be measured.
    pub(crate) without_start_up: Option<f64>,
}

impl Report {
    /// The workload of a name, if it was measured.
    pub(crate) fn workload(&self, name: &str) -> Option<&WorkloadReport> {
        self.workloads.iter().find(|workload| workload.name == name)
    }

    /// Start-up with some rules and threads.
    pub(crate) fn start_up(&self, rules: Rules, threads: usize) -> Option<&StartUpRow> {
        self.start_up.iter().find(|row| row.rules == rules && row.threads == threads)
    }

    /// What a scan took.
    pub(crate) fn seconds(&self, workload: &str, rules: Rules, threads: usize) -> Option<Seconds> {
        let scan = self.workload(workload)?.scan(rules, threads)?;
        let rest = self.start_up(rules, threads).map(|start| scan.seconds - start.whole);
        Some(Seconds { whole: scan.seconds, without_start_up: rest.filter(|rest| *rest > 0.0) })
    }
}

impl WorkloadReport {
    /// The scans with some rules and threads.
    pub(crate) fn scan(&self, rules: Rules, threads: usize) -> Option<&ScanRow> {
        self.scans.iter().find(|row| row.rules == rules && row.threads == threads)
    }
}

/// This machine, as far as it matters for comparing.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model =
        model.and_then(|rest| rest.split_once(": ")).map_or("unknown processor", |(_, name)| name.trim());
    format!("{} {}, {cores} cores, {model}", std::env::consts::ARCH, std::env::consts::OS)
}

/// A report with round numbers, for the tests of what is made of it.
#[cfg(test)]
pub(crate) fn example() -> Report {
    let scan = |rules, number, threads, seconds, alerts| ScanRow {
        rules,
        number,
        threads,
        seconds,
        peak_mebibytes: Some(150),
        alerts,
        instructions: (threads == 1).then_some(Instructions { per_event: 1000.0 * seconds, start_up: 2e9 }),
    };
    let workload = |name, scale: f64| WorkloadReport {
        name,
        about: "events of an example",
        events: 100_000,
        bytes: 250_000_000,
        yardstick: ("simd-json, to its tape", 0.5 * scale),
        scans: vec![
            scan(Rules::One, 1, 1, 1.0 * scale, 0),
            scan(Rules::One, 1, 2, 0.5 * scale, 0),
            scan(Rules::All, 1897, 1, 1.6 * scale, 12),
            scan(Rules::All, 1897, 2, 0.9 * scale, 12),
            scan(Rules::Tenfold, 18_970, 1, 4.0 * scale, 15),
        ],
        peers: vec![
            ("rsigma", PeerResult::Ran { seconds: 10.0 * scale, findings: 1234 }),
            ("hayabusa", PeerResult::CannotRead("it reads EVTX")),
            ("python-eql", PeerResult::Failed("exit status: 1: no module named `eql`".to_owned())),
        ],
    };
    let start = |rules, number, threads, whole| StartUpRow {
        rules,
        number,
        threads,
        first_output: whole + 0.1,
        whole,
    };
    Report {
        machine: "x86_64 linux, 2 cores, an example".to_owned(),
        counter: Some("valgrind"),
        runs: 5,
        workloads: vec![workload("windows-json", 1.0), workload("defend-json", 2.0)],
        start_up: vec![
            start(Rules::One, 1, 1, 0.01),
            start(Rules::One, 1, 2, 0.01),
            start(Rules::All, 1897, 1, 0.4),
            start(Rules::All, 1897, 2, 0.3),
            start(Rules::Tenfold, 18_970, 1, 3.5),
        ],
        large: Some(crate::large::example()),
    }
}
