//! Events and alerts as short texts: a field's value, and what an event is about in one line of a table.

use serde_json::Value;
use watchfire_events::{Document, get_field};

/// The first one of these that is there.
const PROCESS: &[&str] = &["process.command_line", "process.executable", "process.name"];

/// What the process acted on: the first one of these that is there.
const OBJECT: &[&str] = &[
    "registry.path",
    "file.path",
    "dll.path",
    "dns.question.name",
    "destination.domain",
    "destination.ip",
    "service.name",
    "winlog.event_data.ServiceName",
    "user.target.name",
    "group.name",
    "source.ip",
];

/// If there is neither: the first one of these that is there.
const OTHERWISE: &[&str] = &["message", "event.action", "event.code"];

/// A field of an event or an alert, whose fields of `kibana` have dotted names; null counts as absent.
pub(crate) fn field<'d>(document: &'d Document, name: &str) -> Option<&'d Value> {
    document.get(name).or_else(|| get_field(document, name)).filter(|value| !value.is_null())
}

/// The text of a field; several values stand behind each other. Empty if the field is absent.
pub(crate) fn field_text(document: &Document, name: &str) -> String {
    field(document, name).map(text_of).unwrap_or_default()
}

/// The text of a value.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The process and what it acted on.
pub(crate) fn what(document: &Document) -> String {
    let first = |names: &[&str]| {
        let mut texts = names.iter().map(|name| field_text(document, name));
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let (process, object) = (first(PROCESS), first(OBJECT));
    match (process.is_empty(), object.is_empty()) {
        (false, false) => format!("{process} → {object}"),
        (false, true) => process,
        (true, false) => object,
        (true, true) => first(OTHERWISE),
    }
}
