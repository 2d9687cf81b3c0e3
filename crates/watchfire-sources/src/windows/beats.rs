//! What Winlogbeat and the Elastic Agent's Windows input write: the canonical shape itself, older spellings included.

use serde_json::{Map, Value};
use watchfire_events::{Document, FieldNames, get_field, set_field};

use super::{LocalTime, WindowsEvent, WindowsEventError, values};
use crate::fields::Fields;

pub(crate) fn read<'a>(
    mut record: Map<String, Value>,
    local: &LocalTime,
    names: &mut FieldNames,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    let Some(Value::Object(mut winlog)) = record.remove("winlog") else {
        return Err(WindowsEventError::NoEvent);
    };
    let event_data = data(winlog.remove("event_data"));
    let user_data = data(winlog.remove("user_data"));
    for name in ["event_id", "record_id"] {
        if let Some(value) = winlog.get_mut(name)
            && let Some(text) = values::text_of(value)
        {
            *value = Value::String(text);
        }
    }
    for name in ["provider_guid", "activity_id", "related_activity_id"] {
        if let Some(Value::String(text)) = winlog.get_mut(name)
            && let Some(guid) = values::guid(text)
        {
            *text = guid;
        }
    }
    let text = |name: &str| winlog.get(name).and_then(values::text_of);
    let code = text("event_id")
        .or_else(|| get_field(&record, "event.code").and_then(values::text_of))
        .filter(|code| !code.is_empty())
        .ok_or(WindowsEventError::NoEventId)?;
    let channel = text("channel").unwrap_or_default();
    let provider = text("provider_name")
        .or_else(|| get_field(&record, "event.provider").and_then(values::text_of))
        .unwrap_or_default();
    let computer = text("computer_name");
    // An agent's `@timestamp` is the time of reading unless `time_created` is absent.
    let time = text("time_created")
        .or_else(|| get_field(&record, "@timestamp").and_then(values::text_of))
        .and_then(|time| local.read(&time, || 0));
    let outcome = text("outcome").filter(|outcome| outcome == "success" || outcome == "failure");
    let level = text("level").map(|level| level.to_lowercase());

    record.insert("winlog".to_owned(), Value::Object(winlog));
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value
            && !value.is_empty()
            && get_field(&record, name).is_none()
        {
            set_field(&mut record, name, Value::String(value));
        }
    };
    put("event.kind", Some("event".to_owned()));
    put("event.provider", Some(provider.clone()));
    put("event.outcome", outcome);
    put("log.level", level);
    put("host.name", computer);
    put("winlog.event_id", Some(code.clone()));
    set_field(&mut record, "event.code", Value::String(code.clone()));
    Ok(WindowsEvent {
        code: code.into(),
        channel: channel.into(),
        provider: provider.into(),
        time,
        event_data: Fields::of_data(event_data, names),
        user_data: Fields::of_data(user_data, names),
        document: Fields::of_document(record, names),
    })
}

fn data(value: Option<Value>) -> Document {
    let Some(Value::Object(fields)) = value else {
        return Document::new();
    };
    let entries = fields.into_iter().filter_map(|(name, value)| {
        let value = match value {
            // A document that an ingest pipeline has already been over may hold objects here: they stay.
            Value::Object(object) => Value::Object(object),
            other => values::data_value(&name, other)?,
        };
        Some((name, value))
    });
    entries.collect()
}
