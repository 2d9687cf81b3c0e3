//! What was asked of a scan's speed, and what is reached.

use crate::report::{Report, Seconds};
use crate::rule_sets::Rules;

/// Seconds that reading and compiling all rules may take, with two threads.
const RULES_SECONDS: f64 = 0.5;
/// Seconds from the start to the first output, over one small file with all rules.
const FIRST_OUTPUT_SECONDS: f64 = 0.7;
/// MiB that a scan of a large input may take.
const PEAK_MEBIBYTES: f64 = 400.0;
/// How much more memory the last quarter of a large input may take than the first.
const FLAT: f64 = 1.1;

/// Which side of a bound is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    /// Whether a value is on it.
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// One thing that was asked.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) bound: Bound,
    /// `×`, `s` or `MiB`.
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    /// The same without reading and compiling the rules, where that is part of it and can be told apart.
    pub(crate) without_start_up: Option<f64>,
}

/// Everything that was asked and measured, and the names of what was not measured.
pub(crate) fn targets(report: &Report) -> (Vec<Target>, Vec<String>) {
    let (mut targets, mut missing) = (Vec::new(), Vec::new());
    let mut add = |what: String, bound, unit, measured: Option<(f64, Option<f64>)>| match measured {
        Some((measured, without_start_up)) => {
            targets.push(Target { what, bound, unit, measured, without_start_up });
        }
        None => missing.push(what),
    };
    for (workload, most) in [("windows-json", 3.0), ("defend-json", 2.5), ("evtx", 1.5)] {
        let alone = report.workload(workload).map(|workload| workload.yardstick.1);
        let all = report.seconds(workload, Rules::All, 1);
        let measured = alone
            .zip(all)
            .map(|(alone, all)| (all.whole / alone, all.without_start_up.map(|seconds| seconds / alone)));
        add(format!("{workload}: all rules ÷ reading alone, 1 thread"), Bound::AtMost(most), "×", measured);
    }
    let ratio = |workload, (rules, threads), (base, base_threads)| {
        Some(over(report.seconds(workload, rules, threads)?, report.seconds(workload, base, base_threads)?))
    };
    for workload in ["windows-json", "defend-json"] {
        let (one, all, tenfold) = ((Rules::One, 1), (Rules::All, 1), (Rules::Tenfold, 1));
        let speed_up = ratio(workload, all, (Rules::All, 2));
        add(format!("{workload}: all rules, 1 thread ÷ 2 threads"), Bound::AtLeast(1.8), "×", speed_up);
        add(
            format!("{workload}: ten times all ÷ all"),
            Bound::AtMost(1.4),
            "×",
            ratio(workload, tenfold, all),
        );
        add(format!("{workload}: all ÷ one rule"), Bound::AtMost(1.5), "×", ratio(workload, all, one));
    }
    // What all rules take over one rule, over the same small file, is reading and compiling them.
    let two = |rules| report.start_up(rules, 2);
    let compiled = two(Rules::All).zip(two(Rules::One)).map(|(all, one)| (all.whole - one.whole, None));
    add("all rules read and compiled, 2 threads".to_owned(), Bound::AtMost(RULES_SECONDS), "s", compiled);
    let first = two(Rules::All).map(|row| (row.first_output, None));
    add(
        "start to first output, all rules, 2 threads".to_owned(),
        Bound::AtMost(FIRST_OUTPUT_SECONDS),
        "s",
        first,
    );
    let large = report.large.as_ref();
    let peak = large.and_then(|large| Some((large.peak_mebibytes? as f64, None)));
    add("peak memory over a large input".to_owned(), Bound::AtMost(PEAK_MEBIBYTES), "MiB", peak);
    let growth = large.and_then(|large| Some((large.growth()?, None)));
    add("its memory in the last quarter ÷ in the first".to_owned(), Bound::AtMost(FLAT), "×", growth);
    (targets, missing)
}

/// One time over another, both with the start-up and without.
pub(crate) fn over(time: Seconds, base: Seconds) -> (f64, Option<f64>) {
    let rest = time.without_start_up.zip(base.without_start_up);
    (time.whole / base.whole, rest.map(|(time, base)| time / base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn of(what: &str) -> (Target, bool) {
        let (targets, _) = targets(&example());
        let target = targets.into_iter().find(|target| target.what == what).unwrap();
        let is_met = target.bound.is_met(target.measured);
        (target, is_met)
    }

    #[test]
    fn ratios_are_told_with_the_start_up_and_without() {
        let (target, is_met) = of("windows-json: all rules ÷ reading alone, 1 thread");
        assert_eq!((target.measured, is_met), (3.2, false));
        assert!((target.without_start_up.unwrap() - 2.4).abs() < 1e-9);
        let (target, is_met) = of("defend-json: all rules, 1 thread ÷ 2 threads");
        assert!((target.measured - 3.2 / 1.8).abs() < 1e-9 && !is_met);
        let (target, is_met) = of("all rules read and compiled, 2 threads");
        assert!((target.measured - 0.29).abs() < 1e-9 && is_met && target.without_start_up.is_none());
    }

    #[test]
    fn what_was_not_measured_is_named() {
        let mut report = example();
        report.large = None;
        let (_, missing) = targets(&report);
        assert_eq!(
            missing,
            [
                "evtx: all rules ÷ reading alone, 1 thread",
                "peak memory over a large input",
                "its memory in the last quarter ÷ in the first",
            ]
        );
    }
}
