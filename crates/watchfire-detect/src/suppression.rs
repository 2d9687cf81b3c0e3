//! Suppression: of detections that share values, the first becomes an alert, which counts the others (detection-engine
//! §2.12).
//!
//! Detections come in order of time. The time that one alert covers begins with its own detection and does not move. Without
//! a duration it is the whole execution.

use std::collections::HashMap;

use serde_json::Value;
use watchfire_engine::correlate::Sequence;
use watchfire_events::{Document, Timestamp, get_field};
use watchfire_rules::model::{MissingFieldsStrategy, Rule, RuleKind, SuppressionDuration, SuppressionUnit};

use crate::detection::{Detection, DetectionFacts, SuppressedGroup};

/// Most groups that one event can be in. Those beyond, in order of value, are left out and counted.
pub const MAX_GROUPS_OF_EVENT: usize = 1_024;

/// How the alerts of a rule are suppressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppression {
    by: By,
    /// How long an alert covers what follows, in milliseconds; without it, for the whole execution.
    duration_ms: Option<u64>,
}

/// What tells groups apart.
#[derive(Clone, Debug, PartialEq)]
enum By {
    /// Each combination of values of these fields.
    Elements(Vec<String>, MissingFieldsStrategy),
    /// All values that each of these fields has, sorted.
    Whole(Vec<String>, MissingFieldsStrategy),
    /// The fields of the threshold.
    Bucket(Vec<String>),
}

impl Suppression {
    /// That of a rule, if it has one.
    pub fn of(rule: &Rule) -> Option<Self> {
        if let RuleKind::Threshold(threshold) = &rule.kind {
            let suppression = threshold.alert_suppression.as_ref()?;
            let duration_ms = Some(millis(&suppression.duration));
            return Some(Self { by: By::Bucket(threshold.threshold.field.clone()), duration_ms });
        }
        let suppression = rule.kind.alert_suppression()?;
        let (fields, missing) = (suppression.group_by.clone(), suppression.missing_fields());
        let by = match &rule.kind {
            RuleKind::Query(_) | RuleKind::SavedQuery(_) => By::Elements(fields, missing),
            _ => By::Whole(fields, missing),
        };
        Some(Self { by, duration_ms: suppression.duration.as_ref().map(millis) })
    }

    /// Whether alerts are suppressed for a whole execution, however long it is.
    pub fn is_per_execution(&self) -> bool {
        self.duration_ms.is_none()
    }

    /// Whether groups are told apart by the values of documents.
    pub(crate) fn needs_documents(&self) -> bool {
        !matches!(self.by, By::Bucket(_))
    }

    /// The groups that a detection is in, and how many were left out; `None` if it is not suppressed at all. `document` is
    /// what its events say.
    fn groups<T>(&self, detection: &Detection<T>, document: &Document) -> Option<(Vec<Terms>, u64)> {
        let (fields, missing) = match &self.by {
            By::Bucket(fields) => {
                return Some((vec![fields.iter().cloned().zip(detection.values()).collect()], 0));
            }
            By::Elements(fields, missing) | By::Whole(fields, missing) => (fields, *missing),
        };
        let mut groups: Vec<Terms> = vec![Vec::new()];
        let mut left_out = 0;
        for field in fields {
            let values = values_of(get_field(document, field));
            if values.is_empty() && missing == MissingFieldsStrategy::DoNotSuppress {
                return None;
            }
            let values = match (&self.by, values.len()) {
                (_, 0) => vec![Value::Null],
                (By::Whole(..), 2..) => vec![Value::Array(values)],
                _ => values,
            };
            let mut longer = Vec::new();
            for group in &groups {
                for value in &values {
                    if longer.len() < MAX_GROUPS_OF_EVENT {
                        let mut terms = group.clone();
                        terms.push((field.clone(), value.clone()));
                        longer.push(terms);
                    } else {
                        left_out += 1;
                    }
                }
            }
            groups = longer;
        }
        Some((groups, left_out))
    }
}

type Terms = Vec<(String, Value)>;

/// The distinct values that are there, in order of their text.
fn values_of(value: Option<&Value>) -> Vec<Value> {
    let mut values: Vec<Value> = match value {
        Some(Value::Array(values)) => values.iter().filter(|value| !value.is_null()).cloned().collect(),
        Some(value) => vec![value.clone()],
        None => Vec::new(),
    };
    values.sort_by_cached_key(Value::to_string);
    values.dedup();
    values
}

