//! Windows event XML: what `wevtutil`, the event viewer, Splunk and the agents' `event.original` hold.

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{Document, FieldNames, Scalar};

use super::event::add_data;
use super::xml_tree::{self, Element};
use super::{LocalTime, SystemPart, WindowsEvent, WindowsEventError, values};
use crate::fields::Fields;

pub(crate) fn read<'a>(
    text: &str,
    local: &LocalTime,
    names: &mut FieldNames,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    let tree = xml_tree::parse(text)?;
    let event =
        if tree.name == "Event" { &tree } else { tree.child("Event").ok_or(WindowsEventError::NoEvent)? };
    let mut part = event.child("System").map(|system| system_part(system, local)).unwrap_or_default();
    if let Some(rendering) = event.child("RenderingInfo") {
        add_rendering(&mut part, rendering);
    }
    let event_data = event.child("EventData").map(data).unwrap_or_default();
    let user_data = event.child("UserData").map(user_data).unwrap_or_default();
    let (event_data, user_data) = (Fields::of_data(event_data, names), Fields::of_data(user_data, names));
    part.into_event(event_data, user_data, Fields::default(), names)
}

fn system_part<'a>(system: &Element, local: &LocalTime) -> SystemPart<'a> {
    let text = |name: &str| system.child_text(name).map(owned);
    let attribute = |element: &str, name: &str| {
        system.child(element)?.attribute(name).filter(|value| !value.is_empty()).map(owned)
    };
    SystemPart {
        code: text("EventID"),
        channel: text("Channel"),
        provider: attribute("Provider", "Name").or_else(|| attribute("Provider", "EventSourceName")),
        provider_guid: attribute("Provider", "Guid"),
        record_id: text("EventRecordID"),
        computer: text("Computer"),
        version: system.child_text("Version").and_then(values::integer_text),
        level: text("Level"),
        opcode: text("Opcode"),
        task: text("Task"),
        keywords: text("Keywords").and_then(|keywords| values::bits(Scalar::Text(&keywords))),
        process_id: attribute("Execution", "ProcessID").as_deref().and_then(values::integer_text),
        thread_id: attribute("Execution", "ThreadID").as_deref().and_then(values::integer_text),
        user_id: attribute("Security", "UserID"),
        activity_id: attribute("Correlation", "ActivityID"),
        related_activity_id: attribute("Correlation", "RelatedActivityID"),
        time: attribute("TimeCreated", "SystemTime").and_then(|time| local.read(&time, || 0)),
        ..SystemPart::default()
    }
}

fn owned<'a>(text: &str) -> Cow<'a, str> {
    Cow::Owned(text.to_owned())
}

/// Forwarded events carry the texts that their machine rendered; they win over numbers.
fn add_rendering(part: &mut SystemPart<'_>, rendering: &Element) {
    let text = |name: &str| rendering.child_text(name).map(owned);
    part.message = text("Message").or(part.message.take());
    part.level = text("Level").map(|level| Cow::Owned(level.to_lowercase())).or(part.level.take());
    part.opcode = text("Opcode").or(part.opcode.take());
    part.task = text("Task").or(part.task.take());
    if let Some(keywords) = rendering.child("Keywords") {
        let names = keywords.children.iter().map(|keyword| keyword.text.trim());
        part.keyword_names = names.filter(|name| !name.is_empty()).map(owned).collect();
    }
}

/// Named data by its name, unnamed data as `param1`, `param2` …, anything else by its element's name.
pub(crate) fn data(element: &Element) -> Document {
    let mut data = Document::new();
    let mut unnamed = 0;
    for child in &element.children {
        let name = match child.attribute("Name") {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ if child.name == "Data" => {
                unnamed += 1;
                format!("param{unnamed}")
            }
            _ => child.name.clone(),
        };
        let text = if child.children.is_empty() { child.text.clone() } else { joined_text(child) };
        add_data(&mut data, &name, Value::String(values::data_text(&name, text).into_owned()));
    }
    data
}

/// The leaves below `UserData`'s one element, whose name is kept as `xml_name`.
fn user_data(element: &Element) -> Document {
    let mut data = Document::new();
    for child in &element.children {
        if !data.contains_key("xml_name") {
            data.insert("xml_name".to_owned(), Value::String(child.name.clone()));
        }
        add_leaves(&mut data, child);
    }
    data
}

fn add_leaves(data: &mut Document, element: &Element) {
    for child in &element.children {
        if child.children.is_empty() {
            let name = child.attribute("Name").filter(|name| !name.is_empty()).unwrap_or(&child.name);
            add_data(data, name, Value::String(values::data_text(name, child.text.as_str()).into_owned()));
        } else {
            add_leaves(data, child);
        }
    }
}

/// The texts of an element and all below it, in order of nesting.
fn joined_text(element: &Element) -> String {
    let mut text = element.text.trim().to_owned();
    for child in &element.children {
        let inner = joined_text(child);
        if !inner.is_empty() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&inner);
        }
    }
    text
}
