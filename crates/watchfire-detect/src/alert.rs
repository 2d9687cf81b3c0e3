//! The alert document (detection-engine §3).

mod ancestors;
mod counted;
mod group;
mod members;
mod overrides;
mod rule_text;
mod stamp;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;
use watchfire_engine::{Matches, RuleIndex};
use watchfire_events::{Document, Event, EventBatch, Place, Timestamp, get_field, set_field};
use watchfire_rules::model::{Rule, Severity};

use self::ancestors::{Ancestor, Ancestry, comes_from};
use self::counted::{Details, Made};
pub use self::group::AlertGroup;
pub use self::group::common_document;
pub(crate) use self::group::events_of;
use self::members::Members;
use self::overrides::Facts;
use self::rule_text::RuleText;
pub use self::rule_text::SHARED_PARTS;
pub use self::stamp::{AlertStamp, VOLATILE_FIELDS, update_suppression};
use crate::identity::{AlertId, RuleUuid};
use crate::reason::reason;
use crate::rule_book::RuleBook;

/// The data stream under which alerts are read as events.
pub const ALERTS_STREAM: &str = ".alerts-security.alerts-default";

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
    /// `host.name` of what it is about, or nothing.
    pub host: String,
    /// The document.
    pub document: AlertText,
}

/// The document of an alert as JSON text, without what it shares with all alerts of its rule: most of it, which need not
/// be kept for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertText {
    /// The text of its own.
    pub own: Vec<u8>,
    /// The bytes of it before which a shared part belongs.
    pub cuts: [u32; SHARED_PARTS],
}

/// Makes the alerts of the rules of a book, in one space such as `default`.
#[derive(Debug)]
pub struct AlertBuilder<'b> {
    space: String,
    book: &'b RuleBook,
    /// By the number of the rule in the book; made when there is a first alert of it.
    rules: Vec<OnceLock<RuleAlerts<'b>>>,
}

impl<'b> AlertBuilder<'b> {
    /// A builder for a space.
    pub fn new(space: impl Into<String>, book: &'b RuleBook) -> Self {
        let rules = book.rules().map(|_| OnceLock::new()).collect();
        Self { space: space.into(), book, rules }
    }

    /// What makes the alerts of the rule that a condition of the book is of.
    pub fn of(&self, index: RuleIndex) -> &RuleAlerts<'b> {
        self.rules[self.book.rule_number(index)]
            .get_or_init(|| RuleAlerts::new(&self.space, self.book.rule(index)))
    }

    /// Leaves out the hits of rules on alerts on alerts that come from those rules themselves. Gives back the number of
    /// such alerts, by the first condition of the rule.
    pub fn drop_own(&self, batch: &EventBatch, matches: &mut Matches) -> BTreeMap<RuleIndex, u64> {
        let mut own: BTreeMap<(RuleIndex, u32), bool> = BTreeMap::new();
        matches.hits.retain(|hit| {
            !self.book.reads_alerts(hit.rule)
                || !*own
                    .entry((self.book.first(hit.rule), hit.row))
                    .or_insert_with(|| self.of(hit.rule).is_own(batch.event(hit.row as usize)))
        });
        let mut counts = BTreeMap::new();
        for ((rule, _), is_own) in own {
            if is_own {
                *counts.entry(rule).or_default() += 1;
            }
        }
        counts
    }
}

/// Makes the alerts of one rule. What they have in common is written once.
#[derive(Debug)]
pub struct RuleAlerts<'r> {
    rule: &'r Rule,
    uuid: RuleUuid,
    /// The name under which alerts are read.
    alerts_index: String,
    text: RuleText,
}

impl<'r> RuleAlerts<'r> {
    /// Of a rule in a space.
    pub fn new(space: &str, rule: &'r Rule) -> Self {
        let uuid = RuleUuid::new(space, &rule_id(rule));
        Self {
            rule,
            uuid,
            alerts_index: format!(".alerts-security.alerts-{space}"),
            text: RuleText::new(space, rule, uuid),
        }
    }

    /// The rule.
    pub fn rule(&self) -> &Rule {
        self.rule
    }

    /// The identity of the rule.
    pub fn uuid(&self) -> RuleUuid {
        self.uuid
    }

    /// How long the whole document of an alert of this rule is.
    pub fn bytes(&self, own: &[u8]) -> usize {
        own.len() + self.text.parts().iter().map(|part| part.len()).sum::<usize>()
    }

