//! Public rules and conformance cases in EQL, read where they lie.

use std::collections::BTreeMap;
use std::path::Path;

use watchfire_diagnostics::{Severity, SourceText, render};
use watchfire_eql::parse;
use watchfire_ir::{Catalogue, EqlOptions, lower_eql};

use crate::shared;

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
    let Some(folder) = shared::folder() else { return };
    let catalogue = Catalogue::ecs();
    let mut rules = 0;
    let mut leaves = BTreeMap::<&str, usize>::new();
    let mut codes = BTreeMap::<String, usize>::new();
    let mut failures = Vec::new();
    for path in shared::files(&folder.join("corpus/detection-rules"), "toml") {
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
            *codes.entry(diagnostic.code.to_string()).or_default() += 1;
            if diagnostic.severity == Severity::Error {
                failures.push(render::one_line(diagnostic, &source));
            } else if std::env::var_os("SHOW_WARNINGS").is_some() {
                println!("{}", render::full(diagnostic, &source, render::Colour::Never));
            }
        }
        assert_eq!(
            lowered.plan.is_none(),
            lowered.diagnostics.iter().any(|found| found.severity == Severity::Error)
        );
        for condition in lowered.plan.iter().flat_map(watchfire_ir::EqlPlan::conditions) {
            condition.for_each_leaf(&mut |leaf, _| {
                let kind = match leaf {
                    watchfire_ir::Leaf::Computed(_) => "computed",
                    _ => "field",
                };
                *leaves.entry(kind).or_default() += 1;
            });
        }
    }
    println!("{rules} rules, leaves {leaves:?}, diagnostics {codes:?}");
    assert!(failures.is_empty(), "{} errors:\n{}", failures.len(), failures.join("\n"));
    assert!(rules > 900, "only {rules} rules were found");
}
