//! Tests of a rule: events it must find, and events it must leave alone.
//!
//! The tests of `rules/windows/some_rule.toml` stand beside it in `rules/windows/some_rule.tests.toml`:
//!
//! ```toml
//! # Where the events of this file belong, unless a test or an event says otherwise.
//! data_stream = "logs-endpoint.events.process-default"
//!
//! [[test]]
//! name = "client in the user's profile"
//! expect = "match"
//! events = '''
//! {"event": {"category": ["process"], "type": ["start"]}, "process": {"name": "client32.exe"}}
//! '''
//!
//! [[test]]
//! name = "client in its installed place, seen by Sysmon"
//! expect = "no_match"
//! data_stream = "logs-windows.sysmon_operational-default"
//! events = '''
//! {
//!   "event": { "category": ["process"], "type": ["start"] },
//!   "process": { "name": "client32.exe", "executable": "C:\\Program Files\\NetSupport\\client32.exe" }
//! }
//! '''
//! ```
//!
//! | key of the file | meaning |
//! |---|---|
//! | `data_stream` | optional: the data stream (or index) of the events, unless overridden |
//! | `now` | optional: what `now` stands for in the rule's dates, unless a test says otherwise |
//! | `[[test]]` | at least one |
//!
//! | key of `[[test]]` | meaning |
//! |---|---|
//! | `name` | required, unique in the file: what is special about these events, for a person |
//! | `expect` | required: `"match"` (at least one alert) or `"no_match"` (none) |
//! | `alerts` | optional, only with `"match"`: exactly this many alerts |
//! | `data_stream` | optional: the data stream (or index) of this test's events |
//! | `now` | optional: what `now` stands for in the rule's dates |
//! | `events` | the events; either this or `file` must be there |
//! | `file` | a file with the events, relative to the file of the tests |
//! | `raw` | optional: `true` if the events are raw records, which are normalised first |
//! | `source` | optional: the source of the raw records, if they are not recognised; says `raw` as well |
//! | `indicators` | optional: for an indicator match rule, the indicators, as documents like those of `events` |
//! | `[[test.alert]]` | optional, only with `"match"`: what an alert is like |
//!
//! | key of `[[test.alert]]` | meaning |
//! |---|---|
//! | `events` | optional: the numbers of its events, from 1, in the order of the sequence |
//! | `fields` | optional: dotted names of fields of the alert, and their values |
//!
//! There must be a different alert for each description; there may be more. `NAME.test.toml` is read as well.
//!
//! `events` is a string of JSON objects, one after another; an object may take one line or many. Single quotes
//! (`'''`) keep backslashes as JSON wants them. Each object is one normalised document, with nested or dotted names
//! (`"process.name": "a.exe"`), and nothing in it is special but:
//!
//! - An event that has `data_stream.type`, `data_stream.dataset` and `data_stream.namespace` belongs there, whatever
//!   the file or the test say. An event that names no data stream in any of the three ways is an error.
//! - An event without `@timestamp` gets one: the first event of a test `2026-01-01T00:00:00.000Z`, each further one a
//!   second later.
//! - `"@repeat": 20` stands for so many events, a second apart; `{n}` in their texts is the number of each, from 1.
//! - An event without `event.ingested` is taken to have arrived at its `@timestamp`.
//!
//! All events of one test are searched together, with no other events beside them.

mod events;
mod expected;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use watchfire_diagnostics::{Diagnostic, Span, SpanMap};

use crate::codes;
use crate::document::reader::{Context, FromNode, TableReader};
use crate::document::{Node, Syntax, string_map, toml};
use crate::model::named_values;

pub use self::expected::ExpectedAlert;
pub use self::write::write_tests;

/// The most events of one test.
pub const MAX_TEST_EVENTS: usize = 10_000;

/// The tests of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTests {
    /// The data stream of events for which neither they nor their test name one.
    pub data_stream: Option<String>,
    /// The tests, at least one, in the order of the file.
    pub tests: Vec<RuleTest>,
}

