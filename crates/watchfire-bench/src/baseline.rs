//! Ratios and instructions that are kept, to compare with later.
//!
//! Times are no part of it: they say as much about the machine as about the program. Ratios are those without the start-up,
//! so that runs over different numbers of events can be compared; what starting costs has figures of its own. Instructions
//! are the steadiest, and the same counter gives the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::report::Report;
use crate::rule_sets::Rules;
use crate::targets::over;

/// The form of the file.
const FORMAT: u64 = 1;

/// Figures of a run, and where it was made.
#[derive(Debug, PartialEq)]
pub(crate) struct Baseline {
    machine: String,
    counter: Option<String>,
    runs: u64,
    /// Events of each workload.
    events: BTreeMap<String, u64>,
    figures: BTreeMap<String, f64>,
}

impl Baseline {
    /// What is kept of a report.
    pub(crate) fn of(report: &Report) -> Self {
        let mut figures = BTreeMap::new();
        for workload in &report.workloads {
            let name = workload.name;
            for scan in &workload.scans {
                let (rules, threads) = (scan.rules.label(), scan.threads);
                let seconds =
                    report.seconds(name, scan.rules, threads).and_then(|seconds| seconds.without_start_up);
                if let Some(seconds) = seconds {
                    figures.insert(
                        format!("{name}, {rules}, {threads}: × reading alone"),
                        seconds / workload.yardstick.1,
                    );
                }
                if let Some(instructions) = scan.instructions {
                    figures
                        .insert(format!("{name}, {rules}: instructions per event"), instructions.per_event);
                }
            }
            for (rules, base) in [(Rules::All, Rules::One), (Rules::Tenfold, Rules::All)] {
                let times = report.seconds(name, rules, 1).zip(report.seconds(name, base, 1));
                if let Some(ratio) = times.and_then(|(time, base)| over(time, base).1) {
                    figures.insert(format!("{name}: {} ÷ {}", rules.label(), base.label()), ratio);
                }
            }
        }
        // The rules are the same for all workloads; the first one's count stands for all.
        for scan in report.workloads.iter().flat_map(|workload| &workload.scans) {
            if let Some(instructions) = scan.instructions {
                let name = format!("start-up, {}: instructions", scan.rules.label());
                figures.entry(name).or_insert(instructions.start_up);
            }
        }
        Self {
            machine: report.machine.clone(),
            counter: report.counter.map(str::to_owned),
            runs: report.runs as u64,
            events: report
                .workloads
                .iter()
                .map(|workload| (workload.name.to_owned(), workload.events))
                .collect(),
            figures,
        }
    }

    /// The text of its file.
    pub(crate) fn to_json(&self) -> String {
        let rounded: Map<String, Value> =
            self.figures.iter().map(|(name, value)| (name.clone(), json!(rounded(*value)))).collect();
        let whole = json!({
            "format": FORMAT, "machine": self.machine, "counter": self.counter, "runs": self.runs,
            "events": self.events, "figures": rounded,
        });
        format!("{whole:#}\n")
    }

    /// Reads the text of a file.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        ensure!(value["format"] == json!(FORMAT), "the form {} of a baseline is not known", value["format"]);
        let numbers =
            |key: &str| value[key].as_object().with_context(|| format!("a baseline without `{key}`"));
        Ok(Self {
            machine: value["machine"].as_str().unwrap_or_default().to_owned(),
            counter: value["counter"].as_str().map(str::to_owned),
            runs: value["runs"].as_u64().unwrap_or_default(),
            events: numbers("events")?
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_u64()?)))
                .collect(),
            figures: numbers("figures")?
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
                .collect(),
        })
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Self::from_json(&text).with_context(|| format!("`{}` is no baseline", path.display()))
    }

    /// A table of what became of the figures.
    pub(crate) fn compare(&self, now: &Self) -> String {
        let mut out = format!(
            "## Compared with the baseline\n\nBaseline: {}.\nNow: {}.\n\n",
            self.origin(),
            now.origin()
        );
        if self.machine != now.machine {
            out.push_str("The machines differ: only instructions can be compared.\n\n");
        }
        if self.counter.is_some() && now.counter.is_some() && self.counter != now.counter {
            out.push_str("Two programs counted the instructions, and each counts a little otherwise.\n\n");
        }
        let is_count = |name: &str| name.contains("instructions");
        for (heading, counts) in [
            ("instructions", true),
            ("times, as ratios; in few runs on a busy machine they prove nothing", false),
        ] {
            let names = self.figures.iter().filter(|(name, _)| is_count(name) == counts);
            writeln!(out, "| {heading} | baseline | now | change |\n|---|--:|--:|--:|")
                .expect("a text takes all");
            for (name, before) in names {
                if let Some(after) = now.figures.get(name) {
                    let change = (after / before - 1.0) * 100.0;
                    let (before, after) = (shown(*before), shown(*after));
                    writeln!(out, "| {name} | {before} | {after} | {change:+.1} % |")
                        .expect("a text takes all");
                }
            }
            out.push('\n');
        }
        let only = |one: &Self, other: &Self| {
            one.figures.keys().filter(|name| !other.figures.contains_key(*name)).count()
        };
        let (old, new) = (only(self, now), only(now, self));
        writeln!(out, "Not compared: {old} figures of the baseline that were not measured now, {new} the other way round.")
            .expect("a text takes all");
        out
    }

    fn origin(&self) -> String {
        let events: Vec<String> =
            self.events.iter().map(|(name, number)| format!("{name} with {number} events")).collect();
        let counter =
            self.counter.as_deref().map_or(String::new(), |counter| format!(", instructions by {counter}"));
        format!("{}; {}; runs: {}{counter}", self.machine, events.join(", "), self.runs)
    }
}

/// Instructions as whole numbers, ratios with three digits after the point.
fn rounded(value: f64) -> f64 {
    if value >= 1000.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

fn shown(value: f64) -> String {
    if value >= 1000.0 { crate::table::grouped(value) } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn what_is_kept_can_be_read_again() {
        let baseline = Baseline::of(&example());
        let read = Baseline::from_json(&baseline.to_json()).unwrap();
        assert_eq!(read.to_json(), baseline.to_json());
        insta::assert_snapshot!(baseline.to_json());
    }

    #[test]
    fn a_comparison_says_what_changed_and_what_was_left_out() {
        let baseline = Baseline::of(&example());
        let mut report = example();
        report.workloads.pop();
        report.workloads[0].scans[2].seconds *= 1.25;
        if let Some(instructions) = &mut report.workloads[0].scans[2].instructions {
            instructions.per_event *= 0.5;
        }
        report.machine = "another machine".to_owned();
        insta::assert_snapshot!(baseline.compare(&Baseline::of(&report)));
    }

    #[test]
    fn another_form_is_refused() {
        let error = Baseline::from_json(r#"{"format": 2}"#).unwrap_err();
        assert_eq!(error.to_string(), "the form 2 of a baseline is not known");
    }
}
