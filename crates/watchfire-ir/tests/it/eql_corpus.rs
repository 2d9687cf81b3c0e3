//! Public rules and conformance cases in EQL, read where they lie.

use std::collections::BTreeMap;
use std::path::Path;

use watchfire_diagnostics::{Severity, SourceText, render};
use watchfire_eql::parse;
use watchfire_ir::{Catalogue, EqlOptions, EqlPlan, codes, lower_eql};
use watchfire_test_support::{files_below, shared_folder};

/// Text, category field, of the EQL rule in a file; `None` of another rule.
fn rule(path: &Path) -> Option<(String, Option<String>)> {
    let text = std::fs::read_to_string(path).expect("the rule can be read");
    let table: toml::Table = text.parse().expect("the rule is TOML");
    let rule = table.get("rule")?;
    let string = |key: &str| Some(rule.get(key)?.as_str()?.to_owned());
    (string("language")? == "eql").then(|| Some((string("query")?, string("event_category_override"))))?
}

#[test]
fn shared_all_rules_of_the_corpus_resolve() {
    let Some(folder) = shared_folder() else { return };
    let catalogue = Catalogue::ecs();
    let mut rules = 0;
    let mut leaves = BTreeMap::<&str, usize>::new();
    let mut counts = BTreeMap::<String, usize>::new();
    let mut failures = Vec::new();
    for path in files_below(&folder.join("corpus/detection-rules"), "toml") {
        let Some((query, category)) = rule(&path) else { continue };
        rules += 1;
        let mut options = EqlOptions::default();
        if let Some(field) = category {
            options.event_category_field = field;
        }
        let parsed = parse(&query);
        let tree = parsed.query.as_ref().filter(|_| parsed.is_valid()).expect("the rule parses");
        let lowered = lower_eql(tree, &catalogue, &options);
        let source = SourceText::new(
            path.file_name().map_or_else(String::new, |name| name.display().to_string()),
            query,
        );
        for diagnostic in &lowered.diagnostics {
            *counts.entry(diagnostic.code.to_string()).or_default() += 1;
            if diagnostic.severity == Severity::Error {
                failures.push(render::one_line(diagnostic, &source));
            } else {
                println!("{}", render::one_line(diagnostic, &source));
            }
        }
        assert_eq!(
            lowered.plan.is_none(),
            lowered.diagnostics.iter().any(|found| found.severity == Severity::Error)
        );
        for condition in lowered.plan.iter().flat_map(EqlPlan::conditions) {
            condition.for_each_leaf(&mut |leaf, _| {
                let kind = match leaf {
                    watchfire_ir::Leaf::Computed(_) => "computed",
                    _ => "field",
                };
                *leaves.entry(kind).or_default() += 1;
            });
        }
    }
    println!("{rules} rules, leaves {leaves:?}, diagnostics {counts:?}");
    assert!(failures.is_empty(), "{} errors:\n{}", failures.len(), failures.join("\n"));
    assert!(rules > 900, "only {rules} rules were found");
}

/// Behavior rules of Elastic Defend are a larger dialect; those that keep to the grammar of Elasticsearch's resolve, but
/// for fields compared with fields and numbers in lists for texts.
#[test]
fn shared_behavior_rules_resolve_but_for_their_dialect() {
    let Some(folder) = shared_folder() else { return };
    let catalogue = Catalogue::ecs();
    let (mut resolved, mut other_dialect, mut refused) = (0, 0, 0);
    let mut failures = Vec::new();
    for path in files_below(&folder.join("corpus/protections-artifacts"), "toml") {
        let text = std::fs::read_to_string(&path).expect("the rule can be read");
        let table: toml::Table = text.parse().expect("the rule is TOML");
        let Some(query) = table["rule"].get("query").and_then(toml::Value::as_str) else { continue };
        let parsed = parse(query);
        if !parsed.is_valid() {
            other_dialect += 1;
            continue;
        }
        let lowered = lower_eql(parsed.query.as_ref().expect("a tree"), &catalogue, &EqlOptions::default());
        let source = SourceText::new(path.display().to_string(), query);
        let errors: Vec<_> =
            lowered.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
        if errors.is_empty() {
            resolved += 1;
        } else if errors.iter().all(|error| [codes::FIELD_TO_FIELD, codes::MIXED_LIST].contains(&error.code))
        {
            refused += 1;
        } else {
            failures.extend(errors.iter().map(|error| render::one_line(error, &source)));
        }
    }
    println!("{resolved} resolve, {refused} are refused by type, {other_dialect} use extensions");
    assert!(failures.is_empty(), "{} errors:\n{}", failures.len(), failures.join("\n"));
    assert!(resolved > 900, "only {resolved} rules were found");
}
