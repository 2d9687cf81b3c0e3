//! Constant expressions and their values, and calls that must be refused.

use std::collections::BTreeSet;
use std::path::Path;

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_ir::{EqlOptions, Expr, Mapping, Scalar, UnmappedReading, lower_eql_expression};
use watchfire_test_support::read_text;

use super::refusal::{errors, place};
use super::{Outcome, Suite};

/// An expression, and its value; null if there is none.
struct Fold {
    expression: String,
    expected: Option<toml::Value>,
}

/// What tells a test of `test_unsupported.toml` from others: section, expression and value.
type Exempt = BTreeSet<(String, String, Option<String>)>;

/// The two files of expressions.
pub(super) fn suites(unit: &Path) -> Vec<Suite> {
    let table = |file: &str| read_text(&unit.join(file)).parse::<toml::Table>().expect("TOML");
    let mut exempt = Exempt::new();
    for (section, content) in &table("test_unsupported.toml") {
        exempt.extend(folds(content).iter().map(|fold| fold.key(section)));
    }
    let functions = table("test_string_functions.toml");
    vec![
        values("test_folding.toml", 100, &table("test_folding.toml"), &exempt),
        values("test_string_functions.toml", 80, &functions, &exempt),
        refusals("test_string_functions.toml", &functions),
    ]
}

fn values(file: &'static str, least: usize, table: &toml::Table, exempt: &Exempt) -> Suite {
    let mut outcomes = Vec::new();
    for (section, content) in table {
        for (at, fold) in folds(content).iter().enumerate() {
            let outcome = match folded(&fold.expression) {
                Ok(found) if is_equal(&found, fold.expected.as_ref()) => Outcome::Passed,
                _ if exempt.contains(&fold.key(section)) => Outcome::NotMetUpstream,
                found => {
                    let Fold { expression, expected } = fold;
                    Outcome::Missed(format!("{expression}: expected {expected:?}, found {found:?}"))
                }
            };
            outcomes.push((format!("{section} {}", at + 1), outcome));
        }
    }
    Suite { file, asks: "computed", least, outcomes }
}

fn refusals(file: &'static str, table: &toml::Table) -> Suite {
    let mut outcomes = Vec::new();
    for (section, content) in table {
        let failures = content.get("verifier").and_then(|verifier| verifier.get("failures"));
        for (at, failure) in failures.and_then(toml::Value::as_array).into_iter().flatten().enumerate() {
            let text = failure["expression"].as_str().expect("a text");
            let judged = match folded(text) {
                Ok(found) => Err(format!("{text} is taken and gives {found:?}")),
                Err(found) => errors(&found).try_for_each(|error| place(error, text).map(drop)),
            };
            outcomes.push((format!("{section} verifier {}", at + 1), Outcome::of(judged)));
        }
    }
    Suite { file, asks: "refused", least: 7, outcomes }
}

/// A section's tests, those of its loops spelled out.
fn folds(section: &toml::Value) -> Vec<Fold> {
    let mut found = folds_of(section);
    for part in section.get("loop").and_then(toml::Value::as_array).into_iter().flatten() {
        let types = part["param"]["type"].as_array().expect("types");
        for value in types.iter().flat_map(|name| values_of_type(name.as_str().expect("a type"))) {
            let spelled = |fold: Fold| Fold { expression: fold.expression.replace("$value", value), ..fold };
            found.extend(folds_of(part).into_iter().map(spelled));
        }
    }
    found
}

fn folds_of(table: &toml::Value) -> Vec<Fold> {
    let tests = table.get("fold").unwrap_or(table).get("tests").and_then(toml::Value::as_array);
    let fold = |test: &toml::Value| Fold {
        expression: test["expression"].as_str().expect("a text").to_owned(),
        expected: test.get("expected").cloned(),
    };
    tests.into_iter().flatten().map(fold).collect()
}

/// What a loop over a type runs over.
fn values_of_type(name: &str) -> &'static [&'static str] {
    match name {
        "bool" => &["true", "false"],
        "int" => &["7", "-7"],
        "string" => &["\"text\"", "\"\""],
        "float" => &["2.5"],
        "null" => &["null"],
        other => panic!("unknown type {other}"),
    }
}

impl Fold {
    /// The style of quotation marks does not count.
    fn key(&self, section: &str) -> (String, String, Option<String>) {
        let expected = self.expected.as_ref().map(toml::Value::to_string);
        (section.to_owned(), self.expression.replace('\'', "\""), expected)
    }
}

/// The value of an expression over constants, or why it is refused.
fn folded(text: &str) -> Result<Scalar<'static>, Vec<Diagnostic>> {
    let parsed = watchfire_eql::parse_expression(text);
    let Some(tree) = parsed.expression.as_ref().filter(|_| parsed.is_valid()) else {
        return Err(parsed.diagnostics);
    };
    let options = EqlOptions { unmapped: UnmappedReading::AsElasticsearch, ..EqlOptions::default() };
    let (expr, diagnostics) = lower_eql_expression(tree, &Mapping::default(), &options);
    let is_refused = diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(expr.is_none(), is_refused, "{text}: what has no value has an error");
    expr.as_ref().and_then(Expr::as_constant).cloned().ok_or(diagnostics)
}

fn is_equal(found: &Scalar<'_>, expected: Option<&toml::Value>) -> bool {
    match (found, expected) {
        (Scalar::Null, None) => true,
        (Scalar::Boolean(found), Some(toml::Value::Boolean(expected))) => found == expected,
        (Scalar::Text(found), Some(toml::Value::String(expected))) => found == expected,
        (Scalar::Double(found), Some(toml::Value::Float(expected))) => found == expected,
        (found, Some(toml::Value::Integer(expected))) => found.as_integer() == Some((*expected).into()),
        _ => false,
    }
}
