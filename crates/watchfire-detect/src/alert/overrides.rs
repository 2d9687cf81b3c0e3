//! What an event says about its alert in place of the rule (detection-engine §3.5).

use serde_json::Value;
use watchfire_events::{Document, get_field};
use watchfire_rules::model::{Rule, Severity};

/// The name, the severity and the score of an alert.
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) severity: Severity,
    pub(super) risk_score: Value,
}

impl Facts {
    /// As the rule has them.
    pub(super) fn of_rule(rule: &Rule) -> Self {
        Self { name: rule.name.clone(), severity: rule.severity, risk_score: rule.risk_score.get().into() }
    }

    /// As the rule has them, or the document where the rule says so.
    pub(super) fn of_document(rule: &Rule, document: &Document) -> Self {
        let named = rule.rule_name_override.as_deref().and_then(|field| get_field(document, field));
        Self {
            name: named.and_then(first_text).unwrap_or_else(|| rule.name.clone()),
            severity: severity(rule, document),
            risk_score: risk_score(rule, document),
        }
    }
}

/// The configured severity, or the highest one whose mapping fits (detection-engine §3.5).
fn severity(rule: &Rule, document: &Document) -> Severity {
    let fitting = rule.severity_mapping().iter().filter(|mapping| {
        get_field(document, &mapping.field).is_some_and(|value| holds_text(value, &mapping.value))
    });
    fitting.map(|mapping| mapping.severity).max().unwrap_or(rule.severity)
}

fn holds_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| holds_text(item, wanted)),
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(value) => value.to_string() == wanted,
        Value::Null | Value::Object(_) => false,
    }
}

/// The mapped field's number from 0 to 100, of several the largest, as the event spells it; else the configured score.
fn risk_score(rule: &Rule, document: &Document) -> Value {
    let number = |value: &Value| value.as_f64().filter(|number| (0.0..=100.0).contains(number));
    let mapped = rule.risk_score_mapping().iter().find_map(|mapping| {
        let value = get_field(document, &mapping.field)?;
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let scores = values.iter().filter_map(|value| Some((number(value)?, value)));
        scores.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, value)| value.clone())
    });
    mapped.unwrap_or_else(|| rule.risk_score.get().into())
}

fn first_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => items.first().and_then(first_text),
        Value::Bool(_) | Value::Null | Value::Object(_) => None,
    }
}
