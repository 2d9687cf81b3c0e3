//! The alert document (detection-engine §3).

mod group;
mod overrides;

use serde_json::{Map, Value, json};
use watchfire_events::{Document, Event, Place, Timestamp, get_field, set_field};
use watchfire_rules::model::{Rule, RuleType, Severity};

pub use self::group::AlertGroup;
use self::overrides::Facts;
use crate::identity::{AlertId, RuleUuid};
use crate::reason::reason;

/// An alert and what it is ordered and summed up by.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// When it is made: at the time of its event, of several that of the last; the epoch if there is none.
    pub time: Timestamp,
    /// The time of its event, of several that of the first.
    pub original_time: Option<Timestamp>,
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
        let uuid = self.rule_uuid(rule);
        let time = time_of(&event.document);
        self.build(
            rule,
            Draft {
                id: AlertId::of_event(&event.data_stream, &event.id, uuid),
                at: time.unwrap_or_default(),
                original_time: time,
                facts: Facts::of_document(rule, &event.document),
                ancestors: vec![ancestor(event)],
                depth: 1,
                is_building_block: rule.is_building_block(),
                own: Vec::new(),
                place: Some(&event.place),
            },
            event.document.clone(),
        )
    }

    fn rule_uuid(&self, rule: &Rule) -> RuleUuid {
        RuleUuid::new(&self.space, &rule_id(rule))
    }

    /// The document of an alert: what it is about, and what the alert adds.
    fn build(&self, rule: &Rule, draft: Draft<'_>, mut document: Document) -> Alert {
        let Draft { id, at: time, original_time, facts, ancestors, depth, is_building_block, own, place } =
            draft;
        let uuid = self.rule_uuid(rule);
        let source = rule.kind.source().map(|source| source.index().to_vec()).unwrap_or_default();
        let at = time.to_iso_millis();
        let severity = facts.severity;
        let reason = reason(&document, &severity.to_string(), &facts.name);
        let (original_event, original_data_stream) =
            (whole(&document, "event"), whole(&document, "data_stream"));

        for dropped in ["kibana", "signal"] {
            document.remove(dropped);
        }
        document.retain(|key, _| !key.starts_with("kibana.") && !key.starts_with("signal."));
        document.remove("event.kind");
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
        set("alert.intended_timestamp", at.clone().into());
        set("alert.original_time", original_time.map(Timestamp::to_iso_millis).into());
        set("alert.reason", reason.into());
        set("alert.severity", severity.to_string().into());
        set("alert.risk_score", facts.risk_score);
        set("alert.depth", depth.into());
        set("alert.ancestors", ancestors.into());
        set("alert.original_event", original_event);
        set("alert.original_data_stream", original_data_stream);
        if is_building_block {
            set("alert.building_block_type", "default".into());
        }
        own.into_iter().for_each(|(key, value)| set(key, value));
        set("alert.rule.uuid", uuid.to_string().into());
        set("alert.rule.rule_id", rule_id(rule).into());
        set("alert.rule.name", facts.name.into());
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
        for (name, value) in settings(rule) {
            set(&format!("alert.rule.{name}"), value);
        }
        set("alert.rule.execution.uuid", uuid.derive("scan").to_string().into());
        set("alert.rule.execution.timestamp", at.clone().into());
        set("alert.rule.execution.type", "manual".into());
        if let Some(place) = place {
            document.insert("watchfire.evidence".into(), evidence(place));
        }
        document.insert("@timestamp".into(), at.into());
        Alert { id, time, original_time, severity, document }
    }
}

/// What distinguishes alerts of different forms.
struct Draft<'a> {
    id: AlertId,
    /// When the alert is made.
    at: Timestamp,
    /// The time of what it is about.
    original_time: Option<Timestamp>,
    facts: Facts,
    ancestors: Vec<Value>,
    depth: u64,
    is_building_block: bool,
    /// Further fields, their names without `kibana.`.
    own: Vec<(&'static str, Value)>,
    /// Where the event stands, if there is one.
    place: Option<&'a Place>,
}

/// A rule without an id is told from others by its name; else two of them would share their alerts' ids.
fn rule_id(rule: &Rule) -> String {
    rule.rule_id.as_ref().map_or_else(|| rule.name.clone(), ToString::to_string)
}

fn time_of(document: &Document) -> Option<Timestamp> {
    get_field(document, "@timestamp").and_then(Value::as_str).and_then(Timestamp::parse)
}

