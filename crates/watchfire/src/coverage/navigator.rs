//! The matrix as a layer of MITRE's ATT&CK Navigator, layer format 4.5.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Report;
use super::matrix::{Cell, Tactic};
use super::standing::{Counts, Standing};

/// The version of the layer format.
const LAYER_VERSION: &str = "4.5";
/// The oldest version of the Navigator that reads it.
const NAVIGATOR_VERSION: &str = "4.9.0";
/// The framework that layers are of.
const FRAMEWORK: &str = "MITRE ATT&CK";

pub(super) fn write(report: &Report, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<()> {
    let mut techniques = Vec::new();
    for framework in &report.matrix.frameworks {
        if framework.name != FRAMEWORK {
            writeln!(log, "not in the layer, which is of {FRAMEWORK} only: {}", framework.name)?;
            continue;
        }
        for tactic in &framework.tactics {
            for technique in &tactic.techniques {
                let is_open = !technique.subtechniques.is_empty();
                techniques.push(of_cell(&technique.cell, tactic, is_open, report));
                let narrower = technique.subtechniques.iter();
                techniques.extend(narrower.map(|cell| of_cell(cell, tactic, false, report)));
            }
        }
    }
    let most = techniques.iter().filter_map(|technique| technique["score"].as_u64()).max().unwrap_or(0);
    let what = if report.with_data { "rules that can match in the given data" } else { "rules" };
    let layer = json!({
        "name": "Watchfire: coverage by rules",
        "versions": { "navigator": NAVIGATOR_VERSION, "layer": LAYER_VERSION },
        "domain": "enterprise-attack",
        "description": format!("The score of a technique is the number of {what}, those for its sub-techniques included; building blocks, disabled rules and rules that do not run are in the comments only."),
        "hideDisabled": false,
        "sorting": 0,
        "techniques": techniques,
        "gradient": { "colors": ["#ffffff", "#8ec6ff", "#08519c"], "minValue": 0, "maxValue": most.max(1) },
    });
    serde_json::to_writer_pretty(&mut *out, &layer)?;
    writeln!(out)
}

fn of_cell(cell: &Cell, tactic: &Tactic, is_open: bool, report: &Report) -> Value {
    let score = Counts::of(cell.rules(&report.rules)).counted;
    let lines: Vec<String> = cell
        .rules(&report.rules)
        .map(|rule| match &rule.standing {
            Standing::Counted => rule.name.clone(),
            Standing::BuildingBlock => format!("{} (building block)", rule.name),
            Standing::Disabled => format!("{} (disabled)", rule.name),
            Standing::NotRun(reason) | Standing::CannotMatch(reason) => format!("{} ({reason})", rule.name),
        })
        .collect();
    json!({
        "techniqueID": cell.id,
        "tactic": short_name(&tactic.cell.name),
        "score": score,
        "comment": lines.join("\n"),
        "enabled": true,
        "showSubtechniques": is_open,
    })
}

/// The name by which layers know a tactic: `defense-evasion`.
fn short_name(name: &str) -> String {
    let words = name.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn tactics_have_short_names() {
        assert_eq!(super::short_name("Command and Control"), "command-and-control");
    }
}
