//! Instructions per event: steadier than time on a machine that others use too.
//!
//! A scan is run over a few and over some more events, with one thread. The difference of the two counts, divided by the
//! events, is what an event costs; what is left of the smaller count is what starting costs: reading and compiling the
//! rules. The sizes are fixed, so that counts can be compared whatever `--events` was.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::scan::{Scanner, ended};
use crate::workload::Workload;

/// The smaller number of events.
const FEW: u64 = 500;
/// The larger one, which a workload must have.
pub(crate) const MORE: u64 = 2_500;

/// What counts instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// `perf stat -e instructions:u`: the processor's own counter.
    Perf,
    /// `valgrind --tool=cachegrind` without its caches: some 20 times as slow as the scan itself.
    Valgrind,
}

/// What a scan executes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Instructions {
    pub(crate) per_event: f64,
    /// Before the first event.
    pub(crate) start_up: f64,
}

impl Counter {
    /// The counter that this machine has.
    pub(crate) fn find() -> Option<Self> {
        [Self::Perf, Self::Valgrind].into_iter().find(|counter| {
            let place = tempfile::tempdir();
            place.is_ok_and(|place| counter.count(&Command::new("true"), place.path()).is_ok())
        })
    }

    /// What tables call it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Valgrind => "valgrind",
        }
    }

    /// The instructions of a command, from its start to its end.
    fn count(self, command: &Command, place: &Path) -> Result<u64> {
        let log = place.join("instructions.txt");
        let mut counted = match self {
            Self::Perf => {
                let mut perf = Command::new("perf");
                perf.args(["stat", "-x", ",", "-e", "instructions:u", "-o"]).arg(&log).arg("--");
                perf
            }
            Self::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--branch-sim=no"]);
                valgrind.arg(format!("--cachegrind-out-file={}", place.join("cachegrind.out").display()));
                valgrind.arg(format!("--log-file={}", log.display()));
                valgrind
            }
        };
        let status = counted
            .arg(command.get_program())
            .args(command.get_args())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ended(status)?;
        let log = std::fs::read_to_string(&log)?;
        let count = match self {
            Self::Perf => perf_count(&log),
            Self::Valgrind => valgrind_count(&log),
        };
        count.with_context(|| format!("{} says no number of instructions", self.label()))
    }

    /// What scanning a workload with some rules executes.
    pub(crate) fn instructions(
        self,
        scanner: &Scanner,
        workload: &Workload,
        rules: &Path,
        place: &Path,
    ) -> Result<Instructions> {
        let counts = [FEW, MORE].map(|events| -> Result<(u64, u64)> {
            let folder = tempfile::tempdir_in(place)?;
            let (input, events) = workload.first(folder.path(), events)?;
            let mut command = Command::new(&scanner.command);
            command.args(Scanner::arguments(&input, rules, 1, &folder.path().join("summary.json")));
            Ok((events, self.count(&command, folder.path())?))
        });
        let [few, more] = counts;
        difference(few?, more?)
    }
}

/// From two scans, each a number of events and of instructions.
fn difference(few: (u64, u64), more: (u64, u64)) -> Result<Instructions> {
    ensure!(more.0 > few.0, "a workload of {} events is too small to count instructions on", more.0);
    let per_event = (more.1 as f64 - few.1 as f64) / (more.0 - few.0) as f64;
    Ok(Instructions { per_event, start_up: (few.1 as f64 - per_event * few.0 as f64).max(0.0) })
}

/// From the line `1234,,instructions:u,…` of perf.
fn perf_count(log: &str) -> Option<u64> {
    log.lines().find(|line| line.contains("instructions"))?.split(',').next()?.parse().ok()
}

/// From the line `==1== I   refs:      1,234` of valgrind.
fn valgrind_count(log: &str) -> Option<u64> {
    let line = log.lines().find(|line| line.contains("refs:"))?;
    line.rsplit(' ').next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_of_both_counters_are_read() {
        assert_eq!(perf_count("# started on …\n\n1234567,,instructions:u,999,100.00,,\n"), Some(1_234_567));
        assert_eq!(perf_count("<not supported>,,instructions:u,0,100.00,,\n"), None);
        assert_eq!(
            valgrind_count("==7== Cachegrind\n==7== \n==7== I   refs:      2,701,847\n"),
            Some(2_701_847)
        );
        assert_eq!(valgrind_count("valgrind: no such file"), None);
    }

    #[test]
    fn starting_is_no_part_of_an_event() {
        let expected = Instructions { per_event: 10.0, start_up: 700.0 };
        assert_eq!(difference((50, 1_200), (250, 3_200)).unwrap(), expected);
        assert_eq!(
            difference((50, 1_200), (50, 1_200)).unwrap_err().to_string(),
            "a workload of 50 events is too small to count instructions on"
        );
    }
}
