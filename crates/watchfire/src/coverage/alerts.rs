//! Numbers of alerts by rule, from a file that `scan` wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use serde_json::Value;

use super::standing::RuleCoverage;
use crate::terminal::escape_controls;

/// The keys by which an alert names its rule.
const RULE_ID: &str = "kibana.alert.rule.rule_id";
const RULE_NAME: &str = "kibana.alert.rule.name";

/// Alerts that were read.
#[derive(Debug, Default)]
pub(super) struct AlertCounts {
    pub(super) all: u64,
    /// By name of the rule, those of rules that were not given.
    pub(super) of_other_rules: BTreeMap<String, u64>,
    /// Objects that name no rule.
    pub(super) without_rule: u64,
}

impl AlertCounts {
    /// Tells of those that have no place in the matrix.
    pub(super) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        let others: u64 = self.of_other_rules.values().sum();
        let of_rules = self.all - others - self.without_rule;
        writeln!(
            log,
            "alerts: {} = {of_rules} of these rules + {others} of others + {} that name no rule",
            self.all, self.without_rule
        )?;
        for (name, number) in &self.of_other_rules {
            writeln!(log, "  {number} of rule `{}`, which is not among these", escape_controls(name))?;
        }
        Ok(())
    }
}

/// Counts the alerts of a file: JSON objects one after the other, or one list of them.
///
/// # Errors
/// The file cannot be read, or is no JSON.
pub(super) fn count(path: &Path, rules: &mut [RuleCoverage]) -> io::Result<AlertCounts> {
    let wrong = |error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` cannot be read: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut counts = AlertCounts::default();
    let by_id: BTreeMap<String, usize> =
        rules.iter().enumerate().filter_map(|(at, rule)| Some((rule.id.clone()?, at))).collect();
    let mut add = |alert: &Value| {
        counts.all += 1;
        let text = |key| alert.get(key).and_then(Value::as_str);
        match text(RULE_ID).map(|id| (id, by_id.get(id))) {
            Some((_, Some(at))) => rules[*at].alerts += 1,
            Some((id, None)) => {
                *counts.of_other_rules.entry(text(RULE_NAME).unwrap_or(id).to_owned()).or_default() += 1;
            }
            None => counts.without_rule += 1,
        }
    };
    for value in serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter::<Value>() {
        match value.map_err(|error| wrong(&error))? {
            Value::Array(alerts) => alerts.iter().for_each(&mut add),
            alert => add(&alert),
        }
    }
    Ok(counts)
}
