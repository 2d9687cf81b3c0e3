//! What all alerts of a rule say alike, as JSON text.

use serde_json::{Map, Value, json};
use watchfire_rules::model::{Rule, RuleType};

use super::rule_id;
use crate::identity::RuleUuid;

/// Parts of an alert that all alerts of its rule share.
pub const SHARED_PARTS: usize = 4;

/// Members of the document without the braces around it, in the order in which they stand there.
#[derive(Debug)]
pub(super) struct RuleText {
    /// Where alerts are made.
    space: Vec<u8>,
    /// What becomes of an alert.
    workflow: Vec<u8>,
    /// What the rule is known by.
    identity: Vec<u8>,
    /// All else about it.
    rule: Vec<u8>,
}

impl RuleText {
    /// Its parts.
    pub(super) fn parts(&self) -> [&[u8]; SHARED_PARTS] {
        [&self.space, &self.workflow, &self.identity, &self.rule]
    }

    pub(super) fn new(space: &str, rule: &Rule, uuid: RuleUuid) -> Self {
        let text = |name: &str, value: Value| (format!("kibana.{name}"), value);
        let of_rule = |name: &str, value: Value| (format!("kibana.alert.rule.{name}"), value);
        let source = rule.kind.source().map(|source| source.index().to_vec()).unwrap_or_default();
        let (category, rule_type_id) = names_of_type(rule.kind.rule_type());
        let fixed = [
            of_rule("type", rule.kind.rule_type().to_string().into()),
            of_rule("category", category.into()),
            of_rule("rule_type_id", rule_type_id.into()),
            of_rule("consumer", "siem".into()),
            of_rule("producer", "siem".into()),
            of_rule("description", rule.description.clone().into()),
            of_rule("tags", json!(rule.tags())),
            of_rule("severity", rule.severity.to_string().into()),
            of_rule("risk_score", rule.risk_score.get().into()),
            of_rule("threat", json!(rule.threat())),
            of_rule("references", json!(rule.references())),
            of_rule("false_positives", json!(rule.false_positives())),
            of_rule("author", json!(rule.author())),
            of_rule("note", rule.note.clone().into()),
            of_rule("from", rule.from().to_string().into()),
            of_rule("to", rule.to().to_string().into()),
            of_rule("interval", rule.interval().to_string().into()),
            of_rule("indices", json!(source)),
            of_rule("max_signals", rule.max_signals().into()),
            of_rule("version", rule.version().into()),
        ];
        let settings = settings(rule).into_iter().map(|(name, value)| of_rule(&name, value));
        let execution = of_rule("execution.uuid", uuid.derive("scan").to_string().into());
        Self {
            space: written([
                text("space_ids", json!([space])),
                text("version", env!("CARGO_PKG_VERSION").into()),
            ]),
            workflow: written([
                text("alert.status", "active".into()),
                text("alert.workflow_status", "open".into()),
                text("alert.workflow_tags", json!([])),
                text("alert.workflow_assignee_ids", json!([])),
            ]),
            identity: written([
                of_rule("uuid", uuid.to_string().into()),
                of_rule("rule_id", rule_id(rule).into()),
            ]),
            rule: written(fixed.into_iter().chain(settings).chain([execution])),
        }
    }
}

/// The members without braces; null is left out.
fn written(members: impl IntoIterator<Item = (String, Value)>) -> Vec<u8> {
    let members: Map<String, Value> = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let text = Value::Object(members).to_string();
    text.as_bytes()[1..text.len() - 1].to_vec()
}

/// What the rule says beyond the fields that every alert has; null for what it does not say. All of the rule, which
/// upstream repeats under `parameters`, is left to the rule's own file.
fn settings(rule: &Rule) -> Vec<(String, Value)> {
    let mut settings = [
        ("enabled", json!(rule.enabled)),
        ("severity_mapping", json!(rule.severity_mapping)),
        ("risk_score_mapping", json!(rule.risk_score_mapping)),
        ("rule_name_override", json!(rule.rule_name_override)),
        ("timestamp_override", json!(rule.timestamp_override)),
        ("license", json!(rule.license)),
        ("exceptions_list", json!(rule.exceptions_list)),
        ("actions", json!(rule.actions)),
        ("throttle", json!(rule.throttle)),
        ("timeline_id", json!(rule.timeline_id)),
        ("timeline_title", json!(rule.timeline_title)),
        ("namespace", json!(rule.namespace)),
        ("building_block_type", json!(rule.building_block_type)),
        ("immutable", json!(rule.server.immutable)),
        ("revision", json!(rule.server.revision)),
        ("created_at", json!(rule.server.created_at)),
        ("created_by", json!(rule.server.created_by)),
        ("updated_at", json!(rule.server.updated_at)),
        ("updated_by", json!(rule.server.updated_by)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    add_flat("meta", json!(rule.meta), &mut settings);
    settings
}

/// Adds a value under its name, the fields of an object each under a dotted one.
fn add_flat(name: &str, value: Value, fields: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                add_flat(&format!("{name}.{key}"), value, fields);
            }
        }
        value => fields.push((name.to_owned(), value)),
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