fn millis(duration: &SuppressionDuration) -> u64 {
    let unit = match duration.unit {
        SuppressionUnit::Seconds => 1_000,
        SuppressionUnit::Minutes => 60_000,
        SuppressionUnit::Hours => 3_600_000,
    };
    duration.value.saturating_mul(unit)
}

const NANOS_PER_MILLI: i128 = 1_000_000;

/// Suppression at work.
#[derive(Debug)]
pub(crate) struct Suppressor<'s, T> {
    suppression: &'s Suppression,
    /// The alert of each group that still covers what follows.
    open: HashMap<String, usize>,
    /// In the order in which they began; nothing where one has been given out.
    alerts: Vec<Option<Detection<T>>>,
    suppressed: u64,
    left_out: u64,
}

impl<'s, T: Clone> Suppressor<'s, T> {
    pub(crate) fn new(suppression: &'s Suppression) -> Self {
        Self { suppression, open: HashMap::new(), alerts: Vec::new(), suppressed: 0, left_out: 0 }
    }

    /// Takes the next detection; gives back what is to be an alert by now. `document` is what its events say.
    pub(crate) fn take(&mut self, detection: Detection<T>, document: &Document) -> Vec<Detection<T>> {
        let Some((groups, left_out)) = self.suppression.groups(&detection, document) else {
            return vec![detection];
        };
        self.left_out += left_out;
        let time = time_of(&detection.sequence);
        let now = detection.execution.or(time);
        let start = match &detection.facts {
            DetectionFacts::Bucket(facts) => Some(facts.first),
            DetectionFacts::Events | DetectionFacts::NewTerms => time,
        };
        let is_of_element = matches!(self.suppression.by, By::Elements(..));
        let mut closed = Vec::new();
        for terms in groups {
            let key = serde_json::to_string(&terms).expect("values can be written as JSON");
            let number = self.open.get(&key).copied();
            if let Some(alert) = number.and_then(|number| self.alerts[number].as_mut())
                && let Some(group) = alert
                    .suppression
                    .as_mut()
                    .filter(|group| self.suppression.covers(group, now, detection.execution))
            {
                group.suppressed += 1;
                group.end = group.end.max(time);
                group.last_detected = group.last_detected.max(now);
                self.suppressed += 1;
                continue;
            }
            closed.extend(number.and_then(|number| self.alerts[number].take()));
            self.open.insert(key, self.alerts.len());
            let group = SuppressedGroup {
                terms,
                is_of_element,
                start,
                end: time,
                suppressed: 0,
                opened: now,
                last_detected: now,
            };
            self.alerts.push(Some(Detection { suppression: Some(group), ..detection.clone() }));
        }
        closed
    }

    /// The alerts that were open to the end, how many detections were suppressed, and how many groups were left out.
    pub(crate) fn finish(self) -> (impl Iterator<Item = Detection<T>>, u64, u64) {
        (self.alerts.into_iter().flatten(), self.suppressed, self.left_out)
    }
}

impl Suppression {
    /// Whether an alert covers a detection of this moment. Where a schedule tells executions apart, one covers no other
    /// without a duration.
    fn covers(&self, group: &SuppressedGroup, now: Option<Timestamp>, execution: Option<Timestamp>) -> bool {
        let Some(duration) = self.duration_ms else {
            return execution.is_none() || execution == group.opened;
        };
        match (group.opened, now) {
            (Some(opened), Some(now)) => {
                now.nanos().saturating_sub(opened.nanos()) <= i128::from(duration) * NANOS_PER_MILLI
            }
            (None, None) => true,
            _ => false,
        }
    }
}

