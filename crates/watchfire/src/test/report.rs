//! Results as text for people and as JSON lines for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use watchfire_detect::{TestOutcome, TestResult};
use watchfire_rules::testing::Expectation;

use super::coverage::Coverage;
use super::{Counts, TestedRule};
use crate::terminal::escape_controls;

/// A line for each rule, and what is to be said of each test that failed.
pub(super) fn text(
    tested: &[TestedRule],
    strict: bool,
    coverage: Option<&Coverage>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for rule in tested.iter().filter(|rule| !rule.suite.is_left_out) {
        let file = escape_controls(rule.suite.source.name());
        let (all, passed) = (rule.outcomes.len(), passed(rule));
        if rule.suite.tests.is_none() {
            if strict {
                writeln!(out, "FAIL  {file}: no tests")?;
            }
            continue;
        }
        let mark = if passed == all { "ok  " } else { "FAIL" };
        writeln!(out, "{mark}  {file}: {passed} of {all} passed")?;
        for outcome in rule.outcomes.iter().filter(|outcome| !outcome.passed()) {
            failed(rule, outcome, out)?;
        }
    }
    if let Some(coverage) = coverage {
        writeln!(out)?;
        coverage.write(out)?;
    }
    Ok(())
}

fn passed(rule: &TestedRule) -> usize {
    rule.outcomes.iter().filter(|outcome| outcome.passed()).count()
}

fn failed(rule: &TestedRule, outcome: &TestOutcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "      {}", escape_controls(&outcome.name))?;
    if let Some((file, line, column)) = place(rule, outcome) {
        writeln!(out, "        at {}:{line}:{column}", escape_controls(file))?;
    }
    writeln!(out, "        expected: {}", expected(outcome.expected))?;
    for line in explanation(outcome) {
        writeln!(out, "        {}", escape_controls(&line))?;
    }
    Ok(())
}

/// What happened instead, then what each event lacks.
pub(super) fn explanation(outcome: &TestOutcome) -> Vec<String> {
    let failures = outcome.failures.iter().map(ToString::to_string);
    failures.chain(outcome.diagnosis.iter().map(ToString::to_string)).collect()
}

/// What a test expects, in words.
pub(super) fn expected(expected: Expectation) -> String {
    match expected {
        Expectation::NoMatch => "no alert".to_owned(),
        Expectation::Match { alerts: None } => "at least one alert".to_owned(),
        Expectation::Match { alerts: Some(1) } => "one alert".to_owned(),
        Expectation::Match { alerts: Some(number) } => format!("{number} alerts"),
    }
}

/// Where the name of a test stands.
pub(super) fn place<'r>(rule: &'r TestedRule, outcome: &TestOutcome) -> Option<(&'r str, usize, usize)> {
    let loaded = rule.suite.tests.as_ref()?;
    let at = loaded.source.line_column(outcome.name_span.start);
    Some((loaded.source.name(), at.line, at.column))
}

/// A JSON object for each test, for each rule without tests, and for the coverage of each rule if it is wanted.
pub(super) fn json(
    tested: &[TestedRule],
    strict: bool,
    with_coverage: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    for rule in tested.iter().filter(|rule| !rule.suite.is_left_out) {
        if rule.suite.tests.is_none() {
            writeln!(out, "{}", without_tests(rule, strict))?;
        }
        for outcome in &rule.outcomes {
            writeln!(out, "{}", line(rule, outcome))?;
        }
        if let (true, Some(coverage)) = (with_coverage, &rule.coverage) {
            let leaves: Vec<Value> = coverage
                .leaves
                .iter()
                .map(|leaf| {
                    json!({
                        "stage": leaf.stage,
                        "leaf": leaf.leaf,
                        "made_true": leaf.made_true,
                        "made_false": leaf.made_false,
                    })
                })
                .collect();
            let coverage = json!({
                "percent": super::coverage::percent(coverage.seen(), coverage.outcomes()),
                "seen": coverage.seen(),
                "outcomes": coverage.outcomes(),
                "leaves": leaves,
            });
            writeln!(
                out,
                "{}",
                json!({ "file": rule.suite.source.name(), "rule": rule_name(rule), "coverage": coverage })
            )?;
        }
    }
    Ok(())
}

fn rule_name(rule: &TestedRule) -> Value {
    let id = rule.suite.rule.rule_id.as_ref().map(ToString::to_string);
    json!({ "id": id, "name": rule.suite.rule.name })
}

fn without_tests(rule: &TestedRule, strict: bool) -> Value {
    json!({
        "file": rule.suite.source.name(),
        "rule": rule_name(rule),
        "test": null,
        "tests_file": null,
        "line": null,
        "column": null,
        "passed": !strict,
        "expected": null,
        "alerts": null,
        "failures": if strict { vec!["no tests"] } else { Vec::new() },
        "events": [],
    })
}

fn line(rule: &TestedRule, outcome: &TestOutcome) -> Value {
    let place = place(rule, outcome);
    let expected = match outcome.expected {
        Expectation::NoMatch => "no_match",
        Expectation::Match { .. } => "match",
    };
    let alerts = match &outcome.result {
        TestResult::Ran { alerts, .. } => Some(alerts.len()),
        TestResult::CannotRun(_) => None,
    };
    let events: Vec<Value> = outcome
        .diagnosis
        .iter()
        .map(|lack| json!({ "event": lack.event, "stage": lack.stage, "lack": lack.to_string() }))
        .collect();
    json!({
        "file": rule.suite.source.name(),
        "rule": rule_name(rule),
        "test": outcome.name,
        "tests_file": place.map(|(file, _, _)| file),
        "line": place.map(|(_, line, _)| line),
        "column": place.map(|(_, _, column)| column),
        "passed": outcome.passed(),
        "expected": expected,
        "alerts": alerts,
        "failures": outcome.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "events": events,
    })
}

/// What was done, in numbers.
pub(super) fn summary(counts: &Counts, coverage: Option<&Coverage>, log: &mut dyn Write) -> io::Result<()> {
    let Counts { rules, with_tests, tests, passed, filtered, unusable, not_rules } = *counts;
    writeln!(log, "rules:     {rules}, {with_tests} with tests")?;
    writeln!(log, "tests:     {tests}: {passed} passed, {} failed", tests - passed)?;
    if filtered > 0 {
        writeln!(log, "left out:  {filtered} tests that --filter does not name")?;
    }
    if not_rules > 0 {
        writeln!(log, "no rules:  {not_rules} files")?;
    }
    if unusable > 0 {
        writeln!(log, "unusable:  {unusable} files or tests")?;
    }
    if let Some(coverage) = coverage {
        writeln!(log, "coverage:  {}", coverage.sum())?;
    }
    Ok(())
}
