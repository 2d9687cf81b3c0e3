//! The events of a test: JSON objects one after another, in one string of the file.

use serde_json::{Map, Value};
use watchfire_diagnostics::{Diagnostic, Severity, Span, SpanMap};

use super::{MAX_TEST_EVENTS, TestEvent};
use crate::codes;
use crate::document::json;
use crate::document::reader::Context;

/// The parts of a data stream's name, in order.
const DATA_STREAM_PARTS: [&str; 3] = ["type", "dataset", "namespace"];

/// Reads the events in `text`, whose literal stands at `span`; `map` leads from places in it to those of the file.
/// `data_stream` is that of events which name none.
pub(super) fn read(
    text: &str,
    map: SpanMap,
    span: Span,
    test: &str,
    data_stream: Option<&str>,
    cx: &mut Context<'_>,
) -> Vec<TestEvent> {
    let mut reading = Reading { test, map, problems: Vec::new() };
    let mut events = Vec::new();
    let mut at = 0;
    for position in 0.. {
        at += text[at..].len() - text[at..].trim_start().len();
        if at == text.len() {
            break;
        }
        if position == MAX_TEST_EVENTS {
            let message = format!("test `{test}` has more than {MAX_TEST_EVENTS} events");
            let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
            let diagnostic = Diagnostic::error(codes::TOO_LARGE, message).at(Span::new(at, end), "one more");
            reading.problems.push(diagnostic.mapped(&reading.map));
            break;
        }
        let parsed = json::parse_value(text, at, text.len());
        let number = position + 1;
        for problem in parsed.diagnostics {
            reading.hand_on(problem, number);
        }
        // Behind broken JSON nobody knows where the next object begins.
        let Some(node) = parsed.node else { break };
        let place = Span::new(at, at + text[at..].chars().next().map_or(0, char::len_utf8));
        at = parsed.end;
        let Value::Object(mut document) = node.to_json() else {
            reading.report(number, place, "each event is a JSON object");
            continue;
        };
        let Some(data_stream) = own_data_stream(&document).or_else(|| data_stream.map(str::to_owned)) else {
            reading.report(number, place, "neither the event nor its test nor the file names a data stream");
            continue;
        };
        document.entry("@timestamp").or_insert_with(|| default_time(position).into());
        events.push(TestEvent { data_stream, document });
    }
    if events.is_empty() && reading.problems.is_empty() {
        let message = format!("test `{test}` has no event");
        reading.problems.push(Diagnostic::error(codes::BAD_TEST_EVENT, message).at(span, ""));
    }
    cx.report_all(reading.problems);
    events
}

struct Reading<'t> {
    test: &'t str,
    map: SpanMap,
    problems: Vec<Diagnostic>,
}

impl Reading<'_> {
    fn report(&mut self, number: usize, place: Span, why: &str) {
        let message = format!("event {number} of test `{}`: {why}", self.test);
        self.problems.push(Diagnostic::error(codes::BAD_TEST_EVENT, message).at(place, "").mapped(&self.map));
    }

    /// Takes over what the JSON parser said; what it refused is an event that cannot be read.
    fn hand_on(&mut self, mut problem: Diagnostic, number: usize) {
        if problem.severity == Severity::Error {
            problem.code = codes::BAD_TEST_EVENT;
            problem.message = format!("event {number} of test `{}`: {}", self.test, problem.message);
        }
        self.problems.push(problem.mapped(&self.map));
    }
}

/// The data stream an event names itself, if it has all three parts; nested and dotted names count alike.
fn own_data_stream(document: &Map<String, Value>) -> Option<String> {
    let nested = document.get("data_stream").and_then(Value::as_object);
    let part = |name| {
        let dotted = document.get(&format!("data_stream.{name}"));
        dotted.or_else(|| nested?.get(name)).and_then(Value::as_str).filter(|part| !part.is_empty())
    };
    let parts: Option<Vec<&str>> = DATA_STREAM_PARTS.into_iter().map(part).collect();
    parts.map(|parts| parts.join("-"))
}

/// The time of the event at `position` of its test, if it states none: one second for each event before it. The cap on
/// events keeps it within one day.
fn default_time(position: usize) -> String {
    let (hour, minute, second) = (position / 3_600, position / 60 % 60, position % 60);
    format!("2026-01-01T{hour:02}:{minute:02}:{second:02}.000Z")
}
