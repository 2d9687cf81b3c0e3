//! Exceptions held against the tests of a rule.

use std::io;

use watchfire_ir::Schema;
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{Expectation, RuleTests};

use super::{ExceptionBook, ExceptionCounts};
use crate::compile::{CompileOptions, compile_rule};
use crate::rule_book::RuleBook;
use crate::rule_test::{TestResult, batch_of, run_tests, run_tests_with};

/// A test that a rule passes alone, and fails with its exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenTest {
    /// The name of the test.
    pub name: String,
    /// The numbers of the items that except events of the test which the rule would have taken.
    pub items: Vec<usize>,
}

/// The tests that expect an alert and fail because of the rule's exceptions.
///
/// # Errors
/// If there are more hits than fit into memory, and a temporary file cannot be used.
pub fn tests_hidden_by_exceptions(
    rule: &Rule,
    tests: &RuleTests,
    schema: &dyn Schema,
    options: &CompileOptions,
    exceptions: &ExceptionBook,
) -> io::Result<Vec<HiddenTest>> {
    let alone = run_tests(rule, tests, schema, options)?;
    let with_exceptions = run_tests_with(rule, tests, schema, options, Some(exceptions))?;
    let compiled = compile_rule(rule, schema, options);
    let book = RuleBook::with_exceptions([(rule.clone(), compiled)], Some(exceptions));
    let mut hidden = Vec::new();
    for ((test, alone), excepted) in tests.tests.iter().zip(alone).zip(with_exceptions) {
        let expects = matches!(test.expect, Expectation::Match { .. });
        let ran = matches!(excepted.result, TestResult::Ran { .. });
        if !(expects && ran && alone.passed() && !excepted.passed()) {
            continue;
        }
        let batch = batch_of(&test.events, &test.name, schema);
        let matches = book.set().match_batch(&batch, schema);
        let mut counts = ExceptionCounts::default();
        counts.add(&book, exceptions, &batch, schema, &matches);
        hidden.push(HiddenTest { name: test.name.clone(), items: counts.items.into_keys().collect() });
    }
    Ok(hidden)
}