/// Events, and what the rule must make of them.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTest {
    /// What is special about these events; unique in the file.
    pub name: String,
    /// Where the name stands in the file: the place to show when the test fails.
    pub name_span: Span,
    /// What the rule must do.
    pub expect: Expectation,
    /// What alerts there must be, each of its own.
    pub described: Vec<ExpectedAlert>,
    /// What `now` stands for in the rule's dates.
    pub now: Option<String>,
    /// The indicators of an indicator match rule. One that names no data stream has an empty one, and counts for every
    /// rule.
    pub indicators: Vec<TestEvent>,
    /// Where the events come from, if they do not stand in the file as documents: then there are none until they are
    /// read.
    pub input: Option<TestInput>,
    /// The events, in the order of the file. They are searched together.
    pub events: Vec<TestEvent>,
}

/// Events that are still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestInput {
    /// What holds them.
    pub from: InputText,
    /// Whether they are raw records.
    pub raw: bool,
    /// The source of the raw records, if it is given.
    pub source: Option<String>,
    /// The data stream of documents that name none.
    pub data_stream: Option<String>,
    /// Where the file of the tests speaks of them.
    pub span: Span,
}

/// What holds the events of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputText {
    /// A file, relative to the file of the tests.
    File(String),
    /// The text itself.
    Text(String),
}

/// What a rule must make of the events of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Alerts.
    Match {
        /// Exactly how many; `None` is at least one.
        alerts: Option<usize>,
    },
    /// No alert.
    NoMatch,
}

/// One event of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestEvent {
    /// The data stream or index it belongs to.
    pub data_stream: String,
    /// The document, in which `@timestamp` is never absent. Nothing else is filled in.
    pub document: Map<String, Value>,
}

/// Where the tests of a rule file stand: beside it, `some_rule.tests.toml` for `some_rule.toml`.
pub fn tests_path(rule_file: &Path) -> PathBuf {
    rule_file.with_extension(TESTS_EXTENSIONS[0])
}

/// The ends of names of files of tests, the usual one first.
const TESTS_EXTENSIONS: [&str; 2] = ["tests.toml", "test.toml"];

/// Everywhere the tests of a rule file may stand, the usual place first.
pub fn tests_paths(rule_file: &Path) -> [PathBuf; 2] {
    TESTS_EXTENSIONS.map(|extension| rule_file.with_extension(extension))
}

/// Whether a file of this name holds tests.
pub fn is_tests_name(name: &str) -> bool {
    TESTS_EXTENSIONS.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
}

/// Reads the documents of a file that a test names. They are absent if any diagnostic is an error.
pub fn read_events(text: &str, test: &str, data_stream: Option<&str>) -> (Vec<TestEvent>, Vec<Diagnostic>) {
    let mut cx = Context::new(text, Syntax::Json);
    let whole = Span::new(0, text.len());
    let events = events::read(text, SpanMap::shifted(0), whole, test, data_stream, &mut cx);
    (if cx.has_errors() { Vec::new() } else { events }, cx.into_diagnostics())
}

/// Reads the tests of a rule. They are absent if any diagnostic is an error. Never panics.
pub fn load_tests(text: &str) -> (Option<RuleTests>, Vec<Diagnostic>) {
    let mut cx = Context::new(text, Syntax::Toml);
    let (document, diagnostics) = toml::parse(text);
    if !diagnostics.is_empty() {
        cx.report_all(diagnostics);
        return (None, cx.into_diagnostics());
    }
    let tests = read(&document, &mut cx);
    (tests.filter(|_| !cx.has_errors()), cx.into_diagnostics())
}

fn read(document: &Node, cx: &mut Context<'_>) -> Option<RuleTests> {
    let mut reader = TableReader::new(document, "", cx)?;
    let inherited =
        Inherited { data_stream: reader.optional("data_stream", cx), now: reader.optional("now", cx) };
    let tables: Option<Tables> = reader.required("test", cx);
    reader.finish(cx);
    let tables = tables?.0;
    if tables.is_empty() {
        cx.report(Diagnostic::error(codes::MISSING_KEY, "the file holds no `[[test]]`"));
    }
    let mut names = BTreeMap::new();
    let mut tests = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let test = read_test(table, &format!("test[{at}]"), &inherited, cx);
        let Some(test) = test else { continue };
        if let Some(first) = names.insert(test.name.clone(), test.name_span) {
            let message = format!("two tests have the name `{}`", test.name);
            cx.report(
                Diagnostic::error(codes::BAD_VALUE, message).at(test.name_span, "").at(first, "first here"),
            );
        }
        tests.push(test);
    }
    Some(RuleTests { data_stream: inherited.data_stream, tests })
}