    /// The whole document of an alert of this rule, by the two parts of its [`AlertText`]. Cuts that are none of this text
    /// are moved.
    pub fn document(&self, own: &[u8], cuts: &[u32; SHARED_PARTS]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.bytes(own));
        let mut rest = own;
        let mut at = 0;
        for (cut, shared) in cuts.iter().zip(self.text.parts()) {
            let (before, behind) = rest.split_at((*cut as usize).saturating_sub(at).min(rest.len()));
            at += before.len();
            whole.extend_from_slice(before);
            whole.extend_from_slice(shared);
            rest = behind;
        }
        whole.extend_from_slice(rest);
        whole
    }

    /// The alert on one event.
    ///
    /// The alert is made at the instant of its event, which is the simulated time of a scan; so two scans of the same
    /// input give the same alerts.
    pub fn of_event(&self, event: &Event) -> Alert {
        Self::build(self.event_draft(event, Made::default()), &event.document)
    }

    /// Whether an event is an alert that this rule made itself, or that was made of one: of such it makes none.
    pub fn is_own(&self, event: &Event) -> bool {
        comes_from(&event.document, self.uuid)
    }

    fn event_draft<'a>(&self, event: &'a Event, made: Made<'_>) -> Draft<'a> {
        let time = time_of(&event.document);
        let Ancestry { ancestors, depth } = Ancestry::of([event]);
        Draft {
            id: AlertId::of_event(&event.data_stream, &event.id, self.uuid),
            at: made.at.or(time).unwrap_or_default(),
            original_time: time,
            facts: Facts::of_document(self.rule, &event.document),
            ancestors,
            depth: depth + 1,
            is_building_block: self.rule.is_building_block(),
            group: None,
            // An alert says itself where its event stands.
            place: (depth == 0).then_some(&event.place),
            details: Details::new(),
            last_detected: made.last_detected(),
        }
    }

    /// The alert on a document: what it is about, and what the alert adds.
    fn build(draft: Draft<'_>, document: &Document) -> Alert {
        let Draft {
            id,
            at: time,
            original_time,
            facts,
            ancestors,
            depth,
            is_building_block,
            group,
            place,
            details,
            last_detected,
        } = draft;
        let at = time.to_iso_millis();
        let severity = facts.severity.to_string();
        let reason = reason(document, &severity, &facts.name);
        let host = get_field(document, "host.name").and_then(Value::as_str).unwrap_or_default().to_owned();

        let mut text = Vec::with_capacity(TYPICAL_BYTES);
        let mut members = Members::begin(&mut text);
        write_source(&mut members, document, &at, place);
        members.leave_out();
        members.text("kibana.alert.uuid", id.as_str());
        members.leave_out();
        let last_detected = last_detected.map_or_else(|| at.clone(), Timestamp::to_iso_millis);
        for (name, time) in [
            ("kibana.alert.start", &at),
            ("kibana.alert.last_detected", &last_detected),
            ("kibana.alert.intended_timestamp", &at),
        ] {
            members.text(name, time);
        }
        if let Some(time) = original_time {
            members.text("kibana.alert.original_time", &time.to_iso_millis());
        }
        members.text("kibana.alert.reason", &reason);
        members.text("kibana.alert.severity", &severity);
        members.value("kibana.alert.risk_score", &facts.risk_score);
        members.number("kibana.alert.depth", depth);
        members.array("kibana.alert.ancestors", &ancestors, Ancestor::write);
        for (name, original) in
            [("kibana.alert.original_event", "event"), ("kibana.alert.original_data_stream", "data_stream")]
        {
            if let Some(fields) = whole(document, original) {
                members.object(name, |members| {
                    fields.iter().for_each(|(key, value)| members.value(key, value));
                });
            }
        }
        if is_building_block {
            members.text("kibana.alert.building_block_type", "default");
        }
        if let Some((group, index)) = group {
            members.text("kibana.alert.group.id", group.as_str());
            if let Some(index) = index {
                members.number("kibana.alert.group.index", index as u64);
            }
        }
        for (name, value) in &details {
            members.value(name, value);
        }
        members.leave_out();
        members.text("kibana.alert.rule.name", &facts.name);
        members.leave_out();
        members.text("kibana.alert.rule.execution.timestamp", &at);
        members.text("kibana.alert.rule.execution.type", "manual");
        if let Some(place) = place.filter(|_| !document.contains_key(EVIDENCE)) {
            members.object(EVIDENCE, |members| write_evidence(place, members));
        }
        if !document.contains_key(TIMESTAMP) {
            members.text(TIMESTAMP, &at);
        }
        let left_out = members.end();
        let cuts = std::array::from_fn(|part| left_out[part] as u32);
        let document = AlertText { own: text, cuts };
        Alert { id, time, original_time, severity: facts.severity, host, document }
    }
}

