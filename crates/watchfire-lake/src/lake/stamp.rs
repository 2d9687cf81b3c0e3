//! The time of arrival in a document.

use serde_json::Value;
use watchfire_events::{Document, MAX_FLATTENED_DEPTH, Timestamp, set_field};

use crate::shape::INGESTED;

/// Where a client's own `event.ingested` goes.
pub const INGESTED_BY_CLIENT: &str = "watchfire.ingested_by_client";

/// Sets `event.ingested`. What the client had there moves aside.
pub(super) fn stamp(document: &mut Document, ingested: Timestamp) {
    let mut own = Vec::new();
    take(document, INGESTED, &mut own);
    set_field(document, INGESTED, Value::String(ingested.to_iso_millis()));
    if !own.is_empty() {
        let own = if own.len() == 1 { own.swap_remove(0) } else { Value::Array(own) };
        set_field(document, INGESTED_BY_CLIENT, own);
    }
}

/// Takes away every value that a document has under a dotted name, however it is nested.
fn take(document: &mut Document, name: &str, taken: &mut Vec<Value>) {
    // The order of the other keys stays.
    taken.extend(document.shift_remove(name));
    for (dot, _) in name.match_indices('.') {
        if let Some(inner) = document.get_mut(&name[..dot]) {
            take_below(inner, &name[dot + 1..], taken);
        }
    }
}

fn take_below(value: &mut Value, name: &str, taken: &mut Vec<Value>) {
    match value {
        Value::Object(object) => take(object, name, taken),
        Value::Array(items) => items.iter_mut().for_each(|item| take_below(item, name, taken)),
        _ => {}
    }
}

/// Whether a document is nested deeper than what is looked at.
pub(super) fn too_deep(document: &Document) -> bool {
    fn exceeds(value: &Value, room: usize) -> bool {
        match value {
            Value::Object(object) => room == 0 || object.values().any(|value| exceeds(value, room - 1)),
            Value::Array(items) => room == 0 || items.iter().any(|value| exceeds(value, room - 1)),
            _ => false,
        }
    }
    document.values().any(|value| exceeds(value, MAX_FLATTENED_DEPTH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stamped(document: Value) -> Value {
        let Value::Object(mut document) = document else { panic!("not an object") };
        stamp(&mut document, Timestamp::from_millis(0));
        Value::Object(document)
    }

    #[test]
    fn what_a_client_said_moves_aside() {
        let now = "1970-01-01T00:00:00.000Z";
        assert_eq!(stamped(json!({"a": 1})), json!({"a": 1, "event": {"ingested": now}}));
        assert_eq!(
            stamped(json!({"event": {"ingested": "x", "id": 1}, "event.ingested": 5})),
            json!({"event": {"id": 1, "ingested": now}, "watchfire": {"ingested_by_client": [5, "x"]}})
        );
        assert_eq!(
            stamped(json!({"event": [{"ingested": "x"}, {"id": 1}]})),
            json!({"event": [{}, {"id": 1}], "event.ingested": now, "watchfire": {"ingested_by_client": "x"}})
        );
    }
}
