//! The JSON of the `evtx` crate, with attributes inside their element (`#attributes`) or beside it (`X_attributes`),
//! as evtx_dump, chainsaw and this crate's own EVTX decoder give it.

use serde_json::{Map, Value};
use watchfire_events::Document;

use super::event::add_data;
use super::{LocalTime, SystemPart, WindowsEvent, WindowsEventError, values};

pub(crate) fn read(
    mut record: Map<String, Value>,
    local: &LocalTime,
) -> Result<WindowsEvent, WindowsEventError> {
    let Some(Value::Object(mut event)) = record.remove("Event") else {
        return Err(WindowsEventError::NoEvent);
    };
    let Some(Value::Object(system)) = event.remove("System") else {
        return Err(WindowsEventError::NoEvent);
    };
    let mut part = system_part(&system, local);
    if let Some(Value::Object(rendering)) = event.get("RenderingInfo") {
        part.message = rendering.get("Message").and_then(element_text).or(part.message);
        part.task =
            rendering.get("Task").and_then(element_text).filter(|text| !text.is_empty()).or(part.task);
    }
    let event_data = event.remove("EventData").map(data).unwrap_or_default();
    let user_data = event.remove("UserData").map(user_data).unwrap_or_default();
    // What stands beside `Event` (a path that a tool added, a label) is not the event's own; it is kept.
    part.into_event(event_data, user_data, record)
}

fn system_part(system: &Map<String, Value>, local: &LocalTime) -> SystemPart {
    let text = |name: &str| system.get(name).and_then(element_text);
    let attribute = |element: &str, name: &str| {
        let inside = system.get(element).and_then(|value| value.get("#attributes"));
        let beside = || system.get(&format!("{element}_attributes"));
        inside.or_else(beside)?.get(name).and_then(values::scalar_text).filter(|value| !value.is_empty())
    };
    SystemPart {
        code: text("EventID"),
        channel: text("Channel"),
        provider: attribute("Provider", "Name").or_else(|| attribute("Provider", "EventSourceName")),
        provider_guid: attribute("Provider", "Guid"),
        record_id: text("EventRecordID"),
        computer: text("Computer"),
        version: text("Version").as_deref().and_then(values::integer_text),
        level: text("Level"),
        opcode: text("Opcode"),
        task: text("Task"),
        keywords: text("Keywords").and_then(|keywords| values::bits(&Value::String(keywords))),
        process_id: attribute("Execution", "ProcessID").as_deref().and_then(values::integer_text),
        thread_id: attribute("Execution", "ThreadID").as_deref().and_then(values::integer_text),
        user_id: attribute("Security", "UserID"),
        activity_id: attribute("Correlation", "ActivityID"),
        related_activity_id: attribute("Correlation", "RelatedActivityID"),
        time: attribute("TimeCreated", "SystemTime").and_then(|time| local.read(&time, 0)),
        ..SystemPart::default()
    }
}

/// The text of an element: a scalar, or an object with attributes and `#text`.
fn element_text(value: &Value) -> Option<String> {
    match value {
        Value::Object(object) => object.get("#text").and_then(element_text),
        other => values::scalar_text(other),
    }
}

/// `EventData`: named values as they are; `Data` without names, and a bare list or text, as `param1`, `param2` ….
fn data(value: Value) -> Document {
    let mut data = Document::new();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_attributes(&name) {
                    continue;
                }
                if name == "Data" || name == "#text" {
                    add_unnamed(&mut data, value);
                } else if let Some(value) = field(&name, value) {
                    add_data(&mut data, &name, value);
                }
            }
        }
        other => add_unnamed(&mut data, other),
    }
    data
}

fn add_unnamed(data: &mut Document, value: Value) {
    let items = match value {
        Value::Object(mut object) => match object.remove("#text") {
            Some(Value::Array(items)) => items,
            Some(single) => vec![single],
            None => Vec::new(),
        },
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        single => vec![single],
    };
    for (at, item) in items.into_iter().enumerate() {
        let name = format!("param{}", at + 1);
        if let Some(value) = field(&name, item) {
            add_data(data, &name, value);
        }
    }
}

fn user_data(value: Value) -> Document {
    let mut data = Document::new();
    let Value::Object(elements) = value else {
        return data;
    };
    for (name, value) in elements {
        if is_attributes(&name) {
            continue;
        }
        if !data.contains_key("xml_name") {
            data.insert("xml_name".to_owned(), Value::String(name));
        }
        add_leaves(&mut data, value);
    }
    data
}

fn add_leaves(data: &mut Document, value: Value) {
    let Value::Object(fields) = value else {
        return;
    };
    for (name, value) in fields {
        if is_attributes(&name) {
            continue;
        }
        match value {
            Value::Object(inner) if !inner.contains_key("#text") => add_leaves(data, Value::Object(inner)),
            value => {
                if let Some(value) = field(&name, value) {
                    add_data(data, &name, value);
                }
            }
        }
    }
}

/// A named value: an element with attributes is its text.
fn field(name: &str, value: Value) -> Option<Value> {
    match value {
        Value::Object(mut object) => {
            if let Some(text) = object.remove("#text") {
                return field(name, text);
            }
            object.remove("#attributes");
            values::data_value(name, Value::Object(object))
        }
        other => values::data_value(name, other),
    }
}

fn is_attributes(name: &str) -> bool {
    name == "#attributes" || name.ends_with("_attributes")
}