/// The tables of `[[test]]`, which are read when the file's own keys are known.
struct Tables(Vec<Node>);

impl FromNode for Tables {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            crate::document::Value::List(tables) => Some(Self(tables.clone())),
            _ => {
                cx.wrong_type(node, path, "a list of tables, each written `[[test]]`");
                None
            }
        }
    }
}

named_values! {
    /// The texts of an [`Expectation`].
    ExpectedOutcome { Match = "match", NoMatch = "no_match" }
}

/// What tests take from their file.
struct Inherited {
    data_stream: Option<String>,
    now: Option<String>,
}

fn read_test(node: &Node, path: &str, inherited: &Inherited, cx: &mut Context<'_>) -> Option<RuleTest> {
    let mut reader = TableReader::new(node, path, cx)?;
    let name = reader.required_text("name", cx);
    let name_span = reader.node("name").map(|node| node.span).unwrap_or_default();
    let outcome: Option<ExpectedOutcome> = reader.required("expect", cx);
    let alerts: Option<u64> = reader.optional("alerts", cx);
    let alerts_node = reader.node("alerts");
    let now: Option<String> = reader.optional("now", cx);
    let data_stream: Option<String> = reader.optional("data_stream", cx);
    if let (Some(node), Some(ExpectedOutcome::NoMatch)) = (alerts_node, outcome) {
        cx.bad_value(node, &reader.path_of("alerts"), "stands only beside `expect = \"match\"`");
    }
    if let (Some(node), Some(0)) = (alerts_node, alerts) {
        cx.bad_value(node, &reader.path_of("alerts"), "must be at least 1; none is `expect = \"no_match\"`");
    }
    let described: Vec<ExpectedAlert> = reader.optional("alert", cx).unwrap_or_default();
    if let (Some(node), Some(ExpectedOutcome::NoMatch)) = (reader.node("alert"), outcome) {
        cx.bad_value(node, &reader.path_of("alert"), "stands only beside `expect = \"match\"`");
    }
    let data_stream = data_stream.or_else(|| inherited.data_stream.clone());
    let indicators: Option<String> = reader.optional("indicators", cx);
    let indicators = indicators.zip(reader.node("indicators")).map(|(text, node)| {
        let map = string_map::map_string(cx.source, node.span, cx.syntax, &text);
        events::read(&text, map, node.span, name.as_deref().unwrap_or(path), Some(""), cx)
    });
    let (input, events) = read_input(&mut reader, name.as_deref().unwrap_or(path), data_stream, cx)?;
    reader.finish(cx);
    let expect = match outcome? {
        ExpectedOutcome::Match => Expectation::Match { alerts: alerts.map(|alerts| alerts as usize) },
        ExpectedOutcome::NoMatch => Expectation::NoMatch,
    };
    let now = now.or_else(|| inherited.now.clone());
    let indicators = indicators.unwrap_or_default();
    Some(RuleTest { name: name?, name_span, expect, described, now, indicators, input, events })
}

/// The events that stand in the file, or where they are to be read.
fn read_input(
    reader: &mut TableReader<'_>,
    test: &str,
    data_stream: Option<String>,
    cx: &mut Context<'_>,
) -> Option<(Option<TestInput>, Vec<TestEvent>)> {
    let source: Option<String> = reader.optional("source", cx);
    let raw = reader.optional("raw", cx).unwrap_or(source.is_some());
    let file: Option<String> = reader.optional("file", cx);
    if let Some(node) = reader.node("file") {
        if reader.optional::<String>("events", cx).is_some() {
            cx.bad_value(node, &reader.path_of("file"), "stands only where there are no `events`");
        }
        let input = TestInput { from: InputText::File(file?), raw, source, data_stream, span: node.span };
        return Some((Some(input), Vec::new()));
    }
    let text: Option<String> = reader.required("events", cx);
    let (text, node) = (text?, reader.node("events")?);
    if raw {
        let input = TestInput { from: InputText::Text(text), raw, source, data_stream, span: node.span };
        return Some((Some(input), Vec::new()));
    }
    let map = string_map::map_string(cx.source, node.span, cx.syntax, &text);
    Some((None, events::read(&text, map, node.span, test, data_stream.as_deref(), cx)))
}
