//! Running the tests of a rule ([`watchfire_rules::testing`]): its events through the same engine as any others.

use std::collections::BTreeSet;
use std::io;

use watchfire_diagnostics::Span;
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, Place};
use watchfire_ir::{EvaluationError, Schema};
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{Expectation, RuleTest, RuleTests};

use crate::compile::CompileOptions;
use crate::hit_spill::{BatchHits, HitSpill};
use crate::rule_book::{RuleBook, RuleState};
use crate::stored_events::EventRef;

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
}

/// What a rule did with the events of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestResult {
    /// It ran.
    Ran {
        /// How many alerts it made.
        alerts: usize,
        /// Parts of its condition that could not be evaluated on an event, and were taken as false.
        errors: Vec<EvaluationError>,
    },
    /// It cannot run: its state says why.
    CannotRun(RuleState),
}

impl TestOutcome {
    /// Whether the rule did what it must. A rule that cannot run passes no test, not even one that expects no alert.
    pub fn passed(&self) -> bool {
        match (&self.result, self.expected) {
            (TestResult::CannotRun(_), _) => false,
            (TestResult::Ran { alerts, .. }, Expectation::NoMatch) => *alerts == 0,
            (TestResult::Ran { alerts, .. }, Expectation::Match { alerts: None }) => *alerts > 0,
            (TestResult::Ran { alerts, .. }, Expectation::Match { alerts: Some(wanted) }) => {
                *alerts == wanted
            }
        }
    }
}

/// Memory for the hits of a test. What goes beyond it is sorted on disk.
const JOIN_MEMORY: u64 = 64 << 20;

/// Runs the tests of a rule, each on its own events and in the order of the file.
///
/// # Errors
/// If there are more hits than fit into memory, and a temporary file cannot be used.
pub fn run_tests(
    rule: &Rule,
    tests: &RuleTests,
    schema: &dyn Schema,
    options: &CompileOptions,
) -> io::Result<Vec<TestOutcome>> {
    let book = RuleBook::compile([rule.clone()], schema, options);
    let state = book.rules().next().map(|(_, state)| state).filter(|state| **state != RuleState::Ready);
    let run = |test: &RuleTest| {
        Ok(TestOutcome {
            name: test.name.clone(),
            name_span: test.name_span,
            expected: test.expect,
            result: match state {
                Some(state) => TestResult::CannotRun(state.clone()),
                None => run_test(&book, test, schema)?,
            },
        })
    };
    tests.tests.iter().map(run).collect()
}

fn run_test(book: &RuleBook, test: &RuleTest, schema: &dyn Schema) -> io::Result<TestResult> {
    let mut builder = BatchBuilder::new(schema);
    for (at, event) in test.events.iter().enumerate() {
        let record = at as u64 + 1;
        builder.push(Event {
            id: EventId::given(record.to_string()),
            data_stream: DataStream::new(event.data_stream.as_str()),
            document: event.document.clone(),
            place: Place { input: test.name.as_str().into(), record, line: None, offset: None },
        });
    }
    let batch = builder.finish();
    let matches = book.set().match_batch(&batch, schema);
    let alone = matches.hits.iter().filter(|hit| book.is_alert(hit.rule)).count();
    let correlations = book.correlations();
    let mut spill = HitSpill::new(correlations.len(), JOIN_MEMORY);
    spill.push(BatchHits::new(book.extractors(), &batch, &matches))?;
    // Events that are joined by several keys are one alert.
    let mut joined: BTreeSet<Vec<EventRef>> = BTreeSet::new();
    spill.join(&correlations, JOIN_MEMORY, &mut |_, result, _| {
        joined.insert(result.events().copied().collect());
        Ok(())
    })?;
    let errors = matches.errors.into_iter().map(|error| error.error).collect();
    Ok(TestResult::Ran { alerts: alone + joined.len(), errors })
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

    #[test]
    fn a_rule_that_cannot_run_passes_none() {
        let outcomes = outcomes("any where (", TESTS);
        let failed =
            |outcome: &TestOutcome| matches!(outcome.result, TestResult::CannotRun(RuleState::Failed(_)));
        assert!(outcomes.iter().all(|outcome| failed(outcome) && !outcome.passed()));
    }
}
