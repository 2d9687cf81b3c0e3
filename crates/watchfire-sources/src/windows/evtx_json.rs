//! The JSON of the `evtx` crate, with attributes inside their element (`#attributes`) or beside it (`X_attributes`),
//! as evtx_dump, chainsaw and this crate's own EVTX decoder give it.

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{FieldNames, Scalar};

use super::{LocalTime, SystemPart, WindowsEvent, WindowsEventError, values};
use crate::fields::{FieldValue, Fields};
use crate::normalise::{Wanted, Wants};
use crate::tape::{TapeObject, TapeValue};

pub(crate) fn read<'a>(
    record: TapeObject<'a>,
    local: &LocalTime,
    names: &mut FieldNames,
    wanted: &mut Wanted<'_>,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    let event = record.get("Event").and_then(TapeValue::as_object).ok_or(WindowsEventError::NoEvent)?;
    let mut system = None;
    let mut event_data = None;
    let mut user_data = Fields::default();
    let (mut message, mut task) = (None, None);
    for (name, value) in event.iter() {
        match name {
            "System" => system = value.as_object(),
            "EventData" => event_data = Some(value),
            "UserData" => read_user_data(value, &mut user_data, names),
            "RenderingInfo" => {
                let rendered = |name: &str| value.as_object()?.get(name).and_then(element_text);
                message = rendered("Message");
                task = rendered("Task").filter(|text| !text.is_empty());
            }
            _ => {}
        }
    }
    let mut part = system_part(system.ok_or(WindowsEventError::NoEvent)?, local);
    part.message = message;
    part.task = task.or(part.task);
    part.settle()?;
    let mut wants = wanted.of(wanted.mapping(part.source()));
    let mut fields = Fields::default();
    if let Some(value) = event_data {
        data(value, &mut fields, names, &mut wants);
    }
    // What stands beside `Event` (a path that a tool added, a label) is not the event's own; it is kept.
    let mut document = Fields::with_room_for(64);
    let mut name = String::new();
    for (key, value) in record.iter().filter(|(key, _)| *key != "Event") {
        name.clear();
        name.push_str(key);
        document.add_tape(&mut name, value, names);
    }
    Ok(part.into_asked_event(fields, user_data, document, names, &mut wants))
}

fn system_part<'a>(system: TapeObject<'a>, local: &LocalTime) -> SystemPart<'a> {
    let mut part = SystemPart::default();
    let mut source_name = None;
    for (name, value) in system.iter() {
        match name {
            "EventID" => part.code = element_text(value),
            "Channel" => part.channel = element_text(value),
            "EventRecordID" => part.record_id = element_text(value),
            "Computer" => part.computer = element_text(value),
            "Version" => part.version = element_text(value).as_deref().and_then(values::integer_text),
            "Level" => part.level = element_text(value),
            "Opcode" => part.opcode = element_text(value),
            "Task" => part.task = element_text(value),
            "Keywords" => {
                part.keywords = element_text(value).and_then(|text| values::bits(Scalar::Text(&text)));
            }
            _ => {}
        }
        // Attributes are inside of their element, or beside it.
        let (element, attributes) = match name.strip_suffix("_attributes") {
            Some(element) => (element, value.as_object()),
            None => (name, value.as_object().and_then(|inside| inside.get("#attributes")?.as_object())),
        };
        let Some(attributes) = attributes else { continue };
        // What is inside wins, whichever comes first.
        let is_inside = element.len() == name.len();
        let attribute = |name: &str, known: &Option<Cow<'a, str>>| {
            let found = attributes.get(name).and_then(TapeValue::scalar).map(values::scalar_text);
            let found = found.filter(|text| !text.is_empty());
            if is_inside { found.or_else(|| known.clone()) } else { known.clone().or(found) }
        };
        let number = |name: &str, known: Option<i64>| {
            let found = attribute(name, &None).as_deref().and_then(values::integer_text);
            if is_inside { found.or(known) } else { known.or(found) }
        };
        match element {
            "Provider" => {
                part.provider = attribute("Name", &part.provider);
                source_name = attribute("EventSourceName", &source_name);
                part.provider_guid = attribute("Guid", &part.provider_guid);
            }
            "Execution" => {
                part.process_id = number("ProcessID", part.process_id);
                part.thread_id = number("ThreadID", part.thread_id);
            }
            "Security" => part.user_id = attribute("UserID", &part.user_id),
            "Correlation" => {
                part.activity_id = attribute("ActivityID", &part.activity_id);
                part.related_activity_id = attribute("RelatedActivityID", &part.related_activity_id);
            }
            "TimeCreated" => {
                let found = attribute("SystemTime", &None).and_then(|time| local.read(&time, || 0));
                part.time = if is_inside { found.or(part.time) } else { part.time.or(found) };
            }
            _ => {}
        }
    }
    part.provider = part.provider.or(source_name);
    part
}

