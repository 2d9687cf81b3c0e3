//! Activities of Google Workspace that hold several events: each of them is a record of its own, with all that the
//! activity says of who and when.

use serde_json::{Map, Value};

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

/// The records that an activity is, in the order of its events; any other object is one record.
pub(super) fn records_of(mut object: Map<String, Value>) -> Vec<Map<String, Value>> {
    if !is_of_several(&object) {
        return vec![object];
    }
    let Some(Value::Array(events)) = object.get_mut(EVENTS).map(Value::take) else {
        return vec![object];
    };
    let records = events.into_iter().map(|event| {
        let mut record = object.clone();
        record.insert(EVENTS.to_owned(), event);
        record
    });
    records.collect()
}
