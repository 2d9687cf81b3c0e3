//! The sentence that says what an alert is about (detection-engine §3.4).

use std::fmt::Write;

use serde_json::Value;
use watchfire_events::{Document, get_field};

/// The reason text for a source document, the alert's severity and the rule's name (both after overrides).
pub fn reason(document: &Document, severity: &str, rule_name: &str) -> String {
    let value = |name: &str| get_field(document, name).and_then(text);
    let mut sentence = match value("event.category") {
        Some(category) => format!("{category} event"),
        None => "event".to_owned(),
    };
    let address = |side: &str| {
        let ip = value(&format!("{side}.ip"))?;
        Some(match value(&format!("{side}.port")) {
            Some(port) => format!("{ip}:{port}"),
            None => ip,
        })
    };
    let parts = [
        ("process", value("process.name")),
        ("parent process", value("process.parent.name")),
        ("file", value("file.name")),
        ("source", address("source")),
        ("destination", address("destination")),
    ];
    let mut introduced = false;
    for (label, part) in parts {
        if let Some(part) = part {
            sentence.push_str(if introduced { " " } else { " with " });
            introduced = true;
            // Writing to a String cannot fail.
            let _ = write!(sentence, "{label} {part},");
        }
    }
    for (preposition, part) in [("by", value("user.name")), ("on", value("host.name"))] {
        if let Some(part) = part {
            let _ = write!(sentence, " {preposition} {part}");
        }
    }
    let _ = write!(sentence, " created {severity} alert {rule_name}.");
    sentence
}

/// A value as text, several joined by commas; `-` and nothing count as missing.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Array(items) => items.iter().filter_map(text).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Object(_) => return None,
    };
    (!text.is_empty() && text != "-").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(document: Value) -> String {
        let Value::Object(document) = document else { panic!("not an object") };
        reason(&document, "high", "Suspicious Child")
    }

    #[test]
    fn names_what_there_is() {
        assert_eq!(
            of(
                json!({"event": {"category": ["process"]}, "process": {"name": "cmd.exe", "parent": {"name": "winword.exe"}},
                      "user": {"name": "alice"}, "host": {"name": "ws1"}})
            ),
            "process event with process cmd.exe, parent process winword.exe, by alice on ws1 created high alert Suspicious Child."
        );
        assert_eq!(of(json!({"user": {"name": "-"}})), "event created high alert Suspicious Child.");
        assert_eq!(
            of(json!({"event.category": ["network", "session"], "source": {"ip": "10.0.0.1", "port": 80}})),
            "network, session event with source 10.0.0.1:80, created high alert Suspicious Child."
        );
    }
}
