//! What a document has in its fields.

use serde_json::Value;
use watchfire_events::{Document, Timestamp, get_field};

/// The values that a document has in a field.
pub(crate) fn values_of<'a>(document: &'a Document, name: &str) -> Vec<&'a Value> {
    match get_field(document, name) {
        Some(Value::Array(items)) => {
            items.iter().filter(|item| !item.is_null() && !item.is_object() && !item.is_array()).collect()
        }
        Some(Value::Object(_)) | None => Vec::new(),
        Some(value) => vec![value],
    }
}

/// The first text that it has in a field.
pub(crate) fn text_in<'a>(document: &'a Document, name: &str) -> Option<&'a str> {
    values_of(document, name).into_iter().find_map(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether it has this text in a field.
pub(crate) fn has_text(document: &Document, name: &str, text: &str) -> bool {
    values_of(document, name).into_iter().any(|value| value == text)
}

/// The time that it has in a field.
pub(crate) fn time_of(document: &Document, name: &str) -> Option<Timestamp> {
    get_field(document, name)?.as_str().and_then(Timestamp::parse)
}

/// When the event of an alert happened.
pub(crate) fn event_time(alert: &Document) -> Option<Timestamp> {
    time_of(alert, "kibana.alert.original_time").or_else(|| time_of(alert, "@timestamp"))
}