/// Room for an alert, so that most are written without being moved.
const TYPICAL_BYTES: usize = 4 << 10;
const EVIDENCE: &str = "watchfire.evidence";
const TIMESTAMP: &str = "@timestamp";

/// Writes the fields of the source, which becomes a signal of this time. What is called like fields of an alert is left
/// out.
fn write_source(members: &mut Members<'_>, document: &Document, at: &str, place: Option<&Place>) {
    let is_taken = |key: &String| {
        matches!(&**key, "kibana" | "signal" | "event.kind")
            || key.starts_with("kibana.")
            || key.starts_with("signal.")
    };
    let document = if document.keys().any(is_taken) {
        let mut left = document.clone();
        for dropped in ["kibana", "signal"] {
            left.remove(dropped);
        }
        left.retain(|key, _| !key.starts_with("kibana.") && !key.starts_with("signal."));
        left.remove("event.kind");
        Cow::Owned(left)
    } else {
        Cow::Borrowed(document)
    };
    for (key, value) in &*document {
        match (&**key, value, place) {
            (TIMESTAMP, _, _) => members.text(key, at),
            (EVIDENCE, _, Some(place)) => members.object(key, |members| write_evidence(place, members)),
            ("event", Value::Object(inner), _) => members.object(key, |members| {
                for (key, value) in inner {
                    if key == "kind" {
                        members.text(key, "signal");
                    } else {
                        members.value(key, value);
                    }
                }
                if !inner.contains_key("kind") {
                    members.text("kind", "signal");
                }
            }),
            _ => members.value(key, value),
        }
    }
    if !matches!(document.get("event"), Some(Value::Object(_))) {
        members.text("event.kind", "signal");
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
    ancestors: Vec<Ancestor<'a>>,
    depth: u64,
    is_building_block: bool,
    /// The alert of the group that it belongs to, and its place in the group if it is not that alert itself.
    group: Option<(&'a AlertId, Option<usize>)>,
    /// Where the event stands, if there is one.
    place: Option<&'a Place>,
    /// What its form adds.
    details: Details,
    /// When something was last added to it, if that can be later than when it was made.
    last_detected: Option<Timestamp>,
}

/// A rule without an id is told from others by its name; else two of them would share their alerts' ids.
fn rule_id(rule: &Rule) -> String {
    rule.rule_id.as_ref().map_or_else(|| rule.name.clone(), ToString::to_string)
}

fn time_of(document: &Document) -> Option<Timestamp> {
    get_field(document, "@timestamp").and_then(Value::as_str).and_then(Timestamp::parse)
}

/// Where an event stands in the evidence: what a person needs to see the record itself.
fn write_evidence(place: &Place, members: &mut Members<'_>) {
    members.text("path", &place.input);
    members.number("record", place.record);
    for (name, number) in [("line", place.line), ("offset", place.offset)] {
        if let Some(number) = number {
            members.number(name, number);
        }
    }
}

/// All of an object of the source, also the fields of it that stand on top under dotted names; `None` if there is none.
fn whole<'d>(document: &'d Document, name: &str) -> Option<Cow<'d, Document>> {
    let mut fields = match document.get(name) {
        Some(Value::Object(inner)) => Cow::Borrowed(inner),
        _ => Cow::Owned(Document::new()),
    };
    for (key, value) in document {
        if let Some(rest) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
            set_field(fields.to_mut(), rest, value.clone());
        }
    }
    (!fields.is_empty()).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};
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
        let alerts = RuleAlerts::new("default", &rule);
        let AlertText { own, cuts } = alerts.of_event(&event).document;
        let document = alerts.document(&own, &cuts);
        assert_eq!(document.len(), alerts.bytes(&own));
        serde_json::from_slice(&document).expect("a JSON object")
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
