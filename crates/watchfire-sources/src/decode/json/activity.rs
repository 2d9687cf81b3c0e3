//! Activities of Google Workspace that hold several events: each of them is a record of its own, with all that the
//! activity says of who and when. Lists of them, and of events of Kubernetes, are taken apart here if the scanner has
//! not done it.

use serde_json::{Map, Value};

use super::envelope::{ITEMS, is_list};
use crate::tape::{TapeObject, TapeValue};

/// What such a record says that it is.
const KIND: &str = "admin#reports#activity";

/// The member that holds its events.
pub(super) const EVENTS: &str = "events";

/// [`is_of_several`] of an object on a tape.
pub(super) fn is_of_several_on_tape(object: TapeObject<'_>) -> bool {
    object.get("kind").and_then(TapeValue::as_str) == Some(KIND)
        && object.get(EVENTS).and_then(TapeValue::as_array).is_some_and(|events| events.take(2).count() == 2)
}

fn is_of_several(object: &Map<String, Value>) -> bool {
    object.get("kind").and_then(Value::as_str) == Some(KIND)
        && object.get(EVENTS).and_then(Value::as_array).is_some_and(|events| events.len() > 1)
}

/// The records that an object is, in their order: those of the events of an activity, and of the items of a list. Any
/// other object is one record.
pub(super) fn records_of(mut object: Map<String, Value>) -> Vec<Value> {
    if is_list(object.get("kind").and_then(Value::as_str))
        && let Some(Value::Array(items)) = object.get_mut(ITEMS)
    {
        let items = std::mem::take(items);
        let of_item = |item| match item {
            Value::Object(item) => of_activity(item),
            other => vec![other],
        };
        return items.into_iter().flat_map(of_item).collect();
    }
    of_activity(object)
}

fn of_activity(mut object: Map<String, Value>) -> Vec<Value> {
    if !is_of_several(&object) {
        return vec![object.into()];
    }
    let Some(Value::Array(events)) = object.get_mut(EVENTS).map(Value::take) else {
        return vec![object.into()];
    };
    let records = events.into_iter().map(|event| {
        let mut record = object.clone();
        record.insert(EVENTS.to_owned(), event);
        record.into()
    });
    records.collect()
}
