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

    /// How long an alert covers what follows, in milliseconds; nothing if that is its execution.
    pub fn duration_ms(&self) -> Option<u64> {
        self.duration_ms
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

const NANOS_PER_MILLI: u128 = 1_000_000;

/// An alert of an earlier run that may still cover what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingAlert {
    /// What its group is known by ([`SuppressedGroup::key`]).
    pub key: String,
    /// The id of the alert.
    pub alert: String,
    /// What it stands for.
    pub group: SuppressedGroup,
    /// If what it stands for is only known from the alert itself: all up to this time is among that.
    pub counted_until: Option<Timestamp>,
}

/// Suppression at work.
#[derive(Debug)]
pub struct Suppressor<'s, T> {
    suppression: &'s Suppression,
    /// By group, the alerts that may still cover what follows.
    open: HashMap<String, Vec<usize>>,
    /// In the order in which they began; nothing where one has been given out.
    alerts: Vec<Option<Holder<T>>>,
    suppressed: u64,
    left_out: u64,
}

/// An alert that covers others.
#[derive(Debug)]
enum Holder<T> {
    /// Of this run.
    Made(Detection<T>),
    /// Of an earlier run, and whether something was added to it.
    Standing(StandingAlert, bool),
}

impl<T> Holder<T> {
    fn group(&self) -> Option<&SuppressedGroup> {
        match self {
            Self::Made(detection) => detection.suppression.as_ref(),
            Self::Standing(standing, _) => Some(&standing.group),
        }
    }

    /// Adds one that is suppressed.
    fn add(&mut self, time: Option<Timestamp>, start: Option<Timestamp>, now: Option<Timestamp>) {
        let group = match self {
            Self::Made(detection) => detection.suppression.as_mut(),
            Self::Standing(standing, _)
                if standing.counted_until.is_some_and(|until| time <= Some(until)) =>
            {
                None
            }
            Self::Standing(standing, changed) => {
                *changed = true;
                Some(&mut standing.group)
            }
        };
        if let Some(group) = group {
            group.suppressed += 1;
            // An earlier run may have begun later.
            group.start = group.start.min(start.or(group.start));
            group.end = group.end.max(time);
            group.last_detected = group.last_detected.max(now);
        }
    }
}

/// What came of suppression.
#[derive(Debug)]
pub struct SuppressionResult<T> {
    /// The alerts that were open to the end, in the order in which they began.
    pub alerts: Vec<Detection<T>>,
    /// The alerts of earlier runs to which something was added.
    pub updated: Vec<StandingAlert>,
    /// How many detections were suppressed.
    pub suppressed: u64,
    /// How many groups of one event were left out.
    pub left_out: u64,
}

impl<'s, T: Clone> Suppressor<'s, T> {
    /// Without an alert yet.
    pub fn new(suppression: &'s Suppression) -> Self {
        Self { suppression, open: HashMap::new(), alerts: Vec::new(), suppressed: 0, left_out: 0 }
    }

    /// Where earlier runs have left these alerts.
    #[must_use]
    pub fn with_standing(mut self, standing: impl IntoIterator<Item = StandingAlert>) -> Self {
        for alert in standing {
            self.open.entry(alert.key.clone()).or_default().push(self.alerts.len());
            self.alerts.push(Some(Holder::Standing(alert, false)));
        }
        self
    }

    /// Takes the next detection; gives back what is to be an alert by now. `document` is what its events say.
    pub fn take(&mut self, detection: Detection<T>, document: &Document) -> Vec<Detection<T>> {
        let Some((groups, left_out)) = self.suppression.groups(&detection, document) else {
            return vec![detection];
        };
        self.left_out += left_out;
        let time = time_of(&detection.sequence);
        let now = detection.execution.or(time);
        let start = match &detection.facts {
            DetectionFacts::Bucket(facts) => Some(facts.first),
            DetectionFacts::Events | DetectionFacts::NewTerms | DetectionFacts::Row(_) => time,
        };
        let is_of_element = matches!(self.suppression.by, By::Elements(..));
        let mut closed = Vec::new();
        for terms in groups {
            let key = key_of(&terms);
            if let Some(number) = self.covering(&key, now, detection.execution)
                && let Some(alert) = &mut self.alerts[number]
            {
                alert.add(time, start, now);
                self.suppressed += 1;
                continue;
            }
            let open = self.open.entry(key).or_default();
            // What this run made before covers nothing that follows; of earlier runs, that cannot be said.
            open.retain(|number| match self.alerts[*number].take() {
                Some(Holder::Made(alert)) => {
                    closed.push(alert);
                    false
                }
                standing => {
                    self.alerts[*number] = standing;
                    true
                }
            });
            open.push(self.alerts.len());
            let group = SuppressedGroup {
                terms,
                is_of_element,
                start,
                end: time,
                suppressed: 0,
                opened: now,
                last_detected: now,
            };
            let alert = Detection { suppression: Some(group), ..detection.clone() };
            self.alerts.push(Some(Holder::Made(alert)));
        }
        closed
    }

