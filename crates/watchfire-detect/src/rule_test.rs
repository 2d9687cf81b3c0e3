//! Running the tests of a rule ([`watchfire_rules::testing`]): its events through the same engine as any others.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use serde_json::{Map, Value};
use watchfire_diagnostics::Span;
use watchfire_engine::correlate::SequencePlace;
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, EventId, Place, Timestamp, get_field};
use watchfire_ir::{EvaluationError, Schema};
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{Expectation, ExpectedAlert, RuleTest, RuleTests, TestEvent};

use crate::alert::{Alert, RuleAlerts};
use crate::compile::{CompileOptions, compile_rule};
use crate::detection::DetectionFacts;
use crate::exceptions::ExceptionBook;
use crate::hit_spill::{BatchHits, HitSpill};
use crate::indicators::{IndicatorIndex, IndicatorReader};
use crate::rule_book::{RuleBook, RuleState};
use crate::why_not::{EventDiagnosis, diagnose};

/// What came of one test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestOutcome {
    /// The test's name.
    pub name: String,
    /// Where the name stands in the file of the tests.
    pub name_span: Span,
    /// What the rule must do.
    pub expected: Expectation,
    /// What it did.
    pub result: TestResult,
    /// What is not as it must be; none if the test passed.
    pub failures: Vec<TestFailure>,
    /// What each event lacks, if alerts are missing.
    pub diagnosis: Vec<EventDiagnosis>,
}

/// What a rule did with the events of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestResult {
    /// It ran.
    Ran {
        /// The alerts it made, in the order of their first events.
        alerts: Vec<TestAlert>,
        /// Parts of its condition that could not be evaluated on an event, and were taken as false.
        errors: Vec<EvaluationError>,
    },
    /// It cannot run: its state says why.
    CannotRun(RuleState),
}

/// An alert that a rule made of the events of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestAlert {
    /// The numbers of its events, from 1, in the order of the sequence or sample.
    pub events: Vec<usize>,
    /// The alert document; of a sequence that of the whole.
    pub document: Map<String, Value>,
}

