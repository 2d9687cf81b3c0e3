//! Tables in Markdown.

use std::fmt::{self, Write};

use crate::peer::PeerResult;
use crate::report::{Report, StartUpRow, WorkloadReport};
use crate::targets::{Bound, targets};

/// The table of a workload. Where instructions were not counted, their column says so, or nothing.
pub(crate) fn workload(
    report: &WorkloadReport,
    runs: usize,
    without_counter: &str,
) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let megabytes = report.bytes as f64 / 1e6;
    let (yardstick, alone) = report.yardstick;
    writeln!(
        out,
        "## {}: {} events, {megabytes:.1} MB; medians of {runs}\n",
        report.name,
        grouped(report.events as f64)
    )?;
    writeln!(out, "{}.\n", capitalised(report.about))?;
    writeln!(
        out,
        "| | rules | threads | s | events/s | MB/s | × reading alone | × one rule | peak MiB | instructions/event | alerts |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let rates = |seconds: f64| {
        let events = grouped(report.events as f64 / seconds);
        format!("{seconds:.2} | {events} | {:.1} | {:.1}", megabytes / seconds, seconds / alone)
    };
    writeln!(out, "| {yardstick} | | 1 | {} | | | | |", rates(alone))?;
    let one = report.scans.first().map_or(f64::NAN, |scan| scan.seconds);
    for scan in &report.scans {
        writeln!(
            out,
            "| scan, {} | {} | {} | {} | {:.1} | {} | {} | {} |",
            scan.rules.label(),
            grouped(scan.number as f64),
            scan.threads,
            rates(scan.seconds),
            scan.seconds / one,
            scan.peak_mebibytes.map_or_else(|| "?".to_owned(), |peak| peak.to_string()),
            scan.instructions
                .map_or_else(|| without_counter.to_owned(), |instructions| grouped(instructions.per_event)),
            grouped(scan.alerts as f64),
        )?;
    }
    for (name, result) in &report.peers {
        if let PeerResult::Ran { seconds, findings } = result {
            let findings = grouped(*findings as f64);
            writeln!(
                out,
                "| {name}, its own rules | | | {} | {:.1} | | | {findings} |",
                rates(*seconds),
                seconds / one
            )?;
        }
    }
    for (name, result) in &report.peers {
        match result {
            PeerResult::Ran { .. } => {}
            PeerResult::CannotRead(why) => writeln!(out, "\nNot run over this: {name}, because {why}.")?,
            PeerResult::Failed(why) => writeln!(out, "\nFailed: {name}: {why}")?,
        }
    }
    Ok(out)
}

/// What comes after the workloads: start-up, a large input, and what was asked.
pub(crate) fn rest(report: &Report) -> Result<String, fmt::Error> {
    let mut out = start_up(&report.start_up, report.runs)?;
    if let Some(large) = &report.large {
        let gigabytes = large.bytes as f64 / 1e9;
        writeln!(out, "\n## Memory over {gigabytes:.1} GB in a stream, all rules, 2 threads\n")?;
        writeln!(
            out,
            "| events | s | events/s | peak MiB | quarter 1 | quarter 2 | quarter 3 | quarter 4 | alerts |"
        )?;
        writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        let quarters = large
            .quarters()
            .map_or_else(|| ["?"; 4].map(str::to_owned), |all| all.map(|one| one.to_string()));
        writeln!(
            out,
            "| {} | {:.1} | {} | {} | {} | {} |",
            grouped(large.events as f64),
            large.seconds,
            grouped(large.events as f64 / large.seconds),
            large.peak_mebibytes.map_or_else(|| "?".to_owned(), |peak| peak.to_string()),
            quarters.join(" | "),
            grouped(large.alerts as f64),
        )?;
    }
    writeln!(out, "\n## What was asked\n")?;
    let (targets, missing) = targets(report);
    writeln!(out, "| | asked | measured | | without start-up |")?;
    writeln!(out, "|---|--:|--:|---|--:|")?;
    for target in &targets {
        let value = |value: f64| match target.unit {
            "MiB" => format!("{value:.0} MiB"),
            "s" => format!("{value:.2} s"),
            unit => format!("{value:.2} {unit}"),
        };
        let asked = match target.bound {
            Bound::AtMost(most) => format!("≤ {}", value(most)),
            Bound::AtLeast(least) => format!("≥ {}", value(least)),
        };
        let met = if target.bound.is_met(target.measured) { "met" } else { "not met" };
        let rest = target.without_start_up.map_or_else(String::new, value);
        writeln!(out, "| {} | {asked} | {} | {met} | {rest} |", target.what, value(target.measured))?;
    }
    if !missing.is_empty() {
        writeln!(out, "\nNot measured in this run: {}.", missing.join("; "))?;
    }
    Ok(out)
}

fn start_up(rows: &[StartUpRow], runs: usize) -> Result<String, fmt::Error> {
    let mut out = format!("## Start-up: one small file; medians of {runs}\n\n");
    writeln!(out, "| rules | | threads | s to the first output | s |")?;
    writeln!(out, "|---|--:|--:|--:|--:|")?;
    for row in rows {
        let number = grouped(row.number as f64);
        let StartUpRow { rules, threads, first_output, whole, .. } = row;
        writeln!(out, "| {} | {number} | {threads} | {first_output:.3} | {whole:.3} |", rules.label())?;
    }
    Ok(out)
}

/// A whole number with its thousands apart.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let first = digits.len() % 3;
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().collect::<String>() + rest.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn tables_of_fixed_numbers() {
        let report = example();
        insta::assert_snapshot!("workload", workload(&report.workloads[0], report.runs, "").unwrap());
        insta::assert_snapshot!("rest", rest(&report).unwrap());
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in
            [(0.0, "0"), (12.0, "12"), (123.4, "123"), (1234.0, "1,234"), (123_456_789.0, "123,456,789")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
