//! The matrix as one HTML file: a column for each tactic, a box for each technique that opens to its rules.

use std::io::{self, Write};

use super::Report;
use super::matrix::{Cell, Technique};
use super::standing::{Counts, RuleCoverage, Standing};
use crate::html::{escape, link, page_end, page_start};

const STYLE: &str = "\
.matrix { display: flex; gap: .5rem; overflow-x: auto; align-items: flex-start; padding-bottom: 1rem }
.tactic { flex: 0 0 13rem }
.tactic h3 { font-size: .95rem; margin: 0 0 .3rem; min-height: 3.2rem }
details { border: 1px solid #8885; border-radius: 4px; margin: .2rem 0; padding: .2rem .4rem; font-size: .85rem }
details details { font-size: 1em }
summary { cursor: pointer }
.n { float: right; font-weight: 600 }
.s0 { background: #8881 } .s1 { background: #4a90d933 } .s2 { background: #4a90d966 } .s3 { background: #4a90d999 }
ul { margin: .3rem 0; padding-left: 1.1rem } .apart { opacity: .75 }
table { border-collapse: collapse } td, th { text-align: left; padding: .15rem .8rem .15rem 0 }";

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    page_start("Coverage by rules", STYLE, out)?;
    let counts = Counts::of(&report.rules);
    writeln!(out, "<h1>Coverage by rules</h1>\n<table>")?;
    let first = if report.with_data { "Rules that can match in this data" } else { "Rules that count" };
    let mut rows = vec![(first, counts.counted as u64)];
    if report.with_data {
        rows.push(("Rules that cannot match in this data", counts.cannot_match as u64));
    }
    rows.push(("Building blocks", counts.building_blocks as u64));
    rows.push(("Disabled", counts.disabled as u64));
    rows.push(("Rules that do not run here", counts.not_run as u64));
    if report.alerts.is_some() {
        rows.push(("Alerts of these rules", counts.alerts));
    }
    for (title, number) in rows {
        writeln!(out, "<tr><th>{title}</th><td>{number}</td></tr>")?;
    }
    writeln!(
        out,
        "</table>\n<p>A box shows the number of rules that count. Names and ids are those of the rules: what no rule \
         names is not shown.</p>"
    )?;
    for framework in &report.matrix.frameworks {
        writeln!(out, "<h2>{}</h2>\n<div class=\"matrix\">", escape(&framework.name))?;
        for tactic in &framework.tactics {
            let number = Counts::of(tactic.cell.rules(&report.rules)).counted;
            writeln!(out, "<section class=\"tactic\"><h3>{}<br>{number}</h3>", title(&tactic.cell))?;
            for technique in &tactic.techniques {
                write_technique(technique, report, out)?;
            }
            let alone =
                tactic.cell.rules.iter().filter(|at| {
                    !tactic.techniques.iter().any(|technique| technique.cell.rules.contains(at))
                });
            write_rules(alone.map(|at| &report.rules[*at]), report, out)?;
            writeln!(out, "</section>")?;
        }
        writeln!(out, "</div>")?;
    }
    let mut without = report.without_threat().peekable();
    if without.peek().is_some() {
        writeln!(out, "<h2>Rules that name no tactic</h2>")?;
        write_rules(without, report, out)?;
    }
    page_end(out)
}

fn write_technique(technique: &Technique, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    open_box(&technique.cell, report, out)?;
    let narrower = &technique.subtechniques;
    let alone = technique.cell.rules.iter().filter(|at| !narrower.iter().any(|cell| cell.rules.contains(at)));
    write_rules(alone.map(|at| &report.rules[*at]), report, out)?;
    for cell in narrower {
        open_box(cell, report, out)?;
        write_rules(cell.rules(&report.rules), report, out)?;
        writeln!(out, "</details>")?;
    }
    writeln!(out, "</details>")
}

fn open_box(cell: &Cell, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let number = Counts::of(cell.rules(&report.rules)).counted;
    let shade = match number {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    writeln!(
        out,
        "<details class=\"s{shade}\"><summary><span class=\"n\">{number}</span>{}</summary>",
        title(cell)
    )
}

fn title(cell: &Cell) -> String {
    format!("{} {}", link(&cell.id, &cell.reference), escape(&cell.name))
}

fn write_rules<'r>(
    rules: impl Iterator<Item = &'r RuleCoverage>,
    report: &Report,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rules = rules.peekable();
    if rules.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "<ul>")?;
    for rule in rules {
        let name = escape(&rule.name);
        let alerts =
            if report.alerts.is_some() { format!(": {} alerts", rule.alerts) } else { String::new() };
        let why = match &rule.standing {
            Standing::Counted => {
                writeln!(out, "<li>{name}{alerts}</li>")?;
                continue;
            }
            Standing::BuildingBlock => "building block".to_owned(),
            Standing::Disabled => "disabled".to_owned(),
            Standing::NotRun(reason) | Standing::CannotMatch(reason) => escape(reason),
        };
        writeln!(out, "<li class=\"apart\">{name} ({why}){alerts}</li>")?;
    }
    writeln!(out, "</ul>")
}
