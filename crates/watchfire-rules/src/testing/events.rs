//! The events of a test: JSON objects one after another, in one string of the file.

use serde_json::{Map, Value};
use watchfire_diagnostics::{Diagnostic, Severity, Span, SpanMap};

use super::{MAX_TEST_EVENTS, TestEvent};
use crate::codes;
use crate::document::json;
use crate::document::reader::Context;

/// The key of an event that says how often it stands there.
const REPEAT: &str = "@repeat";
/// What stands for the number of an event that stands there several times, in its texts.
const NUMBER: &str = "{n}";

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
            reading.too_many(text, at);
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
        let times = match document.remove(REPEAT) {
            None => 1,
            Some(times) => match times.as_u64().filter(|times| *times > 0) {
                Some(times) => times,
                None => {
                    reading.report(number, place, "`@repeat` is a whole number from 1 on");
                    continue;
                }
            },
        };
        if events.len() as u64 + times > MAX_TEST_EVENTS as u64 {
            reading.too_many(text, place.start as usize);
            break;
        }
        for time in 1..=times {
            let mut document = document.clone();
            if times > 1 {
                document.values_mut().for_each(|value| number_texts(value, time));
            }
            document.entry("@timestamp").or_insert_with(|| default_time(events.len()).into());
            events.push(TestEvent { data_stream: data_stream.clone(), document });
        }
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
    fn too_many(&mut self, text: &str, at: usize) {
        let message = format!("test `{}` has more than {MAX_TEST_EVENTS} events", self.test);
        let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
        let diagnostic = Diagnostic::error(codes::TOO_LARGE, message).at(Span::new(at, end), "one more");
        self.problems.push(diagnostic.mapped(&self.map));
    }

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

/// Puts the number of an event into its texts.
fn number_texts(value: &mut Value, number: u64) {
    match value {
        Value::String(text) if text.contains(NUMBER) => *text = text.replace(NUMBER, &number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(|item| number_texts(item, number)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| number_texts(entry, number)),
        _ => {}
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
