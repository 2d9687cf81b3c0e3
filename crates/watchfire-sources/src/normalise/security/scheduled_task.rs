//! Scheduled tasks (events 4698 to 4702): the definition that the event holds as XML, as fields.
//!
//! Each action and trigger also has a `definition`: all of it as one text with a fixed order of parts, so that rules
//! can match or group whole actions. `%`, `|`, `=` and control characters inside a part are percent-encoded.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::normalise::draft::Draft;
use crate::windows::xml_tree::{Element, parse};

/// Elements of `Triggers`, and the kind they stand for.
const TRIGGERS: &[(&str, &str)] = &[
    ("BootTrigger", "boot"),
    ("CalendarTrigger", "calendar"),
    ("EventTrigger", "event"),
    ("IdleTrigger", "idle"),
    ("LogonTrigger", "logon"),
    ("RegistrationTrigger", "registration"),
    ("SessionStateChangeTrigger", "session_state_change"),
    ("TimeTrigger", "time"),
    ("WnfStateChangeTrigger", "wnf_state_change"),
];

pub(super) fn map(draft: &mut Draft<'_, '_>) {
    if let Some(name) = draft.copy("TaskName") {
        draft.set("winlog.scheduled_task.name", name);
    }
    let content = draft.copy("TaskContent").or_else(|| draft.copy("TaskContentNew"));
    // A definition that cannot be read stays where rules can read it, in the event data.
    let Some(task) = content.and_then(|content| parse(&content).ok()) else {
        return;
    };
    if let Some(uri) = task.child("RegistrationInfo").and_then(|info| info.child_text("URI")) {
        draft.set("winlog.scheduled_task.uri", uri.to_owned());
    }
    let children =
        |name: &str| task.child(name).map(|element| element.children.as_slice()).unwrap_or_default();
    let principals: Vec<Value> = children("Principals").iter().map(principal).collect();
    let context = task.child("Actions").and_then(|actions| actions.attribute("Context")).unwrap_or_default();
    let actions: Vec<Value> = children("Actions").iter().filter_map(|child| action(child, context)).collect();
    let triggers: Vec<Value> = children("Triggers").iter().filter_map(trigger).collect();
    for (field, values) in [("principals", principals), ("actions", actions), ("triggers", triggers)] {
        if !values.is_empty() {
            draft.set_below("winlog.scheduled_task", field, values);
        }
    }
    if let Some(settings) = task.child("Settings") {
        for (element, field) in [("Enabled", "enabled"), ("Hidden", "hidden")] {
            if let Some(value) = boolean(settings, element) {
                draft.set_below("winlog.scheduled_task.settings", field, value);
            }
        }
    }
}

fn boolean(element: &Element, name: &str) -> Option<bool> {
    match element.child_text(name)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn principal(element: &Element) -> Value {
    json!({
        "id": element.attribute("id"),
        "user": {"identifier": element.child_text("UserId")},
        "group": {"identifier": element.child_text("GroupId")},
        "logon": {"type": element.child_text("LogonType")},
        "run_level": element.child_text("RunLevel"),
    })
}

fn action(element: &Element, context: &str) -> Option<Value> {
    let kind = match element.name.as_str() {
        "Exec" => "exec",
        "ComHandler" => "com_handler",
        _ => return None,
    };
    let text = |name: &str| element.child_text(name);
    let parts = [
        ("type", Some(kind)),
        ("context", Some(context).filter(|context| !context.is_empty())),
        ("command", text("Command")),
        ("arguments", text("Arguments")),
        ("working_directory", text("WorkingDirectory")),
        ("class_id", text("ClassId")),
    ];
    let mut fields: Map<String, Value> = parts
        .iter()
        .filter_map(|(name, value)| value.map(|value| ((*name).to_owned(), json!(value))))
        .collect();
    fields.insert("definition".to_owned(), json!(definition(&parts)));
    Some(Value::Object(fields))
}

fn trigger(element: &Element) -> Option<Value> {
    let (_, kind) = TRIGGERS.iter().find(|(name, _)| *name == element.name)?;
    let enabled = boolean(element, "Enabled").unwrap_or(true);
    let repetition = element.child("Repetition");
    let text = |name: &str| repetition.and_then(|repetition| repetition.child_text(name));
    let stops = repetition.and_then(|repetition| boolean(repetition, "StopAtDurationEnd"));
    let word = |truth: bool| if truth { "true" } else { "false" };
    let definition = definition(&[
        ("type", Some(kind)),
        ("enabled", Some(word(enabled))),
        ("interval", text("Interval")),
        ("duration", text("Duration")),
        ("stop_at_duration_end", stops.map(word)),
    ]);
    Some(json!({
        "type": kind,
        "enabled": enabled,
        "repetition": {
            "interval": text("Interval"),
            "duration": text("Duration"),
            "stop_at_duration_end": stops,
        },
        "definition": definition,
    }))
}

fn definition(parts: &[(&str, Option<&str>)]) -> String {
    let mut text = "v=1".to_owned();
    for (name, value) in parts {
        text.push('|');
        text.push_str(name);
        text.push('=');
        for character in value.unwrap_or_default().chars() {
            if matches!(character, '%' | '|' | '=') || character.is_ascii_control() {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{:02X}", character as u32);
            } else {
                text.push(character);
            }
        }
    }
    text
}
