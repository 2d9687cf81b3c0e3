//! Tests as the text of a file.

use std::fmt::Write;

use serde_json::Value;

use super::{Expectation, RuleTests, TestEvent};

/// How long a line of JSON may be before it is broken.
const LINE: usize = 100;

/// The text of a file with these tests, whose events stand in it; `introduction` goes before as a comment. What is read
/// from elsewhere is not written.
pub fn write_tests(tests: &RuleTests, introduction: &str) -> String {
    let mut out = String::new();
    for line in introduction.lines() {
        let _ = writeln!(out, "# {line}");
    }
    if let Some(stream) = &tests.data_stream {
        let _ = writeln!(out, "data_stream = {}", text(stream));
    }
    let now = tests.tests.first().and_then(|test| test.now.clone());
    let now = now.filter(|now| tests.tests.iter().all(|test| test.now.as_ref() == Some(now)));
    if let Some(now) = &now {
        let _ = writeln!(out, "now = {}", text(now));
    }
    for test in &tests.tests {
        let _ = writeln!(out, "\n[[test]]\nname = {}", text(&test.name));
        match test.expect {
            Expectation::NoMatch => out.push_str("expect = \"no_match\"\n"),
            Expectation::Match { alerts } => {
                out.push_str("expect = \"match\"\n");
                if let Some(alerts) = alerts {
                    let _ = writeln!(out, "alerts = {alerts}");
                }
            }
        }
        let stream = test.events.first().map(|event| event.data_stream.as_str());
        if let Some(stream) = stream.filter(|stream| tests.data_stream.as_deref() != Some(*stream)) {
            let _ = writeln!(out, "data_stream = {}", text(stream));
        }
        if let (Some(time), None) = (&test.now, &now) {
            let _ = writeln!(out, "now = {}", text(time));
        }
        if !test.indicators.is_empty() {
            let indicators = test.indicators.iter().map(json).collect::<String>();
            let _ = writeln!(out, "indicators = '''\n{indicators}'''");
        }
        let _ = writeln!(out, "events = '''\n{}'''", test.events.iter().map(json).collect::<String>());
    }
    out
}

/// A TOML string.
fn text(content: &str) -> String {
    if content.contains(['"', '\\']) && !content.contains('\'') && !content.chars().any(char::is_control) {
        return format!("'{content}'");
    }
    toml::Value::from(content).to_string()
}

fn json(event: &TestEvent) -> String {
    let mut out = String::new();
    write(&Value::Object(event.document.clone()), 0, &mut out);
    out.push('\n');
    // What would end the string of TOML, or may not stand in it.
    out.replace("'''", "\\u0027\\u0027\\u0027").replace('\u{7f}', "\\u007f")
}

/// On one line if it fits, else each member on a line of its own.
fn write(value: &Value, indent: usize, out: &mut String) {
    let short = on_one_line(value);
    if indent > 0 && indent + short.chars().count() <= LINE {
        out.push_str(&short);
        return;
    }
    let inner = " ".repeat(indent + 2);
    let outer = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push_str("{\n");
            for (at, (key, value)) in members.iter().enumerate() {
                let _ = write!(out, "{inner}{}: ", Value::from(key.as_str()));
                write(value, indent + 2, out);
                out.push_str(if at + 1 < members.len() { ",\n" } else { "\n" });
            }
            let _ = write!(out, "{outer}}}");
        }
        Value::Array(items) if !items.is_empty() => {
            out.push_str("[\n");
            for (at, item) in items.iter().enumerate() {
                out.push_str(&inner);
                write(item, indent + 2, out);
                out.push_str(if at + 1 < items.len() { ",\n" } else { "\n" });
            }
            let _ = write!(out, "{outer}]");
        }
        _ => out.push_str(&short),
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members = members
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), on_one_line(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RuleTest, load_tests};
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let document = serde_json::json!({
            "@timestamp": "2026-01-01T00:00:00.000Z",
            "process": { "command_line": "a '''b''' \u{7f} \\ \"c\"", "args": ["x", "y"], "pid": 4 },
            "long": "x".repeat(2 * LINE),
        });
        let Value::Object(document) = document else { unreachable!() };
        let event = |stream: &str| TestEvent { data_stream: stream.to_owned(), document: document.clone() };
        let test = |name: &str, expect, stream: &str| RuleTest {
            name: name.to_owned(),
            name_span: watchfire_diagnostics::Span::default(),
            expect,
            described: Vec::new(),
            now: Some("2026-01-01T00:05:00Z".to_owned()),
            indicators: vec![event("")],
            input: None,
            events: vec![event(stream), event(stream)],
        };
        let tests = RuleTests {
            data_stream: Some("logs-a-b".to_owned()),
            tests: vec![
                test("it's `\"x\\y\"`", Expectation::Match { alerts: Some(1) }, "logs-a-b"),
                test("other\nline", Expectation::NoMatch, "metrics-a-b"),
            ],
        };
        let text = write_tests(&tests, "first\nsecond");
        let (read, found) = load_tests(&text);
        assert_eq!(found, [], "{text}");
        let mut read = read.expect("tests");
        read.tests.iter_mut().for_each(|test| test.name_span = watchfire_diagnostics::Span::default());
        assert_eq!(read, tests, "{text}");
        assert!(text.starts_with("# first\n# second\ndata_stream = \"logs-a-b\"\n"));
    }
}