/// What is not as a test says.
#[derive(Clone, Debug, PartialEq)]
pub enum TestFailure {
    /// The rule does not run: why.
    CannotRun(String),
    /// `now` of the test is no time.
    BadTime(String),
    /// There must be alerts, and there are none.
    NoAlert,
    /// There must be none, and there are so many.
    Alerts {
        /// How many alerts there are.
        found: usize,
        /// The numbers of the events of the first one.
        events: Vec<usize>,
    },
    /// There must be another number of alerts.
    Count {
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// No alert is as one that is described.
    NotDescribed {
        /// Which description, from 1.
        number: usize,
        /// What differs in the alert that is nearest; without any alert, nothing.
        differences: Vec<String>,
    },
}

impl TestOutcome {
    /// Whether the rule did what it must. A rule that cannot run passes no test, not even one that expects no alert.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Memory for the hits of a test. What goes beyond it is sorted on disk.
const JOIN_MEMORY: u64 = 64 << 20;

/// The space for which the alerts of tests are made.
const SPACE: &str = "default";

/// Runs the tests of a rule, each on its own events and in the order of the file. The time that a test gives wins over
/// that of the options.
///
/// # Errors
/// If there are more hits than fit into memory, and a temporary file cannot be used.
pub fn run_tests(
    rule: &Rule,
    tests: &RuleTests,
    schema: &dyn Schema,
    options: &CompileOptions,
) -> io::Result<Vec<TestOutcome>> {
    run_tests_with(rule, tests, schema, options, None)
}

/// As [`run_tests`], of the rule with its exceptions.
///
/// # Errors
/// If there are more hits than fit into memory, and a temporary file cannot be used.
pub fn run_tests_with(
    rule: &Rule,
    tests: &RuleTests,
    schema: &dyn Schema,
    options: &CompileOptions,
    exceptions: Option<&ExceptionBook>,
) -> io::Result<Vec<TestOutcome>> {
    let mut books: BTreeMap<Option<Timestamp>, RuleBook> = BTreeMap::new();
    let run = |test: &RuleTest| {
        let outcome = |result, failures, diagnosis| TestOutcome {
            name: test.name.clone(),
            name_span: test.name_span,
            expected: test.expect,
            result,
            failures,
            diagnosis,
        };
        let now = match &test.now {
            None => options.now,
            Some(text) => match Timestamp::parse(text) {
                Some(now) => Some(now),
                None => {
                    let result = TestResult::Ran { alerts: Vec::new(), errors: Vec::new() };
                    return Ok(outcome(result, vec![TestFailure::BadTime(text.clone())], Vec::new()));
                }
            },
        };
        let options = CompileOptions { now };
        let book = books.entry(now).or_insert_with(|| {
            let compiled = compile_rule(rule, schema, &options);
            RuleBook::with_exceptions([(rule.clone(), compiled)], exceptions)
        });
        let state = book.rules().next().map_or(RuleState::Ready, |(_, state)| state.clone());
        if state != RuleState::Ready {
            let failure = TestFailure::CannotRun(why_it_cannot_run(&state));
            return Ok(outcome(TestResult::CannotRun(state), vec![failure], Vec::new()));
        }
        let batch = batch_of(&test.events, &test.name, schema);
        let (alerts, errors) = run_events(book, &batch, &test.indicators, schema)?;
        let failures = failures(test, &alerts);
        let lacks = |failure: &TestFailure| match failure {
            TestFailure::NoAlert => true,
            TestFailure::Count { expected, found } => found < expected,
            _ => false,
        };
        let diagnosis = if failures.iter().any(lacks) {
            diagnose(rule, exceptions, &batch, schema, &options)
        } else {
            Vec::new()
        };
        Ok(outcome(TestResult::Ran { alerts, errors }, failures, diagnosis))
    };
    tests.tests.iter().map(run).collect()
}

/// How many alerts the rule of a book makes of these events, with these indicators.
pub(crate) fn alerts(
    book: &RuleBook,
    events: &[TestEvent],
    indicators: &[TestEvent],
    schema: &dyn Schema,
) -> usize {
    // A test is far from the size that needs a file, so nothing can go wrong; if it does, nothing was shown.
    let ran = run_events(book, &batch_of(events, "events", schema), indicators, schema);
    ran.map_or(0, |(alerts, _)| alerts.len())
}

/// The events of a test as a batch; their numbers, from 1, are those of the records.
pub(crate) fn batch_of(events: &[TestEvent], name: &str, schema: &dyn Schema) -> EventBatch {
    let mut builder = BatchBuilder::new(schema);
    for (at, event) in events.iter().enumerate() {
        let record = at as u64 + 1;
        builder.push(Event {
            id: EventId::given(record.to_string()),
            data_stream: DataStream::new(event.data_stream.as_str()),
            document: event.document.clone(),
            place: Place { input: name.into(), record, line: None, offset: None },
        });
    }
    builder.finish()
}

fn run_events(
    book: &RuleBook,
    batch: &EventBatch,
    indicators: &[TestEvent],
    schema: &dyn Schema,
) -> io::Result<(Vec<TestAlert>, Vec<EvaluationError>)> {
    let mut matches = book.set().match_batch(batch, schema);
    let mut alerts: Vec<TestAlert> = Vec::new();
    let index = index_of(book, indicators, schema)?;
    let mut matchers = index.matchers(1);
    let [indicators] = &mut matchers[..] else { return Err(io::Error::other("there is no matcher")) };
    let mut lookups = indicators.in_batch(batch);
    lookups.retain(book, &mut matches)?;
    for hit in matches.hits.iter().filter(|hit| book.is_alert(hit.rule)) {
        let event = batch.event(hit.row as usize);
        let maker = RuleAlerts::new(SPACE, book.rule(hit.rule));
        let alert = if book.needs_indicator(hit.rule) {
            let Some(enrichments) = lookups.enrich(hit.rule, hit.row as usize)? else { continue };
            maker.of_event(&enrichments.of(event).0)
        } else {
            maker.of_event(event)
        };
        alerts.push(TestAlert { events: vec![hit.row as usize + 1], document: document(&maker, &alert) });
    }
    let correlations = book.correlations();
    let mut spill = HitSpill::new(correlations.len(), JOIN_MEMORY);
    spill.push(BatchHits::new(book.extractors(), batch, &matches))?;
    // Events that are joined by several keys are one alert.
    let mut joined: BTreeMap<Vec<usize>, TestAlert> = BTreeMap::new();
    spill.join(&correlations, JOIN_MEMORY, &mut |number, detection, reader| {
        let mut places = reader.places(&detection.sequence)?;
        let index = book.correlated(number);
        if book.needs_indicator(index) {
            indicators.enrich_places(index, &mut places, schema)?;
        }
        let events: Vec<usize> = places
            .iter()
            .filter_map(|place| match place {
                SequencePlace::Event(event) => usize::try_from(event.place.record).ok(),
                SequencePlace::Missing => None,
            })
            .collect();
        let maker = RuleAlerts::new(SPACE, book.rule(index));
        let is_group = correlations[number].gives_groups();
        let alert = maker.of_detection(detection, &places, is_group).shell;
        let alert = TestAlert { events, document: document(&maker, &alert) };
        if detection.facts == DetectionFacts::Events && detection.suppression.is_none() {
            joined.entry(alert.events.clone()).or_insert(alert);
        } else {
            alerts.push(alert);
        }
        Ok(())
    })?;
    alerts.extend(joined.into_values());
    alerts.sort_by(|a, b| a.events.cmp(&b.events));
    Ok((alerts, matches.errors.into_iter().map(|error| error.error).collect()))
}

/// The indicators of a test, for the rule of a book.
fn index_of(book: &RuleBook, indicators: &[TestEvent], schema: &dyn Schema) -> io::Result<IndicatorIndex> {
    let reader = IndicatorReader::new(book);
    let mut builder = reader.builder(JOIN_MEMORY);
    let named = indicators.iter().map(|indicator| match &*indicator.data_stream {
        "" => TestEvent { data_stream: IndicatorReader::UNNAMED.to_owned(), ..indicator.clone() },
        _ => indicator.clone(),
    });
    let batch = batch_of(&named.collect::<Vec<_>>(), "indicators", schema);
    let matches = reader.matcher().match_batch(&batch, schema);
    builder.add(reader.gather(&batch, &matches))?;
    Ok(builder.finish())
}

/// The whole document of an alert.
fn document(maker: &RuleAlerts<'_>, alert: &Alert) -> Map<String, Value> {
    let text = maker.document(&alert.document.own, &alert.document.cuts);
    serde_json::from_slice(&text).unwrap_or_default()
}

fn failures(test: &RuleTest, alerts: &[TestAlert]) -> Vec<TestFailure> {
    let first = || alerts.first().map(|alert| alert.events.clone()).unwrap_or_default();
    let mut failures = match test.expect {
        Expectation::NoMatch if !alerts.is_empty() => {
            vec![TestFailure::Alerts { found: alerts.len(), events: first() }]
        }
        Expectation::Match { .. } if alerts.is_empty() => vec![TestFailure::NoAlert],
        Expectation::Match { alerts: Some(expected) } if expected != alerts.len() => {
            vec![TestFailure::Count { expected, found: alerts.len() }]
        }
        Expectation::NoMatch | Expectation::Match { .. } => Vec::new(),
    };
    // Each description takes an alert of its own, in order.
    let mut left: Vec<&TestAlert> = alerts.iter().collect();
    for (at, described) in test.described.iter().enumerate() {
        let differences: Vec<Vec<String>> = left.iter().map(|alert| differences(described, alert)).collect();
        match differences.iter().position(Vec::is_empty) {
            Some(found) => {
                left.remove(found);
            }
            None if alerts.is_empty() => {}
            None => failures.push(TestFailure::NotDescribed {
                number: at + 1,
                differences: differences.into_iter().min_by_key(Vec::len).unwrap_or_default(),
            }),
        }
    }
    failures
}

/// What of an alert is otherwise than described.
fn differences(described: &ExpectedAlert, alert: &TestAlert) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(events) = described.events.as_ref().filter(|events| **events != alert.events) {
        found.push(format!("its events are {}, not {}", numbers(&alert.events), numbers(events)));
    }
    for (name, expected) in &described.fields {
        match get_field(&alert.document, name) {
            Some(value) if value == expected => {}
            Some(value) => found.push(format!("`{name}` is {value}, not {expected}")),
            None => found.push(format!("`{name}` is absent, not {expected}")),
        }
    }
    found
}

fn why_it_cannot_run(state: &RuleState) -> String {
    match state {
        RuleState::Ready => String::new(),
        RuleState::Unsupported(what) => format!("it needs what is not supported yet: {what}"),
        RuleState::Failed(found) => found.iter().map(|found| &*found.message).collect::<Vec<_>>().join("; "),
    }
}

fn numbers(list: &[usize]) -> String {
    list.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotRun(why) => write!(f, "the rule does not run: {why}"),
            Self::BadTime(text) => write!(f, "`now` is no time: {text}"),
            Self::NoAlert => f.write_str("there is no alert"),
            Self::Alerts { found: 1, events } => {
                write!(f, "there is an alert, of event {}", numbers(events))
            }
            Self::Alerts { found, events } => {
                write!(f, "there are {found} alerts, the first of event {}", numbers(events))
            }
            Self::Count { expected, found } => {
                write!(f, "the number of alerts is {found}, not {expected}")
            }
            Self::NotDescribed { number, differences } => {
                write!(f, "no alert is as description {number}")?;
                if differences.is_empty() {
                    f.write_str(": each is taken by one before")
                } else {
                    write!(f, "; in the nearest {}", differences.join("; "))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_ir::Catalogue;
    use watchfire_rules::testing::load_tests;

    use super::*;

    const TESTS: &str = r#"
        data_stream = "logs-a-default"
        [[test]]
        name = "two of three"
        expect = "match"
        alerts = 2
        events = '{"process": {"name": "a"}} {"process": {"name": "b"}} {"process.name": "a"}'
        [[test]]
        name = "any"
        expect = "match"
        events = '{"process": {"name": "a"}}'
        [[test]]
        name = "another stream"
        expect = "no_match"
        data_stream = "metrics-a-default"
        events = '{"process": {"name": "a"}}'
    "#;

    fn outcomes(query: &str, tests: &str) -> Vec<TestOutcome> {
        let text = format!(
            "[rule]\nrule_id = \"r\"\nname = \"n\"\ndescription = \"d\"\nrisk_score = 1\nseverity = \"low\"\n\
             type = \"eql\"\nlanguage = \"eql\"\nindex = [\"logs-*\"]\nquery = '{query}'\n"
        );
        let rule = watchfire_rules::format::toml::parse(&text).file.expect("a rule").rule;
        let tests = load_tests(tests).0.expect("tests");
        run_tests(&rule, &tests, &Catalogue::ecs(), &CompileOptions::default()).expect("all fits into memory")
    }

    #[test]
    fn a_right_rule_passes_its_tests() {
        let outcomes = outcomes("any where process.name == \"a\"", TESTS);
        assert_eq!(
            outcomes.iter().map(|outcome| &*outcome.name).collect::<Vec<_>>(),
            ["two of three", "any", "another stream"]
        );
        assert!(outcomes.iter().all(TestOutcome::passed), "{outcomes:?}");
    }

    #[test]
    fn a_wrong_rule_fails_them() {
        let passed = |query: &str, tests: &str| -> Vec<bool> {
            outcomes(query, tests).iter().map(TestOutcome::passed).collect()
        };
        assert_eq!(passed("any where process.name == \"b\"", TESTS), [false, false, true]);
        assert_eq!(passed("any where true", &TESTS.replace("metrics", "logs")), [false, true, false]);
    }

    #[test]
    fn what_is_joined_is_one_alert() {
        let tests = TESTS.replace("alerts = 2", "alerts = 1");
        let passed =
            |query: &str| -> Vec<bool> { outcomes(query, &tests).iter().map(TestOutcome::passed).collect() };
        // The events have no time: they take part in a sample, and in no sequence.
        assert_eq!(
            passed("sample by process.name [any where process.name == \"a\"] [any where true]"),
            [true, false, true]
        );
        assert_eq!(passed("sequence [any where true] [any where true]"), [false, false, true]);
    }

    /// How many alerts a rule of a type makes of these events, which come a minute apart.
    fn alerts(rule_type: &str, settings: &str, documents: &[&str]) -> usize {
        let rule = format!(
            "[rule]\nrule_id = \"r\"\nname = \"n\"\ndescription = \"d\"\nrisk_score = 1\nseverity = \"low\"\n\
             type = \"{rule_type}\"\nindex = [\"logs-*\"]\nquery = \"process.name: *\"\n{settings}\n"
        );
        let rule = watchfire_rules::format::toml::parse(&rule).file.expect("a rule").rule;
        let event = |(at, document): (usize, &&str)| {
            format!("{{\"@timestamp\": \"2024-05-02T06:{at:02}:00Z\", {document}}}")
        };
        let events: Vec<String> = documents.iter().enumerate().map(event).collect();
        let tests = format!(
            "data_stream = \"logs-a-default\"\n[[test]]\nname = \"t\"\nexpect = \"match\"\nevents = '{}'\n",
            events.join(" ")
        );
        let tests = load_tests(&tests).0.expect("tests");
        let outcomes = run_tests(&rule, &tests, &Catalogue::ecs(), &CompileOptions::default());
        match &outcomes.expect("all fits into memory")[0].result {
            TestResult::Ran { alerts, .. } => alerts.len(),
            TestResult::CannotRun(state) => panic!("{state:?}"),
        }
    }

    const A: &str = r#""process": {"name": "a"}, "host": {"name": "h"}"#;
    const B: &str = r#""process": {"name": "b"}, "host": {"name": "h"}"#;
    const NO_HOST: &str = r#""process": {"name": "a"}"#;

    #[test]
    fn thresholds_count() {
        let by_host = |value: u32| format!("[rule.threshold]\nfield = [\"host.name\"]\nvalue = {value}");
        assert_eq!(alerts("threshold", &by_host(2), &[A, B]), 1);
        assert_eq!(alerts("threshold", &by_host(3), &[A, B, NO_HOST]), 0);
        let at_all = "[rule.threshold]\nfield = []\nvalue = 3";
        assert_eq!(alerts("threshold", at_all, &[A, B, NO_HOST]), 1);
        let distinct = |number: u32| {
            let cardinality =
                format!("[[rule.threshold.cardinality]]\nfield = \"process.name\"\nvalue = {number}");
            format!("{}\n{cardinality}", by_host(2))
        };
        assert_eq!(alerts("threshold", &distinct(2), &[A, A, B]), 1);
        assert_eq!(alerts("threshold", &distinct(3), &[A, A, B]), 0);
    }

    #[test]
    fn new_terms_are_new_once() {
        let of = |window: &str| {
            format!(
                "new_terms_fields = [\"process.name\", \"host.name\"]\nhistory_window_start = \"now-{window}\""
            )
        };
        assert_eq!(alerts("new_terms", &of("7d"), &[A, B, A, NO_HOST]), 2);
        assert_eq!(alerts("new_terms", &of("1m"), &[A, B, A, NO_HOST]), 3);
        assert_eq!(alerts("new_terms", &of("2m"), &[A, B, A, NO_HOST]), 2);
    }

    #[test]
    fn what_is_suppressed_is_no_alert() {
        let by_host = "[rule.alert_suppression]\ngroup_by = [\"host.name\"]";
        assert_eq!(alerts("query", "", &[A, B, NO_HOST, NO_HOST]), 4);
        assert_eq!(alerts("query", by_host, &[A, B, NO_HOST, NO_HOST]), 2);
        let saved = format!("saved_id = \"s\"\n{by_host}\nmissing_fields_strategy = \"doNotSuppress\"");
        assert_eq!(alerts("saved_query", &saved, &[A, B, NO_HOST, NO_HOST]), 3);
    }

    #[test]
    fn a_rule_that_cannot_run_passes_none() {
        let outcomes = outcomes("any where (", TESTS);
        let failed =
            |outcome: &TestOutcome| matches!(outcome.result, TestResult::CannotRun(RuleState::Failed(_)));
        assert!(outcomes.iter().all(|outcome| failed(outcome) && !outcome.passed()));
    }
}
