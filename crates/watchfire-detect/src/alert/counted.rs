//! The alerts on what was found by counting, and what suppression adds to any alert (detection-engine §2.6, §2.8, §2.12).

use std::borrow::Borrow;

use serde_json::{Map, Value, json};
use watchfire_engine::correlate::SequencePlace;
use watchfire_events::{Document, Event, Timestamp};
use watchfire_rules::model::RuleKind;

use super::ancestors::Ancestry;
use super::group::events_of;
use super::overrides::Facts;
use super::{Alert, AlertGroup, Draft, RuleAlerts};
use crate::detection::{BucketFacts, Detection, DetectionFacts, RowFacts, RowOf, SuppressedGroup};
use crate::identity::AlertId;

/// Fields of an alert beside those that every alert has.
pub(super) type Details = Vec<(&'static str, Value)>;

/// How an alert came to be made.
#[derive(Clone, Copy, Default)]
pub(super) struct Made<'d> {
    /// The execution that made it, if a schedule has one.
    pub(super) at: Option<Timestamp>,
    /// What it stands for.
    pub(super) suppression: Option<&'d SuppressedGroup>,
}

impl Made<'_> {
    /// When something was added last.
    pub(super) fn last_detected(&self) -> Option<Timestamp> {
        self.suppression.and_then(|group| group.last_detected)
    }
}

