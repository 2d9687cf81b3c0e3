//! The alerts of a sequence or sample: one block for each event, and a shell for what they have in common
//! (detection-engine §2.7).

use std::borrow::Borrow;

use serde_json::Value;
use watchfire_engine::correlate::SequencePlace;
use watchfire_events::{Document, Event};

use super::counted::Made;
use super::overrides::Facts;
use super::{Alert, Ancestor, Ancestry, Draft, RuleAlerts, time_of};
use crate::identity::AlertId;

/// The alerts of one sequence or sample.
#[derive(Clone, Debug)]
pub struct AlertGroup {
    /// The alert that people see first: what all events have in common.
    pub shell: Alert,
    /// The alerts behind it, one for each place, in order.
    pub blocks: Vec<Alert>,
}

impl RuleAlerts<'_> {
    /// The alerts on events that were found together. All are made at the time of the latest event: before,
    /// nobody could know.
    ///
    /// At a missing place nothing happened, so its block has nothing but what the alert adds, and is marked `missing` as
    /// in Elasticsearch's answers. It takes no part in what the events have in common.
    pub fn of_group<E: Borrow<Event>>(&self, places: &[SequencePlace<E>]) -> AlertGroup {
        self.of_group_made(places, Made::default())
    }

    /// The same, made in this way.
    pub(super) fn of_group_made<E: Borrow<Event>>(
        &self,
        places: &[SequencePlace<E>],
        made: Made<'_>,
    ) -> AlertGroup {
        let events = events_of(places);
        let times = || events.iter().filter_map(|event| time_of(&event.document));
        let at = made.at.or_else(|| times().max()).unwrap_or_default();
        let shell_id =
            AlertId::of_group(events.iter().map(|event| (&event.data_stream, &event.id)), self.uuid);
        let nothing = Document::from_iter([("missing".to_owned(), true.into())]);
        let block = |(index, place): (usize, &SequencePlace<E>)| {
            let (document, Ancestry { ancestors, depth }, stands_at) = match place {
                SequencePlace::Event(event) => {
                    let event: &Event = event.borrow();
                    (&event.document, Ancestry::of([event]), Some(&event.place))
                }
                SequencePlace::Missing => (&nothing, Ancestry::of([]), None),
            };
            let draft = Draft {
                id: AlertId::of_block(&shell_id, index),
                at,
                original_time: time_of(document),
                facts: Facts::of_rule(self.rule),
                ancestors,
                depth: depth + 1,
                is_building_block: true,
                group: Some((&shell_id, Some(index))),
                place: stands_at.filter(|_| depth == 0),
                details: Vec::new(),
                last_detected: None,
            };
            (Self::build(draft, document), depth + 1)
        };
        let (blocks, depths): (Vec<Alert>, Vec<u64>) = places.iter().enumerate().map(block).unzip();
        let common = in_common(&events);
        let draft = Draft {
            id: shell_id.clone(),
            at,
            original_time: events.first().and_then(|event| time_of(&event.document)),
            facts: Facts::of_document(self.rule, &common),
            ancestors: Ancestry::of(events.iter().copied())
                .ancestors
                .into_iter()
                .chain(blocks.iter().zip(&depths).map(|(block, depth)| self.block(block, *depth)))
                .collect(),
            depth: depths.iter().max().copied().unwrap_or_default() + 1,
            is_building_block: self.rule.is_building_block(),
            group: Some((&shell_id, None)),
            place: None,
            details: self.suppression_details(made.suppression),
            last_detected: made.last_detected(),
        };
        let shell = Self::build(draft, &common);
        AlertGroup { shell, blocks }
    }

    /// The alert on one place, as an ancestor.
    fn block<'a>(&'a self, block: &'a Alert, depth: u64) -> Ancestor<'a> {
        let (id, index) = (block.id.as_str(), self.alerts_index.as_str());
        Ancestor::Alert { id, index, depth, rule: self.uuid.to_string() }
    }
}

/// What the events of these places say alike: of one event all of it.
pub fn common_document<E: Borrow<Event>>(places: &[SequencePlace<E>]) -> Document {
    in_common(&events_of(places))
}

/// The events, without the places where none is.
pub(crate) fn events_of<E: Borrow<Event>>(places: &[SequencePlace<E>]) -> Vec<&Event> {
    fn event<E: Borrow<Event>>(place: &SequencePlace<E>) -> Option<&Event> {
        match place {
            SequencePlace::Event(event) => Some(event.borrow()),
            SequencePlace::Missing => None,
        }
    }
    places.iter().filter_map(event).collect()
}

/// What all documents say alike.
fn in_common(events: &[&Event]) -> Document {
    let (pair, more) = match events {
        [] => return Document::new(),
        [one] => return one.document.clone(),
        [one, other, more @ ..] => (common_fields(&one.document, &other.document), more),
    };
    more.iter().fold(pair, |common, event| common_fields(&common, &event.document))
}

fn common_fields(a: &Document, b: &Document) -> Document {
    let common = |(key, value): (&String, &Value)| Some((key.clone(), common_value(value, b.get(key)?)?));
    a.iter().filter_map(common).collect()
}

/// Equal values stay, of objects the common fields, of arrays the common elements; one value is an array of one. Nothing,
/// and what nothing is left of, does not stay.
fn common_value(a: &Value, b: &Value) -> Option<Value> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let common = common_fields(a, b);
            (!common.is_empty()).then_some(Value::Object(common))
        }
        (Value::Array(_), _) | (_, Value::Array(_)) => {
            let (a, b) = (elements(a), elements(b));
            let common: Vec<Value> = a.iter().filter(|element| b.contains(element)).cloned().collect();
            (!common.is_empty()).then_some(Value::Array(common))
        }
        _ => (a == b && !a.is_null()).then(|| a.clone()),
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        one => std::slice::from_ref(one),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_common_is_equal_or_partly_equal() {
        for (a, b, expected) in [
            (json!(1), json!(1), json!(1)),
            (json!("a"), json!("b"), json!(null)),
            (json!(null), json!(null), json!(null)),
            (json!(["a", "b"]), json!(["b", "c"]), json!(["b"])),
            (json!("a"), json!(["b", "a"]), json!(["a"])),
            (json!(["a"]), json!("b"), json!(null)),
            (json!([]), json!([]), json!(null)),
            (json!({"x": {"y": 1, "z": 2}, "w": 3}), json!({"x": {"y": 1, "z": 3}}), json!({"x": {"y": 1}})),
            (json!({"x": {"y": 1}}), json!({"x": {"y": 2}}), json!(null)),
            (json!({"x": 1}), json!(["x"]), json!(null)),
        ] {
            assert_eq!(common_value(&a, &b).unwrap_or_default(), expected, "{a} {b}");
        }
    }
}
