//! The rules of this repository against their own tests.

use std::path::Path;

use watchfire_detect::{TestOutcome, TestResult, run_tests};
use watchfire_diagnostics::{Diagnostic, SourceText, render};
use watchfire_rules::load::load;
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{Expectation, RuleTests, load_tests, tests_path};
use watchfire_sources::normalise::catalogue;

use crate::corpus;
use crate::report::{Section, Table};

/// Every rule, and how many of its tests pass.
pub fn section() -> Section {
    let mut section = Section::new("Our rules and their tests");
    let catalogue = catalogue();
    let mut table = Table::new(["rule", "tests", "that expect alerts", "passed"]);
    let mut rules = 0;
    for file in load(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")]) {
        let name =
            Path::new(file.source.name()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(content) = &file.content else {
            section.fail(format!("{name}: {}", shown(&file.diagnostics, &file.source)));
            continue;
        };
        let Some(tests) = tests(Path::new(file.source.name()), &mut section) else { continue };
        let outcomes = run_tests(&content.rule, &tests, &catalogue, &corpus::options())
            .expect("the events of a test fit into memory");
        let expects = |outcome: &&TestOutcome| matches!(outcome.expected, Expectation::Match { .. });
        let positive = outcomes.iter().filter(expects).count();
        if positive == 0 || positive == outcomes.len() {
            section
                .fail(format!("{name}: there must be tests that expect alerts and tests that expect none"));
        }
        check(&content.rule, &outcomes, &mut section);
        rules += 1;
        let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
        table.row([name, outcomes.len().to_string(), positive.to_string(), passed.to_string()]);
    }
    table.sums(1);
    section.require(rules, 20, "rules");
    section.table(&table);
    section
}

/// The tests beside a rule file.
fn tests(rule_file: &Path, section: &mut Section) -> Option<RuleTests> {
    let path = tests_path(rule_file);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let (tests, diagnostics) = load_tests(&text);
            if !diagnostics.is_empty() {
                section
                    .fail(format!("{name}: {}", shown(&diagnostics, &SourceText::new(name.clone(), text))));
            }
            tests
        }
        Err(error) => {
            section.fail(format!("{name}: {error}"));
            None
        }
    }
}

pub(crate) fn check(rule: &Rule, outcomes: &[TestOutcome], section: &mut Section) {
    for outcome in outcomes {
        let what = format!("{}: {}", rule.name, outcome.name);
        match &outcome.result {
            TestResult::Ran { errors, .. } if !errors.is_empty() => {
                section.fail(format!("{what}: {errors:?}"));
            }
            result if !outcome.passed() => {
                section.fail(format!("{what}: {result:?}, not {:?}", outcome.expected));
            }
            TestResult::Ran { .. } | TestResult::CannotRun(_) => {}
        }
    }
}

fn shown(diagnostics: &[Diagnostic], source: &SourceText) -> String {
    diagnostics.iter().map(|found| render::one_line(found, source)).collect::<Vec<_>>().join("; ")
}
