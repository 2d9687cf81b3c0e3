//! The matrix as JSON. The keys are stable.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::Report;
use super::matrix::{Cell, Framework};
use super::standing::{Counts, RuleCoverage};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let frameworks: Vec<Value> =
        report.matrix.frameworks.iter().map(|framework| of_framework(framework, report)).collect();
    let rules: Vec<Value> = report.rules.iter().map(|rule| of_rule(rule, report)).collect();
    let without: Vec<&str> = report.without_threat().map(|rule| rule.name.as_str()).collect();
    let mut all = json!({
        "held_against_data": report.with_data,
        "counts": counts(&Counts::of(&report.rules), report),
        "frameworks": frameworks,
        "rules": rules,
        "rules_without_tactic": without,
    });
    if let Some(alerts) = &report.alerts {
        all["alerts"] = json!({
            "all": alerts.all, "of_other_rules": alerts.of_other_rules, "without_rule": alerts.without_rule,
        });
    }
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

fn of_framework(framework: &Framework, report: &Report) -> Value {
    let tactics: Vec<Value> = framework
        .tactics
        .iter()
        .map(|tactic| {
            let techniques: Vec<Value> = tactic
                .techniques
                .iter()
                .map(|technique| {
                    let narrower: Vec<Value> =
                        technique.subtechniques.iter().map(|cell| of_cell(cell, report).into()).collect();
                    let mut object = of_cell(&technique.cell, report);
                    object.insert("subtechniques".to_owned(), narrower.into());
                    object.into()
                })
                .collect();
            let mut object = of_cell(&tactic.cell, report);
            object.insert("techniques".to_owned(), techniques.into());
            object.into()
        })
        .collect();
    json!({ "framework": framework.name, "tactics": tactics })
}

fn of_cell(cell: &Cell, report: &Report) -> Map<String, Value> {
    let rules: Vec<Value> =
        cell.rules(&report.rules).map(|rule| json!({ "rule_id": rule.id, "name": rule.name })).collect();
    let numbers = counts(&Counts::of(cell.rules(&report.rules)), report);
    let object = json!({
        "id": cell.id, "name": cell.name, "reference": cell.reference, "counts": numbers, "rules": rules,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn of_rule(rule: &RuleCoverage, report: &Report) -> Value {
    let mut object = json!({
        "rule_id": rule.id, "name": rule.name, "file": rule.file, "state": rule.standing.name(),
        "reason": rule.standing.reason(),
    });
    if report.alerts.is_some() {
        object["alerts"] = rule.alerts.into();
    }
    object
}

fn counts(counts: &Counts, report: &Report) -> Value {
    let mut object = json!({
        "counted": counts.counted, "building_blocks": counts.building_blocks, "disabled": counts.disabled,
        "not_run": counts.not_run,
    });
    if report.with_data {
        object["cannot_match"] = counts.cannot_match.into();
    }
    if report.alerts.is_some() {
        object["alerts"] = counts.alerts.into();
    }
    object
}
