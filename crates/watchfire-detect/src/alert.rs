//! The alert document (detection-engine §3).

use serde_json::{Map, Value, json};
use watchfire_events::{Event, Timestamp, get_field};
use watchfire_rules::model::{Rule, RuleType, Severity};

use crate::identity::{AlertId, RuleUuid};
use crate::reason::reason;

/// An alert and what it is ordered and summed up by.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// When the event happened; the epoch if it has no time.
    pub time: Timestamp,
    /// Severity after overrides.
    pub severity: Severity,
    /// The document.
    pub document: Map<String, Value>,
}

/// Makes alerts in one space.
#[derive(Clone, Debug)]
pub struct AlertBuilder {
    space: String,
}

impl AlertBuilder {
    /// A builder for a space, such as `default`.
    pub fn new(space: impl Into<String>) -> Self {
        Self { space: space.into() }
    }

    /// The alert of a rule on one event.
    ///
    /// The alert is made at the instant of its event, which is the simulated time of a scan; so two scans of the same
    /// input give the same alerts.
    pub fn of_event(&self, rule: &Rule, event: &Event) -> Alert {
        // A rule without an id is told from others by its name; else two of them would share their alerts' ids.
        let rule_id = rule.rule_id.as_ref().map_or_else(|| rule.name.clone(), ToString::to_string);
        let uuid = RuleUuid::new(&self.space, &rule_id);
        let id = AlertId::of_event(&event.data_stream, &event.id, uuid);
        let field = |name: &str| get_field(&event.document, name);
        let original_time = field("@timestamp").and_then(Value::as_str).and_then(Timestamp::parse);
        let time = original_time.unwrap_or_default();
        let severity = severity(rule, event);
        let risk_score = risk_score(rule, event);
        let name = match rule.rule_name_override.as_deref().and_then(field).and_then(first_text) {
            Some(name) => name,
            None => rule.name.clone(),
        };
        let source = rule.kind.source().map(|source| source.index().to_vec()).unwrap_or_default();
        let at = time.to_iso_millis();

        let mut document = event.document.clone();
        for dropped in ["kibana", "signal"] {
            document.remove(dropped);
        }
        document.retain(|key, _| !key.starts_with("kibana.") && !key.starts_with("signal."));
        let original_event = field("event").cloned();
        if let Some(Value::Object(inner)) = document.get_mut("event") {
            inner.insert("kind".into(), "signal".into());
        } else {
            document.insert("event.kind".into(), "signal".into());
        }
        let mut set = |key: &str, value: Value| {
            if !value.is_null() {
                document.insert(format!("kibana.{key}"), value);
            }
        };
        set("space_ids", json!([self.space]));
        set("version", env!("CARGO_PKG_VERSION").into());
        set("alert.uuid", id.as_str().into());
        set("alert.status", "active".into());
        set("alert.workflow_status", "open".into());
        set("alert.workflow_tags", json!([]));
        set("alert.workflow_assignee_ids", json!([]));
        set("alert.start", at.clone().into());
        set("alert.last_detected", at.clone().into());
        set("alert.original_time", original_time.map(Timestamp::to_iso_millis).into());
        set("alert.reason", reason(&event.document, &severity.to_string(), &name).into());
        set("alert.severity", severity.to_string().into());
        set("alert.risk_score", risk_score);
        set("alert.depth", 1.into());
        let ancestor = json!({
            "id": event.id.as_str(), "type": "event", "index": event.data_stream.as_str(), "depth": 0,
        });
        set("alert.ancestors", json!([ancestor]));
        set("alert.original_event", original_event.unwrap_or_default());
        set(
            "alert.original_data_stream",
            get_field(&event.document, "data_stream").cloned().unwrap_or_default(),
        );
        if rule.is_building_block() {
            set("alert.building_block_type", "default".into());
        }
        set("alert.rule.uuid", uuid.to_string().into());
        set("alert.rule.rule_id", rule_id.into());
        set("alert.rule.name", name.into());
        set("alert.rule.type", rule.kind.rule_type().to_string().into());
        let (category, rule_type_id) = names_of_type(rule.kind.rule_type());
        set("alert.rule.category", category.into());
        set("alert.rule.rule_type_id", rule_type_id.into());
        set("alert.rule.consumer", "siem".into());
        set("alert.rule.producer", "siem".into());
        set("alert.rule.description", rule.description.clone().into());
        set("alert.rule.tags", json!(rule.tags()));
        set("alert.rule.severity", rule.severity.to_string().into());
        set("alert.rule.risk_score", rule.risk_score.get().into());
        set("alert.rule.threat", json!(rule.threat()));
        set("alert.rule.references", json!(rule.references()));
        set("alert.rule.false_positives", json!(rule.false_positives()));
        set("alert.rule.author", json!(rule.author()));
        set("alert.rule.note", rule.note.clone().into());
        set("alert.rule.from", rule.from().to_string().into());
        set("alert.rule.to", rule.to().to_string().into());
        set("alert.rule.interval", rule.interval().to_string().into());
        set("alert.rule.indices", json!(source));
        set("alert.rule.max_signals", rule.max_signals().into());
        set("alert.rule.version", rule.version().into());
        set("alert.rule.execution.uuid", uuid.derive("scan").to_string().into());
        set("alert.rule.execution.type", "manual".into());
        document.insert("@timestamp".into(), at.into());
        Alert { id, time, severity, document }
    }
}

/// What alerts call a type of rule: for people, and for programs (detection-engine §3.2).
fn names_of_type(rule_type: RuleType) -> (&'static str, &'static str) {
    match rule_type {
        RuleType::Query => ("Custom Query Rule", "siem.queryRule"),
        RuleType::SavedQuery => ("Saved Query Rule", "siem.savedQueryRule"),
        RuleType::Eql => ("Event Correlation Rule", "siem.eqlRule"),
        RuleType::Threshold => ("Threshold Rule", "siem.thresholdRule"),
        RuleType::ThreatMatch => ("Indicator Match Rule", "siem.indicatorRule"),
        RuleType::NewTerms => ("New Terms Rule", "siem.newTermsRule"),
        RuleType::Esql => ("ES|QL Rule", "siem.esqlRule"),
        RuleType::MachineLearning => ("Machine Learning Rule", "siem.mlRule"),
    }
}

/// The configured severity, or the highest one whose mapping fits (detection-engine §3.5).
fn severity(rule: &Rule, event: &Event) -> Severity {
    let fitting = rule.severity_mapping().iter().filter(|mapping| {
        get_field(&event.document, &mapping.field).is_some_and(|value| holds_text(value, &mapping.value))
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

/// The mapped field's number from 0 to 100, of several the largest; else the configured score.
fn risk_score(rule: &Rule, event: &Event) -> Value {
    let number = |value: &Value| value.as_f64().filter(|number| (0.0..=100.0).contains(number));
    let mapped = rule.risk_score_mapping().iter().find_map(|mapping| {
        match get_field(&event.document, &mapping.field)? {
            Value::Array(items) => items.iter().filter_map(number).max_by(f64::total_cmp),
            value => number(value),
        }
    });
    mapped.map_or_else(|| rule.risk_score.get().into(), Into::into)
}

fn first_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => items.first().and_then(first_text),
        Value::Bool(_) | Value::Null | Value::Object(_) => None,
    }
}