/// Where an event stands in the evidence: what a person needs to see the record itself.
fn evidence(place: &Place) -> Value {
    let mut evidence = json!({ "path": &*place.input, "record": place.record });
    for (name, number) in [("line", place.line), ("offset", place.offset)] {
        if let Some(number) = number {
            evidence[name] = number.into();
        }
    }
    evidence
}

/// An event as an ancestor of an alert.
fn ancestor(event: &Event) -> Value {
    json!({ "id": event.id.as_str(), "type": "event", "index": event.data_stream.as_str(), "depth": 0 })
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

/// All of an object of the source, also the fields of it that stand on top under dotted names; null if there is none.
fn whole(document: &Document, name: &str) -> Value {
    let mut fields = match document.get(name) {
        Some(Value::Object(inner)) => inner.clone(),
        _ => Document::new(),
    };
    for (key, value) in document {
        if let Some(rest) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
            set_field(&mut fields, rest, value.clone());
        }
    }
    if fields.is_empty() { Value::Null } else { Value::Object(fields) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_events::{DataStream, EventId};

    const RULE: &str = r#"
        [rule]
        rule_id = "r"
        name = "n"
        description = "d"
        risk_score = 47
        severity = "medium"
        type = "query"
        query = "*"
        license = "Apache-2.0"
        timestamp_override = "event.ingested"
        rule_name_override = "message"
        [[rule.risk_score_mapping]]
        field = "event.risk_score"
        operator = "equals"
        value = ""
        [[rule.severity_mapping]]
        field = "event.severity"
        operator = "equals"
        value = "7"
        severity = "critical"
        [rule.meta]
        team = { name = "night", shift = [1, 2] }
    "#;

    fn alert(document: Value) -> Map<String, Value> {
        let rule = watchfire_rules::format::toml::parse(RULE).file.expect("a rule").rule;
        let Value::Object(document) = document else { panic!("not an object") };
        let event = Event {
            id: EventId::given("1"),
            data_stream: DataStream::new("logs-a-default"),
            document,
            place: Place { input: "a".into(), record: 1, line: None, offset: None },
        };
        AlertBuilder::new("default").of_event(&rule, &event).document
    }

    #[test]
    fn a_source_with_dotted_names_keeps_all_of_its_event() {
        let alert = alert(json!({
            "@timestamp": "2024-05-02T06:00:00Z", "event.kind": "event", "event.code": "1", "event": {"module": "m"},
            "data_stream.dataset": "a",
        }));
        assert_eq!(
            alert["kibana.alert.original_event"],
            json!({"module": "m", "kind": "event", "code": "1"})
        );
        assert_eq!(alert["kibana.alert.original_data_stream"], json!({"dataset": "a"}));
        assert_eq!((alert.get("event.kind"), &alert["event"]["kind"]), (None, &json!("signal")));
        assert_eq!(alert["event.code"], json!("1"));
    }

    #[test]
    fn a_source_without_event_becomes_a_signal() {
        let alert = alert(json!({"message": "m"}));
        assert_eq!(alert["event.kind"], json!("signal"));
        assert_eq!(alert.get("kibana.alert.original_event"), None);
        assert_eq!(alert.get("kibana.alert.original_time"), None);
    }

    #[test]
    fn overrides_come_from_the_event() {
        let alert = alert(json!({
            "message": ["first", "second"], "event": {"risk_score": [12, 99, 101, "x"], "severity": 7},
        }));
        assert_eq!(alert["kibana.alert.risk_score"], json!(99));
        assert_eq!(alert["kibana.alert.severity"], json!("critical"));
        assert_eq!(alert["kibana.alert.rule.name"], json!("first"));
        // As configured.
        assert_eq!(alert["kibana.alert.rule.risk_score"], json!(47));
        assert_eq!(alert["kibana.alert.rule.severity"], json!("medium"));
    }

    #[test]
    fn the_rule_is_told_as_far_as_it_says_something() {
        let alert = alert(json!({"@timestamp": "2024-05-02T06:00:00.123456Z"}));
        for (field, value) in [
            ("license", json!("Apache-2.0")),
            ("timestamp_override", json!("event.ingested")),
            ("rule_name_override", json!("message")),
            ("meta.team.name", json!("night")),
            ("meta.team.shift", json!([1, 2])),
            ("execution.timestamp", json!("2024-05-02T06:00:00.123Z")),
        ] {
            assert_eq!(alert[&format!("kibana.alert.rule.{field}")], value, "{field}");
        }
        assert_eq!(alert["kibana.alert.rule.severity_mapping"][0]["severity"], json!("critical"));
        assert_eq!(alert["kibana.alert.intended_timestamp"], alert["@timestamp"]);
        assert!(!alert.contains_key("kibana.alert.rule.timeline_id"));
    }
}