    /// The alert of a group that covers a detection of this moment: of several the latest that was there by then.
    fn covering(&self, key: &str, now: Option<Timestamp>, execution: Option<Timestamp>) -> Option<usize> {
        let opened = |number: usize| self.alerts[number].as_ref()?.group().map(|group| group.opened);
        let covers = |number: usize| {
            let group = self.alerts[number].as_ref().and_then(Holder::group);
            group.is_some_and(|group| self.suppression.covers(group, now, execution))
        };
        let covering = self.open.get(key)?.iter().copied().filter(|number| covers(*number));
        covering.max_by_key(|number| {
            let opened = opened(*number).flatten();
            // One that began later covers only what no other does, and then the first.
            let is_there = opened <= now;
            let later = (!is_there).then_some(std::cmp::Reverse(opened));
            (is_there, opened.filter(|_| is_there), later)
        })
    }

    /// How many detections were suppressed so far.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Says that there are no more.
    pub fn finish(self) -> SuppressionResult<T> {
        let mut result = SuppressionResult {
            alerts: Vec::new(),
            updated: Vec::new(),
            suppressed: self.suppressed,
            left_out: self.left_out,
        };
        for alert in self.alerts.into_iter().flatten() {
            match alert {
                Holder::Made(alert) => result.alerts.push(alert),
                Holder::Standing(standing, changed) => result.updated.extend(changed.then_some(standing)),
            }
        }
        result
    }
}

/// What a group is known by: its fields and values as JSON.
fn key_of(terms: &Terms) -> String {
    serde_json::to_string(terms).expect("values can be written as JSON")
}

impl SuppressedGroup {
    /// What it is known by.
    pub fn key(&self) -> String {
        key_of(&self.terms)
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
            // What is found of a time before the alert is within its reach too: a back-fill finds such.
            (Some(opened), Some(now)) => {
                now.nanos().abs_diff(opened.nanos()) <= u128::from(duration) * NANOS_PER_MILLI
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
        made.extend(suppressor.finish().alerts);
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
    fn alerts_of_earlier_runs_go_on_covering() {
        let suppression =
            suppression("group_by = ['host.name']\nduration = { value = 10, unit = 'm' }", "query");
        let at = |minutes: i64| Some(Timestamp::from_millis(minutes * MINUTE));
        let standing = |name: &str, opened: i64| {
            let group = SuppressedGroup {
                terms: vec![("host.name".to_owned(), "a".into())],
                is_of_element: true,
                start: at(opened),
                end: at(opened),
                suppressed: 1,
                opened: at(opened),
                last_detected: at(opened),
            };
            StandingAlert { key: group.key(), alert: name.to_owned(), group, counted_until: None }
        };
        let document = json!({"host": {"name": "a"}});
        let document = document.as_object().expect("an object");
        // Minute 15 is within reach of both, and belongs to the alert that was there; minute 11 of the later one alone.
        for (minute, expected) in
            [(15, Some("early")), (8, Some("early")), (11, Some("late")), (45, None), (31, Some("late"))]
        {
            let early = if minute == 11 { 0 } else { 7 };
            let standing = [standing("late", 21), standing("early", early)];
            let mut suppressor: Suppressor<'_, usize> = Suppressor::new(&suppression).with_standing(standing);
            let last =
                Ordinal { time: Timestamp::from_millis(minute * MINUTE), tiebreaker: None, arrival: 0 };
            let sequence = Sequence { keys: [].into(), places: vec![SequencePlace::Event(0)], last };
            suppressor.take(Detection::of_events(sequence), document);
            let SuppressionResult { alerts, updated, .. } = suppressor.finish();
            let found: Vec<(&str, u64)> =
                updated.iter().map(|one| (one.alert.as_str(), one.group.suppressed)).collect();
            assert_eq!(found, expected.map(|name| (name, 2)).into_iter().collect::<Vec<_>>(), "{minute}");
            assert_eq!(alerts.len(), usize::from(expected.is_none()), "{minute}");
        }
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
        let result = suppressor.finish();
        assert_eq!((result.alerts.len(), result.left_out), (MAX_GROUPS_OF_EVENT, 5));
    }
}
