//! The alerts of one version of rules, by what they are about.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use crate::event_text::{field, field_text, what};

/// All alerts of a version, by rule.
#[derive(Debug, Default)]
pub(super) struct AlertSet {
    pub(super) rules: BTreeMap<String, AlertsOfRule>,
}

/// The alerts of a rule.
#[derive(Debug, Default)]
pub(super) struct AlertsOfRule {
    pub(super) name: String,
    /// By what an alert is about.
    pub(super) alerts: BTreeMap<String, AlertFacts>,
}

/// What an alert says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AlertFacts {
    /// Time, host and what it was, in one line.
    pub(super) line: String,
    pub(super) severity: String,
    pub(super) risk_score: String,
}

impl AlertSet {
    /// Takes up an alert. One that stands behind another as a part of it is none of its own.
    pub(super) fn add(&mut self, document: &Map<String, Value>) {
        if field(document, "kibana.alert.group.index").is_some() {
            return;
        }
        let name = field_text(document, "kibana.alert.rule.name");
        let id = field_text(document, "kibana.alert.rule.rule_id");
        let id = if id.is_empty() { name.clone() } else { id };
        let host = field_text(document, "host.name");
        let time = field_text(document, "@timestamp");
        let facts = AlertFacts {
            line: [time, host, what(document)].join(" ").trim().to_owned(),
            severity: field_text(document, "kibana.alert.severity"),
            risk_score: field_text(document, "kibana.alert.risk_score"),
        };
        let of_rule = self.rules.entry(id).or_default();
        of_rule.name = name;
        of_rule.alerts.insert(about(document), facts);
    }

    /// Reads the alerts that a scan wrote, one a line or as an array.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let wrong =
            |why: String| io::Error::new(io::ErrorKind::InvalidInput, format!("`{}`: {why}", path.display()));
        let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
        let mut set = Self::default();
        let values = serde_json::Deserializer::from_reader(io::BufReader::new(file)).into_iter::<Value>();
        for value in values {
            let value = value.map_err(|error| wrong(error.to_string()))?;
            let documents = match value {
                Value::Array(documents) => documents,
                document => vec![document],
            };
            for document in documents {
                match document {
                    Value::Object(document) if document.contains_key("kibana.alert.rule.name") => {
                        set.add(&document);
                    }
                    _ => return Err(wrong("there is something that is no alert of a scan".to_owned())),
                }
            }
        }
        Ok(set)
    }

    /// The names of the rules that have alerts, by what rules are matched by.
    pub(super) fn rule_names(&self) -> BTreeMap<String, String> {
        self.rules.iter().map(|(id, of_rule)| (id.clone(), of_rule.name.clone())).collect()
    }
}

/// What tells an alert from the others of its rule, whatever version of the rule it is of: the events behind it, and the
/// terms of one that stands for many.
fn about(document: &Map<String, Value>) -> String {
    let ancestors = field(document, "kibana.alert.ancestors").and_then(Value::as_array);
    let is_event = |ancestor: &&Value| ancestor["depth"].as_u64() == Some(0);
    let mut parts: Vec<String> = ancestors
        .into_iter()
        .flatten()
        .filter(is_event)
        .map(|ancestor| format!("{} {}", ancestor["index"], ancestor["id"]))
        .collect();
    parts.sort();
    for name in ["kibana.alert.threshold_result", "kibana.alert.new_terms"] {
        parts.extend(field(document, name).and_then(|result| result.get("terms")).map(ToString::to_string));
    }
    if parts.is_empty() {
        parts.push(field_text(document, "kibana.alert.uuid"));
    }
    parts.join("\n")
}
