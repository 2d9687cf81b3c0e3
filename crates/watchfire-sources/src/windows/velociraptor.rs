//! Rows of Velociraptor's `parse_evtx`, and of its artefacts that add the common columns on top.

use std::borrow::Cow;

use serde_json::{Map, Value};
use watchfire_events::{Document, FieldNames, Scalar, Timestamp};

use super::{LocalTime, SystemPart, WindowsEvent, WindowsEventError, time_of_seconds, values};
use crate::fields::Fields;

/// Columns that an artefact copies out of `System`.
const COPIES: &[&str] = &["TimeCreated", "Channel", "EventRecordID", "EventID", "Computer", "_ts"];

pub(crate) fn read<'a>(
    mut record: Map<String, Value>,
    local: &LocalTime,
    names: &mut FieldNames,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    let Some(Value::Object(system)) = record.remove("System") else {
        return Err(WindowsEventError::NoEvent);
    };
    let at = |path: &[&str]| {
        path.iter()
            .try_fold(None, |from: Option<&Value>, key| {
                let next = match from {
                    None => system.get(*key),
                    Some(value) => value.get(*key),
                };
                next.map(Some)
            })
            .flatten()
    };
    let scalar = |path: &[&str]| at(path).and_then(Scalar::of);
    let text = |path: &[&str]| {
        let text = at(path).and_then(values::text_of).filter(|text| !text.is_empty());
        text.map(Cow::Owned)
    };
    let number = |path: &[&str]| scalar(path).and_then(values::integer);
    let part = SystemPart {
        code: text(&["EventID", "Value"]).or_else(|| text(&["EventID"])),
        channel: text(&["Channel"]),
        provider: text(&["Provider", "Name"]),
        provider_guid: text(&["Provider", "Guid"]),
        record_id: text(&["EventRecordID"]),
        computer: text(&["Computer"]),
        version: number(&["Version"]),
        level: text(&["Level"]),
        opcode: text(&["Opcode"]),
        task: text(&["Task"]),
        keywords: scalar(&["Keywords"]).and_then(values::bits),
        process_id: number(&["Execution", "ProcessID"]),
        thread_id: number(&["Execution", "ThreadID"]),
        user_id: text(&["Security", "UserID"]),
        activity_id: text(&["Correlation", "ActivityID"]),
        related_activity_id: text(&["Correlation", "RelatedActivityID"]),
        time: at(&["TimeCreated", "SystemTime"]).and_then(|value| time(value, local)),
        message: record.get("Message").and_then(values::text_of).map(Cow::Owned),
        ..SystemPart::default()
    };
    let event_data = record.remove("EventData").map(data).unwrap_or_default();
    let user_data = record.remove("UserData").map(user_data).unwrap_or_default();
    record.remove("Message");
    for copy in COPIES {
        record.remove(*copy);
    }
    let (event_data, user_data) = (Fields::of_data(event_data, names), Fields::of_data(user_data, names));
    part.into_event(event_data, user_data, Fields::of_document(record, names), names)
}

/// Seconds since 1970 with a fraction, or a date.
fn time(value: &Value, local: &LocalTime) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => seconds.as_f64().and_then(time_of_seconds),
        Value::String(text) => local.read(text, || 0),
        _ => None,
    }
}

fn data(value: Value) -> Document {
    match value {
        Value::Object(fields) => {
            let mut data = Document::new();
            for (name, value) in fields {
                match value {
                    // Unnamed data: a list under the name of their element.
                    Value::Array(items) if name == "Data" => {
                        for (at, item) in items.into_iter().enumerate() {
                            let name = format!("param{}", at + 1);
                            if let Some(value) = values::data_value(&name, item) {
                                data.insert(name, value);
                            }
                        }
                    }
                    value => {
                        let name = if name == "Data" { "param1".to_owned() } else { name };
                        if let Some(value) = values::data_value(&name, value) {
                            data.insert(name, value);
                        }
                    }
                }
            }
            data
        }
        _ => Document::new(),
    }
}

fn user_data(value: Value) -> Document {
    let Value::Object(elements) = value else {
        return Document::new();
    };
    let mut fields = Document::new();
    for (name, value) in elements {
        if let Value::Object(inner) = value {
            fields.entry("xml_name").or_insert(Value::String(name));
            fields.extend(
                inner
                    .into_iter()
                    .filter_map(|(name, value)| values::data_value(&name, value).map(|value| (name, value))),
            );
        } else if let Some(value) = values::data_value(&name, value) {
            fields.insert(name, value);
        }
    }
    fields
}