/// The text of an element: a scalar, or an object with attributes and `#text`.
fn element_text(value: TapeValue<'_>) -> Option<Cow<'_, str>> {
    match value.as_object() {
        Some(object) => element_text(object.get("#text")?),
        None => value.scalar().map(values::scalar_text),
    }
}

/// `EventData`: named values as they are; `Data` without names, and a bare list or text, as `param1`, `param2` ….
fn data<'a>(value: TapeValue<'a>, data: &mut Fields<'a>, names: &mut FieldNames, wants: &mut Wants<'_>) {
    let Some(fields) = value.as_object() else {
        return add_unnamed(data, value, names);
    };
    for (name, value) in fields.iter().filter(|(name, _)| !is_attributes(name)) {
        if name == "Data" || name == "#text" {
            add_unnamed(data, value, names);
        } else if !wants.drops_datum(names.intern(name), names) {
            add_field(data, name, value, names);
        }
    }
}

fn add_unnamed<'a>(data: &mut Fields<'a>, value: TapeValue<'a>, names: &mut FieldNames) {
    let value = match value.as_object() {
        Some(object) => match object.get("#text") {
            Some(text) => text,
            None => return,
        },
        None if value.is_null() => return,
        None => value,
    };
    match value.as_array() {
        Some(items) => {
            for (at, item) in items.enumerate() {
                add_field(data, &format!("param{}", at + 1), item, names);
            }
        }
        None => add_field(data, "param1", value, names),
    }
}

fn read_user_data<'a>(value: TapeValue<'a>, data: &mut Fields<'a>, names: &mut FieldNames) {
    let Some(elements) = value.as_object() else {
        return;
    };
    for (name, value) in elements.iter().filter(|(name, _)| !is_attributes(name)) {
        let xml_name = names.intern("xml_name");
        if data.get(xml_name).is_none() {
            data.set(xml_name, name.into());
        }
        if let Some(fields) = value.as_object() {
            add_leaves(data, fields, names);
        }
    }
}

fn add_leaves<'a>(data: &mut Fields<'a>, fields: TapeObject<'a>, names: &mut FieldNames) {
    for (name, value) in fields.iter().filter(|(name, _)| !is_attributes(name)) {
        match value.as_object() {
            Some(inner) if !inner.contains_key("#text") => add_leaves(data, inner, names),
            _ => add_field(data, name, value, names),
        }
    }
}

/// Adds a named value: an element with attributes is its text.
fn add_field<'a>(data: &mut Fields<'a>, name: &str, value: TapeValue<'a>, names: &mut FieldNames) {
    let value = match value.as_object() {
        Some(object) => match object.get("#text") {
            Some(text) => return add_field(data, name, text, names),
            None => {
                let mut object = object.to_map();
                object.remove("#attributes");
                values::data_value(name, Value::Object(object)).map(FieldValue::of)
            }
        },
        None => values::data_of_tape(name, value),
    };
    if let Some(value) = value {
        data.add(names.intern(name), value);
    }
}

fn is_attributes(name: &str) -> bool {
    name == "#attributes" || name.ends_with("_attributes")
}
