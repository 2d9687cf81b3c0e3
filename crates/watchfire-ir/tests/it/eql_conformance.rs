//! Conformance data of Elasticsearch's EQL, read where it lies.

use std::collections::BTreeSet;

use serde_json::Value;
use watchfire_diagnostics::{Severity, SourceText, render};
use watchfire_ir::{EqlOptions, Expr, Mapping, Scalar, UnmappedReading, lower_eql, lower_eql_expression};
use watchfire_test_support::{read_text, shared_folder};

fn as_elasticsearch() -> EqlOptions {
    EqlOptions { unmapped: UnmappedReading::AsElasticsearch, ..EqlOptions::default() }
}

/// A section's tests, those of its loops spelled out.
fn fold_tests(section: &toml::Value) -> Vec<(String, Option<toml::Value>)> {
    let tests = |table: &toml::Value| -> Vec<(String, Option<toml::Value>)> {
        let tests = table.get("fold").unwrap_or(table).get("tests").and_then(toml::Value::as_array);
        let test = |test: &toml::Value| {
            (test["expression"].as_str().expect("a text").to_owned(), test.get("expected").cloned())
        };
        tests.into_iter().flatten().map(test).collect()
    };
    let mut found = tests(section);
    for part in section.get("loop").and_then(toml::Value::as_array).into_iter().flatten() {
        let types = part["param"]["type"].as_array().expect("types");
        for value in types.iter().flat_map(|name| match name.as_str() {
            Some("bool") => vec!["true", "false"],
            Some("int") => vec!["7", "-7"],
            Some("string") => vec!["\"text\"", "\"\""],
            Some("float") => vec!["2.5"],
            Some("null") => vec!["null"],
            other => panic!("unknown type {other:?}"),
        }) {
            let spelled = |(text, expected): (String, _)| (text.replace("$value", value), expected);
            found.extend(tests(part).into_iter().map(spelled));
        }
    }
    found
}

/// The value of an expression over constants; `None` if it is refused.
fn folded(text: &str) -> Option<Scalar<'static>> {
    let parsed = watchfire_eql::parse_expression(text);
    let tree = parsed.expression.as_ref().filter(|_| parsed.is_valid())?;
    let (expr, diagnostics) = lower_eql_expression(tree, &Mapping::default(), &as_elasticsearch());
    assert_eq!(expr.is_none(), diagnostics.iter().any(|found| found.severity == Severity::Error), "{text}");
    expr.as_ref().and_then(Expr::as_constant).cloned()
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

#[test]
fn shared_constant_expressions_have_their_values() {
    let Some(folder) = shared_folder() else { return };
    let unit = folder.join("conformance/eql/unit");
    let table = |file: &str| read_text(&unit.join(file)).parse::<toml::Table>().expect("TOML");
    let unquoted = |text: &str| text.replace('\'', "\"");
    let mut exempt = BTreeSet::new();
    for (section, content) in &table("test_unsupported.toml") {
        for (text, expected) in fold_tests(content) {
            exempt.insert((section.clone(), unquoted(&text), expected.map(|value| value.to_string())));
        }
    }
    let (mut passed, mut exempted, mut refused, mut failures) = (0, 0, 0, Vec::new());
    for file in ["test_folding.toml", "test_string_functions.toml"] {
        for (section, content) in &table(file) {
            for (text, expected) in fold_tests(content) {
                let key = (section.clone(), unquoted(&text), expected.as_ref().map(toml::Value::to_string));
                match folded(&text) {
                    Some(found) if is_equal(&found, expected.as_ref()) => passed += 1,
                    _ if exempt.contains(&key) => exempted += 1,
                    found => {
                        failures.push(format!("[{section}] {text}: expected {expected:?}, found {found:?}"));
                    }
                }
            }
            let verifier = content.get("verifier").and_then(|verifier| verifier.get("failures"));
            for failure in verifier.and_then(toml::Value::as_array).into_iter().flatten() {
                let text = failure["expression"].as_str().expect("a text");
                refused += 1;
                if let Some(found) = folded(text) {
                    failures.push(format!("[{section}] {text}: must be refused, found {found:?}"));
                }
            }
        }
    }
    println!("{passed} as expected, {exempted} not met upstream either, {refused} refused");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(passed >= 180, "only {passed} tests were found");
}

/// Fields of the mapping that the translator's tests are run with upstream, beside those of the copied one.
const TRANSLATOR_FIELDS: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("constant_keyword", "constant_keyword"),
    ("event.category", "keyword"),
    ("exit_code", "long"),
    ("opcode", "long"),
    ("serial_event_id", "long"),
    ("source_address", "ip"),
];

#[test]
fn shared_translator_queries_resolve() {
    let Some(folder) = shared_folder() else { return };
    let unit = folder.join("conformance/eql/unit");
    let mut mapping: Value =
        serde_json::from_str(&read_text(&unit.join("mapping-default.json"))).expect("JSON");
    let properties = mapping["properties"].as_object_mut().expect("properties");
    for (name, field_type) in TRANSLATOR_FIELDS {
        properties.insert((*name).to_owned(), serde_json::json!({ "type": field_type }));
    }
    let text = serde_json::json!({"type": "text", "fields": {"keyword": {"type": "keyword"}}});
    properties.insert("file_name".to_owned(), text);
    let mapping = Mapping::parse(&mapping.to_string()).expect("a mapping");
    let tests = read_text(&unit.join("querytranslator_tests.txt"));
    let (mut queries, mut failures) = (0, Vec::new());
    let mut parts =
        tests.lines().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().into_iter().peekable();
    // A name, the query up to `;`, the expectations up to `;`.
    while let Some(name) = parts.find(|line| !line.trim().is_empty()) {
        let block = |parts: &mut dyn Iterator<Item = &str>| {
            parts.take_while(|line| line.trim() != ";").collect::<Vec<_>>().join("\n")
        };
        let query = block(&mut parts);
        let expected = block(&mut parts);
        if query.trim().is_empty() {
            continue;
        }
        queries += 1;
        let parsed = watchfire_eql::parse(&query);
        let lowered = lower_eql(parsed.query.as_ref().expect("a tree"), &mapping, &as_elasticsearch());
        let source = SourceText::new(name, query.clone());
        for diagnostic in parsed.diagnostics.iter().chain(&lowered.diagnostics) {
            if diagnostic.severity == Severity::Error {
                failures.push(render::one_line(diagnostic, &source));
            }
        }
        let Some(plan) = lowered.plan else { continue };
        let dump = plan.to_string();
        // A script is a computed leaf; where there is none upstream, there is none here. One test names a part only of
        // what its query becomes.
        let scripts = expected.matches("script\":{\"source").count();
        let is_partial = expected.trim().is_empty() || name == "fieldNoEqualsInExpression";
        if (scripts > 0) != dump.contains("[computed") && !is_partial {
            failures.push(format!("{name}: {query}\n  is {dump}\n  where upstream has\n{expected}"));
        }
        let folded = expected.matches("\"case_insensitive\":true").count() > 0;
        if folded && !dump.contains('~') {
            failures.push(format!("{name}: case counts in {dump}"));
        }
    }
    println!("{queries} queries");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(queries >= 110, "only {queries} queries were found");
}
