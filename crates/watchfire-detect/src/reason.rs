//! The sentence that says what an alert is about (detection-engine §3.4).

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{Document, get_field};

/// The reason text for a source document, the alert's severity and the rule's name (both after overrides).
pub fn reason(document: &Document, severity: &str, rule_name: &str) -> String {
    let value = |name: &str| get_field(document, name).and_then(text);
    let mut sentence = String::with_capacity(256);
    if let Some(category) = value("event.category") {
        sentence.push_str(&category);
        sentence.push(' ');
    }
    sentence.push_str("event");
    let address = |ip: &str, port: &str| {
        let ip = value(ip)?;
        Some(match value(port) {
            Some(port) => Cow::Owned([&*ip, ":", &*port].concat()),
            None => ip,
        })
    };
    let parts = [
        ("process ", value("process.name")),
        ("parent process ", value("process.parent.name")),
        ("file ", value("file.name")),
        ("source ", address("source.ip", "source.port")),
        ("destination ", address("destination.ip", "destination.port")),
    ];
    let mut joint = " with ";
    for (label, part) in parts {
        if let Some(part) = part {
            [joint, label, &*part, ","].into_iter().for_each(|text| sentence.push_str(text));
            joint = " ";
        }
    }
    for (preposition, part) in [(" by ", value("user.name")), (" on ", value("host.name"))] {
        if let Some(part) = part {
            sentence.push_str(preposition);
            sentence.push_str(&part);
        }
    }
    [" created ", severity, " alert ", rule_name, "."].into_iter().for_each(|text| sentence.push_str(text));
    sentence
}

/// A value as text, several joined by commas; `-` and nothing count as missing.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Value::Array(items) => match &items[..] {
            [one] => return text(one),
            _ => Cow::Owned(items.iter().filter_map(text).collect::<Vec<_>>().join(", ")),
        },
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
