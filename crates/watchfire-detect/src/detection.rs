//! What is found by joining hits, before there is an alert.

use std::borrow::Borrow;
use std::sync::Arc;

use serde_json::{Number, Value};
use watchfire_engine::correlate::{Bucket, Distinct, KeyValue, Sequence, SequencePlace};
use watchfire_events::{Document, Event, Timestamp, set_field};

use crate::alert::{common_document, events_of};

/// What was found: its events, and what else there is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection<T> {
    /// The events, with the values that they share. Of a threshold those that are named, of new values the one event that
    /// has them.
    pub sequence: Sequence<T>,
    /// What there is to say beside that.
    pub facts: DetectionFacts,
    /// What was suppressed in favour of it, if that is asked.
    pub suppression: Option<SuppressedGroup>,
    /// The execution that found it, where a schedule says so.
    pub execution: Option<Timestamp>,
}

/// What there is to say of a detection beside its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetectionFacts {
    /// Nothing.
    Events,
    /// The sums of a threshold's bucket.
    Bucket(BucketFacts),
    /// Its values are new.
    NewTerms,
    /// The columns of a row of an ES|QL query.
    Row(RowFacts),
}

/// A row of an ES|QL query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFacts {
    /// The columns that have a value, in their order.
    pub columns: Vec<(Arc<str>, Value)>,
    /// What the row is of.
    pub of: RowOf,
}

/// What a row of an ES|QL query is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOf {
    /// The one event of the detection, whose document the columns stand in or are laid over.
    Event,
    /// The one event of the detection, of which the query keeps nothing but the columns.
    ColumnsOfEvent,
    /// A group of events: the detection has none.
    Group,
}

impl RowFacts {
    /// The document that a row is of: that of its event with the columns laid over it, or the columns alone.
    pub(crate) fn document(&self, events: &[&Event]) -> Document {
        let mut document = match (self.of, events) {
            (RowOf::Event, [event]) => event.document.clone(),
            _ => Document::new(),
        };
        for (name, value) in &self.columns {
            match self.of {
                RowOf::Event => set_field(&mut document, name, value.clone()),
                RowOf::ColumnsOfEvent | RowOf::Group => {
                    document.insert(name.to_string(), value.clone());
                }
            }
        }
        document
    }
}

/// The sums of a threshold's bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketFacts {
    /// How many events there are.
    pub count: u64,
    /// The time of the earliest.
    pub first: Timestamp,
    /// How many distinct values they have, if that was asked.
    pub cardinality: Option<Distinct>,
}

/// What one alert stands for under suppression (detection-engine §2.12).
#[derive(Clone, Debug, PartialEq)]
pub struct SuppressedGroup {
    /// The fields that alerts are grouped by, each with its value.
    pub terms: Vec<(String, Value)>,
    /// Whether one event can be in several groups, so that the group is part of the identity of its alert.
    pub is_of_element: bool,
    /// The time of the first event.
    pub start: Option<Timestamp>,
    /// The time of the last event.
    pub end: Option<Timestamp>,
    /// How many were suppressed; the first is not counted.
    pub suppressed: u64,
    /// When the alert was made: the time that it covers begins here.
    pub opened: Option<Timestamp>,
    /// When something was added to it last.
    pub last_detected: Option<Timestamp>,
}

impl<T> Detection<T> {
    /// Events, and nothing else.
    pub fn of_events(sequence: Sequence<T>) -> Self {
        Self { sequence, facts: DetectionFacts::Events, suppression: None, execution: None }
    }

    /// An event with new values.
    pub fn of_new_terms(sequence: Sequence<T>) -> Self {
        Self { sequence, facts: DetectionFacts::NewTerms, suppression: None, execution: None }
    }

    /// A bucket that reached a threshold.
    pub fn of_bucket(bucket: Bucket<T>) -> Self {
        let Bucket { keys, count, first, last, events, cardinality, execution } = bucket;
        let places = events.into_iter().map(SequencePlace::Event).collect();
        let facts = DetectionFacts::Bucket(BucketFacts { count, first, cardinality });
        Self { sequence: Sequence { keys, places, last }, facts, suppression: None, execution }
    }

    /// Whether it stands for events that are counted together: what one execution counted counts for no other.
    pub fn is_counted(&self) -> bool {
        match &self.facts {
            DetectionFacts::Bucket(_) => true,
            DetectionFacts::Row(row) => row.of == RowOf::Group,
            DetectionFacts::Events | DetectionFacts::NewTerms => false,
        }
    }

    /// What it says of the world: what its events have in common, or the row with them.
    pub fn document<E: Borrow<Event>>(&self, places: &[SequencePlace<E>]) -> Document {
        match &self.facts {
            DetectionFacts::Row(row) => row.document(&events_of(places)),
            _ => common_document(places),
        }
    }

    /// The values that the events share, or that are new, as JSON.
    pub fn values(&self) -> Vec<Value> {
        self.sequence.keys.iter().map(json_of_key).collect()
    }

    /// The values that the events share, as a text that is the same wherever they are: what a bucket is known by.
    pub fn bucket_key(&self) -> String {
        values_text(&self.sequence.keys)
    }

    /// The same, with other events.
    pub fn with_places<U>(&self, places: Vec<SequencePlace<U>>) -> Detection<U> {
        let Sequence { keys, last, .. } = &self.sequence;
        Detection {
            sequence: Sequence { keys: keys.clone(), places, last: last.clone() },
            facts: self.facts.clone(),
            suppression: self.suppression.clone(),
            execution: self.execution,
        }
    }
}

/// Values as the text of a JSON array.
pub(crate) fn values_text(keys: &[KeyValue]) -> String {
    Value::Array(keys.iter().map(json_of_key).collect()).to_string()
}

/// A value as JSON.
fn json_of_key(key: &KeyValue) -> Value {
    match key {
        KeyValue::Null => Value::Null,
        KeyValue::Boolean(value) => Value::Bool(*value),
        KeyValue::Integer(number) => {
            Number::from_i128(*number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        KeyValue::Fraction(fraction) => {
            Number::from_f64(fraction.get()).map_or_else(|| fraction.get().to_string().into(), Value::Number)
        }
        KeyValue::Ip(_) | KeyValue::Instant(_) | KeyValue::Text(_) => key.to_text().into(),
    }
}