/// The time of a detection; events that have none are fed with the earliest there is.
fn time_of<T>(sequence: &Sequence<T>) -> Option<Timestamp> {
    Some(sequence.last.time).filter(|time| time.nanos() != i128::MIN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use watchfire_engine::correlate::{Ordinal, SequencePlace};

    use super::*;

    const MINUTE: i64 = 60_000;

    fn suppression(text: &str, rule_type: &str) -> Suppression {
        let query = match rule_type {
            "eql" => "language = 'eql'\nquery = 'any where true'",
            _ => "query = '*'",
        };
        let text = format!(
            "[rule]\nrule_id = 'r'\nname = 'n'\ndescription = 'd'\nrisk_score = 1\nseverity = 'low'\ntype = '{rule_type}'\n\
             {query}\n[rule.alert_suppression]\n{text}\n"
        );
        let rule = watchfire_rules::format::toml::parse(&text).file.expect("a rule").rule;
        Suppression::of(&rule).expect("the rule suppresses")
    }

    /// The terms of each alert, the number of the event that it is made of, and how many it suppresses.
    fn alerts(suppression: &Suppression, events: &[(i64, Value)]) -> Vec<(String, usize, u64)> {
        let mut suppressor = Suppressor::new(suppression);
        let mut made = Vec::new();
        for (number, (at, document)) in events.iter().enumerate() {
            let last =
                Ordinal { time: Timestamp::from_millis(*at), tiebreaker: None, arrival: number as u64 };
            let places = vec![SequencePlace::Event(number)];
            let detection = Detection::of_events(Sequence { keys: [].into(), places, last });
            let document = document.as_object().expect("an object");
            made.extend(suppressor.take(detection, document));
        }
        made.extend(suppressor.finish().0);
        let shown = |detection: Detection<usize>| {
            let number = *detection.sequence.events().next().expect("an event");
            let Some(group) = detection.suppression else { return ("-".to_owned(), number, 0) };
            let terms: Vec<String> = group.terms.iter().map(|(_, value)| value.to_string()).collect();
            (terms.join(" "), number, group.suppressed)
        };
        made.into_iter().map(shown).collect()
    }

    fn alert(terms: &str, event: usize, suppressed: u64) -> (String, usize, u64) {
        (terms.to_owned(), event, suppressed)
    }

    #[test]
    fn the_first_of_a_group_counts_the_others() {
        let events = [
            (0, json!({"host": {"name": "a"}})),
            (1, json!({"host.name": "b"})),
            (2 * MINUTE, json!({"host": {"name": "a"}})),
            (900 * MINUTE, json!({"host": {"name": "a"}})),
            (901 * MINUTE, json!({"other": 1})),
            (902 * MINUTE, json!({"host": {"name": null}})),
        ];
        let by_name = suppression("group_by = ['host.name']", "query");
        let expected = [alert("\"a\"", 0, 2), alert("\"b\"", 1, 0), alert("null", 4, 1)];
        assert_eq!(alerts(&by_name, &events), expected);
        let strict =
            suppression("group_by = ['host.name']\nmissing_fields_strategy = 'doNotSuppress'", "query");
        let expected = [alert("-", 4, 0), alert("-", 5, 0), alert("\"a\"", 0, 2), alert("\"b\"", 1, 0)];
        assert_eq!(alerts(&strict, &events), expected);
    }

    #[test]
    fn a_duration_begins_with_the_first_alert_and_does_not_move() {
        let at = |minutes: i64| (minutes * MINUTE, json!({"host": {"name": "a"}}));
        let suppression =
            suppression("group_by = ['host.name']\nduration = { value = 10, unit = 'm' }", "query");
        // The last instant of ten minutes belongs to them.
        let found = alerts(&suppression, &[at(0), at(6), at(10), at(11), at(12), at(22)]);
        assert_eq!(found, [alert("\"a\"", 0, 2), alert("\"a\"", 3, 1), alert("\"a\"", 5, 0)]);
    }

    #[test]
    fn an_array_is_a_group_for_each_element_or_one_as_a_whole() {
        let events =
            [(0, json!({"tags": ["b", "a"]})), (1, json!({"tags": ["a", "b"]})), (2, json!({"tags": "a"}))];
        let by_element = suppression("group_by = ['tags']", "query");
        assert_eq!(alerts(&by_element, &events), [alert("\"a\"", 0, 2), alert("\"b\"", 0, 1)]);
        let whole = suppression("group_by = ['tags']", "eql");
        assert_eq!(alerts(&whole, &events), [alert("[\"a\",\"b\"]", 0, 1), alert("\"a\"", 2, 0)]);
    }

    #[test]
    fn groups_of_one_event_beyond_the_limit_are_counted() {
        let many: Vec<Value> = (0..MAX_GROUPS_OF_EVENT + 5).map(Value::from).collect();
        let suppression = suppression("group_by = ['tags']", "query");
        let last = Ordinal { time: Timestamp::default(), tiebreaker: None, arrival: 0 };
        let sequence = Sequence { keys: [].into(), places: vec![SequencePlace::Event(0)], last };
        let mut suppressor = Suppressor::new(&suppression);
        let document = json!({ "tags": many });
        let document = document.as_object().expect("an object");
        assert_eq!(suppressor.take(Detection::of_events(sequence), document), []);
        let (alerts, _, left_out) = suppressor.finish();
        assert_eq!((alerts.count(), left_out), (MAX_GROUPS_OF_EVENT, 5));
    }
}
