//! The matrix as text: tactics below one another, a line for each technique.

use std::io::{self, Write};

use super::Report;
use super::matrix::{Cell, Tactic};
use super::standing::Counts;
use crate::terminal::escape_controls;

/// Longest id and name that are shown in line with the others.
const MOST_WIDTH: usize = 60;

/// A number that is shown: its title, and where it comes from.
type Column = (&'static str, fn(&Counts) -> u64);

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns(report);
    let all = Counts::of(&report.rules);
    let (first, others) = columns.split_first().expect("there is one for rules that count");
    let shown: Vec<&Column> =
        std::iter::once(first).chain(others.iter().filter(|(_, number)| number(&all) > 0)).collect();
    let tactics = || report.matrix.frameworks.iter().flat_map(|framework| &framework.tactics);
    let names = tactics().flat_map(rows).map(|(depth, cell)| title(depth, cell).chars().count());
    let width = names.max().unwrap_or_default().min(MOST_WIDTH);
    for framework in &report.matrix.frameworks {
        write!(out, "{:width$}", escape_controls(&framework.name))?;
        for (title, _) in &shown {
            write!(out, "  {title:>12}")?;
        }
        writeln!(out)?;
        for (depth, cell) in framework.tactics.iter().flat_map(rows) {
            if depth == 0 {
                writeln!(out)?;
            }
            write!(out, "{:width$}", title(depth, cell))?;
            let counts = Counts::of(cell.rules(&report.rules));
            for (_, number) in &shown {
                match number(&counts) {
                    0 => write!(out, "  {:>12}", "-")?,
                    number => write!(out, "  {number:>12}")?,
                }
            }
            writeln!(out)?;
        }
        let covered = |cells: &mut dyn Iterator<Item = &Cell>| {
            let counts = cells.map(|cell| Counts::of(cell.rules(&report.rules)).counted > 0);
            let counts: Vec<bool> = counts.collect();
            format!("{} of {}", counts.iter().filter(|covered| **covered).count(), counts.len())
        };
        let techniques = || framework.tactics.iter().flat_map(|tactic| &tactic.techniques);
        writeln!(
            out,
            "\ncovered: {} tactics, {} techniques, {} sub-techniques that rules name; of those that none names, nothing is known here\n",
            covered(&mut framework.tactics.iter().map(|tactic| &tactic.cell)),
            covered(&mut techniques().map(|technique| &technique.cell)),
            covered(&mut techniques().flat_map(|technique| &technique.subtechniques)),
        )?;
    }
    Ok(())
}

fn columns(report: &Report) -> Vec<Column> {
    let first: fn(&Counts) -> u64 = |counts| counts.counted as u64;
    let mut columns: Vec<Column> = vec![
        (if report.with_data { "CAN MATCH" } else { "RULES" }, first),
        ("CANNOT MATCH", |counts| counts.cannot_match as u64),
        ("BLOCKS", |counts| counts.building_blocks as u64),
        ("DISABLED", |counts| counts.disabled as u64),
        ("NOT RUN", |counts| counts.not_run as u64),
    ];
    if report.alerts.is_some() {
        columns.push(("ALERTS", |counts| counts.alerts));
    }
    columns
}

/// A tactic and all below it, each with how deep it lies.
fn rows(tactic: &Tactic) -> Vec<(usize, &Cell)> {
    let mut rows = vec![(0, &tactic.cell)];
    for technique in &tactic.techniques {
        rows.push((1, &technique.cell));
        rows.extend(technique.subtechniques.iter().map(|cell| (2, cell)));
    }
    rows
}

fn title(depth: usize, cell: &Cell) -> String {
    let indent = "  ".repeat(depth);
    escape_controls(&format!("{indent}{} {}", cell.id, cell.name))
}