impl RuleAlerts<'_> {
    /// The alert on what was found, with those behind it; `places` are its events. `is_group` says that these are a sequence
    /// or a sample.
    pub fn of_detection<T, E: Borrow<Event>>(
        &self,
        detection: &Detection<T>,
        places: &[SequencePlace<E>],
        is_group: bool,
    ) -> AlertGroup {
        let made = Made { at: detection.execution, suppression: detection.suppression.as_ref() };
        let one = |shell: Alert| AlertGroup { shell, blocks: Vec::new() };
        match (&detection.facts, places) {
            (DetectionFacts::Bucket(facts), _) => {
                let last = detection.sequence.last.time;
                one(self.of_bucket(facts, &detection.values(), last, &events_of(places), made))
            }
            (DetectionFacts::Row(row), _) => one(self.of_row(row, detection, &events_of(places), made)),
            (DetectionFacts::NewTerms, [SequencePlace::Event(event)]) => {
                one(self.of_new_terms(event.borrow(), detection.values(), made))
            }
            (DetectionFacts::Events, [SequencePlace::Event(event)]) if !is_group => {
                one(self.of_event_made(event.borrow(), made))
            }
            _ => self.of_group_made(places, made),
        }
    }

    /// The id of the alert on what was found, if nothing is suppressed.
    pub fn id_of_detection<T, E: Borrow<Event>>(
        &self,
        detection: &Detection<T>,
        places: &[SequencePlace<E>],
        is_group: bool,
    ) -> AlertId {
        let events = events_of(places);
        let texts = || -> Vec<String> { detection.values().iter().map(Value::to_string).collect() };
        match (&detection.facts, places, &events[..]) {
            (DetectionFacts::Bucket(_), _, _) => {
                let first = events.first().map(|event| (&event.data_stream, &event.id));
                AlertId::of_bucket(&texts(), first, self.uuid)
            }
            (DetectionFacts::Row(row), _, _) => self.id_of_row(row, &texts(), &events, detection.execution),
            (DetectionFacts::NewTerms, [SequencePlace::Event(_)], [event]) => {
                AlertId::of_new_terms(&event.data_stream, &event.id, &texts(), self.uuid)
            }
            (DetectionFacts::Events, [SequencePlace::Event(_)], [event]) if !is_group => {
                AlertId::of_event(&event.data_stream, &event.id, self.uuid)
            }
            _ => AlertId::of_group(events.iter().map(|event| (&event.data_stream, &event.id)), self.uuid),
        }
    }

    /// The alert on one event.
    fn of_event_made(&self, event: &Event, made: Made<'_>) -> Alert {
        let draft = self.event_draft(event, made);
        let id = match made.suppression {
            // One event can be the first of several groups.
            Some(group) if group.is_of_element => {
                AlertId::of_event_in_group(&event.data_stream, &event.id, &terms_text(group), self.uuid)
            }
            _ => draft.id,
        };
        let details = self.suppression_details(made.suppression);
        Self::build(Draft { id, details, ..draft }, &event.document)
    }

    /// The alert on an event that has new values.
    fn of_new_terms(&self, event: &Event, terms: Vec<Value>, made: Made<'_>) -> Alert {
        let texts: Vec<String> = terms.iter().map(Value::to_string).collect();
        let id = AlertId::of_new_terms(&event.data_stream, &event.id, &texts, self.uuid);
        let mut details = vec![("kibana.alert.new_terms", Value::Array(terms))];
        details.extend(self.suppression_details(made.suppression));
        Self::build(Draft { id, details, ..self.event_draft(event, made) }, &event.document)
    }

    /// The alert on events that reached a threshold. It has no source: what its document says of the world is what its
    /// events share.
    fn of_bucket(
        &self,
        facts: &BucketFacts,
        values: &[Value],
        last: Timestamp,
        events: &[&Event],
        made: Made<'_>,
    ) -> Alert {
        let (fields, counted) = match &self.rule.kind {
            RuleKind::Threshold(rule) => {
                let cardinality = rule.threshold.cardinality.as_deref().unwrap_or_default().first();
                (&rule.threshold.field[..], cardinality.map(|cardinality| cardinality.field.as_str()))
            }
            _ => (&[][..], None),
        };
        let shared = || fields.iter().zip(values);
        let document: Document = shared().map(|(field, value)| (field.clone(), value.clone())).collect();
        let terms: Vec<Value> =
            shared().map(|(field, value)| json!({ "field": field, "value": value })).collect();
        let mut result = Map::new();
        result.insert("terms".to_owned(), terms.into());
        if let (Some(field), Some(distinct)) = (counted, facts.cardinality) {
            let mut cardinality = json!({ "field": field, "value": distinct.number });
            if distinct.is_estimate {
                cardinality["is_estimate"] = true.into();
            }
            result.insert("cardinality".to_owned(), json!([cardinality]));
        }
        result.insert("count".to_owned(), facts.count.into());
        result.insert("from".to_owned(), facts.first.to_iso_millis().into());
        let mut details: Details = vec![("kibana.alert.threshold_result", result.into())];
        let not_listed = facts.count.saturating_sub(events.len() as u64);
        if not_listed > 0 {
            details.push(("watchfire.ancestors_not_listed", not_listed.into()));
        }
        details.extend(self.suppression_details(made.suppression));

        let texts: Vec<String> = values.iter().map(Value::to_string).collect();
        let first = events.first().map(|event| (&event.data_stream, &event.id));
        let id = AlertId::of_bucket(&texts, first, self.uuid);
        let draft =
            Draft { original_time: Some(last), details, ..self.sum_draft(id, &document, last, events, made) };
        Self::build(draft, &document)
    }

    /// An alert on what was computed over events, at the time of the last of them.
    fn sum_draft<'e>(
        &self,
        id: AlertId,
        document: &Document,
        last: Timestamp,
        events: &[&'e Event],
        made: Made<'_>,
    ) -> Draft<'e> {
        let Ancestry { ancestors, depth } = Ancestry::of(events.iter().copied());
        Draft {
            id,
            at: made.at.unwrap_or(last),
            original_time: None,
            facts: Facts::of_document(self.rule, document),
            ancestors,
            depth: depth + 1,
            is_building_block: self.rule.is_building_block(),
            group: None,
            place: None,
            details: Details::new(),
            last_detected: made.last_detected(),
        }
    }

    fn id_of_row(
        &self,
        row: &RowFacts,
        identity: &[String],
        events: &[&Event],
        execution: Option<Timestamp>,
    ) -> AlertId {
        match (row.of, events) {
            (RowOf::Event | RowOf::ColumnsOfEvent, [event]) if identity.is_empty() => {
                AlertId::of_event(&event.data_stream, &event.id, self.uuid)
            }
            (_, [event]) => AlertId::of_row(identity, Some((&event.data_stream, &event.id)), self.uuid),
            _ => {
                // A group is one by its keys and by when it was looked at: its execution, where a schedule has some.
                let at = execution.map(Timestamp::to_iso_millis);
                let parts: Vec<String> = identity.iter().cloned().chain(at).collect();
                AlertId::of_row(&parts, None, self.uuid)
            }
        }
    }

    /// The alert on a row of an ES|QL query (detection-engine §2.10): of one event the document with the columns laid over it, or
    /// nothing but the columns; of a group the columns.
    fn of_row<T>(
        &self,
        row: &RowFacts,
        detection: &Detection<T>,
        events: &[&Event],
        made: Made<'_>,
    ) -> Alert {
        let texts: Vec<String> = detection.values().iter().map(Value::to_string).collect();
        let id = self.id_of_row(row, &texts, events, detection.execution);
        let document = row.document(events);
        let draft = match events {
            [event] => {
                Draft { id, facts: Facts::of_document(self.rule, &document), ..self.event_draft(event, made) }
            }
            _ => Draft {
                original_time: super::time_of(&document),
                ..self.sum_draft(id, &document, detection.sequence.last.time, events, made)
            },
        };
        let draft = Draft { details: self.suppression_details(made.suppression), ..draft };
        Self::build(draft, &document)
    }

    /// What an alert says that stands for a group.
    pub(super) fn suppression_details(&self, group: Option<&SuppressedGroup>) -> Details {
        let Some(group) = group else { return Details::new() };
        let term = |(field, value): &(String, Value)| json!({ "field": field, "value": value });
        let terms: Vec<Value> = group.terms.iter().map(term).collect();
        let instance = AlertId::of_instance(&terms_text(group), self.uuid);
        let mut details = vec![
            ("kibana.alert.instance.id", instance.as_str().into()),
            ("kibana.alert.suppression.terms", terms.into()),
        ];
        for (name, time) in
            [("kibana.alert.suppression.start", group.start), ("kibana.alert.suppression.end", group.end)]
        {
            details.extend(time.map(|time| (name, time.to_iso_millis().into())));
        }
        details.push(("kibana.alert.suppression.docs_count", group.suppressed.into()));
        details
    }
}

fn terms_text(group: &SuppressedGroup) -> Vec<String> {
    group.terms.iter().flat_map(|(field, value)| [field.clone(), value.to_string()]).collect()
}
